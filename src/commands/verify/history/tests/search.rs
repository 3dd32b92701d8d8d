//! **Job:** compares the sweep with a search through all orders, as Wing and Gong's, on small histories.
//! **Owns:** the search, and the sequential item that it asks.
//! **Never:** shares a decision with the sweep.

use std::collections::{BTreeMap, BTreeSet};

use doorbuster_actors::ledger::Kind as RowKind;
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt as _, SeedableRng as _};

use super::random::draw;
use super::shop::is_live;
use super::*;
use crate::commands::history::{Kind, Operation};

/// Histories that are searched.
const SEEDS: u64 = 6_000;

/// One thing that happens at one moment: an entry with whoever asked for it, or an answer without an entry.
struct Event {
    invoked: i64,
    returned: i64,
    /// Index of the row.
    row: Option<usize>,
    operation: Option<Operation<'static>>,
}

/// The item after some of its rows.
#[derive(Default)]
struct Model {
    remaining: i64,
    limit: i64,
    is_paused: bool,
    /// Buyer, key, quantity and status by number.
    orders: BTreeMap<i64, (String, Option<String>, i64, &'static str)>,
    /// Which money came for which order.
    money: BTreeSet<(i64, String)>,
}

impl Model {
    fn after(shop: &Shop, rows: usize) -> Self {
        // Before the item is there, it is not sold out.
        let mut model = Self { limit: shop.limit, remaining: i64::MAX, ..Self::default() };
        for row in &shop.rows[..rows] {
            let number = row.order_number.unwrap_or(0);
            let set = |model: &mut Self, status| {
                if let Some(order) = model.orders.get_mut(&number) {
                    order.3 = status;
                }
            };
            let kind = RowKind::from_number(row.kind).expect("a kind");
            if let Some(reference) = row.idempotency_key.filter(|_| kind != RowKind::Placed) {
                model.money.insert((number, reference.to_owned()));
            }
            match kind {
                RowKind::Placed => {
                    let key = row.idempotency_key.map(str::to_owned);
                    let order = (row.user_id.unwrap_or_default().to_owned(), key, row.quantity.unwrap_or(0), "pending");
                    model.orders.insert(number, order);
                }
                RowKind::Paid => set(&mut model, "paid"),
                RowKind::Cancelled => set(&mut model, "cancelled"),
                RowKind::Expired => set(&mut model, "expired"),
                RowKind::RefundDue => set(&mut model, "refund_due"),
                RowKind::Paused => model.is_paused = true,
                RowKind::Resumed => model.is_paused = false,
                RowKind::Refunded => panic!("nothing is refunded in these histories"),
                RowKind::Item
                | RowKind::Restocked
                | RowKind::Withdrawn
                | RowKind::Closed
                | RowKind::Reopened
                | RowKind::Hidden
                | RowKind::Shown
                | RowKind::Deleted
                | RowKind::Payment
                | RowKind::Settled => {}
            }
            model.remaining = row.remaining;
        }
        model
    }

    fn held(&self, user: &str) -> i64 {
        self.orders.values().filter(|order| order.0 == user && is_live(order.3)).map(|order| order.2).sum()
    }

    /// Whether the item would answer so.
    fn answers(&self, operation: &Operation<'_>) -> bool {
        let user = operation.user.as_deref().unwrap_or_default();
        let quantity = operation.quantity.unwrap_or(0);
        let answered = operation.order.as_ref();
        let id = operation.order_id.as_deref().or(answered.map(|order| &*order.order_id)).unwrap_or_default();
        let order = operations::OrderKey::of(id).and_then(|key| self.orders.get(&key.number));
        let stands = order.is_some_and(|order| answered.is_some_and(|answered| answered.status == order.3));
        let key = operation.key.as_deref();
        let made = self.orders.values().find(|order| order.0 == user && key.is_some() && order.1.as_deref() == key);
        match (operation.op, operation.status, operation.code.as_deref().unwrap_or_default()) {
            (Kind::Item, ..) => operation.remaining == Some(self.remaining),
            (Kind::Pay, 200, _) => {
                let number = operations::OrderKey::of(id).map_or(0, |key| key.number);
                stands && self.money.contains(&(number, key.unwrap_or_default().to_owned()))
            }
            (_, 200 | 201, _) => stands,
            (Kind::Buy, _, "idempotency-key-reused") => made.is_some_and(|order| order.2 != quantity),
            (Kind::Buy, _, "sold-out") => {
                let is_so = operation.remaining.is_none_or(|remaining| remaining == self.remaining);
                made.is_none() && self.remaining < quantity && is_so
            }
            (Kind::Buy, _, "limit-reached") => made.is_none() && self.held(user) + quantity > self.limit,
            (Kind::Buy, _, "sale-paused") => made.is_none() && self.is_paused,
            (_, _, "not-found") => order.is_none_or(|order| order.0 != user),
            (_, _, "invalid-transition") => order.is_none_or(|order| order.3 != "pending"),
            other => panic!("{other:?}"),
        }
    }
}

/// The events of a history; each entry is asked for by the operation that the tests' shop made it for.
fn events(shop: &Shop, asked: &[Option<linear::Asked>]) -> Vec<Event> {
    let mut events = Vec::new();
    let mut is_maker = BTreeSet::new();
    for (row, asked) in asked.iter().enumerate() {
        let Some(asked) = asked else {
            events.push(Event { invoked: i64::MIN, returned: i64::MAX, row: Some(row), operation: None });
            continue;
        };
        let operation = &shop.operations[asked.operation];
        let is_reported_again = operation.op == Kind::Pay;
        let is_answered = operation.status != 0 && !is_reported_again;
        is_maker.extend((is_answered).then_some(asked.operation));
        events.push(Event {
            invoked: asked.invoked,
            returned: if is_answered { operation.returned_ns.cast_signed() } else { i64::MAX },
            row: Some(row),
            operation: is_answered.then(|| operation.clone()),
        });
    }
    for (index, operation) in shop.operations.iter().enumerate() {
        if operation.status != 0 && !is_maker.contains(&index) {
            let age = if operation.op == Kind::Item { 1_000_000_000 } else { 0 };
            let (invoked, returned) = (operation.invoked_ns.cast_signed() - age, operation.returned_ns.cast_signed());
            events.push(Event { invoked, returned, row: None, operation: Some(operation.clone()) });
        }
    }
    events
}

/// Whether the events can be put in an order that fits their times, the rows, and every answer.
fn is_linearizable(events: &[Event], models: &[Model], done: u64, seen: &mut BTreeSet<u64>) -> bool {
    if done.count_ones() as usize == events.len() {
        return true;
    }
    if !seen.insert(done) {
        return false;
    }
    let open = || (0..events.len()).filter(|index| done & (1 << index) == 0);
    let rows =
        events.iter().enumerate().filter(|(index, event)| event.row.is_some() && done & (1 << index) != 0).count();
    open().any(|index| {
        let event = &events[index];
        // Nothing that has returned before this was asked may come after it.
        let may = open().all(|other| events[other].returned >= event.invoked);
        let is_next_row = event.row.is_none_or(|row| row == rows);
        let model = &models[rows + usize::from(event.row.is_some())];
        // Money that is reported again is answered with the order as it stands then, which the entry need not be.
        let fits = event.operation.as_ref().is_none_or(|operation| model.answers(operation));
        may && is_next_row && fits && is_linearizable(events, models, done | (1 << index), seen)
    })
}

/// What the sweep says, and what the search says.
fn both(shop: &Shop) -> Option<(bool, bool)> {
    let mut history = history_of(shop, Covers::Everything);
    history.ledger.close();
    let mut findings = Findings::default();
    let indices: Vec<_> = (0..history.operations.all.len()).collect();
    let mut asked = Vec::new();
    history.with_item(1, &history.ledger.items[&1], &indices, |item| {
        asked = matching::match_entries(item, &mut findings);
        assert!(findings.broken().is_empty(), "{:?}", findings.broken());
        claims::check(item, &asked, &mut findings);
    });
    let events = events(shop, &asked);
    if events.len() > 18 {
        return None;
    }
    let models: Vec<_> = (0..=shop.rows.len()).map(|rows| Model::after(shop, rows)).collect();
    Some((findings.broken().is_empty(), is_linearizable(&events, &models, 0, &mut BTreeSet::new())))
}

#[test]
fn the_sweep_and_the_search_agree() {
    let (mut fits, mut fits_not) = (0, 0);
    for seed in 0..SEEDS {
        let mut chance = Xoshiro256PlusPlus::seed_from_u64(seed);
        let (length, spread) = (chance.random_range(2..16), chance.random_range(0..6));
        let mut shop = draw(&mut chance, length, spread);
        // Some answers come earlier or later than they did.
        for operation in &mut shop.operations {
            if chance.random_bool(0.25) {
                let length = operation.returned_ns - operation.invoked_ns;
                operation.invoked_ns = chance.random_range(0..16_000);
                operation.returned_ns = operation.invoked_ns + length;
            }
        }
        // Of an item's age a second is forgiven, which is more than these histories last.
        shop.operations.retain(|operation| operation.op != Kind::Item);
        let Some((swept, searched)) = both(&shop) else { continue };
        assert_eq!(swept, searched, "seed {seed}: sweep, search\n{}", shop.story());
        *(if swept { &mut fits } else { &mut fits_not }) += 1;
    }
    println!("{fits} histories are linearizable, {fits_not} are not: sweep and search agree");
    assert!(fits > 500 && fits_not > 500, "{fits} fit, {fits_not} do not: one side was hardly tried");
}
