//! **Job:** compares the data file of an inventory with the entries that it says it has applied.
//! **Owns:** a fold of its own of stock, allocated and shipped units.
//! **Never:** asks how late the inventory is: what it has not reached yet is a note.

use std::collections::BTreeMap;
use std::path::Path;

use doorbuster_actors::ids::{ItemNumber, OrderId, OrderNumber};
use doorbuster_actors::ledger::{Kind, Row};

use super::report::{Findings, Promise};
use crate::commands::DataFileError;
use crate::commands::data_file::InventoryFile;

/// Units of an item, as an inventory counts them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Units {
    stock: i64,
    allocated: i64,
    shipped: i64,
}

/// An order, as an inventory keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Held {
    item: String,
    quantity: i64,
    status: &'static str,
}

/// An inventory, and what should be in it.
pub(super) struct Follower {
    file: InventoryFile,
    cursor: i64,
    entries: i64,
    ids: BTreeMap<i64, String>,
    units: BTreeMap<String, Units>,
    orders: BTreeMap<(i64, i64), Held>,
}

impl Follower {
    pub(super) fn open(path: &Path) -> Result<Self, DataFileError> {
        let file = InventoryFile::open(path)?;
        let cursor = file.cursor()?;
        let (ids, units, orders) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Ok(Self { file, cursor, entries: 0, ids, units, orders })
    }

    /// Takes an entry that the inventory should have applied.
    pub(super) fn enter(&mut self, row: &Row<'_>) {
        self.entries = row.seq;
        if row.seq > self.cursor || row.item == 0 {
            return;
        }
        let quantity = row.quantity.unwrap_or(0);
        match Kind::from_number(row.kind) {
            Some(Kind::Item) => {
                let Ok(definition) = row.item_definition() else { return };
                let id = definition.id.to_string();
                let stock = i64::from(definition.stock);
                self.units.entry(id.clone()).or_insert(Units { stock, ..Units::default() });
                self.ids.insert(row.item, id);
            }
            Some(Kind::Restocked) => self.change(row.item, |units| units.stock += quantity),
            Some(Kind::Withdrawn) => self.change(row.item, |units| units.stock -= quantity),
            Some(Kind::Deleted) => drop(self.ids.get(&row.item).and_then(|id| self.units.remove(id))),
            Some(Kind::Placed) => self.step(row, "pending"),
            Some(Kind::Paid) => self.step(row, "paid"),
            Some(Kind::Cancelled) => self.step(row, "cancelled"),
            Some(Kind::Expired) => self.step(row, "expired"),
            Some(Kind::RefundDue) => self.step(row, "refund_due"),
            Some(Kind::Refunded) => self.step(row, "refunded"),
            Some(
                Kind::Payment
                | Kind::Settled
                | Kind::Paused
                | Kind::Resumed
                | Kind::Closed
                | Kind::Reopened
                | Kind::Hidden
                | Kind::Shown,
            )
            | None => {}
        }
    }

    fn change(&mut self, item: i64, change: impl FnOnce(&mut Units)) {
        if let Some(units) = self.ids.get(&item).and_then(|id| self.units.get_mut(id)) {
            change(units);
        }
    }

    fn step(&mut self, row: &Row<'_>, status: &'static str) {
        let (item, quantity) = (row.item, row.quantity.unwrap_or(0));
        let key = (item, row.order_number.unwrap_or(0));
        let id = self.ids.get(&item).cloned().unwrap_or_default();
        let before = self.orders.insert(key, Held { item: id, quantity, status });
        let (was, is) = (before.map_or("", |held| held.status), status);
        let count = |word: &str| (i64::from(is == word) - i64::from(was == word)) * quantity;
        self.change(item, |units| {
            units.allocated += count("pending");
            units.shipped += count("paid");
        });
    }

    /// Compares what should be there with what is.
    pub(super) fn check(self, findings: &mut Findings) -> Result<(), DataFileError> {
        let (cursor, entries) = (self.cursor, self.entries);
        findings.expect(cursor <= entries, Promise::AppliedOnce, || {
            format!("the inventory has applied up to entry {cursor}, but the ledger ends at entry {entries}")
        });
        if cursor < entries {
            findings.note(format!("the inventory has {} entries still to come", entries - cursor));
        }
        for (seq, reason) in self.file.dead_letters()? {
            findings.expect(false, Promise::AppliedOnce, || format!("the inventory gave up entry {seq}: {reason}"));
        }
        let expected = self.units.iter().map(|(id, Units { stock, allocated, shipped })| {
            (id.clone(), format!("stock {stock}, allocated {allocated}, shipped {shipped}"))
        });
        compare("item", expected.collect(), self.file.items()?, findings);
        let expected = self.orders.iter().map(|((item, number), held)| {
            (order_id(*item, *number), format!("{} of {}, {}", held.quantity, held.item, held.status))
        });
        compare("order", expected.collect(), self.file.orders()?, findings);
        Ok(())
    }
}

fn order_id(item: i64, number: i64) -> String {
    let part = |number: i64| u32::try_from(number).unwrap_or_default();
    OrderId { item: ItemNumber(part(item)), order: OrderNumber(part(number)) }.to_string()
}

fn compare(
    what: &str,
    expected: BTreeMap<String, String>,
    mut found: BTreeMap<String, String>,
    findings: &mut Findings,
) {
    for (id, expected) in expected {
        let found = found.remove(&id);
        findings.expect(found.as_ref() == Some(&expected), Promise::AppliedOnce, || match found {
            Some(found) => {
                format!("{what} {id}: the inventory has {found}; the entries up to its cursor say {expected}")
            }
            None => format!("{what} {id}: the inventory has none; the entries up to its cursor say {expected}"),
        });
    }
    for (id, found) in found {
        findings.expect(false, Promise::AppliedOnce, || {
            format!("{what} {id}: the inventory has {found}, of which the entries up to its cursor say nothing")
        });
    }
}
