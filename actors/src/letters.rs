//! **Job:** the letters that go through the house, all in one place.
//! **Owns:** what each letter carries: its address, its return envelope, its guards.
//! **Never:** does anything.

use std::time::Instant;

use actix::Message;

use crate::entry::{Balance, Entries, Entry, Order, Payment, Status};
use crate::ids::{Core, IdempotencyKey, OrderNumber, UserId};
use crate::item::ItemDefinition;
use crate::permit::{InFlight, Permit, Token};
use crate::reply::{Audited, Found, Instructed, Outcome, Rejection, ReplyPort};
use crate::stock::Stock;

/// How often the ledger had to take decisions back since the start. A decision made before the last time rests on
/// entries that were never written, and is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Epoch(pub u32);

/// What a buyer wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reservation {
    /// Who.
    pub user: UserId,
    /// How many units, 1 to [`crate::item::MAX_QUANTITY`].
    pub quantity: u32,
    /// The client's idempotency key.
    pub key: Option<IdempotencyKey>,
}

/// "I want to buy." http → StockActor.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Reserve {
    /// For which item.
    pub to: InFlight,
    /// What is wanted.
    pub reservation: Reservation,
    /// The pool token, if the pool is on.
    pub token: Token,
    /// Where the answer goes.
    pub reply_to: ReplyPort<Outcome>,
    /// The right to be in the house.
    pub permit: Permit,
}

/// "This key made an order: which?" http → StockActor. Never places one: a retry cannot be used to pass the gate.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Recall {
    /// Of which item.
    pub to: InFlight,
    /// Who asks.
    pub user: UserId,
    /// Units he asked for: the payload that has to be the same.
    pub quantity: u32,
    /// His key.
    pub key: IdempotencyKey,
    /// Where the answer goes: `Replayed`, or `Rejected` with `KeyReused` or `UnknownOrder`.
    pub reply_to: ReplyPort<Outcome>,
    /// The right to be in the house.
    pub permit: Permit,
}

/// Which orders somebody asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Query {
    /// This one, if it is his.
    Own {
        /// Who asks.
        user: UserId,
        /// Which order.
        number: OrderNumber,
    },
    /// All of his, the newest first, at most [`crate::stock::MAX_LISTED_ORDERS`].
    AllOf {
        /// Who asks.
        user: UserId,
    },
    /// A page of everybody's, in the order of their numbers: for the owner of the sale.
    Page {
        /// Behind this order.
        after: OrderNumber,
        /// At most so many.
        limit: usize,
        /// Only in this status.
        status: Option<Status>,
    },
}

/// "Which orders are there?" http, ops → StockActor. Answered only when all that the answer rests on is durable.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Find {
    /// Of which item.
    pub to: InFlight,
    /// Which orders.
    pub query: Query,
    /// Where the answer goes.
    pub reply_to: ReplyPort<Found>,
    /// The right to be in the house.
    pub permit: Permit,
}

/// What can be done with an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// The payment provider reports.
    Pay(Payment),
    /// Its buyer gives it up.
    Cancel {
        /// Who asks.
        user: UserId,
    },
}

/// "This happened to an order." http → StockActor.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Settle {
    /// Of which item.
    pub to: InFlight,
    /// Which order.
    pub number: OrderNumber,
    /// What.
    pub step: Step,
    /// Where the answer goes.
    pub reply_to: ReplyPort<Outcome>,
    /// The right to be in the house.
    pub permit: Permit,
}

/// "Do your books add up?" ops → StockActor.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Audit {
    /// Of which item.
    pub to: InFlight,
    /// Where the answer goes.
    pub reply_to: ReplyPort<Audited>,
    /// The right to be in the house.
    pub permit: Permit,
}

/// What the owner of the sale wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Instruction {
    /// Interrupt the sale.
    Pause,
    /// Go on.
    Resume,
    /// End the sale for good.
    Close,
    /// Put more units on sale.
    Restock {
        /// How many.
        quantity: u32,
    },
    /// Change the item before its sale.
    Redefine(Box<ItemDefinition>),
}

/// "Change the sale." ops → StockActor.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Instruct {
    /// Of which item.
    pub to: InFlight,
    /// How.
    pub instruction: Instruction,
    /// Where the answer goes.
    pub reply_to: ReplyPort<Instructed>,
    /// The right to be in the house.
    pub permit: Permit,
}

/// Any letter for an item's actor.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub enum Letter {
    /// A purchase.
    Reserve(Reserve),
    /// A retry.
    Recall(Recall),
    /// A question.
    Find(Find),
    /// A step of an order.
    Settle(Settle),
    /// An order of the house.
    Instruct(Instruct),
    /// A look into the books.
    Audit(Audit),
}

impl Letter {
    /// Where it goes.
    #[must_use]
    pub fn to(&self) -> &InFlight {
        match self {
            Self::Reserve(letter) => &letter.to,
            Self::Recall(letter) => &letter.to,
            Self::Find(letter) => &letter.to,
            Self::Settle(letter) => &letter.to,
            Self::Instruct(letter) => &letter.to,
            Self::Audit(letter) => &letter.to,
        }
    }
}

/// A decision that waits for the commit it rests on, with the envelope it came in.
#[derive(Debug)]
pub enum Sealed {
    /// An order that the entries of the same letter place.
    Placed(ReplyPort<Outcome>, Order),
    /// An order placed earlier under the same key.
    Replayed(ReplyPort<Outcome>, Order),
    /// An order that has taken a step.
    Settled(ReplyPort<Outcome>, Order),
    /// A "no".
    Rejected(ReplyPort<Outcome>, Rejection),
    /// Orders asked for.
    Found(ReplyPort<Found>, Vec<Order>),
    /// An instruction, carried out or refused.
    Instructed(ReplyPort<Instructed>, Result<(), Rejection>),
    /// The balances of an item.
    Audited(ReplyPort<Audited>, Balance),
    /// Nobody asked: the clock did.
    Unasked,
}

/// "Write this down, then tell him." StockActor → OrderWriter. Decisions without entries go the same way, so that
/// no answer rests on something that is not durable.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Append {
    /// The lines to write.
    pub entries: Entries,
    /// The answer, once they are written.
    pub sealed: Sealed,
    /// On which state it was decided.
    pub epoch: Epoch,
    /// The right to be in the house; what the clock asks for needs none, and is bounded by its tick.
    pub permit: Option<Permit>,
}

/// "Put this item up for sale." ops → the core of the item, before anybody can know of it.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Install {
    /// On which core.
    pub core: Core,
    /// The entry that creates it.
    pub entry: Entry,
    /// Where the answer goes.
    pub reply_to: ReplyPort<Instructed>,
    /// The right to be in the house.
    pub permit: Permit,
}

/// Letters of one turn for the actors of one core.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Deliver(pub Vec<Letter>);

/// Decisions of one turn of one core.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Appends {
    /// In the order in which they were decided.
    pub appends: Vec<Append>,
    /// When they were passed on.
    pub posted: Instant,
}

/// An answer on its way to its receipt.
#[derive(Debug)]
pub enum Answer {
    /// To a purchase.
    Outcome(ReplyPort<Outcome>, Outcome),
    /// To a question.
    Found(ReplyPort<Found>, Found),
    /// To an instruction.
    Instructed(ReplyPort<Instructed>, Instructed),
    /// To a look into the books.
    Audited(ReplyPort<Audited>, Audited),
}

/// Answers of one commit for one seat.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Answers(pub Vec<Answer>);

/// "The ledger had to take decisions back: this is the state now." OrderWriter → the core of the items.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Restore {
    /// The epoch that begins with these states.
    pub epoch: Epoch,
    /// The state of every item of the core.
    pub stocks: Vec<Stock>,
}
