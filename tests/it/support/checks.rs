//! **Job:** what must hold after anything: problems are well formed, nothing was oversold or lost.
//! **Owns:** the comparison of the three sources: answers, API and data file.
//! **Never:** changes the server it looks at.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::client::{Client, Response};
use super::server::Server;
use super::token::admin_authorization;

/// How long a house may take to come to rest after the last answer (requests whose client has gone are still decided).
const REST_LIMIT: Duration = Duration::from_secs(5);

/// The fields of an order that never change.
const IMMUTABLE_FIELDS: [&str; 8] =
    ["order_id", "item_id", "user_id", "quantity", "unit_price", "total_price", "currency", "created_at"];

/// Whether two tellings of an order (an answer, the export, a later answer) agree in what never changes.
pub(crate) fn same_promise(one: &Value, other: &Value) -> bool {
    IMMUTABLE_FIELDS.iter().all(|field| !one[field].is_null() && one[field] == other[field])
}

/// The answer's document without the id of its request.
pub(crate) fn but_for_its_id(answer: &Response) -> Value {
    let mut document = answer.json();
    document.as_object_mut().expect("an object").remove("request_id");
    document
}

/// Checks that the answer is a complete problem of RFC 9457, and returns its code.
pub(crate) fn problem_code(response: &Response) -> String {
    let shown = || format!("{} {:?} {}", response.status, response.headers, response.text());
    let media_type = response.header("content-type").unwrap_or_default();
    assert!(media_type.starts_with("application/problem+json"), "not a problem: {}", shown());
    let problem = response.json();
    let code = problem["code"].as_str().unwrap_or_else(|| panic!("no code: {}", shown())).to_owned();
    assert_eq!(problem["status"], response.status, "{}", shown());
    assert_eq!(problem["type"], format!("/problems/{code}"), "{}", shown());
    assert!(problem["title"].is_string() && problem["detail"].is_string(), "no title or detail: {}", shown());
    if matches!(response.status, 429 | 503) || code == "sale-not-started" {
        let seconds = response.header("retry-after").and_then(|value| value.parse::<u64>().ok());
        assert!(seconds.is_some(), "retryable without Retry-After: {}", shown());
    }
    if response.status == 401 {
        assert!(response.header("www-authenticate").is_some(), "401 without WWW-Authenticate: {}", shown());
    }
    if response.status == 405 {
        assert!(response.header("allow").is_some(), "405 without Allow: {}", shown());
    }
    code
}

/// Checks that the answer is the problem `code` with `status`.
pub(crate) fn assert_problem(response: &Response, status: u16, code: &str) {
    let text = response.text();
    assert_eq!((response.status, problem_code(response).as_str()), (status, code), "{text}");
}

/// Units of an item held by live orders (pending or paid) in an export.
pub(crate) fn live_of(orders: &[Value], item: &str) -> u64 {
    let live =
        |order: &&Value| order["item_id"] == item && matches!(order["status"].as_str(), Some("pending" | "paid"));
    orders.iter().filter(live).map(|order| order["quantity"].as_u64().expect("quantities are counts")).sum()
}

/// Checks remaining + live = stock for every item, by the API and the export, by the actors' own count (`/invariants`),
/// and that the audit of the file is clean. Waits for the house to come to rest first. Returns the export.
pub(crate) async fn assert_conservation(server: &Server) -> Vec<Value> {
    let begun = Instant::now();
    let orders = loop {
        match balanced(server).await {
            Ok(orders) => break orders,
            Err(complaint) => assert!(begun.elapsed() < REST_LIMIT, "{complaint}"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    let (code, audit) = server.verify();
    assert_eq!(code, 0, "the audit found something:\n{audit}");
    orders
}

async fn balanced(server: &Server) -> Result<Vec<Value>, String> {
    let mut operations = Client::new(server.ops_address());
    let authorization = admin_authorization();
    let memory = operations.get("/invariants", &[("Authorization", &authorization)]).await;
    let memory = memory.expect("the server answers").json();
    if memory["holds"] != true {
        return Err(format!("the actors say {memory}"));
    }
    let mut client = Client::new(server.address());
    let orders = server.orders();
    for item in server.items() {
        let answer = client.get(&format!("/v1/items/{item}"), &[]).await.expect("the server answers");
        let state = answer.json();
        let (stock, remaining) = (state["stock"].as_u64(), state["remaining"].as_u64());
        let live = live_of(&orders, item);
        if stock.is_none() || remaining.map(|remaining| remaining + live) != stock {
            return Err(format!("{item}: {live} live, but the API says {state}"));
        }
    }
    Ok(orders)
}
