//! **Job:** everything that can come to one order, in every order: money of all providers right, short, over, in
//! another currency and failed, the buyer's and the operator's cancellation, the deadline.
//! **Owns:** what must come out whatever comes first: the money that there is, and one end.
//! **Never:** leaves a permutation out.

use doorbuster_actors::entry::Status;
use doorbuster_actors::payment::{Payment, PaymentResult, Provider, Verdict};
use doorbuster_actors::stock::LatePayment;

use super::house::{House, PAY_WITHIN_MS, UNIT_PRICE, at, definition, payment, policy};
use super::{BUYER, ORDER, POLICIES};

/// Events of one permutation.
const LENGTH: usize = 5;

/// How often each notification comes again.
const AGAIN: usize = 10;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Event {
    Exact,
    AlsoExact,
    Short,
    Over,
    OtherCurrency,
    Failed,
    Cancelled,
    Revoked,
    Tick,
}

use Event::{AlsoExact, Cancelled, Exact, Failed, OtherCurrency, Over, Revoked, Short, Tick};

const EVENTS: [Event; 9] = [Exact, AlsoExact, Short, Over, OtherCurrency, Failed, Cancelled, Revoked, Tick];

impl Event {
    /// The notification, each of another provider but one.
    fn payment(self) -> Option<Payment> {
        let (provider, name, amount, currency, result) = match self {
            Exact => (Provider::Own, "exact", UNIT_PRICE, "CNY", PaymentResult::Succeeded),
            // The same name of another provider: other money.
            AlsoExact => (Provider::Stripe, "exact", UNIT_PRICE, "CNY", PaymentResult::Succeeded),
            Short => (Provider::Wechat, "short", UNIT_PRICE - 1, "CNY", PaymentResult::Succeeded),
            Over => (Provider::Alipay, "over", UNIT_PRICE + 1, "CNY", PaymentResult::Succeeded),
            OtherCurrency => (Provider::Standard, "other", UNIT_PRICE, "EUR", PaymentResult::Succeeded),
            Failed => (Provider::Own, "failed", UNIT_PRICE, "CNY", PaymentResult::Failed),
            Cancelled | Revoked | Tick => return None,
        };
        let of_house = payment(name, result, 1);
        let amount = doorbuster_actors::item::Amount::new(amount).expect("in range");
        Some(Payment { provider, amount, currency: currency.parse().expect("a currency"), ..of_house })
    }

    fn pays(self) -> bool {
        matches!(self, Exact | AlsoExact | Over)
    }
}

/// Calls the visitor with every choice of five different events in every order.
fn every_permutation(visit: &mut impl FnMut(&[Event])) {
    fn extend(chosen: &mut Vec<Event>, visit: &mut impl FnMut(&[Event])) {
        if chosen.len() == LENGTH {
            return visit(chosen);
        }
        for event in EVENTS {
            if !chosen.contains(&event) {
                chosen.push(event);
                extend(chosen, visit);
                chosen.pop();
            }
        }
    }
    extend(&mut Vec::new(), visit);
}

/// What ends the order first: its price in time, somebody who gives it up, or its deadline.
fn first_end(events: &[Event], in_time: usize) -> Option<Status> {
    let end = |event: &Event| match event {
        Cancelled | Revoked => Some(Status::Cancelled),
        Exact | AlsoExact | Short | Over | OtherCurrency | Failed | Tick => event.pays().then_some(Status::Paid),
    };
    // Whatever moves anything after the deadline finds it passed.
    let is_late = || events[in_time..].iter().any(|event| *event != Failed);
    events[..in_time].iter().find_map(end).or_else(|| is_late().then_some(Status::Expired))
}

/// Plays the events: the first `in_time` of them a millisecond before the deadline, the others at it.
fn play(late: LatePayment, events: &[Event], in_time: usize) -> House {
    let mut house = House::open(definition(1, 1), policy(late));
    house.buy(BUYER, 1, at(0)).expect("a unit is left");
    for (place, event) in events.iter().enumerate() {
        let now = at(if place < in_time { PAY_WITHIN_MS - 1 } else { PAY_WITHIN_MS });
        match event.payment() {
            Some(payment) => drop(house.receive(ORDER, &payment, now)),
            None if *event == Cancelled => drop(house.cancel(ORDER, BUYER, now)),
            None if *event == Revoked => drop(house.revoke(ORDER, now)),
            None => drop(house.tick(now)),
        }
    }
    house
}

fn assert_sound(house: &House, late: LatePayment, events: &[Event], in_time: usize) {
    let shown = || format!("{events:?}, {in_time} of them in time, {late:?}");
    let steps = house.steps(ORDER);
    let count = |status: Status| steps.iter().filter(|step| **step == status).count();
    for status in [Status::Paid, Status::Cancelled, Status::Expired, Status::RefundDue] {
        assert!(count(status) <= 1, "{status:?} twice: {steps:?} of {}", shown());
    }
    assert!(count(Status::Cancelled) + count(Status::Expired) <= 1, "units come back twice: {steps:?} of {}", shown());
    assert_eq!(steps.first().copied(), first_end(events, in_time), "the first end of {}", shown());
    for currency in ["CNY", "EUR"] {
        let came = events.iter().filter_map(|event| event.payment());
        let came = came.filter(|payment| payment.is_paid() && payment.currency.as_str() == currency);
        let came: i64 = came.map(|payment| payment.amount.minor()).sum();
        let money = house.stock.money();
        let received = money.iter().filter(|money| money.currency.as_str() == currency).map(|money| money.received);
        assert_eq!(received.sum::<i128>(), i128::from(came), "{currency} of {}", shown());
    }
    house.assert_replays();
}

/// Each notification comes ten times more, and changes nothing.
fn assert_heard_once(house: &mut House, events: &[Event]) {
    let entries = house.entries.len();
    for payment in events.iter().filter_map(|event| event.payment()) {
        for _again in 0..AGAIN {
            let (verdict, steps) = house.receive(ORDER, &payment, at(PAY_WITHIN_MS + 1));
            assert_eq!((verdict, steps.len()), (Verdict::Duplicate, 0), "{payment:?} after {events:?}");
        }
    }
    assert_eq!(house.entries.len(), entries, "{events:?}");
}

#[test]
fn in_every_permutation_of_five_events_an_order_ends_once_and_all_money_is_there() {
    let mut permutations = 0;
    every_permutation(&mut |events| {
        permutations += 1;
        for late in POLICIES {
            for in_time in 0..=LENGTH {
                let mut house = play(late, events, in_time);
                assert_sound(&house, late, events, in_time);
                if in_time == permutations % (LENGTH + 1) {
                    assert_heard_once(&mut house, events);
                }
            }
        }
    });
    assert_eq!(permutations, 9 * 8 * 7 * 6 * 5);
}
