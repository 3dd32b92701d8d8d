//! **Job:** every committed entry reaches whoever follows the ledger: pulled here, relayed to Redis in `relay`.
//! **Owns:** the comparison of what was told with the ledger itself.
//! **Never:** trusts the feed about what should be in it: that is read from the data file.

mod cloud_events;
mod relay;
mod trim;

use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags};
use serde_json::Value;

use crate::support::{
    ADMIN_TOKEN, Attempt, Client, Item, Response, Server, Setup, admin_authorization, assert_problem, authorization,
    crowd, token,
};

const SKU: &str = "sku-1";
const FEED_TOKEN: &str = "Lp0oKi9jUh8yGt7fRd6eSw5aQz4xWc3v";

/// What the feed must say, by a query of its own: one value an entry.
const EXPECTED: &str = "
    SELECT json_object(
        'seq', l.seq, 'kind', k.name,
        'order_id', (SELECT order_id FROM order_ids WHERE order_ids.seq = l.seq),
        'item_id', i.item_id, 'user_id', l.user_id,
        'quantity', iif(l.kind = 1, json_extract(l.definition, '$.stock'), l.quantity),
        'unit_price', iif(l.kind = 1, json_extract(l.definition, '$.unit_price'), l.unit_price),
        'currency', iif(l.kind = 1 OR l.unit_price IS NOT NULL, i.currency, NULL),
        'at', strftime('%Y-%m-%dT%H:%M:%S', l.at / 1000, 'unixepoch') || printf('.%03dZ', l.at % 1000),
        'remaining', l.remaining)
    FROM ledger AS l JOIN entry_kind AS k USING (kind) JOIN items AS i USING (item) ORDER BY l.seq";

/// The ledger as the feed must tell it.
fn ledger(server: &Server) -> Vec<Value> {
    let read = || -> rusqlite::Result<Vec<String>> {
        let connection = Connection::open_with_flags(server.data_file(), OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        connection.busy_timeout(Duration::from_secs(5))?;
        connection.prepare(EXPECTED)?.query_map([], |row| row.get(0))?.collect()
    };
    let rows = read().expect("the data file can be read");
    rows.iter().map(|text| serde_json::from_str(text).expect("SQLite writes JSON")).collect()
}

/// Compares, and shows the first difference only: a ledger is long.
fn assert_tells(told: &[Value], ledger: &[Value]) {
    if let Some((told, is)) = told.iter().zip(ledger).find(|(told, is)| told != is) {
        panic!("told {told}\nbut it is {is}");
    }
    assert_eq!(told.len(), ledger.len(), "entries told and entries in the ledger");
}

async fn pull_as(server: &Server, query: &str, token: &str) -> Response {
    let authorization = format!("Bearer {token}");
    let mut client = Client::new(server.ops_address());
    client.get(&format!("/v1/feed{query}"), &[("Authorization", &authorization)]).await.expect("an answer")
}

async fn pull(server: &Server, query: &str) -> Response {
    pull_as(server, query, ADMIN_TOKEN).await
}

fn lines(response: &Response) -> Vec<Value> {
    assert_eq!(response.status, 200, "{}", response.text());
    assert_eq!(response.header("content-type"), Some("application/x-ndjson"));
    assert_eq!(response.header("cache-control"), Some("no-store"));
    let text = response.text();
    assert!(text.is_empty() || text.ends_with('\n'), "the last line has no end");
    text.lines().map(|line| serde_json::from_str(line).expect("each line is one JSON value")).collect()
}

fn last_seq(response: &Response) -> u64 {
    response.header("feed-last-seq").and_then(|text| text.parse().ok()).expect("every page says where the ledger ends")
}

async fn buy(server: &Server, user: &str) -> Response {
    Attempt::new(user, SKU).send(&mut Client::new(server.address())).await.expect("an answer")
}

/// Posts to the operations listener, or as ada to the public one, as the path says.
async fn steer(server: &Server, path: &str, body: Option<&str>) {
    let is_admin = path.starts_with("/v1/admin");
    let address = if is_admin { server.ops_address() } else { server.address() };
    let authorization = if is_admin { admin_authorization() } else { authorization("ada") };
    let headers = [("Authorization", authorization.as_str()), ("Content-Length", "0")];
    let headers = if body.is_some() { &headers[..1] } else { &headers[..] };
    let answer = Client::new(address).request("POST", path, headers, body).await.expect("an answer");
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_feed_tells_the_ledger_one_to_one() {
    let server = Setup::new([Item::new(SKU, 150), Item::new("sku-2", 40).limit(3).price(5)]).start();
    let order = buy(&server, "ada").await.json();
    steer(&server, &format!("/v1/orders/{}/cancel", order["order_id"].as_str().unwrap()), None).await;
    let mut attempts = Attempt::shuffled(SKU, 200, 1);
    attempts.extend(Attempt::shuffled("sku-2", 60, 2).into_iter().map(|attempt| attempt.quantity(2)));
    crowd(server.address(), attempts).await;
    steer(&server, "/v1/admin/items/sku-1/pause", None).await;
    steer(&server, "/v1/admin/items/sku-1/resume", None).await;
    steer(&server, "/v1/admin/items/sku-1/restock", Some(r#"{"quantity":7}"#)).await;
    steer(&server, "/v1/admin/items/sku-2/close", None).await;

    let (mut told, mut after) = (Vec::new(), 0);
    loop {
        let page = pull(&server, &format!("?after={after}&limit=7")).await;
        let entries = lines(&page);
        assert!(entries.len() <= 7, "{} entries", entries.len());
        let Some(last) = entries.last() else { break };
        after = last["seq"].as_u64().unwrap();
        told.extend(entries);
        assert!(last_seq(&page) >= after);
    }
    let ledger = ledger(&server);
    assert_tells(&told, &ledger);
    let seqs: Vec<_> = told.iter().map(|entry| entry["seq"].as_u64().unwrap()).collect();
    assert_eq!(seqs, (1..=ledger.len() as u64).collect::<Vec<_>>());
    for kind in ["item", "placed", "cancelled", "paused", "resumed", "restocked", "closed"] {
        assert!(told.iter().any(|entry| entry["kind"] == kind), "no {kind} in the feed");
    }
    assert_eq!(last_seq(&pull(&server, "").await), ledger.len() as u64);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_confirmed_order_is_in_the_feed_at_once() {
    let server = Setup::new([Item::new(SKU, 100)]).start();
    for number in 1..=50 {
        let user = format!("buyer-{number}");
        let order = buy(&server, &user).await.json();
        let entries = lines(&pull(&server, &format!("?after={number}")).await);
        assert_eq!(entries.len(), 1, "{entries:?}");
        assert_eq!(entries[0]["order_id"], order["order_id"]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_waiting_pull_is_answered_when_something_is_sold() {
    let server = Setup::new([Item::new(SKU, 10)]).start();
    for after in 1..=5 {
        let begun = Instant::now();
        let waiting = async { pull(&server, &format!("?after={after}&wait=30")).await };
        let selling = async {
            // Lets the pull come first, so that it does wait; it must be answered in either order.
            tokio::time::sleep(Duration::from_millis(50)).await;
            buy(&server, &format!("buyer-{after}")).await
        };
        let (page, order) = tokio::join!(waiting, selling);
        assert_eq!(lines(&page)[0]["order_id"], order.json()["order_id"]);
        assert!(begun.elapsed() < Duration::from_secs(10), "answered by its wait and not by the sale");
    }
}

#[tokio::test]
async fn a_pull_with_nothing_to_tell_ends_after_its_wait() {
    let server = Setup::new([Item::new(SKU, 10)]).start();
    let begun = Instant::now();
    let page = pull(&server, "?after=1&wait=1").await;
    assert_eq!((lines(&page).len(), last_seq(&page)), (0, 1));
    assert!((Duration::from_secs(1)..Duration::from_secs(8)).contains(&begun.elapsed()), "{:?}", begun.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_closing_server_answers_who_waits() {
    let mut server = Setup::new([Item::new(SKU, 10)]).start();
    let begun = Instant::now();
    let waiting = async { pull(&server, "?after=1&wait=30").await };
    let closing = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        server.send_sigterm();
    };
    let (page, ()) = tokio::join!(waiting, closing);
    assert_eq!(lines(&page).len(), 0);
    assert!(begun.elapsed() < Duration::from_secs(10), "answered by its wait and not by the closing");
    assert!(server.wait().success());
    assert!(!server.data_file().with_extension("db-wal").exists(), "a reader of the feed outlived the ledger");
}

#[tokio::test]
async fn what_cannot_be_asked_is_refused() {
    let server = Setup::new([Item::new(SKU, 10)]).start();
    for (query, field) in [
        ("?after=-1", "after"),
        ("?after=x", "after"),
        ("?after=", "after"),
        ("?after=+1", "after"),
        ("?after=18446744073709551616", "after"),
        ("?after=2", "after"),
        ("?after=18446744073709551615", "after"),
        ("?limit=0", "limit"),
        ("?limit=10001", "limit"),
        ("?limit=1e3", "limit"),
        ("?wait=31", "wait"),
        ("?wait=-1", "wait"),
        ("?wait=0.5", "wait"),
        ("?after=1&after=1", "after"),
    ] {
        let answer = pull(&server, query).await;
        assert_problem(&answer, 422, "validation");
        assert_eq!(answer.json()["errors"][0]["field"], field, "{query}: {}", answer.text());
    }
    let foreign = pull(&server, "?after=2").await.json();
    let reason = foreign["errors"][0]["reason"].as_str().unwrap();
    assert!(reason.contains("not a place in this ledger"), "{reason}");
    let all_at_once = pull(&server, "?after=x&limit=x&wait=x").await.json();
    assert_eq!(all_at_once["errors"].as_array().map(Vec::len), Some(3));
    assert_eq!(lines(&pull(&server, "?after=0&limit=10000&wait=30").await).len(), 1);
}

#[tokio::test]
async fn only_an_operator_reads_the_feed_unless_it_has_a_token_of_its_own() {
    let buyer = token("ada");
    let plain = Setup::new([Item::new(SKU, 10)]).start();
    for token in ["", buyer.as_str(), FEED_TOKEN] {
        assert_problem(&pull_as(&plain, "", token).await, 401, "unauthenticated");
    }
    assert_eq!(pull_as(&plain, "", ADMIN_TOKEN).await.status, 200);

    let own = Setup::new([Item::new(SKU, 10)]).set("feed.token", &format!("{FEED_TOKEN:?}")).start();
    for token in ["", buyer.as_str(), &FEED_TOKEN[1..]] {
        assert_problem(&pull_as(&own, "?after=x", token).await, 401, "unauthenticated");
    }
    for token in [FEED_TOKEN, ADMIN_TOKEN] {
        assert_eq!(pull_as(&own, "", token).await.status, 200);
    }
    let mut client = Client::new(own.ops_address());
    let feed_only = format!("Bearer {FEED_TOKEN}");
    let elsewhere = client.get("/funnel", &[("Authorization", &feed_only)]).await.expect("an answer");
    assert_problem(&elsewhere, 401, "unauthenticated");
    let other = client.request("DELETE", "/v1/feed", &[("Authorization", &feed_only)], None).await.expect("an answer");
    assert_problem(&other, 405, "method-not-allowed");
    let public = Client::new(own.address()).get("/v1/feed", &[("Authorization", &feed_only)]).await;
    assert_problem(&public.expect("an answer"), 404, "not-found");
}
