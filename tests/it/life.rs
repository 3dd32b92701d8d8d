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
    Client, Item, Response, Server, Setup, assert_conservation, live_of, metric, payment_event, report_paid,
    same_promise, send_signed,
};

const REFUNDS_DUE: &str = "doorbuster_refunds_due{currency=\"CNY\"}";

#[tokio::test]
async fn a_payment_makes_the_order_paid() {
    let server = Setup::new([Item::new(SKU, 9).limit(3).price(250)]).start();
    let order = buy(&server, "ann", 2).await;
    let answer = pay(&server, "e1", &order).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let mut paid = answer.json();
    assert_eq!(paid.as_object_mut().expect("an object").remove("verdict"), Some(json!("applied")));
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
async fn another_payment_of_a_paid_order_is_on_record_and_has_to_go_back() {
    let mut server = Setup::new([Item::new(SKU, 9)]).start();
    let order = buy(&server, "ann", 1).await;
    assert_eq!(pay(&server, "e1", &order).await.status, 200);
    let verdict = |answer: Response| (answer.status, answer.json()["verdict"].clone(), answer.json()["status"].clone());
    assert_eq!(verdict(pay(&server, "e2", &order).await), (200, json!("second_payment"), json!("paid")));
    server.restart();
    for event in ["e1", "e2"] {
        assert_eq!(verdict(pay(&server, event, &order).await), (200, json!("duplicate"), json!("paid")), "{event}");
    }
    assert_eq!((entries(&server, "paid"), entries(&server, "refund_due"), entries(&server, "payment")), (1, 0, 1));
    let owed = json!([{"amount": order["total_price"], "currency": "CNY"}]);
    assert_eq!(order_of(&server, &order).await["refund_owed"], owed, "its buyer reads the truth");
    assert_eq!(Some(metric::<u64>(&server, REFUNDS_DUE).await), order["total_price"].as_u64());
    assert_conservation(&server).await;
}

#[tokio::test]
async fn a_failed_payment_leaves_the_order_pending_and_payable() {
    let server = Setup::new([Item::new(SKU, 9)]).start();
    let order = buy(&server, "ann", 1).await;
    let failed = payment_event("e1", "failed", &order).to_string();
    for verdict in ["failed", "duplicate"] {
        let answer = send_signed(&mut Client::new(server.address()), &failed).await.expect("an answer");
        let mut told = answer.json();
        assert_eq!(told.as_object_mut().expect("an object").remove("verdict"), Some(json!(verdict)));
        assert_eq!((answer.status, told), (200, order.clone()));
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
    let later = pay(server, "later", order).await;
    assert!(later.json()["verdict"] == "late" || later.json()["verdict"] == "duplicate", "{}", later.text());
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
    // Two payments came for it.
    let owed = 2 * order["total_price"].as_u64().expect("an amount");
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
async fn a_payment_of_something_else_pays_nothing_and_is_on_record() {
    let mut server = Setup::new([Item::new(SKU, 9).limit(3)]).start();
    let order = buy(&server, "ann", 2).await;
    let right = payment_event("e1", "succeeded", &order);
    let id = order["order_id"].as_str().expect("an id").to_owned();
    let wrong = [
        ("amount", json!(1_990), "short"),
        ("amount", json!(0), "short"),
        ("currency", json!("EUR"), "wrong_currency"),
        ("order_id", json!(format!("{id}0")), "unknown_order"),
        ("order_id", json!("1-ffff-1"), "unknown_order"),
        ("order_id", json!(id.to_lowercase()), "unknown_order"),
        ("order_id", json!("no order at all"), "unknown_order"),
    ];
    for round in 0..2 {
        for (number, (member, value, verdict)) in wrong.iter().enumerate() {
            let mut event = right.clone();
            (event["event_id"], event[*member]) = (json!(format!("wrong-{number}")), value.clone());
            let answer = send_signed(&mut Client::new(server.address()), &event.to_string()).await.expect("an answer");
            let expected = if round == 0 { *verdict } else { "duplicate" };
            assert_eq!((answer.status, &answer.json()["verdict"]), (200, &json!(expected)), "{event}");
        }
        assert_eq!(order_of(&server, &order).await["status"], "pending");
        server.restart();
    }
    assert_eq!(entries(&server, "paid"), 0);
    // 1,990 came short, and four times the price for orders that nobody knows.
    let price = order["total_price"].as_u64().expect("an amount");
    assert_eq!(metric::<u64>(&server, REFUNDS_DUE).await, 1_990 + 4 * price);
    assert_eq!(metric::<u64>(&server, "doorbuster_refunds_due{currency=\"EUR\"}").await, price);
    assert_conservation(&server).await;
}

#[tokio::test]
async fn an_order_that_was_paid_short_is_owed_back_once_it_expires_and_refunded_once_the_provider_says_so() {
    let server = Setup::new([Item::new(SKU, 9)]).set("payment.pay_within", "\"400ms\"").start();
    let order = buy(&server, "ann", 1).await;
    let mut short = payment_event("e1", "succeeded", &order);
    short["amount"] = json!(1_940);
    let mut client = Client::new(server.address());
    let answer = send_signed(&mut client, &short.to_string()).await.expect("an answer");
    assert_eq!(answer.json()["verdict"], "short", "{}", answer.text());
    until(&server, &order, "refund_due").await;
    assert_eq!(order_of(&server, &order).await["refund_owed"], json!([{"amount": 1_940, "currency": "CNY"}]));
    let mut refund = payment_event("r1", "refunded", &order);
    refund["amount"] = json!(1_940);
    for verdict in ["applied", "duplicate"] {
        let answer = send_signed(&mut client, &refund.to_string()).await.expect("an answer").json();
        assert_eq!((&answer["verdict"], &answer["status"]), (&json!(verdict), &json!("refunded")), "{answer}");
    }
    assert_eq!(order_of(&server, &order).await.get("refund_owed"), None);
    assert_conservation(&server).await;
}
