//! **Job:** order events reach the shop's own URL: signed, at least once, those of one order in their order.
//! **Owns:** what a receiver must have heard, compared with the feed of the server itself.
//! **Never:** links the server's code: signatures are computed by OpenSSL.

mod life;
mod operator;
mod receiver;
mod refusals;
mod secrets;
mod tls;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{
    Attempt, Client, Item, Response, Server, Setup, admin_authorization, authorization, metrics_page,
};
use receiver::{Does, Heard, Receiver};

const SKU: &str = "sku-1";

/// Keys of the signatures.
const KEY: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const OTHER_KEY: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

/// How long anything that must happen may take on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// How often something is looked at.
const TICK: Duration = Duration::from_millis(10);

/// A shop whose server tells `url` of its orders.
fn shop(url: &str) -> Setup {
    Setup::new([Item::new(SKU, 100_000)])
        .set("webhook.url", &format!("{url:?}"))
        .set("webhook.secret", &format!("{KEY:?}"))
        .set("webhook.timeout", "\"1s\"")
}

async fn buy(server: &Server, user: &str) -> String {
    let answer = Attempt::new(user, SKU).send(&mut Client::new(server.address())).await.expect("an answer");
    assert_eq!(answer.status, 201, "{}", answer.text());
    answer.json()["order_id"].as_str().expect("an order has an id").to_owned()
}

async fn cancel(server: &Server, user: &str, order: &str) {
    let headers = [("Authorization", authorization(user)), ("Content-Length", "0".to_owned())];
    let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
    let path = format!("/v1/orders/{order}/cancel");
    let answer = Client::new(server.address()).request("POST", &path, &headers, None).await.expect("an answer");
    assert_eq!(answer.status, 200, "{}", answer.text());
}

/// A request of the owner.
async fn owner(server: &Server, method: &str, path: &str, body: Option<&str>) -> Response {
    let authorization = admin_authorization();
    let headers = [("Authorization", authorization.as_str()), ("Content-Length", "0")];
    let headers = if body.is_some() || method == "GET" { &headers[..1] } else { &headers[..] };
    Client::new(server.ops_address()).request(method, path, headers, body).await.expect("an answer")
}

async fn deliveries(server: &Server, query: &str) -> Vec<Value> {
    let answer = owner(server, "GET", &format!("/v1/admin/webhook/deliveries?limit=1000&{query}"), None).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["deliveries"].as_array().expect("a list").clone()
}

async fn figure(server: &Server, series: &str) -> Option<f64> {
    let page = metrics_page(server).await;
    page.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' ')?.parse().ok())
}

/// The entries about orders, by number: what must be heard.
async fn order_entries(server: &Server) -> BTreeMap<u64, Value> {
    let page = owner(server, "GET", "/v1/feed?limit=10000", None).await.text();
    let entries = page.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let of_orders = entries.filter(|entry| !entry["order_id"].is_null());
    of_orders.map(|entry| (entry["seq"].as_u64().expect("a number"), entry)).collect()
}

/// What the verdict says of the webhook; empty: nothing is wrong with it.
async fn verdict(server: &Server) -> String {
    let told = owner(server, "GET", "/readyz?verbose", None).await.json();
    let reasons = told["verdict"]["reasons"].as_array().expect("a verdict has reasons");
    let own = reasons.iter().find(|reason| reason["code"] == "webhook-failing");
    own.map(|reason| reason["text"].to_string()).unwrap_or_default()
}

async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !is_so().await {
        assert!(begun.elapsed() < PATIENCE, "not within {PATIENCE:?}: {what}");
        tokio::time::sleep(TICK).await;
    }
}

/// Waits until everything that the feed tells of orders was accepted, and checks that it was told as it is.
async fn until_all_accepted(server: &Server, receiver: &Receiver) {
    let entries = order_entries(server).await;
    let missing = |heard: &[Heard]| {
        let accepted: BTreeSet<_> = heard.iter().filter(|one| one.accepted).map(Heard::seq).collect();
        entries.keys().copied().filter(|seq| !accepted.contains(seq)).collect::<Vec<_>>()
    };
    let begun = Instant::now();
    while !missing(&receiver.heard()).is_empty() {
        let (missing, pending) = (missing(&receiver.heard()), deliveries(server, "status=pending").await);
        assert!(begun.elapsed() < PATIENCE, "{missing:?} were not accepted: {pending:#?}");
        tokio::time::sleep(TICK).await;
    }
    for one in receiver.heard() {
        let (seq, body) = (one.seq(), one.json());
        let entry = &entries[&seq];
        let expected = json!({"type": format!("order.{}", entry["kind"].as_str().expect("a kind")),
            "timestamp": entry["at"], "data": entry});
        assert_eq!(body, expected);
        assert!(one.id.starts_with(&format!("evt_{seq}_")), "{}", one.id);
    }
}

/// Each event came only after all events of its order before it had been accepted.
fn assert_in_order(heard: &[Heard]) {
    let mut all: BTreeMap<String, BTreeSet<u64>> = BTreeMap::new();
    for one in heard {
        all.entry(one.order()).or_default().insert(one.seq());
    }
    let mut accepted = BTreeSet::new();
    for one in heard {
        let earlier = all[&one.order()].range(..one.seq()).find(|seq| !accepted.contains(*seq));
        assert_eq!(earlier, None, "{} came before an earlier event of its order was accepted", one.seq());
        if one.accepted {
            accepted.insert(one.seq());
        }
    }
}

fn seqs(heard: &[Heard]) -> Vec<u64> {
    heard.iter().map(Heard::seq).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_order_event_is_told_once_and_nothing_else() {
    let receiver = Receiver::start().await;
    let server = shop(&receiver.url()).start();
    for number in 0..20 {
        let user = format!("buyer-{number}");
        let order = buy(&server, &user).await;
        if number % 2 == 0 {
            cancel(&server, &user, &order).await;
        }
    }
    for step in ["pause", "resume"] {
        assert_eq!(owner(&server, "POST", &format!("/v1/admin/items/{SKU}/{step}"), None).await.status, 200);
    }
    until_all_accepted(&server, &receiver).await;
    until("the lag is over", async || {
        figure(&server, "doorbuster_feed_lag_entries{sink=\"webhook\"}").await == Some(0.0)
    })
    .await;
    let heard = receiver.heard();
    assert_in_order(&heard);
    let entries = order_entries(&server).await;
    assert_eq!((heard.len(), entries.len()), (30, 30), "each once");
    for one in &heard {
        assert_eq!(one.header("content-type"), Some("application/json"));
        assert!(one.header("user-agent").is_some_and(|agent| agent.starts_with("Doorbuster/")));
    }
    let delivered = deliveries(&server, "status=delivered").await;
    assert_eq!(delivered.len(), 30);
    for delivery in &delivered {
        let seq = delivery["seq"].as_u64().expect("a number");
        let own = heard.iter().find(|one| one.seq() == seq).expect("it was heard");
        assert_eq!((&delivery["webhook_id"], &delivery["type"]), (&own.id.clone().into(), &own.json()["type"]));
        assert_eq!((&delivery["order_id"], &delivery["attempts"]), (&own.order().into(), &1.into()));
        assert_eq!((&delivery["last_status"], &delivery["last_error"]), (&204.into(), &Value::Null));
        assert!(delivery["next_attempt_at"].is_null() && delivery["last_attempt_at"].is_string(), "{delivery}");
    }
    assert_eq!(figure(&server, "doorbuster_webhook_deliveries_total{outcome=\"delivered\"}").await, Some(30.0));
    assert_eq!(figure(&server, "doorbuster_webhook_attempts_total{outcome=\"accepted\"}").await, Some(30.0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_url_nothing_is_there() {
    let mut server = Setup::new([Item::new(SKU, 5)]).start();
    buy(&server, "ann").await;
    let list = owner(&server, "GET", "/v1/admin/webhook/deliveries", None).await.json();
    assert_eq!(list, json!({"url": null, "deliveries": [], "next": null}));
    assert_eq!(owner(&server, "POST", "/v1/admin/webhook/replay", Some("{\"after\":0}")).await.status, 409);
    assert!(!metrics_page(&server).await.contains("doorbuster_webhook"));
    let names =
        std::fs::read_dir(server.directory()).expect("readable").map(|entry| entry.expect("readable").file_name());
    let names: Vec<_> = names.filter(|name| name.to_string_lossy().contains("webhook")).collect();
    assert!(names.is_empty() && server.terminate().success(), "{names:?}");
}
