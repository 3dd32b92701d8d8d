//! **Job:** an attempt over a bad line ends in one order, and the page shows it.
//! **Owns:** what is lost and when.
//! **Never:** lets the test repeat anything: the page does, or the visitor.

use std::time::Duration;

use super::line::{Fault, Line};
use super::shop::{BUY, NOTE, SKU, attempts, orders_of, shown_order, until_unlocked, visit};
use crate::support::{Browser, Item, Server, Setup, assert_conservation};

fn server() -> Server {
    Setup::new([Item::new(SKU, 9).limit(5)]).start()
}

/// The complaints of a browser whose line is bad are about the line.
async fn assert_nothing_but_the_line(browser: &mut Browser) {
    let complaints = browser.complaints().await;
    let others: Vec<_> = complaints.iter().filter(|complaint| !complaint.contains("net::ERR_")).collect();
    assert!(others.is_empty(), "{others:?}");
}

#[tokio::test]
async fn answers_that_are_lost_are_asked_for_again_with_the_same_key() {
    let server = server();
    let line = Line::to(server.address(), [Fault::Lost, Fault::Torn]).await;
    let mut browser = visit(line.address, SKU, "ann").await;
    until_unlocked(&mut browser).await;
    browser.click(BUY).await;
    browser.until_text(NOTE, "Asking again").await;
    let number = shown_order(&mut browser).await;
    let keys = line.keys();
    assert!(keys.len() == 3 && !keys[0].is_empty() && keys.iter().all(|key| *key == keys[0]), "{keys:?}");
    let orders = orders_of(&server, "ann").await;
    assert_eq!((orders.len(), orders[0]["order_id"].as_str()), (1, Some(number.as_str())));
    assert_eq!(attempts(&server).await, 3);
    assert_conservation(&server).await;
    assert_nothing_but_the_line(&mut browser).await;
}

#[tokio::test]
async fn an_answer_that_does_not_come_is_asked_for_again() {
    let server = server();
    let line = Line::to(server.address(), [Fault::Silence]).await;
    let mut browser = visit(line.address, SKU, "ann").await;
    until_unlocked(&mut browser).await;
    browser.click(BUY).await;
    browser.until_text(NOTE, "Asking again").await;
    shown_order(&mut browser).await;
    let keys = line.keys();
    assert!(keys.len() == 2 && keys[0] == keys[1], "{keys:?}");
    assert_eq!(orders_of(&server, "ann").await.len(), 1);
    browser.assert_quiet(&[]).await;
}

/// Clicks, and loads the page again after the server has taken the purchase up and before its answer is there.
async fn reload_in_the_middle(server: &Server, line: &Line) -> Browser {
    let mut browser = visit(line.address, SKU, "ann").await;
    until_unlocked(&mut browser).await;
    browser.click(BUY).await;
    browser.until_text(BUY, "One moment").await;
    while attempts(server).await == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    browser.reload().await;
    browser
}

#[tokio::test]
async fn who_finds_his_order_after_a_reload_is_asked_nothing_more() {
    let server = Setup::new([Item::new(SKU, 9)]).start();
    let line = Line::to(server.address(), [Fault::Silence]).await;
    let mut browser = reload_in_the_middle(&server, &line).await;
    shown_order(&mut browser).await;
    browser.until(&format!("document.querySelector('{BUY}').hidden")).await;
    assert_eq!(browser.text(NOTE).await, "");
    assert_eq!(browser.run("return Object.keys(sessionStorage).join()", &[]).await, "doorbuster.token");
    assert_eq!(line.keys().len(), 1);
    browser.assert_quiet(&[]).await;
}

#[tokio::test]
async fn a_reload_in_the_middle_shows_the_order_and_goes_on_with_the_same_key() {
    let server = server();
    let line = Line::to(server.address(), [Fault::Silence]).await;
    let mut browser = reload_in_the_middle(&server, &line).await;
    let number = shown_order(&mut browser).await;
    browser.until_text(NOTE, "has had no answer yet").await;
    browser.until_text(BUY, "Ask again").await;
    until_unlocked(&mut browser).await;
    browser.click(BUY).await;
    browser.until_text(BUY, "Buy one more").await;
    let keys = line.keys();
    assert!(keys.len() == 2 && keys[0] == keys[1], "{keys:?}");
    assert_eq!(orders_of(&server, "ann").await.len(), 1, "asking again bought nothing");
    assert_eq!(browser.text("[data-at=number]").await, number);
    // The attempt is over: the next one is another.
    until_unlocked(&mut browser).await;
    browser.click(BUY).await;
    browser.until("document.querySelectorAll('[data-at=order]').length === 2").await;
    assert_ne!(line.keys()[2], keys[0]);
    browser.assert_quiet(&[]).await;
}
