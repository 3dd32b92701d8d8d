//! **Job:** an item without cleverness: what a stock should answer, found by counting.
//! **Owns:** the rules of the contract in plain words.
//! **Never:** shares a line with the stock that it checks.

use std::cell::Cell;
use std::collections::HashMap;
use std::time::Duration;

use doorbuster_actors::entry::{Order, Status};
use doorbuster_actors::ids::{ItemNumber, OrderId, OrderNumber};
use doorbuster_actors::item::{Amount, ItemDefinition};
use doorbuster_actors::payment::{Owed, PaymentResult, Verdict};
use doorbuster_actors::request::{Control, Rejection};
use doorbuster_actors::stock::{Decision, LatePayment, SalePolicy};

use super::{moment, user};

/// The one item.
pub(crate) const ITEM: ItemNumber = ItemNumber(1);

/// Its buyers. The model knows them by their place here.
pub(crate) const NAMES: [&str; 4] = ["alice", "bob", "carol", "dave"];

/// What is true of an order, in plain words.
#[derive(Debug, Clone)]
pub(crate) struct ModelOrder {
    pub(crate) name: usize,
    pub(crate) quantity: u32,
    pub(crate) at: i64,
    pub(crate) pay_by: Option<i64>,
    pub(crate) status: Status,
    pub(crate) paid_by: Option<usize>,
    /// Payments that came beside the price, and how much.
    pub(crate) debts: Vec<(usize, i64)>,
    /// Events that said that a payment failed.
    pub(crate) failed: Vec<usize>,
    /// When it was cancelled.
    pub(crate) cancelled: Option<i64>,
}

/// What is true of an item, in plain words: every question is answered by counting.
pub(crate) struct Model {
    pub(crate) definition: ItemDefinition,
    pub(crate) policy: SalePolicy,
    pub(crate) orders: Vec<ModelOrder>,
    pub(crate) keys: HashMap<(usize, usize), usize>,
    pub(crate) restocked: u32,
    pub(crate) withdrawn: u32,
    pub(crate) paused: bool,
    pub(crate) closed: bool,
    pub(crate) hidden: bool,
    /// Server time of the item: does not go back.
    pub(crate) now: i64,
    /// How often a buyer was told to wait who had let no order expire.
    pub(crate) slowed_by_cancels: Cell<u32>,
}

/// The contract's longest time to pay.
const THIRTY_DAYS_MS: u64 = 30 * 24 * 3600 * 1000;

/// Which order went to which status, in order.
pub(crate) type Moves = Vec<(usize, Status)>;

impl Model {
    pub(crate) fn new(definition: ItemDefinition, policy: SalePolicy) -> Self {
        let (orders, keys, slowed_by_cancels) = (Vec::new(), HashMap::new(), Cell::default());
        let (restocked, withdrawn, paused, closed, hidden, now) = (0, 0, false, false, false, 0);
        Self { definition, policy, orders, keys, restocked, withdrawn, paused, closed, hidden, now, slowed_by_cancels }
    }

    pub(crate) fn supply(&self) -> u32 {
        self.definition.stock + self.restocked - self.withdrawn
    }

    pub(crate) fn live_of(&self, name: Option<usize>) -> u32 {
        let counts = |order: &&ModelOrder| order.status.is_live() && name.is_none_or(|name| name == order.name);
        self.orders.iter().filter(counts).map(|order| order.quantity).sum()
    }

    pub(crate) fn remaining(&self) -> u32 {
        self.supply() - self.live_of(None)
    }

    pub(crate) fn order(&self, index: usize) -> Order {
        let order = &self.orders[index];
        let unit_price = self.definition.unit_price;
        Order {
            id: OrderId { item: ITEM, order: number(index) },
            item: self.definition.id.clone(),
            user: user(NAMES[order.name]),
            quantity: order.quantity,
            unit_price,
            total_price: Amount::new(unit_price.minor() * i64::from(order.quantity)).expect("small numbers"),
            currency: self.definition.currency,
            status: order.status,
            created_at: moment(order.at),
            pay_by: order.pay_by.map(moment),
            owed: self.owed(order),
        }
    }

    fn price(&self, order: &ModelOrder) -> i64 {
        self.definition.unit_price.minor() * i64::from(order.quantity)
    }

    fn owed(&self, order: &ModelOrder) -> Vec<Owed> {
        let price = if order.status == Status::RefundDue && order.paid_by.is_some() { self.price(order) } else { 0 };
        let owed = price + order.debts.iter().map(|(_, amount)| amount).sum::<i64>();
        let owed = Amount::new(owed).filter(|owed| *owed > Amount::ZERO);
        owed.map(|amount| Owed { amount, currency: self.definition.currency }).into_iter().collect()
    }

    /// What all orders together have to give back.
    pub(crate) fn owed_in_all(&self) -> i64 {
        self.orders.iter().flat_map(|order| self.owed(order)).map(|owed| owed.amount.minor()).sum()
    }

    /// Replay, then window and pause, then sold out, then cool-down, then the limit.
    fn refusal(&self, name: usize, quantity: u32) -> Option<Rejection> {
        let now = moment(self.now);
        if self.hidden {
            return Some(Rejection::UnknownItem);
        }
        if self.closed || self.definition.closes_at.is_some_and(|closes_at| closes_at <= now) {
            return Some(Rejection::SaleClosed);
        }
        if let Some(opens_at) = self.definition.opens_at.filter(|opens_at| now < *opens_at) {
            return Some(Rejection::SaleNotStarted { opens_at, retry_after: opens_at.since(now) });
        }
        if self.paused {
            return Some(Rejection::SalePaused);
        }
        let remaining = self.remaining();
        if remaining < quantity {
            return Some(Rejection::SoldOut { remaining });
        }
        if let Some(retry_after) = self.cool_down_left(name) {
            return Some(Rejection::CoolingDown { retry_after });
        }
        let (held, limit) = (self.live_of(Some(name)), self.definition.per_user_limit);
        (limit < held + quantity).then_some(Rejection::LimitReached { limit, held })
    }

    /// When an order ended unpaid, and for how many 64ths of its time to pay it was held: each begun one, all from the
    /// 48th on.
    fn unpaid(&self, order: &ModelOrder) -> Option<(i64, i64)> {
        let pay_by = order.pay_by?;
        let expired = order.status == Status::Expired || (order.status == Status::Pending && pay_by <= self.now);
        if expired {
            return Some((pay_by, 64));
        }
        let cancelled = order.cancelled.filter(|_cancelled| order.status == Status::Cancelled)?;
        let (held, time) = (cancelled - order.at, pay_by - order.at);
        let begun = (1..=64).find(|parts| held * 64 <= parts * time).unwrap_or(64);
        Some((cancelled, if begun >= 48 { 64 } else { begun }))
    }

    /// Two whole times to pay held since the last payment: the cool-down, from the moment the last whole one was full;
    /// with each further one: twice as long.
    fn cool_down_left(&self, name: usize) -> Option<Duration> {
        let own = self.orders.iter().rev().filter(|order| order.name == name);
        let row = own.take_while(|order| !matches!(order.status, Status::Paid | Status::RefundDue | Status::Refunded));
        let row: Vec<&ModelOrder> = row.collect();
        let has_expired = row.iter().any(|order| order.status != Status::Cancelled);
        let mut row: Vec<(i64, i64)> = row.into_iter().filter_map(|order| self.unpaid(order)).collect();
        row.sort_unstable();
        let (mut parts, mut wholes, mut full_at) = (0, 0, 0);
        for (ended, more) in row {
            parts += more;
            if parts / 64 > wholes {
                (wholes, full_at) = (parts / 64, ended);
            }
        }
        let wait = (2..wholes).fold(self.policy.cool_down, |wait, _whole| wait * 2);
        let left = full_at + i64::try_from(wait.as_millis()).expect("short") - self.now;
        if wholes < 2 || wait.is_zero() || left <= 0 {
            return None;
        }
        self.slowed_by_cancels.update(|injected_delay| injected_delay + u32::from(!has_expired));
        Some(Duration::from_millis(left.unsigned_abs()))
    }

    /// What the stock should answer. `None`: a new order, which is the last one then.
    pub(crate) fn reserve(&mut self, name: usize, key: Option<usize>, quantity: u32) -> Option<Decision> {
        if let Some(&index) = key.and_then(|key| self.keys.get(&(name, key))) {
            return Some(if self.orders[index].quantity == quantity {
                Decision::Replayed(self.order(index))
            } else {
                Decision::Rejected(Rejection::KeyReused)
            });
        }
        if let Some(rejection) = self.refusal(name, quantity) {
            return Some(Decision::Rejected(rejection));
        }
        if let Some(key) = key {
            self.keys.insert((name, key), self.orders.len());
        }
        let pay_within = self.policy.pay_within.map(|time| time.as_millis().min(u128::from(THIRTY_DAYS_MS)));
        let pay_by = pay_within.map(|millis| self.now + i64::try_from(millis).expect("at most thirty days"));
        let status = if pay_by.is_some() { Status::Pending } else { Status::Paid };
        let (at, paid_by, cancelled, debts, failed) = (self.now, None, None, Vec::new(), Vec::new());
        self.orders.push(ModelOrder { name, quantity, at, pay_by, status, paid_by, debts, failed, cancelled });
        None
    }

    /// Whether the change is carried out, and whether that is something new.
    pub(crate) fn control(&mut self, control: &Control) -> Result<bool, Rejection> {
        let state = |model: &Self| (model.paused, model.closed, model.hidden, model.restocked, model.withdrawn);
        let before = state(self);
        match control {
            Control::Close => self.closed = true,
            Control::Reopen => self.closed = false,
            Control::Hide => self.hidden = true,
            Control::Show => self.hidden = false,
            Control::Withdraw { quantity } if *quantity > self.remaining() => {
                return Err(Rejection::NotEnoughLeft { remaining: self.remaining() });
            }
            Control::Withdraw { quantity } => self.withdrawn += quantity,
            Control::Redefine(_) | Control::Delete => unreachable!("not part of these histories"),
            Control::Pause | Control::Resume | Control::Restock { .. } if self.closed => {
                return Err(Rejection::SaleClosed);
            }
            Control::Pause => self.paused = true,
            Control::Resume => self.paused = false,
            Control::Restock { quantity } => self.restocked += quantity,
        }
        Ok(before != state(self))
    }

    fn is_overdue(&self, index: usize) -> bool {
        let order = &self.orders[index];
        order.status == Status::Pending && order.pay_by.is_some_and(|pay_by| pay_by <= self.now)
    }

    fn go(&mut self, index: usize, status: Status, moves: &mut Moves) {
        self.orders[index].status = status;
        if status == Status::Cancelled {
            self.orders[index].cancelled = Some(self.now);
        }
        moves.push((index, status));
    }

    /// An order ends unpaid; money that came for it all the same has to go back.
    fn end(&mut self, index: usize, status: Status, moves: &mut Moves) {
        self.go(index, status, moves);
        if !self.orders[index].debts.is_empty() {
            self.go(index, Status::RefundDue, moves);
        }
    }

    pub(crate) fn pay(
        &mut self,
        index: usize,
        event: usize,
        result: PaymentResult,
        amount: i64,
    ) -> (Result<(Verdict, Order), Rejection>, Moves) {
        let mut moves = Moves::new();
        if index >= self.orders.len() {
            return (Err(Rejection::UnknownOrder), moves);
        }
        let verdict = self.verdict(index, event, result, amount, &mut moves);
        (Ok((verdict, self.order(index))), moves)
    }

    fn verdict(
        &mut self,
        index: usize,
        event: usize,
        result: PaymentResult,
        amount: i64,
        moves: &mut Moves,
    ) -> Verdict {
        if result == PaymentResult::Failed {
            let failed = &mut self.orders[index].failed;
            if failed.contains(&event) {
                return Verdict::Duplicate;
            }
            failed.push(event);
            return Verdict::Failed;
        }
        let is_known = self.orders[index].debts.iter().any(|(known, _)| *known == event);
        if is_known || self.orders[index].paid_by == Some(event) {
            return Verdict::Duplicate;
        }
        if self.is_overdue(index) {
            self.end(index, Status::Expired, moves);
        }
        self.verdict_on_money(index, event, amount, moves)
    }

    fn verdict_on_money(&mut self, index: usize, event: usize, amount: i64, moves: &mut Moves) -> Verdict {
        let ModelOrder { name, quantity, status, .. } = self.orders[index];
        let (price, may_hold) = (
            self.price(&self.orders[index]),
            self.live_of(Some(name)) + quantity <= self.definition.per_user_limit && quantity <= self.remaining(),
        );
        let is_honoured = self.policy.late == LatePayment::Honour && may_hold;
        match status {
            Status::Pending if amount >= price => self.take(index, event, Status::Paid, moves),
            Status::Cancelled | Status::Expired if amount >= price && is_honoured => {
                self.take(index, event, Status::Paid, moves);
            }
            Status::Cancelled | Status::Expired if amount == price => {
                self.take(index, event, Status::RefundDue, moves);
                return Verdict::Late;
            }
            Status::Pending => {
                self.orders[index].debts.push((event, amount));
                return Verdict::Short;
            }
            Status::Paid | Status::RefundDue | Status::Refunded | Status::Cancelled | Status::Expired => {
                self.orders[index].debts.push((event, amount));
                if matches!(status, Status::Cancelled | Status::Expired) {
                    self.go(index, Status::RefundDue, moves);
                }
                return if status == Status::Paid { Verdict::SecondPayment } else { Verdict::Late };
            }
        }
        if amount == price {
            return Verdict::Applied;
        }
        self.orders[index].debts.push((event, amount - price));
        Verdict::Over
    }

    fn take(&mut self, index: usize, event: usize, status: Status, moves: &mut Moves) {
        self.orders[index].paid_by = Some(event);
        self.go(index, status, moves);
    }

    pub(crate) fn cancel(&mut self, index: usize, name: usize) -> (Result<Order, Rejection>, Moves) {
        let mut moves = Moves::new();
        if self.orders.get(index).is_none_or(|order| order.name != name) {
            return (Err(Rejection::UnknownOrder), moves);
        }
        if self.is_overdue(index) {
            self.end(index, Status::Expired, &mut moves);
        }
        let status = self.orders[index].status;
        if status != Status::Pending {
            return (Err(Rejection::InvalidTransition { status }), moves);
        }
        self.end(index, Status::Cancelled, &mut moves);
        (Ok(self.order(index)), moves)
    }

    /// The earliest deadlines first.
    pub(crate) fn expire(&mut self, most: usize) -> Moves {
        let mut overdue: Vec<usize> = (0..self.orders.len()).filter(|index| self.is_overdue(*index)).collect();
        overdue.sort_by_key(|index| (self.orders[*index].pay_by, *index));
        let mut moves = Moves::new();
        for index in overdue {
            // What follows from one expiry counts, too.
            if moves.len() < most {
                self.end(index, Status::Expired, &mut moves);
            }
        }
        moves
    }
}

pub(crate) fn number(index: usize) -> OrderNumber {
    OrderNumber(u32::try_from(index + 1).expect("short histories"))
}
