//! **Job:** the circuit breaker of the process's Redis: stops asking a server that does not answer.
//! **Owns:** the row of failures, the time until which nobody asks, and the pace of the log lines about both.
//! **Never:** reads a clock, talks to Redis, or knows what failed.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// Failures in a row that open the breaker. One is an accident; five at the default time-out are a quarter of a
/// second in which every attempt had to wait in vain.
pub const FAILURES_TO_OPEN: u32 = 5;

/// How long the breaker stays open, and how long a probe may take before the next one is let through. Short, because
/// a probe costs one time-out of one attempt; a Redis that came back is used again within this time.
pub const OPEN_FOR: Duration = Duration::from_secs(1);

/// Smallest distance between two warnings. A Redis that flaps every second must not fill the log.
const LOG_EVERY: Duration = Duration::from_secs(10);

/// `open_until` of a closed breaker. Times are stored plus one nanosecond, so no time is mistaken for it.
const CLOSED: u64 = 0;

/// The breaker's position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BreakerState {
    /// Calls go to Redis.
    Closed,
    /// Calls fail at once.
    Open,
    /// The next call is the probe.
    HalfOpen,
}

/// Leave to make one call. It is handed back with the call's result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LayerCounters {
    /// One of many.
    Ordinary,
    /// The one call that finds out whether Redis is back.
    Probe,
}

/// Whether a change of position is to be written to the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Notice {
    /// The breaker opened just now, and no warning was written lately.
    Opened,
    /// The breaker closed just now, and its opening was written.
    Closed,
}

/// Shared by all workers. A position is one atomic number, so a probe that vanishes (its worker stopped) cannot keep
/// the breaker open: its leave expires like the pause before it.
#[derive(Debug)]
pub(super) struct Breaker {
    epoch: Instant,
    /// Nanoseconds since `epoch` until which calls fail at once, or `CLOSED`.
    open_until: AtomicU64,
    failures_in_row: AtomicU32,
    opened_total: AtomicU64,
    /// Nanoseconds since `epoch` of the last warning, or `CLOSED` before the first.
    warned_at: AtomicU64,
    /// The last warning has not been followed by its all-clear.
    warned: AtomicBool,
}

impl Breaker {
    pub(super) fn new(epoch: Instant) -> Self {
        Self {
            epoch,
            open_until: AtomicU64::new(CLOSED),
            failures_in_row: AtomicU32::new(0),
            opened_total: AtomicU64::new(0),
            warned_at: AtomicU64::new(CLOSED),
            warned: AtomicBool::new(false),
        }
    }

    /// Leave for one call, or `None` while the breaker is open.
    pub(super) fn layer_counters(&self, now: Instant) -> Option<LayerCounters> {
        let open_until = self.open_until.load(Relaxed);
        if open_until == CLOSED {
            return Some(LayerCounters::Ordinary);
        }
        if self.nanos(now) < open_until {
            return None;
        }
        let next_probe_at = self.nanos(now + OPEN_FOR);
        let probe = self.open_until.compare_exchange(open_until, next_probe_at, Relaxed, Relaxed);
        probe.is_ok().then_some(LayerCounters::Probe)
    }

    /// The call that was let through was answered.
    pub(super) fn succeeded(&self, layer_counters: LayerCounters) -> Option<Notice> {
        if self.failures_in_row.load(Relaxed) != 0 {
            self.failures_in_row.store(0, Relaxed);
        }
        match layer_counters {
            LayerCounters::Ordinary => None, // a late answer to an old call; only the probe proves that Redis is back
            LayerCounters::Probe => {
                self.open_until.store(CLOSED, Relaxed);
                self.warned.swap(false, Relaxed).then_some(Notice::Closed)
            }
        }
    }

    /// The call that was let through was not answered, or not sensibly.
    pub(super) fn failed(&self, layer_counters: LayerCounters, now: Instant) -> Option<Notice> {
        let open_until = self.nanos(now + OPEN_FOR);
        match layer_counters {
            LayerCounters::Ordinary => {
                let failures = self.failures_in_row.fetch_add(1, Relaxed).saturating_add(1);
                if failures < FAILURES_TO_OPEN {
                    return None;
                }
                self.open_until.compare_exchange(CLOSED, open_until, Relaxed, Relaxed).ok()?;
                self.opened_total.fetch_add(1, Relaxed);
                self.may_warn(now).then_some(Notice::Opened)
            }
            LayerCounters::Probe => {
                self.open_until.store(open_until, Relaxed);
                None
            }
        }
    }

    pub(super) fn state(&self, now: Instant) -> BreakerState {
        match self.open_until.load(Relaxed) {
            CLOSED => BreakerState::Closed,
            open_until if self.nanos(now) < open_until => BreakerState::Open,
            _ => BreakerState::HalfOpen,
        }
    }

    /// How often the breaker went from closed to open.
    pub(super) fn opened_total(&self) -> u64 {
        self.opened_total.load(Relaxed)
    }

    fn may_warn(&self, now: Instant) -> bool {
        let (last, now) = (self.warned_at.load(Relaxed), self.nanos(now));
        if last != CLOSED && now.saturating_sub(last) < nanos(LOG_EVERY) {
            return false;
        }
        self.warned_at.store(now, Relaxed);
        self.warned.store(true, Relaxed);
        true
    }

    fn nanos(&self, at: Instant) -> u64 {
        nanos(at.saturating_duration_since(self.epoch)).saturating_add(1)
    }
}

/// Saturating: 584 years are for ever.
fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
#[expect(clippy::unchecked_time_subtraction, reason = "a moment before the end of a constant span")]
mod tests {
    use super::*;

    fn opened(start: Instant) -> Breaker {
        let breaker = Breaker::new(start);
        for _ in 0..FAILURES_TO_OPEN {
            breaker.failed(LayerCounters::Ordinary, start);
        }
        breaker
    }

    #[test]
    fn five_failures_in_a_row_open_it_and_four_do_not() {
        let start = Instant::now();
        let breaker = Breaker::new(start);
        for _ in 0..FAILURES_TO_OPEN - 1 {
            assert_eq!(breaker.failed(LayerCounters::Ordinary, start), None);
        }
        breaker.succeeded(LayerCounters::Ordinary);
        for _ in 0..FAILURES_TO_OPEN - 1 {
            assert_eq!(breaker.failed(LayerCounters::Ordinary, start), None);
        }
        assert_eq!(breaker.state(start), BreakerState::Closed);
        assert_eq!(breaker.failed(LayerCounters::Ordinary, start), Some(Notice::Opened));
        assert_eq!((breaker.state(start), breaker.opened_total()), (BreakerState::Open, 1));
        assert_eq!(breaker.layer_counters(start + OPEN_FOR - Duration::from_nanos(1)), None);
    }

    #[test]
    fn one_probe_passes_after_the_pause_and_its_success_closes_it() {
        let start = Instant::now();
        let breaker = opened(start);
        let later = start + OPEN_FOR;
        assert_eq!(breaker.state(later), BreakerState::HalfOpen);
        assert_eq!(breaker.layer_counters(later), Some(LayerCounters::Probe));
        assert_eq!(breaker.layer_counters(later), None);
        assert_eq!(breaker.succeeded(LayerCounters::Probe), Some(Notice::Closed));
        assert_eq!(breaker.layer_counters(later), Some(LayerCounters::Ordinary));
    }

    #[test]
    fn a_failed_probe_keeps_it_open_for_another_pause() {
        let start = Instant::now();
        let breaker = opened(start);
        let later = start + OPEN_FOR;
        assert_eq!(breaker.layer_counters(later), Some(LayerCounters::Probe));
        assert_eq!(breaker.failed(LayerCounters::Probe, later), None);
        assert_eq!(breaker.layer_counters(later + OPEN_FOR - Duration::from_nanos(1)), None);
        assert_eq!(breaker.layer_counters(later + OPEN_FOR), Some(LayerCounters::Probe));
        assert_eq!(breaker.opened_total(), 1);
    }

    #[test]
    fn a_probe_that_vanishes_is_followed_by_the_next() {
        let start = Instant::now();
        let breaker = opened(start);
        assert_eq!(breaker.layer_counters(start + OPEN_FOR), Some(LayerCounters::Probe));
        assert_eq!(breaker.layer_counters(start + 2 * OPEN_FOR), Some(LayerCounters::Probe));
    }

    #[test]
    fn a_late_answer_to_an_old_call_does_not_close_it() {
        let start = Instant::now();
        let breaker = opened(start);
        breaker.succeeded(LayerCounters::Ordinary);
        assert_eq!(breaker.state(start), BreakerState::Open);
    }

    #[test]
    fn a_flapping_redis_is_warned_of_once_in_ten_seconds() {
        let start = Instant::now();
        let breaker = opened(start);
        let reopen = |at: Instant| {
            assert_eq!(breaker.layer_counters(at), Some(LayerCounters::Probe));
            let closed = breaker.succeeded(LayerCounters::Probe);
            let opened = (0..FAILURES_TO_OPEN).find_map(|_| breaker.failed(LayerCounters::Ordinary, at));
            (closed, opened)
        };
        assert_eq!(reopen(start + OPEN_FOR), (Some(Notice::Closed), None));
        assert_eq!(reopen(start + 2 * OPEN_FOR), (None, None));
        assert_eq!(reopen(start + LOG_EVERY), (None, Some(Notice::Opened)));
    }
}
