//! **Job:** holding stock without paying: how long a buyer waits whose orders expire, or are cancelled late.
//! **Owns:** the table of waits.
//! **Never:** waits itself: time is an argument.

use std::time::Duration;

use doorbuster_actors::entry::Status;
use doorbuster_actors::payment::PaymentResult;
use doorbuster_actors::request::{Query, Rejection};
use doorbuster_actors::stock::LatePayment;
use doorbuster_actors::time::Timestamp;

use super::house::{House, PAY_WITHIN_MS, at, definition, payment, policy, user};

const COOL_DOWN: Duration = Duration::from_secs(30);
const DAY: Duration = Duration::from_hours(24);

fn house(late: LatePayment, cool_down: Duration) -> House {
    let mut policy = policy(late);
    policy.cool_down = cool_down;
    House::open(definition(1_000, 5), policy)
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
fn orders_given_up_at_once_hardly_count_and_only_the_buyers_own_do() {
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

/// How an order can end unpaid.
#[derive(Debug, Clone, Copy)]
enum End {
    Expiry,
    /// So many milliseconds after it was placed.
    Cancel(i64),
}

/// Buys so many units at `now` and lets the order end so; returns when it did.
fn hold(house: &mut House, units: u32, now: Timestamp, end: End) -> Timestamp {
    let order = house.buy("ann", units, now).unwrap_or_else(|refused| panic!("{refused:?} for {end:?}"));
    match end {
        End::Expiry => {
            let deadline = order.pay_by.expect("it has to be paid");
            assert_eq!(house.tick(deadline), [Status::Expired]);
            deadline
        }
        End::Cancel(held_ms) => {
            let ended = now.plus(Duration::from_millis(held_ms.unsigned_abs()));
            assert_eq!(house.cancel(order.id.order, "ann", ended).0, Ok(Status::Cancelled));
            ended
        }
    }
}

#[test]
fn who_cancels_just_before_the_deadline_waits_like_who_lets_it_pass() {
    let late = [End::Cancel(PAY_WITHIN_MS - 1), End::Cancel(PAY_WITHIN_MS - 1_000), End::Cancel(PAY_WITHIN_MS * 3 / 4)];
    for (first, second) in [(late[0], late[0]), (late[1], late[2]), (End::Expiry, late[0]), (late[0], End::Expiry)] {
        let mut house = house(LatePayment::Refund, COOL_DOWN);
        let mut now = hold(&mut house, 1, at(0), first);
        let mut expected = COOL_DOWN;
        for round in 2..16 {
            let end = if round % 2 == 0 { second } else { first };
            now = hold(&mut house, 1 + round % 5, now, end);
            assert_eq!(wait(&mut house, now), expected, "after {round} in a row, {end:?}");
            let until = now.plus(expected);
            assert_eq!(wait(&mut house, Timestamp::from_millis(until.millis() - 1)), Duration::from_millis(1));
            (now, expected) = (until, (expected * 2).min(DAY));
        }
        house.assert_replays();
    }
}

#[test]
fn a_cancelled_order_counts_for_as_long_as_it_was_held() {
    for (held_ms, free) in [(PAY_WITHIN_MS / 2, 4), (PAY_WITHIN_MS / 4, 8), (PAY_WITHIN_MS / 64, 128), (0, 128)] {
        let mut house = house(LatePayment::Refund, COOL_DOWN);
        let mut now = at(0);
        for _ in 0..free {
            now = hold(&mut house, 1, now, End::Cancel(held_ms));
        }
        assert_eq!(wait(&mut house, now), COOL_DOWN, "{free} orders of {held_ms} ms are two times to pay");
        house.assert_replays();
    }
}

#[test]
fn the_wait_begins_when_a_whole_time_to_pay_is_full_and_not_with_every_order() {
    let mut house = house(LatePayment::Refund, COOL_DOWN);
    let mut now = hold(&mut house, 1, at(0), End::Expiry);
    now = hold(&mut house, 1, now, End::Expiry).plus(COOL_DOWN);
    now = hold(&mut house, 1, now, End::Cancel(PAY_WITHIN_MS / 2));
    now = hold(&mut house, 1, now, End::Cancel(PAY_WITHIN_MS / 2));
    assert_eq!(wait(&mut house, now), COOL_DOWN * 2, "two halves are the third");
}

#[test]
fn quick_orders_do_not_push_a_long_row_out_of_sight() {
    let mut house = house(LatePayment::Refund, COOL_DOWN);
    let mut now = at(0);
    for _ in 0..20 {
        now = hold(&mut house, 1, now.plus(DAY), End::Expiry);
    }
    let mut waited = 0;
    now = now.plus(DAY);
    for _ in 0..300 {
        if matches!(house.buy("ann", 1, now), Err(Rejection::CoolingDown { .. })) {
            (waited, now) = (waited + 1, now.plus(DAY));
            continue;
        }
        let newest = house.stock.find(&Query::AllOf { user: user("ann") })[0].id.order;
        house.cancel(newest, "ann", now).0.expect("it is pending");
    }
    assert!(waited >= 4, "a day for each 64 of them, waited {waited} days");
}

#[test]
fn each_order_is_measured_by_its_own_time_to_pay() {
    let mut house = house(LatePayment::Refund, COOL_DOWN);
    let half = End::Cancel(PAY_WITHIN_MS / 2);
    let mut now = hold(&mut house, 1, at(0), half);
    now = hold(&mut house, 1, now, half);
    // The server was started again with a time to pay that is half as long: as much is a whole now.
    house.policy.pay_within = Some(Duration::from_millis(PAY_WITHIN_MS.unsigned_abs() / 2));
    now = hold(&mut house, 1, now, End::Cancel(PAY_WITHIN_MS / 2 - 1));
    assert_eq!(wait(&mut house, now), COOL_DOWN);
    house.assert_replays();
}

#[test]
fn a_payment_that_failed_ends_no_row() {
    let mut house = house(LatePayment::Refund, COOL_DOWN);
    let mut now = at(0);
    for round in 0..2 {
        let order = house.buy("ann", 1, now).expect("the row is short").id.order;
        let event = payment(&format!("e{round}"), PaymentResult::Failed, 1);
        house.pay(order, &event, now).0.expect("it is heard");
        now = now.plus(Duration::from_millis(PAY_WITHIN_MS.unsigned_abs() - 1));
        house.cancel(order, "ann", now).0.expect("it is pending");
    }
    assert_eq!(wait(&mut house, now), COOL_DOWN);
}

#[test]
fn a_deadline_that_has_passed_counts_before_the_order_is_found_expired() {
    let mut house = house(LatePayment::Refund, COOL_DOWN);
    let now = let_expire(&mut house, at(0));
    let deadline = house.buy("ann", 1, now).expect("the first is free").pay_by.expect("it has to be paid");
    assert_eq!(wait(&mut house, deadline), COOL_DOWN, "no tick was there yet");
    house.assert_replays();
}
