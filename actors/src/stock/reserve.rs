//! **Job:** decides purchases, and finds the order of a key that was used before.
//! **Owns:** the order in which reasons to refuse are looked at.
//! **Never:** changes anything but by applying the entries it decided.

use std::time::Duration;

use smallvec::smallvec;

use super::book::Slot;
use super::holding::waits_until;
use super::{MAX_PAY_WITHIN, SalePolicy, Stock, Times};
use crate::entry::{Change, Entries, Entry, Order, OrderChange, Status};
use crate::ids::{IdempotencyKey, OrderNumber, UserId};
use crate::request::{Rejection, Reservation};
use crate::time::{Moment, Timestamp};

/// What the stock decided about a purchase.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// A new order, and what to write down.
    Placed(Order, Entries),
    /// The order that has this key already, as it stands now.
    Replayed(Order),
    /// No.
    Rejected(Rejection),
}

impl Stock {
    /// Decides a purchase.
    pub fn reserve(&mut self, wanted: Reservation, policy: &SalePolicy, now: impl Into<Moment>) -> Decision {
        let times = self.times(now.into());
        let slot = self.book.locate(&wanted.user);
        if let Some(number) = wanted.key.as_ref().and_then(|key| self.book.find_key(slot, key)) {
            return self.replay(number, wanted.quantity);
        }
        if let Err(rejection) = self.admits(&wanted, slot, policy, times.now) {
            return Decision::Rejected(rejection);
        }
        // After this point it must succeed.
        let (number, user) = (self.book.next_number(), wanted.user.clone());
        let entries = self.placing(wanted, number, slot, policy, times);
        self.follow_at(&entries, slot);
        let record = self.book.get(number).expect("it was placed one line above");
        Decision::Placed(self.describe(number, record, user), entries)
    }

    /// The order that `key` made, if it made one.
    #[must_use]
    pub fn lookup_by_key(&self, user: &UserId, quantity: u32, key: &IdempotencyKey) -> Decision {
        match self.book.find_key(self.book.locate(user), key) {
            Some(number) => self.replay(number, quantity),
            None => Decision::Rejected(Rejection::UnknownOrder),
        }
    }

    fn replay(&self, number: OrderNumber, quantity: u32) -> Decision {
        let order = self.order(number).expect("the key table names only orders of the book");
        if order.quantity == quantity { Decision::Replayed(order) } else { Decision::Rejected(Rejection::KeyReused) }
    }

    fn admits(&self, wanted: &Reservation, slot: Slot, policy: &SalePolicy, now: Timestamp) -> Result<(), Rejection> {
        if wanted.quantity == 0 {
            return Err(Rejection::AmountOutOfRange);
        }
        self.on_sale(now)?;
        if wanted.quantity > self.remaining {
            return Err(Rejection::SoldOut { remaining: self.remaining });
        }
        self.cooled_down(slot, policy.cool_down, now)?;
        let (held, limit) = (self.book.live_units(slot), self.definition.per_user_limit);
        if held.saturating_add(wanted.quantity) > limit {
            return Err(Rejection::LimitReached { limit, held });
        }
        self.definition.unit_price.times(wanted.quantity).ok_or(Rejection::AmountOutOfRange)?;
        Ok(())
    }

    /// Holding stock without paying: see `holding.rs`.
    fn cooled_down(&self, slot: Slot, cool_down: Duration, now: Timestamp) -> Result<(), Rejection> {
        if cool_down.is_zero() {
            return Ok(());
        }
        match waits_until(self.book.unpaid(slot, now), cool_down) {
            Some(until) if now < until => Err(Rejection::CoolingDown { retry_after: until.since(now) }),
            Some(_) | None => Ok(()),
        }
    }

    fn placing(
        &self,
        wanted: Reservation,
        number: OrderNumber,
        slot: Slot,
        policy: &SalePolicy,
        times: Times,
    ) -> Entries {
        let placed = Entry {
            item: self.number,
            at: times.at,
            supply: self.supply,
            remaining: self.remaining - wanted.quantity,
            change: Change::Order(OrderChange {
                status: Status::Pending,
                number,
                user: wanted.user,
                quantity: wanted.quantity,
                unit_price: self.definition.unit_price,
                key: wanted.key,
                pay_by: policy.pay_within.map(|pay_within| times.now.plus(pay_within.min(MAX_PAY_WITHIN))),
                user_live: self.book.live_units(slot) + wanted.quantity,
            }),
            origin: None,
        };
        if policy.pay_within.is_some() {
            return smallvec![placed];
        }
        let mut paid = placed.clone();
        if let Change::Order(change) = &mut paid.change {
            (change.status, change.key) = (Status::Paid, None);
        }
        smallvec![placed, paid]
    }
}
