//! **Job:** the countdown opens the button at the server's second, whatever the visitor's own clock says.
//! **Owns:** the wrong clocks.
//! **Never:** opens anything itself.

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::shop::{BUY, SKU, attempts, is_unlocked, orders_of, shown_order};
use crate::support::{Browser, Item, Setup, token};

/// How long before the opening the visitor comes: long enough for a browser to start on a busy machine.
const BEFORE: SignedDuration = SignedDuration::from_secs(12);
/// How late the button may be, in milliseconds: "at the server's second".
const LATEST_MS: f64 = 1000.0;
/// How early, in milliseconds: the server's clock is known to half a round trip.
const EARLIEST_MS: f64 = -50.0;

/// Puts the clock of the pages wrong by so many milliseconds.
async fn shift_clock(browser: &mut Browser, shift_ms: i64) {
    let script = format!(
        "(() => {{ const Right = Date; const now = () => Right.now() + {shift_ms};
           Date = class extends Right {{ constructor(...given) {{ given.length ? super(...given) : super(now()); }} }};
           Date.now = now; }})()"
    );
    browser.before_each_page(&script).await;
}

/// Notes in the page when the button was unlocked, by the machine's clock, which is the server's as well. From now on
/// the page hears nothing more about the item: only its own countdown can open the button.
const WATCH: &str = "const ask = window.fetch;
    window.fetch = (url, options) => (/items.[^/]+$/.test(url) ? new Promise(() => {}) : ask(url, options));
    const button = document.querySelector(arguments[0]);
    const look = () => {
        if (!button.disabled) window.unlockedAt ??= performance.timeOrigin + performance.now();
    };
    new MutationObserver(look).observe(button, { attributes: true });";

async fn opens_at_the_servers_second(shift_ms: i64) {
    let opens_at = Timestamp::now() + BEFORE;
    let server = Setup::new([Item::new(SKU, 9).opens_at(&opens_at.to_string())]).start();
    let mut browser = Browser::start().await;
    shift_clock(&mut browser, shift_ms).await;
    browser.goto(&format!("http://{}/items/{SKU}#token={}", server.address(), token("ann"))).await;
    browser.until_text(BUY, "Not open yet").await;
    assert!(!is_unlocked(&mut browser).await);
    browser.until("/^00:0/.test(document.querySelector('[data-at=digits]').textContent)").await;
    let shifted = browser.run("return Date.now() - performance.timeOrigin - performance.now()", &[]).await;
    let error_ms = shifted.as_f64().expect("a number") - f64::from(i32::try_from(shift_ms).expect("an hour"));
    assert!(error_ms.abs() < 5_000.0, "the page's clock is not wrong by {shift_ms} ms");
    browser.run(WATCH, &[json!(BUY)]).await;
    browser.until("window.unlockedAt").await;
    let unlocked_at = browser.run("return window.unlockedAt", &[]).await.as_f64().expect("a time");
    let late_ms = unlocked_at - opens_at.as_duration().as_secs_f64() * 1000.0;
    assert!((EARLIEST_MS..LATEST_MS).contains(&late_ms), "unlocked {late_ms} ms after the opening");
    browser.click(BUY).await;
    let number = shown_order(&mut browser).await;
    assert_eq!(orders_of(&server, "ann").await[0]["order_id"], number);
    assert_eq!(attempts(&server).await, 1, "it did not have to try twice");
    browser.assert_quiet(&[]).await;
}

#[tokio::test]
async fn a_clock_an_hour_fast_opens_nothing_early() {
    opens_at_the_servers_second(3_600_000).await;
}

#[tokio::test]
async fn a_clock_an_hour_slow_opens_nothing_late() {
    opens_at_the_servers_second(-3_600_000).await;
}
