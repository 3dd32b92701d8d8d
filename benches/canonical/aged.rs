//! **Job:** a data file that has sold for long, written by the ledger itself.
//! **Owns:** its size: millions of live orders of one item.
//! **Never:** writes an order that the stock did not decide.

use std::path::Path;
use std::time::Duration;

use doorbuster_actors::entry::Entry;
use doorbuster_actors::ids::ItemNumber;
use doorbuster_actors::item::ItemDefinition;
use doorbuster_actors::ledger::Ledger;
use doorbuster_actors::stock::{SalePolicy, Stock};
use doorbuster_actors::time::Timestamp;
use jiff::Timestamp as Wall;

use super::ledger_kit::{self, durable, item, keyed, one_unit, placed};
use super::shop::{AMPLE, HOT};

/// Orders of one commit while the file is made. Large, because nobody waits for them.
const BATCH: u32 = 10_000;

/// None of the orders expires while it is measured.
const POLICY: SalePolicy = SalePolicy { pay_within: Some(Duration::from_hours(24)), ..ledger_kit::POLICY };

pub(crate) fn write(path: &Path, orders: u32) -> anyhow::Result<()> {
    let (mut ledger, _empty) = Ledger::open(&durable(path), |_entry| ())?;
    let now = Timestamp::from_millis(Wall::now().as_millisecond());
    let creation =
        Stock::creation(ItemNumber(1), ItemDefinition { per_user_limit: 1_000_000, ..item(HOT, AMPLE) }, now);
    let mut stock = Stock::create(&creation).expect("an entry that creates an item does");
    ledger.commit(std::iter::once(&creation))?;
    for batch in 0..orders.div_ceil(BATCH) {
        let numbers = batch * BATCH..((batch + 1) * BATCH).min(orders);
        let orders = numbers.map(|number| keyed(one_unit(&format!("u{number:012}")), &format!("{number:036}")));
        let entries: Vec<Entry> = orders.flat_map(|order| placed(stock.reserve(order, &POLICY, now)).1).collect();
        ledger.commit(entries.iter())?;
        ledger.checkpoint_if_due()?;
    }
    Ok(ledger.close()?)
}
