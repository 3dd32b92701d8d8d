//! **Job:** what everybody else feels when very many orders expire at the same moment.
//! **Owns:** the data file with one deadline, and the buyer of another item who is measured.
//! **Never:** counts an order that expired twice or not at all: it ends with the audit.
//!
//! The data file holds 100,000 unpaid orders of one item with one deadline. The real server is started on it with one
//! core, so that both items share their thread, and one client buys another item, 200 times a second. Latency is
//! measured from the intended start of each purchase: the two seconds before the deadline are the baseline for the two
//! seconds after it. The bench ends with the audit: everything expired once, nothing else did.
//! `cargo bench --bench expiry`.

#![expect(clippy::print_stdout, reason = "a bench reports on standard output")]

#[path = "../actors/tests/it/support/mod.rs"]
#[allow(dead_code, unused_imports, reason = "each bench uses its own part of it")]
mod ledger_kit;
#[path = "../tests/it/support/mod.rs"]
#[allow(dead_code, unused_imports, reason = "each bench uses its own part of it")]
mod support;

use std::path::Path;
use std::time::Duration;

use doorbuster_actors::entry::Entry;
use doorbuster_actors::ids::ItemNumber;
use doorbuster_actors::ledger::Ledger;
use doorbuster_actors::stock::{SalePolicy, Stock};
use doorbuster_actors::time::Timestamp;
use jiff::Timestamp as Wall;
use support::{Attempt, Client, Item, Server, Setup, assert_conservation};

/// Orders that expire together.
const HELD: u32 = 100_000;
/// Entries of one commit while the file is made.
const BATCH: usize = 4_096;
/// From the making of the file to the deadline: enough to start the server and to measure the baseline.
const LEAD: Duration = Duration::from_secs(15);
/// What is measured on either side of the deadline.
const WINDOW: Duration = Duration::from_secs(2);
/// Between two purchases of the steady buyer: far below what a server can do, so that latency is not a queue's.
const PACE: Duration = Duration::from_millis(5);
/// How long the expiry of everything may take.
const PATIENCE: Duration = Duration::from_mins(1);

const HELD_ITEM: &str = "held";
const STEADY_ITEM: &str = "steady";

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a runtime").block_on(run());
}

async fn run() {
    let setup = Setup::new([Item::new(HELD_ITEM, HELD), Item::new(STEADY_ITEM, 1_000_000)]);
    let setup = setup.set("server.workers", "1").set("payment.pay_within", "\"1h\"");
    let deadline = hold_everything(&setup.directory().join("doorbuster.db"));
    let server = setup.start();
    assert!(Wall::now() + WINDOW < deadline, "the start took so long that the deadline is near: raise LEAD");
    let (bought, expired_after) = tokio::join!(buy_steadily(&server, deadline), watch(&server, deadline));
    report(&bought, expired_after);
    let rows = assert_conservation(&server).await;
    let with =
        |item: &str, status: &str| rows.iter().filter(|row| row["item_id"] == item && row["status"] == status).count();
    assert_eq!(with(HELD_ITEM, "expired"), HELD as usize, "expired");
    assert_eq!(with(STEADY_ITEM, "pending"), bought.len(), "bought");
    println!("  audit clean: {HELD} expired, {} bought", bought.len());
}

/// Writes a data file in which every unit of the item is held, and returns the one deadline of all its orders.
fn hold_everything(path: &Path) -> Wall {
    let (mut ledger, _empty) = Ledger::open(&ledger_kit::durable(path), |_entry| ()).expect("a new data file");
    let now = Timestamp::from_millis(Wall::now().as_millisecond());
    let creation = Stock::creation(ItemNumber(1), ledger_kit::item(HELD_ITEM, HELD), now);
    let mut stock = Stock::create(&creation).expect("an entry that creates an item does");
    let policy = SalePolicy { pay_within: Some(LEAD), ..ledger_kit::POLICY };
    let mut entries: Vec<Entry> = vec![creation];
    for buyer in 0..HELD {
        entries
            .extend(ledger_kit::placed(stock.reserve(ledger_kit::one_unit(&format!("buyer-{buyer}")), &policy, now)).1);
    }
    for batch in entries.chunks(BATCH) {
        ledger.commit(batch.iter()).expect("the disk takes it");
    }
    ledger.close().expect("the disk takes it");
    Wall::from_millisecond(now.millis()).expect("a time of this century") + LEAD
}

/// One purchase: when it should have begun, relative to the deadline in milliseconds, and how long from then it took.
struct Purchase {
    begun_ms: i64,
    latency: Duration,
}

/// Buys the other item at its pace, from a window before the deadline to a window after it.
async fn buy_steadily(server: &Server, deadline: Wall) -> Vec<Purchase> {
    let mut client = Client::new(server.address());
    let mut bought = Vec::new();
    let mut due = deadline - WINDOW;
    while due < deadline + WINDOW {
        sleep_until(due).await;
        let attempt = Attempt::new(&format!("steady-{}", bought.len()), STEADY_ITEM);
        let answer = attempt.send(&mut client).await.expect("an answer");
        assert_eq!(answer.status, 201, "{}", answer.text());
        let begun_ms = due.as_millisecond() - deadline.as_millisecond();
        bought.push(Purchase { begun_ms, latency: since(due) });
        due += PACE;
    }
    bought
}

/// Waits until everything has expired, and says how long after the deadline that was.
async fn watch(server: &Server, deadline: Wall) -> Duration {
    let mut client = Client::new(server.address());
    sleep_until(deadline - Duration::from_millis(100)).await;
    loop {
        let answer = client.get(&format!("/v1/items/{HELD_ITEM}"), &[]).await.expect("an answer");
        if answer.json()["remaining"] == HELD {
            return since(deadline);
        }
        assert!(since(deadline) < PATIENCE, "not everything has expired: {}", answer.text());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn sleep_until(time: Wall) {
    let left = time.duration_since(Wall::now());
    tokio::time::sleep(Duration::try_from(left).unwrap_or_default()).await;
}

fn since(time: Wall) -> Duration {
    Duration::try_from(Wall::now().duration_since(time)).unwrap_or_default()
}

fn report(bought: &[Purchase], expired_after: Duration) {
    println!("{HELD} orders with one deadline, one core, one buyer of another item every {PACE:?}");
    for (name, is_after) in [("before", false), ("after", true)] {
        let side = bought.iter().filter(|purchase| (purchase.begun_ms >= 0) == is_after);
        let mut latencies: Vec<_> = side.map(|purchase| purchase.latency).collect();
        latencies.sort_unstable();
        let at = |percent: usize| latencies[(latencies.len() - 1) * percent / 100].as_secs_f64() * 1e3;
        let (median, p99, most) = (at(50), at(99), at(100));
        println!("  {WINDOW:?} {name:<6}  median {median:7.2} ms  p99 {p99:7.2} ms  max {most:7.2} ms");
    }
    println!("  all expired {:.2} s after the deadline", expired_after.as_secs_f64());
}
