//! **Job:** every entry counts once, a poison entry stands in nobody's way.
//! **Owns:** a feed in memory and the books it must lead to.
//! **Never:** waits: pauses are counted.

use std::collections::BTreeMap;
use std::path::PathBuf;

use proptest::prelude::*;

use super::*;
use crate::inventory::reader::{Reader, Stock};
use crate::inventory::source::following;

const NOW: &str = "2026-11-22T12:00:00.000Z";

struct File {
    _folder: tempfile::TempDir,
    path: PathBuf,
}

fn file() -> File {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let path = folder.path().join("inventory.db");
    File { _folder: folder, path }
}

impl File {
    fn open(&self) -> Store {
        Store::open(&self.path).expect("our file")
    }

    fn stock(&self) -> Stock {
        Reader::open(&self.path).and_then(|mut reader| reader.stock()).expect("readable")
    }

    /// `(stock, allocated, shipped)` of an item.
    fn units(&self, item: &str) -> (i64, i64, i64) {
        let stock = self.stock();
        let found = stock.items.iter().find(|found| found.item_id == item).expect("the item is known");
        assert_eq!(found.available, found.stock - found.allocated - found.shipped);
        (found.stock, found.allocated, found.shipped)
    }
}

fn feed(lines: &[String]) -> Vec<Delivery> {
    let delivery =
        |(index, line): (usize, &String)| Delivery { seq: index as u64 + 1, text: line.clone().into_bytes() };
    lines.iter().enumerate().map(delivery).collect()
}

fn line(seq: usize, kind: &str, order: Option<&str>, item: &str, quantity: i64) -> String {
    serde_json::json!({"seq": seq, "kind": kind, "order_id": order, "item_id": item, "user_id": order.map(|_| "ada"),
        "quantity": quantity, "at": NOW})
    .to_string()
}

fn apply(store: &mut Store, deliveries: &[Delivery]) -> (Applied, u32) {
    let mut pauses = 0;
    let applied = store.apply(deliveries, NOW, &mut |_| pauses += 1).expect("the file works");
    (applied, pauses)
}

#[test]
fn the_books_follow_the_orders() {
    let (file, mut seq) = (file(), 0);
    let mut next = |kind, order, quantity| {
        seq += 1;
        line(seq, kind, order, "a", quantity)
    };
    let lines = [
        next("item", None, 10),
        next("placed", Some("1"), 2),
        next("placed", Some("2"), 3),
        next("placed", Some("3"), 1),
        next("paid", Some("1"), 2),
        next("cancelled", Some("2"), 3),
        next("paused", None, 0),
        next("restocked", None, 5),
        next("expired", Some("3"), 1),
        next("paid", Some("3"), 1),
        next("refund_due", Some("2"), 3),
        next("closed", None, 0),
    ];
    let (applied, pauses) = apply(&mut file.open(), &feed(&lines));
    assert_eq!((applied.cursor, applied.kinds.len(), applied.dead.len(), pauses), (12, 12, 0, 0));
    assert_eq!(file.units("a"), (15, 0, 3));
}

#[test]
fn a_poison_entry_is_tried_five_times_then_given_up_alone() {
    let poison = [
        "not json".to_owned(),
        line(3, "stolen", Some("1"), "a", 1),
        line(3, "placed", Some("9"), "a", 11),
        line(3, "placed", Some("1"), "a", 1),
        line(3, "placed", Some("9"), "b", 1),
        line(3, "paid", Some("9"), "a", 1),
        line(3, "restocked", None, "b", 1),
        line(4, "paid", Some("1"), "a", 1),
        "x".repeat(100_000),
    ];
    for entry in poison {
        let file = file();
        let lines = [
            line(1, "item", None, "a", 10),
            line(2, "placed", Some("1"), "a", 1),
            entry.clone(),
            line(4, "placed", Some("2"), "a", 9),
        ];
        let (applied, pauses) = apply(&mut file.open(), &feed(&lines));
        assert_eq!((applied.cursor, applied.kinds.len(), pauses), (4, 3, TRIES - 1), "{entry:.80}");
        assert_eq!(applied.dead.iter().map(|(seq, _)| *seq).collect::<Vec<_>>(), [3], "{entry:.80}");
        assert_eq!((file.stock().dead_letters, file.units("a")), (1, (10, 10, 0)), "{entry:.80}");
        let (letter, at): (String, String) = file
            .open()
            .connection
            .query_row("SELECT entry, at FROM dead_letter WHERE seq = 3", [], |row| Ok((row.get(0)?, row.get(1)?)))
            .expect("the letter is kept");
        assert!(entry.starts_with(&letter) && letter.len() <= MAX_LETTER && at == NOW);
    }
}

#[test]
fn what_is_not_committed_leaves_no_trace() {
    let file = file();
    let lines = [line(1, "item", None, "a", 10), line(2, "placed", Some("1"), "a", 1)];
    let mut store = file.open();
    apply(&mut store, &feed(&lines)[..1]);
    {
        let mut transaction = store.connection.transaction().expect("a transaction");
        let done = insist(&mut transaction, &feed(&lines)[1], &mut |_| {}).expect("the file works");
        assert_eq!(done, Ok(Kind::Placed));
    }
    assert_eq!((file.stock().cursor, file.units("a")), (1, (10, 0, 0)));
    apply(&mut store, &feed(&lines)[1..]);
    assert_eq!((file.stock().cursor, file.units("a")), (2, (10, 1, 0)));
}

#[test]
fn the_cursor_moves_with_what_was_applied_and_not_before() {
    let file = file();
    let lines = [line(1, "item", None, "a", 10), line(2, "placed", Some("1"), "a", 1), "nonsense".to_owned()];
    let mut seen = Vec::new();
    // Between the tries of an entry the file is as somebody would find it who comes after a kill.
    file.open().apply(&feed(&lines), NOW, &mut |_| seen.push(file.stock().cursor)).expect("the file works");
    assert_eq!(seen, [0; TRIES as usize - 1]);
    assert_eq!((file.stock().cursor, file.units("a")), (3, (10, 1, 0)));
}

#[test]
#[should_panic(expected = "one by one")]
fn an_entry_out_of_order_is_never_applied() {
    let lines = [line(1, "item", None, "a", 10), line(2, "restocked", None, "a", 1)];
    apply(&mut file().open(), &feed(&lines)[1..]);
}

/// A sale: an item of `stock` units, orders of one unit, and what became of each.
fn sale(stock: i64, fates: &[u8]) -> Vec<String> {
    let mut lines = vec![line(1, "item", None, "a", stock)];
    let mut push = |kind, order: Option<&str>, quantity| {
        lines.push(line(lines.len() + 1, kind, order, "a", quantity));
    };
    for (number, fate) in fates.iter().enumerate() {
        let order = number.to_string();
        let steps: &[&str] = match fate {
            0 => &["placed"],
            1 => &["placed", "paid"],
            2 => &["placed", "cancelled"],
            3 => &["placed", "expired", "refund_due"],
            4 => &["placed", "expired", "paid"],
            5 => &["nonsense"],
            _ => &["restocked"],
        };
        for step in steps {
            push(step, (*step != "restocked").then_some(order.as_str()), 1);
        }
    }
    lines
}

/// The books after `lines`, by the plainest of means: the last word about each order counts.
fn expected(stock: i64, fates: &[u8]) -> (i64, i64, i64) {
    let count = |wanted: &[u8]| fates.iter().filter(|fate| wanted.contains(fate)).map(|_| 1).sum::<i64>();
    (stock + count(&[6]), count(&[0]), count(&[1, 4]))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn every_entry_counts_once_whatever_is_delivered_twice_and_whenever_it_is_killed(
        fates in prop::collection::vec(0u8..7, 1..24),
        looks in prop::collection::vec((0usize..8, 0usize..12, any::<bool>()), 1..24),
    ) {
        let (file, stock) = (file(), 100);
        let lines = feed(&sale(stock, &fates));
        let mut store = file.open();
        let end = lines.len();
        // Each look delivers some entries again, some new ones, and may be the last of this life.
        let looks = looks.into_iter().chain(std::iter::repeat_with(|| (2, 5, false)));
        for (again, new, dies) in looks {
            let cursor = store.cursor().expect("readable");
            if cursor == end as u64 {
                break;
            }
            let at = usize::try_from(cursor).expect("a short feed");
            let delivered = lines[at.saturating_sub(again)..(at + new).min(end)].to_vec();
            let follow = following(cursor, delivered).expect("no gap");
            apply(&mut store, &follow);
            if dies {
                // Some more, not committed: `kill -9` leaves an open transaction behind.
                let mut transaction = store.connection.transaction().expect("a transaction");
                if let Some(next) = lines.get(at + follow.len()) {
                    insist(&mut transaction, next, &mut |_| {}).expect("the file works").ok();
                }
                drop(transaction);
                drop(store);
                store = file.open();
            }
        }
        prop_assert_eq!(file.units("a"), expected(stock, &fates));
        let nonsense = fates.iter().filter(|fate| **fate == 5).map(|_| 1).sum::<u64>();
        prop_assert_eq!((file.stock().cursor, file.stock().dead_letters), (end as u64, nonsense));
        let mut orders = BTreeMap::new();
        for fate in &fates {
            *orders.entry(*fate).or_insert(0) += 1;
        }
        let sql = "SELECT count(*) FROM held";
        let held: i64 = store.connection.query_row(sql, [], |row| row.get(0)).expect("readable");
        let placed: i64 = orders.iter().filter(|(fate, _)| **fate < 5).map(|(_, count)| count).sum();
        prop_assert_eq!(held, placed);
    }
}
