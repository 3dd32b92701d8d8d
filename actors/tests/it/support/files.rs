//! **Job:** data files for tests: made, copied as a killed server leaves them, looked into past the ledger.
//! **Owns:** an eventful ledger with entries of most kinds.
//! **Never:** asserts what a test is about.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use doorbuster_actors::item::ItemDefinition;
use doorbuster_actors::ledger::Ledger;
use doorbuster_actors::request::Control;
use doorbuster_actors::stock::Stock;
use rusqlite::{Connection, OpenFlags};
use tempfile::TempDir;

use super::{NOTHING_TO_PAY, POLICY, item, keyed, moment, new_ledger, one_unit, placed};

/// A folder that goes with the test.
pub(crate) fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder for the test")
}

/// The file beside the data file.
pub(crate) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// The data file and what lies beside it, as they are now, into another folder: what a killed server leaves behind.
pub(crate) fn copy_as_killed(path: &Path, to: &TempDir) -> PathBuf {
    let copy = to.path().join("sale.db");
    for suffix in ["", "-wal", ".mark"] {
        fs::copy(beside(path, suffix), beside(&copy, suffix)).expect("it is there");
    }
    copy
}

/// A day after the beginning of the tests.
pub(crate) const DAY_MS: i64 = 24 * 3600 * 1000;

/// A ledger with entries of most kinds: eleven entries about two items. Entries 1 and 2 create them.
pub(crate) fn eventful_ledger(path: &Path) -> (Ledger, Vec<Stock>) {
    let generous = ItemDefinition { per_user_limit: 3, opens_at: Some(moment(0)), ..item("sku-1", 10) };
    let (mut ledger, mut stocks) = new_ledger(path, &[generous, item("sku-2", 5)]);
    let stock = &mut stocks[0];
    let mut entries = Vec::new();
    let (first, placing) = placed(stock.reserve(keyed(one_unit("alice"), "key-1"), &POLICY, moment(100)));
    entries.extend(placing);
    let (second, placing) = placed(stock.reserve(one_unit("bob"), &POLICY, moment(200)));
    entries.extend(placing);
    let mut two = one_unit("carol");
    two.quantity = 2;
    entries.extend(placed(stock.reserve(two, &NOTHING_TO_PAY, moment(201))).1);
    entries.extend(stock.cancel(first.id.order, &first.user, moment(300)).entries);
    entries.extend(stock.expire(10, second.pay_by.expect("it is to be paid")));
    let later = moment(DAY_MS);
    for control in [Control::Pause, Control::Resume, Control::Restock { quantity: 3 }] {
        entries.extend(stock.control(&control, None, later).expect("an open sale"));
    }
    ledger.commit(entries.iter()).expect("room on the disk");
    (ledger, stocks)
}

/// A shell that may write whatever the table lets through.
pub(crate) fn shell(path: &Path) -> Connection {
    Connection::open(path).expect("the data file")
}

/// Somebody who only looks.
pub(crate) fn reader(path: &Path) -> Connection {
    Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).expect("the data file")
}

/// All files of a folder with their modes and contents.
pub(crate) fn everything_in(folder: &TempDir) -> Vec<(PathBuf, u32, Vec<u8>)> {
    let mut files: Vec<_> = fs::read_dir(folder.path())
        .expect("readable")
        .map(|file| file.expect("readable").path())
        .map(|path| {
            let mode = fs::metadata(&path).expect("there").permissions().mode() & 0o777;
            let bytes = fs::read(&path).expect("readable");
            (path, mode, bytes)
        })
        .collect();
    files.sort();
    files
}
