//! **Job:** measures one thing: the ledger with one batch size and durability, or the disk alone.
//! **Owns:** the orders it writes, which look like those of a sale, and when it has seen enough.
//! **Never:** times the making of its orders, or fills the disk: a file ends at its limit.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use doorbuster_actors::data_file::Creation;
use doorbuster_actors::entry::{Change, Entry, OrderChange, Status};
use doorbuster_actors::ids::{ItemNumber, OrderNumber};
use doorbuster_actors::item::Amount;
use doorbuster_actors::ledger::{Durability, Ledger, LedgerSettings};
use doorbuster_actors::time::Timestamp;

use super::CalibrateError;
use super::scratch::Scratch;

/// Rows of one file: with its log about 70 MB, three checkpoints of the ledger.
const MAX_ROWS: u32 = 400_000;

/// Units on sale: more than are bought.
const SUPPLY: u32 = 1_000_000_000;

/// What one write of a calibration's probe has: a page of SQLite.
const BLOCK: usize = 4_096;

/// Blocks of the probe's file, which it fills and then writes again, as SQLite does with its log.
const BLOCKS: u64 = 256;

/// Writes of the probe: enough for a 99th percentile.
const MAX_WRITES: usize = 2_000;

/// How much of the disk alone is measured.
#[derive(Debug, Clone, Copy)]
pub(in crate::commands) struct Probe {
    /// No write begins later, but the first.
    pub(in crate::commands) time: Duration,
    /// Writes at most.
    pub(in crate::commands) writes: usize,
    /// Bytes of one.
    pub(in crate::commands) bytes: usize,
}

impl Probe {
    pub(super) fn of_calibration(time: Duration) -> Self {
        Self { time, writes: MAX_WRITES, bytes: BLOCK }
    }
}

/// How long something took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::commands) struct Latency {
    pub(in crate::commands) count: usize,
    pub(in crate::commands) p50: Duration,
    pub(in crate::commands) p99: Duration,
    pub(in crate::commands) max: Duration,
}

/// What the ledger made with one batch size and durability.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Cell {
    pub(super) durability: Durability,
    pub(super) batch: u32,
    pub(super) rows_per_second: f64,
    pub(super) commits_per_second: f64,
    pub(super) commit: Latency,
}

impl Latency {
    /// Of at least one.
    fn of(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        let at = |percent: usize| times[(times.len() - 1) * percent / 100];
        Self { count: times.len(), p50: at(50), p99: at(99), max: at(100) }
    }
}

/// The ledger, with its own schema, settings, checksums and checkpoints, on a new file.
pub(super) async fn cell(
    folder: &Path,
    durability: Durability,
    batch: u32,
    time: Duration,
) -> Result<Cell, CalibrateError> {
    let failed = |source| CalibrateError::Ledger { folder: folder.to_owned(), source };
    let not_written = |source| CalibrateError::Commit { folder: folder.to_owned(), source };
    let scratch = Scratch::create(folder)?;
    let settings = LedgerSettings { path: scratch.file(), durability, creation: Creation::Allowed };
    let (mut ledger, _empty) = Ledger::open(&settings, |_entry| ()).map_err(failed)?;
    let (deadline, mut rows, mut commits) = (Instant::now() + time, 0, Vec::new());
    while commits.is_empty() || (rows < MAX_ROWS && Instant::now() < deadline) {
        let entries: Vec<_> = (rows + 1..=rows + batch).map(order).collect();
        let started = Instant::now();
        ledger.commit(entries.iter()).map_err(not_written)?;
        ledger.checkpoint_if_due().map_err(not_written)?;
        commits.push(started.elapsed());
        rows += batch;
        tokio::task::yield_now().await; // Here it can be interrupted.
    }
    let spent = commits.iter().sum::<Duration>().as_secs_f64();
    let commit = Latency::of(commits);
    #[expect(clippy::cast_precision_loss, reason = "a count far below 2⁵²")]
    let commits_per_second = commit.count as f64 / spent;
    Ok(Cell { durability, batch, rows_per_second: f64::from(rows) / spent, commits_per_second, commit })
}

/// An order of another buyer, with names as long as those of a sale.
fn order(number: u32) -> Entry {
    let at = Timestamp::from_millis(1_795_608_000_000 + i64::from(number / 100));
    Entry {
        item: ItemNumber(1),
        at,
        supply: SUPPLY,
        remaining: SUPPLY - number,
        change: Change::Order(OrderChange {
            status: Status::Pending,
            number: OrderNumber(number),
            user: format!("u{number:012}").parse().expect("13 letters and digits"),
            quantity: 1,
            unit_price: Amount::new(1_990).expect("in range"),
            key: Some(format!("{number:08x}-0000-4000-8000-{number:012x}").parse().expect("visible ASCII")),
            pay_by: Some(at.plus(Duration::from_mins(15))),
            user_live: 1,
        }),
        origin: None,
    }
}

/// The disk alone: how long some bytes take from the write until the disk says that it has them.
pub(super) async fn probe(folder: &Path, probe: Probe) -> Result<Latency, CalibrateError> {
    let Probe { time, writes, bytes } = probe;
    let failed = |source| CalibrateError::Folder { folder: folder.to_owned(), source };
    let scratch = Scratch::create(folder)?;
    let file = File::create(scratch.file()).map_err(failed)?;
    let (deadline, mut times, content) = (Instant::now() + time, Vec::new(), vec![0x5a; bytes]);
    for block in (0..BLOCKS).cycle().take(writes) {
        if !times.is_empty() && Instant::now() >= deadline {
            break;
        }
        let started = Instant::now();
        file.write_all_at(&content, block * bytes as u64).map_err(failed)?;
        file.sync_data().map_err(failed)?;
        times.push(started.elapsed());
        tokio::task::yield_now().await;
    }
    Ok(Latency::of(times))
}
