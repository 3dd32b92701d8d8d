//! **Job:** when an event is tried again, and when it is given up.
//! **Owns:** the back-off: its first pause, how it grows, how long it may become.
//! **Never:** knows a clock or chance: both are arguments.

use std::time::Duration;

/// The pause after the first failure; it doubles with each further one. A deployment of the receiver takes seconds.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// The longest pause: so late at most is noticed that the receiver takes the event after all.
const LONGEST_PAUSE: Duration = Duration::from_hours(1);

/// The longest pause that a receiver may ask for (`Retry-After`).
const LONGEST_WISH: Duration = Duration::from_hours(24);

/// A pause is between 80 and 120 % of what it would be, so that what failed together does not come back together.
const JITTER: f64 = 0.4;

/// What becomes of an event that was not accepted. Times are milliseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// It is tried again at this time.
    At(i64),
    /// It has been tried for long enough.
    GiveUp,
}

/// How long events are tried.
#[derive(Debug, Clone, Copy)]
pub(super) struct Schedule {
    /// From the first attempt on.
    pub(super) retry_for: Duration,
}

impl Schedule {
    /// What becomes of an event that has failed `attempts` times, first at `first`, last at `now`. `wish`: what the
    /// receiver said in `Retry-After`. `chance`: 0 to 1. The last attempt is at the end of the time, or when the
    /// receiver wants it.
    pub(super) fn next(self, first: i64, now: i64, attempts: u32, wish: Option<Duration>, chance: f64) -> Next {
        let end = first.saturating_add(millis(self.retry_for));
        if now >= end {
            return Next::GiveUp;
        }
        let wish = wish.map_or(0, |wish| millis(wish.min(LONGEST_WISH)));
        let regular = now.saturating_add(millis(pause(attempts, chance))).min(end);
        Next::At(regular.max(now.saturating_add(wish)))
    }
}

/// When a stored event is due: a clock that was set back must not put it off for longer than any pause.
pub(super) fn bounded(due: i64, now: i64) -> i64 {
    due.min(now.saturating_add(millis(LONGEST_WISH)))
}

/// The pause after that many failures of one event.
pub(super) fn pause(failures: u32, chance: f64) -> Duration {
    let doubled = 2_u32.checked_pow(failures.saturating_sub(1)).map_or(LONGEST_PAUSE, |times| FIRST_PAUSE * times);
    doubled.min(LONGEST_PAUSE).mul_f64(1.0 - JITTER / 2.0 + JITTER * chance)
}

pub(super) fn millis(length: Duration) -> i64 {
    i64::try_from(length.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 24 * 3_600 * 1_000;
    const THREE_DAYS: Schedule = Schedule { retry_for: Duration::from_hours(72) };

    /// Times of all attempts of an event that never succeeds, first at `first`.
    fn attempts(first: i64, wish: Option<Duration>, chance: f64) -> Vec<i64> {
        let mut times = vec![first];
        loop {
            let (now, made) = (times[times.len() - 1], u32::try_from(times.len()).expect("few"));
            match THREE_DAYS.next(first, now, made, wish, chance) {
                Next::At(next) => times.push(next),
                Next::GiveUp => return times,
            }
        }
    }

    #[test]
    fn an_event_is_tried_for_three_days_and_then_given_up() {
        for chance in [0.0, 0.5, 1.0] {
            let times = attempts(1_000, None, chance);
            assert_eq!(times[times.len() - 1], 1_000 + 3 * DAY, "the last attempt is at the end");
            assert!((60..120).contains(&times.len()), "{}", times.len());
            assert!(times.is_sorted_by(|one, next| one < next));
        }
    }

    #[test]
    fn pauses_double_from_a_second_to_an_hour() {
        let pauses: Vec<_> = attempts(0, None, 0.5).windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert_eq!(pauses[..6], [1_000, 2_000, 4_000, 8_000, 16_000, 32_000]);
        assert_eq!(pauses[12..20], [3_600_000; 8]);
        assert_eq!(pause(u32::MAX, 0.5), LONGEST_PAUSE);
    }

    #[test]
    fn chance_moves_a_pause_by_a_fifth() {
        let pauses = [0.0, 0.5, 1.0].map(|chance| pause(3, chance).as_millis());
        assert_eq!(pauses, [3_200, 4_000, 4_800]);
    }

    #[test]
    fn the_receiver_may_ask_for_a_longer_pause_and_not_for_a_shorter_one() {
        let wished = |seconds, attempts| THREE_DAYS.next(0, 5_000, attempts, Some(Duration::from_secs(seconds)), 0.5);
        assert_eq!(wished(60, 1), Next::At(65_000));
        assert_eq!(wished(0, 4), Next::At(13_000));
        assert_eq!(wished(365 * 86_400, 1), Next::At(5_000 + DAY));
        assert_eq!(attempts(0, Some(Duration::from_hours(24)), 0.5), [0, DAY, 2 * DAY, 3 * DAY]);
    }

    #[test]
    fn a_clock_that_was_set_back_puts_nothing_off_for_long() {
        assert_eq!(bounded(900 * DAY, DAY), 2 * DAY);
        assert_eq!(bounded(DAY + 5, DAY), DAY + 5);
        assert_eq!(THREE_DAYS.next(900 * DAY, DAY, 1, None, 0.5), Next::At(DAY + 1_000), "nor gives it up");
    }
}
