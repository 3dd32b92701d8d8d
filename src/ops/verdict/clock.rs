//! **Job:** the rules about clocks.
//! **Owns:** what to do about a clock that is wrong.
//! **Never:** says which of two clocks is right: nobody here knows.

use std::time::Duration;

use doorbuster_actors::time::UNNOTICED;

use super::reading::Reading;
use super::reason::{Finding, ReasonCode};

pub(super) fn findings(now: &Reading) -> impl Iterator<Item = Finding> {
    [unset(now), drift(now), ledger_ahead(now)].into_iter().flatten()
}

fn unset(now: &Reading) -> Option<Finding> {
    let text = "When the server started, the wall clock said a time before this program was written. Set it (NTP); \
                items open and close by it.";
    now.clock.is_unset.then(|| Finding::new(ReasonCode::ClockUnset, "the clock was not set at the start", text))
}

fn drift(now: &Reading) -> Option<Finding> {
    let drift_s = now.clock.drift_s;
    let which = if drift_s > 0.0 { "ahead of" } else { "behind" };
    let text = || {
        format!(
            "The wall clock is {} {which} server time: it was set while the server ran, or the machine slept. Items \
             open and close, and orders expire, by server time. See that the wall clock is right; \
             “clock.follow_after” says when server time follows.",
            spoken(drift_s.abs())
        )
    };
    (drift_s.abs() > UNNOTICED.as_secs_f64())
        .then(|| Finding::new(ReasonCode::ClockDrift, "server time is not the wall clock's", text()))
}

fn ledger_ahead(now: &Reading) -> Option<Finding> {
    let ahead_s = now.clock.ledger_ahead_s;
    let text = || {
        format!(
            "The ledger ends {} ahead of server time: it was written while the clock was wrong, or the clock is wrong \
             now. Entries are dated at the ledger's end until that is past; items open and close, and orders expire, \
             by server time.",
            spoken(ahead_s)
        )
    };
    (ahead_s > 0.0).then(|| Finding::new(ReasonCode::LedgerAhead, "the ledger is ahead of the clock", text()))
}

/// As an operator would say it: `3h`, `1m 40s`.
fn spoken(seconds: f64) -> String {
    humantime::format_duration(Duration::from_secs_f64(seconds.round())).to_string()
}
