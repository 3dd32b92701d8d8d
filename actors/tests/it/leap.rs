//! **Job:** a ledger that was written while the clock was ahead, opened when it is right again.
//! **Owns:** how far ahead.
//! **Never:** sets a clock: the entries are dated, and the sale is opened now.

use std::time::{Duration, SystemTime};

use doorbuster_actors::ids::ItemNumber;
use doorbuster_actors::sale::Outcome;
use doorbuster_actors::stock::{Decision, Stock};
use doorbuster_actors::time::{MAX_LEAD, Timestamp};

use crate::support::{POLICY, TestSale, confirmed, item, one_unit, reopen};

fn now() -> Timestamp {
    let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("it is later");
    Timestamp::from_millis(0).plus(since_1970)
}

#[actix::test]
async fn nobody_who_ordered_when_the_clock_was_ahead_has_longer_to_pay_than_somebody_who_orders_now() {
    let folder = tempfile::tempdir().expect("a folder for the test");
    let path = folder.path().join("sale.db");
    let ahead = now().plus(3 * MAX_LEAD);
    let created = Stock::creation(ItemNumber(1), item("sku-1", 9), ahead);
    let mut stock = Stock::create(&created).expect("a creation");
    let Decision::Placed(_order, entries) = stock.reserve(one_unit("alice"), &POLICY, ahead) else {
        panic!("a unit is left");
    };
    let (mut ledger, _empty) = reopen(&path).expect("a new ledger");
    ledger.commit([&created].into_iter().chain(&entries)).expect("room on the disk");
    ledger.close().expect("a clean end");

    let sale = TestSale::open(&path, &[]).await;
    let pay_within = POLICY.pay_within.expect("orders are to be paid");
    let opened = sale.view.clock.now();
    assert!(opened < ahead, "the clock of now counts");
    let published = sale.published("sku-1");
    assert!(!published.has_overdue(opened), "and nobody has less");
    assert!(published.has_overdue(opened.plus(pay_within)), "it would be hours: {published:?}");

    let after = confirmed(sale.buy("sku-1", one_unit("bob")).await);
    assert_eq!(after.created_at, ahead, "entries stay in order");
    let due = after.pay_by.expect("it is to be paid");
    assert!(due >= opened.plus(pay_within) && due < opened.plus(pay_within + Duration::from_mins(1)), "{after:?}");
    assert!(matches!(sale.buy("sku-1", one_unit("bob")).await, Outcome::Rejected(_)), "one a buyer");
    sale.close().await;
}
