//! **Job:** runs the simulated shops in front of the product's own inventory: the feed's lines as the server writes
//! them, read and booked by the code of the inventory.
//! **Owns:** which row tells what of an item, as the feed's reader knows it.
//! **Never:** is a part of the product: this is the one place that sees both sides of the wall, and only tests do.
//!
//! `SIMULATED_SHOPS=100000` makes a campaign of it.

use std::collections::HashMap;

use doorbuster_actors::ids::OrderId;
use doorbuster_actors::ledger::{Kind, Row};
use simulation::consumer::Books;
use simulation::disk::Disk;
use simulation::violation::{Outcome, hold};
use simulation::{plan, run_before};

use crate::inventory::fuzzing::BooksInMemory;

#[path = "../../actors/tests/simulation/mod.rs"]
#[expect(dead_code, reason = "its controls and stories are run where it is at home")]
mod simulation;

/// Runs of an ordinary test, and purchases of a run.
const SHOPS: u64 = 500;
const PURCHASES: usize = 60;

#[derive(Debug, Clone, Default)]
struct Inventory {
    books: BooksInMemory,
    /// By the number of an item: its name, and the row that defines it.
    items: HashMap<i64, (String, u64)>,
}

impl Books for Inventory {
    fn apply(&mut self, row: &Row<'_>, disk: &Disk) -> Outcome {
        let seq = u64::try_from(row.seq).expect("rows are counted from 1");
        if Kind::from_number(row.kind) == Some(Kind::Item) {
            let definition: serde_json::Value =
                row.definition.as_deref().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
            let name = definition["id"].as_str().unwrap_or_default().to_owned();
            self.items.insert(row.item, (name, seq));
        }
        // What belongs to no item says nothing that the books keep; the feed tells it all the same.
        let Some((name, defining)) = self.items.get(&row.item) else { return Ok(()) };
        let line = crate::feed::reader::told(seq, row, &disk.row(*defining)).expect("a row of a ledger can be told");
        let heard = self.books.hear(seq, &line);
        hold(heard.is_ok(), "I9", || format!("{heard:?} of entry {seq}: {}", String::from_utf8_lossy(&line)))?;
        let Some(units) = self.books.units(name) else { return Ok(()) };
        hold(units == (row.supply, row.remaining), "I9", || format!("{units:?} after entry {seq}: {row:?}"))
    }

    fn units(&self, item: i64) -> Option<(i64, i64)> {
        self.books.units(&self.items.get(&item)?.0)
    }

    fn orders(&self, item: i64) -> usize {
        let is_of = |name: &&str| name.parse::<OrderId>().is_ok_and(|order| i64::from(order.item.0) == item);
        self.books.orders().filter(is_of).count()
    }

    fn copy(&self) -> Box<dyn Books> {
        Box::new(self.clone())
    }
}

#[expect(clippy::disallowed_methods, reason = "seeds and a campaign are asked for by the environment")]
fn asked(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |text| text.parse().expect("a number"))
}

#[test]
fn the_inventorys_books_are_those_of_every_simulated_shop() {
    let (first, shops) = (asked("TEST_SEED", 20_261_122), asked("SIMULATED_SHOPS", SHOPS));
    println!("seed: {first} (TEST_SEED=n repeats it)");
    let mut entries = 0;
    for seed in first..first + shops {
        let report = run_before(Box::<Inventory>::default(), &plan::draw(seed, PURCHASES), (None, false));
        let told = || run_before(Box::<Inventory>::default(), &plan::draw(seed, PURCHASES), (None, true)).story;
        assert!(report.violation.is_none(), "seed {seed}: {:?}\n{}", report.violation, told().join("\n"));
        entries += report.stats.seen.get("placed").copied().unwrap_or_default();
    }
    println!("{shops} shops from seed {first} on, {entries} orders: the inventory's books are theirs");
    assert!(entries > shops, "hardly anything was sold");
}
