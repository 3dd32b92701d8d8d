//! **Job:** what instruments that only read must know of a data file: whose it is, how it was made, who has it open.
//! **Owns:** the names of the files that belong to it.
//! **Never:** opens a data file.

use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use rustix::process::{Flock, FlockType, fcntl_getlk};

use super::{LedgerError, schema};
use crate::data_file::{INDEX, beside};

/// Written into every data file (`PRAGMA application_id`): `DBst`.
pub const APPLICATION_ID: i64 = schema::APPLICATION_ID;

/// The byte of a `-shm` on which everybody who has the log open holds a lock: `UNIX_SHM_DMS` of SQLite's `os_unix.c`.
const DEAD_MAN_SWITCH: u64 = 128;

/// The schema that this program writes (`PRAGMA user_version`).
#[must_use]
pub fn known_version() -> i64 {
    i64::try_from(schema::VERSION).expect("a handful of migrations")
}

/// An empty ledger in memory, as this program would have made it when `version` was its schema.
pub fn pattern(version: i64) -> Result<Connection, LedgerError> {
    schema::blank(version)
}

/// The path without symbolic links, as SQLite resolves it: log and mark lie beside the file itself. Also where the file
/// is gone and only they are left.
#[must_use]
pub fn real_path(path: &Path) -> PathBuf {
    if let Ok(real) = std::fs::canonicalize(path) {
        return real;
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if let Ok(target) = std::fs::read_link(path) {
        return folder.join(target);
    }
    match (std::fs::canonicalize(folder), path.file_name()) {
        (Ok(folder), Some(name)) => folder.join(name),
        (_, _) => path.to_owned(),
    }
}

/// Whether a server, or anybody else, has the log of the data file open. Asks without taking a lock, so that no start
/// is refused because of it. Not to be called where this process has it open itself: closing a file gives up all locks
/// that the process holds on it.
pub fn is_open_elsewhere(path: &Path) -> std::io::Result<bool> {
    let shared_memory = beside(path, INDEX);
    match std::fs::metadata(&shared_memory) {
        Ok(found) if found.is_file() => {}
        Ok(_) => return Ok(false),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    }
    let file = File::open(shared_memory)?;
    let switch = Flock { start: DEAD_MAN_SWITCH, length: 1, ..Flock::from(FlockType::WriteLock) };
    Ok(fcntl_getlk(&file, &switch)?.is_some())
}
