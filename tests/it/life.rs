//! **Job:** the life of an order seen from the street: paid, given up, expired, refunded, watched.
//! **Owns:** what a payment does; the other ends of an order have files of their own.
//! **Never:** looks inside: it sends what buyers and the payment provider send, and reads what they and the owner read.

mod cancel;
mod expiry;
mod races;
mod stream;
mod street;
mod webhook;

use serde_json::{Value, json};
use street::{SKU, buy, entries, order_of, pay, until};
use tokio::task::JoinSet;

use crate::support::{
    Client, Item, Server, Setup, assert_conservation, assert_problem, live_of, metric, payment_event, report_paid,
    same_promise, send_signed,
};

const REFUNDS_DUE: &str = "doorbuster_refunds_due{currency=\"CNY\"}";

#[tokio::test]
async fn a_payment_makes_the_order_paid() {
    let server = Setup::new([Item::new(SKU, 9).limit(3).price(250)]).start();
    let order = buy(&server, "ann", 2).await;
    let answer = pay(&server, "e1", &order).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let paid = answer.json();
    assert!(paid["status"] == "paid" && same_promise(&paid, &order), "{order} became {paid}");
    assert!(answer.header("cache-control").is_some_and(|value| value.contains("no-store")), "{:?}", answer.headers);
    assert_eq!(order_of(&server, &order).await, paid);
    assert_eq!(live_of(&assert_conservation(&server).await, SKU), 2, "a paid order keeps its units");
}

#[tokio::test]
async fn an_event_that_comes_again_changes_nothing_even_at_once_and_after_a_crash() {
    let mut server = Setup::new([Item::new(SKU, 9)]).start();
    let order = buy(&server, "ann", 1).await;
    let mut deliveries = JoinSet::new();
    for _ in 0..10 {
        let (address, order) = (server.address(), order.clone());
        deliveries.spawn(async move { report_paid(&mut Client::new(address), "e1", &order).await });
    }
    for delivery in deliveries.join_all().await {
        let delivery = delivery.expect("an answer");
        assert_eq!((delivery.status, &delivery.json()["status"]), (200, &json!("paid")));
    }
    for round in 0..2 {
        for _ in 0..10 {
            let again = pay(&server, "e1", &order).await;
            assert_eq!((again.status, &again.json()["status"]), (200, &json!("paid")), "round {round}");
        }
        assert_eq!(entries(&server, "paid"), 1, "round {round}");
        server.restart();
    }
    assert_conservation(&server).await;
}

#[tokio::test]
async fn a_paid_order_cannot_be_paid_again_by_another_event() {
    let mut server = Setup::new([Item::new(SKU, 9)]).start();
    let order = buy(&server, "ann", 1).await;
    assert_eq!(pay(&server, "e1", &order).await.status, 200);
    assert_problem(&pay(&server, "e2", &order).await, 409, "invalid-transition");
    server.restart();
    assert_problem(&pay(&server, "e2", &order).await, 409, "invalid-transition");
    assert_eq!((entries(&server, "paid"), entries(&server, "refund_due")), (1, 0));
    assert_conservation(&server).await;
}

#[tokio::test]
async fn a_failed_payment_leaves_the_order_pending_and_payable() {
    let server = Setup::new([Item::new(SKU, 9)]).start();
    let order = buy(&server, "ann", 1).await;
    let failed = payment_event("e1", "failed", &order).to_string();
    for _ in 0..2 {
        let answer = send_signed(&mut Client::new(server.address()), &failed).await.expect("an answer");
        assert_eq!((answer.status, answer.json()), (200, order.clone()));
    }
    assert_eq!(pay(&server, "e2", &order).await.json()["status"], "paid");
    assert_conservation(&server).await;
}

/// Any payment of an order that has lost its unit, and what comes of each: twice, and under another event.
async fn assert_refunded_once(server: &Server, order: &Value) {
    for _ in 0..3 {
        let late = pay(server, "late", order).await;
        assert_eq!((late.status, &late.json()["status"]), (200, &json!("refund_due")), "{}", late.text());
    }
    assert_problem(&pay(server, "later", order).await, 409, "invalid-transition");
    assert_eq!(order_of(server, order).await["status"], "refund_due");
    assert_eq!((entries(server, "paid"), entries(server, "refund_due")), (0, 1));
}

#[tokio::test]
async fn a_payment_after_the_expiry_is_due_for_refund_once() {
    let mut server = Setup::new([Item::new(SKU, 9)]).set("payment.pay_within", "\"100ms\"").start();
    let order = buy(&server, "ann", 1).await;
    until(&server, &order, "expired").await;
    assert_refunded_once(&server, &order).await;
    server.restart();
    assert_refunded_once(&server, &order).await;
    assert_eq!(live_of(&assert_conservation(&server).await, SKU), 0);
}

#[tokio::test]
async fn a_payment_after_the_cancellation_is_due_for_refund_once() {
    let mut server = Setup::new([Item::new(SKU, 9)]).start();
    let order = buy(&server, "ann", 1).await;
    assert_eq!(street::cancel(&server, "ann", &order).await.status, 200);
    assert_eq!(metric::<u64>(&server, REFUNDS_DUE).await, 0, "there before the first one");
    assert_refunded_once(&server, &order).await;
    let owed = order["total_price"].as_u64().expect("an amount");
    assert_eq!(metric::<u64>(&server, REFUNDS_DUE).await, owed);
    server.restart();
    assert_eq!(metric::<u64>(&server, REFUNDS_DUE).await, owed, "a restart forgets no debt");
    assert_refunded_once(&server, &order).await;
    assert_eq!(metric::<u64>(&server, REFUNDS_DUE).await, owed);
    assert_conservation(&server).await;
}

#[tokio::test]
async fn a_late_payment_is_honoured_if_a_unit_is_left_and_else_due_for_refund() {
    let setup = Setup::new([Item::new(SKU, 2)]).set("payment.late", "\"honour\"");
    let mut server = setup.set("payment.pay_within", "\"100ms\"").start();
    let first = buy(&server, "ann", 1).await;
    let second = buy(&server, "bob", 1).await;
    until(&server, &second, "expired").await;
    until(&server, &first, "expired").await;
    for order in [&first, &second] {
        assert_eq!(pay(&server, "e1", order).await.json()["status"], "paid", "a unit is left");
    }
    // Both units are sold again: for somebody else's late money nothing is left.
    server.restart();
    assert_eq!(entries(&server, "paid"), 2);
    assert_eq!(live_of(&assert_conservation(&server).await, SKU), 2);
}

#[tokio::test]
async fn a_late_payment_takes_no_unit_from_who_bought_it_meanwhile() {
    let setup = Setup::new([Item::new(SKU, 1)]).set("payment.late", "\"honour\"");
    let server = setup.start();
    let order = buy(&server, "ann", 1).await;
    assert_eq!(street::cancel(&server, "ann", &order).await.status, 200);
    let resold = buy(&server, "bob", 1).await;
    assert_refunded_once(&server, &order).await;
    assert_eq!(order_of(&server, &resold).await["status"], "pending");
    assert_conservation(&server).await;
}

#[tokio::test]
async fn a_payment_of_something_else_changes_nothing() {
    let server = Setup::new([Item::new(SKU, 9).limit(3)]).start();
    let order = buy(&server, "ann", 2).await;
    let right = payment_event("e1", "succeeded", &order);
    let id = order["order_id"].as_str().expect("an id").to_owned();
    for (member, wrong, status, code) in [
        ("amount", json!(1_990), 422, "validation"),
        ("amount", json!(0), 422, "validation"),
        ("currency", json!("EUR"), 422, "validation"),
        ("order_id", json!(format!("{id}f")), 404, "not-found"),
        ("order_id", json!("1-ffff-1"), 404, "not-found"),
        ("order_id", json!(id.to_uppercase().replace('1', "01")), 404, "not-found"),
        ("order_id", json!("no order at all"), 404, "not-found"),
    ] {
        let mut event = right.clone();
        event[member] = wrong;
        let answer = send_signed(&mut Client::new(server.address()), &event.to_string()).await.expect("an answer");
        assert_problem(&answer, status, code);
    }
    assert_eq!(order_of(&server, &order).await, order);
    assert_eq!(entries(&server, "paid"), 0);
}
