//! **Job:** crashes under everything that moves money or steers the sale: payments of every kind, refunds, operators.
//! **Owns:** what the provider and the operator were told before each crash.
//! **Never:** believes the server about what it remembers: the file is read, and every event is reported again.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use rusqlite::{Connection, OpenFlags};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::{KILLS, ROUND_LIMIT, kills};
use crate::support::{Attempt, Client, Item, Server, Setup, admin_authorization, payment_event, seed, send_signed};

const SKU: &str = "sku-1";
const PRICE: i64 = 1_990;

/// What is known of the sale from outside: the orders that there are, and what was answered since the last crash.
#[derive(Default)]
struct Told {
    orders: Vec<Value>,
    /// Events with the verdicts that they were answered with.
    events: Vec<(Value, String)>,
    /// The reasons of what an operator did that cannot have been so already: each is used once.
    reasons: Vec<String>,
}

/// An event as providers send them: most are right.
fn event(orders: &[Value], chance: &mut StdRng) -> Value {
    let id = format!("e{}", chance.random_range(0..u64::MAX));
    let order = orders.choose(chance).expect("orders were placed first");
    let kind = if chance.random_bool(0.2) { "refunded" } else { "succeeded" };
    let mut event = payment_event(&id, kind, order);
    match chance.random_range(0..10) {
        0 => event["amount"] = json!(PRICE - 1),
        1 => event["amount"] = json!(PRICE + 1),
        2 => event["currency"] = json!("JPY"),
        3 => event["order_id"] = json!("no such order"),
        4 => event["type"] = json!("failed"),
        _right => {}
    }
    event
}

/// Reports until the server falls; some events again.
async fn report(address: SocketAddr, orders: Vec<Value>, mut chance: StdRng, count: Arc<AtomicUsize>) -> Told {
    let (mut client, mut told) = (Client::new(address), Told::default());
    loop {
        let again = told.events.choose(&mut chance).filter(|_| chance.random_bool(0.2)).cloned();
        let event = again.map_or_else(|| event(&orders, &mut chance), |(event, _verdict)| event);
        let Ok(answer) = send_signed(&mut client, &event.to_string()).await else { return told };
        match answer.status {
            200 => told.events.push((event, answer.json()["verdict"].as_str().expect("a verdict").to_owned())),
            503 => {}
            other => panic!("{other} for {event}: {}", answer.text()),
        }
        count.fetch_add(1, Ordering::Relaxed);
    }
}

/// Steers until the server falls.
async fn steer(address: SocketAddr, orders: Vec<Value>, mut chance: StdRng, count: Arc<AtomicUsize>) -> Told {
    let (mut client, mut told) = (Client::new(address), Told::default());
    let authorization = admin_authorization();
    loop {
        let reason = format!("slip {}", chance.random_range(0..u64::MAX));
        let verbs = ["pause", "resume", "close", "reopen", "hide", "show", "restock", "withdraw", "cancel"];
        let verb = verbs.choose(&mut chance).expect("there are some");
        let order = orders.choose(&mut chance).expect("orders were placed first")["order_id"].as_str().expect("an id");
        let (path, body) = match *verb {
            "cancel" => (format!("/v1/admin/orders/{order}/cancel"), json!({"reason": reason})),
            "restock" | "withdraw" => {
                let quantity = chance.random_range(1..4);
                (format!("/v1/admin/items/{SKU}/{verb}"), json!({"quantity": quantity, "reason": reason}))
            }
            verb => (format!("/v1/admin/items/{SKU}/{verb}"), json!({"reason": reason})),
        };
        let headers = [("Authorization", authorization.as_str()), ("X-Operator", "eve")];
        let Ok(answer) = client.request("POST", &path, &headers, Some(&body.to_string())).await else { return told };
        match answer.status {
            200 if matches!(*verb, "restock" | "withdraw" | "cancel") => told.reasons.push(reason),
            200 | 409 | 410 | 503 => {}
            other => panic!("{other} for {path}: {}", answer.text()),
        }
        count.fetch_add(1, Ordering::Relaxed);
    }
}

/// Buys until the server falls.
async fn buy(address: SocketAddr, mut chance: StdRng, count: Arc<AtomicUsize>) -> Told {
    let (mut client, mut told) = (Client::new(address), Told::default());
    loop {
        let attempt = Attempt::new(&format!("buyer-{}", chance.random_range(0..u64::MAX)), SKU);
        let Ok(answer) = attempt.send(&mut client).await else { return told };
        match answer.status {
            201 => {
                told.orders.push(answer.json());
                count.fetch_add(1, Ordering::Relaxed);
            }
            // While the operator has closed the sale there are so many that they would be all that a round sees.
            403 | 404 | 409 | 410 | 503 => tokio::task::yield_now().await,
            other => panic!("{other}: {}", answer.text()),
        }
    }
}

/// All at once until a random number of answers, then `kill -9`.
async fn round(server: &mut Server, orders: &[Value], chance: &mut StdRng) -> Told {
    let (count, wanted) = (Arc::new(AtomicUsize::new(0)), chance.random_range(1..150));
    let mut inside = JoinSet::new();
    let mut fork = || StdRng::seed_from_u64(chance.random_range(0..u64::MAX));
    for _provider in 0..2 {
        inside.spawn(report(server.address(), orders.to_vec(), fork(), Arc::clone(&count)));
    }
    inside.spawn(steer(server.ops_address(), orders.to_vec(), fork(), Arc::clone(&count)));
    inside.spawn(buy(server.address(), fork(), Arc::clone(&count)));
    let begun = Instant::now();
    while count.load(Ordering::Relaxed) < wanted {
        assert!(begun.elapsed() < ROUND_LIMIT, "fewer than {wanted} answers in {ROUND_LIMIT:?}");
        tokio::time::sleep(Duration::from_micros(200)).await;
    }
    server.kill9();
    let mut told = Told::default();
    while let Some(ended) = inside.join_next().await {
        let ended = ended.unwrap_or_else(|ended| std::panic::resume_unwind(ended.into_panic()));
        told.orders.extend(ended.orders);
        told.events.extend(ended.events);
        told.reasons.extend(ended.reasons);
    }
    told
}

/// Every operator's deed that was answered with 200 stands in the journal.
fn assert_in_the_journal(server: &Server, reasons: &[String]) {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
    let file = Connection::open_with_flags(server.data_file(), flags).expect("the data file can be read");
    let sql = "SELECT kind FROM journal WHERE operator = 'eve' AND reason = ?1";
    let mut journal = file.prepare(sql).expect("there is a journal");
    for reason in reasons {
        assert!(journal.exists([reason]).expect("it can be read"), "{reason} is not in the journal");
    }
}

/// Units and money, in memory and in the file. Not over the public listener: the item may be hidden.
async fn assert_books(server: &Server) {
    let mut owner = Client::new(server.ops_address());
    let answer = owner.get("/invariants", &[("Authorization", &admin_authorization())]).await.expect("an answer");
    assert_eq!(answer.json()["holds"], true, "{}", answer.text());
    let (code, audit) = server.verify();
    assert_eq!(code, 0, "the audit found something:\n{audit}");
}

/// Money that was answered for is known: the same event again is a duplicate, whatever it was.
async fn assert_remembered(server: &Server, told: &[(Value, String)]) {
    let mut client = Client::new(server.address());
    for (event, verdict) in told {
        // A payment that failed moved nothing, nor did a refund of nothing.
        let moved = verdict != "failed" && verdict != "duplicate" && event["type"] != "refunded";
        if moved && event["amount"] != json!(0) {
            let again = send_signed(&mut client, &event.to_string()).await.expect("an answer");
            assert_eq!(again.json()["verdict"], "duplicate", "{event} was {verdict}, now {}", again.text());
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn no_crash_loses_money_that_was_answered_for_or_an_operators_deed() {
    let (seed, kills) = (seed(), kills(KILLS));
    let mut chance = StdRng::seed_from_u64(seed);
    let mut server = Setup::new([Item::new(SKU, 100_000)]).set("payment.pay_within", "\"2s\"").start();
    let mut orders = Vec::new();
    for name in 0..8 {
        let attempt = Attempt::new(&format!("first-{name}"), SKU);
        orders.push(attempt.send(&mut Client::new(server.address())).await.expect("an answer").json());
    }
    let mut verdicts: BTreeMap<String, usize> = BTreeMap::new();
    let mut deeds = 0;
    for _crash in 0..kills {
        let told = round(&mut server, &orders, &mut chance).await;
        server.restart();
        assert_books(&server).await;
        assert_remembered(&server, &told.events).await;
        assert_in_the_journal(&server, &told.reasons);
        deeds += told.reasons.len();
        for (_event, verdict) in told.events {
            *verdicts.entry(verdict).or_default() += 1;
        }
        // The newest orders are those that can still be paid.
        orders.extend(told.orders);
        orders = orders.split_off(orders.len().saturating_sub(40));
    }
    println!("seed {seed}: {kills} crashes, {verdicts:?}, {deeds} deeds");
    for verdict in ["applied", "second_payment", "short", "over", "wrong_currency", "late", "unknown_order"] {
        assert!(verdicts.contains_key(verdict), "{verdict} never came: {verdicts:?}");
    }
    assert!(deeds > kills, "only {deeds} deeds");
}
