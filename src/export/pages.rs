//! **Job:** reads the ledger up to one entry, page by page.
//! **Owns:** the size of a page, and what can go wrong.
//! **Never:** leaves a statement open between two pages.

use std::ops::ControlFlow;

use doorbuster_actors::ledger::{Row, columns_of};
use rusqlite::Connection;

/// Entries of a page: some milliseconds of reading, and a few hundred kilobytes of lines.
const PAGE: u64 = 1_024;

/// Why records cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// SQLite says no.
    #[error("the data file cannot be read: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// An entry makes no sense: nothing is written from it on.
    #[error("entry {seq} of the ledger is damaged: {reason}")]
    Damaged {
        /// Number of the entry.
        seq: i64,
        /// What is wrong, in words.
        reason: String,
    },
}

/// The ledger up to an entry that is committed.
pub struct Stretch<'c> {
    /// A connection of our own.
    pub connection: &'c Connection,
    /// The version of the file's schema.
    pub version: i64,
    /// The last entry.
    pub upto: u64,
}

impl<'c> Stretch<'c> {
    /// All that is committed in the file now.
    ///
    /// # Errors
    /// SQLite says no.
    pub fn whole(connection: &'c Connection, version: i64) -> Result<Self, ExportError> {
        let last: Option<i64> = connection.query_row("SELECT max(seq) FROM ledger", [], |row| row.get(0))?;
        Ok(Self { connection, version, upto: u64::try_from(last.unwrap_or(0)).unwrap_or(0) })
    }

    /// The entries of these kinds, in their order. After each page `end` may end it.
    pub(super) fn each(
        &self,
        kinds: &str,
        read: &mut dyn FnMut(&Row<'_>) -> Result<(), ExportError>,
        end: &mut dyn FnMut() -> ControlFlow<()>,
    ) -> Result<(), ExportError> {
        let columns = columns_of(self.version);
        let sql = format!("SELECT {columns} FROM ledger WHERE seq > ?1 AND seq <= ?2 AND {kinds} ORDER BY seq");
        let mut statement = self.connection.prepare(&sql)?;
        let mut after = 0;
        while after < self.upto {
            let last = self.upto.min(after + PAGE);
            let mut rows = statement.query((signed(after), signed(last)))?;
            while let Some(row) = rows.next()? {
                read(&Row::read(row)?)?;
            }
            drop(rows);
            if end().is_break() {
                return Ok(());
            }
            after = last;
        }
        Ok(())
    }
}

pub(super) fn signed(seq: u64) -> i64 {
    i64::try_from(seq).unwrap_or(i64::MAX)
}

/// An entry that makes no sense.
pub(super) fn damaged(row: &Row<'_>, reason: impl Into<String>) -> ExportError {
    ExportError::Damaged { seq: row.seq, reason: reason.into() }
}
