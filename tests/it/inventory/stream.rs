//! **Job:** the inventory system with a Redis stream, whatever happens to Redis.
//! **Owns:** a relay as the server's side has it: it publishes, and re-publishes from the confirmed cursor what is
//! lost.
//! **Never:** lets the relay help otherwise.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{JoinHandle, sleep};
use std::time::Duration;

use parking_lot::Mutex;
use redis::{Connection, RedisResult, Value};

use super::feed::{books, sale};
use crate::support::{Inventory, RedisServer};

const STREAM: &str = "doorbuster:orders";
const CURSOR: &str = "doorbuster:orders:cursor";

fn reading(redis: &RedisServer) -> Inventory {
    let mut inventory = over(redis);
    inventory.start();
    inventory
}

/// An inventory that will read the stream.
pub(super) fn over(redis: &RedisServer) -> Inventory {
    let mut inventory = Inventory::of("redis");
    inventory.set("redis.url", &format!("{:?}", redis.url())).set("feed.redis_stream", &format!("{STREAM:?}"));
    inventory
}

pub(super) fn connect(redis: &RedisServer) -> Connection {
    let client = redis::Client::open(redis.url()).expect("a url");
    client.get_connection().expect("redis runs")
}

/// `lines[0]` is entry `first`.
pub(super) fn publish(redis: &mut Connection, first: usize, lines: &[String]) -> RedisResult<()> {
    let mut pipe = redis::pipe();
    for (index, line) in lines.iter().enumerate() {
        let id = format!("{}-0", first + index);
        pipe.cmd("XADD").arg(STREAM).arg(id).arg("entry").arg(line).ignore();
    }
    pipe.query(redis)
}

/// The id's number of the first (`XRANGE`) or last (`XREVRANGE`) entry in the stream.
fn end_of(redis: &mut Connection, command: &str) -> RedisResult<Option<usize>> {
    let (from, to) = if command == "XRANGE" { ("-", "+") } else { ("+", "-") };
    let found: Vec<(String, Vec<String>)> =
        redis::cmd(command).arg(STREAM).arg(from).arg(to).arg("COUNT").arg(1).query(redis)?;
    Ok(found.first().map(|(id, _)| id.split('-').next().expect("an id").parse().expect("our ids")))
}

fn confirmed(redis: &mut Connection) -> RedisResult<Option<usize>> {
    redis::cmd("GET").arg(CURSOR).query(redis)
}

/// Publishes what is missing; what the consumer needs and the stream has lost, it publishes again.
fn relay_once(redis: &mut Connection, lines: &[String]) -> RedisResult<()> {
    let Some(cursor) = confirmed(redis)? else { return Ok(()) };
    let (first, last) = (end_of(redis, "XRANGE")?, end_of(redis, "XREVRANGE")?);
    let next = match (first, last) {
        (Some(first), Some(last)) if first <= cursor + 1 && last >= cursor => last + 1,
        _ => {
            redis::cmd("DEL").arg(STREAM).exec(redis)?;
            cursor + 1
        }
    };
    let end = lines.len().min(next + 199);
    if next <= end { publish(redis, next, &lines[next - 1..end]) } else { Ok(()) }
}

/// The server's side.
struct Relay {
    stop: Arc<AtomicBool>,
    lines: Arc<Mutex<Vec<String>>>,
    thread: Option<JoinHandle<()>>,
}

impl Relay {
    fn start(redis: &RedisServer, lines: Vec<String>) -> Self {
        let (stop, lines) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(lines)));
        let (stopped, sold) = (Arc::clone(&stop), Arc::clone(&lines));
        let client = redis::Client::open(redis.url()).expect("a url");
        let thread = std::thread::spawn(move || {
            let mut connection = None;
            while !stopped.load(Ordering::Relaxed) {
                let lines = sold.lock().clone();
                connection = connection.or_else(|| client.get_connection().ok());
                // Redis may be away: that is what the tests are about.
                if connection.as_mut().is_some_and(|redis| relay_once(redis, &lines).is_err()) {
                    connection = None;
                }
                sleep(Duration::from_millis(10));
            }
        });
        Self { stop, lines, thread: Some(thread) }
    }

    fn append(&self, lines: &[String]) {
        self.lines.lock().extend_from_slice(lines);
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _panicked = thread.join();
        }
    }
}

#[test]
fn a_stream_is_consumed_confirmed_and_acknowledged() {
    let (redis, lines) = (RedisServer::start(), sale(1_000));
    let mut connection = connect(&redis);
    publish(&mut connection, 1, &lines).expect("redis runs");
    let inventory = reading(&redis);
    inventory.wait_for_cursor(lines.len());
    assert_eq!((inventory.books(), inventory.stock()["lag"].as_u64()), (books(&lines), Some(0)));
    inventory.wait_until("confirmed", |_| confirmed(&mut connection).expect("redis runs") == Some(lines.len()));
    inventory.wait_until("acknowledged", |_| {
        let pending = redis::cmd("XPENDING").arg(STREAM).arg("inventory").query(&mut connection).expect("a group");
        // Its first member is their number.
        matches!(pending, Value::Array(members) if members.first() == Some(&Value::Int(0)))
    });
}

#[test]
fn the_cursor_is_told_again_when_redis_forgot_it() {
    let (redis, lines) = (RedisServer::start(), sale(10));
    let mut connection = connect(&redis);
    publish(&mut connection, 1, &lines).expect("redis runs");
    let inventory = reading(&redis);
    inventory.wait_for_cursor(lines.len());
    redis::cmd("FLUSHALL").exec(&mut connection).expect("redis runs");
    inventory.wait_until("told again", |_| confirmed(&mut connection).expect("redis runs") == Some(lines.len()));
}

#[test]
fn a_consumer_killed_at_any_moment_applies_each_entry_once() {
    let (redis, lines) = (RedisServer::start(), sale(3_000));
    publish(&mut connect(&redis), 1, &lines).expect("redis runs");
    let mut inventory = reading(&redis);
    inventory.kill9();
    inventory.set("inventory.rate", "4000");
    for life in 0..8u64 {
        let before = inventory.on_disk().0;
        inventory.start();
        inventory.wait_until("progress", |inventory| inventory.stock()["cursor"].as_u64() > Some(before as u64));
        sleep(Duration::from_millis(life));
        inventory.kill9();
        let (cursor, dead, found) = inventory.on_disk();
        assert_eq!((dead, found), (0, books(&lines[..cursor])), "life {life}, cursor {cursor}");
        if cursor == lines.len() {
            break;
        }
    }
    inventory.set("inventory.rate", "0").start();
    inventory.wait_for_cursor(lines.len());
    assert_eq!(inventory.books(), books(&lines));
}

#[test]
fn what_comes_twice_counts_once() {
    let (redis, lines) = (RedisServer::start(), sale(500));
    let mut connection = connect(&redis);
    publish(&mut connection, 1, &lines[..300]).expect("redis runs");
    let inventory = reading(&redis);
    inventory.wait_for_cursor(300);
    // A relay that died after publishing and knows nothing of it.
    redis::cmd("DEL").arg(STREAM).exec(&mut connection).expect("redis runs");
    publish(&mut connection, 1, &lines).expect("redis runs");
    inventory.wait_for_cursor(lines.len());
    assert_eq!(inventory.books(), books(&lines));
}

#[test]
fn a_stream_lost_again_and_again_comes_back_from_the_cursor() {
    let (redis, lines) = (RedisServer::start(), sale(3_000));
    let relay = Relay::start(&redis, lines[..1_000].to_vec());
    let mut connection = connect(&redis);
    let mut inventory = over(&redis);
    inventory.set("inventory.rate", "3000").start();
    for (loss, end) in [("FLUSHALL", 1_000), ("DEL", 2_000), ("FLUSHALL", 3_000)] {
        if end > 1_000 {
            relay.append(&lines[end - 1_000..end]);
        }
        let half = (end - 500) as u64;
        inventory.wait_until("half of it", |inventory| inventory.stock()["cursor"].as_u64() >= Some(half));
        let mut command = redis::cmd(loss);
        if loss == "DEL" {
            command.arg(STREAM);
        }
        command.exec(&mut connection).expect("redis runs");
        inventory.wait_for_cursor(end);
    }
    drop(relay);
    // sale() may end within an order.
    inventory.wait_for_cursor(3_000);
    assert_eq!((inventory.books(), inventory.stock()["dead_letters"].as_u64()), (books(&lines[..3_000]), Some(0)));
}

#[test]
fn nothing_is_applied_past_a_trimmed_gap_until_it_is_published_again() {
    let (redis, lines) = (RedisServer::start(), sale(600));
    let mut connection = connect(&redis);
    publish(&mut connection, 1, &lines[..200]).expect("redis runs");
    let mut inventory = reading(&redis);
    inventory.wait_for_cursor(200);
    assert!(inventory.terminate().success());
    publish(&mut connection, 201, &lines[200..]).expect("redis runs");
    redis::cmd("XTRIM").arg(STREAM).arg("MINID").arg("401-0").exec(&mut connection).expect("redis runs");

    inventory.start();
    inventory.wait_until("the gap", |inventory| inventory.log().contains("entry 201 is missing"));
    assert_eq!((inventory.stock()["cursor"].as_u64(), inventory.books()), (Some(200), books(&lines[..200])));
    assert_eq!(confirmed(&mut connection).expect("redis runs"), Some(200));

    let _relay = Relay::start(&redis, lines.clone());
    inventory.wait_for_cursor(lines.len());
    assert_eq!(inventory.books(), books(&lines));
}

#[test]
fn redis_may_be_absent_die_and_come_back_empty() {
    let (mut redis, lines) = (RedisServer::start(), sale(1_000));
    redis.kill();
    let inventory = reading(&redis);
    inventory.wait_until("a miss", |inventory| inventory.log().contains("no entries for now"));
    assert_eq!((inventory.ask("GET", "/livez").status, inventory.stock()["cursor"].as_u64()), (200, Some(0)));
    redis.restart();
    let relay = Relay::start(&redis, lines[..500].to_vec());
    inventory.wait_for_cursor(500);
    redis.restart();
    relay.append(&lines[500..]);
    inventory.wait_for_cursor(lines.len());
    assert_eq!(inventory.books(), books(&lines));
}

#[test]
fn a_poison_entry_of_a_stream_is_given_up() {
    let (redis, mut lines) = (RedisServer::start(), sale(30));
    let mut connection = connect(&redis);
    publish(&mut connection, 1, &lines).expect("redis runs");
    let next = lines.len() + 1;
    redis::cmd("XADD")
        .arg(STREAM)
        .arg(format!("{next}-0"))
        .arg("wrong")
        .arg("field")
        .exec(&mut connection)
        .expect("redis");
    let after = super::line(next + 1, "placed", Some("y"), "sku-2", 3);
    publish(&mut connection, next + 1, std::slice::from_ref(&after)).expect("redis runs");
    let inventory = reading(&redis);
    inventory.wait_for_cursor(next + 1);
    lines.push(after);
    assert_eq!((inventory.stock()["dead_letters"].as_u64(), inventory.books()), (Some(1), books(&lines)));
}
