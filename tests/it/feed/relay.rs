//! **Job:** the relay to a Redis stream: every entry once and in order, whatever happens to either side.
//! **Owns:** a tiny consumer that keeps its cursor as the relay expects it.
//! **Never:** lets the consumer skip: what is not the next entry is not taken.

#![expect(clippy::disallowed_methods, reason = "the consumer sleeps between two looks, on a thread of its own")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use redis::{Connection, RedisResult, cmd};
use serde_json::Value;
use tokio::sync::watch;

use super::{SKU, assert_tells, ledger};
use crate::support::{Attempt, Item, RedisServer, Server, Setup, crowd, crowd_counting, seed};

const STREAM: &str = "doorbuster:orders";
const CURSOR: &str = "doorbuster:orders:cursor";

/// How long anything that must happen may take. Far above what it takes: the relay's longest pause is five seconds.
const PATIENCE: Duration = Duration::from_secs(40);

/// How often a condition is looked at.
const TICK: Duration = Duration::from_millis(10);

type Entry = (u64, Value);

fn setup(redis: &RedisServer, stock: u32) -> Setup {
    Setup::new([Item::new(SKU, stock)])
        .set("redis.url", &format!("{:?}", redis.url()))
        .set("feed.redis_stream", &format!("{STREAM:?}"))
}

fn connect(url: &str) -> RedisResult<Connection> {
    redis::Client::open(url)?.get_connection_with_timeout(PATIENCE)
}

/// Entries of the stream from `first` on.
fn entries(redis: &mut Connection, first: u64, most: usize) -> RedisResult<Vec<Entry>> {
    let mut command = cmd("XRANGE");
    command.arg(STREAM).arg(format!("{first}-0")).arg("+").arg("COUNT").arg(most);
    let entries: Vec<(String, Vec<(String, String)>)> = command.query(redis)?;
    let read = |(id, fields): (String, Vec<(String, String)>)| {
        let [(field, line)] = fields.try_into().expect("an entry has one field");
        assert_eq!(field, "entry");
        let seq = id.strip_suffix("-0").and_then(|seq| seq.parse().ok()).expect("entry n is n-0");
        (seq, serde_json::from_str(&line).expect("a line of the feed"))
    };
    Ok(entries.into_iter().map(read).collect())
}

fn length(redis: &mut Connection) -> usize {
    cmd("XLEN").arg(STREAM).query(redis).expect("redis answers")
}

async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < PATIENCE, "not within {PATIENCE:?}: {what}");
        tokio::time::sleep(TICK).await;
    }
}

/// Waits until the stream has as many entries as the ledger, and compares them.
async fn assert_stream_is_the_ledger(redis: &RedisServer, server: &Server) {
    let ledger = ledger(server);
    let mut connection = connect(&redis.url()).expect("redis answers");
    until("all entries are in the stream", || length(&mut connection) >= ledger.len()).await;
    let entries = entries(&mut connection, 0, usize::MAX >> 1).expect("redis answers");
    let in_place = entries.iter().zip(1..).all(|((seq, _), place)| *seq == place);
    assert!(in_place, "the stream is not 1-0, 2-0, 3-0, …");
    assert_tells(&entries.into_iter().map(|(_, entry)| entry).collect::<Vec<_>>(), &ledger);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_entry_is_in_the_stream_once_and_in_order() {
    let redis = RedisServer::start();
    let server = setup(&redis, 3_000).start();
    crowd(server.address(), Attempt::shuffled(SKU, 3_200, seed())).await;
    assert_stream_is_the_ledger(&redis, &server).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_killed_again_and_again_publishes_each_entry_once() {
    let redis = RedisServer::start();
    let mut server = setup(&redis, 1_000_000).start();
    let mut chance = StdRng::seed_from_u64(seed());
    for round in 0..10 {
        let (confirmed, mut seen) = watch::channel(0);
        let buyer = |number| Attempt::new(&format!("buyer-{round}-{number}"), SKU);
        let buying = tokio::spawn(crowd_counting(server.address(), (0..2_000).map(buyer).collect(), confirmed));
        let enough = chance.random_range(0..1_500);
        seen.wait_for(|count| *count >= enough).await.expect("the crowd is still there");
        server.kill9();
        drop(seen);
        buying.await.expect("the crowd does not panic");
        server.restart();
    }
    assert_stream_is_the_ledger(&redis, &server).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_redis_the_sale_goes_on_and_the_stream_catches_up() {
    let mut redis = RedisServer::start();
    redis.kill();
    let mut server = setup(&redis, 500).start();
    let tally = crowd(server.address(), Attempt::shuffled(SKU, 500, seed())).await;
    assert_eq!(tally.orders().len(), 500);
    redis.restart();
    assert_stream_is_the_ledger(&redis, &server).await;
    redis.kill();
    assert!(server.terminate().success(), "a relay without redis keeps nobody from closing");
    let complaints = server.stderr().matches("cannot be relayed").count();
    assert!((1..=2).contains(&complaints), "{complaints} lines about two outages");
}

/// Takes entries one after another, and tells how far it is as the relay expects it.
struct Consumer {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Vec<Value>>,
    taken: watch::Receiver<u64>,
}

impl Consumer {
    fn start(url: String) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (progress, taken) = watch::channel(0);
        let stop_seen = Arc::clone(&stop);
        let work = move || {
            let mut all = Vec::new();
            while !stop_seen.load(Ordering::Relaxed) {
                // Redis may be away; then everything begins anew, but not what was taken.
                let _fault = connect(&url).and_then(|redis| consume(redis, &mut all, &progress, &stop_seen));
                std::thread::sleep(TICK);
            }
            all
        };
        Self { stop, thread: std::thread::spawn(work), taken }
    }

    async fn has(&mut self, seq: u64) {
        let has = tokio::time::timeout(PATIENCE, self.taken.wait_for(|taken| *taken >= seq)).await;
        assert!(has.is_ok(), "the consumer did not get entry {seq} within {PATIENCE:?}");
    }

    fn stop(self) -> Vec<Value> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().expect("the consumer does not panic")
    }
}

fn consume(
    mut redis: Connection,
    all: &mut Vec<Value>,
    progress: &watch::Sender<u64>,
    stop: &AtomicBool,
) -> RedisResult<()> {
    while !stop.load(Ordering::Relaxed) {
        let batch = entries(&mut redis, all.len() as u64 + 1, 50)?;
        let is_empty = batch.is_empty();
        for (seq, entry) in batch {
            if seq != all.len() as u64 + 1 {
                break;
            }
            all.push(entry);
        }
        cmd("SET").arg(CURSOR).arg(all.len()).exec(&mut redis)?;
        progress.send_replace(all.len() as u64);
        if is_empty {
            std::thread::sleep(TICK);
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_consumer_of_a_stream_that_is_lost_trimmed_and_punctured_gets_every_entry() {
    let mut redis = RedisServer::start();
    let mut server = setup(&redis, 1_000_000).start();
    let mut consumer = Consumer::start(redis.url());
    for round in 0..12 {
        let (confirmed, mut seen) = watch::channel(0);
        let buyer = |number| Attempt::new(&format!("buyer-{round}-{number}"), SKU);
        let buying = tokio::spawn(crowd_counting(server.address(), (0..800).map(buyer).collect(), confirmed));
        seen.wait_for(|count| *count >= 300).await.expect("the crowd is still there");
        let harm = |command: &str, arguments: &[&str]| {
            let mut connection = connect(&redis.url()).expect("redis answers");
            cmd(command).arg(arguments).exec(&mut connection).expect("redis does it");
        };
        match round % 6 {
            0 => harm("FLUSHALL", &[]),
            1 => harm("XTRIM", &[STREAM, "MAXLEN", "0"]),
            2 => harm("DEL", &[STREAM]),
            3 => {
                let last = ledger(&server).len();
                harm("XDEL", &[STREAM, &format!("{}-0", last - 5), &format!("{}-0", last + 5)]);
            }
            4 => redis.restart(),
            _ => server.kill9(),
        }
        drop(seen);
        buying.await.expect("the crowd does not panic");
        if round % 6 == 5 {
            server.restart();
        }
    }
    let ledger = ledger(&server);
    consumer.has(ledger.len() as u64).await;
    assert_tells(&consumer.stop(), &ledger);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_consumer_has_confirmed_is_forgotten() {
    let redis = RedisServer::start();
    let server = setup(&redis, 1_000_000).start();
    let mut consumer = Consumer::start(redis.url());
    let attempts = (0..13_000).map(|number| Attempt::new(&format!("buyer-{number}"), SKU)).collect();
    crowd(server.address(), attempts).await;
    let ledger = ledger(&server);
    consumer.has(ledger.len() as u64).await;
    let mut connection = connect(&redis.url()).expect("redis answers");
    until("the stream is trimmed", || length(&mut connection) < 10_000).await;
    crowd(server.address(), vec![Attempt::new("the-last", SKU)]).await;
    consumer.has(ledger.len() as u64 + 1).await;
    assert_eq!(consumer.stop().len(), ledger.len() + 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_stream_of_another_ledger_is_left_alone() {
    let redis = RedisServer::start();
    let first = setup(&redis, 10).start();
    crowd(first.address(), Attempt::shuffled(SKU, 10, seed())).await;
    assert_stream_is_the_ledger(&redis, &first).await;
    drop(first);
    // Longer than what is there, so that only the entries themselves tell.
    let second = setup(&redis, 100).start();
    let tally = crowd(second.address(), Attempt::shuffled(SKU, 100, seed())).await;
    assert_eq!(tally.orders().len(), 100);
    until("the relay has seen it", || second.stderr().contains("of another ledger")).await;
    let mut connection = connect(&redis.url()).expect("redis answers");
    assert_eq!(length(&mut connection), 11);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_redis_takes_no_entry_without_those_before_it() {
    let redis = RedisServer::start();
    let server = setup(&redis, 2_000).start();
    let mut connection = connect(&redis.url()).expect("redis answers");
    let limit = |connection: &mut Connection, bytes: &str| {
        cmd("CONFIG").arg(&["SET", "maxmemory", bytes]).exec(connection).expect("redis does it");
    };
    limit(&mut connection, "1");
    crowd(server.address(), Attempt::shuffled(SKU, 1_000, seed())).await;
    until("the relay has seen it", || server.stderr().contains("cannot be relayed")).await;
    limit(&mut connection, "0");
    assert_stream_is_the_ledger(&redis, &server).await;
    let told = server.stderr();
    assert!(!told.contains("published again"), "{told}");
}
