//! **Job:** what becomes of money that is not the price of a pending order: each verdict, each refund.
//! **Owns:** the right answer to each kind of event, one test a kind.
//! **Never:** goes through HTTP: the tests of the server do.

use doorbuster_actors::entry::Status::{Cancelled, Expired, Paid, Pending, RefundDue, Refunded};
use doorbuster_actors::entry::{Change, Entry};
use doorbuster_actors::ids::OrderNumber;
use doorbuster_actors::item::Amount;
use doorbuster_actors::payment::{
    Payment, PaymentRecord, PaymentResult, Provider, RefundAmount, Settlement, Source, Verdict,
};
use doorbuster_actors::request::Rejection;
use doorbuster_actors::stock::{LatePayment, Stock};

use super::house::{House, PAY_WITHIN_MS, UNIT_PRICE, at, definition, payment, policy, user};

const ORDER: OrderNumber = OrderNumber(1);
const BUYER: &str = "ann";

/// A pending order of two units.
fn pending() -> House {
    let mut house = House::open(definition(9, 3), policy(LatePayment::Refund));
    house.buy(BUYER, 2, at(0)).expect("units are left");
    house
}

fn paid() -> House {
    let mut house = pending();
    assert_eq!(house.receive(ORDER, &money("e1", 0), at(1)), (Verdict::Applied, vec![Paid]));
    house
}

/// A payment of the price of the two units and `more`.
fn money(event: &str, more: i64) -> Payment {
    let mut payment = payment(event, PaymentResult::Succeeded, 2);
    payment.amount = Amount::new(payment.amount.minor() + more).expect("in range");
    payment
}

fn refund(event: &str, of: &str, amount: i64, how: RefundAmount) -> Payment {
    Payment {
        event: event.parse().expect("an event id"),
        amount: Amount::new(amount).expect("in range"),
        result: PaymentResult::Refunded(how),
        ..payment(of, PaymentResult::Succeeded, 2)
    }
}

const PRICE: i64 = 2 * UNIT_PRICE;

#[test]
fn a_second_payment_of_a_paid_order_has_to_go_back_and_the_order_stays_paid() {
    let mut house = paid();
    assert_eq!(house.receive(ORDER, &money("e2", 0), at(2)), (Verdict::SecondPayment, vec![]));
    assert_eq!((house.status(ORDER), house.owed()), (Paid, PRICE));
    assert_eq!(house.receive(ORDER, &money("e2", 0), at(3)), (Verdict::Duplicate, vec![]), "the same again");
    assert_eq!(house.repay(ORDER, Some(&money("e2", 0)), at(4)), (Ok(Paid), vec![]));
    assert_eq!((house.status(ORDER), house.owed()), (Paid, 0));
    assert_eq!(house.repay(ORDER, Some(&money("e2", 0)), at(5)), (Ok(Paid), vec![]), "it is settled already");
    assert_eq!(house.repay(ORDER, Some(&money("e9", 0)), at(5)).0, Err(Rejection::NothingOwed));
    house.assert_replays();
}

#[test]
fn the_same_id_of_two_providers_is_two_payments() {
    let mut house = paid();
    let other = Payment { provider: Provider::Stripe, ..money("e1", 0) };
    assert_eq!(house.receive(ORDER, &other, at(2)).0, Verdict::SecondPayment);
    assert_eq!(house.receive(ORDER, &other, at(3)).0, Verdict::Duplicate);
    house.assert_replays();
}

#[test]
fn a_short_payment_leaves_the_order_pending_and_its_expiry_owes_the_money() {
    let mut house = pending();
    assert_eq!(house.receive(ORDER, &money("e1", -1), at(1)), (Verdict::Short, vec![]));
    assert_eq!((house.status(ORDER), house.owed()), (Pending, PRICE - 1));
    assert_eq!(house.tick(at(PAY_WITHIN_MS)), [Expired, RefundDue]);
    assert_eq!(house.stock.remaining(), 9, "its units are on sale again");
    let settled = house.repay(ORDER, Some(&money("e1", -1)), at(PAY_WITHIN_MS + 1));
    assert_eq!(settled, (Ok(Refunded), vec![Refunded]));
    house.assert_replays();
}

#[test]
fn an_order_that_was_paid_short_can_still_be_paid_in_full_and_cancelling_it_owes_the_money() {
    let mut house = pending();
    house.receive(ORDER, &money("e1", -1), at(1));
    assert_eq!(house.receive(ORDER, &money("e2", 0), at(2)), (Verdict::Applied, vec![Paid]));
    assert_eq!(house.owed(), PRICE - 1);
    house.assert_replays();
    let mut house = pending();
    house.receive(ORDER, &money("e1", -1), at(1));
    assert_eq!(house.cancel(ORDER, BUYER, at(2)), (Ok(RefundDue), vec![Cancelled, RefundDue]));
    house.assert_replays();
}

#[test]
fn too_much_pays_the_order_and_the_excess_has_to_go_back() {
    let mut house = pending();
    assert_eq!(house.receive(ORDER, &money("e1", 10), at(1)), (Verdict::Over, vec![Paid]));
    assert_eq!((house.status(ORDER), house.owed()), (Paid, 10));
    assert_eq!(house.receive(ORDER, &money("e1", 10), at(2)).0, Verdict::Duplicate);
    // What the provider gives back of that payment is the excess first.
    let back = refund("r1", "e1", 10, RefundAmount::Single);
    assert_eq!(house.receive(ORDER, &back, at(3)), (Verdict::Applied, vec![]));
    assert_eq!((house.status(ORDER), house.owed()), (Paid, 0));
    house.assert_replays();
}

#[test]
fn another_currency_pays_nothing_and_has_to_go_back_in_it() {
    let mut house = pending();
    let yen = Payment { currency: "JPY".parse().expect("a currency"), ..money("e1", 0) };
    assert_eq!(house.receive(ORDER, &yen, at(1)), (Verdict::WrongCurrency, vec![]));
    let order = house.stock.order(ORDER).expect("it was placed");
    let owed: Vec<_> = order.owed.iter().map(|owed| (owed.amount.minor(), owed.currency.to_string())).collect();
    assert_eq!((order.status, owed), (Pending, vec![(PRICE, "JPY".to_owned())]));
    assert_eq!(house.receive(ORDER, &refund("r1", "e1", PRICE, RefundAmount::Single), at(2)).0, Verdict::Over, "yuan");
    let back = Payment { currency: yen.currency, ..refund("r2", "e1", PRICE, RefundAmount::Single) };
    assert_eq!(house.receive(ORDER, &back, at(3)).0, Verdict::Applied);
    assert!(house.stock.owed().is_empty());
    house.assert_replays();
}

#[test]
fn a_late_payment_has_to_go_back_whatever_its_amount() {
    for more in [-1, 0, 1] {
        let mut house = pending();
        let (verdict, steps) = house.receive(ORDER, &money("e1", more), at(PAY_WITHIN_MS));
        assert_eq!((verdict, steps), (Verdict::Late, vec![Expired, RefundDue]), "{more}");
        assert_eq!(house.owed(), PRICE + more);
        assert_eq!(house.receive(ORDER, &money("e1", more), at(PAY_WITHIN_MS)).0, Verdict::Duplicate);
        assert_eq!(house.receive(ORDER, &money("e2", 0), at(PAY_WITHIN_MS)).0, Verdict::Late, "one more");
        assert_eq!(house.owed(), 2 * PRICE + more);
        let back = refund("r1", "e1", PRICE + more, RefundAmount::Total);
        assert_eq!(house.receive(ORDER, &back, at(PAY_WITHIN_MS)), (Verdict::Applied, vec![]));
        assert_eq!(house.repay(ORDER, Some(&money("e2", 0)), at(PAY_WITHIN_MS)), (Ok(Refunded), vec![Refunded]));
        house.assert_replays();
    }
}

#[test]
fn a_failed_payment_is_on_record_and_moves_nothing() {
    let mut house = pending();
    let failed = payment("e1", PaymentResult::Failed, 2);
    assert_eq!(house.receive(ORDER, &failed, at(1)), (Verdict::Failed, vec![]));
    assert_eq!((house.status(ORDER), house.owed(), house.entries.len()), (Pending, 0, 3));
    assert_eq!(house.receive(ORDER, &money("e1", 0), at(2)).0, Verdict::Applied, "the buyer tried again");
    house.assert_replays();
}

#[test]
fn an_event_without_money_that_comes_again_is_written_down_once() {
    let nothing = Payment { amount: Amount::ZERO, ..money("e0", 0) };
    for (event, verdict) in [(payment("e1", PaymentResult::Failed, 1), Verdict::Failed), (nothing, Verdict::Short)] {
        let mut house = pending();
        assert_eq!(house.receive(ORDER, &event, at(1)).0, verdict);
        let entries = house.entries.len();
        for ms in [2, PAY_WITHIN_MS] {
            assert_eq!(house.receive(ORDER, &event, at(ms)), (Verdict::Duplicate, vec![]));
            assert_eq!(house.entries.len(), entries, "{event:?}");
        }
        let other = Payment { event: "another".parse().expect("an event id"), ..event };
        assert_eq!(house.receive(ORDER, &other, at(2)).0, verdict, "a card may be declined twice");
        house.assert_replays();
    }
}

#[test]
fn an_operator_can_give_up_any_live_order_and_what_was_paid_has_to_go_back() {
    let mut house = pending();
    assert_eq!(house.revoke(ORDER, at(1)), (Ok(Cancelled), vec![Cancelled]));
    assert_eq!(house.revoke(ORDER, at(2)).0, Err(Rejection::InvalidTransition { status: Cancelled }));
    let mut house = paid();
    assert_eq!(house.revoke(ORDER, at(2)), (Ok(RefundDue), vec![RefundDue]));
    assert_eq!((house.stock.remaining(), house.owed()), (9, PRICE), "its units are on sale again");
    assert_eq!(house.receive(ORDER, &money("e1", 0), at(3)).0, Verdict::Duplicate, "the payment is still known");
    let back = refund("r1", "e1", PRICE, RefundAmount::Total);
    assert_eq!(house.receive(ORDER, &back, at(4)), (Verdict::Applied, vec![Refunded]));
    assert_eq!(house.receive(ORDER, &back, at(5)).0, Verdict::Duplicate);
    assert_eq!((house.status(ORDER), house.owed()), (Refunded, 0));
    house.assert_replays();
}

#[test]
fn refunds_in_parts_add_up_told_one_by_one_or_as_running_totals() {
    for how in [RefundAmount::Single, RefundAmount::Total] {
        let mut house = paid();
        house.revoke(ORDER, at(2)).0.expect("it is paid");
        let (first, second) = match how {
            RefundAmount::Single => (1_000, PRICE - 1_000),
            RefundAmount::Total => (1_000, PRICE),
        };
        assert_eq!(house.receive(ORDER, &refund("r1", "e1", first, how), at(3)), (Verdict::Applied, vec![]));
        assert_eq!((house.status(ORDER), house.owed()), (RefundDue, PRICE - 1_000));
        assert_eq!(house.receive(ORDER, &refund("r2", "e1", second, how), at(4)), (Verdict::Applied, vec![Refunded]));
        assert_eq!(house.owed(), 0);
        house.assert_replays();
    }
}

#[test]
fn a_refund_of_a_paid_order_that_nobody_cancelled_gives_its_units_back_once_all_is_returned() {
    let mut house = paid();
    assert_eq!(house.receive(ORDER, &refund("r1", "e1", 1, RefundAmount::Single), at(2)), (Verdict::Applied, vec![]));
    assert_eq!((house.status(ORDER), house.stock.remaining()), (Paid, 7), "a part is a kindness");
    let rest = refund("r2", "e1", PRICE - 1, RefundAmount::Single);
    assert_eq!(house.receive(ORDER, &rest, at(3)), (Verdict::Applied, vec![Refunded]));
    assert_eq!((house.status(ORDER), house.stock.remaining()), (Refunded, 9));
    house.assert_replays();
}

#[test]
fn an_operator_who_gives_up_a_partly_refunded_order_owes_the_rest() {
    let mut house = paid();
    house.receive(ORDER, &refund("r1", "e1", 1_000, RefundAmount::Single), at(2));
    assert_eq!(house.revoke(ORDER, at(3)), (Ok(RefundDue), vec![RefundDue]));
    assert_eq!(house.owed(), PRICE - 1_000);
    assert_eq!(house.receive(ORDER, &refund("r2", "e1", PRICE, RefundAmount::Total), at(4)).0, Verdict::Applied);
    assert_eq!((house.status(ORDER), house.owed()), (Refunded, 0));
    house.assert_replays();
}

#[test]
fn more_than_there_was_cannot_go_back() {
    let mut house = paid();
    let too_much = refund("r1", "e1", PRICE + 1, RefundAmount::Single);
    assert_eq!(house.receive(ORDER, &too_much, at(2)), (Verdict::Over, vec![Refunded]));
    assert_eq!(house.receive(ORDER, &refund("r2", "e1", 1, RefundAmount::Single), at(3)), (Verdict::Over, vec![]));
    house.assert_replays();
    let mut house = pending();
    assert_eq!(house.receive(ORDER, &refund("r1", "e1", 1, RefundAmount::Single), at(1)), (Verdict::Over, vec![]));
    assert_eq!(house.status(ORDER), Pending);
    house.assert_replays();
}

#[test]
fn a_refund_that_is_reported_before_its_payment_waits_for_it() {
    for how in [RefundAmount::Single, RefundAmount::Total] {
        let mut house = pending();
        let early = refund("r1", "e1", PRICE, how);
        assert_eq!(house.receive(ORDER, &early, at(1)), (Verdict::Over, vec![]), "there is nothing to give back yet");
        assert_eq!(house.receive(ORDER, &early, at(1)), (Verdict::Duplicate, vec![]));
        assert_eq!(house.receive(ORDER, &money("e1", 0), at(2)), (Verdict::Applied, vec![Paid, Refunded]));
        assert_eq!((house.owed(), house.stock.remaining()), (0, 9));
        assert_eq!(house.receive(ORDER, &early, at(3)).0, Verdict::Duplicate);
        assert_eq!(house.receive(ORDER, &money("e1", 0), at(3)).0, Verdict::Duplicate);
        house.assert_replays();
    }
    // Of another payment it is none.
    let mut house = pending();
    let other = Payment { provider: Provider::Stripe, ..refund("r1", "e9", PRICE, RefundAmount::Single) };
    house.receive(ORDER, &other, at(1));
    let paid = Payment { provider: Provider::Stripe, ..money("e1", 0) };
    assert_eq!(house.receive(ORDER, &paid, at(2)), (Verdict::Applied, vec![Paid]));
    house.assert_replays();
}

#[test]
fn an_order_that_cost_nothing_and_is_given_up_owes_nothing() {
    let mut free = definition(9, 3);
    free.unit_price = Amount::ZERO;
    let mut house = House::open(free, policy(LatePayment::Refund));
    house.buy(BUYER, 2, at(0)).expect("units are left");
    let nothing = Payment { amount: Amount::ZERO, ..money("e1", 0) };
    assert_eq!(house.receive(ORDER, &nothing, at(1)), (Verdict::Applied, vec![Paid]));
    assert_eq!(house.revoke(ORDER, at(2)), (Ok(Refunded), vec![RefundDue, Refunded]));
    house.assert_replays();
}

/// Entries about money that differ from a true one in one thing each, by what the difference is.
fn forgeries(entry: &Entry) -> Vec<(&'static str, Entry)> {
    let with = |change| Entry { change, ..entry.clone() };
    let settled = |forge: &dyn Fn(&mut Settlement)| {
        let Change::Settled(mut settlement) = entry.change.clone() else {
            panic!("not money that went back: {entry:?}")
        };
        forge(&mut settlement);
        with(Change::Settled(settlement))
    };
    let recorded = |forge: &dyn Fn(&mut PaymentRecord)| {
        let Change::Payment(mut record) = entry.change.clone() else { panic!("not money that came: {entry:?}") };
        forge(&mut record);
        with(Change::Payment(record))
    };
    let more = |amount: Amount| Amount::new(amount.minor() + 1).expect("in range");
    match entry.change {
        Change::Payment(_) => vec![
            ("no order", recorded(&|record| record.order = None)),
            ("an unknown order", recorded(&|record| record.order = Some(OrderNumber(9)))),
            ("another buyer", recorded(&|record| record.user = Some(user("bob")))),
            ("no buyer", recorded(&|record| record.user = None)),
        ],
        Change::Settled(_) => vec![
            ("no order", settled(&|settlement| settlement.order = None)),
            ("an unknown order", settled(&|settlement| settlement.order = Some(OrderNumber(9)))),
            ("another buyer", settled(&|settlement| settlement.user = Some(user("bob")))),
            ("more than there was", settled(&|settlement| settlement.amount = more(settlement.amount))),
            ("another currency", settled(&|settlement| settlement.currency = "EUR".parse().expect("a currency"))),
            ("money that is elsewhere", settled(&|settlement| settlement.source = other(settlement.source))),
        ],
        Change::Item(_)
        | Change::Order(_)
        | Change::Restocked { .. }
        | Change::Withdrawn { .. }
        | Change::Switched(_) => Vec::new(),
    }
}

fn other(source: Source) -> Source {
    match source {
        Source::Owed => Source::Applied,
        Source::Applied => Source::Owed,
    }
}

#[test]
fn an_entry_about_money_that_does_not_follow_is_refused_and_changes_nothing() {
    let mut late = pending();
    assert_eq!(late.cancel(ORDER, BUYER, at(1)).0, Ok(Cancelled));
    late.receive(ORDER, &money("e1", 5), at(2));
    late.repay(ORDER, Some(&money("e1", 5)), at(3)).0.expect("it is owed");
    let mut refunded = paid();
    refunded.receive(ORDER, &refund("r1", "e1", PRICE, RefundAmount::Single), at(2));
    let mut revoked = paid();
    revoked.revoke(ORDER, at(2)).0.expect("a paid order");
    revoked.repay(ORDER, None, at(3)).0.expect("it is owed");
    let mut tried = 0;
    for house in [late, refunded, revoked] {
        let mut state = Stock::create(&house.entries[0]).expect("the first entry creates the item");
        for entry in &house.entries[1..] {
            for (what, forged) in forgeries(entry) {
                let before = state.clone();
                assert!(state.apply(&forged).is_err(), "{what} was accepted: {forged:?}");
                assert_eq!(state, before, "{what} was refused and changed the state: {forged:?}");
                tried += 1;
            }
            state.apply(entry).expect("it was decided from this state");
        }
    }
    assert_eq!(tried, 4 + 3 * 6, "of one payment on record and three that went back");
}
