//! What is missing is missed: a log that is gone, cut, damaged or another one; an older file; an entry taken out.

use std::fs;
use std::path::Path;

use doorbuster_actors::ids::ItemNumber;
use doorbuster_actors::ledger::{Durability, Ledger, LedgerError, LedgerSettings};
use doorbuster_actors::stock::Stock;

use crate::support::files::{DAY_MS, beside, copy_as_killed, eventful_ledger, folder, shell};
use crate::support::{POLICY, durable, item, moment, new_ledger, one_unit, placed, reopen};

/// The damaged entry's number, or the test fails.
fn damaged_at(path: &Path) -> u64 {
    match reopen(path) {
        Err(LedgerError::Damaged { seq, .. }) => seq,
        Err(other) => panic!("refused for another reason: {other}"),
        Ok((_ledger, recovered)) => panic!("accepted with {} entries", recovered.entries),
    }
}

/// How many entries were found and how many were acknowledged, or the test fails.
fn lost_of(path: &Path) -> (u64, u64) {
    match reopen(path) {
        Err(LedgerError::Lost { found, acknowledged, .. }) => (found, acknowledged),
        Err(other) => panic!("refused for another reason: {other}"),
        Ok((_ledger, recovered)) => panic!("accepted with {} entries", recovered.entries),
    }
}

#[test]
fn a_last_entry_that_was_taken_out_is_missed() {
    let folder = folder();
    let path = folder.path().join("sale.db");
    eventful_ledger(&path).0.close().expect("a clean end");
    shell(&path).execute("DELETE FROM ledger WHERE seq = 11", []).expect("the table lets it through");
    assert_eq!(lost_of(&path), (10, 11));
    fs::remove_file(beside(&path, ".mark")).expect("the mark");
    assert_eq!(reopen(&path).expect("as the refusal said").1.entries, 10, "without the mark nobody can know");
}

#[test]
fn a_log_that_was_deleted_after_a_kill_is_missed() {
    let (folder, copy) = (folder(), folder());
    let path = folder.path().join("sale.db");
    let (_ledger, _stocks) = eventful_ledger(&path);
    let killed = copy_as_killed(&path, &copy);
    let log = beside(&killed, "-wal");
    let before = (fs::read(&killed).expect("there"), fs::read(beside(&killed, ".mark")).expect("there"));
    for is_there in [true, false] {
        if is_there { fs::write(&log, "") } else { fs::remove_file(&log) }.expect("our own folder");
        // Even if the mark is lost as well.
        for mark in [true, false] {
            if !mark {
                fs::remove_file(beside(&killed, ".mark")).expect("the mark");
            }
            let refused = reopen(&killed).expect_err("a part of a ledger");
            assert!(matches!(refused, LedgerError::LogMissing { .. }), "{refused}");
            fs::write(beside(&killed, ".mark"), &before.1).expect("our own folder");
        }
        assert!(fs::read(&killed).expect("there") == before.0, "the data file was changed");
        assert_eq!(log.exists(), is_there);
    }
}

#[test]
fn a_log_of_another_time_is_refused() {
    let (folder, copy, later) = (folder(), folder(), folder());
    let path = folder.path().join("sale.db");
    let (ledger, _stocks) = eventful_ledger(&path);
    let killed = copy_as_killed(&path, &copy);
    ledger.close().expect("a clean end");
    let (mut ledger, recovered) = reopen(&path).expect("an undamaged ledger");
    let mut stock = recovered.stocks.into_iter().nth(1).expect("the second item");
    ledger.commit(placed(stock.reserve(one_unit("zoe"), &POLICY, moment(2 * DAY_MS))).1.iter()).expect("room");
    let later = copy_as_killed(&path, &later);
    ledger.close().expect("a clean end");
    // After a clean end, and under the next session's open file.
    for newer in [&path, &later] {
        fs::copy(beside(&killed, "-wal"), beside(newer, "-wal")).expect("it is there");
        let _also_without_a_mark = fs::remove_file(beside(newer, ".mark"));
        let refused = reopen(newer).expect_err("the log would take the file back");
        assert!(matches!(refused, LedgerError::LogForeign { .. }), "{refused}");
    }
}

#[test]
fn a_start_that_was_killed_at_any_moment_is_no_reason_to_refuse_the_next() {
    let (folder, copy) = (folder(), folder());
    let path = folder.path().join("sale.db");
    eventful_ledger(&path).0.close().expect("a clean end");
    let closed = fs::read(&path).expect("there");
    let (_ledger, _recovered) = reopen(&path).expect("an undamaged ledger");
    let killed = copy_as_killed(&path, &copy);
    // As if the log had been written, and not been copied yet.
    fs::write(&killed, closed).expect("our own folder");
    assert_eq!(reopen(&killed).expect("an undamaged ledger").1.entries, 11);
}

#[test]
fn what_was_not_synced_may_be_lost_with_the_machine_but_not_with_the_process() {
    let folder = folder();
    let path = folder.path().join("sale.db");
    let settings = LedgerSettings { durability: Durability::Normal, ..durable(&path) };
    let (mut ledger, _empty) = Ledger::open(&settings, |_entry| ()).expect("a new ledger");
    ledger.commit(std::iter::once(&Stock::creation(ItemNumber(1), item("sku-1", 5), moment(0)))).expect("room");
    ledger.close().expect("a clean end");
    let mark = fs::read_to_string(beside(&path, ".mark")).expect("the mark");
    let ahead = mark.replace("00000000000000000001 ", "00000000000000000009 ");
    fs::write(beside(&path, ".mark"), &ahead).expect("our own folder");
    assert_eq!(lost_of(&path), (1, 9), "the machine has been up ever since");
    let boot = ahead.trim_end().rsplit(' ').next().expect("the run of the machine");
    fs::write(beside(&path, ".mark"), ahead.replace(boot, "another-run")).expect("our own folder");
    assert_eq!(reopen(&path).expect("what is left").1.entries, 1);
    let mark = fs::read_to_string(beside(&path, ".mark")).expect("the mark");
    assert!(mark.starts_with("00000000000000000001 ") && mark.contains("\nfull   "), "{mark}");
}

#[test]
fn a_log_that_was_cut_or_hit_by_one_bit_after_a_kill_is_missed() {
    let (folder, copy) = (folder(), folder());
    let path = folder.path().join("sale.db");
    let (mut ledger, mut stocks) = new_ledger(&path, &[item("sku-1", 100)]);
    let log = beside(&path, "-wal");
    let after_creation = fs::metadata(&log).expect("the log").len();
    for number in 0..10 {
        let (_order, entries) = placed(stocks[0].reserve(one_unit(&format!("user-{number}")), &POLICY, moment(0)));
        ledger.commit(entries.iter()).expect("room on the disk");
    }
    let length = fs::metadata(&log).expect("the log").len();
    let middle = after_creation + (length - after_creation) / 2;

    let killed = copy_as_killed(&path, &copy);
    let cut = fs::OpenOptions::new().write(true).open(beside(&killed, "-wal")).expect("the log");
    cut.set_len(middle).expect("it can be cut");
    let (found, acknowledged) = lost_of(&killed);
    assert!((1..11).contains(&found) && acknowledged == 11, "{found} of {acknowledged}");

    let killed = copy_as_killed(&path, &copy);
    let mut bytes = fs::read(beside(&killed, "-wal")).expect("the log");
    bytes[usize::try_from(middle).expect("a small log")] ^= 1;
    fs::write(beside(&killed, "-wal"), bytes).expect("the log");
    let (found, acknowledged) = lost_of(&killed);
    assert!((1..11).contains(&found) && acknowledged == 11, "{found} of {acknowledged}");
}

#[test]
fn an_old_copy_of_the_data_file_under_a_newer_mark_is_noticed() {
    let (folder, copy) = (folder(), folder());
    let path = folder.path().join("sale.db");
    let (mut ledger, mut stocks) = new_ledger(&path, &[item("sku-1", 100)]);
    let (_order, entries) = placed(stocks[0].reserve(one_unit("alice"), &POLICY, moment(0)));
    ledger.commit(entries.iter()).expect("room on the disk");
    ledger.close().expect("a clean end");
    let old = copy.path().join("sale.db");
    fs::copy(&path, &old).expect("it is there");

    let (mut ledger, _recovered) = reopen(&path).expect("an undamaged ledger");
    let (_order, entries) = placed(stocks[0].reserve(one_unit("bob"), &POLICY, moment(0)));
    ledger.commit(entries.iter()).expect("room on the disk");
    ledger.close().expect("a clean end");
    fs::copy(beside(&path, ".mark"), beside(&old, ".mark")).expect("it is there");
    assert_eq!(lost_of(&old), (2, 3));

    // The old copy sells on, to somebody else, and then the mark of the other history comes back.
    fs::remove_file(beside(&old, ".mark")).expect("the mark");
    let (mut ledger, recovered) = reopen(&old).expect("an undamaged ledger");
    let mut stock = recovered.stocks.into_iter().next().expect("one item");
    let (_order, entries) = placed(stock.reserve(one_unit("carol"), &POLICY, moment(0)));
    ledger.commit(entries.iter()).expect("room on the disk");
    ledger.close().expect("a clean end");
    fs::copy(beside(&path, ".mark"), beside(&old, ".mark")).expect("it is there");
    assert_eq!(damaged_at(&old), 3, "as many entries, but not those that were acknowledged");
}
