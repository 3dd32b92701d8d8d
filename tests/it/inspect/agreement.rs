//! **Job:** the numbers agree: what the generator was told, the funnel, the metrics, the stream and the ledger.
//! **Owns:** a sale in which every kind of answer occurs.
//! **Never:** compares while something is on its way.

use std::collections::BTreeMap;

use serde_json::Value;

use super::observer::Observer;
use crate::support::{Attempt, Client, Item, Setup, assert_conservation, crowd, seed};

/// Confirmed, replayed, and every code that can be had in a quiet house.
async fn generate(address: std::net::SocketAddr) -> BTreeMap<String, u64> {
    let keyed = |number: usize| Attempt::new(&format!("keyed-{number}"), "many").key("k");
    let mut attempts = Attempt::shuffled("open", 1_500, seed());
    attempts.extend((0..100).map(keyed));
    attempts.extend(Attempt::shuffled("later", 50, seed()));
    attempts.extend(Attempt::shuffled("over", 50, seed()));
    attempts.extend(Attempt::shuffled("unknown", 50, seed()));
    attempts.extend((0..30).map(|number| Attempt::new(&format!("greedy-{number}"), "few").quantity(0)));
    attempts.extend((0..30).map(|number| Attempt::new(&format!("full-{}", number % 3), "many")));
    let mut outcomes: BTreeMap<String, u64> = BTreeMap::new();
    // A second time, so that keys are repeated and limits are reached.
    for attempts in [attempts.clone(), attempts] {
        let tally = crowd(address, attempts).await;
        assert_eq!(tally.unanswered(), 0);
        for answer in &tally.0 {
            let response = answer.result.as_ref().expect("checked above");
            *outcomes.entry(outcome(response)).or_default() += 1;
        }
    }
    let mut stranger = Client::new(address);
    let refused = stranger.request("POST", "/v1/items/open/orders", &[], Some("{\"quantity\":1}")).await;
    *outcomes.entry(outcome(&refused.expect("an answer"))).or_default() += 1;
    outcomes
}

fn outcome(response: &crate::support::Response) -> String {
    match (response.status, response.header("idempotent-replayed")) {
        (201, Some(_)) => "replayed".to_owned(),
        (201, None) => "confirmed".to_owned(),
        _ => crate::support::problem_code(response),
    }
}

fn count(value: &Value) -> u64 {
    value.as_u64().expect("a count")
}

/// Outcomes as the funnel tells them; checks each layer against the next.
fn outcomes_of(layers: &Value) -> BTreeMap<String, u64> {
    let mut outcomes: BTreeMap<String, u64> = BTreeMap::new();
    let layers = layers.as_array().expect("a list");
    let mut entering = count(&layers[0]["in"]);
    for layer in layers {
        assert_eq!(count(&layer["in"]), entering, "what leaves a layer enters the next: {layer}");
        let answered = layer["answered"].as_object().expect("a map");
        let sum: u64 = answered.values().map(count).sum();
        assert_eq!(entering, count(&layer["out"]) + sum, "every attempt passes or is answered: {layer}");
        for (code, number) in answered {
            *outcomes.entry(code.clone()).or_default() += count(number);
        }
        entering = count(&layer["out"]);
    }
    outcomes.insert("confirmed".to_owned(), entering);
    outcomes
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "counters are whole and positive")]
fn counted(value: f64) -> u64 {
    value as u64
}

/// Outcomes as the metrics tell them, from the series that has them whole and from those by layer.
fn outcomes_in(metrics: &BTreeMap<String, f64>) -> (BTreeMap<String, u64>, BTreeMap<String, u64>) {
    let label = |series: &str, name: &str| -> Option<String> {
        let (_, rest) = series.split_once(&format!("{name}=\""))?;
        Some(rest.split_once('"')?.0.to_owned())
    };
    let (mut whole, mut by_layer) = (BTreeMap::new(), BTreeMap::new());
    // What can be counted is there from the start.
    for (series, value) in metrics.iter().filter(|(_, value)| **value > 0.0) {
        let value = counted(*value);
        if series.starts_with("doorbuster_requests_total") {
            whole.insert(label(series, "outcome").expect("its label"), value);
        } else if series.starts_with("doorbuster_gate_refused_total") {
            *by_layer.entry(label(series, "code").expect("its label")).or_default() += value;
        } else if series.starts_with("doorbuster_gate_passed_total{layer=\"ledger\"}") {
            by_layer.insert("confirmed".to_owned(), value);
        }
    }
    (whole, by_layer)
}

#[tokio::test]
async fn generator_funnel_metrics_stream_and_ledger_tell_the_same_numbers() {
    let items = [
        Item::new("open", 1_000),
        Item::new("few", 5),
        Item::new("many", 1_000_000),
        Item::new("later", 10).opens_at("2199-01-01T00:00:00Z"),
        Item::new("over", 10).closes_at("2001-01-01T00:00:00Z"),
    ];
    let server = Setup::new(items).start();
    let told = generate(server.address()).await;
    for outcome in ["confirmed", "replayed", "sold-out", "limit-reached", "validation", "not-found", "sale-closed"] {
        assert!(told.contains_key(outcome), "the sale was made to have {outcome}: {told:?}");
    }
    let rows = assert_conservation(&server).await;
    let mut observer = Observer::of(&server);
    let funnel = observer.get("/funnel").await;
    let metrics = observer.metrics().await;
    let snapshot = observer.watch().await.next().await;
    assert_eq!(outcomes_of(&funnel["layers"]), told, "the funnel");
    assert_eq!(snapshot["layers"], funnel["layers"], "the stream");
    let (whole, by_layer) = outcomes_in(&metrics);
    assert_eq!(whole, told, "doorbuster_requests_total");
    assert_eq!(by_layer, told, "doorbuster_gate_*");
    assert_eq!(rows.len() as u64, told["confirmed"], "the ledger");
    let series = |name: &str| counted(metrics[name]);
    assert_eq!(series("doorbuster_writer_orders_total"), told["confirmed"]);
    assert_eq!(series("doorbuster_writer_batch_orders_sum"), told["confirmed"]);
    let created = series("doorbuster_http_responses_total{status=\"201\"}");
    assert_eq!(created, told["confirmed"] + told["replayed"], "what the HTTP side counted");
    for item in ["open", "few", "many"] {
        let held = rows.iter().filter(|row| row["item_id"] == item).count() as u64;
        let series = |name: &str| counted(metrics[&format!("doorbuster_stock_{name}{{item_id=\"{item}\"}}")]);
        assert_eq!(series("supply") - series("remaining"), held, "{item}");
    }
}
