//! **Job:** the words of the account book: what can happen to an item, and what one line of the ledger says.
//! **Owns:** the kinds of entries and the statuses of an order.
//! **Never:** decides anything, or knows how a line is stored.

use serde::Serialize;
use smallvec::SmallVec;

use crate::ids::{IdempotencyKey, ItemId, ItemNumber, OrderId, OrderNumber, UserId};
use crate::item::ItemDefinition;
use crate::money::{Amount, Currency};
use crate::payment::{Origin, Owed, PaymentRecord, Settlement};
use crate::time::Timestamp;

/// Where an order stands. `Pending` and `Paid` are *live*: they hold their units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Placed, waiting for its payment.
    Pending,
    /// Paid for.
    Paid,
    /// Given up by its buyer; its units are back on sale.
    Cancelled,
    /// Not paid in time; its units are back on sale.
    Expired,
    /// Money came for it that has to go back: it was paid after its units went back, or the operator cancelled it.
    RefundDue,
    /// The money went back.
    Refunded,
}

impl Status {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Pending, Self::Paid, Self::Cancelled, Self::Expired, Self::RefundDue, Self::Refunded];

    /// Whether an order in this status holds its units.
    #[must_use]
    pub fn is_live(self) -> bool {
        match self {
            Self::Pending | Self::Paid => true,
            Self::Cancelled | Self::Expired | Self::RefundDue | Self::Refunded => false,
        }
    }

    /// The status as the contract writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Paid => "paid",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
            Self::RefundDue => "refund_due",
            Self::Refunded => "refunded",
        }
    }
}

/// An order as its buyer sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// Its public name.
    pub id: OrderId,
    /// What was bought.
    pub item: ItemId,
    /// Who bought it.
    pub user: UserId,
    /// How many units, at least 1.
    pub quantity: u32,
    /// Price of one unit.
    pub unit_price: Amount,
    /// Price of all units.
    pub total_price: Amount,
    /// Currency of both prices.
    pub currency: Currency,
    /// Status of the order.
    pub status: Status,
    /// When it was decided, in server time.
    pub created_at: Timestamp,
    /// Until when it must be paid; absent: it needed no payment.
    pub pay_by: Option<Timestamp>,
    /// Money that came for it and has to go back still.
    pub owed: Vec<Owed>,
}

/// What happened to one order, with all the feed says about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderChange {
    /// The status after the entry.
    pub status: Status,
    /// Which order of the item.
    pub number: OrderNumber,
    /// Its buyer.
    pub user: UserId,
    /// Its units.
    pub quantity: u32,
    /// The price of one of them.
    pub unit_price: Amount,
    /// The idempotency key of the request behind the entry, if it had one.
    pub key: Option<IdempotencyKey>,
    /// Until when a pending order must be paid.
    pub pay_by: Option<Timestamp>,
    /// Units of the item in the buyer's live orders after the entry.
    pub user_live: u32,
}

/// What one line of the ledger records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// The item was created, or its definition changed before the sale.
    Item(Box<ItemDefinition>),
    /// An order was placed or went on to another status.
    Order(OrderChange),
    /// Money came that pays no order, or not only; or a payment failed.
    Payment(Box<PaymentRecord>),
    /// Money went back.
    Settled(Box<Settlement>),
    /// Units were added to the supply.
    Restocked {
        /// Units.
        quantity: u32,
    },
    /// Units that nobody holds were taken off sale.
    Withdrawn {
        /// Units.
        quantity: u32,
    },
    /// The owner of the sale turned a switch.
    Switched(Switch),
}

/// What the owner of a sale can turn on and off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Switch {
    /// The sale was interrupted.
    Paused,
    /// The sale goes on.
    Resumed,
    /// The sale was ended.
    Closed,
    /// It goes on after all.
    Reopened,
    /// The item is not shown any more, and cannot be bought.
    Hidden,
    /// It is shown again.
    Shown,
    /// The item, which nobody had ordered, is gone for good.
    Deleted,
}

impl Change {
    /// The order that looks otherwise after the entry.
    #[must_use]
    pub fn order(&self) -> Option<OrderNumber> {
        match self {
            Self::Order(change) => Some(change.number),
            Self::Payment(record) => record.order,
            Self::Settled(settlement) => settlement.order,
            Self::Item(_) | Self::Restocked { .. } | Self::Withdrawn { .. } | Self::Switched(_) => None,
        }
    }
}

/// One line of the ledger, without its place in it (`seq`) and its checksum, which the ledger adds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The item the entry is about.
    pub item: ItemNumber,
    /// When it was decided, in server time; never decreases within an item.
    pub at: Timestamp,
    /// What changed.
    pub change: Change,
    /// Balance after the entry: all units ever put on sale.
    pub supply: u32,
    /// Balance after the entry: units that nobody holds.
    pub remaining: u32,
    /// Who did it and why, where it was not a buyer or the clock.
    pub origin: Option<Box<Origin>>,
}

/// The number in entries about money that came for no order.
pub const NO_ITEM: ItemNumber = ItemNumber(0);

/// The entries of one decision: one, or two where an order is placed and paid at once.
pub type Entries = SmallVec<[Entry; 1]>;

/// What is left, and who has the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Balance {
    /// All units ever put on sale.
    pub supply: u32,
    /// Units that nobody holds.
    pub remaining: u32,
    /// Units in live orders, counted over the buyers and not derived from the other two.
    pub live: u32,
}

impl Balance {
    /// The conservation equation.
    #[must_use]
    pub fn holds(self) -> bool {
        u64::from(self.remaining) + u64::from(self.live) == u64::from(self.supply)
    }
}
