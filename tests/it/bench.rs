//! **Job:** holds that the load generator tells the truth: its totals are those of the server, and a lie is found.
//! **Owns:** runs of `doorbuster bench` and `doorbuster demo`.
//! **Never:** asks how fast anything is: the machine is shared.

mod liar;

use std::path::Path;
use std::process::{Command, Output, Stdio};

use liar::{Liar, Lie};
use serde_json::Value;

use crate::support::{Client, Item, Server, Setup, admin_authorization};

/// A command of the binary, with nothing in its environment that could configure it.
fn doorbuster(arguments: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_doorbuster"));
    command.args(arguments.split_whitespace()).stdin(Stdio::null()).env_remove("RUST_LOG");
    command
}

fn configuration(server: &Server) -> std::path::PathBuf {
    server.data_file().with_file_name("doorbuster.toml")
}

/// `doorbuster bench` on a server, as one that knows its secrets.
fn bench_at(server: &Server, shop: impl std::fmt::Display, arguments: &str) -> Output {
    let urls = format!("bench --url http://{shop} --ops-url http://{} {arguments}", server.ops_address());
    doorbuster(&urls).arg("--config").arg(configuration(server)).output().expect("the binary runs")
}

fn bench(server: &Server, arguments: &str) -> Output {
    bench_at(server, server.address(), arguments)
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[output.stdout.clone(), output.stderr.clone()].concat()).into_owned()
}

/// The result of a run with `--json`; checks its exit code.
fn result(output: &Output, code: i32) -> Value {
    assert_eq!(output.status.code(), Some(code), "{}", said(output));
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", said(output)))
}

fn total(result: &Value, outcome: &str) -> u64 {
    let outcomes = result["outcomes"].as_array().expect("outcomes");
    outcomes.iter().filter(|line| line["name"] == outcome).map(|line| line["total"].as_u64().expect("a count")).sum()
}

fn verdict<'r>(result: &'r Value, name: &str) -> &'r str {
    let findings = result["audit"].as_array().expect("an audit");
    let finding = findings.iter().find(|finding| finding["name"] == name);
    finding.unwrap_or_else(|| panic!("no {name} in {findings:?}"))["verdict"].as_str().expect("a verdict")
}

async fn layers(server: &Server) -> Vec<Value> {
    let mut operations = Client::new(server.ops_address());
    let answer = operations.get("/funnel", &[("Authorization", &admin_authorization())]).await.expect("an answer");
    answer.json()["layers"].as_array().expect("layers").clone()
}

/// Whether every purchase of the generator is one of the funnel, and every confirmed one a row.
async fn assert_same_totals(server: &Server, result: &Value) {
    let layers = layers(server).await;
    let last = layers.last().expect("a ledger");
    assert_eq!(layers[0]["in"], result["requests"], "{result}");
    assert_eq!(last["out"], total(result, "confirmed"), "{result}");
    assert_eq!(server.orders().len() as u64, total(result, "confirmed"));
    for outcome in result["outcomes"].as_array().expect("outcomes").iter().filter(|line| line["name"] != "confirmed") {
        let name = outcome["name"].as_str().expect("a name");
        let counted: u64 = layers.iter().filter_map(|layer| layer["answered"][name].as_u64()).sum();
        assert_eq!(counted, outcome["total"].as_u64().expect("a count"), "{name}");
    }
}

#[tokio::test]
async fn the_closed_loops_totals_are_those_of_the_funnel_and_the_ledger() {
    let server = Setup::new([Item::new("sku", 300)]).start();
    let output = bench(&server, "--requests 2000 --users 400 --connections 16 --threads 2 --json");
    let result = result(&output, 0);
    assert_eq!((result["requests"].as_u64(), total(&result, "confirmed")), (Some(2_000), 300));
    assert_eq!(result["clean"], true);
    for name in ["ledger", "rows", "funnel", "user-limit", "stock", "readable"] {
        assert_eq!(verdict(&result, name), "ok", "{name}");
    }
    assert_eq!((&result["server"]["durability"], &result["server"]["shares_cores"]), (&"full".into(), &true.into()));
    assert_same_totals(&server, &result).await;
}

#[tokio::test]
async fn the_open_loops_totals_are_those_of_the_funnel_and_the_ledger() {
    let server = Setup::new([Item::new("a", 5_000).limit(9), Item::new("b", 100).limit(9)]).start();
    let arguments = "--rate 1000 --requests 1200 --item a,b --zipf 0.5 --warmup 200ms --retries 2 --json";
    let result = result(&bench(&server, arguments), 0);
    assert_eq!(result["requests"].as_u64().expect("a count") + result["unsent"].as_u64().expect("a count"), 1_200);
    assert_eq!(total(&result, "sold-out") + total(&result, "confirmed"), 1_200, "{result}");
    let confirmed = &result["outcomes"][0];
    assert!(confirmed["count"].as_u64() < confirmed["total"].as_u64(), "the warm-up is not measured: {confirmed}");
    assert_same_totals(&server, &result).await;
}

#[tokio::test]
async fn a_spike_sells_out_once_and_is_followed_by_a_tail() {
    let server = Setup::new([Item::new("sku", 50)]).set("gate.throttle.window", "\"5s\"").start();
    let arguments = "--profile spike --users 2000 --clicks 2 --rate 200 --duration 1s --json";
    let result = result(&bench(&server, arguments), 0);
    assert_eq!(total(&result, "confirmed"), 50);
    assert!(result["requests"].as_u64().expect("a count") > 4_000, "everybody, and the tail: {result}");
    assert_same_totals(&server, &result).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_the_ledger_does_not_have_is_found() {
    let server = Setup::new([Item::new("sku", 100)]).start();
    let liar = Liar::before(server.address(), Lie::ForgedOrder).await;
    let arguments = "--requests 20 --users 10 --clicks 2 --connections 1 --json";
    let result = result(&bench_at(&server, liar, arguments), 1);
    assert_eq!((result["clean"].as_bool(), total(&result, "confirmed")), (Some(false), 20), "{result}");
    assert_eq!(verdict(&result, "ledger"), "violated");
    assert_eq!(verdict(&result, "readable"), "violated");
    assert_eq!(verdict(&result, "stock"), "ok");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_the_buyer_was_refused_is_found() {
    let server = Setup::new([Item::new("sku", 100)]).start();
    let liar = Liar::before(server.address(), Lie::SwallowedOrder).await;
    let result = result(&bench_at(&server, liar, "--requests 10 --users 10 --connections 1 --json"), 1);
    assert_eq!((verdict(&result, "rows"), verdict(&result, "ledger")), ("violated", "ok"), "{result}");
}

#[test]
fn a_run_is_compared_with_an_earlier_one() {
    let server = Setup::new([Item::new("sku", 1_000).limit(1_000)]).start();
    let first = bench(&server, "--requests 200 --connections 4 --json");
    let old = server.data_file().with_file_name("old.json");
    std::fs::write(&old, &first.stdout).expect("the temporary directory takes files");
    let compared = bench(&server, &format!("--requests 200 --connections 8 --compare {}", old.display()));
    let text = said(&compared);
    assert_eq!(compared.status.code(), Some(0), "{text}");
    assert!(text.contains("confirmed p99") && text.contains("not the same: connections was 4, is 8"), "{text}");
    let missing = bench(&server, "--requests 1 --compare nowhere.json");
    assert_eq!(missing.status.code(), Some(1));
    assert!(said(&missing).contains("--compare: nowhere.json"), "{}", said(&missing));
}

#[test]
fn tokens_from_a_file_buy_without_the_secret() {
    let server = Setup::new([Item::new("sku", 1_000)]).start();
    let tokens = doorbuster("token --user guest --count 20").arg("--config").arg(configuration(&server)).output();
    let path = server.data_file().with_file_name("tokens.txt");
    std::fs::write(&path, tokens.expect("the binary runs").stdout).expect("the temporary directory takes files");
    let arguments = format!("bench --url http://{} --requests 20 --json --tokens", server.address());
    let elsewhere = tempfile::tempdir().expect("a temporary directory");
    let output = doorbuster(&arguments).arg(path).current_dir(elsewhere.path()).output().expect("the binary runs");
    let result = result(&output, 0);
    assert_eq!((total(&result, "confirmed"), verdict(&result, "ledger")), (20, "skipped"));
    assert!(server.orders().iter().any(|order| order["user_id"] == "guest-20"));
}

#[test]
fn what_is_wrong_is_said() {
    let server = Setup::new([Item::new("sku", 10).opens_at("2099-01-01T00:00:00Z")]).start();
    let here = server.address().to_string();
    for (shop, more, expected) in [
        ("127.0.0.1:1", "", "cannot be reached"),
        (here.as_str(), "", "no item is open"),
        (&here, "--item lamp", "lamp is not sold there"),
        (&here, "--item sku --tokens nowhere", "--tokens: nowhere"),
        (&here, "--item sku --set auth.admin_token=0123456789abcdef0123456789abcdef", "auth.admin_token"),
    ] {
        let output = bench_at(&server, shop, &format!("--requests 1 {more}"));
        assert_eq!(output.status.code(), Some(1), "{}", said(&output));
        assert!(said(&output).contains(expected), "{expected} is not in {}", said(&output));
    }
}

/// Runs a command that starts a server of its own, and checks that nothing of it stays behind.
fn with_own_server(arguments: &str) -> String {
    let desk = tempfile::tempdir().expect("a temporary directory");
    let output = doorbuster(arguments).env("TMPDIR", desk.path()).current_dir(desk.path()).output();
    let output = output.expect("the binary runs");
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let left = |directory: &Path| std::fs::read_dir(directory).expect("readable").count();
    assert_eq!(left(desk.path()), 0, "{arguments} leaves files behind");
    String::from_utf8(output.stdout).expect("UTF-8")
}

#[test]
fn without_a_url_a_server_is_started_audited_and_removed() {
    let text = with_own_server("bench --duration 500ms --users 1000");
    assert!(text.contains("durability full") && text.contains("after the server was killed"), "{text}");
    assert!(text.ends_with("clean\n"), "{text}");
}

#[test]
fn the_self_test_needs_no_server() {
    let text = with_own_server("bench --self-test --duration 300ms --json");
    let result: Value = serde_json::from_str(&text).expect("JSON");
    assert!(total(&result, "confirmed") > 0 && result["generator_cpu_us_per_request"].as_f64() > Some(0.0), "{result}");
}

#[test]
fn the_demo_shows_the_funnel_and_ends_with_a_clean_audit() {
    let text = with_own_server("demo --once --users 4000");
    for word in ["sale-not-started", "sold-out", "throttled", "1000 live units of 1000"] {
        assert!(text.contains(word), "{word} is not in {text}");
    }
    assert!(text.ends_with("clean\n"), "{text}");
}
