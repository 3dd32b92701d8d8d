//! A disk that is full, and a disk that dies. The faults are real errors of the C library in a child process: a shim
//! between SQLite and the kernel makes chosen writes and syncs fail while a control file is there.
//!
//! A commit that failed for certain sells nothing, and the house recovers by itself; a commit whose result is unknown
//! stops the process without an answer, and the file is the only way back.

#![expect(clippy::print_stdout, reason = "what a child tells its parent")]

use std::fs;
use std::path::Path;

use doorbuster_actors::ledger::CommitError;
use doorbuster_actors::request::{Control, NotDone, Unavailable};
use doorbuster_actors::sale::{EXIT_STORAGE, Outcome, StorageState};
use rusqlite::Connection;

use crate::support::lab::{Lab, begin_fault, child_folder, end_fault};
use crate::support::{
    POLICY, TestSale, confirmed, is_child, item, keyed, moment, new_ledger, on_this_thread, one_unit, placed, reopen,
    until, user,
};

fn buyers(path: &Path) -> Vec<String> {
    let connection = Connection::open(path).expect("the data file");
    let mut all = connection.prepare("SELECT user_id FROM orders").expect("a view");
    all.query_map([], |row| row.get(0)).and_then(Iterator::collect).expect("readable")
}

#[test]
fn a_full_disk_sells_nothing_answers_questions_and_recovers_by_itself() {
    if is_child() {
        return on_this_thread(a_child_whose_disk_is_full());
    }
    let lab = Lab::new();
    let output = lab.run(a_full_disk_sells_nothing_answers_questions_and_recovers_by_itself);
    assert!(output.status.success());
    assert_eq!(buyers(&lab.data_file()), ["alice", "bob", "eve", "carol"]);
    let (ledger, recovered) = reopen(&lab.data_file()).expect("an undamaged ledger");
    let stock = &recovered.stocks[0];
    assert_eq!((stock.remaining(), stock.balance().live, stock.supply(), stock.is_paused()), (6, 4, 10, false));
    assert_eq!(ledger.last_seq(), 5, "the numbers of entries that were rolled back are used again");
}

async fn a_child_whose_disk_is_full() {
    let sale = TestSale::open(&child_folder().join("sale.db"), &[item("sku-1", 10)]).await;
    let first = confirmed(sale.buy("sku-1", one_unit("alice")).await);
    confirmed(sale.buy("sku-1", one_unit("bob")).await);

    begin_fault("ENOSPC write -wal");
    let full = Unavailable::StorageFull;
    let wanted = keyed(one_unit("carol"), "key-1");
    assert_eq!(sale.buy("sku-1", wanted.clone()).await, Outcome::Unavailable(full));
    assert_eq!(sale.view.status.storage(), StorageState::Full);
    assert_eq!(sale.buy("sku-1", one_unit("dave")).await, Outcome::Unavailable(full), "again and again");
    assert_eq!(sale.control("sku-1", Control::Pause).await, Err(NotDone::Unavailable(full)));
    until("the units are back", || sale.published("sku-1").remaining() == 8).await;
    // A question may still come to an actor that has not yet heard; then it is told to ask again.
    let mine = loop {
        match sale.find("sku-1", user("alice")).await {
            Ok(orders) => break orders,
            Err(unavailable) => assert_eq!(unavailable, full),
        }
    };
    assert_eq!(mine, [first], "reads work");
    assert_eq!(sale.find("sku-1", user("carol")).await, Ok(Vec::new()), "what was refused was not sold");
    assert_eq!(sale.view.purchases.in_flight(), 0, "every permit came back");

    end_fault();
    until("the ledger can be written again", || sale.view.status.storage() == StorageState::Open).await;
    confirmed(sale.buy("sku-1", one_unit("eve")).await);
    confirmed(sale.buy("sku-1", wanted).await);
    sale.close().await;
}

#[test]
fn a_crowd_before_a_disk_that_fills_and_empties_gets_what_is_written_and_nothing_else() {
    if is_child() {
        return on_this_thread(a_child_whose_disk_fills_and_empties());
    }
    let lab = Lab::new();
    assert!(
        lab.run(a_crowd_before_a_disk_that_fills_and_empties_gets_what_is_written_and_nothing_else).status.success()
    );
    let told = fs::read_to_string(lab.folder().join("promised")).expect("written at the child's end");
    let mut promised: Vec<&str> = told.lines().collect();
    let mut written = buyers(&lab.data_file());
    promised.sort_unstable();
    written.sort_unstable();
    assert!(promised == written, "{} were promised, {} written", promised.len(), written.len());
    let (_ledger, recovered) = reopen(&lab.data_file()).expect("an undamaged ledger");
    assert_eq!(recovered.stocks[0].balance().live + recovered.stocks[0].remaining(), CROWD_STOCK);
}

/// Fewer units than buyers, so that units which come back are sold to somebody else.
const CROWD_STOCK: u32 = 700;

async fn a_child_whose_disk_fills_and_empties() {
    let sale = TestSale::open_with(&child_folder().join("sale.db"), &[item("sku-1", CROWD_STOCK)], |settings| {
        settings.cores = 2;
    })
    .await;
    let (mut promised, mut storage_was_full) = (String::new(), 0);
    for round in 0..10 {
        if round % 2 == 1 {
            begin_fault("ENOSPC write -wal");
        }
        // In bundles, so that decisions are on their way while earlier ones are taken back.
        let mut replies = Vec::new();
        for number in 0..100 {
            replies.push((number, sale.reserve("sku-1", one_unit(&format!("user-{round}-{number}")))));
            tokio::task::yield_now().await;
        }
        for (number, reply) in replies {
            match reply.outcome().await {
                Outcome::Confirmed(_) => promised.push_str(&format!("user-{round}-{number}\n")),
                Outcome::Rejected(_) | Outcome::Unavailable(Unavailable::StorageLocked) => {}
                Outcome::Unavailable(Unavailable::StorageFull) => storage_was_full += 1,
                outcome @ (Outcome::Replayed(_) | Outcome::Unavailable(_)) => panic!("{outcome:?}"),
            }
        }
        if round % 2 == 1 {
            end_fault();
            until("the ledger can be written again", || sale.view.status.storage() == StorageState::Open).await;
        }
    }
    assert!(storage_was_full > 0);
    fs::write(child_folder().join("promised"), promised).expect("room on the disk");
    assert_eq!(sale.view.purchases.in_flight(), 0, "every permit came back");
    sale.close().await;
}

#[test]
fn a_sync_that_fails_stops_the_process_without_an_answer() {
    if is_child() {
        return on_this_thread(a_child_whose_sync_fails());
    }
    assert_stopped_without_an_answer(a_sync_that_fails_stops_the_process_without_an_answer);
}

async fn a_child_whose_sync_fails() {
    buy_under("EIO sync -wal").await;
}

#[test]
fn a_sync_that_fails_once_is_not_tried_again() {
    if is_child() {
        return on_this_thread(a_child_whose_sync_fails_once());
    }
    assert_stopped_without_an_answer(a_sync_that_fails_once_is_not_tried_again);
}

/// The second one would succeed: the kernel has forgotten by then that the pages are not on the disk.
async fn a_child_whose_sync_fails_once() {
    buy_under("ONCE sync -wal").await;
}

#[test]
fn a_write_that_fails_stops_the_process_without_an_answer() {
    if is_child() {
        return on_this_thread(a_child_whose_write_fails());
    }
    assert_stopped_without_an_answer(a_write_that_fails_stops_the_process_without_an_answer);
}

async fn a_child_whose_write_fails() {
    buy_under("EIO write -wal").await;
}

async fn buy_under(fault: &str) {
    let sale = TestSale::open(&child_folder().join("sale.db"), &[item("sku-1", 10)]).await;
    confirmed(sale.buy("sku-1", one_unit("alice")).await);
    println!("confirmed before");
    begin_fault(fault);
    let outcome = sale.buy("sku-1", one_unit("bob")).await;
    println!("answered: {outcome:?}");
}

fn assert_stopped_without_an_answer(test: impl Fn()) {
    let lab = Lab::new();
    let output = lab.run(test);
    let told = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(EXIT_STORAGE));
    assert!(told.contains("confirmed before") && !told.contains("answered"), "{told}");
    // The order that nobody was told about may be there or not; the one that was confirmed is.
    let (ledger, recovered) = reopen(&lab.data_file()).expect("an undamaged ledger");
    let stock = &recovered.stocks[0];
    assert_eq!(stock.remaining() + stock.balance().live, 10);
    assert_eq!(ledger.last_seq(), 1 + stock.orders() as u64);
    drop(ledger);
    let known = buyers(&lab.data_file());
    assert!(known == ["alice"] || known == ["alice", "bob"], "{known:?}");
}

#[test]
fn a_checkpoint_that_fails_is_told_and_loses_nothing() {
    if is_child() {
        return a_child_whose_checkpoint_fails();
    }
    let lab = Lab::new();
    assert!(lab.run(a_checkpoint_that_fails_is_told_and_loses_nothing).status.success());
    let (_ledger, recovered) = reopen(&lab.data_file()).expect("an undamaged ledger");
    assert_eq!(recovered.stocks[0].orders(), 100);
}

fn a_child_whose_checkpoint_fails() {
    let (mut ledger, mut stocks) = new_ledger(&child_folder().join("sale.db"), &[item("sku-1", 100)]);
    for number in 0..100 {
        let (_order, entries) = placed(stocks[0].reserve(one_unit(&format!("user-{number}")), &POLICY, moment(0)));
        ledger.commit(entries.iter()).expect("room on the disk");
    }
    begin_fault("EIO sync sale.db");
    let told = ledger.close().expect_err("the data file cannot be synced");
    assert!(matches!(told, CommitError::Unknown(_)), "{told}");
    end_fault();
}

#[test]
fn a_mark_that_cannot_be_written_stops_nobody() {
    if is_child() {
        return on_this_thread(a_child_whose_mark_cannot_be_written());
    }
    let lab = Lab::new();
    assert!(lab.run(a_mark_that_cannot_be_written_stops_nobody).status.success());
    let (_ledger, recovered) = reopen(&lab.data_file()).expect("a mark may be behind");
    assert_eq!(recovered.stocks[0].orders(), 2);
}

async fn a_child_whose_mark_cannot_be_written() {
    let sale = TestSale::open(&child_folder().join("sale.db"), &[item("sku-1", 10)]).await;
    confirmed(sale.buy("sku-1", one_unit("alice")).await);
    let mark = || fs::read_to_string(child_folder().join("sale.db.mark")).expect("readable");
    let before = mark();
    begin_fault("ENOSPC write .mark");
    confirmed(sale.buy("sku-1", one_unit("bob")).await);
    assert_eq!(mark(), before, "it stayed behind");
    sale.close().await;
}
