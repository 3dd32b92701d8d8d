//! **Job:** the inventory's reading of the feed, for fuzzing and simulation.
//! **Owns:** what must hold of any lines: books that add up, each entry applied or given up, and the cursor behind it.
//! **Never:** is a part of the product.

#[cfg(test)]
use std::collections::HashMap;
use std::path::Path;

use super::apply::TRIES;
#[cfg(test)]
use super::book::{Hold, Item, decide};
use super::delivery::Delivery;
use super::store::Store;
use super::wire::{self, Change};

/// What an entry of the feed means: its kind, and how many units it moves.
pub(crate) type Meaning = (&'static str, Option<i64>);

/// Reads a line that came as number `seq`.
pub(crate) fn read(seq: u64, line: &[u8]) -> Result<Meaning, String> {
    let entry = wire::parse(seq, line).map_err(|unfit| unfit.to_string())?;
    assert_eq!(wire::seq_of(line), Some(seq), "an entry that was read has the number it came as");
    let units = match entry.change {
        Change::Item { stock, .. } => Some(stock),
        Change::Restocked { quantity, .. } | Change::Withdrawn { quantity, .. } | Change::Order { quantity, .. } => {
            Some(quantity)
        }
        Change::Deleted { .. } | Change::Nothing => None,
    };
    Ok((entry.kind.as_str(), units))
}

/// An inventory that hears anything.
pub(crate) struct Books(Store);

impl Books {
    /// Books in a file of their own.
    pub(crate) fn open(path: &Path) -> Self {
        let store = Store::open(path).expect("a new data file");
        // What a process that ends loses nobody misses here.
        store.connection.execute_batch("PRAGMA synchronous = OFF").expect("a setting");
        Self(store)
    }

    /// Takes lines as the next entries. Each is applied or given up, whatever it says, and the books add up.
    pub(crate) fn hear<'l>(&mut self, lines: impl Iterator<Item = &'l [u8]>) {
        let before = self.0.cursor().expect("readable");
        let deliveries: Vec<_> =
            (before + 1..).zip(lines).map(|(seq, line)| Delivery { seq, text: line.to_vec() }).collect();
        let mut waits = 0;
        let applied = self.0.apply(&deliveries, "2026-11-22T12:00:00.000Z", &mut |_tried| waits += 1);
        let applied = applied.expect("only the data file could fail");
        let count = deliveries.len();
        assert_eq!(applied.kinds.len() + applied.dead.len(), count, "each entry is applied or given up");
        assert_eq!(waits, applied.dead.len() * (TRIES as usize - 1), "a poison entry is tried five times");
        assert_eq!(applied.cursor, before + count as u64, "the cursor is behind them");
        assert_eq!(self.0.cursor().expect("readable"), applied.cursor, "and written");
        let unbalanced = "SELECT count(*) FROM item WHERE allocated < 0 OR shipped < 0 OR allocated + shipped > stock";
        let unbalanced: i64 = self.0.connection.query_row(unbalanced, [], |row| row.get(0)).expect("readable");
        assert_eq!(unbalanced, 0, "the books add up");
        self.0.checkpoint_if_due().expect("only the data file could fail");
    }

    /// Forgets all it knows, and begins anew behind the entry before `next`.
    pub(crate) fn forget(&mut self, next: u64) {
        let forget = format!(
            "DELETE FROM held; DELETE FROM item; DELETE FROM dead_letter; UPDATE cursor SET seq = {}",
            next.saturating_sub(1)
        );
        self.0.connection.execute_batch(&forget).expect("a table of ours");
    }
}

/// The same decisions, kept in memory instead of a data file: a simulated shop has no file.
#[cfg(test)]
#[derive(Debug, Clone, Default)]
pub(crate) struct BooksInMemory {
    items: HashMap<String, Item>,
    orders: HashMap<String, Hold>,
}

#[cfg(test)]
impl BooksInMemory {
    /// Takes a line as entry `seq`; no entry of a sale may be unfit.
    pub(crate) fn hear(&mut self, seq: u64, line: &[u8]) -> Result<(), String> {
        let entry = wire::parse(seq, line).map_err(|unfit| unfit.to_string())?;
        let Some((item_id, order_id)) = entry.change.names() else { return Ok(()) };
        let hold = order_id.and_then(|order_id| self.orders.get(order_id));
        let effect =
            decide(&entry.change, self.items.get(item_id).copied(), hold).map_err(|unfit| unfit.to_string())?;
        if effect.is_gone {
            self.items.remove(item_id);
        }
        if let Some(item) = effect.item {
            self.items.insert(item_id.clone(), item);
        }
        if let (Some(order_id), Some(hold)) = (order_id, effect.hold) {
            self.orders.insert(order_id.clone(), hold);
        }
        Ok(())
    }

    /// Stock of an item, and what of it is left.
    pub(crate) fn units(&self, item_id: &str) -> Option<(i64, i64)> {
        let Item { stock, allocated, shipped } = self.items.get(item_id)?;
        Some((*stock, stock - allocated - shipped))
    }

    /// Names of all orders that it has ever heard of.
    pub(crate) fn orders(&self) -> impl Iterator<Item = &str> {
        self.orders.keys().map(String::as_str)
    }
}
