//! **Job:** how long the canonical set measures, as the environment says.
//! **Owns:** the defaults, and their reasons.
//! **Never:** changes what is measured, only how long and how often.

use std::str::FromStr;
use std::time::Duration;

use anyhow::Context as _;

/// How much of the set is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Depth {
    /// All of it.
    Full,
    /// Does it work? Two minutes.
    Quick,
}

/// How long and how often.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Settings {
    pub(crate) depth: Depth,
    /// Each target is measured once in each.
    pub(crate) rounds: usize,
    /// Of one target in one round.
    pub(crate) run: Duration,
    pub(crate) overload: Duration,
    /// Orders in the file of the server that has sold for long.
    pub(crate) aged_orders: u32,
}

impl Settings {
    pub(crate) fn from_environment() -> anyhow::Result<Self> {
        let depth = if text("QUICK").is_some_and(|quick| quick != "0") { Depth::Quick } else { Depth::Full };
        // Five rounds of three seconds: medians with quartiles, and all is done within twenty minutes.
        let (rounds, seconds, overload_seconds, aged_orders) = match depth {
            Depth::Full => (5, 3, 60, 5_000_000),
            Depth::Quick => (1, 1, 6, 200_000),
        };
        Ok(Self {
            depth,
            rounds: number("ROUNDS")?.unwrap_or(rounds).max(1),
            run: Duration::from_secs(number("SECONDS")?.unwrap_or(seconds).max(1)),
            overload: Duration::from_secs(number("OVERLOAD_SECONDS")?.unwrap_or(overload_seconds).max(4)),
            aged_orders,
        })
    }
}

/// The profile that all was built with, and that the benches of the parts are run with too.
pub(crate) fn profile() -> String {
    text("BENCH_PROFILE").unwrap_or_else(|| "release".to_owned())
}

fn text(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|text| !text.is_empty())
}

fn number<N: FromStr<Err: std::error::Error + Send + Sync + 'static>>(name: &str) -> anyhow::Result<Option<N>> {
    text(name).map(|text| text.parse().with_context(|| format!("{name}={text}"))).transpose()
}
