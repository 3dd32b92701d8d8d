//! **Job:** the counter of one item: unpacks a letter, asks the stock, sends the decision on.
//! **Owns:** the stock of one item; its mailbox is the queue in front of it.
//! **Never:** decides itself, answers a buyer, waits, or knows who writes the ledger.

use std::sync::Arc;

use actix::{Actor, Addr, Context, Handler, Message, Recipient};

use crate::directory::Listing;
use crate::entry::{Entries, Entry};
use crate::letters::{Append, Epoch, Find, Instruct, Letter, Recall, Reserve, Sealed};
use crate::observe::{Code, Passage};
use crate::permit::Permit;
use crate::reply::{Outcome, ReplyPort};
use crate::stock::{Decision, Stock};
use crate::stop::StopOnPanic;
use crate::time::Clock;
use crate::used_keys::UsedKeys;

/// The actor of one item.
pub struct StockActor {
    pub(crate) stock: Stock,
    pub(crate) listing: Arc<Listing>,
    pub(crate) clock: Clock,
    pub(crate) epoch: Epoch,
    pub(crate) used_keys: Arc<UsedKeys>,
    pub(crate) passage: Arc<Passage>,
    pub(crate) append_to: Recipient<Append>,
}

/// "Entries you decided were never written: this is your state." From the desk of its core.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct RestoreStock {
    pub(crate) epoch: Epoch,
    pub(crate) stock: Stock,
}

impl Actor for StockActor {
    type Context = Context<Self>;
}

impl Handler<Letter> for StockActor {
    type Result = ();

    fn handle(&mut self, letter: Letter, _ctx: &mut Context<Self>) {
        let _guard = StopOnPanic;
        match letter {
            Letter::Reserve(reserve) => self.reserve(reserve),
            Letter::Recall(recall) => self.recall(recall),
            Letter::Find(find) => self.find(find),
            Letter::Instruct(instruct) => self.instruct(instruct),
        }
    }
}

impl Handler<RestoreStock> for StockActor {
    type Result = ();

    fn handle(&mut self, restore: RestoreStock, _ctx: &mut Context<Self>) {
        let _guard = StopOnPanic;
        // The orders that are gone had taken their pool tokens with them.
        self.listing.note_released(self.stock.live().saturating_sub(restore.stock.live()));
        self.stock = restore.stock;
        self.epoch = restore.epoch;
        self.listing.publish(&self.stock);
    }
}

impl StockActor {
    /// Starts the actor on this thread. The mailbox gets its size before the first letter: `started` would come after it,
    /// and until then a mailbox holds 16.
    pub(crate) fn open(self, mailbox_capacity: usize) -> Addr<Self> {
        Self::create(|ctx| {
            ctx.set_mailbox_capacity(mailbox_capacity);
            self
        })
    }

    fn reserve(&mut self, letter: Reserve) {
        let Reserve { to, reservation, token, reply_to, permit } = letter;
        self.passage.enter();
        let decision = self.stock.reserve(&reservation, self.clock.now());
        match &decision {
            Decision::Placed(_order, entries) => {
                self.passage.pass();
                self.publish(entries);
                token.spend();
                if let Some(key) = &reservation.key {
                    self.used_keys.insert(self.stock.number(), &reservation.user, key);
                }
            }
            Decision::Replayed(_order) => self.passage.answer(Code::Replayed),
            Decision::Rejected(rejection) => self.passage.answer(rejection.code()),
        }
        drop(to);
        let (entries, sealed) = seal(decision, reply_to);
        self.send_on(entries, sealed, permit);
    }

    fn recall(&mut self, Recall { to, user, quantity, key, reply_to, permit }: Recall) {
        drop(to);
        let (entries, sealed) = seal(self.stock.recall(&user, quantity, &key), reply_to);
        self.send_on(entries, sealed, permit);
    }

    fn find(&mut self, Find { to, user, which, reply_to, permit }: Find) {
        drop(to);
        let orders = self.stock.find(&user, which);
        self.send_on(Entries::new(), Sealed::Found(reply_to, orders), permit);
    }

    fn instruct(&mut self, Instruct { to, instruction, reply_to, permit }: Instruct) {
        drop(to);
        let (entries, done) = match self.stock.instruct(instruction, self.clock.now()) {
            Ok(entries) => (entries, Ok(())),
            Err(rejection) => (Entries::new(), Err(rejection)),
        };
        self.publish(&entries);
        self.send_on(entries, Sealed::Instructed(reply_to, done), permit);
    }

    fn publish(&self, entries: &[Entry]) {
        if !entries.is_empty() {
            self.listing.publish(&self.stock);
        }
    }

    fn send_on(&self, entries: Entries, sealed: Sealed, permit: Permit) {
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
