//! **Job:** the part of the dashboard in which things are changed, in a real browser: what it says before, and what
//! happens then.
//! **Owns:** the operator: their name, their reason, and their way through lists and dialogs.
//! **Never:** believes the page: what became of an item, an order or money is read from the listeners.

use serde_json::{Value, json};

use crate::support::{
    ADMIN_TOKEN, Attempt, Browser, Client, Item, Response, Screen, Server, Setup, admin_authorization, payment_event,
    send_signed,
};

async fn enter(server: &Server, part: &str) -> Browser {
    let mut browser = Browser::start().await;
    browser.goto(&format!("http://{}/#operate/{part}", server.ops_address())).await;
    browser.until("!document.querySelector('#token-form').hidden").await;
    browser.write("#token", ADMIN_TOKEN).await;
    browser.click("#token-form button[type=submit]").await;
    browser.until("document.querySelector('#board').checkVisibility()").await;
    browser
}

async fn owner(server: &Server, method: &str, path: &str, body: Option<&str>) -> Response {
    let headers = [("Authorization", admin_authorization())];
    let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
    Client::new(server.ops_address()).request(method, path, &headers, body).await.expect("an answer")
}

async fn read(server: &Server, path: &str) -> Value {
    owner(server, "GET", path, None).await.json()
}

/// The item as its owner sees it.
async fn item(server: &Server, id: &str) -> Value {
    read(server, &format!("/v1/admin/items/{id}")).await
}

async fn last_of_journal(server: &Server) -> Value {
    let journal = read(server, "/v1/admin/journal").await;
    journal["entries"].as_array().expect("entries").last().expect("one").clone()
}

async fn buy(server: &Server, user: &str, item: &str, quantity: u32) -> Value {
    let answer = Attempt::new(user, item).quantity(quantity).send(&mut Client::new(server.address())).await;
    let answer = answer.expect("an answer");
    assert_eq!(answer.status, 201, "{}", answer.text());
    answer.json()
}

async fn pay(server: &Server, event: &str, order: &Value, amount: i64) {
    let mut report = payment_event(event, "succeeded", order);
    report["amount"] = json!(amount);
    let answer = send_signed(&mut Client::new(server.address()), &report.to_string()).await.expect("an answer");
    assert_eq!(answer.status, 200, "{}", answer.text());
}

/// Presses a step of an item and waits for the question.
async fn step(browser: &mut Browser, id: &str, step: &str) {
    let button = format!("[data-operated=\"{id}\"] [data-step={step}]");
    browser.until(&format!("document.querySelector('{button}')?.checkVisibility()")).await;
    browser.click(&button).await;
    browser.until("document.querySelector('dialog[open]')").await;
}

/// Answers the question, and waits until it is gone.
async fn consent(browser: &mut Browser) {
    browser.click("#confirm-yes").await;
    browser.until("!document.querySelector('dialog[open]')").await;
}

#[tokio::test]
async fn units_are_withdrawn_after_the_page_has_said_how_many_stay() {
    let server = Setup::new([Item::new("lamp", 60).limit(9)]).start();
    buy(&server, "ann", "lamp", 5).await;
    let mut browser = enter(&server, "items").await;
    step(&mut browser, "lamp", "withdraw").await;
    browser.write("#confirm-quantity", "40").await;
    let what = "Takes 40 of 55 unsold units off sale; 15 stay. Orders are not touched.";
    browser.until_text("#confirm-what", what).await;
    browser.screenshot("operate-withdraw").await;
    browser.write("#confirm-reason", "ten times too many").await;
    browser.write("#confirm-operator", "Mei").await;
    consent(&mut browser).await;
    browser.until_text("#notice", "lamp: on sale, 15 of 20 left.").await;
    browser.until_text("[data-operated=lamp]", "15 of 20").await;
    let lamp = item(&server, "lamp").await;
    assert_eq!((&lamp["stock"], &lamp["remaining"], &lamp["live"]), (&json!(20), &json!(15), &json!(5)));
    let entry = last_of_journal(&server).await;
    let told = [&entry["kind"], &entry["operator"], &entry["reason"]];
    assert_eq!(told, [&json!("withdrawn"), &json!("Mei"), &json!("ten times too many")]);
    // The name is remembered; more than there are is said to be too many.
    step(&mut browser, "lamp", "withdraw").await;
    assert_eq!(browser.run("return document.querySelector('#confirm-operator').value", &[]).await, "Mei");
    browser.write("#confirm-quantity", "16").await;
    browser.until_text("#confirm-what", "Only 15 units are unsold").await;
    browser.click("#confirm-no").await;
    browser.assert_quiet(&[]).await;
}

#[tokio::test]
async fn every_step_has_its_way_back() {
    let server = Setup::new([Item::new("lamp", 9)]).start();
    let mut browser = enter(&server, "items").await;
    for (forth, said, back, member) in [
        ("pause", "Buyers get “sale is paused”", "resume", "paused"),
        ("close", "You can reopen it", "reopen", "closed"),
        ("hide", "nobody can buy it until you show it again", "show", "hidden"),
    ] {
        step(&mut browser, "lamp", forth).await;
        browser.until_text("#confirm-what", said).await;
        consent(&mut browser).await;
        browser.until(&format!("document.querySelector('[data-operated=lamp] [data-step={back}]')")).await;
        assert_eq!(item(&server, "lamp").await[member], true, "{forth}");
        step(&mut browser, "lamp", back).await;
        consent(&mut browser).await;
        browser.until(&format!("document.querySelector('[data-operated=lamp] [data-step={forth}]')")).await;
        assert_eq!(item(&server, "lamp").await[member], false, "{back}");
    }
    step(&mut browser, "lamp", "restock").await;
    browser.write("#confirm-quantity", "3").await;
    browser.until_text("#confirm-what", "Puts 3 more units on sale: 9 are left now, 12 afterwards, of 12.").await;
    consent(&mut browser).await;
    browser.until_text("[data-operated=lamp]", "12 of 12").await;
    browser.assert_quiet(&[]).await;
}

#[tokio::test]
async fn an_item_is_made_edited_and_deleted_and_one_that_was_ordered_stays() {
    let server = Setup::new([Item::new("lamp", 9)]).start();
    buy(&server, "ann", "lamp", 1).await;
    let mut browser = enter(&server, "items").await;
    browser.click("#new-item").await;
    for (name, text) in [("item_id", "tea"), ("title", "Tea"), ("stock", "7")] {
        browser
            .run(
                "const input = document.querySelector(`#edit [name=${arguments[0]}]`); input.value = ''",
                &[json!(name)],
            )
            .await;
        browser.write(&format!("#edit [name={name}]"), text).await;
    }
    browser.until_text("#edit [data-field=changes]", "Makes an item with 7 units").await;
    browser.click("#edit [data-yes]").await;
    browser.until_text("[data-operated=tea]", "7 of 7").await;
    step(&mut browser, "tea", "edit").await;
    browser.run("document.querySelector('#edit [name=title]').value = ''", &[]).await;
    browser.write("#edit [name=title]", "Green tea").await;
    browser.until_text("#edit [data-field=changes]", "Title: “Tea” → “Green tea”").await;
    browser.screenshot("operate-edit").await;
    browser.click("#edit [data-yes]").await;
    browser.until_text("[data-operated=tea]", "Green tea").await;
    assert_eq!(item(&server, "tea").await["title"], "Green tea");
    step(&mut browser, "tea", "delete").await;
    browser.until_text("#confirm-what", "goes for good, with 7 units").await;
    consent(&mut browser).await;
    browser.until("!document.querySelector('[data-operated=tea]')").await;
    assert_eq!(owner(&server, "GET", "/v1/admin/items/tea", None).await.status, 404);
    browser.assert_quiet(&[]).await;
    step(&mut browser, "lamp", "delete").await;
    consent(&mut browser).await;
    browser.until_text("#problem", "lamp was not changed").await;
    assert_eq!(item(&server, "lamp").await["live"], 1);
    browser.assert_quiet(&[409]).await;
}

#[tokio::test]
async fn an_order_is_found_by_its_id_and_cancelled_for_a_reason() {
    let server = Setup::new([Item::new("lamp", 9)]).start();
    let (ann, bob) = (buy(&server, "ann", "lamp", 1).await, buy(&server, "bob", "lamp", 1).await);
    pay(&server, "e1", &bob, 1_990).await;
    let mut browser = enter(&server, "orders").await;
    for (order, said, status) in [
        (&ann, "The order ends unpaid and its 1 unit goes back on sale", "cancelled"),
        (&bob, "CN¥19.90 that was paid for it is then owed to bob", "refund_due"),
    ] {
        let id = order["order_id"].as_str().expect("an id");
        browser.run("document.querySelector('#orders-filter [name=id]').value = ''", &[]).await;
        browser.write("#orders-filter [name=id]", id).await;
        browser.click("#orders-filter [type=submit]").await;
        browser
            .until(&format!(
                "document.querySelectorAll('[data-order]').length === 1 && document.querySelector('[data-order={id}]')"
            ))
            .await;
        browser.click(&format!("[data-order={id}] button")).await;
        browser.until_text("#confirm-what", said).await;
        // Without a reason the form does not go.
        browser.click("#confirm-yes").await;
        assert_eq!(browser.run("return document.querySelector('#confirm').open", &[]).await, true);
        browser.write("#confirm-reason", "asked by phone").await;
        consent(&mut browser).await;
        browser.until_text("#notice", &format!("{id}: {}", status.replace('_', " "))).await;
        assert_eq!(read(&server, &format!("/v1/admin/orders/{id}")).await["status"], status);
    }
    browser.assert_quiet(&[]).await;
}

#[tokio::test]
async fn money_that_is_owed_stands_on_the_front_page_until_somebody_says_it_went_back() {
    let server = Setup::new([Item::new("lamp", 9), Item::new("tea", 9)]).start();
    let yen = json!({"title": "Tea in Japan", "unit_price": 500, "currency": "JPY", "stock": 9}).to_string();
    assert_eq!(owner(&server, "PUT", "/v1/admin/items/cha", Some(&yen)).await.status, 201);
    let (lamp, cha) = (buy(&server, "ann", "lamp", 1).await, buy(&server, "bob", "cha", 1).await);
    let mut browser = enter(&server, "money").await;
    browser.until_text("#owed", "nothing is owed").await;
    pay(&server, "e1", &lamp, 1_990).await;
    pay(&server, "e2", &lamp, 1_990).await;
    pay(&server, "e3", &cha, 499).await;
    browser.until_text("#owed-line", "CN¥19.90").await;
    browser.until_text("#owed", "¥499").await;
    browser.screenshot("operate-owed").await;
    browser.reload().await;
    browser.until_text("#money-sum", "to pay back").await;
    browser.until("document.querySelectorAll('[data-payment]').length === 2").await;
    for (row, sum) in [("e2", "CN¥19.90"), ("e3", "¥499")] {
        let find =
            format!("[...document.querySelectorAll('[data-payment]')].find((row) => row.innerText.includes('{row}'))");
        browser.until(&find).await;
        browser.run(&format!("{find}.querySelector('button').click()"), &[]).await;
        browser.until_text("#confirm-what", &format!("Writes down that {sum} went back to")).await;
        consent(&mut browser).await;
        browser.until(&format!("!({find})")).await;
    }
    browser.until_text("#money-sum", "Nothing to pay back").await;
    browser.until_text("#owed", "nothing is owed").await;
    assert_eq!(read(&server, "/v1/admin/payments").await["owed"], json!([]));
    browser.assert_quiet(&[]).await;
}

#[tokio::test]
async fn the_journal_says_who_did_what_and_why_the_newest_first() {
    let server = Setup::new([Item::new("lamp", 9)]).start();
    let headers = [("Authorization", admin_authorization()), ("X-Operator", "Jo".to_owned())];
    let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
    for (step, body) in [("pause", "{\"reason\":\"wrong price\"}"), ("restock", "{\"quantity\":4}")] {
        let path = format!("/v1/admin/items/lamp/{step}");
        let done =
            Client::new(server.ops_address()).request("POST", &path, &headers, Some(body)).await.expect("an answer");
        assert_eq!(done.status, 200, "{}", done.text());
    }
    let mut browser = enter(&server, "journal").await;
    browser.until("document.querySelectorAll('[data-seq]').length >= 2").await;
    let rows =
        browser.run("return [...document.querySelectorAll('[data-seq]')].map((row) => row.innerText)", &[]).await;
    let said = |row: usize| rows[row].as_str().expect("a text").to_owned();
    assert!(
        said(0).contains("put 4 units on sale") && said(0).contains("Jo") && said(0).contains("13 of 13"),
        "{rows}"
    );
    assert!(said(1).contains("paused") && said(1).contains("wrong price"), "{rows}");
    browser.screenshot("operate-journal").await;
    browser.assert_quiet(&[]).await;
}

#[tokio::test]
async fn pictures_of_all_that_can_be_operated_are_taken() {
    let items = ["lamp", "tea", "oil"].map(|id| Item::new(id, 40).limit(4));
    let server = Setup::new(items).start();
    owner(&server, "POST", "/v1/admin/items/oil/hide", None).await;
    let order = buy(&server, "ann", "lamp", 2).await;
    buy(&server, "bob", "tea", 3).await;
    pay(&server, "e1", &order, 4_000).await;
    pay(&server, "e2", &order, 3_980).await;
    let mut browser = enter(&server, "items").await;
    for part in ["items", "orders", "money", "journal"] {
        browser.click(&format!("[data-tab={part}]")).await;
        browser.until(&format!("document.querySelector('[data-panel={part}] tbody tr')?.checkVisibility()")).await;
        for (look, screen) in [("desk", Screen::Desk), ("phone", Screen::Phone)] {
            browser.screen(screen).await;
            browser.screenshot(&format!("operate-{part}-{look}")).await;
            let overflow = "return document.documentElement.scrollWidth - document.documentElement.clientWidth";
            assert_eq!(browser.run(overflow, &[]).await, 0, "{part} on {look} is wider than the screen");
        }
        browser.screen(Screen::Desk).await;
    }
    browser.assert_quiet(&[]).await;
}
