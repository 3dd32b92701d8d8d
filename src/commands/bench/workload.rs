//! **Job:** says who buys what and when, before anything is sent.
//! **Owns:** arrivals, items and keys; all chance in it follows from the seed.
//! **Never:** looks at a clock or at an answer: a slow server does not change what was intended.

use std::time::Duration;

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt as _, SeedableRng as _};

use super::options::Arrival;

/// Purchases that belong together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::commands) struct Segment {
    /// When the first one may start.
    pub(in crate::commands) from: Duration,
    /// Purchases per second; `None`: all at once.
    pub(in crate::commands) rate: Option<f64>,
    /// Most purchases.
    pub(in crate::commands) count: u64,
    /// None starts at or after this.
    pub(in crate::commands) until: Duration,
}

/// The intended starts, in order: the same for everybody who has a copy.
#[derive(Debug, Clone)]
pub(in crate::commands) struct Schedule {
    segments: Vec<Segment>,
    arrival: Arrival,
    chance: Xoshiro256PlusPlus,
    at: usize,
    made: u64,
    seconds: f64,
}

impl Schedule {
    /// The share of generator thread `thread` of `threads` in the segments.
    pub(super) fn share(segments: &[Segment], arrival: Arrival, seed: u64, thread: u64, threads: u64) -> Self {
        let share = |segment: &Segment| Segment {
            // Evenly spaced purchases of several threads fall between each other.
            from: segment.from + segment.rate.map_or(Duration::ZERO, |rate| offset(arrival, rate, thread)),
            rate: segment.rate.map(|rate| rate / as_f64(threads)),
            count: share(segment.count, thread, threads),
            until: segment.until,
        };
        let segments: Vec<_> = segments.iter().map(share).collect();
        let seconds = segments.first().map_or(0.0, |first| first.from.as_secs_f64());
        Self {
            segments,
            arrival,
            chance: Xoshiro256PlusPlus::seed_from_u64(seed ^ (thread << 32)),
            at: 0,
            made: 0,
            seconds,
        }
    }

    fn gap(&mut self, rate: f64) -> f64 {
        match self.arrival {
            Arrival::Constant => 1.0 / rate,
            // 1 − u is never 0, so the logarithm is a number.
            Arrival::Poisson => -(1.0 - self.chance.random::<f64>()).ln() / rate,
        }
    }
}

impl Iterator for Schedule {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        loop {
            let segment = *self.segments.get(self.at)?;
            let start = Duration::from_secs_f64(self.seconds);
            if self.made < segment.count && start < segment.until {
                self.made += 1;
                self.seconds += segment.rate.map_or(0.0, |rate| self.gap(rate));
                return Some(start);
            }
            self.at += 1;
            self.made = 0;
            self.seconds = self.segments.get(self.at).map_or(0.0, |next| next.from.as_secs_f64());
        }
    }
}

fn offset(arrival: Arrival, rate: f64, thread: u64) -> Duration {
    match arrival {
        Arrival::Constant => Duration::from_secs_f64(as_f64(thread) / rate),
        Arrival::Poisson => Duration::ZERO,
    }
}

/// What of `count` falls to `thread`.
pub(super) fn share(count: u64, thread: u64, threads: u64) -> u64 {
    count / threads + u64::from(thread < count % threads)
}

#[expect(clippy::cast_precision_loss, reason = "counts far below 2^53")]
pub(super) fn as_f64(count: u64) -> f64 {
    count as f64
}

/// One purchase: the numbers of the buyer and the item, and the key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Purchase {
    pub(super) user: usize,
    pub(super) item: usize,
    pub(super) key: String,
}

/// Who wants what, one after the other.
pub(super) struct Purchases {
    run: String,
    users: u64,
    clicks: u64,
    /// Sums of the items' probabilities; the last is 1.
    popularity: Vec<f64>,
    chance: Xoshiro256PlusPlus,
    next: u64,
    step: u64,
}

/// What all generator threads' purchases have in common.
#[derive(Debug, Clone)]
pub(in crate::commands) struct Workload {
    /// Name of the run, in every key.
    pub(in crate::commands) run: String,
    pub(in crate::commands) users: u64,
    pub(in crate::commands) clicks: u64,
    pub(in crate::commands) items: usize,
    pub(in crate::commands) zipf: f64,
    pub(in crate::commands) seed: u64,
}

impl Purchases {
    pub(super) fn share(workload: &Workload, thread: u64, threads: u64) -> Self {
        Self {
            run: workload.run.clone(),
            users: workload.users,
            clicks: workload.clicks,
            popularity: popularity(workload.items, workload.zipf),
            chance: Xoshiro256PlusPlus::seed_from_u64(!workload.seed ^ (thread << 32)),
            next: thread,
            step: threads,
        }
    }

    pub(super) fn next(&mut self) -> Purchase {
        let number = self.next;
        self.next += self.step;
        let place = self.chance.random::<f64>();
        let item = self.popularity.partition_point(|sum| *sum <= place).min(self.popularity.len() - 1);
        let user = usize::try_from((number / self.clicks) % self.users).expect("users are in memory");
        Purchase { user, item, key: format!("{}-{number}", self.run) }
    }
}

/// Zipf: the k-th item is wanted as often as 1/k^exponent says.
fn popularity(items: usize, exponent: f64) -> Vec<f64> {
    let weights = (1..=items).map(|rank| as_f64(rank as u64).powf(-exponent));
    let total: f64 = weights.clone().sum();
    weights
        .scan(0.0, |sum, weight| {
            Some({
                *sum += weight / total;
                *sum
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steady(rate: f64, seconds: u64) -> Segment {
        Segment { from: Duration::ZERO, rate: Some(rate), count: u64::MAX, until: Duration::from_secs(seconds) }
    }

    #[test]
    fn a_schedule_has_the_intended_rate() {
        for (arrival, tolerance) in [(Arrival::Constant, 1), (Arrival::Poisson, 300)] {
            for threads in [1, 3] {
                let shares =
                    (0..threads).map(|thread| Schedule::share(&[steady(1000.0, 10)], arrival, 7, thread, threads));
                let starts: Vec<_> = shares.flatten().collect();
                assert!(starts.len().abs_diff(10_000) <= tolerance, "{arrival:?}: {}", starts.len());
                let early = starts.iter().filter(|start| **start < Duration::from_secs(5)).count();
                assert!(early.abs_diff(5_000) <= tolerance, "{arrival:?}: {early}");
            }
        }
    }

    #[test]
    fn the_same_seed_is_the_same_schedule_and_another_another() {
        let starts = |seed| Schedule::share(&[steady(100.0, 2)], Arrival::Poisson, seed, 0, 1).collect::<Vec<_>>();
        assert_eq!(starts(3), starts(3));
        assert_ne!(starts(3), starts(4));
        assert!(starts(3).is_sorted());
    }

    #[test]
    fn a_spike_is_nobody_then_everybody_then_the_tail() {
        let t0 = Duration::from_secs(1);
        let burst = Segment { from: t0, rate: None, count: 1_000, until: Duration::MAX };
        let tail = Segment { from: t0, rate: Some(10.0), count: u64::MAX, until: Duration::from_secs(3) };
        let starts: Vec<_> = Schedule::share(&[burst, tail], Arrival::Constant, 1, 0, 1).collect();
        assert!(starts[..1_000].iter().all(|start| *start == t0));
        assert!(starts.len().abs_diff(1_020) <= 1, "{}", starts.len());
        assert!(starts.is_sorted());
    }

    #[test]
    fn the_first_item_is_wanted_as_often_as_zipf_says() {
        let workload = Workload { run: "r".into(), users: 10, clicks: 2, items: 4, zipf: 1.0, seed: 5 };
        let mut counts = [0; 4];
        let mut purchases = Purchases::share(&workload, 0, 1);
        (0..25_000).for_each(|_| counts[purchases.next().item] += 1);
        for (count, expected) in counts.into_iter().zip([12_000_u64, 6_000, 4_000, 3_000]) {
            assert!(u64::abs_diff(count, expected) < 400, "{counts:?}");
        }
    }

    #[test]
    fn threads_share_buyers_and_never_a_key() {
        let workload = Workload { run: "r".into(), users: 4, clicks: 2, items: 1, zipf: 0.0, seed: 5 };
        let mut purchases = [Purchases::share(&workload, 0, 2), Purchases::share(&workload, 1, 2)];
        let all: Vec<_> = (0..8).map(|turn| purchases[turn % 2].next()).collect();
        assert_eq!(all.iter().map(|wish| wish.user).collect::<Vec<_>>(), [0, 0, 1, 1, 2, 2, 3, 3]);
        assert_eq!(all.iter().map(|wish| &wish.key).collect::<std::collections::BTreeSet<_>>().len(), 8);
    }
}
