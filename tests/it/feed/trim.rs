//! **Job:** what is removed from the Redis stream, and what never is.
//! **Owns:** the rules of `feed.redis_trim`, with consumer groups as other systems have them.
//! **Never:** confirms for a consumer what it has not read.

use std::time::{Duration, Instant};

use redis::{Connection, cmd};

use super::{SKU, ledger};
use crate::support::{Attempt, Inventory, Item, RedisServer, Server, Setup, crowd};

const STREAM: &str = "doorbuster:orders";

/// How long anything that must happen may take: the relay tidies up every ten seconds.
const PATIENCE: Duration = Duration::from_mins(1);

struct Queue {
    server: Server,
    redis: RedisServer,
    connection: Connection,
}

impl Queue {
    /// A ledger of a hundred orders, all of them in the stream, and these groups.
    async fn start(rule: &str, groups: &[&str]) -> Self {
        let redis = RedisServer::start();
        let mut connection =
            redis::Client::open(redis.url()).and_then(|client| client.get_connection()).expect("redis answers");
        for group in groups {
            cmd("XGROUP").arg(&["CREATE", STREAM, group, "0", "MKSTREAM"]).exec(&mut connection).expect("done");
        }
        let server = Setup::new([Item::new(SKU, 1_000)])
            .set("redis.url", &format!("{:?}", redis.url()))
            .set("feed.redis_stream", &format!("{STREAM:?}"))
            .set("feed.redis_trim", &format!("{rule:?}"))
            .start();
        let mut queue = Self { server, redis, connection };
        queue.sell("buyer", 100).await;
        queue
    }

    async fn sell(&mut self, buyers: &str, count: usize) {
        let attempts = (0..count).map(|number| Attempt::new(&format!("{buyers}-{number}"), SKU)).collect();
        assert_eq!(crowd(self.server.address(), attempts).await.orders().len(), count);
        let all = ledger(&self.server).len() as u64;
        self.until("all entries are there", |last, _first| last == all).await;
    }

    /// Reads and acknowledges entries as a consumer of the group; answers how many it got.
    fn take(&mut self, group: &str, most: usize) -> usize {
        type Read = Option<Vec<(String, Vec<(String, Vec<String>)>)>>;
        let read: Read = cmd("XREADGROUP")
            .arg(&["GROUP", group, "consumer", "COUNT"])
            .arg(most)
            .arg(&["STREAMS", STREAM, ">"])
            .query(&mut self.connection)
            .expect("redis answers");
        let ids: Vec<String> = read.into_iter().flatten().flat_map(|(_, entries)| entries).map(|(id, _)| id).collect();
        if !ids.is_empty() {
            cmd("XACK").arg(&[STREAM, group]).arg(&ids).exec(&mut self.connection).expect("redis answers");
        }
        ids.len()
    }

    /// The numbers of the last and of the first entry.
    fn ends(&mut self) -> (u64, u64) {
        let mut end = |command: &str, from: &str, to: &str| {
            let found: Vec<(String, Vec<String>)> =
                cmd(command).arg(&[STREAM, from, to, "COUNT", "1"]).query(&mut self.connection).expect("an answer");
            found.first().and_then(|(id, _)| id.split_once('-')?.0.parse().ok()).unwrap_or(0)
        };
        (end("XREVRANGE", "+", "-"), end("XRANGE", "-", "+"))
    }

    async fn until(&mut self, what: &str, holds: impl Fn(u64, u64) -> bool) {
        let begun = Instant::now();
        loop {
            let (last, first) = self.ends();
            if holds(last, first) {
                return;
            }
            assert!(begun.elapsed() < PATIENCE, "{what}: {first} to {last}\n{}", self.server.stderr());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Longer than the relay takes, without a change.
    async fn assert_stays(&mut self) {
        let before = self.ends();
        tokio::time::sleep(Duration::from_secs(12)).await;
        assert_eq!(self.ends(), before);
    }

    fn assert_nothing_came_twice(&self) {
        assert!(!self.server.stderr().contains("published again"), "{}", self.server.stderr());
    }
}

#[tokio::test]
async fn what_every_group_has_acknowledged_is_removed_and_nothing_else() {
    let mut queue = Queue::start("acknowledged", &["shipping", "billing"]).await;
    assert_eq!(queue.take("shipping", 80), 80);
    assert_eq!(queue.take("billing", 50), 50);
    queue.until("up to the slower one", |_last, first| first == 51).await;
    // One that was delivered and not acknowledged holds up what comes after it.
    let pending = cmd("XREADGROUP").arg(&["GROUP", "billing", "slow", "COUNT", "1", "STREAMS", STREAM, ">"]).to_owned();
    pending.exec(&mut queue.connection).expect("redis answers");
    assert_eq!(queue.take("billing", 1_000), 50);
    assert_eq!(queue.take("shipping", 1_000), 21);
    queue.assert_stays().await;
    cmd("XACK").arg(&[STREAM, "billing", "51-0"]).exec(&mut queue.connection).expect("redis answers");
    queue.until("all but the newest", |last, first| first == last).await;
    // And it goes on, also after a restart.
    queue.server.restart();
    queue.sell("later", 10).await;
    assert_eq!((queue.take("shipping", 1_000), queue.take("billing", 1_000)), (10, 10));
    queue.until("all but the newest", |last, first| first == last).await;
    queue.assert_nothing_came_twice();
}

#[tokio::test]
async fn nothing_is_removed_that_the_inventory_has_not_confirmed() {
    let mut queue = Queue::start("acknowledged", &["shipping"]).await;
    cmd("SET").arg(&[&format!("{STREAM}:cursor"), "10"]).exec(&mut queue.connection).expect("redis answers");
    assert_eq!(queue.take("shipping", 1_000), 101);
    queue.until("what is confirmed", |_last, first| first == 11).await;
    queue.assert_stays().await;
    queue.assert_nothing_came_twice();
    // The real one confirms the rest.
    let mut inventory = Inventory::of("redis");
    let url = format!("{:?}", queue.redis.url());
    inventory.set("redis.url", &url).set("feed.redis_stream", &format!("{STREAM:?}"));
    cmd("DEL").arg(format!("{STREAM}:cursor")).exec(&mut queue.connection).expect("redis answers");
    inventory.start();
    queue.until("all but the newest", |last, first| first == last).await;
}

#[tokio::test]
async fn the_inventory_alone_counts_or_nobody_if_that_is_the_rule() {
    for (rule, first_kept) in [("confirmed", 51), ("off", 1)] {
        let mut queue = Queue::start(rule, &["shipping"]).await;
        cmd("SET").arg(&[&format!("{STREAM}:cursor"), "50"]).exec(&mut queue.connection).expect("redis answers");
        queue.until(rule, |_last, first| first == first_kept).await;
        queue.assert_stays().await;
        queue.assert_nothing_came_twice();
    }
}

#[tokio::test]
async fn an_operator_may_remove_what_all_groups_have_acknowledged() {
    let mut queue = Queue::start("off", &["shipping"]).await;
    assert_eq!(queue.take("shipping", 60), 60);
    cmd("XTRIM").arg(&[STREAM, "MINID", "61"]).exec(&mut queue.connection).expect("redis answers");
    queue.sell("later", 10).await;
    queue.until("what was removed stays away", |_last, first| first == 61).await;
    queue.server.restart();
    queue.sell("latest", 10).await;
    queue.until("what was removed stays away", |_last, first| first == 61).await;
    queue.assert_nothing_came_twice();
    // What nobody has read yet is another matter.
    cmd("XTRIM").arg(&[STREAM, "MAXLEN", "1"]).exec(&mut queue.connection).expect("redis answers");
    queue.until("it is published again", |_last, first| first == 1).await;
}
