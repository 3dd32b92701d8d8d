//! **Job:** the strongbox: makes entries durable, and gives them back at the next start.
//! **Owns:** the data file, its settings, the order (`seq`) and the checksum chain of its entries.
//! **Never:** decides what is written, retries a commit whose outcome is unknown, or is shared: one thread, one ledger.

mod file;
pub mod format;
mod mark;
mod row;
pub mod salvage;
mod schema;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use rusqlite::Connection;

use crate::entry::Entry;
use crate::reply::Unavailable;
use crate::stock::{Discrepancy, Stock};
use crate::time::Timestamp;

use file::FileLock;
use mark::Mark;

pub use row::{COLUMNS, Kind, Row};

/// When a commit counts as done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// After the disk has it: survives a power cut.
    Full,
    /// After the operating system has it: survives a crash of the process, not a power cut.
    Normal,
}

/// Where the ledger is, and how it is kept.
#[derive(Debug, Clone)]
pub struct LedgerSettings {
    /// The data file.
    pub path: PathBuf,
    /// When a commit counts as done.
    pub durability: Durability,
}

/// Why a data file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The file system says no.
    #[error("cannot use {path}: {source}")]
    File {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Another server has it.
    #[error("{0} is in use by another server")]
    InUse(PathBuf),
    /// SQLite says no.
    #[error("the data file cannot be read or written: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// Not ours.
    #[error("{0} is a database of something else")]
    Foreign(PathBuf),
    /// Written by a later version.
    #[error("the data file has schema version {found}, this program knows up to {known}: use the newer program")]
    Newer {
        /// The file's.
        found: i64,
        /// Ours.
        known: i64,
    },
    /// A setting did not take.
    #[error("the data file did not accept {setting} = {wanted}, it has {found}")]
    Setting {
        /// Which.
        setting: &'static str,
        /// What we asked for.
        wanted: String,
        /// What we got.
        found: String,
    },
    /// The file holds less than was acknowledged.
    #[error(
        "the ledger ends at entry {found}, but entry {acknowledged} was acknowledged: the data file or its -wal was \
         cut, replaced or restored. To go on with what is left, delete {mark}"
    )]
    Lost {
        /// Last entry in the file.
        found: u64,
        /// Last entry that was acknowledged.
        acknowledged: u64,
        /// Where that is written.
        mark: PathBuf,
    },
    /// An entry is not what was written, or does not follow from those before it.
    #[error("entry {seq} of the ledger is damaged: {reason}")]
    Damaged {
        /// Which.
        seq: u64,
        /// How it shows.
        reason: String,
    },
}

/// Why a commit did not happen, or may have.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// Rolled back for certain: nothing of it was written.
    #[error("rolled back: {cause}")]
    Definite {
        /// What the asker is told.
        answer: Unavailable,
        /// What SQLite said.
        cause: rusqlite::Error,
    },
    /// Nobody knows until the file is read again.
    #[error("unknown outcome: {0}")]
    Unknown(rusqlite::Error),
}

impl CommitError {
    fn from_sqlite(cause: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode::{DatabaseBusy, DatabaseLocked, DiskFull};
        // Only what SQLite documents as rolled back is definite. A COMMIT that failed with an I/O error may be in the
        // file after a restart.
        match cause.sqlite_error_code() {
            Some(DiskFull) => Self::Definite { answer: Unavailable::StorageFull, cause },
            Some(DatabaseBusy | DatabaseLocked) => Self::Definite { answer: Unavailable::StorageLocked, cause },
            Some(_) | None => Self::Unknown(cause),
        }
    }
}

/// The proof that entries were committed. Nothing but a successful commit makes one.
#[derive(Debug)]
pub struct Committed {
    last_seq: u64,
    sync: Duration,
}

impl Committed {
    /// The last entry that is durable.
    #[must_use]
    pub fn last_seq(&self) -> u64 {
        self.last_seq
    }

    /// How long the `COMMIT` took: writing the log, and the sync. Zero if there was nothing to commit.
    #[must_use]
    pub fn sync(&self) -> Duration {
        self.sync
    }
}

/// The state the ledger folds to.
#[derive(Debug, Default)]
pub struct Recovered {
    /// Every item.
    pub stocks: Vec<Stock>,
    /// The time of the latest entry.
    pub latest: Timestamp,
    /// How many entries there are.
    pub entries: u64,
}

/// Bytes in the write-ahead log, by estimate, after which it is copied into the data file. Small enough to keep the
/// pause short, large enough to make it rare.
const CHECKPOINT_AFTER: usize = 16 << 20;

/// Estimated bytes of one entry in the log.
const ENTRY_BYTES: usize = 128;

/// Bytes that a commit adds to the log beside its entries: the page that is rewritten, and frame headers.
const COMMIT_BYTES: usize = 2 * (4096 + 24);

/// The open ledger.
#[derive(Debug)]
pub struct Ledger {
    connection: Connection,
    mark: Mark,
    last_seq: u64,
    last_checksum: i64,
    unchecked_bytes: usize,
    buffer: Vec<u8>,
    _lock: FileLock,
}

impl Ledger {
    /// Opens the data file, creating it if it is not there, and makes sure that it is ours alone, complete in length
    /// and kept as durably as `settings` say. Call [`Ledger::recover`] before the first commit.
    pub fn open(settings: &LedgerSettings) -> Result<Self, LedgerError> {
        let lock = file::claim(&settings.path)?;
        schema::check_identity(settings)?;
        file::make_private(&settings.path)?;
        let connection = schema::open(settings)?;
        let mark = Mark::open(&settings.path)?;
        Ok(Self {
            connection,
            mark,
            last_seq: 0,
            last_checksum: 0,
            unchecked_bytes: 0,
            buffer: Vec::new(),
            _lock: lock,
        })
    }

    /// Reads the whole ledger, checks every entry, and folds them. `each` sees the entries on the way.
    pub fn recover(&mut self, mut each: impl FnMut(&Entry)) -> Result<Recovered, LedgerError> {
        let mut fold = Recovered::default();
        let (mut seq, mut checksum) = (0, 0);
        let acknowledged = self.mark.acknowledged();
        let mut statement = self.connection.prepare(&format!("SELECT {COLUMNS} FROM ledger ORDER BY seq"))?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let row = Row::read(row)?;
            seq += 1;
            let damaged = |reason: String| LedgerError::Damaged { seq, reason };
            checksum = row.verify(seq, checksum, &mut self.buffer).map_err(damaged)?;
            if acknowledged.is_some_and(|(number, sum)| number == seq && sum != checksum) {
                return Err(damaged("it is not the entry that was acknowledged under this number".to_owned()));
            }
            let entry = row.to_entry().map_err(damaged)?;
            apply(&mut fold.stocks, &entry).map_err(|Discrepancy(what)| damaged(what.to_owned()))?;
            each(&entry);
            fold.latest = fold.latest.max(entry.at);
        }
        if let Some((number, _)) = acknowledged.filter(|(number, _)| *number > seq) {
            let mark = self.mark.path().to_owned();
            return Err(LedgerError::Lost { found: seq, acknowledged: number, mark });
        }
        drop(rows);
        drop(statement);
        fold.entries = seq;
        (self.last_seq, self.last_checksum) = (seq, checksum);
        Ok(fold)
    }

    /// Writes `entries` in one transaction. When it returns `Ok` they are durable.
    pub fn commit<'e>(&mut self, entries: impl Iterator<Item = &'e Entry>) -> Result<Committed, CommitError> {
        let written = self.write(entries).map_err(|cause| {
            // A statement that failed may have left the transaction open; a failed roll-back shows in the next commit.
            if !self.connection.is_autocommit() {
                let _shows_in_the_next_commit = self.connection.execute_batch("ROLLBACK");
            }
            CommitError::from_sqlite(cause)
        })?;
        let (last_seq, last_checksum, sync) = written;
        self.unchecked_bytes += COMMIT_BYTES + ENTRY_BYTES * usize::try_from(last_seq - self.last_seq).unwrap_or(0);
        (self.last_seq, self.last_checksum) = (last_seq, last_checksum);
        self.mark.acknowledge(last_seq, last_checksum);
        Ok(Committed { last_seq, sync })
    }

    /// The proof for decisions that rest on entries committed before.
    #[must_use]
    pub fn proof(&self) -> Committed {
        Committed { last_seq: self.last_seq, sync: Duration::ZERO }
    }

    fn write<'e>(&mut self, entries: impl Iterator<Item = &'e Entry>) -> rusqlite::Result<(u64, i64, Duration)> {
        let (mut seq, mut checksum) = (self.last_seq, self.last_checksum);
        self.connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        {
            let mut insert = self.connection.prepare_cached(row::INSERT)?;
            for entry in entries {
                seq += 1;
                let row = Row::of(seq, entry);
                checksum = row.checksum(checksum, &mut self.buffer);
                row.insert(&mut insert, checksum)?;
            }
        }
        let started = Instant::now();
        self.connection.prepare_cached("COMMIT")?.execute([])?;
        Ok((seq, checksum, started.elapsed()))
    }

    /// Whether something can be written at all: writes what is there already.
    pub fn probe(&mut self) -> Result<(), CommitError> {
        let version = schema::VERSION;
        let rewrite = format!("BEGIN IMMEDIATE; PRAGMA user_version = {version}; COMMIT");
        self.connection.execute_batch(&rewrite).map_err(|cause| {
            if !self.connection.is_autocommit() {
                let _shows_in_the_next_commit = self.connection.execute_batch("ROLLBACK");
            }
            CommitError::from_sqlite(cause)
        })
    }

    /// Copies the write-ahead log into the data file if it has grown enough. SQLite's automatic checkpoint is off
    /// because it swallows errors.
    pub fn checkpoint_if_due(&mut self) -> Result<(), CommitError> {
        if self.unchecked_bytes < CHECKPOINT_AFTER {
            return Ok(());
        }
        self.unchecked_bytes = 0;
        self.checkpoint("PASSIVE")
    }

    /// Copies all of the write-ahead log into the data file and cuts it, for a clean end.
    pub fn close(mut self) -> Result<(), CommitError> {
        self.mark.sync();
        self.checkpoint("TRUNCATE")
    }

    fn checkpoint(&mut self, mode: &str) -> Result<(), CommitError> {
        let pragma = format!("PRAGMA wal_checkpoint({mode})");
        let counts =
            |row: &rusqlite::Row<'_>| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?));
        let (busy, pages, copied) = self.connection.query_row(&pragma, [], counts).map_err(CommitError::from_sqlite)?;
        if busy != 0 || copied < pages {
            tracing::debug!(busy, pages, copied, mode, "a reader keeps the write-ahead log from being copied");
        }
        Ok(())
    }

    /// The last entry's number.
    #[must_use]
    pub fn last_seq(&self) -> u64 {
        self.last_seq
    }
}

fn apply(stocks: &mut Vec<Stock>, entry: &Entry) -> Result<(), Discrepancy> {
    let index = usize::try_from(entry.item.0).ok().and_then(|number| number.checked_sub(1));
    let index = index.ok_or(Discrepancy("there is no item 0"))?;
    if index == stocks.len() {
        stocks.push(Stock::create(entry)?);
        return Ok(());
    }
    stocks.get_mut(index).ok_or(Discrepancy("its item was never created"))?.apply(entry)
}
