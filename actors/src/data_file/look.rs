//! **Job:** the ways into a database that leave it, its log and its folder as they are.
//! **Owns:** what SQLite must not do when it closes a file that may be damaged.
//! **Never:** writes, copies a log, or makes a file.

use std::fmt::Write as _;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};

/// How long to wait for somebody else's lock (a shell that writes, a backup).
const BUSY_TIMEOUT: Duration = Duration::from_secs(1);

/// A connection that may write, and leaves the log alone when it closes: SQLite's last connection would copy what it
/// can read of a damaged log into the file, and delete the rest with it.
pub fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    keep_log_on_close(&connection)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    Ok(connection)
}

/// From now on, closing leaves the log as it is.
pub fn keep_log_on_close(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).map(drop)
}

/// From now on, closing copies the log into the file and takes it away.
pub fn clear_log_on_close(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false).map(drop)
}

/// The main file alone. SQLite takes it as one that nobody can change: it looks for no log, makes none, and takes no
/// lock. For a file that has no log.
pub fn main_file(path: &Path) -> rusqlite::Result<Connection> {
    let mut uri = "file:".to_owned();
    for byte in path.as_os_str().as_bytes() {
        match byte {
            b'/' | b'.' | b'-' | b'_' | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => uri.push(char::from(*byte)),
            other => write!(uri, "%{other:02X}").expect("a String takes any text"),
        }
    }
    uri.push_str("?immutable=1");
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
    Connection::open_with_flags(uri, flags)
}

/// The file, with its log if it has one.
pub(crate) fn as_it_is(path: &Path) -> rusqlite::Result<Connection> {
    let has_log = super::beside(path, super::LOG).metadata().is_ok_and(|log| log.len() > 0);
    if has_log { file_and_log(path) } else { main_file(path) }
}

/// File and log together. With the file to itself, SQLite keeps the log's index in memory; only where somebody is
/// reading already it joins them in the index that is there.
pub(super) fn file_and_log(path: &Path) -> rusqlite::Result<Connection> {
    let alone = connect(path)?;
    alone.execute_batch("PRAGMA locking_mode = EXCLUSIVE")?;
    let first_look = alone.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get::<_, i64>(0));
    match first_look {
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => connect(path),
        // What else is wrong shows again where it is told apart.
        Err(_) | Ok(_) => Ok(alone),
    }
}
