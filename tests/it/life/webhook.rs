//! **Job:** who may report payments, and in what words.
//! **Owns:** the tables of forged signatures and of bad bodies.
//! **Never:** sends a report that is right in everything, but to show that the others are wrong in one thing.

use serde_json::{Value, json};

use super::street::{SKU, buy, count, order_of};
use crate::support::{
    Client, Item, Setup, WEBHOOK_SECRET, admin_authorization, assert_problem, authorization, now_s, payment_event,
    problem_code, send_signed, send_with, webhook_signature,
};

const ALL_ENTRIES: &str = "SELECT count(*) FROM ledger";

#[tokio::test]
async fn only_who_has_the_secret_and_signs_in_time_is_believed() {
    let server = Setup::new([Item::new(SKU, 9)]).start();
    let order = buy(&server, "ann", 1).await;
    let body = payment_event("e1", "succeeded", &order).to_string();
    let (now, entries) = (now_s(), count(&server, ALL_ENTRIES));
    let right = webhook_signature(WEBHOOK_SECRET, now, &body);
    let (time, mac) = right.split_once(',').expect("two parts");
    let another_time = format!("t={},{mac}", now - 1);
    let forged: [(&str, Vec<String>); 16] = [
        ("none", vec![]),
        ("empty", vec![String::new()]),
        ("two", vec![right.clone(), right.clone()]),
        ("two, one forged", vec![right.clone(), webhook_signature("forged", now, &body)]),
        ("another secret", vec![webhook_signature(&WEBHOOK_SECRET.to_lowercase(), now, &body)]),
        ("no secret", vec![webhook_signature("", now, &body)]),
        ("another body", vec![webhook_signature(WEBHOOK_SECRET, now, &body.replace("e1", "e2"))]),
        ("another time than signed", vec![another_time]),
        ("six minutes old", vec![webhook_signature(WEBHOOK_SECRET, now - 360, &body)]),
        ("six minutes ahead", vec![webhook_signature(WEBHOOK_SECRET, now + 360, &body)]),
        ("milliseconds", vec![webhook_signature(WEBHOOK_SECRET, now * 1_000, &body)]),
        ("no time", vec![mac.to_owned()]),
        ("no mac", vec![time.to_owned()]),
        ("cut mac", vec![right[..right.len() - 2].to_owned()]),
        ("another scheme", vec![right.replace("v1=", "v0=")]),
        ("a token", vec![admin_authorization()]),
    ];
    let mut client = Client::new(server.address());
    for (name, signatures) in forged {
        let signatures: Vec<_> = signatures.iter().map(String::as_str).collect();
        let answer = send_with(&mut client, &signatures, &body).await.expect("an answer");
        assert_eq!((answer.status, problem_code(&answer).as_str()), (401, "unauthenticated"), "{name}");
    }
    assert_eq!(order_of(&server, &order).await, order);
    assert_eq!(count(&server, ALL_ENTRIES), entries, "a forged report left an entry");
    assert_eq!(send_with(&mut client, &[&right], &body).await.expect("an answer").status, 200);
}

#[tokio::test]
async fn a_signature_is_good_for_nearly_five_minutes() {
    let server = Setup::new([Item::new(SKU, 9)]).start();
    let order = buy(&server, "ann", 1).await;
    let body = payment_event("e1", "succeeded", &order).to_string();
    for time in [now_s() - 240, now_s() + 240] {
        let signature = webhook_signature(WEBHOOK_SECRET, time, &body);
        let answer = send_with(&mut Client::new(server.address()), &[&signature], &body).await;
        assert_eq!(answer.expect("an answer").status, 200);
    }
}

/// A right report with one member changed, or without it.
fn changed(right: &Value, member: &str, value: Option<Value>) -> String {
    let mut event = right.clone();
    match value {
        Some(value) => event[member] = value,
        None => drop(event.as_object_mut().expect("an object").remove(member)),
    }
    event.to_string()
}

#[tokio::test]
async fn a_signed_report_in_other_words_is_refused_and_changes_nothing() {
    let server = Setup::new([Item::new(SKU, 9)]).start();
    let order = buy(&server, "ann", 1).await;
    let right = payment_event("e1", "succeeded", &order);
    let (text, entries) = (right.to_string(), count(&server, ALL_ENTRIES));
    let malformed = [
        String::new(),
        "null".to_owned(),
        "[]".to_owned(),
        "\"paid\"".to_owned(),
        text[..text.len() - 1].to_owned(),
        format!("{text}x"),
        format!("{text}{text}"),
        format!("\u{feff}{text}"),
        text.replacen('{', "{\"event_id\":\"e1\",", 1),
        text.replace("\"e1\"", "\"\\ud800\""),
    ];
    let mut client = Client::new(server.address());
    for body in malformed {
        let answer = send_signed(&mut client, &body).await.expect("an answer");
        assert_eq!((answer.status, problem_code(&answer).as_str()), (400, "malformed"), "{body}");
    }
    for (member, value) in wrong_members() {
        let body = changed(&right, member, value);
        let answer = send_signed(&mut client, &body).await.expect("an answer");
        assert_eq!((answer.status, problem_code(&answer).as_str()), (422, "validation"), "{body}");
        let errors = answer.json()["errors"].to_string();
        assert!(errors.contains(member), "{member} is not named: {errors}");
    }
    let long = changed(&right, "note", Some(json!("n".repeat(64 << 10))));
    assert_problem(&send_signed(&mut client, &long).await.expect("an answer"), 413, "payload-too-large");
    assert_eq!(order_of(&server, &order).await, order);
    assert_eq!(count(&server, ALL_ENTRIES), entries, "a bad report left an entry");
}

/// Members that make a report invalid: another value, or none.
fn wrong_members() -> Vec<(&'static str, Option<Value>)> {
    let missing = ["event_id", "order_id", "type", "amount", "currency"].map(|member| (member, None));
    let wrong = [
        ("event_id", json!("")),
        ("event_id", json!("e 1")),
        ("event_id", json!("e".repeat(256))),
        ("amount", json!(-1)),
        ("amount", json!(9_007_199_254_740_992_i64)),
        ("currency", json!("cny")),
        ("currency", json!("")),
        ("event_id", json!("e".repeat(5_000))),
        ("type", json!("returned")),
        ("type", json!("Succeeded")),
        ("type", json!(null)),
        ("payment_id", json!(7)),
    ];
    missing.into_iter().chain(wrong.map(|(member, value)| (member, Some(value)))).collect()
}

#[tokio::test]
async fn a_number_that_is_no_whole_amount_is_refused() {
    let server = Setup::new([Item::new(SKU, 9)]).start();
    let order = buy(&server, "ann", 1).await;
    let right = payment_event("e1", "succeeded", &order).to_string();
    let mut client = Client::new(server.address());
    for amount in ["1990.5", "\"1990\"", "true", "null", "18446744073709551616", "1e400", "[1990]", "01990", "1990.0"] {
        let body = right.replace("1990", amount);
        let answer = send_signed(&mut client, &body).await.expect("an answer");
        assert!(matches!(answer.status, 400 | 422), "{body}: {}", answer.text());
        problem_code(&answer);
    }
    assert_eq!(order_of(&server, &order).await, order);
}

#[tokio::test]
async fn the_webhook_takes_json_posts_only_and_needs_no_buyer() {
    let server = Setup::new([Item::new(SKU, 9)]).start();
    let mut client = Client::new(server.address());
    let buyer = authorization("ann");
    let answer = client.get("/v1/payments/events", &[("Authorization", &buyer)]).await.expect("an answer");
    assert_problem(&answer, 405, "method-not-allowed");
    assert_eq!(answer.header("allow"), Some("POST"));
    let signature = webhook_signature(WEBHOOK_SECRET, now_s(), "{}");
    let head = "POST /v1/payments/events HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Type: text/plain\r\n";
    let bytes = format!("{head}Doorbuster-Signature: {signature}\r\n\r\n{{}}");
    let answer = client.send(bytes.as_bytes()).await.expect("an answer");
    assert_problem(&answer, 415, "unsupported-media-type");
}

#[tokio::test]
async fn without_a_secret_there_is_no_webhook() {
    let server = Setup::new([Item::new(SKU, 9)]).unset("payment.webhook_secret").start();
    let order = buy(&server, "ann", 1).await;
    let body = payment_event("e1", "succeeded", &order).to_string();
    for secret in ["", WEBHOOK_SECRET] {
        let signature = webhook_signature(secret, now_s(), &body);
        let answer = send_with(&mut Client::new(server.address()), &[&signature], &body).await;
        assert_problem(&answer.expect("an answer"), 404, "not-found");
    }
    assert_eq!(order_of(&server, &order).await, order);
}
