//! **Job:** a data file that has sold for long, written by the ledger itself.
//! **Owns:** its size: millions of live orders of one item.
//! **Never:** writes an order that the stock did not decide.

use std::path::Path;
use std::time::Duration;

use doorbuster_actors::entry::{Entries, Entry};
use doorbuster_actors::ids::ItemNumber;
use doorbuster_actors::item::ItemDefinition;
use doorbuster_actors::ledger::{Durability, Ledger, LedgerSettings};
use doorbuster_actors::letters::Reservation;
use doorbuster_actors::money::Amount;
use doorbuster_actors::stock::{Decision, LatePayment, Stock, Terms};
use doorbuster_actors::time::Timestamp;
use jiff::Timestamp as Wall;

use super::shop::{AMPLE, HOT};

/// Orders of one commit while the file is made. Large, because nobody waits for them.
const BATCH: u32 = 10_000;

/// None of the orders expires while it is measured.
const TERMS: Terms =
    Terms { pay_within: Some(Duration::from_hours(24)), late: LatePayment::Refund, cool_down: Duration::ZERO };

pub(crate) fn write(path: &Path, orders: u32) -> anyhow::Result<()> {
    let settings = LedgerSettings { path: path.to_owned(), durability: Durability::Full };
    let mut ledger = Ledger::open(&settings)?;
    ledger.recover(|_entry| ())?;
    let now = Timestamp::from_millis(Wall::now().as_millisecond());
    let creation = Stock::creation(ItemNumber(1), definition(), now);
    let mut stock = Stock::create(&creation).expect("an entry that creates an item does");
    ledger.commit(std::iter::once(&creation))?;
    for batch in 0..orders.div_ceil(BATCH) {
        let numbers = batch * BATCH..((batch + 1) * BATCH).min(orders);
        let entries: Vec<Entry> = numbers.flat_map(|number| sell(&mut stock, number, now)).collect();
        ledger.commit(entries.iter())?;
        ledger.checkpoint_if_due()?;
    }
    Ok(ledger.close()?)
}

fn sell(stock: &mut Stock, number: u32, now: Timestamp) -> Entries {
    let user = format!("u{number:012}").parse().expect("a user id");
    let key = Some(format!("{number:036}").parse().expect("a key"));
    match stock.reserve(Reservation { user, quantity: 1, key }, &TERMS, now) {
        Decision::Placed(_order, entries) => entries,
        Decision::Replayed(_) | Decision::Rejected(_) => panic!("a unit is left for everybody"),
    }
}

fn definition() -> ItemDefinition {
    ItemDefinition {
        id: HOT.parse().expect("an item id"),
        title: "Hot".to_owned(),
        unit_price: Amount::new(1_990).expect("in range"),
        currency: "CNY".parse().expect("a currency"),
        stock: AMPLE,
        per_user_limit: 1_000_000,
        opens_at: None,
        closes_at: None,
    }
}
