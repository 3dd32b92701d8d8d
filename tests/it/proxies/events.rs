//! **Job:** events pass proxies that collect and compress answers.
//! **Owns:** a reader of a raw answer that waits for what it should contain.
//! **Never:** asks for the order again.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::in_front_of;
use crate::support::{Attempt, Client, Item, Server, Setup, admin_authorization, authorization, report_paid, shop_at};

/// How long an event may take that should come at once, on a busy machine. A proxy that collects keeps it for a minute.
const PATIENCE: Duration = Duration::from_secs(20);

/// Compresses whatever it can, as some do.
const COMPRESSING: &str = "gzip on; gzip_types *; gzip_proxied any;";

/// An answer that goes on.
pub(super) struct Answer {
    connection: TcpStream,
    bytes: Vec<u8>,
}

impl Answer {
    pub(super) async fn to(address: SocketAddr, head: &str) -> Self {
        let mut connection = TcpStream::connect(address).await.expect("it listens");
        connection.write_all(head.as_bytes()).await.expect("it reads");
        Self { connection, bytes: Vec::new() }
    }

    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    /// Reads until the text has so many of `part`.
    pub(super) async fn until(&mut self, part: &str, count: usize) {
        let reading = async {
            while self.text().matches(part).count() < count {
                let read = self.connection.read_buf(&mut self.bytes).await.expect("it goes on");
                assert!(read > 0, "the end, and not {count} of {part:?}:\n{}", self.text());
            }
        };
        let in_time = timeout(PATIENCE, reading).await;
        assert!(in_time.is_ok(), "not {count} of {part:?} in {PATIENCE:?}:\n{}", self.text());
    }

    /// Reads until there are more bytes than so many.
    async fn beyond(&mut self, length: usize) {
        let reading = async {
            while self.bytes.len() <= length {
                assert!(self.connection.read_buf(&mut self.bytes).await.expect("it goes on") > 0, "the end");
            }
        };
        let in_time = timeout(PATIENCE, reading).await;
        assert!(in_time.is_ok(), "nothing more in {PATIENCE:?}:\n{}", self.text());
    }

    /// Reads to the end.
    pub(super) async fn whole(mut self) -> String {
        let reading = self.connection.read_to_end(&mut self.bytes);
        timeout(PATIENCE, reading).await.expect("the connection is closed").expect("in order");
        self.text()
    }
}

pub(super) async fn buy(server: &Server) -> Value {
    let answer = Attempt::new("ann", "sku").send(&mut Client::new(server.address())).await.expect("an answer");
    assert_eq!(answer.status, 201, "{}", answer.text());
    answer.json()
}

pub(super) fn events_of(order: &Value, version: &str, more: &str) -> String {
    let id = order["order_id"].as_str().expect("an id");
    let buyer = authorization("ann");
    format!("GET /v1/orders/{id}/events {version}\r\nHost: shop\r\nAuthorization: {buyer}\r\n{more}\r\n")
}

pub(super) async fn pay(server: &Server, order: &Value) {
    let paid = report_paid(&mut Client::new(server.address()), "e1", order).await.expect("an answer");
    assert_eq!(paid.status, 200, "{}", paid.text());
}

#[tokio::test]
async fn events_pass_a_proxy_with_its_defaults_at_once() {
    // Its default towards servers is HTTP/1.0, and to collect answers.
    for directives in ["", "proxy_http_version 1.1;", "proxy_http_version 1.1; proxy_set_header Connection \"\";"] {
        let server = Setup::new([Item::new("sku", 9)]).start();
        let nginx = in_front_of(server.address(), directives);
        let order = buy(&server).await;
        let mut answer = Answer::to(nginx.address(), &events_of(&order, "HTTP/1.1", "")).await;
        answer.until("event: order", 1).await;
        pay(&server, &order).await;
        answer.until("event: order", 2).await;
        assert!(answer.text().contains("\"status\":\"paid\""), "{directives}: {}", answer.text());
    }
}

#[tokio::test]
async fn events_pass_the_deployed_proxy_within_a_second_of_the_payment() {
    let items = ["sku", "tea", "cup"];
    let server = Setup::new(items.map(|id| Item::new(id, 9))).start();
    let nginx = shop_at(&[server.address()], &[]);
    let mut took = Vec::new();
    for (number, item) in items.into_iter().enumerate() {
        let order = Attempt::new("ann", item).send(&mut Client::new(nginx.address())).await.expect("an answer").json();
        let mut answer = Answer::to(nginx.address(), &events_of(&order, "HTTP/1.1", "")).await;
        answer.until("event: order", 1).await;
        let event = format!("e{number}");
        let paid = report_paid(&mut Client::new(nginx.address()), &event, &order).await.expect("an answer");
        assert_eq!(paid.status, 200, "{}", paid.text());
        let told = Instant::now();
        answer.until("event: order", 2).await;
        took.push(told.elapsed());
    }
    // A busy machine may hold one of them up; a proxy that collects holds up each.
    took.sort();
    assert!(took[1] < Duration::from_secs(1), "{took:?}");
}

#[tokio::test]
async fn events_pass_a_proxy_that_compresses_everything_at_once() {
    let server = Setup::new([Item::new("sku", 9)]).start();
    for version in ["", "proxy_http_version 1.1;"] {
        let nginx = in_front_of(server.address(), &format!("{COMPRESSING} {version}"));
        let order = buy(&server).await;
        let head = events_of(&order, "HTTP/1.1", "Accept-Encoding: gzip\r\n");
        let mut answer = Answer::to(nginx.address(), &head).await;
        answer.until("\r\n\r\n", 1).await;
        // The order as it is, whole or as the beginning of a compressed stream; then its cancellation.
        let head = answer.bytes.windows(4).position(|window| window == b"\r\n\r\n").expect("a head") + 4;
        answer.beyond(head).await;
        let known = answer.bytes.len();
        cancel(&server, &order).await;
        answer.beyond(known).await;
    }
}

async fn cancel(server: &Server, order: &Value) {
    let path = format!("/v1/orders/{}/cancel", order["order_id"].as_str().expect("an id"));
    let buyer = authorization("ann");
    let mut client = Client::new(server.address());
    let answer = client.request("POST", &path, &[("Authorization", &buyer)], None).await.expect("an answer");
    assert_eq!(answer.status, 200, "{}", answer.text());
}

#[tokio::test]
async fn every_event_stream_tells_proxies_to_leave_it_alone_and_begins_at_once() {
    let server = Setup::new([Item::new("sku", 9)]).start();
    let order = buy(&server).await;
    let operator = format!("GET /events HTTP/1.1\r\nHost: x\r\nAuthorization: {}\r\n\r\n", admin_authorization());
    for (address, head, first) in [
        (server.address(), events_of(&order, "HTTP/1.1", ""), "event: order"),
        (server.ops_address(), operator, "event: snapshot"),
    ] {
        let mut answer = Answer::to(address, &head).await;
        answer.until(first, 1).await;
        let text = answer.text().to_lowercase();
        assert!(text.contains("x-accel-buffering: no\r\n"), "{text}");
        assert!(text.contains("cache-control: no-store, no-transform\r\n"), "{text}");
        let before = text.find(first).expect("it came") - text.find("\r\n\r\n").expect("a head");
        assert!(before > 2_000, "a buffer of a page or two is filled: {before} bytes");
    }
}

#[tokio::test]
async fn snapshots_pass_a_proxy_with_its_defaults() {
    let server = Setup::new([Item::new("sku", 9)]).start();
    let nginx = in_front_of(server.ops_address(), COMPRESSING);
    let head = format!("GET /events HTTP/1.1\r\nHost: x\r\nAuthorization: {}\r\n\r\n", admin_authorization());
    let mut answer = Answer::to(nginx.address(), &head).await;
    answer.until("event: snapshot", 3).await;
}
