//! **Job:** where an order stands for the inventory, and why an entry about it cannot be applied.
//! **Owns:** the words for both.
//! **Never:** decides.

use std::fmt;

/// Where an order stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    /// Its units are allocated.
    Pending,
    /// Its units are shipped.
    Paid,
    /// Its units are available again.
    Cancelled,
    /// Its units are available again.
    Expired,
    /// Its units are available again, its money goes back.
    RefundDue,
    /// Its units are available again, its money went back.
    Refunded,
}

impl Status {
    /// Every status.
    pub(super) const ALL: [Self; 6] =
        [Self::Pending, Self::Paid, Self::Cancelled, Self::Expired, Self::RefundDue, Self::Refunded];

    /// The word of the data file.
    #[must_use]
    pub(super) fn as_str(self) -> &'static str {
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

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why an entry cannot be applied, however often it is tried.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unfit {
    /// Not an entry at all, or of a kind nobody knows.
    #[error("cannot be read: {0}")]
    Unreadable(String),
    /// Its own number is another one than its place in the feed.
    #[error("came as number {came_as} and says it is {says}")]
    OtherNumber {
        /// Its place.
        came_as: u64,
        /// Its number.
        says: u64,
    },
    /// A member that its kind must have.
    #[error("has no {0}")]
    Missing(&'static str),
    /// A member with a value that cannot be meant.
    #[error("{0} is out of range")]
    OutOfRange(&'static str),
    /// About an item nobody has heard of.
    #[error("is about an unknown item")]
    UnknownItem,
    /// About an order nobody has heard of.
    #[error("is about an unknown order")]
    UnknownOrder,
    /// Places an order that is there already.
    #[error("places an order that is already {0}")]
    KnownOrder(Status),
    /// Its item or quantity is not the order's.
    #[error("contradicts its order's {0}")]
    Contradicts(&'static str),
    /// A step that this order cannot take.
    #[error("an order that is {from} cannot become {to}")]
    Transition {
        /// Status of the order before.
        from: Status,
        /// Where the entry wants it.
        to: Status,
    },
    /// The data file refused the balances after it.
    #[error("violates the books: {0}")]
    Books(String),
}
