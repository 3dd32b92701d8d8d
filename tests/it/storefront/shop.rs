//! **Job:** what a visitor and the owner do in these tests, one line each.
//! **Owns:** where things are on the page.
//! **Never:** judges what it finds.

use std::net::SocketAddr;

use serde_json::Value;

use crate::support::{Attempt, Browser, Client, Response, Server, admin_authorization, authorization, token};

pub(crate) const SKU: &str = "sku-1";
pub(crate) const BUY: &str = "[data-at=buy]";
pub(crate) const NOTE: &str = "[data-at=note]";
pub(crate) const ORDER: &str = "[data-at=order]";
pub(crate) const STATUS: &str = "[data-at=status]";

/// Opens the page of an item as `user`, whom the shop has given a token.
pub(crate) async fn visit(address: SocketAddr, item: &str, user: &str) -> Browser {
    let mut browser = Browser::start().await;
    browser.goto(&format!("http://{address}/items/{item}#token={}", token(user))).await;
    browser
}

/// Waits until the button can be pressed.
pub(crate) async fn until_unlocked(browser: &mut Browser) {
    browser.until(&format!("document.querySelector('{BUY}')?.disabled === false")).await;
}

/// Whether the button can be pressed.
pub(crate) async fn is_unlocked(browser: &mut Browser) -> bool {
    browser.run(&format!("return !document.querySelector('{BUY}').disabled"), &[]).await == true
}

/// The order that the page shows first.
pub(crate) async fn shown_order(browser: &mut Browser) -> String {
    browser.until(&format!("document.querySelector('{ORDER}')")).await;
    browser.text("[data-at=number]").await
}

/// The orders of a buyer, as the server knows them.
pub(crate) async fn orders_of(server: &Server, user: &str) -> Vec<Value> {
    let path = format!("/v1/orders?item_id={SKU}");
    let answer = Client::new(server.address()).get(&path, &[("Authorization", &authorization(user))]).await;
    let mut orders = answer.expect("an answer").json();
    serde_json::from_value(orders["orders"].take()).expect("a list")
}

/// A purchase past the page.
pub(crate) async fn buy_past_the_page(server: &Server, user: &str) -> Response {
    Attempt::new(user, SKU).send(&mut Client::new(server.address())).await.expect("an answer")
}

/// How many purchase attempts have come to the door so far.
pub(crate) async fn attempts(server: &Server) -> u64 {
    layer(server, "door").await["in"].as_u64().expect("a count")
}

/// What a layer of the gate has counted.
pub(crate) async fn layer(server: &Server, name: &str) -> Value {
    let answer = instruct(server, "GET", "/funnel", None).await.json();
    let layers = answer["layers"].as_array().expect("layers");
    layers.iter().find(|layer| layer["name"] == name).expect("a layer of that name").clone()
}

/// A request of the owner.
pub(crate) async fn instruct(server: &Server, method: &str, path: &str, body: Option<&str>) -> Response {
    let headers = [("Authorization", admin_authorization())];
    let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
    let answer = Client::new(server.ops_address()).request(method, path, &headers, body).await.expect("an answer");
    assert!(answer.status < 300, "{method} {path}: {} {}", answer.status, answer.text());
    answer
}
