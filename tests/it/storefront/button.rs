//! **Job:** what the one button does and does not, and what it says.
//! **Owns:** the visitor's impatience.
//! **Never:** waits for the page where the server must hold by itself.

use serde_json::json;
use tokio::task::JoinSet;

use super::shop::{
    BUY, NOTE, ORDER, SKU, attempts, buy_past_the_page, instruct, is_unlocked, layer, orders_of, until_unlocked, visit,
};
use crate::support::{Attempt, Client, Item, Server, Setup, assert_conservation, problem_code};

#[tokio::test]
async fn ten_quick_clicks_are_one_purchase() {
    let server = Setup::new([Item::new(SKU, 99).limit(20)]).start();
    let mut browser = visit(server.address(), SKU, "ann").await;
    until_unlocked(&mut browser).await;
    browser.click_quickly(BUY, 10).await;
    browser.until(&format!("document.querySelector('{ORDER}')")).await;
    // Unlocked again: whatever the ten clicks led to has been sent by now.
    until_unlocked(&mut browser).await;
    assert_eq!(attempts(&server).await, 1);
    assert_eq!(orders_of(&server, "ann").await.len(), 1);
    browser.assert_quiet(&[]).await;
}

#[tokio::test]
async fn who_goes_past_the_page_is_throttled_by_the_server() {
    let server = Setup::new([Item::new(SKU, 99).limit(20)]).unset("gate.throttle.window").start();
    let mut tries = JoinSet::new();
    for number in 0..10 {
        let (address, attempt) = (server.address(), Attempt::new("ann", SKU).key(&format!("key-{number}")));
        tries.spawn(async move { attempt.send(&mut Client::new(address)).await.expect("an answer") });
    }
    let answers = tries.join_all().await;
    let (sold, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 201);
    assert_eq!((sold.len(), refused.len()), (1, 9));
    assert!(refused.iter().all(|answer| answer.status == 429 && problem_code(answer) == "throttled"));
    assert_eq!(layer(&server, "throttle").await["out"], 1);
    assert_eq!(assert_conservation(&server).await.len(), 1);
}

#[tokio::test]
async fn who_is_told_to_wait_sees_the_button_count_down_and_then_buys() {
    let server = Setup::new([Item::new(SKU, 99).limit(20)]).set("gate.throttle.window", "\"4s\"").start();
    let mut browser = visit(server.address(), SKU, "ann").await;
    until_unlocked(&mut browser).await;
    assert_eq!(buy_past_the_page(&server, "ann").await.status, 201);
    browser.click(BUY).await;
    browser.until_text(BUY, "Again in").await;
    browser.until_text(NOTE, "One attempt at a time").await;
    browser.click_quickly(BUY, 5).await;
    assert!(!is_unlocked(&mut browser).await);
    until_unlocked(&mut browser).await;
    assert_eq!(attempts(&server).await, 2, "clicks on a locked button are none");
    assert_eq!(browser.text(NOTE).await, "");
    browser.click(BUY).await;
    browser.until(&format!("document.querySelector('{ORDER}')")).await;
    // Had the page come back a moment too early, there would be another refusal.
    assert_eq!((attempts(&server).await, orders_of(&server, "ann").await.len()), (3, 2));
    browser.assert_quiet(&[429]).await;
}

#[tokio::test]
async fn a_refusal_is_said_in_words() {
    let server = Setup::new([Item::new(SKU, 9)]).start();
    let mut browser = visit(server.address(), SKU, "ann").await;
    until_unlocked(&mut browser).await;
    assert_eq!(buy_past_the_page(&server, "ann").await.status, 201);
    browser.click(BUY).await;
    browser.until_text(NOTE, "as many as one buyer may have").await;
    // The page has looked which orders there are.
    browser.until(&format!("document.querySelector('{ORDER}')")).await;
    browser.assert_quiet(&[409]).await;
}

#[tokio::test]
async fn a_sale_that_is_not_open_says_why_and_cannot_be_pressed() {
    let long_ago = "2024-11-12T00:00:00+08:00";
    let items = [Item::new("gone", 1), Item::new("over", 9).closes_at(long_ago), Item::new("held", 9)];
    let server = Setup::new(items).start();
    let sold = Attempt::new("bob", "gone").send(&mut Client::new(server.address())).await;
    assert_eq!(sold.expect("an answer").status, 201);
    instruct(&server, "POST", "/v1/admin/items/held/pause", None).await;
    let mut browser = visit(server.address(), "gone", "ann").await;
    for (item, words) in [("gone", "Sold out"), ("over", "Sale over"), ("held", "Paused")] {
        browser.goto(&format!("http://{}/items/{item}", server.address())).await;
        browser.until_text(BUY, words).await;
        assert!(!is_unlocked(&mut browser).await, "{item}");
    }
    // Resumed while somebody looks: the page notices.
    instruct(&server, "POST", "/v1/admin/items/held/resume", None).await;
    until_unlocked(&mut browser).await;
    browser.assert_quiet(&[]).await;
    browser.goto(&format!("http://{}/items/unknown", server.address())).await;
    browser.until_text("h1", "There is no such item").await;
    browser.assert_quiet(&[404]).await;
}

#[tokio::test]
async fn a_title_is_text_whatever_is_in_it() {
    let server = Setup::new([Item::new(SKU, 9)]).start();
    let title = "<img src=x onerror=\"document.title='run'\"><b>bold</b>";
    let definition = json!({"title": title, "unit_price": 12_345, "currency": "KWD", "stock": 9});
    instruct(&server, "PUT", "/v1/admin/items/odd", Some(&definition.to_string())).await;
    let mut browser = visit(server.address(), "odd", "ann").await;
    browser.until_text("h1", title).await;
    assert_eq!(browser.text("[data-at=price]").await.replace('\u{a0}', " "), "KWD 12.345", "a dinar has 1000 fils");
    browser.goto(&format!("http://{}/", server.address())).await;
    browser.until_text("[data-at=cards]", title).await;
    assert_eq!(
        browser.run("return document.querySelectorAll('main b, main [onerror], main [src=x]').length", &[]).await,
        0
    );
    browser.assert_quiet(&[]).await;
}

#[tokio::test]
async fn the_list_goes_on_where_the_page_ends() {
    let items = (100..130).map(|number| Item::new(&format!("sku-{number}"), 9));
    let server: Server = Setup::new(items).start();
    let mut browser = visit(server.address(), "sku-100", "ann").await;
    browser.goto(&format!("http://{}/", server.address())).await;
    browser.until("document.querySelectorAll('.card').length === 24").await;
    browser.click("[data-at=more]").await;
    browser.until("document.querySelectorAll('.card').length === 30").await;
    browser.until("document.querySelector('[data-at=more]').hidden").await;
    browser.click(".card").await;
    until_unlocked(&mut browser).await;
    browser.assert_quiet(&[]).await;
}
