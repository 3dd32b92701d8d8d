//! **Job:** the pages behind proxies, in a real browser: news come, links lead somewhere, one stream is enough.
//! **Owns:** the way through nginx.
//! **Never:** loads a page again to see what it should have heard.

use serde_json::json;

use super::in_front_of;
use super::tap::Tap;
use crate::support::{ADMIN_TOKEN, Attempt, Browser, Client, Item, Nginx, Server, Setup, report_paid, shop_of, token};

const BUY: &str = "[data-at=buy]";
const STATUS: &str = "[data-at=status]";
const QUIET: &str = "[data-at=quiet]";

/// How often the page has asked for an order, beside its stream.
const QUESTIONS: &str = "return performance.getEntriesByType('resource')
    .filter(({ name }) => /\\/v1\\/orders\\/[0-9A-Za-z-]+$/.test(name)).length";

/// Notes whether the page says that it hears nothing.
const WATCH_FOR_COMPLAINTS: &str = "const note = document.querySelector(arguments[0]);
    [window.since, window.complained] = [performance.now(), !note.hidden];
    new MutationObserver(() => { window.complained ||= !note.hidden; }).observe(note, { attributes: true });";

fn server() -> Setup {
    Setup::new([Item::new("sku", 9), Item::new("tea", 9)])
}

async fn visit(browser: &mut Browser, shop: &str, item: &str) {
    browser.goto(&format!("{shop}items/{item}#token={}", token("ann"))).await;
}

/// Buys through the page.
async fn buy(browser: &mut Browser, shop: &str) {
    visit(browser, shop, "sku").await;
    browser.until(&format!("document.querySelector('{BUY}')?.disabled === false")).await;
    browser.click(BUY).await;
    browser.until_text(STATUS, "Reserved").await;
}

async fn pay_all(server: &Server) {
    for (number, order) in server.orders().iter().enumerate() {
        let paid = report_paid(&mut Client::new(server.address()), &format!("e{number}"), order).await;
        assert_eq!(paid.expect("an answer").status, 200);
    }
}

#[tokio::test]
async fn behind_the_proxy_that_is_deployed_the_page_hears_the_payment_by_the_stream() {
    let server = server().set("server.trusted_proxies", "[\"127.0.0.1/32\"]").start();
    let nginx = shop_of(&server);
    let mut browser = Browser::start().await;
    buy(&mut browser, &format!("https://{}/", nginx.address())).await;
    // The next sign of life comes after 15 s: until then, silence is nothing to worry about.
    browser.run(WATCH_FOR_COMPLAINTS, &[json!(QUIET)]).await;
    browser.until("performance.now() > window.since + 17000").await;
    assert_eq!(browser.run("return window.complained", &[]).await, json!(false));
    pay_all(&server).await;
    browser.until_text(STATUS, "Paid").await;
    assert_eq!(browser.run(QUESTIONS, &[]).await, json!(0), "nothing had to be asked");
    browser.assert_quiet(&[]).await;
    assert_eq!(nginx.read("error.log"), "");
}

#[tokio::test]
async fn behind_a_proxy_of_defaults_the_page_hears_the_payment_by_the_stream() {
    let server = server().start();
    // HTTP/1.0 to the server.
    let nginx = in_front_of(server.address(), "");
    let mut browser = Browser::start().await;
    buy(&mut browser, &format!("http://{}/", nginx.address())).await;
    pay_all(&server).await;
    browser.until_text(STATUS, "Paid").await;
    assert_eq!(browser.run(QUESTIONS, &[]).await, json!(0), "nothing had to be asked");
    browser.assert_quiet(&[]).await;
}

/// Keeps all events to itself, whatever it is told: what it compresses fits a buffer for a long time.
fn holding_back(server: &Server) -> Nginx {
    let collects = "proxy_buffering on; proxy_ignore_headers X-Accel-Buffering;";
    in_front_of(server.address(), &format!("{collects} gzip on; gzip_types *; gzip_proxied any;"))
}

#[tokio::test]
async fn behind_a_proxy_that_holds_events_back_the_page_asks() {
    let server = server().start();
    let nginx = holding_back(&server);
    let mut browser = Browser::start().await;
    buy(&mut browser, &format!("http://{}/", nginx.address())).await;
    pay_all(&server).await;
    browser.until_text(STATUS, "Paid").await;
    assert_ne!(browser.run(QUESTIONS, &[]).await, json!(0), "the proxy did not hold anything back");
    browser.assert_quiet(&[]).await;
}

#[tokio::test]
async fn behind_a_proxy_that_holds_events_back_an_order_expires_on_the_page_too() {
    let server = server().set("payment.pay_within", "\"5s\"").start();
    let nginx = holding_back(&server);
    let mut browser = Browser::start().await;
    buy(&mut browser, &format!("http://{}/", nginx.address())).await;
    browser.until_text(STATUS, "Expired").await;
    browser.assert_quiet(&[]).await;
}

#[tokio::test]
async fn a_page_that_hears_nothing_at_all_says_so() {
    let mut server = server().start();
    let mut browser = Browser::start().await;
    buy(&mut browser, &format!("http://{}/", server.address())).await;
    assert_eq!(browser.run("return document.querySelector(arguments[0]).hidden", &[json!(QUIET)]).await, true);
    server.kill9();
    browser.until_text(QUIET, "No news from the shop for 1").await;
    browser.screenshot("storefront-quiet").await;
}

#[tokio::test]
async fn eight_tabs_share_one_stream_and_each_hears_of_its_own_order() {
    let server = server().start();
    let tap = Tap::to(server.address()).await;
    let shop = format!("http://{}/", tap.address);
    for item in ["sku", "tea"] {
        let bought = Attempt::new("ann", item).send(&mut Client::new(server.address())).await.expect("an answer");
        assert_eq!(bought.status, 201);
    }
    let mut browser = Browser::start().await;
    let mut tabs = vec![browser.tab().await];
    for number in 0..8 {
        if number > 0 {
            // Some are seen all the time, some only while they are worked with.
            tabs.push(browser.new_tab(["tab", "window", "window"][number % 3]).await);
        }
        visit(&mut browser, &shop, ["sku", "tea"][number % 2]).await;
        // With a stream a tab the seventh would wait for ever.
        browser.until_text(STATUS, "Reserved").await;
        tap.until_open(1).await;
    }
    // The tab that was first has had the stream, if it was seen all the time; whoever has it, it is gone now.
    for _closed in 0..2 {
        browser.switch_to(&tabs.remove(0)).await;
        browser.close_tab().await;
    }
    browser.switch_to(&tabs[0]).await;
    tap.until_open(1).await;
    pay_all(&server).await;
    for tab in &tabs {
        browser.switch_to(tab).await;
        browser.until_text(STATUS, "Paid").await;
    }
    tap.until_open(0).await;
    // One may be on its way out when the next one comes.
    assert!(tap.most() <= 2, "{} streams at once", tap.most());
    browser.assert_quiet(&[]).await;
}

/// Two ways to have a shop below a path.
fn below_a_path(server: &Server, removes: bool) -> Nginx {
    let slash = if removes { "/" } else { "" };
    let to = |name: &str, address, slash| format!("location /{name}/ {{ proxy_pass http://{address}{slash}; }}");
    let (shop, ops) = (to("sale", server.address(), slash), to("ops", server.ops_address(), "/"));
    Nginx::start(&format!("server {{ listen {{listen}}; {shop} {ops} }}"))
}

#[tokio::test]
async fn the_shop_works_below_a_path_whether_the_proxy_removes_it_or_not() {
    for removes in [true, false] {
        let base_path = if removes { "\"\"" } else { "\"/sale\"" };
        let server = server().set("server.base_path", base_path).start();
        let nginx = below_a_path(&server, removes);
        let mut browser = Browser::start().await;
        let shop = format!("http://{}/sale/", nginx.address());
        browser.goto(&shop).await;
        browser.until_text("[data-at=cards]", "Item sku").await;
        browser.click("[data-at=cards] li a").await;
        browser.until_text("[data-at=title]", "Item sku").await;
        browser.click(".home").await;
        browser.until_text("[data-at=cards]", "Item sku").await;
        buy(&mut browser, &shop).await;
        pay_all_below(&server, if removes { "" } else { "/sale" }).await;
        browser.until_text(STATUS, "Paid").await;
        browser.assert_quiet(&[]).await;
    }
}

async fn pay_all_below(server: &Server, base_path: &str) {
    for order in server.orders() {
        let paid = crate::support::report_paid_below(&mut Client::new(server.address()), base_path, "e1", &order).await;
        assert_eq!(paid.expect("an answer").status, 200);
    }
}

async fn enter(browser: &mut Browser, dashboard: &str) {
    browser.goto(dashboard).await;
    browser.until("!document.querySelector('#token-form').hidden").await;
    browser.write("#token", ADMIN_TOKEN).await;
    browser.click("#token-form button[type=submit]").await;
    browser.until("document.querySelector('#verdict').dataset.level === 'healthy'").await;
}

#[tokio::test]
async fn the_dashboard_and_the_documentation_work_below_a_path() {
    let server = server().start();
    let nginx = below_a_path(&server, true);
    let mut browser = Browser::start().await;
    let dashboard = format!("http://{}/ops/", nginx.address());
    enter(&mut browser, &dashboard).await;
    browser.until("document.querySelector('[data-item=sku]')").await;
    browser.click("[data-item=\"sku\"] [data-action=\"pause\"]").await;
    browser.until("document.querySelector('#confirm').open").await;
    browser.click("#confirm-yes").await;
    browser.until("document.querySelector('[data-item=sku] [data-field=state]').innerText.includes('paused')").await;
    browser.goto(&format!("{dashboard}docs")).await;
    browser.until("document.querySelectorAll('.opblock').length > 10").await;
    browser.assert_quiet(&[]).await;
}

#[tokio::test]
async fn tabs_of_the_dashboard_share_one_stream_and_say_when_it_is_silent() {
    let mut server = server().start();
    let tap = Tap::to(server.ops_address()).await;
    let dashboard = format!("http://{}/", tap.address);
    let mut browser = Browser::start().await;
    let mut tabs = vec![browser.tab().await];
    for number in 0..7 {
        if number > 0 {
            tabs.push(browser.new_tab("window").await);
        }
        enter(&mut browser, &dashboard).await;
        tap.until_open(1).await;
    }
    browser.switch_to(&tabs.remove(0)).await;
    browser.close_tab().await;
    browser.switch_to(&tabs[0]).await;
    tap.until_open(1).await;
    assert!(tap.most() <= 2, "{} streams at once", tap.most());
    // A tab with another token is told nothing by the others.
    let stranger = browser.new_tab("window").await;
    browser.goto(&dashboard).await;
    browser.until("!document.querySelector('#token-form').hidden").await;
    browser.write("#token", "wrong").await;
    browser.click("#token-form button[type=submit]").await;
    browser.until("!document.querySelector('#token-form').hidden && sessionStorage.length === 0").await;
    assert_eq!(browser.run("return document.querySelector('#board').hidden", &[]).await, true);
    tabs.push(stranger);
    server.kill9();
    for tab in &tabs[..6] {
        browser.switch_to(tab).await;
        browser.until("document.querySelector('#live').innerText.startsWith('No data for ')").await;
    }
    browser.screenshot("dashboard-silent").await;
}
