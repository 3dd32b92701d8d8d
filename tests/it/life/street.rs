//! **Job:** what buyers, the payment provider and the owner do in these tests, one line each.
//! **Owns:** the patience of a test that waits for a deadline.
//! **Never:** judges an answer beyond its being one.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use rusqlite::{Connection, OpenFlags};
use serde_json::Value;

use crate::support::{Attempt, Client, Response, Server, authorization, report_paid};

pub(crate) const SKU: &str = "sku-1";

/// How long a change may take that should come at once, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// Buys as `user`, who must get it.
pub(crate) async fn buy(server: &Server, user: &str, quantity: u32) -> Value {
    let answer = try_to_buy(server, user, quantity).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    answer.json()
}

/// Tries to buy as `user`.
pub(crate) async fn try_to_buy(server: &Server, user: &str, quantity: u32) -> Response {
    let attempt = Attempt::new(user, SKU).quantity(quantity);
    attempt.send(&mut Client::new(server.address())).await.expect("an answer")
}

/// Where the order is.
pub(crate) fn path(order: &Value) -> String {
    format!("/v1/orders/{}", order["order_id"].as_str().expect("an id"))
}

/// The order as its buyer sees it now.
pub(crate) async fn order_of(server: &Server, order: &Value) -> Value {
    let buyer = authorization(order["user_id"].as_str().expect("a user"));
    let answer = Client::new(server.address()).get(&path(order), &[("Authorization", &buyer)]).await;
    let answer = answer.expect("an answer");
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

/// The item as everybody sees it now.
pub(crate) async fn item(server: &Server) -> Value {
    let answer = Client::new(server.address()).get(&format!("/v1/items/{SKU}"), &[]).await;
    answer.expect("an answer").json()
}

/// Gives the order up as `user`.
pub(crate) async fn cancel(server: &Server, user: &str, order: &Value) -> Response {
    let headers = [("Authorization", authorization(user))];
    let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
    let path = format!("{}/cancel", path(order));
    Client::new(server.address()).request("POST", &path, &headers, None).await.expect("an answer")
}

/// The provider reports that the order was paid.
pub(crate) async fn pay(server: &Server, event_id: &str, order: &Value) -> Response {
    report_paid(&mut Client::new(server.address()), event_id, order).await.expect("an answer")
}

/// Waits until the order has that status.
pub(crate) async fn until(server: &Server, order: &Value, status: &str) -> Value {
    let begun = Instant::now();
    loop {
        let now = order_of(server, order).await;
        if now["status"] == status {
            return now;
        }
        assert!(begun.elapsed() < PATIENCE, "not {status}: {now}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// A time of the contract.
pub(crate) fn time(value: &Value) -> Timestamp {
    value.as_str().expect("a time").parse().expect("a time of RFC 3339")
}

/// How many entries of that kind the data file has.
pub(crate) fn entries(server: &Server, kind: &str) -> u64 {
    count(server, &format!("SELECT count(*) FROM ledger JOIN entry_kind USING (kind) WHERE name = '{kind}'"))
}

/// What a query of the data file counts.
pub(crate) fn count(server: &Server, query: &str) -> u64 {
    let file = Connection::open_with_flags(server.data_file(), OpenFlags::SQLITE_OPEN_READ_ONLY);
    let file = file.expect("the data file can be read beside the server");
    file.busy_timeout(PATIENCE).expect("a time-out can be set");
    file.query_row(query, [], |row| row.get::<_, u32>(0)).map(u64::from).expect("a query of the documented schema")
}
