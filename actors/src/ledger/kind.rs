//! **Job:** the kinds of entries.
//! **Owns:** their numbers and names, which are fixed for ever.
//! **Never:** knows what else an entry says.

use crate::entry::{Change, Status, Switch};

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $number:literal $text:literal,)*) => {
        /// The kinds of entries by their number in the table, which are fixed for ever.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[repr(i64)]
        pub enum Kind { $($(#[$doc])* $name = $number,)* }

        impl Kind {
            /// All of them, in the order of their numbers.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The kind's name, as in the table `entry_kind` and in the feed.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

kinds! {
    /// Created or changed.
    Item = 1 "item",
    /// An order was placed.
    Placed = 2 "placed",
    /// It was paid.
    Paid = 3 "paid",
    /// It was given up.
    Cancelled = 4 "cancelled",
    /// It was not paid in time.
    Expired = 5 "expired",
    /// Its money has to go back.
    RefundDue = 6 "refund_due",
    /// Units were added.
    Restocked = 7 "restocked",
    /// The sale was interrupted.
    Paused = 8 "paused",
    /// It goes on.
    Resumed = 9 "resumed",
    /// It was ended.
    Closed = 10 "closed",
    /// Units were taken off sale.
    Withdrawn = 11 "withdrawn",
    /// The end of the sale was taken back.
    Reopened = 12 "reopened",
    /// The item is not shown any more.
    Hidden = 13 "hidden",
    /// It is shown again.
    Shown = 14 "shown",
    /// It is gone.
    Deleted = 15 "deleted",
    /// Money came that pays no order, or not only; or a payment failed.
    Payment = 16 "payment",
    /// Money went back.
    Settled = 17 "settled",
    /// All money of an order went back.
    Refunded = 18 "refunded",
}

impl Kind {
    /// The kind of that number.
    #[must_use]
    pub fn from_number(number: i64) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| *kind as i64 == number)
    }

    pub(super) fn of(change: &Change) -> Self {
        match change {
            Change::Item(_) => Self::Item,
            Change::Order(order) => match order.status {
                Status::Pending => Self::Placed,
                Status::Paid => Self::Paid,
                Status::Cancelled => Self::Cancelled,
                Status::Expired => Self::Expired,
                Status::RefundDue => Self::RefundDue,
                Status::Refunded => Self::Refunded,
            },
            Change::Payment(_) => Self::Payment,
            Change::Settled(_) => Self::Settled,
            Change::Restocked { .. } => Self::Restocked,
            Change::Withdrawn { .. } => Self::Withdrawn,
            Change::Switched(Switch::Paused) => Self::Paused,
            Change::Switched(Switch::Resumed) => Self::Resumed,
            Change::Switched(Switch::Closed) => Self::Closed,
            Change::Switched(Switch::Reopened) => Self::Reopened,
            Change::Switched(Switch::Hidden) => Self::Hidden,
            Change::Switched(Switch::Shown) => Self::Shown,
            Change::Switched(Switch::Deleted) => Self::Deleted,
        }
    }
}
