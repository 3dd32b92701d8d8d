//! **Job:** leaves pictures of the shop for people to look at: `target/screenshots/storefront-*.png`.
//! **Owns:** which moments are worth a picture.
//! **Never:** compares pixels: a font that changes is no failure.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::shop::{BUY, STATUS, instruct, until_unlocked, visit};
use crate::support::{
    Attempt, Browser, Client, Colours, Item, Screen, Server, Setup, payment_event, report_paid, send_signed,
};

const TEXT: &str = "Hand-thrown celadon from Longquan: a pot and six cups.\n\nFired at 1,310 °C; each glaze a little \
                    different.\nComes in a wooden box.";

const LOOKS: [(&str, Screen, Colours); 4] = [
    ("light", Screen::Desk, Colours::Light),
    ("dark", Screen::Desk, Colours::Dark),
    ("phone", Screen::Phone, Colours::Light),
    ("phone-dark", Screen::Phone, Colours::Dark),
];

/// Pictures of a moment on every screen; nothing may be wider than it.
pub(crate) async fn pictures(browser: &mut Browser, moment: &str) {
    for (look, screen, colours) in LOOKS {
        browser.screen(screen).await;
        browser.colours(colours).await;
        // Nothing moves: the browsers of the tests ask for less motion. The next frame is the whole picture.
        let painted = "return new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))";
        browser.run(painted, &[]).await;
        browser.screenshot(&format!("storefront-{moment}-{look}")).await;
        let overflow = "return document.documentElement.scrollWidth - document.documentElement.clientWidth";
        assert_eq!(browser.run(overflow, &[]).await, 0, "{moment} on {look} is wider than the screen");
    }
    browser.screen(Screen::Desk).await;
    browser.colours(Colours::Light).await;
}

async fn furnish(server: &Server) {
    let in_90_minutes = (Timestamp::now() + SignedDuration::from_mins(90)).to_string();
    let long_ago = "2024-11-12T00:00:00+08:00";
    let items: [(&str, Value); 5] = [
        (
            "tea-set",
            json!({"title": "Celadon tea set, six cups", "unit_price": 25_900, "opens_at": in_90_minutes,
            "per_user_limit": 4, "description": TEXT}),
        ),
        ("air", json!({"title": "Air freshener", "unit_price": 1_990, "stock": 100})),
        ("lantern", json!({"title": "New Year lantern with a rather long name that does not fit on one line"})),
        ("gone", json!({"title": "Last umbrella", "stock": 1})),
        ("over", json!({"title": "Mooncakes of last autumn", "closes_at": long_ago})),
    ];
    for (id, mut definition) in items {
        for (member, value) in [("unit_price", json!(8_800)), ("currency", json!("CNY")), ("stock", json!(40))] {
            if definition[member].is_null() {
                definition[member] = value;
            }
        }
        let path = format!("/v1/admin/items/{id}");
        instruct(server, "PUT", &path, Some(&definition.to_string())).await;
    }
}

#[tokio::test]
async fn pictures_of_the_shop_are_taken() {
    let setup = Setup::new([Item::new("sku-1", 9)]);
    let server = setup.set("payment.pay_url", "\"https://pay.example/{order_id}?sig={signature}\"").start();
    furnish(&server).await;
    let mut browser = visit(server.address(), "tea-set", "ann").await;
    browser.until_text("[data-at=countdown]", "1:").await;
    pictures(&mut browser, "countdown").await;

    browser.goto(&format!("http://{}/items/air", server.address())).await;
    until_unlocked(&mut browser).await;
    pictures(&mut browser, "open").await;
    browser.click(BUY).await;
    browser.until_text(STATUS, "Reserved").await;
    pictures(&mut browser, "order").await;
    browser.click("[data-at=cancel]").await;
    pictures(&mut browser, "sure").await;
    let order = server.orders().remove(0);
    let mut short = payment_event("e0", "succeeded", &order);
    short["amount"] = json!(990);
    send_signed(&mut Client::new(server.address()), &short.to_string()).await.expect("an answer");
    browser.until_text("[data-at=owed]", "will be paid back").await;
    pictures(&mut browser, "short").await;
    report_paid(&mut Client::new(server.address()), "e1", &order).await.expect("an answer");
    browser.until_text(STATUS, "Paid").await;
    pictures(&mut browser, "paid").await;
    browser.goto(&format!("http://{}/", server.address())).await;
    browser.click("[data-at=mine] summary").await;
    browser.until_text("[data-at=orders]", "Paid").await;
    pictures(&mut browser, "mine").await;
    browser.goto(&format!("http://{}/items/tea-set", server.address())).await;
    browser.until_text("[data-at=about]", "Longquan").await;
    browser.click("[data-at=further]").await;
    pictures(&mut browser, "choice").await;

    let sold = Attempt::new("bob", "gone").send(&mut Client::new(server.address())).await;
    assert_eq!(sold.expect("an answer").status, 201);
    browser.goto(&format!("http://{}/items/gone", server.address())).await;
    browser.until_text(BUY, "Sold out").await;
    pictures(&mut browser, "sold-out").await;
    browser.goto(&format!("http://{}/", server.address())).await;
    browser.until_text("[data-at=cards]", "Celadon tea set").await;
    pictures(&mut browser, "list").await;
    browser.assert_quiet(&[]).await;
}
