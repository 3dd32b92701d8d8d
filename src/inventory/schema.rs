//! **Job:** brings a data file of an inventory up to the schema that this program writes.
//! **Owns:** the numbers by which such a file is known, and its migrations.
//! **Never:** leaves a file between two versions: each migration is one transaction with its number.

use doorbuster_actors::data_file::Identity;
use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::order_name::canonical;

/// By what our files are known: `DBiv`.
pub(super) const IDENTITY: Identity = Identity {
    owner: "an inventory",
    application_id: 0x4442_6976,
    version: 2,
    remedy: "Keep a copy, move the file away and start again: the inventory is made anew from the feed",
};

const FIRST: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/data/schema/inventory/0001_inventory.sql"));
const SECOND: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/data/schema/inventory/0002_order_names.sql"));

/// Writes an inventory that knows nothing into an empty file.
pub(super) fn create(connection: &mut Connection) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.execute_batch(FIRST)?;
    rename_orders(&transaction)?;
    IDENTITY.write(&transaction)?;
    transaction.commit()
}

/// Brings a file of an older version up to date. Afterwards older programs refuse it.
pub(super) fn migrate(connection: &mut Connection) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let found: i64 = transaction.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    if found < 2 {
        rename_orders(&transaction)?;
        IDENTITY.write(&transaction)?;
        tracing::info!(from = found, to = IDENTITY.version, "the data file was brought up to date");
    }
    transaction.commit()
}

/// Orders of before have names of the old form, and later entries about them have the new one.
fn rename_orders(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    transaction.execute_batch(SECOND)?;
    let mut before = transaction.prepare("SELECT order_id, item_id, quantity, status FROM held_before")?;
    let mut insert =
        transaction.prepare("INSERT INTO held (order_id, item_id, quantity, status) VALUES (?1, ?2, ?3, ?4)")?;
    let mut rows = before.query([])?;
    while let Some(row) = rows.next()? {
        let order_id: String = row.get(0)?;
        let (item_id, quantity, status): (String, i64, String) = (row.get(1)?, row.get(2)?, row.get(3)?);
        insert.execute((canonical(&order_id), item_id, quantity, status))?;
    }
    drop((rows, insert));
    drop(before);
    transaction.execute_batch("DROP TABLE held_before")
}
