//! **Job:** what the server says of itself: the OpenAPI document, and the page that shows it.
//! **Owns:** the comparison of the document with what both listeners do.
//! **Never:** has a list of routes: the document brings them.

mod answers;
mod document;
mod page;
mod schema;

use std::collections::BTreeMap;
use std::net::SocketAddr;

use document::{Document, Operation};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::{
    Attempt, Client, Item, Server, Setup, admin_authorization, assert_problem, authorization, report_paid,
};

const SKU: &str = "sku-1";

/// Steered by the owner while buyers look at the other.
const STEERED: &str = "sku-2";

fn shop() -> Server {
    let secret = "\"whsec_0123456789abcdef0123456789abcdef\"";
    Setup::new([Item::new(SKU, 9).limit(9), Item::new(STEERED, 9)]).set("payment.stripe.secret", secret).start()
}

#[tokio::test]
async fn the_document_is_whole() {
    let document = Document::of(&shop()).await;
    let whole = &document.0;
    assert!(whole["openapi"].as_str().is_some_and(|version| version.starts_with("3.1.")), "{}", whole["openapi"]);
    assert_eq!(whole["info"]["version"], env!("CARGO_PKG_VERSION"));
    document.assert_references_resolve();
    let mut names = BTreeMap::new();
    for operation in document.operations() {
        operation.assert_whole(whole);
        let name = operation.spec["operationId"].as_str().expect("an operation has a name");
        assert_eq!(names.insert(name.to_owned(), operation.path.clone()), None, "{name} stands twice");
    }
}

#[tokio::test]
async fn only_who_has_the_admin_token_gets_the_document() {
    let server = shop();
    let buyer = authorization("ann");
    for headers in [&[][..], &[("Authorization", buyer.as_str())]] {
        let answer = Client::new(server.ops_address()).get("/openapi.json", headers).await.expect("an answer");
        assert_problem(&answer, 401, "unauthenticated");
    }
}

const METHODS: [&str; 8] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"];

#[tokio::test]
async fn the_routes_are_those_of_the_document_and_their_methods_are_too() {
    let server = shop();
    let (document, order) = (Document::of(&server).await, placed(&server).await);
    for (path, operations) in document.paths() {
        let (address, target) = (operations[0].address(&server), filled(&path, &order));
        let mut allowed: Vec<_> = operations.iter().map(|operation| operation.method.as_str()).collect();
        if allowed.contains(&"GET") {
            allowed.push("HEAD");
        }
        for method in METHODS.into_iter().filter(|method| *method != "OPTIONS") {
            let Head { status, allow } = head(address, method, &target, &operations[0].key()).await;
            let at = format!("{method} {path}: {status}");
            if allowed.contains(&method) {
                assert!(!matches!(status, 404 | 405), "{at}, but it is described");
            } else {
                assert_eq!(status, 405, "{at}, but it is not described");
                let mut said: Vec<_> = allow.as_deref().unwrap_or_default().split(", ").collect();
                said.sort_unstable();
                allowed.sort_unstable();
                assert_eq!(said, allowed, "{at}");
            }
        }
        let Head { status, allow } = head(address, "OPTIONS", &target, &operations[0].key()).await;
        let mut said: Vec<_> = allow.as_deref().unwrap_or_default().split(", ").collect();
        allowed.push("OPTIONS");
        said.sort_unstable();
        allowed.sort_unstable();
        assert_eq!((status, said), (204, allowed), "OPTIONS {path}");
    }
}

#[tokio::test]
async fn a_route_asks_for_a_key_where_the_document_says_so_and_nowhere_else() {
    let server = shop();
    let (document, order) = (Document::of(&server).await, placed(&server).await);
    for operation in document.operations() {
        let Operation { path, method, .. } = &operation;
        // The signature of the webhook stands for its key; without a body nobody looks at it.
        let body = if path.starts_with("/v1/payments/") { "{}" } else { "" };
        let Head { status, .. } = sent(operation.address(&server), method, &filled(path, &order), "", body).await;
        assert_eq!(status == 401, !operation.key_names().is_empty(), "{method} {path}: {status}");
    }
}

#[tokio::test]
async fn bounds_of_parameters_are_those_of_the_document() {
    let server = shop();
    let (document, order, mut seen) = (Document::of(&server).await, placed(&server).await, 0);
    for operation in document.operations() {
        for (name, least, most) in operation.bounded_parameters() {
            for (value, is_in) in [(least - 1, false), (least, true), (most, true), (most + 1, false)] {
                let target = format!("{}?{name}={value}", filled(&operation.path, &order));
                let Head { status, .. } = head(operation.address(&server), "GET", &target, &operation.key()).await;
                assert_eq!(status, if is_in { 200 } else { 422 }, "{target}");
                seen += 1;
            }
        }
    }
    assert!(seen > 0, "the document has no bounds");
}

/// Things that are there.
struct There {
    order: String,
    payment: String,
}

/// An order that was paid twice, and one of the other item, which cannot be deleted then.
async fn placed(server: &Server) -> There {
    let mut client = Client::new(server.address());
    let steered = Attempt::new("ann", STEERED).send(&mut client).await.expect("an answer");
    let answer = Attempt::new("ann", SKU).send(&mut client).await.expect("an answer");
    assert_eq!((steered.status, answer.status), (201, 201), "{}", answer.text());
    let order = answer.json();
    for event in ["event-1", "event-2"] {
        report_paid(&mut client, event, &order).await.expect("an answer");
    }
    let authorization = [("Authorization", &*admin_authorization())];
    let owed = Client::new(server.ops_address()).get("/v1/admin/payments", &authorization).await.expect("an answer");
    let name = |name: &Value| name.as_str().expect("it has an id").to_owned();
    There { order: name(&order["order_id"]), payment: name(&owed.json()["payments"][0]["payment_id"]) }
}

/// The path with things that are there.
fn filled(path: &str, there: &There) -> String {
    let item = if path.starts_with("/v1/admin/") { STEERED } else { SKU };
    let path = path.replace("{item_id}", item).replace("{order_id}", &there.order);
    let path = path.replace("{payment_id}", &there.payment);
    let path = path.replace("{seq}", "1").replace("{provider}", "stripe");
    assert!(!path.contains('{'), "{path}: a new kind of thing");
    path
}

struct Head {
    status: u16,
    allow: Option<String>,
}

async fn head(address: SocketAddr, method: &str, target: &str, authorization: &str) -> Head {
    sent(address, method, target, &format!("Authorization: {authorization}\r\n"), "").await
}

/// Reads no further than the head: a stream of events has no end.
async fn sent(address: SocketAddr, method: &str, target: &str, headers: &str, body: &str) -> Head {
    let mut stream = TcpStream::connect(address).await.expect("the server listens");
    let length = if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
    let request = format!(
        "{method} {target} HTTP/1.1\r\nHost: shop\r\nContent-Type: application/json\r\n{headers}{length}\r\n{body}"
    );
    stream.write_all(request.as_bytes()).await.expect("the server reads");
    let mut answer = Vec::new();
    while !answer.windows(4).any(|window| window == b"\r\n\r\n") {
        let count = stream.read_buf(&mut answer).await.expect("the server answers");
        assert!(count > 0, "{method} {target}: no answer");
    }
    let text = String::from_utf8_lossy(&answer).to_lowercase();
    let allow = text.lines().find_map(|line| line.strip_prefix("allow: "));
    Head { status: text[9..12].parse().expect("a status"), allow: allow.map(str::to_uppercase) }
}
