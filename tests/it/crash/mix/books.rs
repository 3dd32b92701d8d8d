//! **Job:** the books of a sale, kept from its data file alone: every row is read once and must follow from those
//! before.
//! **Owns:** an own count of units, limits, keys, deadlines and steps of each order.
//! **Never:** believes a balance of the file: it is compared with the own one.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, Row};
use serde_json::Value;

/// Everything after a row, with what the row's order is called outside.
const ROWS: &str = "
    SELECT l.seq, k.name, l.at, l.item, l.user_id, l.quantity, l.idempotency_key, l.pay_by, l.supply, l.remaining,
           l.definition, l.detail, (SELECT o.order_id FROM order_ids AS o WHERE o.seq = l.seq)
    FROM ledger AS l JOIN entry_kind AS k USING (kind) WHERE l.seq > ?1 ORDER BY l.seq";

/// A row of the ledger.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) seq: i64,
    pub(super) kind: String,
    at: i64,
    item: i64,
    user: Option<String>,
    quantity: Option<i64>,
    pub(super) key: Option<String>,
    pay_by: Option<i64>,
    supply: i64,
    remaining: i64,
    definition: Option<String>,
    detail: Option<String>,
    pub(super) order: Option<String>,
}

impl Entry {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            seq: row.get(0)?,
            kind: row.get(1)?,
            at: row.get(2)?,
            item: row.get(3)?,
            user: row.get(4)?,
            quantity: row.get(5)?,
            key: row.get(6)?,
            pay_by: row.get(7)?,
            supply: row.get(8)?,
            remaining: row.get(9)?,
            definition: row.get(10)?,
            detail: row.get(11)?,
            order: row.get(12)?,
        })
    }

    fn reason(&self) -> Option<String> {
        let detail: Value = serde_json::from_str(self.detail.as_deref()?).expect("a detail is JSON");
        detail["reason"].as_str().map(str::to_owned)
    }

    fn units(&self) -> i64 {
        self.quantity.unwrap_or_else(|| panic!("no quantity in {self:?}"))
    }
}

/// An order as the rows tell it.
#[derive(Debug, Clone)]
pub(super) struct Kept {
    pub(super) user: String,
    pub(super) item: String,
    pub(super) quantity: i64,
    pub(super) key: String,
    pub(super) status: String,
    pay_by: i64,
}

#[derive(Debug, Default)]
struct ItemBook {
    name: String,
    limit: i64,
    supply: i64,
    live: i64,
    by_user: HashMap<String, i64>,
}

/// All that the rows so far add up to.
#[derive(Debug, Default)]
pub(super) struct Books {
    pub(super) last_seq: i64,
    last_at: i64,
    items: BTreeMap<i64, ItemBook>,
    pub(super) orders: HashMap<String, Kept>,
    keys: HashSet<(String, String, String)>,
    /// References of money, and the rows that each stands in.
    pub(super) money: HashMap<String, Vec<Entry>>,
    pub(super) reasons: HashSet<String>,
    /// Rows of each kind.
    pub(super) kinds: BTreeMap<String, usize>,
}

impl Books {
    /// Reads on, and answers with the new rows.
    pub(super) fn read_on(&mut self, file: &Path) -> Vec<Entry> {
        let read = || -> rusqlite::Result<Vec<Entry>> {
            let connection = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
            connection.busy_timeout(Duration::from_secs(5))?;
            connection.prepare(ROWS)?.query_map([self.last_seq], Entry::read)?.collect()
        };
        let entries = read().expect("the data file can be read");
        for entry in &entries {
            self.follow(entry);
        }
        entries
    }

    fn follow(&mut self, entry: &Entry) {
        assert_eq!(entry.seq, self.last_seq + 1, "a gap before {entry:?}");
        assert!(entry.at >= self.last_at, "dated before {}: {entry:?}", self.last_at);
        (self.last_seq, self.last_at) = (entry.seq, entry.at);
        *self.kinds.entry(entry.kind.clone()).or_default() += 1;
        if let Some(reason) = entry.reason() {
            assert!(self.reasons.insert(reason), "done twice: {entry:?}");
        }
        match entry.kind.as_str() {
            "item" => self.define(entry),
            "placed" => self.place(entry),
            "paid" | "cancelled" | "expired" | "refund_due" | "refunded" => self.step(entry),
            "restocked" => self.book(entry).supply += entry.units(),
            "withdrawn" => self.book(entry).supply -= entry.units(),
            "payment" | "paused" | "resumed" | "closed" | "reopened" | "hidden" | "shown" | "settled" => {}
            other => panic!("nobody does {other}: {entry:?}"),
        }
        // What paid the order, what came too late for it, and what is owed for whatever reason.
        if let ("paid" | "refund_due" | "payment", Some(reference)) = (entry.kind.as_str(), &entry.key) {
            self.money.entry(reference.clone()).or_default().push(entry.clone());
        }
        if let Some(book) = self.items.get(&entry.item) {
            let own = (book.supply, book.supply - book.live);
            assert!(book.live <= book.supply, "oversold: {own:?} after {entry:?}");
            assert_eq!((entry.supply, entry.remaining), own, "units appear or disappear: {entry:?}");
        }
    }

    fn book(&mut self, entry: &Entry) -> &mut ItemBook {
        self.items.get_mut(&entry.item).unwrap_or_else(|| panic!("of no item: {entry:?}"))
    }

    fn define(&mut self, entry: &Entry) {
        let definition: Value =
            serde_json::from_str(entry.definition.as_deref().expect("an item is defined")).expect("JSON");
        let name = definition["id"].as_str().expect("an id").to_owned();
        let limit = definition["per_user_limit"].as_i64().expect("a limit");
        let book = ItemBook { name, limit, supply: entry.supply, ..ItemBook::default() };
        assert!(self.items.insert(entry.item, book).is_none(), "defined twice: {entry:?}");
    }

    fn place(&mut self, entry: &Entry) {
        let (id, user) = (entry.order.clone().expect("an id"), entry.user.clone().expect("a buyer"));
        let (key, quantity) = (entry.key.clone().expect("all buyers use keys"), entry.units());
        let book = self.book(entry);
        book.live += quantity;
        let held = book.by_user.entry(user.clone()).or_default();
        *held += quantity;
        assert!(*held <= book.limit, "beyond the limit: {entry:?}");
        let item = book.name.clone();
        assert!(self.keys.insert((user.clone(), item.clone(), key.clone())), "a second order of one key: {entry:?}");
        let (status, pay_by) = ("pending".to_owned(), entry.pay_by.expect("all orders are to be paid"));
        let kept = Kept { user, item, quantity, key, status, pay_by };
        assert!(self.orders.insert(id, kept).is_none(), "placed twice: {entry:?}");
    }

    fn step(&mut self, entry: &Entry) {
        let id = entry.order.as_deref().expect("an id");
        let kept = self.orders.get_mut(id).unwrap_or_else(|| panic!("of no order: {entry:?}"));
        let may = match entry.kind.as_str() {
            "paid" => kept.status == "pending" && entry.at < kept.pay_by,
            "expired" => kept.status == "pending" && entry.at >= kept.pay_by,
            "cancelled" => matches!(kept.status.as_str(), "pending" | "paid"),
            // Money that came too late; or a paid order that the owner has given up.
            "refund_due" => matches!(kept.status.as_str(), "cancelled" | "expired" | "paid"),
            _refunded => matches!(kept.status.as_str(), "paid" | "refund_due"),
        };
        assert!(may, "a step that there is not, from {kept:?}: {entry:?}");
        let was_live = matches!(kept.status.as_str(), "pending" | "paid");
        kept.status.clone_from(&entry.kind);
        if was_live && entry.kind != "paid" {
            let (user, quantity) = (kept.user.clone(), kept.quantity);
            let book = self.book(entry);
            book.live -= quantity;
            *book.by_user.get_mut(&user).expect("they held it") -= quantity;
        }
    }

    /// Money that stands in more than two rows: what pays an order, and what was too much of it.
    pub(super) fn counted_too_often(&self) -> Option<&Vec<Entry>> {
        self.money.values().find(|rows| rows.len() > 2)
    }
}
