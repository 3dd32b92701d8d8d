//! **Job:** how the receiver does as a whole: sent to, left alone for a while, or gone.
//! **Owns:** when failures are the receiver's and not an event's, and how long it then has its rest.
//! **Never:** knows a clock or chance: both are arguments, times in milliseconds since 1970.

use std::collections::BTreeSet;
use std::time::Duration;

use super::schedule::{millis, pause};

/// Different events that got no answer, with none accepted between them, from which the receiver is taken to be down.
/// So many are tried anyway, each at its own times; the others wait for one of these to get through.
const DOWN: usize = 100;

/// The longest pause between events that are tried for the first time while the receiver is down.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// The longest rest that a receiver can ask for with the answer to one event: the others wait for it, too.
const LONGEST_WISH: Duration = Duration::from_hours(1);

/// What an event that was not accepted says of the receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failure {
    /// It is there, and refused the event: none of the others' business.
    OfTheEvent,
    /// Nobody answered, or somebody who said so.
    OfTheReceiver,
}

impl Failure {
    /// What a status says: there are those of proxies in front of somebody who is not there.
    pub(super) fn of(status: u16) -> Self {
        match status {
            429 | 502..=504 => Self::OfTheReceiver,
            _other => Self::OfTheEvent,
        }
    }
}

/// The receiver as its answers show it.
#[derive(Debug, Default)]
pub(super) struct Endpoint {
    /// Events that got no answer since the last one that was accepted, the first of them.
    failed: BTreeSet<u64>,
    pauses: u32,
    fresh_from: i64,
    rest_until: i64,
    is_gone: bool,
}

impl Endpoint {
    /// How many events may be on their way, of `most`.
    pub(super) fn room(&self, now: i64, most: usize) -> usize {
        if self.is_gone || now < self.rest_until { 0 } else { most }
    }

    /// Whether an event may be tried for the first time.
    pub(super) fn takes_fresh(&self, now: i64) -> bool {
        !self.is_down() || now >= self.fresh_from
    }

    /// When more may be sent than now; `None` if nothing is held back.
    pub(super) fn more_from(&self, now: i64) -> Option<i64> {
        let fresh_from = if self.is_down() { self.fresh_from } else { 0 };
        [self.rest_until, fresh_from].into_iter().filter(|from| *from > now).min()
    }

    /// Whether nobody answers.
    pub(super) fn is_down(&self) -> bool {
        self.failed.len() >= DOWN
    }

    /// Whether it said that it is gone for good.
    pub(super) fn is_gone(&self) -> bool {
        self.is_gone
    }

    /// It accepted an event.
    pub(super) fn accepted(&mut self) {
        *self = Self { is_gone: self.is_gone, ..Self::default() };
    }

    /// It did not accept this event. `wish`: how long it wants to be left alone.
    pub(super) fn failed(&mut self, seq: u64, failure: Failure, now: i64, wish: Option<Duration>, chance: f64) {
        if failure == Failure::OfTheReceiver {
            if !self.is_down() {
                self.failed.insert(seq);
            }
            if self.is_down() && now >= self.fresh_from {
                self.pauses = self.pauses.saturating_add(1);
                self.fresh_from = now.saturating_add(millis(pause(self.pauses, chance).min(LONGEST_PAUSE)));
            }
        }
        let wish = wish.map_or(0, |wish| millis(wish.min(LONGEST_WISH)));
        self.rest_until = self.rest_until.max(now.saturating_add(wish));
    }

    /// It is gone for good (`410`), or somebody says that it is there again.
    pub(super) fn set_gone(&mut self, is_gone: bool) {
        *self = Self { is_gone, ..Self::default() };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_that_are_refused_cost_the_others_nothing() {
        let mut endpoint = Endpoint::default();
        for seq in 0..1_000 {
            endpoint.failed(seq, Failure::OfTheEvent, 0, None, 0.5);
            endpoint.failed(7, Failure::OfTheReceiver, 0, None, 0.5);
            assert_eq!((endpoint.room(0, 8), endpoint.takes_fresh(0), endpoint.more_from(0)), (8, true, None));
        }
    }

    #[test]
    fn a_receiver_that_is_down_gets_new_events_after_ever_longer_pauses() {
        let (mut endpoint, mut now, mut pauses) = (Endpoint::default(), 0, Vec::new());
        for seq in 1..100 {
            endpoint.failed(seq, Failure::OfTheReceiver, now, None, 0.5);
        }
        assert!(!endpoint.is_down() && endpoint.takes_fresh(now));
        for seq in 100..107 {
            endpoint.failed(seq, Failure::OfTheReceiver, now, None, 0.5);
            endpoint.failed(seq + 100, Failure::OfTheReceiver, now, None, 0.5);
            assert!(endpoint.is_down() && !endpoint.takes_fresh(now), "one at a time");
            assert_eq!(endpoint.room(now, 8), 8, "those that failed go at their own times");
            let from = endpoint.more_from(now).expect("a pause");
            pauses.push(from - now);
            now = from;
            assert!(endpoint.takes_fresh(now) && endpoint.more_from(now).is_none());
        }
        assert_eq!(pauses, [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
        endpoint.accepted();
        assert!(!endpoint.is_down() && endpoint.takes_fresh(now));
    }

    #[test]
    fn a_wish_is_granted_up_to_an_hour() {
        for (wish, granted) in [(0, None), (5, Some(5_000)), (86_400, Some(3_600_000))] {
            let mut endpoint = Endpoint::default();
            endpoint.failed(1, Failure::OfTheReceiver, 0, Some(Duration::from_secs(wish)), 0.5);
            assert_eq!((endpoint.more_from(0), endpoint.room(0, 8) == 0), (granted, granted.is_some()));
            assert_eq!(endpoint.room(granted.unwrap_or(0), 8), 8);
        }
    }

    #[test]
    fn who_is_gone_is_sent_nothing_until_somebody_says_so() {
        let mut endpoint = Endpoint::default();
        endpoint.set_gone(true);
        endpoint.accepted();
        assert_eq!((endpoint.room(i64::MAX, 8), endpoint.is_gone()), (0, true));
        endpoint.set_gone(false);
        assert_eq!(endpoint.room(0, 8), 8);
    }
}
