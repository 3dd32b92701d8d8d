//! **Job:** `doorbuster admin` against a real server: what it does, says, asks and refuses.
//! **Owns:** the exit codes of the command.
//! **Never:** tries every route: `steering` and `payments` do.

use std::process::Output;

use serde_json::{Value, json};

use super::owner::{SKU, buy, shown};
use crate::support::{Attempt, Client, Item, Server, Setup, assert_conservation, doorbuster, report_paid, text};

fn admin(server: &Server, arguments: &[&str]) -> Output {
    let url = format!("http://{}", server.ops_address());
    let arguments = [&["admin", "--url", &url, "--operator", "Ann B."][..], arguments].concat();
    doorbuster(&arguments, &[("--config", &server.directory().join("doorbuster.toml"))])
}

/// The answer as JSON.
fn answered(server: &Server, arguments: &[&str]) -> Value {
    let output = admin(server, &[arguments, &["--json", "--yes"]].concat());
    assert!(output.status.success(), "{arguments:?}: {}", text(&output));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

#[tokio::test]
async fn every_action_does_what_it_says_and_stands_in_the_journal() {
    let server = Setup::new([Item::new(SKU, 9)]).start();
    for (arguments, member, value) in [
        (&["restock", SKU, "5", "--reason", "more came"][..], "stock", json!(14)),
        (&["withdraw", SKU, "4", "--reason", "too many"][..], "stock", json!(10)),
        (&["pause", SKU][..], "state", json!("paused")),
        (&["resume", SKU][..], "state", json!("open")),
        (&["close", SKU][..], "closed", json!(true)),
        (&["reopen", SKU][..], "closed", json!(false)),
        (&["hide", SKU][..], "hidden", json!(true)),
        (&["show", SKU][..], "hidden", json!(false)),
        (&["set", SKU, "--title", "New", "--limit", "3", "--description", "Two\nlines"][..], "title", json!("New")),
        (&["set", SKU, "--closes-at", "2999-01-01T00:00:00Z"][..], "closes_at", json!("2999-01-01T00:00:00.000Z")),
        (&["set", SKU, "--closes-at", ""][..], "closes_at", Value::Null),
    ] {
        let answer = answered(&server, arguments);
        assert_eq!(answer["items"][0][member], value, "{arguments:?}: {answer}");
    }
    let item = shown(&server, SKU).await;
    assert_eq!((&item["title"], &item["per_user_limit"]), (&json!("New"), &json!(3)));
    assert_eq!((&item["description"], &item["stock"]), (&json!("Two\nlines"), &json!(10)), "nothing else changed");
    let order = buy(&server, &Attempt::new("ann", SKU)).await.json();
    report_paid(&mut Client::new(server.address()), "e1", &order).await.expect("an answer");
    let id = order["order_id"].as_str().expect("an id");
    assert_eq!(answered(&server, &["cancel", id, "--reason", "broken"])["orders"][0]["status"], "refund_due");
    assert_eq!(answered(&server, &["orders", "--user", "ann"])["orders"][0]["order_id"], id);
    let owed = answered(&server, &["payments"]);
    assert_eq!(owed["owed"], json!([{"amount": 1990, "currency": "CNY"}]));
    let payment = owed["payments"][0]["payment_id"].as_str().expect("an id");
    assert_eq!(answered(&server, &["refunded", payment])["payments"][0]["owed"], 0);
    let journal = answered(&server, &["journal", "--item", SKU]);
    let entries = journal["entries"].as_array().expect("a list");
    assert_eq!(entries.len(), 14, "{journal}");
    assert!(entries[1..].iter().all(|entry| entry["operator"] == "Ann B."), "{journal}");
    assert_eq!(entries[2]["reason"], "too many");
    assert_conservation(&server).await;
}

#[tokio::test]
async fn what_is_shown_stands_in_columns_with_the_decimals_of_its_currency() {
    let server = Setup::new([Item::new(SKU, 9)]).start();
    answered(&server, &["hide", SKU]);
    let items = admin(&server, &["items"]);
    let lines: Vec<_> = text(&items).lines().map(str::to_owned).collect();
    assert!(lines[0].starts_with("item   state") && lines[1].contains("open, hidden"), "{lines:?}");
    assert!(lines[1].contains("19.90 CNY"), "{lines:?}");
    let journal = text(&admin(&server, &["journal"]));
    assert!(
        journal.lines().last().is_some_and(|line| line.contains("hidden") && line.ends_with("Ann B.  -")),
        "{journal}"
    );
}

#[tokio::test]
async fn what_is_hard_to_take_back_needs_a_yes_where_nobody_can_be_asked() {
    let server = Setup::new([Item::new(SKU, 9), Item::new("typo", 9)]).start();
    for arguments in [&["withdraw", SKU, "5"][..], &["close", SKU], &["hide", SKU], &["delete", "typo"]] {
        let output = admin(&server, arguments);
        let said = text(&output);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
        assert!(said.contains("nothing was done") && said.contains("--yes"), "{said}");
    }
    let item = shown(&server, SKU).await;
    assert_eq!((&item["remaining"], &item["state"]), (&json!(9), &json!("open")));
    assert!(text(&admin(&server, &["withdraw", SKU, "5"])).contains("5 of the 9 units"));
    let deleted = admin(&server, &["delete", "typo", "--yes"]);
    assert_eq!(text(&deleted), "typo is deleted\n");
    assert_eq!(admin(&server, &["pause", SKU]).status.code(), Some(0), "it is easy to take back");
}

#[tokio::test]
async fn a_refusal_is_told_in_plain_words() {
    let server = Setup::new([Item::new(SKU, 9)]).start();
    for (arguments, sentence) in [
        (&["withdraw", SKU, "10", "--yes"][..], "(9 left)"),
        (&["pause", "none"][..], "status 404: Not found"),
        (&["cancel", "C0110000009X", "--reason", "x", "--yes"][..], "status 404: Not found"),
        (&["refunded", "P000000099"][..], "status 404: Not found"),
        (&["set", SKU, "--currency", "PTS"][..], "status 422: Invalid request: currency must be"),
    ] {
        let output = admin(&server, arguments);
        let said = text(&output);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {said}");
        assert!(said.contains(sentence) && !said.contains('{'), "{arguments:?}: {said}");
    }
    let nobody = doorbuster(
        &["admin", "--url", "http://127.0.0.1:1", "items"],
        &[("--config", &server.directory().join("doorbuster.toml"))],
    );
    assert_eq!(nobody.status.code(), Some(1));
    assert!(text(&nobody).contains("no answer from http://127.0.0.1:1"), "{}", text(&nobody));
}
