//! **Job:** shows that what is wrong with Redis is told before the first buyer comes, by kind of command and cause, and
//! that its end is noticed without one.
//! **Owns:** the list of causes, each made with a real server; and of the permissions of the account in the manual.
//! **Never:** waits for a time: what must be told is told, or the test fails.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use redis::ConnectionLike as _;
use serde_json::Value;

use super::server::{PATIENCE, RedisServer, impostor};
use crate::support::{Attempt, Client, Item, Server, Setup, crowd, lasting_port, metrics_page};

/// A server in which every kind of command is in use.
fn everything(url: &str) -> Setup {
    Setup::new([Item::new("sku-1", 1_000).limit(5)])
        .set("redis.url", &format!("{url:?}"))
        .set("redis.timeout", "\"1s\"")
        .set("gate.throttle.window", "\"5s\"")
        .set("gate.pool.factor", "1")
        .set("gate.bucket.rate", "1000")
        .set("gate.bucket.burst", "100")
        .set("feed.redis_stream", "\"doorbuster:orders\"")
}

/// The kinds of commands that fail now, with their causes: `throttle no_permission`.
pub(super) async fn failing(server: &Server) -> BTreeSet<String> {
    let page = metrics_page(server).await;
    let series: Vec<_> =
        page.lines().filter_map(|line| line.strip_prefix("doorbuster_redis_command_failing{")).collect();
    assert!(!series.is_empty(), "they are there from the start");
    let value = |labels: &str, name: &str| {
        let (_, rest) = labels.split_once(&format!("{name}=\"")).expect("the label");
        rest.split_once('"').expect("it ends").0.to_owned()
    };
    let is_one = |line: &&&str| line.ends_with("} 1");
    series.iter().filter(is_one).map(|line| format!("{} {}", value(line, "command"), value(line, "cause"))).collect()
}

async fn reasons(server: &Server) -> (u16, Vec<String>, String) {
    let answer = Client::new(server.ops_address()).get("/readyz?verbose", &[]).await.expect("an answer");
    let body = answer.json();
    let reasons = body["verdict"]["reasons"].as_array().expect("a list").clone();
    let text = |reason: &Value, member: &str| reason[member].as_str().expect("a text").to_owned();
    let codes = reasons.iter().map(|reason| text(reason, "code")).collect();
    (answer.status, codes, reasons.iter().map(|reason| text(reason, "text")).collect::<Vec<_>>().join(" "))
}

/// Waits until the kinds that fail are as they should be.
pub(super) async fn until(server: &Server, what: &str, holds: impl Fn(&BTreeSet<String>) -> bool) -> BTreeSet<String> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let failing = failing(server).await;
        if holds(&failing) {
            return failing;
        }
        assert!(Instant::now() < deadline, "{what}: {failing:?}\n{}", server.stderr());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Told everywhere, while nobody has bought anything: in metrics, log and verdict, with what to do.
async fn assert_told(server: &Server, cause: &str, advice: &str) {
    until(server, cause, |failing| failing.iter().any(|kind| kind.ends_with(&format!(" {cause}")))).await;
    let log = server.stderr();
    let is_meant = |line: &&str| line.contains("redis does not answer these commands") && line.contains(cause);
    let warning = log.lines().find(is_meant).unwrap_or_default();
    for part in ["\"level\":\"WARN\"", cause, advice] {
        assert!(warning.contains(part), "{part} is not in {warning}");
    }
    let deadline = Instant::now() + PATIENCE;
    loop {
        let (status, codes, text) = reasons(server).await;
        if text.contains(cause) {
            let is_named = codes.iter().any(|code| code == "redis-refuses" || code == "redis-unavailable");
            assert!(status == 200 && is_named && text.contains(advice), "{status} {codes:?} {text}");
            return;
        }
        assert!(Instant::now() < deadline, "{cause} is not in the verdict: {codes:?} {text}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Nothing fails any more, and that is said; and a buyer gets their unit.
async fn assert_well(server: &Server, buyer: &str) {
    until(server, "all is well", BTreeSet::is_empty).await;
    assert!(server.stderr().contains("redis answers these commands again"), "{}", server.stderr());
    let tally = crowd(server.address(), vec![Attempt::new(buyer, "sku-1")]).await;
    assert_eq!(tally.orders().len(), 1, "{:?}", tally.refusals());
}

fn tell(server: &RedisServer, password: &str, command: &[&str]) {
    let url = server.url().replace("redis://", &format!("redis://:{password}@"));
    let url = if password.is_empty() { server.url() } else { url };
    let client = redis::Client::open(url).expect("an address");
    let mut observer = client.get_connection().expect("the server is up");
    observer.req_command(redis::cmd(command[0]).arg(&command[1..])).expect("the server does it");
}

/// What is wrong from the start, the cause, what to do, and what mends it.
struct Wrong {
    arguments: &'static [&'static str],
    /// What is done before the server starts.
    harm: &'static [&'static [&'static str]],
    url: fn(&RedisServer) -> String,
    cause: &'static str,
    advice: &'static str,
    /// The password of who mends, and how.
    mend: (&'static str, &'static [&'static [&'static str]]),
}

const fn wrong(
    arguments: &'static [&'static str],
    harm: &'static [&'static [&'static str]],
    (cause, advice): (&'static str, &'static str),
    mend: &'static [&'static [&'static str]],
) -> Wrong {
    Wrong { arguments, harm, url: RedisServer::url, cause, advice, mend: ("", mend) }
}

async fn assert_told_and_mended(wrong: Wrong) {
    let redis = RedisServer::start(wrong.arguments);
    wrong.harm.iter().for_each(|command| tell(&redis, wrong.mend.0, command));
    let server = everything(&(wrong.url)(&redis)).start();
    assert_told(&server, wrong.cause, wrong.advice).await;
    wrong.mend.1.iter().for_each(|command| tell(&redis, wrong.mend.0, command));
    assert_well(&server, "first").await;
}

#[tokio::test]
async fn a_wrong_password_is_told() {
    let told = ("wrong_credentials", "does not accept user and password");
    let with_wrong = |redis: &RedisServer| format!("redis://:wrong@127.0.0.1:{}/0", redis.port);
    let mend: &[&[&str]] = &[&["CONFIG", "SET", "requirepass", "wrong"]];
    for url in [RedisServer::url as fn(&RedisServer) -> String, with_wrong] {
        let base = wrong(&["--requirepass", "right"], &[], told, &[]);
        let redis = RedisServer::start(base.arguments);
        let server = everything(&url(&redis)).start();
        assert_told(&server, base.cause, base.advice).await;
        assert!(!server.stderr().contains(":wrong@"), "{}", server.stderr());
    }
    let base = wrong(&["--requirepass", "right"], &[], told, &[]);
    assert_told_and_mended(Wrong { url: with_wrong, mend: ("right", mend), ..base }).await;
}

#[tokio::test]
async fn a_replica_is_told() {
    let told = ("read_only", "let redis.url name the primary");
    let replica = &["--replicaof", "127.0.0.1", "1", "--replica-serve-stale-data", "yes"];
    assert_told_and_mended(wrong(replica, &[], told, &[&["REPLICAOF", "NO", "ONE"]])).await;
}

#[tokio::test]
async fn a_replica_without_its_primary_is_told() {
    let told = ("loading", "it is asked again");
    let replica = &["--replicaof", "127.0.0.1", "1", "--replica-serve-stale-data", "no"];
    assert_told_and_mended(wrong(replica, &[], told, &[&["REPLICAOF", "NO", "ONE"]])).await;
}

#[tokio::test]
async fn a_full_redis_is_told() {
    let told = ("out_of_memory", "has reached maxmemory");
    let full = &["--maxmemory", "1", "--maxmemory-policy", "noeviction"];
    assert_told_and_mended(wrong(full, &[], told, &[&["CONFIG", "SET", "maxmemory", "0"]])).await;
}

#[tokio::test]
async fn a_redis_that_cannot_save_is_told() {
    let told = ("cannot_persist", "look at its log and disk");
    let replicas: &[&[&str]] = &[&["CONFIG", "SET", "min-replicas-to-write", "0"]];
    assert_told_and_mended(wrong(&["--min-replicas-to-write", "1"], &[], told, replicas)).await;
}

#[tokio::test]
async fn a_redis_whose_disk_fails_is_told() {
    let redis = RedisServer::start(&["--dbfilename", "taken", "--save", "3600 1000000"]);
    // Its file cannot come to where a folder is.
    std::fs::create_dir(redis.directory().join("taken")).expect("an own folder");
    tell(&redis, "", &["BGSAVE"]);
    let deadline = Instant::now() + PATIENCE;
    let mut observer = redis.observer();
    loop {
        let info: String = redis::cmd("INFO").arg("persistence").query(&mut observer).expect("an answer");
        if info.contains("rdb_last_bgsave_status:err") {
            break;
        }
        assert!(Instant::now() < deadline, "{info}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let server = everything(&redis.url()).start();
    assert_told(&server, "cannot_persist", "MISCONF").await;
    tell(&redis, "", &["CONFIG", "SET", "stop-writes-on-bgsave-error", "no"]);
    assert_well(&server, "first").await;
}

#[tokio::test]
async fn a_cluster_is_told() {
    let told = ("cluster", "which is not supported");
    let slots: &[&[&str]] = &[&["CLUSTER", "ADDSLOTSRANGE", "0", "16383"]];
    assert_told_and_mended(wrong(&["--cluster-enabled", "yes"], &[], told, slots)).await;
}

#[tokio::test]
async fn one_node_of_a_cluster_is_told_though_half_of_the_keys_are_its_own() {
    let nodes = [(); 2].map(|()| RedisServer::start(&["--cluster-enabled", "yes"]));
    tell(&nodes[0], "", &["CLUSTER", "ADDSLOTSRANGE", "0", "8191"]);
    tell(&nodes[1], "", &["CLUSTER", "ADDSLOTSRANGE", "8192", "16383"]);
    tell(&nodes[0], "", &["CLUSTER", "MEET", "127.0.0.1", &nodes[1].port.to_string()]);
    let deadline = Instant::now() + PATIENCE;
    let mut observer = nodes[0].observer();
    while !redis::cmd("CLUSTER").arg("INFO").query::<String>(&mut observer).expect("it").contains("cluster_state:ok") {
        assert!(Instant::now() < deadline, "the cluster does not come about");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let server = everything(&nodes[0].url()).start();
    assert_told(&server, "cluster", "MOVED").await;
    // Successes do not hide it.
    crowd(server.address(), Attempt::shuffled("sku-1", 40, 1)).await;
    assert!(failing(&server).await.contains("throttle cluster"));
}

#[tokio::test]
async fn a_database_that_does_not_exist_is_told() {
    let redis = RedisServer::start(&[]);
    let server = everything(&redis.url().replace("/0", "/99")).start();
    assert_told(&server, "wrong_database", "correct its number").await;
}

#[tokio::test]
async fn a_redis_that_is_loading_is_told() {
    let server = everything(&impostor(b"-LOADING Redis is loading the dataset in memory\r\n")).start();
    assert_told(&server, "loading", "LOADING").await;
}

#[tokio::test]
async fn whoever_is_no_redis_is_told() {
    let server = everything(&impostor(b"HTTP/1.1 400 Bad Request\r\n\r\n")).start();
    assert_told(&server, "unexpected", "is it a Redis").await;
}

#[tokio::test]
async fn an_absent_redis_is_told_and_holds_nothing_up() {
    let begun = Instant::now();
    let server = everything(&format!("redis://127.0.0.1:{}", lasting_port())).start();
    let took = begun.elapsed();
    assert!(took < Duration::from_secs(10), "{took:?}");
    assert_told(&server, "unreachable", "is Redis running").await;
}

#[tokio::test]
async fn a_redis_that_dies_and_comes_back_is_noticed_without_buyers() {
    let mut redis = RedisServer::start(&[]);
    let server = everything(&redis.url()).start();
    until(&server, "all is well", BTreeSet::is_empty).await;
    redis.kill();
    assert_told(&server, "unreachable", "is Redis running").await;
    redis.restart();
    assert_well(&server, "first").await;
}

#[tokio::test]
async fn a_frozen_redis_is_noticed_without_buyers() {
    let redis = RedisServer::start(&[]);
    let server = everything(&redis.url()).set("redis.timeout", "\"100ms\"").start();
    redis.freeze();
    let is_told = |failing: &BTreeSet<String>| failing.iter().any(|kind| kind.starts_with("throttle "));
    until(&server, "frozen", is_told).await;
    redis.thaw();
    assert_well(&server, "first").await;
}

#[tokio::test]
async fn a_script_that_hangs_is_told() {
    let redis = RedisServer::start(&["--busy-reply-threshold", "50"]);
    let server = everything(&redis.url()).start();
    let url = redis.url();
    let hanging = std::thread::spawn(move || {
        let mut client = redis::Client::open(url).and_then(|client| client.get_connection()).expect("it is up");
        redis::cmd("EVAL").arg("while true do end").arg(0).exec(&mut client)
    });
    assert_told(&server, "script", "BUSY").await;
    tell(&redis, "", &["SCRIPT", "KILL"]);
    hanging.join().expect("no panic").expect_err("it was killed");
    assert_well(&server, "first").await;
}

#[tokio::test]
async fn scripts_that_were_switched_off_are_told_and_windows_go_back_all_the_same() {
    let redis = RedisServer::start(&["--rename-command", "EVALSHA", ""]);
    let server = everything(&redis.url()).start();
    let expected = ["bucket_lease", "pool_return", "pool_take"].map(|kind| format!("{kind} unknown_command"));
    until(&server, "no scripts", |failing| failing.iter().eq(&expected)).await;
    let tally = crowd(server.address(), vec![Attempt::new("ada", "sku-1")]).await;
    assert_eq!(tally.orders().len(), 1, "on_error is local");
}

#[tokio::test]
async fn a_key_of_somebody_else_is_told_when_it_is_met() {
    let redis = RedisServer::start(&[]);
    tell(&redis, "", &["LPUSH", "doorbuster:bucket:purchases", "1"]);
    tell(&redis, "", &["SET", "doorbuster:orders", "1"]);
    let server = everything(&redis.url()).start();
    crowd(server.address(), vec![Attempt::new("ada", "sku-1")]).await;
    let both = ["bucket_lease wrong_type", "feed_look wrong_type"];
    until(&server, "wrong type", |failing| both.iter().all(|kind| failing.contains(*kind))).await;
    assert!(!failing(&server).await.contains("throttle wrong_type"), "others do not suffer");
}

#[tokio::test]
async fn a_gate_that_is_closed_by_its_redis_is_a_sale_that_is_stopped() {
    let mut redis = RedisServer::start(&[]);
    let server = everything(&redis.url()).set("redis.on_error", "\"closed\"").start();
    redis.kill();
    let deadline = Instant::now() + PATIENCE;
    loop {
        let (status, codes, text) = reasons(&server).await;
        if codes.first().is_some_and(|code| code == "gate-closed") {
            assert!(status == 503 && text.contains("nobody can buy"), "{status} {text}");
            break;
        }
        assert!(Instant::now() < deadline, "{status} {codes:?} {text}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    redis.restart();
    assert_well(&server, "first").await;
}

/// The account that the operator's page gives, for these parts of the product: the lines of the page, in order.
fn account(lines: usize) -> Vec<Vec<String>> {
    let page = std::fs::read_to_string("deploy/README.md").expect("the page");
    let rules: Vec<_> = page.lines().filter(|line| line.starts_with("ACL SETUSER doorbuster ")).collect();
    assert_eq!(rules.len(), 3, "gate, feed, inventory");
    rules[..lines].iter().map(|rule| rule.split(' ').map(str::to_owned).collect()).collect()
}

/// A Redis with that account, but for what is taken away; and the address with it.
pub(super) fn with_account(lines: usize, without: &[&str]) -> (RedisServer, String) {
    let redis = RedisServer::start(&[]);
    for rule in account(lines) {
        tell(&redis, "", &rule.iter().map(String::as_str).collect::<Vec<_>>());
    }
    let rule = [&["ACL", "SETUSER", "doorbuster"], without].concat();
    tell(&redis, "", &rule);
    let url = format!("redis://doorbuster:PASSWORD@127.0.0.1:{}/0", redis.port);
    (redis, url)
}

#[tokio::test]
async fn the_account_of_the_operators_page_suffices() {
    let (redis, url) = with_account(2, &[]);
    let server = everything(&url).start();
    // Somebody is throttled, and somebody's window goes back.
    let attempts = (0..3).flat_map(|_| ["ada", "bob", "cleo"].map(|user| Attempt::new(user, "sku-1"))).collect();
    crowd(server.address(), attempts).await;
    assert_eq!(failing(&server).await, BTreeSet::new(), "{}", server.stderr());
    let mut observer = redis.observer();
    let log: Vec<redis::Value> = redis::cmd("ACL").arg("LOG").query(&mut observer).expect("a list");
    assert!(log.is_empty(), "{log:?}");
}

#[tokio::test]
async fn each_permission_that_lacks_is_told_for_the_kinds_that_need_it() {
    for (without, kinds) in [
        (&["-set"][..], &["bucket_lease", "pool_take", "throttle"][..]),
        (&["-pttl"], &["throttle_wait"]),
        (&["-del"], &[]), // a window then goes back by SET, and no stream is begun anew
        (&["-incrby"], &["pool_take"]),
        (&["-decrby"], &["pool_return"]),
        (&["-time"], &["bucket_lease"]),
        (&["-evalsha"], &["bucket_lease", "pool_return", "pool_take"]),
        (&["-xadd"], &["feed_publish"]),
        (&["-xtrim"], &["feed_trim"]),
        (&["-xinfo|stream"], &["feed_look"]),
        (&["-xinfo|groups"], &["feed_groups"]),
        (&["resetkeys", "~doorbuster:throttle*", "~doorbuster:orders*"], &["bucket_lease", "pool_return", "pool_take"]),
    ] {
        let (_redis, url) = with_account(2, without);
        let server = everything(&url).start();
        let kinds: BTreeSet<_> = kinds.iter().map(|kind| format!("{kind} no_permission")).collect();
        until(&server, &format!("{without:?} {kinds:?}"), |failing| *failing == kinds).await;
        let tally = crowd(server.address(), Attempt::shuffled("sku-1", 20, 1)).await;
        assert_eq!(tally.orders().len(), 20, "{without:?} {:?}", tally.refusals());
        assert_eq!(failing(&server).await, kinds, "successes of other kinds hide nothing: {without:?}");
    }
}
