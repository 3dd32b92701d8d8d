//! **Job:** the orders and buyers of one item, in little memory.
//! **Owns:** the tables "buyer → his live units and orders" and "key → order".
//! **Never:** judges a purchase: the balances and rules are the stock's.
//!
//! Orders and buyers lie in vectors; the hash tables hold only positions (4 bytes), and hash what the position points
//! at. That is what keeps a live order under 200 bytes.

use std::hash::BuildHasher;
use std::time::Duration;

use foldhash::fast::FixedState;
use hashbrown::HashTable;
use xxhash_rust::xxh3::xxh3_64;

use crate::entry::{OrderChange, Status};
use crate::ids::{IdempotencyKey, OrderNumber, UserId};
use crate::time::Timestamp;

use super::{Discrepancy, ensure};

/// One order. 40 bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Record {
    created_at: Timestamp,
    /// Hash of the key, 0 without one. Compared only among the orders of one buyer: two of his own keys would have to
    /// collide in 64 bits, and he could hurt only himself.
    key: u64,
    buyer: u32,
    quantity: u32,
    /// Milliseconds, 0 where nothing is to be paid.
    pay_within_ms: u32,
    /// The buyer's order before this one, 0 if it is his first.
    previous: u32,
    status: Status,
}

impl Record {
    pub(super) fn quantity(&self) -> u32 {
        self.quantity
    }

    pub(super) fn status(&self) -> Status {
        self.status
    }

    pub(super) fn created_at(&self) -> Timestamp {
        self.created_at
    }

    pub(super) fn pay_by(&self) -> Option<Timestamp> {
        let pay_within = Duration::from_millis(u64::from(self.pay_within_ms));
        (!pay_within.is_zero()).then(|| self.created_at.plus(pay_within))
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Buyer {
    user: UserId,
    live: u32,
    /// His newest order, 0 if he has none.
    newest: u32,
}

/// Where a user stands in the book, found once per decision.
#[derive(Debug, Clone, Copy)]
pub(super) struct Slot(Option<u32>);

#[derive(Debug, Clone, Default)]
pub(super) struct OrderBook {
    orders: Vec<Record>,
    buyers: Vec<Buyer>,
    by_user: HashTable<u32>,
    by_key: HashTable<u32>,
}

/// Equal books have equal orders and buyers; the tables follow from them.
impl PartialEq for OrderBook {
    fn eq(&self, other: &Self) -> bool {
        self.orders == other.orders && self.buyers == other.buyers
    }
}

impl OrderBook {
    pub(super) fn is_empty(&self) -> bool {
        self.orders.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.orders.len()
    }

    pub(super) fn next_number(&self) -> OrderNumber {
        OrderNumber(u32::try_from(self.orders.len() + 1).expect("an order has a unit, and units fit u32"))
    }

    pub(super) fn get(&self, number: OrderNumber) -> Option<&Record> {
        self.orders.get(position(number)?)
    }

    pub(super) fn buyer(&self, record: &Record) -> &UserId {
        &self.buyers[record.buyer as usize].user
    }

    pub(super) fn locate(&self, user: &UserId) -> Slot {
        let found = self.by_user.find(hash_user(user), |&buyer| self.buyers[buyer as usize].user == *user);
        Slot(found.copied())
    }

    pub(super) fn live_units(&self, slot: Slot) -> u32 {
        slot.0.map_or(0, |buyer| self.buyers[buyer as usize].live)
    }

    pub(super) fn live(&self) -> u32 {
        self.buyers.iter().map(|buyer| buyer.live).sum()
    }

    /// The buyer's orders, the newest first.
    pub(super) fn orders_of(&self, slot: Slot) -> impl Iterator<Item = OrderNumber> {
        let newest = slot.0.map_or(0, |buyer| self.buyers[buyer as usize].newest);
        let some = |number: u32| (number != 0).then_some(OrderNumber(number));
        std::iter::successors(some(newest), move |number| self.get(*number).and_then(|record| some(record.previous)))
    }

    pub(super) fn find_key(&self, slot: Slot, key: &IdempotencyKey) -> Option<OrderNumber> {
        let (buyer, key) = (slot.0?, hash_key(key));
        let same = |&order: &u32| {
            let record = &self.orders[order as usize];
            record.buyer == buyer && record.key == key
        };
        self.by_key.find(hash_scoped(buyer, key), same).map(|order| OrderNumber(order + 1))
    }

    pub(super) fn place(&mut self, change: &OrderChange, at: Timestamp) -> Result<(), Discrepancy> {
        let slot = self.locate(&change.user);
        let live = self.live_units(slot).checked_add(change.quantity);
        ensure(live == Some(change.user_live), "the buyer's balance does not follow")?;
        let pay_within = change.pay_by.map_or(Duration::ZERO, |pay_by| pay_by.since(at));
        let pay_within_ms =
            u32::try_from(pay_within.as_millis()).map_err(|_| Discrepancy("the time to pay is out of range"))?;
        let index = self.orders.len() as u32;
        let buyer = slot.0.unwrap_or_else(|| self.enrol(&change.user));
        let key = change.key.as_ref().map_or(0, hash_key);
        let holder = &mut self.buyers[buyer as usize];
        let previous = std::mem::replace(&mut holder.newest, index + 1);
        holder.live = change.user_live;
        self.orders.push(Record {
            created_at: at,
            key,
            buyer,
            quantity: change.quantity,
            pay_within_ms,
            previous,
            status: Status::Pending,
        });
        if change.key.is_some() {
            let orders = &self.orders;
            let rehash = |&order: &u32| hash_scoped(orders[order as usize].buyer, orders[order as usize].key);
            self.by_key.insert_unique(hash_scoped(buyer, key), index, rehash);
        }
        Ok(())
    }

    fn enrol(&mut self, user: &UserId) -> u32 {
        let buyer = self.buyers.len() as u32;
        self.buyers.push(Buyer { user: user.clone(), live: 0, newest: 0 });
        let buyers = &self.buyers;
        self.by_user.insert_unique(hash_user(user), buyer, |&buyer| hash_user(&buyers[buyer as usize].user));
        buyer
    }

    /// Moves an order on to another status; answers the units that went back on sale.
    pub(super) fn settle(&mut self, change: &OrderChange) -> Result<u32, Discrepancy> {
        let order = position(change.number).and_then(|index| self.orders.get_mut(index));
        let order = order.ok_or(Discrepancy("there is no such order"))?;
        let holder = &mut self.buyers[order.buyer as usize];
        ensure(holder.user == change.user && order.quantity == change.quantity, "it is about another order")?;
        ensure(may_follow(order.status, change.status), "the order cannot go from its status to this one")?;
        let released = if change.status.is_live() { 0 } else { order.quantity };
        ensure(holder.live.checked_sub(released) == Some(change.user_live), "the buyer's balance does not follow")?;
        holder.live = change.user_live;
        order.status = change.status;
        Ok(released)
    }
}

/// Pending is the only status an order leaves.
fn may_follow(from: Status, to: Status) -> bool {
    match to {
        Status::Paid | Status::Cancelled | Status::Expired => from == Status::Pending,
        Status::Pending | Status::RefundDue => false,
    }
}

fn position(number: OrderNumber) -> Option<usize> {
    usize::try_from(number.0).ok()?.checked_sub(1)
}

fn hash_user(user: &UserId) -> u64 {
    FixedState::with_seed(0).hash_one(user.as_str())
}

/// Never 0, which says "no key".
fn hash_key(key: &IdempotencyKey) -> u64 {
    xxh3_64(key.as_str().as_bytes()).max(1)
}

fn hash_scoped(buyer: u32, key: u64) -> u64 {
    FixedState::with_seed(0).hash_one((buyer, key))
}
