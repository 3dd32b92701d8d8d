//! **Job:** hostile connections cost bounded memory and descriptors, and honest buyers are served meanwhile.
//! **Owns:** clients that never read, never finish, or only sit there.
//! **Never:** waits for time to pass: only for answers and for the ends of connections.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use crate::support::{
    Attempt, Client, Item, Server, Setup, admin_authorization, authorization, problem_code, raw_exchange,
};

const SKU: &str = "sku-1";

/// Most that the hostile crowd below may add to the resident memory: a fraction of what each would take without bounds.
pub(crate) const MAX_GROWTH_KIB: u64 = 64 * 1024;

/// Sooner than the flood below is given up for not sending a head: until then nothing frees a descriptor by itself.
const AT_ONCE: Duration = Duration::from_secs(3);

pub(crate) fn resident_kib(server: &Server) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.id())).expect("the server runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("its memory");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

fn connect(server: &Server) -> TcpStream {
    let stream = TcpStream::connect(server.address()).expect("the server accepts");
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a socket option");
    stream
}

/// Sends as much as the server takes without being read from.
fn pour(stream: &TcpStream, bytes: &[u8]) {
    stream.set_nonblocking(true).expect("a socket option");
    let mut stream = stream;
    for _round in 0..64 {
        match stream.write(bytes) {
            Ok(_some) => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            Err(_closed) => break,
        }
    }
}

async fn buys(server: &Server, user: &str) -> u16 {
    Attempt::new(user, SKU).send(&mut Client::new(server.address())).await.expect("an answer").status
}

#[tokio::test]
async fn clients_that_pipeline_and_never_read_cost_little_memory() {
    let server = Setup::new([Item::new(SKU, 100)]).start();
    let before = resident_kib(&server);
    let requests = [
        "GET / HTTP/1.1\r\nHost: x\r\n\r\n".repeat(2_000),
        "GET /v1/items HTTP/1.1\r\nHost: x\r\n\r\n".repeat(2_000),
        "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n".repeat(500),
    ];
    let crowd: Vec<_> = (0..150).map(|number| (connect(&server), &requests[number % requests.len()])).collect();
    for round in 0..4 {
        for (stream, bytes) in &crowd {
            pour(stream, bytes.as_bytes());
        }
        assert_eq!(buys(&server, &format!("ann-{round}")).await, 201);
    }
    let grown = resident_kib(&server).saturating_sub(before);
    assert!(grown < MAX_GROWTH_KIB, "{grown} KiB for {} clients that read nothing", crowd.len());
}

#[tokio::test]
async fn heads_and_bodies_that_never_end_cost_little_and_are_given_up() {
    let server = Setup::new([Item::new(SKU, 100)]).start();
    let before = resident_kib(&server);
    let beginnings = [
        format!("GET / HTTP/1.1\r\nHost: x\r\nX-Long: {}", "a".repeat(15_000)),
        "POST /v1/items/sku-1/orders HTTP/1.1\r\nHost: x\r\nContent-Length: 4000\r\n\r\n{".to_owned(),
        "GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nffff\r\nx".to_owned(),
        String::new(),
    ];
    let crowd: Vec<_> = (0..400).map(|_| connect(&server)).collect();
    for (mut stream, text) in crowd.iter().zip(beginnings.iter().cycle()) {
        stream.write_all(text.as_bytes()).expect("the server reads");
    }
    assert_eq!(buys(&server, "ann").await, 201);
    let grown = resident_kib(&server).saturating_sub(before);
    assert!(grown < MAX_GROWTH_KIB, "{grown} KiB for {} clients that finish nothing", crowd.len());
    let mut everything = Vec::new();
    for mut stream in crowd.into_iter().take(beginnings.len()) {
        let ended = stream.read_to_end(&mut everything);
        assert!(ended.is_ok() || ended.is_err_and(|error| error.kind() == ErrorKind::ConnectionReset));
    }
}

#[tokio::test]
async fn who_has_waited_longest_makes_room_for_who_comes() {
    let server = Setup::new([Item::new(SKU, 200)]).set("server.max_connections", "40").start();
    let mut kept = Vec::new();
    for number in 0..150 {
        let mut client = Client::new(server.address());
        let answer = Attempt::new(&format!("user-{number}"), SKU).send(&mut client).await;
        assert_eq!(answer.unwrap_or_else(|error| panic!("number {number}: {error}")).status, 201);
        kept.push(client);
    }
    let mut last = kept.pop().expect("many came");
    assert_eq!(last.get("/v1/items", &[]).await.expect("who came last is still there").status, 200);
    assert!(kept[0].get("/v1/items", &[]).await.is_err(), "who has waited longest is gone");
    let ready = Client::new(server.ops_address()).get("/readyz", &[]).await.expect("a listener of its own");
    assert_eq!(ready.status, 200);
}

#[tokio::test]
async fn who_follows_an_order_is_not_taken_for_idle() {
    let server = Setup::new([Item::new(SKU, 200)]).set("server.max_connections", "40").start();
    let mut buyer = Client::new(server.address());
    let bought = Attempt::new("ann", SKU).send(&mut buyer).await.expect("an answer").json();
    let order = bought["order_id"].as_str().expect("an order").to_owned();
    let token = authorization("ann");
    let mut stream = connect(&server);
    write!(stream, "GET /v1/orders/{order}/events HTTP/1.1\r\nHost: x\r\nAuthorization: {token}\r\n\r\n")
        .expect("sent");
    let mut seen = Vec::new();
    let mut read_until = |text: &str| {
        let mut piece = [0; 4096];
        while !String::from_utf8_lossy(&seen).contains(text) {
            let count = stream.read(&mut piece).expect("the stream goes on");
            assert!(count > 0, "the stream was closed before {text:?}");
            seen.extend_from_slice(&piece[..count]);
        }
    };
    read_until("\"pending\"");
    let mut kept = Vec::new();
    for number in 0..100 {
        let mut client = Client::new(server.address());
        let answer = Attempt::new(&format!("user-{number}"), SKU).send(&mut client).await;
        assert_eq!(answer.unwrap_or_else(|error| panic!("number {number}: {error}")).status, 201);
        kept.push(client);
    }
    let mut client = Client::new(server.address());
    let path = format!("/v1/orders/{order}/cancel");
    assert_eq!(client.request("POST", &path, &[("Authorization", &token)], None).await.expect("an answer").status, 200);
    read_until("\"cancelled\"");
}

#[tokio::test]
async fn a_flood_of_connections_leaves_descriptors_for_operations_and_the_ledger() {
    let server = Setup::new([Item::new(SKU, 100)]).under(&["prlimit", "--nofile=256:256"]).start();
    let flood: Vec<_> = (0..600).filter_map(|_| TcpStream::connect(server.address()).ok()).collect();
    let papers = admin_authorization();
    let others = async {
        let mut operator = Client::new(server.ops_address());
        let answer = operator.get("/invariants", &[("Authorization", &papers)]).await.expect("an answer");
        assert_eq!(answer.status, 200);
        // In the rush itself a newcomer may be turned away; once the flood only sits there, it makes room.
        let mut turned_away = 0;
        while Attempt::new("ann", SKU).send(&mut Client::new(server.address())).await.is_err() {
            turned_away += 1;
            assert!(turned_away < flood.len(), "nobody makes room");
        }
        assert_eq!(buys(&server, "bob").await, 201);
    };
    let in_time = tokio::time::timeout(AT_ONCE, others).await;
    assert!(in_time.is_ok(), "{} others sit there, and nobody else is served", flood.len());
}

#[tokio::test]
async fn an_upgrade_that_is_not_taken_costs_nothing() {
    let server = Setup::new([Item::new(SKU, 100)]).start();
    for (number, offer) in ["websocket", "h2c", "TLS/1.0, websocket"].into_iter().enumerate() {
        let token = authorization(&format!("ann-{number}"));
        let request = format!(
            "POST /v1/items/{SKU}/orders HTTP/1.1\r\nHost: x\r\nConnection: keep-alive, Upgrade\r\nUpgrade: {offer}\r\n\
             Authorization: {token}\r\nContent-Type: application/json\r\nContent-Length: 14\r\n\r\n{{\"quantity\":1}}"
        );
        let answer = raw_exchange(server.address(), request.as_bytes()).await.expect("an answer");
        assert_eq!(answer.response.map(|response| response.status), Some(201), "{offer}");
    }
}

#[tokio::test]
async fn what_is_no_http_gets_a_problem_document() {
    let server = Setup::new([Item::new(SKU, 100)]).start();
    for bytes in [
        "\u{16}\u{3}\u{1} hello\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "GET / HTTP/3.0\r\nHost: x\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
        "GET / HTTP/1.1\r\nHost : x\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\n folded: y\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\nno colon\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\nBad\u{1}: y\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx",
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n",
        "CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n",
    ] {
        let answer = raw_exchange(server.address(), bytes.as_bytes()).await.expect("an answer");
        let response = answer.response.unwrap_or_else(|| panic!("{bytes:?}: closed without an answer"));
        assert_eq!((response.status, problem_code(&response).as_str()), (400, "malformed"), "{bytes:?}");
    }
}
