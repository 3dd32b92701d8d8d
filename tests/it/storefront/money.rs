//! **Job:** what the page says about money that came twice, too late, too little or too much, and in which digits.
//! **Owns:** what must never be said: that nothing is owed when something is.
//! **Never:** believes that the page asked: it is told while it looks.

use serde_json::{Value, json};

use super::shop::{BUY, SKU, STATUS, instruct, until_unlocked, visit};
use crate::support::{Attempt, Browser, Client, Item, Server, Setup, payment_event, send_signed};

const OWED: &str = "[data-at=owed]";

/// Reports a payment of any amount.
async fn pay(server: &Server, event: &str, order: &Value, amount: i64, currency: &str) {
    let mut report = payment_event(event, "succeeded", order);
    report["amount"] = json!(amount);
    report["currency"] = json!(currency);
    let answer = send_signed(&mut Client::new(server.address()), &report.to_string()).await.expect("an answer");
    assert_eq!(answer.status, 200, "{}", answer.text());
}

/// Money that went back, as the provider reports it.
async fn give_back(server: &Server, event: &str, order: &Value, amount: i64) {
    let mut report = payment_event(event, "refunded", order);
    report["amount"] = json!(amount);
    let answer = send_signed(&mut Client::new(server.address()), &report.to_string()).await.expect("an answer");
    assert_eq!(answer.status, 200, "{}", answer.text());
}

async fn bought(server: &Server) -> (Browser, Value) {
    let mut browser = visit(server.address(), SKU, "ann").await;
    until_unlocked(&mut browser).await;
    browser.click(BUY).await;
    browser.until_text(STATUS, "Reserved").await;
    let order = server.orders().remove(0);
    (browser, order)
}

/// No order card promises that nothing is owed.
async fn assert_honest(browser: &mut Browser) {
    let said = browser.text("main").await.to_lowercase();
    assert!(!said.contains("nothing is owed") && !said.contains("nothing was paid"), "{said}");
}

#[tokio::test]
async fn too_little_leaves_the_order_to_be_paid_and_is_said_to_come_back() {
    let server = Setup::new([Item::new(SKU, 9)]).start();
    let (mut browser, order) = bought(&server).await;
    assert_eq!(browser.text(OWED).await, "");
    pay(&server, "short", &order, 990, "CNY").await;
    browser.until_text(OWED, "CN¥9.90 arrived that does not pay this order").await;
    browser.until_text(OWED, "still to be paid").await;
    browser.until_text(STATUS, "Reserved").await;
    pay(&server, "yen", &order, 1_990, "JPY").await;
    browser.until_text(OWED, "CN¥9.90 and ¥1,990 arrived").await;
    assert_honest(&mut browser).await;
    browser.assert_quiet(&[]).await;
}

#[tokio::test]
async fn a_second_payment_of_a_paid_order_is_said_to_come_back_until_it_did() {
    let server = Setup::new([Item::new(SKU, 9)]).start();
    let (mut browser, order) = bought(&server).await;
    pay(&server, "over", &order, 2_000, "CNY").await;
    browser.until_text(STATUS, "Paid").await;
    browser.until_text(OWED, "CN¥0.10 arrived beyond the price, and will be paid back").await;
    pay(&server, "again", &order, 1_990, "CNY").await;
    browser.reload().await;
    browser.until_text(OWED, "CN¥20.00 arrived beyond the price").await;
    assert_honest(&mut browser).await;
    browser.assert_quiet(&[]).await;
}

#[tokio::test]
async fn money_for_an_order_that_is_over_is_said_to_come_back_and_then_that_it_did() {
    let server = Setup::new([Item::new(SKU, 9)]).start();
    let (mut browser, order) = bought(&server).await;
    browser.click("[data-at=cancel]").await;
    browser.click("[data-at=yes]").await;
    browser.until_text(STATUS, "Cancelled").await;
    assert_honest(&mut browser).await;
    pay(&server, "late", &order, 1_990, "CNY").await;
    browser.until_text(STATUS, "Refund due").await;
    browser.until_text(OWED, "CN¥19.90 will be paid back to you").await;
    assert_honest(&mut browser).await;
    give_back(&server, "back", &order, 1_990).await;
    browser.reload().await;
    browser.until_text(STATUS, "Refunded").await;
    assert_eq!(browser.text(OWED).await, "");
    browser.assert_quiet(&[]).await;
}

#[tokio::test]
async fn an_order_that_expired_after_a_short_payment_says_what_comes_back() {
    let server = Setup::new([Item::new(SKU, 9)]).set("payment.pay_within", "\"10s\"").start();
    let (mut browser, order) = bought(&server).await;
    pay(&server, "short", &order, 1, "CNY").await;
    browser.until_text(STATUS, "Refund due").await;
    browser.until_text(OWED, "CN¥0.01 will be paid back to you").await;
    assert_honest(&mut browser).await;
    browser.assert_quiet(&[]).await;
}

#[tokio::test]
async fn prices_have_the_digits_of_their_currency() {
    let server = Setup::new([Item::new(SKU, 9)]).start();
    let mut browser = visit(server.address(), SKU, "ann").await;
    for (currency, minor, shown) in [
        ("JPY", 1_990_i64, "¥1,990"),
        ("CNY", 1_990, "CN¥19.90"),
        ("KWD", 1_990, "KWD 1.990"),
        ("BHD", 5, "BHD 0.005"),
        ("ISK", 7, "ISK 7"),
        ("HUF", 199_000, "HUF 1,990.00"),
        ("USD", 9_007_199_254_740_993 - 2, "$90,071,992,547,409.91"),
        ("EUR", 9_007_199_254_740_893, "€90,071,992,547,408.93"),
    ] {
        let definition = json!({"title": currency, "unit_price": minor, "currency": currency, "stock": 9}).to_string();
        instruct(&server, "PUT", &format!("/v1/admin/items/in-{currency}"), Some(&definition)).await;
        browser.goto(&format!("http://{}/items/in-{currency}", server.address())).await;
        browser.until_text("h1", currency).await;
        assert_eq!(browser.text("[data-at=price]").await.replace('\u{a0}', " "), shown, "{currency}");
    }
    browser.assert_quiet(&[]).await;
}

#[tokio::test]
async fn the_front_page_shows_all_of_a_buyers_orders_when_asked_to() {
    let server = Setup::new([Item::new(SKU, 9), Item::new("tea", 9)]).start();
    for item in [SKU, "tea"] {
        let sold = Attempt::new("ann", item).send(&mut Client::new(server.address())).await.expect("an answer");
        assert_eq!(sold.status, 201);
    }
    let mut browser = visit(server.address(), SKU, "ann").await;
    browser.goto(&format!("http://{}/", server.address())).await;
    browser.until_text("[data-at=mine]", "Your orders").await;
    browser.until_text("[data-at=cards]", "Item tea").await;
    assert_eq!(browser.run("return document.querySelectorAll('[data-at=order]').length", &[]).await, 0, "nobody asked");
    browser.click("[data-at=mine] summary").await;
    browser.until("document.querySelectorAll('[data-at=order]').length === 2").await;
    browser.until_text("[data-at=orders]", "Item tea").await;
    let order = server.orders().into_iter().find(|order| order["item_id"] == "tea").expect("an order");
    pay(&server, "e1", &order, 1_990, "CNY").await;
    browser.until_text("[data-at=orders]", "Paid. It is yours.").await;
    browser.click("[data-at=orders] [data-at=item]").await;
    browser.until_text("h1", "Item ").await;
    browser.assert_quiet(&[]).await;
}
