//! **Job:** what is asked of a sale, and how it says no, as plain values.
//! **Owns:** what purchases, questions, transitions and changes of the sale are made of; the names of all answers.
//! **Never:** knows a message, an actor or a thread: the pure core takes these values.

use std::cmp::Reverse;
use std::time::Duration;

use crate::entry::{Order, Status};
use crate::ids::{IdempotencyKey, ItemNumber, OrderId, OrderNumber, UserId};
use crate::item::{ItemDefinition, SaleState};
use crate::payment::{Origin, Provider};
use crate::time::Timestamp;

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
    /// The same of one buyer.
    PageOf {
        /// The buyer.
        user: UserId,
        /// The last order of the page before.
        after: OrderNumber,
        /// Most orders in the page.
        limit: usize,
        /// Only in this status.
        status: Option<Status>,
    },
}

/// What somebody asks about one buyer's orders of all items.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfBuyer {
    /// The buyer.
    pub user: UserId,
    /// Which of their orders.
    pub which: Which,
    /// Most orders in the answer.
    pub limit: usize,
}

/// Which of a buyer's orders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// The newest, in that order; as many of each item as [`Query::AllOf`] lists at most.
    Newest,
    /// A page of all, in the order of items and of their orders.
    Page {
        /// The last order of the page before.
        after: Option<OrderId>,
        /// Only in this status.
        status: Option<Status>,
    },
}

impl OfBuyer {
    /// What the item of that number is asked; nothing if no order of it can be in the answer.
    #[must_use]
    pub fn of_item(&self, item: ItemNumber) -> Option<Query> {
        let (user, limit) = (self.user.clone(), self.limit);
        match self.which {
            Which::Newest => Some(Query::AllOf { user }),
            Which::Page { after: Some(after), .. } if after.item > item => None,
            Which::Page { after, status } => {
                let after = after.filter(|after| after.item == item).map_or(OrderNumber(0), |after| after.order);
                Some(Query::PageOf { user, after, limit, status })
            }
        }
    }

    /// The answer, from what the items have said.
    #[must_use]
    pub fn answer(&self, mut orders: Vec<Order>) -> Vec<Order> {
        match self.which {
            // Of two placed in the same millisecond the one with the greater id is shown first, every time.
            Which::Newest => orders.sort_by_key(|order| Reverse((order.created_at, order.id.item, order.id.order))),
            Which::Page { .. } => orders.sort_by_key(|order| (order.id.item, order.id.order)),
        }
        orders.truncate(self.limit);
        orders
    }
}

/// What can be done with an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Transition {
    /// Its buyer gives it up.
    Cancel {
        /// The buyer who asks.
        user: UserId,
    },
    /// The operator gives it up: what was paid has to go back.
    Revoke(Origin),
}

/// Money that went back, by the word of an operator: all of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repayment {
    /// Which money: the payment it came with; none: the price of the order.
    pub payment: Option<(Provider, IdempotencyKey)>,
    /// Who says so, and why.
    pub origin: Origin,
}

/// What the owner of the sale wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Control {
    /// Interrupt the sale.
    Pause,
    /// Go on.
    Resume,
    /// End the sale.
    Close,
    /// Take the end back.
    Reopen,
    /// Show the item to nobody, and sell it to nobody.
    Hide,
    /// Show it again.
    Show,
    /// Remove the item, which nobody has ordered.
    Delete,
    /// Put more units on sale.
    Restock {
        /// Units, at least 1.
        quantity: u32,
    },
    /// Take units off sale that nobody holds.
    Withdraw {
        /// Units, at least 1.
        quantity: u32,
    },
    /// Change the item.
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
    /// Fewer units are left than are to be taken off sale.
    NotEnoughLeft {
        /// Units left.
        remaining: u32,
    },
    /// Price and currency are those of the orders that there are.
    PriceFixed,
    /// The stock of an item changes only by a restock or a withdrawal.
    StockFixed,
    /// What was ordered once cannot be deleted.
    HasOrders,
    /// The item is hidden or deleted: for buyers there is none.
    UnknownItem,
    /// Nothing is owed of this payment.
    NothingOwed,
    /// The order is not in a status from which this is possible.
    InvalidTransition {
        /// Status of the order.
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
    /// The disk does not answer; this attempt placed nothing.
    StorageStalled,
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
            Self::AmountOutOfRange | Self::SupplyOutOfRange | Self::StockFixed => Reason::Validation,
            Self::NotEnoughLeft { .. } => Reason::NotEnoughLeft,
            Self::InvalidTransition { .. } | Self::PriceFixed | Self::HasOrders | Self::NothingOwed => {
                Reason::InvalidTransition
            }
            Self::UnknownOrder | Self::UnknownItem => Reason::NotFound,
        }
    }
}

impl Unavailable {
    /// The reason this is counted and known under.
    #[must_use]
    pub fn reason(&self) -> Reason {
        match self {
            Self::StorageFull => Reason::StorageFull,
            Self::StorageLocked | Self::StorageStalled => Reason::StorageUnavailable,
            Self::ShuttingDown => Reason::ShuttingDown,
            Self::OutcomeUnknown => Reason::OutcomeUnknown,
        }
    }
}

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// Every answer a purchase attempt can get besides its order, by the name the contract gives it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Reason { $($(#[$doc])* $name,)* }

        impl Reason {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The code as the contract writes it.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

reasons! {
    /// The same order again, for a key that was used before.
    Replayed = "replayed",
    /// The client went away while the attempt waited at the layer.
    Disconnected = "disconnected",
    /// Not HTTP or not JSON.
    Malformed = "malformed",
    /// No valid credentials.
    Unauthenticated = "unauthenticated",
    /// Valid credentials, but not for this.
    Forbidden = "forbidden",
    /// Before the sale.
    SaleNotStarted = "sale-not-started",
    /// The sale is interrupted.
    SalePaused = "sale-paused",
    /// After the sale.
    SaleClosed = "sale-closed",
    /// No such thing.
    NotFound = "not-found",
    /// Another node has it.
    Misdirected = "misdirected",
    /// No such method here.
    MethodNotAllowed = "method-not-allowed",
    /// The client does not take JSON.
    NotAcceptable = "not-acceptable",
    /// The body did not come in time.
    RequestTimeout = "request-timeout",
    /// No length of the body.
    LengthRequired = "length-required",
    /// Too large a body.
    PayloadTooLarge = "payload-too-large",
    /// Too long a path.
    UriTooLong = "uri-too-long",
    /// Not JSON by its own word.
    UnsupportedMediaType = "unsupported-media-type",
    /// Too many or too large headers.
    HeadersTooLarge = "headers-too-large",
    /// A member is missing, unknown or out of range.
    Validation = "validation",
    /// The key belongs to an order with another payload.
    KeyReused = "idempotency-key-reused",
    /// Fewer units are left than were asked for.
    SoldOut = "sold-out",
    /// The buyer may not hold that many.
    LimitReached = "limit-reached",
    /// The order is not in a status from which this is possible.
    InvalidTransition = "invalid-transition",
    /// Fewer units are left than are to be taken off sale.
    NotEnoughLeft = "not-enough-left",
    /// This user tries too often.
    Throttled = "throttled",
    /// The token pool is empty.
    NoToken = "no-token",
    /// The token bucket is empty.
    RateLimited = "rate-limited",
    /// As many purchases as may be are in flight.
    Overloaded = "overloaded",
    /// The disk is full.
    StorageFull = "storage-full",
    /// The data file cannot be written.
    StorageUnavailable = "storage-unavailable",
    /// Nobody knows yet.
    OutcomeUnknown = "outcome-unknown",
    /// Redis does not answer, and the policy is to stay closed.
    GateUnavailable = "gate-unavailable",
    /// The server is closing.
    ShuttingDown = "shutting-down",
}
