//! **Job:** what an item looks like and how many of it are asked for: picture, text, quantity, total.
//! **Owns:** the host of the pictures.
//! **Never:** counts on the page for the limit: the server holds it.

use std::net::SocketAddr;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::line::{Fault, Line};
use super::shop::{BUY, NOTE, ORDER, SKU, instruct, orders_of, until_unlocked, visit};
use crate::support::{Attempt, Client, Item, Server, Setup};

/// The smallest picture there is: one red pixel.
const PICTURE: &str =
    "<svg xmlns='http://www.w3.org/2000/svg' width='4' height='3'><rect width='4' height='3' fill='red'/></svg>";

/// A host with a picture at `/a.svg` and nothing else.
async fn pictures() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("a bound socket has an address");
    tokio::spawn(async move {
        while let Ok((mut visitor, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut request = vec![0; 4_096];
                let read = visitor.read(&mut request).await.unwrap_or_default();
                let has_it = request[..read].starts_with(b"GET /a.svg");
                let (status, body) = if has_it { ("200 OK", PICTURE) } else { ("404 Not Found", "") };
                let kind = "Content-Type: image/svg+xml\r\nConnection: close";
                let head = format!("HTTP/1.1 {status}\r\n{kind}\r\nContent-Length: {}\r\n\r\n", body.len());
                // A visitor who has gone needs no picture.
                let _ = visitor.write_all(format!("{head}{body}").as_bytes()).await;
            });
        }
    });
    address
}

async fn furnish(server: &Server, item: &str, description: &str, image_url: &str) {
    let definition = json!({"title": "Tea", "description": description, "image_url": image_url, "unit_price": 500,
        "currency": "CNY", "stock": 9});
    instruct(server, "PUT", &format!("/v1/admin/items/{item}"), Some(&definition.to_string())).await;
}

#[tokio::test]
async fn an_item_has_its_picture_and_its_text_and_a_broken_picture_hides() {
    let host = pictures().await;
    let server = Server::start_in_development_mode();
    let home = format!("http://{}", server.address());
    let (whole, broken) = (format!("http://{host}/a.svg"), format!("http://{host}/none.svg"));
    let mut browser = crate::support::Browser::start().await;
    let admin = development_token(&server);
    for (item, url) in [("whole", &whole), ("broken", &broken)] {
        let definition = json!({"title": "Tea", "description": "First line\n<b>second</b> & last", "image_url": url,
            "unit_price": 500, "currency": "CNY", "stock": 9});
        let headers = [("Authorization", format!("Bearer {admin}"))];
        let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
        let path = format!("/v1/admin/items/{item}");
        let made =
            Client::new(server.ops_address()).request("PUT", &path, &headers, Some(&definition.to_string())).await;
        assert_eq!(made.expect("an answer").status, 201);
    }
    browser.goto(&format!("{home}/items/whole")).await;
    browser.until("document.querySelector('[data-at=picture]')?.naturalWidth === 4").await;
    browser.until("getComputedStyle(document.querySelector('[data-at=picture]')).opacity === '1'").await;
    let picture = "const image = document.querySelector('[data-at=picture]'); return [image.alt, image.loading]";
    assert_eq!(browser.run(picture, &[]).await, json!(["Tea", "lazy"]));
    assert_eq!(browser.text("[data-at=about]").await, "First line\n<b>second</b> & last");
    assert_eq!(browser.run("return document.querySelectorAll('[data-at=about] *').length", &[]).await, 0, "text only");
    browser.goto(&format!("{home}/items/broken")).await;
    browser.until("document.querySelector('[data-at=picture]')?.src.endsWith('none.svg')").await;
    browser.until("document.querySelector('[data-at=picture]').hidden").await;
    assert_eq!(browser.text("[data-at=tile]").await, "T", "the tile is there instead");
    browser.goto(&format!("{home}/")).await;
    browser.until("document.querySelector('[href$=\"items/whole\"] [data-at=picture]')?.naturalWidth === 4").await;
    browser.assert_quiet(&[404]).await;
}

fn development_token(server: &Server) -> String {
    let text = std::fs::read_to_string(server.data_file().with_file_name("development.toml")).expect("the secrets");
    let line = text.lines().find_map(|line| line.strip_prefix("admin_token = \"")).expect("a token");
    line.trim_end_matches('"').to_owned()
}

#[tokio::test]
async fn in_production_a_page_loads_pictures_over_https_only() {
    let host = pictures().await;
    let server = Setup::new([Item::new(SKU, 9)]).start();
    furnish(&server, "plain", "", &format!("http://{host}/a.svg")).await;
    let page = Client::new(server.address()).get("/items/plain", &[]).await.expect("an answer");
    let policy = page.header("content-security-policy").expect("a policy");
    assert!(policy.contains("img-src 'self' data: https:;"), "{policy}");
    let mut browser = visit(server.address(), "plain", "ann").await;
    until_unlocked(&mut browser).await;
    browser.until("document.querySelector('[data-at=picture]').hidden").await;
    let refused = browser.complaints().await;
    assert!(refused.iter().any(|line| line.contains("img-src")), "{refused:?}");
}

#[tokio::test]
async fn a_buyer_chooses_how_many_and_sees_what_it_costs() {
    let server = Setup::new([Item::new(SKU, 9).limit(4)]).start();
    let mut browser = visit(server.address(), SKU, "ann").await;
    until_unlocked(&mut browser).await;
    browser.until_text("[data-at=total]", "CN¥19.90").await;
    browser.click("[data-at=further]").await;
    browser.click("[data-at=further]").await;
    browser.until_text("[data-at=total]", "3 × CN¥19.90 = CN¥59.70").await;
    browser.until_text(BUY, "Buy 3").await;
    browser.click(BUY).await;
    browser.until_text("[data-at=amount]", "3 × CN¥19.90 = CN¥59.70").await;
    let orders = orders_of(&server, "ann").await;
    assert_eq!((orders.len(), &orders[0]["quantity"], &orders[0]["total_price"]), (1, &json!(3), &json!(5_970)));
    // One more may be held: there is nothing left to choose.
    until_unlocked(&mut browser).await;
    browser.until_text(BUY, "Buy one more").await;
    browser.until("document.querySelector('[data-at=choice]').hidden").await;
    browser.assert_quiet(&[]).await;
}

#[tokio::test]
async fn more_than_the_limit_or_the_rest_cannot_be_chosen() {
    let server = Setup::new([Item::new(SKU, 3).limit(20)]).start();
    let mut browser = visit(server.address(), SKU, "ann").await;
    until_unlocked(&mut browser).await;
    browser.run("const units = document.querySelector('[data-at=units]'); units.value = ''; units.focus()", &[]).await;
    browser.write("[data-at=units]", "70\u{e007}").await;
    browser.until("document.querySelector('[data-at=units]').value === '3'").await;
    browser.until_text(BUY, "Buy 3").await;
    browser.until("document.querySelector('[data-at=further]').disabled").await;
    // Somebody is quicker, and the page has not heard of it: the server says how many are left.
    browser
        .run(
            "const ask = window.fetch; window.fetch = (url, options) => /items.[^/]+$/.test(url)
        ? new Promise(() => {}) : ask(url, options)",
            &[],
        )
        .await;
    let sold = Attempt::new("bob", SKU).quantity(2).send(&mut Client::new(server.address())).await;
    assert_eq!(sold.expect("an answer").status, 201);
    browser.click(BUY).await;
    browser.until_text(NOTE, "Only 1 left").await;
    browser.assert_quiet(&[409]).await;
}

#[tokio::test]
async fn an_attempt_without_an_answer_is_asked_again_with_its_own_number() {
    let server = Setup::new([Item::new(SKU, 9).limit(5)]).start();
    let line = Line::to(server.address(), [Fault::Silence]).await;
    let mut browser = visit(line.address, SKU, "ann").await;
    until_unlocked(&mut browser).await;
    browser.click("[data-at=further]").await;
    browser.until_text(BUY, "Buy 2").await;
    browser.click(BUY).await;
    browser.until("document.querySelector('[data-at=units]').disabled").await;
    let begun = std::time::Instant::now();
    while line.keys().is_empty() {
        assert!(begun.elapsed().as_secs() < 20, "the attempt is on its way");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    browser.reload().await;
    browser.until_text(BUY, "Ask again").await;
    let asked = "const units = document.querySelector('[data-at=units]'); return [units.value, units.disabled]";
    assert_eq!(browser.run(asked, &[]).await, json!(["2", true]));
    browser.click(BUY).await;
    browser.until(&format!("document.querySelector('{ORDER}')")).await;
    browser.until_text(BUY, "more").await;
    let keys = line.keys();
    assert_eq!((keys.len(), &keys[0]), (2, &keys[1]));
    let orders = orders_of(&server, "ann").await;
    assert_eq!((orders.len(), &orders[0]["quantity"]), (1, &json!(2)));
}
