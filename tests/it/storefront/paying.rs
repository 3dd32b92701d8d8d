//! **Job:** from an order to its payment page: the address, its signature, the button, and when both are gone.
//! **Owns:** the payment page's own check of what it is told.
//! **Never:** pays by the page: the provider reports.

use hmac::{Hmac, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use super::shop::{BUY, SKU, STATUS, instruct, shown_order, until_unlocked, visit};
use crate::support::{
    Attempt, Client, Item, Server, Setup, WEBHOOK_SECRET, admin_authorization, authorization, payment_event,
    report_paid, send_signed,
};

const PAY_NOW: &str = "[data-at=pay-now]";
/// Every place there is.
const TEMPLATE: &str = "\"https://pay.example/o/{order_id}?item={item_id}&n={quantity}&a={amount}&d={amount_decimal}\
                        &c={currency}&by={pay_by}&e={expires}&s={signature}\"";
const KEY: &str = "R5tYu7iOp9aSd1fGh3jKl5zXc7vBn9mQ";

fn signature(key: &str, order: &Value) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).expect("HMAC takes keys of any length");
    let word = |member: &str| order[member].as_str().expect("a text").to_owned();
    mac.update(format!("{}.{}.{}", word("order_id"), order["total_price"], word("currency")).as_bytes());
    mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What stands in the query of an address.
fn parameter(order: &Value, name: &str) -> String {
    let url = order["pay_url"].as_str().expect("an address");
    let query = url.split_once('?').expect("a query").1;
    let found = query.split('&').find_map(|pair| pair.strip_prefix(&format!("{name}=")));
    found.expect("a parameter").to_owned()
}

async fn read(server: &Server, order: &Value) -> Value {
    let path = format!("/v1/orders/{}", order["order_id"].as_str().expect("an id"));
    Client::new(server.address())
        .get(&path, &[("Authorization", &authorization("ann"))])
        .await
        .expect("an answer")
        .json()
}

async fn buy(server: &Server, quantity: u32) -> Value {
    let attempt = Attempt::new("ann", SKU).quantity(quantity);
    let answer = attempt.send(&mut Client::new(server.address())).await.expect("an answer");
    assert_eq!(answer.status, 201, "{}", answer.text());
    answer.json()
}

#[tokio::test]
async fn a_pending_order_says_where_it_is_paid_and_the_payment_page_can_trust_the_amount() {
    let item = Item::new(SKU, 9).limit(3).price(1_990);
    let server =
        Setup::new([item]).set("payment.pay_url", TEMPLATE).set("payment.pay_url_secret", &format!("{KEY:?}")).start();
    let order = buy(&server, 3).await;
    let url = order["pay_url"].as_str().expect("an address");
    assert!(
        url.starts_with(&format!("https://pay.example/o/{}?", order["order_id"].as_str().expect("an id"))),
        "{url}"
    );
    for (name, value) in [("item", SKU), ("n", "3"), ("a", "5970"), ("d", "59.70"), ("c", "CNY")] {
        assert_eq!(parameter(&order, name), value, "{url}");
    }
    let pay_by = order["pay_by"].as_str().expect("a time");
    assert_eq!(parameter(&order, "by"), pay_by.replace(':', "%3A"));
    let due: jiff::Timestamp = pay_by.parse().expect("RFC 3339");
    assert_eq!(parameter(&order, "e"), due.as_second().to_string());
    assert_eq!(parameter(&order, "s"), signature(KEY, &order));
    assert_eq!(read(&server, &order).await["pay_url"], url, "read again");
    report_paid(&mut Client::new(server.address()), "e1", &order).await.expect("an answer");
    assert_eq!(read(&server, &order).await.get("pay_url"), None, "nothing is left to be paid");
}

#[tokio::test]
async fn the_address_is_for_the_buyer_alone() {
    let server = Setup::new([Item::new(SKU, 9)]).set("payment.pay_url", TEMPLATE).start();
    let order = buy(&server, 1).await;
    assert_eq!(parameter(&order, "s"), signature(WEBHOOK_SECRET, &order), "without a key of its own: the webhook's");
    let operator = [("Authorization", admin_authorization())];
    let operator = operator.each_ref().map(|(name, value)| (*name, value.as_str()));
    let all = Client::new(server.ops_address()).get("/v1/admin/orders", &operator).await.expect("an answer").json();
    assert_eq!((&all["orders"][0]["order_id"], all["orders"][0].get("pay_url")), (&order["order_id"], None));
    let failed = payment_event("e1", "failed", &order).to_string();
    let told = send_signed(&mut Client::new(server.address()), &failed).await.expect("an answer").json();
    assert_eq!((&told["status"], told.get("pay_url")), (&json!("pending"), None), "the provider");
}

#[tokio::test]
async fn without_a_payment_page_there_is_no_address_and_no_button() {
    let server = Setup::new([Item::new(SKU, 9)]).start();
    let mut browser = visit(server.address(), SKU, "ann").await;
    until_unlocked(&mut browser).await;
    browser.click(BUY).await;
    browser.until_text(STATUS, "Reserved").await;
    assert_eq!(browser.run(&format!("return document.querySelector('{PAY_NOW}').checkVisibility()"), &[]).await, false);
    assert_eq!(server.orders()[0].get("pay_url"), None);
    browser.assert_quiet(&[]).await;
}

#[tokio::test]
async fn the_button_leads_to_the_payment_page_until_the_order_is_paid() {
    let server = Setup::new([Item::new(SKU, 9)]).set("payment.pay_url", TEMPLATE).start();
    let mut browser = visit(server.address(), SKU, "ann").await;
    until_unlocked(&mut browser).await;
    browser.click(BUY).await;
    shown_order(&mut browser).await;
    browser.until_text(PAY_NOW, "Pay now · CN¥19.90").await;
    let order = server.orders().remove(0);
    let link = format!("const link = document.querySelector('{PAY_NOW}'); return [link.href, link.rel, link.target]");
    let link = browser.run(&link, &[]).await;
    let signed = signature(WEBHOOK_SECRET, &order);
    assert!(link[0].as_str().expect("an address").ends_with(&format!("&s={signed}")), "{link}");
    assert_eq!((&link[1], &link[2]), (&json!("noopener"), &json!("_blank")));
    report_paid(&mut Client::new(server.address()), "e1", &order).await.expect("an answer");
    browser.until_text(STATUS, "Paid").await;
    browser.until(&format!("!document.querySelector('{PAY_NOW}').checkVisibility()")).await;
    browser.assert_quiet(&[]).await;
}

#[tokio::test]
async fn the_button_is_gone_when_the_order_is_over() {
    let setup = Setup::new([Item::new(SKU, 9).limit(2)]).set("payment.pay_url", TEMPLATE);
    let server = setup.set("payment.pay_within", "\"10s\"").start();
    let mut browser = visit(server.address(), SKU, "ann").await;
    until_unlocked(&mut browser).await;
    browser.click(BUY).await;
    browser.until_text(PAY_NOW, "Pay now").await;
    browser.until_text(STATUS, "Expired").await;
    browser.until(&format!("!document.querySelector('{PAY_NOW}').checkVisibility()")).await;
    browser.assert_quiet(&[]).await;
}

#[tokio::test]
async fn a_new_payment_page_is_taken_over_while_the_server_runs() {
    let server = Setup::new([Item::new(SKU, 9)]).start();
    let order = buy(&server, 1).await;
    assert_eq!(order.get("pay_url"), None);
    let path = server.directory().join("doorbuster.toml");
    let text = std::fs::read_to_string(&path).expect("the file");
    let with_page = text.replace("[payment]\n", "[payment]\npay_url = \"https://pay.example/{order_id}\"\n");
    std::fs::write(&path, with_page).expect("an own file");
    server.send("HUP");
    let expected = format!("https://pay.example/{}", order["order_id"].as_str().expect("an id"));
    let begun = std::time::Instant::now();
    while read(&server, &order).await["pay_url"] != expected {
        assert!(begun.elapsed().as_secs() < 20, "{}", server.stderr());
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    instruct(&server, "GET", "/readyz", None).await;
}
