//! **Job:** remembers the readings of the last seconds.
//! **Owns:** how far back the rules look.
//! **Never:** grows: what is older than the window is forgotten.

use std::collections::VecDeque;

use super::reading::Reading;

/// How far back percentiles and slow growth look, in seconds: long enough for a p99 of a quiet actor, short enough to
/// show recovery.
pub const WINDOW_S: f64 = 10.0;

/// How far back "is it moving at all" looks, in seconds: evens out the jitter of one reading.
pub const RECENT_S: f64 = 3.0;

/// Readings come about once a second: one that is so much too young still counts.
const TOLERANCE_S: f64 = 0.5;

/// The readings of the window, oldest first.
#[derive(Debug, Default)]
pub struct History(VecDeque<Reading>);

impl History {
    /// Takes a reading in.
    pub fn add(&mut self, reading: Reading) {
        let begin = reading.uptime_s - WINDOW_S;
        self.0.push_back(reading);
        while self.0.len() > 2 && self.0[1].uptime_s <= begin {
            self.0.pop_front();
        }
    }

    /// The newest.
    #[must_use]
    pub fn latest(&self) -> Option<&Reading> {
        self.0.back()
    }

    /// The newest that is about so many seconds older than the latest, else the oldest; none if there is one only.
    #[must_use]
    pub fn ago(&self, seconds: f64) -> Option<&Reading> {
        let until = self.latest()?.uptime_s - seconds + TOLERANCE_S;
        let mut before = self.0.iter().rev().skip(1);
        before.find(|reading| reading.uptime_s <= until).or_else(|| self.0.front().filter(|_| self.0.len() > 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_past_is_bounded_and_found_by_its_age() {
        let mut history = History::default();
        assert!(history.latest().is_none() && history.ago(RECENT_S).is_none());
        let uptime_s = |reading: Option<&Reading>| reading.map(|reading| reading.uptime_s);
        for second in 0..60_u32 {
            history.add(Reading { uptime_s: f64::from(second), ..Reading::default() });
            let found = (uptime_s(history.ago(RECENT_S)), uptime_s(history.ago(WINDOW_S)));
            match second {
                0 => assert_eq!(found, (None, None), "one reading has no past"),
                1..=3 => assert_eq!(found, (Some(0.0), Some(0.0)), "the oldest there is"),
                10.. => assert_eq!(found, (Some(f64::from(second - 3)), Some(f64::from(second - 10)))),
                4..10 => assert_eq!(found, (Some(f64::from(second - 3)), Some(0.0))),
            }
            assert!(history.0.len() <= 11, "{}", history.0.len());
        }
    }
}
