//! **Job:** a feed with two relays at once, and a consumer that comes hours late.
//! **Owns:** the second relay: a server on a copy of the files, as it runs when an old process was taken for dead.
//! **Never:** lets the two sell different things: that is another ledger, and left alone.

use std::fs;
use std::thread::sleep;
use std::time::{Duration, Instant};

use redis::{Connection, cmd};

use crate::support::{
    Attempt, Client, Inventory, Item, PATIENCE, RedisServer, Server, Setup, crowd, report_paid, seed,
};

const SKU: &str = "sku-1";
const STREAM: &str = "doorbuster:orders";
const ORDERS: usize = 2_000;

fn setup(redis: &RedisServer) -> Setup {
    let setup = Setup::new([Item::new(SKU, 100_000)]).set("redis.url", &format!("{:?}", redis.url()));
    setup.set("feed.redis_stream", &format!("{STREAM:?}"))
}

fn consumer(redis: &RedisServer) -> Inventory {
    let mut inventory = Inventory::of("redis");
    inventory.set("redis.url", &format!("{:?}", redis.url())).set("feed.redis_stream", &format!("{STREAM:?}"));
    inventory
}

fn connect(redis: &RedisServer) -> Connection {
    redis::Client::open(redis.url()).and_then(|client| client.get_connection()).expect("redis runs")
}

/// The numbers of the stream's entries.
fn numbers(redis: &mut Connection) -> Vec<usize> {
    let entries: Vec<(String, Vec<String>)> = cmd("XRANGE").arg(&[STREAM, "-", "+"]).query(redis).expect("redis runs");
    let number = |id: &str| id.strip_suffix("-0").and_then(|number| number.parse().ok()).expect("entry n is n-0");
    entries.iter().map(|(id, _)| number(id)).collect()
}

/// A server on a copy of the other's files.
fn twin(of: &Server, redis: &RedisServer) -> Server {
    let setup = setup(redis);
    for entry in fs::read_dir(of.directory()).expect("a folder").flatten() {
        if entry.file_name().to_string_lossy().starts_with("doorbuster.db") {
            fs::copy(entry.path(), setup.directory().join(entry.file_name())).expect("room on the disk");
        }
    }
    setup.start()
}

#[tokio::test]
async fn two_relays_of_one_ledger_publish_each_entry_once_and_the_consumer_counts_it_once() {
    let mut redis = RedisServer::start();
    redis.kill();
    let mut first = setup(&redis).start();
    crowd(first.address(), Attempt::shuffled(SKU, ORDERS, seed())).await.assert_answered_with(&[]);
    first.kill9();
    redis.restart();
    let second = twin(&first, &redis);
    first.restart();
    let mut inventory = consumer(&redis);
    inventory.start();
    inventory.wait_for_cursor(ORDERS + 1);
    let stock = inventory.stock();
    assert_eq!((&stock["items"][0]["allocated"], &stock["dead_letters"]), (&ORDERS.into(), &0.into()), "{stock}");
    // Again from nothing, for both at once, and into the same stream.
    cmd("FLUSHALL").exec(&mut connect(&redis)).expect("redis runs");
    drop(inventory);
    let mut late = consumer(&redis);
    late.start();
    late.wait_for_cursor(ORDERS + 1);
    let numbers = numbers(&mut connect(&redis));
    let first_number = numbers.first().copied().unwrap_or(1);
    let expected: Vec<_> = (first_number..=ORDERS + 1).collect();
    assert_eq!(numbers, expected, "once each, and in order");
    for server in [first, second] {
        assert!(!server.stderr().contains("of another ledger"), "{}", server.stderr());
    }
}

/// The consumer's clock and the backlog are hours ahead; nothing of the feed has an age.
#[tokio::test]
async fn a_consumer_that_comes_hours_late_gets_everything_from_the_first_entry() {
    let redis = RedisServer::start();
    let server = setup(&redis).set("payment.pay_within", "\"1s\"").start();
    let orders = crowd(server.address(), Attempt::shuffled(SKU, ORDERS, seed())).await.orders();
    let mut client = Client::new(server.address());
    for (number, order) in orders.iter().enumerate().take(50) {
        assert_eq!(report_paid(&mut client, &format!("e{number}"), order).await.expect("an answer").status, 200);
    }
    let begun = Instant::now();
    let status = |row: &serde_json::Value| row["status"] == "pending";
    while server.orders().iter().any(status) {
        assert!(begun.elapsed() < PATIENCE, "orders do not expire");
        sleep(Duration::from_millis(50));
    }
    let rows = server.orders();
    let paid = rows.iter().filter(|row| row["status"] == "paid").count();
    let mut inventory = consumer(&redis);
    let clock = crate::clock::hours_ahead(9);
    for (name, value) in &clock {
        inventory.environment(name, value);
    }
    inventory.start();
    // The item, the orders, their payments and expiries; of orders that were paid too late there is one entry more.
    inventory.wait_until("everything", |inventory| {
        let stock = inventory.stock();
        stock["lag"] == 0 && stock["cursor"].as_u64() > Some(2 * ORDERS as u64)
    });
    let stock = inventory.stock();
    let shown = (&stock["items"][0]["allocated"], &stock["items"][0]["shipped"], &stock["dead_letters"]);
    assert_eq!(shown, (&0.into(), &paid.into(), &0.into()), "{stock}");
}
