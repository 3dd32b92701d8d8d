//! **Job:** the same files from the operations listener.
//! **Owns:** what comes with them: a name, a limit, and who may have them.
//! **Never:** compares with anything but what the command writes.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

use super::{export, sold};
use crate::support::{
    Attempt, Client, Item, PATIENCE, Response, Server, Setup, admin_authorization, assert_problem, crowd, problem_code,
};

async fn download(server: &Server, target: &str) -> Response {
    let mut owner = Client::new(server.ops_address());
    let target = format!("/v1/admin/export/{target}");
    owner.get(&target, &[("Authorization", &admin_authorization())]).await.expect("an answer")
}

#[tokio::test]
async fn a_download_is_what_the_command_writes() {
    let server = sold().await;
    for (target, arguments) in [
        ("orders", vec!["orders", "--format", "csv"]),
        ("orders?format=csv&status=paid", vec!["orders", "--format", "csv", "--status", "paid"]),
        ("orders?format=ndjson&item_id=1-2", vec!["orders", "--format", "ndjson", "--item", "1-2"]),
        ("orders?bom=true&from=2999-01-01", vec!["orders", "--format", "csv", "--bom", "--from", "2999-01-01"]),
        ("payments?format=ndjson", vec!["payments", "--format", "ndjson"]),
        (
            "payments?verdict=second_payment&to=2999-01-01",
            vec!["payments", "--format", "csv", "--verdict", "second_payment", "--to", "2999-01-01"],
        ),
    ] {
        let answer = download(&server, target).await;
        assert_eq!((answer.status, answer.text()), (200, export(&server, &arguments)), "{target}");
        let name = answer.header("content-disposition").expect("a name");
        let kind = if arguments.contains(&"ndjson") { "ndjson" } else { "csv" };
        let begin = format!("attachment; filename=\"{}-20", arguments[0]);
        assert!(name.starts_with(&begin) && name.ends_with(&format!("Z.{kind}\"")), "{name}");
    }
}

#[tokio::test]
async fn only_the_owner_has_it_and_what_makes_no_sense_is_named() {
    let server = sold().await;
    let mut stranger = Client::new(server.ops_address());
    for path in ["/v1/admin/export/orders", "/v1/admin/export/payments"] {
        assert_problem(&stranger.get(path, &[]).await.expect("an answer"), 401, "unauthenticated");
    }
    let bad = download(&server, "orders?format=xml&status=sold&item_id=a%2Fb&from=soon&to=later&bom=perhaps").await;
    assert_problem(&bad, 422, "validation");
    let named = bad.json()["errors"].as_array().expect("errors").len();
    assert_eq!(named, 6, "{}", bad.text());
    assert_problem(&download(&server, "payments?verdict=paid").await, 422, "validation");
    assert_problem(&download(&server, "payments?status=paid").await, 422, "validation");
    assert_problem(&download(&server, "refunds").await, 404, "not-found");
}

/// Asks for a download and takes nothing of it but the first bytes.
async fn stalled(address: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().expect("a socket");
    // Else the system takes megabytes for a client that does not.
    socket.set_recv_buffer_size(4_096).expect("a small buffer");
    let mut stream = socket.connect(address).await.expect("it listens");
    let (authorization, target) = (admin_authorization(), "/v1/admin/export/orders?format=ndjson");
    let request = format!("GET {target} HTTP/1.1\r\nHost: x\r\nAuthorization: {authorization}\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("it takes a request");
    let mut head = [0; 12];
    stream.read_exact(&mut head).await.expect("an answer begins");
    assert_eq!(&head, b"HTTP/1.1 200");
    stream
}

#[tokio::test]
async fn downloads_are_few_and_one_that_nobody_takes_gives_its_place_back() {
    const ORDERS: usize = 12_000;
    let server = Setup::new([Item::new("sku", 60_000)]).set("payment.pay_within", "\"0s\"").start();
    let attempts = (0..ORDERS).map(|number| Attempt::new(&format!("{number:x>250}"), "sku")).collect();
    assert_eq!(crowd(server.address(), attempts).await.orders().len(), ORDERS);
    let both = (stalled(server.ops_address()).await, stalled(server.ops_address()).await);
    let third = download(&server, "orders").await;
    assert_problem(&third, 503, "overloaded");
    assert!(third.header("retry-after").is_some());
    drop(both);
    let begun = Instant::now();
    loop {
        let answer = download(&server, "orders?format=ndjson").await;
        if answer.status == 200 {
            assert_eq!(answer.text().lines().count(), ORDERS);
            return;
        }
        assert_eq!(problem_code(&answer), "overloaded");
        assert!(begun.elapsed() < PATIENCE, "the places never came back");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
