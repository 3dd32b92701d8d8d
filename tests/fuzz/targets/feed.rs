//! **Job:** entries of the feed: as the server writes them, and as nobody should.
//! **Owns:** that the inventory reads what the server writes, and that its books survive any lines.
//! **Never:** knows how a line is put together.

use std::cell::RefCell;

use doorbuster_actors::entry::{Change, Entry, NO_ITEM};
use doorbuster_actors::ledger::Row;

use super::bytes::Bytes;
use super::ledger::{Written, item_row};
use super::recovery::scratch;
use crate::feed::cloud_events::CloudEvent;
use crate::feed::reader::told;
use crate::inventory::fuzzing::{Books, read};

/// What the ledger can hold the feed can tell, and the inventory reads it as it was meant.
///
/// # Panics
/// It does not hold.
pub fn feed_entry(input: &[u8]) {
    let mut bytes = Bytes(input);
    let written = Written::from(&mut bytes);
    let Ok(entry) = written.row().to_entry() else { return };
    let is_money = matches!(entry.change, Change::Payment(_) | Change::Settled(_));
    if entry.item == NO_ITEM && !is_money {
        // No state has it: see `ledger_fold`.
        return;
    }
    let (row, definition) = (Row::of(7, &entry), item_row(written.item));
    let defining = if row.definition.is_some() { &row } else { &definition };
    let line = told(7, &row, defining).expect("what the ledger holds can be told");
    let mut event = Vec::new();
    CloudEvent::write(&line, &mut event);
    let event: serde_json::Value = serde_json::from_slice(&event).expect("JSON");
    assert_eq!(event["data"]["seq"], 7);
    let meant = read(7, &line);
    let is_sold = !matches!(&entry.change, Change::Order(order) if order.quantity == 0);
    match meant {
        Ok(meaning) => assert_eq!(meaning, (entry_kind(&event), units(&entry)), "{event}"),
        // The stock moves at least one unit; a ledger that says otherwise was not written by it.
        Err(unfit) => assert!(!is_sold || units(&entry) == Some(0), "{unfit}: {event}"),
    }
}

fn entry_kind(event: &serde_json::Value) -> &str {
    event["type"].as_str().and_then(|kind| kind.strip_prefix("doorbuster.")).expect("a kind")
}

fn units(entry: &Entry) -> Option<i64> {
    match &entry.change {
        Change::Item(definition) => Some(definition.stock.into()),
        Change::Order(order) => Some(order.quantity.into()),
        Change::Restocked { quantity } | Change::Withdrawn { quantity } => Some((*quantity).into()),
        Change::Payment(_) | Change::Settled(_) | Change::Switched(_) => None,
    }
}

thread_local! {
    static BOOKS: RefCell<Option<Books>> = const { RefCell::new(None) };
}

/// Any lines, as entries 1, 2, 3 of a feed: each is applied or given up, and the books add up.
///
/// # Panics
/// It does not hold.
pub fn feed_lines(input: &[u8]) {
    BOOKS.with_borrow_mut(|books| {
        let books = books.get_or_insert_with(|| Books::open(&scratch("inventory").join("inventory.db")));
        books.forget(1);
        books.hear(input.split(|byte| *byte == b'\n').take(16));
    });
}
