//! **Job:** every request can be found again: by its id and its trace, in the answer, the problem and the log.
//! **Owns:** ids and traces as clients, proxies and nobody send them.
//! **Never:** looks at what a purchase costs.

use std::collections::HashSet;

use serde_json::Value;

use crate::support::{Attempt, Client, Item, Response, Setup, authorization, raw_exchange};

const SKU: &str = "sku-1";
const TRACE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const TRACE_ID: &str = "0af7651916cd43dd8448eb211c80319c";

fn id(answer: &Response) -> String {
    answer.header("x-request-id").expect("every answer has one").to_owned()
}

#[tokio::test]
async fn every_answer_of_both_listeners_has_the_id_it_was_asked_with_or_one_of_its_own() {
    let server = Setup::new([Item::new(SKU, 5)]).start();
    let mut seen = HashSet::new();
    for (address, path) in [
        (server.address(), "/v1/items"),
        (server.address(), "/"),
        (server.address(), "/nowhere"),
        (server.address(), "/v1/orders?x=1"),
        (server.ops_address(), "/livez"),
        (server.ops_address(), "/metrics"),
    ] {
        let mut client = Client::new(address);
        for given in ["7", "a|b@c:d=\"e\"", &"x".repeat(128)] {
            let answer = client.get(path, &[("X-Request-Id", given)]).await.expect("an answer");
            assert_eq!(id(&answer), given, "{path}");
        }
        for bad in
            [&[][..], &[("X-Request-Id", "a b")], &[("X-Request-Id", "")], &[("X-Request-Id", &*"x".repeat(129))]]
        {
            let answer = client.get(path, bad).await.expect("an answer");
            assert!(seen.insert(id(&answer)), "{path}: {} came before", id(&answer));
        }
    }
    // What is refused before it is read as a request has one, too.
    for request in ["GET /v1/items HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "GARBAGE\r\n\r\n"] {
        let answer = raw_exchange(server.address(), request.as_bytes()).await.expect("an answer");
        let answer = answer.response.expect("an answer");
        assert_eq!((answer.status, &answer.json()["request_id"]), (400, &Value::from(id(&answer))));
    }
}

#[tokio::test]
async fn a_problem_names_request_and_trace_and_a_valid_trace_is_continued() {
    let server = Setup::new([Item::new(SKU, 5)]).start();
    let mut client = Client::new(server.address());
    let traced = client.get("/nowhere", &[("traceparent", TRACE), ("X-Request-Id", "seven")]).await.expect("an answer");
    let problem = traced.json();
    assert_eq!((&problem["request_id"], &problem["trace_id"]), (&Value::from("seven"), &Value::from(TRACE_ID)));
    let continued = traced.header("traceparent").expect("continued").to_owned();
    assert!(continued.starts_with(&format!("00-{TRACE_ID}-")) && continued.ends_with("-01"), "{continued}");
    assert_ne!(continued, TRACE, "under a span of ours");
    for bad in ["", "00-0-0-00", &TRACE.to_uppercase(), &TRACE.replace("b7ad6b7169203331", &"0".repeat(16))] {
        let answer = client.get("/nowhere", &[("traceparent", bad)]).await.expect("an answer");
        assert_eq!((answer.header("traceparent"), &answer.json()["trace_id"]), (None, &Value::Null), "{bad}");
        assert_eq!(answer.json()["request_id"], id(&answer));
    }
}

#[tokio::test]
async fn the_log_says_of_a_request_its_id_order_and_outcome() {
    let filter = "info,doorbuster::request=debug,doorbuster::purchase=debug";
    let mut server = Setup::new([Item::new(SKU, 5)]).log(filter).start();
    let mut client = Client::new(server.address());
    let buyer = authorization("ann");
    let headers = [("Authorization", buyer.as_str()), ("X-Request-Id", "buy-7"), ("traceparent", TRACE)];
    let path = format!("/v1/items/{SKU}/orders");
    let order = client.request("POST", &path, &headers, Some("{\"quantity\":1}")).await.expect("an answer").json();
    let again = client.request("POST", &path, &headers, Some("{\"quantity\":1}")).await.expect("an answer");
    assert_eq!(again.json()["code"], "limit-reached");
    drop(client);
    server.terminate();
    let log = server.stderr();
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).expect("JSON a line")).collect();
    let of = |target: &str, outcome: &str| {
        let is_it = |line: &&Value| {
            line["target"] == target && (line["fields"]["outcome"] == outcome || line["span"]["outcome"] == outcome)
        };
        lines.iter().find(is_it).unwrap_or_else(|| panic!("no {outcome} of {target} in {log}")).clone()
    };
    let line = of("doorbuster::request", "confirmed");
    let fields = &line["fields"];
    assert_eq!((&fields["request_id"], &fields["trace_id"]), (&Value::from("buy-7"), &Value::from(TRACE_ID)));
    assert_eq!((&fields["order_id"], &fields["status"]), (&order["order_id"], &Value::from(201)));
    let span = &of("doorbuster::purchase", "confirmed")["span"];
    assert_eq!((&span["request_id"], &span["trace_id"]), (&Value::from("buy-7"), &Value::from(TRACE_ID)));
    assert_eq!(span["order_id"], order["order_id"]);
    of("doorbuster::request", "limit-reached");
    of("doorbuster::purchase", "limit-reached");
}

fn limits(answer: &Response) -> (Option<&str>, Option<&str>) {
    (answer.header("ratelimit-policy"), answer.header("ratelimit"))
}

#[tokio::test]
async fn purchases_are_told_their_limits_and_the_figures_are_true() {
    let setup = Setup::new([Item::new(SKU, 50).limit(9), Item::new("later", 1).opens_at("2999-01-01T00:00:00Z")]);
    let server = setup.set("gate.throttle.window", "\"60s\"").start();
    let mut client = Client::new(server.address());
    let attempt = Attempt::new("ann", SKU).key("one");
    let bought = attempt.send(&mut client).await.expect("an answer");
    assert_eq!(bought.status, 201, "{}", bought.text());
    let policy = Some("\"throttle\";q=1;w=60");
    assert_eq!(limits(&bought), (policy, Some("\"throttle\";r=0;t=60")));
    let replayed = attempt.send(&mut client).await.expect("an answer");
    assert_eq!((replayed.status, limits(&replayed)), (201, (policy, None)), "a retry spends nothing");
    let refused = Attempt::new("ann", SKU).send(&mut client).await.expect("an answer");
    let wait = refused.header("retry-after").expect("it says when").to_owned();
    assert!((50..=60).contains(&wait.parse::<u64>().expect("seconds")), "{wait}");
    assert_eq!((refused.status, limits(&refused)), (429, (policy, Some(&*format!("\"throttle\";r=0;t={wait}")))));
    let early = Attempt::new("bob", "later").send(&mut client).await.expect("an answer");
    assert_eq!((early.status, limits(&early)), (403, (policy, None)), "nobody has looked at the throttle");
    let items = client.get("/v1/items", &[]).await.expect("an answer");
    assert_eq!(limits(&items), (None, None), "no limit is on looking");
}

#[tokio::test]
async fn without_limits_nothing_is_said_of_them_and_a_bucket_is_named() {
    let open = Setup::new([Item::new(SKU, 5)]).start();
    let bought = Attempt::new("ann", SKU).send(&mut Client::new(open.address())).await.expect("an answer");
    assert_eq!((bought.status, limits(&bought)), (201, (None, None)));
    let server = Setup::new([Item::new(SKU, 5)]).set("gate.bucket.rate", "1").start();
    let mut client = Client::new(server.address());
    let policy = Some("\"bucket\";q=1;w=1");
    assert_eq!(limits(&Attempt::new("ann", SKU).send(&mut client).await.expect("an answer")), (policy, None));
    let refused = Attempt::new("bob", SKU).send(&mut client).await.expect("an answer");
    assert_eq!((refused.status, limits(&refused)), (429, (policy, Some("\"bucket\";r=0;t=1"))));
}
