//! **Job:** what happened between two readings of monotonic counters.
//! **Owns:** the window, and percentiles out of the difference of buckets.
//! **Never:** asks a clock: the server's uptime is the time.

use std::collections::VecDeque;

use super::wire::{Distribution, Page, Snapshot};

/// How far back a rate or a percentile looks, in seconds: long enough to be steady, short enough to be now.
pub(super) const WINDOW_S: f64 = 10.0;

/// A reading with the server's uptime.
pub(super) trait Reading {
    fn uptime_s(&self) -> f64;
}

impl Reading for Page {
    fn uptime_s(&self) -> f64 {
        self.uptime_s
    }
}

impl Reading for Snapshot {
    fn uptime_s(&self) -> f64 {
        self.uptime_s
    }
}

/// The readings of the window, oldest first.
#[derive(Debug)]
pub(super) struct History<T>(VecDeque<T>);

impl<T> Default for History<T> {
    fn default() -> Self {
        Self(VecDeque::new())
    }
}

impl<T: Reading> History<T> {
    /// Adds a reading. One of a server that has been started again makes the others worthless.
    pub(super) fn add(&mut self, reading: T) {
        let now = reading.uptime_s();
        if self.0.back().is_some_and(|last| last.uptime_s() > now) {
            self.0.clear();
        }
        self.0.push_back(reading);
        while self.0.get(1).is_some_and(|second| second.uptime_s() <= now - WINDOW_S) {
            self.0.pop_front();
        }
    }

    pub(super) fn latest(&self) -> Option<&T> {
        self.0.back()
    }

    /// The newest reading, the oldest one of the window, and the seconds between them.
    pub(super) fn ends(&self) -> Option<(&T, &T, f64)> {
        let (oldest, latest) = (self.0.front()?, self.0.back()?);
        let elapsed_s = latest.uptime_s() - oldest.uptime_s();
        (elapsed_s > 0.0).then_some((latest, oldest, elapsed_s))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.0.iter()
    }
}

/// Events per second between two counts.
pub(super) fn rate(now: u64, before: u64, elapsed_s: f64) -> f64 {
    real(now.saturating_sub(before)) / elapsed_s
}

/// The share of `part` in `whole`, from 0 to 1.
pub(super) fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| real(part) / real(whole))
}

#[expect(clippy::cast_precision_loss, reason = "fifteen digits of a count are more than anybody reads")]
pub(super) fn real(count: u64) -> f64 {
    count as f64
}

/// Half of them were not above `p50`, all but one in a hundred not above `p99`, none above `max`. Empty: there were
/// none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Quantiles {
    pub(super) p50: Option<u64>,
    pub(super) p99: Option<u64>,
    pub(super) max: Option<u64>,
}

impl Quantiles {
    pub(super) fn since_start(now: &Distribution) -> Self {
        let counted = |value: u64| (now.count > 0).then_some(value);
        Self { p50: counted(now.p50), p99: counted(now.p99), max: counted(now.max) }
    }

    /// Of what was counted after `before`, as exact as the buckets: the value is taken to lie in its bucket where its
    /// rank does. Without buckets since the start.
    pub(super) fn between(now: &Distribution, before: &Distribution) -> Self {
        if now.buckets.is_empty() {
            return Self::since_start(now);
        }
        let earlier =
            |bound: u64| before.buckets.iter().find(|(upper, _)| *upper == bound).map_or(0, |(_, count)| *count);
        let new = now.buckets.iter().map(|(bound, count)| (*bound, count.saturating_sub(earlier(*bound))));
        let new: Vec<_> = new.filter(|(_, count)| *count > 0).collect();
        let at = |percent: u64| at_rank(&new, percent).map(|value| value.min(now.max));
        Self { p50: at(50), p99: at(99), max: new.last().map(|(bound, _)| (*bound).min(now.max)) }
    }
}

/// Where `percent` of them are below, in buckets of which each is about twice as wide as the one before.
fn at_rank(buckets: &[(u64, u64)], percent: u64) -> Option<u64> {
    let total: u64 = buckets.iter().map(|(_, count)| *count).fold(0, u64::saturating_add);
    let mut left = total.saturating_mul(percent).div_ceil(100);
    for (bound, count) in buckets {
        if left <= *count {
            let lower = bound / 2;
            let inside = u128::from(bound - lower) * u128::from(left) / u128::from((*count).max(1));
            return Some(lower + u64::try_from(inside).unwrap_or(u64::MAX));
        }
        left -= count;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn distribution(count: u64, max: u64, buckets: &[(u64, u64)]) -> Distribution {
        Distribution { p50: 7, p99: 8, max, count, buckets: buckets.to_vec() }
    }

    #[test]
    fn percentiles_of_the_window_come_from_the_difference_of_buckets() {
        let before = distribution(1_000, 900_000, &[(100, 500), (1_000_000, 500)]);
        let now = distribution(1_100, 900_000, &[(100, 500), (200, 98), (6_400, 2), (1_000_000, 500)]);
        let quantiles = Quantiles::between(&now, &before);
        assert_eq!(quantiles, Quantiles { p50: Some(151), p99: Some(4_800), max: Some(6_400) });
        let since_start = Quantiles::since_start(&now);
        assert_eq!(since_start, Quantiles { p50: Some(7), p99: Some(8), max: Some(900_000) });
    }

    #[test]
    fn nothing_new_has_no_percentiles_and_no_value_is_above_the_largest() {
        let now = distribution(2, 70, &[(100, 2)]);
        assert_eq!(Quantiles::between(&now, &now), Quantiles::default());
        let quantiles = Quantiles::between(&now, &Distribution::default());
        assert_eq!((quantiles.p99, quantiles.max), (Some(70), Some(70)));
        assert_eq!(Quantiles::since_start(&Distribution::default()), Quantiles::default());
    }

    #[test]
    fn the_window_forgets_what_is_older_and_a_server_that_was_started_again() {
        let mut history = History::default();
        for second in 0..30_u32 {
            history.add(Snapshot { uptime_s: f64::from(second), ..Snapshot::default() });
        }
        let ends =
            |history: &History<Snapshot>| history.ends().map(|(_, oldest, elapsed_s)| (oldest.uptime_s, elapsed_s));
        assert_eq!(ends(&history), Some((19.0, 10.0)));
        history.add(Snapshot { uptime_s: 1.0, ..Snapshot::default() });
        assert_eq!(ends(&history), None, "one reading has no rate");
        history.add(Snapshot { uptime_s: 1.0, ..Snapshot::default() });
        assert_eq!(ends(&history), None, "no time has passed");
    }
}
