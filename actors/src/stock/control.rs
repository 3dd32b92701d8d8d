//! **Job:** decides what the owner of the sale may change while it runs.
//! **Owns:** pause and resume, close and reopen, hide and show, restock and withdraw, deletion, change of the item.
//! **Never:** takes a unit away from a buyer, or changes the price of what has been sold.

use smallvec::smallvec;

use super::{MAX_SUPPLY, Stock, Times};
use crate::entry::{Change, Entries, Entry, Switch};
use crate::item::ItemDefinition;
use crate::payment::Origin;
use crate::request::{Control, Rejection};
use crate::time::Moment;

impl Stock {
    /// Carries out a change of the sale: the entry to append, none if it is so already.
    pub fn control(
        &mut self,
        control: &Control,
        origin: Option<Box<Origin>>,
        now: impl Into<Moment>,
    ) -> Result<Entries, Rejection> {
        let Times { at, .. } = self.times(now.into());
        let Some(change) = self.change_for(control)? else { return Ok(Entries::new()) };
        let mut after = (self.supply, self.remaining);
        if let Change::Restocked { quantity } = change {
            after = (self.supply + quantity, self.remaining + quantity);
        }
        if let Change::Withdrawn { quantity } = change {
            after = (self.supply - quantity, self.remaining - quantity);
        }
        let (supply, remaining) = after;
        let entry = Entry { item: self.number, at, change, supply, remaining, origin };
        self.follow(std::slice::from_ref(&entry));
        Ok(smallvec![entry])
    }

    fn change_for(&self, control: &Control) -> Result<Option<Change>, Rejection> {
        let unless = |so_already: bool, switch| Ok((!so_already).then_some(Change::Switched(switch)));
        if self.deleted {
            return Err(Rejection::UnknownItem);
        }
        match control {
            Control::Close => unless(self.closed, Switch::Closed),
            Control::Reopen => unless(!self.closed, Switch::Reopened),
            Control::Hide => unless(self.hidden, Switch::Hidden),
            Control::Show => unless(!self.hidden, Switch::Shown),
            Control::Delete if self.book.is_empty() => Ok(Some(Change::Switched(Switch::Deleted))),
            Control::Delete => Err(Rejection::HasOrders),
            Control::Redefine(definition) => self.redefinition(definition),
            Control::Withdraw { quantity: 0 } | Control::Restock { quantity: 0 } => Ok(None),
            Control::Withdraw { quantity } if *quantity > self.remaining => {
                Err(Rejection::NotEnoughLeft { remaining: self.remaining })
            }
            Control::Withdraw { quantity } => Ok(Some(Change::Withdrawn { quantity: *quantity })),
            Control::Pause | Control::Resume | Control::Restock { .. } if self.closed => Err(Rejection::SaleClosed),
            Control::Pause => unless(self.paused, Switch::Paused),
            Control::Resume => unless(!self.paused, Switch::Resumed),
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

    /// Texts, limit and window may change at any time, the price until somebody has ordered; the stock only by a
    /// restock or a withdrawal: whoever names it may name the first one or the one that there is now.
    fn redefinition(&self, definition: &ItemDefinition) -> Result<Option<Change>, Rejection> {
        if ![self.definition.stock, self.supply].contains(&definition.stock) {
            return Err(Rejection::StockFixed);
        }
        let definition = ItemDefinition { stock: self.definition.stock, ..definition.clone() };
        if definition == *self.definition {
            return Ok(None);
        }
        if !self.may_become(&definition) {
            return Err(Rejection::PriceFixed);
        }
        Ok(Some(Change::Item(Box::new(definition))))
    }
}
