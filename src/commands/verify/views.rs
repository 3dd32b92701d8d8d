//! **Job:** compares every row of the views with the auditor's own books.
//! **Owns:** how a row of a view should read.
//! **Never:** asks SQLite to compute what it compares with.

use doorbuster_actors::ids::{ItemNumber, OrderId, OrderNumber};
use doorbuster_actors::time::Timestamp;
use rusqlite::types::ValueRef;

use super::books::{Books, Item};
use super::order::Order;
use super::report::{Findings, Promise};
use crate::commands::data_file::DataFile;

/// Items times entries up to which the units left of every item are compared, too: the view looks for the last entry
/// of each item from the end of the ledger, which may take six seconds at this limit.
const MAX_SEARCHED: u64 = 100_000_000;

/// What a column reads that is empty.
const EMPTY: &str = "NULL";

/// The schema from which on orders have the ids of today.
const NEW_IDS_SINCE: i64 = 3;

/// Checks both views.
pub(super) fn check(file: &DataFile, books: &Books, entries: u64, findings: &mut Findings) {
    let with_old_ids = file.version < NEW_IDS_SINCE;
    let orders = "SELECT order_id, item_id, user_id, quantity, unit_price, total_price, currency, status, created_at \
                  FROM orders";
    let expected =
        books.all_orders().map(|(item, number, its, order)| order_row(with_old_ids, (item, number), its, order));
    compare(file, "orders", orders, expected, findings);
    let columns = "item, item_id, title, unit_price, currency, stock, per_user_limit, opens_at, closes_at";
    let is_quick = (books.totals().items as u64).saturating_mul(entries) <= MAX_SEARCHED;
    let remaining = if is_quick { ", remaining" } else { "" };
    let items = format!("SELECT {columns}{remaining} FROM items ORDER BY item");
    let expected = books.all_items().filter(|(number, item)| *number != 0 && !item.deleted).map(|(number, item)| {
        let mut row = item_row(number, item);
        row.extend(is_quick.then(|| item.remaining.to_string()));
        row
    });
    compare(file, "items", &items, expected, findings);
}

fn compare(
    file: &DataFile,
    view: &str,
    sql: &str,
    mut expected: impl Iterator<Item = Vec<String>>,
    findings: &mut Findings,
) {
    let mut read = || -> rusqlite::Result<()> {
        let mut statement = file.connection.prepare(sql)?;
        let columns = statement.column_count();
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let shown = (0..columns).map(|column| row.get_ref(column).map(text));
            let shown = shown.collect::<rusqlite::Result<Vec<_>>>()?;
            let wanted = expected.next();
            findings.expect(wanted.as_ref() == Some(&shown), Promise::ViewsTell, || match &wanted {
                Some(wanted) => format!("{view} shows {}, the ledger has {}", shown.join(" "), wanted.join(" ")),
                None => format!("{view} shows {}, which the ledger does not have", shown.join(" ")),
            });
        }
        Ok(())
    };
    if let Err(error) = read() {
        return findings.expect(false, Promise::ViewsTell, || format!("{view} cannot be read: {error}"));
    }
    for wanted in expected {
        findings.expect(false, Promise::ViewsTell, || format!("{view} does not show {}", wanted.join(" ")));
    }
}

fn text(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Null => EMPTY.to_owned(),
        ValueRef::Integer(number) => number.to_string(),
        ValueRef::Real(number) => format!("{number:?}"),
        ValueRef::Text(text) | ValueRef::Blob(text) => String::from_utf8_lossy(text).into_owned(),
    }
}

fn order_row(with_old_ids: bool, (item, number): (i64, i64), its: &Item, order: &Order) -> Vec<String> {
    let total = order.quantity.checked_mul(order.unit_price);
    vec![
        if with_old_ids { format!("1-{item:x}-{number:x}") } else { order_id(item, number) },
        field(its, "id"),
        order.user.clone(),
        order.quantity.to_string(),
        order.unit_price.to_string(),
        total.map_or_else(|| EMPTY.to_owned(), |total| total.to_string()),
        field(its, "currency"),
        order.status.to_owned(),
        Timestamp::from_millis(order.placed_at).to_string(),
    ]
}

fn order_id(item: i64, number: i64) -> String {
    let in_range = |number: i64| u32::try_from(number).unwrap_or_default();
    OrderId { item: ItemNumber(in_range(item)), order: OrderNumber(in_range(number)) }.to_string()
}

fn item_row(number: i64, item: &Item) -> Vec<String> {
    let fields = ["id", "title", "unit_price", "currency", "stock", "per_user_limit", "opens_at", "closes_at"];
    [number.to_string()].into_iter().chain(fields.map(|name| field(item, name))).collect()
}

fn field(item: &Item, name: &str) -> String {
    let value = &item.definition[name];
    match value.as_str() {
        Some(text) => text.to_owned(),
        None if value.is_null() => EMPTY.to_owned(),
        None => value.to_string(),
    }
}
