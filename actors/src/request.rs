//! **Job:** what is asked of a sale, and the two ways in which it says no, as plain values.
//! **Owns:** what a purchase, a question, a step of an order and a change of the sale are made of.
//! **Never:** knows a message, an actor or a thread: the pure core takes these values.

use std::time::Duration;

use crate::entry::{Payment, Status};
use crate::ids::{IdempotencyKey, OrderNumber, UserId};
use crate::item::{ItemDefinition, SaleState};
use crate::time::Timestamp;

pub use crate::reason::Reason;

/// A purchase, as a buyer wants it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reservation {
    /// The buyer.
    pub user: UserId,
    /// Units, 1 to [`crate::item::MAX_QUANTITY`].
    pub quantity: u32,
    /// The client's idempotency key.
    pub key: Option<IdempotencyKey>,
}

/// Which orders somebody asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Query {
    /// This order, if it is theirs.
    Own {
        /// The buyer who asks.
        user: UserId,
        /// The order.
        number: OrderNumber,
    },
    /// All of a buyer's, the newest first, at most [`crate::stock::MAX_LISTED_ORDERS`].
    AllOf {
        /// The buyer who asks.
        user: UserId,
    },
    /// A page of everybody's, in the order of their numbers: for the owner of the sale.
    Page {
        /// The last order of the page before.
        after: OrderNumber,
        /// Most orders in the page.
        limit: usize,
        /// Only in this status.
        status: Option<Status>,
    },
}

/// What can be done with an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Transition {
    /// The payment provider reports.
    Pay(Payment),
    /// Its buyer gives it up.
    Cancel {
        /// The buyer who asks.
        user: UserId,
    },
}

/// What the owner of the sale wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Control {
    /// Interrupt the sale.
    Pause,
    /// Go on.
    Resume,
    /// End the sale for good.
    Close,
    /// Put more units on sale.
    Restock {
        /// Units, at least 1.
        quantity: u32,
    },
    /// Change the item before its sale.
    Redefine(Box<ItemDefinition>),
}

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
        /// How long that is.
        retry_after: Duration,
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
        /// Units that a buyer may hold.
        limit: u32,
        /// Units in this buyer's live orders.
        held: u32,
    },
    /// The buyer repeatedly held units without paying, and is on a cool-down.
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
    /// The server is closing; the order was not placed.
    ShuttingDown,
    /// Nobody knows whether the order was placed until the ledger is read again.
    OutcomeUnknown,
}

/// Why a change of the sale was not carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotDone {
    /// Decided against.
    Rejected(Rejection),
    /// Not decided, or not known.
    Unavailable(Unavailable),
}

impl SaleState {
    /// Whether an item in this state can be bought at `now`, and if not, why: said once for the gate and the stock.
    /// That nothing may be left is another question.
    pub fn check_open(self, opens_at: Option<Timestamp>, now: Timestamp) -> Result<(), Rejection> {
        match self {
            Self::Open | Self::SoldOut => Ok(()),
            Self::Paused => Err(Rejection::SalePaused),
            Self::Closed => Err(Rejection::SaleClosed),
            Self::Scheduled => {
                let opens_at = opens_at.unwrap_or(now);
                Err(Rejection::SaleNotStarted { opens_at, retry_after: opens_at.since(now) })
            }
        }
    }
}

impl Rejection {
    /// The reason this is counted and known under.
    #[must_use]
    pub fn reason(&self) -> Reason {
        match self {
            Self::KeyReused => Reason::KeyReused,
            Self::SaleClosed => Reason::SaleClosed,
            Self::SaleNotStarted { .. } => Reason::SaleNotStarted,
            Self::SalePaused => Reason::SalePaused,
            Self::SoldOut { .. } => Reason::SoldOut,
            Self::LimitReached { .. } => Reason::LimitReached,
            Self::CoolingDown { .. } => Reason::Throttled,
            Self::AmountOutOfRange | Self::SupplyOutOfRange | Self::WrongPayment | Self::StockFixed => {
                Reason::Validation
            }
            Self::InvalidTransition { .. } | Self::NotScheduled => Reason::InvalidTransition,
            Self::UnknownOrder => Reason::NotFound,
        }
    }
}

impl Unavailable {
    /// The reason this is counted and known under.
    #[must_use]
    pub fn reason(&self) -> Reason {
        match self {
            Self::StorageFull => Reason::StorageFull,
            Self::StorageLocked => Reason::StorageUnavailable,
            Self::ShuttingDown => Reason::ShuttingDown,
            Self::OutcomeUnknown => Reason::OutcomeUnknown,
        }
    }
}
