//! **Job:** what can be wrong with a data file, and what to do about it; why a commit did not happen.
//! **Owns:** the texts that an operator reads when a start is refused.
//! **Never:** suggests a step that destroys what a later step needs.

use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;

use crate::data_file::{DataFileError, LOG, Moved, beside, is_at_size_limit};
use crate::request::Unavailable;
use crate::time::ImpossibleClock;

/// Why a data file cannot be used. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// What the file system says of it.
    #[error(transparent)]
    File(#[from] DataFileError),
    /// SQLite says no.
    #[error("the data file cannot be read or written: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// Not ours.
    #[error("{0} is not a data file of Doorbuster")]
    Foreign(PathBuf),
    /// Written by a later version.
    #[error("the data file has schema version {found}, this program knows up to {known}: use the newer program")]
    Newer {
        /// The file's.
        found: i64,
        /// Ours.
        known: i64,
    },
    /// It was written later than now.
    #[error(transparent)]
    Clock(#[from] ImpossibleClock),
    /// A setting did not take.
    #[error("the data file did not accept {setting} = {wanted}, it has {found}")]
    Setting {
        /// Name of the setting.
        setting: &'static str,
        /// What we asked for.
        wanted: String,
        /// What we got.
        found: String,
    },
    /// A table, index or view is not what a migration made.
    #[error("the data file's {0} is not what this program made{advice}", advice = Advice)]
    Altered(String),
    /// The file says that a log belongs to it, and there is none.
    #[error(
        "{path} was not closed, and its log {log} is missing or empty: it lacks the last orders. Nothing was changed. \
         1. Put the log back: it lies where the data file lay. 2. If it is lost for good, `doorbuster salvage --db \
         {path} --to NEW` says what is missing; put NEW in the place of the data file"
    )]
    LogMissing {
        /// The data file.
        path: PathBuf,
        /// The log.
        log: PathBuf,
    },
    /// The log was written at another time, or for another file.
    #[error(
        "{log} is not the log of {path}: together they would be something that never was. Nothing was changed. 1. Keep \
         a copy of both. 2. After restoring a backup, move the old log away: it belongs to the file that was replaced. \
         3. Otherwise put the right log back, or run `doorbuster salvage --db {path} --to NEW`"
    )]
    LogForeign {
        /// The data file.
        path: PathBuf,
        /// The log.
        log: PathBuf,
    },
    /// The file holds less than was acknowledged.
    #[error(
        "the ledger ends at entry {found}, but entry {acknowledged} was acknowledged: the data file or its log was \
         damaged, cut, replaced or restored{advice} 4. Only after restoring a backup on purpose, move {mark} away: it \
         is what knows of the lost entries", advice = Advice
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
    #[error("entry {seq} of the ledger is damaged: {reason}{advice}", advice = Advice)]
    Damaged {
        /// Number of the entry.
        seq: u64,
        /// What is wrong, in words.
        reason: String,
    },
}

/// What to do with damaged files, in the order in which nothing is lost.
struct Advice;

impl std::fmt::Display for Advice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(
            ". Nothing was changed. 1. Keep a copy of the data file, its -wal and its .mark. 2. `doorbuster salvage` \
             rebuilds what can be proven into a new file and says what is missing. 3. Put the new file in the place \
             of the old one, without the old -wal, -shm and .mark.",
        )
    }
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
    /// It went to a file that has lost its name: nobody will find it again.
    #[error(transparent)]
    Moved(#[from] Moved),
}

impl CommitError {
    /// What an error of SQLite means for a write to the data file at `path`.
    pub(super) fn of(cause: rusqlite::Error, path: &Path) -> Self {
        use ErrorCode::{DatabaseBusy, DatabaseLocked, DiskFull};
        // Only what SQLite documents as rolled back is definite. A COMMIT that failed with an I/O error may be in the
        // file after a restart.
        match cause.sqlite_error_code() {
            Some(DiskFull) => Self::Definite { answer: Unavailable::StorageFull, cause },
            Some(DatabaseBusy | DatabaseLocked) => Self::Definite { answer: Unavailable::StorageLocked, cause },
            // A write at the limit leaves no whole page, so the commit's last frame is not in the log.
            Some(_) if is_write_error(&cause) && is_at_size_limit([path, &beside(path, LOG)]) => {
                Self::Definite { answer: Unavailable::StorageFull, cause }
            }
            Some(_) | None => Self::Unknown(cause),
        }
    }
}

fn is_write_error(cause: &rusqlite::Error) -> bool {
    cause.sqlite_error().is_some_and(|error| error.extended_code == rusqlite::ffi::SQLITE_IOERR_WRITE)
}
