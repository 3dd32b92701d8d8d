//! **Job:** the auditor's own books: what each entry should have led to.
//! **Owns:** plain maps of items, orders, holdings and keys.
//! **Never:** trusts a balance that is written in an entry.

use std::collections::{BTreeMap, HashMap, HashSet};

use doorbuster_actors::ledger::{Kind, Row};
use doorbuster_actors::time::Timestamp;

use super::money::Account;
use super::order::{Order, OrderState};
use super::report::{Findings, Money, Promise, Totals};

/// An item.
#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "switches that the entries set one by one")]
pub(super) struct Item {
    defined: bool,
    /// The latest definition, as it was written.
    pub(super) definition: serde_json::Value,
    /// What the last entry about it says.
    pub(super) remaining: i64,
    supply: i64,
    live: i64,
    limit: i64,
    opens_at: Option<i64>,
    closes_at: Option<i64>,
    paused: bool,
    closed: bool,
    hidden: bool,
    pub(super) deleted: bool,
    latest: i64,
    account: Account,
    orders: HashMap<i64, Order>,
    holdings: HashMap<String, i64>,
    keys: HashSet<(String, String)>,
}

/// Everything that was read so far. Figures saturate: the file may say anything, and one at the end of its range is a
/// violation by itself.
#[derive(Debug, Default)]
pub(super) struct Books {
    items: BTreeMap<i64, Item>,
    /// Item and number of the orders, as they were placed.
    placed: Vec<(i64, i64)>,
}

impl Books {
    /// The items by number.
    pub(super) fn all_items(&self) -> impl Iterator<Item = (i64, &Item)> {
        self.items.iter().map(|(number, item)| (*number, item))
    }

    /// The orders as they were placed: item, number, and what became of it.
    pub(super) fn all_orders(&self) -> impl Iterator<Item = (i64, i64, &Item, &Order)> {
        self.placed.iter().filter_map(|(item, number)| {
            let its = self.items.get(item)?;
            Some((*item, *number, its, its.orders.get(number)?))
        })
    }

    pub(super) fn totals(&self) -> Totals {
        let live_units = self.items.values().map(|item| u64::try_from(item.live).unwrap_or(0));
        let mut money: BTreeMap<String, Money> = BTreeMap::new();
        for item in self.items.values() {
            for (currency, its) in item.account.balances(item.currency(), &item.orders) {
                let sum = money.entry(currency).or_default();
                sum.received += its.received;
                sum.applied += its.applied;
                sum.owed += its.owed;
                sum.settled += its.settled;
            }
        }
        Totals {
            money,
            items: self.items.keys().filter(|number| **number != 0).count(),
            orders: self.items.values().map(|item| item.orders.len()).sum(),
            live_units: live_units.fold(0, u64::saturating_add),
        }
    }

    pub(super) fn enter(&mut self, row: &Row<'_>, findings: &mut Findings) {
        let seq = row.seq;
        let item = self.items.entry(row.item).or_default();
        findings
            .expect(row.at >= item.latest, Promise::TimeOrder, || format!("entry {seq} is older than the one before"));
        item.latest = row.at;
        item.remaining = row.remaining;
        if row.kind == Kind::Placed as i64 {
            self.placed.push((row.item, row.order_number.unwrap_or(0)));
        }
        match Kind::from_number(row.kind) {
            Some(Kind::Item) => item.define(row, findings),
            Some(Kind::Placed) => item.place(row, findings),
            Some(Kind::Paid) => item.step(row, (OrderState::Paid, "paid"), findings),
            Some(Kind::Refunded) => item.step(row, (OrderState::Refunded, "refunded"), findings),
            Some(Kind::Payment) => item.account.receive(row, &item.orders, findings),
            Some(Kind::Settled) => {
                let currency = item.currency().to_owned();
                item.account.settle(row, &currency, &item.orders, findings);
            }
            Some(Kind::Cancelled) => item.step(row, (OrderState::Released, "cancelled"), findings),
            Some(Kind::Expired) => item.step(row, (OrderState::Released, "expired"), findings),
            Some(Kind::RefundDue) => item.step(row, (OrderState::RefundDue, "refund_due"), findings),
            Some(Kind::Restocked) => item.supply = item.supply.saturating_add(row.quantity.unwrap_or(0)),
            Some(Kind::Paused) => item.paused = true,
            Some(Kind::Resumed) => item.paused = false,
            Some(Kind::Closed) => item.closed = true,
            Some(Kind::Reopened) => item.closed = false,
            Some(Kind::Hidden) => item.hidden = true,
            Some(Kind::Shown) => item.hidden = false,
            Some(Kind::Deleted) => {
                let is_unused = item.orders.is_empty();
                findings.expect(is_unused, Promise::StateMachine, || format!("entry {seq} deletes what was ordered"));
                item.deleted = true;
            }
            Some(Kind::Withdrawn) => item.supply = item.supply.saturating_sub(row.quantity.unwrap_or(0)),
            None => findings.expect(false, Promise::StateMachine, || format!("entry {seq} has no known kind")),
        }
        item.check_balances(row, findings);
    }

    /// What can be said only once all entries were read.
    pub(super) fn close(&self, findings: &mut Findings) {
        for item in self.items.values() {
            item.account.close(item.currency(), &item.orders, findings);
        }
    }
}

impl Item {
    fn currency(&self) -> &str {
        self.definition["currency"].as_str().unwrap_or_default()
    }

    fn define(&mut self, row: &Row<'_>, findings: &mut Findings) {
        let seq = row.seq;
        let written = row.definition.as_deref().unwrap_or_default();
        self.definition = serde_json::from_str(written).unwrap_or_default();
        match row.item_definition() {
            Ok(definition) => {
                // A change of the definition leaves the stock alone.
                if !self.defined {
                    self.supply = i64::from(definition.stock);
                    self.defined = true;
                }
                self.limit = i64::from(definition.per_user_limit);
                self.opens_at = definition.opens_at.map(Timestamp::millis);
                self.closes_at = definition.closes_at.map(Timestamp::millis);
            }
            Err(reason) => findings.expect(false, Promise::StateMachine, || format!("entry {seq}: {reason}")),
        }
    }

    fn place(&mut self, row: &Row<'_>, findings: &mut Findings) {
        let seq = row.seq;
        let user = row.user_id.unwrap_or_default().to_owned();
        let quantity = row.quantity.unwrap_or(0);
        let number = row.order_number.unwrap_or(0);
        let is_next = i64::try_from(self.orders.len() + 1) == Ok(number) && quantity > 0;
        findings.expect(is_next, Promise::StateMachine, || format!("entry {seq} places an order out of turn"));
        if let Some(key) = row.idempotency_key {
            let is_new = self.keys.insert((user.clone(), key.to_owned()));
            findings.expect(is_new, Promise::OneOrderPerKey, || format!("entry {seq} uses a key again"));
        }
        let is_open = !self.paused
            && !self.closed
            && !self.hidden
            && !self.deleted
            && self.opens_at.is_none_or(|opens_at| row.at >= opens_at)
            && self.closes_at.is_none_or(|closes_at| row.at < closes_at);
        findings.expect(is_open, Promise::Window, || format!("entry {seq} sells while the sale is not open"));
        let held = self.holdings.entry(user.clone()).or_default();
        *held = held.saturating_add(quantity);
        let held = *held;
        findings.expect(held <= self.limit, Promise::UserLimit, || {
            format!("entry {seq}: {user} holds {held} of at most {}", self.limit)
        });
        self.live = self.live.saturating_add(quantity);
        let unit_price = row.unit_price.unwrap_or(0);
        let standing = OrderState::Pending;
        self.orders
            .insert(number, Order { user, quantity, unit_price, placed_at: row.at, status: "pending", standing });
    }

    fn step(&mut self, row: &Row<'_>, (to, status): (OrderState, &'static str), findings: &mut Findings) {
        let seq = row.seq;
        let Some(order) = row.order_number.and_then(|number| self.orders.get_mut(&number)) else {
            return findings.expect(false, Promise::StateMachine, || format!("entry {seq} is about no order"));
        };
        let same = row.user_id == Some(order.user.as_str()) && row.quantity == Some(order.quantity);
        findings.expect(same, Promise::StateMachine, || format!("entry {seq} names another buyer or quantity"));
        let from = order.standing;
        let may = match to {
            // A late payment may be honoured: the units are taken again.
            OrderState::Paid => matches!(from, OrderState::Pending | OrderState::Released),
            OrderState::Released => from == OrderState::Pending,
            OrderState::RefundDue => matches!(from, OrderState::Released | OrderState::Paid),
            OrderState::Refunded => matches!(from, OrderState::RefundDue | OrderState::Paid),
            OrderState::Pending => false,
        };
        let twice = from == OrderState::Released && to == OrderState::Released;
        findings.expect(!twice, Promise::ReleasedOnce, || format!("entry {seq} releases an order again"));
        findings.expect(may || twice, Promise::StateMachine, || format!("entry {seq} goes from {from:?} to {to:?}"));
        self.account.step(row, order, to, findings);
        let units = match (from, to) {
            (OrderState::Pending, OrderState::Released)
            | (OrderState::Paid, OrderState::RefundDue | OrderState::Refunded) => order.quantity.saturating_neg(),
            (OrderState::Released, OrderState::Paid) => order.quantity,
            (_, _) => 0,
        };
        self.live = self.live.saturating_add(units);
        let held = self.holdings.entry(order.user.clone()).or_default();
        *held = held.saturating_add(units);
        (order.standing, order.status) = (to, status);
    }

    fn check_balances(&self, row: &Row<'_>, findings: &mut Findings) {
        let seq = row.seq;
        findings.expect(self.live <= self.supply, Promise::NoOversell, || {
            format!("after entry {seq} {} units are live of a supply of {}", self.live, self.supply)
        });
        let holds = row.supply == self.supply && row.remaining.checked_add(self.live) == Some(self.supply);
        findings.expect(holds, Promise::Conservation, || {
            format!(
                "entry {seq} says {} of {} remain, but {} of {} are live",
                row.remaining, row.supply, self.live, self.supply
            )
        });
        // Entries about money name a buyer, too, but move no units.
        let is_order = row.quantity.is_some();
        let buyer = row.user_id.filter(|_| is_order);
        let held = buyer.map(|user| self.holdings.get(user).copied().unwrap_or(0));
        findings.expect(row.user_live == held, Promise::Conservation, || {
            format!("entry {seq} says the buyer holds {:?}, but they hold {held:?}", row.user_live)
        });
    }
}
