//! **Job:** what clients know: what they asked, and what they were told.
//! **Owns:** the promises that somebody outside can hold the shop to.
//! **Never:** sees the disk: it is compared with what is found after a crash.

use std::collections::HashMap;

use doorbuster_actors::entry::{Order, Status};
use doorbuster_actors::ids::OrderNumber;
use doorbuster_actors::stock::Stock;

use super::judge::{Judge, MoneyKey};
use super::violation::{Outcome, hold};

/// A purchase as its client counts it: item, buyer, key, units.
pub(crate) type Wanted = (usize, String, Option<String>, u32);

/// All that was told.
#[derive(Debug, Default)]
pub(crate) struct History {
    /// Attempts that were not definitely refused.
    asked: HashMap<Wanted, i32>,
    /// The newest word about each order, by item and number.
    orders: Vec<Vec<Option<Order>>>,
    keys: HashMap<(usize, String, String), OrderNumber>,
    /// Units by which supply was said to grow and to shrink, by item.
    moved: Vec<(u64, u64)>,
    money: Vec<MoneyKey>,
    /// Deadlines may have come nearer, because a clock was ahead.
    pub(crate) is_bounded: bool,
}

/// How far an order has gone.
fn rank(status: Status) -> u8 {
    match status {
        Status::Pending => 0,
        Status::Cancelled | Status::Expired => 1,
        Status::Paid => 2,
        Status::RefundDue => 3,
        Status::Refunded => 4,
    }
}

fn has_gone_on(from: Status, to: Status) -> bool {
    from == to || rank(from) < rank(to)
}

/// Whether both tell of the same order, whatever has become of it.
fn is_same(a: &Order, b: &Order, is_bounded: bool) -> bool {
    (a.id, &a.item, &a.user, a.quantity, a.unit_price) == (b.id, &b.item, &b.user, b.quantity, b.unit_price)
        && (a.total_price, a.currency, a.created_at) == (b.total_price, b.currency, b.created_at)
        && (is_bounded || a.pay_by == b.pay_by)
}

impl History {
    pub(crate) fn of(items: usize) -> Self {
        Self { orders: vec![Vec::new(); items], moved: vec![(0, 0); items], ..Self::default() }
    }

    pub(crate) fn ask(&mut self, wanted: &Wanted) {
        *self.asked.entry(wanted.clone()).or_default() += 1;
    }

    /// The attempt has definitely placed nothing.
    pub(crate) fn refuse(&mut self, wanted: &Wanted) {
        *self.asked.entry(wanted.clone()).or_default() -= 1;
    }

    /// A client hears of an order.
    pub(crate) fn hear(&mut self, order: &Order) -> Outcome {
        let (item, number) = (order.id.item.ordinal() as usize - 1, order.id.order.0 as usize);
        let told = &mut self.orders[item];
        if told.len() <= number {
            told.resize(number + 1, None);
        }
        if let Some(before) = &told[number] {
            hold(is_same(before, order, self.is_bounded), "I4", || format!("{before:?} has become {order:?}"))?;
            let goes_on = has_gone_on(before.status, order.status);
            hold(goes_on, "I15", || format!("a client saw {:?} and then {order:?}", before.status))?;
        }
        told[number] = Some(order.clone());
        Ok(())
    }

    /// A buyer hears of an order of theirs.
    pub(crate) fn hear_own(&mut self, user: &str, order: &Order) -> Outcome {
        hold(order.user.as_str() == user, "I13", || format!("{user} is told of {order:?}"))?;
        self.hear(order)
    }

    /// A buyer hears what their key has made.
    pub(crate) fn hear_of_key(&mut self, wanted: &Wanted, order: &Order) -> Outcome {
        let (item, user, key, quantity) = wanted;
        let is_theirs = order.user.as_str() == user && order.quantity == *quantity;
        hold(is_theirs, "I4", || format!("{wanted:?} was answered with {order:?}"))?;
        if let Some(key) = key {
            let made = *self.keys.entry((*item, user.clone(), key.clone())).or_insert(order.id.order);
            hold(made == order.id.order, "I4", || format!("{wanted:?} made order {} and {order:?}", made.0))?;
        }
        self.hear(order)
    }

    /// A buyer hears which orders they have.
    pub(crate) fn hear_list(&mut self, item: usize, user: &str, orders: &[Order]) -> Outcome {
        let known = self.orders[item].iter().flatten().filter(|order| order.user.as_str() == user);
        for order in known {
            let is_shown = orders.iter().any(|shown| shown.id == order.id);
            hold(is_shown, "I15", || format!("{user} was told of {order:?} and does not find it"))?;
        }
        orders.iter().try_for_each(|order| self.hear_own(user, order))
    }

    pub(crate) fn hear_of_supply(&mut self, item: usize, more: u32, less: u32) {
        let (restocked, withdrawn) = &mut self.moved[item];
        (*restocked, *withdrawn) = (*restocked + u64::from(more), *withdrawn + u64::from(less));
    }

    pub(crate) fn hear_of_money(&mut self, money: MoneyKey) {
        self.money.push(money);
    }

    /// Whether all that was told is still so.
    pub(crate) fn agrees(&self, stocks: &[Stock], judge: &Judge) -> Outcome {
        for (item, orders) in self.orders.iter().enumerate() {
            for told in orders.iter().flatten() {
                let found = stocks.get(item).and_then(|stock| stock.order(told.id.order));
                let is_kept = found.as_ref().is_some_and(|found| is_same(told, found, self.is_bounded));
                hold(is_kept, "I2", || format!("{told:?} was told, {found:?} is there"))?;
                let goes_on = found.as_ref().is_some_and(|found| has_gone_on(told.status, found.status));
                hold(goes_on, "I15", || format!("{told:?} was told, {found:?} is there"))?;
            }
        }
        for (item, (restocked, withdrawn)) in judge.items.iter().zip(&self.moved) {
            let is_kept = item.restocked >= *restocked && item.withdrawn >= *withdrawn;
            hold(is_kept, "I2", || {
                format!("{restocked} and {withdrawn} units were told to have been moved: {item:?}")
            })?;
        }
        for money in &self.money {
            hold(judge.money.contains(money), "money", || format!("{money:?} was acknowledged and is not there"))?;
        }
        self.has_no_phantom(judge)
    }

    fn has_no_phantom(&self, judge: &Judge) -> Outcome {
        let mut made: HashMap<Wanted, i32> = HashMap::new();
        for (index, item) in judge.items.iter().enumerate() {
            for order in &item.orders {
                let key = order.key.as_ref().map(|key| key.as_str().to_owned());
                *made.entry((index, order.user.to_string(), key, order.quantity)).or_default() += 1;
            }
        }
        for (wanted, orders) in made {
            let asked = self.asked.get(&wanted).copied().unwrap_or_default();
            hold(orders <= asked, "I5", || format!("{orders} orders of {asked} attempts: {wanted:?}"))?;
        }
        Ok(())
    }
}
