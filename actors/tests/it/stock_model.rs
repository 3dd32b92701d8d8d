//! The state machine of an item against a model without cleverness, over random histories: same answers, same balances,
//! and the ledger's entries rebuild exactly the state that made them.

mod histories;

use std::cell::Cell;
use std::time::Duration;

use doorbuster_actors::entry::{Balance, Change, Entry, Order, OrderChange, Status};
use doorbuster_actors::item::Amount;
use doorbuster_actors::payment::{MoneyBalance, Payment, PaymentResult, Provider};
use doorbuster_actors::request::{Query, Reservation};
use doorbuster_actors::stock::{MAX_LISTED_ORDERS, Stock};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use histories::{Act, EVENTS, History, KEYS, Step, history, holders};

use crate::support::model::{ITEM, Model, Moves, NAMES, number};
use crate::support::{item, moment, placed, seed, user};

/// Random histories per test.
const HISTORIES: u32 = 500;

/// Which order went to which status, as entries tell it.
fn moves_in(entries: &[Entry]) -> Moves {
    let told = |entry: &Entry| {
        let Change::Order(change) = &entry.change else {
            assert!(matches!(entry.change, Change::Payment(_)), "neither about an order nor about money: {entry:?}");
            return None;
        };
        Some((change.number.0 as usize - 1, change.status))
    };
    entries.iter().filter_map(told).collect()
}

/// The stock, the model, and the account book between them.
struct Trial {
    live: Stock,
    model: Model,
    /// Every entry with the state before it.
    book: Vec<(Stock, Entry)>,
    creation: Entry,
    wall: i64,
}

impl Trial {
    fn new(history: &History) -> Self {
        let creation = Stock::creation(ITEM, history.definition(), moment(0));
        let live = Stock::create(&creation).expect("a creation");
        let model = Model::new(history.definition(), history.policy);
        Self { live, model, book: Vec::new(), creation, wall: 0 }
    }

    fn take(&mut self, step: &Step) {
        self.wall = (self.wall + step.later).max(0);
        // Server time does not go back within an item, and only what is written down moves it.
        let written = self.model.now;
        self.model.now = written.max(self.wall);
        let mut state = self.live.clone();
        let entries = self.act(&step.act);
        if entries.is_empty() {
            self.model.now = written;
        }
        for entry in entries {
            self.book.push((state.clone(), entry.clone()));
            state.apply(&entry).expect("an entry of the live state follows");
        }
        assert_eq!(state, self.live, "the entries lead from the state before to the state after");
        self.check();
    }

    fn act(&mut self, act: &Act) -> Vec<Entry> {
        let now = moment(self.wall);
        match *act {
            Act::Reserve { name, key, quantity } => self.reserve(name, key, quantity),
            Act::ApplyControl(ref control) => {
                let answer = self.live.control(control, None, now);
                let expected = self.model.control(control);
                assert_eq!(answer.as_ref().map(|entries| !entries.is_empty()), expected.as_ref().copied());
                answer.unwrap_or_default().to_vec()
            }
            Act::Pay { order, event, result, more } => {
                let payment = self.payment(order, event, result, more);
                let received = self.live.pay(number(order), &payment, &self.model.policy, now);
                let expected = self.model.pay(order, event, result, payment.amount.minor());
                assert_eq!((received.answer, moves_in(&received.entries)), expected);
                received.entries.to_vec()
            }
            Act::Cancel { order, name } => {
                let settled = self.live.cancel(number(order), &user(NAMES[name]), now);
                assert_eq!((settled.answer, moves_in(&settled.entries)), self.model.cancel(order, name));
                settled.entries.to_vec()
            }
            Act::GiveUp { name } => {
                let mut orders = self.model.orders.iter();
                let newest = orders.rposition(|order| order.name == name && order.status == Status::Pending);
                self.act(&Act::Cancel { order: newest.unwrap_or(self.model.orders.len()), name })
            }
            Act::Expire { most } => {
                let entries = self.live.expire(most, now);
                assert_eq!(moves_in(&entries), self.model.expire(most));
                entries.to_vec()
            }
            Act::Restart { pay_within } => {
                self.model.policy.pay_within = pay_within.map(Duration::from_millis);
                Vec::new()
            }
        }
    }

    fn reserve(&mut self, name: usize, key: Option<usize>, quantity: u32) -> Vec<Entry> {
        let key_text = key.map(|key| KEYS[key].parse().expect("legal"));
        let wanted = Reservation { user: user(NAMES[name]), quantity, key: key_text };
        let decision = self.live.reserve(wanted, &self.model.policy, moment(self.wall));
        let Some(expected) = self.model.reserve(name, key, quantity) else {
            let (order, entries) = placed(decision);
            assert_eq!(order, self.model.order(self.model.orders.len() - 1));
            return entries.to_vec();
        };
        assert_eq!(decision, expected);
        Vec::new()
    }

    fn payment(&self, order: usize, event: usize, result: PaymentResult, more: i64) -> Payment {
        let price = self.model.orders.get(order).map_or(1990, |order| 1990 * i64::from(order.quantity));
        let amount = Amount::new(price + more).expect("small numbers");
        let reference = EVENTS[event].parse().expect("legal");
        let (provider, event) = (Provider::Stripe, "evt".parse().expect("legal"));
        Payment { provider, reference, event, result, amount, currency: self.model.definition.currency }
    }

    fn check(&self) {
        let (live, model) = (&self.live, &self.model);
        let balance = Balance { supply: model.supply(), remaining: model.remaining(), live: model.live_of(None) };
        assert_eq!(live.balance(), balance);
        assert_eq!(balance.remaining + balance.live, balance.supply, "remaining + live = supply");
        assert_eq!((live.supply(), live.remaining()), (balance.supply, balance.remaining));
        let flags = (live.is_paused(), live.is_closed(), live.is_hidden());
        assert_eq!(flags, (model.paused, model.closed, model.hidden));
        let owed: i64 = live.owed().iter().map(|owed| owed.amount.minor()).sum();
        assert_eq!(owed, model.owed_in_all());
        assert!(
            live.money().iter().all(MoneyBalance::holds),
            "received = applied + owed + settled: {:?}",
            live.money()
        );
        assert_eq!(live.orders(), model.orders.len());
        let pending = model.orders.iter().filter(|order| order.status == Status::Pending);
        assert_eq!(live.next_deadline(), pending.filter_map(|order| order.pay_by).min().map(moment));
        for (index, name) in NAMES.iter().enumerate() {
            assert!(model.live_of(Some(index)) <= model.definition.per_user_limit, "{name} holds too many");
            let own = (0..model.orders.len()).rev().filter(|order| model.orders[*order].name == index);
            let expected: Vec<Order> = own.take(MAX_LISTED_ORDERS).map(|order| model.order(order)).collect();
            assert_eq!(live.find(&Query::AllOf { user: user(name) }), expected);
        }
    }

    /// Folding the entries gives the live state at every prefix.
    fn check_replay(&self) {
        let mut replayed = Stock::create(&self.creation).expect("a creation");
        for (state, entry) in &self.book {
            assert_eq!(&replayed, state);
            replayed.apply(entry).expect("it was written by the live state");
        }
        assert_eq!(replayed, self.live);
    }

    /// No mutation of an entry follows from the state before it, and trying one changes nothing.
    fn check_forgeries(&self) {
        for (state, entry) in &self.book {
            for (what, forged) in forgeries(entry) {
                let mut tried = state.clone();
                assert!(tried.apply(&forged).is_err(), "{what} was accepted: {forged:?} for {entry:?}");
                assert_eq!(&tried, state, "{what} was refused and changed the state: {forged:?}");
            }
        }
    }
}

/// Entries that differ from a true one in one thing each.
fn forgeries(entry: &Entry) -> Vec<(&'static str, Entry)> {
    let with = |change: &dyn Fn(&mut Entry)| {
        let mut forged = entry.clone();
        change(&mut forged);
        forged
    };
    let mut forged = vec![
        ("another item", with(&|entry| entry.item.0 += 1)),
        ("an older time", with(&|entry| entry.at = moment(-1))),
        ("more supply", with(&|entry| entry.supply += 1)),
        ("less supply", with(&|entry| entry.supply = entry.supply.wrapping_sub(1))),
        ("more left", with(&|entry| entry.remaining += 1)),
        ("less left", with(&|entry| entry.remaining = entry.remaining.wrapping_sub(1))),
        ("a second creation", with(&|entry| entry.change = Change::Item(Box::new(item("sku-2", 1))))),
    ];
    if let Change::Restocked { quantity } = entry.change {
        forged.push(("another restock", with(&|entry| entry.change = Change::Restocked { quantity: quantity + 1 })));
    }
    if let Change::Order(true_change) = &entry.change {
        let with = |change: &dyn Fn(&mut OrderChange)| {
            let mut forged = true_change.clone();
            change(&mut forged);
            Entry { change: Change::Order(forged), ..entry.clone() }
        };
        forged.extend([
            ("no number", with(&|order| order.number.0 = 0)),
            ("an unknown number", with(&|order| order.number.0 = u32::MAX)),
            ("more units", with(&|order| order.quantity += 1)),
            ("no units", with(&|order| order.quantity = 0)),
            ("another price", with(&|order| order.unit_price = Amount::new(1).expect("in range"))),
            ("a higher balance of the buyer", with(&|order| order.user_live += 1)),
            ("a lower balance of the buyer", with(&|order| order.user_live = order.user_live.wrapping_sub(1))),
            ("a status that nothing leads to", with(&|order| order.status = unreachable_status(order.status))),
        ]);
        // The next number of a settled order may be another pending order of the same buyer, and somebody else may buy
        // as much: such an entry does follow, and only the checksum tells that it was not written.
        forged.push(match true_change.status {
            Status::Pending => ("a number left out", with(&|order| order.number.0 += 1)),
            Status::Paid | Status::Cancelled | Status::Expired | Status::RefundDue | Status::Refunded => {
                ("another buyer", with(&|order| order.user = user("mallory")))
            }
        });
    }
    forged
}

/// A status that the order cannot have now if it can have this one.
fn unreachable_status(status: Status) -> Status {
    match status {
        Status::Pending | Status::Cancelled | Status::Expired => Status::RefundDue,
        Status::Paid => Status::Refunded,
        Status::RefundDue | Status::Refunded => Status::Cancelled,
    }
}

fn run(check: impl Fn(&Trial)) {
    run_histories(history(), check);
}

fn run_histories(histories: impl Strategy<Value = History>, check: impl Fn(&Trial)) {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed().to_le_bytes());
    let config = Config { cases: HISTORIES, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
    let result = runner.run(&histories, |history| {
        let mut trial = Trial::new(&history);
        history.steps.iter().for_each(|step| trial.take(step));
        check(&trial);
        Ok(())
    });
    if let Err(failure) = result {
        panic!("{failure}");
    }
}

#[test]
fn the_stock_answers_as_the_model_does() {
    run(|_trial| ());
}

#[test]
fn who_holds_without_paying_waits_as_long_as_the_model_says_and_after_a_restart_too() {
    let injected_delay = Cell::new(0);
    run_histories(holders(), |trial| {
        injected_delay.set(injected_delay.get() + trial.model.slowed_by_cancels.get());
        trial.check_replay();
    });
    assert!(
        injected_delay.get() > 10,
        "only {} refusals were about who cancels late again and again",
        injected_delay.get()
    );
}

#[test]
fn replayed_state_is_live_state_at_every_prefix() {
    run(Trial::check_replay);
}

#[test]
fn an_entry_that_does_not_follow_is_refused_and_changes_nothing() {
    run(Trial::check_forgeries);
}
