//! **Job:** items that are created and changed while the house is open.
//! **Owns:** the table of bad definitions, and the window of a sale.
//! **Never:** restarts a server to make an item known.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use super::owner::{Owner, SKU, buy, shown};
use crate::support::{Attempt, Client, Item, Server, Setup, admin_authorization, assert_problem, problem_code};

const FAR: &str = "2999-01-01T00:00:00.000Z";

/// An item of five units on sale at once.
fn fields() -> Value {
    json!({"title": "Air freshener", "unit_price": 1990, "currency": "CNY", "stock": 5})
}

/// The fields with one changed.
fn with(member: &str, value: Value) -> Value {
    let mut fields = fields();
    fields[member] = value;
    fields
}

fn server() -> Server {
    Setup::new([Item::new(SKU, 9)]).start()
}

#[tokio::test]
async fn a_new_item_sells_at_once_and_is_there_after_a_crash() {
    let mut server = server();
    let created = Owner::of(&server).put("new", &fields()).await;
    assert_eq!(created.status, 201, "{}", created.text());
    let order = buy(&server, &Attempt::new("ann", "new")).await;
    assert_eq!(order.status, 201, "{}", order.text());
    assert_problem(&buy(&server, &Attempt::new("ann", "new")).await, 409, "limit-reached");
    let again = Owner::of(&server).put("new", &fields()).await;
    assert_eq!(again.status, 200, "the same again changes nothing: {}", again.text());
    server.restart();
    let item = shown(&server, "new").await;
    assert_eq!((&item["title"], &item["stock"]), (&json!("Air freshener"), &json!(5)));
    assert_eq!((&item["remaining"], &item["state"]), (&json!(4), &json!("open")));
    assert_eq!((&item["unit_price"], &item["per_user_limit"]), (&json!(1990), &json!(1)));
    assert_eq!(buy(&server, &Attempt::new("bob", "new")).await.status, 201);
    assert_eq!(Owner::of(&server).put("new", &fields()).await.status, 200);
    assert_eq!(server.verify().0, 0, "{}", server.verify().1);
}

#[tokio::test]
async fn an_item_that_nobody_has_bought_yet_is_there_after_a_crash() {
    let mut server = server();
    assert_eq!(Owner::of(&server).put("new", &fields()).await.status, 201);
    server.restart();
    assert_eq!(shown(&server, "new").await["remaining"], 5);
    assert_eq!(Owner::of(&server).put("newer", &fields()).await.status, 201, "its number was not taken");
    assert_eq!(buy(&server, &Attempt::new("ann", "newer")).await.status, 201);
    assert_eq!(server.verify().0, 0, "{}", server.verify().1);
}

#[tokio::test]
async fn an_item_that_is_put_up_many_times_at_once_is_created_once() {
    let server = server();
    let mut puts = tokio::task::JoinSet::new();
    for _ in 0..16 {
        let mut owner = Owner::of(&server);
        puts.spawn(async move { owner.put("new", &fields()).await.status });
    }
    let mut statuses = puts.join_all().await;
    statuses.sort_unstable();
    assert_eq!((statuses[15], &statuses[..15]), (201, &[200; 15][..]));
    assert_eq!(server.verify().0, 0, "{}", server.verify().1);
}

#[tokio::test]
async fn the_unpaid_orders_of_a_new_item_expire() {
    let server = Setup::new([Item::new(SKU, 9)]).set("payment.pay_within", "\"200ms\"").start();
    assert_eq!(Owner::of(&server).put("new", &with("stock", json!(1))).await.status, 201);
    assert_eq!(buy(&server, &Attempt::new("ann", "new")).await.status, 201);
    let begun = std::time::Instant::now();
    while buy(&server, &Attempt::new("bob", "new")).await.status != 201 {
        assert!(begun.elapsed() < Duration::from_secs(20), "the unit does not come back");
    }
}

#[tokio::test]
async fn an_owner_who_goes_before_the_answer_leaves_every_item_its_own_number() {
    let mut server = server();
    let mut owner = Owner::of(&server);
    for number in 0..40 {
        let mut gone = TcpStream::connect(server.ops_address()).await.expect("the server accepts");
        gone.set_zero_linger().expect("a socket option");
        let (token, body) = (admin_authorization(), fields().to_string());
        let request = format!(
            "PUT /v1/admin/items/gone-{number} HTTP/1.1\r\nHost: a\r\nAuthorization: {token}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        gone.write_all(request.as_bytes()).await.expect("the server reads");
        // The more often it yields, the further the server is when the owner goes.
        for _ in 0..number {
            tokio::task::yield_now().await;
        }
        drop(gone);
        let stayed = owner.put(&format!("stayed-{number}"), &with("stock", json!(number))).await;
        assert_eq!(stayed.status, 201, "{}", stayed.text());
    }
    // Two items with one number would be refused at the start.
    server.restart();
    for number in 0..40 {
        assert_eq!(shown(&server, &format!("stayed-{number}")).await["stock"], number);
    }
    assert_eq!(server.verify().0, 0, "{}", server.verify().1);
}

#[tokio::test]
async fn a_scheduled_item_changes_and_keeps_the_change() {
    let mut server = server();
    assert_eq!(Owner::of(&server).put("new", &with("opens_at", json!(FAR))).await.status, 201);
    let changed = json!({"title": "Larger", "unit_price": 2990, "currency": "EUR", "stock": 5, "per_user_limit": 3,
        "opens_at": "2998-12-31T23:00:00-01:00", "closes_at": "2999-01-01T00:00:00.001Z"});
    let answer = Owner::of(&server).put("new", &changed).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    for _life in 0..2 {
        let item = shown(&server, "new").await;
        assert_eq!((&item["title"], &item["unit_price"]), (&json!("Larger"), &json!(2990)));
        assert_eq!((&item["currency"], &item["per_user_limit"]), (&json!("EUR"), &json!(3)));
        assert_eq!((&item["opens_at"], &item["state"]), (&json!(FAR), &json!("scheduled")));
        assert_eq!(item["closes_at"], "2999-01-01T00:00:00.001Z");
        assert_problem(&buy(&server, &Attempt::new("ann", "new")).await, 403, "sale-not-started");
        server.restart();
    }
    // Bringing the opening forward opens the sale, with the new limit.
    let open_now = json!({"title": "Larger", "unit_price": 2990, "currency": "EUR", "stock": 5, "per_user_limit": 3});
    assert_eq!(Owner::of(&server).put("new", &open_now).await.status, 200);
    assert_eq!(buy(&server, &Attempt::new("ann", "new").quantity(3)).await.status, 201);
    assert_eq!(server.verify().0, 0, "{}", server.verify().1);
}

#[tokio::test]
async fn an_item_with_orders_changes_in_all_but_its_price() {
    let mut server = server();
    assert_eq!(Owner::of(&server).put("open", &fields()).await.status, 201);
    let cheaper = with("unit_price", json!(1000));
    assert_eq!(Owner::of(&server).put("open", &cheaper).await.status, 200, "nobody has ordered yet");
    assert_eq!(Owner::of(&server).put("open", &fields()).await.status, 200);
    assert_eq!(buy(&server, &Attempt::new("ann", "open")).await.status, 201);
    for (member, value) in [("unit_price", json!(1)), ("currency", json!("EUR"))] {
        assert_problem(&Owner::of(&server).put("open", &with(member, value)).await, 409, "invalid-transition");
    }
    for (member, value) in [
        ("title", json!("Another")),
        ("description", json!("Smells\nof roses. \u{1f339}".repeat(90))),
        ("image_url", json!("https://example.org/a.png")),
        ("per_user_limit", json!(2)),
        ("closes_at", json!(FAR)),
        ("opens_at", json!(FAR)),
    ] {
        let answer = Owner::of(&server).put("open", &with(member, value.clone())).await;
        assert_eq!((answer.status, &answer.json()[member]), (200, &value), "{member}: {}", answer.text());
        server.restart();
        assert_eq!(shown(&server, "open").await[member], value, "{member} is durable");
    }
    assert_eq!(server.verify().0, 0, "{}", server.verify().1);
}

#[tokio::test]
async fn the_stock_may_be_named_as_it_was_or_as_it_is() {
    let server = server();
    let mut owner = Owner::of(&server);
    assert_eq!(owner.put("more", &fields()).await.status, 201);
    assert_eq!(owner.steer("more", "restock", Some(&json!({"quantity": 2}))).await.status, 200);
    for (stock, status) in [(5, 200), (7, 200), (6, 422), (0, 422)] {
        let mut named = with("stock", json!(stock));
        named["title"] = json!(format!("named {stock}"));
        let answer = owner.put("more", &named).await;
        assert_eq!(answer.status, status, "{stock}: {}", answer.text());
    }
    let item = shown(&server, "more").await;
    assert_eq!((&item["stock"], &item["title"]), (&json!(7), &json!("named 7")));
}

#[tokio::test]
async fn a_definition_that_cannot_be_sold_is_refused_by_the_name_of_its_field() {
    let server = server();
    let mut owner = Owner::of(&server);
    for (member, values) in [
        ("title", vec![json!(""), json!("t".repeat(201)), json!("a\nb"), json!(7), json!(null)]),
        ("unit_price", vec![json!(-1), json!(1.5), json!(9_007_199_254_740_992_i64), json!("1990"), json!(u64::MAX)]),
        ("currency", vec![json!(""), json!("cny"), json!("CNYX"), json!("C1Y"), json!(156)]),
        ("stock", vec![json!(-1), json!(1_000_000_001), json!(u64::MAX), json!(0.5), json!([])]),
        ("per_user_limit", vec![json!(0), json!(-1), json!(1_u64 << 31), json!(u64::MAX)]),
        ("opens_at", vec![json!("soon"), json!("2030-01-01T00:00:00"), json!("10000-01-01T00:00:00Z"), json!(0)]),
        ("closes_at", vec![json!(""), json!("2030-01-01"), json!("-000001-01-01T00:00:00Z"), json!(true)]),
        ("price", vec![json!(1)]),
        ("id", vec![json!("bad")]),
        ("__proto__", vec![json!({})]),
    ] {
        for value in values {
            let answer = owner.put("bad", &with(member, value.clone())).await;
            assert_problem(&answer, 422, "validation");
            let errors = answer.json()["errors"].to_string();
            assert!(errors.contains(member), "{member} = {value} is not named: {errors}");
        }
    }
    let backwards =
        json!({"title": "A", "unit_price": 1, "currency": "CNY", "stock": 5, "opens_at": FAR, "closes_at": FAR});
    let answer = owner.put("bad", &backwards).await;
    assert_problem(&answer, 422, "validation");
    assert_eq!(answer.json()["errors"][0]["field"], "closes_at");
    assert_missing_and_malformed(&mut owner).await;
    let mut client = Client::new(server.address());
    assert_problem(&client.get("/v1/items/bad", &[]).await.expect("an answer"), 404, "not-found");
}

#[tokio::test]
async fn what_may_be_missing_may_be_null() {
    let server = server();
    let mut owner = Owner::of(&server);
    for member in ["description", "image_url", "per_user_limit", "opens_at", "closes_at", "reason"] {
        let answer = owner.put(member, &with(member, Value::Null)).await;
        assert_eq!(answer.status, 201, "{member}: null: {}", answer.text());
        let item = answer.json();
        assert_eq!((&item["per_user_limit"], &item["opens_at"]), (&json!(1), &Value::Null), "{member}: null");
    }
}

async fn assert_missing_and_malformed(owner: &mut Owner) {
    for member in ["title", "unit_price", "currency", "stock"] {
        let mut missing = fields();
        missing.as_object_mut().expect("an object").remove(member);
        let answer = owner.put("bad", &missing).await;
        assert_problem(&answer, 422, "validation");
        assert!(answer.text().contains(member), "{member} is not named: {}", answer.text());
    }
    let text = fields().to_string();
    for body in
        ["", "[]", "null", "\"item\"", &text[1..], &format!("{text}{text}"), &text.replacen('{', "{\"stock\":5,", 1)]
    {
        let answer = owner.send("PUT", "/v1/admin/items/bad", Some(body)).await;
        assert_problem(&answer, 400, "malformed");
    }
    let long = with("title", json!("t".repeat(40_000)));
    assert_problem(&owner.put("bad", &long).await, 413, "payload-too-large");
    for id in ["a%20b", "a%00", "%2e%2e", &"a".repeat(65), "caf%C3%A9"] {
        let answer = owner.put(id, &fields()).await;
        assert!(matches!(answer.status, 404 | 422), "{id}: {} {}", answer.status, answer.text());
        problem_code(&answer);
    }
}

#[tokio::test]
async fn a_sale_opens_and_closes_by_server_time_to_the_millisecond() {
    let server = server();
    let opens_at = Timestamp::now() + Duration::from_millis(1_500);
    let closes_at = opens_at + Duration::from_millis(1_500);
    let mut new = with("stock", json!(1_000_000));
    new["per_user_limit"] = json!(1_000_000);
    (new["opens_at"], new["closes_at"]) = (json!(opens_at.to_string()), json!(closes_at.to_string()));
    assert_eq!(Owner::of(&server).put("flash", &new).await.status, 201);
    let mut client = Client::new(server.address());
    let mut states = Vec::new();
    loop {
        let item = client.get("/v1/items/flash", &[]).await.expect("an answer").json();
        let state = item["state"].as_str().expect("a state").to_owned();
        let server_time: Timestamp = item["server_time"].as_str().expect("a time").parse().expect("of RFC 3339");
        let (from, to) = (item["opens_at"].to_string(), item["closes_at"].to_string());
        let expected = expected_state(server_time, &from, &to);
        assert_eq!(state, expected, "{item}");
        if states.last() != Some(&state) {
            states.push(state.clone());
        }
        if state == "closed" {
            break;
        }
        let order = Attempt::new("ann", "flash").send(&mut client).await.expect("an answer");
        if order.status == 201 {
            let created_at = order.json()["created_at"].to_string();
            assert!(from <= created_at && created_at < to, "{created_at} is not in [{from}, {to})");
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert!(states.ends_with(&["open".to_owned(), "closed".to_owned()]), "{states:?}");
    assert_problem(&buy(&server, &Attempt::new("ann", "flash")).await, 410, "sale-closed");
    assert_eq!(server.verify().0, 0, "{}", server.verify().1);
}

/// By the times in one answer, which are written alike, so that their order is that of their texts.
fn expected_state(server_time: Timestamp, opens_at: &str, closes_at: &str) -> &'static str {
    let server_time = format!("\"{server_time:.3}\"");
    if server_time.as_str() < opens_at {
        "scheduled"
    } else if server_time.as_str() < closes_at {
        "open"
    } else {
        "closed"
    }
}
