//! **Job:** there is one verdict on the sale: everything that shows how a running server is says the same.
//! **Owns:** the list of those who say it: readiness, snapshots, metrics, `top`, the dashboard.
//! **Never:** asks whether it is right: the rules' own tests do.

use std::collections::BTreeSet;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::support::{
    ADMIN_TOKEN, Browser, Client, Item, Server, Setup, admin_authorization, authorization, metrics_page,
};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const SKU: &str = "lamp";

/// How long it may take until all have seen the same: reasons of the last ten seconds come and go.
const PATIENCE: Duration = Duration::from_mins(1);

/// What one of them says: level, headline, names of the reasons.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Said {
    level: String,
    headline: String,
    reasons: BTreeSet<String>,
}

impl Said {
    fn of(verdict: &Value) -> Self {
        let text = |value: &Value| value.as_str().unwrap_or_else(|| panic!("a text in {verdict}")).to_owned();
        let reasons = verdict["reasons"].as_array().expect("a list");
        Self {
            level: text(&verdict["level"]),
            headline: text(&verdict["headline"]),
            reasons: reasons.iter().map(|reason| text(&reason["code"])).collect(),
        }
    }
}

/// `GET /readyz?verbose`; its status says "stopped" and nothing else.
async fn readiness(server: &Server) -> Said {
    let answer = Client::new(server.ops_address()).get("/readyz?verbose", &[]).await.expect("an answer");
    let body = answer.json();
    let said = Said::of(&body["verdict"]);
    let is_ready = said.level != "stopped";
    let expected = if is_ready { (200, "ready") } else { (503, "not ready") };
    assert_eq!((answer.status, body["status"].as_str()), (expected.0, Some(expected.1)));
    let all_checks = body["checks"].as_array().expect("a list").iter().all(|check| check["ok"] == true);
    assert_eq!(all_checks, is_ready, "{body}");
    said
}

/// The first event of `GET /events`.
async fn snapshot(server: &Server) -> Said {
    let mut stream = TcpStream::connect(server.ops_address()).await.expect("the server listens");
    let request = format!("GET /events HTTP/1.1\r\nHost: x\r\nAuthorization: {}\r\n\r\n", admin_authorization());
    stream.write_all(request.as_bytes()).await.expect("the server reads");
    let mut text = String::new();
    loop {
        let event = text.split_once("\ndata: ").and_then(|(_, data)| data.split_once("\n\n"));
        if let Some((data, _)) = event {
            return Said::of(&serde_json::from_str::<Value>(data).expect("a snapshot is JSON")["verdict"]);
        }
        let mut bytes = vec![0; 64 * 1024];
        let read = stream.read(&mut bytes).await.expect("the stream stays open");
        assert!(read > 0, "the stream has ended: {text}");
        text.push_str(&String::from_utf8_lossy(&bytes[..read]));
    }
}

/// Level and reasons in `GET /metrics`, and all reasons that could be there.
async fn metrics(server: &Server) -> (Vec<String>, BTreeSet<String>, BTreeSet<String>) {
    let page = metrics_page(server).await;
    let label = |line: &str, name: &str| {
        let (_, rest) = line.split_once(&format!("{name}=\"")).expect("its label");
        rest.split_once('"').expect("its end").0.to_owned()
    };
    let series = |name: &str, of: &str| -> Vec<(String, bool)> {
        let lines = page.lines().filter(|line| line.starts_with(&format!("{name}{{")));
        lines.map(|line| (label(line, of), line.ends_with(" 1"))).collect()
    };
    let true_ones = |series: &[(String, bool)]| -> Vec<String> {
        series.iter().filter(|(_, holds)| *holds).map(|(name, _)| name.clone()).collect()
    };
    let reasons = series("doorbuster_verdict_reason", "reason");
    let known = reasons.iter().map(|(name, _)| name.clone()).collect();
    (true_ones(&series("doorbuster_verdict", "level")), true_ones(&reasons).into_iter().collect(), known)
}

/// `doorbuster top --once`: the headline, and a line for each reason.
fn top(server: &Server) -> (String, BTreeSet<String>) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_doorbuster"));
    command.args(["top", "--once", "--url", &format!("http://{}", server.ops_address())]);
    let output = command.env("DOORBUSTER_AUTH_ADMIN_TOKEN", ADMIN_TOKEN).output().expect("the binary runs");
    let text = crate::support::text(&output);
    assert!(output.status.success(), "{text}");
    let mut lines = text.lines();
    let headline = lines.next().expect("a headline").to_owned();
    let reasons = lines
        .take_while(|line| !line.is_empty())
        .map(|line| line.trim().split_once(": ").unwrap_or_else(|| panic!("name and text in {line:?}")).0.to_owned());
    (headline, reasons.collect())
}

/// The dashboard: level, headline, and the reasons it has room for.
async fn page(browser: &mut Browser) -> (String, String, BTreeSet<String>) {
    let script = "const verdict = document.querySelector('#verdict'); return [verdict.dataset.level, \
                  verdict.querySelector('.headline').textContent, \
                  [...verdict.querySelectorAll('li')].map(line => line.dataset.code)]";
    let said = browser.run(script, &[]).await;
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let reasons = said[2].as_array().expect("a list").iter().map(text).filter(|code| code != "more");
    (text(&said[0]), text(&said[1]), reasons.collect())
}

/// Asks all of them until they agree on what the server says for as long as that takes, and checks that it is this.
async fn all_say(server: &Server, browser: &mut Browser, headline: &str) -> Said {
    let begun = Instant::now();
    loop {
        let expected = readiness(server).await;
        let (snapshot, (levels, reasons, _)) = (snapshot(server).await, metrics(server).await);
        let (top, page) = (top(server), page(browser).await);
        let is_steady = readiness(server).await == expected && expected.headline == headline;
        let Said { level, headline, reasons: codes } = &expected;
        // The page has room for three.
        let is_on_page =
            (&page.0, &page.1) == (level, headline) && page.2.is_subset(codes) && page.2.len() == codes.len().min(3);
        let agree = snapshot == expected && (&levels, &reasons) == (&vec![level.clone()], codes) && is_on_page;
        if is_steady && agree && top == (headline.clone(), codes.clone()) {
            return expected;
        }
        assert!(
            begun.elapsed() < PATIENCE,
            "they do not agree: readiness {expected:?}, snapshot {snapshot:?}, metrics {levels:?} {reasons:?}, top \
             {top:?}, page {page:?}"
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Tries to buy, and returns the code of the refusal; none if there was no answer, or an order.
async fn buy(address: std::net::SocketAddr, user: &str) -> Option<String> {
    let (token, path) = (authorization(user), format!("/v1/items/{SKU}/orders"));
    let headers = [("Authorization", token.as_str())];
    let answer = Client::new(address).request("POST", &path, &headers, Some("{\"quantity\":1}")).await;
    Some(answer.ok()?.json()["code"].as_str()?.to_owned())
}

/// Buyers who come faster than a slow actor serves them, until they are told to stop.
fn pressure(server: &Server) -> tokio::task::JoinSet<()> {
    let address = server.address();
    let buyer = |number: usize| async move {
        for again in 0.. {
            buy(address, &format!("buyer-{number}-{again}")).await;
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    (0..40).map(buyer).collect()
}

async fn open_page(server: &Server) -> Browser {
    let mut browser = Browser::start().await;
    browser.goto(&format!("http://{}/", server.ops_address())).await;
    browser.until("!document.querySelector('#token-form').hidden").await;
    browser.write("#token", ADMIN_TOKEN).await;
    browser.click("#token-form button[type=submit]").await;
    browser.until("document.querySelector('#verdict').dataset.level !== 'unknown'").await;
    browser
}

#[tokio::test]
async fn readiness_snapshots_metrics_top_and_dashboard_say_the_same() {
    let item = Item::new(SKU, 100_000);
    let server = Setup::new([item]).slow_item("lamp=200ms").set("server.max_in_flight", "20").start();
    let mut browser = open_page(&server).await;
    let healthy = all_say(&server, &mut browser, "Healthy: waiting for buyers").await;
    assert_eq!(healthy.reasons, ["no-buyers".to_owned()].into());

    let mut buyers = pressure(&server);
    let degraded = all_say(&server, &mut browser, "Degraded: nearly at capacity").await;
    assert!(degraded.reasons.contains("near-capacity") && degraded.level == "degraded", "{degraded:?}");
    buyers.shutdown().await;

    std::fs::rename(server.data_file(), server.data_file().with_extension("moved")).expect("our own file");
    let mut late = (0..).map(|number| format!("late-{number}"));
    while buy(server.address(), &late.next().expect("endless")).await.as_deref() != Some("storage-unavailable") {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let stopped = readiness(&server).await;
    assert_eq!(stopped.level, "stopped", "at once, not with the next reading: {stopped:?}");
    let stopped = all_say(&server, &mut browser, "Stopped: the data file was moved or deleted").await;
    assert!(stopped.reasons.contains("storage-moved"), "{stopped:?}");
}

#[tokio::test]
async fn the_page_alone_says_that_the_connection_is_lost() {
    let mut server = Setup::new([Item::new(SKU, 9)]).start();
    let mut browser = open_page(&server).await;
    server.kill9();
    browser.until("document.querySelector('#verdict').dataset.level === 'lost'").await;
    assert!(page(&mut browser).await.1.starts_with("Connection lost since "));
}

#[tokio::test]
async fn the_alerts_name_only_reasons_that_the_server_knows() {
    let server = Setup::new([Item::new(SKU, 9)]).start();
    let (_, _, known) = metrics(&server).await;
    let alerts = std::fs::read_to_string("deploy/prometheus/alerts.yml").expect("the alerts");
    let named = alerts.lines().filter(|line| line.contains("doorbuster_verdict_reason{")).flat_map(|line| {
        let values = line.split("reason").skip(2).filter_map(|rest| rest.split('"').nth(1));
        values.flat_map(|value| value.split('|')).map(str::to_owned).collect::<Vec<_>>()
    });
    let named: BTreeSet<_> = named.collect();
    assert!(named.contains("near-capacity") && named.contains("closing"), "{named:?}");
    assert!(named.is_subset(&known), "{:?}", named.difference(&known));
}
