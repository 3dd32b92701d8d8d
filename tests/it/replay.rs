//! **Job:** one idempotency key is one order, however often, wherever and whenever it is sent.
//! **Owns:** the promises about retries.
//! **Never:** needs a retry to arrive at a lucky moment.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use crate::support::{
    Attempt, Client, Item, RedisServer, Response, Server, Setup, Tally, assert_conservation, assert_problem,
    authorization, crowd, same_promise,
};

const SKU: &str = "sku-1";
const KEY: &str = "5f0c0a3e-retry";

async fn buy(server: &Server, attempt: &Attempt) -> Response {
    attempt.send(&mut Client::new(server.address())).await.expect("an answer")
}

fn is_replay(response: &Response) -> bool {
    response.header("idempotent-replayed") == Some("true")
}

/// All answers are the same order; returns it and how many of the answers were not replays.
fn one_order(tally: &Tally) -> (Value, usize) {
    tally.assert_answered_with(&[]);
    let orders = tally.orders();
    assert!(orders.iter().all(|order| same_promise(order, &orders[0])), "several orders: {orders:?}");
    let responses = tally.0.iter().map(|answer| answer.result.as_ref().expect("answered"));
    (orders[0].clone(), responses.filter(|response| !is_replay(response)).count())
}

/// A hundred retries at once, then a crash, then a hundred more: one order.
async fn assert_one_order_for_a_hundred_retries(mut server: Server) {
    let retries = vec![Attempt::new("ann", SKU).key(KEY); 100];
    let (order, originals) = one_order(&crowd(server.address(), retries.clone()).await);
    assert_eq!(originals, 1, "exactly one answer is the order itself, the others are replays");
    server.restart();
    let (again, originals) = one_order(&crowd(server.address(), retries).await);
    assert_eq!(originals, 0, "after the restart every answer is a replay");
    assert!(same_promise(&order, &again), "before {order}, after {again}");
    let rows = assert_conservation(&server).await;
    assert!(rows.len() == 1 && same_promise(&order, &rows[0]), "answered {order}, written {rows:?}");
}

#[tokio::test]
async fn a_hundred_parallel_retries_and_a_crash_make_one_order() {
    let setup = Setup::new([Item::new(SKU, 100).limit(5)]).set("gate.throttle.window", "\"5s\"");
    assert_one_order_for_a_hundred_retries(setup.start()).await;
}

#[tokio::test]
async fn a_hundred_parallel_retries_and_a_crash_make_one_order_through_the_redis_gate() {
    let redis = RedisServer::start();
    let setup = Setup::new([Item::new(SKU, 100).limit(5)]).set("gate.throttle.window", "\"5s\"");
    assert_one_order_for_a_hundred_retries(setup.set("redis.url", &format!("{:?}", redis.url())).start()).await;
}

#[tokio::test]
async fn a_holder_gets_his_order_again_past_the_throttle_and_the_sold_out_sign() {
    let setup = Setup::new([Item::new(SKU, 1).limit(5), Item::new("other", 5).limit(5)]);
    let server = setup.set("gate.throttle.window", "\"60s\"").start();
    let attempt = Attempt::new("ann", SKU).key(KEY);
    let first = buy(&server, &attempt).await;
    assert_eq!(first.status, 201, "{}", first.text());
    assert!(!is_replay(&first));
    let again = buy(&server, &attempt).await;
    assert_eq!((again.status, is_replay(&again)), (201, true), "{}", again.text());
    assert_eq!(again.json(), first.json());
    assert_eq!(again.header("location"), first.header("location"));
    // The key opens the way for its own order only: a fresh key meets the sold-out sign like everybody else.
    assert_problem(&buy(&server, &Attempt::new("ann", SKU).key("fresh")).await, 409, "sold-out");
    assert_problem(&buy(&server, &Attempt::new("bob", SKU).key(KEY)).await, 409, "sold-out");
    let throttled = Attempt::new("cid", "other");
    assert_eq!(buy(&server, &throttled.clone().key(KEY)).await.status, 201);
    assert_problem(&buy(&server, &throttled.clone().key("fresh")).await, 429, "throttled");
    assert!(is_replay(&buy(&server, &throttled.key(KEY)).await));
    assert_eq!(assert_conservation(&server).await.len(), 2);
}

#[tokio::test]
async fn a_holder_gets_his_order_again_after_the_sale_has_closed() {
    let closes_at = Timestamp::now() + Duration::from_secs(3);
    let server = Setup::new([Item::new(SKU, 9).limit(5).closes_at(&closes_at.to_string())]).start();
    let attempt = Attempt::new("ann", SKU).key(KEY);
    let first = buy(&server, &attempt).await;
    assert_eq!(first.status, 201, "{}", first.text());
    let mut client = Client::new(server.address());
    while client.get("/v1/items/sku-1", &[]).await.expect("an answer").json()["state"] != "closed" {
        assert!(Timestamp::now() < closes_at + Duration::from_secs(10), "the sale does not close");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let again = buy(&server, &attempt).await;
    assert_eq!((again.status, is_replay(&again)), (201, true), "{}", again.text());
    assert_eq!(again.json(), first.json());
    assert_problem(&buy(&server, &Attempt::new("ann", SKU).key("fresh")).await, 410, "sale-closed");
}

#[tokio::test]
async fn a_key_that_comes_with_another_purchase_is_refused() {
    let mut server = Setup::new([Item::new(SKU, 9).limit(5)]).start();
    let attempt = Attempt::new("ann", SKU).key(KEY);
    assert_eq!(buy(&server, &attempt).await.status, 201);
    assert_problem(&buy(&server, &attempt.clone().quantity(2)).await, 422, "idempotency-key-reused");
    server.restart();
    assert_problem(&buy(&server, &attempt.clone().quantity(2)).await, 422, "idempotency-key-reused");
    assert!(is_replay(&buy(&server, &attempt).await), "the key still stands for its order");
    assert_eq!(assert_conservation(&server).await.len(), 1);
}

#[tokio::test]
async fn a_key_belongs_to_one_user_and_one_item() {
    let mut server = Setup::new([Item::new(SKU, 9), Item::new("sku-2", 9)]).start();
    let attempts = [("ann", SKU), ("bob", SKU), ("ann", "sku-2")].map(|(user, item)| Attempt::new(user, item).key(KEY));
    let mut orders = Vec::new();
    for attempt in &attempts {
        let answer = buy(&server, attempt).await;
        assert_eq!((answer.status, is_replay(&answer)), (201, false), "{}", answer.text());
        orders.push(answer.json());
    }
    let ids: BTreeSet<_> = orders.iter().map(|order| order["order_id"].to_string()).collect();
    assert_eq!(ids.len(), 3);
    server.restart();
    for (attempt, order) in attempts.iter().zip(&orders) {
        let answer = buy(&server, attempt).await;
        assert!(is_replay(&answer) && same_promise(&answer.json(), order), "{order} became {}", answer.text());
    }
}

#[tokio::test]
async fn a_quoted_key_is_the_bare_key() {
    let server = Setup::new([Item::new(SKU, 9).limit(5)]).start();
    let first = buy(&server, &Attempt::new("ann", SKU).key("\"quoted-or-not\"")).await;
    let second = buy(&server, &Attempt::new("ann", SKU).key("quoted-or-not")).await;
    assert_eq!((first.status, second.status, is_replay(&second)), (201, 201, true));
    assert!(same_promise(&first.json(), &second.json()));
}

#[tokio::test]
async fn a_key_of_the_greatest_length_is_kept_whole() {
    let mut server = Setup::new([Item::new(SKU, 9).limit(5)]).start();
    let (one, other) = (format!("{}1", "k".repeat(254)), format!("{}2", "k".repeat(254)));
    let first = buy(&server, &Attempt::new("ann", SKU).key(&one)).await;
    let second = buy(&server, &Attempt::new("ann", SKU).key(&other)).await;
    assert_eq!((first.status, second.status, is_replay(&second)), (201, 201, false));
    server.restart();
    let again = buy(&server, &Attempt::new("ann", SKU).key(&other)).await;
    assert!(is_replay(&again) && same_promise(&again.json(), &second.json()), "{}", again.text());
}

#[tokio::test]
async fn a_refusal_is_not_remembered_under_its_key() {
    let server = Setup::new([Item::new(SKU, 9).limit(2)]).start();
    let attempt = Attempt::new("ann", SKU).key(KEY);
    assert_problem(&buy(&server, &attempt.clone().quantity(3)).await, 409, "limit-reached");
    let accepted = buy(&server, &attempt.quantity(2)).await;
    assert_eq!((accepted.status, is_replay(&accepted)), (201, false), "{}", accepted.text());
    assert_eq!(assert_conservation(&server).await.len(), 1);
}

#[tokio::test]
async fn without_a_key_every_request_is_an_order_of_its_own() {
    let server = Setup::new([Item::new(SKU, 9).limit(5)]).start();
    let attempt = Attempt::new("ann", SKU);
    let (first, second) = (buy(&server, &attempt).await, buy(&server, &attempt).await);
    assert_eq!((first.status, second.status), (201, 201));
    assert_ne!(first.json()["order_id"], second.json()["order_id"]);
    let mut client = Client::new(server.address());
    let listed = client.get("/v1/orders?item_id=sku-1", &[("Authorization", &authorization("ann"))]).await;
    assert_eq!(listed.expect("an answer").json()["orders"].as_array().map(Vec::len), Some(2));
}
