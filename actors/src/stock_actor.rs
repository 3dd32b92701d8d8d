//! **Job:** the actor of one item: unpacks a message, asks the stock, sends the decision on.
//! **Owns:** the stock of one item; its mailbox is the queue in front of it.
//! **Never:** decides itself, answers a buyer, waits, or knows who writes the ledger.

use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::{Actor, Addr, Context, Handler, Recipient};

use crate::directory::PublishedItem;
use crate::entry::{Change, Entries, Entry, OrderChange};
use crate::gathering::Ask;
use crate::messages::{
    Append, ApplyControl, ApplyPayment, ApplyRepayment, ApplyTransition, Audit, Epoch, Find, LookupByKey, Message,
    PendingReply, Reserve,
};
use crate::observe::CoreCounters;
use crate::permit::Permit;
use crate::reply::{Books, Outcome, Receipt, ReplyPort};
use crate::request::Reason;
use crate::stock::{Decision, Received, SalePolicy, Settled, Stock};
use crate::stop::AbortOnPanic;
use crate::time::{Clock, Moment};
use crate::trace::Stage;
use crate::view::SaleView;

/// The actor of one item.
pub(crate) struct StockActor {
    pub(crate) stock: Stock,
    pub(crate) published: Arc<PublishedItem>,
    pub(crate) clock: Clock,
    pub(crate) policy: SalePolicy,
    pub(crate) epoch: Epoch,
    pub(crate) view: Arc<SaleView>,
    pub(crate) core_counters: Arc<CoreCounters>,
    pub(crate) append_to: Recipient<Append>,
    /// How much longer than it needs each message takes.
    pub(crate) delay: Option<Duration>,
}

/// "Entries you decided were never written: this is your state." From its core.
#[derive(Debug, actix::Message)]
#[rtype(result = "()")]
pub(crate) struct RestoreStock {
    pub(crate) epoch: Epoch,
    pub(crate) stock: Stock,
}

/// "Deadlines have passed." From its core, once a tick.
#[derive(Debug, actix::Message)]
#[rtype(result = "()")]
pub(crate) struct Tick {
    pub(crate) most: usize,
}

impl Actor for StockActor {
    type Context = Context<Self>;
}

impl Handler<Message> for StockActor {
    type Result = ();

    fn handle(&mut self, message: Message, _ctx: &mut Context<Self>) {
        let _guard = AbortOnPanic;
        let posted = message.to().posted();
        // One reading of the clock for the decision and for its timing.
        let taken_up = Instant::now();
        let now = self.clock.at(taken_up);
        self.inject_delay();
        match message {
            Message::Reserve(reserve) => self.reserve(reserve, now),
            Message::LookupByKey(lookup_by_key) => self.lookup_by_key(lookup_by_key),
            Message::Find(find) => self.find(find),
            Message::Transition(transition) => self.transition(transition, now),
            Message::Payment(payment) => self.pay(payment, now),
            Message::Repayment(repayment) => self.repay(repayment, now),
            Message::Control(control) => self.control(control, now),
            Message::Audit(audit) => self.audit(audit),
        }
        self.published.actor.handled(1, posted, taken_up);
    }
}

impl Handler<Tick> for StockActor {
    type Result = ();

    /// The units of expired orders are on sale again in the same turn.
    fn handle(&mut self, tick: Tick, _ctx: &mut Context<Self>) {
        let _guard = AbortOnPanic;
        let entries = self.stock.expire(tick.most, self.clock.at(Instant::now()));
        if !entries.is_empty() {
            self.publish(&entries);
            self.send_on(entries, PendingReply::Unasked, None);
        }
    }
}

impl Handler<Ask> for StockActor {
    type Result = ();

    fn handle(&mut self, Ask(gathering): Ask, _ctx: &mut Context<Self>) {
        let _guard = AbortOnPanic;
        gathering.hear_actor(&self.stock, self.epoch);
    }
}

impl Handler<RestoreStock> for StockActor {
    type Result = ();

    fn handle(&mut self, restore: RestoreStock, _ctx: &mut Context<Self>) {
        let _guard = AbortOnPanic;
        self.published.restore(&self.stock, &restore.stock);
        self.stock = restore.stock;
        self.epoch = restore.epoch;
    }
}

impl StockActor {
    /// Starts the actor on this thread. The mailbox gets its size before the first message: `started` would come after
    /// it, and until then a mailbox holds 16.
    pub(crate) fn open(self, mailbox_capacity: usize) -> Addr<Self> {
        Self::create(|ctx| {
            ctx.set_mailbox_capacity(mailbox_capacity);
            self
        })
    }

    /// Blocks the thread, as slow code in an actor would.
    fn inject_delay(&self) {
        if let Some(delay) = self.delay {
            #[expect(clippy::disallowed_methods, reason = "fault injection, where that is the point")]
            std::thread::sleep(delay);
        }
    }

    fn reserve(&mut self, message: Reserve, now: Moment) {
        let Reserve { to, reservation, token, reply_to, mut permit } = message;
        permit.at(Stage::Stock);
        self.core_counters.layer_counters.enter();
        let decision = self.stock.reserve(reservation, &self.policy, now);
        match &decision {
            Decision::Placed(_order, entries) => {
                self.core_counters.layer_counters.pass();
                self.publish(entries);
                token.spend();
                self.publish_key(entries);
            }
            Decision::Replayed(_order) => self.core_counters.layer_counters.answer(Reason::Replayed),
            Decision::Rejected(rejection) => self.core_counters.layer_counters.answer(rejection.reason()),
        }
        drop(to);
        permit.at(Stage::Ledger);
        let (entries, reply) = seal(decision, reply_to);
        self.send_on(entries, reply, Some(permit));
    }

    fn lookup_by_key(&mut self, LookupByKey { to, user, quantity, key, reply_to, permit }: LookupByKey) {
        drop(to);
        let (entries, reply) = seal(self.stock.lookup_by_key(&user, quantity, &key), reply_to);
        self.send_on(entries, reply, Some(permit));
    }

    fn find(&self, Find { to, query, reply_to, permit }: Find) {
        drop(to);
        let orders = self.stock.find(&query);
        self.send_on(Entries::new(), PendingReply::Found(reply_to, orders), Some(permit));
    }

    fn transition(
        &mut self,
        ApplyTransition { to, number, transition, reply_to, permit }: ApplyTransition,
        now: Moment,
    ) {
        drop(to);
        let Settled { entries, answer } = self.stock.transition(number, &transition, now);
        self.publish(&entries);
        let reply = match answer {
            Ok(order) => PendingReply::Settled(reply_to, order),
            Err(rejection) => PendingReply::Rejected(reply_to, rejection),
        };
        self.send_on(entries, reply, Some(permit));
    }

    fn pay(&mut self, ApplyPayment { to, number, payment, reply_to, permit }: ApplyPayment, now: Moment) {
        drop(to);
        let Received { entries, answer } = self.stock.pay(number, &payment, &self.policy, now);
        self.publish(&entries);
        let receipt = answer.map(|(verdict, order)| Receipt { verdict, order: Some(order) });
        self.send_on(entries, PendingReply::Received(reply_to, receipt), Some(permit));
    }

    fn repay(&mut self, ApplyRepayment { to, number, repayment, reply_to, permit }: ApplyRepayment, now: Moment) {
        drop(to);
        let Settled { entries, answer } = self.stock.repay(number, &repayment, now);
        self.publish(&entries);
        self.send_on(entries, PendingReply::Controlled(reply_to, answer.map(drop)), Some(permit));
    }

    fn control(&mut self, ApplyControl { to, control, origin, reply_to, permit }: ApplyControl, now: Moment) {
        drop(to);
        let (entries, done) = match self.stock.control(&control, origin, now) {
            Ok(entries) => (entries, Ok(())),
            Err(rejection) => (Entries::new(), Err(rejection)),
        };
        self.publish(&entries);
        self.send_on(entries, PendingReply::Controlled(reply_to, done), Some(permit));
    }

    fn audit(&self, Audit { to, reply_to, permit }: Audit) {
        drop(to);
        let books = Books { units: Some(self.stock.balance()), money: self.stock.money() };
        self.send_on(Entries::new(), PendingReply::Audited(reply_to, books), Some(permit));
    }

    fn publish(&self, entries: &[Entry]) {
        if !entries.is_empty() {
            self.published.publish(&self.stock, entries);
            for entry in entries {
                self.view.known_payments.note(entry);
            }
        }
    }

    /// Publishes the key of a new order, which is the first of its entries.
    fn publish_key(&self, entries: &[Entry]) {
        if let Some(Entry { item, change: Change::Order(OrderChange { user, key: Some(key), .. }), .. }) =
            entries.first()
        {
            self.view.used_keys.insert(*item, user, key);
        }
    }

    fn send_on(&self, entries: Entries, reply: PendingReply, permit: Option<Permit>) {
        let append = Append { entries, reply, epoch: self.epoch, permit };
        // A decision that cannot be written must not stay in memory: the guard above stops the process.
        let sent = self.append_to.try_send(append);
        assert!(sent.is_ok(), "the outbox of the core refused a decision");
    }
}

fn seal(decision: Decision, reply_to: ReplyPort<Outcome>) -> (Entries, PendingReply) {
    match decision {
        Decision::Placed(order, entries) => (entries, PendingReply::Placed(reply_to, order)),
        Decision::Replayed(order) => (Entries::new(), PendingReply::Replayed(reply_to, order)),
        Decision::Rejected(rejection) => (Entries::new(), PendingReply::Rejected(reply_to, rejection)),
    }
}
