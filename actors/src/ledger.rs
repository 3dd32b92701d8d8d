//! **Job:** the strongbox: makes entries durable, and gives them back at the next start.
//! **Owns:** the data file, its settings, the order (`seq`) and the checksum chain of its entries.
//! **Never:** decides what is written, retries a commit whose outcome is unknown, or is shared: one thread, one ledger.

mod detail;
mod error;
mod fold;
pub mod format;
mod inspection;
mod kind;
mod mark;
mod row;
pub mod salvage;
mod schema;
mod session;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rusqlite::Connection;

use crate::data_file::{Creation, DataFile, LOG, MARK, Names, look};
use crate::entry::Entry;
use crate::item::ItemDefinition;
use crate::stock::Stock;
use crate::suspense::Suspense;
use crate::time::Timestamp;

use mark::Mark;

pub use error::{CommitError, LedgerError};
pub use fold::Fold;
pub use kind::Kind;
pub use row::{COLUMNS, Row, columns_of};

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
    /// Whether a data file that is not there is made.
    pub creation: Creation,
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
    /// Every item, the deleted ones too: the place of each is its ordinal.
    pub stocks: Vec<Stock>,
    /// Money that came for no order.
    pub suspense: Suspense,
    /// The time of the latest entry.
    pub latest: Timestamp,
    /// How many entries there are.
    pub entries: u64,
}

/// Bytes in the write-ahead log, by estimate, after which it is copied into the data file. Small enough to keep the
/// pause short, large enough to make it rare.
const CHECKPOINT_AFTER: usize = 16 << 20;

/// Bytes that a commit adds to the log beside its entries: the page that is rewritten, and frame headers.
const COMMIT_BYTES: usize = 2 * (4096 + 24);

/// The open ledger.
#[derive(Debug)]
pub struct Ledger {
    connection: Connection,
    mark: Mark,
    names: Names,
    last_seq: u64,
    last_checksum: i64,
    unchecked_bytes: usize,
    buffer: Vec<u8>,
    /// Bytes of the log while a reader keeps it from beginning anew, once they are too many; else 0.
    pinned_bytes: u64,
    file: DataFile,
}

/// The items of a data file that no server runs on, as they are defined now; none where there is no such file yet.
/// Changes nothing, and checks nothing but the entries that it reads.
pub fn items(path: &Path) -> Result<Vec<ItemDefinition>, LedgerError> {
    let Ok(path) = path.canonicalize() else { return Ok(Vec::new()) };
    let connection = look::as_it_is(&path).map_err(LedgerError::Sqlite)?;
    if schema::check_identity(&connection, &path)? == 0 {
        return Ok(Vec::new());
    }
    definitions(&connection)
}

/// The newest definition of every item, in the order of their numbers; a deleted one has none.
pub fn definitions(connection: &Connection) -> Result<Vec<ItemDefinition>, LedgerError> {
    let newest = "seq IN (SELECT max(seq) FROM ledger WHERE kind = 1 GROUP BY item)";
    let version = schema::version(connection)?;
    let is_there = if version < 3 { "" } else { "AND item NOT IN (SELECT item FROM deleted_items)" };
    let columns = columns_of(version);
    let sql = format!("SELECT {columns} FROM ledger WHERE {newest} {is_there} ORDER BY item");
    let mut statement = connection.prepare(&sql)?;
    let mut rows = statement.query([])?;
    let mut items = Vec::new();
    while let Some(row) = rows.next()? {
        let row = Row::read(row)?;
        let seq = u64::try_from(row.seq).unwrap_or_default();
        items.push(row.item_definition().map_err(|reason| LedgerError::Damaged { seq, reason })?);
    }
    Ok(items)
}

impl Ledger {
    /// Opens the data file and folds what it holds; `each` sees the entries on the way. Everything is looked at before
    /// anything is changed: where this fails, every file is what it was.
    pub fn open(settings: &LedgerSettings, each: impl FnMut(&Entry)) -> Result<(Self, Recovered), LedgerError> {
        let (ledger, recovered, ()) = Self::open_if(settings, each, |_recovered| Ok::<_, LedgerError>(()))?;
        Ok((ledger, recovered))
    }

    /// The same if whoever opens it accepts what it holds; what that makes is handed out.
    pub fn open_if<T, E>(
        settings: &LedgerSettings,
        each: impl FnMut(&Entry),
        accept: impl FnOnce(&Recovered) -> Result<T, E>,
    ) -> Result<(Self, Recovered, T), E>
    where
        E: From<LedgerError>,
    {
        let file = DataFile::claim(&settings.path, settings.creation, schema::create)?;
        let found = mark::read(file.path())?;
        let fold = inspection::read(&file, &found, each)?;
        let accepted = accept(&fold.recovered)?;
        file.make_private().map_err(LedgerError::from)?;
        let mut connection = schema::open(file.path(), settings.durability)?;
        session::begin(&mut connection, file.path(), &fold)?;
        let mut mark = Mark::open(file.path(), settings.durability)?;
        if fold.seq > 0 {
            mark.acknowledge(fold.seq, fold.checksum);
        }
        let names = file.names(&[LOG, MARK]).map_err(LedgerError::from)?;
        let ledger = Self {
            connection,
            mark,
            names,
            last_seq: fold.seq,
            last_checksum: fold.checksum,
            unchecked_bytes: 0,
            buffer: Vec::new(),
            pinned_bytes: 0,
            file,
        };
        Ok((ledger, fold.recovered, accepted))
    }

    /// Folds the ledger anew, as far as it is committed.
    pub fn recover(&mut self) -> Result<Recovered, LedgerError> {
        let fold = fold::read(&self.connection, self.mark.acknowledged(), |_entry| ())?;
        (self.last_seq, self.last_checksum) = (fold.seq, fold.checksum);
        Ok(fold.recovered)
    }

    /// The names under which the open files must stay, for whoever looks from time to time.
    #[must_use]
    pub fn names(&self) -> Names {
        self.names.clone()
    }

    /// Writes `entries` in one transaction. When it returns `Ok` they are durable.
    pub fn commit<'e>(&mut self, entries: impl Iterator<Item = &'e Entry>) -> Result<Committed, CommitError> {
        let written = self.write(entries).map_err(|cause| {
            // A statement that failed may have left the transaction open; a failed roll-back shows in the next commit.
            if !self.connection.is_autocommit() {
                let _shows_in_the_next_commit = self.connection.execute_batch("ROLLBACK");
            }
            self.classify(cause)
        })?;
        // What is committed to a file that nobody will find again is not.
        self.names.check()?;
        let (last_seq, last_checksum, sync) = written;
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
        self.unchecked_bytes += COMMIT_BYTES;
        self.connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        {
            let mut insert = self.connection.prepare_cached(row::INSERT)?;
            for entry in entries {
                seq += 1;
                let row = Row::of(seq, entry);
                checksum = row.checksum(checksum, &mut self.buffer);
                // What the checksum is made of is at least what the row takes.
                self.unchecked_bytes += self.buffer.len();
                row.insert(&mut insert, checksum)?;
            }
        }
        let started = Instant::now();
        self.connection.prepare_cached("COMMIT")?.execute([])?;
        Ok((seq, checksum, started.elapsed()))
    }

    /// Whether something can be written at all: writes what is there already. A log that may not grow is copied into
    /// the data file first, after which it begins anew.
    pub fn probe(&mut self) -> Result<(), CommitError> {
        match self.checkpoint("PASSIVE") {
            Err(unknown @ (CommitError::Unknown(_) | CommitError::Moved(_))) => return Err(unknown),
            Err(CommitError::Definite { .. }) | Ok(_) => {}
        }
        self.rewrite()
    }

    /// Commits what is there already.
    fn rewrite(&mut self) -> Result<(), CommitError> {
        let version = schema::VERSION;
        let rewrite = format!("BEGIN IMMEDIATE; PRAGMA user_version = {version}; COMMIT");
        self.connection.execute_batch(&rewrite).map_err(|cause| {
            if !self.connection.is_autocommit() {
                let _shows_in_the_next_commit = self.connection.execute_batch("ROLLBACK");
            }
            self.classify(cause)
        })
    }

    /// Copies the write-ahead log into the data file if it has grown enough. SQLite's automatic checkpoint is off
    /// because it swallows errors.
    pub fn checkpoint_if_due(&mut self) -> Result<(), CommitError> {
        if self.unchecked_bytes < CHECKPOINT_AFTER {
            return Ok(());
        }
        self.unchecked_bytes = 0;
        self.checkpoint("PASSIVE").map(drop)
    }

    /// Copies all of the write-ahead log into the data file and cuts it, for a clean end. Where the disk is too full
    /// for that nothing is lost: the log stays, and the next start reads it.
    pub fn close(mut self) -> Result<(), CommitError> {
        self.names.check()?;
        self.mark.sync();
        match self.settle() {
            Err(CommitError::Definite { cause, .. }) => {
                tracing::warn!(%cause, "the log stays beside the data file until the next start: keep them together");
                Ok(())
            }
            settled => settled,
        }
    }

    fn settle(&mut self) -> Result<(), CommitError> {
        session::end(&self.connection).map_err(|cause| self.classify(cause))?;
        self.checkpoint("TRUNCATE")?;
        // The log is empty now; closing may take it away.
        look::clear_log_on_close(&self.connection).map_err(|cause| self.classify(cause))
    }

    /// Answers whether all of the log was copied.
    fn checkpoint(&mut self, mode: &str) -> Result<bool, CommitError> {
        let left = schema::checkpoint(&self.connection, mode).map_err(|cause| self.classify(cause))?;
        if !left.is_complete {
            tracing::debug!(mode, "a reader keeps the write-ahead log from being copied");
        }
        let was_pinned = self.pinned_bytes > 0;
        self.pinned_bytes = if left.log_bytes > schema::LOG_SIZE { left.log_bytes } else { 0 };
        match (was_pinned, self.pinned_bytes) {
            (false, bytes @ 1..) => tracing::warn!(
                wal_bytes = bytes,
                "another program reads the data file and keeps its write-ahead log from beginning anew: it grows with \
                 every order until the disk is full. `fuser -v` on the -shm file names the program"
            ),
            (true, 0) => tracing::info!("nobody keeps the write-ahead log any more: its space is free again"),
            (false, 0) | (true, 1..) => {}
        }
        Ok(left.is_complete)
    }

    /// Bytes of the log while a reader keeps it from beginning anew, once they are too many; else 0.
    #[must_use]
    pub fn pinned_bytes(&self) -> u64 {
        self.pinned_bytes
    }

    /// Gives the space of a log that was pinned back, if its reader has gone. To be called from time to time while it
    /// is: nothing is copied as long as the reader is there.
    pub fn reclaim(&mut self) -> Result<(), CommitError> {
        if self.pinned_bytes == 0 || !self.checkpoint("PASSIVE")? {
            return Ok(());
        }
        // A log that is copied begins anew with the next commit, and is cut then.
        self.rewrite()?;
        self.checkpoint("PASSIVE").map(drop)
    }

    fn classify(&self, cause: rusqlite::Error) -> CommitError {
        CommitError::of(cause, self.file.path())
    }

    /// The last entry's number.
    #[must_use]
    pub fn last_seq(&self) -> u64 {
        self.last_seq
    }
}
