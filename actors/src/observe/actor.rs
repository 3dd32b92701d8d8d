//! **Job:** what one actor did: how many messages wait for it, how many it handled, how long they waited and took.
//! **Owns:** the depth gauge of a mailbox and the counters of its actor.
//! **Never:** costs an idle actor more than a few words: its distributions are made with its first message.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Instant;

use parking_lot::{Mutex, MutexGuard};

use super::{Distribution, DistributionSnapshot};

/// How many messages wait for an actor. The mailbox itself cannot be asked for its length.
#[derive(Debug, Default)]
pub struct MailboxGauge {
    depth: AtomicU32,
    high_water: AtomicU32,
}

impl MailboxGauge {
    /// Messages were sent.
    pub fn enter(&self, messages: usize) {
        let messages = u32::try_from(messages).expect("far fewer may be in flight");
        let depth = self.depth.fetch_add(messages, Ordering::Relaxed) + messages;
        // Read before writing: the mark moves rarely, and a plain read does not take the line from other cores.
        if depth > self.high_water.load(Ordering::Relaxed) {
            self.high_water.fetch_max(depth, Ordering::Relaxed);
        }
    }

    /// Messages were taken up.
    pub fn leave(&self, messages: usize) {
        let messages = u32::try_from(messages).expect("as many came");
        self.depth.fetch_sub(messages, Ordering::Relaxed);
    }

    /// Messages sent and not yet taken up.
    #[must_use]
    pub fn depth(&self) -> u32 {
        self.depth.load(Ordering::Relaxed)
    }

    /// The most there ever were.
    #[must_use]
    pub fn high_water(&self) -> u32 {
        self.high_water.load(Ordering::Relaxed)
    }
}

/// The counters of one actor. Written by its thread alone, read by whoever observes.
#[derive(Debug, Default)]
pub struct ActorCounters {
    handled: AtomicU64,
    timings: OnceLock<Box<Mutex<Timings>>>,
}

#[derive(Debug)]
struct Timings {
    wait: Distribution,
    handle: Distribution,
}

/// An actor as of now.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ActorSnapshot {
    /// Messages handled since the start.
    pub handled: u64,
    /// Microseconds from the posting of a message until it was taken up.
    pub wait_us: DistributionSnapshot,
    /// Microseconds that a message took.
    pub handle_us: DistributionSnapshot,
}

impl ActorCounters {
    /// `messages` were handled. If they were stamped when they were posted: how long they waited and took.
    pub(crate) fn handled(&self, messages: usize, posted: Option<Instant>, taken_up: Instant) {
        self.handled.fetch_add(messages as u64, Ordering::Relaxed);
        if let Some(posted) = posted {
            let mut timings = self.timings();
            timings.wait.record_time(taken_up.saturating_duration_since(posted));
            timings.handle.record_time(taken_up.elapsed());
        }
    }

    /// Work that no message asked for took this long.
    pub(crate) fn worked_since(&self, taken_up: Instant) {
        self.timings().handle.record_time(taken_up.elapsed());
    }

    fn timings(&self) -> MutexGuard<'_, Timings> {
        let new = || Box::new(Mutex::new(Timings { wait: Distribution::coarse(), handle: Distribution::coarse() }));
        self.timings.get_or_init(new).lock()
    }

    /// Messages handled since the start.
    #[must_use]
    pub fn handled_total(&self) -> u64 {
        self.handled.load(Ordering::Relaxed)
    }

    /// The 99th percentiles of waiting and handling, in microseconds: what a table is sorted by.
    #[must_use]
    pub fn p99s_us(&self) -> (u64, u64) {
        self.timings.get().map_or((0, 0), |timings| {
            let timings = timings.lock();
            (timings.wait.p99(), timings.handle.p99())
        })
    }

    /// What there is now.
    #[must_use]
    pub fn observe(&self) -> ActorSnapshot {
        let handled = self.handled_total();
        let Some(timings) = self.timings.get() else { return ActorSnapshot { handled, ..ActorSnapshot::default() } };
        let timings = timings.lock();
        ActorSnapshot { handled, wait_us: timings.wait.snapshot(), handle_us: timings.handle.snapshot() }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_letter_without_a_stamp_is_counted_and_not_timed() {
        let counters = ActorCounters::default();
        let posted = Instant::now();
        counters.handled(3, None, posted);
        assert_eq!(counters.observe(), ActorSnapshot { handled: 3, ..ActorSnapshot::default() });
        assert!(counters.timings.get().is_none(), "an actor that nobody times costs a few words");
        counters.handled(1, Some(posted), posted + Duration::from_millis(2));
        let seen = counters.observe();
        assert_eq!((seen.handled, seen.wait_us.count, seen.wait_us.max), (4, 1, 2000));
    }
}
