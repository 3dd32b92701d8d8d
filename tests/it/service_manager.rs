//! **Job:** holds what server and inventory tell the service manager, and that they serve on sockets it passes them.
//! **Owns:** the stand-in's view of a life: ready, reloading, ready, stopping; and of a thread that hangs.
//! **Never:** needs systemd: its protocol is a datagram, a few variables and descriptors from 3 on.

use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::os::fd::OwnedFd;
use std::time::Duration;

use crate::support::{
    ADMIN_TOKEN, Client, Inventory, Item, PassedSocket, ServiceManager, Setup, Stopped, admin_authorization,
    authorization,
};

const SKU: &str = "sku";

fn shop() -> Setup {
    Setup::new([Item::new(SKU, 9).limit(9)])
}

async fn buy(address: SocketAddr, user: &str) -> u16 {
    let mut client = Client::new(address);
    let headers = [("Authorization", &*authorization(user))];
    let path = format!("/v1/items/{SKU}/orders");
    client.request("POST", &path, &headers, Some(r#"{"quantity":1}"#)).await.expect("an answer").status
}

#[tokio::test]
async fn a_server_says_that_it_is_ready_that_it_reads_again_and_that_it_closes() {
    let manager = ServiceManager::new();
    let mut server = shop().environment("NOTIFY_SOCKET", manager.path()).start();
    let ready = manager.wait_for("READY=1");
    let (shop, ops) = (server.address(), server.ops_address());
    assert!(ready.contains("STATUS=Healthy: "), "{ready}");
    assert!(ready.contains(&format!("; shop {shop}, operations {ops}\n")), "{ready}");
    assert_eq!(buy(shop, "ann").await, 201, "who is told that it is ready may buy");
    manager.wait_for("STATUS=Healthy: selling");

    // Another admin token in the file: who is told that the server is ready again may use it at once.
    let file = server.directory().join("doorbuster.toml");
    let text = std::fs::read_to_string(&file).expect("written at the start");
    let rotated: String = ADMIN_TOKEN.chars().rev().collect();
    std::fs::write(&file, text.replace(ADMIN_TOKEN, &rotated)).expect("an own file");
    server.send("HUP");
    let reloading = manager.wait_for("RELOADING=1");
    let since = reloading.lines().find_map(|line| line.strip_prefix("MONOTONIC_USEC=")).expect("a time");
    assert!(since.parse::<u64>().is_ok_and(|since| since > 0), "{reloading}");
    manager.wait_for("READY=1");
    let bearer = format!("Bearer {rotated}");
    let answer = Client::new(ops).get("/invariants", &[("Authorization", &bearer)]).await.expect("an answer");
    assert_eq!(answer.status, 200, "ready once it has read, not before");

    assert!(server.terminate().success());
    let told = manager.last_words().join("");
    assert!(told.contains("STOPPING=1\n") && !told.contains("READY=1"), "{told}");
    assert!(!told.contains("WATCHDOG"), "nobody asked for it: {told}");
}

#[tokio::test]
async fn an_inventory_says_the_same_and_serves_on_the_socket_it_is_passed() {
    let (manager, server) = (ServiceManager::new(), shop().start());
    let socket = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = socket.local_addr().expect("bound");
    let mut inventory = Inventory::of(&format!("http://{}", server.ops_address()));
    inventory.environment("NOTIFY_SOCKET", manager.path()).environment("WATCHDOG_USEC", "200000");
    inventory.passing(PassedSocket::new("stock.socket", socket)).start();
    assert_eq!(inventory.address(), address);
    let ready = manager.wait_for("READY=1");
    assert!(ready.contains(&format!("on {address}\n")), "{ready}");
    assert_eq!(buy(server.address(), "ann").await, 201);
    inventory.wait_for_cursor(2);
    manager.wait_for("STATUS=feed connected, cursor 2, lag 0, dead letters 0");
    manager.wait_for("WATCHDOG=1");
    inventory.send("HUP");
    manager.wait_for("RELOADING=1");
    manager.wait_for("READY=1");
    assert!(inventory.terminate().success());
    manager.wait_for("STOPPING=1");
    assert!(inventory.log().contains("was passed by the service manager"), "{}", inventory.log());
}

#[tokio::test]
async fn a_watchdog_is_fed_while_every_thread_turns_and_not_while_one_hangs() {
    let manager = ServiceManager::new();
    let patience = Duration::from_millis(400);
    let microseconds = patience.as_micros().to_string();
    let setup = shop().set("server.workers", "1").slow_item("sku=1s");
    let setup = setup.environment("NOTIFY_SOCKET", manager.path()).environment("WATCHDOG_USEC", &microseconds);
    let server = setup.start();
    manager.wait_for("READY=1");
    for _ in 0..5 {
        manager.wait_for("WATCHDOG=1");
    }
    // The thread of the only worker stands still for a second.
    assert_eq!(buy(server.address(), "ann").await, 201);
    let mut told: Vec<_> = (0..10).flat_map(|_| manager.collect_until("WATCHDOG=1")).collect();
    told.retain(|(_, message)| message.contains("WATCHDOG=1"));
    let longest = told.windows(2).map(|pair| pair[1].0 - pair[0].0).max().expect("several");
    assert!(longest > patience, "the manager would not have noticed: {longest:?}");
    let complaint = server.stderr();
    assert!(complaint.contains("worker 0") && complaint.contains("does not turn"), "{complaint}");
    assert!(complaint.contains("all threads turn again"), "{complaint}");
}

#[test]
fn a_watchdog_of_another_process_is_not_fed() {
    let manager = ServiceManager::new();
    let setup = shop().environment("NOTIFY_SOCKET", manager.path());
    let mut server = setup.environment("WATCHDOG_USEC", "20000").environment("WATCHDOG_PID", "1").start();
    manager.wait_for("READY=1");
    server.send("HUP");
    manager.wait_for("RELOADING=1");
    assert!(server.terminate().success());
    let told = manager.last_words().join("");
    assert!(told.contains("STOPPING=1") && !told.contains("WATCHDOG"), "{told}");
}

/// Two sockets of the test, which go on listening whoever serves on them.
fn sockets() -> ([TcpListener; 2], [SocketAddr; 2]) {
    let sockets = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").expect("a port"));
    let addresses = [0, 1].map(|index: usize| sockets[index].local_addr().expect("bound"));
    (sockets, addresses)
}

async fn serves_public_and_operations(public: SocketAddr, operations: SocketAddr) {
    assert_eq!(buy(public, "ann").await, 201);
    let admin = admin_authorization();
    let answer = Client::new(operations).get("/invariants", &[("Authorization", &admin)]).await.expect("an answer");
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn a_server_serves_on_the_sockets_that_it_is_passed() {
    for names in [["public", "operations"], ["operations", "public"], ["", ""], ["doorbuster.socket"; 2]] {
        let ([first, second], addresses) = sockets();
        let setup = shop().passing(PassedSocket::new(names[0], first)).passing(PassedSocket::new(names[1], second));
        // Nobody could listen there.
        let setup = setup.set("server.listen", "\"192.0.2.1:1\"").set("server.ops_listen", "\"192.0.2.1:2\"");
        let server = setup.start();
        let [public, operations] = if names[0] == "operations" { [addresses[1], addresses[0]] } else { addresses };
        assert_eq!((server.address(), server.ops_address()), (public, operations), "{names:?}");
        serves_public_and_operations(public, operations).await;
        let log = server.stderr();
        for name in ["public", "operations"] {
            assert!(log.contains(&format!("the {name} socket was passed by the service manager")), "{log}");
        }
    }
}

#[tokio::test]
async fn the_other_listener_is_opened_as_configured_if_only_one_is_passed() {
    let ([socket, _other], [address, _]) = sockets();
    let server = shop().passing(PassedSocket::new("operations", socket)).start();
    assert_eq!(server.ops_address(), address);
    serves_public_and_operations(server.address(), address).await;
}

fn refused(sockets: Vec<PassedSocket>) -> Stopped {
    let setup = sockets.into_iter().fold(shop(), Setup::passing);
    match setup.try_start() {
        Ok(server) => panic!("it serves on {} and {}", server.address(), server.ops_address()),
        Err(stopped) => stopped,
    }
}

#[test]
fn a_socket_that_does_not_fit_is_refused_by_its_name() {
    let tcp = || OwnedFd::from(TcpListener::bind("127.0.0.1:0").expect("a port"));
    let udp = OwnedFd::from(UdpSocket::bind("127.0.0.1:0").expect("a port"));
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let connected = std::net::TcpStream::connect(listener.local_addr().expect("bound")).expect("it listens");
    let file = OwnedFd::from(tempfile::tempfile().expect("a file"));
    for (sockets, words) in [
        (vec![("public", udp)], "LISTEN_FDS: public: not a stream socket that listens"),
        (vec![("operations", connected.into())], "LISTEN_FDS: operations: not a stream socket that listens"),
        (vec![("", tcp()), ("", file)], "LISTEN_FDS: operations: not a stream socket that listens"),
        (vec![("shop", tcp())], "LISTEN_FDNAMES: shop: there is no such listener"),
        (vec![("public", tcp()), ("public", tcp())], "LISTEN_FDNAMES: public: two sockets have this name"),
    ] {
        let stopped = refused(sockets.into_iter().map(|(name, socket)| PassedSocket::new(name, socket)).collect());
        assert_eq!(stopped.status.code(), Some(78), "{stopped}");
        assert!(stopped.stderr.contains(words), "{words}: {stopped}");
    }
}

#[test]
fn more_sockets_than_listeners_are_refused() {
    // The third is the server's standard error.
    let ([first, second], _) = sockets();
    let setup = shop().passing(PassedSocket::new("", first)).passing(PassedSocket::new("", second));
    let stopped = setup.under(&["sh", "-c", "exec 5>&2; LISTEN_FDS=3 exec \"$@\"", "sh"]).try_start();
    let stopped = stopped.err().expect("refused");
    assert_eq!(stopped.status.code(), Some(78), "{stopped}");
    assert!(stopped.stderr.contains("3 sockets were passed, and there are listeners for 2"), "{stopped}");
}

#[test]
fn who_is_passed_a_public_socket_is_not_in_development_mode_by_chance() {
    let socket = TcpListener::bind("0.0.0.0:0").expect("a port");
    let stopped = crate::support::Server::start_in_development_mode_on(PassedSocket::new("public", socket));
    let stopped = stopped.err().expect("refused");
    assert_eq!(stopped.status.code(), Some(78), "{stopped}");
    assert!(stopped.stderr.contains("the public socket that was passed can be reached"), "{stopped}");
}
