//! **Job:** changes the state of an item as an entry says: the same way live and after a restart.
//! **Owns:** what each entry must follow from, and the only place where stock decreases.
//! **Never:** decides.

use std::sync::Arc;

use super::book::{Slot, Step, Units};
use super::{Discrepancy, FOLLOWS, Stock, ensure};
use crate::entry::{Change, Entry, OrderChange, Status, Switch};
use crate::item::ItemDefinition;
use crate::payment::Provider;

impl Stock {
    /// Changes the state as the entry says; an entry that does not follow from the state changes nothing.
    pub fn apply(&mut self, entry: &Entry) -> Result<(), Discrepancy> {
        let slot = if let Change::Order(change) = &entry.change
            && change.status == Status::Pending
        {
            self.book.locate(&change.user)
        } else {
            Slot::default()
        };
        self.apply_at(entry, slot)
    }

    /// The same where it is known already where the buyer of a new order stands: a purchase looks them up once.
    pub(super) fn apply_at(&mut self, entry: &Entry, slot: Slot) -> Result<(), Discrepancy> {
        ensure(entry.item == self.number, "it is about another item")?;
        ensure(entry.at >= self.latest, "it is older than the entry before it")?;
        let balances = self.balances_after(entry, slot)?;
        ensure((entry.supply, entry.remaining) == balances, "the balances do not follow")?;
        // After this point it must succeed.
        match &entry.change {
            Change::Item(definition) => self.definition = Arc::new(definition.as_ref().clone()),
            Change::Order(change) if change.status == Status::Pending => {
                self.take(change.quantity);
                self.book.place(change, slot, entry.at);
            }
            Change::Order(change) => self.settle(change, entry),
            Change::Payment(record) => self.record(record),
            Change::Settled(settlement) => self.note_settlement(settlement, entry.origin.as_deref()),
            Change::Restocked { quantity } => {
                self.supply += quantity;
                self.remaining += quantity;
            }
            Change::Withdrawn { quantity } => self.withdraw(*quantity),
            Change::Switched(switch) => self.turn(*switch),
        }
        assert_eq!((self.supply, self.remaining), balances, "the balances are what they were computed to be");
        self.latest = entry.at;
        Ok(())
    }

    /// Supply and remaining after the entry, if it follows.
    fn balances_after(&self, entry: &Entry, slot: Slot) -> Result<(u32, u32), Discrepancy> {
        ensure(!self.deleted, "its item was deleted")?;
        let remaining = match &entry.change {
            Change::Item(definition) => {
                ensure(self.may_become(definition), "the price of an item with orders cannot change")?;
                ensure(definition.id == self.definition.id, "an item cannot change its id")?;
                Some(self.remaining)
            }
            Change::Order(change) if change.status == Status::Pending => {
                self.check_price(change)?;
                ensure(change.quantity >= 1, "an order has at least one unit")?;
                self.book.admits(change, slot, entry.at)?;
                self.remaining.checked_sub(change.quantity)
            }
            Change::Order(change) => {
                self.check_price(change)?;
                match self.book.effect(change)? {
                    Units::Unchanged => Some(self.remaining),
                    Units::Released(units) => self.remaining.checked_add(units),
                    Units::TakenAgain(units) => self.remaining.checked_sub(units),
                }
            }
            Change::Restocked { quantity } => {
                let supply = self.supply.checked_add(*quantity).ok_or(Discrepancy("the supply is out of range"))?;
                return Ok((supply, self.remaining + quantity));
            }
            Change::Withdrawn { quantity } => {
                let left = self.remaining.checked_sub(*quantity).ok_or(Discrepancy("more units than were left"))?;
                return Ok((self.supply - quantity, left));
            }
            Change::Payment(record) => {
                self.check_order(record.order, record.user.as_ref())?;
                Some(self.remaining)
            }
            Change::Settled(settlement) => {
                self.check_settlement(settlement)?;
                Some(self.remaining)
            }
            Change::Switched(Switch::Deleted) => {
                ensure(self.book.is_empty(), "an item with orders cannot be deleted")?;
                Some(self.remaining)
            }
            Change::Switched(_) => Some(self.remaining),
        };
        remaining.map(|remaining| (self.supply, remaining)).ok_or(Discrepancy("more units than were left"))
    }

    /// An order tells its price by the item's definition, which cannot change once there are orders.
    fn check_price(&self, change: &OrderChange) -> Result<(), Discrepancy> {
        ensure(change.unit_price == self.definition.unit_price, "it is not the price of the item")?;
        ensure(change.unit_price.times(change.quantity).is_some(), "its total price is out of range")
    }

    fn turn(&mut self, switch: Switch) {
        match switch {
            Switch::Paused => self.paused = true,
            Switch::Resumed => self.paused = false,
            Switch::Closed => self.closed = true,
            Switch::Reopened => self.closed = false,
            Switch::Hidden => self.hidden = true,
            Switch::Shown => self.hidden = false,
            Switch::Deleted => self.deleted = true,
        }
    }

    /// Orders tell their price by the definition.
    pub(super) fn may_become(&self, definition: &ItemDefinition) -> bool {
        let price = |item: &ItemDefinition| (item.unit_price, item.currency);
        self.book.is_empty() || price(definition) == price(&self.definition)
    }

    /// The only place where stock decreases.
    fn take(&mut self, quantity: u32) {
        self.remaining -= quantity;
    }

    /// Units that nobody holds leave the sale, as if they had never been in it.
    fn withdraw(&mut self, quantity: u32) {
        self.take(quantity);
        self.supply -= quantity;
    }

    fn settle(&mut self, change: &OrderChange, entry: &Entry) {
        match self.book.effect(change).expect("checked before anything was changed") {
            Units::Unchanged => {}
            Units::Released(units) => self.remaining += units,
            Units::TakenAgain(units) => self.take(units),
        }
        let event = entry.origin.as_ref().and_then(|origin| origin.event.as_ref());
        let step = Step {
            at: entry.at,
            provider: event.map_or(Provider::Own, |(provider, _)| *provider),
            price: change.unit_price.times(change.quantity).expect("checked before anything was changed"),
            currency: self.definition.currency,
        };
        self.book.settle(change, &step);
    }

    /// Applies entries that were decided from this state.
    pub(super) fn follow(&mut self, entries: &[Entry]) {
        for entry in entries {
            self.apply(entry).expect(FOLLOWS);
        }
    }

    /// The same for a new order, whose buyer stands at `slot`, and what comes with it.
    pub(super) fn follow_at(&mut self, entries: &[Entry], slot: Slot) {
        let Some((placed, rest)) = entries.split_first() else { return };
        self.apply_at(placed, slot).expect(FOLLOWS);
        self.follow(rest);
    }
}
