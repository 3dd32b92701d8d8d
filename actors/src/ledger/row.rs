//! **Job:** one line of the ledger table, and its way to and from an [`Entry`].
//! **Owns:** the columns, the numbers of the kinds, the checksum of a line.
//! **Never:** opens a database or judges what a line says.

use rusqlite::{CachedStatement, params};
use serde::Deserialize;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::detail::{self, Detail, MoneyColumns};
use super::kind::Kind;
use crate::entry::{Change, Entry, OrderChange, Status, Switch};
use crate::ids::{IdempotencyKey, ItemNumber, OrderNumber, UserId};
use crate::item::ItemDefinition;
use crate::money::Amount;
use crate::time::Timestamp;

/// The columns in the order in which [`Row::read`] takes them.
pub const COLUMNS: &str = "seq, kind, at, item, order_number, user_id, quantity, unit_price, idempotency_key, pay_by, \
                           user_live, supply, remaining, definition, detail, checksum";

/// The same of a file whose schema has another version.
#[must_use]
pub fn columns_of(version: i64) -> &'static str {
    if version >= DETAIL_SINCE { COLUMNS } else { WITHOUT_DETAIL }
}

/// The version of the schema from which on entries have a detail.
const DETAIL_SINCE: i64 = 3;

const WITHOUT_DETAIL: &str = "seq, kind, at, item, order_number, user_id, quantity, unit_price, idempotency_key, \
                              pay_by, user_live, supply, remaining, definition, NULL, checksum";

pub(super) const INSERT: &str = "INSERT INTO ledger (seq, kind, at, item, order_number, user_id, quantity, unit_price, \
     idempotency_key, pay_by, user_live, supply, remaining, definition, detail, checksum) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)";

/// One line, borrowed from an entry or from SQLite.
#[derive(Debug, Clone, Default)]
pub struct Row<'r> {
    /// Place in the ledger.
    pub seq: i64,
    /// Number of its kind.
    pub kind: i64,
    /// Server time in milliseconds.
    pub at: i64,
    /// Number of the item.
    pub item: i64,
    /// Number of the order within the item.
    pub order_number: Option<i64>,
    /// The buyer.
    pub user_id: Option<&'r str>,
    /// Units.
    pub quantity: Option<i64>,
    /// Price of one, in minor units.
    pub unit_price: Option<i64>,
    /// Key of the request.
    pub idempotency_key: Option<&'r str>,
    /// Deadline in milliseconds.
    pub pay_by: Option<i64>,
    /// Balance of the buyer.
    pub user_live: Option<i64>,
    /// Balance of the item: ever put on sale.
    pub supply: i64,
    /// Balance of the item: left.
    pub remaining: i64,
    /// The item, as JSON.
    pub definition: Option<std::borrow::Cow<'r, str>>,
    /// What else there is to say: money, and who did it, as JSON.
    pub detail: Option<std::borrow::Cow<'r, str>>,
    /// Stored checksum; 0 in a row that is not written yet.
    pub checksum: i64,
}

impl<'r> Row<'r> {
    /// The line that records `entry` at `seq`.
    #[must_use]
    pub fn of(seq: u64, entry: &'r Entry) -> Self {
        let mut row = Self {
            seq: i64::try_from(seq).expect("a ledger has fewer than 2^63 entries"),
            kind: Kind::of(&entry.change) as i64,
            at: entry.at.millis(),
            item: i64::from(entry.item.0),
            supply: i64::from(entry.supply),
            remaining: i64::from(entry.remaining),
            detail: detail::of(entry).map(Into::into),
            ..Self::default()
        };
        match &entry.change {
            Change::Order(order) => row.fill(order),
            Change::Payment(record) => {
                row.order_number = record.order.map(|number| i64::from(number.0));
                row.user_id = record.user.as_ref().map(UserId::as_str);
                row.idempotency_key = Some(record.payment.reference.as_str());
            }
            Change::Settled(settlement) => {
                row.order_number = settlement.order.map(|number| i64::from(number.0));
                row.user_id = settlement.user.as_ref().map(UserId::as_str);
                row.idempotency_key = settlement.payment.as_ref().map(|(_, reference)| reference.as_str());
            }
            Change::Restocked { quantity } | Change::Withdrawn { quantity } => {
                row.quantity = Some(i64::from(*quantity));
            }
            Change::Item(definition) => {
                let json = serde_json::to_string(definition).expect("a definition has only texts and numbers");
                row.definition = Some(json.into());
            }
            Change::Switched(_) => {}
        }
        row
    }

    fn fill(&mut self, order: &'r OrderChange) {
        self.order_number = Some(i64::from(order.number.0));
        self.user_id = Some(order.user.as_str());
        self.quantity = Some(i64::from(order.quantity));
        self.unit_price = Some(order.unit_price.minor());
        self.idempotency_key = order.key.as_ref().map(IdempotencyKey::as_str);
        self.pay_by = order.pay_by.map(Timestamp::millis);
        self.user_live = Some(i64::from(order.user_live));
    }

    /// The line under SQLite's cursor.
    pub fn read(row: &'r rusqlite::Row<'_>) -> rusqlite::Result<Self> {
        let text = |column| -> rusqlite::Result<Option<&'r str>> { Ok(row.get_ref(column)?.as_str_or_null()?) };
        Ok(Self {
            seq: row.get(0)?,
            kind: row.get(1)?,
            at: row.get(2)?,
            item: row.get(3)?,
            order_number: row.get(4)?,
            user_id: text(5)?,
            quantity: row.get(6)?,
            unit_price: row.get(7)?,
            idempotency_key: text(8)?,
            pay_by: row.get(9)?,
            user_live: row.get(10)?,
            supply: row.get(11)?,
            remaining: row.get(12)?,
            definition: text(13)?.map(Into::into),
            detail: text(14)?.map(Into::into),
            checksum: row.get(15)?,
        })
    }

    pub(super) fn insert(&self, statement: &mut CachedStatement<'_>, checksum: i64) -> rusqlite::Result<usize> {
        statement.execute(params![
            self.seq,
            self.kind,
            self.at,
            self.item,
            self.order_number,
            self.user_id,
            self.quantity,
            self.unit_price,
            self.idempotency_key,
            self.pay_by,
            self.user_live,
            self.supply,
            self.remaining,
            self.definition,
            self.detail,
            checksum,
        ])
    }

    /// XXH3-64 of all columns but the checksum, seeded with the checksum before it: integers as 8 bytes, little-endian,
    /// texts with their length in front, each optional column behind a byte that says whether it is there. The detail,
    /// which there was not always, adds nothing where there is none.
    #[must_use]
    pub fn checksum(&self, before: i64, buffer: &mut Vec<u8>) -> i64 {
        buffer.clear();
        for number in [self.seq, self.kind, self.at, self.item, self.supply, self.remaining] {
            buffer.extend_from_slice(&number.to_le_bytes());
        }
        for number in [self.order_number, self.quantity, self.unit_price, self.pay_by, self.user_live] {
            buffer.push(u8::from(number.is_some()));
            buffer.extend_from_slice(&number.unwrap_or(0).to_le_bytes());
        }
        let texts = [self.user_id, self.idempotency_key, self.definition.as_deref()].into_iter();
        for text in texts.chain(self.detail.as_deref().map(Some)) {
            buffer.push(u8::from(text.is_some()));
            let text = text.unwrap_or_default();
            buffer.extend_from_slice(&(text.len() as u64).to_le_bytes());
            buffer.extend_from_slice(text.as_bytes());
        }
        xxh3_64_with_seed(buffer, before.cast_unsigned()).cast_signed()
    }

    /// Checks place and checksum; answers the checksum for the next line.
    pub fn verify(&self, seq: u64, before: i64, buffer: &mut Vec<u8>) -> Result<i64, String> {
        if u64::try_from(self.seq) != Ok(seq) {
            return Err(format!("number {} stands in its place", self.seq));
        }
        let checksum = self.checksum(before, buffer);
        if checksum == self.checksum { Ok(checksum) } else { Err("its checksum does not match".to_owned()) }
    }

    /// What the line says.
    pub fn to_entry(&self) -> Result<Entry, String> {
        let kind = Kind::from_number(self.kind).ok_or_else(|| format!("kind {} is not known", self.kind))?;
        let detail = Detail::read(self.detail.as_deref())?;
        let change = match kind {
            Kind::Item => Change::Item(Box::new(self.item_definition()?)),
            Kind::Placed => self.order(Status::Pending)?,
            Kind::Paid => self.order(Status::Paid)?,
            Kind::Cancelled => self.order(Status::Cancelled)?,
            Kind::Expired => self.order(Status::Expired)?,
            Kind::RefundDue => self.order(Status::RefundDue)?,
            Kind::Refunded => self.order(Status::Refunded)?,
            Kind::Payment => Change::Payment(Box::new(detail.payment(self.money()?)?)),
            Kind::Settled => Change::Settled(Box::new(detail.settlement(self.money()?)?)),
            Kind::Restocked => Change::Restocked { quantity: count(self.quantity, "quantity")? },
            Kind::Withdrawn => Change::Withdrawn { quantity: count(self.quantity, "quantity")? },
            Kind::Paused => Change::Switched(Switch::Paused),
            Kind::Resumed => Change::Switched(Switch::Resumed),
            Kind::Closed => Change::Switched(Switch::Closed),
            Kind::Reopened => Change::Switched(Switch::Reopened),
            Kind::Hidden => Change::Switched(Switch::Hidden),
            Kind::Shown => Change::Switched(Switch::Shown),
            Kind::Deleted => Change::Switched(Switch::Deleted),
        };
        Ok(Entry {
            item: ItemNumber(count(Some(self.item), "item")?),
            at: Timestamp::from_millis(self.at),
            change,
            supply: count(Some(self.supply), "supply")?,
            remaining: count(Some(self.remaining), "remaining")?,
            origin: detail.origin(kind)?,
        })
    }

    /// Whose money an entry is about.
    fn money(&self) -> Result<MoneyColumns, String> {
        let order = self.order_number.map(|number| count(Some(number), "order_number").map(OrderNumber)).transpose()?;
        let user = self.user_id.map(str::parse).transpose().map_err(|bad| format!("user_id {bad}"))?;
        let key = self.idempotency_key.map(str::parse).transpose().map_err(|bad| format!("idempotency_key {bad}"))?;
        Ok(MoneyColumns { order, user, key })
    }

    fn order(&self, status: Status) -> Result<Change, String> {
        let key = self.idempotency_key.map(str::parse).transpose().map_err(|bad| format!("idempotency_key {bad}"))?;
        Ok(Change::Order(OrderChange {
            status,
            number: OrderNumber(count(self.order_number, "order_number")?),
            user: self.user_id.unwrap_or_default().parse().map_err(|bad| format!("user_id {bad}"))?,
            quantity: count(self.quantity, "quantity")?,
            unit_price: self.unit_price.and_then(Amount::new).ok_or("unit_price is missing or out of range")?,
            key,
            pay_by: self.pay_by.map(Timestamp::from_millis),
            user_live: count(self.user_live, "user_live")?,
        }))
    }

    /// The item of an entry of kind `item`.
    pub fn item_definition(&self) -> Result<ItemDefinition, String> {
        let json = self.definition.as_deref().ok_or("definition is missing")?;
        let stored: StoredItem = serde_json::from_str(json).map_err(|bad| format!("definition: {bad}"))?;
        stored.into_definition().map_err(|bad| format!("definition: {bad}"))
    }
}

fn count(number: Option<i64>, column: &str) -> Result<u32, String> {
    number.and_then(|number| u32::try_from(number).ok()).ok_or_else(|| format!("{column} is missing or out of range"))
}

/// The JSON that `ItemDefinition` writes.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredItem {
    id: String,
    title: String,
    description: Option<Box<str>>,
    image_url: Option<Box<str>>,
    unit_price: i64,
    currency: String,
    stock: u32,
    per_user_limit: u32,
    opens_at: Option<String>,
    closes_at: Option<String>,
}

impl StoredItem {
    fn into_definition(self) -> Result<ItemDefinition, String> {
        let time = |text: Option<String>| text.map(|text| text.parse::<Timestamp>()).transpose();
        Ok(ItemDefinition {
            id: self.id.parse().map_err(|bad| format!("id {bad}"))?,
            title: self.title,
            description: self.description,
            image_url: self.image_url,
            unit_price: Amount::new(self.unit_price).ok_or("unit_price is out of range")?,
            currency: self.currency.parse().map_err(|bad| format!("currency {bad}"))?,
            stock: self.stock,
            per_user_limit: self.per_user_limit,
            opens_at: time(self.opens_at).map_err(|bad| format!("opens_at {bad}"))?,
            closes_at: time(self.closes_at).map_err(|bad| format!("closes_at {bad}"))?,
        })
    }
}
