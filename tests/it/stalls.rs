//! **Job:** holds that a disk which stands still is waited for: buyers hear it in time, and the sale goes on by itself.
//! **Owns:** a shim in front of the disk, and a real file system that is frozen where the machine lets us.
//! **Never:** measures a disk: a call stands still until the test lets it go.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::support::{
    Attempt, Client, Item, Response, Server, ServiceManager, Setup, Volume, admin_authorization, assert_conservation,
    assert_problem, authorization, sample,
};

/// The shim of the tests of the sale, which can let a call wait until its control file has gone.
const SHIM: &str = include_str!("../../actors/tests/it/support/fault_shim.c");

/// Longest wait for an answer that waits for a commit, on a busy machine: the contract says 5 s.
const IN_TIME: Duration = Duration::from_secs(8);

/// Longest wait for one that waits for nothing.
const QUICKLY: Duration = Duration::from_secs(2);

/// Far more than the seconds after which a stall is told.
const TOLD_WITHIN: Duration = Duration::from_secs(20);

/// A server whose disk can be made to stand still.
struct Shop {
    server: Server,
    control: PathBuf,
    _folder: TempDir,
}

impl Shop {
    fn open(change: impl FnOnce(Setup) -> Setup) -> Self {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder for the test");
        let (source, shim) = (folder.path().join("shim.c"), folder.path().join("shim.so"));
        std::fs::write(&source, SHIM).expect("room on the disk");
        let mut compiler = Command::new("gcc");
        compiler.args(["-shared", "-fPIC", "-O1", "-o"]).args([&shim, &source]).arg("-ldl");
        assert!(compiler.status().expect("gcc is installed").success());
        let control = folder.path().join("control");
        let variable = |name: &str, path: &Path| format!("{name}={}", path.display());
        let (preload, fault) = (variable("LD_PRELOAD", &shim), variable("FAULT_CONTROL", &control));
        let setup = Setup::new([Item::new("sku", 9).limit(9)]);
        let server = change(setup).under(&["env", &preload, &fault]).start();
        Self { server, control, _folder: folder }
    }

    /// From now on no write of the log comes back.
    fn freeze(&self) {
        std::fs::write(&self.control, "HOLD write -wal").expect("room on the disk");
    }

    fn thaw(&self) {
        std::fs::remove_file(&self.control).expect("it is there");
    }
}

async fn buy(server: &Server, user: &str, key: Option<&str>) -> (Response, Duration) {
    let authorization = authorization(user);
    let mut headers = vec![("Authorization", authorization.as_str())];
    headers.extend(key.map(|key| ("Idempotency-Key", key)));
    let begun = Instant::now();
    let mut client = Client::new(server.address());
    let answer = client.request("POST", "/v1/items/sku/orders", &headers, Some(r#"{"quantity":1}"#)).await;
    (answer.expect("an answer"), begun.elapsed())
}

async fn get(server: &Server, path: &str) -> (Response, Duration) {
    let begun = Instant::now();
    let authorization = authorization("ann");
    let mut client = Client::new(server.address());
    (client.get(path, &[("Authorization", &authorization)]).await.expect("an answer"), begun.elapsed())
}

async fn ops(server: &Server, path: &str) -> Response {
    let (begun, authorization) = (Instant::now(), admin_authorization());
    let mut client = Client::new(server.ops_address());
    let answer = client.get(path, &[("Authorization", &authorization)]).await.expect("an answer");
    assert!(begun.elapsed() < QUICKLY, "{path} took {:?}", begun.elapsed());
    answer
}

/// Waits until the server says of itself that it is (or is not) ready, and answers what it says.
async fn until_ready(server: &Server, is_ready: bool) -> Value {
    let begun = Instant::now();
    loop {
        let answer = ops(server, "/readyz?verbose").await;
        if (answer.status == 200) == is_ready {
            return answer.json();
        }
        assert!(begun.elapsed() < TOLD_WITHIN, "still {}: {}", answer.status, answer.text());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_disk_that_stands_still_is_no_reason_for_a_watchdog_to_end_the_process() {
    let manager = ServiceManager::new();
    let watched = |setup: Setup| setup.environment("NOTIFY_SOCKET", manager.path());
    // Long enough for a busy machine, short enough for several looks while the disk stands still.
    let shop = Shop::open(|setup| watched(setup).environment("WATCHDOG_USEC", "2000000"));
    shop.freeze();
    let in_flight = async { assert_problem(&buy(&shop.server, "bob", None).await.0, 503, "outcome-unknown") };
    tokio::join!(until_ready(&shop.server, false), in_flight);
    manager.wait_for("STATUS=Stopped: ");
    for _ in 0..8 {
        manager.wait_for("WATCHDOG=1");
    }
    assert_eq!(ops(&shop.server, "/readyz").await.status, 503, "it still stands still");
    shop.thaw();
    until_ready(&shop.server, true).await;
}

#[tokio::test]
async fn a_disk_that_stands_still_is_waited_for_and_the_sale_goes_on_by_itself() {
    let shop = Shop::open(|setup| setup);
    let server = &shop.server;
    assert_eq!(buy(server, "ann", None).await.0.status, 201);
    shop.freeze();
    let in_flight = async {
        let (answer, took) = buy(server, "bob", Some("bobs")).await;
        assert_problem(&answer, 503, "outcome-unknown");
        assert!(took < IN_TIME, "{took:?}");
    };
    let (told, ()) = tokio::join!(until_ready(server, false), in_flight);
    assert_eq!(told["verdict"]["reasons"][0]["code"], "storage-stalled", "{told}");
    assert!(told["checks"].to_string().contains(r#"{"name":"storage","ok":false}"#), "{told}");

    // Nobody is kept waiting any more, and nothing that needs no disk has ended.
    let (answer, took) = buy(server, "cid", Some("cids")).await;
    assert_problem(&answer, 503, "storage-unavailable");
    assert!(took < QUICKLY, "{took:?}");
    let (answer, took) = buy(server, "bob", Some("bobs")).await;
    assert_problem(&answer, 503, "outcome-unknown");
    assert!(took < QUICKLY, "whether the first one was placed is not known: {took:?}");
    let (answer, took) = get(server, "/v1/orders?item_id=sku").await;
    assert_problem(&answer, 503, "storage-unavailable");
    assert!(took < QUICKLY, "{took:?}");
    assert_eq!(get(server, "/v1/items/sku").await.0.status, 200);
    let paused = Client::new(server.ops_address())
        .request("POST", "/v1/admin/items/sku/pause", &[("Authorization", &admin_authorization())], None)
        .await;
    assert_problem(&paused.expect("an answer"), 503, "storage-unavailable");
    let page = ops(server, "/metrics").await.text();
    assert_eq!(sample::<u64>(&page, "doorbuster_requests_total{outcome=\"outcome-unknown\"}"), 2);
    let reason = "doorbuster_verdict_reason{reason=\"storage-stalled\",level=\"stopped\"}";
    assert_eq!(sample::<u64>(&page, reason), 1);

    shop.thaw();
    until_ready(server, true).await;
    let (late, _) = buy(server, "bob", Some("bobs")).await;
    assert_eq!((late.status, late.header("idempotent-replayed")), (201, Some("true")), "{}", late.text());
    assert_eq!(buy(server, "cid", Some("cids")).await.0.status, 201);
    assert_eq!(assert_conservation(server).await.len(), 3);
    let begun = Instant::now();
    while !server.stderr().contains("the disk answers again") && begun.elapsed() < QUICKLY {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let log = server.stderr();
    assert_eq!(log.matches("the disk does not answer: nothing is sold").count(), 1, "once an episode: {log}");
    assert_eq!(log.matches("the disk answers again").count(), 1, "{log}");
}

#[tokio::test]
async fn a_server_that_is_ended_while_its_disk_stands_still_ends_and_says_why() {
    let mut shop = Shop::open(|setup| setup);
    assert_eq!(buy(&shop.server, "ann", None).await.0.status, 201);
    shop.freeze();
    assert_problem(&buy(&shop.server, "bob", None).await.0, 503, "outcome-unknown");
    let begun = Instant::now();
    let ended = shop.server.terminate();
    assert!(begun.elapsed() < Duration::from_secs(29), "half a minute is what a service manager grants");
    assert_eq!(ended.code(), Some(74), "{}", shop.server.stderr());
    assert!(shop.server.stderr().contains("its disk does not answer"), "{}", shop.server.stderr());
    shop.thaw();
    shop.server.restart();
    assert_eq!(buy(&shop.server, "cid", None).await.0.status, 201);
    assert_conservation(&shop.server).await;
}

#[tokio::test]
async fn a_second_signal_does_not_end_a_commit_that_runs() {
    let mut shop = Shop::open(|setup| setup);
    assert_eq!(buy(&shop.server, "ann", None).await.0.status, 201);
    shop.freeze();
    assert_problem(&buy(&shop.server, "bob", None).await.0, 503, "outcome-unknown");
    shop.server.send_sigterm();
    until_logged(&shop.server, "told to close").await;
    shop.server.send_sigterm();
    until_logged(&shop.server, "a second signal: not waiting for clients").await;
    assert!(shop.server.is_alive(), "bob's order is being written");
    shop.thaw();
    assert!(shop.server.wait().success(), "{}", shop.server.stderr());
    shop.server.restart();
    assert_eq!(assert_conservation(&shop.server).await.len(), 2, "bob's order was written");
}

async fn until_logged(server: &Server, text: &str) {
    let begun = Instant::now();
    while !server.stderr().contains(text) {
        assert!(begun.elapsed() < TOLD_WITHIN, "never logged: {text}\n{}", server.stderr());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_stall_that_is_longer_than_the_limit_ends_the_process() {
    let mut shop = Shop::open(|setup| setup.set("storage.stall_limit", "\"5s\""));
    shop.freeze();
    assert_problem(&buy(&shop.server, "bob", None).await.0, 503, "outcome-unknown");
    assert_eq!(shop.server.wait().code(), Some(74), "{}", shop.server.stderr());
    assert!(shop.server.stderr().contains("(storage.stall_limit)"), "{}", shop.server.stderr());
}

/// A volume while it is frozen. Before the server is dropped: a process that waits for a frozen disk cannot be ended.
struct Frozen<'v>(&'v Volume);

impl<'v> Frozen<'v> {
    fn freeze(volume: &'v Volume) -> Self {
        assert!(volume.run(&["fsfreeze", "-f"]), "the volume cannot be frozen");
        Self(volume)
    }
}

impl Drop for Frozen<'_> {
    fn drop(&mut self) {
        assert!(self.0.run(&["fsfreeze", "-u"]) || std::thread::panicking(), "the volume stays frozen");
    }
}

#[tokio::test]
async fn a_file_system_that_is_frozen_for_a_snapshot_costs_time_and_nothing_else() {
    let Some(volume) = Volume::mount() else {
        println!("skipped: only root can mount a file system, and freeze it");
        return;
    };
    let data = volume.path().join("sale.db");
    let mut server = Setup::new([Item::new("sku", 9).limit(9)]).set("storage.path", &format!("{data:?}")).start();
    assert_eq!(buy(&server, "ann", None).await.0.status, 201);
    let frozen = Frozen::freeze(&volume);
    let (told, (unknown, took)) = tokio::join!(until_ready(&server, false), buy(&server, "bob", Some("bobs")));
    assert_problem(&unknown, 503, "outcome-unknown");
    assert!(took < IN_TIME, "{took:?}");
    assert_eq!(told["verdict"]["reasons"][0]["code"], "storage-stalled", "{told}");
    drop(frozen);
    until_ready(&server, true).await;
    assert_eq!(buy(&server, "bob", Some("bobs")).await.0.header("idempotent-replayed"), Some("true"));
    let attempt = Attempt::new("cid", "sku");
    assert_eq!(crate::support::crowd(server.address(), vec![attempt]).await.orders().len(), 1);
    assert!(server.terminate().success(), "{}", server.stderr());
}
