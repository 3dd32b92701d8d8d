//! **Job:** how many durable orders a second the core makes without HTTP, against a plain loop that inserts the same
//! rows.
//! **Owns:** the crowd: 1,024 letters in flight for one hot item, each from another buyer, sent on the core's own
//! thread.
//! **Never:** reports orders that are not in the file: it counts them at the end.
//!
//! The baseline has nothing to decide, to check or to answer, and its batches are as large as the mean batch that the
//! writer reached by itself. What is lost against it is the price of the sale; what the ratio cannot pass is the disk.

#![expect(clippy::print_stdout, reason = "its figures are what a bench is for")]

mod house;

use std::path::Path;
use std::time::{Duration, Instant};

use criterion::{BenchmarkGroup, Criterion, Throughput, measurement::WallTime};
use doorbuster_actors::batch::CommitTrigger;
use doorbuster_actors::ledger::COLUMNS;
use doorbuster_actors::postbox::Stamps;
use rusqlite::{Connection, params};

use house::{House, IN_FLIGHT, ORDERS, STOCK, audit, names};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Orders of the measurement before the benchmark, from which the batch of the baseline is taken.
const ORDERS_FOR_RATIO: u64 = 20 * ORDERS as u64;

/// One connection, one statement, the same table, settings and rows.
struct Plain {
    connection: Connection,
    batch: u64,
    made: u64,
    log_bytes: u64,
}

impl Plain {
    fn open(path: &Path, batch: u64) -> Self {
        let connection = Connection::open(path).expect("a new file");
        let settings = "PRAGMA synchronous = 3; PRAGMA wal_autocheckpoint = 0; PRAGMA trusted_schema = OFF";
        connection.execute_batch(settings).expect("settings");
        let _mode: String =
            connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0)).expect("a new file takes any");
        connection.execute_batch(include_str!("../data/schema/0001_ledger.sql")).expect("the schema");
        Self { connection, batch, made: 0, log_bytes: 0 }
    }

    fn run(&mut self, orders: u64) -> Duration {
        let started = Instant::now();
        let end = self.made + orders;
        while self.made < end {
            self.insert(self.batch.min(end - self.made));
            self.checkpoint_if_due();
        }
        started.elapsed()
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
    fn checkpoint_if_due(&mut self) {
        self.log_bytes += 8240 + 128 * self.batch;
        if self.log_bytes >= 16 << 20 {
            self.log_bytes = 0;
            let copied = self.connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| row.get::<_, i64>(0));
            assert_eq!(copied, Ok(0), "nobody else is here");
        }
    }
}

/// Entries per commit so far.
fn mean_batch(house: &House) -> u64 {
    let commits: u64 = CommitTrigger::ALL.iter().map(|trigger| house.writer().commits(*trigger)).sum();
    house.writer().entries() / commits
}

fn measure(group: &mut BenchmarkGroup<'_, WallTime>, name: &str, mut run: impl FnMut(u64) -> Duration) {
    group.bench_function(name, |bencher| bencher.iter_custom(|iterations| run(iterations * u64::from(ORDERS))));
}

#[expect(clippy::cast_precision_loss, reason = "a rate for people")]
fn per_second(orders: u64, elapsed: Duration) -> f64 {
    orders as f64 / elapsed.as_secs_f64()
}

fn main() {
    let folder = tempfile::tempdir().expect("a folder for the bench");
    let (house_file, plain_file) = (folder.path().join("house.db"), folder.path().join("plain.db"));
    let mut house = House::open(&house_file);
    house.run(ORDERS.into(), Stamps::All);
    let of_house = per_second(ORDERS_FOR_RATIO, house.run(ORDERS_FOR_RATIO, Stamps::All));
    let batch = mean_batch(&house);
    let mut plain = Plain::open(&plain_file, batch);
    plain.run(ORDERS.into());
    let of_plain = per_second(ORDERS_FOR_RATIO, plain.run(ORDERS_FOR_RATIO));
    println!("house: {of_house:.0} orders/s, mean batch {batch}, {IN_FLIGHT} in flight, durable");
    println!("plain: {of_plain:.0} rows/s, batch {batch}, the same rows; house/plain = {:.2}", of_house / of_plain);

    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("group_commit");
    group.throughput(Throughput::Elements(ORDERS.into())).sample_size(10);
    measure(&mut group, "house", |orders| house.run(orders, Stamps::All));
    measure(&mut group, "plain", |orders| plain.run(orders));
    group.finish();
    criterion.final_summary();

    audit(&house_file, house.close());
    audit(&plain_file, plain.made);
}
