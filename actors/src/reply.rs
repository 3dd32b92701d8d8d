//! **Job:** answers: the stamped envelope a letter carries, its stub, and what may be in it.
//! **Owns:** the promise that every letter is answered exactly once.
//! **Never:** knows who asks, or turns an answer into a status code.

use std::time::Duration;

use tokio::sync::oneshot;

use crate::entry::{Balance, Order, Status};
use crate::ledger::Committed;
use crate::time::Timestamp;

/// A thread with waiting receipts. Answers go back as one message per seat and commit, not one wake-up per order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seat(pub u16);

/// "No": decided by the stock, final. In order of precedence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rejection {
    /// The key belongs to an order with another payload.
    KeyReused,
    /// The sale is over.
    SaleClosed,
    /// The sale has not begun.
    SaleNotStarted {
        /// When it does.
        opens_at: Timestamp,
    },
    /// The sale is interrupted.
    SalePaused,
    /// Fewer units are left than were asked for.
    SoldOut {
        /// Units left.
        remaining: u32,
    },
    /// The buyer may not hold that many.
    LimitReached {
        /// Units he may hold.
        limit: u32,
        /// Units in his live orders.
        held: u32,
    },
    /// The buyer let his orders expire again and again, and has to wait.
    CoolingDown {
        /// How long.
        retry_after: Duration,
    },
    /// Units times price is more than an amount can say.
    AmountOutOfRange,
    /// The restock is more than an item can have.
    SupplyOutOfRange,
    /// The payment is not of this amount or currency.
    WrongPayment,
    /// The item can be changed only before its sale.
    NotScheduled,
    /// The stock of an item changes only by a restock.
    StockFixed,
    /// The order is not in a status from which this is possible.
    InvalidTransition {
        /// Where it stands.
        status: Status,
    },
    /// There is no such order of this buyer.
    UnknownOrder,
}

/// "Not now" or "unknown": ask again with the same key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unavailable {
    /// The disk is full; the order was definitely not placed.
    StorageFull,
    /// The data file is locked by somebody else; the order was definitely not placed.
    StorageLocked,
    /// The house is closing; the order was not placed.
    ShuttingDown,
    /// Nobody knows whether the order was placed until the ledger is read again.
    OutcomeUnknown,
}

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

/// The answer to a letter that wants something changed.
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

/// The answer to a question about orders: all that were asked for and are the asker's own.
pub type Found = Result<Vec<Order>, Unavailable>;

/// Why an instruction was not carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotDone {
    /// Decided against.
    Rejected(Rejection),
    /// Not decided, or not known.
    Unavailable(Unavailable),
}

/// The answer to an instruction: done and durable, or not done.
pub type Instructed = Result<(), NotDone>;

/// The answer to a look into the books.
pub type Audited = Result<Balance, Unavailable>;

/// The stamped envelope. Dropped without an answer, its receipt says [`Unavailable::OutcomeUnknown`].
#[derive(Debug)]
pub struct ReplyPort<T> {
    seat: Seat,
    sender: oneshot::Sender<T>,
}

/// The stub that the asker keeps.
#[derive(Debug)]
pub struct Receipt<T> {
    receiver: oneshot::Receiver<T>,
}

/// An envelope whose asker sits at `seat`, and its stub.
#[must_use]
pub fn envelope<T>(seat: Seat) -> (ReplyPort<T>, Receipt<T>) {
    let (sender, receiver) = oneshot::channel();
    (ReplyPort { seat, sender }, Receipt { receiver })
}

impl<T> ReplyPort<T> {
    /// Where the asker sits.
    #[must_use]
    pub fn seat(&self) -> Seat {
        self.seat
    }

    /// Answers. An asker who has gone is no reason for concern: the decision stands.
    pub fn answer(self, answer: T) {
        let _gone = self.sender.send(answer);
    }
}

impl<T> Receipt<T> {
    /// The answer, once it is there.
    pub async fn answer(self) -> Result<T, Unavailable> {
        self.receiver.await.map_err(|_dropped| Unavailable::OutcomeUnknown)
    }
}

impl Receipt<Outcome> {
    /// The outcome, once it is known.
    pub async fn outcome(self) -> Outcome {
        self.answer().await.unwrap_or_else(Outcome::Unavailable)
    }
}

impl Receipt<Instructed> {
    /// Whether it was done, once that is durable.
    pub async fn instructed(self) -> Instructed {
        self.answer().await.map_err(NotDone::Unavailable).and_then(|done| done)
    }
}

impl Receipt<Audited> {
    /// The balances, once all they rest on is durable.
    pub async fn audited(self) -> Audited {
        self.answer().await.and_then(|audited| audited)
    }
}

impl Receipt<Found> {
    /// The orders, once all they rest on is durable.
    pub async fn found(self) -> Found {
        self.answer().await.and_then(|found| found)
    }
}
