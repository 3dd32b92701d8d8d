//! **Job:** the circuit breaker of one kind of command: stops asking a server that does not answer it.
//! **Owns:** the row of failures, and the time until which nobody asks.
//! **Never:** reads a clock, talks to Redis, or knows what failed.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// Failures in a row that open the breaker. One is an accident; five at the default time-out are a quarter of a
/// second in which every attempt had to wait in vain.
pub const FAILURES_TO_OPEN: u32 = 5;

/// How long the breaker stays open, and how long a probe may take before the next one is let through. Short, because
/// a probe costs one time-out of one attempt; a Redis that came back is used again within this time.
pub const OPEN_FOR: Duration = Duration::from_secs(1);

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
pub enum CallPermit {
    /// One of many.
    Ordinary,
    /// The one call of a buyer that finds out whether Redis is back.
    Probe,
    /// A call for which nobody waits; it is allowed always.
    Background,
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
}

impl Breaker {
    pub(super) fn new(epoch: Instant) -> Self {
        Self {
            epoch,
            open_until: AtomicU64::new(CLOSED),
            failures_in_row: AtomicU32::new(0),
            opened_total: AtomicU64::new(0),
        }
    }

    /// Leave for one call, or `None` while the breaker is open.
    pub(super) fn permit(&self, now: Instant) -> Option<CallPermit> {
        let open_until = self.open_until.load(Relaxed);
        if open_until == CLOSED {
            return Some(CallPermit::Ordinary);
        }
        if self.nanos(now) < open_until {
            return None;
        }
        let next_probe_at = self.nanos(now + OPEN_FOR);
        let probe = self.open_until.compare_exchange(open_until, next_probe_at, Relaxed, Relaxed);
        probe.is_ok().then_some(CallPermit::Probe)
    }

    /// The call that was let through was answered.
    pub(super) fn succeeded(&self, permit: CallPermit) {
        if self.failures_in_row.load(Relaxed) != 0 {
            self.failures_in_row.store(0, Relaxed);
        }
        match permit {
            CallPermit::Ordinary => {} // a late answer to an old call; only a probe proves that Redis is back
            CallPermit::Probe | CallPermit::Background => {
                if self.open_until.load(Relaxed) != CLOSED {
                    self.open_until.store(CLOSED, Relaxed);
                }
            }
        }
    }

    /// The call that was let through was not answered, or not sensibly. Answers whether that opened the breaker.
    pub(super) fn failed(&self, permit: CallPermit, now: Instant) -> bool {
        let failures = self.failures_in_row.load(Relaxed).saturating_add(1);
        self.failures_in_row.fetch_add(1, Relaxed);
        match permit {
            CallPermit::Ordinary | CallPermit::Background if self.is_closed() => {
                failures >= FAILURES_TO_OPEN && self.open(now)
            }
            CallPermit::Ordinary => false,
            CallPermit::Probe | CallPermit::Background => {
                self.open_until.store(self.nanos(now + OPEN_FOR), Relaxed);
                false
            }
        }
    }

    /// Opens it without waiting for a row of failures. Answers whether it was closed.
    pub(super) fn open(&self, now: Instant) -> bool {
        let opened = self.open_until.compare_exchange(CLOSED, self.nanos(now + OPEN_FOR), Relaxed, Relaxed).is_ok();
        self.opened_total.fetch_add(u64::from(opened), Relaxed);
        opened
    }

    pub(super) fn state(&self, now: Instant) -> BreakerState {
        match self.open_until.load(Relaxed) {
            CLOSED => BreakerState::Closed,
            open_until if self.nanos(now) < open_until => BreakerState::Open,
            _ => BreakerState::HalfOpen,
        }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.open_until.load(Relaxed) == CLOSED
    }

    pub(super) fn failures_in_row(&self) -> u32 {
        self.failures_in_row.load(Relaxed)
    }

    /// How often the breaker went from closed to open.
    pub(super) fn opened_total(&self) -> u64 {
        self.opened_total.load(Relaxed)
    }

    fn nanos(&self, at: Instant) -> u64 {
        let nanos = at.saturating_duration_since(self.epoch).as_nanos();
        u64::try_from(nanos).unwrap_or(u64::MAX).saturating_add(1) // 584 years are for ever
    }
}

#[cfg(test)]
#[expect(clippy::unchecked_time_subtraction, reason = "a moment before the end of a constant span")]
mod tests {
    use super::*;

    fn opened(start: Instant) -> Breaker {
        let breaker = Breaker::new(start);
        for _ in 0..FAILURES_TO_OPEN {
            breaker.failed(CallPermit::Ordinary, start);
        }
        breaker
    }

    #[test]
    fn five_failures_in_a_row_open_it_and_four_do_not() {
        let start = Instant::now();
        let breaker = Breaker::new(start);
        for _ in 0..FAILURES_TO_OPEN - 1 {
            assert!(!breaker.failed(CallPermit::Ordinary, start));
        }
        breaker.succeeded(CallPermit::Ordinary);
        for _ in 0..FAILURES_TO_OPEN - 1 {
            assert!(!breaker.failed(CallPermit::Ordinary, start));
        }
        assert_eq!(breaker.state(start), BreakerState::Closed);
        assert!(breaker.failed(CallPermit::Ordinary, start));
        assert_eq!((breaker.state(start), breaker.opened_total()), (BreakerState::Open, 1));
        assert_eq!(breaker.permit(start + OPEN_FOR - Duration::from_nanos(1)), None);
    }

    #[test]
    fn one_probe_passes_after_the_pause_and_its_success_closes_it() {
        let start = Instant::now();
        let breaker = opened(start);
        let later = start + OPEN_FOR;
        assert_eq!(breaker.state(later), BreakerState::HalfOpen);
        assert_eq!(breaker.permit(later), Some(CallPermit::Probe));
        assert_eq!(breaker.permit(later), None);
        breaker.succeeded(CallPermit::Probe);
        assert_eq!(breaker.permit(later), Some(CallPermit::Ordinary));
    }

    #[test]
    fn a_failed_probe_costs_another_pause_and_a_lost_one_as_well() {
        let start = Instant::now();
        let breaker = opened(start);
        let later = start + OPEN_FOR;
        assert_eq!(breaker.permit(later), Some(CallPermit::Probe));
        assert!(!breaker.failed(CallPermit::Probe, later));
        assert_eq!(breaker.permit(later + OPEN_FOR - Duration::from_nanos(1)), None);
        assert_eq!(breaker.permit(later + OPEN_FOR), Some(CallPermit::Probe));
        assert_eq!(breaker.permit(later + 2 * OPEN_FOR), Some(CallPermit::Probe), "the one before never came back");
    }

    #[test]
    fn a_failure_in_the_background_keeps_buyers_from_being_the_probe() {
        let start = Instant::now();
        let breaker = opened(start);
        let later = start + OPEN_FOR / 2;
        assert!(!breaker.failed(CallPermit::Background, later));
        assert_eq!(breaker.permit(start + OPEN_FOR), None);
        breaker.succeeded(CallPermit::Background);
        assert_eq!(breaker.permit(start + OPEN_FOR), Some(CallPermit::Ordinary));
    }

    #[test]
    fn a_late_answer_to_an_old_call_does_not_close_it() {
        let start = Instant::now();
        let breaker = opened(start);
        breaker.succeeded(CallPermit::Ordinary);
        assert_eq!(breaker.state(start), BreakerState::Open);
        assert!(!breaker.failed(CallPermit::Ordinary, start), "open already");
    }
}
