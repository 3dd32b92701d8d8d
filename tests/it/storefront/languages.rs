//! **Job:** the shop in Chinese and in English: who gets which, from whom, and whether a buyer gets through.
//! **Owns:** what counts as a word that nobody has translated.
//! **Never:** looks at glyphs: a machine without Chinese fonts has the same text.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::looks::pictures;
use super::shop::{BUY, NOTE, SKU, STATUS, buy_past_the_page, instruct, shown_order, until_unlocked};
use crate::support::{
    Browser, Client, Item, Nginx, Response, Server, Setup, payment_event, report_paid, send_signed, token,
};

const TITLE: &str = "龙泉青瓷茶具";
const LANGUAGES: &str = ".languages a";

async fn page(server: &Server, path: &str, language: &str, headers: &[(&str, &str)]) -> Response {
    let all = [&[("Accept", "text/html"), ("Accept-Language", language)], headers].concat();
    Client::new(server.address()).get(path, &all).await.expect("an answer")
}

fn tag(response: &Response) -> &str {
    response.header("etag").expect("a tag")
}

#[tokio::test]
async fn each_language_is_a_page_of_its_own_to_browsers_and_caches() {
    let server = Setup::new([Item::new(SKU, 9)]).start();
    for path in ["/", "/items/sku-1"] {
        let english = page(&server, path, "en-GB,en;q=0.9", &[]).await;
        let chinese = page(&server, path, "zh-CN,zh;q=0.9,en;q=0.8", &[]).await;
        for (page, language, word) in [(&english, "en", "Show more"), (&chinese, "zh-CN", "加载更多")] {
            assert_eq!((page.status, page.header("content-language")), (200, Some(language)), "{path}");
            assert_eq!(page.header("vary"), Some("Accept-Language"), "{path}");
            let html = page.text();
            assert!(html.starts_with(&format!("<!doctype html>\n<html lang=\"{language}\"")), "{html}");
            assert!(html.contains(word) && !html.contains("{{"), "every word is filled in: {html}");
        }
        assert_ne!(tag(&english), tag(&chinese));
        let again = page(&server, path, "zh-CN", &[("If-None-Match", tag(&chinese))]).await;
        assert_eq!((again.status, again.header("vary")), (304, Some("Accept-Language")));
        assert_eq!(tag(&again), tag(&chinese));
        let turned = page(&server, path, "en", &[("If-None-Match", tag(&chinese))]).await;
        assert_eq!((turned.status, tag(&turned)), (200, tag(&english)), "a copy in another language is none");
        let linked = page(&server, &format!("{path}?utm_source=mail&lang=zh-CN"), "en", &[]).await;
        assert_eq!((linked.header("content-language"), tag(&linked)), (Some("zh-CN"), tag(&chinese)));
        for nobodys in ["fr", "*", ";;,q=x", ""] {
            assert_eq!(tag(&page(&server, path, nobodys, &[]).await), tag(&english), "{path} with {nobodys:?}");
        }
    }
    let problem = page(&server, "/items/a%20b", "zh-CN", &[]).await;
    assert_eq!((problem.status, problem.json()["title"].clone()), (404, json!("Not found")), "codes are for programs");
}

#[tokio::test]
async fn a_cache_in_between_gives_each_visitor_their_own_language() {
    let server = Setup::new([Item::new(SKU, 9)]).start();
    // One that keeps pages for a minute whatever they say of it, by their address and what they vary with.
    let keeps = "proxy_cache pages; proxy_cache_valid 200 1m; proxy_ignore_headers Cache-Control; \
                 add_header X-Cache $upstream_cache_status;";
    let nginx = Nginx::start(&format!(
        "proxy_cache_path {{dir}}/cache keys_zone=pages:1m; server {{ listen {{listen}}; {keeps} \
         location / {{ proxy_pass http://{}; }} }}",
        server.address()
    ));
    let mut client = Client::new(nginx.address());
    for cached in ["MISS", "HIT"] {
        for (language, spoken) in [("en", "en"), ("zh-CN", "zh-CN")] {
            for (path, spoken) in [("/", spoken), ("/?lang=zh-CN", "zh-CN"), ("/?lang=en", "en")] {
                let headers = [("Accept", "text/html"), ("Accept-Language", language)];
                let page = client.get(path, &headers).await.expect("an answer");
                assert_eq!(page.header("content-language"), Some(spoken), "{path} for {language}");
                assert_eq!(page.header("x-cache"), Some(cached), "{path} for {language}");
            }
        }
    }
}

/// Words in Latin letters that a visitor sees or hears, but for names.
async fn untranslated(browser: &mut Browser) -> Value {
    let script = "const texts = [document.title, document.body.innerText];
        for (const one of document.querySelectorAll('[aria-label], [alt]')) texts.push(one.ariaLabel, one.alt);
        const number = document.querySelector('[data-at=number]')?.textContent;
        const words = texts.flatMap((text) => text?.match(/[A-Za-z][A-Za-z0-9]+|[{}]/g) ?? []);
        return words.filter((word) => !['Doorbuster', 'English', 'US', 'ann', number].includes(word))";
    browser.run(script, &[]).await
}

async fn assert_all_is_chinese(browser: &mut Browser, moment: &str) {
    assert_eq!(untranslated(browser).await, json!([]), "{moment}");
}

/// A shop with Chinese goods, and a visitor who reads Chinese.
async fn chinese_shop() -> (Server, Browser) {
    let goods = [(SKU, 1, 1), ("tea", 9, 2)];
    let items = goods.map(|(id, stock, limit)| Item::new(id, stock).limit(limit));
    let server = Setup::new(items).set("payment.pay_url", "\"https://pay.example/{order_id}\"").start();
    for (id, stock, limit) in goods {
        let title =
            json!({"title": TITLE, "unit_price": 1_990, "currency": "CNY", "stock": stock, "per_user_limit": limit});
        instruct(&server, "PUT", &format!("/v1/admin/items/{id}"), Some(&title.to_string())).await;
    }
    let mut browser = Browser::start().await;
    browser.languages("zh-CN,zh;q=0.9,en;q=0.8").await;
    (server, browser)
}

#[tokio::test]
async fn a_buyer_buys_and_pays_on_the_chinese_page() {
    let (server, mut browser) = chinese_shop().await;
    browser.goto(&format!("http://{}/items/tea#token={}", server.address(), token("ann"))).await;
    until_unlocked(&mut browser).await;
    browser.until_text(BUY, "立即抢购").await;
    browser.until_text("[data-at=left]", "剩余 9 / 9 件").await;
    browser.until_text("[data-at=price]", "¥19.90").await;
    assert_all_is_chinese(&mut browser, "on sale").await;
    browser.click(BUY).await;
    shown_order(&mut browser).await;
    browser.until_text(STATUS, "待支付").await;
    browser.until_text("[data-at=say]", "已为您锁定库存，请在 ").await;
    browser.until_text("[data-at=say]", " 前完成支付。").await;
    browser.until_text("[data-at=pay-now]", "立即支付 ¥19.90").await;
    browser.click("[data-at=cancel]").await;
    assert_all_is_chinese(&mut browser, "a pending order").await;
    pictures(&mut browser, "chinese-order").await;
    let order = server.orders().remove(0);
    let mut short = payment_event("e0", "succeeded", &order);
    short["amount"] = json!(990);
    send_signed(&mut Client::new(server.address()), &short.to_string()).await.expect("an answer");
    browser.until_text("[data-at=owed]", "收到的 ¥9.90 与本订单应付金额不符").await;
    report_paid(&mut Client::new(server.address()), "e1", &order).await.expect("an answer");
    browser.until_text(STATUS, "已支付").await;
    assert_all_is_chinese(&mut browser, "a paid order").await;
    until_unlocked(&mut browser).await;
    browser.until_text(BUY, "再抢 1 件").await;
    assert_eq!((server.orders().len(), &server.orders()[0]["status"]), (1, &json!("paid")));
    browser.assert_quiet(&[]).await;
}

#[tokio::test]
async fn refusals_and_the_list_are_chinese_too() {
    let (server, mut browser) = chinese_shop().await;
    browser.goto(&format!("http://{}/items/unknown", server.address())).await;
    browser.until_text("h1", "商品不存在").await;
    browser.goto(&format!("http://{}/items/{SKU}#token={}", server.address(), token("ann"))).await;
    until_unlocked(&mut browser).await;
    // Somebody is quicker, and the page has not heard of it.
    browser
        .run(
            "const ask = window.fetch; window.fetch = (url, options) => /items.[^/]+$/.test(url)
        ? new Promise(() => {}) : ask(url, options)",
            &[],
        )
        .await;
    assert_eq!(buy_past_the_page(&server, "bob").await.status, 201);
    browser.click(BUY).await;
    browser.until_text(NOTE, "已售罄，未扣款。").await;
    browser.reload().await;
    browser.until_text(BUY, "已售罄").await;
    assert_all_is_chinese(&mut browser, "sold out").await;
    let opens_at = (Timestamp::now() + SignedDuration::from_hours(50)).to_string();
    let soon = json!({"title": TITLE, "unit_price": 100, "currency": "USD", "stock": 1_000, "opens_at": opens_at});
    instruct(&server, "PUT", "/v1/admin/items/soon", Some(&soon.to_string())).await;
    browser.goto(&format!("http://{}/items/soon", server.address())).await;
    browser.until_text("[data-at=digits]", "2 天 01:5").await;
    browser.until_text("[data-at=moment]", "后开抢 · 20").await;
    browser.until_text("[data-at=price]", "US$1.00").await;
    browser.until_text(BUY, "尚未开抢").await;
    assert_all_is_chinese(&mut browser, "before the sale").await;
    browser.goto(&format!("http://{}/", server.address())).await;
    browser.until_text("[data-at=cards]", "抢购中").await;
    browser.click("[data-at=mine] summary").await;
    browser.until_text("[data-at=none]", "您在本店还没有订单。").await;
    assert_all_is_chinese(&mut browser, "the list").await;
    pictures(&mut browser, "chinese-list").await;
    browser.assert_quiet(&[404, 409]).await;
}

#[tokio::test]
async fn a_language_that_was_chosen_by_a_link_stays_on_the_way_through_the_shop() {
    let (server, mut browser) = chinese_shop().await;
    let home = format!("http://{}/", server.address());
    browser.goto(&format!("{home}?utm_source=mail")).await;
    browser.until_text("h1", "本场秒杀").await;
    browser.click(LANGUAGES).await;
    browser.until_text("h1", "In this sale").await;
    assert_eq!(browser.run("return location.href", &[]).await, format!("{home}?utm_source=mail&lang=en"));
    browser.reload().await;
    browser.until_text("h1", "In this sale").await;
    browser.click(".card").await;
    browser.until_text(BUY, "Buy now").await;
    browser.click(".home").await;
    browser.until_text("h1", "In this sale").await;
    assert_eq!(browser.run("return location.href", &[]).await, format!("{home}?lang=en"));
    browser.click(LANGUAGES).await;
    browser.until_text("h1", "本场秒杀").await;
    browser.assert_quiet(&[]).await;
}
