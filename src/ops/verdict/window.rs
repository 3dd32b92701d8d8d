//! **Job:** the 99th percentile of what happened between two readings of a distribution that only grows.
//! **Owns:** the subtraction of buckets.
//! **Never:** knows what is measured.

use doorbuster_actors::observe::DistributionSnapshot;

/// 99 of 100 values that came after `earlier` are at most this, as exact as the buckets: a value is taken to lie in its
/// bucket where its rank does. None if there were none.
pub(super) fn p99(now: &DistributionSnapshot, earlier: &DistributionSnapshot) -> Option<u64> {
    let before = |bound: u64| earlier.buckets.iter().find(|(upper, _)| *upper == bound).map_or(0, |(_, count)| *count);
    let new = now.buckets.iter().map(|(bound, count)| (*bound, count.saturating_sub(before(*bound))));
    let new: Vec<_> = new.filter(|(_, count)| *count > 0).collect();
    let total: u64 = new.iter().map(|(_, count)| *count).sum();
    let mut left = total.saturating_mul(99).div_ceil(100);
    for (bound, count) in new {
        if left <= count {
            // Bounds double: the bucket begins at half of its own.
            let lower = bound / 2;
            let inside = u128::from(bound - lower) * u128::from(left) / u128::from(count);
            return Some((lower + u64::try_from(inside).unwrap_or(u64::MAX)).min(now.max));
        }
        left -= count;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_came_later_counts() {
        let seen = |max, buckets: &[(u64, u64)]| DistributionSnapshot {
            max,
            buckets: buckets.to_vec(),
            ..DistributionSnapshot::default()
        };
        let before = seen(900_000, &[(127, 500), (1_048_575, 500)]);
        let now = seen(900_000, &[(127, 500), (255, 98), (8_191, 2), (1_048_575, 500)]);
        assert_eq!(p99(&now, &before), Some(6_143), "the middle of the bucket of the two slow ones");
        assert_eq!(p99(&now, &now), None);
        assert_eq!(p99(&seen(70, &[(127, 3)]), &DistributionSnapshot::default()), Some(70), "not above the largest");
    }
}
