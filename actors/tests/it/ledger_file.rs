//! The data file: what is not ours, or is somebody's already, stays untouched; what is ours is kept private and safe.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use doorbuster_actors::data_file::DataFileError;
use doorbuster_actors::ledger::{Durability, Ledger, LedgerError, LedgerSettings};

use crate::support::files::{beside, copy_as_killed, eventful_ledger, everything_in, folder, reader, shell};
use crate::support::{POLICY, durable, item, moment, new_ledger, one_unit, placed, reopen};

#[test]
fn a_database_of_something_else_is_refused_untouched() {
    for journal in ["DELETE", "WAL"] {
        let folder = folder();
        let path = folder.path().join("notes.db");
        let owner = shell(&path);
        let _mode: String = owner
            .query_row(&format!("PRAGMA journal_mode = {journal}"), [], |row| row.get(0))
            .expect("a new database takes any");
        owner.execute_batch("CREATE TABLE note (text); INSERT INTO note VALUES ('milk')").expect("a new database");
        drop(owner);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).expect("our own file");
        let before = everything_in(&folder);
        assert!(matches!(reopen(&path), Err(LedgerError::Foreign(_))));
        assert!(everything_in(&folder) == before, "a mode, a byte or a file beside it changed ({journal})");
    }
}

#[test]
fn a_database_of_something_else_that_is_in_use_keeps_its_log() {
    let folder = folder();
    let path = folder.path().join("notes.db");
    let owner = shell(&path);
    owner.execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE note (text)").expect("a new database");
    // As a killed owner leaves it: with a log that was not copied.
    let copy = crate::support::files::folder();
    let killed = copy.path().join("notes.db");
    for suffix in ["", "-wal"] {
        fs::copy(beside(&path, suffix), beside(&killed, suffix)).expect("it is there");
    }
    let before = (fs::read(&killed).expect("there"), fs::read(beside(&killed, "-wal")).expect("there"));
    assert!(matches!(reopen(&killed), Err(LedgerError::Foreign(_))));
    let after = (fs::read(&killed).expect("there"), fs::read(beside(&killed, "-wal")).expect("still there"));
    assert!(before == after);
}

#[test]
fn a_file_that_is_no_database_is_refused_untouched() {
    let folder = folder();
    let path = folder.path().join("sale.db");
    fs::write(&path, "Dear diary, ".repeat(1000)).expect("our own file");
    let before = fs::read(&path).expect("there");
    assert!(matches!(reopen(&path), Err(LedgerError::Foreign(_))));
    assert!(fs::read(&path).expect("there") == before);
}

#[test]
fn a_ledger_of_a_newer_program_is_refused_untouched() {
    let (folder, copy) = (folder(), folder());
    let path = folder.path().join("sale.db");
    eventful_ledger(&path).0.close().expect("a clean end");
    let newer = shell(&path);
    newer.execute_batch("PRAGMA user_version = 99").expect("writable");
    let killed = copy_as_killed(&path, &copy);
    drop(newer);
    for (folder, path) in [(&folder, &path), (&copy, &killed)] {
        let before = everything_in(folder);
        assert!(matches!(reopen(path), Err(LedgerError::Newer { found: 99, known: 4 })));
        let after = everything_in(folder).into_iter().filter(|(path, _, _)| !path.ends_with("sale.db-shm"));
        assert!(after.eq(before), "the file or its log changed");
    }
}

#[test]
fn a_second_server_on_the_same_file_is_refused_and_the_first_unharmed() {
    let folder = folder();
    let path = folder.path().join("sale.db");
    let (mut ledger, mut stocks) = new_ledger(&path, &[item("sku-1", 5)]);
    assert!(matches!(reopen(&path), Err(LedgerError::File(DataFileError::InUse(named))) if named == path));
    let (_order, entries) = placed(stocks[0].reserve(one_unit("alice"), &POLICY, moment(0)));
    ledger.commit(entries.iter()).expect("room on the disk");
    ledger.close().expect("a clean end");
    assert_eq!(reopen(&path).expect("free again").1.stocks, stocks);
}

#[test]
fn nobody_but_its_owner_can_read_the_data_file() {
    let (folder, readable) = (folder(), 0o644);
    for existing in [false, true] {
        let path = folder.path().join(format!("nested-{existing}/sale.db"));
        if existing {
            new_ledger(&path, &[]).0.close().expect("a clean end");
            for suffix in ["", ".mark"] {
                fs::set_permissions(beside(&path, suffix), fs::Permissions::from_mode(readable)).expect("our own");
            }
        }
        let (_ledger, _stocks) = eventful_ledger(&path);
        for suffix in ["", "-wal", "-shm", ".mark"] {
            let mode = fs::metadata(beside(&path, suffix)).expect("there").permissions().mode() & 0o777;
            assert_eq!(mode, 0o600, "{suffix:?} of a file that existed: {existing}");
        }
    }
}

#[test]
fn the_data_file_is_kept_in_a_write_ahead_log_and_named_as_ours() {
    for durability in [Durability::Full, Durability::Normal] {
        let folder = folder();
        let path = folder.path().join("sale.db");
        let settings = LedgerSettings { durability, ..durable(&path) };
        let _ledger = Ledger::open(&settings, |_entry| ()).expect("a new ledger");
        let reader = reader(&path);
        let text = |pragma: &str| reader.query_row(&format!("PRAGMA {pragma}"), [], |row| row.get::<_, String>(0));
        let number = |pragma: &str| reader.query_row(&format!("PRAGMA {pragma}"), [], |row| row.get::<_, i64>(0));
        assert_eq!(text("journal_mode"), Ok("wal".to_owned()));
        assert_eq!(number("application_id"), Ok(0x4442_7374));
        assert_eq!(number("user_version"), Ok(4));
        assert_eq!(text("integrity_check"), Ok("ok".to_owned()));
    }
}
