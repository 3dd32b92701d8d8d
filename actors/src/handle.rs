//! **Job:** how the handlers of a thread talk to the sale.
//! **Owns:** the way to the thread's router; hands out the future of each reply.
//! **Never:** waits: who wants the reply awaits its future.

use std::cell::Cell;
use std::sync::Arc;
use std::time::Instant;

use actix::{Addr, Recipient};

use crate::cluster::NodeName;
use crate::directory::PublishedItem;
use crate::enqueued::Enqueued;
use crate::ids::{CoreId, IdempotencyKey, OrderId, OrderNumber, UserId, WorkerId};
use crate::item::ItemDefinition;
use crate::messages::{
    ApplyControl, ApplyPayment, ApplyRepayment, ApplyTransition, AskSuspense, Audit, CreateItem, Find, FindOfBuyer,
    LookupByKey, Message, Reserve, SuspenseRequest,
};
use crate::payment::{Origin, Payment, Provider};
use crate::permit::{Permit, Token};
use crate::reply::{Audited, Controlled, Found, Outcome, Received, ReplyFuture, reply_channel};
use crate::request::{Control, NotDone, OfBuyer, Query, Repayment, Reservation, Transition};
use crate::router::Router;
use crate::stock::Stock;
use crate::trace::Stage;
use crate::view::SaleView;

/// What one thread has of the sale.
#[derive(Debug, Clone)]
pub struct SaleHandle {
    messages: Recipient<Message>,
    new_items: Recipient<CreateItem>,
    of_buyer: Recipient<FindOfBuyer>,
    suspense: Recipient<AskSuspense>,
    worker: WorkerId,
    timing: Timing,
    /// Messages posted.
    posted: Cell<u32>,
    view: Arc<SaleView>,
}

/// Which messages carry the time of their posting, so that actors can say how long messages waited and took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Timing {
    /// Every message to an actor that has handled few, then one in eight: what a server does.
    #[default]
    Sampled,
    /// None: what a bench compares with.
    Off,
}

/// What became of an item that was to be created.
#[derive(Debug)]
pub enum NewItem {
    /// It is for sale as soon as its window opens.
    Created(Arc<PublishedItem>),
    /// There is one of its id already; the definition comes back.
    Existing(Arc<PublishedItem>, ItemDefinition),
    /// Items of this id belong to another node.
    Elsewhere(NodeName),
}

/// Messages to an actor that are all timed, so that a quiet one tells about each.
const ALL_UP_TO: u64 = 1024;

/// To a busy actor one in so many is timed: of thousands a second an eighth tells as much, at an eighth of the price.
const ONE_IN: u32 = 8;

impl SaleHandle {
    /// The handle of the thread that `router` runs on. One per thread: its recipients live long, because a fresh one
    /// has a free place in any mailbox and so bounds nothing.
    pub(crate) fn new(router: Addr<Router>, worker: WorkerId, view: Arc<SaleView>) -> Self {
        let (new_items, of_buyer) = (router.clone().recipient(), router.clone().recipient());
        let suspense = router.clone().recipient();
        Self {
            messages: router.recipient(),
            new_items,
            of_buyer,
            suspense,
            worker,
            timing: Timing::Sampled,
            posted: Cell::new(0),
            view,
        }
    }

    /// The same handle, with other messages timed.
    #[must_use]
    pub fn with_timing(self, timing: Timing) -> Self {
        Self { timing, ..self }
    }

    /// Asks to buy.
    #[must_use]
    pub fn reserve(
        &self,
        published: &Arc<PublishedItem>,
        reservation: Reservation,
        token: Token,
        mut permit: Permit,
    ) -> ReplyFuture<Outcome> {
        permit.at(Stage::Mailbox);
        let (reply_to, reply) = reply_channel(self.worker);
        let to = self.address(published);
        self.post(Message::Reserve(Reserve { to, reservation, token, reply_to, permit }));
        reply
    }

    /// Asks which order a key made.
    #[must_use]
    pub fn lookup_by_key(
        &self,
        published: &Arc<PublishedItem>,
        (user, quantity, key): (UserId, u32, IdempotencyKey),
        permit: Permit,
    ) -> ReplyFuture<Outcome> {
        let (reply_to, reply) = reply_channel(self.worker);
        let to = self.address(published);
        self.post(Message::LookupByKey(LookupByKey { to, user, quantity, key, reply_to, permit }));
        reply
    }

    /// Asks for orders.
    #[must_use]
    pub fn find(&self, published: &Arc<PublishedItem>, query: Query, permit: Permit) -> ReplyFuture<Found> {
        let (reply_to, reply) = reply_channel(self.worker);
        let to = self.address(published);
        self.post(Message::Find(Find { to, query, reply_to, permit }));
        reply
    }

    /// Reports what happened to an order.
    #[must_use]
    pub fn transition(
        &self,
        published: &Arc<PublishedItem>,
        number: OrderNumber,
        transition: Transition,
        permit: Permit,
    ) -> ReplyFuture<Outcome> {
        let (reply_to, reply) = reply_channel(self.worker);
        let to = self.address(published);
        self.post(Message::Transition(ApplyTransition { to, number, transition, reply_to, permit }));
        reply
    }

    /// Reports what a payment provider says about an order. Rejected with `UnknownOrder` where there is none: then it
    /// is the suspense account's.
    #[must_use]
    pub fn pay(
        &self,
        published: &Arc<PublishedItem>,
        number: OrderNumber,
        payment: Payment,
        permit: Permit,
    ) -> ReplyFuture<Received> {
        let (reply_to, reply) = reply_channel(self.worker);
        let to = self.address(published);
        self.post(Message::Payment(ApplyPayment { to, number, payment, reply_to, permit }));
        reply
    }

    /// Reports what a payment provider says about an order that is not known, by the provider's name of it.
    #[must_use]
    pub fn pay_unknown(&self, payment: Payment, order_reference: &str, permit: Permit) -> ReplyFuture<Received> {
        let (reply_to, reply) = reply_channel(self.worker);
        self.ask_suspense(SuspenseRequest::Receive(payment, order_reference.into(), reply_to), permit);
        reply
    }

    /// Says that money for an order went back.
    #[must_use]
    pub fn repay(
        &self,
        published: &Arc<PublishedItem>,
        number: OrderNumber,
        repayment: Repayment,
        permit: Permit,
    ) -> ReplyFuture<Controlled> {
        let (reply_to, reply) = reply_channel(self.worker);
        let to = self.address(published);
        self.post(Message::Repayment(ApplyRepayment { to, number, repayment, reply_to, permit }));
        reply
    }

    /// Says that money of no order went back.
    #[must_use]
    pub fn repay_unknown(&self, repayment: Repayment, permit: Permit) -> ReplyFuture<Controlled> {
        let (reply_to, reply) = reply_channel(self.worker);
        self.ask_suspense(SuspenseRequest::Repay(repayment, reply_to), permit);
        reply
    }

    /// Says that money of no order, if there is any of this payment, is this order's.
    #[must_use]
    pub fn hand_over(
        &self,
        provider: Provider,
        reference: IdempotencyKey,
        order: OrderId,
        permit: Permit,
    ) -> ReplyFuture<Controlled> {
        let (reply_to, reply) = reply_channel(self.worker);
        self.ask_suspense(SuspenseRequest::HandOver(provider, reference, order, reply_to), permit);
        reply
    }

    /// Asks where the money of no order is.
    #[must_use]
    pub fn audit_unknown(&self, permit: Permit) -> ReplyFuture<Audited> {
        let (reply_to, reply) = reply_channel(self.worker);
        self.ask_suspense(SuspenseRequest::Audit(reply_to), permit);
        reply
    }

    fn ask_suspense(&self, request: SuspenseRequest, permit: Permit) {
        if let Err(refused) = self.suspense.try_send(AskSuspense { request, permit }) {
            tracing::error!(%refused, "the router refused a payment");
        }
    }

    /// Changes a sale.
    #[must_use]
    pub fn control(
        &self,
        published: &Arc<PublishedItem>,
        control: Control,
        origin: Option<Box<Origin>>,
        permit: Permit,
    ) -> ReplyFuture<Controlled> {
        let (reply_to, reply) = reply_channel(self.worker);
        let to = self.address(published);
        self.post(Message::Control(ApplyControl { to, control, origin, reply_to, permit }));
        reply
    }

    /// Removes an item that nobody has ordered. Run it as a task of its own, as [`SaleHandle::create_item`].
    pub async fn delete_item(
        &self,
        published: &Arc<PublishedItem>,
        origin: Option<Box<Origin>>,
        permit: Permit,
    ) -> Result<(), NotDone> {
        let _one_at_a_time = self.view.creating.lock().await;
        self.control(published, Control::Delete, origin, permit).controlled().await?;
        self.view.directory.remove(&published.definition().id);
        Ok(())
    }

    /// Asks for the orders of one buyer of the items on `core`. Who wants all asks every core.
    #[must_use]
    pub fn find_of_buyer(&self, core: CoreId, question: OfBuyer, permit: Permit) -> ReplyFuture<Found> {
        let (reply_to, reply) = reply_channel(self.worker);
        if let Err(refused) = self.of_buyer.try_send(FindOfBuyer { core, question, reply_to, permit }) {
            tracing::error!(%refused, "the router refused a question");
        }
        reply
    }

    /// Asks for the balance of an item.
    #[must_use]
    pub fn audit(&self, published: &Arc<PublishedItem>, permit: Permit) -> ReplyFuture<Audited> {
        let (reply_to, reply) = reply_channel(self.worker);
        let to = self.address(published);
        self.post(Message::Audit(Audit { to, reply_to, permit }));
        reply
    }

    /// Puts an item up for sale, unless there is one of its id. Nobody can know of it before it is durable. Run it as a
    /// task of its own: an item that is in the ledger must come into the directory, or the next one would get its
    /// number.
    pub async fn create_item(
        &self,
        definition: ItemDefinition,
        origin: Option<Box<Origin>>,
        permit: Permit,
    ) -> Result<NewItem, NotDone> {
        let _one_at_a_time = self.view.creating.lock().await;
        if let Some(owner) = self.view.cluster.elsewhere(&definition.id) {
            return Ok(NewItem::Elsewhere(owner.clone()));
        }
        if let Some(published) = self.view.directory.find(&definition.id) {
            return Ok(NewItem::Existing(published, definition));
        }
        let core = self.view.core_for(&definition.id);
        let number = self.view.directory.next_number(self.view.cluster.number());
        let number = number.expect("the directory is copied for each new item: nobody waits for four million copies");
        let mut entry = Stock::creation(number, definition, self.view.clock.now());
        entry.origin = origin;
        let stock = Stock::create(&entry).expect("an entry that creates an item does");
        let (reply_to, reply) = reply_channel(self.worker);
        if let Err(refused) = self.new_items.try_send(CreateItem { core, entry, reply_to, permit }) {
            tracing::error!(%refused, "the router refused a new item");
        }
        reply.controlled().await?;
        let published = PublishedItem::new(&stock, core, false);
        self.view.directory.add(vec![Arc::clone(&published)]);
        Ok(NewItem::Created(published))
    }

    /// What anybody may read of the sale.
    #[must_use]
    pub fn view(&self) -> &Arc<SaleView> {
        &self.view
    }

    fn address(&self, published: &Arc<PublishedItem>) -> Enqueued {
        let number = self.posted.get().wrapping_add(1);
        self.posted.set(number);
        let is_timed = match self.timing {
            Timing::Sampled => number.is_multiple_of(ONE_IN) || published.actor.handled_total() < ALL_UP_TO,
            Timing::Off => false,
        };
        Enqueued::to(published, is_timed.then(Instant::now))
    }

    /// A message that is refused is dropped, and its future says `OutcomeUnknown`.
    fn post(&self, message: Message) {
        if let Err(refused) = self.messages.try_send(message) {
            tracing::error!(%refused, "the router refused a message");
        }
    }
}
