//! **Job:** the feed as `CloudEvents`: the same entries, the same headers, for who asks for them.
//! **Owns:** the comparison with the lines.
//! **Never:** links a library for `CloudEvents`: the specification is the test.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::{SKU, buy, last_seq, lines, pull};
use crate::support::{Client, Item, Response, Server, Setup, admin_authorization, assert_problem};

const BATCH: &str = "application/cloudevents-batch+json";

async fn accepting(server: &Server, query: &str, accept: &str) -> Response {
    let headers = [("Authorization", admin_authorization()), ("Accept", accept.to_owned())];
    let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
    Client::new(server.ops_address()).get(&format!("/v1/feed{query}"), &headers).await.expect("an answer")
}

fn events(response: &Response) -> Vec<Value> {
    assert_eq!((response.status, response.header("content-type")), (200, Some(BATCH)), "{}", response.text());
    assert_eq!(response.header("cache-control"), Some("no-store"));
    response.json().as_array().expect("a batch is an array").clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_tells_the_same_entries_as_the_lines() {
    let server = Setup::new([Item::new(SKU, 9), Item::new("sku-2", 9)]).start();
    for user in ["ada", "bob", "cyd"] {
        assert_eq!(buy(&server, user).await.status, 201);
    }
    for query in ["", "?after=2&limit=2", "?after=5"] {
        let (page, batch) = (pull(&server, query).await, accepting(&server, query, BATCH).await);
        assert_eq!(last_seq(&page), last_seq(&batch));
        let (lines, events) = (lines(&page), events(&batch));
        assert_eq!(lines.len(), events.len(), "{query}");
        for (line, event) in lines.iter().zip(&events) {
            assert_eq!((&event["specversion"], &event["data"]), (&"1.0".into(), line));
            assert_eq!(event["id"], line["seq"].to_string(), "{event}");
            assert_eq!(event["type"], format!("doorbuster.{}", line["kind"].as_str().unwrap()));
            assert_eq!((&event["time"], &event["source"]), (&line["at"], &"/doorbuster".into()));
            assert_eq!(event["datacontenttype"], "application/json");
            let subject = if line["order_id"].is_null() { &line["item_id"] } else { &line["order_id"] };
            assert_eq!(&event["subject"], subject);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_is_waited_for_like_lines() {
    let server = Setup::new([Item::new(SKU, 9)]).start();
    let begun = Instant::now();
    let (batch, order) = tokio::join!(accepting(&server, "?after=1&wait=30", BATCH), buy(&server, "ada"));
    assert_eq!(events(&batch)[0]["subject"], order.json()["order_id"]);
    assert!(begun.elapsed() < Duration::from_secs(10), "answered by its wait and not by the sale");
    assert_problem(&accepting(&server, "?after=99", BATCH).await, 422, "validation");
    assert_problem(&accepting(&server, "?limit=0", BATCH).await, 422, "validation");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_does_not_ask_for_events_gets_lines_and_who_takes_neither_a_problem() {
    let server = Setup::new([Item::new(SKU, 9)]).start();
    for accept in ["*/*", "application/json", "application/x-ndjson", &format!("{BATCH};q=0.2, */*;q=0.9")] {
        assert_eq!(lines(&accepting(&server, "", accept).await).len(), 1, "{accept}");
    }
    for accept in ["application/cloudevents-batch+json", "text/html, application/cloudevents-batch+json;q=0.1"] {
        assert_eq!(events(&accepting(&server, "", accept).await).len(), 1, "{accept}");
    }
    assert_problem(&accepting(&server, "", "text/html").await, 406, "not-acceptable");
    let stranger = Client::new(server.ops_address()).get("/v1/feed", &[("Accept", "text/html")]).await;
    assert_problem(&stranger.expect("an answer"), 401, "unauthenticated");
}
