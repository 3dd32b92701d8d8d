//! **Job:** a shop of one item, one thing after another: what it writes down, and what it answers.
//! **Owns:** the sequential model that the tests draw correct histories from.
//! **Never:** shares a line with the checker.

use std::borrow::Cow;

use doorbuster_actors::ids::{ItemNumber, OrderId, OrderNumber};
use doorbuster_actors::ledger::{Kind as RowKind, Row};
use doorbuster_actors::time::Timestamp;

use crate::commands::history::{Kind, Operation, OrderAnswer};

pub(super) const ITEM: &str = "sku";
const PRICE: i64 = 100;

/// An order of the shop.
#[derive(Debug, Clone)]
pub(super) struct Order {
    pub(super) user: &'static str,
    pub(super) key: Option<&'static str>,
    pub(super) quantity: i64,
    pub(super) status: &'static str,
    pub(super) created_at: i64,
}

/// The shop, its ledger, and what its clients saw.
#[derive(Debug, Clone)]
pub(super) struct Shop {
    pub(super) rows: Vec<Row<'static>>,
    pub(super) operations: Vec<Operation<'static>>,
    pub(super) orders: Vec<Order>,
    pub(super) remaining: i64,
    pub(super) supply: i64,
    pub(super) limit: i64,
    pub(super) is_paused: bool,
    /// Server time in milliseconds.
    pub(super) now: i64,
}

pub(super) fn order_id(number: usize) -> String {
    let number = u32::try_from(number).expect("few orders");
    OrderId { item: ItemNumber(1), order: OrderNumber(number) }.to_string()
}

impl Shop {
    pub(super) fn new(stock: i64, limit: i64, window: Option<(i64, i64)>) -> Self {
        let mut shop = Self {
            rows: Vec::new(),
            operations: Vec::new(),
            orders: Vec::new(),
            remaining: stock,
            supply: stock,
            limit,
            is_paused: false,
            now: 1_000_000,
        };
        let time = |millis| format!("\"{}\"", Timestamp::from_millis(millis));
        let (opens, closes) =
            window.map_or(("null".into(), "null".into()), |(opens, closes)| (time(opens), time(closes)));
        let definition = format!(
            "{{\"id\":\"{ITEM}\",\"title\":\"t\",\"unit_price\":{PRICE},\"currency\":\"CNY\",\"stock\":{stock},\
             \"per_user_limit\":{limit},\"opens_at\":{opens},\"closes_at\":{closes}}}"
        );
        shop.write(RowKind::Item, |row| row.definition = Some(definition.into()));
        shop
    }

    fn write(&mut self, kind: RowKind, fill: impl FnOnce(&mut Row<'static>)) {
        let mut row = Row {
            seq: small(self.rows.len()) + 1,
            kind: kind as i64,
            at: self.now,
            item: 1,
            supply: self.supply,
            remaining: self.remaining,
            ..Row::default()
        };
        fill(&mut row);
        self.rows.push(row);
    }

    fn write_order(&mut self, kind: RowKind, number: usize, key: Option<&'static str>) {
        let order = self.orders[number - 1].clone();
        self.write(kind, |row| {
            row.order_number = Some(small(number));
            row.user_id = Some(order.user);
            row.quantity = Some(order.quantity);
            row.unit_price = Some(PRICE);
            row.idempotency_key = key;
        });
    }

    pub(super) fn held(&self, user: &str) -> i64 {
        let live = self.orders.iter().filter(|order| order.user == user && is_live(order.status));
        live.map(|order| order.quantity).sum()
    }

    /// Decides a purchase, and answers it in `operation`.
    pub(super) fn buy(&mut self, operation: &mut Operation<'static>, user: &'static str, key: Option<&'static str>) {
        let quantity = operation.quantity.expect("a purchase has a quantity");
        let known = self.orders.iter().position(|order| order.user == user && key.is_some() && order.key == key);
        let no = |operation: &mut Operation<'static>, status, code: &'static str| {
            (operation.status, operation.code) = (status, Some(code.into()));
        };
        if let Some(index) = known {
            if self.orders[index].quantity != quantity {
                return no(operation, 422, "idempotency-key-reused");
            }
            operation.replayed = true;
            return self.answer(operation, 201, index + 1);
        }
        if self.is_paused {
            return no(operation, 403, "sale-paused");
        }
        if quantity > self.remaining {
            operation.remaining = Some(self.remaining);
            return no(operation, 409, "sold-out");
        }
        if self.held(user) + quantity > self.limit {
            return no(operation, 409, "limit-reached");
        }
        self.remaining -= quantity;
        self.orders.push(Order { user, key, quantity, status: "pending", created_at: self.now });
        self.write_order(RowKind::Placed, self.orders.len(), key);
        self.answer(operation, 201, self.orders.len());
    }

    pub(super) fn answer(&self, operation: &mut Operation<'static>, status: u16, number: usize) {
        let order = &self.orders[number - 1];
        operation.status = status;
        operation.order = Some(OrderAnswer {
            order_id: order_id(number).into(),
            item_id: ITEM.into(),
            user_id: order.user.into(),
            quantity: order.quantity,
            unit_price: PRICE,
            total_price: PRICE * order.quantity,
            currency: "CNY".into(),
            status: order.status.into(),
            created_at: Cow::Owned(Timestamp::from_millis(order.created_at).to_string()),
        });
    }

    /// Ends an order that is pending; answers whether it was.
    pub(super) fn end(&mut self, number: usize, status: &'static str) -> bool {
        if self.orders[number - 1].status != "pending" {
            return false;
        }
        self.orders[number - 1].status = status;
        self.remaining += self.orders[number - 1].quantity;
        self.write_order(if status == "cancelled" { RowKind::Cancelled } else { RowKind::Expired }, number, None);
        true
    }

    /// Takes money for an order: it is paid, or has to go back.
    pub(super) fn pay(&mut self, number: usize, reference: &'static str) {
        match self.orders[number - 1].status {
            "pending" => {
                self.orders[number - 1].status = "paid";
                self.write_order(RowKind::Paid, number, Some(reference));
            }
            "cancelled" | "expired" => {
                self.orders[number - 1].status = "refund_due";
                self.write_order(RowKind::RefundDue, number, Some(reference));
            }
            _other => self.write(RowKind::Payment, |row| {
                row.order_number = Some(small(number));
                row.idempotency_key = Some(reference);
            }),
        }
    }

    pub(super) fn supply(&mut self, units: i64) {
        self.supply += units;
        self.remaining += units;
        let kind = if units > 0 { RowKind::Restocked } else { RowKind::Withdrawn };
        self.write(kind, |row| row.quantity = Some(units.abs()));
    }

    pub(super) fn pause(&mut self, is_paused: bool) {
        self.is_paused = is_paused;
        self.write(if is_paused { RowKind::Paused } else { RowKind::Resumed }, |_| {});
    }

    /// All of it, for people.
    pub(super) fn story(&self) -> String {
        let row = |row: &Row<'_>| {
            let Row { seq, kind, order_number, user_id, quantity, idempotency_key, remaining, .. } = row;
            let kind = RowKind::from_number(*kind).map_or("?", RowKind::as_str);
            format!("entry {seq} {kind} {order_number:?} {user_id:?} {quantity:?} {idempotency_key:?} left {remaining}")
        };
        let rows = self.rows.iter().map(row);
        let lines =
            self.operations.iter().map(|operation| serde_json::to_string(operation).expect("texts and numbers"));
        rows.chain(lines).collect::<Vec<_>>().join("\n")
    }

    /// An operation with everything but its answer.
    pub(super) fn asked(kind: Kind, user: &'static str, times: (u64, u64)) -> Operation<'static> {
        let mut operation = Operation::new(kind, times.0, times.1);
        operation.user = Some(user.into());
        operation
    }
}

fn small(number: usize) -> i64 {
    i64::try_from(number).expect("few rows")
}

pub(super) fn is_live(status: &str) -> bool {
    matches!(status, "pending" | "paid")
}
