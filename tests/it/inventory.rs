//! **Job:** the inventory system seen from outside: a feed on one side, its listener and its data file on the other.
//! **Owns:** what is expected of it with a pull feed; `stream` is about Redis.
//! **Never:** starts a server: the wire format is all that the two share.

#![expect(
    clippy::disallowed_methods,
    reason = "waits for processes, which wake nobody, and lets time pass before a kill"
)]

pub(crate) mod feed;
mod stream;
mod upgrade;

use std::thread::sleep;
use std::time::{Duration, Instant};

use feed::{Feed, books, line, sale};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::support::{ADMIN_TOKEN, Inventory, seed};

/// How often the consumer is killed.
const KILLS: usize = 25;

fn pulling(feed: &Feed) -> Inventory {
    let mut inventory = Inventory::of(&feed.url());
    inventory.start();
    inventory
}

#[test]
fn what_is_sold_is_allocated_and_shipped() {
    let lines = sale(1_000);
    let inventory = pulling(&Feed::start(ADMIN_TOKEN, lines.clone()));
    inventory.wait_for_cursor(lines.len());
    assert_eq!(inventory.books(), books(&lines));
    let stock = inventory.stock();
    assert_eq!((&stock["lag"], &stock["dead_letters"]), (&0.into(), &0.into()));
}

#[test]
fn what_cannot_be_the_data_file_is_refused_untouched() {
    let feed = Feed::start(ADMIN_TOKEN, sale(10));
    let mut inventory = pulling(&feed);
    inventory.wait_for_cursor(sale(10).len());
    inventory.kill9();
    let file = inventory.data_file();
    let before = std::fs::read(&file).expect("it was made");
    let other = file.with_file_name("other.db");
    std::fs::hard_link(&file, &other).expect("a link");
    assert_eq!(inventory.refused(), Some(74), "under two names: {}", inventory.log());
    assert_eq!(std::fs::read(&file).expect("still there"), before);
    std::fs::remove_file(other).expect("it was made");
    let folder = file.parent().expect("a folder").to_str().expect("a plain path").to_owned();
    for path in ["/dev/null", &folder] {
        let mode = |path: &str| std::fs::metadata(path).expect("it is there").permissions();
        let before = mode(path);
        inventory.set("inventory.path", &format!("{path:?}"));
        assert_eq!(inventory.refused(), Some(74), "{path}: {}", inventory.log());
        assert_eq!(mode(path), before, "{path}");
    }
}

#[test]
fn an_inventory_whose_file_was_moved_away_stops() {
    let lines = sale(10);
    let mut inventory = pulling(&Feed::start(ADMIN_TOKEN, lines.clone()));
    inventory.wait_for_cursor(lines.len());
    let file = inventory.data_file();
    std::fs::rename(&file, file.with_extension("moved")).expect("it was made");
    assert_eq!(inventory.ended().code(), Some(74), "{}", inventory.log());
}

#[test]
fn the_listener_answers_as_the_contract_says() {
    let lines = sale(50);
    let inventory = pulling(&Feed::start(ADMIN_TOKEN, lines.clone()));
    inventory.wait_for_cursor(lines.len());
    assert_eq!(inventory.ask("GET", "/livez").status, 200);

    let placed = lines.iter().filter(|line| line.contains("\"placed\"")).count();
    let wanted = [
        format!("doorbuster_inventory_entries_applied_total{{kind=\"placed\"}} {placed}"),
        format!("doorbuster_inventory_cursor {}", lines.len()),
        "doorbuster_inventory_dead_letters 0".to_owned(),
    ];
    inventory.wait_until("metrics", |inventory| {
        let text = inventory.ask("GET", "/metrics").text;
        wanted.iter().all(|wanted| text.lines().any(|line| line == wanted))
    });

    for (method, path, status, code) in [
        ("GET", "/", 404, "not-found"),
        ("GET", "/v1/feed", 404, "not-found"),
        ("POST", "/stock", 405, "method-not-allowed"),
    ] {
        let answer = inventory.ask(method, path);
        assert_eq!((answer.status, answer.json()["code"].as_str()), (status, Some(code)), "{method} {path}");
        assert_eq!(answer.content_type, "application/problem+json");
    }
}

#[test]
fn killed_at_any_moment_each_entry_counts_once() {
    let seed = seed();
    let mut chance = StdRng::seed_from_u64(seed);
    let lines = sale(6_000);
    let feed = Feed::start(ADMIN_TOKEN, lines.clone());
    let mut inventory = Inventory::of(&feed.url());
    // Slow enough that no life sees the end.
    inventory.set("inventory.rate", "2000");
    let mut before = 0;
    let mut inside = 0;
    for kill in 0..KILLS {
        inventory.start();
        feed.wait_for_answers(1 + chance.random_range(0..2));
        sleep(Duration::from_micros(chance.random_range(0..12_000)));
        inventory.kill9();
        let (cursor, dead, found) = inventory.on_disk();
        assert!(cursor >= before, "kill {kill}: the cursor went back from {before} to {cursor}");
        assert_eq!((dead, found), (0, books(&lines[..cursor])), "kill {kill} at {cursor}, seed {seed}");
        inside += usize::from(cursor > 0 && cursor < lines.len());
        before = cursor;
    }
    assert!(inside >= 20, "only {inside} kills fell between the first and the last entry");
    inventory.set("inventory.rate", "0").start();
    inventory.wait_for_cursor(lines.len());
    assert_eq!(inventory.books(), books(&lines));
    let asked = feed.asked();
    assert!(asked.is_sorted(), "the confirmed cursor went back: {asked:?}");
}

#[test]
fn a_poison_entry_is_given_up_and_the_rest_goes_on() {
    let mut lines = sale(300);
    let next = lines.len() + 1;
    let poison = [
        "{\"seq\": nonsense".to_owned(),
        line(next + 1, "teleported", Some("x"), "sku-1", 1),
        line(next + 2, "placed", Some("x"), "sku-1", 4_000_000),
        line(next + 3, "paid", Some("x"), "sku-1", 4_000_000),
    ];
    let after = [line(next + 4, "placed", Some("y"), "sku-1", 7)];
    let feed = Feed::start(ADMIN_TOKEN, [&lines[..], &poison, &after].concat());
    let mut inventory = pulling(&feed);
    inventory.wait_for_cursor(next + 4);
    lines.extend(after);
    assert_eq!((inventory.stock()["dead_letters"].as_u64(), inventory.books()), (Some(4), books(&lines)));
    assert!(inventory.terminate().success());
    assert_eq!(inventory.on_disk(), (next + 4, 4, books(&lines)));
}

#[test]
fn a_feed_that_is_away_or_refuses_is_waited_for() {
    let lines = sale(400);
    let feed = Feed::start(ADMIN_TOKEN, lines[..100].to_vec());
    feed.fail_with(Some(0));
    let inventory = pulling(&feed);
    feed.wait_for_requests(2);
    assert_eq!(inventory.stock()["lag"], serde_json::Value::Null);
    feed.fail_with(None);
    inventory.wait_for_cursor(100);

    for status in [503, 500, 0, 401, 404] {
        feed.fail_with(Some(status));
        feed.wait_for_requests(1);
        assert_eq!((inventory.ask("GET", "/livez").status, inventory.books()), (200, books(&lines[..100])));
    }
    feed.append(&lines[100..]);
    feed.fail_with(None);
    inventory.wait_for_cursor(lines.len());
    assert_eq!(inventory.books(), books(&lines));
}

#[test]
fn a_feed_that_ends_before_the_cursor_is_refused_for_good() {
    let lines = sale(200);
    let feed = Feed::start(ADMIN_TOKEN, lines[..100].to_vec());
    let mut inventory = pulling(&feed);
    inventory.wait_for_cursor(100);
    // Another ledger, which is let grow past the cursor once it has been noticed.
    let other: Vec<String> = (1..=300).map(|seq| line(seq, "item", None, &format!("other-{seq}"), 1)).collect();
    feed.replace(other[..50].to_vec());
    inventory.wait_until("refused", |inventory| inventory.ask("GET", "/livez").status == 503);
    let reason = inventory.ask("GET", "/livez").json()["reason"].to_string();
    assert!(reason.contains("50") && reason.contains("100"), "{reason}");
    feed.replace(other);
    sleep(Duration::from_millis(300));
    assert_eq!((inventory.ask("GET", "/livez").status, inventory.books()), (503, books(&lines[..100])));
    assert!(inventory.terminate().success());

    feed.replace(lines.clone());
    inventory.start();
    inventory.wait_for_cursor(lines.len());
    assert_eq!((inventory.ask("GET", "/livez").status, inventory.books()), (200, books(&lines)));
}

#[test]
fn the_rate_is_never_exceeded() {
    let lines = sale(300);
    let feed = Feed::start(ADMIN_TOKEN, lines.clone());
    let mut inventory = Inventory::of(&feed.url());
    let begun = Instant::now();
    inventory.set("inventory.rate", "200").start();
    inventory.wait_for_cursor(lines.len());
    let least = Duration::from_millis((lines.len() as u64 - 20) * 5);
    assert!(begun.elapsed() >= least, "{} entries in {:?}", lines.len(), begun.elapsed());
    assert_eq!(inventory.books(), books(&lines));
}

#[test]
fn it_ends_at_once_when_asked_to_even_while_it_waits_for_the_feed() {
    let lines = sale(100);
    let feed = Feed::start(ADMIN_TOKEN, lines.clone());
    let mut inventory = pulling(&feed);
    inventory.wait_for_cursor(lines.len());
    inventory.wait_until("a long poll", |_| feed.asked().contains(&lines.len()));
    assert!(inventory.terminate().success());
    assert_eq!(inventory.on_disk(), (lines.len(), 0, books(&lines)));
}

#[test]
fn a_second_inventory_on_the_file_is_refused_and_the_first_unharmed() {
    let lines = sale(100);
    let inventory = pulling(&Feed::start(ADMIN_TOKEN, lines.clone()));
    assert_eq!(inventory.refused(), Some(74));
    inventory.wait_for_cursor(lines.len());
    assert_eq!(inventory.books(), books(&lines));
}

#[test]
fn a_configuration_that_cannot_work_is_refused() {
    for (key, value) in [
        ("inventory.source", "\"https://127.0.0.1:1\""),
        ("inventory.source", "\"redis\""),
        ("inventory.listen", "\"192.0.2.1:1\""),
        ("inventory.speed", "5"),
    ] {
        let mut inventory = Inventory::of("http://127.0.0.1:1");
        assert_eq!(inventory.set(key, value).refused(), Some(78), "{key} = {value}: {}", inventory.log());
        assert!(inventory.log().contains(key), "{}", inventory.log());
    }
}

#[test]
fn the_token_of_the_feed_goes_before_the_admin_token() {
    const FEED_TOKEN: &str = "Mn4bVc7xZl1kJh9gFd2sAp6oIu3yTr8e";
    let lines = sale(20);
    let feed = Feed::start(FEED_TOKEN, lines.clone());
    let mut inventory = Inventory::of(&feed.url());
    inventory.set("feed.token", &format!("{FEED_TOKEN:?}")).start();
    inventory.wait_for_cursor(lines.len());
    assert!(!inventory.log().contains(FEED_TOKEN) && !inventory.log().contains(ADMIN_TOKEN));
}
