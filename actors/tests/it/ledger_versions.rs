//! Data files outlive the program: what an older version wrote is opened, brought up to date and sold from. The files
//! in `data/` were written by that version: orders in every state, after a clean end and as `kill -9` left them.

use std::fs;
use std::path::Path;

use doorbuster_actors::entry::Status;
use doorbuster_actors::ids::OrderNumber;
use doorbuster_actors::ledger::LedgerError;

use crate::support::files::{DAY_MS, beside, folder, reader};
use crate::support::{POLICY, moment, one_unit, placed, reopen};

/// Entries of each of the files of version 1, counted when they were made.
const ENTRIES: u64 = 25;

#[test]
fn a_data_file_of_version_1_is_opened_brought_up_to_date_and_sold_from() {
    for name in ["closed.db", "killed.db"] {
        let folder = folder();
        let path = copied(name, folder.path());
        let (mut ledger, recovered) = reopen(&path).expect("a file of an older version");
        assert_eq!((recovered.entries, recovered.stocks.len()), (ENTRIES, 2), "{name}");
        let mut stock = recovered.stocks.into_iter().next().expect("the first item");
        assert_eq!((stock.supply(), stock.remaining(), stock.balance().live), (30, 26, 4), "{name}");
        let statuses =
            [Status::Paid, Status::Paid, Status::Paid, Status::Cancelled, Status::RefundDue, Status::Expired];
        let told: Vec<_> = (1..=6).map(|number| stock.order(OrderNumber(number)).expect("an order").status).collect();
        assert_eq!(told, statuses, "{name}");
        let version: i64 = reader(&path).query_row("PRAGMA user_version", [], |row| row.get(0)).expect("readable");
        assert_eq!(version, 3);
        let (_order, entries) = placed(stock.reserve(one_unit("newcomer"), &POLICY, moment(DAY_MS)));
        ledger.commit(entries.iter()).expect("room on the disk");
        ledger.close().expect("a clean end");
        assert_eq!(reopen(&path).expect("an undamaged ledger").1.entries, ENTRIES + 1, "{name}");
    }
}

#[test]
fn a_data_file_of_version_1_that_lost_its_log_is_missed() {
    let folder = folder();
    let path = copied("killed.db", folder.path());
    fs::remove_file(beside(&path, "-wal")).expect("it was copied");
    assert!(matches!(reopen(&path), Err(LedgerError::Lost { found: 0, acknowledged: ENTRIES, .. })));
}

fn copied(name: &str, to: &Path) -> std::path::PathBuf {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/data/version-1").join(name);
    let path = to.join("sale.db");
    for suffix in ["", "-wal", ".mark"] {
        if beside(&from, suffix).exists() {
            fs::copy(beside(&from, suffix), beside(&path, suffix)).expect("room on the disk");
        }
    }
    path
}
