//! **Job:** who is behind a proxy is who the log names.
//! **Owns:** a client with an address of its own, on the loopback network.
//! **Never:** believes that a proxy was asked: the log of the server says so.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpSocket;

use super::in_front_of;
use crate::support::{Item, Server, Setup, authorization};

/// What nginx should be told to say, and what an attacker says.
const TELLS: &str = "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;";
const FORGED: &str = "X-Forwarded-For: 198.51.100.9\r\n";

/// Sends a request from 127.0.0.2, and waits for the end of its answer.
async fn from_elsewhere(address: SocketAddr, request: &str) {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.bind("127.0.0.2:0".parse().expect("an address")).expect("all of 127/8 is this machine");
    let mut stream = socket.connect(address).await.expect("it listens");
    stream.write_all(request.as_bytes()).await.expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("it answers and closes");
}

/// What the server has logged once everybody was there: a refused buyer, a purchase, a guess at the admin token.
async fn logged(trusted: &str) -> String {
    let setup = Setup::new([Item::new("sku", 9)]).set("server.trusted_proxies", trusted);
    let server = setup.log("info,doorbuster::auth=debug,doorbuster::purchase=debug").start();
    let (shop, ops) = (in_front_of(server.address(), TELLS), in_front_of(server.ops_address(), TELLS));
    let rest = format!("Host: x\r\nConnection: close\r\n{FORGED}");
    from_elsewhere(shop.address(), &format!("GET /v1/orders?item_id=sku HTTP/1.1\r\n{rest}\r\n")).await;
    let purchase = format!("Authorization: {}\r\nContent-Type: application/json\r\n", authorization("ann"));
    let purchase = format!("{purchase}Content-Length: 14\r\n\r\n{{\"quantity\":1}}");
    from_elsewhere(shop.address(), &format!("POST /v1/items/sku/orders HTTP/1.1\r\n{rest}{purchase}")).await;
    let guess = "Authorization: Bearer guess\r\n\r\n";
    from_elsewhere(ops.address(), &format!("GET /actors HTTP/1.1\r\n{rest}{guess}")).await;
    until_logged(&server).await
}

async fn until_logged(server: &Server) -> String {
    loop {
        let log = server.stderr();
        if ["nobody we know", "\"purchase\"", "somebody may be guessing"].iter().all(|line| log.contains(line)) {
            return log;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn the_log_names_the_client_behind_a_trusted_proxy_whatever_it_says_of_itself() {
    let log = logged("[\"127.0.0.1/32\"]").await;
    for line in ["nobody we know", "\"name\":\"purchase\"", "somebody may be guessing"] {
        let line =
            log.lines().find(|candidate| candidate.contains(line)).unwrap_or_else(|| panic!("no {line} in:\n{log}"));
        assert!(line.contains("127.0.0.2"), "{line}");
    }
    assert!(!log.contains("198.51.100.9"), "{log}");
}

#[tokio::test]
async fn a_proxy_that_is_not_trusted_is_the_client() {
    let log = logged("[]").await;
    assert!(!log.contains("127.0.0.2") && !log.contains("198.51.100.9"), "{log}");
    assert!(log.contains("\"first_from\":\"127.0.0.1\""), "{log}");
}
