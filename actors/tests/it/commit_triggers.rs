//! Group commit has four reasons to close a batch. Each has its test, on a sale with a real file.

use std::time::{Duration, Instant};

use doorbuster_actors::observe::CommitTrigger;
use doorbuster_actors::request::{Query, Unavailable};
use doorbuster_actors::sale::{BatchPolicy, Outcome, ReplyFuture};
use rusqlite::Connection;
use tempfile::TempDir;

use crate::support::{TestSale, confirmed, in_time, item, one_unit, reopen, until, user};

/// Longer than any test: a batch that waits as long waits for ever.
const FOR_EVER: Duration = Duration::from_hours(1);
const AT_ONCE: Duration = Duration::ZERO;

fn policy(max_entries: usize, linger: Duration) -> BatchPolicy {
    BatchPolicy { max_entries, linger }
}

/// A sale with a real file, and how many orders were sent to it.
struct Room {
    folder: TempDir,
    sale: TestSale,
    sent: usize,
}

impl Room {
    async fn open(batch: BatchPolicy) -> Self {
        let folder = tempfile::tempdir().expect("a folder for the test");
        let path = folder.path().join("sale.db");
        let items = [item("sku-1", 10_000)];
        let sale = TestSale::open_with(&path, &items, |settings| settings.batch = batch).await;
        Self { folder, sale, sent: 0 }
    }

    /// Sends `count` orders, each in a message of its own.
    fn send_orders(&mut self, count: usize) -> Vec<ReplyFuture<Outcome>> {
        let numbers = self.sent..self.sent + count;
        self.sent += count;
        numbers.map(|number| self.sale.reserve("sku-1", one_unit(&format!("user-{number}")))).collect()
    }

    /// How many commits there were, by [`CommitTrigger::ALL`].
    fn commits(&self) -> Vec<u64> {
        CommitTrigger::ALL.iter().map(|trigger| self.sale.view.writer.commits(*trigger)).collect()
    }

    fn lock_out(&self) -> Connection {
        let connection = Connection::open(self.folder.path().join("sale.db")).expect("the data file");
        connection.execute_batch("BEGIN IMMEDIATE").expect("nobody writes yet");
        connection
    }
}

async fn all_confirmed(replies: Vec<ReplyFuture<Outcome>>) {
    for reply in replies {
        confirmed(in_time("an outcome", reply.outcome()).await);
    }
}

#[actix::test]
async fn drained_the_writer_commits_at_once_what_nobody_joins() {
    let mut room = Room::open(policy(1024, AT_ONCE)).await;
    for round in 1..=3 {
        let replies = room.send_orders(1);
        all_confirmed(replies).await;
        assert_eq!(room.commits(), [round, 0, 0, 0]);
    }
    room.sale.close().await;
}

#[actix::test]
async fn drained_what_arrives_while_a_commit_runs_is_one_batch() {
    let mut room = Room::open(policy(1024, AT_ONCE)).await;
    // Somebody's lock makes the first commit last until it is given up.
    let lock = room.lock_out();
    let mut replies = room.send_orders(1);
    until("the first commit runs", || room.sale.view.status.is_committing()).await;
    replies.extend(room.send_orders(200));
    lock.execute_batch("ROLLBACK").expect("the lock is given up");
    all_confirmed(replies).await;
    assert_eq!(room.commits(), [2, 0, 0, 0], "201 messages, two commits");
    assert_eq!(room.sale.view.writer.entries(), 201);
    room.sale.close().await;
}

#[actix::test]
async fn full_the_writer_does_not_wait_for_more_than_a_batch_may_have() {
    let mut room = Room::open(policy(3, FOR_EVER)).await;
    let mut replies = room.send_orders(7);
    let last = replies.pop().expect("seven");
    all_confirmed(replies).await;
    assert_eq!(room.commits(), [0, 2, 0, 0]);
    until("the writer has all of them", || room.sale.view.writer.actor.handled_total() == room.sent as u64).await;
    room.sale.drain().await.expect("it closes");
    all_confirmed(vec![last]).await;
    room.sale.close().await;
}

#[actix::test]
async fn linger_the_writer_waits_for_company_and_no_longer() {
    let linger = Duration::from_millis(30);
    let mut room = Room::open(policy(1024, linger)).await;
    let started = Instant::now();
    let replies = room.send_orders(5);
    all_confirmed(replies).await;
    assert!(started.elapsed() >= linger);
    assert_eq!(room.commits(), [0, 0, 1, 0], "the five kept each other company");
    let replies = room.send_orders(1);
    all_confirmed(replies).await;
    assert_eq!(room.commits(), [0, 0, 2, 0], "the next batch lingers anew");
    room.sale.close().await;
}

#[actix::test]
async fn linger_less_than_a_timer_can_count_is_waited_for_too() {
    let linger = Duration::from_micros(300);
    let mut room = Room::open(policy(1024, linger)).await;
    let started = Instant::now();
    all_confirmed(room.send_orders(5)).await;
    assert!(started.elapsed() >= linger);
    let [drained, full, lingered, draining] = room.commits()[..] else { panic!("a count for each trigger") };
    assert_eq!((drained, full, draining, room.sale.view.writer.entries()), (0, 0, 0, 5));
    assert!((1..=5).contains(&lingered), "how many came in time is the scheduler's affair");
    room.sale.close().await;
}

#[actix::test]
async fn linger_is_not_for_questions_and_they_are_no_commits() {
    let room = Room::open(policy(1024, FOR_EVER)).await;
    let question = room.sale.ask("sku-1", Query::AllOf { user: user("nobody") });
    assert_eq!(in_time("an answer", question.found()).await, Ok(Vec::new()));
    assert_eq!(room.commits(), [0, 0, 0, 0]);
    room.sale.close().await;
}

#[actix::test]
async fn draining_the_writer_commits_what_it_has_and_answers_it() {
    let mut room = Room::open(policy(1024, FOR_EVER)).await;
    let replies = room.send_orders(5);
    until("the writer has all of them", || room.sale.view.writer.actor.handled_total() == room.sent as u64).await;
    room.sale.drain().await.expect("it closes");
    all_confirmed(replies).await;
    assert_eq!(room.commits(), [0, 0, 0, 1]);
    let (_ledger, recovered) = reopen(&room.folder.path().join("sale.db")).expect("an undamaged ledger");
    assert_eq!((recovered.stocks[0].orders(), recovered.stocks[0].balance().live), (5, 5));
    room.sale.close().await;
}

#[actix::test]
async fn what_comes_after_the_end_is_answered_at_once() {
    let mut room = Room::open(policy(1024, FOR_EVER)).await;
    room.sale.drain().await.expect("it closes");
    for reply in room.send_orders(2) {
        let refused = Outcome::Unavailable(Unavailable::ShuttingDown);
        assert_eq!(in_time("an outcome", reply.outcome()).await, refused);
    }
    room.sale.close().await;
}
