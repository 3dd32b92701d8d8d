//! **Job:** checks whether the machine's clock is set, by itself and by the data file's last entry.
//! **Owns:** which programs and files are asked about it.
//! **Never:** sets it, or cares about a time zone: all times are UTC.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use doorbuster_actors::time::{Clock, MAX_AHEAD, MAX_LEAD, Timestamp, UNNOTICED};

use super::finding::Finding;
use super::ledger::Books;

/// What systemd's own service leaves there once it has set the clock.
const TIMESYNC: &str = "/run/systemd/timesync/synchronized";

/// How long a program may take to answer, in seconds.
const PATIENCE: &str = "3";

pub(super) fn findings(books: &Books) -> Vec<Finding> {
    let mut findings = vec![synchronised(look())];
    // Without a ledger that contradicts it, the clock is the machine's.
    if let Ok(clock) = Clock::start(Timestamp::default()) {
        let ahead = books.newest.map(|newest| newest.since(clock.now()));
        findings.push(agreement(clock.now(), clock.is_unset(), ahead));
    }
    findings
}

/// Whether somebody keeps the clock right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sync {
    /// It does, as this one says.
    Yes(&'static str),
    /// It does not.
    No(&'static str),
    Unknown,
}

/// Who keeps the clock, as far as anybody says.
fn look() -> Sync {
    let systemd = ask("timedatectl", &["show", "--property=NTPSynchronized", "--value"]);
    let chrony = ask("chronyc", &["-n", "tracking"]);
    let all = [systemd.as_deref().map(of_systemd), chrony.as_deref().map(of_chrony)];
    let was_set = Path::new(TIMESYNC).exists();
    decide(all.map(|said| said.unwrap_or(Sync::Unknown)), was_set)
}

/// Whoever says yes is believed: chrony does not tell the kernel unless it is asked to, and it may not be in use. That
/// the clock was set once says little where somebody knows how it is now.
fn decide(said: [Sync; 2], was_set: bool) -> Sync {
    let first = |is_meant: fn(&Sync) -> bool| said.into_iter().find(is_meant);
    let says_yes = first(|sync| matches!(sync, Sync::Yes(_)));
    let says_no = || first(|sync| matches!(sync, Sync::No(_)));
    let set_once = was_set.then_some(Sync::Yes("systemd-timesyncd"));
    says_yes.or_else(says_no).or(set_once).unwrap_or(Sync::Unknown)
}

fn ask(program: &str, arguments: &[&str]) -> Option<String> {
    let mut command = Command::new("timeout");
    command.arg(PATIENCE).arg(program).args(arguments).stdin(Stdio::null()).stderr(Stdio::null());
    let output = command.output().ok().filter(|output| output.status.success())?;
    String::from_utf8(output.stdout).ok()
}

fn of_chrony(text: &str) -> Sync {
    let status = text.lines().find_map(|line| line.strip_prefix("Leap status")?.split_once(": "));
    match status.map(|(_, status)| status.trim()) {
        Some("Not synchronised") => Sync::No("chrony"),
        Some(_) => Sync::Yes("chrony"),
        None => Sync::Unknown,
    }
}

fn of_systemd(text: &str) -> Sync {
    match text.trim() {
        "yes" => Sync::Yes("the kernel (timedatectl)"),
        "no" => Sync::No("the kernel (timedatectl)"),
        _other => Sync::Unknown,
    }
}

fn synchronised(sync: Sync) -> Finding {
    let name = "clock-sync";
    match sync {
        Sync::Yes(by) => Finding::ok(name, format!("the clock is synchronised, says {by}")),
        Sync::No(by) => Finding::fail(
            name,
            format!("the clock is not synchronised, says {by}: items open and close by it"),
            "timedatectl set-ntp true (or start chrony), then wait until: timedatectl show -p NTPSynchronized",
        ),
        Sync::Unknown => Finding::warn(
            name,
            "whether the clock is synchronised cannot be known here",
            "find out on the machine itself: timedatectl, or chronyc tracking; in a container, on its host",
        ),
    }
}

/// `ahead`: by how much the last entry is later than now; none if there is no entry.
fn agreement(now: Timestamp, is_unset: bool, ahead: Option<Duration>) -> Finding {
    let (name, advice) = ("clock", "set the clock (timedatectl set-ntp true); deploy/README.md, “The clock”");
    if is_unset {
        return Finding::fail(name, format!("it is {now}, says the clock, which is before this program"), advice);
    }
    let Some(ahead) = ahead else { return Finding::ok(name, format!("it is {now}")) };
    if ahead <= UNNOTICED {
        return Finding::ok(name, format!("it is {now}, after the data file's last entry"));
    }
    let seconds = Duration::from_secs(ahead.as_secs());
    let by = humantime::format_duration(seconds);
    let found = format!("it is {now}, which is {by} before the data file's last entry");
    if ahead > MAX_AHEAD {
        Finding::fail(name, format!("{found}: a start is refused"), advice)
    } else if ahead > MAX_LEAD {
        Finding::fail(name, format!("{found}: a wrong clock wrote it, or this one is wrong"), advice)
    } else {
        Finding::warn(name, format!("{found}: server time would go at half speed until they agree"), advice)
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Level;
    use super::*;

    #[test]
    fn what_keeps_the_clock_is_understood() {
        let chrony = |leap: &str| format!("Reference ID    : 0A000001 (ntp)\nLeap status     : {leap}\n");
        assert_eq!(of_chrony(&chrony("Normal")), Sync::Yes("chrony"));
        assert_eq!(of_chrony(&chrony("Not synchronised")), Sync::No("chrony"));
        assert_eq!(of_chrony("506 Cannot talk to daemon\n"), Sync::Unknown);
        assert_eq!(of_systemd("yes\n"), Sync::Yes("the kernel (timedatectl)"));
        assert_eq!(of_systemd("no\n"), Sync::No("the kernel (timedatectl)"));
        assert_eq!(of_systemd(""), Sync::Unknown);
        let levels = [Sync::Yes("x"), Sync::No("x"), Sync::Unknown].map(|sync| synchronised(sync).level);
        assert_eq!(levels, [Level::Ok, Level::Fail, Level::Warn]);
    }

    #[test]
    fn whoever_says_yes_is_believed_and_the_state_of_now_more_than_that_of_once() {
        let (yes, no, unknown) = (Sync::Yes("x"), Sync::No("x"), Sync::Unknown);
        assert_eq!([decide([no, yes], false), decide([yes, no], false), decide([yes, unknown], false)], [yes; 3]);
        assert_eq!([decide([no, unknown], true), decide([unknown, no], true)], [no; 2]);
        assert_eq!(decide([unknown, unknown], true), Sync::Yes("systemd-timesyncd"));
        assert_eq!(decide([unknown, unknown], false), unknown);
    }

    #[test]
    fn a_clock_behind_the_last_entry_is_told_and_past_an_hour_fails() {
        let now = "2030-01-01T12:00:00Z".parse().expect("valid");
        let level = |ahead| agreement(now, false, ahead).level;
        let second = Duration::from_secs(1);
        assert_eq!([level(None), level(Some(Duration::ZERO)), level(Some(UNNOTICED))], [Level::Ok; 3]);
        assert_eq!([level(Some(UNNOTICED + second)), level(Some(MAX_LEAD))], [Level::Warn; 2]);
        assert_eq!([level(Some(MAX_LEAD + second)), level(Some(MAX_AHEAD + second))], [Level::Fail; 2]);
        assert!(agreement(now, false, Some(MAX_AHEAD + second)).found.ends_with("a start is refused"));
        assert_eq!(agreement(now, true, None).level, Level::Fail);
    }
}
