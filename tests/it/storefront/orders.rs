//! **Job:** what a buyer sees of his order afterwards: the deadline, the payment, its end.
//! **Owns:** the check that a page learnt something without being loaded again.
//! **Never:** looks at an order before the page could.

use super::shop::{BUY, ORDER, SKU, STATUS, attempts, orders_of, shown_order, until_unlocked, visit};
use crate::support::{Browser, Client, Item, Server, Setup, live_of, report_paid};

/// Buys through the page; a mark tells later whether it was loaded again.
async fn buy(server: &Server) -> Browser {
    let mut browser = visit(server.address(), SKU, "ann").await;
    until_unlocked(&mut browser).await;
    browser.run("window.isTheSamePage = true", &[]).await;
    browser.click(BUY).await;
    shown_order(&mut browser).await;
    browser
}

async fn assert_same_page(browser: &mut Browser) {
    assert_eq!(browser.run("return window.isTheSamePage", &[]).await, true, "the page was loaded again");
    browser.assert_quiet(&[]).await;
}

#[tokio::test]
async fn an_order_shows_its_number_amount_and_deadline_and_then_its_payment() {
    let server = Setup::new([Item::new(SKU, 9)]).start();
    let mut browser = buy(&server).await;
    browser.until_text(STATUS, "Reserved").await;
    browser.until_text("[data-at=say]", "pay by").await;
    browser.until_text("[data-at=pay]", "14:").await;
    assert_eq!(browser.text("[data-at=amount]").await, "CN¥19.90");
    browser.until(&format!("document.querySelector('{BUY}').hidden")).await;
    let order = orders_of(&server, "ann").await.remove(0);
    assert_eq!(browser.text("[data-at=number]").await, order["order_id"].as_str().expect("an id"));
    let reported = report_paid(&mut Client::new(server.address()), "e1", &order).await.expect("an answer");
    assert_eq!(reported.status, 200);
    browser.until_text(STATUS, "Paid").await;
    assert_same_page(&mut browser).await;
}

#[tokio::test]
async fn an_order_that_expires_says_so_and_the_button_comes_back() {
    let server = Setup::new([Item::new(SKU, 9)]).set("payment.pay_within", "\"2s\"").start();
    let mut browser = buy(&server).await;
    browser.until_text(STATUS, "Expired").await;
    until_unlocked(&mut browser).await;
    assert_same_page(&mut browser).await;
}

#[tokio::test]
async fn giving_an_order_back_takes_two_clicks() {
    let server = Setup::new([Item::new(SKU, 9)]).start();
    let mut browser = buy(&server).await;
    browser.click("[data-at=cancel]").await;
    browser.click("[data-at=no]").await;
    browser.click("[data-at=cancel]").await;
    assert_eq!(live_of(&server.orders(), SKU), 1, "nothing is cancelled by the first click");
    browser.click("[data-at=yes]").await;
    browser.until_text(STATUS, "Cancelled").await;
    assert_eq!(orders_of(&server, "ann").await[0]["status"], "cancelled");
    assert_same_page(&mut browser).await;
    // The next attempt is another one, with a key of its own.
    until_unlocked(&mut browser).await;
    browser.click(BUY).await;
    browser.until(&format!("document.querySelectorAll('{ORDER}').length === 2")).await;
    assert_eq!(attempts(&server).await, 2);
    browser.assert_quiet(&[]).await;
}

#[tokio::test]
async fn a_reload_shows_the_order_again_and_follows_it() {
    let server = Setup::new([Item::new(SKU, 9)]).start();
    let mut browser = buy(&server).await;
    let number = browser.text("[data-at=number]").await;
    browser.reload().await;
    assert_eq!(shown_order(&mut browser).await, number);
    browser.run("window.isTheSamePage = true", &[]).await;
    let order = orders_of(&server, "ann").await.remove(0);
    report_paid(&mut Client::new(server.address()), "e1", &order).await.expect("an answer");
    browser.until_text(STATUS, "Paid").await;
    assert_same_page(&mut browser).await;
}
