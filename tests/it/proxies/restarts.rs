//! **Job:** a restart and an upgrade, with the socket held by somebody else: nobody behind the proxy notices.
//! **Owns:** buyers who buy without a pause while servers come and go.
//! **Never:** repeats a request: one that fails is a buyer who was refused.

use std::collections::BTreeSet;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use crate::support::{Attempt, Client, Item, Nginx, PassedSocket, Server, Setup, assert_conservation, crowd};

const SKU: &str = "sku";
/// Units: most buyers get one, and the last ones hear that it is sold out.
const STOCK: u32 = 50_000;
/// Buyers at once. Fewer than the connections that the proxy keeps: most of those are idle when a server ends.
const CLIENTS: usize = 4;
/// Orders between two restarts.
const BETWEEN: usize = 100;
/// How long those may take on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// Buyers who buy one after the other, each as somebody else.
struct Buyers {
    tasks: JoinSet<Vec<String>>,
    confirmed: Arc<AtomicUsize>,
    enough: Arc<AtomicBool>,
}

impl Buyers {
    fn at(address: SocketAddr) -> Self {
        let mut buyers = Self { tasks: JoinSet::new(), confirmed: Arc::default(), enough: Arc::default() };
        for client in 0..CLIENTS {
            let (confirmed, enough) = (Arc::clone(&buyers.confirmed), Arc::clone(&buyers.enough));
            buyers.tasks.spawn(async move {
                let (mut connection, mut orders) = (Client::new(address), Vec::new());
                while !enough.load(Ordering::Relaxed) {
                    let user = format!("buyer-{client}-{}", orders.len());
                    let attempt = Attempt::new(&user, SKU).key(&format!("key-{user}"));
                    let answer = attempt.send(&mut connection).await.expect("an answer to every purchase");
                    assert_eq!(answer.status, 201, "{user}: {}", answer.text());
                    orders.push(answer.json()["order_id"].as_str().expect("an id").to_owned());
                    confirmed.fetch_add(1, Ordering::Relaxed);
                }
                orders
            });
        }
        buyers
    }

    /// Until so many more have bought.
    #[expect(clippy::disallowed_methods, reason = "waits for a process, which wakes nobody")]
    fn buy_on(&self) {
        let (begun, goal) = (Instant::now(), self.confirmed.load(Ordering::Relaxed) + BETWEEN);
        while self.confirmed.load(Ordering::Relaxed) < goal {
            assert!(begun.elapsed() < PATIENCE, "nobody buys any more");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// All orders that were confirmed.
    async fn finish(mut self) -> BTreeSet<String> {
        self.enough.store(true, Ordering::Relaxed);
        let mut orders = BTreeSet::new();
        while let Some(of_one) = self.tasks.join_next().await {
            orders.extend(of_one.expect("every purchase was answered"));
        }
        orders
    }
}

/// A server on a socket of the test's, behind a proxy that keeps its connections.
fn shop() -> (Server, Nginx) {
    let socket = TcpListener::bind("127.0.0.1:0").expect("a port");
    let server = Setup::new([Item::new(SKU, STOCK)]).passing(PassedSocket::new("public", socket)).start();
    let nginx = Nginx::start(&format!(
        "upstream shop {{ server {}; keepalive 32; keepalive_timeout 60s; }}
         server {{
             listen {{listen}};
             proxy_http_version 1.1;
             proxy_set_header Connection \"\";
             location / {{ proxy_pass http://shop; }}
         }}",
        server.address()
    ));
    (server, nginx)
}

/// What nginx answered with a status of its own or of ours that is a failure.
fn failures(nginx: &Nginx) -> Vec<String> {
    let failed = |line: &&str| line.contains("\" 5");
    nginx.read("access.log").lines().filter(failed).map(str::to_owned).collect()
}

async fn everybody_was_served(server: &Server, nginx: &Nginx, buyers: Buyers) {
    let confirmed = buyers.finish().await;
    assert!(confirmed.len() >= 4 * BETWEEN, "{}", confirmed.len());
    assert_eq!(failures(nginx), [""; 0], "{}", nginx.read("error.log"));
    let on_record = assert_conservation(server).await;
    let on_record: BTreeSet<_> =
        on_record.iter().map(|row| row["order_id"].as_str().expect("an id").to_owned()).collect();
    assert!(confirmed.is_subset(&on_record), "{:?}", confirmed.difference(&on_record).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn three_restarts_in_a_row_refuse_nobody() {
    let (mut server, nginx) = shop();
    // The proxy has as many connections as it keeps: all but a few are idle from now on.
    crowd(nginx.address(), Attempt::shuffled(SKU, 200, 1)).await.assert_answered_with(&[]);
    let buyers = Buyers::at(nginx.address());
    tokio::task::block_in_place(|| {
        buyers.buy_on();
        for _ in 0..3 {
            assert!(server.terminate().success());
            server.restart();
            buyers.buy_on();
        }
    });
    everybody_was_served(&server, &nginx, buyers).await;
    assert!(!server.stderr().contains("not waiting for clients"), "{}", server.stderr());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upgrade_that_comes_too_early_or_too_late_refuses_nobody() {
    let (mut server, nginx) = shop();
    crowd(nginx.address(), Attempt::shuffled(SKU, 200, 2)).await.assert_answered_with(&[]);
    let buyers = Buyers::at(nginx.address());
    tokio::task::block_in_place(|| {
        buyers.buy_on();
        // The data file allows one server: the next one ends, and takes nobody away from this one.
        let (refused, _) = server.refused_second_server();
        assert_eq!(refused.status.code(), Some(74), "{refused}");
        buyers.buy_on();
        assert!(server.terminate().success());
        // Nobody serves now, and who comes waits.
        let waiting = std::net::TcpStream::connect(server.address()).expect("the socket is held");
        server.restart();
        drop(waiting);
        buyers.buy_on();
        buyers.buy_on();
    });
    everybody_was_served(&server, &nginx, buyers).await;
}
