//! **Job:** builds a whole sale without HTTP: ledger, writer, cores on threads of their own, a guest who sends
//! messages.
//! **Owns:** the patience of the tests, their seed, and what items and buyers look like in them.
//! **Never:** reaches around the public interface of the crate.

#![expect(clippy::print_stdout, reason = "what a failure is repeated and understood from")]
#![expect(clippy::disallowed_methods, reason = "reads the seed of a run, waits for processes, and is no actor")]

mod child;
pub(crate) mod files;
pub(crate) mod lab;
pub(crate) mod model;
mod sale;

use std::path::Path;
use std::time::{Duration, Instant};

use doorbuster_actors::data_file::Creation;
use doorbuster_actors::entry::{Entries, Order};
use doorbuster_actors::ids::{ItemNumber, UserId};
use doorbuster_actors::item::{Amount, ItemDefinition};
use doorbuster_actors::ledger::{Durability, Ledger, LedgerError, LedgerSettings, Recovered};
use doorbuster_actors::request::Reservation;
use doorbuster_actors::sale::Outcome;
use doorbuster_actors::stock::{Decision, LatePayment, SalePolicy, Stock};
use doorbuster_actors::time::Timestamp;

pub(crate) use child::{is_child, on_this_thread, run_as_child};
pub(crate) use sale::TestSale;

/// How long a test waits for what must come. Far longer than it takes, so that only a real hang reaches it.
const PATIENCE: Duration = Duration::from_secs(30);

/// The seed of this run: `TEST_SEED` if it is set. Printed, so that a failure can be repeated.
pub(crate) fn seed() -> u64 {
    let seed = std::env::var("TEST_SEED").map_or(20_261_122, |text| text.parse().expect("TEST_SEED is a number"));
    println!("seed: {seed} (TEST_SEED=n repeats it)");
    seed
}

/// A moment of the pure tests: `millis` after an arbitrary noon.
pub(crate) fn moment(millis: i64) -> Timestamp {
    Timestamp::from_millis(1_795_608_000_000 + millis)
}

/// An item with `stock` units, one per buyer, 19.90 each, for sale at once and for ever.
pub(crate) fn item(id: &str, stock: u32) -> ItemDefinition {
    ItemDefinition {
        id: id.parse().expect("a legal item id"),
        title: format!("The \"{id}\" of the tests"),
        description: None,
        image_url: None,
        unit_price: Amount::new(1990).expect("in range"),
        currency: "CNY".parse().expect("a currency"),
        stock,
        per_user_limit: 1,
        opens_at: None,
        closes_at: None,
    }
}

/// A buyer.
pub(crate) fn user(name: &str) -> UserId {
    name.parse().expect("a legal user id")
}

/// Orders are to be paid within a quarter of an hour, late payments go back, nobody has to cool down.
pub(crate) const POLICY: SalePolicy =
    SalePolicy { pay_within: Some(Duration::from_mins(15)), late: LatePayment::Refund, cool_down: Duration::ZERO };

/// Orders need no payment.
pub(crate) const NOTHING_TO_PAY: SalePolicy = SalePolicy { pay_within: None, ..POLICY };

/// One unit for `name`, without a key.
pub(crate) fn one_unit(name: &str) -> Reservation {
    Reservation { user: user(name), quantity: 1, key: None }
}

/// The same purchase under a key.
pub(crate) fn keyed(mut reservation: Reservation, key: &str) -> Reservation {
    reservation.key = Some(key.parse().expect("a legal key"));
    reservation
}

/// The order of a purchase that was confirmed.
pub(crate) fn confirmed(outcome: Outcome) -> Order {
    match outcome {
        Outcome::Confirmed(confirmed) => confirmed.into_order(),
        outcome @ (Outcome::Replayed(_) | Outcome::Rejected(_) | Outcome::Unavailable(_)) => {
            panic!("not confirmed: {outcome:?}")
        }
    }
}

/// The order and entries of a decision that placed one.
pub(crate) fn placed(decision: Decision) -> (Order, Entries) {
    match decision {
        Decision::Placed(order, entries) => (order, entries),
        decision @ (Decision::Replayed(_) | Decision::Rejected(_)) => panic!("not placed: {decision:?}"),
    }
}

/// Settings of a ledger that survives a power cut.
pub(crate) fn durable(path: &Path) -> LedgerSettings {
    LedgerSettings { path: path.to_owned(), durability: Durability::Full, creation: Creation::Allowed }
}

/// Opens and recovers a ledger.
pub(crate) fn reopen(path: &Path) -> Result<(Ledger, Recovered), LedgerError> {
    Ledger::open(&durable(path), |_entry| ())
}

/// An open ledger with these items, and their states.
pub(crate) fn new_ledger(path: &Path, items: &[ItemDefinition]) -> (Ledger, Vec<Stock>) {
    let (mut ledger, _empty) = reopen(path).expect("a new ledger");
    let numbered = items.iter().zip(1..);
    let entries: Vec<_> = numbered
        .map(|(definition, number)| Stock::creation(ItemNumber(number), definition.clone(), moment(0)))
        .collect();
    ledger.commit(entries.iter()).expect("room on the disk");
    let stocks = entries.iter().map(|entry| Stock::create(entry).expect("a creation")).collect();
    (ledger, stocks)
}

/// Waits until something holds that is bound to come. A poll, not a race: what is waited for never goes away again.
pub(crate) async fn until(what: &str, holds: impl Fn() -> bool) {
    let started = Instant::now();
    while !holds() {
        assert!(started.elapsed() < PATIENCE, "waited in vain until {what}");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// Awaits what must come, or fails by name instead of hanging.
pub(crate) async fn in_time<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.unwrap_or_else(|_elapsed| panic!("waited in vain for {what}"))
}
