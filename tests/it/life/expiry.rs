//! **Job:** an order that is not paid in time, by the server's own time.
//! **Owns:** "late, never early", and that the unit is on sale again at once.
//! **Never:** takes a slow machine for a late server: it asks for the order of things, not for their speed.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::street::{SKU, buy, count, entries, item, order_of, pay, time, try_to_buy, until};
use crate::support::{Item, Server, Setup, assert_conservation, assert_problem, live_of};

/// Orders that expired before their deadline.
const EARLY: &str = "SELECT count(*) FROM ledger AS placed JOIN ledger AS expired USING (item, order_number)
                     WHERE placed.kind = 2 AND expired.kind = 5 AND expired.at < placed.pay_by";

fn paying_within(pay_within: &str, stock: u32) -> Setup {
    Setup::new([Item::new(SKU, stock)]).set("payment.pay_within", &format!("{pay_within:?}"))
}

/// Checks that the order is the only one, expired once and not early.
async fn assert_expired_once(server: &Server, order: &Value) {
    let expired = order_of(server, order).await;
    assert_eq!((&expired["status"], &expired["pay_by"]), (&json!("expired"), &order["pay_by"]));
    assert_eq!((entries(server, "expired"), count(server, EARLY)), (1, 0));
}

#[tokio::test]
async fn an_unpaid_order_expires_by_itself_and_its_unit_is_sold_again() {
    let mut server = paying_within("300ms", 1).start();
    let order = buy(&server, "ann", 1).await;
    assert_eq!(order["status"], "pending");
    let (placed, pay_by) = (time(&order["created_at"]), time(&order["pay_by"]));
    assert_eq!(pay_by.as_millisecond() - placed.as_millisecond(), 300);
    until(&server, &order, "expired").await;
    // At once: the one who saw it expire can buy, and so can everybody whom the flag kept out.
    assert_eq!((&item(&server).await["state"], &item(&server).await["remaining"]), (&json!("open"), &json!(1)));
    let resold = buy(&server, "bob", 1).await;
    assert!(time(&resold["created_at"]) >= pay_by, "{resold} was sold before {pay_by}");
    assert_expired_once(&server, &order).await;
    server.restart();
    assert_eq!(order_of(&server, &order).await["status"], "expired");
    assert_conservation(&server).await;
}

#[tokio::test]
async fn no_order_is_expired_strictly_before_its_deadline_by_server_time() {
    let server = paying_within("700ms", 1).start();
    let order = buy(&server, "ann", 1).await;
    let pay_by = time(&order["pay_by"]);
    loop {
        // The time is asked for after the status: if even then it is not the deadline, it was not before.
        let status = order_of(&server, &order).await["status"].clone();
        let server_time = time(&item(&server).await["server_time"]);
        if status == "expired" {
            assert!(server_time >= pay_by, "expired at {server_time}, {pay_by} was promised");
            break;
        }
        assert_eq!(status, "pending");
        let patience = Duration::from_secs(10);
        assert!(server_time < pay_by + patience, "{server_time} is long after {pay_by}");
    }
    assert_expired_once(&server, &order).await;
}

#[tokio::test]
async fn who_waits_at_a_sold_out_door_gets_the_unit_of_an_expired_order() {
    let server = paying_within("300ms", 1).start();
    let order = buy(&server, "ann", 1).await;
    let resold = loop {
        let answer = try_to_buy(&server, "bob", 1).await;
        if answer.status == 201 {
            break answer.json();
        }
        assert_problem(&answer, 409, "sold-out");
    };
    assert!(time(&resold["created_at"]) >= time(&order["pay_by"]), "{resold} was sold before {order} expired");
    until(&server, &order, "expired").await;
    assert_conservation(&server).await;
}

#[tokio::test]
async fn a_paid_order_does_not_expire() {
    let server = paying_within("3s", 9).start();
    let (paid, unpaid) = (buy(&server, "ann", 1).await, buy(&server, "bob", 1).await);
    let answer = pay(&server, "e1", &paid).await;
    assert_eq!(answer.json()["status"], "paid", "{}", answer.text());
    // Bob's deadline is after hers: when his order has expired, hers would have.
    until(&server, &unpaid, "expired").await;
    assert_eq!(order_of(&server, &paid).await["status"], "paid");
    assert_expired_once(&server, &unpaid).await;
    assert_eq!(live_of(&assert_conservation(&server).await, SKU), 1);
}

#[tokio::test]
async fn a_deadline_that_passed_while_the_house_was_down_is_kept_at_the_next_start() {
    let mut server = paying_within("300ms", 1).start();
    let order = buy(&server, "ann", 1).await;
    server.kill9();
    while Timestamp::now() <= time(&order["pay_by"]) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    server.restart();
    until(&server, &order, "expired").await;
    assert_expired_once(&server, &order).await;
    buy(&server, "bob", 1).await;
    assert_conservation(&server).await;
}

#[tokio::test]
async fn a_restart_before_the_deadline_leaves_the_deadline_where_it_was() {
    let mut server = paying_within("5s", 1).start();
    let order = buy(&server, "ann", 1).await;
    server.restart();
    let again = order_of(&server, &order).await;
    assert!(again == order || again["status"] == "expired", "{order} became {again}");
    until(&server, &order, "expired").await;
    assert_expired_once(&server, &order).await;
}

#[tokio::test]
async fn a_buyer_whose_orders_expire_again_and_again_has_to_wait() {
    let setup = paying_within("50ms", 9).set("payment.cool_down", "\"1h\"");
    let mut server = setup.start();
    for _ in 0..2 {
        let order = buy(&server, "ann", 1).await;
        until(&server, &order, "expired").await;
    }
    for _ in 0..2 {
        let refused = try_to_buy(&server, "ann", 1).await;
        assert_eq!(refused.status, 429, "{}", refused.text());
        let after: u64 = refused.header("retry-after").expect("when").parse().expect("seconds");
        assert!((3_000..=3_600).contains(&after), "{after} s");
        // The row is in the books: a restart does not end it.
        server.restart();
    }
    buy(&server, "bob", 1).await;
    assert_conservation(&server).await;
}
