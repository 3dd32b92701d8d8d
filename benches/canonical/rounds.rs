//! **Job:** the interleaved rounds: each target is measured once in each, in an order that turns.
//! **Owns:** the targets, and the names of their series.
//! **Never:** lets one target's failure end the others' rounds.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use doorbuster::commands::bench::spawned_server::{SpawnedServer, TempDir};

use super::crowd::{Crowd, USERS};
use super::fixed_answer::{FixedAnswer, write_tokens};
use super::peers::postgres::{Form, Postgres};
use super::peers::redis::Redis;
use super::settings::Settings;
use super::shop::{AMPLE, HOT, Metrics, catalogue, open, open_in};
use super::statistics::{Book, Spread};
use super::{aged, machine};

/// Items of which one is wanted as often as the other.
const MANY: usize = 10_000;

/// Before the two runs over the large catalogue are measured: each of its items has sold by then, as in a sale that
/// goes on.
const WARM_UP: Duration = Duration::from_secs(2);

/// Purchases per second of the cold items: far too few to hold anybody up.
const COLD_RATE: u32 = 400;

/// Per cent of the cores that somebody else used between the runs.
pub(crate) const OTHERS: &str = "machine: used by others, per cent";

/// Per cent of the cores' time that was taken away from this machine during the runs.
pub(crate) const STOLEN: &str = "machine: stolen by the hypervisor, per cent";

/// What stays up from the first round to the last.
struct Stage {
    tokens: PathBuf,
    redis: anyhow::Result<Redis>,
    postgres: anyhow::Result<Postgres>,
    aged: anyhow::Result<SpawnedServer>,
    many: Vec<String>,
    run: Duration,
    _folder: tempfile::TempDir,
}

/// Figures of a run: the end of the series' name, and the value.
type Found = anyhow::Result<Vec<(&'static str, f64)>>;

/// Targets in a part: those that are set against each other stand together, and a round does not part them.
const PART: usize = 5;

/// A target: what its series' names begin with, and how it is measured.
type Target = (&'static str, fn(&Stage, &Book) -> Found);

const TARGETS: &[Target] = &[
    ("Redis at 64", |stage, _| Ok(vec![("per second", up(&stage.redis)?.run(stage.run)?)])),
    ("sold out at 64", |stage, _| sold_out(stage)),
    ("plain POST at 64", |stage, _| plain(stage, 64)),
    ("order at 64", |stage, _| order(stage, 64)),
    ("order in an old file", |stage, _| figures_of_orders(up(&stage.aged)?, 64, stage)),
    ("PostgreSQL at 64", |stage, _| postgres(stage, Form::TwoStatements)),
    ("PostgreSQL in one statement at 64", |stage, _| postgres(stage, Form::OneStatement)),
    ("half of the peak", half_of_the_peak),
    ("order at 256", |stage, _| order(stage, 256)),
    ("plain POST at 256", |stage, _| plain(stage, 256)),
    ("one item of many", |stage, _| among_many(stage, &[HOT.to_owned()])),
    ("all of many", |stage, _| among_many(stage, &stage.many)),
    ("cold beside nobody", |stage, _| cold(stage, None)),
    ("cold beside hot", |stage, _| cold(stage, Some(&[HOT.to_owned()]))),
    ("cold beside many", |stage, _| cold(stage, Some(&stage.many))),
];

#[expect(clippy::cast_precision_loss, reason = "a handful of targets")]
pub(crate) fn run(settings: &Settings, book: &mut Book) {
    let stage = match Stage::set(settings) {
        Ok(stage) => stage,
        Err(error) => return book.fail("", &error),
    };
    for round in 0..settings.rounds {
        let (mut others, begun_at) = (0.0, machine::Ticks::now());
        for place in 0..TARGETS.len() {
            let (name, measure) = in_turn(round, place);
            let begun = Instant::now();
            others += machine::used_by_others();
            match measure(&stage, book) {
                Ok(found) => found.iter().for_each(|(end, value)| book.enter(format!("{name}: {end}"), round, *value)),
                Err(error) => book.fail(name, &error.context(format!("round {}", round + 1))),
            }
            println!("round {} of {}: {name} ({:.1?})", round + 1, settings.rounds, begun.elapsed());
        }
        book.enter(OTHERS, round, others / TARGETS.len() as f64);
        book.enter(STOLEN, round, begun_at.stolen_since());
    }
}

/// Each round begins with another part of the targets, and every other one goes backwards.
fn in_turn(round: usize, place: usize) -> Target {
    let count = TARGETS.len();
    let place = (place + round * PART) % count;
    TARGETS[if round.is_multiple_of(2) { place } else { count - 1 - place }]
}

impl Stage {
    fn set(settings: &Settings) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let tokens = folder.path().join("tokens");
        write_tokens(&tokens, USERS)?;
        let many = (0..MANY).map(|number| format!("i{number:04}")).collect();
        println!("a file of {} orders is written", settings.aged_orders);
        let aged = old_shop(settings.aged_orders);
        let (redis, postgres) = (Redis::start(), Postgres::start());
        Ok(Self { tokens, redis, postgres, aged, many, run: settings.run, _folder: folder })
    }
}

fn old_shop(orders: u32) -> anyhow::Result<SpawnedServer> {
    let place = TempDir::new(&std::env::temp_dir())?;
    aged::write(&place.data_file(), orders)?;
    open_in(place, &catalogue(&[], AMPLE), &[])
}

/// What has been started, or why not.
fn up<T>(started: &anyhow::Result<T>) -> anyhow::Result<&T> {
    started.as_ref().map_err(|error| anyhow::anyhow!("{error:#}"))
}

fn hot_shop() -> anyhow::Result<SpawnedServer> {
    open(&catalogue(&[HOT.to_owned()], AMPLE), &[])
}

fn crowd(house: &SpawnedServer, stage: &Stage) -> Crowd {
    Crowd::at(&house.url(), stage.run).with("--ops-url", house.ops_url()).with("--users", USERS)
}

fn order(stage: &Stage, connections: u32) -> Found {
    figures_of_orders(&hot_shop()?, connections, stage)
}

fn figures_of_orders(house: &SpawnedServer, connections: u32, stage: &Stage) -> Found {
    let run = crowd(house, stage).with("--connections", connections).with("--item", HOT).run()?;
    let run = run.clean()?.told("confirmed")?;
    Ok(vec![
        ("per second", run.figure("requests_per_s")?),
        ("CPU, µs", run.figure("server_cpu_us_per_order")?),
        ("generator CPU, µs", run.figure("generator_cpu_us_per_request")?),
    ])
}

/// The audit finds nothing there, and says so: a fixed answer has no ledger.
fn plain(stage: &Stage, connections: u32) -> Found {
    let fixed_answer = FixedAnswer::start()?;
    let crowd = Crowd::at(&fixed_answer.url, stage.run).with("--ops-url", &fixed_answer.url).with("--users", USERS);
    let crowd = crowd.with("--tokens", stage.tokens.display()).with("--connections", connections);
    let run = crowd.run()?.told("confirmed")?;
    Ok(vec![
        ("per second", run.figure("requests_per_s")?),
        ("CPU, µs", run.figure("server_cpu_us_per_request")?),
        ("generator CPU, µs", run.figure("generator_cpu_us_per_request")?),
    ])
}

fn sold_out(stage: &Stage) -> Found {
    let house = open(&catalogue(&[HOT.to_owned()], 1), &[])?;
    let run = crowd(&house, stage).with("--connections", 64).with("--item", HOT).run()?.clean()?.told("sold-out")?;
    Ok(vec![
        ("per second", run.figure("requests_per_s")?),
        ("CPU, µs", run.figure("server_cpu_us_per_request")?),
        ("generator CPU, µs", run.figure("generator_cpu_us_per_request")?),
    ])
}

fn postgres(stage: &Stage, form: Form) -> Found {
    Ok(vec![("per second", up(&stage.postgres)?.run(form, stage.run)?)])
}

/// The peak is the median of the closed loop so far; the first round begins with it.
fn half_of_the_peak(stage: &Stage, book: &Book) -> Found {
    let peak = Spread::of(&book.values("order at 64: per second")).context("the peak is not known")?.median;
    let (house, rate) = (hot_shop()?, (peak / 2.0).round());
    let run = crowd(&house, stage).with("--rate", rate).with("--item", HOT).run()?.clean()?.told("confirmed")?;
    let reached = run.figure("requests_per_s")? / rate;
    ensure!(reached > 0.95, "of {rate} purchases per second the generator made only {reached:.2}");
    Ok(vec![
        ("asked per second", rate),
        ("p50, ms", run.latency_ms("confirmed", "p50")?),
        ("p99, ms", run.latency_ms("confirmed", "p99")?),
        ("p99.9, ms", run.latency_ms("confirmed", "p999")?),
        ("max, ms", run.latency_ms("confirmed", "max")?),
    ])
}

/// The whole catalogue: the many, the hot one, and a few cold ones, so that every core has one.
fn big_shop(stage: &Stage) -> anyhow::Result<(SpawnedServer, Vec<String>)> {
    let cold: Vec<_> = (0..8).map(|number| format!("cold-{number}")).collect();
    let names = [stage.many.as_slice(), cold.as_slice(), &[HOT.to_owned()]].concat();
    Ok((open(&catalogue(&names, AMPLE), &[])?, cold))
}

fn among_many(stage: &Stage, wanted: &[String]) -> Found {
    let (house, _cold) = big_shop(stage)?;
    let crowd = Crowd::after(&house.url(), WARM_UP, stage.run).with("--ops-url", house.ops_url());
    let crowd = crowd.with("--users", USERS).with("--connections", 64).with("--item", wanted.join(","));
    let run = crowd.run()?.clean()?.told("confirmed")?;
    Ok(vec![("per second", run.figure("requests_per_s")?), ("CPU, µs", run.figure("server_cpu_us_per_order")?)])
}

/// A few buyers of cold items, beside a crowd in the closed loop that wants other ones.
fn cold(stage: &Stage, crowded: Option<&[String]>) -> Found {
    let (house, cold) = big_shop(stage)?;
    // Its end must not come before that of the measurement.
    let long = stage.run + Duration::from_secs(2);
    let beside = crowded
        .map(|items| Crowd::at(&house.url(), long).with("--users", USERS).with("--item", items.join(",")).start());
    let mut beside = beside.transpose()?;
    if let Some(running) = &mut beside {
        while Metrics::of(&house)?.sum("doorbuster_requests_total")? < 1_000.0 {
            ensure!(!running.is_over(), "the crowd did not come");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
    let buyers = Crowd::at(&house.url(), stage.run).with("--users", 10_000).with("--item", cold.join(","));
    let buyers = buyers.with("--rate", COLD_RATE).with("--arrival", "constant").with("--connections", 16);
    let run = buyers.run()?.clean()?.told("confirmed")?;
    let mut found =
        vec![("p99, ms", run.latency_ms("confirmed", "p99")?), ("p50, ms", run.latency_ms("confirmed", "p50")?)];
    if let Some(running) = beside {
        found.push(("crowd per second", running.end()?.clean()?.told("confirmed")?.figure("requests_per_s")?));
    }
    Ok(found)
}
