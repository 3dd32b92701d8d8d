//! **Job:** the page that Prometheus reads, and the files in `deploy/` that are made for it.
//! **Owns:** the comparison of names: what is exported, what is drawn.
//! **Never:** needs Prometheus: a name that is not on the page cannot be drawn.

use std::collections::BTreeSet;

use serde_json::Value;

use super::observer::Observer;
use crate::support::{Attempt, Client, Item, RedisServer, Setup, crowd, seed};

/// What a series name ends in, besides the name of its metric.
const SUFFIXES: [&str; 4] = ["_total", "_bucket", "_sum", "_count"];

/// Whole words in `text` that name a metric of the server.
fn names(text: &str) -> BTreeSet<String> {
    let words = text.split(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '_'));
    let is_ours = |word: &&str| word.starts_with("doorbuster_") || word.starts_with("process_");
    words.filter(is_ours).map(str::to_owned).collect()
}

/// How often metrics of the server stand in `text`.
fn metrics_in(text: &str) -> usize {
    let words = text.split(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '_'));
    words.filter(|word| word.starts_with("doorbuster_") || word.starts_with("process_")).count()
}

/// The names that Prometheus knows after it has read the page: counters end in `_total`, histograms have three.
fn exported(page: &str) -> BTreeSet<String> {
    let types = page.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
    let mut names = BTreeSet::new();
    for (name, kind) in types {
        match kind {
            "counter" => drop(names.insert(format!("{name}_total"))),
            "histogram" => names.extend(["_bucket", "_sum", "_count"].map(|suffix| format!("{name}{suffix}"))),
            _ => drop(names.insert(name.to_owned())),
        }
    }
    names
}

/// A series name without its suffix.
fn metric(series: &str) -> &str {
    SUFFIXES.iter().find_map(|suffix| series.strip_suffix(suffix)).unwrap_or(series)
}

async fn page(setup: Setup) -> String {
    let server = setup.start();
    crowd(server.address(), Attempt::shuffled("a", 20, seed())).await;
    Observer::of(&server).ask("/metrics").await.text()
}

/// A house in which everything is in use: Redis, a relayed feed and a webhook.
async fn full_page() -> String {
    let redis = RedisServer::start();
    let url = format!("{:?}", redis.url());
    let setup = Setup::new([Item::new("a", 10)]).set("redis.url", &url).set("feed.redis_stream", "\"orders\"");
    let setup = setup.set("webhook.url", "\"http://127.0.0.1:9/hooks\"");
    page(setup.set("webhook.secret", "\"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\"")).await
}

#[tokio::test]
async fn the_dashboard_of_grafana_draws_exactly_what_is_exported() {
    let board = std::fs::read_to_string("deploy/grafana/doorbuster.json").expect("the dashboard");
    let board: Value = serde_json::from_str(&board).expect("the dashboard is JSON");
    let mut drawn = BTreeSet::new();
    let is_asked_for = |variable: &Value| variable["name"] == "node" && variable["multi"] == true;
    assert!(board["templating"]["list"].as_array().expect("variables").iter().any(is_asked_for), "nodes can be chosen");
    for panel in board["panels"].as_array().expect("panels") {
        for target in panel["targets"].as_array().into_iter().flatten() {
            let expression = target["expr"].as_str().expect("an expression");
            let of_node = expression.matches("{node=~\"$node\"").count();
            assert_eq!(of_node, metrics_in(expression), "each metric is that of the chosen nodes: {expression}");
            drawn.extend(names(expression));
        }
    }
    let exported = exported(&full_page().await);
    let unknown: Vec<_> = drawn.difference(&exported).collect();
    assert!(unknown.is_empty(), "drawn and not exported: {unknown:?}");
    let metrics = |names: &BTreeSet<String>| names.iter().map(|name| metric(name).to_owned()).collect::<BTreeSet<_>>();
    let (drawn, exported) = (metrics(&drawn), metrics(&exported));
    let forgotten: Vec<_> = exported.difference(&drawn).collect();
    assert!(forgotten.is_empty(), "exported and nowhere drawn: {forgotten:?}");
}

#[tokio::test]
async fn every_name_has_a_base_unit_and_every_label_a_bound() {
    let server = Setup::new((0..150).map(|number| Item::new(&format!("sku-{number:03}"), 5))).start();
    crowd(server.address(), Attempt::shuffled("sku-007", 40, seed())).await;
    let mut observer = Observer::of(&server);
    let before = observer.metrics().await;
    let items = before.keys().filter(|series| series.starts_with("doorbuster_stock_remaining{")).count();
    assert_eq!(items, 100, "a series for each of the first 100 items");
    for series in before.keys() {
        let name = series.split('{').next().expect("a name");
        for wrong in ["_ms", "_us", "_ns", "_kb", "_mb", "_percent", "milli", "micro"] {
            assert!(!name.contains(wrong), "{name} is not in base units");
        }
        assert!(!series.contains("buyer-"), "a buyer has no series: {series}");
    }
    crowd(server.address(), Attempt::shuffled("sku-008", 400, seed())).await;
    let after = observer.metrics().await;
    assert!(after.len() < before.len() + 10, "more buyers, not more series: {} {}", before.len(), after.len());
    for (series, value) in &before {
        let is_counter = SUFFIXES.iter().any(|suffix| series.split('{').next().expect("a name").ends_with(suffix));
        assert!(!is_counter || after[series] >= *value, "a counter never goes back: {series}");
    }
}

#[tokio::test]
async fn the_metrics_are_open_only_if_the_operator_says_so() {
    let server = Setup::new([Item::new("a", 1)]).set("ops.public_metrics", "true").start();
    let mut client = Client::new(server.ops_address());
    let answer = client.get("/metrics", &[]).await.expect("an answer");
    assert_eq!(answer.status, 200);
    let media_type = answer.header("content-type").unwrap_or_default();
    assert_eq!(media_type, "application/openmetrics-text; version=1.0.0; charset=utf-8");
    assert_eq!(client.get("/actors", &[]).await.expect("an answer").status, 401, "nothing else is");
}

#[tokio::test]
async fn prometheus_is_told_the_operations_listener_and_where_the_token_is() {
    let scrape = std::fs::read_to_string("deploy/prometheus/prometheus.yml").expect("the scrape file");
    for needed in ["job_name: doorbuster", "127.0.0.1:9190", "credentials_file:", "metrics_path: /metrics"] {
        assert!(scrape.contains(needed), "{needed}");
    }
}
