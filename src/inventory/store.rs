//! **Job:** the inventory's own data file: opens it as ours, and keeps it in order.
//! **Owns:** the lock against a second inventory, and the settings that durability rests on.
//! **Never:** touches a file that is foreign or newer, or decides what an entry does.

use std::fs::{DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rusqlite::{Connection, ErrorCode, OpenFlags, Row, TransactionBehavior};

/// Written into every data file of an inventory (`PRAGMA application_id`): `DBiv`.
const APPLICATION_ID: i64 = 0x4442_6976;
/// The schema this program writes (`PRAGMA user_version`).
const VERSION: i64 = 1;
const SCHEMA: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/data/schema/inventory/0001_inventory.sql"));
/// `synchronous = EXTRA`: a commit is on disk before the feed hears of it. In WAL mode it costs no more than FULL.
const EXTRA: i64 = 3;
/// The owner reads and writes, nobody else.
const PRIVATE_FILE: u32 = 0o600;
const PRIVATE_FOLDER: u32 = 0o700;
/// Transactions between two checkpoints: of 256 entries each they leave a write-ahead log of some ten megabytes.
const CHECKPOINT_EVERY: u32 = 16;

/// Why the data file cannot be used. Its exit code is 74.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another inventory works on it.
    #[error("inventory.path: {0} is in use by another inventory")]
    InUse(PathBuf),
    /// It is a database of something else.
    #[error("inventory.path: {0} is not a data file of an inventory")]
    Foreign(PathBuf),
    /// A later version of the program wrote it.
    #[error("inventory.path: the data file has schema {found}, this program knows up to {VERSION}")]
    Newer {
        /// Its schema.
        found: i64,
    },
    /// The file or its folder.
    #[error("inventory.path: cannot use {path}: {source}")]
    File {
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A setting that did not take: durability would be less than promised.
    #[error("the data file does not take {0}")]
    Setting(&'static str),
    /// SQLite.
    #[error("the data file failed: {0}")]
    Sqlite(#[from] rusqlite::Error),
}

impl StoreError {
    /// Whether the disk was full: nothing was written, and it may be tried again.
    #[must_use]
    pub fn is_full(&self) -> bool {
        matches!(self, Self::Sqlite(error) if error.sqlite_error_code() == Some(ErrorCode::DiskFull))
    }
}

/// The data file, open for writing. One thread has it.
#[derive(Debug)]
pub(super) struct Store {
    pub(super) connection: Connection,
    since_checkpoint: u32,
    /// On the data file itself, so it cannot be deleted separately; `flock` and the locks of SQLite do not see each
    /// other, so the reader of this process is not kept out.
    _lock: File,
}

impl Store {
    /// Opens the data file, or creates it.
    ///
    /// # Errors
    /// It is in use, foreign, newer, or cannot be written.
    pub(super) fn open(path: &Path) -> Result<Self, StoreError> {
        let lock = claim(path)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection = Connection::open_with_flags(path, flags)?;
        let is_new = is_new(&connection, path)?;
        configure(&connection)?;
        if is_new {
            create(&mut connection)?;
        }
        Ok(Self { connection, since_checkpoint: 0, _lock: lock })
    }

    /// The last entry that is done with; 0 before the first.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(super) fn cursor(&self) -> Result<u64, StoreError> {
        Ok(self.connection.query_row("SELECT seq FROM cursor", [], unsigned)?)
    }

    /// This file's name in a consumer group; it stays the same for ever.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(super) fn consumer(&self) -> Result<String, StoreError> {
        Ok(self.connection.query_row("SELECT consumer FROM cursor", [], |row| row.get(0))?)
    }

    /// How many entries were given up.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(super) fn dead_letters(&self) -> Result<u64, StoreError> {
        Ok(self.connection.query_row("SELECT count(*) FROM dead_letter", [], unsigned)?)
    }

    /// Counts a transaction, and checkpoints after every few.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(super) fn checkpoint_if_due(&mut self) -> Result<(), StoreError> {
        self.since_checkpoint += 1;
        if self.since_checkpoint < CHECKPOINT_EVERY {
            return Ok(());
        }
        self.since_checkpoint = 0;
        self.checkpoint()
    }

    /// Moves committed changes from the write-ahead log into the file, as far as no reader is in the way. SQLite's
    /// automatic checkpoint does the same and swallows errors.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(super) fn checkpoint(&self) -> Result<(), StoreError> {
        Ok(self.connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))?)
    }
}

fn claim(path: &Path) -> Result<File, StoreError> {
    let failed = |source| StoreError::File { path: path.to_owned(), source };
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        DirBuilder::new().recursive(true).mode(PRIVATE_FOLDER).create(folder).map_err(failed)?;
    }
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(PRIVATE_FILE);
    let file = options.open(path).map_err(failed)?;
    file.try_lock().map_err(|error| match error {
        TryLockError::WouldBlock => StoreError::InUse(path.to_owned()),
        TryLockError::Error(source) => failed(source),
    })?;
    Ok(file)
}

/// Whether the file is empty; an error if what is in it is not ours. Reads only.
fn is_new(connection: &Connection, path: &Path) -> Result<bool, StoreError> {
    let tables = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get::<_, i64>(0));
    let tables = tables.map_err(|error| match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => StoreError::Foreign(path.to_owned()),
        _ => StoreError::Sqlite(error),
    })?;
    let (id, found) = (number(connection, "application_id")?, number(connection, "user_version")?);
    if (tables, id, found) == (0, 0, 0) {
        return Ok(true);
    }
    if id != APPLICATION_ID {
        return Err(StoreError::Foreign(path.to_owned()));
    }
    if found > VERSION { Err(StoreError::Newer { found }) } else { Ok(false) }
}

/// Before the journal mode comes `synchronous`, so that the very first commit is written with it. The file is known to
/// be ours by now, and so is its mode, which SQLite gives to the files beside it.
fn configure(connection: &Connection) -> Result<(), StoreError> {
    if let Some(path) = connection.path().map(PathBuf::from) {
        let private = std::fs::set_permissions(&path, Permissions::from_mode(PRIVATE_FILE));
        private.map_err(|source| StoreError::File { path, source })?;
    }
    connection.execute_batch(
        "PRAGMA synchronous = EXTRA; PRAGMA wal_autocheckpoint = 0; PRAGMA foreign_keys = ON; \
         PRAGMA trusted_schema = OFF;",
    )?;
    let journal: String = connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
    let settings = [
        ("journal_mode = WAL", journal == "wal"),
        ("synchronous = EXTRA", number(connection, "synchronous")? == EXTRA),
        ("wal_autocheckpoint = 0", number(connection, "wal_autocheckpoint")? == 0),
        ("foreign_keys = ON", number(connection, "foreign_keys")? == 1),
    ];
    settings.into_iter().find(|(_, took)| !took).map_or(Ok(()), |(setting, _)| Err(StoreError::Setting(setting)))
}

/// All or nothing: a file that was killed while it came into being is an empty one.
fn create(connection: &mut Connection) -> Result<(), StoreError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.execute_batch(SCHEMA)?;
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", VERSION)?;
    Ok(transaction.commit()?)
}

/// The first column as a number that is never negative.
pub(super) fn unsigned(row: &Row<'_>) -> rusqlite::Result<u64> {
    let number: i64 = row.get(0)?;
    u64::try_from(number).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(0, number))
}

/// A number of the feed as SQLite has it.
pub(super) fn signed(seq: u64) -> i64 {
    i64::try_from(seq).expect("entries are counted from 1 without a gap: nobody gets to 2^63")
}

fn number(connection: &Connection, pragma: &str) -> rusqlite::Result<i64> {
    connection.query_row(&format!("PRAGMA {pragma}"), [], |row| row.get(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory::reader::Reader;

    fn file() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let path = folder.path().join("new").join("inventory.db");
        (folder, path)
    }

    #[test]
    fn a_new_file_is_private_and_stays_the_same_consumer() {
        let (_folder, path) = file();
        let store = Store::open(&path).expect("a new file");
        let mode = std::fs::metadata(&path).expect("it exists").permissions().mode() & 0o777;
        assert_eq!((mode, store.cursor().expect("readable")), (PRIVATE_FILE, 0));
        let consumer = store.consumer().expect("readable");
        drop(store);
        assert_eq!(Store::open(&path).and_then(|store| store.consumer()).expect("our file"), consumer);
    }

    #[test]
    fn a_file_in_use_is_refused() {
        let (_folder, path) = file();
        let store = Store::open(&path).expect("a new file");
        assert!(matches!(Store::open(&path), Err(StoreError::InUse(_))));
        assert_eq!(Reader::open(&path).and_then(|mut reader| reader.stock()).expect("a reader may").cursor, 0);
        drop(store);
        assert!(Store::open(&path).is_ok());
    }

    #[test]
    fn a_foreign_or_newer_file_is_refused_untouched() {
        let (_folder, path) = file();
        drop(Store::open(&path).expect("a new file"));
        let set = |pragma: &str| {
            let connection = Connection::open(&path).expect("a database");
            connection.execute_batch(pragma).expect("takes it");
        };
        set("PRAGMA user_version = 2");
        assert!(matches!(Store::open(&path), Err(StoreError::Newer { found: 2 })));
        set("PRAGMA application_id = 7");
        assert!(matches!(Store::open(&path), Err(StoreError::Foreign(_))));
        let text = "not a database, but long enough to have a header of one ".repeat(20);
        std::fs::write(&path, &text).expect("writable");
        assert!(matches!(Store::open(&path), Err(StoreError::Foreign(_))));
        assert_eq!(std::fs::read_to_string(&path).expect("readable"), text);
    }
}
