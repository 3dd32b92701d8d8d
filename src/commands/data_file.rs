//! **Job:** the read-only way into a data file, with a server running on it or not.
//! **Owns:** the one view of it that a command works with, and the mark, which is read before that view begins.
//! **Never:** leaves a file behind or changes one: where no server runs, SQLite gets neither locks nor shared memory.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::Metadata;
use std::io::ErrorKind;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use doorbuster_actors::data_file::beside;
use doorbuster_actors::ledger::format;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::failure::Failure;
use super::mark::Mark;

/// How long to wait where the file is locked for a moment.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// `application_id` of the inventory's data file, which is easily mistaken for this one: `DBiv`.
const INVENTORY: i64 = 0x4442_6976;

/// A data file cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum DataFileError {
    /// The file system says no.
    #[error("cannot read {path}: {source}")]
    File {
        /// Path of the file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// Its log or its mark is there, but not the file.
    #[error("{0} is gone, but its log or mark is there: `doorbuster salvage` rebuilds what can be proven")]
    Gone(PathBuf),
    /// A folder, a device, a pipe.
    #[error("{0} is not a file")]
    NotAFile(PathBuf),
    /// Nothing is in it.
    #[error("{0} is empty: if it should not be, `doorbuster salvage` rebuilds what can be proven")]
    Empty(PathBuf),
    /// A database without a ledger: its server was killed before it made one, or its log is damaged.
    #[error("no ledger is in {0}: if one should be, `doorbuster salvage` rebuilds what can be proven")]
    Blank(PathBuf),
    /// A database, but not a ledger.
    #[error("{path} is {what}")]
    Foreign {
        /// Path of the file.
        path: PathBuf,
        /// What it is instead.
        what: &'static str,
    },
    /// Written by a later version.
    #[error("{path} has schema version {found}, this program knows up to {known}: use the newer program")]
    Newer {
        /// Path of the file.
        path: PathBuf,
        /// The file's.
        found: i64,
        /// Ours.
        known: i64,
    },
    /// A transaction of another program was cut short.
    #[error("{0} has a rollback journal beside it, which a server never leaves: it was written by another program")]
    Journal(PathBuf),
    /// A server has a log open that is not there any more.
    #[error("{0}-wal was removed while a server is running: what it holds can only be read by that server")]
    LogRemoved(PathBuf),
    /// The ledger is short or damaged.
    #[error(
        "the ledger is not whole: {0} (`doorbuster verify` says all that is wrong, `doorbuster salvage` rebuilds what \
         can be proven)"
    )]
    NotWhole(String),
    /// A server was started while a file was read as nobody's.
    #[error("{0} changed while it was read: a server was started on it; run the command again")]
    Changed(PathBuf),
    /// SQLite cannot find its way in it.
    #[error("{path} is damaged: {source} (`doorbuster salvage` rebuilds what can be proven)")]
    Damaged {
        /// Path of the file.
        path: PathBuf,
        /// What SQLite says.
        source: rusqlite::Error,
    },
    /// SQLite says no.
    #[error("{path} cannot be read: {source}")]
    Sqlite {
        /// Path of the file.
        path: PathBuf,
        /// What SQLite says.
        source: rusqlite::Error,
    },
    /// The output cannot be written.
    #[error("cannot write the output: {0}")]
    Output(#[from] std::io::Error),
}

/// An open data file, in one view of it.
pub(super) struct DataFile {
    pub(super) connection: Connection,
    pub(super) path: PathBuf,
    pub(super) mark: Mark,
    /// The schema it has.
    pub(super) version: i64,
    /// What is wrong with its log, if it is not there and should be.
    pub(super) lost_log: Option<String>,
    /// How file and log looked, where nobody else has them open.
    alone: Option<[Option<Stamp>; 2]>,
}

impl DataFile {
    pub(super) fn open(path: &Path) -> Result<Self, DataFileError> {
        let path = present(path)?;
        let failed = |source| DataFileError::File { path: path.clone(), source };
        let journal = length(&beside(&path, "-journal")).map_err(failed)?;
        if journal > 0 {
            return Err(DataFileError::Journal(path));
        }
        let access = access_to(&path)?;
        let alone = if access == Access::Shared { None } else { Some(stamps(&path)) };
        // A server that is running may write the mark later than the view, never earlier.
        let mark = Mark::read(&path);
        let connection = connect(&path, access).map_err(|source| sqlite(&path, source))?;
        let version = identify(&connection, &path)?;
        let is_open = says_it_is_open(&connection);
        let lost_log = (access == Access::Alone && is_open).then(|| {
            "the server that wrote the file did not end, and the -wal with its last entries is gone".to_owned()
        });
        Ok(Self { connection, path, mark, version, lost_log, alone })
    }

    /// The file as a copy of `source`, of which is asked what was promised of the source.
    pub(super) fn judged_as_copy_of(mut self, source: &Self) -> Self {
        self.mark = source.mark.clone();
        self.lost_log.clone_from(&source.lost_log);
        self
    }

    /// Whether what was read is still what is there. Where a server is running, its locks see to that.
    pub(super) fn expect_unchanged(&self) -> Result<(), DataFileError> {
        let is_same = self.alone.is_none_or(|before| before == stamps(&self.path));
        if is_same { Ok(()) } else { Err(DataFileError::Changed(self.path.clone())) }
    }

    /// For errors of SQLite.
    pub(super) fn failed(&self, source: rusqlite::Error) -> DataFileError {
        sqlite(&self.path, source)
    }
}

/// The data file of an inventory, in one view of it.
pub(super) struct InventoryFile {
    connection: Connection,
    path: PathBuf,
}

impl InventoryFile {
    pub(super) fn open(path: &Path) -> Result<Self, DataFileError> {
        let path = present(path)?;
        let access = access_to(&path)?;
        let connection = connect(&path, access).map_err(|source| sqlite(&path, source))?;
        match connection.query_row("PRAGMA application_id", [], |row| row.get::<_, i64>(0)) {
            Ok(INVENTORY) => Ok(Self { connection, path }),
            Ok(_other) => Err(DataFileError::Foreign { path, what: "not the data file of an inventory" }),
            Err(source) => Err(sqlite(&path, source)),
        }
    }

    /// The last entry that it is done with.
    pub(super) fn cursor(&self) -> Result<i64, DataFileError> {
        let read = self.connection.query_row("SELECT seq FROM cursor", [], |row| row.get(0));
        read.map_err(|source| sqlite(&self.path, source))
    }

    /// What it has given up: the numbers of entries, and why.
    pub(super) fn dead_letters(&self) -> Result<BTreeMap<String, String>, DataFileError> {
        self.pairs("SELECT CAST(seq AS TEXT), reason FROM dead_letter")
    }

    /// What it says of each item.
    pub(super) fn items(&self) -> Result<BTreeMap<String, String>, DataFileError> {
        self.pairs(
            "SELECT item_id, 'stock ' || stock || ', allocated ' || allocated || ', shipped ' || shipped FROM item",
        )
    }

    /// What it says of each order.
    pub(super) fn orders(&self) -> Result<BTreeMap<String, String>, DataFileError> {
        self.pairs("SELECT order_id, quantity || ' of ' || item_id || ', ' || status FROM held")
    }

    fn pairs(&self, sql: &str) -> Result<BTreeMap<String, String>, DataFileError> {
        let read = || -> rusqlite::Result<_> {
            let mut statement = self.connection.prepare(sql)?;
            let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
            rows.collect()
        };
        read().map_err(|source| sqlite(&self.path, source))
    }
}

fn sqlite(path: &Path, source: rusqlite::Error) -> DataFileError {
    let path = path.to_owned();
    match source.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => DataFileError::Foreign { path, what: "not a data file at all" },
        Some(ErrorCode::DatabaseCorrupt) => DataFileError::Damaged { path, source },
        Some(_) | None => DataFileError::Sqlite { path, source },
    }
}

/// How SQLite is let at the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Access {
    /// A server, or another reader, has it open.
    Shared,
    /// Nobody has, and what a killed server left in the log belongs to it.
    AloneWithLog,
    /// Nobody has, and there is no log.
    Alone,
}

/// How this file can be read now.
fn access_to(path: &Path) -> Result<Access, DataFileError> {
    let failed = |source| DataFileError::File { path: path.to_owned(), source };
    let is_shared = format::is_open_elsewhere(path).map_err(failed)?;
    let log = beside(path, "-wal");
    if is_shared && !log.exists() {
        return Err(DataFileError::LogRemoved(path.to_owned()));
    }
    let has_log = length(&log).map_err(failed)? > 0;
    Ok(match (is_shared, has_log) {
        (true, _) => Access::Shared,
        (false, true) => Access::AloneWithLog,
        (false, false) => Access::Alone,
    })
}

fn connect(path: &Path, access: Access) -> rusqlite::Result<Connection> {
    // `unix-none` takes no locks, so that a server may start meanwhile; with exclusive locking the index of the log is
    // kept in memory instead of a file. An immutable file is read without looking for a log, which would be created.
    let parameters = match access {
        Access::Shared => "",
        Access::AloneWithLog => "&vfs=unix-none",
        Access::Alone => "&immutable=1",
    };
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(uri(path, parameters), flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    // The last connection that closes would copy the log into the file and delete it.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    if access == Access::AloneWithLog {
        connection.query_row("PRAGMA locking_mode = EXCLUSIVE", [], |_mode| Ok(()))?;
    }
    connection.execute_batch("BEGIN; SELECT count(*) FROM sqlite_schema")?;
    Ok(connection)
}

/// <https://www.sqlite.org/uri.html>
fn uri(path: &Path, parameters: &str) -> PathBuf {
    let mut uri = b"file:".to_vec();
    for byte in path.as_os_str().as_bytes() {
        match byte {
            b'?' | b'#' | b'%' => uri.extend_from_slice(format!("%{byte:02x}").as_bytes()),
            _plain => uri.push(*byte),
        }
    }
    uri.extend_from_slice(b"?mode=ro");
    uri.extend_from_slice(parameters.as_bytes());
    OsString::from_vec(uri).into()
}

/// The path of the file itself, if it is a file with something in it.
fn present(path: &Path) -> Result<PathBuf, DataFileError> {
    let real = format::real_path(path);
    match std::fs::metadata(path) {
        Ok(found) if !found.is_file() => Err(DataFileError::NotAFile(path.to_owned())),
        Ok(found) if found.len() == 0 => Err(DataFileError::Empty(path.to_owned())),
        Ok(_) => Ok(real),
        Err(error) if error.kind() == ErrorKind::NotFound && has_remains(&real) => {
            Err(DataFileError::Gone(path.to_owned()))
        }
        Err(source) => Err(DataFileError::File { path: path.to_owned(), source }),
    }
}

fn has_remains(path: &Path) -> bool {
    ["-wal", ".mark"].iter().any(|suffix| length(&beside(path, suffix)).is_ok_and(|length| length > 0))
}

fn length(path: &Path) -> std::io::Result<u64> {
    match std::fs::metadata(path) {
        Ok(found) => Ok(found.len()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(0),
        Err(error) => Err(error),
    }
}

/// The schema version of a ledger; anything else is refused.
fn identify(connection: &Connection, path: &Path) -> Result<i64, DataFileError> {
    let number = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0));
    let failed = |source| sqlite(path, source);
    let id = number("PRAGMA application_id").map_err(failed)?;
    let version = number("PRAGMA user_version").map_err(failed)?;
    let known = format::known_version();
    let foreign = |what| Err(DataFileError::Foreign { path: path.to_owned(), what });
    match id {
        format::APPLICATION_ID if version > known => {
            Err(DataFileError::Newer { path: path.to_owned(), found: version, known })
        }
        format::APPLICATION_ID if version < 1 => Err(DataFileError::Blank(path.to_owned())),
        format::APPLICATION_ID => Ok(version),
        0 if version == 0 && number("SELECT count(*) FROM sqlite_schema").map_err(failed)? == 0 => {
            Err(DataFileError::Blank(path.to_owned()))
        }
        INVENTORY => foreign("the data file of an inventory, not of a server"),
        _other => foreign("a database of something else"),
    }
}

/// Whether the file itself says that a server is writing to it. Files of the first schema do not say; in a damaged one
/// the audit finds more than this.
fn says_it_is_open(connection: &Connection) -> bool {
    connection.query_row("SELECT max(is_open) FROM session", [], |row| row.get(0)).unwrap_or(false)
}

/// What changes when a file does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    device: u64,
    inode: u64,
    length: u64,
    modified: (i64, i64),
}

fn stamps(path: &Path) -> [Option<Stamp>; 2] {
    let stamp = |found: Metadata| Stamp {
        device: found.dev(),
        inode: found.ino(),
        length: found.len(),
        modified: (found.mtime(), found.mtime_nsec()),
    };
    ["", "-wal"].map(|suffix| std::fs::metadata(beside(path, suffix)).ok().map(stamp))
}

impl From<DataFileError> for Failure {
    fn from(error: DataFileError) -> Self {
        if let DataFileError::Output(error) = &error {
            return Self::output(error);
        }
        if matches!(error, DataFileError::NotWhole(_)) { Self::violated(error) } else { Self::storage(error) }
    }
}
