//! **Job:** applies entries, each once: their effect and the cursor are one transaction.
//! **Owns:** the tries of a poison entry and its way to the dead letters.
//! **Never:** lets one entry take others with it: each has a savepoint of its own.

use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ValueRef};
use rusqlite::{Connection, ErrorCode, OptionalExtension, Transaction, TransactionBehavior, params};

use super::book::{Effect, Hold, Item, decide};
use super::delivery::Delivery;
use super::store::{Store, StoreError, signed, unsigned};
use super::unfit::{Status, Unfit};
use super::wire::{Kind, parse};

/// How often an entry is tried before it is given up.
pub(super) const TRIES: u32 = 5;

/// Most of a dead letter that is kept, in characters: a real entry has a few hundred.
const MAX_LETTER: usize = 4_096;

/// What one transaction did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Applied {
    /// The cursor after it.
    pub(super) cursor: u64,
    /// Kinds of the applied entries, in order.
    pub(super) kinds: Vec<Kind>,
    /// Entries given up: their numbers and the reasons.
    pub(super) dead: Vec<(u64, Unfit)>,
}

/// Why an entry was not applied.
enum Fault {
    /// It is the entry's.
    Unfit(Unfit),
    /// It is the data file's.
    Store(StoreError),
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::ConstraintViolation) => Self::Unfit(Unfit::Books(error.to_string())),
            _ => Self::Store(error.into()),
        }
    }
}

impl Store {
    /// Applies what follows the cursor, in one transaction, durable on return. An entry that cannot be applied is tried
    /// five times, with a `pause(try)` in between, and then becomes a dead letter. `now` is when that is said to be.
    ///
    /// # Errors
    /// The data file failed. Nothing was applied if the disk was full; after any other error only opening it again can
    /// tell.
    ///
    /// # Panics
    /// If the deliveries do not follow the cursor one by one: whoever fetched them has checked that.
    pub(super) fn apply(
        &mut self,
        deliveries: &[Delivery],
        now: &str,
        pause: &mut dyn FnMut(u32),
    ) -> Result<Applied, StoreError> {
        self.check_names()?;
        self.apply_at_once(deliveries, now, pause).map_err(|error| self.classify(error))
    }

    fn apply_at_once(
        &mut self,
        deliveries: &[Delivery],
        now: &str,
        pause: &mut dyn FnMut(u32),
    ) -> Result<Applied, StoreError> {
        let mut transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let cursor = transaction.query_row("SELECT seq FROM cursor", [], unsigned)?;
        let mut applied = Applied { cursor, ..Applied::default() };
        for delivery in deliveries {
            assert_eq!(delivery.seq, applied.cursor + 1, "entries are applied one by one, in order");
            match insist(&mut transaction, delivery, pause)? {
                Ok(kind) => applied.kinds.push(kind),
                Err(unfit) => {
                    bury(&transaction, delivery, &unfit, now)?;
                    applied.dead.push((delivery.seq, unfit));
                }
            }
            applied.cursor = delivery.seq;
        }
        transaction.execute("UPDATE cursor SET seq = ?1", [signed(applied.cursor)])?;
        transaction.commit()?;
        Ok(applied)
    }
}

/// Tries an entry until it is applied or given up.
fn insist(
    transaction: &mut Transaction<'_>,
    delivery: &Delivery,
    pause: &mut dyn FnMut(u32),
) -> Result<Result<Kind, Unfit>, StoreError> {
    let mut tried = 0;
    loop {
        tried += 1;
        // A savepoint that is not committed is rolled back when it is dropped.
        let savepoint = transaction.savepoint()?;
        match attempt(&savepoint, delivery) {
            Ok(kind) => {
                savepoint.commit()?;
                return Ok(Ok(kind));
            }
            Err(Fault::Store(error)) => return Err(error),
            Err(Fault::Unfit(unfit)) if tried == TRIES => return Ok(Err(unfit)),
            Err(Fault::Unfit(_)) => pause(tried),
        }
    }
}

fn attempt(books: &Connection, delivery: &Delivery) -> Result<Kind, Fault> {
    let entry = parse(delivery.seq, &delivery.text).map_err(Fault::Unfit)?;
    let Some((item_id, order_id)) = entry.change.names() else { return Ok(entry.kind) };
    let hold = order_id.map(|order_id| hold_of(books, order_id)).transpose()?.flatten();
    let effect = decide(&entry.change, item_of(books, item_id)?, hold.as_ref()).map_err(Fault::Unfit)?;
    write(books, item_id, order_id, &effect)?;
    Ok(entry.kind)
}

fn item_of(books: &Connection, item_id: &str) -> rusqlite::Result<Option<Item>> {
    let mut query = books.prepare_cached("SELECT stock, allocated, shipped FROM item WHERE item_id = ?1")?;
    let item = |row: &rusqlite::Row<'_>| Ok(Item { stock: row.get(0)?, allocated: row.get(1)?, shipped: row.get(2)? });
    query.query_row([item_id], item).optional()
}

fn hold_of(books: &Connection, order_id: &str) -> rusqlite::Result<Option<Hold>> {
    let mut query = books.prepare_cached("SELECT item_id, quantity, status FROM held WHERE order_id = ?1")?;
    let hold = |row: &rusqlite::Row<'_>| Ok(Hold { item_id: row.get(0)?, quantity: row.get(1)?, status: row.get(2)? });
    query.query_row([order_id], hold).optional()
}

fn write(books: &Connection, item_id: &str, order_id: Option<&String>, effect: &Effect) -> rusqlite::Result<()> {
    if effect.is_gone {
        books.prepare_cached("DELETE FROM item WHERE item_id = ?1")?.execute([item_id])?;
    }
    if let Some(Item { stock, allocated, shipped }) = effect.item {
        let mut insert = books.prepare_cached(
            "INSERT INTO item (item_id, stock, allocated, shipped) VALUES (?1, ?2, ?3, ?4) ON CONFLICT (item_id) DO \
             UPDATE SET stock = excluded.stock, allocated = excluded.allocated, shipped = excluded.shipped",
        )?;
        insert.execute(params![item_id, stock, allocated, shipped])?;
    }
    if let (Some(order_id), Some(hold)) = (order_id, &effect.hold) {
        let mut insert = books.prepare_cached(
            "INSERT INTO held (order_id, item_id, quantity, status) VALUES (?1, ?2, ?3, ?4) ON CONFLICT (order_id) DO \
             UPDATE SET status = excluded.status",
        )?;
        insert.execute(params![order_id, hold.item_id, hold.quantity, hold.status.as_str()])?;
    }
    Ok(())
}

fn bury(books: &Connection, delivery: &Delivery, unfit: &Unfit, now: &str) -> rusqlite::Result<()> {
    let letter: String = String::from_utf8_lossy(&delivery.text).chars().take(MAX_LETTER).collect();
    let mut insert =
        books.prepare_cached("INSERT INTO dead_letter (seq, entry, reason, at) VALUES (?1, ?2, ?3, ?4)")?;
    insert.execute(params![signed(delivery.seq), letter, unfit.to_string(), now]).map(drop)
}

impl FromSql for Status {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let word = value.as_str()?;
        Self::ALL.into_iter().find(|status| status.as_str() == word).ok_or(FromSqlError::InvalidType)
    }
}

#[cfg(test)]
mod tests;
