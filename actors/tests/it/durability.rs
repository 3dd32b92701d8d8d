//! A durability that is switched off is seen. What a commit asks of the disk, and what is told meanwhile, is watched
//! from below: a shim under SQLite keeps a journal of writes and syncs, holds a sync back, or makes the page cache lie.
//!
//! Each test holds one of the ways in which everything can look right until the power fails.

use std::fs;
use std::path::Path;
use std::time::Duration;

use doorbuster_actors::entry::Entry;
use doorbuster_actors::ledger::{CommitError, Ledger, LedgerError};
use doorbuster_actors::request::{Transition, Unavailable};
use doorbuster_actors::sale::{Limits, Outcome, StorageState};
use doorbuster_actors::stock::Stock;

use crate::support::files::{beside, folder, reader, shell};
use crate::support::lab::{Done, Journal, Lab, begin_fault, child_folder, end_fault};
use crate::support::{
    POLICY, TestSale, confirmed, is_child, item, moment, new_ledger, on_this_thread, one_unit, placed, reopen, until,
    user,
};

/// Sizes of commits that are tried in turn: one order, a few, a full page, many pages.
const BATCHES: [usize; 5] = [1, 2, 16, 100, 1024];

/// Commits after which a checkpoint has come, by the ledger's own estimate of its log (16 MiB, more than 8 KiB each).
const COMMITS_TO_A_CHECKPOINT: usize = 2_100;

/// The entries of `count` orders of buyers that nobody else is.
fn orders(stock: &mut Stock, count: usize) -> Vec<Entry> {
    let begin = stock.orders();
    let buyers = (begin..begin + count).map(|number| one_unit(&format!("user-{number}")));
    buyers.flat_map(|buyer| placed(stock.reserve(buyer, &POLICY, moment(0))).1).collect()
}

fn commit(ledger: &mut Ledger, stock: &mut Stock, count: usize) {
    let entries = orders(stock, count);
    ledger.commit(entries.iter()).expect("room on the disk");
    ledger.checkpoint_if_due().expect("room on the disk");
}

/// Numbers and checksums of the last entry, in the ledger and in the mark.
fn last_entry_and_mark(path: &Path) -> ((u64, u64), (u64, u64)) {
    let last = reader(path)
        .query_row("SELECT seq, checksum FROM ledger ORDER BY seq DESC LIMIT 1", [], |row| {
            Ok((row.get::<_, i64>(0)?.cast_unsigned(), row.get::<_, i64>(1)?.cast_unsigned()))
        })
        .expect("an entry");
    let mark = fs::read_to_string(beside(path, ".mark")).expect("readable");
    let (seq, checksum) = mark.lines().next().and_then(|line| line.split_once(' ')).expect("a mark");
    (last, (seq.parse().expect("a number"), u64::from_str_radix(checksum, 16).expect("a checksum")))
}

#[test]
fn every_commit_of_any_size_and_age_is_synced_after_its_last_write() {
    if is_child() {
        return a_child_that_commits_and_commits();
    }
    assert!(Lab::new().run(every_commit_of_any_size_and_age_is_synced_after_its_last_write).status.success());
}

fn a_child_that_commits_and_commits() {
    let path = child_folder().join("sale.db");
    let (mut ledger, stocks) = new_ledger(&path, &[item("sku-1", 1_000_000)]);
    let mut stock = stocks.into_iter().next().expect("one item");
    let mut journal = Journal::begin();
    let mut checkpoints = 0;
    for number in 0..COMMITS_TO_A_CHECKPOINT {
        // Large ones now and then, so that there are enough of them and the whole stays short.
        let size = if number % 50 == 0 { BATCHES[number / 50 % BATCHES.len()] } else { 1 };
        if number % 300 == 299 {
            ledger.probe().expect("room on the disk");
            journal.more();
        }
        let entries = orders(&mut stock, size);
        ledger.commit(entries.iter()).expect("room on the disk");
        assert_synced(&journal.more(), &format!("commit {number} of {size} entries"));
        ledger.checkpoint_if_due().expect("room on the disk");
        checkpoints += usize::from(assert_checkpoint_synced(&journal.more()));
    }
    commit(&mut ledger, &mut stock, 1);
    assert_synced(&journal.more(), "a commit after a checkpoint");
    assert_eq!(checkpoints, 1);
    // A second life: the log begins anew.
    ledger.close().expect("a clean end");
    assert_closed_in_order(&journal.more());
    let (mut ledger, _recovered) = reopen(&path).expect("an undamaged ledger");
    journal.more();
    for number in 0..20 {
        commit(&mut ledger, &mut stock, 1);
        assert_synced(&journal.more(), &format!("commit {number} after a restart"));
    }
}

/// After the last write to the log comes a sync of it.
fn assert_synced(done: &[Done], what: &str) {
    let last = |operation| done.iter().rposition(|done| done.is(operation, "ok", "-wal"));
    let (written, synced) = (last("write"), last("sync"));
    assert!(written.is_some(), "{what} wrote nothing to the log");
    assert!(synced > written, "{what} came back before its log was synced: {done:?}");
}

/// Whether the data file was written; then it was synced afterwards.
fn assert_checkpoint_synced(done: &[Done]) -> bool {
    let last = |operation| done.iter().rposition(|done| done.is(operation, "ok", "sale.db"));
    assert!(last("sync") >= last("write"), "a checkpoint left the data file unsynced: {done:?}");
    last("write").is_some()
}

/// The log goes only when the data file has all of it, on the disk; the mark is synced once, at the end.
fn assert_closed_in_order(done: &[Done]) {
    let cut = done.iter().position(|done| done.operation == "cut" && done.path.ends_with("-wal"));
    let before = &done[..cut.expect("a clean end cuts the log")];
    assert!(assert_checkpoint_synced(before), "a clean end copies the log: {done:?}");
    assert!(done.iter().any(|done| done.is("sync", "ok", ".mark")), "the mark was not synced: {done:?}");
}

#[test]
fn a_cache_that_differs_from_the_disk_is_dropped_wherever_it_differs() {
    if is_child() {
        return a_child_whose_cache_lies();
    }
    let lab = Lab::new();
    assert!(lab.run(a_cache_that_differs_from_the_disk_is_dropped_wherever_it_differs).status.success());
}

/// As after a sync that failed: the page cache and the disk are not the same. The disk is right.
fn a_child_whose_cache_lies() {
    let closed = child_folder().join("closed/sale.db");
    let killed = child_folder().join("killed/sale.db");
    for path in [&closed, &killed] {
        let (mut ledger, stocks) = new_ledger(path, &[item("sku-1", 100_000)]);
        let mut stock = stocks.into_iter().next().expect("one item");
        (0..40).for_each(|_| commit(&mut ledger, &mut stock, 1_000));
        if path == &closed {
            ledger.close().expect("a clean end");
        } else {
            std::mem::forget(ledger);
        }
    }
    for (path, suffix) in [(&closed, ""), (&killed, "-wal")] {
        let origin = beside(path, suffix);
        let length = fs::metadata(&origin).expect("there").len();
        assert!(length > 2 << 20, "{length} bytes: more than are compared at a time");
        for offset in [0, 5_000, length / 2, length - 100] {
            let copy = folder_on_the_disk(path);
            let file = copy.path().join("sale.db");
            begin_fault(&format!("LIE {offset} sale.db{suffix}"));
            let opened = reopen(&file);
            end_fault();
            let entries = opened.as_ref().map(|(_, recovered)| recovered.entries);
            assert!(matches!(entries, Ok(40_001)), "a lie at {offset} of sale.db{suffix} was believed: {entries:?}");
        }
    }
}

/// Data file, log and mark in a new folder, synced, so that the cache may be dropped.
fn folder_on_the_disk(path: &Path) -> tempfile::TempDir {
    let copy = tempfile::tempdir_in(child_folder()).expect("a folder");
    for suffix in ["", "-wal", ".mark"] {
        if let Ok(bytes) = fs::read(beside(path, suffix)) {
            let to = beside(&copy.path().join("sale.db"), suffix);
            fs::write(&to, bytes).and_then(|()| fs::File::open(to)?.sync_all()).expect("room on the disk");
        }
    }
    copy
}

#[test]
fn the_mark_names_the_last_entry_after_every_commit() {
    let folder = folder();
    let path = folder.path().join("sale.db");
    let (mut ledger, stocks) = new_ledger(&path, &[item("sku-1", 1_000_000)]);
    let mut stock = stocks.into_iter().next().expect("one item");
    for number in 0..300 {
        let size = if number % 20 == 0 { BATCHES[number / 20 % BATCHES.len()] } else { 1 };
        commit(&mut ledger, &mut stock, size);
        if number % 100 == 99 {
            ledger.probe().expect("room on the disk");
        }
        let (last, mark) = last_entry_and_mark(&path);
        assert_eq!(mark, last, "after commit {number}");
        if number == 150 {
            ledger.close().expect("a clean end");
            ledger = reopen(&path).expect("an undamaged ledger").0;
        }
    }
    // A commit that was rolled back is in neither; the next one is in both.
    let before = last_entry_and_mark(&path);
    let somebody = shell(&path);
    somebody.execute_batch("BEGIN IMMEDIATE").expect("nobody writes now");
    let refused = ledger.commit(orders(&mut stock.clone(), 1).iter()).expect_err("locked");
    assert!(matches!(refused, CommitError::Definite { .. }), "{refused}");
    somebody.execute_batch("ROLLBACK").expect("its own lock");
    drop(somebody);
    assert_eq!(last_entry_and_mark(&path), before);
    commit(&mut ledger, &mut stock, 1);
    let (last, mark) = last_entry_and_mark(&path);
    assert_eq!((mark, last.0), (last, before.0.0 + 1));
}

#[test]
fn a_storage_that_cannot_be_written_stays_closed_however_often_it_is_tried() {
    if is_child() {
        return on_this_thread(a_child_whose_probes_fail());
    }
    let lab = Lab::new();
    let output = lab.run(a_storage_that_cannot_be_written_stays_closed_however_often_it_is_tried);
    assert!(output.status.success());
}

async fn a_child_whose_probes_fail() {
    let sale = TestSale::open(&child_folder().join("sale.db"), &[item("sku-1", 10)]).await;
    confirmed(sale.buy("sku-1", one_unit("alice")).await);
    begin_fault("ENOSPC write -wal");
    assert_eq!(sale.buy("sku-1", one_unit("bob")).await, Outcome::Unavailable(Unavailable::StorageFull));
    let mut journal = Journal::begin();
    // Nobody buys meanwhile: whatever fails to write the log now is the writer, who tries.
    let mut probes = 0;
    while probes < 4 {
        let state = sale.view.status.storage();
        assert_eq!(state, StorageState::Full, "open after {probes} tries that failed");
        probes += journal.more().iter().filter(|done| done.is("write", "error", "-wal")).count();
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    end_fault();
    until("the ledger can be written again", || sale.view.status.storage() == StorageState::Open).await;
    let tried = journal.more();
    assert!(tried.iter().any(|done| done.is("write", "ok", "-wal")), "opened without having written: {tried:?}");
    confirmed(sale.buy("sku-1", one_unit("bob")).await);
    sale.close().await;
}

#[test]
fn nothing_is_told_of_a_batch_until_its_sync_has_come_back() {
    if is_child() {
        return on_this_thread(a_child_whose_sync_takes_its_time());
    }
    assert!(Lab::new().run(nothing_is_told_of_a_batch_until_its_sync_has_come_back).status.success());
}

async fn a_child_whose_sync_takes_its_time() {
    let path = child_folder().join("sale.db");
    let sale = TestSale::open(&path, &[item("sku-1", 10)]).await;
    let order = confirmed(sale.buy("sku-1", one_unit("alice")).await);
    let last_seq = sale.view.status.last_seq();
    let mut watch =
        sale.view.watchers.watch(order.id, &order.user, Limits { total: 1, per_user: 1 }).expect("the only one");
    // A writer that answers too early may still be busy with it, and the sync that is held would be this order's.
    until("the order is written", || *last_seq.borrow() == 2).await;
    let mark = || fs::read_to_string(beside(&path, ".mark")).expect("readable");
    let (seq, entries, marked) = (*last_seq.borrow(), sale.view.writer.entries(), mark());
    let mut journal = Journal::begin();

    begin_fault("HOLD sync -wal");
    let published = sale.published("sku-1");
    let cancel = Transition::Cancel { user: user("alice") };
    let permit = sale.view.purchases.enter().expect("the house is not full");
    let cancelled = sale.handle(sale.guest).transition(&published, order.id.order, cancel, permit);
    let (mut cancelled, mut changed) = (Box::pin(cancelled.outcome()), Box::pin(watch.changed()));
    let mut is_held = false;
    while !is_held {
        is_held = journal.more().iter().any(|done| done.is("sync", "held", "-wal"));
        tokio::task::yield_now().await;
    }
    // Whatever was sent before the sync began has arrived after a few turns of this thread.
    for _ in 0..100 {
        tokio::select! {
            biased;
            outcome = &mut cancelled => panic!("answered before the commit: {outcome:?}"),
            () = &mut changed => panic!("a watcher was told before the commit"),
            () = tokio::time::sleep(Duration::from_millis(1)) => {}
        }
    }
    assert_eq!(*last_seq.borrow(), seq, "the number of an entry that is not durable was published");
    assert_eq!(sale.view.writer.entries(), entries, "it was counted as written");
    assert_eq!(mark(), marked, "it was marked as acknowledged");

    end_fault();
    confirmed(cancelled.await);
    changed.await;
    until("the number is published", || *last_seq.borrow() == seq + 1).await;
    assert_ne!(mark(), marked);
    drop(watch);
    sale.close().await;
}

#[test]
fn a_batch_that_was_rolled_back_is_published_to_nobody() {
    if is_child() {
        return on_this_thread(a_child_whose_batch_is_rolled_back());
    }
    assert!(Lab::new().run(a_batch_that_was_rolled_back_is_published_to_nobody).status.success());
}

async fn a_child_whose_batch_is_rolled_back() {
    let sale = TestSale::open(&child_folder().join("sale.db"), &[item("sku-1", 10)]).await;
    confirmed(sale.buy("sku-1", one_unit("alice")).await);
    let mut published = sale.view.status.last_seq();
    let seq = *published.borrow_and_update();
    begin_fault("ENOSPC write -wal");
    assert_eq!(sale.buy("sku-1", one_unit("bob")).await, Outcome::Unavailable(Unavailable::StorageFull));
    let woken = published.has_changed().expect("the writer lives");
    assert!(!woken && *published.borrow() == seq, "{} was published, {seq} is written", *published.borrow());
    end_fault();
    until("the ledger can be written again", || sale.view.status.storage() == StorageState::Open).await;
    confirmed(sale.buy("sku-1", one_unit("bob")).await);
    assert_eq!(*published.borrow_and_update(), seq + 1);
    sale.close().await;
}

/// Changes that the fold of the entries does not notice, because nothing but the checksum looks after them; and the way
/// back.
const FORGERIES: [(&str, &str); 3] = [
    ("idempotency_key = 'forged'", "idempotency_key = NULL"),
    ("pay_by = pay_by + 1", "pay_by = pay_by - 1"),
    ("user_id = 'x' || user_id", "user_id = substr(user_id, 2)"),
];

#[test]
fn every_entry_is_checked_however_many_are_before_it() {
    const ENTRIES: u64 = 20_000;
    let origin = folder();
    let path = origin.path().join("sale.db");
    let (mut ledger, stocks) = new_ledger(&path, &[item("sku-1", 1_000_000)]);
    let mut stock = stocks.into_iter().next().expect("one item");
    (1..ENTRIES / 1_000).for_each(|_| commit(&mut ledger, &mut stock, 1_000));
    commit(&mut ledger, &mut stock, 999);
    ledger.close().expect("a clean end");
    let powers = (1..15).flat_map(|power| [(1 << power) - 1, 1 << power, (1 << power) + 1]);
    let thousands = (1..ENTRIES / 1_000).map(|thousand| thousand * 1_000);
    let mut tried = 0;
    for seq in powers.chain(thousands).chain([ENTRIES - 1, ENTRIES]).filter(|seq| (2..=ENTRIES).contains(seq)) {
        let (forgery, restored) = FORGERIES[tried % FORGERIES.len()];
        let write = |change: &str| {
            let changed = shell(&path).execute(&format!("UPDATE ledger SET {change} WHERE seq = {seq}"), []);
            assert_eq!(changed, Ok(1));
        };
        write(forgery);
        match reopen(&path) {
            Err(LedgerError::Damaged { seq: named, .. }) if named == seq => {}
            Err(other) => panic!("{forgery} in entry {seq}, and the start was refused for: {other}"),
            Ok(_) => panic!("{forgery} in entry {seq} of {ENTRIES} was not noticed"),
        }
        write(restored);
        tried += 1;
    }
    assert_eq!(reopen(&path).expect("as it was").1.entries, ENTRIES);
    println!("{tried} places tried");
}
