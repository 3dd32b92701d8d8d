//! **Job:** shows that every way to Redis works from a start on, and that no buyer pays for a connection that is gone.
//! **Owns:** the forms of an address: password, account, socket, TLS with an authority and certificates of its own.
//! **Never:** lets a test pass because the gate did without Redis: the policy is to stay closed.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::server::{PATIENCE, RedisServer};
use super::told::{failing, until};
use crate::support::{Attempt, Inventory, Item, Server, Setup, crowd, lasting_port};

/// A shop that sells nothing without its Redis.
fn closed(url: &str) -> Setup {
    Setup::new([Item::new("sku-1", 100_000)])
        .set("redis.url", &format!("{url:?}"))
        .set("redis.timeout", "\"2s\"")
        .set("redis.on_error", "\"closed\"")
        .set("gate.throttle.window", "\"5s\"")
        .set("gate.pool.factor", "1")
        .set("gate.bucket.rate", "1000")
        .set("gate.bucket.burst", "1000")
}

async fn assert_sells(server: &Server, crowd_name: &str) {
    let attempts = (0..20).map(|number| Attempt::new(&format!("{crowd_name}-{number}"), "sku-1")).collect();
    let tally = crowd(server.address(), attempts).await;
    assert_eq!(tally.orders().len(), 20, "{crowd_name}: {:?}\n{}", tally.refusals(), server.stderr());
}

fn command(redis: &RedisServer, words: &[&str]) {
    let mut observer = redis.observer();
    redis::cmd(words[0]).arg(&words[1..]).exec(&mut observer).expect("the server does it");
}

#[tokio::test]
async fn a_connection_that_is_cut_costs_no_buyer_anything() {
    let redis = RedisServer::start(&[]);
    let server = closed(&redis.url()).start();
    for round in 0..20 {
        assert_sells(&server, &format!("round-{round}")).await;
        command(&redis, &["CLIENT", "KILL", "TYPE", "normal"]);
    }
    assert_eq!(failing(&server).await, BTreeSet::new());
}

#[tokio::test]
async fn a_redis_that_closes_idle_connections_finds_none() {
    let redis = RedisServer::start(&["--timeout", "1"]);
    let server = closed(&redis.url()).start();
    assert_sells(&server, "before").await;
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(4) {
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let clients: String = redis::cmd("CLIENT").arg("LIST").query(&mut redis.observer()).expect("a list");
    let ages = clients.lines().filter_map(|line| line.split(" age=").nth(1)?.split(' ').next()?.parse::<u64>().ok());
    assert!(ages.clone().filter(|age| *age >= 3).count() >= 2, "they are kept alive: {clients}");
    assert_sells(&server, "after").await;
}

#[tokio::test]
async fn after_a_restart_the_first_buyer_finds_a_connection() {
    let mut redis = RedisServer::start(&[]);
    let server = closed(&redis.url()).start();
    for round in 0..3 {
        assert_sells(&server, &format!("round-{round}")).await;
        redis.kill();
        until(&server, "it is gone", |failing| !failing.is_empty()).await;
        redis.restart();
        until(&server, "it is back", BTreeSet::is_empty).await;
    }
    assert_sells(&server, "last").await;
}

#[tokio::test]
async fn a_socket_with_an_account_and_a_database_will_do() {
    let redis = RedisServer::start(&[]);
    command(&redis, &["ACL", "SETUSER", "gate", "on", ">p@ss/word+", "~*", "&*", "+@all"]);
    let parameters = "?user=gate&pass=p%40ss%2Fword%2B&db=3";
    for scheme in ["unix", "redis+unix"] {
        let url = format!("{scheme}://{}/socket{parameters}", redis.directory().display());
        let server = closed(&url).start();
        assert_sells(&server, scheme).await;
    }
    let keys: Vec<String> = redis::pipe()
        .cmd("SELECT")
        .arg(3)
        .ignore()
        .cmd("KEYS")
        .arg("doorbuster:throttle:*-0")
        .query::<Vec<Vec<String>>>(&mut redis.observer())
        .expect("a list")
        .remove(0);
    assert!(!keys.is_empty(), "nothing is in database 3");
}

#[tokio::test]
async fn an_address_in_a_file_is_read_again_on_hangup_and_shown_nowhere() {
    let redis = RedisServer::start(&["--requirepass", "first-canary"]);
    let address = |password: &str| format!("redis://:{password}@127.0.0.1:{}/0\n", redis.port);
    let setup = closed("").unset("redis.url").set("redis.url_file", "\"redis-url\"");
    let file = setup.directory().join("redis-url");
    std::fs::write(&file, address("first-canary")).expect("writable");
    let server = setup.start();
    assert_sells(&server, "first").await;

    let mut client = redis::Client::open(address("first-canary").trim()).expect("an address");
    redis::cmd("CONFIG").arg(&["SET", "requirepass", "second-canary"]).exec(&mut client).expect("it does it");
    std::fs::write(&file, address("second-canary")).expect("writable");
    server.send("HUP");
    let deadline = Instant::now() + PATIENCE;
    while !server.stderr().contains("SIGHUP: read again") {
        assert!(Instant::now() < deadline, "{}", server.stderr());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let mut client = redis::Client::open(address("second-canary").trim()).expect("an address");
    redis::cmd("CLIENT").arg(&["KILL", "TYPE", "normal"]).exec(&mut client).expect("it does it");
    assert_sells(&server, "second").await;
    assert!(!server.stderr().contains("canary"), "{}", server.stderr());
}

/// An authority, and certificates that it has signed.
struct Authority {
    folder: tempfile::TempDir,
}

impl Authority {
    fn new() -> Self {
        let authority = Self { folder: tempfile::tempdir().expect("a temporary directory") };
        // Nothing from the machine's own: it would add extensions twice.
        let empty = "[req]\ndistinguished_name = name\n[name]\n";
        std::fs::write(authority.file("openssl.cnf"), empty).expect("writable");
        let subject = ["-subj", "/CN=An authority", "-addext", "basicConstraints=critical,CA:TRUE"];
        authority.openssl(&[&["req", "-x509", "-out", "ca.pem", "-keyout", "ca.key"][..], &subject, &NEW_KEY].concat());
        authority
    }

    /// A certificate with its key, for a host name.
    fn sign(&self, name: &str, host: &str) {
        let (certificate, key, alternatives) =
            (format!("{name}.pem"), format!("{name}.key"), format!("subjectAltName=DNS:{host}"));
        let signed = ["req", "-x509", "-CA", "ca.pem", "-CAkey", "ca.key", "-out", &certificate, "-keyout", &key];
        let subject = ["-subj", "/CN=somebody", "-addext", &alternatives, "-addext", "basicConstraints=CA:FALSE"];
        self.openssl(&[&signed[..], &subject, &NEW_KEY].concat());
    }

    fn openssl(&self, arguments: &[&str]) {
        let mut openssl = Command::new("openssl");
        openssl.args(arguments).current_dir(self.folder.path()).stdout(Stdio::null()).stderr(Stdio::null());
        assert!(openssl.status().expect("openssl is installed").success(), "openssl {arguments:?}");
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

const NEW_KEY: [&str; 8] =
    ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-batch", "-config", "openssl.cnf"];

fn quoted(path: &Path) -> String {
    format!("{:?}", path.to_str().expect("UTF-8"))
}

/// A Redis with a TLS port besides its own, whose certificate is for `localhost`.
fn with_tls(authority: &Authority, clients: &str) -> (RedisServer, u16) {
    let port = lasting_port();
    let file = |name: &str| authority.file(name).to_str().expect("UTF-8").to_owned();
    let (certificate, key, ca, tls_port) = (file("redis.pem"), file("redis.key"), file("ca.pem"), port.to_string());
    let redis = RedisServer::start(&[
        "--tls-port",
        &tls_port,
        "--tls-cert-file",
        &certificate,
        "--tls-key-file",
        &key,
        "--tls-ca-cert-file",
        &ca,
        "--tls-auth-clients",
        clients,
    ]);
    (redis, port)
}

#[tokio::test]
async fn tls_is_spoken_with_an_authority_of_ones_own() {
    let authority = Authority::new();
    authority.sign("redis", "localhost");
    let (redis, port) = with_tls(&authority, "no");
    let server = closed(&format!("rediss://localhost:{port}"))
        .set("redis.tls_ca_file", &quoted(&authority.file("ca.pem")))
        .set("feed.redis_stream", "\"doorbuster:orders\"")
        .start();
    assert_sells(&server, "tls").await;
    assert_eq!(failing(&server).await, BTreeSet::new(), "{}", server.stderr());
    // The feed goes the same way, and so does who reads it.
    let mut inventory = Inventory::of("redis");
    inventory.set("redis.url", &format!("\"rediss://localhost:{port}\""));
    inventory.set("redis.tls_ca_file", &quoted(&authority.file("ca.pem")));
    inventory.set("feed.redis_stream", "\"doorbuster:orders\"");
    inventory.start();
    let deadline = Instant::now() + PATIENCE;
    loop {
        let cursor: Option<u64> =
            redis::cmd("GET").arg("doorbuster:orders:cursor").query(&mut redis.observer()).expect("an answer");
        if cursor == Some(21) {
            break;
        }
        assert!(Instant::now() < deadline, "the inventory has come to {cursor:?} of 21 entries");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_certificate_of_a_stranger_or_for_another_host_is_told() {
    let authority = Authority::new();
    authority.sign("redis", "redis.example.com");
    let (_redis, port) = with_tls(&authority, "no");
    let other_host = closed(&format!("rediss://localhost:{port}"))
        .set("redis.tls_ca_file", &quoted(&authority.file("ca.pem")))
        .start();
    let stranger = closed(&format!("rediss://localhost:{port}")).start();
    for server in [other_host, stranger] {
        until(&server, "tls", |failing| failing.contains("throttle tls")).await;
        assert!(server.stderr().contains("TLS could not be agreed on"), "{}", server.stderr());
    }
}

#[tokio::test]
async fn tls_without_tls_at_the_other_end_is_told() {
    let redis = RedisServer::start(&[]);
    let server = closed(&format!("rediss://localhost:{}", redis.port)).start();
    until(&server, "tls", |failing| failing.iter().any(|kind| kind.starts_with("throttle "))).await;
}

#[tokio::test]
async fn a_redis_that_asks_for_certificates_gets_ours() {
    let authority = Authority::new();
    authority.sign("redis", "localhost");
    authority.sign("us", "doorbuster");
    let (_redis, port) = with_tls(&authority, "yes");
    let url = format!("rediss://localhost:{port}");
    let known = closed(&url).set("redis.tls_ca_file", &quoted(&authority.file("ca.pem")));
    let server = known
        .set("redis.tls_certificate_file", &quoted(&authority.file("us.pem")))
        .set("redis.tls_key_file", &quoted(&authority.file("us.key")))
        .start();
    assert_sells(&server, "mutual").await;
    let nameless = closed(&url).set("redis.tls_ca_file", &quoted(&authority.file("ca.pem"))).start();
    until(&nameless, "no certificate", |failing| failing.iter().any(|kind| kind.starts_with("throttle "))).await;
}
