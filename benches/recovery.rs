//! **Job:** how long a start takes with a million orders in the data file, against a plain scan of the same rows.
//! **Owns:** the file, which is written once by the ledger itself.
//! **Never:** measures a file that is not in the page cache: the first reading is not counted.

#![expect(clippy::print_stdout, reason = "its figures are what a bench is for")]

#[path = "../actors/tests/it/support/mod.rs"]
#[allow(dead_code, unused_imports, reason = "each bench uses its own part of it")]
mod support;

use std::path::Path;

use criterion::{Criterion, SamplingMode, Throughput};
use doorbuster_actors::ledger::{COLUMNS, Row};
use rusqlite::{Connection, OpenFlags};

use support::{POLICY, item, keyed, moment, new_ledger, one_unit, placed, reopen};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const ORDERS: u32 = 1_000_000;

/// Orders per commit while the file is written. Large, because nobody waits for them.
const BATCH: u32 = 10_000;

/// Distinct buyers with names of 13 characters and keys as long as a UUID.
fn build(path: &Path) {
    let (mut ledger, mut stocks) = new_ledger(path, &[item("sku-1", ORDERS)]);
    for batch in 0..ORDERS / BATCH {
        let numbers = batch * BATCH..(batch + 1) * BATCH;
        let orders = numbers.map(|number| keyed(one_unit(&format!("u{number:012}")), &format!("{number:036}")));
        let entries: Vec<_> = orders.flat_map(|order| placed(stocks[0].reserve(order, &POLICY, moment(0))).1).collect();
        ledger.commit(entries.iter()).expect("room on the disk");
        ledger.checkpoint_if_due().expect("room on the disk");
    }
    ledger.close().expect("a clean end");
}

fn recover(path: &Path) {
    let (_ledger, recovered) = reopen(path).expect("an undamaged ledger");
    assert_eq!((recovered.entries, recovered.stocks[0].remaining()), (u64::from(ORDERS) + 1, 0));
}

/// Reads every column of every row, and believes it.
fn scan(path: &Path) {
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).expect("the data file");
    let mut all = connection.prepare(&format!("SELECT {COLUMNS} FROM ledger ORDER BY seq")).expect("the table");
    let mut rows = all.query([]).expect("readable");
    let (mut count, mut left) = (0, 0);
    while let Some(row) = rows.next().expect("readable") {
        left = std::hint::black_box(Row::read(row).expect("a row of ours")).remaining;
        count += 1;
    }
    assert_eq!((count, left), (ORDERS + 1, 0));
}

fn main() {
    let folder = tempfile::tempdir().expect("a folder for the bench");
    let path = folder.path().join("sale.db");
    build(&path);
    println!("{ORDERS} orders, {} bytes", std::fs::metadata(&path).expect("it is there").len());
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("recovery");
    group.throughput(Throughput::Elements(u64::from(ORDERS))).sample_size(10).sampling_mode(SamplingMode::Flat);
    group.bench_function("open_and_recover", |bencher| bencher.iter(|| recover(&path)));
    group.bench_function("plain_scan", |bencher| bencher.iter(|| scan(&path)));
    group.finish();
    criterion.final_summary();
}
