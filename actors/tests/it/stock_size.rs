//! A stock with many orders: what was placed first is found like what was placed last, and deadlines come in their
//! order whatever the time to pay was.

use std::time::Duration;

use doorbuster_actors::entry::{Change, Entries, Entry, Status};
use doorbuster_actors::ids::{MAX_USER_ID_LENGTH, OrderNumber};
use doorbuster_actors::item::ItemDefinition;
use doorbuster_actors::request::{Query, Reservation};
use doorbuster_actors::stock::{Decision, SalePolicy, Stock};

use crate::support::model::ITEM;
use crate::support::{NOTHING_TO_PAY, POLICY, item, keyed, moment, one_unit, placed, user};

/// More than any one chunk or table of the book holds before it opens the next.
const MANY: u32 = 10_000;

fn creation(units: u32, per_user_limit: u32) -> Entry {
    Stock::creation(ITEM, ItemDefinition { per_user_limit, ..item("sku-1", units) }, moment(0))
}

/// Buyers' names are of every length up to the longest.
fn name(number: u32) -> String {
    format!("{number:0width$}", width = 5 + number as usize % (MAX_USER_ID_LENGTH - 4))
}

fn purchase(number: u32) -> Reservation {
    keyed(one_unit(&name(number)), &format!("key-{number}"))
}

fn within(millis: u64) -> SalePolicy {
    SalePolicy { pay_within: Some(Duration::from_millis(millis)), ..POLICY }
}

fn numbers_of(entries: &Entries, status: Status) -> Vec<u32> {
    let number = |entry: &Entry| {
        let Change::Order(change) = &entry.change else { panic!("not about an order: {entry:?}") };
        assert_eq!(change.status, status);
        change.number.0
    };
    entries.iter().map(number).collect()
}

#[test]
fn every_order_of_many_buyers_is_found_by_its_number_its_buyer_and_its_key() {
    let creation = creation(MANY, 1);
    let mut live = Stock::create(&creation).expect("a creation");
    let mut replayed = live.clone();
    for number in 0..MANY {
        let (order, entries) = placed(live.reserve(purchase(number), &POLICY, moment(0)));
        assert_eq!((order.id.order.0, order.user.as_str()), (number + 1, name(number).as_str()));
        entries.iter().for_each(|entry| replayed.apply(entry).expect("it follows"));
    }
    assert_eq!(replayed, live);
    assert_eq!(live.balance().live, MANY);
    for number in 0..MANY {
        let order = live.order(OrderNumber(number + 1)).expect("it was placed");
        assert_eq!(order.user, user(&name(number)));
        assert_eq!(live.find(&Query::AllOf { user: order.user.clone() }), std::slice::from_ref(&order));
        assert_eq!(live.reserve(purchase(number), &POLICY, moment(0)), Decision::Replayed(order));
    }
    assert!(live.find(&Query::AllOf { user: user("nobody") }).is_empty());
}

#[test]
fn a_key_is_found_however_many_orders_its_buyer_has_placed_since() {
    let mut stock = Stock::create(&creation(MANY, MANY)).expect("a creation");
    let purchase = |number: u32| match number % 3 {
        0 => one_unit("alice"),
        _ => keyed(one_unit("alice"), &format!("key-{number}")),
    };
    for number in 0..MANY {
        placed(stock.reserve(purchase(number), &POLICY, moment(0)));
        for earlier in (0..=number).rev().take(12).chain([number / 2]).filter(|earlier| earlier % 3 != 0) {
            let order = stock.order(OrderNumber(earlier + 1)).expect("it was placed");
            assert_eq!(stock.reserve(purchase(earlier), &POLICY, moment(0)), Decision::Replayed(order));
        }
    }
}

#[test]
fn orders_expire_in_the_order_of_their_deadlines_when_the_time_to_pay_was_shortened() {
    let mut stock = Stock::create(&creation(9, 1)).expect("a creation");
    for (name, millis) in [("a", 500), ("b", 500), ("c", 100), ("d", 300), ("e", 500), ("f", 900), ("g", 100)] {
        placed(stock.reserve(one_unit(name), &within(millis), moment(0)));
    }
    assert_eq!(stock.next_deadline(), Some(moment(100)));
    assert!(stock.expire(9, moment(99)).is_empty());
    assert_eq!(numbers_of(&stock.expire(1, moment(100)), Status::Expired), [3]);
    assert_eq!(numbers_of(&stock.expire(9, moment(400)), Status::Expired), [7, 4]);
    let cancelled = stock.cancel(OrderNumber(1), &user("a"), moment(400)).entries;
    assert_eq!((numbers_of(&cancelled, Status::Cancelled), stock.next_deadline()), (vec![1], Some(moment(500))));
    assert_eq!(numbers_of(&stock.expire(9, moment(900)), Status::Expired), [2, 5, 6]);
    assert_eq!(stock.next_deadline(), None);
}

#[test]
fn an_order_that_needs_no_payment_does_not_hide_the_deadlines_after_it() {
    let mut stock = Stock::create(&creation(9, 1)).expect("a creation");
    for (name, policy) in [("a", NOTHING_TO_PAY), ("b", POLICY), ("c", NOTHING_TO_PAY), ("d", within(1))] {
        placed(stock.reserve(one_unit(name), &policy, moment(0)));
    }
    assert_eq!(numbers_of(&stock.expire(9, moment(1)), Status::Expired), [4]);
    assert_eq!(numbers_of(&stock.expire(9, moment(900_000)), Status::Expired), [2]);
}

/// No configuration says so, but a deadline is a deadline.
#[test]
fn an_order_that_is_due_at_once_expires() {
    let mut stock = Stock::create(&creation(9, 1)).expect("a creation");
    placed(stock.reserve(one_unit("a"), &within(0), moment(0)));
    placed(stock.reserve(one_unit("b"), &POLICY, moment(0)));
    assert_eq!(numbers_of(&stock.expire(9, moment(0)), Status::Expired), [1]);
}
