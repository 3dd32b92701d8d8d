//! **Job:** what is wrong is said in words for people, and where.
//! **Owns:** bodies of every route that takes one, and the sentences about them.
//! **Never:** says what is right: other modules do.

use crate::support::{Client, Item, Response, Setup, admin_authorization, assert_problem, authorization, send_signed};

const SKU: &str = "sku-1";

/// What only a parser or a programmer says.
const JARGON: [&str; 13] = [
    "u32",
    "i64",
    "usize",
    "expected",
    "invalid type",
    "at line",
    "column",
    "serde",
    "struct",
    "enum",
    "variant",
    "EOF",
    "integer",
];

/// Refused with these sentences, each with its pointer, and in nobody's jargon.
fn assert_said(answer: &Response, sentences: &[(&str, &str)]) {
    assert_problem(answer, 422, "validation");
    let errors = answer.json()["errors"].clone();
    let said: Vec<_> = errors
        .as_array()
        .expect("a list")
        .iter()
        .map(|error| (text(&error["pointer"]), text(&error["detail"])))
        .collect();
    let expected: Vec<_> =
        sentences.iter().map(|(pointer, detail)| ((*pointer).to_owned(), (*detail).to_owned())).collect();
    assert_eq!(said, expected);
    assert_plain(answer);
}

fn assert_plain(answer: &Response) {
    let body = answer.text();
    let jargon: Vec<_> = JARGON.iter().filter(|word| body.contains(**word)).collect();
    assert!(jargon.is_empty(), "{jargon:?} in {body}");
}

fn text(value: &serde_json::Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn a_purchase_that_is_wrong_hears_all_of_it_in_plain_words() {
    let server = Setup::new([Item::new(SKU, 5)]).start();
    let buyer = authorization("ann");
    let buy = async |body: &str| {
        let path = format!("/v1/items/{SKU}/orders");
        let mut client = Client::new(server.address());
        client.request("POST", &path, &[("Authorization", &buyer)], Some(body)).await.expect("an answer")
    };
    let range = "quantity must be a whole number from 1 to 2,147,483,647";
    for value in ["0", "-1", "1.5", "\"1\"", "null", "[]", "1e400", "99999999999999999999"] {
        assert_said(&buy(&format!("{{\"quantity\":{value}}}")).await, &[("#/quantity", range)]);
    }
    let price = ("#/price", "unknown member \"price\"; allowed: quantity");
    assert_said(&buy(r#"{"price":1,"quantity":0}"#).await, &[price, ("#/quantity", range)]);
    assert_said(&buy(r#"{"a/b~":1}"#).await, &[("#/a~1b~0", "unknown member \"a/b~\"; allowed: quantity")]);
    for malformed in ["", "{", "[]", "{\"quantity\":x}", "{\"quantity\":1}x", "{\"quantity\":\"\\ud800\"}", "{}", "7"] {
        let answer = buy(malformed).await;
        assert_problem(&answer, 400, "malformed");
        assert_plain(&answer);
    }
    let many: String = (0..300).map(|number| format!("\"m{number}\":1,")).collect();
    let answer = buy(&format!("{{{many}\"quantity\":1}}")).await;
    assert_eq!(answer.json()["errors"].as_array().map(Vec::len), Some(16), "a small request gets no large answer");
}

#[tokio::test]
async fn an_item_or_restock_that_is_wrong_hears_all_of_it_in_plain_words() {
    let server = Setup::new([Item::new(SKU, 5)]).start();
    let admin = admin_authorization();
    let ask = async |method: &str, path: &str, body: &str| {
        let mut client = Client::new(server.ops_address());
        client.request(method, path, &[("Authorization", &admin)], Some(body)).await.expect("an answer")
    };
    let put = async |body: &str| ask("PUT", "/v1/admin/items/new", body).await;
    let wrong = r#"{"title":7,"unit_price":"1","stock":1.5,"colour":"red","opens_at":true}"#;
    let allowed =
        "title, description, image_url, unit_price, currency, stock, per_user_limit, opens_at, closes_at, reason";
    assert_said(
        &put(wrong).await,
        &[
            ("#/title", "title must be a text"),
            ("#/unit_price", "unit_price must be a whole number from 0 to 9,007,199,254,740,991"),
            ("#/stock", "stock must be a whole number from 0 to 1,000,000,000"),
            ("#/colour", &format!("unknown member \"colour\"; allowed: {allowed}")),
            ("#/opens_at", "opens_at must be a text"),
            ("#/currency", "currency is missing"),
        ],
    );
    let unknown = r#"{"title":"A","unit_price":1,"currency":"XYZ","stock":1}"#;
    let in_use = "currency must be the ISO 4217 code of a currency that is in use, like EUR or CNY: XYZ is none";
    assert_said(&put(unknown).await, &[("#/currency", in_use)]);
    let restock = format!("/v1/admin/items/{SKU}/restock");
    let range = "quantity must be a whole number from 1 to 1,000,000,000";
    for body in [r#"{"quantity":0}"#, r#"{"quantity":"5"}"#, r#"{"quantity":1000000001}"#] {
        assert_said(&ask("POST", &restock, body).await, &[("#/quantity", range)]);
    }
    assert_said(&ask("POST", &restock, "{}").await, &[("#/quantity", "quantity is missing")]);
    for malformed in ["", "{", "[]", "{\"quantity\":x}"] {
        let answer = ask("POST", &restock, malformed).await;
        assert_problem(&answer, 400, "malformed");
        assert_plain(&answer);
    }
}

#[tokio::test]
async fn a_payment_event_that_is_wrong_hears_all_of_it_in_plain_words() {
    let server = Setup::new([Item::new(SKU, 5)]).start();
    let send = async |body: &str| send_signed(&mut Client::new(server.address()), body).await.expect("an answer");
    assert_said(
        &send(r#"{"event_id":1,"order_id":"1-1-1","type":"SUCCEEDED","amount":-1}"#).await,
        &[
            ("#/event_id", "event_id must be a text"),
            ("#/type", "type must be one of succeeded, failed, refunded"),
            ("#/amount", "amount must be a whole number from 0 to 9,007,199,254,740,991"),
            ("#/currency", "currency is missing"),
        ],
    );
}
