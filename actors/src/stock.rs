//! **Job:** the state machine of one item: decides every business question.
//! **Owns:** how many are left, who holds how many, which key made which order.
//! **Never:** reads a clock, draws a number, knows a thread, a message or a database. `now` is an argument; the answer
//! and the entries to append are the result.
//!
//! A decision is a ladder of early refusals in order of precedence; below it only [`Stock::apply`] changes anything.
//! The same `apply` rebuilds the state from the ledger, so "replayed state = live state" holds by construction.
//!
//! | file | decides |
//! |---|---|
//! | `stock/reserve.rs` | purchases and their replays |
//! | `stock/payment.rs` | what a payment or a refund means |
//! | `stock/settle.rs` | cancellation, expiry, and each step of an order |
//! | `stock/holding.rs` | how long a buyer waits who holds units without paying |
//! | `stock/control.rs` | what the owner of the sale may change, and take back |
//! | `stock/follow.rs` | nothing: what an entry does to the state |
//! | `stock/money.rs` | nothing: where the money is |
//! | `stock/book.rs` and what it is made of | nothing: the orders and buyers, in little memory |

mod book;
mod chunked_vec;
mod control;
mod deadlines;
mod follow;
mod holding;
mod index_table;
mod money;
mod payment;
mod record;
mod reserve;
mod settle;
mod string_arena;

use std::sync::Arc;
use std::time::Duration;

use crate::debts::Debts;
use crate::entry::{Balance, Change, Entry, Order};
use crate::ids::{ItemNumber, OrderId, OrderNumber, UserId};
use crate::item::{ItemDefinition, MAX_STOCK, Window};
use crate::payment::Owed;
use crate::request::{Query, Rejection};
use crate::time::{MAX_AHEAD, MAX_LEAD, Moment, Timestamp};

use book::LazyBook;
use record::Record;

pub use payment::Received;
pub use reserve::Decision;
pub use settle::Settled;

/// Most orders of one item in one answer: a page, not a dump.
pub const MAX_LISTED_ORDERS: usize = 100;

/// Longest time to pay. Keeps the time to pay of an order in 32 bits of milliseconds.
pub const MAX_PAY_WITHIN: Duration = Duration::from_hours(30 * 24);

/// A deadline is kept as its distance from the date of its order, which may be ahead of server time.
const _: () = assert!(MAX_PAY_WITHIN.as_millis() + MAX_AHEAD.as_millis() < u32::MAX as u128);

/// Most units an item can ever have: first stock and all restocks. All counts fit `u32` below it.
pub const MAX_SUPPLY: u32 = 4_000_000_000;
const _: () = assert!(MAX_STOCK <= MAX_SUPPLY);

/// What happens to a payment that comes after its order was cancelled or has expired.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LatePayment {
    /// The money goes back.
    Refund,
    /// The units are taken again if they are left and the buyer may hold them, else the money goes back.
    Honour,
}

/// The policy of a sale: what the owner decided once for all items.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SalePolicy {
    /// Time to pay; absent: orders need no payment and are paid at once.
    pub pay_within: Option<Duration>,
    /// What happens to late payments.
    pub late: LatePayment,
    /// First cool-down of a buyer who repeatedly holds units without paying; doubles each time; zero: none.
    pub cool_down: Duration,
}

/// An entry does not follow from the state before it: the ledger was damaged or written by something else.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the entry does not follow from the state before it: {0}")]
pub struct Discrepancy(pub &'static str);

fn ensure(holds: bool, what: &'static str) -> Result<(), Discrepancy> {
    if holds { Ok(()) } else { Err(Discrepancy(what)) }
}

/// What a decision goes by.
#[derive(Debug, Clone, Copy)]
struct Times {
    /// Windows and new deadlines: server time.
    now: Timestamp,
    /// Deadlines up to here have passed.
    due: Timestamp,
    /// The date of its entries: never before the entry before it.
    at: Timestamp,
}

/// Why an entry of our own cannot be refused.
const FOLLOWS: &str = "an entry that was decided from this state follows from it";

/// The state of one item.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "switches that the owner sets one by one")]
pub struct Stock {
    number: ItemNumber,
    definition: Arc<ItemDefinition>,
    supply: u32,
    remaining: u32,
    paused: bool,
    closed: bool,
    hidden: bool,
    deleted: bool,
    latest: Timestamp,
    book: LazyBook,
}

impl Stock {
    /// The entry that creates an item.
    #[must_use]
    pub fn creation(number: ItemNumber, definition: ItemDefinition, now: Timestamp) -> Entry {
        let units = definition.stock;
        let change = Change::Item(Box::new(definition));
        Entry { item: number, at: now, change, supply: units, remaining: units, origin: None }
    }

    /// The state after the item's first entry.
    pub fn create(entry: &Entry) -> Result<Self, Discrepancy> {
        let Change::Item(definition) = &entry.change else {
            return Err(Discrepancy("the first entry of an item must create it"));
        };
        let units = definition.stock;
        ensure((entry.supply, entry.remaining) == (units, units), "a new item has all its units")?;
        Ok(Self {
            number: entry.item,
            definition: Arc::new(definition.as_ref().clone()),
            supply: units,
            remaining: units,
            paused: false,
            closed: false,
            hidden: false,
            deleted: false,
            latest: entry.at,
            book: LazyBook::default(),
        })
    }

    /// An item does not go back in time, unless its last entry was dated by a wrong clock: then server time decides
    /// until it is past that entry. It would leap otherwise once the entry is near.
    fn times(&self, Moment { now, due, ledger_is_ahead }: Moment) -> Times {
        let late = now.since(due);
        let is_misdated = ledger_is_ahead || self.latest.since(now) > MAX_LEAD;
        let now = if is_misdated { now } else { now.max(self.latest) };
        Times { now, due: now.minus(late), at: now.max(self.latest) }
    }

    /// At a start: nobody who ordered when the clock was ahead has longer to pay than somebody who orders now.
    pub fn bound_deadlines(&mut self, now: Timestamp, pay_within: Option<Duration>) {
        if let Some(pay_within) = pay_within.filter(|_| self.latest > now) {
            self.book.bound_deadlines(now, now.plus(pay_within));
        }
    }

    fn on_sale(&self, now: Timestamp) -> Result<(), Rejection> {
        if self.hidden || self.deleted {
            return Err(Rejection::UnknownItem);
        }
        self.window().state(now, self.closed, self.paused).check_open(self.definition.opens_at, now)
    }

    fn window(&self) -> Window {
        Window { opens_at: self.definition.opens_at, closes_at: self.definition.closes_at }
    }

    /// The orders asked for; those of somebody else are not there.
    #[must_use]
    pub fn find(&self, query: &Query) -> Vec<Order> {
        match query {
            Query::Own { user, number } => {
                self.order(*number).filter(|order| order.user == *user).into_iter().collect()
            }
            Query::AllOf { user } => {
                let numbers = self.book.orders_of(self.book.locate(user)).take(MAX_LISTED_ORDERS);
                numbers.filter_map(|number| self.order(number)).collect()
            }
            Query::PageOf { user, after, limit, status } => {
                let newer = self.book.orders_of(self.book.locate(user)).take_while(|number| number > after);
                let mut orders: Vec<_> = newer.filter_map(|number| self.order(number)).collect();
                orders.reverse();
                orders.retain(|order| status.is_none_or(|status| order.status == status));
                orders.truncate(*limit);
                orders
            }
            Query::Page { after, limit, status } => {
                let first = after.0.saturating_add(1);
                let numbers = (first..=u32::MAX).map(OrderNumber);
                let records = numbers.map_while(|number| Some((number, self.book.get(number)?)));
                let wanted = records.filter(|(_number, record)| status.is_none_or(|status| record.status == status));
                let order = |(number, record)| self.describe(number, record, self.book.buyer(record));
                wanted.take(*limit).map(order).collect()
            }
        }
    }

    /// Whether anybody has ordered it.
    #[must_use]
    pub fn has_orders(&self) -> bool {
        !self.book.is_empty()
    }

    /// The order of that number.
    #[must_use]
    pub fn order(&self, number: OrderNumber) -> Option<Order> {
        let record = self.book.get(number)?;
        Some(self.describe(number, record, self.book.buyer(record)))
    }

    fn describe(&self, number: OrderNumber, record: &Record, user: UserId) -> Order {
        let unit_price = self.definition.unit_price;
        Order {
            id: OrderId { item: self.number, order: number },
            item: self.definition.id.clone(),
            user,
            quantity: record.quantity,
            unit_price,
            total_price: unit_price.times(record.quantity).expect("checked when the order was placed"),
            currency: self.definition.currency,
            status: record.status,
            created_at: record.created_at,
            pay_by: record.pay_by(),
            owed: self.owed_of(number),
        }
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

    /// What is left, and who has the rest. Counts over all buyers: for audits, not for every purchase.
    #[must_use]
    pub fn balance(&self) -> Balance {
        Balance { supply: self.supply, remaining: self.remaining, live: self.book.live() }
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

    /// Money that has to go back.
    #[must_use]
    pub fn owed(&self) -> Vec<Owed> {
        self.book.debts().map(Debts::owed).unwrap_or_default()
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

    /// Whether its sale has ended, by hand or by its window.
    #[must_use]
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.closed || self.definition.closes_at.is_some_and(|closes_at| now >= closes_at)
    }

    /// Whether buyers do not see it.
    #[must_use]
    pub fn is_hidden(&self) -> bool {
        self.hidden
    }

    /// Whether it is gone for good.
    #[must_use]
    pub fn is_deleted(&self) -> bool {
        self.deleted
    }

    /// The earliest deadline of a pending order.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Timestamp> {
        self.book.next_deadline().map(|(pay_by, _order)| pay_by)
    }
}
