//! Data files outlive the program: what an older version wrote is opened, brought up to date and sold from. The files
//! in `data/` were written by that version: orders in every state, after a clean end and as `kill -9` left them.

use std::fs;
use std::path::Path;

use doorbuster_actors::entry::Status;
use doorbuster_actors::ids::{OrderId, OrderNumber};
use doorbuster_actors::ledger::LedgerError;
use doorbuster_actors::payment::MoneyBalance;

use crate::support::files::{DAY_MS, beside, folder, reader};
use crate::support::{POLICY, moment, one_unit, placed, reopen};

/// Entries of each of the files of version 1, counted when they were made.
const ENTRIES: u64 = 25;

#[test]
fn a_data_file_of_version_1_is_opened_brought_up_to_date_and_sold_from() {
    for name in ["closed.db", "killed.db"] {
        let folder = folder();
        let path = copied("version-1", name, folder.path());
        let (mut ledger, recovered) = reopen(&path).expect("a file of an older version");
        assert_eq!((recovered.entries, recovered.stocks.len()), (ENTRIES, 2), "{name}");
        let mut stock = recovered.stocks.into_iter().next().expect("the first item");
        assert_eq!((stock.supply(), stock.remaining(), stock.balance().live), (30, 26, 4), "{name}");
        let statuses =
            [Status::Paid, Status::Paid, Status::Paid, Status::Cancelled, Status::RefundDue, Status::Expired];
        let told: Vec<_> = (1..=6).map(|number| stock.order(OrderNumber(number)).expect("an order").status).collect();
        assert_eq!(told, statuses, "{name}");
        let version: i64 = reader(&path).query_row("PRAGMA user_version", [], |row| row.get(0)).expect("readable");
        assert_eq!(version, 4);
        let (_order, entries) = placed(stock.reserve(one_unit("newcomer"), &POLICY, moment(DAY_MS)));
        ledger.commit(entries.iter()).expect("room on the disk");
        ledger.close().expect("a clean end");
        assert_eq!(reopen(&path).expect("an undamaged ledger").1.entries, ENTRIES + 1, "{name}");
    }
}

/// Written by a server: orders paid, cancelled, late, expired and pending, of two items, after a pause and a restock.
#[test]
fn a_data_file_of_version_2_is_opened_its_money_is_counted_and_old_names_find_their_orders() {
    for name in ["closed.db", "killed.db"] {
        let folder = folder();
        let path = copied("version-2", name, folder.path());
        let before = fs::read(&path).expect("it was copied");
        let (mut ledger, recovered) = reopen(&path).expect("a file of an older version");
        assert_eq!((recovered.entries, recovered.stocks.len()), (18, 2), "{name}");
        let mut stock = recovered.stocks.into_iter().next().expect("the first item");
        let statuses =
            [Status::Paid, Status::Paid, Status::Cancelled, Status::RefundDue, Status::Expired, Status::Pending];
        for (number, status) in (1..).zip(statuses) {
            let old_name = format!("1-1-{number}");
            let id: OrderId = old_name.parse().expect("a name of before");
            assert_eq!(stock.order(id.order).expect("an order").status, status, "{name}: {old_name}");
        }
        let money: Vec<_> = stock.money().iter().map(|money| (money.received, money.applied, money.owed)).collect();
        assert_eq!(money, [(3 * 1990, 2 * 1990, 1990)], "two are paid, one came late");
        assert!(stock.money().iter().all(MoneyBalance::holds));
        let (_order, entries) = placed(stock.reserve(one_unit("newcomer"), &POLICY, moment(DAY_MS)));
        ledger.commit(entries.iter()).expect("room on the disk");
        ledger.close().expect("a clean end");
        assert_eq!(reopen(&path).expect("an undamaged ledger").1.entries, 19, "{name}");
        assert_ne!(fs::read(&path).expect("there"), before, "it has the schema of today");
    }
}

/// Written by a server: orders in every state, money of every verdict, steps of an operator, an item that was deleted.
#[test]
fn a_data_file_of_version_3_is_opened_and_its_orders_keep_their_names_and_their_money() {
    for name in ["closed.db", "killed.db"] {
        let folder = folder();
        let path = copied("version-3", name, folder.path());
        let (mut ledger, recovered) = reopen(&path).expect("a file of an older version");
        assert_eq!((recovered.entries, recovered.stocks.len()), (37, 3), "{name}");
        assert_eq!(recovered.suspense.owed().len(), 1, "{name}: the payment of an order that nobody knows");
        let [mut stock, lamp, slip] = <[_; 3]>::try_from(recovered.stocks).expect("three items");
        let statuses = [
            ("C0110000001N", Status::Paid),
            ("C0110000002K", Status::Paid),
            ("C0110000003H", Status::RefundDue),
            ("C0110000004F", Status::RefundDue),
            ("C0110000005D", Status::RefundDue),
            ("C0110000006B", Status::Refunded),
            ("C01100000079", Status::Pending),
        ];
        for (order, status) in statuses {
            let id: OrderId = order.parse().expect("a name of today");
            assert_eq!((id.to_string().as_str(), id.item), (order, stock.number()));
            assert_eq!(stock.order(id.order).expect("an order").status, status, "{name}: {order}");
        }
        let money: Vec<_> = stock.money().iter().map(|money| (money.received, money.applied, money.owed)).collect();
        assert_eq!(money, [(8070, 3980, 2100), (10, 0, 10)], "{name}");
        assert!(lamp.is_closed() && slip.is_deleted(), "{name}");
        let (_order, entries) = placed(stock.reserve(one_unit("newcomer"), &POLICY, moment(DAY_MS)));
        ledger.commit(entries.iter()).expect("room on the disk");
        ledger.close().expect("a clean end");
        assert_eq!(reopen(&path).expect("an undamaged ledger").1.entries, 38, "{name}");
        let names = "SELECT group_concat(order_id, ' ') FROM orders WHERE item_id = 'sku-1'";
        let names: String = reader(&path).query_row(names, [], |row| row.get(0)).expect("readable");
        let wanted = statuses.map(|(order, _)| order).join(" ");
        assert!(names.starts_with(&wanted) && names.len() > wanted.len(), "{name}: {names}");
    }
}

#[test]
fn a_data_file_of_version_1_that_lost_its_log_is_missed() {
    let folder = folder();
    let path = copied("version-1", "killed.db", folder.path());
    fs::remove_file(beside(&path, "-wal")).expect("it was copied");
    assert!(matches!(reopen(&path), Err(LedgerError::Lost { found: 0, acknowledged: ENTRIES, .. })));
}

fn copied(version: &str, name: &str, to: &Path) -> std::path::PathBuf {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/data").join(version).join(name);
    let path = to.join("sale.db");
    for suffix in ["", "-wal", ".mark"] {
        if beside(&from, suffix).exists() {
            fs::copy(beside(&from, suffix), beside(&path, suffix)).expect("room on the disk");
        }
    }
    path
}
