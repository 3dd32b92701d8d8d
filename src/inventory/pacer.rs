//! **Job:** holds the configured rate: peak shaving is that a burst waits in the feed and not here.
//! **Owns:** the arithmetic of it.
//! **Never:** reads a clock or waits: time is an argument.

use std::time::{Duration, Instant};

/// A burst is this fraction of a second's entries: enough that batches stay worth their commit, too little to matter.
const BURSTS_PER_SECOND: u32 = 10;

/// Leave to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Grant {
    /// So many entries may be applied now.
    Entries(u32),
    /// None yet; ask again after that time.
    Wait(Duration),
}

/// Counts entries against time: over any stretch of time at most `rate` per second and one burst more.
#[derive(Debug, Clone)]
pub(super) struct Pacer(Option<Pace>);

#[derive(Debug, Clone)]
struct Pace {
    /// Time that one entry costs.
    interval: Duration,
    /// Most entries at once.
    burst: u32,
    /// Time up to which everything is spent.
    spent_until: Instant,
}

impl Pacer {
    /// `rate` entries per second, 0 = no limit. It starts with one burst in hand.
    #[must_use]
    pub(super) fn new(rate: u32, now: Instant) -> Self {
        let pace = (rate > 0).then(|| {
            // Rounded up: a little slower than asked for, never faster.
            let interval = Duration::from_nanos(1_000_000_000u64.div_ceil(u64::from(rate)));
            let burst = (rate / BURSTS_PER_SECOND).max(1);
            Pace { interval, burst, spent_until: now.checked_sub(interval * burst).unwrap_or(now) }
        });
        Self(pace)
    }

    /// How many of `most` entries may be applied now. To keep commits few, it grants nothing until half a burst has
    /// come together.
    pub(super) fn grant(&mut self, most: u32, now: Instant) -> Grant {
        let Some(pace) = &mut self.0 else { return Grant::Entries(most) };
        let earliest = now.checked_sub(pace.interval * pace.burst).unwrap_or(pace.spent_until);
        pace.spent_until = pace.spent_until.max(earliest);
        let worthwhile = (pace.burst / 2).clamp(1, most.max(1));
        let worthwhile_at = pace.spent_until + pace.interval * worthwhile;
        if now < worthwhile_at {
            return Grant::Wait(worthwhile_at - now);
        }
        let entries = (now - pace.spent_until).as_nanos() / pace.interval.as_nanos();
        Grant::Entries(u32::try_from(entries).unwrap_or(u32::MAX).min(most))
    }

    /// Takes what was applied, at most what was granted.
    pub(super) fn spend(&mut self, entries: u32) {
        if let Some(pace) = &mut self.0 {
            pace.spent_until += pace.interval * entries;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Applies as fast as it may until `length` is over, `work` per batch. When, and how many.
    fn run(rate: u32, length: Duration, work: Duration) -> Vec<(Duration, u32)> {
        let begun = Instant::now();
        let (mut pacer, mut now, mut applied) = (Pacer::new(rate, begun), begun, Vec::new());
        while now - begun < length {
            match pacer.grant(256, now) {
                Grant::Wait(pause) => {
                    assert!(pause > Duration::ZERO);
                    now += pause;
                }
                Grant::Entries(entries) => {
                    assert!(entries > 0);
                    pacer.spend(entries);
                    applied.push((now - begun, entries));
                    now += work;
                }
            }
        }
        applied
    }

    fn most_in_a_second(applied: &[(Duration, u32)]) -> u32 {
        let within = |from: Duration| applied.iter().filter(move |(at, _)| (from..from + SECOND).contains(at));
        applied.iter().map(|(from, _)| within(*from).map(|(_, entries)| entries).sum()).max().unwrap_or(0)
    }

    const SECOND: Duration = Duration::from_secs(1);

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn no_second_sees_more_than_the_rate_and_one_burst(rate in 1u32..5_000, work_us in 0u64..20_000) {
            let applied = run(rate, SECOND * 3, Duration::from_micros(work_us));
            prop_assert!(most_in_a_second(&applied) <= rate + (rate / 10).max(1));
        }
    }

    #[test]
    fn the_rate_is_reached_when_work_is_cheap() {
        for rate in [1, 7, 10, 100, 1_000, 20_000] {
            let total: u32 =
                run(rate, SECOND * 10, Duration::from_micros(100)).iter().map(|(_, entries)| entries).sum();
            assert!(total >= rate * 19 / 2, "{total} in ten seconds at {rate} a second");
        }
    }

    #[test]
    fn a_pause_saves_up_one_burst_and_no_more() {
        let begun = Instant::now();
        let mut pacer = Pacer::new(100, begun);
        assert_eq!(pacer.grant(256, begun + SECOND * 60), Grant::Entries(10));
    }

    #[test]
    fn without_a_rate_everything_is_granted() {
        let now = Instant::now();
        let mut pacer = Pacer::new(0, now);
        pacer.spend(1_000_000);
        assert_eq!(pacer.grant(256, now), Grant::Entries(256));
    }
}
