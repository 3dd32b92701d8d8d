//! **Job:** a Redis in every kind of trouble, for gate, relay and inventory at once: no promise suffers.
//! **Owns:** the list of troubles, and the proof that each was met and left behind without a start.
//! **Never:** expects of Redis what the sale needs: no promise depends on it.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::proxy::{Proxy, Way};
use crate::support::{
    Attempt, Client, Inventory, Item, PATIENCE, RedisServer, Server, Setup, assert_conservation, crowd, problem_code,
};

const SKU: &str = "sku-1";
const STREAM: &str = "\"doorbuster:orders\"";

/// `redis.timeout` here: four times the default, because the machine is shared.
const TIMEOUT: &str = "\"200ms\"";

/// Longest wait for an answer while Redis is in trouble: three layers may each wait for it once, on a busy machine.
const IN_TIME: Duration = Duration::from_secs(3);

/// Buyers a trouble: more than failures open a breaker, so that both sides of it are met.
const BUYERS: usize = 12;

const TROUBLES: [Way; 18] = [
    Way::Slow(Duration::from_millis(600)),
    Way::Hang,
    Way::Cut,
    Way::Garbage,
    Way::Say("READONLY You can't write against a read only replica."),
    Way::Say("OOM command not allowed when used memory > 'maxmemory'."),
    Way::Say("LOADING Redis is loading the dataset in memory"),
    Way::Say("NOAUTH Authentication required."),
    Way::Say("WRONGPASS invalid username-password pair or user is disabled."),
    Way::Say("NOPERM User default has no permissions to run the command"),
    Way::Say("WRONGTYPE Operation against a key holding the wrong kind of value"),
    Way::Say("MOVED 3999 127.0.0.1:1"),
    Way::Say("ASK 3999 127.0.0.1:1"),
    Way::Say("CLUSTERDOWN Hash slot not served"),
    Way::Say("MISCONF Redis is configured to save RDB snapshots, but it is currently unable to persist to disk."),
    Way::Say("MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'."),
    Way::Say("BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE."),
    Way::Say("ERR unknown command"),
];

/// A sale whose Redis is behind a proxy.
struct Shop {
    redis: RedisServer,
    proxy: Proxy,
    server: Server,
    inventory: Inventory,
    policy: &'static str,
    buyers: usize,
}

impl Shop {
    fn open(policy: &'static str) -> Self {
        let redis = RedisServer::start();
        let upstream = redis.url().trim_start_matches("redis://").trim_end_matches('/').parse::<SocketAddr>();
        let proxy = Proxy::before(upstream.expect("an address"));
        let url = format!("{:?}", proxy.url());
        let setup = Setup::new([Item::new(SKU, 100_000)]).set("redis.url", &url).set("feed.redis_stream", STREAM);
        let setup = setup.set("redis.on_error", &format!("{policy:?}")).set("redis.timeout", TIMEOUT);
        let setup = setup.set("gate.throttle.window", "\"1m\"").set("gate.bucket.rate", "1000000");
        let server = setup.set("gate.bucket.burst", "1000000").set("gate.pool.factor", "2").start();
        let mut inventory = Inventory::of("redis");
        inventory.set("redis.url", &url).set("feed.redis_stream", STREAM).start();
        Self { redis, proxy, server, inventory, policy, buyers: 0 }
    }

    fn newcomer(&mut self) -> Attempt {
        self.buyers += 1;
        Attempt::new(&format!("buyer-{}", self.buyers), SKU)
    }

    /// Purchases in trouble: each is answered in time, as the policy says.
    async fn sell_in(&mut self, trouble: Way) {
        let spoilt = self.proxy.spoilt();
        self.proxy.set(trouble);
        for _round in 0..2 {
            let attempts: Vec<_> = (0..BUYERS / 2).map(|_| self.newcomer()).collect();
            let begun = Instant::now();
            let tally = crowd(self.server.address(), attempts).await;
            let took = begun.elapsed();
            assert!(took < IN_TIME, "{trouble:?}, {}: {took:?}", self.policy);
            for answer in &tally.0 {
                let answer = answer.result.as_ref().unwrap_or_else(|error| panic!("{trouble:?}: {error}"));
                let code = if answer.status == 201 { "confirmed".to_owned() } else { problem_code(answer) };
                let expected = if self.policy == "closed" { "gate-unavailable" } else { "confirmed" };
                assert_eq!(code, expected, "{trouble:?}, {}: {}", self.policy, answer.text());
            }
        }
        // The relay has news in the other policies, and everybody looks once a second.
        let begun = Instant::now();
        while self.proxy.spoilt() < spoilt + 3 {
            assert!(begun.elapsed() < PATIENCE, "{trouble:?}: nobody asks");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// The trouble is over: buyers buy, the stream and the inventory catch up, nobody was started again.
    async fn recover_from(&mut self, trouble: Way) {
        self.proxy.set(Way::Open);
        let begun = Instant::now();
        loop {
            let newcomer = self.newcomer();
            let answer = newcomer.send(&mut Client::new(self.server.address())).await.expect("an answer");
            if answer.status == 201 {
                break;
            }
            assert_eq!((answer.status, problem_code(&answer).as_str()), (503, "gate-unavailable"), "{trouble:?}");
            assert!(begun.elapsed() < PATIENCE, "{trouble:?} is over, and nobody buys: {}", answer.text());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let rows = 1 + self.server.orders().len();
        let inventory = &self.inventory;
        inventory.wait_until(&format!("{rows} entries after {trouble:?}"), |inventory| {
            inventory.stock()["cursor"].as_u64() >= Some(rows as u64)
        });
    }

    async fn until_all_is_well(&self) {
        let begun = Instant::now();
        loop {
            let answer = Client::new(self.server.ops_address()).get("/readyz?verbose", &[]).await.expect("an answer");
            let reasons = answer.json()["verdict"]["reasons"].to_string();
            if answer.status == 200 && !reasons.contains("redis") {
                return;
            }
            assert!(begun.elapsed() < PATIENCE, "still {reasons}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

async fn live_through_every_trouble(policy: &'static str) {
    let mut shop = Shop::open(policy);
    shop.recover_from(Way::Open).await;
    for trouble in TROUBLES {
        shop.sell_in(trouble).await;
        shop.recover_from(trouble).await;
    }
    // A Redis that forgets everything, all the time, is not in trouble.
    let flusher = shop.redis.flush_continuously();
    let attempts: Vec<_> = (0..200).map(|_| shop.newcomer()).collect();
    crowd(shop.server.address(), attempts).await.assert_answered_with(&[]);
    assert!(flusher.stop() > 0);
    shop.recover_from(Way::Open).await;
    shop.until_all_is_well().await;
    let rows = assert_conservation(&shop.server).await;
    let last = (1 + rows.len()) as u64;
    let stock = shop.inventory.stock();
    assert_eq!((stock["cursor"].as_u64(), stock["dead_letters"].as_u64()), (Some(last), Some(0)), "{stock}");
    assert!(shop.server.is_alive());
    assert!(shop.server.terminate().success(), "{}", shop.server.stderr());
    assert!(shop.inventory.terminate().success(), "{}", shop.inventory.log());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_is_wrong_with_redis_the_gate_decides_locally_and_gate_relay_and_inventory_find_back() {
    live_through_every_trouble("local").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_is_wrong_with_redis_an_open_gate_sells_and_gate_relay_and_inventory_find_back() {
    live_through_every_trouble("open").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_is_wrong_with_redis_a_closed_gate_says_so_in_time_and_gate_relay_and_inventory_find_back() {
    live_through_every_trouble("closed").await;
}
