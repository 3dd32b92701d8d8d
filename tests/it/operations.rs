//! **Job:** what the owner of the sale can do while it runs, through the operations listener.
//! **Owns:** the life of an item: created, changed, restocked, paused, closed.
//! **Never:** sends what a buyer could send: buyers are there to see what it does to them.

mod books;
mod command;
mod items;
mod owner;
mod payments;
mod steering;

use owner::{Owner, SKU, buy, shown};
use serde_json::json;

use crate::support::{Attempt, Item, Setup, assert_conservation, assert_problem, crowd, seed};

#[tokio::test]
async fn a_restock_sells_at_once_to_those_who_were_sold_out() {
    let mut server = Setup::new([Item::new(SKU, 1)]).start();
    assert_eq!(buy(&server, &Attempt::new("ann", SKU)).await.status, 201);
    assert_problem(&buy(&server, &Attempt::new("bob", SKU)).await, 409, "sold-out");
    let answer = Owner::of(&server).steer(SKU, "restock", Some(&json!({"quantity": 2}))).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let item = answer.json();
    assert_eq!((&item["stock"], &item["remaining"], &item["state"]), (&json!(3), &json!(2), &json!("open")));
    assert_eq!(buy(&server, &Attempt::new("bob", SKU)).await.status, 201, "the flag is cleared");
    server.restart();
    let item = shown(&server, SKU).await;
    assert_eq!((&item["stock"], &item["remaining"]), (&json!(3), &json!(1)), "durable before it was answered");
    assert_eq!(buy(&server, &Attempt::new("cid", SKU)).await.status, 201);
    assert_problem(&buy(&server, &Attempt::new("dan", SKU)).await, 409, "sold-out");
    assert_eq!(assert_conservation(&server).await.len(), 3);
}

#[tokio::test]
async fn restocks_in_the_middle_of_a_crowd_sell_every_unit_and_none_twice() {
    let server = Setup::new([Item::new(SKU, 100)]).start();
    let restocks = async {
        for _ in 0..10 {
            let answer = Owner::of(&server).steer(SKU, "restock", Some(&json!({"quantity": 10}))).await;
            assert_eq!(answer.status, 200, "{}", answer.text());
        }
    };
    let (tally, ()) = tokio::join!(crowd(server.address(), Attempt::shuffled(SKU, 1_000, seed())), restocks);
    tally.assert_answered_with(&["sold-out"]);
    let mut sold = tally.orders().len();
    // Who came before the last restock was sold out may come again.
    for buyer in 0..200 {
        let again = Attempt::new(&format!("again-{buyer}"), SKU);
        sold += usize::from(buy(&server, &again).await.status == 201);
    }
    assert_eq!(sold, 200);
    assert_eq!(assert_conservation(&server).await.len(), 200);
}

#[tokio::test]
async fn a_token_pool_grows_with_a_restock() {
    let server = Setup::new([Item::new(SKU, 1)]).set("gate.pool.factor", "1.0").start();
    assert_eq!(buy(&server, &Attempt::new("ann", SKU)).await.status, 201);
    let answer = Owner::of(&server).steer(SKU, "restock", Some(&json!({"quantity": 2}))).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    for buyer in ["bob", "cid"] {
        let answer = buy(&server, &Attempt::new(buyer, SKU)).await;
        assert_eq!(answer.status, 201, "{}", answer.text());
    }
    assert_conservation(&server).await;
}

#[tokio::test]
async fn a_paused_sale_refuses_purchases_but_not_who_holds_an_order() {
    let mut server = Setup::new([Item::new(SKU, 9).limit(9)]).start();
    let held = Attempt::new("ann", SKU).key("key-1");
    let order = buy(&server, &held).await.json();
    for _idempotent in 0..2 {
        let answer = Owner::of(&server).steer(SKU, "pause", None).await;
        assert_eq!((answer.status, &answer.json()["state"]), (200, &json!("paused")), "{}", answer.text());
    }
    for _life in 0..2 {
        assert_problem(&buy(&server, &Attempt::new("bob", SKU)).await, 403, "sale-paused");
        assert_problem(&buy(&server, &held.clone().key("key-2")).await, 403, "sale-paused");
        let replay = buy(&server, &held).await;
        assert_eq!((replay.status, replay.json()), (201, order.clone()));
        assert_eq!(replay.header("idempotent-replayed"), Some("true"));
        server.restart();
        assert_eq!(shown(&server, SKU).await["state"], "paused", "durable before it was answered");
    }
    for _idempotent in 0..2 {
        let answer = Owner::of(&server).steer(SKU, "resume", None).await;
        assert_eq!((answer.status, &answer.json()["state"]), (200, &json!("open")), "{}", answer.text());
    }
    server.restart();
    assert_eq!(buy(&server, &Attempt::new("bob", SKU)).await.status, 201);
    assert_eq!(assert_conservation(&server).await.len(), 2);
}

#[tokio::test]
async fn a_closed_sale_is_over_but_not_for_who_holds_an_order() {
    let mut server = Setup::new([Item::new(SKU, 9).limit(9)]).start();
    let held = Attempt::new("ann", SKU).key("key-1");
    let order = buy(&server, &held).await.json();
    for _idempotent in 0..2 {
        let answer = Owner::of(&server).steer(SKU, "close", None).await;
        assert_eq!((answer.status, &answer.json()["state"]), (200, &json!("closed")), "{}", answer.text());
    }
    for _life in 0..2 {
        assert_problem(&buy(&server, &Attempt::new("bob", SKU)).await, 410, "sale-closed");
        let replay = buy(&server, &held).await;
        assert_eq!((replay.status, replay.json()), (201, order.clone()));
        for (what, body) in [("pause", None), ("resume", None), ("restock", Some(json!({"quantity": 1})))] {
            let answer = Owner::of(&server).steer(SKU, what, body.as_ref()).await;
            assert_problem(&answer, 410, "sale-closed");
        }
        server.restart();
        assert_eq!(shown(&server, SKU).await["state"], "closed", "durable before it was answered");
    }
    assert_eq!(assert_conservation(&server).await.len(), 1);
}

#[tokio::test]
async fn an_instruction_needs_an_item_and_a_sensible_body() {
    let server = Setup::new([Item::new(SKU, 9)]).start();
    let mut owner = Owner::of(&server);
    for what in ["pause", "resume", "close"] {
        assert_problem(&owner.steer("unknown", what, None).await, 404, "not-found");
    }
    assert_problem(&owner.steer("unknown", "restock", Some(&json!({"quantity": 1}))).await, 404, "not-found");
    for quantity in [json!(0), json!(-1), json!(1.5), json!("1"), json!(null), json!(1_000_000_001), json!(1_u64 << 32)]
    {
        let answer = owner.steer(SKU, "restock", Some(&json!({"quantity": quantity}))).await;
        assert_problem(&answer, 422, "validation");
    }
    let surplus = owner.steer(SKU, "restock", Some(&json!({"quantity": 1, "price": 1}))).await;
    assert_problem(&surplus, 422, "validation");
    for body in ["", "[]", "null", "{\"quantity\":1", "{\"quantity\":1}x", "{\"quantity\":1,\"quantity\":1}"] {
        let answer = owner.send("POST", &format!("/v1/admin/items/{SKU}/restock"), Some(body)).await;
        assert_problem(&answer, 400, "malformed");
    }
    assert_eq!(shown(&server, SKU).await["stock"], 9);
}

#[tokio::test]
async fn a_supply_out_of_range_is_refused() {
    let server = Setup::new([Item::new(SKU, 9)]).start();
    let mut owner = Owner::of(&server);
    let most = json!({"quantity": 1_000_000_000});
    for _ in 0..3 {
        assert_eq!(owner.steer(SKU, "restock", Some(&most)).await.status, 200);
    }
    assert_problem(&owner.steer(SKU, "restock", Some(&most)).await, 422, "validation");
    assert_eq!(shown(&server, SKU).await["stock"], 3_000_000_009_u64);
    assert_conservation(&server).await;
}
