//! **Job:** reads what is durable, entry by entry, and says whether it may be so.
//! **Owns:** its own count of units, orders, keys and money, and its own rules: the contract in plain words.
//! **Never:** asks a stock anything, but to compare it with what it has counted itself.

use std::collections::HashSet;
use std::time::Duration;

use doorbuster_actors::entry::{Change, Entry, NO_ITEM, OrderChange, Status, Switch};
use doorbuster_actors::ids::{IdempotencyKey, ItemNumber, OrderNumber, UserId};
use doorbuster_actors::item::{Amount, Currency, ItemDefinition};
use doorbuster_actors::payment::{MoneyBalance, PaymentRecord, Provider, Verdict};
use doorbuster_actors::stock::Stock;
use doorbuster_actors::suspense::Suspense;
use doorbuster_actors::time::Timestamp;

use super::violation::{Outcome, hold};

/// An order, counted from its entries.
#[derive(Debug, Clone)]
pub(crate) struct JudgedOrder {
    pub(crate) user: UserId,
    pub(crate) quantity: u32,
    pub(crate) key: Option<IdempotencyKey>,
    pub(crate) status: Status,
    created_at: Timestamp,
    pay_by: Option<Timestamp>,
    /// Its deadline, earlier than it was where a clock was wrong.
    due: Option<Timestamp>,
    /// How often its units are with the shop more than with the buyer: 0 or 1.
    released: i32,
}

/// An item, counted from its entries.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "switches that the owner sets one by one")]
pub(crate) struct JudgedItem {
    pub(crate) definition: ItemDefinition,
    pub(crate) supply: u32,
    pub(crate) remaining: u32,
    pub(crate) restocked: u64,
    pub(crate) withdrawn: u64,
    pub(crate) orders: Vec<JudgedOrder>,
    paused: bool,
    closed: bool,
    hidden: bool,
    pub(crate) deleted: bool,
    latest: Timestamp,
    received: Received,
}

/// What came, by currency.
type Received = Vec<(Currency, i128)>;

/// Whose money, and which.
pub(crate) type MoneyKey = (ItemNumber, u32, Provider, String);

/// What is durable.
#[derive(Debug, Default)]
pub(crate) struct Judge {
    pub(crate) items: Vec<JudgedItem>,
    pub(crate) seq: u64,
    /// Money of which the ledger knows.
    pub(crate) money: HashSet<MoneyKey>,
    /// Payments that have been counted.
    counted: HashSet<MoneyKey>,
    unmatched: Received,
    /// The ledger was once far ahead of the clock: entries are dated later than they were decided.
    pub(crate) is_misdated: bool,
    /// The clock was set forward, and deadlines wait for those who had one.
    pub(crate) has_grace: bool,
}

fn add(sums: &mut Received, currency: Currency, amount: i128) {
    match sums.iter_mut().find(|(known, _)| *known == currency) {
        Some((_, sum)) => *sum += amount,
        None => sums.push((currency, amount)),
    }
}

/// Whether an order may go from one status to the other in one step.
fn may_follow(from: Status, to: Status) -> bool {
    match from {
        Status::Pending => matches!(to, Status::Paid | Status::Cancelled | Status::Expired),
        Status::Cancelled | Status::Expired => matches!(to, Status::Paid | Status::RefundDue),
        Status::Paid => matches!(to, Status::RefundDue | Status::Refunded),
        Status::RefundDue => to == Status::Refunded,
        Status::Refunded => false,
    }
}

impl JudgedItem {
    fn create(entry: &Entry, definition: &ItemDefinition) -> Self {
        let (supply, remaining) = (definition.stock, definition.stock);
        let (paused, closed, hidden, deleted) = (false, false, false, false);
        Self {
            definition: definition.clone(),
            supply,
            remaining,
            restocked: 0,
            withdrawn: 0,
            orders: Vec::new(),
            paused,
            closed,
            hidden,
            deleted,
            latest: entry.at,
            received: Vec::new(),
        }
    }

    pub(crate) fn live(&self) -> u32 {
        self.orders.iter().filter(|order| order.status.is_live()).map(|order| order.quantity).sum()
    }

    fn live_of(&self, user: &UserId) -> u32 {
        let own = self.orders.iter().filter(|order| order.status.is_live() && order.user == *user);
        own.map(|order| order.quantity).sum()
    }

    fn is_open(&self, at: Timestamp) -> bool {
        let ItemDefinition { opens_at, closes_at, .. } = &self.definition;
        let has_opened = opens_at.is_none_or(|opens_at| opens_at <= at);
        let has_closed = self.closed || closes_at.is_some_and(|closes_at| closes_at <= at);
        has_opened && !has_closed && !self.paused && !self.hidden && !self.deleted
    }

    fn place(&mut self, change: &OrderChange, at: Timestamp, is_misdated: bool) -> Outcome {
        let OrderChange { user, quantity, key, pay_by, .. } = change;
        hold(is_misdated || self.is_open(at), "I12", || format!("{change:?} at {at}, when it is not on sale"))?;
        let is_new = key.is_none() || self.orders.iter().all(|known| known.key != *key || known.user != *user);
        hold(is_new, "I4", || format!("a second order of {user} with the key {key:?}"))?;
        let is_next = change.number.0 as usize == self.orders.len() + 1;
        hold(is_next, "I7", || format!("order {} does not come next", change.number.0))?;
        self.take(user, *quantity)?;
        self.orders.push(JudgedOrder {
            user: user.clone(),
            quantity: *quantity,
            key: key.clone(),
            status: Status::Pending,
            created_at: at,
            pay_by: *pay_by,
            due: *pay_by,
            released: 0,
        });
        Ok(())
    }

    fn take(&mut self, user: &UserId, quantity: u32) -> Outcome {
        let (left, limit) = (self.remaining, self.definition.per_user_limit);
        hold(0 < quantity && quantity <= left, "I1", || format!("{quantity} sold to {user}, {left} were left"))?;
        let held = self.live_of(user);
        hold(held + quantity <= limit, "I3", || format!("{user} holds {held} of {limit} and gets {quantity}"))?;
        self.remaining -= quantity;
        Ok(())
    }

    fn step(&mut self, change: &OrderChange, at: Timestamp, is_lenient: bool) -> Outcome {
        let index = (change.number.0 as usize).wrapping_sub(1);
        let order = self.orders.get(index).cloned();
        hold(order.is_some(), "I7", || format!("a step of order {}, which there is not", change.number.0))?;
        let Some(mut order) = order else { return Ok(()) };
        let (from, to) = (order.status, change.status);
        hold(may_follow(from, to), "I7", || format!("order {} goes from {from:?} to {to:?}", change.number.0))?;
        let is_due = to != Status::Expired || order.due.is_some_and(|due| due <= at);
        hold(is_due, "I7", || format!("order {} expires at {at}, before {:?}", change.number.0, order.due))?;
        let is_over = from == Status::Pending && to != Status::Expired && order.due.is_some_and(|due| due <= at);
        hold(is_lenient || !is_over, "I7", || {
            format!("order {} is {to:?} at {at}, after {:?}", change.number.0, order.due)
        })?;
        match (from.is_live(), to.is_live()) {
            (true, false) => {
                order.released += 1;
                self.remaining += order.quantity;
            }
            (false, true) => {
                order.released -= 1;
                self.take(&order.user, order.quantity)?;
            }
            (true, true) | (false, false) => {}
        }
        let is_once = (0..=1).contains(&order.released);
        hold(is_once, "I8", || format!("units of order {} were released {} times", change.number.0, order.released))?;
        if to == Status::Paid || to == Status::RefundDue && change.key.is_some() {
            let price = self.definition.unit_price.minor() * i64::from(order.quantity);
            add(&mut self.received, self.definition.currency, price.into());
        }
        order.status = to;
        self.orders[index] = order;
        Ok(())
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

    /// Nobody who ordered when the clock was ahead has longer to pay than somebody who orders now.
    pub(crate) fn bound(&mut self, now: Timestamp, pay_within: Option<Duration>) {
        let (Some(pay_within), true) = (pay_within, self.latest > now) else { return };
        let latest = now.plus(pay_within);
        for order in self.orders.iter_mut().filter(|order| order.status == Status::Pending) {
            if order.created_at > now && order.due.is_some_and(|due| due > latest) {
                order.due = Some(latest);
            }
        }
    }

    fn agrees(&self, stock: &Stock) -> Outcome {
        let (name, balance) = (&self.definition.id, stock.balance());
        let counted = (self.supply, self.remaining, self.live());
        let stands = (balance.supply, balance.remaining, balance.live);
        hold(balance.holds() && stands == counted, "I6", || format!("{name}: {counted:?} durable, {stands:?} live"))?;
        hold(stock.orders() == self.orders.len(), "I2", || format!("{name} has {} orders", stock.orders()))?;
        for (judged, number) in self.orders.iter().zip(1..) {
            let order = stock.order(OrderNumber(number));
            let is_same = order.as_ref().is_some_and(|order| {
                (&order.user, order.quantity, order.status) == (&judged.user, judged.quantity, judged.status)
                    && (order.created_at, order.pay_by) == (judged.created_at, judged.due)
            });
            hold(is_same, "I2", || format!("{name}: {judged:?} is durable, {order:?} is found"))?;
        }
        let pending = self.orders.iter().filter(|order| order.status == Status::Pending);
        let (next, due) = (stock.next_deadline(), pending.filter_map(|order| order.due).min());
        hold(next == due, "I7", || format!("{name}: {next:?} is waited for, and {due:?} is the next deadline"))?;
        agree_on_money(&self.received, &stock.money())
    }
}

fn agree_on_money(received: &Received, money: &[MoneyBalance]) -> Outcome {
    let adds_up = money.iter().all(MoneyBalance::holds);
    hold(adds_up, "money", || format!("received = applied + owed + settled does not hold: {money:?}"))?;
    let came = received.iter().filter(|(_, sum)| *sum != 0);
    let is_told = |(currency, sum): &(Currency, i128)| {
        money.iter().any(|balance| balance.currency == *currency && balance.received == *sum)
    };
    let is_same = came.clone().count() == money.len() && came.clone().all(is_told);
    hold(is_same, "money", || format!("{received:?} came, the books say {money:?}"))
}

impl Judge {
    /// Takes in the next durable entry.
    pub(crate) fn follow(&mut self, entry: &Entry) -> Outcome {
        self.seq += 1;
        self.note_money(entry)?;
        if entry.item == NO_ITEM {
            if let Change::Payment(record) = &entry.change {
                add(&mut self.unmatched, record.payment.currency, record.owed.minor().into());
            }
            return Ok(());
        }
        let index = entry.item.ordinal() as usize - 1;
        if let Change::Item(definition) = &entry.change
            && index == self.items.len()
        {
            self.items.push(JudgedItem::create(entry, definition));
        }
        let (is_misdated, seq) = (self.is_misdated, self.seq);
        let is_lenient = is_misdated || self.has_grace;
        let item = &mut self.items[index];
        hold(entry.at >= item.latest, "I12", || format!("entry {seq} is older than the one before it"))?;
        item.latest = entry.at;
        match &entry.change {
            Change::Item(definition) => item.definition = definition.as_ref().clone(),
            Change::Order(change) => {
                if change.status == Status::Pending {
                    item.place(change, entry.at, is_misdated)?;
                } else {
                    item.step(change, entry.at, is_lenient)?;
                }
                let held = item.live_of(&change.user);
                hold(held == change.user_live, "I3", || format!("{change:?}, counted {held}"))?;
            }
            Change::Payment(record) => add(&mut item.received, record.payment.currency, record.owed.minor().into()),
            Change::Restocked { quantity } => {
                item.restocked += u64::from(*quantity);
                (item.supply, item.remaining) = (item.supply + quantity, item.remaining + quantity);
            }
            Change::Withdrawn { quantity } => {
                hold(*quantity <= item.remaining, "I1", || format!("{quantity} withdrawn of {}", item.remaining))?;
                item.withdrawn += u64::from(*quantity);
                (item.supply, item.remaining) = (item.supply - quantity, item.remaining - quantity);
            }
            Change::Switched(switch) => item.turn(*switch),
            Change::Settled(_) => {}
        }
        let (told, counted) = ((entry.supply, entry.remaining), (item.supply, item.remaining));
        hold(told == counted, "I6", || format!("entry {seq} says {told:?} of supply and rest, counted {counted:?}"))?;
        let live = item.live();
        hold(item.remaining + live == item.supply, "I6", || format!("entry {seq}: {live} live, {counted:?}"))
    }

    fn note_money(&mut self, entry: &Entry) -> Outcome {
        let event = entry.origin.as_ref().and_then(|origin| origin.event.as_ref());
        let (order, provider, reference, counts) = match &entry.change {
            Change::Order(OrderChange { status: Status::Paid | Status::RefundDue, number, key: Some(key), .. }) => {
                (number.0, event.map_or(Provider::Own, |(provider, _)| *provider), key, true)
            }
            Change::Payment(record) => {
                let PaymentRecord { order, payment, verdict, .. } = record.as_ref();
                // What is over the price comes with the entry of the price.
                let counts = payment.is_paid() && payment.amount > Amount::ZERO && *verdict != Verdict::Over;
                (order.map_or(0, |order| order.0), payment.provider, &payment.reference, counts)
            }
            Change::Order(_)
            | Change::Item(_)
            | Change::Settled(_)
            | Change::Restocked { .. }
            | Change::Withdrawn { .. }
            | Change::Switched(_) => return Ok(()),
        };
        let money = (entry.item, order, provider, reference.as_str().to_owned());
        let is_new = !counts || self.counted.insert(money.clone());
        hold(is_new, "money", || format!("{money:?} is counted twice"))?;
        self.money.insert(money);
        Ok(())
    }

    /// Deadlines are those of the entries again, as after every fold.
    pub(crate) fn unbind(&mut self, item: usize) {
        for order in &mut self.items[item].orders {
            order.due = order.pay_by;
        }
    }

    /// Whether a state is the one that was counted.
    pub(crate) fn agrees(&self, stocks: &[Stock], suspense: &Suspense) -> Outcome {
        hold(stocks.len() == self.items.len(), "I2", || format!("{} items are found", stocks.len()))?;
        for (item, stock) in self.items.iter().zip(stocks) {
            item.agrees(stock)?;
        }
        agree_on_money(&self.unmatched, &suspense.money())
    }
}
