//! **Job:** replies: what may be in one, the channel that a message carries for it, and the future of it.
//! **Owns:** the promise that every message is answered exactly once.
//! **Never:** knows who asks, or turns a reply into a status code.

use tokio::sync::oneshot;

use crate::entry::{Balance, Order};
use crate::ids::WorkerId;
use crate::ledger::Committed;
use crate::payment::{MoneyBalance, Verdict};
use crate::request::{NotDone, Rejection, Unavailable};

/// An order whose entry is durable. Can be made only from the proof of a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confirmed(Order);

impl Confirmed {
    /// The order, confirmed by the commit that wrote it or an earlier one of the same ledger.
    #[must_use]
    pub fn new(order: Order, _proof: &Committed) -> Self {
        Self(order)
    }

    /// The order.
    #[must_use]
    pub fn into_order(self) -> Order {
        self.0
    }
}

/// The reply to a message that wants something changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Done, and durable.
    Confirmed(Confirmed),
    /// Done before under the same key; durable.
    Replayed(Confirmed),
    /// Decided against.
    Rejected(Rejection),
    /// Not decided, or not known.
    Unavailable(Unavailable),
}

/// The reply to a question about orders: all that were asked for and are the asker's own.
pub type Found = Result<Vec<Order>, Unavailable>;

/// The reply to a change of the sale: done and durable, or not done.
pub type Controlled = Result<(), NotDone>;

/// What there is to tell about an event of a payment provider that is on record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// What it meant.
    pub verdict: Verdict,
    /// The order after it; none if there is no such order.
    pub order: Option<Order>,
}

/// The reply to an event of a payment provider: on record and durable, or not taken.
pub type Received = Result<Receipt, NotDone>;

/// Where units and money are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Books {
    /// The units of the item; none of the suspense account.
    pub units: Option<Balance>,
    /// The money, by currency.
    pub money: Vec<MoneyBalance>,
}

/// The reply to a question about the balance.
pub type Audited = Result<Books, Unavailable>;

/// The sending end of a reply channel. Dropped without a reply, its future says [`Unavailable::OutcomeUnknown`].
#[derive(Debug)]
pub(crate) struct ReplyPort<T> {
    worker: WorkerId,
    sender: oneshot::Sender<T>,
}

/// The receiving end.
#[derive(Debug)]
pub struct ReplyFuture<T> {
    receiver: oneshot::Receiver<T>,
}

/// A channel for one reply to somebody who waits on the thread of `worker`.
#[must_use]
pub(crate) fn reply_channel<T>(worker: WorkerId) -> (ReplyPort<T>, ReplyFuture<T>) {
    let (sender, receiver) = oneshot::channel();
    (ReplyPort { worker, sender }, ReplyFuture { receiver })
}

impl<T> ReplyPort<T> {
    /// The thread on which somebody waits for it.
    #[must_use]
    pub(crate) fn worker(&self) -> WorkerId {
        self.worker
    }

    /// Replies. An asker who has gone is no reason for concern: the decision stands.
    pub(crate) fn send(self, reply: T) {
        let _gone = self.sender.send(reply);
    }
}

impl<T> ReplyFuture<T> {
    /// The answer, once it is there.
    async fn received(self) -> Result<T, Unavailable> {
        self.receiver.await.map_err(|_dropped| Unavailable::OutcomeUnknown)
    }
}

impl ReplyFuture<Outcome> {
    /// The outcome, once it is known.
    pub async fn outcome(self) -> Outcome {
        self.received().await.unwrap_or_else(Outcome::Unavailable)
    }
}

impl ReplyFuture<Controlled> {
    /// Whether it was done, once that is durable.
    pub async fn controlled(self) -> Controlled {
        self.received().await.map_err(NotDone::Unavailable).and_then(|done| done)
    }
}

impl ReplyFuture<Received> {
    /// What the event meant, once that is durable.
    pub async fn received_payment(self) -> Received {
        self.received().await.map_err(NotDone::Unavailable).and_then(|received| received)
    }
}

impl ReplyFuture<Audited> {
    /// The balances, once all they rest on is durable.
    pub async fn audited(self) -> Audited {
        self.received().await.and_then(|audited| audited)
    }
}

impl ReplyFuture<Found> {
    /// The orders, once all they rest on is durable.
    pub async fn found(self) -> Found {
        self.received().await.and_then(|found| found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[actix::test]
    async fn a_port_that_is_dropped_answers_that_the_outcome_is_unknown() {
        let unknown = Unavailable::OutcomeUnknown;
        let (port, reply) = reply_channel(WorkerId(0));
        drop(port);
        assert_eq!(ReplyFuture::<Outcome>::outcome(reply).await, Outcome::Unavailable(unknown));
        let (port, reply) = reply_channel(WorkerId(0));
        drop(port);
        assert_eq!(ReplyFuture::<Found>::found(reply).await, Err(unknown));
        let (port, reply) = reply_channel(WorkerId(0));
        drop(port);
        assert_eq!(ReplyFuture::<Controlled>::controlled(reply).await, Err(NotDone::Unavailable(unknown)));
    }
}
