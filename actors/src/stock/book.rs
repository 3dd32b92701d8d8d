//! **Job:** the orders and buyers of one item, in little memory.
//! **Owns:** the tables "buyer → his live units and orders" and "key → order".
//! **Never:** judges a purchase: the balances and rules are the stock's.
//!
//! Orders and buyers lie in vectors; the hash tables hold only positions (4 bytes), and hash what the position points
//! at. That is what keeps a live order under 200 bytes.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::hash::BuildHasher;
use std::time::Duration;

use foldhash::fast::FixedState;
use hashbrown::HashTable;
use xxhash_rust::xxh3::xxh3_64;

use crate::entry::{OrderChange, Status};
use crate::ids::{IdempotencyKey, OrderNumber, UserId};
use crate::time::Timestamp;

use super::{Discrepancy, ensure};

/// Orders of a buyer that are looked at for expiries: more than any cool-down needs, and no work for the counter even
/// if he orders and cancels all day.
const MAX_LOOK_BACK: usize = 256;

/// One order. 48 bytes.
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
    /// Hash of the payment event that settled it, 0 without one.
    payment: u64,
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

    pub(super) fn was_paid_by(&self, event: &IdempotencyKey) -> bool {
        self.payment == hash_key(event)
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
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Slot(Option<u32>);

#[derive(Debug, Clone, Default)]
pub(super) struct OrderBook {
    orders: Vec<Record>,
    buyers: Vec<Buyer>,
    by_user: HashTable<u32>,
    by_key: HashTable<u32>,
    /// Deadlines of pending orders, the earliest on top; those of settled orders go when they come to the top.
    deadlines: BinaryHeap<Reverse<(Timestamp, u32)>>,
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

    /// Whether the order can be placed, by the buyer who stands at `slot`.
    pub(super) fn admits(&self, change: &OrderChange, slot: Slot, at: Timestamp) -> Result<(), Discrepancy> {
        ensure(change.number == self.next_number(), "the order's number is not the next one")?;
        let live = self.live_units(slot).checked_add(change.quantity);
        ensure(live == Some(change.user_live), "the buyer's balance does not follow")?;
        ensure(pay_within_ms(change, at).is_some(), "the time to pay is out of range")
    }

    /// Places an order, after [`OrderBook::admits`] has said that it can be.
    pub(super) fn place(&mut self, change: &OrderChange, slot: Slot, at: Timestamp) {
        let pay_within_ms = pay_within_ms(change, at).expect("the order was admitted");
        let index = change.number.0 - 1;
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
            payment: 0,
        });
        if let Some(pay_by) = change.pay_by {
            self.deadlines.push(Reverse((pay_by, index)));
        }
        if change.key.is_some() {
            let orders = &self.orders;
            let rehash = |&order: &u32| hash_scoped(orders[order as usize].buyer, orders[order as usize].key);
            self.by_key.insert_unique(hash_scoped(buyer, key), index, rehash);
        }
    }

    fn enrol(&mut self, user: &UserId) -> u32 {
        let buyer = u32::try_from(self.buyers.len()).expect("no more buyers than orders, whose count is a u32");
        self.buyers.push(Buyer { user: user.clone(), live: 0, newest: 0 });
        let buyers = &self.buyers;
        self.by_user.insert_unique(hash_user(user), buyer, |&buyer| hash_user(&buyers[buyer as usize].user));
        buyer
    }

    /// The pending order with the earliest deadline, and the deadline.
    pub(super) fn next_deadline(&self) -> Option<(Timestamp, OrderNumber)> {
        self.deadlines.peek().map(|Reverse((pay_by, index))| (*pay_by, OrderNumber(index + 1)))
    }

    /// Removes deadlines of settled orders from the top, so that what is there is a pending order.
    fn drop_met_deadlines(&mut self) {
        while let Some(Reverse((_, index))) = self.deadlines.peek()
            && self.orders[*index as usize].status != Status::Pending
        {
            self.deadlines.pop();
        }
    }

    /// How many of the buyer's orders have expired since he last paid one, at most `most`, and when the last of them
    /// did.
    pub(super) fn expiries(&self, slot: Slot, most: usize) -> (u32, Option<Timestamp>) {
        let orders = self.orders_of(slot).take(MAX_LOOK_BACK).filter_map(|number| self.get(number));
        let unpaid = orders.take_while(|order| !matches!(order.status, Status::Paid | Status::RefundDue));
        let expired = unpaid.filter(|order| order.status == Status::Expired);
        expired.take(most).fold((0, None), |(count, last), order| (count + 1, last.max(order.pay_by())))
    }

    /// What the step would do to the units on sale, if the order can take it.
    pub(super) fn effect(&self, change: &OrderChange) -> Result<Units, Discrepancy> {
        let order = self.get(change.number).ok_or(Discrepancy("there is no such order"))?;
        let holder = &self.buyers[order.buyer as usize];
        ensure(holder.user == change.user && order.quantity == change.quantity, "it is about another order")?;
        ensure(may_follow(order.status, change.status), "the order cannot go from its status to this one")?;
        let (units, live) = match (order.status.is_live(), change.status.is_live()) {
            (true, false) => (Units::Released(order.quantity), holder.live.checked_sub(order.quantity)),
            (false, true) => (Units::TakenAgain(order.quantity), holder.live.checked_add(order.quantity)),
            (true, true) | (false, false) => (Units::Unchanged, Some(holder.live)),
        };
        ensure(live == Some(change.user_live), "the buyer's balance does not follow")?;
        Ok(units)
    }

    /// Moves an order on, after [`OrderBook::effect`] has said that it can.
    pub(super) fn settle(&mut self, change: &OrderChange) {
        let index = position(change.number).expect("the effect of the step was checked");
        let order = &mut self.orders[index];
        self.buyers[order.buyer as usize].live = change.user_live;
        order.status = change.status;
        if let Some(event) = &change.key {
            order.payment = hash_key(event);
        }
        self.drop_met_deadlines();
    }
}

/// What a step of an order does to the units on sale.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Units {
    Unchanged,
    Released(u32),
    TakenAgain(u32),
}

/// The steps of an order: nothing leaves `Paid` and `RefundDue`.
fn may_follow(from: Status, to: Status) -> bool {
    match to {
        Status::Pending => false,
        Status::Cancelled | Status::Expired => from == Status::Pending,
        Status::Paid => matches!(from, Status::Pending | Status::Cancelled | Status::Expired),
        Status::RefundDue => matches!(from, Status::Cancelled | Status::Expired),
    }
}

/// The time to pay, 0 if there is nothing to pay; none if it does not fit.
fn pay_within_ms(change: &OrderChange, at: Timestamp) -> Option<u32> {
    let pay_within = change.pay_by.map_or(Duration::ZERO, |pay_by| pay_by.since(at));
    u32::try_from(pay_within.as_millis()).ok()
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
