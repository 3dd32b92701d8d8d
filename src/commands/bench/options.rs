//! **Job:** the options of `doorbuster bench` and `doorbuster demo`.
//! **Owns:** their names, limits and defaults.
//! **Never:** runs either.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use doorbuster_actors::ids::ItemId;

use crate::commands::arguments::Assignments;

/// Most users: each has a signed token in memory, about 300 bytes.
const MAX_USERS: i64 = 10_000_000;

/// Most units of an item, as everywhere.
const MAX_STOCK: i64 = 1_000_000_000;

/// Most connections: what one local address can open to one port.
const MAX_CONNECTIONS: i64 = 28_000;

/// Highest rate, in purchases per second: far above what one box can drive.
const MAX_RATE: f64 = 10_000_000.0;

/// Smallest rate that can be asked for: one purchase in a quarter of an hour.
const MIN_RATE: f64 = 0.001;

/// Longest run: a day.
const MAX_DURATION: Duration = Duration::from_hours(24);

const MANUAL: &str = "\
Closed loop (without --rate): each connection sends its next purchase when it has the answer to the last one. It finds
the capacity; its latencies say little about a crowd.
Open loop (--rate): purchases start when they were intended to, however slow the answers are. Latency counts from the
intended start, so waiting for a free connection is part of it: nothing is left out because the server was slow.
Spike (--profile spike): nobody until T0, then every user at once, then purchases at --rate (none without it) until
--duration is over: the sold-out tail.

With no --url a server is started in a temporary directory, in development mode, with the keys of the configuration and
of --set but secrets and a catalogue of its own, and, but for the spike, no throttle. It is killed at the end, and its
data file audited.
Buyers' tokens are signed with auth.jwt_secret before the clock starts; for a server with another secret give --tokens.

With --history every request of the run is written down as it happens. A server that was started for the run is compared
with it at the end; for another one say doorbuster verify --history FILE where its data file is.

The audit asks the operations listener (--ops-url, auth.admin_token) for the entries of the ledger since the start.
Exit code 1: the audit found something, or the run could not be done.";

/// `doorbuster bench`.
#[derive(Args)]
#[command(after_long_help = MANUAL)]
#[expect(clippy::doc_markdown, reason = "the help is read without markup")]
pub struct Bench {
    /// The shop, for example http://127.0.0.1:8080, with its server.base_path; without it a server is started for the
    /// run.
    #[arg(long, value_name = "URL", value_parser = address)]
    pub url: Option<String>,
    /// Its operations listener, for example http://127.0.0.1:9190; without it the ledger is not audited.
    #[arg(long, value_name = "URL", value_parser = address, requires = "url")]
    pub ops_url: Option<String>,
    /// Items to buy, separated by commas, or repeated; default: the open one with most units.
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    pub item: Vec<ItemId>,
    /// How unevenly items are wanted: exponent of a Zipf distribution over --item; 0 = evenly.
    #[arg(long, value_name = "EXPONENT", default_value = "1", value_parser = exponent)]
    pub zipf: f64,
    /// Distinct buyers, in turn; the token of each takes about 300 bytes of memory.
    #[arg(long, value_name = "N", default_value = "100000", value_parser = users())]
    pub users: u32,
    /// Purchases of one buyer in a row, each with a key of its own.
    #[arg(long, value_name = "N", default_value = "1", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub clicks: u32,
    /// Open loop: purchases per second; with --profile spike the rate of the tail.
    #[arg(long, value_name = "PER_SECOND", value_parser = rate)]
    pub rate: Option<f64>,
    /// How purchases arrive in the open loop.
    #[arg(long, default_value = "poisson")]
    pub arrival: Arrival,
    /// When purchases are made.
    #[arg(long, default_value = "steady")]
    pub profile: Profile,
    /// Connections at once; default 64 in the closed loop, 256 in the open one.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=MAX_CONNECTIONS))]
    pub connections: Option<u32>,
    /// How long purchases are started, warm-up included; default 10s, unless --requests says how many.
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub duration: Option<Duration>,
    /// How many purchases are made; whichever of this and --duration is reached first ends the run.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1_000_000_000))]
    pub requests: Option<u64>,
    /// Purchases of this time at the start count for the audit, not for the figures.
    #[arg(long, value_name = "DURATION", default_value = "0s", value_parser = duration)]
    pub warmup: Duration,
    /// Units of one purchase.
    #[arg(long, value_name = "N", default_value = "1", value_parser = clap::value_parser!(u32).range(1..))]
    pub quantity: u32,
    /// How often a purchase without a definite answer (5xx, no answer) is repeated with the same key.
    #[arg(long, value_name = "N", default_value = "0", value_parser = clap::value_parser!(u32).range(0..=20))]
    pub retries: u32,
    /// Longest wait for one answer.
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = duration)]
    pub timeout: Duration,
    /// Share of the confirmed purchases after which the buyer does something more with their order, by chance: repeats
    /// it, repeats its key with another quantity, reads it, gives it up, or somebody else tries to read it. The figures
    /// are about the purchases alone.
    #[arg(long, value_name = "SHARE", default_value = "0", value_parser = share)]
    pub mix: f64,
    /// Write down every request and its answer into a new file, for doorbuster verify --history.
    #[arg(long, value_name = "FILE")]
    pub history: Option<PathBuf>,
    /// Threads of the generator.
    #[arg(long, value_name = "N", default_value = "1", value_parser = clap::value_parser!(u32).range(1..=64))]
    pub threads: u32,
    /// What chance decides (arrivals, items, what --mix does) follows from this number.
    #[arg(long, value_name = "N", default_value = "1")]
    pub seed: u64,
    /// Units of each item of the server that is started for the run; default 10,000,000, for a spike 1,000.
    #[arg(long, value_name = "N", conflicts_with = "url", value_parser = units())]
    pub stock: Option<u32>,
    /// File with one line `user token` each, as doorbuster token --count prints them.
    #[arg(long, value_name = "FILE")]
    pub tokens: Option<PathBuf>,
    /// Print the result as one JSON object, with the histograms.
    #[arg(long)]
    pub json: bool,
    /// Compare with the result of an earlier run (--json).
    #[arg(long, value_name = "OLD.json")]
    pub compare: Option<PathBuf>,
    /// Drive a fixed answer instead of a server: what the generator itself costs, and how much it can drive.
    #[arg(long, conflicts_with_all = ["url", "tokens", "stock"])]
    pub self_test: bool,
    /// Keys set after the command.
    #[command(flatten)]
    pub assignments: Assignments,
}

/// When purchases are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Profile {
    /// All the time.
    Steady,
    /// Nobody, then everybody, then whoever comes too late.
    Spike,
}

/// How purchases arrive in the open loop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Arrival {
    /// Each after the same time.
    Constant,
    /// Independently of each other.
    Poisson,
}

/// `doorbuster demo`.
#[derive(Args)]
pub struct Demo {
    /// End after the audit: exit 0 if it is clean, 1 if not.
    #[arg(long)]
    pub once: bool,
    /// Buyers in the crowd; each clicks twice.
    #[arg(long, value_name = "N", default_value = "100000", value_parser = users())]
    pub users: u32,
    /// Keys set after the command.
    #[command(flatten)]
    pub assignments: Assignments,
}

fn users() -> impl clap::builder::TypedValueParser<Value = u32> {
    clap::value_parser!(u32).range(1..=MAX_USERS)
}

fn units() -> impl clap::builder::TypedValueParser<Value = u32> {
    clap::value_parser!(u32).range(1..=MAX_STOCK)
}

fn address(text: &str) -> Result<String, &'static str> {
    let (scheme, rest) = text.split_once("://").ok_or("must begin with http://")?;
    let rest = rest.trim_end_matches('/');
    let is_plain = rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~:[]/".contains(&byte));
    if scheme != "http" || rest.is_empty() || rest.starts_with('/') || !is_plain {
        return Err(
            "must be http://HOST:PORT, with server.base_path behind it if there is one: TLS is not spoken here",
        );
    }
    Ok(format!("http://{rest}"))
}

fn rate(text: &str) -> Result<f64, String> {
    let range = |rate: &f64| (MIN_RATE..=MAX_RATE).contains(rate);
    text.parse().ok().filter(range).ok_or_else(|| format!("must be {MIN_RATE} to {MAX_RATE}"))
}

fn exponent(text: &str) -> Result<f64, &'static str> {
    text.parse().ok().filter(|exponent| (0.0..=10.0).contains(exponent)).ok_or("must be 0 to 10")
}

fn share(text: &str) -> Result<f64, &'static str> {
    text.parse().ok().filter(|share| (0.0..=1.0).contains(share)).ok_or("must be 0 to 1")
}

fn duration(text: &str) -> Result<Duration, &'static str> {
    let duration = humantime::parse_duration(text).map_err(|_bad| "expected a duration with its unit, like 10s")?;
    if duration > MAX_DURATION { Err("must be at most 24h") } else { Ok(duration) }
}
