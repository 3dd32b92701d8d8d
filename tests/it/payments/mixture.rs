//! **Job:** a thousand notifications of all providers in random order, many of them twice.
//! **Owns:** the count of the money that came, kept beside the server.
//! **Never:** believes the server's sums alone.

use std::collections::{BTreeMap, BTreeSet};

use rand::rngs::StdRng;
use rand::seq::{IndexedRandom as _, SliceRandom as _};
use rand::{RngExt as _, SeedableRng as _};
use serde_json::Value;

use super::notification::{ALL, Event, Provider, shop};
use super::{PRICE, SKU, buy, invariants, status_of};
use crate::support::{Client, Item, Server, admin_authorization, now_s, seed};

const EVENTS: usize = 1_000;
const ORDERS: usize = 120;

/// One event: whose it is, and whose order it pays.
type Told = (Provider, Event);

/// What is told about one order, or about none: every verdict is in it.
fn about(order: &str, number: usize, random: &mut StdRng) -> Vec<Told> {
    let mut told = Vec::new();
    for part in 0..random.random_range(1..=3) {
        let id = format!("e-{number}-{part}");
        let mut event = Event::succeeded(&id, order, PRICE);
        match random.random_range(0..8) {
            0 => event.amount = PRICE - 1,
            1 => event.amount = PRICE + 10,
            2 => "EUR".clone_into(&mut event.currency),
            3 => event.has_failed = true,
            4 => event.order = format!("nobody-{number}"),
            _exactly => {}
        }
        told.push((*ALL.choose(random).expect("five"), event));
    }
    told
}

async fn kinds_of(server: &Server) -> Vec<(String, String)> {
    let admin = admin_authorization();
    let target = "/v1/feed?after=0&limit=10000";
    let answer = Client::new(server.ops_address()).get(target, &[("Authorization", &admin)]).await.expect("an answer");
    let entries = answer.text();
    let entries = entries.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    entries.map(|entry| (text(&entry["kind"]), text(&entry["order_id"]))).collect()
}

fn sum(books: &Value, currency: &str, member: &str) -> i64 {
    let of_items = books["items"].as_array().into_iter().flatten().filter_map(|item| item["money"].as_array());
    let all = of_items.chain(books["unmatched"].as_array()).flatten();
    all.filter(|money| money["currency"] == currency).filter_map(|money| money[member].as_i64()).sum()
}

#[tokio::test]
async fn a_thousand_events_in_random_order_lose_no_money_and_pay_each_order_once() {
    let seed = seed();
    println!("seed: {seed} (TEST_SEED=n repeats it)");
    let mut random = StdRng::seed_from_u64(seed);
    let server = shop([Item::new(SKU, 500)]).start();
    let mut orders = Vec::new();
    let mut told: Vec<Told> = Vec::new();
    for number in 0..ORDERS {
        let order = buy(&server, &format!("user-{number}")).await;
        told.extend(about(&order, number, &mut random));
        orders.push(order);
    }
    let distinct = told.clone();
    while told.len() < EVENTS {
        told.push(distinct.choose(&mut random).expect("some").clone());
    }
    told.shuffle(&mut random);
    let mut client = Client::new(server.address());
    for (provider, event) in &told {
        let answer = provider.notify(event, now_s()).send(&mut client).await;
        assert!(matches!(answer.status, 200 | 204), "{provider:?} {event:?}: {}", answer.text());
    }

    let mut received: BTreeMap<&str, i64> = BTreeMap::new();
    let (mut counted, mut may_be_paid) = (BTreeSet::new(), BTreeSet::new());
    for (provider, event) in distinct.iter().filter(|(_, event)| !event.has_failed) {
        if counted.insert((format!("{provider:?}"), &event.payment)) {
            *received.entry(&event.currency).or_default() += event.amount;
        }
        if event.amount >= PRICE && event.currency == "CNY" {
            may_be_paid.insert(event.order.as_str());
        }
    }
    let books = invariants(&server).await;
    assert_eq!(books["holds"], true, "{books}");
    for (currency, amount) in received {
        assert_eq!(sum(&books, currency, "received"), amount, "{currency}: {books}");
        let where_it_is: i64 = ["applied", "owed", "settled"].map(|member| sum(&books, currency, member)).iter().sum();
        assert_eq!(where_it_is, amount, "{currency}: {books}");
    }
    let kinds = kinds_of(&server).await;
    for (number, order) in orders.iter().enumerate() {
        let transitions = kinds.iter().filter(|(kind, of)| kind == "paid" && of == order).count();
        let is_paid = may_be_paid.contains(order.as_str());
        assert_eq!(transitions, usize::from(is_paid), "{order}");
        let status = status_of(&server, &format!("user-{number}"), order).await;
        assert_eq!(status, if is_paid { "paid" } else { "pending" }, "{order}");
    }
}
