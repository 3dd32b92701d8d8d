//! **Job:** says in the data file itself that it is open for writing, so that its log belongs to it.
//! **Owns:** the table `session`, and which log is the one that belongs to it.
//! **Never:** lets an entry be written before the main file says so.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

use rusqlite::{Connection, OptionalExtension};

use super::fold::Fold;
use super::{LedgerError, schema};
use crate::data_file::{LOG, beside};

/// Checkpoints of one session, each of which adds 1 to the salt of the log: of 16 MiB each, 16 TiB of orders. A log
/// that is further away is another one.
const MAX_CHECKPOINTS: u32 = 1 << 20;

/// The header of a write-ahead log and where in it salt-1 stands (sqlite.org/walformat.html, section 2.1).
const LOG_HEADER: usize = 32;
const LOG_MAGIC: [u8; 3] = [0x37, 0x7f, 0x06];
const SALT: std::ops::Range<usize> = 16..20;

/// Number of the session, whether it has not ended, and with which log it began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Session {
    pub(super) epoch: i64,
    pub(super) is_open: bool,
    log: u32,
}

impl Session {
    /// Whether a log with this salt was written in this session.
    pub(super) fn owns(&self, salt: u32) -> bool {
        salt.wrapping_sub(self.log) < MAX_CHECKPOINTS
    }
}

/// Salt-1 of the log beside a data file, if there is one that SQLite would read.
pub(super) fn log_salt(data_file: &Path) -> Option<u32> {
    let mut header = [0; LOG_HEADER];
    File::open(beside(data_file, LOG)).ok()?.read_exact_at(&mut header, 0).ok()?;
    let salt = header[SALT].try_into().ok()?;
    header.starts_with(&LOG_MAGIC).then_some(u32::from_be_bytes(salt))
}

/// The session that the file tells of. Files of the first version tell of none.
pub(super) fn read(connection: &Connection, version: i64) -> rusqlite::Result<Option<Session>> {
    if version < 2 {
        return Ok(None);
    }
    let read = |row: &rusqlite::Row<'_>| Ok(Session { epoch: row.get(0)?, is_open: row.get(1)?, log: row.get(2)? });
    connection.query_row("SELECT epoch, is_open, log FROM session WHERE id = 1", [], read).optional()
}

/// Begins a session on a ledger that was found to end as `fold` says.
pub(super) fn begin(connection: &mut Connection, path: &Path, fold: &Fold) -> Result<(), LedgerError> {
    let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    if last_entry(&transaction)? != (fold.seq, fold.checksum) {
        let reason = "another program changed the ledger while it was being opened".to_owned();
        return Err(LedgerError::Damaged { seq: fold.seq, reason });
    }
    transaction.execute("UPDATE session SET epoch = epoch + 1, is_open = 1", [])?;
    transaction.commit()?;
    // Only now there is a log for sure.
    connection.execute("UPDATE session SET log = ?1", [log_salt(path).unwrap_or_default()])?;
    // The log keeps its frames until it is written again, so from here on the file has one.
    if !schema::checkpoint(connection, "PASSIVE")?.is_complete {
        tracing::warn!("a reader keeps the data file from saying that it is open: a lost log may go unnoticed");
    }
    Ok(())
}

/// Number and checksum of the last entry; 0 before the first.
pub(super) fn last_entry(connection: &Connection) -> rusqlite::Result<(u64, i64)> {
    let last = "SELECT seq, checksum FROM ledger ORDER BY seq DESC LIMIT 1";
    let last = connection.query_row(last, [], |row| Ok((row.get::<_, i64>(0)?.unsigned_abs(), row.get(1)?)));
    Ok(last.optional()?.unwrap_or_default())
}

/// Ends the session: once the log is copied, the file is complete without it.
pub(super) fn end(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute("UPDATE session SET is_open = 0", []).map(drop)
}
