//! **Job:** ten times as many purchases as the house is told to take, for long: what is sold, refused, remembered.
//! **Owns:** what capacity means here: the rate of the token bucket, a tenth of what the generator can ask.
//! **Never:** calls memory growth what confirmed orders need: they are counted beside it.
//!
//! Ten times what the machine itself can do cannot be asked from the same two cores. So the operator's limit is the
//! capacity, and the crowd is ten times that.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use doorbuster::commands::bench::spawned_server::SpawnedServer;

use super::crowd::{Crowd, Running, USERS};
use super::settings::Settings;
use super::shop::{AMPLE, HOT, Metrics, catalogue, open};
use super::statistics::{Book, Spread};

/// Of what the closed loop reaches, the share that is asked here. In the open loop every request wakes its thread: on
/// both sides it takes twice the CPU time, and beyond this the generator, on the same cores, measures itself.
const ASKED_OF_PEAK: f64 = 0.4;

/// Attempts per order that can be sold.
const TIMES: f64 = 10.0;

/// From then on memory must not grow: tables and buffers have found their sizes.
const SETTLED: Duration = Duration::from_secs(10);

/// Connections of the crowd.
const CONNECTIONS: u32 = 256;

const NAME: &str = "overload";

const MIB: f64 = 1_048_576.0;

/// Memory and orders at a moment of the run.
#[derive(Debug, Clone, Copy)]
struct Sample {
    resident_bytes: f64,
    confirmed: f64,
    attempts: f64,
}

impl Sample {
    fn of(house: &SpawnedServer) -> anyhow::Result<Self> {
        let metrics = Metrics::of(house)?;
        Ok(Self {
            resident_bytes: metrics.sum("process_resident_memory_bytes ")?,
            confirmed: metrics.sum("doorbuster_requests_total{outcome=\"confirmed\"}")?,
            attempts: metrics.sum("doorbuster_requests_total{")?,
        })
    }
}

pub(crate) fn run(settings: &Settings, book: &mut Book) {
    println!("overload for {:?}", settings.overload);
    if let Err(error) = measure(settings, book) {
        book.fail(NAME, &error);
    }
}

fn measure(settings: &Settings, book: &mut Book) -> anyhow::Result<()> {
    let peak = Spread::of(&book.values("order at 256: per second")).context("the peak is not known")?.median;
    let asked = (peak * ASKED_OF_PEAK).round();
    let capacity = (asked / TIMES).round();
    let keys = [format!("gate.bucket.rate={capacity}"), format!("gate.bucket.burst={}", (capacity / 10.0).ceil())];
    let house = open(&catalogue(&[HOT.to_owned()], AMPLE), &keys)?;
    let crowd = Crowd::at(&house.url(), settings.overload).with("--ops-url", house.ops_url()).with("--users", USERS);
    let crowd = crowd.with("--item", HOT).with("--rate", asked).with("--connections", CONNECTIONS);
    let mut running = crowd.start()?;
    let samples = watch(&house, &mut running, settings)?;
    let run = running.end()?.clean()?;
    let mut enter = |end: &str, value| book.enter(format!("{NAME}: {end}"), 0, value);
    enter("asked per second", asked);
    enter("sent of asked", run.figure("requests_per_s")? / asked);
    enter("capacity per second", capacity);
    enter("goodput of capacity", run.figure("goodput_per_s")? / capacity);
    enter("p99 of refusals, ms", run.latency_ms("rate-limited", "p99")?);
    enter("p99.9 of refusals, ms", run.latency_ms("rate-limited", "p999")?);
    enter("p99 of orders, ms", run.latency_ms("confirmed", "p99")?);
    let (settled, last) = samples.with_context(|| format!("memory settles within {SETTLED:?}: the run was shorter"))?;
    let (grown, orders) = (last.resident_bytes - settled.resident_bytes, last.confirmed - settled.confirmed);
    enter("memory growth after the start, MiB", grown / MIB);
    enter("orders sold meanwhile", orders);
    enter("refused meanwhile", last.attempts - settled.attempts - orders);
    let order_bytes =
        Spread::of(&book.values("memory: live order, UUIDs, bytes")).context("an order's memory is unknown")?;
    book.enter(
        format!("{NAME}: memory growth beyond sold orders, MiB"),
        0,
        (grown - orders * order_bytes.median) / MIB,
    );
    Ok(())
}

/// What was when memory had settled, and at the end; `None` if the run is too short for it.
fn watch(
    house: &SpawnedServer,
    running: &mut Running,
    settings: &Settings,
) -> anyhow::Result<Option<(Sample, Sample)>> {
    while Sample::of(house)?.attempts < 1.0 {
        ensure!(!running.is_over(), "the crowd did not come");
        std::thread::sleep(Duration::from_millis(10));
    }
    let begun = Instant::now();
    let mut settled = None;
    let mut last = None;
    // Before the end, so that the audit's reading does not count.
    while begun.elapsed() + Duration::from_millis(500) < settings.overload {
        std::thread::sleep(Duration::from_millis(250));
        last = Some(Sample::of(house)?);
        settled = settled.or(last.filter(|_| begun.elapsed() >= SETTLED));
    }
    Ok(settled.zip(last))
}
