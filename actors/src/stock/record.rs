//! **Job:** what is remembered of an order.
//! **Owns:** its 40 bytes.
//! **Never:** holds a text: its buyer is a position, its key a hash.

use std::time::Duration;

use xxhash_rust::xxh3::xxh3_64;

use crate::entry::Status;
use crate::ids::IdempotencyKey;
use crate::time::Timestamp;

/// One order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) created_at: Timestamp,
    /// Hash of the key, 0 without one. Compared only among the orders of one buyer: two of his own keys would have to
    /// collide in 64 bits, and he could hurt only himself.
    pub(super) key: u64,
    pub(super) buyer: u32,
    pub(super) quantity: u32,
    /// Milliseconds, 0 where nothing is to be paid.
    pub(super) pay_within_ms: u32,
    /// The buyer's order before this one, 0 if it is his first.
    pub(super) previous: u32,
    pub(super) status: Status,
    /// Of the payment event that settled it; zeros without one.
    pub(super) payment: EventMark,
}

const _: () = assert!(size_of::<Record>() == 40);

/// 56 bits of an event's hash, so that they lie beside the status. Compared only with events for the same order.
pub(super) type EventMark = [u8; 7];

impl Record {
    pub(super) fn was_paid_by(&self, event: &IdempotencyKey) -> bool {
        self.payment == mark_of(event)
    }

    pub(super) fn pay_by(&self) -> Option<Timestamp> {
        let pay_within = Duration::from_millis(u64::from(self.pay_within_ms));
        (!pay_within.is_zero()).then(|| self.created_at.plus(pay_within))
    }
}

/// Never 0, which says "no key".
pub(super) fn hash_key(key: &IdempotencyKey) -> u64 {
    xxh3_64(key.as_str().as_bytes()).max(1)
}

/// Never zeros, which say "no event".
pub(super) fn mark_of(event: &IdempotencyKey) -> EventMark {
    let [_dropped, mark @ ..] = hash_key(event).max(1 << 8).to_le_bytes();
    mark
}
