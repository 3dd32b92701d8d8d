//! **Job:** holds what a window of the throttle costs a buyer, in process and in Redis alike.
//! **Owns:** what is expected of `Retry-After`, of windows that go back, and of the throttle's scope.
//! **Never:** takes a buyer for somebody else, whatever their id consists of.

use std::time::{Duration, Instant};

use super::server::{PATIENCE, RedisServer};
use super::told::with_account;
use crate::support::{Attempt, Client, Item, Response, Server, Setup, authorization, problem_code};

const WINDOW_S: u64 = 60;

/// The same shop with windows in process, in Redis, and in a Redis that runs no scripts.
fn everywhere(setup: impl Fn() -> Setup) -> Vec<(&'static str, Server, Option<RedisServer>)> {
    let at = |url: &str| setup().set("redis.url", &format!("{url:?}")).set("redis.timeout", "\"1s\"").start();
    let redis = RedisServer::start(&[]);
    let (poor, poor_url) = with_account(1, &["-evalsha"]);
    vec![
        ("in process", setup().start(), None),
        ("in Redis", at(&redis.url()), Some(redis)),
        ("in a Redis without scripts", at(&poor_url), Some(poor)),
    ]
}

fn shop() -> Setup {
    let items = [Item::new("a", 2), Item::new("b", 100), Item::new("c", 1)];
    Setup::new(items).set("gate.throttle.window", &format!("\"{WINDOW_S}s\""))
}

async fn buy(server: &Server, user: &str, item: &str) -> Response {
    Attempt::new(user, item).send(&mut Client::new(server.address())).await.expect("an answer")
}

/// `201`, or the code of the problem.
fn said(answer: &Response) -> String {
    if answer.status == 201 { "201".to_owned() } else { problem_code(answer) }
}

fn retry_after(answer: &Response) -> u64 {
    answer.header("retry-after").expect("when to come again").parse().expect("whole seconds")
}

async fn cancel(server: &Server, user: &str, order: &Response) {
    let id = order.json()["order_id"].as_str().expect("an id").to_owned();
    let authorization = authorization(user);
    let headers = [("Authorization", authorization.as_str())];
    let path = format!("/v1/orders/{id}/cancel");
    let answer = Client::new(server.address()).request("POST", &path, &headers, None).await.expect("an answer");
    assert_eq!(answer.status, 200, "{}", answer.text());
}

#[tokio::test]
async fn retry_after_is_the_time_that_is_left() {
    for (place, server, _redis) in everywhere(shop) {
        let begun = Instant::now();
        assert_eq!(said(&buy(&server, "ada", "b").await), "201");
        // It is told less and less, and never less than it is.
        loop {
            let answer = buy(&server, "ada", "b").await;
            assert_eq!(said(&answer), "throttled", "{place}");
            let (told, least) = (retry_after(&answer), WINDOW_S - begun.elapsed().as_secs() - 1);
            assert!((least..=WINDOW_S).contains(&told), "{place}: {told} s, {least} s are left");
            if told < WINDOW_S - 1 {
                break;
            }
            assert!(begun.elapsed() < PATIENCE, "{place}: {told} s, after {:?}", begun.elapsed());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

#[tokio::test]
async fn who_found_no_token_has_their_window_back_and_who_hammers_waits_as_told() {
    // One token for two units.
    for (place, server, _redis) in everywhere(|| shop().set("gate.pool.factor", "0.5")) {
        let first = buy(&server, "ada", "a").await;
        assert_eq!(said(&first), "201", "{place}");
        assert_eq!(said(&buy(&server, "bob", "a").await), "no-token", "{place}");
        cancel(&server, "ada", &first).await;
        assert_eq!(said(&buy(&server, "bob", "a").await), "201", "{place}: their window is theirs again");
        assert_eq!(said(&buy(&server, "bob", "b").await), "throttled", "{place}: an order costs a window");

        let (begun, mut told) = (Instant::now(), Vec::new());
        for _ in 0..50 {
            let answer = buy(&server, "script", "a").await;
            assert_eq!(retry_after(&answer), 1, "{place}");
            told.push(said(&answer));
        }
        let through = told.iter().filter(|code| *code == "no-token").count() as u64;
        let most = 4 + begun.elapsed().as_secs() + 1;
        assert!((4..=most).contains(&through), "{place}: {through} of 50 attempts, at most {most}: {told:?}");
        assert!(told[4..].iter().any(|code| code == "throttled"), "{place}: {told:?}");
        // Who waits as told is not throttled.
        tokio::time::sleep(Duration::from_millis(1_010)).await;
        assert_eq!(said(&buy(&server, "script", "a").await), "no-token", "{place}");
    }
}

#[tokio::test]
async fn an_empty_bucket_costs_nobody_their_window() {
    let slow = || shop().set("gate.bucket.rate", "1").set("gate.bucket.burst", "1");
    for (place, server, _redis) in everywhere(slow) {
        assert_eq!(said(&buy(&server, "ada", "b").await), "201", "{place}");
        let refused = buy(&server, "bob", "b").await;
        assert_eq!((said(&refused).as_str(), retry_after(&refused)), ("rate-limited", 1), "{place}");
        tokio::time::sleep(Duration::from_millis(1_010)).await;
        assert_eq!(said(&buy(&server, "bob", "b").await), "201", "{place}: Retry-After was true");
    }
}

#[tokio::test]
async fn what_is_the_buyers_own_doing_costs_their_window() {
    for (place, server, _redis) in everywhere(shop) {
        let greedy = Attempt::new("ada", "b").quantity(2);
        let answer = greedy.send(&mut Client::new(server.address())).await.expect("an answer");
        assert_eq!(said(&answer), "limit-reached", "{place}");
        assert_eq!(said(&buy(&server, "ada", "b").await), "throttled", "{place}");
        // What precedes the throttle costs nothing.
        assert_eq!(said(&buy(&server, "bob", "c").await), "201", "{place}");
        for _ in 0..3 {
            assert_eq!(said(&buy(&server, "cleo", "c").await), "sold-out", "{place}");
        }
        assert_eq!(said(&buy(&server, "cleo", "b").await), "201", "{place}");
    }
}

#[tokio::test]
async fn the_throttle_is_per_buyer_or_per_buyer_and_item() {
    // Ids that would be the same in a careless key.
    let users = ["ann", "a:ann", "b:ann", ":ann", "auth0|5f7c", "ann@example.org", "{ann}", "a'\"\\=/+ann", "*", "?"];
    for (scope, second) in [("user", "throttled"), ("user_item", "201")] {
        for (place, server, _redis) in everywhere(|| shop().set("gate.throttle.scope", &format!("{scope:?}"))) {
            for user in users {
                assert_eq!(said(&buy(&server, user, "b").await), "201", "{place} {scope} {user}");
                assert_eq!(said(&buy(&server, user, "b").await), "throttled", "{place} {scope} {user}");
            }
            assert_eq!(said(&buy(&server, "ann", "a").await), second, "{place} {scope}");
        }
    }
}
