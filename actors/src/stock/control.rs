//! **Job:** decides what the owner of the sale may change while it runs.
//! **Owns:** pause, resume, close, restock, and the change of an item before its sale.
//! **Never:** takes a unit away, or changes what has been sold.

use smallvec::smallvec;

use super::{MAX_SUPPLY, Stock, Times};
use crate::entry::{Change, Entries, Entry};
use crate::item::{ItemDefinition, SaleState};
use crate::request::{Control, Rejection};
use crate::time::{Moment, Timestamp};

impl Stock {
    /// Carries out a change of the sale: the entry to append, none if it is so already.
    pub fn control(&mut self, control: &Control, now: impl Into<Moment>) -> Result<Entries, Rejection> {
        let Times { now, at, .. } = self.times(now.into());
        let Some(change) = self.change_for(control, now)? else { return Ok(Entries::new()) };
        let added = match &change {
            Change::Restocked { quantity } => *quantity,
            Change::Item(_) | Change::Order(_) | Change::Paused | Change::Resumed | Change::Closed => 0,
        };
        let (supply, remaining) = (self.supply + added, self.remaining + added);
        let entry = Entry { item: self.number, at, change, supply, remaining };
        self.follow(std::slice::from_ref(&entry));
        Ok(smallvec![entry])
    }

    fn change_for(&self, control: &Control, now: Timestamp) -> Result<Option<Change>, Rejection> {
        let unless = |so_already: bool, change| Ok((!so_already).then_some(change));
        match control {
            Control::Close => unless(self.closed, Change::Closed),
            Control::Redefine(definition) => self.redefinition(definition, now),
            Control::Pause | Control::Resume | Control::Restock { .. } if self.closed => Err(Rejection::SaleClosed),
            Control::Pause => unless(self.paused, Change::Paused),
            Control::Resume => unless(!self.paused, Change::Resumed),
            Control::Restock { quantity: 0 } => Ok(None),
            Control::Restock { quantity } => {
                let fits = self.supply.checked_add(*quantity).is_some_and(|supply| supply <= MAX_SUPPLY);
                if fits {
                    Ok(Some(Change::Restocked { quantity: *quantity }))
                } else {
                    Err(Rejection::SupplyOutOfRange)
                }
            }
        }
    }

    /// Title, price, window and limit may change until the sale begins; the stock only by a restock.
    fn redefinition(&self, definition: &ItemDefinition, now: Timestamp) -> Result<Option<Change>, Rejection> {
        if *definition == *self.definition {
            return Ok(None);
        }
        let is_scheduled = self.window().state(now, self.closed, self.paused) == SaleState::Scheduled;
        if !is_scheduled || !self.book.is_empty() {
            return Err(Rejection::NotScheduled);
        }
        if definition.stock != self.definition.stock {
            return Err(Rejection::StockFixed);
        }
        Ok(Some(Change::Item(Box::new(definition.clone()))))
    }
}
