//! **Job:** what is known of the delivery of one event.
//! **Owns:** the three statuses, and their names.
//! **Never:** decides which one it is.

use super::queue::OpenEvent;

/// What became of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryStatus {
    /// It is still to be sent.
    Pending,
    /// The receiver has accepted it.
    Delivered,
    /// It was given up.
    Dead,
}

impl DeliveryStatus {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Pending, Self::Delivered, Self::Dead];

    /// Its name outside, and in the file.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::Dead => "dead",
        }
    }

    /// The one with that name.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == word)
    }
}

/// An event, and how its delivery stands. Times are milliseconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Its entry.
    pub seq: u64,
    /// What its `webhook-id` is.
    pub webhook_id: String,
    /// Its order.
    pub order_id: String,
    /// The kind of its entry.
    pub kind: String,
    /// How it stands.
    pub status: DeliveryStatus,
    /// How often it was tried.
    pub attempts: u32,
    /// When for the first time.
    pub first_attempt: Option<i64>,
    /// When for the last time.
    pub last_attempt: Option<i64>,
    /// When again at the earliest, if it is pending.
    pub next_attempt: i64,
    /// HTTP status of the last answer.
    pub last_status: Option<u16>,
    /// Why the last attempt failed.
    pub last_error: Option<String>,
}

/// What became of one attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Settled {
    /// The event as it is now.
    pub(super) event: OpenEvent,
    /// How it stands.
    pub(super) status: DeliveryStatus,
    /// When the attempt ended.
    pub(super) at: i64,
    /// HTTP status of the answer.
    pub(super) last_status: Option<u16>,
    /// Why it failed.
    pub(super) last_error: Option<String>,
}
