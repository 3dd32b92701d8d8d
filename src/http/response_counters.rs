//! **Job:** counts the answers of a worker by their status, and the requests that wait for theirs.
//! **Owns:** one counter a status, how many requests are in flight, and the times of those that want to buy.
//! **Never:** counts a status that is none: there are five hundred.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use super::answer_times::AnswerTimes;

/// The lowest status of HTTP.
const FIRST: u16 = 100;

/// How many there can be: 100 to 599.
const STATUSES: usize = 500;

/// The counters of one worker, on cache lines of their own. A reader adds the workers up.
#[derive(Debug)]
#[repr(align(64))]
pub struct ResponseCounters {
    counts: Box<[AtomicU64]>,
    inside: AtomicUsize,
    /// What those who wanted to buy were told, and when.
    pub purchases: AnswerTimes,
}

impl Default for ResponseCounters {
    fn default() -> Self {
        Self {
            counts: (0..STATUSES).map(|_| AtomicU64::new(0)).collect(),
            inside: AtomicUsize::new(0),
            purchases: AnswerTimes::default(),
        }
    }
}

impl ResponseCounters {
    /// A request comes in; it leaves when the guard is dropped, answered or not.
    pub fn enter(&self) -> Inside<'_> {
        self.inside.fetch_add(1, Ordering::Relaxed);
        Inside(self)
    }

    /// Requests inside now.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.inside.load(Ordering::Relaxed)
    }

    /// Answers so far.
    #[must_use]
    pub fn answered(&self) -> u64 {
        self.counts.iter().map(|count| count.load(Ordering::Relaxed)).sum()
    }

    /// An answer goes out.
    pub fn count(&self, status: u16) {
        if let Some(count) = self.counts.get(usize::from(status.saturating_sub(FIRST))) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The answers so far of every status that occurred.
    pub fn observe(&self) -> impl Iterator<Item = (u16, u64)> + use<'_> {
        let counts = self.counts.iter().map(|count| count.load(Ordering::Relaxed));
        (FIRST..).zip(counts).filter(|(_, count)| *count > 0)
    }
}

/// A request that is being answered.
#[derive(Debug)]
pub struct Inside<'r>(&'r ResponseCounters);

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        self.0.inside.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_counted_by_status() {
        let responses = ResponseCounters::default();
        for status in [201, 409, 201, 599, 100, 7, 600] {
            responses.count(status);
        }
        assert_eq!(responses.answered(), 5);
        let seen: Vec<_> = responses.observe().collect();
        assert_eq!(seen, [(100, 2), (201, 2), (409, 1), (599, 1)], "what is below 100 cannot be sent");
    }

    #[test]
    fn who_is_inside_is_counted_until_he_leaves() {
        let responses = ResponseCounters::default();
        let (first, second) = (responses.enter(), responses.enter());
        assert_eq!(responses.in_flight(), 2);
        drop(first);
        assert_eq!(responses.in_flight(), 1);
        drop(second);
        assert_eq!(responses.in_flight(), 0);
    }
}
