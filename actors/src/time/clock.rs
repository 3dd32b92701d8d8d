//! **Job:** server time: what the sale goes by.
//! **Owns:** the rules by which it follows the wall clock.
//! **Never:** goes back.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use arc_swap::ArcSwap;

use super::Timestamp;

/// How far the ledger may end ahead of the wall clock and still be believed: an hour, as when the clock was set back by
/// a wrong zone. Server time then starts at the ledger's end and goes at half speed until the wall clock has caught up:
/// what was open stays open, what was closed stays closed.
pub const MAX_LEAD: Duration = Duration::from_hours(1);

/// How far the ledger may end ahead of the wall clock at all. Past [`MAX_LEAD`] it was written by a wrong clock: server
/// time is the wall clock's, and entries are dated at the ledger's end until it is past. For longer than a week nobody
/// wants that, and a wall clock of 1970 is more likely.
pub const MAX_AHEAD: Duration = Duration::from_hours(7 * 24);

/// No clock that was set says less: 2025-01-01, before this program. Clocks without a battery begin in 1970 or 2000.
const EARLIEST: Timestamp = Timestamp(1_735_689_600_000);

/// The wall clock cannot be right, or the ledger was written by one that was not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the last entry of the ledger is of {ledger_end}, but the wall clock says {wall_clock}: one of them is wrong by \
     more than a week; nothing was changed; set the clock and start again"
)]
pub struct ImpossibleClock {
    /// When the last entry was decided.
    pub ledger_end: Timestamp,
    /// What the machine says.
    pub wall_clock: Timestamp,
}

/// Server time: the wall clock at the start, carried on by the monotonic clock, so that a wall clock that is set opens
/// no sale early, expires no order and re-opens nothing. It follows the wall clock only when it is told to. Cheap to
/// clone; all clones are one clock.
#[derive(Debug, Clone)]
pub struct Clock {
    started: Instant,
    ledger_end: Timestamp,
    /// Read with every message, changed when the clock is told to follow.
    course: Arc<ArcSwap<Course>>,
}

/// How server time goes on from some moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Course {
    /// The moment, after the start.
    from: Duration,
    /// What the wall clock said then.
    at: Timestamp,
    /// How far ahead of it server time was. It goes at half speed until nothing is left of that.
    lead: Duration,
    /// How far deadlines are behind server time, and for how long.
    grace: Grace,
}

/// After a step forward deadlines go on as if there had been none, until everybody who had one has had their time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Grace {
    by: Duration,
    lasts: Duration,
}

/// One reading of the clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// Server time.
    pub now: Timestamp,
    /// Deadlines up to here have passed. Server time, except for a while after a step forward.
    pub due: Timestamp,
    /// The ledger ended after `now` at the start: its last entries were dated by a wrong clock.
    pub ledger_is_ahead: bool,
}

impl From<Timestamp> for Moment {
    fn from(now: Timestamp) -> Self {
        Self { now, due: now, ledger_is_ahead: false }
    }
}

impl Course {
    fn moment(&self, elapsed: Duration, ledger_end: Timestamp) -> Moment {
        let since = elapsed.saturating_sub(self.from);
        let now = self.at.plus(since).plus(self.lead.saturating_sub(since / 2));
        let late = if since < self.grace.lasts { self.grace.by } else { Duration::ZERO };
        Moment { now, due: now.minus(late), ledger_is_ahead: now < ledger_end }
    }
}

/// How far server time and the wall clock may be apart without anybody having set anything: more than NTP corrects in
/// passing.
pub const UNNOTICED: Duration = Duration::from_secs(10);

/// How far two clocks are apart, and which one is ahead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drift {
    /// The wall clock is ahead of server time.
    Ahead(Duration),
    /// The wall clock is behind server time, or the same.
    Behind(Duration),
}

impl Drift {
    fn between(server: Timestamp, wall: Timestamp) -> Self {
        if wall > server { Self::Ahead(wall.since(server)) } else { Self::Behind(server.since(wall)) }
    }

    /// How far, whoever is ahead.
    #[must_use]
    pub fn size(self) -> Duration {
        match self {
            Self::Ahead(by) | Self::Behind(by) => by,
        }
    }

    /// Seconds, negative if the wall clock is behind.
    #[must_use]
    pub fn seconds(self) -> f64 {
        match self {
            Self::Ahead(by) => by.as_secs_f64(),
            Self::Behind(by) => -by.as_secs_f64(),
        }
    }
}

impl Clock {
    /// A clock that starts where wall clock and ledger say, whose last entry is of `ledger_end`.
    ///
    /// # Errors
    /// [`ImpossibleClock`] if the ledger ends more than [`MAX_AHEAD`] after now.
    pub fn start(ledger_end: Timestamp) -> Result<Self, ImpossibleClock> {
        Self::start_at(wall_clock(), ledger_end, Instant::now())
    }

    /// The same for a wall clock that says `wall_clock` at the instant `started`.
    ///
    /// # Errors
    /// As [`Clock::start`].
    pub fn start_at(wall_clock: Timestamp, ledger_end: Timestamp, started: Instant) -> Result<Self, ImpossibleClock> {
        let ahead = ledger_end.since(wall_clock);
        if ahead > MAX_AHEAD {
            return Err(ImpossibleClock { ledger_end, wall_clock });
        }
        let lead = if ahead <= MAX_LEAD { ahead } else { Duration::ZERO };
        let first = Course { from: Duration::ZERO, at: wall_clock, lead, grace: Grace::default() };
        Ok(Self { started, ledger_end, course: Arc::new(ArcSwap::from_pointee(first)) })
    }

    /// The server's time now.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.at(Instant::now()).now
    }

    /// The server's time at `instant`, which was read a moment ago.
    #[must_use]
    pub fn at(&self, instant: Instant) -> Moment {
        self.course.load().moment(instant.saturating_duration_since(self.started), self.ledger_end)
    }

    /// How far the wall clock is from server time. More than a moment means that somebody has set it.
    #[must_use]
    pub fn drift(&self) -> Drift {
        Drift::between(self.now(), wall_clock())
    }

    /// How far the ledger ended at the start ahead of server time: zero unless a wrong clock wrote it.
    #[must_use]
    pub fn ledger_ahead(&self) -> Duration {
        self.ledger_end.since(self.now())
    }

    /// Whether server time is earlier than it can be: the wall clock was not set when the server started.
    #[must_use]
    pub fn is_unset(&self) -> bool {
        self.now() < EARLIEST
    }

    /// Takes the wall clock for right. If it is ahead, server time steps to it, and nobody who was given a deadline
    /// before has less time to pay for that: deadlines wait for `pay_within`. If it is behind, server time goes at half
    /// speed until they are together, because it must not go back: at most [`MAX_LEAD`] is made good so.
    #[must_use = "says which way it went"]
    pub fn follow(&self, pay_within: Duration) -> Drift {
        let instant = Instant::now();
        self.follow_at(wall_clock(), instant.saturating_duration_since(self.started), pay_within)
    }

    /// The same for a wall clock that says `wall` so long after the start.
    #[must_use = "says which way it went"]
    pub fn follow_at(&self, wall: Timestamp, from: Duration, pay_within: Duration) -> Drift {
        let before = self.course.load().moment(from, self.ledger_end);
        let drift = Drift::between(before.now, wall);
        let (lead, grace) = match drift {
            Drift::Ahead(_) => (Duration::ZERO, Grace { by: wall.since(before.due), lasts: pay_within }),
            Drift::Behind(lead) if lead > MAX_LEAD => return drift,
            Drift::Behind(lead) => (lead, Grace { by: before.now.since(before.due), lasts: pay_within }),
        };
        self.course.store(Arc::new(Course { from, at: wall, lead, grace }));
        drift
    }
}

fn wall_clock() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(0).plus(since_epoch)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_hours(1);
    const MINUTE: Duration = Duration::from_mins(1);
    const SECOND: Duration = Duration::from_secs(1);

    fn noon() -> Timestamp {
        "2026-12-01T12:00:00Z".parse().expect("valid")
    }

    fn started(wall: Timestamp, ledger_end: Timestamp) -> Clock {
        Clock::start_at(wall, ledger_end, Instant::now()).expect("less than a week")
    }

    fn reading(clock: &Clock, elapsed: Duration) -> Moment {
        clock.course.load().moment(elapsed, clock.ledger_end)
    }

    #[test]
    fn after_an_hour_back_server_time_starts_where_the_ledger_ends_and_never_goes_back() {
        let clock = started(noon(), noon().plus(HOUR));
        let mut before = noon().plus(HOUR);
        for elapsed in (0..=3 * 3600).map(Duration::from_secs) {
            let Moment { now, due, ledger_is_ahead } = reading(&clock, elapsed);
            assert!(
                now >= before && now >= noon().plus(elapsed) && due == now && !ledger_is_ahead,
                "{elapsed:?}: {now}"
            );
            before = now;
        }
        assert_eq!(reading(&clock, HOUR).now, noon().plus(HOUR + HOUR / 2), "half speed");
        assert_eq!(reading(&clock, 3 * HOUR).now, noon().plus(3 * HOUR), "the wall clock has caught up");
    }

    #[test]
    fn a_ledger_from_a_clock_that_was_wrong_does_not_lead_server_time() {
        for ahead in [HOUR + SECOND, MAX_AHEAD] {
            let clock = started(noon(), noon().plus(ahead));
            assert_eq!(reading(&clock, MINUTE).now, noon().plus(MINUTE));
            let said = [ahead.saturating_sub(SECOND), ahead].map(|elapsed| reading(&clock, elapsed).ledger_is_ahead);
            assert_eq!(said, [true, false], "until its end is past");
        }
    }

    #[test]
    fn a_clock_that_contradicts_the_ledger_by_more_than_a_week_is_refused() {
        let ledger_end = noon().plus(MAX_AHEAD + SECOND);
        let refused = Clock::start_at(noon(), ledger_end, Instant::now()).expect_err("it is impossible");
        assert_eq!(refused, ImpossibleClock { ledger_end, wall_clock: noon() });
    }

    #[test]
    fn a_step_forward_is_followed_and_nobody_has_less_time_to_pay() {
        let clock = started(noon(), noon());
        let drift = clock.follow_at(noon().plus(3 * HOUR + MINUTE), MINUTE, 15 * MINUTE);
        assert_eq!(drift, Drift::Ahead(3 * HOUR));
        let after = |elapsed| reading(&clock, MINUTE + elapsed);
        assert_eq!(after(SECOND).now, noon().plus(3 * HOUR + MINUTE + SECOND));
        assert_eq!(after(SECOND).due, noon().plus(MINUTE + SECOND), "deadlines go on as before");
        assert_eq!(after(15 * MINUTE).due, after(15 * MINUTE).now, "and are met when all have had their time");
    }

    #[test]
    fn a_second_step_within_the_grace_of_the_first_adds_to_it() {
        let clock = started(noon(), noon());
        let _drift = clock.follow_at(noon().plus(HOUR), Duration::ZERO, 15 * MINUTE);
        let _drift = clock.follow_at(noon().plus(2 * HOUR + MINUTE), MINUTE, 15 * MINUTE);
        assert_eq!(reading(&clock, 2 * MINUTE).due, noon().plus(2 * MINUTE));
    }

    #[test]
    fn a_step_back_is_followed_at_half_speed() {
        let clock = started(noon(), noon());
        let drift = clock.follow_at(noon().minus(MINUTE), 10 * MINUTE, 15 * MINUTE);
        assert_eq!(drift, Drift::Behind(11 * MINUTE));
        let after = |elapsed| reading(&clock, 10 * MINUTE + elapsed).now;
        assert_eq!(after(Duration::ZERO), noon().plus(10 * MINUTE));
        assert_eq!(after(MINUTE), noon().plus(10 * MINUTE + MINUTE / 2));
        assert_eq!(after(22 * MINUTE), noon().plus(21 * MINUTE), "together with the wall clock again");
    }

    #[test]
    fn more_than_an_hour_back_is_not_followed_while_the_server_runs() {
        let clock = started(noon(), noon());
        assert_eq!(clock.follow_at(noon().minus(2 * HOUR), MINUTE, MINUTE).size(), 2 * HOUR + MINUTE);
        assert_eq!(reading(&clock, 2 * MINUTE).now, noon().plus(2 * MINUTE));
    }

    #[test]
    fn a_wall_clock_of_1970_is_not_believed_to_be_set() {
        let unset = Timestamp::from_millis(5_000);
        assert!(started(unset, unset).is_unset());
        assert!(!started(noon(), noon()).is_unset());
    }
}
