//! **Job:** the inventory's own data file: opens it as ours, and keeps it in order.
//! **Owns:** the settings that durability rests on.
//! **Never:** touches a file that is foreign or newer, or decides what an entry does.

use std::path::Path;

use doorbuster_actors::data_file::{
    Creation, DataFile, DataFileError, LOG, Moved, Names, Unfit, beside, is_at_size_limit, journal, look,
};
use rusqlite::{Connection, ErrorCode, Row, ffi};

use super::schema::{self, IDENTITY};

/// `synchronous = EXTRA`: a commit is on disk before the feed hears of it. In WAL mode it costs no more than FULL.
const EXTRA: i64 = 3;
/// Transactions between two checkpoints: of 256 entries each they leave a write-ahead log of some ten megabytes.
const CHECKPOINT_EVERY: u32 = 16;

/// Why the data file cannot be used. Its exit code is 74.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// What the file system says of it.
    #[error("inventory.path: {0}")]
    File(#[from] DataFileError),
    /// It lost its name while it was open.
    #[error("inventory.path: {0}")]
    Moved(#[from] Moved),
    /// It is foreign, newer or damaged.
    #[error("inventory.path: {0}")]
    Unfit(#[from] Unfit),
    /// The disk is full, or files may not grow further: nothing was written.
    #[error("the disk is full")]
    Full,
    /// A setting that did not take: durability would be less than promised.
    #[error("the data file does not take {0}")]
    Setting(&'static str),
    /// SQLite.
    #[error("the data file failed: {0}")]
    Sqlite(#[from] rusqlite::Error),
}

/// The data file, open for writing. One thread has it.
#[derive(Debug)]
pub(super) struct Store {
    pub(super) connection: Connection,
    since_checkpoint: u32,
    names: Names,
    file: DataFile,
}

impl Store {
    /// Opens the data file, or creates it. It is looked at before anything is changed: where this fails, every file is
    /// what it was.
    ///
    /// # Errors
    /// It is in use, foreign, newer, damaged, or cannot be written.
    pub(super) fn open(path: &Path) -> Result<Self, StoreError> {
        let file = DataFile::claim(path, Creation::Allowed, create)?;
        IDENTITY.check(&file.look()?, file.path())?;
        file.make_private()?;
        // A killed process may have left a commit there whose cursor the feed is to hear of.
        file.sync_log()?;
        let mut connection = look::connect(file.path())?;
        configure(&connection)?;
        schema::migrate(&mut connection)?;
        // From here on there is a log, even if nothing is ever written.
        connection.query_row("SELECT seq FROM cursor", [], unsigned)?;
        let names = file.names(&[LOG])?;
        Ok(Self { connection, since_checkpoint: 0, names, file })
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

    /// Whether the files still have their names: what is written elsewhere is lost.
    ///
    /// # Errors
    /// They have not.
    pub(super) fn check_names(&self) -> Result<(), StoreError> {
        Ok(self.names.check()?)
    }

    /// What an error of a transaction means: whether it is known that nothing was written.
    pub(super) fn classify(&self, error: StoreError) -> StoreError {
        let StoreError::Sqlite(cause) = &error else { return error };
        let is_write_error = cause.sqlite_error().is_some_and(|error| error.extended_code == ffi::SQLITE_IOERR_WRITE);
        let path = self.file.path();
        let is_full = cause.sqlite_error_code() == Some(ErrorCode::DiskFull)
            || is_write_error && is_at_size_limit([path, &beside(path, LOG)]);
        if is_full { StoreError::Full } else { error }
    }

    /// Moves everything into the file and takes the log away, for a clean end.
    ///
    /// # Errors
    /// The file cannot be written, or has lost its name.
    pub(super) fn close(self) -> Result<(), StoreError> {
        self.check_names()?;
        match self.checkpoint() {
            Ok(()) => Ok(look::clear_log_on_close(&self.connection)?),
            Err(StoreError::Full) => {
                tracing::warn!("the disk is full: the log stays beside the data file until the next start");
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// Moves committed changes from the write-ahead log into the file, as far as no reader is in the way. SQLite's
    /// automatic checkpoint does the same and swallows errors.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(super) fn checkpoint(&self) -> Result<(), StoreError> {
        let copied = self.connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
        copied.map_err(|error| self.classify(error.into()))
    }
}

/// Before the journal mode comes `synchronous`, so that the very first commit is written with it.
fn configure(connection: &Connection) -> Result<(), StoreError> {
    connection.execute_batch(
        "PRAGMA synchronous = EXTRA; PRAGMA wal_autocheckpoint = 0; PRAGMA foreign_keys = ON; \
         PRAGMA trusted_schema = OFF;",
    )?;
    let has_log = journal::change_to_log(connection)?;
    let settings = [
        ("journal_mode = WAL", has_log),
        ("synchronous = EXTRA", number(connection, "synchronous")? == EXTRA),
        ("wal_autocheckpoint = 0", number(connection, "wal_autocheckpoint")? == 0),
        ("foreign_keys = ON", number(connection, "foreign_keys")? == 1),
    ];
    settings.into_iter().find(|(_, took)| !took).map_or(Ok(()), |(setting, _)| Err(StoreError::Setting(setting)))
}

fn create(path: &Path) -> Result<(), StoreError> {
    let mut connection = look::connect(path)?;
    journal::none_for_a_draft(&connection)?;
    Ok(schema::create(&mut connection)?)
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
    use std::os::unix::fs::PermissionsExt as _;
    use std::path::PathBuf;

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
        assert_eq!((mode, store.cursor().expect("readable")), (0o600, 0));
        let consumer = store.consumer().expect("readable");
        drop(store);
        assert_eq!(Store::open(&path).and_then(|store| store.consumer()).expect("our file"), consumer);
    }

    #[test]
    fn a_file_in_use_is_refused() {
        let (_folder, path) = file();
        let store = Store::open(&path).expect("a new file");
        assert!(matches!(Store::open(&path), Err(StoreError::File(DataFileError::InUse(_)))));
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
        set("PRAGMA user_version = 3");
        assert!(matches!(Store::open(&path), Err(StoreError::Unfit(Unfit::Newer { found: 3, .. }))));
        set("PRAGMA application_id = 7");
        assert!(matches!(Store::open(&path), Err(StoreError::Unfit(Unfit::Foreign { .. }))));
        let text = "not a database, but long enough to have a header of one ".repeat(20);
        std::fs::write(&path, &text).expect("writable");
        assert!(matches!(Store::open(&path), Err(StoreError::Unfit(Unfit::Foreign { .. }))));
        assert_eq!(std::fs::read_to_string(&path).expect("readable"), text);
    }
}
