//! **Job:** how long a buyer has held units without paying, and how long they wait before they may hold some again.
//! **Owns:** the measure: an order that ends unpaid counts as the share of its time to pay for which it was held.
//! **Never:** counts what somebody else held, or anything from before the buyer's last payment.
//!
//! Expiries alone would be a poor measure: whoever cancels a moment before the deadline has kept the units from others
//! just as long. The measure follows from the ledger's own entries, so that a restart forgets nothing of it.

use std::cmp::Reverse;
use std::time::Duration;

use smallvec::SmallVec;

use crate::time::Timestamp;

/// Parts of a whole time to pay. Each order counts at least one: the orders that are looked back at add up to several
/// wholes even if each was given up at once, so nobody can push a long row out of sight with quick ones.
pub(super) const WHOLE: u32 = 64;

/// Whoever holds units through three quarters of the time to pay has held them: from here on an order counts like one
/// that expired.
const COUNTS_AS_WHOLE: u32 = WHOLE / 4 * 3;

/// The first whole time to pay without a payment is free: anybody can be interrupted once.
const FREE: u32 = 1;

/// Doublings of the cool-down that are counted: 31 of a millisecond are more than a day.
const MAX_DOUBLINGS: u32 = 31;

/// Longest cool-down.
const MAX_COOL_DOWN: Duration = Duration::from_hours(24);

/// An order that ended unpaid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Holding {
    /// Of [`WHOLE`], at least one.
    pub(super) parts: u32,
    /// When the units went back on sale.
    pub(super) ended_at: Timestamp,
}

/// The parts of an order that was held for `held_ms` of the `pay_within_ms` it had; a begun part counts.
pub(super) fn parts(held_ms: u32, pay_within_ms: u32) -> u32 {
    let parts = (u64::from(held_ms) * u64::from(WHOLE)).div_ceil(u64::from(pay_within_ms.max(1)));
    match u32::try_from(parts).unwrap_or(WHOLE) {
        parts if parts >= COUNTS_AS_WHOLE => WHOLE,
        parts => parts.max(1),
    }
}

/// When a buyer with these holdings in a row may buy again; none if they may at once. The cool-down begins when a whole
/// is reached, and doubles with each one after the second.
pub(super) fn waits_until(row: impl Iterator<Item = Holding>, cool_down: Duration) -> Option<Timestamp> {
    let mut row: SmallVec<[Holding; 8]> = row.collect();
    let mut total: u32 = row.iter().map(|holding| holding.parts).sum();
    let wholes = total / WHOLE;
    let doublings = wholes.checked_sub(FREE + 1)?.min(MAX_DOUBLINGS);
    row.sort_by_key(|holding| Reverse(holding.ended_at));
    let reached = row.iter().find(|holding| {
        total -= holding.parts;
        total / WHOLE < wholes
    });
    let wait = cool_down.saturating_mul(1 << doublings).min(MAX_COOL_DOWN);
    reached.map(|holding| holding.ended_at.plus(wait))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_rounded_up_and_the_last_quarter_counts_in_full() {
        for (held_ms, parts_of_a_minute) in
            [(0, 1), (1, 1), (937, 1), (938, 2), (30_000, 32), (44_062, 47), (44_063, 64), (59_999, 64), (60_000, 64)]
        {
            assert_eq!(parts(held_ms, 60_000), parts_of_a_minute, "{held_ms} ms");
        }
        assert_eq!((parts(0, 0), parts(1, 1), parts(u32::MAX, u32::MAX), parts(u32::MAX, 1)), (1, WHOLE, WHOLE, WHOLE));
    }
}
