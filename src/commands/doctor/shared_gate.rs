//! **Job:** checks the Redis that the gate shares: reached, allowed, fast, of the same time, and keeping what it has.
//! **Owns:** how slow it may be, and how far its clock may be off.
//! **Never:** shows an address of it, which may hold a password.

use std::time::Duration;

use super::finding::Finding;
use crate::config::Config;
use crate::gate::redis::{Memory, Trial};
use crate::redis_client::{Cause, Command};
use crate::server;

/// What a policy of `maxmemory` is called that throws nothing away.
const KEEPS: &str = "noeviction";

/// The oldest that has all we need.
const OLDEST: (u32, u32) = (6, 2);

/// How far the clocks may be apart: leases and windows last for seconds.
const MAX_APART_S: f64 = 2.0;

pub(super) async fn findings(config: &Config) -> Vec<Finding> {
    match server::try_redis(config).await {
        Some(trial) => judge(&trial, config.redis.timeout),
        None => Vec::new(),
    }
}

fn judge(trial: &Trial, timeout: Duration) -> Vec<Finding> {
    if let Some(cause) = trial.unreached {
        let found = format!("cannot be asked ({}): redis.on_error decides about every attempt", cause.as_str());
        return vec![Finding::fail("redis", found, cause.advice())];
    }
    let mut findings = commands(trial);
    findings.extend(trial.round_trip.map(|time| round_trip(time, timeout)));
    findings.extend(trial.clock_ahead_s.map(clock));
    findings.extend(trial.version.as_deref().map(version));
    findings.push(memory(trial.memory.as_ref()));
    findings
}

fn commands(trial: &Trial) -> Vec<Finding> {
    let name = "redis";
    let failing = |(command, cause): &(Command, Option<Cause>)| {
        let cause = (*cause)?;
        let found = format!("{} fails ({}): {}", command.as_str(), cause.as_str(), command.consequence());
        Some(Finding::fail(name, found, cause.advice()))
    };
    let failing: Vec<_> = trial.commands.iter().filter_map(failing).collect();
    if !failing.is_empty() {
        return failing;
    }
    let kinds: Vec<_> = trial.commands.iter().map(|(command, _)| command.as_str()).collect();
    vec![Finding::ok(name, format!("answers, and takes every command that is in use: {}", kinds.join(", ")))]
}

fn round_trip(time: Duration, timeout: Duration) -> Finding {
    let name = "redis-round-trip";
    let (millis, most) = (time.as_secs_f64() * 1e3, humantime::format_duration(timeout));
    let found = format!("median {millis:.2} ms, and redis.timeout is {most}");
    if time * 4 > timeout {
        let advice = "bring Redis nearer, or raise redis.timeout: an attempt needs one or two round trips";
        Finding::warn(name, found, advice)
    } else {
        Finding::ok(name, found)
    }
}

fn clock(ahead_s: f64) -> Finding {
    let name = "redis-clock";
    let which = if ahead_s > 0.0 { "ahead of" } else { "behind" };
    let found = format!("{:.1} s {which} this machine's", ahead_s.abs());
    if ahead_s.abs() > MAX_APART_S {
        Finding::warn(name, found, "synchronise both clocks: timedatectl set-ntp true")
    } else {
        Finding::ok(name, found)
    }
}

fn version(text: &str) -> Finding {
    let name = "redis-version";
    let mut numbers = text.split('.').map(|number| number.parse::<u32>().unwrap_or(0));
    let found = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    if found < OLDEST {
        Finding::warn(name, text, format!("install {}.{} or newer", OLDEST.0, OLDEST.1))
    } else {
        Finding::ok(name, text)
    }
}

fn memory(memory: Option<&Memory>) -> Finding {
    let name = "redis-memory";
    match memory {
        // The account that the manual proposes may not ask.
        None => Finding::ok(name, "the account may not ask; there: redis-cli config get maxmemory-policy (noeviction)"),
        Some(Memory { policy, .. }) if policy == KEEPS => Finding::ok(name, "nothing is thrown away (noeviction)"),
        Some(Memory { limit: 0, policy }) => {
            Finding::ok(name, format!("no limit, so that nothing is thrown away ({policy})"))
        }
        Some(Memory { policy, .. }) => Finding::warn(
            name,
            format!(
                "when its memory is full, it throws windows and pools away ({policy}): buyers get past the throttle"
            ),
            "redis-cli config set maxmemory-policy noeviction",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Level;
    use super::*;

    #[test]
    fn a_redis_that_forgets_is_slow_old_or_of_another_time_is_told() {
        let keeps = |limit, policy: &str| memory(Some(&Memory { limit, policy: policy.to_owned() })).level;
        assert_eq!([keeps(1 << 20, "noeviction"), keeps(0, "allkeys-lru")], [Level::Ok; 2]);
        assert_eq!(keeps(1 << 20, "allkeys-lru"), Level::Warn);
        assert_eq!(memory(None).level, Level::Ok);
        let millis = Duration::from_millis;
        assert_eq!(round_trip(millis(12), millis(50)).level, Level::Ok);
        assert_eq!(round_trip(millis(13), millis(50)).level, Level::Warn);
        assert_eq!(
            [-1.9, 1.9, -2.1, 2.1].map(|apart| clock(apart).level),
            [Level::Ok, Level::Ok, Level::Warn, Level::Warn]
        );
        assert_eq!(["6.0.16", "6.2.0", "7.0", "10.1"].map(|text| version(text).level)[0], Level::Warn);
        assert_eq!(["6.2.0", "7.0", "10.1"].map(|text| version(text).level), [Level::Ok; 3]);
    }
}
