//! **Job:** the orders and buyers of one item, in little memory.
//! **Owns:** the tables "buyer → their live units and orders" and "key → order".
//! **Never:** judges a purchase: the balances and rules are the stock's.
//!
//! Orders, buyers and names lie in chunks that stay where they are; the tables hold only positions (4 bytes), and hash
//! what the position points at. The first order of a buyer takes about 70 bytes and their name.

use std::hash::BuildHasher;
use std::ops::{Deref, DerefMut};

use foldhash::fast::FixedState;

use crate::debts::{Account, Debts, Owner};
use crate::entry::{OrderChange, Status};
use crate::ids::{IdempotencyKey, OrderNumber, UserId};
use crate::item::{Amount, Currency};
use crate::payment::Provider;
use crate::time::Timestamp;

use super::chunked_vec::ChunkedVec;
use super::deadlines::Deadlines;
use super::holding::Holding;
use super::index_table::IndexTable;
use super::record::{Deadline, End, Record, hash_key, held_for, mark_of, may_follow};
use super::string_arena::{Name, StringArena};
use super::{Discrepancy, ensure};

/// Orders of a buyer that are looked back at for what they held without paying: more than any cool-down needs, and no
/// work for the stock even if they order and cancel all day.
const MAX_LOOK_BACK: usize = 256;

/// A buyer's newest orders are looked through for a key, older ones are found by a table. Nearly all buyers have no
/// more than these, and cost the table nothing.
const LOOKED_THROUGH: usize = 4;

/// One buyer.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Buyer {
    name: Name,
    /// Of their name: a table that grows need not read the names again.
    hash: u32,
    live: u32,
    /// Their newest order, 0 if they have none.
    newest: u32,
}

const _: () = assert!(size_of::<Buyer>() == 20);

/// Where a user stands in the book, found once per decision.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Slot {
    buyer: Option<u32>,
    /// Of their name.
    hash: u32,
}

#[derive(Debug, Clone)]
pub(super) struct OrderBook {
    orders: ChunkedVec<Record>,
    buyers: ChunkedVec<Buyer>,
    names: StringArena,
    by_user: IndexTable,
    /// Orders with a key that are not among the newest of their buyers.
    by_key: IndexTable,
    deadlines: Deadlines,
    /// Prices that were ever paid, in minor units.
    received: i128,
    /// Money beside the prices.
    debts: Option<Box<Debts>>,
}

/// Equal books have equal orders and buyers; the tables follow from them.
impl PartialEq for OrderBook {
    fn eq(&self, other: &Self) -> bool {
        self.orders == other.orders
            && self.buyers == other.buyers
            && self.names == other.names
            && (self.received, &self.debts) == (other.received, &other.debts)
    }
}

/// The book of an item, which is opened with its first order: an item that has none costs a pointer.
#[derive(Debug, Clone, Default)]
pub(super) struct LazyBook(Option<Box<OrderBook>>);

/// What is read of a book that is not open yet.
static EMPTY: OrderBook = OrderBook::new();

impl Deref for LazyBook {
    type Target = OrderBook;

    fn deref(&self) -> &OrderBook {
        self.0.as_deref().unwrap_or(&EMPTY)
    }
}

impl DerefMut for LazyBook {
    fn deref_mut(&mut self) -> &mut OrderBook {
        self.0.get_or_insert_with(|| Box::new(OrderBook::new()))
    }
}

impl PartialEq for LazyBook {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl OrderBook {
    const fn new() -> Self {
        Self {
            orders: ChunkedVec::new(),
            buyers: ChunkedVec::new(),
            names: StringArena::new(),
            by_user: IndexTable::new(),
            by_key: IndexTable::new(),
            deadlines: Deadlines::new(),
            received: 0,
            debts: None,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
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

    pub(super) fn buyer(&self, record: &Record) -> UserId {
        self.name(record.buyer).parse().expect("a name is written down from a legal id")
    }

    fn name(&self, buyer: u32) -> &str {
        self.names.get(self.buyers[buyer].name)
    }

    pub(super) fn locate(&self, user: &UserId) -> Slot {
        let hash = hash_name(user.as_str());
        let is_wanted = |buyer: u32| self.buyers[buyer].hash == hash && self.name(buyer) == user.as_str();
        Slot { buyer: self.by_user.find(spread(hash), is_wanted), hash }
    }

    pub(super) fn live_units(&self, slot: Slot) -> u32 {
        slot.buyer.map_or(0, |buyer| self.buyers[buyer].live)
    }

    pub(super) fn live(&self) -> u32 {
        self.buyers.iter().map(|buyer| buyer.live).sum()
    }

    /// Prices that were ever paid.
    pub(super) fn received(&self) -> i128 {
        self.received
    }

    /// Units of paid orders, counted over the orders.
    pub(super) fn paid_units(&self) -> u64 {
        self.orders.iter().filter(|order| order.status == Status::Paid).map(|order| u64::from(order.quantity)).sum()
    }

    pub(super) fn debts(&self) -> Option<&Debts> {
        self.debts.as_deref()
    }

    pub(super) fn debts_mut(&mut self) -> &mut Debts {
        self.debts.get_or_insert_with(|| Box::new(Debts::new()))
    }

    /// The money of an order beside its price.
    pub(super) fn account(&self, number: OrderNumber) -> Option<&Account> {
        self.debts()?.account(Owner::Order(number))
    }

    /// The buyer's orders, the newest first.
    pub(super) fn orders_of(&self, slot: Slot) -> impl Iterator<Item = OrderNumber> {
        self.orders_from(self.newest(slot)).map(|(number, _order)| number)
    }

    /// The number of the buyer's newest order, 0 if they have none.
    fn newest(&self, slot: Slot) -> u32 {
        slot.buyer.map_or(0, |buyer| self.buyers[buyer].newest)
    }

    /// The order of that number and the earlier ones of its buyer, the newest first.
    fn orders_from(&self, number: u32) -> impl Iterator<Item = (OrderNumber, &Record)> {
        let some = |number: u32| Some((OrderNumber(number), self.get(OrderNumber(number))?));
        std::iter::successors(some(number), move |(_number, order)| some(order.previous))
    }

    pub(super) fn find_key(&self, slot: Slot, key: &IdempotencyKey) -> Option<OrderNumber> {
        let (buyer, key) = (slot.buyer?, hash_key(key));
        let mut newest = self.orders_from(self.newest(slot)).take(LOOKED_THROUGH);
        if let Some((number, _order)) = newest.find(|(_number, order)| order.key == key) {
            return Some(number);
        }
        let is_wanted = |order: u32| self.orders[order].buyer == buyer && self.orders[order].key == key;
        self.by_key.find(hash_scoped(buyer, key), is_wanted).map(|order| OrderNumber(order + 1))
    }

    /// Whether the order can be placed, by the buyer who stands at `slot`.
    pub(super) fn admits(&self, change: &OrderChange, slot: Slot, at: Timestamp) -> Result<(), Discrepancy> {
        ensure(change.number == self.next_number(), "the order's number is not the next one")?;
        let live = self.live_units(slot).checked_add(change.quantity);
        ensure(live == Some(change.user_live), "the buyer's balance does not follow")?;
        ensure(Deadline::of(change.pay_by, at).is_some(), "the time to pay is out of range")
    }

    /// Places an order, after [`OrderBook::admits`] has said that it can be.
    pub(super) fn place(&mut self, change: &OrderChange, slot: Slot, at: Timestamp) {
        let deadline = Deadline::of(change.pay_by, at).expect("the order was admitted");
        let number = change.number.0;
        let buyer = slot.buyer.unwrap_or_else(|| self.enrol(&change.user, slot.hash));
        let holder = &mut self.buyers[buyer];
        let previous = std::mem::replace(&mut holder.newest, number);
        holder.live = change.user_live;
        self.orders.push(Record {
            created_at: at,
            key: change.key.as_ref().map_or(0, hash_key),
            buyer,
            quantity: change.quantity,
            deadline,
            previous,
            status: Status::Pending,
            end: End::default(),
        });
        if let Some(pay_by) = change.pay_by {
            self.deadlines.add(pay_by, number - 1, &self.orders);
        }
        if previous != 0 {
            self.index_older_key(number);
        }
    }

    /// After a buyer's new order one of theirs is no longer among their newest: from now on the table finds it by its
    /// key.
    fn index_older_key(&mut self, newest: u32) {
        let Some((number, order)) = self.orders_from(newest).nth(LOOKED_THROUGH) else { return };
        if order.key == 0 {
            return;
        }
        let (hash, position) = (hash_scoped(order.buyer, order.key), number.0 - 1);
        let orders = &self.orders;
        self.by_key.insert(hash, position, |order| hash_scoped(orders[order].buyer, orders[order].key));
    }

    fn enrol(&mut self, user: &UserId, hash: u32) -> u32 {
        let buyer = u32::try_from(self.buyers.len()).expect("no more buyers than orders, whose count is a u32");
        self.buyers.push(Buyer { name: self.names.add(user), hash, live: 0, newest: 0 });
        let buyers = &self.buyers;
        self.by_user.insert(spread(hash), buyer, |buyer| spread(buyers[buyer].hash));
        buyer
    }

    /// Pending orders that are dated after `now` are due at `latest` at the latest.
    pub(super) fn bound_deadlines(&mut self, now: Timestamp, latest: Timestamp) {
        if self.is_empty() {
            return;
        }
        let mut has_changed = false;
        for position in 0..self.next_number().0 - 1 {
            let order = &mut self.orders[position];
            let is_too_late = order.pay_by().is_some_and(|pay_by| pay_by > latest);
            if order.status == Status::Pending && order.created_at > now && is_too_late {
                order.deadline = Deadline::of(Some(latest), order.created_at).unwrap_or(order.deadline);
                has_changed = true;
            }
        }
        if has_changed {
            self.deadlines = Deadlines::of(&self.orders);
        }
    }

    /// The pending order with the earliest deadline, and the deadline.
    pub(super) fn next_deadline(&self) -> Option<(Timestamp, OrderNumber)> {
        self.deadlines.next(&self.orders).map(|(pay_by, position)| (pay_by, OrderNumber(position + 1)))
    }

    /// What the buyer has held without paying since they last paid an order. What a wrong clock has dated after `now`
    /// does not count: nobody knows when it ended, and the wait for it would have no bound.
    pub(super) fn unpaid(&self, slot: Slot, now: Timestamp) -> impl Iterator<Item = Holding> {
        let orders = self.orders_from(self.newest(slot)).take(MAX_LOOK_BACK).map(|(_number, order)| order);
        let unpaid = orders.take_while(|order| !order.was_paid()).filter_map(move |order| order.unpaid(now));
        unpaid.filter(move |holding| holding.ended_at <= now)
    }

    /// What the step would do to the units on sale, if the order can take it.
    pub(super) fn effect(&self, change: &OrderChange) -> Result<Units, Discrepancy> {
        let order = self.get(change.number).ok_or(Discrepancy("there is no such order"))?;
        let holder = &self.buyers[order.buyer];
        let is_same = self.name(order.buyer) == change.user.as_str() && order.quantity == change.quantity;
        ensure(is_same, "it is about another order")?;
        ensure(may_follow(order.status, change.status), "the order cannot go from its status to this one")?;
        let (units, live) = match (order.status.is_live(), change.status.is_live()) {
            (true, false) => (Units::Released(order.quantity), holder.live.checked_sub(order.quantity)),
            (false, true) => (Units::TakenAgain(order.quantity), holder.live.checked_add(order.quantity)),
            (true, true) | (false, false) => (Units::Unchanged, Some(holder.live)),
        };
        ensure(live == Some(change.user_live), "the buyer's balance does not follow")?;
        Ok(units)
    }

    /// Moves an order on, after [`OrderBook::effect`] has said that it can. `price` is that of the whole order.
    pub(super) fn settle(&mut self, change: &OrderChange, step: &Step) {
        let order = &mut self.orders[position(change.number).expect("the effect of the step was checked")];
        let before = std::mem::replace(&mut order.status, change.status);
        self.buyers[order.buyer].live = change.user_live;
        match (&change.key, change.status) {
            (Some(payment), _) => order.end = mark_of(step.provider, payment),
            (None, Status::Cancelled) => order.end = held_for(step.at.since(order.created_at)),
            // Which payment it was stays known.
            (None, Status::RefundDue | Status::Refunded) if before != Status::Cancelled => {}
            (None, Status::Pending | Status::Paid | Status::Expired | Status::RefundDue | Status::Refunded) => {
                order.end = End::default();
            }
        }
        self.move_price(change, before, step);
        self.deadlines.drop_met(&self.orders);
    }

    /// Where the price of the order is after the step.
    fn move_price(&mut self, change: &OrderChange, before: Status, step: &Step) {
        let comes = change.status == Status::Paid || change.status == Status::RefundDue && change.key.is_some();
        if comes {
            self.received += i128::from(step.price.minor());
        }
        if change.status == Status::RefundDue && (comes || before == Status::Paid) {
            let returned = self.account(change.number).map_or(Amount::ZERO, Account::returned);
            let owed = step.price.minus(returned).unwrap_or(Amount::ZERO);
            self.debts_mut().owe_price(change.number, step.currency, owed);
        }
    }
}

/// What a step of an order goes with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Step {
    pub(super) at: Timestamp,
    /// Who reported the payment.
    pub(super) provider: Provider,
    /// Of the whole order.
    pub(super) price: Amount,
    pub(super) currency: Currency,
}

/// What a step of an order does to the units on sale.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Units {
    Unchanged,
    Released(u32),
    TakenAgain(u32),
}

fn position(number: OrderNumber) -> Option<u32> {
    number.0.checked_sub(1)
}

/// Half of the hash is kept: two buyers in four billion have the same, and their names tell them apart.
fn hash_name(name: &str) -> u32 {
    (FixedState::with_seed(0).hash_one(name) >> 32) as u32
}

/// Makes a whole hash of the half: a table looks at its highest bits, its lowest and some between.
fn spread(hash: u32) -> u64 {
    u64::from(hash).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

fn hash_scoped(buyer: u32, key: u64) -> u64 {
    FixedState::with_seed(0).hash_one((buyer, key))
}
