//! The rules of a sale, each by an example: which refusal comes first, whose key it is, what a clock may do.

use std::time::Duration;

use doorbuster_actors::item::{Amount, ItemDefinition, MAX_AMOUNT};
use doorbuster_actors::request::{Control, Rejection, Reservation};
use doorbuster_actors::stock::{Decision, MAX_SUPPLY, SalePolicy, Stock};
use doorbuster_actors::time::{Moment, Timestamp};

use crate::support::model::ITEM;
use crate::support::{POLICY, item, keyed, moment, one_unit, placed, user};

const HOUR_MS: i64 = 3_600_000;

fn stock(definition: ItemDefinition) -> Stock {
    Stock::create(&Stock::creation(ITEM, definition, moment(0))).expect("a creation")
}

#[test]
fn a_replay_comes_before_everything_else() {
    let mut stock = stock(ItemDefinition { closes_at: Some(moment(100)), ..item("sku-1", 1) });
    let mine = keyed(one_unit("alice"), "key-1");
    let (order, _entries) = placed(stock.reserve(mine.clone(), &POLICY, moment(1)));
    stock.control(&Control::Pause, None, moment(2)).expect("an open sale");
    assert_eq!(
        stock.reserve(mine.clone(), &POLICY, moment(3)),
        Decision::Replayed(order.clone()),
        "paused and sold out"
    );
    assert_eq!(stock.reserve(mine.clone(), &POLICY, moment(100)), Decision::Replayed(order), "over");
    let two = Reservation { quantity: 2, ..mine };
    assert_eq!(stock.reserve(two, &POLICY, moment(100)), Decision::Rejected(Rejection::KeyReused));
}

#[test]
fn refusals_come_in_the_order_of_the_contract() {
    let window = ItemDefinition { opens_at: Some(moment(10)), closes_at: Some(moment(20)), ..item("sku-1", 1) };
    let mut stock = stock(window);
    stock.control(&Control::Pause, None, moment(0)).expect("a scheduled sale");
    let two = Reservation { quantity: 2, ..one_unit("alice") };
    let refusal = |stock: &mut Stock, at| match stock.reserve(two.clone(), &POLICY, moment(at)) {
        Decision::Rejected(rejection) => rejection,
        decision @ (Decision::Placed(..) | Decision::Replayed(_)) => panic!("not rejected: {decision:?}"),
    };
    assert_eq!(
        refusal(&mut stock, 9),
        Rejection::SaleNotStarted { opens_at: moment(10), retry_after: Duration::from_millis(1) },
        "before the pause"
    );
    assert_eq!(refusal(&mut stock, 10), Rejection::SalePaused, "before sold out");
    assert_eq!(refusal(&mut stock, 20), Rejection::SaleClosed, "before the pause");
    stock.control(&Control::Resume, None, moment(10)).expect("an open sale");
    assert_eq!(refusal(&mut stock, 10), Rejection::SoldOut { remaining: 1 }, "before the limit");
    stock.control(&Control::Restock { quantity: 1 }, None, moment(10)).expect("an open sale");
    assert_eq!(refusal(&mut stock, 19), Rejection::LimitReached { limit: 1, held: 0 });
}

#[test]
fn a_clock_that_goes_back_neither_re_opens_a_sale_nor_dates_an_order_back() {
    let window = ItemDefinition { closes_at: Some(moment(20)), per_user_limit: 9, ..item("sku-1", 9) };
    let mut stock = stock(window);
    let (late, _entries) = placed(stock.reserve(one_unit("alice"), &POLICY, moment(19)));
    let (later, _entries) = placed(stock.reserve(one_unit("bob"), &POLICY, moment(1)));
    assert_eq!((late.created_at, later.created_at), (moment(19), moment(19)));
    stock.control(&Control::Restock { quantity: 1 }, None, moment(20)).expect("not ended by its owner");
    assert_eq!(stock.reserve(one_unit("carol"), &POLICY, moment(0)), Decision::Rejected(Rejection::SaleClosed));
}

/// An hour is what a wrong zone makes; more is a ledger that was written by a wrong clock: the clock of now counts.
#[test]
fn a_wrong_clock_of_the_past_dates_entries_but_decides_nothing() {
    let ahead = 7 * 24 * HOUR_MS;
    let (opens_at, closes_at) = (Some(moment(0)), Some(moment(HOUR_MS)));
    let mut stock = stock(ItemDefinition { opens_at, closes_at, per_user_limit: 9, ..item("sku-1", 9) });
    stock.control(&Control::Pause, None, moment(ahead)).expect("not ended by its owner");
    stock.control(&Control::Resume, None, moment(0)).expect("not ended by its owner");
    let (order, _entries) = placed(stock.reserve(one_unit("alice"), &POLICY, moment(5)));
    let pay_within = POLICY.pay_within.expect("orders are to be paid");
    assert_eq!((order.created_at, order.pay_by), (moment(ahead), Some(moment(5).plus(pay_within))));
    assert_eq!(stock.next_deadline(), order.pay_by);
    let due = moment(5).plus(pay_within);
    assert!(stock.expire(9, Timestamp::from_millis(due.millis() - 1)).is_empty());
    let expired = stock.expire(9, due);
    assert_eq!(expired.iter().map(|entry| entry.at).collect::<Vec<_>>(), [moment(ahead)]);
    assert_eq!(
        stock.reserve(one_unit("bob"), &POLICY, moment(HOUR_MS)),
        Decision::Rejected(Rejection::SaleClosed),
        "closed by the clock of now"
    );
}

/// Two whole times to pay make a buyer wait, but not until a moment that only a wrong clock has seen.
#[test]
fn nobody_cools_down_until_a_time_that_a_wrong_clock_has_dated() {
    let policy = SalePolicy { cool_down: Duration::from_mins(1), ..POLICY };
    let mut stock = stock(ItemDefinition { per_user_limit: 9, ..item("sku-1", 9) });
    let mut now = moment(24 * HOUR_MS);
    for _whole in 0..2 {
        let (order, _entries) = placed(stock.reserve(one_unit("alice"), &policy, now));
        now = order.pay_by.expect("it is to be paid");
        assert_eq!(stock.expire(9, now).len(), 1);
    }
    let waits = Decision::Rejected(Rejection::CoolingDown { retry_after: policy.cool_down });
    assert_eq!(stock.reserve(one_unit("alice"), &policy, now), waits, "by the clock that was wrong");
    placed(stock.reserve(one_unit("alice"), &policy, moment(0)));
}

/// When server time comes near a last entry that was dated ahead, the item does not leap to it: nothing opens, closes
/// or expires before its time.
#[test]
fn an_item_that_was_dated_ahead_does_not_leap_when_server_time_comes_near() {
    let ahead = 2 * HOUR_MS;
    let (opens_at, closes_at) = (Some(moment(HOUR_MS + 30)), Some(moment(ahead)));
    let mut stock = stock(ItemDefinition { opens_at, closes_at, per_user_limit: 9, ..item("sku-1", 9) });
    let (order, _entries) = placed(stock.reserve(one_unit("alice"), &POLICY, moment(HOUR_MS + 30)));
    stock.control(&Control::Pause, None, moment(ahead)).expect("not ended by its owner");
    stock.control(&Control::Resume, None, moment(ahead)).expect("not ended by its owner");
    let at = |millis| Moment { ledger_is_ahead: true, ..moment(millis).into() };
    let early = stock.reserve(one_unit("bob"), &POLICY, at(HOUR_MS + 20));
    assert!(matches!(early, Decision::Rejected(Rejection::SaleNotStarted { .. })), "{early:?}");
    let (later, _entries) = placed(stock.reserve(one_unit("bob"), &POLICY, at(HOUR_MS + 40)));
    let pay_within = POLICY.pay_within.expect("orders are to be paid");
    assert_eq!((later.created_at, later.pay_by), (moment(ahead), Some(moment(HOUR_MS + 40).plus(pay_within))));
    let due = order.pay_by.expect("it is to be paid");
    assert!(stock.expire(9, at(HOUR_MS + 50)).is_empty(), "both have their time still");
    let expired = stock.expire(9, Moment { ledger_is_ahead: true, ..due.into() });
    assert_eq!(expired.len(), 1, "only the one whose time is up");
}

#[test]
fn deadlines_wait_while_server_time_has_gone_ahead_of_them() {
    let mut stock = stock(item("sku-1", 9));
    let (order, _entries) = placed(stock.reserve(one_unit("alice"), &POLICY, moment(0)));
    let due = order.pay_by.expect("it is to be paid");
    let stepped = |due| Moment { now: moment(3 * HOUR_MS), due, ledger_is_ahead: false };
    let (later, _entries) = placed(stock.reserve(one_unit("bob"), &POLICY, stepped(moment(1))));
    assert_eq!(later.created_at, moment(3 * HOUR_MS));
    assert!(stock.expire(9, stepped(Timestamp::from_millis(due.millis() - 1))).is_empty());
    assert_eq!(stock.expire(9, stepped(due)).len(), 1, "only the one whose time is up");
}

#[test]
fn a_price_that_an_amount_cannot_say_is_rejected() {
    let unit_price = Amount::new(MAX_AMOUNT).expect("in range");
    let mut stock = stock(ItemDefinition { unit_price, per_user_limit: 9, ..item("sku-1", 9) });
    let two = Reservation { quantity: 2, ..one_unit("alice") };
    assert_eq!(stock.reserve(two, &POLICY, moment(0)), Decision::Rejected(Rejection::AmountOutOfRange));
    placed(stock.reserve(one_unit("alice"), &POLICY, moment(0)));
}

#[test]
fn a_supply_that_a_count_cannot_say_is_rejected() {
    let mut stock = stock(item("sku-1", 1));
    let much = Control::Restock { quantity: MAX_SUPPLY };
    assert_eq!(stock.control(&much, None, moment(0)), Err(Rejection::SupplyOutOfRange));
    assert!(stock.control(&Control::Restock { quantity: MAX_SUPPLY - 1 }, None, moment(0)).is_ok());
    assert_eq!(stock.supply(), MAX_SUPPLY);
    assert_eq!(stock.control(&Control::Restock { quantity: 1 }, None, moment(0)), Err(Rejection::SupplyOutOfRange));
}

/// The ledger refuses an entry about no units, and a refused entry would stop the process.
#[test]
fn a_restock_of_nothing_writes_nothing() {
    let mut stock = stock(item("sku-1", 1));
    let nothing = stock.control(&Control::Restock { quantity: 0 }, None, moment(0));
    assert!(nothing.is_ok_and(|entries| entries.is_empty()));
}

#[test]
fn orders_without_a_key_are_never_a_replay_of_each_other() {
    let mut stock = stock(ItemDefinition { per_user_limit: 2, ..item("sku-1", 9) });
    let (first, _entries) = placed(stock.reserve(one_unit("alice"), &POLICY, moment(0)));
    let (second, _entries) = placed(stock.reserve(one_unit("alice"), &POLICY, moment(0)));
    assert_ne!(first.id, second.id);
}

#[test]
fn a_key_belongs_to_its_user() {
    let mut stock = stock(item("sku-1", 9));
    let (of_alice, _entries) = placed(stock.reserve(keyed(one_unit("alice"), "key-1"), &POLICY, moment(0)));
    let (of_bob, _entries) = placed(stock.reserve(keyed(one_unit("bob"), "key-1"), &POLICY, moment(0)));
    assert_ne!(of_alice.id, of_bob.id);
    assert_eq!(of_bob.user, user("bob"));
}
