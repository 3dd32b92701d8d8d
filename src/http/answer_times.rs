//! **Job:** counts what the attempts of a worker to buy were told, and how long each of them took.
//! **Owns:** one histogram an outcome.
//! **Never:** is shared by two workers: a reader adds them up.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use doorbuster_actors::request::Reason;

use super::problem::{BODY, NAMED, PURCHASE, WRITTEN};

/// Upper bounds in microseconds: from a fast answer of the gate to the five seconds within which everybody has theirs.
pub const BOUNDS_US: [u64; 12] =
    [250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 500_000, 1_000_000, 5_000_000];

/// What an attempt was told, or that nobody was left to tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// `201`, and the order is new.
    Confirmed,
    /// Anything else.
    Reason(Reason),
}

impl Told {
    /// Its name outside.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Confirmed => "confirmed",
            Self::Reason(reason) => reason.as_str(),
        }
    }

    fn index(self) -> usize {
        match self {
            Self::Confirmed => 0,
            Self::Reason(reason) => reason as usize + 1,
        }
    }

    /// Whether a purchase is ever told so, as far as is known.
    fn is_usual(self) -> bool {
        match self {
            Self::Confirmed => true,
            Self::Reason(reason) => {
                let beside = [Reason::Replayed, Reason::Disconnected, Reason::Unauthenticated];
                [&beside[..], NAMED, BODY, PURCHASE, WRITTEN].iter().any(|reasons| reasons.contains(&reason))
            }
        }
    }
}

/// The counters of one worker, on cache lines of their own.
#[derive(Debug)]
#[repr(align(64))]
pub struct AnswerTimes(Box<[Counts]>);

/// Of one outcome: as many in each bucket, the last one without a bound, and the sum.
#[derive(Debug, Default)]
struct Counts {
    buckets: [AtomicU64; BOUNDS_US.len() + 1],
    sum_us: AtomicU64,
}

/// A histogram as of now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Times {
    /// How many there were in each bucket, those without a bound last.
    pub buckets: [u64; BOUNDS_US.len() + 1],
    /// Microseconds of all.
    pub sum_us: u64,
}

impl Default for AnswerTimes {
    fn default() -> Self {
        Self((0..=Reason::ALL.len()).map(|_| Counts::default()).collect())
    }
}

impl AnswerTimes {
    /// An attempt begins. Dropped without an answer, its buyer has gone.
    #[must_use]
    pub fn begin(&self) -> Timed<'_> {
        Timed { times: self, started: Instant::now(), told: Told::Reason(Reason::Disconnected) }
    }

    fn record(&self, told: Told, took: Duration) {
        let took_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let counts = &self.0[told.index()];
        counts.buckets[BOUNDS_US.partition_point(|bound| *bound < took_us)].fetch_add(1, Ordering::Relaxed);
        counts.sum_us.fetch_add(took_us, Ordering::Relaxed);
    }

    /// What the attempts of several workers were told: everything that can be, also where it has not happened yet.
    #[must_use]
    pub fn sum(workers: &[&Self]) -> Vec<(Told, Times)> {
        let all = std::iter::once(Told::Confirmed).chain(Reason::ALL.iter().copied().map(Told::Reason));
        let seen = all.map(|told| {
            let times = workers.iter().fold(Times::default(), |times, worker| times.with(&worker.0[told.index()]));
            (told, times)
        });
        seen.filter(|(told, times)| told.is_usual() || times.count() > 0).collect()
    }
}

impl Times {
    fn with(mut self, counts: &Counts) -> Self {
        for (sum, bucket) in self.buckets.iter_mut().zip(&counts.buckets) {
            *sum += bucket.load(Ordering::Relaxed);
        }
        self.sum_us = self.sum_us.saturating_add(counts.sum_us.load(Ordering::Relaxed));
        self
    }

    /// How many there were.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }
}

/// An attempt that waits for its answer.
#[derive(Debug)]
pub struct Timed<'t> {
    times: &'t AnswerTimes,
    started: Instant,
    told: Told,
}

impl Timed<'_> {
    /// It has its answer now.
    pub fn tell(mut self, told: Told) {
        self.told = told;
    }
}

impl Drop for Timed<'_> {
    fn drop(&mut self) {
        self.times.record(self.told, self.started.elapsed());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(seen: &[(Told, Times)], told: Told) -> Times {
        seen.iter().find(|(other, _)| *other == told).map(|(_, times)| *times).expect("exported from the start")
    }

    #[test]
    fn every_outcome_of_a_purchase_is_there_before_it_happens() {
        let workers = [AnswerTimes::default(), AnswerTimes::default()];
        let seen = AnswerTimes::sum(&[&workers[0], &workers[1]]);
        let unknown = Told::Reason(Reason::OutcomeUnknown);
        for told in [Told::Confirmed, unknown, Told::Reason(Reason::Overloaded), Told::Reason(Reason::GateUnavailable)]
        {
            assert_eq!(of(&seen, told), Times::default());
        }
        assert!(seen.iter().all(|(told, _)| *told != Told::Reason(Reason::MethodNotAllowed)));
        workers[0].record(unknown, Duration::from_millis(4_500));
        workers[1].record(unknown, Duration::from_micros(250));
        workers[1].record(unknown, Duration::from_mins(1));
        let times = of(&AnswerTimes::sum(&[&workers[0], &workers[1]]), unknown);
        assert_eq!((times.count(), times.sum_us), (3, 64_500_250));
        assert_eq!(
            (times.buckets[0], times.buckets[11], times.buckets[12]),
            (1, 1, 1),
            "a bound belongs to its bucket"
        );
    }

    #[test]
    fn who_went_away_is_counted_as_such() {
        let times = AnswerTimes::default();
        times.begin().tell(Told::Confirmed);
        drop(times.begin());
        let seen = AnswerTimes::sum(&[&times]);
        assert_eq!(of(&seen, Told::Confirmed).count(), 1);
        assert_eq!(of(&seen, Told::Reason(Reason::Disconnected)).count(), 1);
    }
}
