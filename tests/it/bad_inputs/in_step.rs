//! **Job:** a bad request takes no other request on its connection with it, and hides none.
//! **Owns:** what is answered, and sold, before and after a refusal.
//! **Never:** leaves open which of several requests were carried out.

use super::{GOOD_BODY, SKU, bare, purchase, shop};
use crate::support::{Attempt, Client, Response, assert_conservation, problem_code};

#[tokio::test]
async fn a_bad_body_leaves_the_connection_in_step() {
    let server = shop();
    let mut client = Client::new(server.address());
    for body in ["{", "{\"quantity\":0}", "[]"] {
        let bad = client.send(&purchase(body)).await.expect("an answer");
        assert!(matches!(bad.status, 400 | 422), "{}", bad.text());
        let good = Attempt::new("ann", SKU).send(&mut client).await.expect("an answer");
        assert_eq!(good.status, 201, "{}", good.text());
    }
    assert_eq!(assert_conservation(&server).await.len(), 3);
}

/// A good purchase whose body is full of line feeds.
fn airy_purchase() -> Vec<u8> {
    purchase("\n{\n\n\"quantity\":\r\n1\n}\n")
}

/// A purchase with one bare line feed in its head.
fn purchase_with_bare_line_feed() -> Vec<u8> {
    let good = String::from_utf8(purchase(GOOD_BODY)).expect("a good purchase is text");
    good.replacen("\r\n", "\r\nX-Bare: 1\n", 1).into_bytes()
}

#[tokio::test]
async fn a_bare_line_feed_in_a_later_head_is_refused_and_closes() {
    let server = shop();
    let mut client = Client::new(server.address());
    for _ in 0..2 {
        let good = client.send(&airy_purchase()).await.expect("an answer");
        assert_eq!(good.status, 201, "{}", good.text());
    }
    let bad = client.send(&purchase_with_bare_line_feed()).await.expect("an answer on the same connection");
    assert_eq!((bad.status, problem_code(&bad).as_str()), (400, "malformed"));
    assert_eq!(bad.header("connection"), Some("close"));
    assert_eq!(assert_conservation(&server).await.len(), 2);
}

#[tokio::test]
async fn pipelined_requests_before_a_refused_one_get_their_answers() {
    let server = shop();
    let mut client = Client::new(server.address());
    let three = [airy_purchase(), bare("GET", "/v1/items/sku-1"), airy_purchase()].concat();
    let (first, second, third) = pipelined(&mut client, &three).await;
    assert_eq!([first.status, second.status, third.status], [201, 200, 201]);
    let bad = [airy_purchase(), airy_purchase(), purchase_with_bare_line_feed(), airy_purchase()].concat();
    let (first, second, third) = pipelined(&mut client, &bad).await;
    assert_eq!([first.status, second.status, third.status], [201, 201, 400]);
    assert_eq!(problem_code(&third), "malformed");
    assert_eq!(assert_conservation(&server).await.len(), 4, "sold after the refusal, or not before it");
}

async fn pipelined(client: &mut Client, three: &[u8]) -> (Response, Response, Response) {
    let first = client.send(three).await.expect("a first answer");
    let second = client.send(b"").await.expect("a second answer");
    (first, second, client.send(b"").await.expect("a third answer"))
}
