//! **Job:** holding stock without paying: how long a buyer waits who lets his orders expire.
//! **Owns:** the table of waits.
//! **Never:** waits itself: time is an argument.

use std::time::Duration;

use doorbuster_actors::entry::{PaymentResult, Status};
use doorbuster_actors::reply::Rejection;
use doorbuster_actors::stock::LatePayment;
use doorbuster_actors::time::Timestamp;

use super::house::{House, PAY_WITHIN_MS, at, definition, payment, terms};

const COOL_DOWN: Duration = Duration::from_secs(30);
const DAY: Duration = Duration::from_hours(24);

fn house(late: LatePayment, cool_down: Duration) -> House {
    let mut terms = terms(late);
    terms.cool_down = cool_down;
    House::open(definition(1_000, 5), terms)
}

/// Buys at `now` and lets the order expire; returns when it did.
fn let_expire(house: &mut House, now: Timestamp) -> Timestamp {
    let order = house.buy("ann", 1, now).expect("he may buy");
    let deadline = order.pay_by.expect("it has to be paid");
    assert_eq!(house.tick(deadline), [Status::Expired]);
    deadline
}

/// How long the buyer has to wait at `now`, told by the refusal.
fn wait(house: &mut House, now: Timestamp) -> Duration {
    match house.buy("ann", 1, now) {
        Err(Rejection::CoolingDown { retry_after }) => retry_after,
        other => panic!("no cool-down: {other:?}"),
    }
}

#[test]
fn the_first_expiry_is_free_then_the_wait_doubles_up_to_a_day() {
    let mut house = house(LatePayment::Refund, COOL_DOWN);
    let mut now = let_expire(&mut house, at(0));
    now = let_expire(&mut house, now);
    let mut expected = COOL_DOWN;
    for expiries in 2..20 {
        assert_eq!(wait(&mut house, now), expected, "after {expiries} expiries in a row");
        let until = now.plus(expected);
        let just_before = Timestamp::from_millis(until.millis() - 1);
        assert_eq!(wait(&mut house, just_before), Duration::from_millis(1), "after {expiries} expiries in a row");
        now = let_expire(&mut house, until);
        expected = (expected * 2).min(DAY);
    }
    assert_eq!(expected, DAY);
    house.assert_replays();
}

#[test]
fn a_cool_down_of_any_length_ends_at_a_day() {
    for cool_down in [Duration::from_secs(1), Duration::from_hours(5), Duration::from_hours(24 * 365)] {
        let mut house = house(LatePayment::Refund, cool_down);
        let mut now = at(0);
        for _ in 0..40 {
            now = let_expire(&mut house, now.plus(DAY));
        }
        assert_eq!(wait(&mut house, now), DAY, "{cool_down:?}");
    }
}

#[test]
fn a_payment_ends_the_row() {
    // Late ones too: the money was there.
    for (late, delay_ms) in
        [(LatePayment::Refund, 1), (LatePayment::Refund, PAY_WITHIN_MS), (LatePayment::Honour, PAY_WITHIN_MS)]
    {
        let mut house = house(late, COOL_DOWN);
        let mut now = let_expire(&mut house, at(0));
        now = let_expire(&mut house, now).plus(COOL_DOWN);
        let order = house.buy("ann", 1, now).expect("he has waited");
        now = now.plus(Duration::from_millis(delay_ms.unsigned_abs()));
        let event = payment("e1", PaymentResult::Succeeded, 1);
        house.pay(order.id.order, &event, now).0.expect("a payment");
        now = let_expire(&mut house, now);
        now = let_expire(&mut house, now);
        assert_eq!(wait(&mut house, now), COOL_DOWN, "{late:?}, paid after {delay_ms} ms: the row begins anew");
        house.assert_replays();
    }
}

#[test]
fn only_expiries_count_and_only_the_buyers_own() {
    let mut house = house(LatePayment::Refund, COOL_DOWN);
    let mut now = let_expire(&mut house, at(0));
    for _ in 0..5 {
        let given_up = house.buy("ann", 1, now).expect("he may buy");
        house.cancel(given_up.id.order, "ann", now).0.expect("it is pending");
    }
    now = let_expire(&mut house, now);
    assert_eq!(wait(&mut house, now), COOL_DOWN);
    assert!(house.buy("bob", 1, now).is_ok(), "somebody else's row is not his");
}

#[test]
fn a_cool_down_of_zero_is_none() {
    let mut house = house(LatePayment::Refund, Duration::ZERO);
    let mut now = at(0);
    for _ in 0..20 {
        now = let_expire(&mut house, now);
    }
    assert!(house.buy("ann", 1, now).is_ok());
}
