//! **Job:** how many durable orders a second the core makes without HTTP, against a plain loop that inserts the same
//! rows.
//! **Owns:** the crowd: 1,024 messages in flight for one hot item, each from another buyer, sent on the core's own
//! thread.
//! **Never:** reports orders that are not in the file: it counts them at the end.
//!
//! The baseline has nothing to decide, to check or to answer, and its batches are as large as the mean batch that the
//! writer reached by itself. What is lost against it is the price of the sale; what the ratio cannot pass is the disk.
//! Both run in turn on files of the same size. The core has two busy threads, the loop has one: where the cores are
//! shared with others, the ratio by wall clock is too low, and the one of the busiest thread is to be read.

#![expect(clippy::print_stdout, reason = "its figures are what a bench is for")]

mod durable_core;
mod pairs;

use std::cell::Cell;
use std::path::Path;

use doorbuster_actors::ledger::COLUMNS;
use doorbuster_actors::observe::CommitTrigger;
use doorbuster_actors::sale::Timing;
use rusqlite::{Connection, params};

use durable_core::{DurableCore, IN_FLIGHT, ORDERS, STOCK, audit, names};
use pairs::{Cost, Pairs, Quartiles, per_second};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Pairs of rounds.
const ROUNDS: usize = 9;

/// Orders of one round: so many that the small batches at its ends do not count.
const ORDERS_PER_ROUND: u32 = 16 * ORDERS;

/// One connection, one statement, the same table, settings and rows.
struct Plain {
    connection: Connection,
    made: u64,
    log_bytes: u64,
}

impl Plain {
    fn open(path: &Path) -> Self {
        let connection = Connection::open(path).expect("a new file");
        let settings = "PRAGMA synchronous = 3; PRAGMA wal_autocheckpoint = 0; PRAGMA trusted_schema = OFF";
        connection.execute_batch(settings).expect("settings");
        let _mode: String =
            connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0)).expect("a new file takes any");
        connection.execute_batch(include_str!("../data/schema/0001_ledger.sql")).expect("the schema");
        Self { connection, made: 0, log_bytes: 0 }
    }

    fn run(&mut self, orders: u64, batch: u64) {
        let end = self.made + orders;
        while self.made < end {
            let orders = batch.min(end - self.made);
            self.insert(orders);
            self.checkpoint_if_due(orders);
        }
    }

    fn insert(&mut self, orders: u64) {
        let sql = format!("INSERT INTO ledger ({COLUMNS}) VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15)");
        let connection = &self.connection;
        let execute = |sql| connection.prepare_cached(sql)?.execute([]);
        execute("BEGIN IMMEDIATE").expect("nobody else is here");
        let mut insert = connection.prepare_cached(&sql).expect("the schema");
        for number in self.made..self.made + orders {
            let (user, key) = names(number);
            let (seq, at) = (i64::try_from(number + 1).expect("few orders"), 1_795_608_000_000_i64);
            let (left, pay_by, checksum) = (i64::from(STOCK) - seq, at + 900_000, at.rotate_left(13) ^ seq);
            let row = params![seq, 2, at, 1, seq, user, 1, 1990, key, pay_by, 1, STOCK, left, None::<&str>, checksum];
            insert.execute(row).expect("room on the disk");
        }
        drop(insert);
        execute("COMMIT").expect("room on the disk");
        self.made += orders;
    }

    /// As often as the ledger does.
    fn checkpoint_if_due(&mut self, orders: u64) {
        self.log_bytes += 8240 + 128 * orders;
        if self.log_bytes >= 16 << 20 {
            self.log_bytes = 0;
            let copied = self.connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| row.get::<_, i64>(0));
            assert_eq!(copied, Ok(0), "nobody else is here");
        }
    }
}

/// Entries and commits so far.
fn counts(core: &DurableCore) -> (u64, u64) {
    let commits = CommitTrigger::ALL.iter().map(|trigger| core.writer().commits(*trigger)).sum();
    (core.writer().entries(), commits)
}

/// Runs a round of the core; answers its mean batch.
fn run(core: &mut DurableCore) -> u64 {
    let before = counts(core);
    core.run(ORDERS_PER_ROUND.into(), Timing::Sampled);
    let after = counts(core);
    (after.0 - before.0) / (after.1 - before.1)
}

/// With a page cache for the whole process, each connection throws out the pages of the other, and the slower one reads
/// the root of the table again for every row.
fn assert_own_page_caches() {
    let connection = Connection::open_in_memory().expect("memory");
    let asked = "SELECT sqlite_compileoption_used('ENABLE_MEMORY_MANAGEMENT')";
    let shared: bool = connection.query_row(asked, [], |row| row.get(0)).expect("a function of SQLite");
    assert!(!shared, "SQLite was built without the flags of .cargo/config.toml: its connections share a page cache");
}

fn report(pairs: &Pairs, what: &str, figure: impl Fn(&Cost) -> f64) {
    let median = |of: &dyn Fn(&Cost, &Cost) -> f64| pairs.quartiles(of).median;
    let (core, plain) = (median(&|core, _| figure(core)), median(&|_, plain| figure(plain)));
    let Quartiles { low, median, high } = pairs.quartiles(|core, plain| figure(plain) / figure(core));
    let rates = (per_second(core), per_second(plain));
    println!(
        "  {what:<15} {core:7.0} ns {:9.0}/s  {plain:7.0} ns {:9.0}/s  {median:.2} ({low:.2} to {high:.2})",
        rates.0, rates.1
    );
}

fn main() {
    assert_own_page_caches();
    let folder = tempfile::tempdir().expect("a folder for the bench");
    let (core_file, plain_file) = (folder.path().join("core.db"), folder.path().join("plain.db"));
    let (mut core, mut plain) = (DurableCore::open(&core_file), Plain::open(&plain_file));
    // Not counted: the first round of each grows the tables and the log from nothing.
    let batch = Cell::new(run(&mut core));
    plain.run(ORDERS_PER_ROUND.into(), batch.get());
    let pairs = Pairs::run(
        ROUNDS,
        ORDERS_PER_ROUND,
        || batch.set(run(&mut core)),
        || plain.run(ORDERS_PER_ROUND.into(), batch.get()),
    );
    println!("{IN_FLIGHT} in flight, durable, mean batch {}, {ROUNDS} pairs of {ORDERS_PER_ROUND} orders", batch.get());
    println!("  {:<15} {:>10} {:>11}  {:>10} {:>11}  core/plain (quartiles)", "per order", "core", "", "plain", "");
    report(&pairs, "wall clock", |cost| cost.wall);
    report(&pairs, "busiest thread", |cost| cost.busiest);
    report(&pairs, "CPU, all threads", |cost| cost.cpu);
    audit(&core_file, core.close());
    audit(&plain_file, plain.made);
}
