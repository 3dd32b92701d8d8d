//! **Job:** an inventory that follows the feed: its books, and how far it is.
//! **Owns:** its own small books over the fields of the feed; the server's own types stay on the other side.
//! **Never:** sees an entry twice or not at all, whatever is delivered and whenever it dies.
//!
//! The product's inventory shares no type with the sale, so that the sale's crate cannot link it: these books are a
//! second opinion. Where both can be linked, the same shops run in front of the product's own books.

use std::collections::HashMap;

use doorbuster_actors::ledger::{Kind, Row};

use super::disk::Disk;
use super::judge::Judge;
use super::plan::Death;
use super::violation::{Outcome, hold};

/// What an inventory keeps, by the numbers of items.
pub(crate) trait Books {
    /// The next row of the feed, which lies on `disk`.
    fn apply(&mut self, row: &Row<'_>, disk: &Disk) -> Outcome;
    /// Stock of an item, and what of it is left.
    fn units(&self, item: i64) -> Option<(i64, i64)>;
    /// Orders of an item that it has ever heard of.
    fn orders(&self, item: i64) -> usize;
    /// What a transaction works on.
    fn copy(&self) -> Box<dyn Books>;
}

/// Units of an item. What is neither is available.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Units {
    stock: i64,
    allocated: i64,
    shipped: i64,
}

/// The simulation's own.
#[derive(Debug, Clone, Default)]
pub(crate) struct OwnBooks {
    items: HashMap<i64, Units>,
    /// Units of each order and where they are.
    orders: HashMap<(i64, i64), (i64, Kind)>,
}

/// The consumer.
pub(crate) struct Consumer {
    books: Box<dyn Books>,
    cursor: u64,
}

impl Consumer {
    pub(crate) fn new(books: Box<dyn Books>) -> Self {
        Self { books, cursor: 0 }
    }

    /// Takes up to `most` entries up to `published`, a few of them `again`, and perhaps dies.
    pub(crate) fn take(
        &mut self,
        (disk, published): (&Disk, u64),
        (most, again): (usize, usize),
        death: Option<Death>,
        is_cursor_first: bool,
    ) -> Outcome {
        hold(published >= self.cursor, "I14", || format!("the feed ends at {published} before {}", self.cursor))?;
        let first = (self.cursor + 1).saturating_sub(again as u64).max(1);
        let last = published.min(self.cursor + most as u64);
        let (mut books, mut cursor) = (self.books.copy(), self.cursor);
        for seq in first..=last {
            // Delivered again: it has been applied.
            if seq <= cursor {
                continue;
            }
            books.apply(&disk.row(seq), disk)?;
            cursor = seq;
        }
        match death {
            Some(Death::BeforeCommit) if is_cursor_first => self.cursor = cursor,
            Some(Death::BeforeCommit) => {}
            Some(Death::AfterCommit) | None => (self.books, self.cursor) = (books, cursor),
        }
        Ok(())
    }

    pub(crate) fn cursor(&self) -> u64 {
        self.cursor
    }

    /// Whether the books are those of all that was published.
    pub(crate) fn agrees(&self, judge: &Judge) -> Outcome {
        hold(self.cursor == judge.seq, "I9", || format!("{} of {} entries were consumed", self.cursor, judge.seq))?;
        for (item, number) in judge.items.iter().zip(1..) {
            let units = self.books.units(number).unwrap_or_default();
            let is_same = item.deleted || units == (item.supply.into(), item.remaining.into());
            hold(is_same, "I9", || format!("{units:?} in the inventory's books of item {number}"))?;
            let orders = self.books.orders(number);
            hold(orders == item.orders.len(), "I9", || format!("{orders} orders of item {number} were consumed"))?;
        }
        Ok(())
    }
}

impl Books for OwnBooks {
    fn apply(&mut self, row: &Row<'_>, _disk: &Disk) -> Outcome {
        let kind = Kind::from_number(row.kind).expect("the ledger has read it");
        if row.item == 0 {
            return Ok(());
        }
        match kind {
            Kind::Item => {
                let units = self.items.entry(row.item).or_default();
                units.stock = row.remaining + units.allocated + units.shipped;
            }
            Kind::Restocked => self.unit(row, |units, quantity| units.stock += quantity),
            Kind::Withdrawn => self.unit(row, |units, quantity| units.stock -= quantity),
            Kind::Placed | Kind::Paid | Kind::Cancelled | Kind::Expired | Kind::RefundDue | Kind::Refunded => {
                self.step(row, kind)?;
            }
            Kind::Deleted => drop(self.items.remove(&row.item)),
            Kind::Paused
            | Kind::Resumed
            | Kind::Closed
            | Kind::Reopened
            | Kind::Hidden
            | Kind::Shown
            | Kind::Payment
            | Kind::Settled => {}
        }
        let Some(units) = self.units(row.item) else { return Ok(()) };
        let is_same = units == (row.supply, row.remaining);
        hold(is_same, "I9", || format!("{units:?} after entry {} of the feed: {row:?}", row.seq))
    }

    fn units(&self, item: i64) -> Option<(i64, i64)> {
        let Units { stock, allocated, shipped } = self.items.get(&item)?;
        Some((*stock, stock - allocated - shipped))
    }

    fn orders(&self, item: i64) -> usize {
        self.orders.keys().filter(|(of, _)| *of == item).count()
    }

    fn copy(&self) -> Box<dyn Books> {
        Box::new(self.clone())
    }
}

impl OwnBooks {
    fn unit(&mut self, row: &Row<'_>, change: impl FnOnce(&mut Units, i64)) {
        change(self.items.entry(row.item).or_default(), row.quantity.unwrap_or_default());
    }

    fn step(&mut self, row: &Row<'_>, kind: Kind) -> Outcome {
        let name = (row.item, row.order_number.unwrap_or_default());
        let before = self.orders.get(&name).copied();
        let is_new = before.is_none() == (kind == Kind::Placed);
        hold(is_new, "I9", || format!("order {name:?} was {before:?} when {kind:?} came"))?;
        let quantity = row.quantity.unwrap_or_default();
        let units = self.items.entry(row.item).or_default();
        for (step, sign) in before.map(|(_, step)| (step, -1)).into_iter().chain([(kind, 1)]) {
            if step == Kind::Placed {
                units.allocated += sign * quantity;
            }
            if step == Kind::Paid {
                units.shipped += sign * quantity;
            }
        }
        self.orders.insert(name, (quantity, kind));
        Ok(())
    }
}
