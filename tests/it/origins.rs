//! **Job:** holds what browsers of other origins, monitors and scrapers ask in their own ways.
//! **Owns:** preflights, `HEAD`, `OPTIONS`, and the older text format of metrics.
//! **Never:** buys but to show that it works from there.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::{Client, Inventory, Item, Response, Server, Setup, admin_authorization, authorization};

const SHOP: &str = "https://shop.example.com";
const OTHER: &str = "https://other.example.com";

async fn preflight(server: &Server, origin: &str) -> Response {
    let headers = [
        ("Origin", origin),
        ("Access-Control-Request-Method", "POST"),
        ("Access-Control-Request-Headers", "authorization,content-type,idempotency-key"),
    ];
    let mut client = Client::new(server.address());
    client.request("OPTIONS", "/v1/items/sku/orders", &headers, None).await.expect("an answer")
}

fn allowed(answer: &Response) -> Option<&str> {
    answer.header("access-control-allow-origin")
}

#[tokio::test]
async fn a_page_of_a_listed_origin_can_buy_and_read_the_answer() {
    let server = Setup::new([Item::new("sku", 9)]).set("server.allowed_origins", &format!("[{SHOP:?}]")).start();
    let asked = preflight(&server, SHOP).await;
    assert_eq!((asked.status, allowed(&asked)), (204, Some(SHOP)));
    for (header, needed) in [
        ("access-control-allow-methods", "POST"),
        ("access-control-allow-headers", "authorization"),
        ("access-control-allow-headers", "content-type"),
        ("access-control-allow-headers", "idempotency-key"),
    ] {
        assert!(asked.header(header).is_some_and(|value| value.contains(needed)), "{needed}: {:?}", asked.headers);
    }
    let mut client = Client::new(server.address());
    let buyer = authorization("ann");
    let headers = [("Origin", SHOP), ("Authorization", buyer.as_str()), ("Content-Type", "application/json")];
    for status in [201, 409] {
        let body = Some(r#"{"quantity":1}"#);
        let answer = client.request("POST", "/v1/items/sku/orders", &headers, body).await.expect("an answer");
        assert_eq!((answer.status, allowed(&answer)), (status, Some(SHOP)), "{}", answer.text());
        assert!(answer.header("access-control-expose-headers").is_some_and(|names| names.contains("retry-after")));
        assert!(answer.headers.iter().any(|(name, value)| name == "vary" && value.contains("Origin")));
    }
    // What is refused before its route is looked at can be read, too.
    let refused = client.get("/v1/items", &[("Origin", SHOP), ("Accept", "image/png")]).await.expect("an answer");
    assert_eq!((refused.status, allowed(&refused)), (406, Some(SHOP)));
}

#[tokio::test]
async fn a_page_of_another_origin_is_told_that_only_our_own_may() {
    let server = Setup::new([Item::new("sku", 9)]).start();
    let own = format!("http://{}", server.address());
    for origin in [SHOP, "null", "https://shop.example.com.evil.example"] {
        let asked = preflight(&server, origin).await;
        assert_eq!((asked.status, allowed(&asked)), (204, Some(own.as_str())), "{origin}");
        let answer = Client::new(server.address()).get("/v1/items", &[("Origin", origin)]).await.expect("an answer");
        assert_eq!((answer.status, allowed(&answer)), (200, None), "{origin}");
    }
}

#[tokio::test]
async fn origins_are_exchanged_by_a_hangup() {
    let server = Setup::new([Item::new("sku", 9)]).set("server.allowed_origins", &format!("[{SHOP:?}]")).start();
    let file = server.directory().join("doorbuster.toml");
    let text = std::fs::read_to_string(&file).expect("written");
    std::fs::write(&file, text.replace(SHOP, OTHER)).expect("an own file");
    server.send("HUP");
    while allowed(&preflight(&server, OTHER).await) != Some(OTHER) {
        tokio::task::yield_now().await;
    }
    assert_ne!(allowed(&preflight(&server, SHOP).await), Some(SHOP));
}

/// Status line and headers of an answer, and how many bytes of a body came with it.
async fn bare(address: SocketAddr, method: &str, path: &str, header: &str) -> (String, usize) {
    let mut stream = TcpStream::connect(address).await.expect("it listens");
    let request = format!("{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{header}\r\n");
    stream.write_all(request.as_bytes()).await.expect("it takes a request");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.expect("it closes");
    let text = String::from_utf8_lossy(&answer).into_owned();
    let (head, body) = text.split_once("\r\n\r\n").expect("a head");
    (head.to_lowercase(), body.len())
}

#[tokio::test]
async fn monitors_may_ask_with_head_and_options() {
    let server = Setup::new([Item::new("sku", 9)]).start();
    let admin = format!("Authorization: {}\r\n", admin_authorization());
    for path in ["/livez", "/readyz", "/healthz", "/", "/metrics", "/actors", "/invariants", "/events", "/v1/feed"] {
        let (head, body) = bare(server.ops_address(), "HEAD", path, &admin).await;
        assert!(head.starts_with("http/1.1 200") && body == 0, "{path}: {head} and {body} bytes");
        let (head, _) = bare(server.ops_address(), "OPTIONS", path, &admin).await;
        assert!(head.starts_with("http/1.1 204") && head.contains("allow: get, head, options"), "{path}: {head}");
    }
    for path in ["/", "/v1/items", "/v1/items/sku"] {
        let (head, body) = bare(server.address(), "HEAD", path, "").await;
        assert!(head.starts_with("http/1.1 200") && body == 0, "{path}: {head} and {body} bytes");
        let (head, _) = bare(server.address(), "OPTIONS", path, "").await;
        assert!(head.starts_with("http/1.1 204") && head.contains("allow: get, head, options"), "{path}: {head}");
    }
    let (head, _) = bare(server.ops_address(), "OPTIONS", "/actors", "").await;
    assert!(head.starts_with("http/1.1 401"), "who has no token does not hear which methods there are: {head}");
}

#[tokio::test]
async fn metrics_come_in_the_older_format_where_it_is_asked_for() {
    let server = Setup::new([Item::new("sku", 9)]).set("ops.public_metrics", "true").start();
    let mut client = Client::new(server.ops_address());
    let plain = client.get("/metrics", &[("Accept", "text/plain")]).await.expect("an answer");
    assert_eq!(plain.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    let text = plain.text();
    assert!(text.contains("# TYPE doorbuster_requests_total counter\n") && !text.contains("# EOF"), "{text}");
    let open = client.get("/metrics", &[]).await.expect("an answer").text();
    let names = |text: &str| -> Vec<String> {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        lines.filter_map(|line| line.rsplit_once(' ')).map(|(series, _)| series.to_owned()).collect()
    };
    assert_eq!(names(&text), names(&open), "the series are the same");
}

#[test]
fn an_inventory_may_be_asked_so_too() {
    let mut inventory = Inventory::of("http://127.0.0.1:9");
    inventory.start();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let address = inventory.address();
    let (head, body) = runtime.block_on(bare(address, "HEAD", "/livez", ""));
    assert!(head.starts_with("http/1.1 200") && body == 0, "{head} and {body} bytes");
    let (head, _) = runtime.block_on(bare(address, "OPTIONS", "/stock", ""));
    assert!(head.starts_with("http/1.1 204") && head.contains("allow: get, head, options"), "{head}");
    let (head, _) = runtime.block_on(bare(address, "GET", "/metrics", "Accept: text/plain\r\n"));
    assert!(head.contains("content-type: text/plain; version=0.0.4"), "{head}");
}
