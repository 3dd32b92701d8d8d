//! **Job:** real answers, good and bad, against what the document says of them.
//! **Owns:** one purchase's life, and the owner's day, as a series of answers.
//! **Never:** knows a member of an answer: the document does.

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::document::Document;
use super::schema::complaints;
use super::{SKU, STEERED};
use crate::support::{Attempt, Client, Item, Response, Server, Setup, admin_authorization, authorization, report_paid};

/// Headers that mean something to a client of ours.
const HEADERS: [&str; 7] = [
    "location",
    "idempotent-replayed",
    "retry-after",
    "feed-last-seq",
    "www-authenticate",
    "ratelimit",
    "ratelimit-policy",
];

struct Witness {
    server: Server,
    document: Document,
}

impl Witness {
    async fn of(server: Server) -> Self {
        let document = Document::of(&server).await;
        Self { server, document }
    }

    /// Checks an answer to `method` on the path that the document calls `path`; gives the answer back.
    fn check(&self, method: &str, path: &str, answer: Response) -> Response {
        let at = format!("{method} {path}: {} {}", answer.status, answer.text());
        let described = &self.document.0["paths"][path][method.to_lowercase()]["responses"][answer.status.to_string()];
        assert!(described.is_object(), "not described: {at}");
        for header in HEADERS.into_iter().filter(|header| answer.header(header).is_some()) {
            let headers = described["headers"].as_object();
            let is_known = headers.is_some_and(|names| names.keys().any(|name| name.eq_ignore_ascii_case(header)));
            assert!(is_known, "{header} is not described: {at}");
        }
        if answer.status == 204 {
            assert!(described["content"].is_null() && answer.body.is_empty(), "{at}");
            return answer;
        }
        let media_type = answer.header("content-type").unwrap_or_default().split(';').next().unwrap_or_default();
        let schema = &described["content"][media_type]["schema"];
        assert!(schema.is_object(), "no {media_type} is described: {at}");
        for value in values(media_type, &answer) {
            let complaints = complaints(&self.document.0, schema, &value);
            assert!(complaints.is_empty(), "{at}:\n{}", complaints.join("\n"));
        }
        answer
    }

    /// A request of `user` to the public listener.
    async fn buyer(&self, user: &str, method: &str, path: &str, target: &str) -> Response {
        let authorization = authorization(user);
        let mut client = Client::new(self.server.address());
        let answer = client.request(method, target, &[("Authorization", &authorization)], None).await;
        self.check(method, path, answer.expect("an answer"))
    }

    /// A request of the owner to the other one.
    async fn owner(&self, method: &str, path: &str, target: &str, body: Option<&str>) -> Response {
        let authorization = admin_authorization();
        let mut client = Client::new(self.server.ops_address());
        let answer = client.request(method, target, &[("Authorization", &authorization)], body).await;
        self.check(method, path, answer.expect("an answer"))
    }

    async fn purchase(&self, attempt: Attempt, status: u16) -> Response {
        let answer = attempt.send(&mut Client::new(self.server.address())).await.expect("an answer");
        assert_eq!(answer.status, status, "{}", answer.text());
        self.check("POST", "/v1/items/{item_id}/orders", answer)
    }
}

fn values(media_type: &str, answer: &Response) -> Vec<Value> {
    match media_type {
        "application/x-ndjson" => {
            answer.text().lines().map(|line| serde_json::from_str(line).expect("JSON a line")).collect()
        }
        _ => vec![answer.json()],
    }
}

#[tokio::test]
async fn what_buyers_are_answered_is_as_described() {
    let later = Item::new("later", 1).opens_at("2999-01-01T00:00:00Z");
    let over = Item::new("over", 1).closes_at("2001-01-01T00:00:00Z");
    let items = [Item::new(SKU, 3).limit(2), later, over];
    let witness = Witness::of(Setup::new(items).start()).await;
    witness.buyer("ann", "GET", "/v1/items", "/v1/items").await;
    witness.buyer("ann", "GET", "/v1/items", "/v1/items?limit=0").await;
    witness.buyer("ann", "GET", "/v1/items/{item_id}", "/v1/items/later").await;
    witness.buyer("ann", "GET", "/v1/items/{item_id}", "/v1/items/none").await;
    let order = witness.purchase(Attempt::new("ann", SKU).key("key"), 201).await.json();
    witness.purchase(Attempt::new("ann", SKU).key("key"), 201).await;
    witness.purchase(Attempt::new("ann", SKU).key("key").quantity(2), 422).await;
    witness.purchase(Attempt::new("ann", SKU).quantity(2), 409).await;
    witness.purchase(Attempt::new("bob", SKU).quantity(9), 409).await;
    witness.purchase(Attempt::new("bob", SKU).quantity(0), 422).await;
    witness.purchase(Attempt::new("bob", "later"), 403).await;
    witness.purchase(Attempt::new("bob", "over"), 410).await;
    let id = order["order_id"].as_str().expect("an order has an id");
    let target = format!("/v1/orders/{id}");
    witness.buyer("ann", "GET", "/v1/orders/{order_id}", &target).await;
    witness.buyer("bob", "GET", "/v1/orders/{order_id}", &target).await;
    witness.buyer("no such user!", "GET", "/v1/orders/{order_id}", &target).await;
    witness.buyer("ann", "GET", "/v1/orders", &format!("/v1/orders?item_id={SKU}")).await;
    witness.buyer("ann", "GET", "/v1/orders", "/v1/orders").await;
    witness.buyer("ann", "GET", "/v1/orders", "/v1/orders?user_id=bob").await;
    let paid = report_paid(&mut Client::new(witness.server.address()), "event-1", &order).await;
    witness.check("POST", "/v1/payments/events", paid.expect("an answer"));
    let late = witness.buyer("ann", "POST", "/v1/orders/{order_id}/cancel", &format!("{target}/cancel")).await;
    assert_eq!(late.status, 409, "{}", late.text());
}

#[tokio::test]
async fn what_the_owner_of_a_webhook_is_answered_is_as_described() {
    let (list, replay) = ("/v1/admin/webhook/deliveries", "/v1/admin/webhook/replay");
    let retry = "/v1/admin/webhook/deliveries/{seq}/retry";
    let off = Witness::of(Setup::new([Item::new(SKU, 3)]).start()).await;
    // Nobody listens there: what is sent is tried once and again, or given up.
    let setup = Setup::new([Item::new(SKU, 3)]).set("webhook.url", "\"http://127.0.0.1:9/hooks\"");
    let setup = setup.set("webhook.secret", "\"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\"");
    let on = Witness::of(setup.set("webhook.retry_for", "\"1s\"").start()).await;
    for witness in [&off, &on] {
        witness.purchase(Attempt::new("ann", SKU), 201).await;
        witness.owner("GET", list, list, None).await;
        witness.owner("GET", list, &format!("{list}?status=lost"), None).await;
        for body in [r#"{"after":0}"#, r#"{"after":99}"#, r#"{"after":true}"#, "{"] {
            witness.owner("POST", replay, replay, Some(body)).await;
        }
        witness.owner("POST", retry, &format!("{list}/99/retry"), None).await;
        witness.owner("POST", retry, &format!("{list}/x/retry"), None).await;
    }
    loop {
        let page = on.owner("GET", list, &format!("{list}?status=dead&limit=1"), None).await.json();
        if page["deliveries"] != serde_json::json!([]) {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert_eq!(on.owner("POST", retry, &format!("{list}/2/retry"), None).await.status, 200);
    assert_eq!(on.owner("POST", retry, &format!("{list}/2/retry"), None).await.status, 409);
}

#[tokio::test]
async fn what_the_owner_is_answered_is_as_described() {
    let witness = Witness::of(Setup::new([Item::new(SKU, 3), Item::new(STEERED, 1)]).start()).await;
    witness.purchase(Attempt::new("ann", SKU), 201).await;
    let item = r#"{"title":"New","unit_price":1,"currency":"CNY","stock":1,"opens_at":"2999-01-01T00:00:00Z"}"#;
    for _created_then_so_already in 0..2 {
        witness.owner("PUT", "/v1/admin/items/{item_id}", "/v1/admin/items/new", Some(item)).await;
    }
    for (verb, body) in [
        ("restock", Some(r#"{"quantity":1}"#)),
        ("restock", Some(r#"{"quantity":0}"#)),
        ("pause", None),
        ("resume", None),
        ("close", None),
        ("pause", None),
        ("reopen", Some(r#"{"reason":"the wrong one"}"#)),
        ("withdraw", Some(r#"{"quantity":1}"#)),
        ("withdraw", Some(r#"{"quantity":9}"#)),
        ("hide", None),
        ("show", None),
        ("show", Some(r#"{"why":"x"}"#)),
    ] {
        let path = format!("/v1/admin/items/{{item_id}}/{verb}");
        witness.owner("POST", &path, &format!("/v1/admin/items/{STEERED}/{verb}"), body).await;
    }
    steer_money(&witness).await;
    for target in [
        "/v1/admin/items",
        "/v1/admin/items?limit=1",
        "/v1/admin/journal",
        "/v1/admin/journal?limit=1",
        "/v1/admin/journal?after=x",
        "/v1/admin/payments?status=all",
        "/v1/admin/payments?status=all&limit=1",
        "/v1/admin/payments?status=x",
        "/v1/admin/orders",
        "/v1/admin/orders?user_id=ann",
        "/v1/feed",
        "/v1/feed?limit=0",
        "/v1/admin/orders?status=x",
    ] {
        witness.owner("GET", target.split('?').next().unwrap(), target, None).await;
    }
    read_feed(&witness).await;
    for path in ["/funnel", "/invariants", "/livez", "/healthz", "/readyz"] {
        witness.owner("GET", path, path, None).await;
    }
    witness.owner("GET", "/readyz", "/readyz?verbose", None).await;
    witness.owner("GET", "/readyz", "/readyz?verbose&verbose", None).await;
}

/// In its other form, and in one that it does not have.
async fn read_feed(witness: &Witness) {
    for accept in ["application/cloudevents-batch+json", "text/html"] {
        let headers = [("Authorization", admin_authorization()), ("Accept", accept.to_owned())];
        let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
        let answer = Client::new(witness.server.ops_address()).get("/v1/feed", &headers).await;
        witness.check("GET", "/v1/feed", answer.expect("an answer"));
    }
}

/// Orders are cancelled, payments settled, items deleted.
async fn steer_money(witness: &Witness) {
    let order = witness.purchase(Attempt::new("bob", SKU), 201).await.json();
    let mut provider = Client::new(witness.server.address());
    for event in ["event-1", "event-2"] {
        report_paid(&mut provider, event, &order).await.expect("an answer");
    }
    let cancel = format!("/v1/admin/orders/{}/cancel", order["order_id"].as_str().expect("an id"));
    for body in [r#"{"reason":"broken"}"#, r#"{"reason":"again"}"#, "{}"] {
        witness.owner("POST", "/v1/admin/orders/{order_id}/cancel", &cancel, Some(body)).await;
    }
    let owed = witness.owner("GET", "/v1/admin/payments", "/v1/admin/payments", None).await.json();
    for payment in owed["payments"].as_array().expect("a list") {
        let target = format!("/v1/admin/payments/{}/refunded", payment["payment_id"].as_str().expect("an id"));
        witness.owner("POST", "/v1/admin/payments/{payment_id}/refunded", &target, None).await;
    }
    let none = "/v1/admin/payments/P000000999/refunded";
    witness.owner("POST", "/v1/admin/payments/{payment_id}/refunded", none, None).await;
    for target in ["/v1/admin/items/new", "/v1/admin/items/new", &format!("/v1/admin/items/{SKU}")] {
        witness.owner("GET", "/v1/admin/items/{item_id}", target, None).await;
        witness.owner("DELETE", "/v1/admin/items/{item_id}", target, None).await;
    }
}

/// The members of `GET /actors` as the contract lists them, by where they stand.
const INSPECTED: [(&str, &[&str]); 7] = [
    ("", &["captured_at", "uptime_s", "actors", "writer"]),
    ("/actors/0", &["name", "kind", "core", "mailbox", "processed_total", "wait_us", "handle_us"]),
    ("/actors/0/mailbox", &["depth", "capacity", "high_water"]),
    ("/actors/0/wait_us", &["p50", "p99", "max"]),
    ("/actors/0/handle_us", &["p50", "p99", "max"]),
    ("/writer", &["commits_total", "orders_total", "triggers", "batch_size", "commit_us", "queue_depth"]),
    ("/writer/triggers", &["drained", "full", "linger"]),
];

#[tokio::test]
async fn the_inspector_keeps_its_own_schema_before_and_after_a_sale() {
    let witness = Witness::of(Setup::new([Item::new(SKU, 3), Item::new(STEERED, 1)]).start()).await;
    for buyer in ["ann", "bob"] {
        for query in ["", "?buckets=true", "?item=sku", "?search=s&limit=1", "?sort=wait&buckets=false", "?limit=1"] {
            let answer = witness.owner("GET", "/actors", &format!("/actors{query}"), None).await.json();
            if answer["actors"] == serde_json::json!([]) {
                continue;
            }
            for (place, members) in INSPECTED {
                let there = answer.pointer(place).unwrap_or_else(|| panic!("{place} of {query} is missing: {answer}"));
                let missing: Vec<_> = members.iter().filter(|member| there.get(**member).is_none()).collect();
                assert!(missing.is_empty(), "{missing:?} at {place} of {query}: {answer}");
            }
        }
        witness.owner("GET", "/actors", "/actors?sort=size", None).await;
        witness.purchase(Attempt::new(buyer, SKU), 201).await;
        let target = format!("/v1/admin/items/{STEERED}/close");
        let closed = witness.owner("POST", "/v1/admin/items/{item_id}/close", &target, None).await;
        assert_eq!(closed.status, 200);
    }
}

#[tokio::test]
async fn a_snapshot_is_as_described() {
    let witness = Witness::of(Setup::new([Item::new(SKU, 3)]).start()).await;
    let mut stream = TcpStream::connect(witness.server.ops_address()).await.expect("the server listens");
    let request = format!("GET /events HTTP/1.1\r\nHost: x\r\nAuthorization: {}\r\n\r\n", admin_authorization());
    stream.write_all(request.as_bytes()).await.expect("the server reads");
    let mut text = String::new();
    let data = loop {
        if let Some((_, data)) = text.split_once("data: ").filter(|(_, data)| data.contains("\n\n")) {
            break data.split_once("\n\n").expect("seen above").0.to_owned();
        }
        let mut bytes = [0; 4096];
        let read = stream.read(&mut bytes).await.expect("the stream stays open");
        assert!(read > 0, "{text}");
        text.push_str(std::str::from_utf8(&bytes[..read]).expect("ids and titles of the test are ASCII"));
    };
    let described = &witness.document.0["components"]["schemas"];
    let event = &described["SnapshotEvent"]["properties"];
    assert!(text.contains(&format!("event: {}\n", event["event"]["enum"][0].as_str().expect("a name"))), "{text}");
    assert_eq!(event["data"]["contentMediaType"], "application/json");
    let snapshot = serde_json::from_str(&data).expect("a snapshot is JSON");
    let complaints = complaints(&witness.document.0, &described["Snapshot"], &snapshot);
    assert!(complaints.is_empty(), "{data}:\n{}", complaints.join("\n"));
}
