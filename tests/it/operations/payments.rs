//! **Job:** money that has to go back is listed until somebody says that it went back.
//! **Owns:** the list of payments, its totals, and their settlement by an operator.
//! **Never:** asks what an event means: `life` does.

use serde_json::{Value, json};

use super::owner::{Owner, SKU, buy};
use crate::support::{
    Attempt, Client, Item, Server, Setup, assert_conservation, assert_problem, metrics_page, payment_event,
    report_paid, sample, send_signed,
};

async fn payments(server: &Server, filter: &str) -> Value {
    let answer = Owner::of(server).get(&format!("/v1/admin/payments{filter}")).await;
    assert_eq!(answer.status, 200, "{filter}: {}", answer.text());
    answer.json()
}

fn listed<'p>(page: &'p Value, member: &str) -> Vec<&'p str> {
    let list = page["payments"].as_array().expect("a list");
    list.iter().map(|payment| payment[member].as_str().unwrap_or("none")).collect()
}

/// An event with another amount, currency or order than is right.
async fn report(server: &Server, event: &str, order: &Value, wrong: (&str, Value)) {
    let mut body = payment_event(event, "succeeded", order);
    body[wrong.0] = wrong.1;
    let answer = send_signed(&mut Client::new(server.address()), &body.to_string()).await.expect("an answer");
    assert_eq!(answer.status, 200, "{}", answer.text());
}

fn refunded(payment: &Value) -> String {
    format!("/v1/admin/payments/{}/refunded", payment["payment_id"].as_str().expect("an id"))
}

#[tokio::test]
async fn a_second_payment_is_owed_until_the_operator_says_that_it_went_back() {
    let mut server = Setup::new([Item::new(SKU, 9)]).start();
    let order = buy(&server, &Attempt::new("ann", SKU)).await.json();
    let mut provider = Client::new(server.address());
    for event in ["e1", "e2", "e2"] {
        assert_eq!(report_paid(&mut provider, event, &order).await.expect("an answer").status, 200, "{event}");
    }
    let page = payments(&server, "").await;
    let owed = &page["payments"][0];
    assert_eq!((listed(&page, "event_id"), &page["next"]), (vec!["e2"], &Value::Null), "{page}");
    assert_eq!(page["owed"], json!([{"amount": 1990, "currency": "CNY"}]));
    for (member, value) in [
        ("verdict", json!("second_payment")),
        ("order_id", order["order_id"].clone()),
        ("order_reference", Value::Null),
        ("item_id", json!(SKU)),
        ("user_id", json!("ann")),
        ("provider", json!("doorbuster")),
        ("amount", json!(1990)),
        ("owed", json!(1990)),
    ] {
        assert_eq!(owed[member], value, "{member}: {owed}");
    }
    let text = metrics_page(&server).await;
    let counted = |verdict: &str| -> u64 {
        sample(&text, &format!("doorbuster_payments_total{{provider=\"doorbuster\",verdict=\"{verdict}\"}}"))
    };
    let told = (counted("applied"), counted("second_payment"), counted("duplicate"), counted("late"));
    assert_eq!(told, (1, 1, 1, 0));
    assert_eq!(sample::<u64>(&text, "doorbuster_refunds_due{currency=\"CNY\"}"), 1990);
    let why = json!({"reason": "sent back by hand"});
    let settled = Owner::of(&server).act("Ann", "POST", &refunded(owed), Some(&why)).await;
    assert_eq!((settled.status, &settled.json()["owed"]), (200, &json!(0)), "{}", settled.text());
    server.restart();
    let again = Owner::of(&server).act("Bob", "POST", &refunded(owed), None).await;
    assert_eq!((again.status, again.json()), (200, settled.json()), "once is enough");
    assert_eq!(payments(&server, "").await, json!({"payments": [], "next": null, "owed": []}));
    assert_eq!(listed(&payments(&server, "?status=settled").await, "event_id"), ["e2"]);
    assert_eq!(listed(&payments(&server, "?status=all").await, "verdict"), ["applied", "second_payment"]);
    assert_eq!(sample::<u64>(&metrics_page(&server).await, "doorbuster_refunds_due{currency=\"CNY\"}"), 0);
    let journal = Owner::of(&server).get("/v1/admin/journal").await.json();
    let entries = journal["entries"].as_array().expect("a list");
    let last = entries.last().expect("an entry");
    assert_eq!((&last["kind"], &last["operator"], &last["reason"]), (&json!("settled"), &json!("Ann"), &why["reason"]));
    assert_eq!((&last["settled"], &last["payment_reference"]), (&json!(1990), &json!("e2")), "{last}");
    assert_conservation(&server).await;
}

#[tokio::test]
async fn money_of_no_known_order_can_be_found_and_settled_too() {
    let server = Setup::new([Item::new(SKU, 9)]).start();
    let order = buy(&server, &Attempt::new("ann", SKU)).await.json();
    report(&server, "e1", &order, ("order_id", json!("SHOP-4711"))).await;
    let page = payments(&server, "?verdict=unknown_order").await;
    let owed = &page["payments"][0];
    assert_eq!((&owed["order_reference"], &owed["order_id"]), (&json!("SHOP-4711"), &Value::Null), "{page}");
    assert_eq!((&owed["item_id"], &owed["user_id"], &owed["owed"]), (&Value::Null, &Value::Null, &json!(1990)));
    assert_eq!(sample::<u64>(&metrics_page(&server).await, "doorbuster_refunds_due{currency=\"CNY\"}"), 1990);
    let settled = Owner::of(&server).act("Ann", "POST", &refunded(owed), None).await;
    assert_eq!((settled.status, &settled.json()["owed"]), (200, &json!(0)), "{}", settled.text());
    assert_eq!(payments(&server, "").await["owed"], json!([]));
    assert_conservation(&server).await;
}

#[tokio::test]
async fn the_price_of_a_paid_order_that_was_cancelled_is_owed_and_settled() {
    let server = Setup::new([Item::new(SKU, 9)]).start();
    let order = buy(&server, &Attempt::new("ann", SKU)).await.json();
    report_paid(&mut Client::new(server.address()), "e1", &order).await.expect("an answer");
    let id = order["order_id"].as_str().expect("an id");
    let why = json!({"reason": "broken"});
    let revoked = Owner::of(&server).act("Ann", "POST", &format!("/v1/admin/orders/{id}/cancel"), Some(&why)).await;
    assert_eq!(revoked.json()["status"], "refund_due", "{}", revoked.text());
    let page = payments(&server, &format!("?order_id={id}")).await;
    let owed = &page["payments"][0];
    assert_eq!((&owed["verdict"], &owed["owed"]), (&json!("cancelled"), &json!(1990)), "{page}");
    let settled = Owner::of(&server).act("Ann", "POST", &refunded(owed), None).await;
    assert_eq!(settled.json()["owed"], 0, "{}", settled.text());
    let orders = Owner::of(&server).get("/v1/admin/orders?status=refunded").await.json();
    assert_eq!(orders["orders"][0]["order_id"], order["order_id"]);
    assert_conservation(&server).await;
}

#[tokio::test]
async fn payments_are_listed_by_verdict_item_order_and_page() {
    let server = Setup::new(["a", "b"].map(|id| Item::new(id, 9))).start();
    let (one, two) = (buy(&server, &Attempt::new("ann", "a")).await, buy(&server, &Attempt::new("ann", "b")).await);
    let (one, two) = (one.json(), two.json());
    report(&server, "short", &one, ("amount", json!(990))).await;
    report(&server, "euros", &one, ("currency", json!("EUR"))).await;
    report(&server, "failed", &one, ("type", json!("failed"))).await;
    report(&server, "over", &two, ("amount", json!(2000))).await;
    let of_order = format!("?order_id={}", one["order_id"].as_str().expect("an id"));
    let of_both = format!("{of_order}&item_id=b");
    for (filter, events) in [
        ("", vec!["short", "euros", "over"]),
        ("?verdict=short", vec!["short"]),
        ("?verdict=applied", vec![]),
        ("?item_id=b", vec!["over"]),
        ("?item_id=none", vec![]),
        (of_order.as_str(), vec!["short", "euros"]),
        (of_both.as_str(), vec![]),
        ("?order_id=1-2-1", vec!["over"]),
        ("?status=settled", vec![]),
        ("?status=all&verdict=applied", vec!["over"]),
        ("?status=all&item_id=a", vec!["short", "euros", "failed"]),
        ("?limit=2", vec!["short", "euros"]),
    ] {
        assert_eq!(listed(&payments(&server, filter).await, "event_id"), events, "{filter}");
    }
    let first = payments(&server, "?limit=2").await;
    let totals = json!([{"amount": 1000, "currency": "CNY"}, {"amount": 1990, "currency": "EUR"}]);
    assert_eq!(first["owed"], totals, "of all pages");
    let rest = payments(&server, &format!("?limit=2&after={}", first["next"].as_str().expect("a next page"))).await;
    assert_eq!((listed(&rest, "event_id"), &rest["next"]), (vec!["over"], &Value::Null));
    assert_conservation(&server).await;
}

#[tokio::test]
async fn what_owes_nothing_cannot_be_settled_and_what_makes_no_sense_is_refused() {
    let server = Setup::new([Item::new(SKU, 9)]).start();
    let order = buy(&server, &Attempt::new("ann", SKU)).await.json();
    report(&server, "failed", &order, ("type", json!("failed"))).await;
    report_paid(&mut Client::new(server.address()), "e1", &order).await.expect("an answer");
    let all = payments(&server, "?status=all").await;
    assert_eq!(listed(&all, "verdict"), ["failed", "applied"]);
    let mut owner = Owner::of(&server);
    for payment in all["payments"].as_array().expect("a list") {
        assert_problem(&owner.act("Ann", "POST", &refunded(payment), None).await, 409, "invalid-transition");
    }
    for id in ["P000000001", "P000009999", "P9", "p000000003", "3", "P-00000003", "P00000000000000000000009", "x"] {
        let answer = owner.act("Ann", "POST", &format!("/v1/admin/payments/{id}/refunded"), None).await;
        assert_problem(&answer, 404, "not-found");
    }
    for (query, field) in [
        ("status=open", "status"),
        ("verdict=stolen", "verdict"),
        ("after=3", "after"),
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("order_id=SHOP-4711", "order_id"),
        ("item_id=a%20b", "item_id"),
    ] {
        let answer = owner.get(&format!("/v1/admin/payments?{query}")).await;
        assert_problem(&answer, 422, "validation");
        assert_eq!(answer.json()["errors"][0]["field"], field, "{query}");
    }
    for query in ["after=-1", "after=x", "limit=0", "item_id="] {
        assert_problem(&owner.get(&format!("/v1/admin/journal?{query}")).await, 422, "validation");
    }
}
