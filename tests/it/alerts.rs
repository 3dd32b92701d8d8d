//! **Job:** the alarms that are shipped fire, and look at series that a server really exports.
//! **Owns:** the comparison of `deploy/prometheus/` with the page of a running server; asks the real promtool.
//! **Never:** knows a threshold: `deploy/prometheus/alerts_test.yml` has them.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use crate::support::{
    Attempt, Certificate, Client, Item, RedisServer, Server, Setup, admin_authorization, crowd, seed,
};

const RULES: &str = "deploy/prometheus/alerts.yml";
const TESTS: &str = "deploy/prometheus/alerts_test.yml";

fn read(path: &str) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn promtool(arguments: &[&str], input: &str) -> Output {
    let mut command = Command::new("promtool");
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("promtool is installed by `make prepare`");
    child.stdin.take().expect("piped").write_all(input.as_bytes()).expect("it reads");
    child.wait_with_output().expect("it ends")
}

fn said(output: &Output) -> String {
    [&output.stdout[..], &output.stderr[..]].map(String::from_utf8_lossy).concat()
}

/// The alerts with their expressions, in one line each.
fn alerts() -> BTreeMap<String, String> {
    let (mut alerts, mut name, mut in_expression): (BTreeMap<String, String>, _, _) = (BTreeMap::new(), "", false);
    let text = read(RULES);
    for line in text.lines().map(str::trim) {
        if let Some(alert) = line.strip_prefix("- alert: ") {
            (name, in_expression) = (alert, false);
        } else if let Some(expression) = line.strip_prefix("expr: ") {
            alerts.insert(name.to_owned(), expression.trim_start_matches(">-").to_owned());
            in_expression = expression == ">-";
        } else if ["for: ", "labels: ", "annotations: "].iter().any(|key| line.starts_with(key)) {
            in_expression = false;
        } else if in_expression {
            let expression = alerts.entry(name.to_owned()).or_default();
            *expression = format!("{expression} {line}");
        }
    }
    assert!(alerts.len() > 10 && alerts.values().all(|expression| expression.len() > 5), "{alerts:?}");
    alerts
}

/// A metric's name and what its labels must be: label, operator, value.
type Selector = (String, Vec<(String, String, String)>);

/// All selectors in an expression.
fn selectors(expression: &str) -> Vec<Selector> {
    let is_word = |letter: char| letter.is_ascii_alphanumeric() || letter == '_' || letter == ':';
    let mut found = Vec::new();
    let mut rest = expression;
    while let Some(at) = ["doorbuster_", "process_"].iter().filter_map(|start| rest.find(start)).min() {
        let (name, behind) = rest[at..].split_at(rest[at..].find(|letter| !is_word(letter)).unwrap_or(rest.len() - at));
        let labels = behind.strip_prefix('{').and_then(|labels| labels.split_once('}')).map(|(labels, _)| labels);
        found.push((name.to_owned(), labels.map(matchers).unwrap_or_default()));
        rest = behind;
    }
    found
}

fn matchers(labels: &str) -> Vec<(String, String, String)> {
    let matcher = |text: &str| {
        let (name, rest) = text.split_at(text.find(['=', '!'])?);
        let (operator, value) = rest.split_once('"')?;
        Some((name.trim().to_owned(), operator.to_owned(), value.trim_end().trim_end_matches('"').to_owned()))
    };
    labels.split(',').filter_map(matcher).collect()
}

/// A series of the page: its name and its labels.
type Series = (String, BTreeMap<String, String>);

fn series(page: &str) -> Vec<Series> {
    let lines = page.lines().filter(|line| !line.starts_with('#'));
    let parse = |line: &str| {
        let (series, _value) = line.rsplit_once(' ').expect("a value");
        let (name, labels) = series.split_once('{').unwrap_or((series, ""));
        let labels = matchers(labels.trim_end_matches('}'));
        (name.to_owned(), labels.into_iter().map(|(name, _, value)| (name, value)).collect())
    };
    lines.map(parse).collect()
}

/// Whether a series fits. What Prometheus adds by itself fits any.
fn fits((name, labels): &Series, (wanted, matchers): &Selector) -> bool {
    let of_prometheus = |label: &str| label == "job" || label == "instance";
    let fits = |(label, operator, value): &(String, String, String)| {
        let found = labels.get(label).map_or("", String::as_str);
        let is_one_of = value.split('|').any(|value| value == found);
        match operator.as_str() {
            "=" | "=~" => is_one_of,
            "!=" | "!~" => !is_one_of,
            other => panic!("{other:?} is no operator"),
        }
    };
    name == wanted && matchers.iter().filter(|(label, ..)| !of_prometheus(label)).all(fits)
}

async fn page(server: &Server, accept: &str) -> String {
    let mut client = Client::new(server.ops_address());
    let headers = [("Authorization", admin_authorization()), ("Accept", accept.to_owned())];
    let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
    let answer = client.get("/metrics", &headers).await.expect("an answer");
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.text()
}

/// A server with a crowd behind it, a gate and a relay on Redis, a webhook that nobody hears, and a consumer of the
/// feed.
async fn busy_server(redis: &RedisServer) -> Server {
    let items = (0..120).map(|number| Item::new(&format!("sku-{number}"), 10));
    let setup = Setup::new(items).set("redis.url", &format!("{:?}", redis.url()));
    let setup = setup.set("feed.redis_stream", "\"orders\"").set("webhook.url", "\"http://127.0.0.1:9/hooks\"");
    let server = setup.set("webhook.secret", "\"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\"").start();
    crowd(server.address(), Attempt::shuffled("sku-1", 60, seed())).await;
    let mut client = Client::new(server.ops_address());
    let fed = client.get("/v1/feed", &[("Authorization", &admin_authorization())]).await.expect("an answer");
    assert_eq!(fed.status, 200, "{}", fed.text());
    server
}

#[tokio::test]
async fn every_alert_looks_at_series_that_a_server_exports() {
    let redis = RedisServer::start();
    let server = busy_server(&redis).await;
    let mut exported = series(&page(&server, "text/plain").await);
    let certificate = Certificate::valid_for(90);
    let encrypted = Setup::new([]).with_tls(&certificate.pem(), &certificate.key()).start();
    exported.extend(series(&page(&encrypted, "text/plain").await));
    let is_exported = |selector: &Selector| exported.iter().any(|series| fits(series, selector));
    for (alert, expression) in alerts() {
        let selectors = selectors(&expression);
        assert!(!selectors.is_empty() || expression.starts_with("up{"), "{alert}: {expression}");
        for selector in selectors {
            assert!(is_exported(&selector), "{alert} looks at what is not there: {selector:?}");
        }
    }
    let text = read(TESTS);
    let tried = text.split("series: '").skip(1).filter_map(|rest| rest.split_once('\'')).map(|(series, _)| series);
    let mut count = 0;
    for selector in tried.flat_map(selectors) {
        // The bounds of a histogram are written as they are exported.
        assert!(is_exported(&selector), "{TESTS} tries what is not exported: {selector:?}");
        count += 1;
    }
    assert!(count > 30, "{count}");
}

#[test]
fn every_alert_fires_and_is_silent_where_it_should() {
    for arguments in [["check", "rules", RULES], ["test", "rules", TESTS]] {
        let output = promtool(&arguments, "");
        assert!(output.status.success(), "{arguments:?}: {}", said(&output));
    }
    let text = read(TESTS);
    // A test's line ends the test before it.
    let tests: Vec<_> = text.split("eval_time: ").skip(1).collect();
    let of = |alert: &str, is_silent: bool| {
        let name = |test: &str| test.split_once("alertname: ").map(|(_, rest)| rest.to_owned());
        let is_of = |test: &&&str| {
            let word = name(test).unwrap_or_default();
            word.split(|letter: char| !letter.is_ascii_alphanumeric()).next() == Some(alert)
        };
        tests.iter().filter(is_of).any(|test| test.contains("exp_alerts: []") == is_silent)
    };
    for alert in alerts().keys() {
        assert!(of(alert, false), "no test lets {alert} fire");
        assert!(of(alert, true), "no test has {alert} silent");
    }
}

#[tokio::test]
async fn the_page_of_a_busy_server_is_as_prometheus_wants_it() {
    let redis = RedisServer::start();
    let server = busy_server(&redis).await;
    let text = page(&server, "text/plain").await;
    let checked = promtool(&["check", "metrics"], &text);
    assert!(checked.status.success() && said(&checked).trim().is_empty(), "{}", said(&checked));
    // A series may come between two pages, as when Redis is slow for a moment: then neither page is wrong.
    let samples = |page: &str| series(page).into_iter().collect::<BTreeSet<_>>();
    let mut before = samples(&text);
    loop {
        let open = samples(&page(&server, "application/openmetrics-text").await);
        let after = samples(&page(&server, "text/plain").await);
        if before == after {
            assert_eq!(after, open, "both formats tell the same series");
            break;
        }
        before = after;
    }
}

#[tokio::test]
async fn no_counter_begins_with_its_first_event() {
    let items = [Item::new("sku", 5).limit(2), Item::new("later", 5).opens_at("2199-01-01T00:00:00Z")];
    let server = Setup::new(items).set("gate.throttle.window", "\"1h\"").start();
    let counters = |page: String| {
        let names: BTreeSet<_> =
            page.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.strip_suffix(" counter")).collect();
        series(&page).into_iter().filter(|(name, _)| names.contains(name.as_str())).collect::<BTreeSet<_>>()
    };
    let before = counters(page(&server, "text/plain").await);
    for outcome in ["outcome-unknown", "overloaded", "storage-full", "gate-unavailable", "unauthenticated"] {
        let labels = BTreeMap::from([("outcome".to_owned(), outcome.to_owned())]);
        assert!(before.contains(&("doorbuster_requests_total".to_owned(), labels)), "{outcome}: {before:?}");
    }
    let keyed = |number: usize| Attempt::new(&format!("keyed-{}", number % 3), "sku").key("k");
    let mut attempts = Attempt::shuffled("sku", 60, seed());
    attempts.extend(Attempt::shuffled("later", 10, seed()));
    attempts.extend(Attempt::shuffled("unknown", 10, seed()));
    attempts.extend((0..12).map(keyed));
    attempts.extend((0..3).map(|number| Attempt::new(&format!("greedy-{number}"), "sku").quantity(0)));
    crowd(server.address(), attempts).await;
    let mut stranger = Client::new(server.address());
    for body in [r#"{"quantity":1}"#, "{"] {
        let answer = stranger.request("POST", "/v1/items/sku/orders", &[], Some(body)).await.expect("an answer");
        assert_eq!(answer.status, 401);
    }
    let after = counters(page(&server, "text/plain").await);
    let late: Vec<_> = after.difference(&before).collect();
    assert!(late.is_empty(), "a rate sees nothing of their first event: {late:?}");
}

#[tokio::test]
async fn the_items_without_a_series_are_counted_and_the_sums_have_all() {
    let server = Setup::new((0..103).map(|number| Item::new(&format!("sku-{number}"), 5))).start();
    let page = page(&server, "text/plain").await;
    for (series, value) in [
        ("doorbuster_items", "103"),
        ("doorbuster_items_not_shown", "3"),
        ("doorbuster_items_in_state{state=\"open\"}", "103"),
        ("doorbuster_units_supply", "515"),
        ("doorbuster_units_remaining", "515"),
    ] {
        assert!(page.lines().any(|line| line == format!("{series} {value}")), "{series} {value}:\n{page}");
    }
    let shown = page.lines().filter(|line| line.starts_with("doorbuster_stock_remaining{")).count();
    assert_eq!(shown, 100);
}
