//! **Job:** holds that what strangers can cause is bounded: guesses, log lines, streams, waiting pulls.
//! **Owns:** crowds that want nothing good.
//! **Never:** waits for time to pass: only for answers.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::{
    ADMIN_TOKEN, Client, Item, Response, Server, Setup, admin_authorization, assert_problem, authorization,
    raw_exchange, send_with,
};

/// The longest that a wrong token waits for its answer (`src/ops/auth_failures.rs`).
const LONGEST_WAIT: Duration = Duration::from_millis(1_600);

/// Within which every request is answered.
const ANSWERED_WITHIN: Duration = Duration::from_secs(5);

/// As many wrong tokens may wait at once.
const MAX_WAITING: usize = 32;

/// Lines that one place in the code may write in a minute, and a report about the rest now and then.
const LINES_OF_ONE_PLACE: usize = 10 + 6;

async fn ask(server: &Server, path: &str, token: &str) -> (Response, Duration) {
    let (mut client, begun) = (Client::new(server.ops_address()), Instant::now());
    let answer = client.get(path, &[("Authorization", &format!("Bearer {token}"))]).await;
    (answer.expect("an answer"), begun.elapsed())
}

async fn failures(server: &Server) -> u64 {
    let (page, _) = ask(server, "/metrics", ADMIN_TOKEN).await;
    let text = page.text();
    let total = text.lines().find_map(|line| line.strip_prefix("doorbuster_ops_auth_failures_total "));
    total.expect("it is there from the first scrape on").parse().expect("a count")
}

fn lines(server: &Server, message: &str) -> Vec<Value> {
    let log = server.stderr();
    let lines = log.lines().map(|line| serde_json::from_str::<Value>(line).unwrap_or_else(|_| panic!("{line}")));
    lines.filter(|line| line["fields"]["message"].as_str().is_some_and(|text| text.contains(message))).collect()
}

#[tokio::test]
async fn wrong_tokens_are_counted_answered_ever_later_and_told_once_a_minute() {
    let server = Setup::new([Item::new("sku", 1)]).start();
    assert_eq!(failures(&server).await, 0);
    let mut waits = Vec::new();
    let paths = ["/actors", "/v1/feed", "/nowhere", "/v1/admin/orders", "/metrics", "/events", "/openapi.json"];
    for path in paths {
        let (answer, wait) = ask(&server, path, &ADMIN_TOKEN[1..]).await;
        assert_problem(&answer, 401, "unauthenticated");
        waits.push(wait);
    }
    let expected = [50, 100, 200, 400, 800, 1_600, 1_600].map(Duration::from_millis);
    for (wait, least) in waits.iter().zip(expected) {
        assert!(*wait >= least && *wait < ANSWERED_WITHIN, "{waits:?}");
    }
    assert_eq!(failures(&server).await, paths.len() as u64);
    // Who sends no token has not guessed.
    let mut nobody = Client::new(server.ops_address());
    for _ in 0..50 {
        assert_eq!(nobody.get("/actors", &[]).await.expect("an answer").status, 401);
    }
    assert_eq!(failures(&server).await, paths.len() as u64);
    let told = lines(&server, "wrong tokens");
    assert_eq!((told.len(), &told[0]["fields"]["failures"]), (1, &1.into()), "{told:?}");
    assert!(!server.stderr().contains(&ADMIN_TOKEN[1..]), "a guess may be nearly right");
}

#[tokio::test]
async fn a_crowd_of_guesses_holds_few_connections_and_never_slows_the_right_token() {
    let server = Setup::new([Item::new("sku", 1)]).start();
    for _ in 0..6 {
        ask(&server, "/actors", "wrong").await;
    }
    let begun = Instant::now();
    let guess = |number: usize| {
        let address = server.ops_address();
        let head = format!("GET /actors HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer guess-{number}\r\n\r\n");
        async move {
            let answer = raw_exchange(address, head.as_bytes()).await.expect("an answer or the end");
            let response = answer.response.expect("an answer");
            assert_eq!(response.status, 401);
            (begun.elapsed(), response.header("connection") == Some("close"))
        }
    };
    let right = async {
        let mut slowest = Duration::ZERO;
        for _ in 0..20 {
            let (answer, took) = ask(&server, "/funnel", ADMIN_TOKEN).await;
            assert_eq!(answer.status, 200);
            slowest = slowest.max(took);
        }
        slowest
    };
    let (guesses, slowest) = tokio::join!(join_all((0..300).map(guess)), right);
    assert!(slowest < LONGEST_WAIT, "the right token waited {slowest:?}");
    let waited = guesses.iter().filter(|(wait, _)| *wait >= LONGEST_WAIT).count();
    let closed = guesses.iter().filter(|(_, is_closed)| *is_closed).count();
    assert!(closed >= 300 - 2 * MAX_WAITING && waited > 0, "{waited} waited, {closed} were closed");
    assert!(guesses.iter().all(|(wait, _)| *wait < ANSWERED_WITHIN));
    assert_eq!(failures(&server).await, 306);
    assert_eq!(lines(&server, "wrong tokens").len(), 1);
}

/// Connects, says something and is gone with a reset.
async fn reset(address: SocketAddr, bytes: &[u8]) {
    let mut stream = TcpStream::connect(address).await.expect("the server listens");
    let _ = stream.write_all(bytes).await;
    stream.set_zero_linger().expect("a socket");
}

/// Each of these `times`, to both listeners: broken heads, resets in the middle, odd names.
async fn misbehave(server: &Server, times: usize) {
    let body =
        "POST /v1/payments/events HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{";
    for bytes in [
        "\r\n\r\n\r\n",
        "GET\r\n\r\n",
        "GET / HTTP/9.9\r\n\r\n",
        "\u{0}\u{1}\u{2}\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\n",
        "GET /%0a%22%5c HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\nA : b\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
        "GET /v1/items/%e2%80%ae%0d%0a{%22a%22:1} HTTP/1.1\r\nHost: x\r\n\r\n",
        body,
    ] {
        for address in [server.address(), server.ops_address()] {
            for _ in 0..times {
                reset(address, bytes.as_bytes()).await;
            }
        }
    }
}

#[tokio::test]
async fn thousands_of_bad_requests_write_few_lines_and_each_is_json() {
    let mut server = Setup::new([Item::new("sku", 9)]).start();
    misbehave(&server, 100).await;
    let (mut shop, mut operations) = (Client::new(server.address()), Client::new(server.ops_address()));
    let admin = admin_authorization();
    for number in 0..500 {
        let own = authorization(&format!("u{number}"));
        for (path, token) in
            [("/v1/orders/%22%0a", own.as_str()), ("/v1/items/%1b%5b31m", ""), ("/v1/orders", "Bearer x")]
        {
            assert!(shop.get(path, &[("Authorization", token)]).await.expect("an answer").status >= 400);
        }
        let paid = send_with(&mut shop, &["t=1,v1=00"], "{\"event_id\":\"\u{202e}\\n\"}").await.expect("an answer");
        assert!(paid.status >= 400);
        for path in
            ["/v1/feed?after=99999999999", "/v1/feed?after=%0a", "/actors?sort=%22", "/v1/admin/orders?item_id=%0a"]
        {
            let answer = operations.get(path, &[("Authorization", &admin)]).await.expect("an answer");
            assert!(answer.status >= 400 && answer.status < 500, "{path}: {}", answer.text());
        }
    }
    assert_eq!(server.terminate().code(), Some(0));
    let count = lines(&server, "").len();
    assert!(count < 4 * LINES_OF_ONE_PLACE, "{count} lines:\n{}", server.stderr());
}

/// Asks for something that has no end, or not soon; returns the status of the answer, which may be long in coming.
struct Asked(TcpStream);

impl Asked {
    async fn send(server: &Server, path: &str) -> Self {
        let mut stream = TcpStream::connect(server.ops_address()).await.expect("the server listens");
        let head = format!("GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: {}\r\n\r\n", admin_authorization());
        stream.write_all(head.as_bytes()).await.expect("the server reads");
        Self(stream)
    }

    async fn status(&mut self) -> u16 {
        let mut line = [0; 12];
        let read = tokio::time::timeout(4 * ANSWERED_WITHIN, self.0.read_exact(&mut line)).await;
        read.expect("an answer in time").expect("an answer");
        std::str::from_utf8(&line[9..]).expect("digits").parse().expect("a status")
    }
}

/// The most that may watch, and the most pulls that may wait.
const PLACES: usize = 64;

#[tokio::test]
async fn only_so_many_watch_the_snapshots_and_who_leaves_makes_room() {
    let server = Setup::new([Item::new("sku", 9)]).start();
    let mut watchers = Vec::new();
    for _ in 0..PLACES {
        let mut watcher = Asked::send(&server, "/events").await;
        assert_eq!(watcher.status().await, 200);
        watchers.push(watcher);
    }
    let (refused, _) = ask(&server, "/events", ADMIN_TOKEN).await;
    assert_problem(&refused, 503, "overloaded");
    assert!(refused.header("retry-after").is_some());
    drop(watchers);
    let begun = Instant::now();
    while Asked::send(&server, "/events").await.status().await != 200 {
        assert!(begun.elapsed() < ANSWERED_WITHIN, "those who have left keep their places");
    }
}

#[tokio::test]
async fn only_so_many_pulls_wait_and_an_entry_answers_all_of_them() {
    let server = Setup::new([Item::new("sku", 9)]).start();
    let mut pulls = Vec::new();
    for _ in 0..PLACES {
        pulls.push(Asked::send(&server, "/v1/feed?after=1&wait=30").await);
    }
    let begun = Instant::now();
    let refused = loop {
        // Those on their way have not taken their places yet; who comes before them waits for nothing.
        let (answer, _) = ask(&server, "/v1/feed?after=1&wait=0", ADMIN_TOKEN).await;
        if answer.status != 200 {
            break answer;
        }
        assert!(begun.elapsed() < ANSWERED_WITHIN, "more than {PLACES} pulls wait");
    };
    assert_problem(&refused, 503, "overloaded");
    assert!(refused.header("retry-after").is_some());
    let ann = authorization("ann");
    let (mut shop, headers) = (Client::new(server.address()), [("Authorization", ann.as_str())]);
    let bought = shop.request("POST", "/v1/items/sku/orders", &headers, Some("{\"quantity\":1}"));
    assert_eq!(bought.await.expect("an answer").status, 201);
    for pull in &mut pulls {
        assert_eq!(pull.status().await, 200);
    }
}
