//! **Job:** looks whether the wall clock was set, says so, and has server time follow when it stays set.
//! **Owns:** how long it has stayed.
//! **Never:** believes a clock that somebody may still be setting.

use std::time::Duration;

use doorbuster_actors::time::{Clock, Drift, MAX_LEAD, UNNOTICED};

/// By how much a clock may move that stays set.
const STEADY: f64 = 1.0;

/// What is known of the wall clock. Looked at once a second.
#[derive(Debug, Default)]
pub(super) struct ClockWatch {
    /// The drift when it began, and for how many seconds it has been the same.
    set: Option<(Drift, u32)>,
}

/// How server time follows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Following {
    /// How long the wall clock must have stayed set; zero: never.
    pub(super) after: Duration,
    /// Longest time to pay of an order.
    pub(super) pay_within: Duration,
}

impl ClockWatch {
    pub(super) fn look(&mut self, clock: &Clock, following: Following) {
        if self.is_settled(clock.drift(), following.after) {
            follow(clock, following.pay_within);
        }
    }

    /// Whether the wall clock was set and has stayed so for long enough.
    fn is_settled(&mut self, drift: Drift, after: Duration) -> bool {
        if drift.size() <= UNNOTICED {
            if self.set.take().is_some() {
                tracing::info!("server time and the wall clock agree");
            }
            return false;
        }
        let steady = self.set.filter(|(first, _)| (first.seconds() - drift.seconds()).abs() <= STEADY);
        let Some((first, seconds)) = steady else {
            if self.set.is_none() {
                announce(drift, after);
            }
            self.set = Some((drift, 0));
            return false;
        };
        self.set = Some((first, seconds + 1));
        let can_follow = matches!(drift, Drift::Ahead(_)) || drift.size() <= MAX_LEAD;
        // Asked anew every time it has stayed for so long again: what could not be followed is not forgotten.
        let is_due = !after.is_zero() && u64::from(seconds + 1) >= after.as_secs();
        if is_due && can_follow {
            self.set = None;
        }
        is_due && can_follow
    }
}

/// What there is to say about the clock before anything is sold by it.
pub(super) fn look_at_start(clock: &Clock) {
    let (server_time, ledger_ahead, drift) = (clock.now(), clock.ledger_ahead(), clock.drift());
    if clock.is_unset() {
        let text = "the wall clock is earlier than this program: it has not been set; items open and close by it";
        tracing::warn!(%server_time, "{text}");
    }
    if !ledger_ahead.is_zero() {
        tracing::warn!(
            %server_time,
            ?ledger_ahead,
            "the ledger ends after now: it was written while the clock was wrong, or the clock is wrong now; entries \
             are dated at the ledger's end until that is past"
        );
    } else if drift.size() > UNNOTICED {
        tracing::warn!(
            %server_time,
            drift_s = drift.seconds(),
            "the wall clock is behind the ledger: server time starts at the ledger's end and goes at half speed \
             until the wall clock has caught up"
        );
    }
}

fn announce(drift: Drift, after: Duration) {
    let drift_s = drift.seconds();
    match drift {
        Drift::Behind(by) if by > MAX_LEAD => tracing::warn!(
            drift_s,
            "the wall clock was set back by more than an hour: server time goes on as before; if the wall clock is \
             right now, restart the server"
        ),
        Drift::Ahead(_) | Drift::Behind(_) if after.is_zero() => {
            tracing::warn!(drift_s, "the wall clock was set: server time goes on as before until the next start");
        }
        Drift::Ahead(_) | Drift::Behind(_) => {
            tracing::warn!(
                drift_s,
                ?after,
                "the wall clock was set: server time goes on as before, and follows if that stays"
            );
        }
    }
}

fn follow(clock: &Clock, pay_within: Duration) {
    match clock.follow(pay_within) {
        Drift::Ahead(by) => {
            tracing::warn!(?by, "server time was set to the wall clock; orders keep their time to pay");
        }
        Drift::Behind(by) => {
            tracing::warn!(?by, "server time goes at half speed until the wall clock has caught up");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_mins(1);

    /// After how many looks at such drifts server time follows.
    fn follows_after(drifts: impl IntoIterator<Item = Drift>, after: Duration) -> Option<usize> {
        let mut watch = ClockWatch::default();
        drifts.into_iter().position(|drift| watch.is_settled(drift, after))
    }

    fn ahead(seconds: u64) -> Drift {
        Drift::Ahead(Duration::from_secs(seconds))
    }

    #[test]
    fn a_clock_that_stays_set_is_followed_after_the_configured_time() {
        assert_eq!(follows_after([ahead(3600); 100], MINUTE), Some(60));
        assert_eq!(follows_after([Drift::Behind(MINUTE); 100], MINUTE), Some(60));
        assert_eq!(follows_after([ahead(3600); 200], Duration::ZERO), None, "0 is never");
    }

    #[test]
    fn a_clock_that_is_still_being_set_or_agrees_is_not_followed() {
        assert_eq!(follows_after((0..200).map(|second| ahead(60 + 2 * second)), MINUTE), None);
        assert_eq!(follows_after([ahead(10); 200], MINUTE), None);
        let there_and_back = (0..200).map(|second| ahead(if second % 50 == 49 { 0 } else { 60 }));
        assert_eq!(follows_after(there_and_back, MINUTE), None);
    }

    #[test]
    fn more_than_an_hour_back_is_never_followed() {
        assert_eq!(follows_after([Drift::Behind(MAX_LEAD + MINUTE); 200], MINUTE), None);
    }
}
