//! **Job:** HTTP/1.0, which proxies speak to servers by default, on every kind of route.
//! **Owns:** what an answer must and must not have for a client that knows no chunks.
//! **Never:** sends a header that HTTP/1.0 does not need.

use serde_json::Value;

use super::events::{Answer, buy, events_of, pay};
use crate::support::{Item, Setup, admin_authorization, authorization};

fn header(text: &str, name: &str) -> Option<String> {
    let head = text.split("\r\n\r\n").next().expect("a head").to_lowercase();
    head.lines().find_map(|line| line.strip_prefix(&format!("{name}: ")).map(str::to_owned))
}

fn body(text: &str) -> &str {
    text.split_once("\r\n\r\n").expect("a head").1
}

#[tokio::test]
async fn every_kind_of_route_answers_a_client_of_http_1_0_and_closes() {
    let server = Setup::new([Item::new("sku", 9)]).start();
    let (buyer, admin) = (authorization("ann"), admin_authorization());
    let json = "Content-Type: application/json\r\nContent-Length: 14\r\n";
    let purchase =
        format!("POST /v1/items/sku/orders HTTP/1.0\r\nAuthorization: {buyer}\r\n{json}\r\n{{\"quantity\":1}}");
    let answer = Answer::to(server.address(), &purchase).await.whole().await;
    assert!(answer.starts_with("HTTP/1.0 201 "), "{answer}");
    let order: Value = serde_json::from_str(body(&answer)).expect("an order");
    let id = order["order_id"].as_str().expect("an id");
    // Without a length there is no body: this one needs none.
    let cancel = format!("POST /v1/orders/{id}/cancel HTTP/1.0\r\nAuthorization: {buyer}\r\n\r\n");
    for (address, request) in [
        (server.address(), "GET / HTTP/1.0\r\n\r\n".to_owned()),
        (server.address(), "GET /v1/items HTTP/1.0\r\n\r\n".to_owned()),
        (server.address(), format!("GET /v1/orders/{id} HTTP/1.0\r\nAuthorization: {buyer}\r\n\r\n")),
        (server.address(), cancel),
        (server.ops_address(), "GET /livez HTTP/1.0\r\n\r\n".to_owned()),
        (server.ops_address(), format!("GET /metrics HTTP/1.0\r\nAuthorization: {admin}\r\n\r\n")),
        (server.ops_address(), format!("POST /v1/admin/items/sku/pause HTTP/1.0\r\nAuthorization: {admin}\r\n\r\n")),
        (server.ops_address(), format!("GET /v1/feed?after=0 HTTP/1.0\r\nAuthorization: {admin}\r\n\r\n")),
    ] {
        let answer = Answer::to(address, &request).await.whole().await;
        assert!(answer.starts_with("HTTP/1.0 200 "), "{request}{answer}");
        assert_eq!(header(&answer, "transfer-encoding"), None, "{request}{answer}");
        let length = header(&answer, "content-length").expect("a length");
        assert_eq!(length, body(&answer).len().to_string(), "{request}{answer}");
    }
}

#[tokio::test]
async fn a_client_of_http_1_0_that_asks_to_keep_the_connection_may() {
    let server = Setup::new([Item::new("sku", 9)]).start();
    let request = "GET /v1/items HTTP/1.0\r\nConnection: keep-alive\r\n\r\n";
    let last = "POST /v1/orders/x/cancel HTTP/1.0\r\n\r\n";
    let answer = Answer::to(server.address(), &format!("{request}{request}{last}")).await.whole().await;
    assert_eq!(answer.matches("HTTP/1.0 200 ").count(), 2, "{answer}");
    assert_eq!(answer.to_lowercase().matches("connection: keep-alive\r\n").count(), 2, "{answer}");
    assert!(answer.contains("HTTP/1.0 401 "), "the last one has no body and is answered: {answer}");
}

#[tokio::test]
async fn events_go_to_a_client_of_http_1_0_as_they_are_and_end_with_the_connection() {
    let server = Setup::new([Item::new("sku", 9)]).start();
    let order = buy(&server).await;
    for more in ["", "Connection: keep-alive\r\n"] {
        let mut answer = Answer::to(server.address(), &events_of(&order, "HTTP/1.0", more)).await;
        answer.until("event: order", 1).await;
        let text = answer.text();
        assert!(text.starts_with("HTTP/1.0 200 "), "{text}");
        for framing in ["transfer-encoding", "content-length"] {
            assert_eq!(header(&text, framing), None, "{text}");
        }
        assert_ne!(header(&text, "connection").as_deref(), Some("keep-alive"), "{text}");
        assert!(body(&text).starts_with(": "), "no size of a chunk in front: {text}");
    }
    let mut answer = Answer::to(server.address(), &events_of(&order, "HTTP/1.0", "")).await;
    answer.until("event: order", 1).await;
    pay(&server, &order).await;
    answer.until("event: order", 2).await;
    let mut server = server;
    server.kill9();
    let whole = answer.whole().await;
    assert!(body(&whole).lines().all(|line| line.is_empty() || line.contains(':')), "nothing but events: {whole}");
}
