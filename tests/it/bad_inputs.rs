//! **Job:** whatever comes over the wire is answered as the contract says, and sells nothing.
//! **Owns:** what a bad input is and how its answer is looked at; `table` and `heads` have them, and `in_step` is about
//! the other requests on their connections.
//! **Never:** sends a good purchase through the table: every row must leave the stock untouched.

mod heads;
mod in_step;
mod table;

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::Value;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::support::{
    Attempt, Client, Item, RawAnswer, Server, Setup, assert_conservation, assert_problem, authorization, problem_code,
    raw_exchange, seed,
};

const SKU: &str = "sku-1";

/// Units of it.
const UNITS: u32 = 1_000;
const GOOD_BODY: &str = r#"{"quantity":1}"#;

/// Bytes, and the one answer that they get.
struct Row {
    name: String,
    bytes: Vec<u8>,
    expected: (u16, &'static str),
    /// Whether the connection must end with the answer.
    closes: bool,
}

impl Row {
    fn new(name: impl Into<String>, bytes: impl Into<Vec<u8>>, status: u16, code: &'static str) -> Self {
        Self { name: name.into(), bytes: bytes.into(), expected: (status, code), closes: false }
    }

    /// What follows these bytes cannot be told from them: the answer is the last one.
    fn last(name: impl Into<String>, bytes: impl Into<Vec<u8>>, status: u16, code: &'static str) -> Self {
        Self { closes: true, ..Self::new(name, bytes, status, code) }
    }

    /// What is wrong with the answer, if anything.
    async fn complaint(&self, answer: RawAnswer) -> Option<String> {
        let Some(response) = &answer.response else { return Some("closed without an answer".to_owned()) };
        let got = format!("{} {}", response.status, response.text().chars().take(200).collect::<String>());
        let json = serde_json::from_slice::<Value>(&response.body).unwrap_or_default();
        if (response.status, json["code"].as_str().unwrap_or_default()) != self.expected {
            return Some(got);
        }
        problem_code(response);
        let silent = json["code"] == "validation" && !json["errors"].is_array();
        if silent {
            return Some(format!("no errors[] in {got}"));
        }
        if self.closes && response.header("connection") != Some("close") {
            return Some(format!("does not say that it is the last answer: {got}"));
        }
        (self.closes && !answer.closes().await).then(|| format!("the connection stays open after {got}"))
    }
}

/// A purchase of `sku-1` by a good buyer, with these headers instead of the good Content-Type.
fn purchase_with(headers: &[(&str, &str)], body: impl AsRef<[u8]>) -> Vec<u8> {
    purchase_of(&format!("/v1/items/{SKU}/orders"), headers, body)
}

fn purchase_of(path: &str, headers: &[(&str, &str)], body: impl AsRef<[u8]>) -> Vec<u8> {
    let length = body.as_ref().len().to_string();
    let buyer = authorization("ann");
    let mut all = vec![("Host", "shop"), ("Authorization", buyer.as_str()), ("Content-Length", length.as_str())];
    all.extend(headers);
    request("POST", path, &all, body)
}

fn purchase(body: impl AsRef<[u8]>) -> Vec<u8> {
    purchase_with(&[JSON], body)
}

const JSON: (&str, &str) = ("Content-Type", "application/json");

fn request(method: &str, path: &str, headers: &[(&str, &str)], body: impl AsRef<[u8]>) -> Vec<u8> {
    let mut head = format!("{method} {path} HTTP/1.1\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    [head.as_bytes(), b"\r\n", body.as_ref()].concat()
}

/// A request of a good buyer without a body.
fn bare(method: &str, path: &str) -> Vec<u8> {
    request(method, path, &[("Host", "shop"), ("Authorization", &authorization("ann"))], "")
}

fn shop() -> Server {
    let dear = Item::new("dear", 10).limit(10).price((1 << 53) - 1);
    Setup::new([Item::new(SKU, UNITS).limit(UNITS), dear]).start()
}

#[tokio::test]
async fn every_bad_input_gets_its_answer_and_sells_nothing() {
    let mut server = shop();
    let mut complaints = Vec::new();
    for row in table::rows() {
        let complaint = match raw_exchange(server.address(), &row.bytes).await {
            Ok(answer) => row.complaint(answer).await,
            Err(error) => Some(error.to_string()),
        };
        complaints.extend(complaint.map(|got| format!("{}: expected {:?}, got {got}", row.name, row.expected)));
    }
    assert!(complaints.is_empty(), "{} rows:\n{}", complaints.len(), complaints.join("\n"));
    assert!(server.is_alive());
    assert_eq!(assert_conservation(&server).await.len(), 0, "something was sold");
    let good = Attempt::new("ann", SKU).send(&mut Client::new(server.address())).await.expect("an answer");
    assert_eq!(good.status, 201, "the server no longer sells: {}", good.text());
}

#[tokio::test]
async fn a_body_or_a_head_that_never_comes_is_given_up() {
    let server = shop();
    let whole = purchase(GOOD_BODY);
    let head_only = &whole[..whole.len() - GOOD_BODY.len()];
    let half_body = &whole[..whole.len() - 5];
    let half_head = &whole[..head_only.len() / 2];
    let address = server.address();
    let (head_only, half_body, half_head) = tokio::join!(
        raw_exchange(address, head_only),
        raw_exchange(address, half_body),
        raw_exchange(address, half_head)
    );
    for (name, result) in [("head only", head_only), ("half a body", half_body)] {
        let answer = result.unwrap_or_else(|error| panic!("{name}: {error}"));
        let response = answer.response.unwrap_or_else(|| panic!("{name}: closed without an answer"));
        assert_eq!((response.status, problem_code(&response).as_str()), (408, "request-timeout"), "{name}");
    }
    let answer = half_head.expect("half a head is given up in time");
    assert_problem(answer.response.as_ref().expect("half a head is answered"), 408, "request-timeout");
    assert!(answer.closes().await, "half a head keeps its connection");
    assert_eq!(assert_conservation(&server).await.len(), 0, "something was sold");
}

#[tokio::test]
async fn resets_at_any_byte_of_a_purchase_leak_nothing() {
    const RESETS: usize = 300;
    let server = shop();
    let mut chance = StdRng::seed_from_u64(seed());
    let whole = purchase(GOOD_BODY);
    let mut complete = 0;
    for _ in 0..RESETS {
        // A third of them sends everything and goes before the answer.
        let end = chance.random_range(0..whole.len() * 3 / 2).min(whole.len());
        complete += usize::from(end == whole.len());
        let mut stream = TcpStream::connect(server.address()).await.expect("the server accepts");
        stream.set_zero_linger().expect("a socket option");
        stream.write_all(&whole[..end]).await.expect("the server reads");
        if chance.random_bool(0.5) {
            tokio::time::sleep(Duration::from_micros(chance.random_range(0..500))).await;
        }
    }
    let sold = assert_conservation(&server).await.len();
    assert!(sold <= complete, "{sold} orders from {complete} complete requests");
    let good = Attempt::new("bob", SKU).send(&mut Client::new(server.address())).await.expect("an answer");
    assert_eq!(good.status, 201, "the server no longer sells: {}", good.text());
    // A purchase whose buyer was gone before it was read may still be decided after the first look.
    let rows = assert_conservation(&server).await;
    assert!((sold + 1..=complete + 1).contains(&rows.len()), "{} orders", rows.len());
    let item = Client::new(server.address()).get("/v1/items/sku-1", &[]).await.expect("an answer").json();
    assert_eq!(item["stock"], UNITS, "units have left the sale with their buyers");
}
