//! **Job:** counts the answers of a worker by their status.
//! **Owns:** one counter a status.
//! **Never:** counts a status that is none: there are five hundred.

use std::sync::atomic::{AtomicU64, Ordering};

/// The lowest status of HTTP.
const FIRST: u16 = 100;

/// How many there can be: 100 to 599.
const STATUSES: usize = 500;

/// The counters of one worker. A reader adds the workers up.
#[derive(Debug)]
pub struct Responses {
    counts: Box<[AtomicU64]>,
}

impl Default for Responses {
    fn default() -> Self {
        Self { counts: (0..STATUSES).map(|_| AtomicU64::new(0)).collect() }
    }
}

impl Responses {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_counted_by_status() {
        let responses = Responses::default();
        for status in [201, 409, 201, 599, 100, 7, 600] {
            responses.count(status);
        }
        let seen: Vec<_> = responses.observe().collect();
        assert_eq!(seen, [(100, 2), (201, 2), (409, 1), (599, 1)], "what is below 100 cannot be sent");
    }
}
