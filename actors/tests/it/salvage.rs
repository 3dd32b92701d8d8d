//! What can be proven of a damaged ledger is rebuilt, and of the rest it is said what it is; the old files stay as
//! they are.

use std::fs;
use std::path::{Path, PathBuf};

use doorbuster_actors::ledger::Row;
use doorbuster_actors::ledger::salvage::{Acknowledged, Findings, Salvage, SalvageError};
use doorbuster_actors::request::Control;
use tempfile::TempDir;

use crate::support::files::{DAY_MS, beside, copy_as_killed, eventful_ledger, everything_in, folder, shell};
use crate::support::{NOTHING_TO_PAY, durable, item, keyed, moment, new_ledger, one_unit, placed, reopen};

/// Orders of the sale that is damaged: enough for several pages.
const ORDERS: u32 = 150;

/// Entries of that sale: the items, and two for each order, which is placed and paid.
const ENTRIES: u64 = 2 + 2 * ORDERS as u64;

/// Bits that are flipped, one after another.
const FLIPS: usize = 400;

/// A sale whose server was killed: all of it is in the log.
fn killed_sale() -> (TempDir, PathBuf) {
    let folder = folder();
    let path = folder.path().join("live.db");
    let (mut ledger, mut stocks) = new_ledger(&path, &[item("sku-1", ORDERS), item("sku-2", 5)]);
    for number in 0..ORDERS {
        let buyer = keyed(one_unit(&format!("buyer-{number}")), &format!("key-{number}"));
        let (_order, entries) = placed(stocks[0].reserve(buyer, &NOTHING_TO_PAY, moment(i64::from(number))));
        ledger.commit(entries.iter()).expect("room on the disk");
    }
    let killed = crate::support::files::folder();
    let path = copy_as_killed(&path, &killed);
    (killed, path)
}

/// The same sale after a clean end: all of it is in the data file.
fn closed_sale() -> (TempDir, PathBuf) {
    let (folder, path) = killed_sale();
    reopen(&path).expect("nothing is damaged").0.close().expect("a clean end");
    (folder, path)
}

fn flip(bytes: &[u8], bit: usize) -> Vec<u8> {
    let mut flipped = bytes.to_vec();
    flipped[bit / 8] ^= 1 << (bit % 8);
    flipped
}

/// Bits spread over the whole file, by a step that hits every offset within a page sooner or later.
fn sample(length: usize) -> impl Iterator<Item = usize> {
    let bits = length * 8;
    let step = bits / FLIPS;
    (0..FLIPS).map(move |number| number * step + (number * 7919) % step)
}

fn examine(path: &Path) -> Findings {
    Salvage::examine(path).expect("entries are left").findings().clone()
}

fn rebuilt_entries(salvage: &Salvage) -> (u64, i64) {
    let folder = folder();
    let path = folder.path().join("new.db");
    salvage.rebuild(&durable(&path)).expect("room on the disk");
    let (ledger, recovered) = reopen(&path).expect("a ledger to go on with");
    assert_eq!(ledger.last_seq(), recovered.entries);
    drop(ledger);
    let last: i64 = shell(&path)
        .query_row("SELECT checksum FROM ledger ORDER BY seq DESC LIMIT 1", [], |row| row.get(0))
        .expect("an entry");
    (recovered.entries, last)
}

#[test]
fn any_one_flipped_bit_of_the_log_costs_no_entry() {
    let (folder, path) = killed_sale();
    let log = beside(&path, "-wal");
    let whole = fs::read(&log).expect("a log");
    let expected = rebuilt_entries(&Salvage::examine(&path).expect("whole"));
    assert_eq!(expected.0, ENTRIES);
    let mut repaired = 0;
    for (number, bit) in sample(whole.len()).enumerate() {
        fs::write(&log, flip(&whole, bit)).expect("our own file");
        let before = everything_in(&folder);
        let salvage = Salvage::examine(&path).expect("entries are left");
        let findings = salvage.findings();
        assert!(findings.is_complete() && findings.proven == ENTRIES, "bit {bit}: {findings:?}");
        repaired += findings.repaired.len();
        if number % 40 == 0 {
            assert_eq!(rebuilt_entries(&salvage), expected, "bit {bit}");
        }
        assert!(everything_in(&folder) == before, "bit {bit}: the old files changed");
    }
    println!("{repaired} of {FLIPS} flipped bits were put right, the others did not matter");
}

#[test]
fn any_one_flipped_bit_of_the_data_file_costs_no_entry() {
    let (_folder, path) = closed_sale();
    let whole = fs::read(&path).expect("a data file");
    let mut repaired = 0;
    for bit in sample(whole.len()) {
        fs::write(&path, flip(&whole, bit)).expect("our own file");
        let findings = examine(&path);
        assert_eq!(findings.proven, ENTRIES, "bit {bit}: {findings:?}");
        assert!(findings.missing.is_empty() && findings.doubtful.is_none(), "bit {bit}: {findings:?}");
        repaired += findings.repaired.len();
    }
    assert!(repaired > 0, "some of these bits are in rows");
}

#[test]
fn any_one_flipped_bit_of_the_mark_changes_nothing() {
    let (_folder, path) = killed_sale();
    let mark = beside(&path, ".mark");
    let whole = fs::read(&mark).expect("a mark");
    for bit in 0..38 * 8 {
        fs::write(&mark, flip(&whole, bit)).expect("our own file");
        let findings = examine(&path);
        assert!(findings.is_complete() && findings.mark_was_repaired, "bit {bit}: {findings:?}");
        assert_eq!(findings.proven, ENTRIES, "bit {bit}");
    }
}

#[test]
fn entries_behind_a_destroyed_one_are_doubtful_and_told() {
    let (_folder, path) = closed_sale();
    let connection = shell(&path);
    connection.execute("DELETE FROM ledger WHERE seq = 100", []).expect("writable");
    connection.execute_batch("VACUUM").expect("writable");
    drop(connection);
    let salvage = Salvage::examine(&path).expect("entries are left");
    let findings = salvage.findings();
    assert_eq!(findings.proven, 99);
    assert_eq!(findings.missing, [100..=100]);
    assert_eq!(findings.doubtful, Some((ENTRIES - 100, 101..=ENTRIES)));
    assert!(!findings.is_complete());
    assert_eq!(rebuilt_entries(&salvage).0, 99);
    let mut told = Vec::new();
    let take = |row: &Row<'_>, is_checked| {
        told.push((row.seq, is_checked));
        Ok::<_, std::convert::Infallible>(())
    };
    salvage.each_doubtful(take).expect("infallible");
    assert_eq!(told.len() as u64, ENTRIES - 100);
    assert_eq!((told[0], told[1]), ((101, false), (102, true)), "nothing leads to the first one");
}

#[test]
fn a_log_without_its_data_file_is_enough() {
    let (_folder, path) = killed_sale();
    for damage in ["gone", "empty", "cut", "garbage"] {
        match damage {
            "gone" => fs::remove_file(&path).expect("our own file"),
            "empty" => fs::write(&path, "").expect("our own file"),
            "cut" => fs::write(&path, [7; 100]).expect("our own file"),
            _garbage => fs::write(&path, "Dear diary, ".repeat(5000)).expect("our own file"),
        }
        let findings = examine(&path);
        assert!(findings.is_complete() && findings.proven == ENTRIES, "{damage}: {findings:?}");
    }
}

#[test]
fn a_data_file_without_its_log_says_what_is_missing() {
    let (_folder, path) = killed_sale();
    let (_closed, copy) = closed_sale();
    let (_more, half) = one_entry_more(&copy);
    fs::remove_file(beside(&half, "-wal")).expect("our own file");
    let findings = examine(&half);
    assert_eq!((findings.proven, findings.missing.as_slice()), (ENTRIES, [ENTRIES + 1..=ENTRIES + 1].as_slice()));
    fs::remove_file(beside(&path, "-wal")).expect("our own file");
    let nothing = Salvage::examine(&path).expect_err("all of it was in the log");
    assert!(matches!(nothing, SalvageError::Nothing { .. }), "{nothing}");
}

/// The sale goes on for one entry, which is in the log when the server is killed.
fn one_entry_more(path: &Path) -> (TempDir, PathBuf) {
    let (mut ledger, mut recovered) = reopen(path).expect("whole");
    let entries = recovered.stocks[1].control(&Control::Pause, None, moment(DAY_MS));
    ledger.commit(entries.expect("an open sale").iter()).expect("room on the disk");
    let killed = crate::support::files::folder();
    let copy = copy_as_killed(path, &killed);
    (killed, copy)
}

#[test]
fn a_definition_that_is_longer_than_a_page_is_put_together() {
    let folder = folder();
    let path = folder.path().join("live.db");
    let mut wordy = item("sku-1", 5);
    wordy.title = "long ".repeat(5000);
    let (ledger, _stocks) = new_ledger(&path, &[item("sku-2", 5), wordy]);
    let killed = crate::support::files::folder();
    let copy = copy_as_killed(&path, &killed);
    let salvage = Salvage::examine(&copy).expect("entries are left");
    assert!(salvage.findings().is_complete(), "{:?}", salvage.findings());
    assert_eq!(rebuilt_entries(&salvage).0, 2);
    ledger.close().expect("a clean end");
    fs::copy(&path, &copy).expect("closed");
    // Every image of these pages in the log is damaged, those in the data file are not.
    let log = beside(&copy, "-wal");
    let mut bytes = fs::read(&log).expect("a log");
    let mut damaged = 0;
    for page in
        bytes[32..].chunks_exact_mut(24 + 4096).filter(|frame| frame[4000..].windows(4).any(|text| text == b"long"))
    {
        page[2000] ^= 1;
        damaged += 1;
    }
    assert!(damaged >= 6, "{damaged} pages");
    fs::write(&log, bytes).expect("our own file");
    assert_eq!(examine(&copy).proven, 2);
}

#[test]
fn without_a_mark_nobody_knows_whether_it_is_all() {
    let (_folder, path) = killed_sale();
    fs::remove_file(beside(&path, ".mark")).expect("our own file");
    let findings = examine(&path);
    assert_eq!((findings.proven, findings.acknowledged), (ENTRIES, Acknowledged::Missing));
    assert!(!findings.is_complete());
}

#[test]
fn rows_that_were_rolled_back_stay_out() {
    let folder = folder();
    let path = folder.path().join("live.db");
    let (mut ledger, _stocks) = eventful_ledger(&path);
    let killed = crate::support::files::folder();
    let copy = copy_as_killed(&path, &killed);
    // A transaction that was written to the log and never ended: the last frame loses its mark of a commit.
    let log = beside(&copy, "-wal");
    let mut bytes = fs::read(&log).expect("a log");
    let last = bytes.len() - 4096 - 24;
    bytes[last + 4..last + 8].fill(0);
    fs::write(&log, &bytes).expect("our own file");
    fs::write(beside(&copy, ".mark"), format!("{:020} {:016x}\n", 0, 0)).expect("our own file");
    let findings = examine(&copy);
    assert_eq!((findings.proven, &findings.doubtful), (2, &None), "{findings:?}");
    ledger.probe().expect("the original is unharmed");
}

#[test]
fn what_is_no_ledger_is_told_from_what_is_a_damaged_one() {
    let folder = folder();
    let path = folder.path().join("notes.db");
    let reason = |path: &Path| {
        let error = Salvage::examine(path).expect_err("no ledger");
        let SalvageError::Nothing { reason, .. } = error else { panic!("{error}") };
        reason
    };
    assert!(reason(&path).contains("not there"));
    fs::write(&path, "").expect("our own file");
    assert!(reason(&path).contains("empty"));
    fs::write(&path, "Dear diary, ".repeat(5000)).expect("our own file");
    assert!(reason(&path).contains("not a database"));
    fs::remove_file(&path).expect("our own file");
    shell(&path).execute_batch("CREATE TABLE note (text); INSERT INTO note VALUES ('milk')").expect("a new database");
    assert!(reason(&path).contains("something else"));
    for no_file in [folder.path(), Path::new("/dev/null"), Path::new("/dev/zero")] {
        assert!(matches!(Salvage::examine(no_file), Err(SalvageError::NotAFile(_))), "{}", no_file.display());
    }
}
