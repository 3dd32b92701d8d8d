//! **Job:** the webhook's own data file: opens it as ours, and keeps progress and deliveries in it.
//! **Owns:** what is in the file, and that cursor and deliveries change together.
//! **Never:** touches a file that is foreign or newer, or decides what becomes of an event.

use std::path::Path;

use doorbuster_actors::data_file::{
    Creation, DataFile, DataFileError, Identity, LOG, Moved, Names, Unfit, journal, look,
};
use rusqlite::{Connection, OptionalExtension as _, Row, Transaction, TransactionBehavior, params};

use super::delivery::{Delivery, DeliveryStatus, Settled};
use super::message::Event;
use super::queue::OpenEvent;

/// By what our files are known: `DBwh`.
const IDENTITY: Identity = Identity {
    owner: "a webhook",
    application_id: 0x4442_7768,
    version: 1,
    remedy: "Move the file away and start again: all order events are then sent again, with the same ids",
};
const SCHEMA: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/data/schema/webhook/0001_webhook.sql"));
/// Deliveries that were accepted and are still listed: what somebody asks about is of today.
const KEPT_DELIVERED: u32 = 1_000;
/// Deliveries that were given up and are still listed, about 20 MB of them.
const KEPT_DEAD: u32 = 100_000;
/// Columns of a [`Delivery`].
const COLUMNS: &str = "seq, webhook_id, order_id, kind, status, attempts, first_attempt, last_attempt, next_attempt, \
                       last_status, last_error";

/// Why the data file cannot be used. Its exit code is 74.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// What the file system says of it.
    #[error("the webhook's file: {0}")]
    File(#[from] DataFileError),
    /// It lost its name while it was open.
    #[error("the webhook's file: {0}")]
    Moved(#[from] Moved),
    /// It is foreign, newer or damaged.
    #[error("the webhook's file: {0}")]
    Unfit(#[from] Unfit),
    /// A setting that did not take.
    #[error("the webhook's file does not take {0}")]
    Setting(&'static str),
    /// SQLite.
    #[error("the webhook's file failed: {0}")]
    Sqlite(#[from] rusqlite::Error),
}

/// How far the ledger was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Progress {
    /// The last entry.
    pub(super) cursor: u64,
    /// By what it is recognized.
    pub(super) mark: String,
    /// Which receiver said that it is gone.
    pub(super) gone: Option<String>,
}

/// The data file, open for writing. One thread has it.
#[derive(Debug)]
pub(super) struct Store {
    connection: Connection,
    names: Names,
    _file: DataFile,
}

impl Store {
    /// Opens the file at `path`, or creates it. It is looked at before anything is changed: where this fails, every
    /// file is what it was.
    pub(super) fn open(path: &Path) -> Result<Self, StoreError> {
        let file = DataFile::claim(path, Creation::Allowed, create)?;
        IDENTITY.check(&file.look()?, file.path())?;
        file.make_private()?;
        let connection = look::connect(file.path())?;
        configure(&connection)?;
        // From here on there is a log, even if nothing is ever written.
        connection.query_row("SELECT cursor FROM progress", [], |_| Ok(()))?;
        let names = file.names(&[LOG])?;
        Ok(Self { connection, names, _file: file })
    }

    /// How far the ledger was looked at.
    pub(super) fn progress(&self) -> Result<Progress, StoreError> {
        let read = |row: &Row<'_>| Ok(Progress { cursor: unsigned(row, 0)?, mark: row.get(1)?, gone: row.get(2)? });
        Ok(self.connection.query_row("SELECT cursor, mark, gone FROM progress", [], read)?)
    }

    /// All pending events with their orders, by number.
    pub(super) fn pending(&self) -> Result<Vec<(String, OpenEvent)>, StoreError> {
        let sql = "SELECT seq, attempts, first_attempt, next_attempt, order_id FROM delivery WHERE status = 'pending' \
                   ORDER BY seq";
        let mut statement = self.connection.prepare_cached(sql)?;
        let read = |row: &Row<'_>| {
            let event =
                OpenEvent { seq: unsigned(row, 0)?, attempts: row.get(1)?, first: row.get(2)?, due: row.get(3)? };
            Ok((row.get(4)?, event))
        };
        Ok(statement.query_map([], read)?.collect::<Result<_, _>>()?)
    }

    /// How many were given up.
    pub(super) fn dead(&self) -> Result<u64, StoreError> {
        let sql = "SELECT count(*) FROM delivery WHERE status = 'dead'";
        Ok(self.connection.query_row(sql, [], |row| unsigned(row, 0))?)
    }

    /// Takes events in, and moves the cursor past their entries, all or nothing.
    pub(super) fn take_in(&mut self, events: &[Event], cursor: u64, mark: &str, now: i64) -> Result<(), StoreError> {
        self.write(|transaction| {
            let sql = "INSERT OR REPLACE INTO delivery (seq, webhook_id, order_id, kind, status, next_attempt) \
                       VALUES (?1, ?2, ?3, ?4, 'pending', ?5)";
            let mut insert = transaction.prepare_cached(sql)?;
            for Event { seq, id, order_id, kind } in events {
                insert.execute(params![signed(*seq), id, order_id, kind, now])?;
            }
            transaction.execute("UPDATE progress SET cursor = ?1, mark = ?2", params![signed(cursor), mark])?;
            Ok(())
        })
    }

    /// Writes down what became of attempts, all or nothing.
    pub(super) fn settle(&mut self, settled: &[Settled]) -> Result<(), StoreError> {
        self.write(|transaction| {
            let sql = "UPDATE delivery SET status = ?2, attempts = ?3, first_attempt = ?4, last_attempt = ?5, \
                       next_attempt = ?6, last_status = ?7, last_error = ?8 WHERE seq = ?1";
            let mut update = transaction.prepare_cached(sql)?;
            for Settled { event, status, at, last_status, last_error } in settled {
                let OpenEvent { seq, attempts, first, due } = event;
                let status = status.as_str();
                update.execute(params![signed(*seq), status, attempts, first, at, due, last_status, last_error])?;
            }
            forget(transaction, "delivered", KEPT_DELIVERED)?;
            forget(transaction, "dead", KEPT_DEAD)
        })
    }

    /// Writes down which receiver is gone, or that none is; then what is pending has all of its time before it.
    pub(super) fn set_gone(&mut self, receiver: Option<&str>) -> Result<(), StoreError> {
        self.write(|transaction| {
            transaction.execute("UPDATE progress SET gone = ?1", [receiver])?;
            if receiver.is_none() {
                let sql = "UPDATE delivery SET first_attempt = NULL, next_attempt = 0 WHERE status = 'pending'";
                transaction.execute(sql, [])?;
            }
            Ok(())
        })
    }

    /// Forgets everything after that entry, or, if the file is of `another_ledger`, everything.
    pub(super) fn rewind(&mut self, after: u64, mark: &str, another_ledger: bool) -> Result<(), StoreError> {
        self.write(|transaction| {
            let from = if another_ledger { -1 } else { signed(after) };
            transaction.execute("DELETE FROM delivery WHERE seq > ?1", [from])?;
            transaction.execute("UPDATE progress SET cursor = ?1, mark = ?2", params![signed(after), mark])?;
            Ok(())
        })
    }

    /// Makes one that was given up pending again; `None`: it was not.
    pub(super) fn revive(&mut self, seq: u64, now: i64) -> Result<Option<String>, StoreError> {
        let sql = "UPDATE delivery SET status = 'pending', attempts = 0, first_attempt = NULL, next_attempt = ?2 \
                   WHERE seq = ?1 AND status = 'dead' RETURNING order_id";
        Ok(self.connection.query_row(sql, params![signed(seq), now], |row| row.get(0)).optional()?)
    }

    /// A delivery.
    pub(super) fn find(&self, seq: u64) -> Result<Option<Delivery>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM delivery WHERE seq = ?1");
        Ok(self.connection.prepare_cached(&sql)?.query_row([signed(seq)], delivery).optional()?)
    }

    /// Deliveries in the order of their entries.
    pub(super) fn page(
        &self,
        status: Option<DeliveryStatus>,
        after: u64,
        limit: usize,
    ) -> Result<Vec<Delivery>, StoreError> {
        let filter = if status.is_some() { "status = ?3 AND" } else { "?3 IS NULL AND" };
        let sql = format!("SELECT {COLUMNS} FROM delivery WHERE {filter} seq > ?1 ORDER BY seq LIMIT ?2");
        let mut statement = self.connection.prepare_cached(&sql)?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let status = status.map(DeliveryStatus::as_str);
        Ok(statement.query_map(params![signed(after), limit, status], delivery)?.collect::<Result<_, _>>()?)
    }

    /// Moves everything into the file and takes the log away, for a clean end.
    pub(super) fn close(self) -> Result<(), StoreError> {
        self.names.check()?;
        self.connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))?;
        Ok(look::clear_log_on_close(&self.connection)?)
    }

    /// A transaction. Whether the file still has its name is looked at first: what is written elsewhere is lost.
    fn write(&mut self, work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<()>) -> Result<(), StoreError> {
        self.names.check()?;
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        work(&transaction)?;
        Ok(transaction.commit()?)
    }
}

/// Keeps the newest ones of a status.
fn forget(transaction: &Transaction<'_>, status: &str, kept: u32) -> rusqlite::Result<()> {
    let sql = "DELETE FROM delivery WHERE status = ?1 AND seq <= \
               (SELECT seq FROM delivery WHERE status = ?1 ORDER BY seq DESC LIMIT 1 OFFSET ?2)";
    transaction.prepare_cached(sql)?.execute(params![status, kept]).map(drop)
}

fn delivery(row: &Row<'_>) -> rusqlite::Result<Delivery> {
    let status: String = row.get(4)?;
    let unknown = || rusqlite::Error::InvalidColumnName(status.clone());
    Ok(Delivery {
        seq: unsigned(row, 0)?,
        webhook_id: row.get(1)?,
        order_id: row.get(2)?,
        kind: row.get(3)?,
        status: DeliveryStatus::from_word(&status).ok_or_else(unknown)?,
        attempts: row.get(5)?,
        first_attempt: row.get(6)?,
        last_attempt: row.get(7)?,
        next_attempt: row.get(8)?,
        last_status: row.get(9)?,
        last_error: row.get(10)?,
    })
}

/// `synchronous = NORMAL`: what a power cut takes back is sent once more, and no event costs a sync.
fn configure(connection: &Connection) -> Result<(), StoreError> {
    connection.execute_batch("PRAGMA synchronous = NORMAL; PRAGMA trusted_schema = OFF;")?;
    if journal::change_to_log(connection)? { Ok(()) } else { Err(StoreError::Setting("journal_mode = WAL")) }
}

/// Writes a webhook that has delivered nothing into an empty file.
fn create(path: &Path) -> Result<(), StoreError> {
    let mut connection = look::connect(path)?;
    journal::none_for_a_draft(&connection)?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.execute_batch(SCHEMA)?;
    IDENTITY.write(&transaction)?;
    Ok(transaction.commit()?)
}

fn unsigned(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    let number: i64 = row.get(column)?;
    u64::try_from(number).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(column, number))
}

fn signed(seq: u64) -> i64 {
    i64::try_from(seq).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
