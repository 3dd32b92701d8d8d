//! **Job:** every step of an operator has a way back, and says who took it and why.
//! **Owns:** the journal as the witness of each step, also after a crash right behind it.
//! **Never:** settles payments: `payments` does.

use serde_json::{Value, json};

use super::owner::{Owner, SKU, buy, shown};
use crate::support::{
    Attempt, Client, Item, Server, Setup, assert_conservation, assert_problem, authorization, crowd, report_paid, seed,
};

async fn journal(server: &Server, filter: &str) -> Vec<Value> {
    let answer = Owner::of(server).get(&format!("/v1/admin/journal?limit=1000{filter}")).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["entries"].as_array().expect("a list").clone()
}

fn item(title: &str) -> Value {
    json!({"title": title, "unit_price": 1990, "currency": "CNY", "stock": 9, "per_user_limit": 5})
}

#[tokio::test]
async fn each_step_is_in_the_journal_with_who_and_why_even_after_a_kill() {
    let mut server = Setup::new([Item::new(SKU, 9).limit(5)]).start();
    let pending = buy(&server, &Attempt::new("ann", SKU)).await.json();
    let paid = buy(&server, &Attempt::new("bob", SKU)).await.json();
    report_paid(&mut Client::new(server.address()), "e1", &paid).await.expect("an answer");
    let path = |rest: &str| format!("/v1/admin/items/{SKU}{rest}");
    let cancel = |order: &Value| format!("/v1/admin/orders/{}/cancel", order["order_id"].as_str().expect("an id"));
    let mut changed = item("A better name");
    changed["closes_at"] = json!("2999-01-01T00:00:00Z");
    for (method, path, body, kind) in [
        ("POST", path("/restock"), json!({"quantity": 5}), "restocked"),
        ("POST", path("/withdraw"), json!({"quantity": 3}), "withdrawn"),
        ("POST", path("/pause"), json!({}), "paused"),
        ("POST", path("/resume"), json!({}), "resumed"),
        ("POST", path("/close"), json!({}), "closed"),
        ("POST", path("/reopen"), json!({}), "reopened"),
        ("POST", path("/hide"), json!({}), "hidden"),
        ("POST", path("/show"), json!({}), "shown"),
        ("PUT", path(""), changed, "item"),
        ("POST", cancel(&pending), json!({}), "cancelled"),
        ("POST", cancel(&paid), json!({}), "refund_due"),
    ] {
        let mut body = body;
        body["reason"] = json!(format!("because {kind}"));
        let answer = Owner::of(&server).act("Ann B.", method, &path, Some(&body)).await;
        assert_eq!(answer.status, 200, "{kind}: {}", answer.text());
        server.restart();
        let entries = journal(&server, "").await;
        let last = entries.last().expect("an entry");
        let said = (&last["kind"], &last["operator"], &last["reason"]);
        assert_eq!(said, (&json!(kind), &json!("Ann B."), &json!(format!("because {kind}"))), "{last}");
        assert_eq!(last["item_id"], SKU);
    }
    let seen = shown(&server, SKU).await;
    assert_eq!((&seen["title"], &seen["stock"], &seen["remaining"]), (&json!("A better name"), &json!(11), &json!(11)));
    assert_eq!((&seen["state"], &seen["closes_at"]), (&json!("open"), &json!("2999-01-01T00:00:00.000Z")));
    let entries = journal(&server, &format!("&item_id={SKU}")).await;
    assert_eq!(entries.len(), 12, "eleven steps and the item itself");
    assert_eq!(journal(&server, "&after=4").await.first().map(|entry| entry["seq"].as_u64() > Some(4)), Some(true));
    assert_eq!((&entries[0]["kind"], &entries[0]["operator"]), (&json!("item"), &Value::Null), "nobody signed it");
    assert_eq!(entries[9]["definition"]["title"], "A better name");
    assert_conservation(&server).await;
}

#[tokio::test]
async fn a_step_needs_no_body_and_no_name() {
    let server = Setup::new([Item::new(SKU, 9)]).start();
    for (verb, kind) in [("pause", "paused"), ("resume", "resumed"), ("close", "closed"), ("reopen", "reopened")] {
        assert_eq!(Owner::of(&server).steer(SKU, verb, None).await.status, 200, "{verb}");
        let entries = journal(&server, "").await;
        let last = entries.last().expect("an entry");
        assert_eq!((&last["kind"], &last["operator"], &last["reason"]), (&json!(kind), &Value::Null, &Value::Null));
    }
    let seqs: Vec<_> = journal(&server, "").await.iter().map(|entry| entry["seq"].clone()).collect();
    Owner::of(&server).steer(SKU, "reopen", None).await;
    assert_eq!(journal(&server, "").await.len(), seqs.len(), "what is so already is no entry");
}

#[tokio::test]
async fn more_than_is_left_cannot_be_withdrawn_and_nothing_is() {
    let server = Setup::new([Item::new(SKU, 3)]).start();
    assert_eq!(buy(&server, &Attempt::new("ann", SKU)).await.status, 201);
    let answer = Owner::of(&server).steer(SKU, "withdraw", Some(&json!({"quantity": 3}))).await;
    assert_problem(&answer, 409, "not-enough-left");
    assert_eq!(answer.json()["remaining"], 2);
    assert_eq!(shown(&server, SKU).await["stock"], 3);
    let answer = Owner::of(&server).steer(SKU, "withdraw", Some(&json!({"quantity": 2}))).await;
    assert_eq!((answer.status, &answer.json()["stock"], &answer.json()["live"]), (200, &json!(1), &json!(1)));
    assert_problem(&buy(&server, &Attempt::new("bob", SKU)).await, 409, "sold-out");
    for quantity in [json!(0), json!(-1), json!("1"), json!(1.5), json!(u64::MAX), Value::Null] {
        let answer = Owner::of(&server).steer(SKU, "withdraw", Some(&json!({"quantity": quantity}))).await;
        assert_problem(&answer, 422, "validation");
    }
    assert_conservation(&server).await;
}

#[tokio::test]
async fn withdrawals_in_the_middle_of_a_crowd_take_no_unit_from_a_buyer() {
    let server = Setup::new([Item::new(SKU, 300)]).start();
    let withdrawals = async {
        let mut withdrawn = 0;
        for _ in 0..20 {
            let answer = Owner::of(&server).steer(SKU, "withdraw", Some(&json!({"quantity": 10}))).await;
            withdrawn += if answer.status == 200 { 10 } else { 0 };
            if answer.status != 200 {
                assert_problem(&answer, 409, "not-enough-left");
            }
        }
        withdrawn
    };
    let (tally, withdrawn) = tokio::join!(crowd(server.address(), Attempt::shuffled(SKU, 600, seed())), withdrawals);
    tally.assert_answered_with(&["sold-out"]);
    let item = shown(&server, SKU).await;
    assert_eq!(item["stock"], 300 - withdrawn);
    let sold = u64::try_from(tally.orders().len()).expect("a count");
    assert_eq!(item["remaining"].as_u64().map(|left| left + sold), item["stock"].as_u64());
    assert_conservation(&server).await;
}

#[tokio::test]
async fn a_hidden_item_is_none_for_buyers_but_their_orders_stay() {
    let mut server = Setup::new([Item::new(SKU, 9), Item::new("other", 9)]).start();
    let order = buy(&server, &Attempt::new("ann", SKU)).await.json();
    assert_eq!(Owner::of(&server).steer(SKU, "hide", None).await.json()["hidden"], true);
    for _life in 0..2 {
        let mut client = Client::new(server.address());
        let listed = client.get("/v1/items", &[]).await.expect("an answer").json()["items"].clone();
        assert_eq!(listed.as_array().map(Vec::len), Some(1), "{listed}");
        assert_problem(&client.get(&format!("/v1/items/{SKU}"), &[]).await.expect("an answer"), 404, "not-found");
        assert_problem(&buy(&server, &Attempt::new("bob", SKU)).await, 404, "not-found");
        let own = format!("/v1/orders/{}", order["order_id"].as_str().expect("an id"));
        let own = client.get(&own, &[("Authorization", &authorization("ann"))]).await.expect("an answer");
        assert_eq!(own.status, 200, "{}", own.text());
        let all = Owner::of(&server).get("/v1/admin/items").await.json();
        assert_eq!(all["items"].as_array().map(Vec::len), Some(2), "its owner sees it");
        let one = Owner::of(&server).get(&format!("/v1/admin/items/{SKU}")).await.json();
        assert_eq!((&one["hidden"], &one["first_stock"], &one["live"]), (&json!(true), &json!(9), &json!(1)));
        server.restart();
    }
    assert_eq!(Owner::of(&server).steer(SKU, "show", None).await.json()["hidden"], false);
    assert_eq!(buy(&server, &Attempt::new("bob", SKU)).await.status, 201);
}

#[tokio::test]
async fn an_item_that_nobody_ordered_can_be_deleted_and_its_id_is_free_again() {
    let mut server = Setup::new([Item::new(SKU, 9)]).start();
    assert_eq!(Owner::of(&server).put("typo", &item("Tpyo")).await.status, 201);
    let gone = Owner::of(&server).act("Ann", "DELETE", "/v1/admin/items/typo", Some(&json!({"reason": "typo"}))).await;
    assert_eq!((gone.status, gone.body.len()), (204, 0), "{}", gone.text());
    server.restart();
    let mut owner = Owner::of(&server);
    assert_problem(&owner.get("/v1/admin/items/typo").await, 404, "not-found");
    assert_problem(&owner.send("DELETE", "/v1/admin/items/typo", None).await, 404, "not-found");
    let entries = journal(&server, "&item_id=typo").await;
    let said: Vec<_> = entries.iter().map(|entry| (entry["kind"].clone(), entry["reason"].clone())).collect();
    assert_eq!(said, [(json!("item"), Value::Null), (json!("deleted"), json!("typo"))]);
    assert_eq!(owner.put("typo", &item("Typo")).await.status, 201, "its id is free again");
    assert_eq!(buy(&server, &Attempt::new("ann", "typo")).await.status, 201);
    assert_problem(&owner.send("DELETE", "/v1/admin/items/typo", None).await, 409, "invalid-transition");
    assert_eq!(shown(&server, "typo").await["title"], "Typo");
    assert_eq!(server.verify().0, 0, "{}", server.verify().1);
}

#[tokio::test]
async fn an_operator_cancels_an_order_once_by_its_new_or_old_name() {
    let server = Setup::new([Item::new(SKU, 9).limit(9)]).start();
    let mut owner = Owner::of(&server);
    let order = buy(&server, &Attempt::new("ann", SKU)).await.json();
    let path = format!("/v1/admin/orders/{}/cancel", order["order_id"].as_str().expect("an id"));
    let why = json!({"reason": "wrong price"});
    for body in [json!({}), json!({"reason": ""}), json!({"reason": "  "}), json!({"reason": null})] {
        assert_problem(&owner.act("Ann", "POST", &path, Some(&body)).await, 422, "validation");
    }
    assert_problem(&owner.send("POST", &path, None).await, 411, "length-required");
    let cancelled = owner.act("Ann", "POST", &path, Some(&why)).await;
    assert_eq!((cancelled.status, &cancelled.json()["status"]), (200, &json!("cancelled")), "{}", cancelled.text());
    let again = owner.act("Ann", "POST", &path, Some(&why)).await;
    assert_problem(&again, 409, "invalid-transition");
    assert_eq!(again.json()["order_status"], "cancelled");
    let paid = buy(&server, &Attempt::new("bob", SKU)).await.json();
    report_paid(&mut Client::new(server.address()), "e1", &paid).await.expect("an answer");
    let revoked = owner.act("Ann", "POST", "/v1/admin/orders/1-1-2/cancel", Some(&why)).await;
    assert_eq!((revoked.status, &revoked.json()["status"]), (200, &json!("refund_due")), "{}", revoked.text());
    assert_eq!(revoked.json()["refund_owed"], json!([{"amount": 1990, "currency": "CNY"}]));
    for unknown in ["1-1-3", "1-7-1", "C0110000009X", "no-order"] {
        let answer = owner.act("Ann", "POST", &format!("/v1/admin/orders/{unknown}/cancel"), Some(&why)).await;
        assert_problem(&answer, 404, "not-found");
    }
    let of_bob = owner.get("/v1/admin/orders?user_id=bob&status=refund_due").await.json();
    assert_eq!(of_bob["orders"].as_array().map(Vec::len), Some(1), "{of_bob}");
    assert_eq!(owner.get("/v1/admin/orders?user_id=bob&status=refunded").await.json()["orders"], json!([]));
    assert_conservation(&server).await;
}

#[tokio::test]
async fn a_name_or_a_reason_that_cannot_be_written_down_is_refused_and_nothing_is_done() {
    let server = Setup::new([Item::new(SKU, 9)]).start();
    let mut owner = Owner::of(&server);
    let path = format!("/v1/admin/items/{SKU}/pause");
    for name in ["", &"n".repeat(101), "J\u{f6}rg", "a\tb"] {
        assert_problem(&owner.act(name, "POST", &path, None).await, 422, "validation");
    }
    for reason in [json!("r".repeat(501)), json!("a\nb"), json!("\u{1b}[2J"), json!(7), json!({})] {
        let answer = owner.act("Ann", "POST", &path, Some(&json!({"reason": reason}))).await;
        assert_problem(&answer, 422, "validation");
        assert_eq!(answer.json()["errors"][0]["field"], "reason");
    }
    let surplus = owner.act("Ann", "POST", &path, Some(&json!({"why": "x"}))).await;
    assert_problem(&surplus, 422, "validation");
    assert_problem(&owner.send("POST", &path, Some("[]")).await, 400, "malformed");
    assert_eq!(shown(&server, SKU).await["state"], "open");
    let long = json!({"reason": "\u{4ef7}".repeat(500)});
    assert_eq!(owner.act(&"n".repeat(100), "POST", &path, Some(&long)).await.status, 200);
    assert_eq!(journal(&server, "").await.last().expect("an entry")["reason"], long["reason"]);
}
