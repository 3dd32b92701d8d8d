//! **Job:** an inventory goes on where an older version of itself has stopped.
//! **Owns:** what the file in `data/` holds, which a release from before the new order ids wrote: orders in every
//! state.
//! **Never:** edits that file: a copy is opened.

use std::fs;
use std::path::Path;

use serde_json::json;

use super::feed::{Feed, line};
use super::stream::{connect, over, publish};
use crate::support::{ADMIN_TOKEN, Books, Inventory, RedisServer};

/// The last entry that the older version has applied.
const CURSOR: usize = 11;

/// Orders of the file, as later entries call them.
const PENDING: &str = "C0110000001N";
const PAID: &str = "C0110000002K";
const DUE: &str = "C0110000004F";
/// The other item's, which is pending.
const OTHER: &str = "C0120000001C";

fn of_an_older_version(inventory: &Inventory) {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/data/inventory-1.db");
    fs::copy(from, inventory.data_file()).expect("the folder takes files");
}

fn books(first: (i64, i64, i64), second: (i64, i64, i64)) -> Books {
    Books::from([("sku-1".to_owned(), first), ("sku-2".to_owned(), second)])
}

/// What is told after the cursor. The first of it was written before the upgrade, and has a name of the old form.
fn later() -> Vec<String> {
    let entries = [
        ("paid", Some("1-2-1"), "sku-2"),
        ("paid", Some(PENDING), "sku-1"),
        ("refunded", Some(DUE), "sku-1"),
        ("refund_due", Some(PAID), "sku-1"),
        ("placed", Some("C0110000005D"), "sku-1"),
    ];
    let entry = |(index, (kind, order, item)): (usize, &(&str, Option<&str>, &str))| {
        line(CURSOR + 1 + index, kind, *order, item, 1)
    };
    entries.iter().enumerate().map(entry).collect()
}

fn expect_all_of_it(inventory: &mut Inventory) {
    inventory.wait_for_cursor(CURSOR + 5);
    assert_eq!(inventory.books(), books((20, 1, 1), (20, 0, 1)));
    assert_eq!(inventory.stock()["dead_letters"], 0, "{}", inventory.log());
    assert!(inventory.terminate().success());
    let held = inventory.held();
    for (order, status) in [(PENDING, "paid"), (PAID, "refund_due"), (DUE, "refunded"), (OTHER, "paid")] {
        assert_eq!(held[order].2, status, "{order} of {held:?}");
    }
    assert!(held.keys().all(|name| !name.contains('-')), "{held:?}");
}

#[test]
fn an_order_that_was_placed_before_the_upgrade_is_paid_after_it() {
    let before = (1..=CURSOR).map(|seq| line(seq, "paused", None, "sku-1", 1)).collect::<Vec<_>>();
    let feed = Feed::start(ADMIN_TOKEN, before.clone());
    let mut inventory = Inventory::of(&feed.url());
    of_an_older_version(&inventory);
    inventory.start();
    inventory.wait_for_cursor(CURSOR);
    assert_eq!(inventory.books(), books((20, 1, 1), (20, 1, 0)), "as the older version left them");
    feed.append(&later());
    expect_all_of_it(&mut inventory);
}

#[test]
fn the_same_holds_for_what_an_older_relay_has_left_in_redis() {
    let redis = RedisServer::start();
    publish(&mut connect(&redis), CURSOR + 1, &later()).expect("redis runs");
    let mut inventory = over(&redis);
    of_an_older_version(&inventory);
    inventory.start();
    expect_all_of_it(&mut inventory);
}

#[test]
fn what_operators_do_and_refunds_end_in_the_books() {
    let entry = |(index, (kind, order, item, quantity)): (usize, &(&str, Option<&str>, &str, u32))| {
        line(index + 1, kind, *order, item, *quantity)
    };
    let mut lines: Vec<_> = [
        ("item", None, "sku-1", 10),
        ("item", None, "slip", 1_000),
        ("placed", Some("A"), "sku-1", 2),
        ("paid", Some("A"), "sku-1", 2),
        ("placed", Some("B"), "sku-1", 3),
        ("paid", Some("B"), "sku-1", 3),
        ("withdrawn", None, "sku-1", 5),
        ("refund_due", Some("A"), "sku-1", 2),
        ("refunded", Some("A"), "sku-1", 2),
        ("refunded", Some("B"), "sku-1", 3),
        ("closed", None, "sku-1", 1),
        ("reopened", None, "sku-1", 1),
        ("hidden", None, "sku-1", 1),
        ("shown", None, "sku-1", 1),
        ("deleted", None, "slip", 1),
    ]
    .iter()
    .enumerate()
    .map(entry)
    .collect();
    // Money of no order has no item.
    for kind in ["payment", "settled"] {
        let seq = lines.len() + 1;
        lines.push(
            json!({"seq": seq, "kind": kind, "order_id": null, "item_id": null, "user_id": null,
            "quantity": null, "unit_price": null, "currency": "CNY", "remaining": 0, "amount": 5})
            .to_string(),
        );
    }
    let feed = Feed::start(ADMIN_TOKEN, lines.clone());
    let mut inventory = Inventory::of(&feed.url());
    inventory.start();
    inventory.wait_for_cursor(lines.len());
    assert_eq!(inventory.stock()["dead_letters"], 0, "{}", inventory.log());
    // What is deleted is gone, and its name is free for another item.
    assert_eq!(inventory.books(), Books::from([("sku-1".to_owned(), (5, 0, 0))]));
    feed.append(&[line(lines.len() + 1, "item", None, "slip", 7)]);
    inventory.wait_for_cursor(lines.len() + 1);
    assert_eq!(inventory.books()["slip"], (7, 0, 0));
    // One that has orders cannot go.
    feed.append(&[line(lines.len() + 2, "deleted", None, "sku-1", 1)]);
    inventory.wait_for_cursor(lines.len() + 2);
    assert_eq!((inventory.stock()["dead_letters"].as_u64(), inventory.books()["sku-1"]), (Some(1), (5, 0, 0)));
}
