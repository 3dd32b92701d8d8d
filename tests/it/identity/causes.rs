//! **Job:** the operator learns why somebody is not known, and nobody else does.
//! **Owns:** a token for each cause.
//! **Never:** lets a token or a secret pass unseen: log and output are searched for them.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

use super::providers::{buy_with, shop};
use crate::support::{
    Claims, Client, JWT_SECRET, PATIENCE, Server, Setup, assert_problem, hs256, metrics_page, now_s, text, token,
};

fn plain() -> Value {
    json!({"alg": "HS256", "typ": "JWT"})
}

fn good() -> Claims {
    Claims::of("ann").with("iss", "https://id.example").with("aud", "shop")
}

/// A token for each cause, but for `missing`, `key` and `proxy`.
fn refused() -> Vec<(&'static str, String)> {
    let signed = |claims: Claims| hs256(&plain(), claims.json());
    let headed = |header: Value| hs256(&header, good().json());
    vec![
        ("malformed", "a.b".to_owned()),
        ("malformed", "%.%.%".to_owned()),
        ("algorithm", headed(json!({"alg": "none"}))),
        ("algorithm", headed(json!({"alg": "RS256"}))),
        ("algorithm", headed(json!({"alg": "HS512"}))),
        ("signature", format!("{}AAAA", &token("ann")[..token("ann").len() - 4])),
        ("type", headed(json!({"alg": "HS256", "typ": "dpop+jwt"}))),
        ("critical", headed(json!({"alg": "HS256", "crit": ["b64"]}))),
        ("claims", signed(good().without("exp"))),
        ("claims", signed(good().with("exp", "soon"))),
        ("claims", signed(good().with("iat", "now"))),
        ("expired", signed(good().with("exp", now_s() - 60))),
        ("not-yet-valid", signed(good().with("nbf", now_s() + 60))),
        ("not-yet-valid", signed(good().with("iat", now_s() + 60))),
        ("issuer", signed(good().with("iss", "https://other.example"))),
        ("issuer", signed(good().without("iss"))),
        ("audience", signed(good().with("aud", json!(["other"])))),
        ("audience", signed(good().without("aud"))),
        ("user-id", signed(good().with("sub", "a b"))),
        ("user-id", signed(good().without("sub"))),
    ]
}

fn strict() -> Setup {
    shop().set("auth.jwt_issuer", "\"https://id.example\"").set("auth.jwt_audience", "\"shop\"")
}

async fn counted(server: &Server) -> BTreeMap<String, u64> {
    let page = metrics_page(server).await;
    let line = |line: &str| {
        let (cause, count) = line.strip_prefix("doorbuster_auth_refused_total{cause=\"")?.split_once("\"} ")?;
        Some((cause.to_owned(), count.parse().expect("a count")))
    };
    page.lines().filter_map(line).collect()
}

#[tokio::test]
async fn each_cause_is_counted_from_zero_and_told_in_the_log_without_the_token() {
    // One place in the code writes no more than ten lines a minute.
    for some in refused().chunks(5) {
        each_is_counted_and_told(some).await;
    }
}

async fn each_is_counted_and_told(refused: &[(&str, String)]) {
    let server = strict().log("doorbuster::auth=debug").start();
    let at_first = counted(&server).await;
    assert!(at_first.len() >= 14 && at_first.values().all(|count| *count == 0), "{at_first:?}");
    let mut expected = at_first;
    for (cause, token) in refused {
        let answer = buy_with(&server, token).await;
        assert_problem(&answer, 401, "unauthenticated");
        assert_eq!(answer.json()["detail"], "send a valid token", "whatever the cause");
        *expected.get_mut(*cause).unwrap_or_else(|| panic!("{cause} is not counted")) += 1;
        assert_eq!(counted(&server).await, expected, "after {cause}: {token}");
        let told = async {
            while !server.stderr().contains(&format!("\"cause\":\"{cause}\"")) {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, told).await.unwrap_or_else(|_| panic!("{cause} is not in the log"));
        assert!(!server.stderr().contains(token), "a token is in the log");
    }
    let answer = Client::new(server.address()).request("POST", "/v1/items/sku-1/orders", &[], Some("{}")).await;
    assert_problem(&answer.expect("an answer"), 401, "unauthenticated");
    *expected.get_mut("missing").expect("counted") += 1;
    assert_eq!(counted(&server).await, expected);
    assert_eq!(buy_with(&server, &hs256(&plain(), good().json())).await.status, 201);
    assert_eq!(counted(&server).await, expected, "a good token counts nowhere");
    assert!(!server.stderr().contains(JWT_SECRET));
}

#[tokio::test]
async fn a_header_from_a_stranger_has_a_cause_of_its_own() {
    let setup = shop().set("auth.mode", "\"header\"").set("server.trusted_proxies", "[\"10.0.0.0/8\"]");
    let server = setup.start();
    let headers = [("X-User-Id", "ann")];
    let answer = Client::new(server.address()).request("POST", "/v1/items/sku-1/orders", &headers, Some("{}")).await;
    assert_problem(&answer.expect("an answer"), 401, "unauthenticated");
    assert_eq!(counted(&server).await["proxy"], 1);
}

fn inspect(server: &Server, token: &str) -> Output {
    let config = server.data_file().with_file_name("doorbuster.toml");
    let mut command = Command::new(env!("CARGO_BIN_EXE_doorbuster"));
    command.args(["token", "inspect", "-", "--config"]).arg(config);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the binary runs");
    child.stdin.take().expect("piped").write_all(token.as_bytes()).expect("it reads");
    child.wait_with_output().expect("it ends")
}

#[tokio::test]
async fn a_token_is_explained_as_the_server_would_judge_it() {
    let server = strict().start();
    for (cause, token) in refused() {
        let output = inspect(&server, &token);
        let told = text(&output);
        assert_eq!(output.status.code(), Some(1), "{cause}: {told}");
        assert!(told.contains(&format!("refused, cause {cause}: ")) && told.contains("FAILED"), "{cause}: {told}");
        let signature = token.rsplit('.').next().expect("a part");
        assert!(signature.len() < 20 || !told.contains(signature), "the signature is shown: {told}");
        assert!(!told.contains(JWT_SECRET));
    }
    for papers in [hs256(&plain(), good().json()), format!("Bearer {}\n", hs256(&plain(), good().json()))] {
        let output = inspect(&server, &papers);
        let told = text(&output);
        assert_eq!(output.status.code(), Some(0), "{told}");
        assert!(told.contains("accepted: the buyer is ann") && !told.contains("FAILED"), "{told}");
    }
    let wrong = hs256(&plain(), good().with("iss", "https://other.example").with("exp", 1).json());
    let told = text(&inspect(&server, &wrong));
    let failed: Vec<_> = told.lines().filter(|line| line.starts_with("FAILED")).collect();
    assert_eq!(failed.len(), 2, "every fault at once: {told}");
    assert!(told.contains("1970-01-01T00:00:01Z") && told.contains("https://id.example"), "{told}");
}
