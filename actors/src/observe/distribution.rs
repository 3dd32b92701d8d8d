//! **Job:** how often which value occurred: waiting times, sizes of batches.
//! **Owns:** the precision of each, and so its size: it grows with the range of its values, never with their number.
//! **Never:** forgets: it only grows from the start of the process on, so that readers can subtract.

use std::time::Duration;

use hdrhistogram::Histogram;

/// Largest value that is told apart from larger ones: in microseconds, 17 minutes. No message waits as long.
const MAX_VALUE: u64 = 1 << 30;

/// Values and how often they occurred.
#[derive(Debug, Clone)]
pub struct Distribution {
    histogram: Histogram<u64>,
    sum: u64,
    max: u64,
}

/// A distribution as of now.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DistributionSnapshot {
    /// Half of the values are at most this.
    pub p50: u64,
    /// 99 of 100 values are at most this.
    pub p99: u64,
    /// The largest value, exactly.
    pub max: u64,
    /// How many values there were.
    pub count: u64,
    /// Their sum, exactly.
    pub sum: u64,
    /// Upper bound and number of values between it and the bound before; bounds double, empty stretches are left out.
    pub buckets: Vec<(u64, u64)>,
}

impl Distribution {
    /// One that tells values apart that differ by 6 %: at most 3 KiB. There are two for every actor.
    #[must_use]
    pub fn coarse() -> Self {
        Self::with_digits(1)
    }

    /// One that tells values apart that differ by 1 %: at most 26 KiB.
    #[must_use]
    pub fn fine() -> Self {
        Self::with_digits(2)
    }

    fn with_digits(digits: u8) -> Self {
        let histogram = Histogram::new(digits).expect("the library knows 0 to 5 digits");
        Self { histogram, sum: 0, max: 0 }
    }

    /// A value occurred.
    pub fn record(&mut self, value: u64) {
        self.sum = self.sum.saturating_add(value);
        self.max = self.max.max(value);
        self.histogram.record(value.min(MAX_VALUE)).expect("it resizes itself up to any value");
    }

    /// A time occurred; counted in whole microseconds.
    pub fn record_time(&mut self, time: Duration) {
        self.record(u64::try_from(time.as_micros()).unwrap_or(u64::MAX));
    }

    /// What there is now.
    #[must_use]
    pub fn snapshot(&self) -> DistributionSnapshot {
        let histogram = &self.histogram;
        let doubling = histogram.iter_log(1, 2.0);
        let bucket = |step: hdrhistogram::iterators::IterationValue<u64>| {
            (step.value_iterated_to(), step.count_since_last_iteration())
        };
        DistributionSnapshot {
            p50: histogram.value_at_quantile(0.5).min(self.max),
            p99: self.p99(),
            max: self.max,
            count: histogram.len(),
            sum: self.sum,
            buckets: doubling.map(bucket).filter(|(_, count)| *count > 0).collect(),
        }
    }

    /// 99 of 100 values are at most this.
    #[must_use]
    pub fn p99(&self) -> u64 {
        self.histogram.value_at_quantile(0.99).min(self.max)
    }

    /// How many values were at most `bound`, to the precision of the distribution.
    #[must_use]
    pub fn count_up_to(&self, bound: u64) -> u64 {
        self.histogram.count_between(0, bound)
    }

    /// How many values there were, and their sum.
    #[must_use]
    pub fn count_and_sum(&self) -> (u64, u64) {
        (self.histogram.len(), self.sum)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_says_count_sum_and_largest_exactly() {
        let mut distribution = Distribution::coarse();
        for value in [0, 1, 7, 1000, 1001, 123_456] {
            distribution.record(value);
        }
        let seen = distribution.snapshot();
        assert_eq!((seen.count, seen.sum, seen.max), (6, 125_465, 123_456));
        assert_eq!(seen.buckets.iter().map(|(_, count)| count).sum::<u64>(), 6, "{:?}", seen.buckets);
        assert!((7..8).contains(&seen.p50) && seen.p99 == 123_456, "{seen:?}");
        assert_eq!((distribution.count_up_to(10), distribution.count_up_to(MAX_VALUE)), (3, 6));
    }

    #[test]
    fn the_size_is_bounded_whatever_occurs() {
        let mut distribution = Distribution::coarse();
        for shift in 0..64 {
            distribution.record(u64::MAX >> shift);
        }
        assert!(distribution.histogram.distinct_values() * size_of::<u64>() <= 4096);
        assert_eq!(distribution.snapshot().count, 64);
    }
}
