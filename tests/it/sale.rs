//! **Job:** the sale as its buyers see it: a crowd, one shop, and never one unit too many.
//! **Owns:** the promises that need neither a crash nor a bad request to be tested.
//! **Never:** relies on which buyer wins: only on how many.

mod end;

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use tokio::sync::watch;

use crate::support::{
    Attempt, Client, Item, RedisServer, Response, Server, Setup, Tally, admin_authorization, assert_conservation,
    assert_problem, authorization, but_for_its_id, crowd, crowd_counting, live_of, problem_code, same_promise, seed,
    seeds,
};

const SKU: &str = "sku-1";

/// One buyer too many for every unit nineteen times over.
const CROWD: usize = 2_000;

async fn get(server: &Server, path: &str) -> Response {
    Client::new(server.address()).get(path, &[]).await.expect("an answer")
}

async fn get_as(server: &Server, user: &str, path: &str) -> Response {
    let mut client = Client::new(server.address());
    client.get(path, &[("Authorization", &authorization(user))]).await.expect("an answer")
}

async fn buy(server: &Server, attempt: Attempt) -> Response {
    attempt.send(&mut Client::new(server.address())).await.expect("an answer")
}

/// The members of a list answer.
fn listed(answer: &Response, name: &str) -> Vec<Value> {
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()[name].as_array().unwrap_or_else(|| panic!("no {name} in {}", answer.text())).clone()
}

fn fields(value: &Value) -> BTreeSet<&str> {
    value.as_object().expect("an object").keys().map(String::as_str).collect()
}

/// Exactly `units` orders of one unit: in the answers, in the file, in the API; and the two first tell the same.
async fn assert_sold(server: &Server, tally: &Tally, units: usize) {
    let confirmed = tally.orders();
    assert_eq!(confirmed.len(), units, "confirmed; refused: {:?}", tally.refusals());
    let rows = assert_conservation(server).await;
    assert_eq!(rows.len(), units, "rows");
    for order in &confirmed {
        let row = rows.iter().find(|row| row["order_id"] == order["order_id"]);
        assert!(row.is_some_and(|row| same_promise(order, row)), "answered {order}, written {row:?}");
    }
}

#[tokio::test]
async fn two_thousand_buyers_get_exactly_one_hundred_units() {
    for seed in seeds(&[1, 2]) {
        for workers in ["1", "2", "4"] {
            let server = Setup::new([Item::new(SKU, 100)]).set("server.workers", workers).start();
            let tally = crowd(server.address(), Attempt::shuffled(SKU, CROWD, seed)).await;
            println!("seed {seed}, {workers} workers: {:?}", tally.refusals());
            tally.assert_answered_with(&["sold-out"]);
            assert_sold(&server, &tally, 100).await;
            assert_eq!(get(&server, "/v1/items/sku-1").await.json()["state"], "sold_out");
        }
    }
}

#[tokio::test]
async fn two_thousand_buyers_get_exactly_one_hundred_units_through_the_redis_gate() {
    let redis = RedisServer::start();
    for seed in seeds(&[3, 4]) {
        let prefix = format!("\"run-{seed}:\"");
        let server = redis_setup(&redis, Item::new(SKU, 100)).set("redis.prefix", &prefix).start();
        let tally = crowd(server.address(), Attempt::shuffled(SKU, CROWD, seed)).await;
        tally.assert_answered_with(&["sold-out"]);
        assert_sold(&server, &tally, 100).await;
    }
}

#[tokio::test]
async fn a_redis_that_forgets_everything_weakens_no_promise() {
    let redis = RedisServer::start();
    let server = redis_setup(&redis, Item::new(SKU, 1_000)).start();
    let flusher = redis.flush_continuously();
    // Everybody comes twice: with its memory gone, the throttle lets many second attempts through to the limit.
    let attempts = [Attempt::shuffled(SKU, CROWD, seed()), Attempt::shuffled(SKU, CROWD, seed() + 1)].concat();
    let tally = crowd(server.address(), attempts).await;
    println!("{} flushes, {:?}", flusher.stop(), tally.refusals());
    tally.assert_answered_with(&["sold-out", "limit-reached", "throttled"]);
    assert_sold(&server, &tally, 1_000).await;
}

#[tokio::test]
async fn a_redis_that_dies_in_the_middle_of_the_sale_weakens_no_promise() {
    let mut redis = RedisServer::start();
    let server = redis_setup(&redis, Item::new(SKU, 1_000)).set("redis.on_error", "\"local\"").start();
    let (confirmed, mut confirmed_seen) = watch::channel(0);
    let attempts = Attempt::shuffled(SKU, CROWD, seed());
    let sale = tokio::spawn(crowd_counting(server.address(), attempts, confirmed));
    confirmed_seen.wait_for(|count| *count >= 300).await.expect("the sale goes on");
    redis.kill();
    let tally = sale.await.expect("the crowd does not panic");
    tally.assert_answered_with(&["sold-out"]);
    assert_sold(&server, &tally, 1_000).await;
}

fn redis_setup(redis: &RedisServer, item: Item) -> Setup {
    let setup = Setup::new([item]).set("redis.url", &format!("{:?}", redis.url()));
    setup.set("gate.throttle.window", "\"5s\"")
}

#[tokio::test]
async fn a_buyer_with_fifty_tabs_gets_his_limit_and_no_more() {
    let server = Setup::new([Item::new(SKU, 100).limit(3)]).start();
    let tally = crowd(server.address(), vec![Attempt::new("many-tabs", SKU); 50]).await;
    tally.assert_answered_with(&["limit-reached"]);
    assert_sold(&server, &tally, 3).await;
}

#[tokio::test]
async fn a_pool_of_one_token_per_unit_sells_every_unit() {
    let server = Setup::new([Item::new(SKU, 100)]).set("gate.pool.factor", "1.0").start();
    let tally = crowd(server.address(), Attempt::shuffled(SKU, CROWD, seed())).await;
    tally.assert_answered_with(&["no-token", "sold-out"]);
    assert_sold(&server, &tally, 100).await;
}

#[tokio::test]
async fn a_pool_of_one_token_per_unit_lets_no_more_than_the_stock_pass() {
    let server = Setup::new([Item::new(SKU, 100)]).set("gate.pool.factor", "1.0").start();
    crowd(server.address(), Attempt::shuffled(SKU, CROWD, seed())).await;
    let mut operator = Client::new(server.ops_address());
    let funnel = operator.get("/funnel", &[("Authorization", &admin_authorization())]).await.expect("an answer");
    let layers = listed(&funnel, "layers");
    let pool = layers.iter().find(|layer| layer["name"] == "pool").expect("the pool is a layer");
    assert!(pool["out"].as_u64().is_some_and(|passed| passed <= 100), "{pool}");
}

#[tokio::test]
async fn the_throttle_lets_a_buyer_try_once_a_window() {
    let server = Setup::new([Item::new(SKU, 100).limit(9)]).set("gate.throttle.window", "\"60s\"").start();
    assert_eq!(buy(&server, Attempt::new("ann", SKU)).await.status, 201);
    assert_problem(&buy(&server, Attempt::new("ann", SKU)).await, 429, "throttled");
    assert_eq!(buy(&server, Attempt::new("bob", SKU)).await.status, 201);
    assert_eq!(assert_conservation(&server).await.len(), 2);
}

#[tokio::test]
async fn a_sold_out_answer_says_what_is_left() {
    let server = Setup::new([Item::new(SKU, 5).limit(9)]).start();
    assert_eq!(buy(&server, Attempt::new("ann", SKU).quantity(2)).await.status, 201);
    let too_many = buy(&server, Attempt::new("bob", SKU).quantity(4)).await;
    assert_problem(&too_many, 409, "sold-out");
    assert_eq!(too_many.json()["remaining"], 3);
    assert_eq!(buy(&server, Attempt::new("bob", SKU).quantity(3)).await.status, 201);
    let none_left = buy(&server, Attempt::new("cid", SKU)).await;
    assert_problem(&none_left, 409, "sold-out");
    assert_eq!(none_left.json()["remaining"], 0);
    assert_conservation(&server).await;
}

#[tokio::test]
async fn an_item_is_shown_with_its_fields_and_its_state() {
    let past = "2001-01-01T00:00:00Z";
    let future = "2999-01-01T02:00:00+02:00";
    let items = [
        Item::new("a-scheduled", 7).opens_at(future),
        Item::new("b-open", 7).price(5).limit(4).opens_at(past).closes_at(future),
        Item::new("c-sold-out", 0),
        Item::new("d-closed", 7).opens_at(past).closes_at("2001-01-02T00:00:00Z"),
    ];
    let server = Setup::new(items).start();
    let open = get(&server, "/v1/items/b-open").await;
    assert_eq!(open.status, 200);
    assert!(open.header("cache-control").is_some_and(|value| value.contains("max-age=1")), "{:?}", open.headers);
    let open = open.json();
    let names = "item_id title description image_url unit_price currency stock remaining per_user_limit opens_at \
                 closes_at state server_time";
    assert_eq!(fields(&open), names.split(' ').collect());
    assert_eq!((open["unit_price"].as_i64(), open["currency"].as_str()), (Some(5), Some("CNY")));
    assert_eq!((open["stock"].as_u64(), open["remaining"].as_u64()), (Some(7), Some(7)));
    assert_eq!((open["per_user_limit"].as_u64(), open["title"].as_str()), (Some(4), Some("Item b-open")));
    assert_eq!(
        (open["opens_at"].as_str(), open["closes_at"].as_str()),
        (Some("2001-01-01T00:00:00.000Z"), Some("2999-01-01T00:00:00.000Z"))
    );
    assert_is_now(&open["server_time"]);
    let states: Vec<_> = listed(&get(&server, "/v1/items").await, "items").iter().map(state_of).collect();
    let expected = ["a-scheduled scheduled", "b-open open", "c-sold-out sold_out", "d-closed closed"];
    assert_eq!(states, expected);
    assert_problem(&get(&server, "/v1/items/unknown").await, 404, "not-found");
}

fn state_of(item: &Value) -> String {
    format!("{} {}", item["item_id"].as_str().unwrap_or("?"), item["state"].as_str().unwrap_or("?"))
}

/// RFC 3339, UTC, milliseconds, and not further from this test's clock than a slow machine explains.
fn assert_is_now(time: &Value) {
    let text = time.as_str().unwrap_or_default();
    assert!(text.len() == "2026-11-22T12:00:00.000Z".len() && text.ends_with('Z'), "{time}");
    let time: Timestamp = text.parse().expect("a time of RFC 3339");
    assert!((time.as_second() - Timestamp::now().as_second()).abs() <= 5, "{time} is not now");
}

#[tokio::test]
async fn items_are_paged_in_the_order_of_their_ids() {
    let ids = ["a", "b", "c", "d", "e"];
    let server = Setup::new(ids.map(|id| Item::new(id, 1))).start();
    let mut seen = Vec::new();
    let mut path = "/v1/items?limit=2".to_owned();
    loop {
        let page = listed(&get(&server, &path).await, "items");
        assert!(page.len() <= 2);
        let Some(last) = page.last().and_then(|item| item["item_id"].as_str()) else { break };
        path = format!("/v1/items?limit=2&after={last}");
        seen.extend(page.iter().map(|item| item["item_id"].as_str().expect("an id").to_owned()));
        assert!(seen.len() <= ids.len(), "a page came twice: {seen:?}");
    }
    assert_eq!(seen, ids);
}

#[tokio::test]
async fn nobody_buys_before_the_sale_opens_or_after_it_closes() {
    let items = [
        Item::new("early", 5).opens_at("2999-01-01T00:00:00Z"),
        Item::new("late", 5).closes_at("2001-01-01T00:00:00Z"),
    ];
    let server = Setup::new(items).start();
    let early = buy(&server, Attempt::new("ann", "early")).await;
    assert_problem(&early, 403, "sale-not-started");
    assert_eq!(early.json()["opens_at"], "2999-01-01T00:00:00.000Z");
    assert_problem(&buy(&server, Attempt::new("ann", "late")).await, 410, "sale-closed");
    assert_eq!(assert_conservation(&server).await.len(), 0);
}

#[tokio::test]
async fn a_sale_opens_by_the_server_time_in_its_answers() {
    let opens_at = Timestamp::now() + Duration::from_millis(1_500);
    let server = Setup::new([Item::new(SKU, 1_000_000).limit(1_000_000).opens_at(&opens_at.to_string())]).start();
    let mut client = Client::new(server.address());
    let first = loop {
        let answer = Attempt::new("ann", SKU).send(&mut client).await.expect("an answer");
        if answer.status == 201 {
            break answer.json();
        }
        assert_problem(&answer, 403, "sale-not-started");
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    let created_at: Timestamp = first["created_at"].as_str().expect("a time").parse().expect("a time of RFC 3339");
    assert!(created_at.as_millisecond() >= opens_at.as_millisecond(), "{created_at} is before {opens_at}");
}

#[tokio::test]
async fn an_order_is_answered_with_its_fields_and_found_again_by_its_owner_only() {
    let server = Setup::new([Item::new(SKU, 9).limit(3).price(250)]).start();
    let placed = buy(&server, Attempt::new("ann", SKU).quantity(2)).await;
    assert_eq!(placed.status, 201, "{}", placed.text());
    let order = placed.json();
    let names = "order_id item_id user_id quantity unit_price total_price currency status created_at pay_by durability";
    assert_eq!(fields(&order), names.split(' ').collect());
    assert_eq!((order["item_id"].as_str(), order["user_id"].as_str()), (Some(SKU), Some("ann")));
    let prices = (order["quantity"].as_u64(), order["unit_price"].as_u64(), order["total_price"].as_u64());
    assert_eq!(prices, (Some(2), Some(250), Some(500)));
    assert_eq!((order["currency"].as_str(), order["durability"].as_str()), (Some("CNY"), Some("full")));
    assert_eq!(order["status"], "pending");
    assert_is_now(&order["created_at"]);
    let time = |field: &str| order[field].as_str().expect("a time").parse::<Timestamp>().expect("of RFC 3339");
    assert_eq!(time("pay_by").as_millisecond() - time("created_at").as_millisecond(), 15 * 60 * 1000);

    let location = placed.header("location").expect("a Location");
    assert_eq!(location, format!("/v1/orders/{}", order["order_id"].as_str().expect("a string")));
    assert!(placed.header("cache-control").is_some_and(|value| value.contains("no-store")), "{:?}", placed.headers);
    assert_eq!(placed.header("x-content-type-options"), Some("nosniff"));
    let own = get_as(&server, "ann", location).await;
    assert_eq!((own.status, own.json()), (200, order.clone()));
    assert_eq!(listed(&get_as(&server, "ann", "/v1/orders?item_id=sku-1").await, "orders"), [order]);
    assert_eq!(listed(&get_as(&server, "bob", "/v1/orders?item_id=sku-1").await, "orders"), Vec::<Value>::new());
    assert_foreign_looks_unknown(&server, location).await;
}

async fn assert_foreign_looks_unknown(server: &Server, location: &str) {
    let foreign = get_as(server, "bob", location).await;
    let unknown = get_as(server, "bob", &format!("{location}fff")).await;
    assert_problem(&foreign, 404, "not-found");
    assert_eq!((foreign.status, but_for_its_id(&foreign)), (unknown.status, but_for_its_id(&unknown)));
    assert_problem(&get(server, location).await, 401, "unauthenticated");
}

#[tokio::test]
async fn an_order_that_needs_no_payment_is_paid_at_once() {
    let server = Setup::new([Item::new(SKU, 9)]).set("payment.pay_within", "\"0s\"").start();
    let order = buy(&server, Attempt::new("ann", SKU)).await.json();
    assert_eq!((order["status"].as_str(), &order["pay_by"]), (Some("paid"), &Value::Null));
    assert_eq!(live_of(&assert_conservation(&server).await, SKU), 1);
}

#[tokio::test]
async fn an_overloaded_house_says_so_and_loses_nothing() {
    const BUYERS: usize = 500;
    let setup = Setup::new([Item::new(SKU, 100_000).limit(1)]).set("server.max_in_flight", "1");
    let server = setup.set("server.workers", "2").start();
    let mut waiting = Attempt::shuffled(SKU, BUYERS, seed());
    let mut refused = 0;
    let mut sold = 0;
    while !waiting.is_empty() {
        let tally = crowd(server.address(), std::mem::take(&mut waiting)).await;
        tally.assert_answered_with(&["overloaded"]);
        sold += tally.orders().len();
        refused += tally.refusals().get("overloaded").copied().unwrap_or(0);
        let again =
            tally.0.into_iter().filter(|answer| answer.result.as_ref().is_ok_and(|answer| answer.status == 503));
        waiting = again.map(|answer| answer.attempt).collect();
    }
    println!("{refused} attempts found the house full");
    assert!(refused > 0, "64 connections never found a house of one place full");
    assert_eq!(sold, BUYERS);
    assert_eq!(assert_conservation(&server).await.len(), BUYERS);
}

#[tokio::test]
async fn a_second_server_on_the_same_file_is_refused_and_the_first_unharmed() {
    let server = Setup::new([Item::new(SKU, 9)]).start();
    assert_eq!(buy(&server, Attempt::new("ann", SKU)).await.status, 201);
    let (second, after) = server.refused_second_server();
    assert_eq!(second.status.code(), Some(74), "{second}");
    assert!(after < Duration::from_secs(3), "refused only after {after:?}");
    assert_eq!(buy(&server, Attempt::new("bob", SKU)).await.status, 201);
    assert_eq!(assert_conservation(&server).await.len(), 2);
}

#[tokio::test]
async fn the_data_file_is_its_owners_alone() {
    let server = Setup::new([Item::new(SKU, 9)]).start();
    assert_eq!(buy(&server, Attempt::new("ann", SKU)).await.status, 201);
    let path = server.data_file();
    for suffix in ["", "-wal", "-shm"] {
        let file = std::path::PathBuf::from(format!("{}{suffix}", path.display()));
        if let Ok(metadata) = file.metadata() {
            assert_eq!(metadata.permissions().mode() & 0o777, 0o600, "{}", file.display());
        }
    }
    assert!(path.exists());
}

#[tokio::test]
async fn the_operations_listener_opens_to_the_operator_only() {
    let server = Setup::new([Item::new(SKU, 9)]).start();
    let mut client = Client::new(server.ops_address());
    for open in ["/livez", "/readyz", "/healthz"] {
        assert_eq!(client.get(open, &[]).await.expect("an answer").status, 200, "{open}");
    }
    let buyer = authorization("ann");
    let strangers: [&[(&str, &str)]; 3] =
        [&[], &[("Authorization", &buyer)], &[("Authorization", "Bearer not-the-admin-token-not-the-admin-token")]];
    for path in OPERATOR_ROUTES {
        for headers in strangers {
            let answer = client.get(path, headers).await.expect("an answer");
            assert_eq!(answer.status, 401, "{path} {}", answer.text());
            assert_eq!(problem_code(&answer), "unauthenticated", "{path}");
        }
        let admitted = client.get(path, &[("Authorization", &admin_authorization())]).await.expect("an answer");
        assert_ne!(admitted.status, 401, "{path}");
    }
}

/// Routes of the ops listener that end at once.
const OPERATOR_ROUTES: [&str; 6] =
    ["/actors", "/funnel", "/invariants", "/metrics", "/v1/admin/orders", "/v1/feed?after=0&limit=1"];

#[tokio::test]
async fn the_public_listener_knows_no_operations_routes() {
    let server = Setup::new([Item::new(SKU, 9)]).start();
    let admin = admin_authorization();
    let mut client = Client::new(server.address());
    for path in OPERATOR_ROUTES {
        let answer = client.get(path, &[("Authorization", &admin)]).await.expect("an answer");
        assert_problem(&answer, 404, "not-found");
    }
    let body = Some(r#"{"quantity":1}"#);
    for (method, path) in [("PUT", "/v1/admin/items/sku-2"), ("POST", "/v1/admin/items/sku-1/restock")] {
        let answer = client.request(method, path, &[("Authorization", &admin)], body).await.expect("an answer");
        assert_problem(&answer, 404, "not-found");
    }
}
