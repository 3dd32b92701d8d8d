//! **Job:** reads what is in the data file, while the store writes it.
//! **Owns:** the shape of the answer.
//! **Never:** writes, or shows half of a transaction.

use std::path::Path;

use rusqlite::{Connection, OpenFlags};
use serde::Serialize;

use super::store::{StoreError, unsigned};

/// One item of [`Stock`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct StockItem {
    /// Id of the item.
    pub(super) item_id: String,
    /// Units ever put on sale.
    pub(super) stock: i64,
    /// Units of live orders that are not paid.
    pub(super) allocated: i64,
    /// Units of paid orders.
    pub(super) shipped: i64,
    /// The rest.
    pub(super) available: i64,
}

/// What is in the data file, as of one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stock {
    /// The last entry that is done with.
    pub(super) cursor: u64,
    /// How many entries were given up.
    pub(super) dead_letters: u64,
    /// Every item, by id.
    pub(super) items: Vec<StockItem>,
}

/// Reads the data file while the [`super::store::Store`] writes it.
#[derive(Debug)]
pub(super) struct Reader(Connection);

impl Reader {
    /// Opens the data file of a store that is open.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(super) fn open(path: &Path) -> Result<Self, StoreError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        Ok(Self(Connection::open_with_flags(path, flags)?))
    }

    /// Everything, as of one moment.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(super) fn stock(&mut self) -> Result<Stock, StoreError> {
        let snapshot = self.0.transaction()?;
        let cursor = snapshot.query_row("SELECT seq FROM cursor", [], unsigned)?;
        let dead_letters = snapshot.query_row("SELECT count(*) FROM dead_letter", [], unsigned)?;
        let mut items = snapshot.prepare_cached(
            "SELECT item_id, stock, allocated, shipped, stock - allocated - shipped FROM item ORDER BY item_id",
        )?;
        let items = items.query_map([], |row| {
            let (item_id, stock, allocated) = (row.get(0)?, row.get(1)?, row.get(2)?);
            Ok(StockItem { item_id, stock, allocated, shipped: row.get(3)?, available: row.get(4)? })
        })?;
        Ok(Stock { cursor, dead_letters, items: items.collect::<Result<_, _>>()? })
    }
}
