//! **Job:** what the owner of the sale may change while it runs, and that any mixture of everything adds up.
//! **Owns:** the rules of restock, pause, resume, close and redefinition, one test each.
//! **Never:** goes through the operations listener: its tests do.

use std::time::Duration;

use doorbuster_actors::entry::{PaymentResult, Status};
use doorbuster_actors::ids::OrderNumber;
use doorbuster_actors::item::{Amount, ItemDefinition};
use doorbuster_actors::request::Control::{self, Close, Pause, Redefine, Restock, Resume};
use doorbuster_actors::request::Rejection;
use doorbuster_actors::stock::{LatePayment, MAX_SUPPLY};
use proptest::prelude::*;

use super::house::{House, PAY_WITHIN_MS, at, definition, payment, policy};

/// When the scheduled item of these tests opens, in milliseconds.
const OPENS_MS: i64 = 1_000;

fn open_house(stock: u32) -> House {
    House::open(definition(stock, 9), policy(LatePayment::Refund))
}

fn scheduled() -> ItemDefinition {
    ItemDefinition { opens_at: Some(at(OPENS_MS)), ..definition(5, 1) }
}

fn redefine(change: impl FnOnce(&mut ItemDefinition)) -> Control {
    let mut changed = scheduled();
    change(&mut changed);
    Redefine(Box::new(changed))
}

#[test]
fn a_restock_raises_supply_and_remaining_and_sells_at_once() {
    let mut house = open_house(1);
    house.buy("ann", 1, at(1)).expect("a unit is left");
    assert_eq!(house.buy("bob", 1, at(1)), Err(Rejection::SoldOut { remaining: 0 }));
    assert_eq!(house.control(&Restock { quantity: 2 }, at(1)), Ok(1));
    assert_eq!((house.stock.supply(), house.stock.remaining()), (3, 2));
    assert!(house.buy("bob", 2, at(1)).is_ok());
    assert_eq!(house.control(&Restock { quantity: 2 }, at(1)), Ok(1), "a restock is not idempotent");
    assert_eq!(house.stock.supply(), 5);
    house.assert_replays();
}

#[test]
fn a_restock_cannot_leave_the_range_of_a_count() {
    let mut house = open_house(1);
    assert_eq!(house.control(&Restock { quantity: MAX_SUPPLY - 1 }, at(1)), Ok(1));
    for quantity in [1, u32::MAX] {
        assert_eq!(house.control(&Restock { quantity }, at(1)), Err(Rejection::SupplyOutOfRange));
    }
    assert_eq!(house.stock.supply(), MAX_SUPPLY);
    house.assert_replays();
}

#[test]
fn a_paused_sale_sells_nothing_but_its_orders_go_on() {
    let mut house = open_house(5);
    for buyer in ["ann", "bob", "cid"] {
        house.buy(buyer, 1, at(1)).expect("a unit is left");
    }
    assert_eq!(house.control(&Pause, at(2)), Ok(1));
    assert_eq!(house.control(&Pause, at(2)), Ok(0), "it is paused already");
    assert_eq!(house.buy("dan", 1, at(2)), Err(Rejection::SalePaused));
    assert_eq!(house.pay(OrderNumber(1), &payment("e1", PaymentResult::Succeeded, 1), at(2)).0, Ok(Status::Paid));
    assert_eq!(house.cancel(OrderNumber(2), "bob", at(2)).0, Ok(Status::Cancelled));
    assert_eq!(house.tick(at(PAY_WITHIN_MS + 1)), [Status::Expired]);
    assert_eq!(house.control(&Resume, at(PAY_WITHIN_MS + 2)), Ok(1));
    assert_eq!(house.control(&Resume, at(PAY_WITHIN_MS + 2)), Ok(0), "it goes on already");
    assert!(house.buy("dan", 1, at(PAY_WITHIN_MS + 2)).is_ok());
    house.assert_replays();
}

#[test]
fn a_closed_sale_is_closed_for_good_but_its_orders_go_on() {
    let mut house = open_house(5);
    house.buy("ann", 1, at(1)).expect("a unit is left");
    assert_eq!(house.control(&Close, at(2)), Ok(1));
    assert_eq!(house.control(&Close, at(2)), Ok(0), "it is closed already");
    for control in [Pause, Resume, Restock { quantity: 1 }] {
        assert_eq!(house.control(&control, at(2)), Err(Rejection::SaleClosed), "{control:?}");
    }
    assert_eq!(house.buy("bob", 1, at(2)), Err(Rejection::SaleClosed));
    assert_eq!(house.pay(OrderNumber(1), &payment("e1", PaymentResult::Succeeded, 1), at(2)).0, Ok(Status::Paid));
    house.assert_replays();
}

#[test]
fn a_scheduled_item_may_change_in_all_but_its_stock() {
    let mut house = House::open(scheduled(), policy(LatePayment::Refund));
    assert_eq!(house.control(&redefine(|_same| {}), at(1)), Ok(0), "nothing changes");
    assert_eq!(house.control(&redefine(|item| item.stock = 6), at(1)), Err(Rejection::StockFixed));
    let changed = redefine(|item| {
        item.title = "Air freshener, large".to_owned();
        item.unit_price = Amount::new(2_990).expect("in range");
        item.currency = "EUR".parse().expect("a currency");
        item.per_user_limit = 2;
        item.opens_at = Some(at(OPENS_MS + 5));
        item.closes_at = Some(at(OPENS_MS + 10));
    });
    assert_eq!(house.control(&changed, at(1)), Ok(1));
    let not_started = Rejection::SaleNotStarted { opens_at: at(OPENS_MS + 5), retry_after: Duration::from_millis(5) };
    assert_eq!(house.buy("ann", 1, at(OPENS_MS)), Err(not_started));
    let order = house.buy("ann", 2, at(OPENS_MS + 5)).expect("the new limit, at the new time");
    assert_eq!((order.unit_price.minor(), order.currency.as_str()), (2_990, "EUR"));
    assert_eq!(house.buy("bob", 1, at(OPENS_MS + 10)), Err(Rejection::SaleClosed));
    house.assert_replays();
}

#[test]
fn an_item_whose_sale_has_begun_does_not_change() {
    let mut house = House::open(scheduled(), policy(LatePayment::Refund));
    let dearer = redefine(|item| item.unit_price = Amount::new(1).expect("in range"));
    assert_eq!(house.control(&dearer, at(OPENS_MS)), Err(Rejection::NotScheduled), "at the first moment");
    assert_eq!(house.control(&redefine(|_same| {}), at(OPENS_MS)), Ok(0), "the same again is no change");
    let later = redefine(|item| item.opens_at = Some(at(2 * OPENS_MS)));
    assert_eq!(house.control(&later, at(OPENS_MS)), Err(Rejection::NotScheduled), "an open sale stays open");
    house.assert_replays();
}

#[test]
fn a_restock_before_the_sale_does_not_make_the_first_definition_another_one() {
    let mut house = House::open(scheduled(), policy(LatePayment::Refund));
    assert_eq!(house.control(&Restock { quantity: 3 }, at(1)), Ok(1));
    assert_eq!(house.control(&redefine(|_same| {}), at(2)), Ok(0), "putting the item up again is no change");
    assert_eq!(house.control(&redefine(|item| item.per_user_limit = 8), at(2)), Ok(1));
    assert_eq!((house.stock.supply(), house.stock.remaining()), (8, 8), "the restock stays");
    assert!(house.buy("ann", 8, at(OPENS_MS)).is_ok());
    house.assert_replays();
}

/// Anything that can happen to an item of three buyers.
#[derive(Debug, Clone)]
enum Happening {
    Buys { buyer: usize, quantity: u32 },
    Pays { order: u32, event: u32, units: u32 },
    Cancels { order: u32, buyer: usize },
    Ticks { most: usize },
    Instructs(Control),
}

const BUYERS: [&str; 3] = ["ann", "bob", "cid"];

fn happening() -> impl Strategy<Value = Happening> {
    use Happening::{Buys, Cancels, Instructs, Pays, Ticks};
    prop_oneof![
        6 => (0..3_usize, 1..4_u32).prop_map(|(buyer, quantity)| Buys { buyer, quantity }),
        4 => (1..12_u32, 0..4_u32, 1..3_u32).prop_map(|(order, event, units)| Pays { order, event, units }),
        3 => (1..12_u32, 0..3_usize).prop_map(|(order, buyer)| Cancels { order, buyer }),
        3 => (1..4_usize).prop_map(|most| Ticks { most }),
        1 => (1..3_u32).prop_map(|quantity| Instructs(Restock { quantity })),
        1 => Just(Instructs(Pause)),
        2 => Just(Instructs(Resume)),
    ]
}

fn happen(house: &mut House, happening: &Happening, now_ms: i64) {
    let now = at(now_ms);
    match happening {
        Happening::Buys { buyer, quantity } => drop(house.buy(BUYERS[*buyer], *quantity, now)),
        Happening::Pays { order, event, units } => {
            let event = payment(&format!("event-{event}"), PaymentResult::Succeeded, *units);
            drop(house.pay(OrderNumber(*order), &event, now));
        }
        Happening::Cancels { order, buyer } => drop(house.cancel(OrderNumber(*order), BUYERS[*buyer], now)),
        Happening::Ticks { most } => drop(house.expire(*most, now)),
        Happening::Instructs(control) => drop(house.control(control, now)),
    }
}

/// What any buyer ever held, counted from the orders themselves.
fn assert_within_limits(house: &House) {
    let orders = (1..=house.stock.orders()).map(|number| OrderNumber(u32::try_from(number).expect("few orders")));
    let live: Vec<_> =
        orders.filter_map(|number| house.stock.order(number)).filter(|order| order.status.is_live()).collect();
    for buyer in BUYERS {
        let held: u32 = live.iter().filter(|order| order.user.as_str() == buyer).map(|order| order.quantity).sum();
        assert!(held <= house.stock.definition().per_user_limit, "{buyer} holds {held}");
    }
    let live: u32 = live.iter().map(|order| order.quantity).sum();
    let balance = house.stock.balance();
    assert_eq!((live, balance.remaining + live), (balance.live, balance.supply), "{balance:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn any_mixture_of_everything_adds_up_and_replays(
        honours in any::<bool>(),
        happenings in prop::collection::vec((happening(), 0..PAY_WITHIN_MS / 2), 0..60),
    ) {
        let late = if honours { LatePayment::Honour } else { LatePayment::Refund };
        let mut house = House::open(definition(4, 3), policy(late));
        let mut now_ms = 0;
        for (happening, later_ms) in &happenings {
            now_ms += later_ms;
            happen(&mut house, happening, now_ms);
            assert_within_limits(&house);
        }
        house.assert_replays();
    }
}
