//! **Job:** the operator's dashboard in a real browser, before a real server: what it shows, and that its buttons work.
//! **Owns:** the way in: the admin token, typed once.
//! **Never:** believes the page: what it says is compared with the listeners.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::{
    ADMIN_TOKEN, Attempt, Browser, Client, Colours, Item, Screen, Server, Setup, admin_authorization, crowd,
};

/// How soon the page must show what was done to an item.
const SOON: Duration = Duration::from_secs(2);

async fn enter(server: &Server) -> Browser {
    let mut browser = Browser::start().await;
    browser.goto(&format!("http://{}/", server.ops_address())).await;
    browser.until("!document.querySelector('#token-form').hidden").await;
    browser.write("#token", ADMIN_TOKEN).await;
    browser.click("#token-form button[type=submit]").await;
    browser.until("document.querySelector('#verdict').dataset.level === 'healthy'").await;
    browser
}

/// Waits until a cell of an item's row begins with `text`, which is not the beginning of a longer number.
async fn until_shown(browser: &mut Browser, item: &str, field: &str, text: &str) {
    let cell = format!("document.querySelector('[data-item=\"{item}\"] [data-field=\"{field}\"]')?.innerText");
    browser.until(&format!("({cell} ?? '').trim().match(/^{text}(?![0-9,])/)")).await;
}

async fn steer(server: &Server, item: &str, step: &str, body: Option<&str>) {
    let mut owner = Client::new(server.ops_address());
    let path = format!("/v1/admin/items/{item}/{step}");
    let answer = owner.request("POST", &path, &[("Authorization", &admin_authorization())], body).await;
    assert_eq!(answer.expect("an answer").status, 200, "{path}");
}

/// How long it takes until a cell of an item's row begins with `text`.
async fn shown_after(browser: &mut Browser, item: &str, field: &str, text: &str) -> Duration {
    let since = Instant::now();
    until_shown(browser, item, field, text).await;
    since.elapsed()
}

#[tokio::test]
async fn a_pause_and_a_restock_are_shown_within_two_seconds() {
    let server = Setup::new([Item::new("lamp", 100), Item::new("tea", 40)]).start();
    let mut browser = enter(&server).await;
    until_shown(&mut browser, "lamp", "state", "on sale").await;
    let (mut pauses, mut restocks) = (Vec::new(), Vec::new());
    // Several times, and the median counts: the machine has other things to do as well.
    for round in 1..=5 {
        steer(&server, "lamp", "pause", None).await;
        pauses.push(shown_after(&mut browser, "lamp", "state", "paused").await);
        steer(&server, "tea", "restock", Some("{\"quantity\":17}")).await;
        restocks.push(shown_after(&mut browser, "tea", "remaining", &(40 + 17 * round).to_string()).await);
        steer(&server, "lamp", "resume", None).await;
        until_shown(&mut browser, "lamp", "state", "on sale").await;
    }
    for times in [&mut pauses, &mut restocks] {
        times.sort();
        assert!(times[2] < SOON, "{times:?}");
    }
    browser.assert_quiet(&[]).await;
}

#[tokio::test]
async fn the_buttons_of_a_row_pause_and_restock_after_a_question() {
    let server = Setup::new([Item::new("lamp", 100)]).start();
    let mut browser = enter(&server).await;
    until_shown(&mut browser, "lamp", "state", "on sale").await;
    browser.click("[data-item=\"lamp\"] [data-action=\"pause\"]").await;
    browser.until("document.querySelector('#confirm').open").await;
    browser.click("#confirm-yes").await;
    until_shown(&mut browser, "lamp", "state", "paused").await;
    browser.click("[data-item=\"lamp\"] [data-action=\"restock\"]").await;
    browser.until("document.querySelector('#confirm').open").await;
    browser.write("#confirm-quantity", "23").await;
    browser.click("#confirm-yes").await;
    until_shown(&mut browser, "lamp", "remaining", "123").await;
    let mut shop = Client::new(server.address());
    let item = shop.get("/v1/items/lamp", &[]).await.expect("an answer").json();
    assert_eq!((&item["state"], &item["remaining"]), (&json!("paused"), &json!(123)), "the page told the truth");
    browser.assert_quiet(&[]).await;
}

#[tokio::test]
async fn the_slow_actor_stands_out() {
    let items = ["a", "b", "c"];
    let server = Setup::new(items.map(|id| Item::new(id, 100_000))).slow_item("b=20ms").start();
    let mut browser = enter(&server).await;
    let attempts = |round: usize| {
        let of = |item: &'static str| (0..40).map(move |buyer| Attempt::new(&format!("r{round}-{buyer}"), item));
        items.into_iter().flat_map(of).collect::<Vec<_>>()
    };
    // The page needs two readings to tell a rate: the crowd comes in rounds.
    for round in 0..4 {
        crowd(server.address(), attempts(round)).await;
    }
    browser.until("document.querySelector('[data-item=\"b\"]').dataset.alarm !== undefined").await;
    for calm in ["a", "c"] {
        let alarm = browser
            .run(
                &format!(
                    "return document.querySelector('[data-item=\"{calm}\"] \
            [data-field=handle_p99]').textContent"
                ),
                &[],
            )
            .await;
        assert!(alarm.is_string(), "{calm} has a row: {alarm}");
    }
    browser.assert_quiet(&[]).await;
}

#[tokio::test]
async fn a_wrong_token_is_told_and_the_right_one_is_kept_for_the_tab_only() {
    let server = Setup::new([Item::new("lamp", 100)]).start();
    let mut browser = Browser::start().await;
    browser.goto(&format!("http://{}/", server.ops_address())).await;
    browser.until("!document.querySelector('#token-form').hidden").await;
    browser.write("#token", "wrong").await;
    browser.click("#token-form button[type=submit]").await;
    browser.until("!document.querySelector('#token-form').hidden && sessionStorage.length === 0").await;
    browser.write("#token", ADMIN_TOKEN).await;
    browser.click("#token-form button[type=submit]").await;
    until_shown(&mut browser, "lamp", "state", "on sale").await;
    let stored = browser.run("return [localStorage.length, document.cookie]", &[]).await;
    assert_eq!(stored, json!([0, ""]));
    browser.assert_quiet(&[401]).await;
}

#[tokio::test]
async fn screenshots_of_a_sale_in_the_colours_and_sizes_people_have() {
    let items: Vec<_> = (1..=24).map(|number| Item::new(&format!("sku-{number:02}"), 400)).collect();
    let server = Setup::new(items).start();
    let mut browser = enter(&server).await;
    // A crowd after every reading of the page, so that its charts have something to show.
    for round in 1..=8 {
        let of = |item: usize| (0..30 * round / item).map(move |buyer| (item, buyer));
        let attempt =
            |(item, buyer): (usize, usize)| Attempt::new(&format!("r{round}-{buyer}"), &format!("sku-{item:02}"));
        crowd(server.address(), (1..=24).flat_map(of).map(attempt).collect()).await;
        let sold = (1..=round).map(|round| 30 * round).sum::<usize>().min(400);
        until_shown(&mut browser, "sku-01", "remaining", &(400 - sold).to_string()).await;
    }
    for (name, colours, screen) in [
        ("dashboard-light", Colours::Light, Screen::Desk),
        ("dashboard-dark", Colours::Dark, Screen::Desk),
        ("dashboard-phone", Colours::Light, Screen::Phone),
    ] {
        browser.colours(colours).await;
        browser.screen(screen).await;
        browser.screenshot(name).await;
    }
    browser.assert_quiet(&[]).await;
}

#[tokio::test]
async fn somebody_who_tries_tokens_is_in_the_verdict() {
    let server = Setup::new([Item::new("lamp", 9)]).start();
    let mut browser = enter(&server).await;
    let mut stranger = Client::new(server.ops_address());
    for guess in 0..5 {
        let bearer = format!("Bearer guess-{guess}");
        let answer = stranger.get("/actors", &[("Authorization", &bearer)]).await.expect("an answer");
        assert_eq!(answer.status, 401);
    }
    browser.until("document.querySelector('#verdict').dataset.level === 'degraded'").await;
    browser.until("document.querySelector('#verdict').innerText.includes('tries tokens')").await;
}
