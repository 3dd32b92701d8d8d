//! **Job:** what was answered is there after any crash, once, as answered; and nothing else is sold for it.
//! **Owns:** the history of what sixteen buyers were told, over all crashes of a run.
//! **Never:** trusts a buyer's memory more than his answers: an attempt without an answer may or may not have happened.
//!
//! `CRASH_KILLS=2000` makes a campaign of it.

mod mix;
mod money;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use serde_json::Value;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::support::{Attempt, Client, Item, Server, Setup, assert_conservation, authorization, same_promise, seed};

/// Crashes of an ordinary run.
const KILLS: usize = 50;
/// Buyers that are in flight at the same time.
const CLIENTS: usize = 16;
/// Rounds whose whole file is read; later only every twenty-fifth, because the file grows with the campaign.
const ROUNDS_READ_WHOLE: usize = 50;

/// How long a round's few hundred orders may take on a busy machine.
const ROUND_LIMIT: Duration = Duration::from_secs(30);

const LARGE: &str = "large";
const LARGE_LIMIT: u32 = 3;
const SMALL: &str = "small";
const SMALL_STOCK: u64 = 300;

/// One buyer's side: the attempt he has no answer for yet, and everything he was told this round.
struct Buyer {
    name: usize,
    chance: StdRng,
    attempts: u64,
    pending: Option<Attempt>,
    told: Vec<(Attempt, Value)>,
    sold_out: bool,
}

impl Buyer {
    fn new(name: usize, seed: u64) -> Self {
        let chance = StdRng::seed_from_u64(seed.wrapping_mul(1_000).wrapping_add(name as u64));
        Self { name, chance, attempts: 0, pending: None, told: Vec::new(), sold_out: false }
    }

    fn next_attempt(&mut self) -> Attempt {
        self.attempts += 1;
        // As many users as attempts so far: the early ones reach their limits, new ones keep the sale going.
        let user = format!("buyer-{}-{}", self.name, self.chance.random_range(0..self.attempts));
        let key = format!("key-{}-{}", self.name, self.attempts);
        let small = !self.sold_out && self.chance.random_bool(0.1);
        let attempt = if small {
            Attempt::new(&user, SMALL)
        } else {
            Attempt::new(&user, LARGE).quantity(self.chance.random_range(1..=2))
        };
        attempt.key(&key)
    }

    /// Buys, one attempt after another, until the house falls. An attempt without a definite answer stays pending.
    async fn buy_until_the_house_falls(mut self, address: SocketAddr, confirmed: watch::Sender<usize>) -> Self {
        let mut client = Client::new(address);
        loop {
            let attempt = self.pending.take().unwrap_or_else(|| self.next_attempt());
            let Ok(response) = attempt.send(&mut client).await else {
                self.pending = Some(attempt);
                return self;
            };
            match response.status {
                201 => {
                    self.told.push((attempt, response.json()));
                    confirmed.send_modify(|count| *count += 1);
                }
                409 => self.sold_out |= response.json()["code"] == "sold-out",
                503 => self.pending = Some(attempt),
                other => panic!("{other} for {attempt:?}: {}", response.text()),
            }
        }
    }
}

/// Everything anybody was ever told, and what the file was seen to hold for those who were told nothing.
#[derive(Default)]
struct History {
    /// By order id.
    told: BTreeMap<String, (Attempt, Value)>,
    /// By key: the order that a pending attempt turned out to have made.
    found: BTreeMap<String, String>,
    sold_out: bool,
}

impl History {
    /// Takes in what a round's buyers were told.
    fn take_in(&mut self, buyers: &mut [Buyer]) -> Vec<(Attempt, Value)> {
        let told: Vec<_> = buyers.iter_mut().flat_map(|buyer| buyer.told.drain(..)).collect();
        for (attempt, order) in &told {
            let id = text(order, "order_id");
            let asked = (order["user_id"].as_str(), order["item_id"].as_str(), order["quantity"].as_u64());
            let expected = (Some(attempt.user.as_str()), Some(attempt.item.as_str()), Some(attempt.quantity.into()));
            assert_eq!(asked, expected, "somebody else's order for {attempt:?}");
            if let Some(found) = self.found.remove(key(attempt)) {
                assert_eq!(found, id, "{attempt:?} had an order already");
            }
            let before = self.told.insert(id, (attempt.clone(), order.clone()));
            assert!(before.is_none(), "two purchases were answered with one order: {before:?} and {attempt:?}");
        }
        self.sold_out |= buyers.iter().any(|buyer| buyer.sold_out);
        told
    }

    /// Compares the file with the history: what was told is there once and as told, what else is there belongs to
    /// a pending attempt, and no stock or limit is exceeded.
    fn check_file(&mut self, rows: &[Value], buyers: &[Buyer]) {
        let pending: BTreeMap<_, _> = buyers.iter().filter_map(|buyer| buyer.pending.as_ref()).map(purchase).collect();
        let mut ids = BTreeSet::new();
        let mut held: BTreeMap<(String, String), u64> = BTreeMap::new();
        let mut sold: BTreeMap<String, u64> = BTreeMap::new();
        for row in rows {
            let (id, user, item) = (text(row, "order_id"), text(row, "user_id"), text(row, "item_id"));
            assert!(ids.insert(id.clone()), "{id} is there twice");
            let quantity = row["quantity"].as_u64().expect("a count");
            match self.told.get(&id) {
                Some((_, order)) => assert!(same_promise(order, row), "answered {order}, written {row}"),
                None => {
                    let key = pending.get(&(user.clone(), item.clone(), quantity));
                    let key = key.unwrap_or_else(|| panic!("nobody waits for {row}"));
                    let before = self.found.insert((*key).to_owned(), id.clone());
                    assert!(before.is_none_or(|before| before == id), "one key, two orders: {row}");
                }
            }
            *held.entry((user, item.clone())).or_default() += quantity;
            *sold.entry(item).or_default() += quantity;
        }
        let missing: Vec<_> = self.told.keys().filter(|id| !ids.contains(*id)).take(3).collect();
        assert!(missing.is_empty(), "answered orders are not in the file, for example {missing:?}");
        let limit = |item: &str| if item == SMALL { 1 } else { u64::from(LARGE_LIMIT) };
        let greedy = held.iter().find(|((_, item), quantity)| **quantity > limit(item));
        assert!(greedy.is_none(), "beyond the limit: {greedy:?}");
        let sold_small = sold.get(SMALL).copied().unwrap_or(0);
        assert!(sold_small <= SMALL_STOCK, "{sold_small} of {SMALL_STOCK} sold");
        // A unit that was reserved but not yet written when the house fell belongs to somebody who is still waiting.
        let waiting_small = pending.keys().filter(|(_, item, _)| item == SMALL).count() as u64;
        let gone = sold_small + waiting_small >= SMALL_STOCK;
        assert!(!self.sold_out || gone, "sold out was said at {sold_small} of {SMALL_STOCK}, {waiting_small} waiting");
    }
}

fn text(order: &Value, field: &str) -> String {
    order[field].as_str().unwrap_or_else(|| panic!("no {field} in {order}")).to_owned()
}

fn key(attempt: &Attempt) -> &str {
    attempt.key.as_deref().expect("every buyer uses keys")
}

/// A pending attempt by what the file shows of it, and its key. One client has one attempt at a time and users of its
/// own, so this is unambiguous.
fn purchase(attempt: &Attempt) -> ((String, String, u64), &str) {
    ((attempt.user.clone(), attempt.item.clone(), attempt.quantity.into()), key(attempt))
}

/// Lets the buyers in, has the house read its configuration again and kills it, each after a random number of confirmed
/// orders, and sees everybody out.
async fn round(server: &mut Server, buyers: Vec<Buyer>, chance: &mut StdRng) -> Vec<Buyer> {
    let (confirmed, mut confirmed_seen) = watch::channel(0);
    let mut inside = JoinSet::new();
    for buyer in buyers {
        inside.spawn(buyer.buy_until_the_house_falls(server.address(), confirmed.clone()));
    }
    // Everybody keeps a sender; this one's end must not keep the channel open.
    drop(confirmed);
    let orders = chance.random_range(0..300);
    // Reading the configuration again in the middle of it shuts nobody out: any answer but these would end a buyer.
    for (orders, reload) in [(chance.random_range(0..=orders), true), (orders, false)] {
        let sold = timeout(ROUND_LIMIT, confirmed_seen.wait_for(|count| *count >= orders)).await;
        // All buyers gone is seen below, where they tell why.
        assert!(sold.is_ok(), "fewer than {orders} orders in {ROUND_LIMIT:?}");
        drop(sold);
        if reload {
            server.send("HUP");
        }
    }
    tokio::time::sleep(Duration::from_micros(chance.random_range(0..2_000))).await;
    server.kill9();
    let mut buyers = Vec::new();
    while let Some(buyer) = inside.join_next().await {
        buyers.push(buyer.unwrap_or_else(|ended| std::panic::resume_unwind(ended.into_panic())));
    }
    buyers.sort_by_key(|buyer| buyer.name);
    buyers
}

/// After a crash, every answered order is shown as it was answered, and its key leads to it.
async fn check_answers(server: &Server, told: &[(Attempt, Value)], chance: &mut StdRng) {
    let mut client = Client::new(server.address());
    for (attempt, order) in told {
        let path = format!("/v1/orders/{}", text(order, "order_id"));
        let answer = client.get(&path, &[("Authorization", &authorization(&attempt.user))]).await.expect("an answer");
        assert!(answer.status == 200 && same_promise(order, &answer.json()), "{order} became {}", answer.text());
    }
    for (attempt, order) in told.sample(chance, 10) {
        let answer = attempt.send(&mut client).await.expect("an answer");
        assert_eq!(answer.header("idempotent-replayed"), Some("true"), "{} {}", answer.status, answer.text());
        assert!(answer.status == 201 && same_promise(order, &answer.json()), "{order} became {}", answer.text());
    }
}

#[expect(clippy::disallowed_methods, reason = "a campaign is asked for by the environment")]
fn kills(ordinary: usize) -> usize {
    std::env::var("CRASH_KILLS").map_or(ordinary, |text| text.parse().expect("CRASH_KILLS is a number"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn no_crash_loses_an_answered_order_or_sells_a_unit_twice() {
    let (seed, kills) = (seed(), kills(KILLS));
    let items =
        [Item::new(LARGE, 100_000_000).limit(LARGE_LIMIT), Item::new(SMALL, SMALL_STOCK.try_into().expect("small"))];
    // No order may expire during a long campaign: here every row is live.
    let mut server = Setup::new(items).set("payment.pay_within", "\"24h\"").start();
    let mut chance = StdRng::seed_from_u64(seed);
    let mut history = History::default();
    let mut buyers: Vec<Buyer> = (0..CLIENTS).map(|name| Buyer::new(name, seed)).collect();
    for number in 1..=kills {
        buyers = round(&mut server, buyers, &mut chance).await;
        let told = history.take_in(&mut buyers);
        if chance.random_bool(0.2) {
            server.start_and_kill(Duration::from_micros(chance.random_range(0..30_000)));
        }
        server.restart();
        check_answers(&server, &told, &mut chance).await;
        if number <= ROUNDS_READ_WHOLE || number % 25 == 0 || number == kills {
            history.check_file(&server.orders(), &buyers);
            let (code, audit) = server.verify();
            assert_eq!(code, 0, "after crash {number}:\n{audit}");
        }
    }
    settle(&server, &mut history, buyers).await;
    println!("{kills} crashes, {} orders, small sold out: {}", history.told.len(), history.sold_out);
}

/// Everybody whose last attempt is open tries until he has an answer; then the file is exactly what was told.
async fn settle(server: &Server, history: &mut History, mut buyers: Vec<Buyer>) {
    let mut client = Client::new(server.address());
    for buyer in &mut buyers {
        let Some(attempt) = buyer.pending.take() else { continue };
        let answer = attempt.send(&mut client).await.expect("an answer");
        let found = history.found.contains_key(key(&attempt));
        assert!(!found || answer.status == 201, "{attempt:?} has an order, but is told {}", answer.text());
        match answer.status {
            201 => buyer.told.push((attempt, answer.json())),
            409 => {}
            other => panic!("{other} for {attempt:?}: {}", answer.text()),
        }
    }
    history.take_in(&mut buyers);
    let rows = assert_conservation(server).await;
    history.check_file(&rows, &buyers);
    assert_eq!(rows.len(), history.told.len(), "orders in the file and orders told");
}
