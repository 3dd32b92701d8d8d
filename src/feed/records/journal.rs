//! **Job:** reads from the data file what was done to the sale by somebody who is neither a buyer nor the clock.
//! **Owns:** the question to the view `journal`.
//! **Never:** leaves out what nobody signed: older files say only what was done.

use doorbuster_actors::ids::{ItemId, OrderId};
use rusqlite::{Connection, Row};

use crate::feed::ReadError;
use crate::feed::reader::order_id;

/// Which lines of the journal somebody asks for.
#[derive(Debug, Clone)]
pub struct JournalFilter {
    /// The last entry of the page before.
    pub after: i64,
    /// Most entries.
    pub limit: usize,
    /// Only of this item.
    pub item: Option<ItemId>,
}

/// What was done.
#[derive(Debug, Clone)]
pub struct JournalRow {
    /// The number of the entry.
    pub seq: i64,
    /// When: RFC 3339, UTC, milliseconds.
    pub at: String,
    /// What, as the feed calls it.
    pub kind: String,
    /// To which item; none where it is money of no order.
    pub item_id: Option<String>,
    /// To which order.
    pub order: Option<OrderId>,
    /// Whose order.
    pub user_id: Option<String>,
    /// How many units.
    pub quantity: Option<u32>,
    /// Who did it.
    pub operator: Option<String>,
    /// Why.
    pub reason: Option<String>,
    /// Units on sale after it, sold or not.
    pub supply: u32,
    /// Units that nobody holds after it.
    pub remaining: u32,
    /// The provider's id of the money that went back.
    pub payment_reference: Option<String>,
    /// How much went back.
    pub settled: Option<i64>,
    /// In which currency.
    pub currency: Option<String>,
    /// The item as it was from then on: JSON.
    pub definition: Option<String>,
}

const PAGE: &str = "
SELECT seq, at, kind, item_id, item, order_number, user_id, quantity, operator, reason, supply, remaining,
       CASE WHEN kind = 'settled' THEN payment_reference END, settled, CASE WHEN settled IS NOT NULL THEN currency END,
       definition
FROM journal
WHERE seq > ?1 AND (?2 IS NULL OR item_id = ?2)
ORDER BY seq LIMIT ?3";

/// A page of the journal.
pub(super) fn page(connection: &Connection, filter: &JournalFilter) -> Result<Vec<JournalRow>, ReadError> {
    let most = i64::try_from(filter.limit).unwrap_or(i64::MAX);
    let mut statement = connection.prepare_cached(PAGE)?;
    let rows = statement.query_map((filter.after, filter.item.as_ref().map(ItemId::as_str), most), read)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

fn read(row: &Row<'_>) -> rusqlite::Result<JournalRow> {
    let (item, order): (i64, Option<i64>) = (row.get(4)?, row.get(5)?);
    Ok(JournalRow {
        seq: row.get(0)?,
        at: row.get(1)?,
        kind: row.get(2)?,
        item_id: row.get(3)?,
        order: order.and_then(|order| order_id(item, order).ok()),
        user_id: row.get(6)?,
        quantity: row.get(7)?,
        operator: row.get(8)?,
        reason: row.get(9)?,
        supply: row.get(10)?,
        remaining: row.get(11)?,
        payment_reference: row.get(12)?,
        settled: row.get(13)?,
        currency: row.get(14)?,
        definition: row.get(15)?,
    })
}
