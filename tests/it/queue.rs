//! **Job:** sale and inventory system together: a burst waits in the feed, and no fault loses or doubles a unit.
//! **Owns:** the comparison of the ledger with the inventory's books, and the order in which things are killed.
//! **Never:** believes either side about the other: each is asked, or its file is read, for itself.

#![expect(clippy::disallowed_methods, reason = "waits for processes, which wake nobody, and leaves them dead a while")]
#![expect(clippy::print_stdout, reason = "what a failure is understood from")]

mod buyers;

use std::collections::BTreeMap;
use std::thread::sleep;
use std::time::{Duration, Instant};

use buyers::{Buyers, Told};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use rusqlite::{Connection, OpenFlags};
use serde_json::Value;

use crate::support::{
    Attempt, Client, Held, Inventory, Item, PATIENCE, RedisServer, Server, Setup, assert_conservation, crowd,
    lasting_port, live_of, report_paid, same_promise, seed,
};

/// What buyers always find.
const LARGE: &str = "large";
/// What sells out early, so that units come back to be sold again.
const SMALL: &str = "small";
const STREAM: &str = "\"doorbuster:orders\"";

/// Entries per second of the slow inventory, and the orders of the burst: ten times as many in a second.
const RATE: u32 = 200;
const BURST: usize = 2_000;
/// What the inventory may apply at once: a tenth of a second's entries, and as much again for our looking too late.
const AT_ONCE: u64 = 2 * RATE as u64 / 10;

/// Kills of one test; there are two with kills.
const KILLS: usize = 18;
/// Entries per second of the inventory's lives while things are killed, one by chance: slower than the sale, so that it
/// falls with a backlog; or as fast as it can, so that it falls in the middle of its work.
const RATES_UNDER_FIRE: [&str; 3] = ["1500", "0", "0"];

/// A house that comes back where it was, so that buyers and inventory find it again.
fn lasting(items: impl IntoIterator<Item = Item>) -> Setup {
    let address = || format!("\"127.0.0.1:{}\"", lasting_port());
    Setup::new(items).set("server.listen", &address()).set("server.ops_listen", &address())
}

fn pulling(server: &Server) -> Inventory {
    Inventory::of(&format!("http://{}", server.ops_address()))
}

fn catalogue() -> [Item; 2] {
    [Item::new(LARGE, 10_000_000).limit(2), Item::new(SMALL, 150).limit(2)]
}

/// The last entry of the ledger.
fn last_seq(server: &Server) -> u64 {
    let read = || -> rusqlite::Result<i64> {
        let file = Connection::open_with_flags(server.data_file(), OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        file.busy_timeout(Duration::from_secs(5))?;
        file.query_row("SELECT max(seq) FROM ledger", [], |row| row.get(0))
    };
    read().expect("the data file can be read").try_into().expect("never negative")
}

/// Waits until the inventory has everything, and compares item by item with the house and order by order with the
/// export. Ends the inventory.
async fn assert_equal(server: &Server, inventory: &mut Inventory) -> Vec<Value> {
    let orders = assert_conservation(server).await;
    let last = last_seq(server);
    inventory.wait_until("everything is applied", |inventory| {
        let stock = inventory.stock();
        stock["cursor"] == last && stock["lag"] == 0
    });
    let stock = inventory.stock();
    assert_eq!((&stock["cursor"], &stock["dead_letters"]), (&last.into(), &0.into()));
    assert_eq!(shown(&stock), expected(server, &orders).await, "the books against the house");
    assert!(inventory.terminate().success());
    let held = inventory.held();
    let sold = held_by(&orders);
    let other: Vec<_> = sold.iter().filter(|(id, order)| held.get(*id) != Some(order)).take(3).collect();
    assert!(other.is_empty() && held.len() == sold.len(), "{} held, {} sold, {other:?}", held.len(), sold.len());
    orders
}

/// `[stock, allocated, shipped, available]` by item, as the inventory shows them.
fn shown(stock: &Value) -> BTreeMap<String, [u64; 4]> {
    let items = stock["items"].as_array().expect("items").iter();
    let units = |item: &Value| {
        ["stock", "allocated", "shipped", "available"].map(|name| item[name].as_u64().expect("a count of units"))
    };
    items.map(|item| (item["item_id"].as_str().expect("an id").to_owned(), units(item))).collect()
}

/// The same by what the house shows and the export says.
async fn expected(server: &Server, orders: &[Value]) -> BTreeMap<String, [u64; 4]> {
    let mut client = Client::new(server.address());
    let mut books = BTreeMap::new();
    for id in server.items() {
        let item = client.get(&format!("/v1/items/{id}"), &[]).await.expect("an answer").json();
        let pending: Vec<_> = orders.iter().filter(|order| order["status"] == "pending").cloned().collect();
        let allocated = live_of(&pending, id);
        let units = |name: &str| item[name].as_u64().expect("a count of units");
        books.insert(id.clone(), [units("stock"), allocated, live_of(orders, id) - allocated, units("remaining")]);
    }
    books
}

/// The export as the inventory's file has it.
fn held_by(orders: &[Value]) -> Held {
    let text = |order: &Value, name: &str| order[name].as_str().expect("a text").to_owned();
    let held = |order: &Value| {
        let quantity = order["quantity"].as_i64().expect("units");
        (text(order, "order_id"), (text(order, "item_id"), quantity, text(order, "status")))
    };
    orders.iter().map(held).collect()
}

/// Checks that the ledger is exactly what the buyers were told.
fn assert_as_told(orders: &[Value], told: &Told) {
    for order in orders {
        let id = order["order_id"].as_str().expect("an id");
        let (answer, status) = told.get(id).unwrap_or_else(|| panic!("nobody was told of {order}"));
        assert!(same_promise(order, answer) && order["status"] == *status, "told {status}, {answer}; is {order}");
    }
    assert_eq!(orders.len(), told.len(), "orders in the ledger and orders told");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_burst_ten_times_the_inventorys_rate_is_buffered_and_drained() {
    let server = Setup::new([Item::new(LARGE, 10_000)]).start();
    let mut inventory = pulling(&server);
    let begun = Instant::now();
    inventory.set("inventory.rate", &RATE.to_string()).start();

    let tally = crowd(server.address(), Attempt::shuffled(LARGE, BURST, seed())).await;
    let sold_in = begun.elapsed();
    tally.assert_answered_with(&[]);
    let mut client = Client::new(server.address());
    for (number, order) in tally.orders().iter().enumerate().take(100) {
        let paid = report_paid(&mut client, &format!("event-{number}"), order).await.expect("an answer");
        assert_eq!(paid.status, 200, "{}", paid.text());
    }
    let last = last_seq(&server);
    assert_eq!(last, 1 + BURST as u64 + 100, "the item, the orders and the payments");
    let ideal = Duration::from_secs(last) / RATE;
    assert!(sold_in < ideal / 2, "the sale went at the inventory's speed: {sold_in:?}");

    let most_behind = assert_drains_at_the_rate(&inventory, begun, last);
    let drained_in = begun.elapsed();
    assert!(most_behind > last / 2, "the backlog was never seen: {most_behind} of {last}");
    assert!(drained_in < ideal * 2, "{last} entries took {drained_in:?} at {RATE} a second");
    println!("sold in {sold_in:?}, at most {most_behind} of {last} behind, drained in {drained_in:?}");
    assert_equal(&server, &mut inventory).await;
}

/// Watches the inventory until it has `last`: never faster than its rate, never back, the backlog shown never more than
/// what is left. Returns the greatest backlog shown.
fn assert_drains_at_the_rate(inventory: &Inventory, begun: Instant, last: u64) -> u64 {
    let (mut cursor, mut most_behind) = (0, 0);
    while cursor < last {
        let stock = inventory.stock();
        let elapsed = begun.elapsed();
        assert!(elapsed < PATIENCE, "not drained after {elapsed:?}: {stock}");
        let now = stock["cursor"].as_u64().expect("a place");
        let allowed = u64::try_from(elapsed.as_millis()).expect("short") * u64::from(RATE) / 1_000 + AT_ONCE;
        assert!((cursor..=allowed.min(last)).contains(&now), "{now} after {cursor}, {elapsed:?} from the start");
        if let Some(lag) = stock["lag"].as_u64() {
            assert!(now + lag <= last, "{lag} behind at {now} of {last}");
            most_behind = most_behind.max(lag);
        }
        cursor = now;
        sleep(Duration::from_millis(20));
    }
    most_behind
}

/// Who can be killed.
#[derive(Debug, Clone, Copy)]
enum Victim {
    /// With it, its relay.
    Server,
    Inventory,
    Redis,
}

/// Everything that runs, and what is certain about it.
struct Street {
    server: Server,
    inventory: Inventory,
    redis: Option<RedisServer>,
    /// The greatest cursor seen in the inventory's file.
    cursor: usize,
}

impl Street {
    fn kill(&mut self, victim: Victim) {
        match victim {
            Victim::Server => self.server.kill9(),
            Victim::Inventory => {
                self.inventory.kill9();
                let (cursor, dead, _) = self.inventory.on_disk();
                assert!(cursor >= self.cursor, "the cursor went back from {} to {cursor}", self.cursor);
                assert_eq!(dead, 0, "an entry was given up");
                self.cursor = cursor;
            }
            Victim::Redis => self.redis.as_mut().expect("only a street with redis loses it").kill(),
        }
    }

    fn bring_back(&mut self, victim: Victim) {
        match victim {
            Victim::Server => self.server.restart(),
            Victim::Inventory => self.inventory.start(),
            // Empty: the stream, the group and the confirmed cursor are lost.
            Victim::Redis => self.redis.as_mut().expect("only a street with redis loses it").restart(),
        }
    }

    /// Kills one or two of `victims` after some more orders, again and again, and leaves them dead for a moment.
    async fn under_fire(&mut self, buyers: &mut Buyers, victims: &[Victim], chance: &mut StdRng) {
        let mut turns = Vec::new();
        for kill in 0..KILLS {
            buyers.confirm_more(chance.random_range(1..120)).await;
            sleep(Duration::from_micros(chance.random_range(0..5_000)));
            // Everybody's turn comes; who is next is chance.
            if turns.is_empty() {
                turns = victims.to_vec();
            }
            let first = turns.swap_remove(chance.random_range(0..turns.len()));
            let second = turns.last().copied().filter(|_| chance.random_bool(0.25));
            let fallen: Vec<_> = std::iter::once(first).chain(second).collect();
            println!("kill {kill}: {fallen:?}, the inventory was at {}", self.cursor);
            for victim in &fallen {
                self.kill(*victim);
            }
            self.inventory.set("inventory.rate", RATES_UNDER_FIRE[chance.random_range(0..RATES_UNDER_FIRE.len())]);
            sleep(Duration::from_millis(chance.random_range(0..60)));
            for victim in &fallen {
                self.bring_back(*victim);
            }
        }
    }

    /// Lets everybody finish, and compares what buyers, house and inventory say.
    async fn settle(mut self, buyers: Buyers) {
        let told = buyers.leave().await;
        self.server.restart();
        self.inventory.kill9();
        let (cursor, ..) = self.inventory.on_disk();
        self.inventory.set("inventory.rate", "0").start();
        let orders = assert_equal(&self.server, &mut self.inventory).await;
        assert_as_told(&orders, &told);
        let (status, audit) = self.server.verify();
        assert_eq!(status, 0, "{audit}");
        assert!(self.server.terminate().success());
        println!("{} orders, {} entries, {cursor} applied under fire", orders.len(), last_seq(&self.server));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_or_doubled_when_anybody_is_killed_at_any_time() {
    let seed = seed();
    let server = lasting(catalogue()).start();
    let mut inventory = pulling(&server);
    inventory.set("inventory.rate", RATES_UNDER_FIRE[0]).start();
    let mut buyers = Buyers::enter(server.address(), seed);
    let mut street = Street { server, inventory, redis: None, cursor: 0 };
    let victims = [Victim::Server, Victim::Inventory];
    street.under_fire(&mut buyers, &victims, &mut StdRng::seed_from_u64(seed)).await;
    street.settle(buyers).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_or_doubled_through_a_redis_that_is_killed_and_forgets() {
    let seed = seed();
    let redis = RedisServer::start();
    let url = format!("{:?}", redis.url());
    let server = lasting(catalogue()).set("redis.url", &url).set("feed.redis_stream", STREAM).start();
    let mut inventory = Inventory::of("redis");
    inventory.set("redis.url", &url).set("feed.redis_stream", STREAM);
    inventory.set("inventory.rate", RATES_UNDER_FIRE[0]).start();
    let mut buyers = Buyers::enter(server.address(), seed);
    let mut street = Street { server, inventory, redis: Some(redis), cursor: 0 };
    let victims = [Victim::Server, Victim::Inventory, Victim::Redis];
    street.under_fire(&mut buyers, &victims, &mut StdRng::seed_from_u64(seed)).await;
    street.settle(buyers).await;
}
