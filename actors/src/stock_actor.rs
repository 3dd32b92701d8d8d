//! **Job:** the counter of one item: unpacks a letter, asks the stock, sends the decision on.
//! **Owns:** the stock of one item; its mailbox is the queue in front of it.
//! **Never:** decides itself, answers a buyer, waits, or knows who writes the ledger.

use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::{Actor, Addr, Context, Handler, Message, Recipient};

use crate::directory::Listing;
use crate::entry::{Change, Entries, Entry, OrderChange};
use crate::letters::{Append, Audit, Epoch, Find, Instruct, Letter, Recall, Reserve, Sealed, Settle, Step};
use crate::observe::{Code, CoreCounters};
use crate::permit::Permit;
use crate::reply::{Outcome, ReplyPort};
use crate::stock::{Decision, Settled, Stock, Terms};
use crate::stop::StopOnPanic;
use crate::time::{Clock, Timestamp};
use crate::trace::Stage;
use crate::used_keys::UsedKeys;

/// The actor of one item.
pub struct StockActor {
    pub(crate) stock: Stock,
    pub(crate) listing: Arc<Listing>,
    pub(crate) clock: Clock,
    pub(crate) terms: Terms,
    pub(crate) epoch: Epoch,
    pub(crate) used_keys: Arc<UsedKeys>,
    pub(crate) core_counters: Arc<CoreCounters>,
    pub(crate) append_to: Recipient<Append>,
    /// How much longer than it needs each letter takes.
    pub(crate) delay: Option<Duration>,
}

/// "Entries you decided were never written: this is your state." From the desk of its core.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct RestoreStock {
    pub(crate) epoch: Epoch,
    pub(crate) stock: Stock,
}

/// "Deadlines have passed." From the desk of its core, once a tick.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct Tick {
    pub(crate) most: usize,
}

impl Actor for StockActor {
    type Context = Context<Self>;
}

impl Handler<Letter> for StockActor {
    type Result = ();

    fn handle(&mut self, letter: Letter, _ctx: &mut Context<Self>) {
        let _guard = StopOnPanic;
        let posted = letter.to().posted();
        // One reading of the clock for the decision and for its timing.
        let taken_up = Instant::now();
        let now = self.clock.at(taken_up);
        self.dawdle();
        match letter {
            Letter::Reserve(reserve) => self.reserve(reserve, now),
            Letter::Recall(recall) => self.recall(recall),
            Letter::Find(find) => self.find(find),
            Letter::Settle(settle) => self.settle(settle, now),
            Letter::Instruct(instruct) => self.instruct(instruct, now),
            Letter::Audit(audit) => self.audit(audit),
        }
        self.listing.actor.handled(1, posted, taken_up);
    }
}

impl Handler<Tick> for StockActor {
    type Result = ();

    /// The units of expired orders are on sale again in the same turn.
    fn handle(&mut self, tick: Tick, _ctx: &mut Context<Self>) {
        let _guard = StopOnPanic;
        let entries = self.stock.expire(tick.most, self.clock.now());
        if !entries.is_empty() {
            self.publish(&entries);
            self.send_on(entries, Sealed::Unasked, None);
        }
    }
}

impl Handler<RestoreStock> for StockActor {
    type Result = ();

    fn handle(&mut self, restore: RestoreStock, _ctx: &mut Context<Self>) {
        let _guard = StopOnPanic;
        self.listing.restore(&self.stock, &restore.stock);
        self.stock = restore.stock;
        self.epoch = restore.epoch;
    }
}

impl StockActor {
    /// Starts the actor on this thread. The mailbox gets its size before the first letter: `started` would come after
    /// it, and until then a mailbox holds 16.
    pub(crate) fn open(self, mailbox_capacity: usize) -> Addr<Self> {
        Self::create(|ctx| {
            ctx.set_mailbox_capacity(mailbox_capacity);
            self
        })
    }

    /// Blocks the thread, as slow code in an actor would.
    fn dawdle(&self) {
        if let Some(delay) = self.delay {
            #[expect(clippy::disallowed_methods, reason = "only in a drill, where that is the point")]
            std::thread::sleep(delay);
        }
    }

    fn reserve(&mut self, letter: Reserve, now: Timestamp) {
        let Reserve { to, reservation, token, reply_to, mut permit } = letter;
        permit.at(Stage::Stock);
        self.core_counters.passage.enter();
        let decision = self.stock.reserve(reservation, &self.terms, now);
        match &decision {
            Decision::Placed(_order, entries) => {
                self.core_counters.passage.pass();
                self.publish(entries);
                token.spend();
                self.publish_key(entries);
            }
            Decision::Replayed(_order) => self.core_counters.passage.answer(Code::Replayed),
            Decision::Rejected(rejection) => self.core_counters.passage.answer(rejection.code()),
        }
        drop(to);
        permit.at(Stage::Ledger);
        let (entries, sealed) = seal(decision, reply_to);
        self.send_on(entries, sealed, Some(permit));
    }

    fn recall(&mut self, Recall { to, user, quantity, key, reply_to, permit }: Recall) {
        drop(to);
        let (entries, sealed) = seal(self.stock.recall(&user, quantity, &key), reply_to);
        self.send_on(entries, sealed, Some(permit));
    }

    fn find(&self, Find { to, query, reply_to, permit }: Find) {
        drop(to);
        let orders = self.stock.find(&query);
        self.send_on(Entries::new(), Sealed::Found(reply_to, orders), Some(permit));
    }

    fn settle(&mut self, Settle { to, number, step, reply_to, permit }: Settle, now: Timestamp) {
        drop(to);
        let Settled { entries, answer } = match step {
            Step::Pay(payment) => self.stock.pay(number, &payment, &self.terms, now),
            Step::Cancel { user } => self.stock.cancel(number, &user, now),
        };
        self.publish(&entries);
        let sealed = match answer {
            Ok(order) => Sealed::Settled(reply_to, order),
            Err(rejection) => Sealed::Rejected(reply_to, rejection),
        };
        self.send_on(entries, sealed, Some(permit));
    }

    fn instruct(&mut self, Instruct { to, instruction, reply_to, permit }: Instruct, now: Timestamp) {
        drop(to);
        let (entries, done) = match self.stock.instruct(&instruction, now) {
            Ok(entries) => (entries, Ok(())),
            Err(rejection) => (Entries::new(), Err(rejection)),
        };
        self.publish(&entries);
        self.send_on(entries, Sealed::Instructed(reply_to, done), Some(permit));
    }

    fn audit(&self, Audit { to, reply_to, permit }: Audit) {
        drop(to);
        self.send_on(Entries::new(), Sealed::Audited(reply_to, self.stock.balance()), Some(permit));
    }

    fn publish(&self, entries: &[Entry]) {
        if !entries.is_empty() {
            self.listing.publish(&self.stock, entries);
        }
    }

    /// Tells the door the key of a new order, which is the first of its entries.
    fn publish_key(&self, entries: &[Entry]) {
        if let Some(Entry { item, change: Change::Order(OrderChange { user, key: Some(key), .. }), .. }) =
            entries.first()
        {
            self.used_keys.insert(*item, user, key);
        }
    }

    fn send_on(&self, entries: Entries, sealed: Sealed, permit: Option<Permit>) {
        let append = Append { entries, sealed, epoch: self.epoch, permit };
        // A decision that cannot be written must not stay in memory: the guard above stops the process.
        let sent = self.append_to.try_send(append);
        assert!(sent.is_ok(), "the tray of the core refused a decision");
    }
}

fn seal(decision: Decision, reply_to: ReplyPort<Outcome>) -> (Entries, Sealed) {
    match decision {
        Decision::Placed(order, entries) => (entries, Sealed::Placed(reply_to, order)),
        Decision::Replayed(order) => (Entries::new(), Sealed::Replayed(reply_to, order)),
        Decision::Rejected(rejection) => (Entries::new(), Sealed::Rejected(reply_to, rejection)),
    }
}
