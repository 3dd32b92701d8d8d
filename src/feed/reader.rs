//! **Job:** reads committed entries from the data file, in order.
//! **Owns:** a read-only connection of its own, and what is known of the items.
//! **Never:** holds a view of the file between two reads: the write-ahead log could not be cut behind it.

use std::borrow::Cow;
use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use doorbuster_actors::ids::{ItemNumber, OrderId, OrderNumber};
use doorbuster_actors::ledger::{COLUMNS, Kind, Row};
use doorbuster_actors::time::Timestamp;
use rusqlite::{Connection, OpenFlags, OptionalExtension as _};
use serde::Deserialize;

use super::wire::{Detail, Line};

/// How long to wait where the file is locked for a moment (a log that is being rebuilt after a crash).
const BUSY_TIMEOUT: Duration = Duration::from_secs(1);

/// The last definition of an item before an entry; found by the index over definitions.
const DEFINITION: &str =
    "SELECT definition FROM ledger WHERE kind = 1 AND item = ?1 AND seq < ?2 ORDER BY seq DESC LIMIT 1";

/// Why entries cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// SQLite says no.
    #[error("the data file cannot be read: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// An entry is missing or makes no sense: the feed stops in front of it.
    #[error("entry {seq} of the ledger is damaged: {reason}")]
    Damaged {
        /// Number of the entry.
        seq: u64,
        /// What is wrong, in words.
        reason: &'static str,
    },
}

/// A stretch of the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SeqRange {
    /// The entry before the first.
    pub(crate) after: u64,
    /// The last entry that may be read: what is committed after it has not been announced yet.
    pub(crate) upto: u64,
    /// Most entries.
    pub(crate) most: usize,
}

/// Reads entries as lines of the feed.
#[derive(Debug)]
pub(crate) struct Reader {
    connection: Connection,
    goods: ItemInfos,
    line: Vec<u8>,
}

impl Reader {
    /// A reader of the data file at `path`.
    pub(super) fn open(path: &Path) -> Result<Self, ReadError> {
        Ok(Self { connection: connect(path)?, goods: ItemInfos::default(), line: Vec::new() })
    }

    /// Gives the entries of `stretch` to `take`, each as its number and its line without a line end. Nothing is
    /// skipped: it ends before the first entry that is not there.
    pub(crate) fn read(&mut self, stretch: SeqRange, mut take: impl FnMut(u64, &[u8])) -> Result<(), ReadError> {
        let sql = format!("SELECT {COLUMNS} FROM ledger WHERE seq > ?1 AND seq <= ?2 ORDER BY seq LIMIT ?3");
        let mut statement = self.connection.prepare_cached(&sql)?;
        let most = i64::try_from(stretch.most).unwrap_or(i64::MAX);
        let mut rows = statement.query((number(stretch.after), number(stretch.upto), most))?;
        let mut before = stretch.after;
        while let Some(row) = rows.next()? {
            let row = Row::read(row)?;
            let seq = before + 1;
            let damaged = |reason| ReadError::Damaged { seq, reason };
            if row.seq != number(seq) {
                return Err(damaged("another one stands in its place"));
            }
            self.line.clear();
            let good = self.goods.of(&self.connection, &row)?.ok_or(damaged("its item was never created"))?;
            line_of(seq, &row, good).ok_or(damaged("it makes no sense"))?.write_to(&mut self.line);
            take(seq, &self.line);
            before = seq;
        }
        Ok(())
    }
}

/// A connection that can only read.
pub(super) fn connect(path: &Path) -> Result<Connection, ReadError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    Ok(connection)
}

fn number(seq: u64) -> i64 {
    i64::try_from(seq).unwrap_or(i64::MAX)
}

/// What the feed says of an item in each of its entries.
#[derive(Debug, Clone)]
struct ItemInfo {
    id: String,
    currency: String,
    unit_price: i64,
    stock: u32,
}

impl ItemInfo {
    fn defined_by(row: &Row<'_>) -> Option<Self> {
        let definition = row.item_definition().ok()?;
        Some(Self {
            id: definition.id.to_string(),
            currency: definition.currency.to_string(),
            unit_price: definition.unit_price.minor(),
            stock: definition.stock,
        })
    }
}

/// Items by number. Only those are kept that have an order: from then on a definition cannot change.
#[derive(Debug, Default)]
struct ItemInfos {
    settled: HashMap<i64, ItemInfo>,
    /// Of the entry that is being read, where it must not be kept.
    passing: Option<ItemInfo>,
}

impl ItemInfos {
    /// The item as it was when the entry was written; `None` if there is no such item.
    fn of(&mut self, connection: &Connection, row: &Row<'_>) -> rusqlite::Result<Option<&ItemInfo>> {
        if row.item == 0 {
            self.passing = Some(ItemInfo { id: String::new(), currency: String::new(), unit_price: 0, stock: 0 });
            return Ok(self.passing.as_ref());
        }
        if row.definition.is_some() {
            self.passing = ItemInfo::defined_by(row);
            return Ok(self.passing.as_ref());
        }
        if self.settled.contains_key(&row.item) {
            return Ok(self.settled.get(&row.item));
        }
        let mut statement = connection.prepare_cached(DEFINITION)?;
        let definition: Option<String> = statement.query_row((row.item, row.seq), |row| row.get(0)).optional()?;
        let defining = definition.map(|definition| Row { definition: Some(definition.into()), ..row.clone() });
        self.passing = defining.and_then(|row| ItemInfo::defined_by(&row));
        if row.order_number.is_some()
            && let Some(good) = self.passing.take()
        {
            return Ok(Some(self.settled.entry(row.item).or_insert(good)));
        }
        Ok(self.passing.as_ref())
    }
}

/// The column `detail`, with the names that the ledger has.
#[derive(Default, Deserialize)]
struct Written<'l> {
    #[serde(borrow, default)]
    event: Option<Cow<'l, str>>,
    #[serde(borrow, default)]
    currency: Option<Cow<'l, str>>,
    #[serde(flatten, borrow)]
    detail: Detail<'l>,
}

/// The line of an entry; `None` if a number is out of its range.
fn line_of<'l>(seq: u64, row: &'l Row<'l>, good: &'l ItemInfo) -> Option<Line<'l>> {
    let kind = Kind::from_number(row.kind)?;
    let order = row.order_number.map(|order| order_id(row.item, order)).transpose().ok()?;
    let of_item = kind == Kind::Item;
    let Written { event, currency, mut detail } =
        row.detail.as_deref().map_or(Ok(Written::default()), serde_json::from_str).ok()?;
    detail.event_id = event;
    if matches!(kind, Kind::Payment | Kind::Settled) {
        detail.payment_reference = row.idempotency_key.map(Into::into);
    }
    let (quantity, unit_price) =
        if of_item { (Some(i64::from(good.stock)), Some(good.unit_price)) } else { (row.quantity, row.unit_price) };
    Some(Line {
        seq,
        kind: kind.as_str().into(),
        order_id: order.map(|order| order.to_string().into()),
        item_id: (row.item != 0).then(|| good.id.as_str().into()),
        user_id: row.user_id.map(Into::into),
        quantity: quantity.map(u64::try_from).transpose().ok()?,
        unit_price: unit_price.map(u64::try_from).transpose().ok()?,
        currency: currency.or(unit_price.map(|_| good.currency.as_str().into())),
        at: Timestamp::from_millis(row.at).to_string().into(),
        remaining: u64::try_from(row.remaining).ok()?,
        detail,
    })
}

#[cfg(any(test, feature = "fuzzing"))]
/// The line of an entry whose item `defining` defines, for tests and fuzzing.
pub(crate) fn told(seq: u64, row: &Row<'_>, defining: &Row<'_>) -> Option<Vec<u8>> {
    let mut line = Vec::new();
    line_of(seq, row, &ItemInfo::defined_by(defining)?)?.write_to(&mut line);
    Some(line)
}

pub(super) fn order_id(item: i64, order: i64) -> Result<OrderId, std::num::TryFromIntError> {
    Ok(OrderId { item: ItemNumber(item.try_into()?), order: OrderNumber(order.try_into()?) })
}
