//! **Job:** `kill -9` under everything at once: purchases with retries, money of all providers, cancellations, expiry,
//! the owner's withdrawals and pauses, a follower of the feed. After each start every promise is looked at.
//! **Owns:** the rounds, the moments of the kills, and the comparison of what was told with what is there.
//! **Never:** takes a file's own sums for granted: `books` keeps its own, `verify` and `/invariants` have theirs.
//!
//! `make crash-campaign KILLS=2000` makes a campaign of it. It prints one line at the end.

mod books;
mod people;

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::Value;
use tokio::task::JoinSet;

use self::books::{Books, Entry};
use self::people::{Buyer, Owner, Providers, Street, follow};
use super::{ROUND_LIMIT, kills};
use crate::payments::notification::{Provider, shop};
use crate::support::{Attempt, Client, Item, Server, admin_authorization, authorization, now_s, same_promise, seed};

/// Kills of an ordinary run.
const KILLS: usize = 40;
/// Servers that are killed at the same time, each with its own files: they wait for their disks most of the time.
const LANES: u64 = 3;
/// Kills after which a server begins anew with empty files, so that a round stays short.
const KILLS_OF_A_FILE: usize = 50;
const BUYERS: u64 = 4;
const PROVIDERS: u64 = 2;

const LARGE: &str = "large";
/// What is always nearly sold out, and what the owner steers.
const SMALL: &str = "small";
const PRICE: i64 = 1_990;

/// What a campaign has seen.
#[derive(Debug, Default)]
struct Sums {
    kills: usize,
    orders: usize,
    payments: usize,
    deeds: usize,
    kinds: BTreeMap<String, usize>,
}

/// What was told in a round, by whoever is not carried over.
#[derive(Default)]
struct Told {
    orders: Vec<(Attempt, Value)>,
    feed: Vec<Value>,
}

/// One server on one set of files, and everybody who deals with it.
struct Lane {
    server: Server,
    chance: StdRng,
    buyers: Vec<Buyer>,
    providers: Vec<Providers>,
    owner: Owner,
    recent: Arc<Mutex<VecDeque<Value>>>,
    books: Books,
    /// Ids of all orders that anybody was told of, with the highest rank of a status that was told.
    told: HashMap<String, u8>,
    refused: HashSet<String>,
    /// Money that was answered for, by currency.
    money: BTreeMap<String, i64>,
    /// References that are counted there.
    counted: HashSet<String>,
}

/// A status never goes back to one of a lower rank.
fn rank(status: &str) -> u8 {
    match status {
        "pending" => 0,
        "paid" => 1,
        "cancelled" | "expired" => 2,
        "refund_due" => 3,
        "refunded" => 4,
        other => panic!("no status: {other}"),
    }
}

impl Lane {
    fn open(name: &str, seed: u64) -> Self {
        let items = [Item::new(LARGE, 1_000_000).limit(3), Item::new(SMALL, 40).limit(2)];
        let setup = shop(items).set("payment.pay_within", "\"700ms\"").set("payment.cool_down", "\"0s\"");
        let mut chance = StdRng::seed_from_u64(seed);
        let mut fork = || chance.random_range(0..u64::MAX);
        Self {
            server: setup.start(),
            buyers: (0..BUYERS).map(|number| Buyer::new(format!("{name}-buyer-{number}"), fork())).collect(),
            providers: (0..PROVIDERS).map(|number| Providers::new(format!("{name}-e{number}"), fork())).collect(),
            owner: Owner::new(format!("{name} slip"), fork()),
            chance,
            recent: Arc::default(),
            books: Books::default(),
            told: HashMap::new(),
            refused: HashSet::new(),
            money: BTreeMap::new(),
            counted: HashSet::new(),
        }
    }

    /// Everybody at once, until a random moment; then `kill -9`.
    async fn round(&mut self) -> Told {
        let street = Street::new(self.server.address(), self.server.ops_address(), &self.recent);
        let mut buyers: JoinSet<_> = self.buyers.drain(..).map(|buyer| buyer.live(street.clone())).collect();
        let providers: JoinSet<_> = self.providers.drain(..).map(|provider| provider.live(street.clone())).collect();
        let owner = std::mem::replace(&mut self.owner, Owner::new(String::new(), 0));
        let owner = tokio::spawn(owner.live(street.clone()));
        let feed = tokio::spawn(follow(street.clone(), self.books.last_seq));
        // One in five falls as soon as it is up, with the first requests in its mailboxes.
        let wanted = if self.chance.random_bool(0.2) { 0 } else { self.chance.random_range(1..250) };
        let begun = Instant::now();
        while street.answers.load(Ordering::Relaxed) < wanted {
            let over = buyers.try_join_next().map(Result::unwrap).is_some();
            assert!(!over && begun.elapsed() < ROUND_LIMIT, "fewer than {wanted} answers: {}", self.server.stderr());
            tokio::time::sleep(Duration::from_micros(200)).await;
        }
        if self.chance.random_bool(0.1) {
            self.server.send("HUP");
        }
        tokio::time::sleep(Duration::from_micros(self.chance.random_range(0..3_000))).await;
        self.server.kill9();
        self.buyers = buyers.join_all().await;
        self.providers = providers.join_all().await;
        self.owner = owner.await.expect("the owner does not panic");
        let orders = self.buyers.iter_mut().flat_map(|buyer| buyer.told.drain(..)).collect();
        Told { orders, feed: feed.await.expect("who follows does not panic") }
    }

    /// Starts again; one start in four is killed on its way, once or twice. Answers with the kills.
    fn start_again(&mut self) -> usize {
        let mut kills = 0;
        while kills < 2 && self.chance.random_bool(0.25) {
            self.server.start_and_kill(Duration::from_micros(self.chance.random_range(0..60_000)));
            kills += 1;
        }
        self.server.restart();
        kills
    }

    /// What was told is in the file, and what is in the file was told or is still asked for.
    fn check_file(&mut self, told: &Told, sums: &mut Sums) {
        let entries = self.books.read_on(&self.server.data_file());
        for buyer in &mut self.buyers {
            self.refused.extend(buyer.refused.drain(..));
        }
        for (attempt, order) in &told.orders {
            let id = text(order, "order_id");
            let kept = self.books.orders.get(&id).unwrap_or_else(|| panic!("lost: {order}"));
            let asked = (kept.user.as_str(), kept.item.as_str(), kept.quantity, Some(kept.key.as_str()));
            let expected = (attempt.user.as_str(), attempt.item.as_str(), attempt.quantity.into());
            assert_eq!(asked, (expected.0, expected.1, expected.2, attempt.key.as_deref()), "{order}");
            assert!(self.told.insert(id, 0).is_none(), "two purchases were answered with one order: {order}");
        }
        let pending: HashSet<_> = self.buyers.iter().filter_map(|buyer| buyer.pending.as_ref()?.key.clone()).collect();
        for entry in entries.iter().filter(|entry| entry.kind == "placed") {
            let key = entry.key.as_deref().expect("all buyers use keys");
            assert!(!self.refused.contains(key), "refused, and there all the same: {entry:?}");
            let is_told = self.told.contains_key(entry.order.as_deref().expect("an id"));
            assert!(is_told || pending.contains(key), "nobody was told of it or waits for it: {entry:?}");
        }
        for id in self.buyers.iter_mut().flat_map(|buyer| buyer.cancelled.drain(..)) {
            let status = &self.books.orders[&id].status;
            assert!(matches!(status.as_str(), "cancelled" | "refund_due" | "refunded"), "{id} is {status} again");
        }
        for reason in self.owner.told.drain(..) {
            assert!(self.books.reasons.contains(&reason), "lost: what the owner did, {reason}");
            sums.deeds += 1;
        }
        assert_feed(&told.feed, &entries);
        sums.orders += told.orders.len();
    }

    /// Money that was answered for is there once: received is what was told, and at most what nobody knows besides.
    async fn check_money(&mut self, sums: &mut Sums) {
        let mut open: BTreeMap<String, i64> = BTreeMap::new();
        for providers in &mut self.providers {
            for (provider, event) in providers.told.drain(..).filter(|(_, event)| !event.has_failed) {
                let rows = self.books.money.get(&event.payment);
                assert!(rows.is_some(), "lost: money that {provider:?} was answered for, {event:?}");
                if self.counted.insert(event.payment) {
                    sums.payments += 1;
                    *self.money.entry(event.currency).or_default() += event.amount;
                }
            }
            let pending = providers.pending.as_ref().filter(|(_, event)| !event.has_failed);
            if let Some((_, event)) = pending.filter(|(_, event)| !self.counted.contains(&event.payment)) {
                *open.entry(event.currency.clone()).or_default() += event.amount;
            }
        }
        let too_often = self.books.counted_too_often();
        assert!(too_often.is_none(), "counted more than once: {too_often:?}");
        let mut client = Client::new(self.server.ops_address());
        let answer = client.get("/invariants", &[("Authorization", &admin_authorization())]).await.expect("an answer");
        let found = answer.json();
        assert_eq!(found["holds"], true, "{found}");
        for currency in ["CNY", "EUR"] {
            let told = self.money.get(currency).copied().unwrap_or(0);
            let most = told + open.get(currency).copied().unwrap_or(0);
            let received = received(&found, currency);
            assert!((told..=most).contains(&received), "{currency} {told} to {most} were told, {received} are there");
        }
    }

    /// Buyers find what they were told, and nothing goes back.
    async fn check_answers(&mut self, told: &Told) {
        for (id, status) in self.buyers.iter_mut().flat_map(|buyer| buyer.seen.drain(..)) {
            let highest = self.told.entry(id).or_default();
            *highest = rank(&status).max(*highest);
        }
        let mut client = Client::new(self.server.address());
        for (number, (attempt, order)) in told.orders.iter().enumerate().take(30) {
            let path = format!("/v1/orders/{}", text(order, "order_id"));
            let buyer = authorization(&attempt.user);
            let answer = client.get(&path, &[("Authorization", &buyer)]).await.expect("an answer");
            assert!(answer.status == 200 && same_promise(order, &answer.json()), "{order} is {}", answer.text());
            let seen = self.told[&text(order, "order_id")];
            assert!(rank(&text(&answer.json(), "status")) >= seen, "{order} went back to {}", answer.text());
            // A hidden item has no orders to be placed again; the orders that there are stay.
            if number < 5 && attempt.item == LARGE {
                let again = attempt.send(&mut client).await.expect("an answer");
                assert_eq!(again.header("idempotent-replayed"), Some("true"), "{} {}", again.status, again.text());
                assert!(same_promise(order, &again.json()), "{order} is {}", again.text());
            }
        }
        for providers in &mut self.providers {
            if let Some((Provider::Own, event)) = providers.pending.clone() {
                let answer = Provider::Own.notify(&event, now_s()).try_send(&mut client).await.expect("an answer");
                assert_eq!(answer.status, 200, "{event:?}: {}", answer.text());
            }
        }
    }

    /// The server's own audit of the whole file.
    fn check_whole(&mut self) {
        // So that nothing expires between two looks.
        self.server.kill9();
        self.books.read_on(&self.server.data_file());
        let (code, audit) = self.server.verify();
        assert_eq!(code, 0, "the audit found something:\n{audit}");
        let rows = self.server.orders();
        assert_eq!(rows.len(), self.books.orders.len());
        for row in &rows {
            assert_eq!(text(row, "status"), self.books.orders[&text(row, "order_id")].status, "{row}");
        }
    }
}

/// What the feed has told is what the file says.
fn assert_feed(told: &[Value], entries: &[Entry]) {
    let Some(first) = entries.first() else {
        assert!(told.is_empty(), "the feed told of what is not there: {:?}", told.first());
        return;
    };
    for line in told {
        let place = usize::try_from(line["seq"].as_i64().expect("a number") - first.seq).expect("only what is new");
        let entry = entries.get(place).unwrap_or_else(|| panic!("the feed told of what is not there: {line}"));
        let same = line["kind"] == entry.kind && line["order_id"].as_str() == entry.order.as_deref();
        assert!(same, "told {line}, is {entry:?}");
    }
}

fn received(found: &Value, currency: &str) -> i64 {
    let of_items = found["items"].as_array().into_iter().flatten().filter_map(|item| item["money"].as_array());
    let all = of_items.chain(found["unmatched"].as_array()).flatten();
    all.filter(|money| money["currency"] == currency).filter_map(|money| money["received"].as_i64()).sum()
}

fn text(value: &Value, member: &str) -> String {
    value[member].as_str().unwrap_or_else(|| panic!("no {member} in {value}")).to_owned()
}

/// Kills one server after another until all kills are done.
async fn run_lane(lane: u64, seed: u64, kills_left: &AtomicUsize) -> Sums {
    let mut sums = Sums::default();
    for file in 0.. {
        let name = format!("{lane}-{file}");
        let mut lane = Lane::open(&name, seed.wrapping_add(lane * 1_000_003).wrapping_add(file));
        let mut of_file = 0;
        while of_file < KILLS_OF_A_FILE
            && kills_left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok()
        {
            let told = lane.round().await;
            let kills = 1 + lane.start_again();
            of_file += kills;
            lane.check_file(&told, &mut sums);
            lane.check_money(&mut sums).await;
            lane.check_answers(&told).await;
            sums.kills += kills;
        }
        lane.check_whole();
        for (kind, count) in std::mem::take(&mut lane.books.kinds) {
            *sums.kinds.entry(kind).or_default() += count;
        }
        if kills_left.load(Ordering::Relaxed) == 0 {
            break;
        }
    }
    sums
}

#[test]
fn no_kill_in_the_middle_of_everything_breaks_any_promise() {
    let (seed, begun) = (seed(), Instant::now());
    let kills_left = AtomicUsize::new(kills(KILLS));
    let run = |lane| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(run_lane(lane, seed, &kills_left))
    };
    let all: Vec<Sums> = std::thread::scope(|scope| {
        let lanes: Vec<_> = (0..LANES).map(|lane| scope.spawn(move || run(lane))).collect();
        lanes.into_iter().map(|lane| lane.join().unwrap_or_else(|ended| std::panic::resume_unwind(ended))).collect()
    });
    let mut sums = Sums::default();
    for lane in all {
        sums.kills += lane.kills;
        sums.orders += lane.orders;
        sums.payments += lane.payments;
        sums.deeds += lane.deeds;
        lane.kinds.into_iter().for_each(|(kind, count)| *sums.kinds.entry(kind).or_default() += count);
    }
    println!(
        "{} kills in {:.0} s, {} orders, {} payments, {} deeds told; 0 lost, 0 oversold; seed {seed}; rows {:?}",
        sums.kills,
        begun.elapsed().as_secs_f64(),
        sums.orders,
        sums.payments,
        sums.deeds,
        sums.kinds,
    );
    for kind in
        ["placed", "paid", "cancelled", "expired", "refund_due", "refunded", "restocked", "withdrawn", "payment"]
    {
        assert!(sums.kinds.contains_key(kind), "nothing was {kind}: {:?}", sums.kinds);
    }
}

/// Faults of a ledger, as statements: what no crash may leave.
const PLANTED: [(&str, &str); 10] = [
    ("a gap", "DELETE FROM ledger WHERE seq = 4"),
    ("an order of nobody's key", "UPDATE ledger SET idempotency_key = 'other' WHERE seq = 5"),
    ("one key, two orders", "UPDATE ledger SET (user_id, idempotency_key) = ('0', 'key-0') WHERE seq = 5"),
    ("more than the limit", "UPDATE ledger SET quantity = 3 WHERE seq = 5"),
    ("a unit that appears", "UPDATE ledger SET remaining = remaining + 1 WHERE seq = 5"),
    ("a date that goes back", "UPDATE ledger SET at = at - 60000 WHERE seq = 5"),
    ("expired too early", "UPDATE ledger SET pay_by = pay_by + 60000 WHERE seq = 5"),
    ("paid too late", "UPDATE ledger SET kind = 3 WHERE seq = 7"),
    ("expired twice", "UPDATE ledger SET order_number = 1 WHERE seq = 8"),
    ("an order that is gone", "DELETE FROM ledger WHERE seq >= 6"),
];

/// The control of the campaign: its books notice whatever is planted.
#[tokio::test]
async fn the_books_of_the_campaign_notice_each_planted_fault() {
    let mut lane = Lane::open("control", seed());
    let mut told = Told::default();
    for number in 0..4 {
        let attempt = Attempt::new(&number.to_string(), SMALL).key(&format!("key-{number}"));
        let answer = attempt.send(&mut Client::new(lane.server.address())).await.expect("an answer");
        told.orders.push((attempt, answer.json()));
    }
    let begun = Instant::now();
    while lane.server.orders().iter().any(|row| row["status"] != "expired") {
        assert!(begun.elapsed() < ROUND_LIMIT, "orders do not expire");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    lane.server.kill9();
    let sound = std::fs::read(lane.server.data_file()).expect("a data file");
    let log = crate::support::beside(&lane.server.data_file(), "-wal");
    let sound_log = std::fs::read(&log).expect("a killed server leaves its log");
    for (name, statement) in std::iter::once(("nothing", "SELECT 1")).chain(PLANTED) {
        std::fs::write(lane.server.data_file(), &sound).expect("an own file");
        std::fs::write(&log, &sound_log).expect("an own file");
        let file = rusqlite::Connection::open(lane.server.data_file()).expect("a data file");
        file.execute_batch(statement).unwrap_or_else(|error| panic!("{name}: {error}"));
        drop(file);
        (lane.books, lane.told) = (Books::default(), HashMap::new());
        let checked = std::panic::AssertUnwindSafe(|| lane.check_file(&told, &mut Sums::default()));
        assert_eq!(std::panic::catch_unwind(checked).is_ok(), name == "nothing", "{name}");
    }
}
