//! **Job:** a flash sale in small, from the early birds to the sold-out tail, for somebody to look at.
//! **Owns:** what is on sale, how the crowd comes, and the funnel as a table.
//! **Never:** claims anything that it does not audit.

use std::cell::RefCell;
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::park_timeout;
use std::time::{Duration, SystemTime};

use doorbuster_actors::time::Timestamp;
use serde_json::json;

use super::Cli;
use super::bench::audit::{self, Finding};
use super::bench::options::{Arrival, Demo};
use super::bench::orders::Orders;
use super::bench::own_server::{own_server, with_keys};
use super::bench::run_state::RunState;
use super::bench::server_facts::{Item, Layer, OpsClient};
use super::bench::spawned_server::{LaunchSpec, SpawnedServer};
use super::bench::workload::{Segment, Workload};
use super::bench::{BenchError, Keys, Pacing, TempoKind, drive, interrupt, prepare, progress, report};
use super::failure::{EXIT_VIOLATED, Failure};
use super::verify;
use crate::config::Purpose;
use std::process::ExitCode;

/// What is on sale, the most wanted first: name, title, units. A thousand units in all.
const ITEMS: [(&str, &str, u32); 3] =
    [("lantern", "New Year lantern", 500), ("tea", "Box of green tea", 300), ("cup", "Cup with a lid", 200)];

/// Time from the first early bird to the opening.
const OPENING: Duration = Duration::from_secs(2);

/// One of so many purchases is made before the opening.
const EARLY: u64 = 50;

/// The tail: purchases per second, for how long.
const TAIL_PER_SECOND: f64 = 500.0;
const TAIL: Duration = Duration::from_secs(2);

/// Clicks of each buyer.
const CLICKS: u64 = 2;

/// How often is looked what is left, in looks of the progress line.
const STOCK_LOOKS: u64 = 2;

/// Connections of the crowd.
const CONNECTIONS: u64 = 256;

/// What the demo's server is told: a pool with a few more tokens than units, so that every layer has something to do.
const KEYS: &[(&str, &str)] = &[("gate.pool.factor", "1.05")];

/// Runs the demo on a server of its own.
pub(super) fn run(cli: &Cli, options: &Demo) -> Result<ExitCode, Failure> {
    let (sources, spec) = own_server(cli, "", KEYS)?;
    let is_clean = with_keys(sources, &[Purpose::Sign, Purpose::Operate], |keys| {
        Ok(sell(options, spec, keys, &mut std::io::stdout().lock())?)
    })?;
    Ok(if is_clean { ExitCode::SUCCESS } else { ExitCode::from(EXIT_VIOLATED) })
}

/// Runs the demo; answers whether the audit was clean.
fn sell(demo: &Demo, recipe: LaunchSpec, keys: &Keys<'_>, out: &mut impl Write) -> Result<bool, BenchError> {
    let run_state = Arc::new(RunState::default());
    interrupt::listen(&run_state)?;
    let server = SpawnedServer::start(recipe, &run_state.stop)?;
    let ops = OpsClient::new(&server.url(), Some((server.ops_url(), keys.admin_token.clone())));
    let units: u32 = ITEMS.iter().map(|(.., stock)| stock).sum();
    writeln!(out, "{} buyers, {CLICKS} clicks each, for {units} units of {} items", demo.users, ITEMS.len())?;
    out.flush()?;

    let orders = crowd(demo, &server.url(), keys)?;
    let before = ops.snapshot()?;
    put_on_sale(&ops)?;
    let items = ops.items()?;
    let left = RefCell::new(format!("{units} units left"));
    let pacing = pacing(demo);
    let (tally, orders) = drive(orders, &pacing, &run_state, None, &|looks| watch(&ops, &run_state, looks, &left))?;

    let after = ops.snapshot()?;
    let mut report = report(&orders, &pacing, &tally, before.as_ref(), after.as_ref());
    report.audit = audit::check(&ops, &orders, &tally, &items, before.as_ref())?;
    let file = verify::audit(&server.data_file())?;
    report.audit.push(Finding::of_file(&file, "of the running server"));
    report.print_outcomes(out)?;
    writeln!(out, "Times count from the moment a buyer wanted to buy; all but a few wanted it in the same moment.")?;
    print_funnel(&after.map(|after| after.funnel.layers).unwrap_or_default(), out)?;
    report.print_audit(out)?;
    if !demo.once {
        stay_open(&server, &run_state, out)?;
    }
    Ok(report.is_clean())
}

/// The buyers, with their papers.
fn crowd(demo: &Demo, url: &str, keys: &Keys<'_>) -> Result<Orders, BenchError> {
    let run = prepare::run_name();
    let users = prepare::minted(&run, demo.users, keys);
    let (address, host, base_path) = prepare::resolve(url)?;
    let workload = Workload { run, users: demo.users.into(), clicks: CLICKS, items: ITEMS.len(), zipf: 0.5, seed: 1 };
    Ok(Orders {
        address,
        host,
        users,
        items: ITEMS.map(|(id, ..)| (id.into(), prepare::path(base_path, id))).to_vec(),
        body: prepare::body(1),
        quantity: 1,
        workload,
        retries: 2,
        mix: 0.0,
        patience: Duration::from_secs(10),
        warmup: Duration::ZERO,
        last_call: Duration::MAX,
    })
}

/// The sale begins when the crowd does, a little after the early birds.
fn put_on_sale(ops: &OpsClient) -> Result<(), BenchError> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let opens_at = Timestamp::from_millis(i64::try_from((now + OPENING).as_millis()).unwrap_or(i64::MAX));
    for (id, title, stock) in ITEMS {
        let fields = json!({
            "title": title, "unit_price": 1990, "currency": "CNY", "stock": stock, "opens_at": opens_at.to_string(),
        });
        ops.put_item(id, &fields)?;
    }
    Ok(())
}

/// Early birds, then everybody, then those who are too late.
fn pacing(demo: &Demo) -> Pacing {
    let purchases = u64::from(demo.users) * CLICKS;
    let early = purchases / EARLY;
    let rate = f64::from(u32::try_from(early).unwrap_or(u32::MAX)) / OPENING.as_secs_f64();
    let segments = vec![
        Segment { from: Duration::ZERO, rate: Some(rate.max(1.0)), count: early, until: OPENING },
        Segment { from: OPENING, rate: None, count: purchases - early, until: Duration::MAX },
        Segment { from: OPENING, rate: Some(TAIL_PER_SECOND), count: u64::MAX, until: OPENING + TAIL },
    ];
    Pacing {
        kind: TempoKind::Open { segments, arrival: Arrival::Poisson },
        threads: 1,
        connections: CONNECTIONS,
        last_call: Duration::MAX,
        opening: Duration::ZERO,
        rate: None,
        seed: 1,
        asked: json!(null),
    }
}

/// How it goes, for the terminal.
fn watch(ops: &OpsClient, run_state: &RunState, looks: u64, left: &RefCell<String>) -> (u64, String) {
    if looks.is_multiple_of(STOCK_LOOKS) {
        // A look that fails shows what it showed before: the run itself will say what is wrong.
        if let Ok(items) = ops.items() {
            let remaining = |item: &Item| format!("{} {}", item.id, item.remaining);
            left.replace(items.iter().map(remaining).collect::<Vec<_>>().join(", "));
        }
    }
    let (answered, said) = progress::glance(run_state);
    (answered, format!("{said}, left: {}", left.borrow()))
}

/// Who got how far, and what stopped the others.
fn print_funnel(layers: &[Layer], out: &mut impl Write) -> std::io::Result<()> {
    writeln!(out, "\n{:<10}{:>9}{:>9}  answered there", "layer", "in", "passed")?;
    for layer in layers {
        let answered = layer.answered.iter().filter(|(_, count)| **count > 0);
        let answered: Vec<_> = answered.map(|(code, count)| format!("{code} {count}")).collect();
        writeln!(out, "{:<10}{:>9}{:>9}  {}", layer.name, layer.entered, layer.passed, answered.join(", "))?;
    }
    Ok(())
}

fn stay_open(server: &SpawnedServer, run_state: &RunState, out: &mut impl Write) -> std::io::Result<()> {
    let (shop, dashboard, secrets) = (server.url(), server.ops_url(), server.secrets_file());
    writeln!(
        out,
        "\nThe server is still open; Ctrl-C ends it and deletes its files.\n  shop       {shop}/\n  \
         dashboard  {dashboard}/\n  orders     doorbuster orders --db {}",
        server.data_file().display()
    )?;
    // With a configuration file the secrets are that file's.
    if secrets.exists() {
        writeln!(out, "  token      admin_token in {}", secrets.display())?;
    }
    out.flush()?;
    while !run_state.stop.load(Ordering::Relaxed) {
        park_timeout(Duration::from_millis(100));
    }
    Ok(())
}
