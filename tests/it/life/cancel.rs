//! **Job:** what a buyer gets and gives by giving an order up.
//! **Owns:** the route and its refusals.
//! **Never:** cancels what has another end in the same moment: the races do.

use serde_json::json;

use super::street::{SKU, buy, cancel, entries, item, order_of, path, pay, try_to_buy};
use crate::support::{
    Client, Item, Setup, assert_conservation, assert_problem, authorization, but_for_its_id, live_of, same_promise,
};

#[tokio::test]
async fn a_cancelled_order_gives_its_units_and_its_limit_back_at_once() {
    let mut server = Setup::new([Item::new(SKU, 2).limit(2)]).start();
    let order = buy(&server, "ann", 2).await;
    assert_eq!(item(&server).await["state"], "sold_out");
    assert_problem(&try_to_buy(&server, "bob", 1).await, 409, "sold-out");
    let answer = cancel(&server, "ann", &order).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let cancelled = answer.json();
    assert!(cancelled["status"] == "cancelled" && same_promise(&cancelled, &order), "{order} became {cancelled}");
    assert_eq!((&item(&server).await["state"], &item(&server).await["remaining"]), (&json!("open"), &json!(2)));
    buy(&server, "bob", 1).await;
    buy(&server, "ann", 1).await;
    assert_problem(&try_to_buy(&server, "cid", 1).await, 409, "sold-out");
    server.restart();
    assert_eq!(order_of(&server, &order).await, cancelled, "durable before it was answered");
    assert_eq!(live_of(&assert_conservation(&server).await, SKU), 2);
}

#[tokio::test]
async fn only_a_pending_order_can_be_cancelled() {
    let server = Setup::new([Item::new(SKU, 9).limit(9)]).start();
    let (given_up, paid) = (buy(&server, "ann", 1).await, buy(&server, "ann", 1).await);
    assert_eq!(cancel(&server, "ann", &given_up).await.status, 200);
    assert_problem(&cancel(&server, "ann", &given_up).await, 409, "invalid-transition");
    assert_eq!(pay(&server, "e1", &paid).await.status, 200);
    assert_problem(&cancel(&server, "ann", &paid).await, 409, "invalid-transition");
    assert_eq!(entries(&server, "cancelled"), 1);
    assert_eq!(live_of(&assert_conservation(&server).await, SKU), 1, "a paid order keeps its unit");
}

#[tokio::test]
async fn an_order_that_needed_no_payment_cannot_be_cancelled() {
    let server = Setup::new([Item::new(SKU, 9)]).set("payment.pay_within", "\"0s\"").start();
    let order = buy(&server, "ann", 1).await;
    assert_problem(&cancel(&server, "ann", &order).await, 409, "invalid-transition");
    assert_eq!(live_of(&assert_conservation(&server).await, SKU), 1);
}

#[tokio::test]
async fn somebody_elses_order_looks_like_none() {
    let server = Setup::new([Item::new(SKU, 9)]).start();
    let order = buy(&server, "ann", 1).await;
    let mut unknown = order.clone();
    unknown["order_id"] = json!("1-1-fff");
    let (foreign, unknown) = (cancel(&server, "bob", &order).await, cancel(&server, "bob", &unknown).await);
    assert_problem(&foreign, 404, "not-found");
    assert_eq!((foreign.status, but_for_its_id(&foreign)), (unknown.status, but_for_its_id(&unknown)));
    assert_eq!(order_of(&server, &order).await, order);
}

#[tokio::test]
async fn cancelling_needs_a_buyer_and_a_post() {
    let server = Setup::new([Item::new(SKU, 9)]).start();
    let order = buy(&server, "ann", 1).await;
    let cancel = format!("{}/cancel", path(&order));
    let mut client = Client::new(server.address());
    let nobody = client.request("POST", &cancel, &[], None).await.expect("an answer");
    assert_problem(&nobody, 401, "unauthenticated");
    let buyer = authorization("ann");
    for method in ["GET", "DELETE", "PUT"] {
        let answer = client.request(method, &cancel, &[("Authorization", &buyer)], None).await.expect("an answer");
        assert_problem(&answer, 405, "method-not-allowed");
        assert_eq!(answer.header("allow"), Some("POST"), "{method}");
    }
    assert_eq!(order_of(&server, &order).await, order);
}
