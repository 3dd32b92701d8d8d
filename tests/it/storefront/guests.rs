//! **Job:** who the page buys for: a guest of development mode, the site's token, or whom a proxy names.
//! **Owns:** the three ways.
//! **Never:** lets a token show.

use serde_json::json;

use super::shop::{BUY, NOTE, SKU, attempts, orders_of, shown_order, until_unlocked, visit};
use crate::support::{Browser, Client, Item, Server, Setup, assert_problem, token};

#[tokio::test]
async fn in_development_mode_one_click_makes_a_guest_and_buys() {
    let server = Server::start_in_development_mode();
    let mut browser = Browser::start().await;
    browser.goto(&format!("http://{}/", server.address())).await;
    browser.until_text("[data-at=cards]", "Air freshener").await;
    browser.goto(&format!("http://{}/items/{SKU}", server.address())).await;
    until_unlocked(&mut browser).await;
    browser.click(BUY).await;
    let number = shown_order(&mut browser).await;
    browser.until_text("[data-at=who]", "You are guest-").await;
    let sold = server.orders();
    assert_eq!((sold.len(), attempts_of_guests(&sold)), (1, 1));
    assert_eq!(sold[0]["order_id"], number);
    browser.click("[data-at=again]").await;
    until_unlocked(&mut browser).await;
    browser.assert_quiet(&[]).await;
}

fn attempts_of_guests(orders: &[serde_json::Value]) -> usize {
    orders.iter().filter(|order| order["user_id"].as_str().is_some_and(|user| user.starts_with("guest-"))).count()
}

#[tokio::test]
async fn guests_are_fresh_each_time_and_there_are_none_with_a_configuration_file() {
    let development = Server::start_in_development_mode();
    let mut client = Client::new(development.address());
    let mut guest = async || client.request("POST", "/dev/buyer", &[], None).await.expect("an answer");
    let (one, other) = (guest().await, guest().await);
    assert_eq!((one.status, one.header("cache-control")), (201, Some("no-store")));
    assert_ne!(one.json()["user_id"], other.json()["user_id"]);
    let bearer = format!("Bearer {}", one.json()["token"].as_str().expect("a token"));
    let own = client.get("/v1/orders?item_id=sku-1", &[("Authorization", &bearer)]).await.expect("an answer");
    assert_eq!(own.status, 200, "{}", own.text());
    let read = client.get("/dev/buyer", &[]).await.expect("an answer");
    assert_problem(&read, 405, "method-not-allowed");

    let production = Setup::new([Item::new(SKU, 9)]).start();
    let mut client = Client::new(production.address());
    for method in ["POST", "GET", "PUT"] {
        let answer = client.request(method, "/dev/buyer", &[], None).await.expect("an answer");
        assert_problem(&answer, 404, "not-found");
    }
    let page = async |server: &Server| Client::new(server.address()).get("/", &[]).await.expect("an answer");
    let (one, other) = (page(&development).await, page(&production).await);
    assert_ne!(one.header("etag"), other.header("etag"), "pages that differ have different tags");
}

#[tokio::test]
async fn a_token_leaves_the_address_bar_at_once_and_outlives_a_reload() {
    let server = Setup::new([Item::new(SKU, 9)]).start();
    let mut browser = visit(server.address(), SKU, "ann").await;
    until_unlocked(&mut browser).await;
    assert_eq!(browser.run("return location.href", &[]).await, format!("http://{}/items/{SKU}", server.address()));
    assert_eq!(browser.run("return history.length", &[]).await.as_u64().map(|length| length < 3), Some(true));
    browser.until_text("[data-at=who]", "You are ann").await;
    let shown = browser.run("return document.documentElement.outerHTML", &[]).await;
    assert!(!shown.as_str().expect("text").contains(&token("ann")[..40]), "the token is in the page");
    browser.reload().await;
    until_unlocked(&mut browser).await;
    browser.click(BUY).await;
    shown_order(&mut browser).await;
    assert_eq!(orders_of(&server, "ann").await.len(), 1);
    browser.assert_quiet(&[]).await;
}

#[tokio::test]
async fn without_a_token_one_may_look_and_is_asked_to_sign_in() {
    let server = Setup::new([Item::new(SKU, 9)]).start();
    let mut browser = Browser::start().await;
    browser.goto(&format!("http://{}/items/{SKU}", server.address())).await;
    browser.until_text(NOTE, "sign in at the shop").await;
    browser.until_text("[data-at=left]", "9 of 9 left").await;
    browser.click_quickly(BUY, 3).await;
    assert_eq!(attempts(&server).await, 0);
    browser.assert_quiet(&[]).await;
}

#[tokio::test]
async fn a_token_that_is_no_longer_valid_leads_back_to_the_shop() {
    let server = Setup::new([Item::new(SKU, 9)]).start();
    let mut browser = Browser::start().await;
    browser.goto(&format!("http://{}/items/{SKU}#token=worn.out.token", server.address())).await;
    browser.until_text(NOTE, "sign in at the shop").await;
    assert_eq!(browser.run("return sessionStorage.length", &[]).await, 0, "the token is forgotten");
    browser.assert_quiet(&[401]).await;
}

#[tokio::test]
async fn where_a_proxy_names_the_buyer_the_page_needs_no_token() {
    let setup = Setup::new([Item::new(SKU, 9)]).set("auth.mode", "\"header\"");
    let server = setup.set("server.trusted_proxies", "[\"127.0.0.0/8\"]").start();
    let mut browser = Browser::start().await;
    browser.tool("Network.enable", json!({})).await;
    browser.tool("Network.setExtraHTTPHeaders", json!({"headers": {"X-User-Id": "ann"}})).await;
    browser.goto(&format!("http://{}/items/{SKU}", server.address())).await;
    until_unlocked(&mut browser).await;
    browser.click(BUY).await;
    shown_order(&mut browser).await;
    assert_eq!(server.orders()[0]["user_id"], "ann");
    browser.assert_quiet(&[]).await;
}
