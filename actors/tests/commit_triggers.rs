//! Why a batch is closed: one test per reason, of the batch alone and of the writer with a real file.

#![expect(clippy::disallowed_methods, reason = "the tests are no actors: they may await the writer")]

mod support;

use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::{Addr, Arbiter};
use doorbuster_actors::batch::{Batch, BatchPolicy, CommitTrigger};
use doorbuster_actors::cores::Cores;
use doorbuster_actors::desk::Desk;
use doorbuster_actors::entry::Entries;
use doorbuster_actors::ids::ItemNumber;
use doorbuster_actors::letters::{Append, Appends, Epoch, Sealed};
use doorbuster_actors::observe::WriterCounters;
use doorbuster_actors::order_writer::{Drain, OrderWriter};
use doorbuster_actors::permit::House;
use doorbuster_actors::reply::{Found, Outcome, Receipt, Seat, envelope};
use doorbuster_actors::stock::{Stock, Terms};
use doorbuster_actors::watchers::Watchers;
use rusqlite::Connection;
use tempfile::TempDir;

use support::{NOTHING_TO_PAY, TERMS, confirmed, in_time, item, moment, new_ledger, one_unit, placed, until};

/// Longer than any test: a batch that waits as long waits for ever.
const FOR_EVER: Duration = Duration::from_hours(1);
const AT_ONCE: Duration = Duration::ZERO;

fn policy(max_entries: usize, linger: Duration) -> BatchPolicy {
    BatchPolicy { max_entries, linger }
}

/// Makes decisions of one item, numbered as they come.
struct Counter {
    stock: Stock,
    house: Arc<House>,
    seat: Seat,
}

impl Counter {
    fn new(stock: Stock) -> Self {
        Self { stock, house: House::new(10_000), seat: Seat(0) }
    }

    fn append(&self, entries: Entries, sealed: Sealed) -> Append {
        Append { entries, sealed, epoch: Epoch(0), permit: self.house.enter() }
    }

    fn order(&mut self, terms: &Terms) -> (Append, Receipt<Outcome>) {
        let (port, receipt) = envelope(self.seat);
        let reservation = one_unit(&format!("user-{}", self.stock.orders()));
        let (order, entries) = placed(self.stock.reserve(reservation, terms, moment(0)));
        (self.append(entries, Sealed::Placed(port, order)), receipt)
    }

    /// A decision with one entry.
    fn pending_order(&mut self) -> (Append, Receipt<Outcome>) {
        self.order(&TERMS)
    }

    /// A decision with two entries.
    fn paid_order(&mut self) -> (Append, Receipt<Outcome>) {
        self.order(&NOTHING_TO_PAY)
    }

    /// A decision without an entry.
    fn question(&self) -> (Append, Receipt<Found>) {
        let (port, receipt) = envelope(self.seat);
        (self.append(Entries::new(), Sealed::Found(port, Vec::new())), receipt)
    }
}

fn counter() -> Counter {
    let creation = Stock::creation(ItemNumber(1), item("sku-1", 10_000), moment(0));
    Counter::new(Stock::create(&creation).expect("a creation"))
}

#[test]
fn a_batch_is_closed_when_nothing_more_is_waiting() {
    let (mut counter, mut batch) = (counter(), Batch::new(policy(10, AT_ONCE)));
    assert!(batch.is_empty());
    assert_eq!(batch.push(counter.pending_order().0), None);
    assert_eq!(batch.when_idle(Duration::ZERO), Some(CommitTrigger::Drained));
    assert_eq!(batch.take().len(), 1);
    assert!(batch.is_empty() && batch.take().is_empty());
}

#[test]
fn a_batch_is_closed_when_it_is_full_and_never_splits_a_decision() {
    let (mut counter, mut batch) = (counter(), Batch::new(policy(3, FOR_EVER)));
    assert_eq!(batch.push(counter.paid_order().0), None, "two entries");
    assert_eq!(batch.push(counter.paid_order().0), Some(CommitTrigger::Full), "four");
    assert_eq!(batch.take().iter().map(|append| append.entries.len()).sum::<usize>(), 4);
    assert_eq!(batch.push(counter.paid_order().0), None, "it counts from the start again");
}

#[test]
fn decisions_without_entries_fill_a_batch_too() {
    let (counter, mut batch) = (counter(), Batch::new(policy(3, FOR_EVER)));
    let pushed: Vec<_> = (0..3).map(|_| batch.push(counter.question().0)).collect();
    assert_eq!(pushed, [None, None, Some(CommitTrigger::Full)]);
}

#[test]
fn a_batch_lingers_no_longer_than_its_first_entry_may_wait() {
    let linger = Duration::from_millis(5);
    let (mut counter, mut batch) = (counter(), Batch::new(policy(10, linger)));
    assert_eq!(batch.push(counter.pending_order().0), None);
    assert_eq!(batch.when_idle(Duration::from_millis(4)), None);
    assert_eq!(batch.patience(Duration::from_millis(4)), Duration::from_millis(1));
    assert_eq!(batch.when_idle(linger), Some(CommitTrigger::Linger));
    assert_eq!(batch.patience(FOR_EVER), Duration::ZERO);
}

#[test]
fn questions_do_not_linger() {
    let (counter, mut batch) = (counter(), Batch::new(policy(10, FOR_EVER)));
    assert_eq!(batch.push(counter.question().0), None);
    assert_eq!(batch.when_idle(Duration::ZERO), Some(CommitTrigger::Drained));
}

/// A writer on a thread of its own, with a real file, and the desk where its answers arrive.
struct Room {
    folder: TempDir,
    writer: Addr<OrderWriter>,
    counters: Arc<WriterCounters>,
    counter: Counter,
    arbiter: Arbiter,
}

impl Room {
    fn open(policy: BatchPolicy) -> Self {
        let folder = tempfile::tempdir().expect("a folder for the test");
        let (ledger, stocks) = new_ledger(&folder.path().join("sale.db"), &[item("sku-1", 10_000)]);
        let counter = Counter::new(stocks.into_iter().next().expect("one item"));
        let (cores, counters) = (Arc::new(Cores::new(0, 1)), Arc::new(WriterCounters::default()));
        Desk::start(counter.seat, &cores, 10_000, None);
        let arbiter = Arbiter::new();
        let shared = (cores, Arc::clone(&counters), Arc::new(Watchers::default()));
        let writer = OrderWriter::new(ledger, policy, shared, 10_000).open(&arbiter.handle());
        Self { folder, writer, counters, counter, arbiter }
    }

    fn send(&self, appends: Vec<Append>) {
        self.counters.mailbox.enter(appends.len());
        self.writer.try_send(Appends { appends, posted: Instant::now() }).expect("an open mailbox with room");
    }

    /// Sends `count` orders, each in a letter of its own.
    fn send_orders(&mut self, count: usize) -> Vec<Receipt<Outcome>> {
        let mut receipts = Vec::new();
        for _ in 0..count {
            let (append, receipt) = self.counter.pending_order();
            self.send(vec![append]);
            receipts.push(receipt);
        }
        receipts
    }

    /// How many commits there were, by [`CommitTrigger::ALL`].
    fn commits(&self) -> Vec<u64> {
        CommitTrigger::ALL.iter().map(|trigger| self.counters.commits(*trigger)).collect()
    }

    fn lock_out(&self) -> Connection {
        let connection = Connection::open(self.folder.path().join("sale.db")).expect("the data file");
        connection.execute_batch("BEGIN IMMEDIATE").expect("nobody writes yet");
        connection
    }

    fn close(self) {
        self.arbiter.stop();
        self.arbiter.join().expect("no panic");
    }
}

async fn all_confirmed(receipts: Vec<Receipt<Outcome>>) {
    for receipt in receipts {
        confirmed(in_time("an outcome", receipt.outcome()).await);
    }
}

#[actix::test]
async fn drained_the_writer_commits_at_once_what_nobody_joins() {
    let mut room = Room::open(policy(1024, AT_ONCE));
    for round in 1..=3 {
        let receipts = room.send_orders(1);
        all_confirmed(receipts).await;
        assert_eq!(room.commits(), [round, 0, 0, 0]);
    }
    room.close();
}

#[actix::test]
async fn drained_what_arrives_while_a_commit_runs_is_one_batch() {
    let mut room = Room::open(policy(1024, AT_ONCE));
    // Somebody's lock makes the first commit last until it is given up.
    let lock = room.lock_out();
    let mut receipts = room.send_orders(1);
    until("the first commit runs", || room.counters.is_committing()).await;
    receipts.extend(room.send_orders(200));
    lock.execute_batch("ROLLBACK").expect("the lock is given up");
    all_confirmed(receipts).await;
    assert_eq!(room.commits(), [2, 0, 0, 0], "201 letters, two commits");
    assert_eq!(room.counters.entries(), 201);
    room.close();
}

#[actix::test]
async fn full_the_writer_does_not_wait_for_more_than_a_batch_may_have() {
    let mut room = Room::open(policy(3, FOR_EVER));
    let mut receipts = room.send_orders(7);
    let last = receipts.pop().expect("seven");
    all_confirmed(receipts).await;
    assert_eq!(room.commits(), [0, 2, 0, 0]);
    in_time("the ledger to close", room.writer.send(Drain)).await.expect("it lives").expect("it closes");
    all_confirmed(vec![last]).await;
    room.close();
}

#[actix::test]
async fn linger_the_writer_waits_for_company_and_no_longer() {
    let linger = Duration::from_millis(30);
    let mut room = Room::open(policy(1024, linger));
    let started = Instant::now();
    let receipts = room.send_orders(5);
    all_confirmed(receipts).await;
    assert!(started.elapsed() >= linger);
    assert_eq!(room.commits(), [0, 0, 1, 0], "the five kept each other company");
    let receipts = room.send_orders(1);
    all_confirmed(receipts).await;
    assert_eq!(room.commits(), [0, 0, 2, 0], "the next batch lingers anew");
    room.close();
}

#[actix::test]
async fn linger_less_than_a_timer_can_count_is_waited_for_too() {
    let linger = Duration::from_micros(300);
    let mut room = Room::open(policy(1024, linger));
    let started = Instant::now();
    all_confirmed(room.send_orders(5)).await;
    assert!(started.elapsed() >= linger);
    let [drained, full, lingered, draining] = room.commits()[..] else { panic!("a count for each trigger") };
    assert_eq!((drained, full, draining, room.counters.entries()), (0, 0, 0, 5));
    assert!((1..=5).contains(&lingered), "how many came in time is the scheduler's affair");
    room.close();
}

#[actix::test]
async fn linger_is_not_for_questions_and_they_are_no_commits() {
    let room = Room::open(policy(1024, FOR_EVER));
    let (append, receipt) = room.counter.question();
    room.send(vec![append]);
    assert_eq!(in_time("an answer", receipt.found()).await, Ok(Vec::new()));
    assert_eq!(room.commits(), [0, 0, 0, 0]);
    room.close();
}

#[actix::test]
async fn draining_the_writer_commits_what_it_has_and_answers_it() {
    let mut room = Room::open(policy(1024, FOR_EVER));
    let receipts = room.send_orders(5);
    in_time("the ledger to close", room.writer.send(Drain)).await.expect("it lives").expect("it closes");
    all_confirmed(receipts).await;
    assert_eq!(room.commits(), [0, 0, 0, 1]);
    let (_ledger, recovered) = support::reopen(&room.folder.path().join("sale.db")).expect("an undamaged ledger");
    assert_eq!(recovered.stocks[0], room.counter.stock);
    room.close();
}
