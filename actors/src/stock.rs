//! **Job:** the state machine of one item: decides every business question.
//! **Owns:** how many are left, who holds how many, which key made which order.
//! **Never:** reads a clock, draws a number, knows a thread, a message or a database. `now` is an argument; the answer
//! and the entries to append are the result.
//!
//! A decision is a ladder of early refusals in order of precedence; below it only [`Stock::apply`] changes anything.
//! The same `apply` rebuilds the state from the ledger, so "replayed state = live state" holds by construction.

mod book;

use std::sync::Arc;
use std::time::Duration;

use smallvec::smallvec;

use crate::directory::{SaleState, Window};
use crate::entry::{Change, Entries, Entry, Order, OrderChange, Status};
use crate::ids::{IdempotencyKey, ItemNumber, OrderId, OrderNumber, UserId};
use crate::item::{ItemDefinition, MAX_STOCK};
use crate::letters::{Instruction, Reservation, Which};
use crate::reply::Rejection;
use crate::time::Timestamp;

use book::{OrderBook, Slot};

/// Most orders of one buyer and item in one answer: a page, not a dump.
pub const MAX_LISTED_ORDERS: usize = 100;

/// Longest time to pay. Keeps the time to pay of an order in 32 bits of milliseconds.
pub const MAX_PAY_WITHIN: Duration = Duration::from_hours(30 * 24);
const _: () = assert!(MAX_PAY_WITHIN.as_millis() <= u32::MAX as u128);

/// Most units an item can ever have: first stock and all restocks. All counts fit `u32` below it.
pub const MAX_SUPPLY: u32 = 4_000_000_000;
const _: () = assert!(MAX_STOCK <= MAX_SUPPLY);

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

/// An entry does not follow from the state before it: the ledger was damaged or written by something else.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the entry does not follow from the state before it: {0}")]
pub struct Discrepancy(pub &'static str);

fn ensure(holds: bool, what: &'static str) -> Result<(), Discrepancy> {
    if holds { Ok(()) } else { Err(Discrepancy(what)) }
}

/// The state of one item.
#[derive(Debug, Clone, PartialEq)]
pub struct Stock {
    number: ItemNumber,
    definition: Arc<ItemDefinition>,
    supply: u32,
    remaining: u32,
    paused: bool,
    closed: bool,
    latest: Timestamp,
    book: OrderBook,
}

impl Stock {
    /// The state after the item's first entry.
    pub fn create(entry: &Entry) -> Result<Self, Discrepancy> {
        let Change::Item(definition) = &entry.change else {
            return Err(Discrepancy("the first entry of an item must create it"));
        };
        let stock = Self {
            number: entry.item,
            definition: Arc::new(definition.as_ref().clone()),
            supply: definition.stock,
            remaining: definition.stock,
            paused: false,
            closed: false,
            latest: entry.at,
            book: OrderBook::default(),
        };
        stock.check_balances(entry)?;
        Ok(stock)
    }

    /// The entry that creates an item.
    #[must_use]
    pub fn creation(number: ItemNumber, definition: ItemDefinition, now: Timestamp) -> Entry {
        let units = definition.stock;
        Entry { item: number, at: now, change: Change::Item(Box::new(definition)), supply: units, remaining: units }
    }

    /// Decides a purchase.
    pub fn reserve(&mut self, wanted: &Reservation, now: Timestamp) -> Decision {
        let now = now.max(self.latest);
        let slot = self.book.locate(&wanted.user);
        if let Some(number) = wanted.key.as_ref().and_then(|key| self.book.find_key(slot, key)) {
            return self.replay(number, wanted.quantity);
        }
        if let Err(rejection) = self.admits(wanted, slot, now) {
            return Decision::Rejected(rejection);
        }
        // After this point it must succeed.
        let number = self.book.next_number();
        let entries = self.placing(wanted, number, now);
        for entry in &entries {
            self.apply(entry).expect("an entry that was decided from this state follows from it");
        }
        Decision::Placed(self.order(number).expect("it was placed two lines above"), entries)
    }

    /// The order that `key` made, if it made one.
    #[must_use]
    pub fn recall(&self, user: &UserId, quantity: u32, key: &IdempotencyKey) -> Decision {
        match self.book.find_key(self.book.locate(user), key) {
            Some(number) => self.replay(number, quantity),
            None => Decision::Rejected(Rejection::UnknownOrder),
        }
    }

    fn replay(&self, number: OrderNumber, quantity: u32) -> Decision {
        let order = self.order(number).expect("the key table names only orders of the book");
        if order.quantity == quantity { Decision::Replayed(order) } else { Decision::Rejected(Rejection::KeyReused) }
    }

    fn admits(&self, wanted: &Reservation, slot: Slot, now: Timestamp) -> Result<(), Rejection> {
        self.on_sale(now)?;
        if wanted.quantity > self.remaining {
            return Err(Rejection::SoldOut { remaining: self.remaining });
        }
        let (held, limit) = (self.book.live_units(slot), self.definition.per_user_limit);
        if held.saturating_add(wanted.quantity) > limit {
            return Err(Rejection::LimitReached { limit, held });
        }
        self.definition.unit_price.times(wanted.quantity).ok_or(Rejection::AmountOutOfRange)?;
        Ok(())
    }

    fn on_sale(&self, now: Timestamp) -> Result<(), Rejection> {
        let window = Window { opens_at: self.definition.opens_at, closes_at: self.definition.closes_at };
        match window.state(now, self.closed, self.paused) {
            SaleState::Open | SaleState::SoldOut => Ok(()),
            SaleState::Paused => Err(Rejection::SalePaused),
            SaleState::Closed => Err(Rejection::SaleClosed),
            SaleState::Scheduled => Err(Rejection::SaleNotStarted { opens_at: window.opens_at.unwrap_or(now) }),
        }
    }

    fn placing(&self, wanted: &Reservation, number: OrderNumber, now: Timestamp) -> Entries {
        let placed = Entry {
            item: self.number,
            at: now,
            supply: self.supply,
            remaining: self.remaining - wanted.quantity,
            change: Change::Order(OrderChange {
                status: Status::Pending,
                number,
                user: wanted.user.clone(),
                quantity: wanted.quantity,
                unit_price: self.definition.unit_price,
                key: wanted.key.clone(),
                pay_by: wanted.pay_within.map(|pay_within| now.plus(pay_within.min(MAX_PAY_WITHIN))),
                user_live: self.book.live_units(self.book.locate(&wanted.user)) + wanted.quantity,
            }),
        };
        if wanted.pay_within.is_some() {
            return smallvec![placed];
        }
        let paid = settled(&placed, Status::Paid);
        smallvec![placed, paid]
    }

    /// Carries out an instruction of the sale's owner: the entry to append, none if it is so already.
    pub fn instruct(&mut self, instruction: Instruction, now: Timestamp) -> Result<Entries, Rejection> {
        let now = now.max(self.latest);
        let mut supply = self.supply;
        let change = match instruction {
            Instruction::Close if self.closed => return Ok(Entries::new()),
            Instruction::Pause | Instruction::Resume | Instruction::Restock { .. } if self.closed => {
                return Err(Rejection::SaleClosed);
            }
            Instruction::Pause if self.paused => return Ok(Entries::new()),
            Instruction::Resume if !self.paused => return Ok(Entries::new()),
            Instruction::Pause => Change::Paused,
            Instruction::Resume => Change::Resumed,
            Instruction::Close => Change::Closed,
            Instruction::Restock { quantity } => {
                supply = supply
                    .checked_add(quantity)
                    .filter(|supply| *supply <= MAX_SUPPLY)
                    .ok_or(Rejection::AmountOutOfRange)?;
                Change::Restocked { quantity }
            }
        };
        let remaining = self.remaining + (supply - self.supply);
        let entry = Entry { item: self.number, at: now, change, supply, remaining };
        self.apply(&entry).expect("an entry that was decided from this state follows from it");
        Ok(smallvec![entry])
    }

    /// Changes the state as the entry says; an entry that does not follow from the state changes nothing.
    pub fn apply(&mut self, entry: &Entry) -> Result<(), Discrepancy> {
        ensure(entry.item == self.number, "it is about another item")?;
        ensure(entry.at >= self.latest, "it is older than the entry before it")?;
        match &entry.change {
            Change::Item(definition) => {
                ensure(self.book.is_empty(), "an item with orders cannot change")?;
                ensure(definition.id == self.definition.id, "an item cannot change its id")?;
                self.definition = Arc::new(definition.as_ref().clone());
            }
            Change::Order(change) if change.status == Status::Pending => self.place(entry, change)?,
            Change::Order(change) => self.settle(entry, change)?,
            Change::Restocked { quantity } => {
                let supply = self.supply.checked_add(*quantity).ok_or(Discrepancy("the supply is out of range"))?;
                ensure(entry.supply == supply, "the supply is not the one before plus the restock")?;
                self.remaining += quantity;
                self.supply = supply;
            }
            Change::Paused => self.paused = true,
            Change::Resumed => self.paused = false,
            Change::Closed => self.closed = true,
        }
        self.check_balances(entry)?;
        self.latest = entry.at;
        Ok(())
    }

    fn place(&mut self, entry: &Entry, change: &OrderChange) -> Result<(), Discrepancy> {
        ensure(change.number == self.book.next_number(), "the order's number is not the next one")?;
        ensure(change.quantity >= 1 && change.quantity <= self.remaining, "more units than were left")?;
        ensure(entry.remaining == self.remaining - change.quantity, "the balance does not follow")?;
        self.take(change.quantity);
        self.book.place(change, entry.at)
    }

    /// The only place where stock decreases.
    fn take(&mut self, quantity: u32) {
        self.remaining -= quantity;
    }

    fn settle(&mut self, entry: &Entry, change: &OrderChange) -> Result<(), Discrepancy> {
        let released = self.book.settle(change)?;
        ensure(entry.remaining == self.remaining + released, "the balance does not follow")?;
        self.remaining += released;
        Ok(())
    }

    fn check_balances(&self, entry: &Entry) -> Result<(), Discrepancy> {
        ensure(entry.supply == self.supply, "the supply does not follow")?;
        ensure(entry.remaining == self.remaining, "the balance does not follow")?;
        ensure(self.remaining <= self.supply, "more units are left than were ever there")
    }

    /// The orders `user` asks for, the newest first; empty where there is none or it is somebody else's.
    #[must_use]
    pub fn find(&self, user: &UserId, which: Which) -> Vec<Order> {
        let own = |order: &Order| order.user == *user;
        match which {
            Which::One(number) => self.order(number).filter(own).into_iter().collect(),
            Which::All => {
                let numbers = self.book.orders_of(self.book.locate(user)).take(MAX_LISTED_ORDERS);
                numbers.filter_map(|number| self.order(number)).collect()
            }
        }
    }

    /// The order of that number.
    #[must_use]
    pub fn order(&self, number: OrderNumber) -> Option<Order> {
        let record = self.book.get(number)?;
        let unit_price = self.definition.unit_price;
        Some(Order {
            id: OrderId { item: self.number, order: number },
            item: self.definition.id.clone(),
            user: self.book.buyer(record).clone(),
            quantity: record.quantity(),
            unit_price,
            total_price: unit_price.times(record.quantity()).expect("checked when the order was placed"),
            currency: self.definition.currency,
            status: record.status(),
            created_at: record.created_at(),
            pay_by: record.pay_by(),
        })
    }

    /// The number of the item in its data file.
    #[must_use]
    pub fn number(&self) -> ItemNumber {
        self.number
    }

    /// What is sold.
    #[must_use]
    pub fn definition(&self) -> &Arc<ItemDefinition> {
        &self.definition
    }

    /// All units ever put on sale.
    #[must_use]
    pub fn supply(&self) -> u32 {
        self.supply
    }

    /// Units that nobody holds.
    #[must_use]
    pub fn remaining(&self) -> u32 {
        self.remaining
    }

    /// Units in live orders, counted over the buyers and not derived from the balances.
    #[must_use]
    pub fn live(&self) -> u32 {
        self.book.live()
    }

    /// Orders ever placed.
    #[must_use]
    pub fn orders(&self) -> usize {
        self.book.len()
    }

    /// Whether the sale is interrupted.
    #[must_use]
    pub fn is_paused(&self) -> bool {
        self.paused
    }

    /// Whether the sale was ended.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.closed
    }
}

/// The entry in which the order placed by `placed` goes on to `status` at the same moment.
fn settled(placed: &Entry, status: Status) -> Entry {
    let mut entry = placed.clone();
    if let Change::Order(change) = &mut entry.change {
        change.status = status;
        change.key = None;
    }
    entry
}
