//! **Job:** the `type` of every problem leads to a page that explains it.
//! **Owns:** a look at all codes there are, on both listeners of a real server.
//! **Never:** has a list of codes of its own: the interface's document and the server's list are compared.

use serde_json::Value;

use crate::support::{Client, Item, Setup, admin_authorization, problem_code};

const SKU: &str = "sku-1";

async fn codes_of_the_document(client: &mut Client) -> Vec<String> {
    let admin = admin_authorization();
    let document = client.get("/openapi.json", &[("Authorization", &admin)]).await.expect("an answer").json();
    let codes = document["components"]["schemas"]["Problem"]["allOf"][0]["properties"]["code"]["enum"].clone();
    let codes = if codes.is_array() { codes } else { found(&document, "sold-out").expect("the codes are listed") };
    codes.as_array().expect("a list").iter().map(|code| code.as_str().expect("a code").to_owned()).collect()
}

/// The list of words that has this one in it.
fn found(value: &Value, word: &str) -> Option<Value> {
    match value {
        Value::Array(all) if all.len() > 20 && all.iter().any(|one| one == word) => Some(value.clone()),
        Value::Array(all) => all.iter().find_map(|one| found(one, word)),
        Value::Object(all) => all.values().find_map(|one| found(one, word)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }
}

#[tokio::test]
async fn every_code_has_a_page_for_people_and_for_programs_on_both_listeners() {
    let server = Setup::new([Item::new(SKU, 1)]).start();
    let codes = codes_of_the_document(&mut Client::new(server.ops_address())).await;
    assert!(codes.len() >= 29, "{codes:?}");
    for address in [server.address(), server.ops_address()] {
        let mut client = Client::new(address);
        let index = client.get("/problems", &[("Accept", "text/html")]).await.expect("an answer");
        assert_eq!((index.status, index.header("content-type")), (200, Some("text/html; charset=utf-8")));
        let list = client.get("/problems", &[("Accept", "application/json")]).await.expect("an answer").json();
        let listed: Vec<_> =
            list["problems"].as_array().expect("a list").iter().map(|one| one["code"].clone()).collect();
        assert_eq!(listed, codes.iter().map(|code| Value::from(code.as_str())).collect::<Vec<_>>());
        for code in &codes {
            let path = format!("/problems/{code}");
            assert!(index.text().contains(&format!("problems/{code}\"")), "{code} is not in the list");
            let page = client.get(&path, &[("Accept", "text/html,*/*;q=0.8")]).await.expect("an answer");
            assert_eq!((page.status, page.header("content-type")), (200, Some("text/html; charset=utf-8")), "{code}");
            assert!(page.text().contains(&format!("<code>{code}</code>")), "{}", page.text());
            let json = client.get(&path, &[("Accept", "application/json")]).await.expect("an answer").json();
            assert_eq!((&json["code"], &json["type"]), (&Value::from(code.as_str()), &Value::from(path.as_str())));
            for text in ["title", "when", "advice"] {
                assert!(json[text].as_str().is_some_and(|text| text.len() > 4), "{code}: {text}");
            }
        }
        let unknown = client.get("/problems/replayed", &[]).await.expect("an answer");
        assert_eq!((unknown.status, problem_code(&unknown).as_str()), (404, "not-found"));
    }
}

#[tokio::test]
async fn the_type_of_a_problem_is_a_page_where_it_was_said() {
    let server = Setup::new([Item::new(SKU, 1)]).start();
    for address in [server.address(), server.ops_address()] {
        let mut client = Client::new(address);
        for path in ["/nowhere", "/v1/orders", "/v1/feed", "/v1/items?limit=0", "/v1/items/sku-1/orders"] {
            let problem = client.get(path, &[]).await.expect("an answer");
            let kind = problem.json()["type"].as_str().expect("a problem has a type").to_owned();
            let page = client.get(&kind, &[]).await.expect("an answer");
            assert_eq!(page.status, 200, "{path}: {kind}");
        }
    }
}
