//! **Job:** the load generator: a crowd of distinct buyers on a server, what it was told, how long that took, and
//! whether it is true.
//! **Owns:** the order of a run: look, prepare, drive, look again, audit.
//! **Never:** knows the server's insides: only its wire, its command line and its file.

pub(in crate::commands) mod audit;
mod compare;
mod connection;
mod error;
mod fixed_answer;
mod follow_up;
pub(in crate::commands) mod interrupt;
mod notes;
pub mod options;
pub(in crate::commands) mod orders;
pub(in crate::commands) mod own_server;
pub(in crate::commands) mod prepare;
mod print;
pub(in crate::commands) mod progress;
mod report;
pub(in crate::commands) mod run_state;
pub(in crate::commands) mod server_facts;
pub mod spawned_server;
mod tally;
#[cfg(test)]
mod tests;
mod ticker;
mod worker;
pub(in crate::commands) mod workload;

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

pub use error::BenchError;
pub use report::Report;

use super::Cli;
use super::failure::{EXIT_VIOLATED, Failure};
use super::history::{Covers, Recorder};
use super::verify::{self, Besides, History};
use crate::config::Purpose;
use audit::Finding;
use options::{Arrival, Bench, Profile};
use orders::Orders;
use own_server::{no_token, own_server, with_keys};
use report::{Circumstances, ServerFacts};
use run_state::RunState;
use server_facts::{Item, OpsClient, Snapshot};
use spawned_server::{LaunchSpec, SpawnedServer};
use std::io::Write as _;
use std::process::ExitCode;
use tally::Tally;
use worker::{Pace, Worker};
use workload::{Schedule, Segment};

/// Runs the load and prints what came of it.
pub(super) fn run(cli: &Cli, options: &Bench) -> Result<ExitCode, Failure> {
    let is_own = options.url.is_none() && !options.self_test;
    let (catalogue, keys) = own_sale(options);
    let (sources, spec) = if is_own {
        let (sources, spec) = own_server(cli, &catalogue, keys)?;
        (sources, Some(spec))
    } else {
        (cli.sources(), None)
    };
    let needs_tokens = options.tokens.is_none() && !options.self_test;
    let sign = needs_tokens.then_some(Purpose::Sign);
    let purposes: Vec<_> = sign.into_iter().chain(options.ops_url.as_ref().map(|_| Purpose::Operate)).collect();
    let report = if purposes.is_empty() {
        load(options, spec, &Keys { admin_token: String::new(), mint: &no_token })?
    } else {
        with_keys(sources, &purposes, |keys| Ok(load(options, spec, keys)?))?
    };
    let mut out = std::io::stdout().lock();
    if options.json {
        writeln!(out, "{}", report.to_json())?;
    } else {
        report.print(&mut out)?;
    }
    Ok(if report.is_clean() { ExitCode::SUCCESS } else { ExitCode::from(EXIT_VIOLATED) })
}

/// Units of each item of a server of our own: more than a run can sell.
const AMPLE_STOCK: u32 = 10_000_000;

/// Units of the spike: a hundredth of its buyers.
const SPIKE_STOCK: u32 = 1_000;

/// The nobody before a spike: long enough that nothing of the preparation is left.
const NOBODY: Duration = Duration::from_secs(1);

/// How long a run takes if nobody says.
const DEFAULT_DURATION: Duration = Duration::from_secs(10);

/// What opens the doors. No `Debug`: these are secrets.
pub struct Keys<'k> {
    /// Of the operations listener.
    pub admin_token: String,
    /// Signs a buyer's token.
    pub mint: &'k dyn Fn(&str) -> String,
}

/// The catalogue of a server of our own, and what it should be told besides.
#[must_use]
pub fn own_sale(bench: &Bench) -> (String, &'static [(&'static str, &'static str)]) {
    let is_spike = bench.profile == Profile::Spike;
    let stock = bench.stock.unwrap_or(if is_spike { SPIKE_STOCK } else { AMPLE_STOCK });
    let limit = if is_spike { bench.quantity } else { stock.max(1) };
    let mut names: Vec<_> = bench.item.iter().map(ToString::to_string).collect();
    if names.is_empty() {
        names.push("bench".to_owned());
    }
    let catalogue = names.iter().map(|name| {
        format!(
            "[[item]]\nid = \"{name}\"\ntitle = \"{name}\"\nunit_price = 1990\ncurrency = \"CNY\"\nstock = {stock}\n\
             per_user_limit = {limit}\n"
        )
    });
    // Buyers of a steady run come again: it measures the sale, not the throttle.
    let steady: &[_] = &[("gate.throttle.window", "0s")];
    (catalogue.collect(), if is_spike { &[] } else { steady })
}

/// Makes the run: on the server that `bench` names, or on one started by the recipe.
pub fn load(bench: &Bench, recipe: Option<LaunchSpec>, keys: &Keys<'_>) -> Result<Report, BenchError> {
    let run_state = &Arc::new(RunState::default());
    interrupt::listen(run_state)?;
    let old = bench.compare.as_deref().map(read_report).transpose()?;
    let server = recipe.map(|recipe| SpawnedServer::start(recipe, &run_state.stop)).transpose()?;
    let mut report = match &server {
        _ if bench.self_test => self_test(bench, run_state)?,
        Some(server) => visit(bench, &server.url(), Some(server.ops_url()), keys, run_state)?,
        None => visit(bench, bench.url.as_deref().unwrap_or_default(), bench.ops_url.clone(), keys, run_state)?,
    };
    if let Some(server) = server {
        let place = server.kill();
        let mut history = bench.history.as_deref().map(History::read).transpose()?;
        let besides = Besides { history: history.as_mut(), inventory: None };
        let file = verify::audit_with(&place.data_file(), besides)?;
        report.audit.push(Finding::of_file(&file, "after the server was killed"));
    }
    report.old = old.map(Box::new);
    Ok(report)
}

fn read_report(path: &Path) -> Result<Report, BenchError> {
    let failed = |reason: String| BenchError::Compare { path: path.to_owned(), reason };
    let text = std::fs::read(path).map_err(|error| failed(error.to_string()))?;
    serde_json::from_slice(&text).map_err(|error| failed(error.to_string()))
}

fn visit(
    bench: &Bench,
    url: &str,
    ops_url: Option<String>,
    keys: &Keys<'_>,
    run_state: &Arc<RunState>,
) -> Result<Report, BenchError> {
    let ops = OpsClient::new(url, ops_url.map(|ops_url| (ops_url, keys.admin_token.clone())));
    let items = prepare::items(bench, ops.items()?)?;
    let pace = Pacing::of(bench);
    let orders = prepare::orders(bench, url, &items, keys, &pace)?;
    let before = ops.snapshot()?;
    let covers = if bench.url.is_some() { Covers::Buyers } else { Covers::Everything };
    let (tally, orders) = drive_recorded(bench, covers, orders, &pace, run_state)?;
    let after = ops.snapshot()?;
    if tally.total() == 0 && tally.unsent == 0 {
        return Err(BenchError::NoAnswer("nothing was sent before the end".to_owned()));
    }
    let findings = audit::check(&ops, &orders, &tally, &items, before.as_ref())?;
    let mut report = report(&orders, &pace, &tally, before.as_ref(), after.as_ref());
    report.audit = findings;
    Ok(report)
}

/// The figures of a run, with the snapshots from its start and its end.
pub(in crate::commands) fn report(
    orders: &Orders,
    pace: &Pacing,
    tally: &Tally,
    before: Option<&Snapshot>,
    after: Option<&Snapshot>,
) -> Report {
    let said = tally.durability.as_deref().map(str::to_owned);
    let server = ServerFacts {
        version: before.map(|before| before.version.clone()),
        durability: before.map(|before| before.durability.clone()).or(said),
        workers: before.map(Snapshot::workers),
        shares_cores: is_here(orders.address),
    };
    let is_same = before.map(|before| before.started_s) == after.map(|after| after.started_s);
    let cpu_s = |snapshot: Option<&Snapshot>| snapshot.and_then(|snapshot| snapshot.cpu_s).filter(|_| is_same);
    let circumstances = Circumstances {
        asked: pace.asked.clone(),
        run: orders.workload.run.clone(),
        server: Some(server),
        from: orders.warmup.max(pace.opening),
        asked_per_s: pace.rate,
        server_cpu_s: cpu_s(after).zip(cpu_s(before)).map(|(after, before)| after - before),
    };
    Report::of(tally, circumstances)
}

/// Whether the address is one of this machine.
fn is_here(address: SocketAddr) -> bool {
    TcpListener::bind((address.ip(), 0)).is_ok()
}

fn self_test(bench: &Bench, run_state: &Arc<RunState>) -> Result<Report, BenchError> {
    let pace = Pacing::of(bench);
    let orders = prepare::fixed(bench, fixed_answer::start()?, &pace);
    let (tally, orders) = drive_recorded(bench, Covers::Everything, orders, &pace, run_state)?;
    let mut report = report(&orders, &pace, &tally, None, None);
    report.server = None;
    report.asked["users"] = 1.into();
    report.asked["against"] = "a fixed answer of this process, not a server: what is measured is the generator".into();
    Ok(report)
}

/// How the purchases of all threads follow each other.
pub(in crate::commands) struct Pacing {
    pub(in crate::commands) kind: TempoKind,
    pub(in crate::commands) threads: u64,
    pub(in crate::commands) connections: u64,
    /// Nothing is sent after this.
    pub(in crate::commands) last_call: Duration,
    /// When the figures begin.
    pub(in crate::commands) opening: Duration,
    /// What was asked, for the figures; a burst has no rate.
    pub(in crate::commands) rate: Option<f64>,
    pub(in crate::commands) seed: u64,
    pub(in crate::commands) asked: serde_json::Value,
}

/// Closed or open.
pub(in crate::commands) enum TempoKind {
    Closed { requests: u64 },
    Open { segments: Vec<Segment>, arrival: Arrival },
}

impl Pacing {
    fn of(bench: &Bench) -> Self {
        let requests = bench.requests.unwrap_or(u64::MAX);
        let default = (bench.requests.is_none()).then_some(DEFAULT_DURATION);
        let (steady, tail) = (bench.duration.or(default), bench.duration.or(bench.rate.map(|_| DEFAULT_DURATION)));
        let open = |segments| TempoKind::Open { segments, arrival: bench.arrival };
        let (kind, last_call, opening) = match (bench.profile, bench.rate) {
            (Profile::Steady, None) => (TempoKind::Closed { requests }, steady, Duration::ZERO),
            (Profile::Steady, Some(_)) => {
                let until = steady.unwrap_or(Duration::MAX);
                let segment = Segment { from: Duration::ZERO, rate: bench.rate, count: requests, until };
                (open(vec![segment]), steady, Duration::ZERO)
            }
            (Profile::Spike, rate) => {
                let last_call = tail.map(|tail| NOBODY + tail);
                let everybody = bench.requests.unwrap_or(u64::from(bench.users) * u64::from(bench.clicks));
                let burst = Segment { from: NOBODY, rate: None, count: everybody, until: Duration::MAX };
                let until = last_call.unwrap_or(NOBODY);
                let tail = rate.map(|_| Segment { from: NOBODY, rate, count: u64::MAX, until });
                (open([burst].into_iter().chain(tail).collect()), last_call, NOBODY)
            }
        };
        let is_closed = matches!(kind, TempoKind::Closed { .. });
        let connections = bench.connections.unwrap_or(if is_closed { 64 } else { 256 }).max(bench.threads);
        Self {
            kind,
            threads: bench.threads.into(),
            connections: connections.into(),
            last_call: last_call.unwrap_or(Duration::MAX),
            opening,
            rate: bench.rate.filter(|_| bench.profile == Profile::Steady),
            seed: bench.seed,
            asked: prepare::asked(bench, connections),
        }
    }
}

/// Runs all threads, and writes down what they do if that is asked for.
fn drive_recorded(
    bench: &Bench,
    covers: Covers,
    orders: Orders,
    pace: &Pacing,
    run_state: &Arc<RunState>,
) -> Result<(Tally, Arc<Orders>), BenchError> {
    let failed = |source| BenchError::Recording { path: bench.history.clone().unwrap_or_default(), source };
    let recorder = bench.history.as_deref().map(|path| Recorder::create(path, covers)).transpose().map_err(failed)?;
    let driven = drive(orders, pace, run_state, recorder.as_ref(), &|_looks| progress::glance(run_state))?;
    recorder.map_or(Ok(0), Recorder::finish).map_err(failed)?;
    Ok(driven)
}

/// Runs all threads, and shows on a terminal what `look` says of them.
pub(in crate::commands) fn drive(
    orders: Orders,
    pace: &Pacing,
    run_state: &Arc<RunState>,
    history: Option<&Recorder>,
    look: &dyn Fn(u64) -> (u64, String),
) -> Result<(Tally, Arc<Orders>), BenchError> {
    let orders = Arc::new(orders);
    let mut threads = Vec::new();
    for thread in 0..pace.threads {
        let part = Worker {
            orders: Arc::clone(&orders),
            run_state: Arc::clone(run_state),
            pace: match &pace.kind {
                TempoKind::Closed { requests } => {
                    Pace::Closed { requests: workload::share(*requests, thread, pace.threads) }
                }
                TempoKind::Open { segments, arrival } => {
                    Pace::Open(Schedule::share(segments, *arrival, pace.seed, thread, pace.threads))
                }
            },
            thread,
            threads: pace.threads,
            connections: workload::share(pace.connections, thread, pace.threads),
            sheet: history.map(Recorder::sheet),
        };
        let builder = thread::Builder::new().name(format!("generator-{thread}"));
        threads.push(builder.spawn(move || part.run())?);
    }
    progress::watch(&|| threads.iter().all(thread::JoinHandle::is_finished), look);
    let mut tally = Tally::new();
    for thread in threads {
        tally.merge(thread.join().expect("a generator's thread does not panic")?);
    }
    Ok((tally, orders))
}

/// The items that are named, as they are now.
pub(in crate::commands) fn named(items: &[Item], name: &str) -> Option<Item> {
    items.iter().find(|item| item.id == name).cloned()
}
