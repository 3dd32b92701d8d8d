//! **Job:** connections that break anywhere, and retries that meet a server between two lives.
//! **Owns:** where each connection is cut, and when the server falls.
//! **Never:** counts on a broken request: it may or may not have been carried out, but once.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::support::{
    Attempt, Client, Item, PATIENCE, Setup, assert_conservation, authorization, lasting_port, same_promise, seed,
};

const SKU: &str = "sku-1";

/// How a client goes.
#[derive(Debug, Clone, Copy)]
enum Leave {
    /// A reset, at once.
    Reset,
    /// Its side is closed in order; the answer is read.
    Close,
    /// It sends nothing more, reads, and goes when the server is tired of it or has answered.
    Vanish,
}

/// Sends the first `end` bytes and leaves.
async fn send_a_part(address: SocketAddr, bytes: &[u8], leave: Leave) {
    let mut stream = TcpStream::connect(address).await.expect("the server accepts");
    stream.write_all(bytes).await.expect("the server reads");
    match leave {
        Leave::Reset => stream.set_zero_linger().expect("a socket option"),
        Leave::Close => {
            stream.shutdown().await.expect("an open connection");
            let mut answer = Vec::new();
            let read = tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut answer)).await;
            assert!(read.is_ok(), "neither answered nor closed after {} bytes", bytes.len());
        }
        Leave::Vanish => {}
    }
}

#[tokio::test]
async fn a_purchase_that_is_cut_after_any_byte_harms_nobody_and_leaks_nothing() {
    let server = Setup::new([Item::new(SKU, 100_000).limit(100)]).start();
    let (token, body) = (authorization("ann"), r#"{"quantity":1}"#);
    let head = format!("POST /v1/items/{SKU}/orders HTTP/1.1\r\nHost: x\r\nAuthorization: {token}\r\n");
    let whole = format!("{head}Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    let (mut complete, mut honest) = (0, 0);
    for end in 0..=whole.len() {
        for leave in [Leave::Reset, Leave::Close, Leave::Vanish] {
            send_a_part(server.address(), &whole.as_bytes()[..end], leave).await;
        }
        complete += if end == whole.len() { 3 } else { 0 };
        if end % 16 == 0 {
            let begun = Instant::now();
            let buyer = Attempt::new(&format!("honest-{end}"), SKU);
            let answer = buyer.send(&mut Client::new(server.address())).await.expect("an answer");
            assert_eq!(answer.status, 201, "{}", answer.text());
            assert!(begun.elapsed() < Duration::from_secs(2), "{:?} after {end} bytes", begun.elapsed());
            honest += 1;
        }
    }
    let sold = assert_conservation(&server).await.len();
    assert!((honest..=honest + complete).contains(&sold), "{sold} orders, {honest} honest, {complete} complete");
}

/// Tries again and again, with one key, until there is an answer.
async fn insist(address: SocketAddr) -> Value {
    let (attempt, begun) = (Attempt::new("ann", SKU).key("once"), Instant::now());
    let mut client = Client::new(address);
    loop {
        match attempt.send(&mut client).await {
            Ok(answer) if answer.status == 201 => return answer.json(),
            Ok(answer) => assert_eq!(answer.status, 503, "{}", answer.text()),
            Err(_nobody_knows) => {}
        }
        assert!(begun.elapsed() < PATIENCE, "never answered");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_retries_of_one_key_that_go_on_across_a_kill_make_one_order() {
    let mut chance = StdRng::seed_from_u64(seed());
    for round in 0..6 {
        let address = SocketAddr::from(([127, 0, 0, 1], lasting_port()));
        let setup = Setup::new([Item::new(SKU, 100).limit(5)]).set("server.listen", &format!("\"{address}\""));
        let mut server = setup.start();
        let mut retries: JoinSet<_> = (0..100).map(|_| insist(address)).collect();
        // From before the first of them is heard to after the first are answered.
        tokio::time::sleep(Duration::from_micros(chance.random_range(0..40_000))).await;
        server.restart();
        let mut orders = Vec::new();
        while let Some(order) = retries.join_next().await {
            orders.push(order.expect("a retry does not panic"));
        }
        let first = &orders[0];
        assert!(orders.iter().all(|order| same_promise(order, first)), "round {round}: {orders:?}");
        let rows = assert_conservation(&server).await;
        assert!(rows.len() == 1 && same_promise(&rows[0], first), "round {round}: told {first}, written {rows:?}");
    }
}
