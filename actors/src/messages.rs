//! **Job:** the messages that actors send each other, all in one place.
//! **Owns:** what each message carries: its address, its reply channel, its guards.
//! **Never:** does anything.

use std::time::Instant;

use crate::enqueued::Enqueued;
use crate::entry::{Entries, Entry, Order};
use crate::ids::{CoreId, IdempotencyKey, OrderId, OrderNumber, UserId};
use crate::payment::{Origin, Payment, Provider};
use crate::permit::{Permit, Token};
use crate::reply::{Audited, Books, Controlled, Found, Outcome, Receipt, Received, ReplyPort};
use crate::request::{Control, OfBuyer, Query, Rejection, Repayment, Reservation, Transition};
use crate::stock::Stock;
use crate::suspense::Suspense;

/// How often the ledger had to take decisions back since the start. A decision made before the last time rests on
/// entries that were never written, and is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct Epoch(pub u32);

/// "I want to buy." api → StockActor.
#[derive(Debug)]
pub(crate) struct Reserve {
    pub(crate) to: Enqueued,
    pub(crate) reservation: Reservation,
    /// The pool token, if the pool is on.
    pub(crate) token: Token,
    pub(crate) reply_to: ReplyPort<Outcome>,
    pub(crate) permit: Permit,
}

/// "This key made an order: which?" api → StockActor. Never places one: a retry cannot be used to pass the gate.
#[derive(Debug)]
pub(crate) struct LookupByKey {
    pub(crate) to: Enqueued,
    pub(crate) user: UserId,
    /// Units asked for: the payload that has to be the same.
    pub(crate) quantity: u32,
    pub(crate) key: IdempotencyKey,
    /// `Replayed`, or `Rejected` with `KeyReused` or `UnknownOrder`.
    pub(crate) reply_to: ReplyPort<Outcome>,
    pub(crate) permit: Permit,
}

/// "Which orders are there?" api, ops → StockActor. Answered only when all that the answer rests on is durable.
#[derive(Debug)]
pub(crate) struct Find {
    pub(crate) to: Enqueued,
    pub(crate) query: Query,
    pub(crate) reply_to: ReplyPort<Found>,
    pub(crate) permit: Permit,
}

/// "This happened to an order." api → StockActor.
#[derive(Debug)]
pub(crate) struct ApplyTransition {
    pub(crate) to: Enqueued,
    pub(crate) number: OrderNumber,
    pub(crate) transition: Transition,
    pub(crate) reply_to: ReplyPort<Outcome>,
    pub(crate) permit: Permit,
}

/// "A payment provider says this about an order." api → StockActor.
#[derive(Debug)]
pub(crate) struct ApplyPayment {
    pub(crate) to: Enqueued,
    pub(crate) number: OrderNumber,
    pub(crate) payment: Payment,
    pub(crate) reply_to: ReplyPort<Received>,
    pub(crate) permit: Permit,
}

/// "This money went back." ops → StockActor.
#[derive(Debug)]
pub(crate) struct ApplyRepayment {
    pub(crate) to: Enqueued,
    pub(crate) number: OrderNumber,
    pub(crate) repayment: Repayment,
    pub(crate) reply_to: ReplyPort<Controlled>,
    pub(crate) permit: Permit,
}

/// "Change the sale." ops → StockActor.
#[derive(Debug)]
pub(crate) struct ApplyControl {
    pub(crate) to: Enqueued,
    pub(crate) control: Control,
    pub(crate) origin: Option<Box<Origin>>,
    pub(crate) reply_to: ReplyPort<Controlled>,
    pub(crate) permit: Permit,
}

/// "Does your balance add up?" ops → StockActor.
#[derive(Debug)]
pub(crate) struct Audit {
    pub(crate) to: Enqueued,
    pub(crate) reply_to: ReplyPort<Audited>,
    pub(crate) permit: Permit,
}

/// Any message to an item's actor.
#[derive(Debug, actix::Message)]
#[rtype(result = "()")]
pub(crate) enum Message {
    /// A purchase.
    Reserve(Reserve),
    /// A retry.
    LookupByKey(LookupByKey),
    /// A question about orders.
    Find(Find),
    /// A cancellation.
    Transition(ApplyTransition),
    /// An event of a payment provider.
    Payment(ApplyPayment),
    /// Money that went back.
    Repayment(ApplyRepayment),
    /// An operator's change of the sale.
    Control(ApplyControl),
    /// A question about the balance.
    Audit(Audit),
}

impl Message {
    /// Where it goes.
    #[must_use]
    pub(crate) fn to(&self) -> &Enqueued {
        match self {
            Self::Reserve(message) => &message.to,
            Self::LookupByKey(message) => &message.to,
            Self::Find(message) => &message.to,
            Self::Transition(message) => &message.to,
            Self::Payment(message) => &message.to,
            Self::Repayment(message) => &message.to,
            Self::Control(message) => &message.to,
            Self::Audit(message) => &message.to,
        }
    }
}

/// A decision that waits for the commit it rests on, with the channel for its reply.
#[derive(Debug)]
pub(crate) enum PendingReply {
    /// An order that the entries of the same message place.
    Placed(ReplyPort<Outcome>, Order),
    /// An order placed earlier under the same key.
    Replayed(ReplyPort<Outcome>, Order),
    /// An order after a transition.
    Settled(ReplyPort<Outcome>, Order),
    /// A "no".
    Rejected(ReplyPort<Outcome>, Rejection),
    /// Orders asked for.
    Found(ReplyPort<Found>, Vec<Order>),
    /// A change of the sale, carried out or rejected.
    Controlled(ReplyPort<Controlled>, Result<(), Rejection>),
    /// An event that is on record, or not this item's.
    Received(ReplyPort<Received>, Result<Receipt, Rejection>),
    /// Where units and money are.
    Audited(ReplyPort<Audited>, Books),
    /// Nobody asked: the clock did.
    Unasked,
}

/// "Write this down, then reply." StockActor → Core → OrderWriter. Decisions without entries go the same way, so that
/// no reply rests on something that is not durable.
#[derive(Debug, actix::Message)]
#[rtype(result = "()")]
pub(crate) struct Append {
    pub(crate) entries: Entries,
    /// Sent once they are written.
    pub(crate) reply: PendingReply,
    /// On which state it was decided.
    pub(crate) epoch: Epoch,
    /// What the clock asks for needs none, and is bounded by its tick.
    pub(crate) permit: Option<Permit>,
}

/// "Put this item up for sale." ops → the core of the item, before anybody can know of it.
#[derive(Debug, actix::Message)]
#[rtype(result = "()")]
pub(crate) struct CreateItem {
    pub(crate) core: CoreId,
    /// The entry that creates it.
    pub(crate) entry: Entry,
    pub(crate) reply_to: ReplyPort<Controlled>,
    pub(crate) permit: Permit,
}

/// "Which orders has this buyer?" api, ops → every core, which asks its items.
#[derive(Debug, actix::Message)]
#[rtype(result = "()")]
pub(crate) struct FindOfBuyer {
    pub(crate) core: CoreId,
    pub(crate) question: OfBuyer,
    pub(crate) reply_to: ReplyPort<Found>,
    pub(crate) permit: Permit,
}

/// What the suspense account is asked.
#[derive(Debug)]
pub(crate) enum SuspenseRequest {
    /// To take an event about an order that is not known, with its name.
    Receive(Payment, Box<str>, ReplyPort<Received>),
    /// To settle a payment.
    Repay(Repayment, ReplyPort<Controlled>),
    /// To let go of a payment that turned out to be for an order.
    HandOver(Provider, IdempotencyKey, OrderId, ReplyPort<Controlled>),
    /// Where its money is.
    Audit(ReplyPort<Audited>),
}

/// "This is about money of no order." api, ops → the first core, which has the suspense account.
#[derive(Debug, actix::Message)]
#[rtype(result = "()")]
pub(crate) struct AskSuspense {
    pub(crate) request: SuspenseRequest,
    pub(crate) permit: Permit,
}

/// Messages of one turn for the actors of one core.
#[derive(Debug, actix::Message)]
#[rtype(result = "()")]
pub(crate) struct Deliver(pub(crate) Vec<Message>);

/// Decisions of one turn of one core, in the order in which they were made.
#[derive(Debug, actix::Message)]
#[rtype(result = "()")]
pub(crate) struct AppendBatch {
    pub(crate) appends: Vec<Append>,
    /// When they were passed on.
    pub(crate) posted: Instant,
}

/// A reply on its way to its future.
#[derive(Debug)]
pub(crate) enum Reply {
    /// To a purchase.
    Outcome(ReplyPort<Outcome>, Outcome),
    /// To a question about orders.
    Found(ReplyPort<Found>, Found),
    /// To a change of the sale.
    Controlled(ReplyPort<Controlled>, Controlled),
    /// To an event of a payment provider.
    Received(ReplyPort<Received>, Received),
    /// To a question about the balance.
    Audited(ReplyPort<Audited>, Audited),
}

/// Replies of one commit for one worker.
#[derive(Debug, actix::Message)]
#[rtype(result = "()")]
pub(crate) struct Replies(pub(crate) Vec<Reply>);

/// "The ledger had to take decisions back: this is the state now." OrderWriter → the core of the items.
#[derive(Debug, actix::Message)]
#[rtype(result = "()")]
pub(crate) struct Restore {
    /// The epoch that begins with these states.
    pub(crate) epoch: Epoch,
    /// The state of every item of the core.
    pub(crate) stocks: Vec<Stock>,
    /// That of the suspense account, for the core that has it.
    pub(crate) suspense: Option<Box<Suspense>>,
}
