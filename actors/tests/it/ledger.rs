//! The strongbox: what was written comes back; what was changed, cut or exchanged is noticed.

use std::fs;
use std::path::Path;

use doorbuster_actors::entry::Order;
use doorbuster_actors::ids::{ItemNumber, OrderNumber};
use doorbuster_actors::item::ItemDefinition;
use doorbuster_actors::ledger::{COLUMNS, CommitError, LedgerError};
use doorbuster_actors::request::{Query, Unavailable};
use doorbuster_actors::stock::Stock;
use doorbuster_actors::time::Timestamp;

use crate::support::files::{DAY_MS, beside, copy_as_killed, eventful_ledger, everything_in, folder, reader, shell};
use crate::support::{POLICY, item, moment, new_ledger, one_unit, placed, reopen, user};

/// The damaged entry's number, or the test fails.
fn damaged_at(path: &Path) -> u64 {
    match reopen(path) {
        Err(LedgerError::Damaged { seq, .. }) => seq,
        Err(other) => panic!("refused for another reason: {other}"),
        Ok((_ledger, recovered)) => panic!("accepted with {} entries", recovered.entries),
    }
}

#[test]
fn an_empty_ledger_is_recovered_to_nothing_and_commits_nothing_without_a_trace() {
    let folder = folder();
    let path = folder.path().join("sale.db");
    let (mut ledger, recovered) = reopen(&path).expect("a new ledger");
    assert_eq!((recovered.stocks.len(), recovered.entries, recovered.latest.millis()), (0, 0, 0));
    assert_eq!(ledger.commit(std::iter::empty()).expect("room on the disk").last_seq(), 0);
    assert_eq!(ledger.proof().last_seq(), 0);
    ledger.close().expect("a clean end");
    assert_eq!(reopen(&path).expect("an empty ledger").1.entries, 0);
}

#[test]
fn recovered_state_is_live_state_after_a_clean_end_and_after_a_kill() {
    let (folder, copy) = (folder(), folder());
    let path = folder.path().join("sale.db");
    let (ledger, stocks) = eventful_ledger(&path);
    let killed = copy_as_killed(&path, &copy);
    ledger.close().expect("a clean end");
    for path in [path, killed] {
        let (ledger, recovered) = reopen(&path).expect("an undamaged ledger");
        assert_eq!((&recovered.stocks, recovered.entries), (&stocks, 11));
        assert_eq!((recovered.latest, ledger.last_seq()), (moment(DAY_MS), 11));
    }
}

#[test]
fn a_currency_that_is_not_in_use_any_more_is_read_as_it_was_written() {
    let (folder, copy) = (folder(), folder());
    let path = folder.path().join("sale.db");
    let points = ItemDefinition { currency: "PTS".parse().expect("three letters"), ..item("sku-1", 100) };
    assert!(points.currency.check_in_use().is_err());
    let (ledger, _stocks) = new_ledger(&path, &[points.clone(), item("sku-2", 5)]);
    let killed = copy_as_killed(&path, &copy);
    ledger.close().expect("a clean end");
    for path in [path, killed] {
        let before = everything_in(if path.starts_with(folder.path()) { &folder } else { &copy });
        assert_eq!(doorbuster_actors::ledger::items(&path).expect("readable"), [points.clone(), item("sku-2", 5)]);
        let after = everything_in(if path.starts_with(folder.path()) { &folder } else { &copy });
        assert_eq!(before, after, "looking changes nothing");
        let (_ledger, recovered) = reopen(&path).expect("it opens");
        assert_eq!(**recovered.stocks[0].definition(), points);
    }
    let none = doorbuster_actors::ledger::items(&folder.path().join("none.db"));
    assert_eq!(none.expect("nothing there is nothing"), []);
}

#[test]
fn numbers_have_no_gap_over_commits_and_restarts() {
    let folder = folder();
    let path = folder.path().join("sale.db");
    let (mut ledger, mut stocks) = new_ledger(&path, &[item("sku-1", 100)]);
    for batch in 0..6 {
        if batch == 3 {
            ledger.close().expect("a clean end");
            ledger = reopen(&path).expect("an undamaged ledger").0;
        }
        let orders = (0..batch).map(|number| one_unit(&format!("user-{batch}-{number}")));
        let entries: Vec<_> = orders.flat_map(|order| placed(stocks[0].reserve(order, &POLICY, moment(0))).1).collect();
        ledger.commit(entries.iter()).expect("room on the disk");
    }
    ledger.close().expect("a clean end");
    let numbers: Vec<i64> = reader(&path)
        .prepare("SELECT seq FROM ledger ORDER BY seq")
        .and_then(|mut all| all.query_map([], |row| row.get(0))?.collect())
        .expect("readable");
    assert_eq!(numbers, (1..=16).collect::<Vec<_>>());
}

#[test]
fn every_column_of_an_entry_is_under_the_checksum() {
    let origin = folder();
    let path = origin.path().join("sale.db");
    eventful_ledger(&path).0.close().expect("a clean end");
    // Each change is one that the table's own checks let through.
    let changes = [
        (3, "kind = 8"),
        (3, "at = at + 1"),
        (3, "item = 2"),
        (3, "order_number = 2"),
        (3, "order_number = NULL"),
        (3, "user_id = 'alicf'"),
        (3, "user_id = ''"),
        (3, "user_id = NULL"),
        (3, "quantity = 2"),
        (3, "quantity = NULL"),
        (3, "unit_price = 1"),
        (3, "idempotency_key = 'key-2'"),
        (3, "idempotency_key = NULL"),
        (4, "idempotency_key = ''"),
        (3, "pay_by = pay_by + 1"),
        (3, "pay_by = NULL"),
        (3, "user_live = 0"),
        (3, "supply = supply + 1"),
        (3, "remaining = remaining - 1"),
        (3, "definition = ''"),
        (3, "detail = '{}'"),
        (3, "checksum = checksum + 1"),
        (1, "definition = replace(definition, '1990', '1')"),
        (10, "kind = 8"),
        (11, "quantity = quantity + 1"),
    ];
    for (seq, change) in changes {
        let copy = folder();
        let forged = copy.path().join("sale.db");
        fs::copy(&path, &forged).expect("it is there");
        let rows = shell(&forged).execute(&format!("UPDATE ledger SET {change} WHERE seq = {seq}"), []);
        assert_eq!(rows, Ok(1), "{change}");
        assert_eq!(damaged_at(&forged), seq, "{change}, without a mark");
    }
    let named: Vec<&str> = COLUMNS.split(',').map(str::trim).filter(|column| *column != "seq").collect();
    for column in named {
        let begins = |change: &str| change.split_once(" =").is_some_and(|(name, _)| name == column);
        assert!(changes.iter().any(|(_, change)| begins(change)), "no change of {column} is tried");
    }
}

#[test]
fn an_entry_that_was_taken_out_swapped_or_put_in_is_noticed_at_its_place() {
    let origin = folder();
    let path = origin.path().join("sale.db");
    eventful_ledger(&path).0.close().expect("a clean end");
    let columns = COLUMNS.replace("seq, ", "");
    let put_in = format!("INSERT INTO ledger (seq, {columns}) SELECT 12, {columns} FROM ledger WHERE seq = 10");
    let swap = "UPDATE ledger SET seq = -seq WHERE seq IN (3, 4); UPDATE ledger SET seq = 7 + seq WHERE seq < 0";
    let close_gap = "DELETE FROM ledger WHERE seq = 5; UPDATE ledger SET seq = seq - 1 WHERE seq > 5";
    for (forgery, seq) in [
        ("DELETE FROM ledger WHERE seq = 1", 1),
        ("DELETE FROM ledger WHERE seq = 4", 4),
        (swap, 3),
        (close_gap, 5),
        (put_in.as_str(), 12),
    ] {
        let copy = folder();
        let forged = copy.path().join("sale.db");
        fs::copy(&path, &forged).expect("it is there");
        shell(&forged).execute_batch(forgery).expect("the table lets it through");
        assert_eq!(damaged_at(&forged), seq, "{forgery}");
    }
}

#[test]
fn the_table_itself_refuses_an_oversell() {
    let folder = folder();
    let path = folder.path().join("sale.db");
    eventful_ledger(&path).0.close().expect("a clean end");
    let forger = shell(&path);
    let forge = |change: &str| {
        let columns = COLUMNS.replace("seq, ", "");
        let values = change.split_once(" = ").map(|(column, value)| columns.replacen(column, value, 1));
        let values = values.expect("a column and a value");
        forger.execute(&format!("INSERT INTO ledger ({columns}) SELECT {values} FROM ledger WHERE seq = 3"), [])
    };
    for change in ["remaining = -1", "remaining = supply + 1", "user_live = -1", "quantity = 0", "quantity = -1"] {
        let refused = forge(change).expect_err(change);
        assert_eq!(refused.sqlite_error_code(), Some(rusqlite::ErrorCode::ConstraintViolation), "{change}");
    }
    for change in ["unit_price = -1", "kind = 0", "at = NULL", "at = 'noon'", "supply = NULL"] {
        let refused = forge(change).expect_err(change);
        assert_eq!(refused.sqlite_error_code(), Some(rusqlite::ErrorCode::ConstraintViolation), "{change}");
    }
    assert_eq!(forge("at = 1"), Ok(1), "the forger's hand works");
}

/// The columns of the view `orders`, each as text.
type OrderRow = (String, String, String, i64, i64, i64, String, String, String);

fn told(order: &Order) -> OrderRow {
    (
        order.id.to_string(),
        order.item.to_string(),
        order.user.to_string(),
        i64::from(order.quantity),
        order.unit_price.minor(),
        order.total_price.minor(),
        order.currency.to_string(),
        order.status.as_str().to_owned(),
        order.created_at.to_string(),
    )
}

#[test]
fn the_view_of_orders_tells_what_the_stock_tells() {
    let folder = folder();
    let path = folder.path().join("sale.db");
    let (mut ledger, mut stocks) = eventful_ledger(&path);
    let (_order, entries) = placed(stocks[1].reserve(one_unit("dave"), &POLICY, moment(7)));
    ledger.commit(entries.iter()).expect("room on the disk");
    let reader = reader(&path);
    let columns = "order_id, item_id, user_id, quantity, unit_price, total_price, currency, status, created_at";
    let mut all = reader.prepare(&format!("SELECT {columns} FROM orders")).expect("a view");
    let row = |row: &rusqlite::Row<'_>| <OrderRow>::try_from(row);
    let viewed: Vec<OrderRow> = all.query_map([], row).and_then(Iterator::collect).expect("readable");
    let numbers = [(0, 1), (0, 2), (0, 3), (1, 1)];
    let expected = numbers.map(|(stock, number): (usize, u32)| stocks[stock].order(OrderNumber(number)));
    let expected: Vec<OrderRow> = expected.iter().map(|order| told(order.as_ref().expect("placed"))).collect();
    assert_eq!(viewed, expected);
    let statuses: Vec<&str> = viewed.iter().map(|order| order.7.as_str()).collect();
    assert_eq!(statuses, ["cancelled", "expired", "paid", "pending"]);
    assert_eq!(viewed[0].8, "2026-11-25T12:00:00.100Z");
}

/// The columns of the view `items`.
type ItemRow = (u32, String, String, i64, String, u32, u32, Option<String>, Option<String>, u32);

#[test]
fn the_view_of_items_tells_definition_and_balance() {
    let folder = folder();
    let path = folder.path().join("sale.db");
    let (_ledger, stocks) = eventful_ledger(&path);
    let reader = reader(&path);
    let columns = "item, item_id, title, unit_price, currency, stock, per_user_limit, opens_at, closes_at, remaining";
    let mut all = reader.prepare(&format!("SELECT {columns} FROM items ORDER BY item")).expect("a view");
    let viewed = all.query_map([], |row| <ItemRow>::try_from(row)).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let told = |stock: &Stock| {
        let item = stock.definition();
        let time = |time: Option<Timestamp>| time.map(|time| time.to_string());
        let (id, title, currency) = (item.id.to_string(), item.title.clone(), item.currency.to_string());
        let (opens_at, closes_at) = (time(item.opens_at), time(item.closes_at));
        let (price, limit) = (item.unit_price.minor(), item.per_user_limit);
        (stock.number().0, id, title, price, currency, item.stock, limit, opens_at, closes_at, stock.remaining())
    };
    assert_eq!(viewed, Ok(stocks.iter().map(told).collect()));
}

#[test]
fn a_probe_writes_what_is_there_already() {
    let folder = folder();
    let path = folder.path().join("sale.db");
    let (mut ledger, stocks) = eventful_ledger(&path);
    let log = beside(&path, "-wal");
    let before = fs::read(&log).expect("the log");
    ledger.probe().expect("room on the disk");
    assert!(fs::read(&log).expect("the log") != before, "it does write");
    ledger.close().expect("a clean end");
    assert_eq!(reopen(&path).expect("an undamaged ledger").1.stocks, stocks);
}

#[test]
fn a_probe_of_a_locked_file_says_so_for_certain() {
    let folder = folder();
    let path = folder.path().join("sale.db");
    let (mut ledger, _stocks) = eventful_ledger(&path);
    let somebody = shell(&path);
    somebody.execute_batch("BEGIN IMMEDIATE").expect("nobody writes now");
    let refused = ledger.probe().expect_err("locked");
    assert!(matches!(refused, CommitError::Definite { answer: Unavailable::StorageLocked, .. }), "{refused}");
    somebody.execute_batch("ROLLBACK").expect("its own lock");
    ledger.probe().expect("free again");
}

#[test]
fn an_item_that_changes_before_its_sale_is_recovered_as_changed() {
    let folder = folder();
    let path = folder.path().join("sale.db");
    let (mut ledger, mut stocks) = new_ledger(&path, &[item("sku-1", 5)]);
    let changed = ItemDefinition { per_user_limit: 2, ..item("sku-1", 5) };
    let entry = Stock::creation(ItemNumber(1), changed, moment(1));
    stocks[0].apply(&entry).expect("nobody has bought yet");
    ledger.commit([&entry].into_iter()).expect("room on the disk");
    ledger.close().expect("a clean end");
    let (_ledger, recovered) = reopen(&path).expect("an undamaged ledger");
    assert_eq!(recovered.stocks, stocks);
    assert_eq!(recovered.stocks[0].definition().per_user_limit, 2);
    assert!(recovered.stocks[0].find(&Query::AllOf { user: user("alice") }).is_empty());
}
