//! **Job:** what the owner of the sale may change while it runs, and that any mixture of everything adds up.
//! **Owns:** the rules of each change and of the way back from it, one test each.
//! **Never:** goes through the operations listener: its tests do.

use std::time::Duration;

use doorbuster_actors::entry::Status;
use doorbuster_actors::ids::OrderNumber;
use doorbuster_actors::item::{Amount, ItemDefinition};
use doorbuster_actors::payment::{PaymentResult, RefundAmount};
use doorbuster_actors::request::Control::{
    self, Close, Delete, Hide, Pause, Redefine, Reopen, Restock, Resume, Show, Withdraw,
};
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
fn a_closed_sale_sells_nothing_until_it_is_reopened_but_its_orders_go_on() {
    let mut house = open_house(5);
    house.buy("ann", 1, at(1)).expect("a unit is left");
    assert_eq!(house.control(&Close, at(2)), Ok(1));
    assert_eq!(house.control(&Close, at(2)), Ok(0), "it is closed already");
    for control in [Pause, Resume, Restock { quantity: 1 }] {
        assert_eq!(house.control(&control, at(2)), Err(Rejection::SaleClosed), "{control:?}");
    }
    assert_eq!(house.buy("bob", 1, at(2)), Err(Rejection::SaleClosed));
    assert_eq!(house.pay(OrderNumber(1), &payment("e1", PaymentResult::Succeeded, 1), at(2)).0, Ok(Status::Paid));
    assert_eq!(house.control(&Withdraw { quantity: 1 }, at(2)), Ok(1), "what is left may go elsewhere");
    assert_eq!(house.control(&Reopen, at(3)), Ok(1));
    assert_eq!(house.control(&Reopen, at(3)), Ok(0), "it is open already");
    assert!(house.buy("bob", 1, at(3)).is_ok());
    house.assert_replays();
}

#[test]
fn units_that_nobody_holds_can_be_withdrawn_and_no_others() {
    let mut house = open_house(10);
    house.buy("ann", 3, at(1)).expect("units are left");
    assert_eq!(house.control(&Withdraw { quantity: 8 }, at(2)), Err(Rejection::NotEnoughLeft { remaining: 7 }));
    assert_eq!(house.control(&Withdraw { quantity: 7 }, at(2)), Ok(1));
    assert_eq!((house.stock.supply(), house.stock.remaining()), (3, 0));
    assert_eq!(house.buy("bob", 1, at(2)), Err(Rejection::SoldOut { remaining: 0 }));
    assert_eq!(house.tick(at(PAY_WITHIN_MS + 1)), [Status::Expired]);
    assert_eq!(house.stock.remaining(), 3, "what an order gives back is on sale again");
    assert_eq!(house.control(&Restock { quantity: 7 }, at(PAY_WITHIN_MS + 2)), Ok(1), "the way back");
    house.assert_replays();
}

#[test]
fn a_hidden_item_sells_nothing_until_it_is_shown_but_its_orders_go_on() {
    let mut house = open_house(5);
    house.buy("ann", 1, at(1)).expect("a unit is left");
    assert_eq!((house.control(&Hide, at(2)), house.control(&Hide, at(2))), (Ok(1), Ok(0)));
    assert_eq!(house.buy("bob", 1, at(2)), Err(Rejection::UnknownItem));
    assert_eq!(house.pay(OrderNumber(1), &payment("e1", PaymentResult::Succeeded, 1), at(2)).0, Ok(Status::Paid));
    assert_eq!((house.control(&Show, at(3)), house.control(&Show, at(3))), (Ok(1), Ok(0)));
    assert!(house.buy("bob", 1, at(3)).is_ok());
    house.assert_replays();
}

#[test]
fn an_item_can_be_deleted_until_somebody_has_ordered_it_and_then_nothing_is_left_of_it() {
    let mut house = open_house(5);
    assert_eq!(house.control(&Delete, at(1)), Ok(1));
    for control in [Delete, Show, Reopen, Restock { quantity: 1 }, Redefine(Box::new(definition(5, 9)))] {
        assert_eq!(house.control(&control, at(2)), Err(Rejection::UnknownItem), "{control:?}");
    }
    assert_eq!(house.buy("ann", 1, at(2)), Err(Rejection::UnknownItem));
    house.assert_replays();

    let mut house = open_house(5);
    house.buy("ann", 1, at(1)).expect("a unit is left");
    house.tick(at(PAY_WITHIN_MS + 1));
    assert_eq!(house.control(&Delete, at(PAY_WITHIN_MS + 2)), Err(Rejection::HasOrders), "even an expired order");
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
fn price_and_currency_may_change_until_somebody_has_ordered_and_texts_limit_and_window_at_any_time() {
    let mut house = House::open(scheduled(), policy(LatePayment::Refund));
    let price = |minor| redefine(move |item| item.unit_price = Amount::new(minor).expect("in range"));
    assert_eq!(house.control(&price(1), at(OPENS_MS)), Ok(1), "nobody has ordered in the open sale");
    assert_eq!(house.control(&price(1_990), at(OPENS_MS)), Ok(1));
    house.buy("ann", 1, at(OPENS_MS)).expect("a unit is left");
    let euro = redefine(|item| item.currency = "EUR".parse().expect("a currency"));
    for change in [price(1), euro] {
        assert_eq!(house.control(&change, at(OPENS_MS)), Err(Rejection::PriceFixed), "{change:?}");
    }
    let texts = redefine(|item| {
        item.title = "Another name".to_owned();
        item.description = Some("What there is to say".into());
        item.image_url = Some("https://example.org/a.png".into());
        item.per_user_limit = 2;
        item.closes_at = Some(at(2 * OPENS_MS));
    });
    assert_eq!((house.control(&texts, at(OPENS_MS)), house.control(&texts, at(OPENS_MS))), (Ok(1), Ok(0)));
    assert!(house.buy("ann", 1, at(OPENS_MS)).is_ok(), "the new limit");
    assert_eq!(house.buy("bob", 1, at(2 * OPENS_MS)), Err(Rejection::SaleClosed), "the new window");
    house.assert_replays();
}

#[test]
fn whoever_puts_an_item_again_names_its_first_stock_or_the_one_that_there_is() {
    let mut house = House::open(scheduled(), policy(LatePayment::Refund));
    assert_eq!(house.control(&Withdraw { quantity: 2 }, at(1)), Ok(1));
    for stock in [5, 3] {
        assert_eq!(house.control(&redefine(|item| item.stock = stock), at(1)), Ok(0), "{stock}");
    }
    assert_eq!(house.control(&redefine(|item| item.stock = 4), at(1)), Err(Rejection::StockFixed));
    let changed = redefine(|item| (item.stock, item.per_user_limit) = (3, 7));
    assert_eq!(house.control(&changed, at(1)), Ok(1));
    assert_eq!((house.stock.supply(), house.stock.definition().stock), (3, 5), "the first stock stays the first");
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
    Pays { order: u32, event: u32, units: u32, currency: &'static str },
    Refunds { order: u32, event: u32, amount: i64, how: RefundAmount },
    Repays { order: u32, event: Option<u32> },
    Revokes { order: u32 },
    Cancels { order: u32, buyer: usize },
    Ticks { most: usize },
    Instructs(Control),
}

const BUYERS: [&str; 3] = ["ann", "bob", "cid"];

fn happening() -> impl Strategy<Value = Happening> {
    use Happening::{Buys, Cancels, Instructs, Pays, Refunds, Repays, Revokes, Ticks};
    let currency = prop_oneof![9 => Just("CNY"), 1 => Just("JPY")];
    let how = prop_oneof![Just(RefundAmount::Single), Just(RefundAmount::Total)];
    prop_oneof![
        6 => (0..3_usize, 1..4_u32).prop_map(|(buyer, quantity)| Buys { buyer, quantity }),
        5 => (1..8_u32, 0..4_u32, 1..4_u32, currency)
            .prop_map(|(order, event, units, currency)| Pays { order, event, units, currency }),
        2 => (1..8_u32, 0..6_u32, prop_oneof![Just(1_990), Just(3_980), 1..9_000_i64], how)
            .prop_map(|(order, event, amount, how)| Refunds { order, event, amount, how }),
        2 => (1..8_u32, proptest::option::of(0..4_u32)).prop_map(|(order, event)| Repays { order, event }),
        1 => (1..8_u32).prop_map(|order| Revokes { order }),
        3 => (1..12_u32, 0..3_usize).prop_map(|(order, buyer)| Cancels { order, buyer }),
        3 => (1..4_usize).prop_map(|most| Ticks { most }),
        1 => (1..3_u32).prop_map(|quantity| Instructs(Restock { quantity })),
        1 => Just(Instructs(Pause)),
        2 => Just(Instructs(Resume)),
        1 => (1..3_u32).prop_map(|quantity| Instructs(Withdraw { quantity })),
        1 => prop_oneof![Just(Instructs(Close)), Just(Instructs(Hide)), Just(Instructs(Delete))],
        3 => prop_oneof![Just(Instructs(Reopen)), Just(Instructs(Show))],
    ]
}

fn happen(house: &mut House, happening: &Happening, now_ms: i64) {
    let now = at(now_ms);
    match happening {
        Happening::Buys { buyer, quantity } => drop(house.buy(BUYERS[*buyer], *quantity, now)),
        Happening::Pays { order, event, units, currency } => {
            let mut event = payment(&format!("event-{event}"), PaymentResult::Succeeded, *units);
            event.currency = currency.parse().expect("a currency");
            drop(house.pay(OrderNumber(*order), &event, now));
        }
        Happening::Refunds { order, event, amount, how } => {
            // Some name a payment that there is, some none.
            let mut refund = payment(&format!("event-{event}"), PaymentResult::Refunded(*how), 1);
            refund.event = format!("refund-{event}-{amount}").parse().expect("an event id");
            refund.amount = Amount::new(*amount).expect("in range");
            drop(house.pay(OrderNumber(*order), &refund, now));
        }
        Happening::Repays { order, event } => {
            let event = event.map(|event| payment(&format!("event-{event}"), PaymentResult::Succeeded, 1));
            drop(house.repay(OrderNumber(*order), event.as_ref(), now));
        }
        Happening::Revokes { order } => drop(house.revoke(OrderNumber(*order), now)),
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
