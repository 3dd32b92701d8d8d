//! **Job:** one buyer's orders, gathered from the items of a core.
//! **Owns:** what has been heard so far; it is sent on when the last item has been heard.
//! **Never:** sends on a part: where an item was not heard, the asker hears that nobody knows.

use actix::Recipient;
use parking_lot::Mutex;

use crate::entry::{Entries, Order};
use crate::messages::{Append, Epoch, FindOfBuyer, PendingReply};
use crate::permit::Permit;
use crate::reply::{Found, ReplyPort};
use crate::request::OfBuyer;
use crate::stock::Stock;

/// "What have you of this buyer?" From a core to its actors; all of them share the gathering.
#[derive(Debug, actix::Message)]
#[rtype(result = "()")]
pub(crate) struct Ask(pub(crate) std::sync::Arc<Gathering>);

/// What the items of a core say about one buyer.
#[derive(Debug)]
pub(crate) struct Gathering {
    question: OfBuyer,
    append_to: Recipient<Append>,
    heard: Mutex<Heard>,
}

#[derive(Debug)]
struct Heard {
    orders: Vec<Order>,
    /// Actors that have not said anything yet.
    missing: usize,
    /// The oldest state that the answer rests on.
    epoch: Epoch,
    reply: Option<(ReplyPort<Found>, Permit)>,
}

impl Gathering {
    /// Waits for so many actors.
    pub(crate) fn begin(find: FindOfBuyer, actors: usize, epoch: Epoch, append_to: Recipient<Append>) -> Self {
        let FindOfBuyer { core: _, question, reply_to, permit } = find;
        let heard = Heard { orders: Vec::new(), missing: actors, epoch, reply: Some((reply_to, permit)) };
        Self { question, append_to, heard: Mutex::new(heard) }
    }

    /// Hears an item.
    pub(crate) fn hear(&self, stock: &Stock) {
        if let Some(query) = self.question.of_item(stock.number()) {
            self.heard.lock().orders.extend(stock.find(&query));
        }
    }

    /// Hears an item through its actor.
    pub(crate) fn hear_actor(&self, stock: &Stock, epoch: Epoch) {
        self.hear(stock);
        let mut heard = self.heard.lock();
        heard.missing -= 1;
        heard.epoch = heard.epoch.min(epoch);
    }
}

impl Drop for Gathering {
    /// The last item has been heard, or will never be.
    fn drop(&mut self) {
        let heard = self.heard.get_mut();
        let Some((reply_to, permit)) = heard.reply.take().filter(|_| heard.missing == 0) else { return };
        let orders = self.question.answer(std::mem::take(&mut heard.orders));
        let reply = PendingReply::Found(reply_to, orders);
        let append = Append { entries: Entries::new(), reply, epoch: heard.epoch, permit: Some(permit) };
        // Refused, it is dropped, and its future says that nobody knows.
        if let Err(refused) = self.append_to.try_send(append) {
            tracing::error!(%refused, "the outbox of the core refused an answer");
        }
    }
}
