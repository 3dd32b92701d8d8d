//! **Job:** an order pushed to its buyer as it changes (server-sent events).
//! **Owns:** a reader of the stream that waits for events and for nothing else.
//! **Never:** asks for the order again to find out what was pushed.

use std::io::{Error, ErrorKind, Result};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::street::{SKU, buy, cancel, order_of, path, pay, until};
use crate::support::{
    Claims, Client, Item, Response, Server, Setup, assert_problem, authorization, but_for_its_id, hs256, now_s,
};

/// How long an event may take that should come at once, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// An event of the stream.
#[derive(Debug, PartialEq, Eq)]
struct Event {
    id: String,
    data: Value,
}

/// An open stream.
struct Stream {
    connection: BufReader<TcpStream>,
    head: String,
    text: String,
}

impl Stream {
    /// Opens the stream of the order as its buyer, who has seen `last` before.
    async fn open(server: &Server, order: &Value, last: Option<&str>) -> Self {
        let buyer = authorization(order["user_id"].as_str().expect("a user"));
        Self::open_with(server, order, &buyer, last).await
    }

    /// The same with any `Authorization`.
    async fn open_with(server: &Server, order: &Value, buyer: &str, last: Option<&str>) -> Self {
        let stream = Self::ask(server, order, buyer, last).await;
        assert!(stream.is_open(), "{}", stream.head);
        stream
    }

    fn is_open(&self) -> bool {
        self.head.starts_with("http/1.1 200")
    }

    /// Whatever the answer is.
    async fn ask(server: &Server, order: &Value, buyer: &str, last: Option<&str>) -> Self {
        let last = last.map_or_else(String::new, |id| format!("Last-Event-ID: {id}\r\n"));
        let request = format!(
            "GET {}/events HTTP/1.1\r\nHost: {}\r\nAccept: text/event-stream\r\nAuthorization: {buyer}\r\n{last}\r\n",
            path(order),
            server.address()
        );
        let mut connection = TcpStream::connect(server.address()).await.expect("the server listens");
        connection.write_all(request.as_bytes()).await.expect("the server reads");
        let mut stream = Self { connection: BufReader::new(connection), head: String::new(), text: String::new() };
        let head = timeout(PATIENCE, stream.read_head()).await.expect("an answer in time");
        head.expect("the head of an answer");
        stream
    }

    async fn read_head(&mut self) -> Result<()> {
        while !self.head.ends_with("\r\n\r\n") {
            if self.connection.read_line(&mut self.head).await? == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
        self.head = self.head.to_lowercase();
        Ok(())
    }

    /// The next event that is not a comment.
    async fn next(&mut self) -> Event {
        let next = timeout(PATIENCE, self.read_event()).await;
        next.unwrap_or_else(|_| panic!("no event in {PATIENCE:?}")).expect("the stream goes on")
    }

    async fn read_event(&mut self) -> Result<Event> {
        loop {
            while let Some((block, _rest)) = self.text.split_once("\n\n") {
                let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
                let (id, data) = (field("id: "), field("data: "));
                let end = block.len() + 2;
                self.text.drain(..end);
                if let (Some(id), Some(data)) = (id, data) {
                    return Ok(Event { id, data: serde_json::from_str(&data)? });
                }
            }
            self.read_chunk().await?;
        }
    }

    async fn read_chunk(&mut self) -> Result<()> {
        let mut size = String::new();
        self.connection.read_line(&mut size).await?;
        let size = usize::from_str_radix(size.trim_end(), 16).map_err(|_| Error::from(ErrorKind::InvalidData))?;
        let mut chunk = vec![0; size + 2];
        self.connection.read_exact(&mut chunk).await?;
        self.text.push_str(std::str::from_utf8(&chunk[..size]).map_err(|_| Error::from(ErrorKind::InvalidData))?);
        if size == 0 { Err(ErrorKind::UnexpectedEof.into()) } else { Ok(()) }
    }
}

#[tokio::test]
async fn a_stream_begins_with_the_order_and_pushes_its_payment() {
    let server = Setup::new([Item::new(SKU, 9)]).start();
    let order = buy(&server, "ann", 1).await;
    let mut stream = Stream::open(&server, &order, None).await;
    assert!(stream.head.contains("content-type: text/event-stream"), "{}", stream.head);
    assert!(stream.head.contains("cache-control: no-store"), "{}", stream.head);
    assert_eq!(stream.next().await, Event { id: "pending".to_owned(), data: order.clone() });
    assert_eq!(pay(&server, "e1", &order).await.status, 200);
    let paid = order_of(&server, &order).await;
    assert_eq!(stream.next().await, Event { id: "paid".to_owned(), data: paid });
    assert_eq!(pay(&server, "e2", &order).await.status, 200);
    let twice = stream.next().await.data;
    assert_eq!((&twice["status"], &twice["refund_owed"][0]["amount"]), (&Value::from("paid"), &order["total_price"]));
}

#[tokio::test]
async fn everybody_who_watches_sees_the_cancellation() {
    let server = Setup::new([Item::new(SKU, 9)]).start();
    let order = buy(&server, "ann", 1).await;
    let mut streams = Vec::new();
    for _tab in 0..5 {
        streams.push(Stream::open(&server, &order, None).await);
    }
    for stream in &mut streams {
        assert_eq!(stream.next().await.id, "pending");
    }
    let cancelled = cancel(&server, "ann", &order).await.json();
    for stream in &mut streams {
        assert_eq!(stream.next().await.data, cancelled);
    }
}

#[tokio::test]
async fn an_expiry_is_pushed_and_then_what_becomes_of_late_money() {
    let server = Setup::new([Item::new(SKU, 9)]).set("payment.pay_within", "\"1s\"").start();
    let order = buy(&server, "ann", 1).await;
    let mut stream = Stream::open(&server, &order, None).await;
    let first = stream.next().await;
    // On a very slow machine it may have expired before the stream was open.
    let expired = if first.id == "pending" { stream.next().await } else { first };
    assert_eq!((expired.id.as_str(), &expired.data["status"]), ("expired", &json!("expired")));
    assert_eq!(order_of(&server, &order).await, expired.data, "what was pushed is durable");
    assert_eq!(pay(&server, "e1", &order).await.status, 200);
    assert_eq!(stream.next().await.id, "refund_due");
}

#[tokio::test]
async fn who_comes_back_hears_only_what_he_has_not_heard() {
    let server = Setup::new([Item::new(SKU, 9)]).start();
    let order = buy(&server, "ann", 1).await;
    let mut waiting = Stream::open(&server, &order, Some("pending")).await;
    assert_eq!(pay(&server, "e1", &order).await.status, 200);
    assert_eq!(waiting.next().await.id, "paid", "he knew that it is pending");
    let mut late = Stream::open(&server, &order, Some("pending")).await;
    assert_eq!(late.next().await.id, "paid", "it changed while he was away");
    let mut confused = Stream::open(&server, &order, Some("no status at all")).await;
    assert_eq!(confused.next().await.id, "paid");
}

#[tokio::test]
async fn a_stream_outlives_nothing_and_is_opened_again_after_a_restart() {
    let mut server = Setup::new([Item::new(SKU, 9)]).start();
    let order = buy(&server, "ann", 1).await;
    let mut stream = Stream::open(&server, &order, None).await;
    assert_eq!(stream.next().await.id, "pending");
    server.restart();
    let cut = timeout(PATIENCE, stream.read_event()).await.expect("the end comes in time");
    assert!(cut.is_err(), "{cut:?} from a house that is gone");
    let mut again = Stream::open(&server, &order, Some("pending")).await;
    assert_eq!(pay(&server, "e1", &order).await.status, 200);
    assert_eq!(again.next().await.id, "paid");
}

#[tokio::test]
async fn only_the_buyer_watches_his_order() {
    let server = Setup::new([Item::new(SKU, 9)]).start();
    let order = buy(&server, "ann", 1).await;
    let events = format!("{}/events", path(&order));
    let mut client = Client::new(server.address());
    let bob = authorization("bob");
    let foreign = client.get(&events, &[("Authorization", &bob), ("Accept", "text/event-stream")]).await;
    let foreign = foreign.expect("an answer");
    assert_problem(&foreign, 404, "not-found");
    let unknown = client.get("/v1/orders/1-1-fff/events", &[("Authorization", &bob)]).await.expect("an answer");
    assert_eq!((foreign.status, but_for_its_id(&foreign)), (unknown.status, but_for_its_id(&unknown)));
    assert_problem(&client.get(&events, &[]).await.expect("an answer"), 401, "unauthenticated");
    let ann = authorization("ann");
    let posted = client.request("POST", &events, &[("Authorization", &ann)], None).await.expect("an answer");
    assert_problem(&posted, 405, "method-not-allowed");
}

#[tokio::test]
async fn watching_keeps_an_orderly_stop_from_nothing() {
    let mut server = Setup::new([Item::new(SKU, 9)]).set("payment.pay_within", "\"100ms\"").start();
    let order = buy(&server, "ann", 1).await;
    until(&server, &order, "expired").await;
    let mut stream = Stream::open(&server, &order, None).await;
    assert_eq!(stream.next().await.id, "expired");
    assert_eq!(server.terminate().code(), Some(0), "{}", server.stderr());
}

/// The answer to who may not watch.
async fn refusal(server: &Server, order: &Value, buyer: &str) -> Response {
    let headers = [("Authorization", buyer), ("Accept", "text/event-stream")];
    let (mut client, events) = (Client::new(server.address()), format!("{}/events", path(order)));
    timeout(PATIENCE, client.get(&events, &headers)).await.expect("a stream was opened").expect("an answer")
}

#[tokio::test]
async fn a_buyer_has_eight_streams_and_a_place_again_as_soon_as_one_is_closed() {
    let server = Setup::new([Item::new(SKU, 9).limit(2)]).start();
    let orders = [buy(&server, "ann", 1).await, buy(&server, "ann", 1).await];
    let mut streams = Vec::new();
    for number in 0..8 {
        streams.push(Stream::open(&server, &orders[number % 2], None).await);
    }
    for order in &orders {
        let refused = refusal(&server, order, &authorization("ann")).await;
        assert_problem(&refused, 429, "throttled");
        assert!(refused.header("retry-after").is_some());
    }
    let bobs = buy(&server, "bob", 1).await;
    assert_eq!(Stream::open(&server, &bobs, None).await.next().await.id, "pending", "another buyer has their own");
    let paid = pay(&server, "e1", &orders[0]).await;
    assert_eq!(paid.status, 200, "watching keeps nobody from paying");
    let ann = authorization("ann");
    for round in 0..50 {
        drop(streams.pop());
        let begun = Instant::now();
        let mut next = Stream::ask(&server, &orders[1], &ann, None).await;
        while !next.is_open() {
            assert!(begun.elapsed() < Duration::from_secs(5), "round {round}: a closed stream keeps its place");
            next = Stream::ask(&server, &orders[1], &ann, None).await;
        }
        streams.insert(0, next);
    }
    assert_problem(&refusal(&server, &orders[0], &ann).await, 429, "throttled");
}

#[tokio::test]
async fn a_stream_ends_with_its_token_and_goes_on_with_a_fresh_one() {
    let server = Setup::new([Item::new(SKU, 9)]).start();
    let order = buy(&server, "ann", 1).await;
    let expiry = now_s() + 3;
    let claims = Claims::of("ann").with("exp", expiry);
    let short = format!("Bearer {}", hs256(&json!({"alg": "HS256"}), claims.json()));
    let mut stream = Stream::open_with(&server, &order, &short, None).await;
    assert_eq!(stream.next().await.id, "pending");
    let end = timeout(PATIENCE, stream.read_event()).await.expect("it ends").expect_err("and says nothing more");
    assert_eq!(end.kind(), ErrorKind::UnexpectedEof, "in order: {end}");
    assert!((expiry..expiry + 3).contains(&now_s()), "{} s after the expiry", now_s() - expiry);
    let refused = refusal(&server, &order, &short).await;
    assert_problem(&refused, 401, "unauthenticated");
    let mut again = Stream::open(&server, &order, Some("pending")).await;
    assert_eq!(pay(&server, "e1", &order).await.status, 200);
    assert_eq!(again.next().await.id, "paid", "nothing in between was lost");
}
