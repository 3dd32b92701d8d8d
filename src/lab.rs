//! **Job:** instruments that look at a sale from outside.
//! **Owns:** the read-only way into a data file, and the crowd of a load test.
//! **Never:** knows the server's insides: only the wire and the file.

pub mod backup;
pub mod bench;
pub mod calibrate;
pub mod demo;
pub mod export;
pub mod house;
pub mod top;
pub mod verify;

use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};

/// A data file cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum DataFileError {
    /// It is not there, or not readable.
    #[error("cannot read {path}: {source}")]
    Open {
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: rusqlite::Error,
    },
    /// SQLite says no.
    #[error("the data file cannot be read: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// The output cannot be written.
    #[error("cannot write the output: {0}")]
    Output(#[from] std::io::Error),
}

/// Opens a data file for reading, while a server is running on it or not.
fn open(path: &Path) -> Result<Connection, DataFileError> {
    let failed = |source| DataFileError::Open { path: path.to_owned(), source };
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(failed)?;
    connection.busy_timeout(std::time::Duration::from_secs(5)).map_err(failed)?;
    connection.query_row("SELECT count(*) FROM ledger WHERE seq = 1", [], |_| Ok(())).map_err(failed)?;
    Ok(connection)
}
