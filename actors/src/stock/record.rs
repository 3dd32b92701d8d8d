//! **Job:** what is remembered of an order.
//! **Owns:** its 40 bytes.
//! **Never:** holds a text: its buyer is a position, its key a hash.

use std::time::Duration;

use xxhash_rust::xxh3::xxh3_64;

use crate::debts;
use crate::entry::Status;
use crate::ids::IdempotencyKey;
use crate::payment::Provider;
use crate::time::{MAX_AHEAD, Timestamp};

use super::MAX_PAY_WITHIN;
use super::holding::{Holding, WHOLE, parts};

/// One order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) created_at: Timestamp,
    /// Hash of the key, 0 without one. Compared only among the orders of one buyer: two of their own keys would have to
    /// collide in 64 bits, and they could hurt only themselves.
    pub(super) key: u64,
    pub(super) buyer: u32,
    pub(super) quantity: u32,
    /// When it must be paid.
    pub(super) deadline: Deadline,
    /// The buyer's order before this one, 0 if it is their first.
    pub(super) previous: u32,
    pub(super) status: Status,
    /// How it ended, by its status.
    pub(super) end: End,
}

const _: () = assert!(size_of::<Record>() == 40);

/// Until when an order must be paid, as its distance from the order's date in milliseconds: 0 where nothing is to be
/// paid, at most [`MAX_PAY_WITHIN`] after it. An order that is dated ahead of server time may be due before its date:
/// such a distance is counted down from the largest number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Deadline(u32);

impl Deadline {
    /// Of an order dated `at`; none if it is too far from it.
    pub(super) fn of(pay_by: Option<Timestamp>, at: Timestamp) -> Option<Self> {
        let Some(pay_by) = pay_by else { return Some(Self(0)) };
        let (after, before) = (pay_by.since(at), at.since(pay_by));
        if after > MAX_PAY_WITHIN || before > MAX_AHEAD {
            return None;
        }
        let millis = |distance: Duration| u32::try_from(distance.as_millis()).ok();
        Some(Self(if after.is_zero() { u32::MAX - millis(before)? } else { millis(after)? }))
    }

    fn after(self, at: Timestamp) -> Option<Timestamp> {
        let Self(millis) = self;
        match millis {
            0 => None,
            _ if self.is_before_its_date() => Some(at.minus(Duration::from_millis(u64::from(u32::MAX - millis)))),
            _ => Some(at.plus(Duration::from_millis(u64::from(millis)))),
        }
    }

    fn is_before_its_date(self) -> bool {
        Duration::from_millis(u64::from(self.0)) > MAX_PAY_WITHIN
    }

    /// The whole time to pay; of an order that was dated by a wrong clock nobody knows, and any hold is a small part.
    fn pay_within_ms(self) -> u32 {
        if self.is_before_its_date() { u32::MAX } else { self.0 }
    }
}

/// Seven bytes, so that they lie beside the status, which says what they are. Of an order that was paid: 56 bits of the
/// hash of the payment, compared only with payments for the same order; zeros without one. Of a cancelled order: the
/// milliseconds for which it was held.
pub(super) type End = [u8; 7];

impl Record {
    pub(super) fn was_paid_by(&self, provider: Provider, payment: &IdempotencyKey) -> bool {
        self.was_paid() && self.end == mark_of(provider, payment)
    }

    /// What it adds to the time for which its buyer has held units without paying, if it has ended so. A deadline that
    /// has passed has passed, whether the order has been found expired or not.
    pub(super) fn unpaid(&self, now: Timestamp) -> Option<Holding> {
        let overdue = self.pay_by().filter(|pay_by| *pay_by <= now);
        match self.status {
            Status::Cancelled => {
                let held_ms = held_of(self.end);
                let ended_at = self.created_at.plus(Duration::from_millis(held_ms.into()));
                Some(Holding { parts: parts(held_ms, self.deadline.pay_within_ms()), ended_at })
            }
            Status::Expired => Some(Holding { parts: WHOLE, ended_at: self.pay_by().unwrap_or(self.created_at) }),
            Status::Pending => overdue.map(|ended_at| Holding { parts: WHOLE, ended_at }),
            Status::Paid | Status::RefundDue | Status::Refunded => None,
        }
    }

    /// Whether money came for it, in time or late.
    pub(super) fn was_paid(&self) -> bool {
        matches!(self.status, Status::Paid | Status::RefundDue | Status::Refunded)
    }

    pub(super) fn pay_by(&self) -> Option<Timestamp> {
        self.deadline.after(self.created_at)
    }
}

/// The steps of an order: nothing leaves `Refunded`.
pub(super) fn may_follow(from: Status, to: Status) -> bool {
    match to {
        Status::Pending => false,
        Status::Cancelled | Status::Expired => from == Status::Pending,
        Status::Paid => matches!(from, Status::Pending | Status::Cancelled | Status::Expired),
        Status::RefundDue => matches!(from, Status::Cancelled | Status::Expired | Status::Paid),
        Status::Refunded => matches!(from, Status::RefundDue | Status::Paid),
    }
}

/// Never 0, which says "no key".
pub(super) fn hash_key(key: &IdempotencyKey) -> u64 {
    xxh3_64(key.as_str().as_bytes()).max(1)
}

/// The end of an order that is cancelled `held` after it was placed; no time to pay is longer than 32 bits of
/// milliseconds.
pub(super) fn held_for(held: Duration) -> End {
    let [a, b, c, d] = u32::try_from(held.as_millis()).unwrap_or(u32::MAX).to_le_bytes();
    [a, b, c, d, 0, 0, 0]
}

fn held_of([a, b, c, d, ..]: End) -> u32 {
    u32::from_le_bytes([a, b, c, d])
}

/// Never zeros, which say "no payment".
pub(super) fn mark_of(provider: Provider, payment: &IdempotencyKey) -> End {
    let [_dropped, mark @ ..] = debts::mark_of(provider, payment).max(1 << 8).to_le_bytes();
    mark
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_goes_forward_only() {
        let steps = |from: Status| Status::ALL.into_iter().filter(move |to| may_follow(from, *to)).collect::<Vec<_>>();
        assert_eq!(steps(Status::Pending), [Status::Paid, Status::Cancelled, Status::Expired]);
        assert_eq!(steps(Status::Paid), [Status::RefundDue, Status::Refunded]);
        assert_eq!(steps(Status::Cancelled), [Status::Paid, Status::RefundDue]);
        assert_eq!(steps(Status::Expired), [Status::Paid, Status::RefundDue]);
        assert_eq!(steps(Status::RefundDue), [Status::Refunded]);
        assert_eq!(steps(Status::Refunded), []);
    }

    #[test]
    fn a_hold_counts_unless_it_was_paid_or_still_may_be() {
        let (at, later) = (Timestamp::from_millis(1_000), Timestamp::from_millis(9_000));
        let held = |status, now| {
            let deadline = Deadline::of(Some(Timestamp::from_millis(5_000)), at).expect("in range");
            let (end, key, buyer, quantity, previous) = (held_for(Duration::from_secs(1)), 0, 0, 1, 0);
            let record = Record { created_at: at, key, buyer, quantity, deadline, previous, status, end };
            record.unpaid(now).map(|holding| (holding.parts, holding.ended_at.millis()))
        };
        assert_eq!(held(Status::Pending, at), None, "it may still be paid");
        assert_eq!(held(Status::Pending, later), Some((WHOLE, 5_000)));
        assert_eq!(held(Status::Expired, later), Some((WHOLE, 5_000)));
        assert_eq!(held(Status::Cancelled, later), Some((WHOLE / 4, 2_000)), "one second of four");
        for paid in [Status::Paid, Status::RefundDue, Status::Refunded] {
            assert_eq!(held(paid, later), None);
        }
    }

    #[test]
    fn a_deadline_is_near_the_order() {
        let at = Timestamp::from_millis(1_795_608_000_000);
        assert_eq!(Deadline::of(None, at).and_then(|deadline| deadline.after(at)), None);
        for in_range in [at.plus(MAX_PAY_WITHIN), at.plus(Duration::from_millis(1)), at.minus(MAX_AHEAD)] {
            assert_eq!(Deadline::of(Some(in_range), at).and_then(|deadline| deadline.after(at)), Some(in_range));
        }
        let longer = |time: Duration| time + Duration::from_millis(1);
        for too_far in [at.plus(longer(MAX_PAY_WITHIN)), at.minus(longer(MAX_AHEAD))] {
            assert_eq!(Deadline::of(Some(too_far), at), None);
        }
    }
}
