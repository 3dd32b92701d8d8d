//! **Job:** one item with its account book, driven without a clock, a thread or a file.
//! **Owns:** every entry that was decided, and the check after every step that they add up.
//! **Never:** says what should have been decided: the tests do.

use std::time::Duration;

use doorbuster_actors::entry::{Change, Entry, Order, Status};
use doorbuster_actors::ids::{IdempotencyKey, ItemNumber, OrderNumber, UserId};
use doorbuster_actors::item::{Amount, ItemDefinition};
use doorbuster_actors::payment::{MoneyBalance, Origin, Payment, PaymentResult, Provider, Verdict};
use doorbuster_actors::request::{Control, Rejection, Repayment, Reservation};
use doorbuster_actors::stock::{Decision, LatePayment, SalePolicy, Stock};
use doorbuster_actors::time::Timestamp;

/// Time to pay in these tests, in milliseconds.
pub(crate) const PAY_WITHIN_MS: i64 = 60_000;

/// Price of a unit.
pub(crate) const UNIT_PRICE: i64 = 1_990;

/// The time `ms` after the tests' beginning.
pub(crate) fn at(ms: i64) -> Timestamp {
    Timestamp::from_millis(1_700_000_000_000 + ms)
}

pub(crate) fn user(name: &str) -> UserId {
    name.parse().expect("a user id")
}

/// A policy with that rule for late payments, and no cool-down.
pub(crate) fn policy(late: LatePayment) -> SalePolicy {
    let pay_within = Duration::from_millis(PAY_WITHIN_MS.unsigned_abs());
    SalePolicy { pay_within: Some(pay_within), late, cool_down: Duration::ZERO }
}

/// An item on sale for ever.
pub(crate) fn definition(stock: u32, per_user_limit: u32) -> ItemDefinition {
    ItemDefinition {
        id: "sku-1".parse().expect("an item id"),
        title: "Air freshener".to_owned(),
        description: None,
        image_url: None,
        unit_price: Amount::new(UNIT_PRICE).expect("in range"),
        currency: "CNY".parse().expect("a currency"),
        stock,
        per_user_limit,
        opens_at: None,
        closes_at: None,
    }
}

/// A payment of `units` units.
pub(crate) fn payment(event: &str, result: PaymentResult, units: u32) -> Payment {
    let event: IdempotencyKey = event.parse().expect("an event id");
    Payment {
        provider: Provider::Own,
        reference: event.clone(),
        event,
        result,
        amount: Amount::new(UNIT_PRICE * i64::from(units)).expect("in range"),
        currency: "CNY".parse().expect("a currency"),
    }
}

/// One item and its account book.
#[derive(Debug, Clone)]
pub(crate) struct House {
    pub(crate) stock: Stock,
    pub(crate) policy: SalePolicy,
    pub(crate) entries: Vec<Entry>,
}

impl House {
    pub(crate) fn open(definition: ItemDefinition, policy: SalePolicy) -> Self {
        let creation = Stock::creation(ItemNumber(1), definition, at(0));
        let stock = Stock::create(&creation).expect("an entry that creates an item does");
        Self { stock, policy, entries: vec![creation] }
    }

    /// Writes entries down, as the ledger would, and checks that the state adds up.
    fn enter(&mut self, entries: impl IntoIterator<Item = Entry>) -> Vec<Status> {
        let entries: Vec<_> = entries.into_iter().collect();
        let statuses = entries.iter().filter_map(status).collect();
        self.entries.extend(entries);
        let balance = self.stock.balance();
        assert!(balance.holds(), "{balance:?} after {:?}", self.entries);
        let money = self.stock.money();
        assert!(money.iter().all(MoneyBalance::holds), "{money:?} after {:?}", self.entries);
        let last = self.entries.last().expect("the creation is one");
        let written = (last.supply, last.remaining);
        assert_eq!(written, (balance.supply, balance.remaining), "the balances in the last entry");
        statuses
    }

    pub(crate) fn buy(&mut self, buyer: &str, quantity: u32, now: Timestamp) -> Result<Order, Rejection> {
        let wanted = Reservation { user: user(buyer), quantity, key: None };
        match self.stock.reserve(wanted, &self.policy, now) {
            Decision::Placed(order, entries) => {
                self.enter(entries);
                Ok(order)
            }
            Decision::Rejected(rejection) => Err(rejection),
            Decision::Replayed(order) => panic!("a replay without a key: {order:?}"),
        }
    }

    /// The answer, and the statuses of the entries behind it.
    pub(crate) fn pay(&mut self, order: OrderNumber, payment: &Payment, now: Timestamp) -> Step {
        let received = self.stock.pay(order, payment, &self.policy, now);
        (received.answer.map(|(_verdict, order)| order.status), self.enter(received.entries))
    }

    /// What the event meant, and the statuses it led through.
    pub(crate) fn receive(&mut self, order: OrderNumber, payment: &Payment, now: Timestamp) -> (Verdict, Vec<Status>) {
        let received = self.stock.pay(order, payment, &self.policy, now);
        (received.answer.expect("an order of this item").0, self.enter(received.entries))
    }

    /// An operator gives an order up.
    pub(crate) fn revoke(&mut self, order: OrderNumber, now: Timestamp) -> Step {
        let settled = self.stock.revoke(order, &operator(), now);
        (settled.answer.map(|order| order.status), self.enter(settled.entries))
    }

    /// An operator says that the money of a payment went back; without one, the price of the order.
    pub(crate) fn repay(&mut self, order: OrderNumber, payment: Option<&Payment>, now: Timestamp) -> Step {
        let payment = payment.map(|payment| (payment.provider, payment.reference.clone()));
        let settled = self.stock.repay(order, &Repayment { payment, origin: operator() }, now);
        (settled.answer.map(|order| order.status), self.enter(settled.entries))
    }

    /// What has to go back, in the currency of the item.
    pub(crate) fn owed(&self) -> i64 {
        self.stock.owed().iter().filter(|owed| owed.currency.as_str() == "CNY").map(|owed| owed.amount.minor()).sum()
    }

    pub(crate) fn cancel(&mut self, order: OrderNumber, buyer: &str, now: Timestamp) -> Step {
        let settled = self.stock.cancel(order, &user(buyer), now);
        (settled.answer.map(|order| order.status), self.enter(settled.entries))
    }

    /// Expires what is overdue.
    pub(crate) fn tick(&mut self, now: Timestamp) -> Vec<Status> {
        self.expire(usize::MAX, now)
    }

    /// Expires what is overdue, at most that many.
    pub(crate) fn expire(&mut self, most: usize, now: Timestamp) -> Vec<Status> {
        let entries = self.stock.expire(most, now);
        self.enter(entries)
    }

    /// How many entries the change made.
    pub(crate) fn control(&mut self, control: &Control, now: Timestamp) -> Result<usize, Rejection> {
        let entries = self.stock.control(control, None, now)?;
        let count = entries.len();
        self.enter(entries);
        Ok(count)
    }

    pub(crate) fn status(&self, order: OrderNumber) -> Status {
        self.stock.order(order).expect("an order of this item").status
    }

    /// The statuses an order went through after it was placed.
    pub(crate) fn steps(&self, order: OrderNumber) -> Vec<Status> {
        let of_order = |entry: &&Entry| matches!(&entry.change, Change::Order(change) if change.number == order);
        self.entries.iter().filter(of_order).filter_map(status).skip(1).collect()
    }

    /// Checks that the entries alone lead to the same state.
    pub(crate) fn assert_replays(&self) {
        let mut replayed = Stock::create(&self.entries[0]).expect("the first entry creates the item");
        for entry in &self.entries[1..] {
            replayed.apply(entry).unwrap_or_else(|error| panic!("{error}: {entry:?}"));
        }
        assert_eq!(replayed, self.stock, "replayed and live state differ");
        assert_eq!(replayed.next_deadline(), self.stock.next_deadline(), "the next deadline");
    }
}

/// The answer to a step, and the statuses of the entries behind it.
pub(crate) type Step = (Result<Status, Rejection>, Vec<Status>);

fn status(entry: &Entry) -> Option<Status> {
    match &entry.change {
        Change::Order(change) => Some(change.status),
        Change::Item(_)
        | Change::Payment(_)
        | Change::Settled(_)
        | Change::Restocked { .. }
        | Change::Withdrawn { .. }
        | Change::Switched(_) => None,
    }
}

fn operator() -> Origin {
    Origin { operator: Some("eve".into()), reason: Some("a slip".into()), event: None }
}
