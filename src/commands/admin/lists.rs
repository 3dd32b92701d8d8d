//! **Job:** the lists of `doorbuster admin`, and how each looks as text.
//! **Owns:** which members of an entry are shown, in which order.
//! **Never:** leaves an entry out.

use doorbuster_actors::ids::{ItemId, UserId};
use serde_json::Value;

use super::Done;
use super::desk::Desk;
use super::options::{JournalFilter, OrderFilter, PaymentFilter};
use super::table::{Column, Side, cell, money, print};
use crate::commands::failure::Failure;

/// What is listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum List {
    Items,
    Orders,
    Payments,
    Journal,
}

pub(super) fn items(desk: &Desk) -> Result<Done, Failure> {
    Ok(Done::Shown(List::Items, desk.all("/v1/admin/items", "items", &[])?))
}

pub(super) fn orders(desk: &Desk, filter: &OrderFilter) -> Result<Done, Failure> {
    let (user, item) = (filter.user.as_ref().map(UserId::as_str), filter.item.as_ref().map(ItemId::as_str));
    let filter = [("user_id", user), ("item_id", item), ("status", filter.status.as_deref())];
    Ok(Done::Shown(List::Orders, desk.all("/v1/admin/orders", "orders", &filter)?))
}

pub(super) fn payments(desk: &Desk, filter: &PaymentFilter) -> Result<Done, Failure> {
    let filter = [
        ("status", Some(filter.status.as_str())),
        ("verdict", filter.verdict.as_deref()),
        ("item_id", filter.item.as_ref().map(ItemId::as_str)),
        ("order_id", filter.order.as_deref()),
    ];
    Ok(Done::Shown(List::Payments, desk.all("/v1/admin/payments", "payments", &filter)?))
}

pub(super) fn journal(desk: &Desk, filter: &JournalFilter) -> Result<Done, Failure> {
    let filter = [("item_id", filter.item.as_ref().map(ItemId::as_str))];
    Ok(Done::Shown(List::Journal, desk.all("/v1/admin/journal", "entries", &filter)?))
}

const ITEMS: &[Column] = &[
    ("item", Side::Left, |item| cell(&item["item_id"])),
    ("state", Side::Left, state),
    ("left", Side::Right, |item| cell(&item["remaining"])),
    ("held", Side::Right, |item| cell(&item["live"])),
    ("stock", Side::Right, |item| cell(&item["stock"])),
    ("limit", Side::Right, |item| cell(&item["per_user_limit"])),
    ("price", Side::Right, |item| money(&item["unit_price"], &item["currency"])),
    ("opens_at", Side::Left, |item| cell(&item["opens_at"])),
    ("closes_at", Side::Left, |item| cell(&item["closes_at"])),
    ("title", Side::Left, |item| cell(&item["title"])),
];

const ORDERS: &[Column] = &[
    ("order", Side::Left, |order| cell(&order["order_id"])),
    ("item", Side::Left, |order| cell(&order["item_id"])),
    ("user", Side::Left, |order| cell(&order["user_id"])),
    ("units", Side::Right, |order| cell(&order["quantity"])),
    ("total", Side::Right, |order| money(&order["total_price"], &order["currency"])),
    ("status", Side::Left, |order| cell(&order["status"])),
    ("created_at", Side::Left, |order| cell(&order["created_at"])),
];

const PAYMENTS: &[Column] = &[
    ("payment", Side::Left, |payment| cell(&payment["payment_id"])),
    ("verdict", Side::Left, |payment| cell(&payment["verdict"])),
    ("owed", Side::Right, |payment| money(&payment["owed"], &payment["currency"])),
    ("amount", Side::Right, |payment| money(&payment["amount"], &payment["currency"])),
    ("order", Side::Left, |payment| cell(either(&payment["order_id"], &payment["order_reference"]))),
    ("item", Side::Left, |payment| cell(&payment["item_id"])),
    ("user", Side::Left, |payment| cell(&payment["user_id"])),
    ("provider", Side::Left, |payment| cell(&payment["provider"])),
    ("reference", Side::Left, |payment| cell(&payment["payment_reference"])),
    ("at", Side::Left, |payment| cell(&payment["at"])),
];

const JOURNAL: &[Column] = &[
    ("seq", Side::Right, |entry| cell(&entry["seq"])),
    ("at", Side::Left, |entry| cell(&entry["at"])),
    ("what", Side::Left, |entry| cell(&entry["kind"])),
    ("item", Side::Left, |entry| cell(&entry["item_id"])),
    ("order", Side::Left, |entry| cell(&entry["order_id"])),
    ("units", Side::Right, |entry| cell(&entry["quantity"])),
    ("left", Side::Right, |entry| cell(&entry["remaining"])),
    ("settled", Side::Right, |entry| money(&entry["settled"], &entry["currency"])),
    ("who", Side::Left, |entry| cell(&entry["operator"])),
    ("why", Side::Left, |entry| cell(&entry["reason"])),
];

/// The state of the sale, and what buyers do not see.
fn state(item: &Value) -> String {
    let hidden = if item["hidden"] == true { ", hidden" } else { "" };
    format!("{}{hidden}", cell(&item["state"]))
}

fn either<'v>(one: &'v Value, other: &'v Value) -> &'v Value {
    if one.is_null() { other } else { one }
}

/// A list as text.
pub(super) fn text(list: List, value: &Value) -> String {
    let (name, columns) = match list {
        List::Items => ("items", ITEMS),
        List::Orders => ("orders", ORDERS),
        List::Payments => ("payments", PAYMENTS),
        List::Journal => ("entries", JOURNAL),
    };
    let entries = value[name].as_array().map(Vec::as_slice).unwrap_or_default();
    let mut text = print(columns, entries);
    for owed in value["owed"].as_array().into_iter().flatten() {
        text.push_str(&format!("owed in all: {}\n", money(&owed["amount"], &owed["currency"])));
    }
    text
}
