//! **Job:** what becomes of an order: every sequence of payments, cancellations and deadlines, against a naive model.
//! **Owns:** the model, which knows one order and no units.
//! **Never:** reads a clock or draws a number that is not printed.

mod controls;
mod cool_down;
mod house;
mod money;
mod permutations;

use doorbuster_actors::entry::Status;
use doorbuster_actors::ids::OrderNumber;
use doorbuster_actors::payment::PaymentResult;
use doorbuster_actors::request::Rejection;
use doorbuster_actors::stock::LatePayment;
use doorbuster_actors::time::Timestamp;
use house::{House, PAY_WITHIN_MS, Step, UNIT_PRICE, at, definition, payment, policy};

const BUYER: &str = "ann";
const RIVAL: &str = "rival";
const ORDER: OrderNumber = OrderNumber(1);
const POLICIES: [LatePayment; 2] = [LatePayment::Refund, LatePayment::Honour];

/// Longest sequence of events that is tried: all of them are.
const LONGEST: usize = 5;

/// What can happen to an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Event {
    Paid(&'static str),
    PaymentFailed,
    Cancelled,
    Tick,
}

const EVENTS: [Event; 5] = [Event::Paid("e1"), Event::Paid("e2"), Event::PaymentFailed, Event::Cancelled, Event::Tick];

/// A millisecond before the deadline, at it, a millisecond after it.
const MOMENTS: [i64; 3] = [PAY_WITHIN_MS - 1, PAY_WITHIN_MS, PAY_WITHIN_MS + 1];

/// What one order should go through.
#[derive(Debug)]
struct Model {
    late: LatePayment,
    status: Status,
    /// Payments that came.
    seen: Vec<&'static str>,
    /// Payments that have to go back.
    owed: u32,
}

impl Model {
    /// The answer to the event and the statuses it leads through. `is_left`: whether the order's unit could be had
    /// again if the order has lost it before this event.
    fn step(&mut self, event: Event, ms: i64, is_left: bool) -> Step {
        let overdue = self.status == Status::Pending && ms >= PAY_WITHIN_MS;
        let settles = match event {
            Event::Paid(id) => !self.seen.contains(&id),
            Event::PaymentFailed => false,
            Event::Cancelled | Event::Tick => true,
        };
        if !settles {
            return (Ok(self.status), Vec::new());
        }
        let mut steps = Vec::new();
        if overdue {
            self.status = Status::Expired;
            steps.push(Status::Expired);
        }
        let next = match (event, self.status) {
            (Event::Paid(_), Status::Pending) => Some(Status::Paid),
            (Event::Paid(_), Status::Cancelled | Status::Expired) => {
                // Who finds the order overdue finds its unit just released: nobody was faster.
                let is_honoured = self.late == LatePayment::Honour && (overdue || is_left);
                Some(if is_honoured { Status::Paid } else { Status::RefundDue })
            }
            (Event::Cancelled, Status::Pending) => Some(Status::Cancelled),
            // Another payment: the order stays what it is, and the money has to go back.
            (Event::Paid(id), status) => {
                self.seen.push(id);
                self.owed += 1;
                return (Ok(status), steps);
            }
            (Event::Cancelled | Event::Tick | Event::PaymentFailed, _) => None,
        };
        let Some(next) = next else { return (Err(Rejection::InvalidTransition { status: self.status }), steps) };
        self.status = next;
        steps.push(next);
        if let Event::Paid(id) = event {
            self.seen.push(id);
            self.owed += u32::from(next == Status::RefundDue);
        }
        (Ok(next), steps)
    }
}

fn happen(house: &mut House, event: Event, now: Timestamp) -> Step {
    match event {
        Event::Paid(id) => house.pay(ORDER, &payment(id, PaymentResult::Succeeded, 1), now),
        Event::PaymentFailed => house.pay(ORDER, &payment("e3", PaymentResult::Failed, 1), now),
        Event::Cancelled => house.cancel(ORDER, BUYER, now),
        Event::Tick => {
            let steps = house.tick(now);
            (Err(Rejection::InvalidTransition { status: house.status(ORDER) }), steps)
        }
    }
}

/// One order of the only unit that nobody else has.
fn one_order(late: LatePayment) -> House {
    let mut house = House::open(definition(1, 1), policy(late));
    house.buy(BUYER, 1, at(0)).expect("a unit is left");
    house
}

/// Every sequence of up to five events at moments that do not go back; the visitor is called for each.
fn every_sequence(visit: &mut impl FnMut(&[(Event, i64)])) {
    fn extend(sequence: &mut Vec<(Event, i64)>, visit: &mut impl FnMut(&[(Event, i64)])) {
        visit(sequence);
        if sequence.len() == LONGEST {
            return;
        }
        let earliest = sequence.last().map_or(MOMENTS[0], |(_, ms)| *ms);
        for ms in MOMENTS.into_iter().filter(|ms| *ms >= earliest) {
            for event in EVENTS {
                sequence.push((event, ms));
                extend(sequence, visit);
                sequence.pop();
            }
        }
    }
    extend(&mut Vec::new(), visit);
}

/// Plays a sequence. A rival, if there is one, takes the unit as soon as it is on sale.
fn play(late: LatePayment, has_rival: bool, sequence: &[(Event, i64)]) -> House {
    let mut house = one_order(late);
    let mut model = Model { late, status: Status::Pending, seen: Vec::new(), owed: 0 };
    for (event, ms) in sequence {
        let is_left = house.stock.remaining() > 0;
        let expected = model.step(*event, *ms, is_left);
        let got = happen(&mut house, *event, at(*ms));
        assert_eq!(got, expected, "{event:?} at {ms} in {sequence:?}, {late:?}, a rival: {has_rival}");
        assert_eq!(house.status(ORDER), model.status, "{event:?} at {ms} in {sequence:?}, {late:?}");
        assert_eq!(house.owed(), i64::from(model.owed) * UNIT_PRICE, "{event:?} at {ms} in {sequence:?}, {late:?}");
        if has_rival && house.stock.remaining() > 0 {
            house.buy(RIVAL, 1, at(*ms)).expect("a unit is left");
        }
    }
    house
}

/// Checks what must hold whatever the model says.
fn assert_one_end(house: &House) {
    let steps = house.steps(ORDER);
    let count = |status: Status| steps.iter().filter(|step| **step == status).count();
    assert!(count(Status::Cancelled) + count(Status::Expired) <= 1, "its unit came back twice: {steps:?}");
    assert!(count(Status::Paid) <= 1 && count(Status::RefundDue) <= 1, "{steps:?}");
    assert!(count(Status::Paid) + count(Status::RefundDue) <= 1, "paid and refunded: {steps:?}");
    assert_eq!(count(Status::Pending), 0, "{steps:?}");
}

#[test]
fn every_sequence_of_events_ends_as_the_model_says() {
    let mut sequences = 0;
    every_sequence(&mut |sequence| {
        sequences += 1;
        for late in POLICIES {
            for has_rival in [false, true] {
                let house = play(late, has_rival, sequence);
                assert_one_end(&house);
                house.assert_replays();
            }
        }
    });
    // 5ⁿ sequences of n events, each at moments that do not go back: 1 + 5·3 + 25·6 + 125·10 + 625·15 + 3125·21.
    assert_eq!(sequences, 76_416);
}

#[test]
fn the_same_event_again_has_the_same_answer_and_no_entries() {
    for (late, ms, end) in [
        (LatePayment::Refund, PAY_WITHIN_MS - 1, Status::Paid),
        (LatePayment::Refund, PAY_WITHIN_MS, Status::RefundDue),
        (LatePayment::Honour, PAY_WITHIN_MS, Status::Paid),
    ] {
        let mut house = one_order(late);
        let event = payment("e1", PaymentResult::Succeeded, 1);
        assert_eq!(house.pay(ORDER, &event, at(ms)).0, Ok(end));
        for again in 0..10 {
            let now = at(ms + again * PAY_WITHIN_MS);
            assert_eq!(house.pay(ORDER, &event, now), (Ok(end), Vec::new()), "{late:?} at {now}");
        }
    }
}

#[test]
fn a_payment_is_in_time_until_the_millisecond_before_the_deadline() {
    let event = payment("e1", PaymentResult::Succeeded, 1);
    for (ms, end) in [(0, Status::Paid), (PAY_WITHIN_MS - 1, Status::Paid), (PAY_WITHIN_MS, Status::RefundDue)] {
        let mut house = one_order(LatePayment::Refund);
        assert_eq!(house.stock.next_deadline(), Some(at(PAY_WITHIN_MS)));
        assert_eq!(house.pay(ORDER, &event, at(ms)).0, Ok(end), "{ms} ms after the order");
    }
}

#[test]
fn an_order_expires_at_its_deadline_and_not_a_millisecond_earlier() {
    let mut house = one_order(LatePayment::Refund);
    assert_eq!(house.tick(at(PAY_WITHIN_MS - 1)), []);
    assert_eq!(house.buy(RIVAL, 1, at(PAY_WITHIN_MS - 1)), Err(Rejection::SoldOut { remaining: 0 }));
    assert_eq!(house.tick(at(PAY_WITHIN_MS)), [Status::Expired]);
    assert_eq!(house.stock.next_deadline(), None);
    assert!(house.buy(RIVAL, 1, at(PAY_WITHIN_MS)).is_ok(), "the unit is on sale again");
}

#[test]
fn a_clock_that_went_back_neither_revives_an_order_nor_pays_it_in_time() {
    let mut house = one_order(LatePayment::Refund);
    house.tick(at(PAY_WITHIN_MS));
    let event = payment("e1", PaymentResult::Succeeded, 1);
    assert_eq!(house.pay(ORDER, &event, at(1)).0, Ok(Status::RefundDue));
    house.assert_replays();
}

#[test]
fn what_is_not_the_buyers_own_order_cannot_be_cancelled_or_paid() {
    let mut house = one_order(LatePayment::Refund);
    let before = house.stock.clone();
    let unknown = (Err(Rejection::UnknownOrder), Vec::new());
    assert_eq!(house.cancel(ORDER, RIVAL, at(PAY_WITHIN_MS)), unknown);
    for number in [0, 2, u32::MAX].map(OrderNumber) {
        assert_eq!(house.cancel(number, BUYER, at(1)), unknown);
        assert_eq!(house.pay(number, &payment("e1", PaymentResult::Succeeded, 1), at(1)), unknown);
    }
    assert_eq!(house.stock, before);
}

#[test]
fn a_late_payment_is_honoured_only_within_the_buyers_limit() {
    for (limit, end) in [(1, Status::RefundDue), (2, Status::Paid)] {
        let mut house = House::open(definition(9, limit), policy(LatePayment::Honour));
        house.buy(BUYER, 1, at(0)).expect("a unit is left");
        house.tick(at(PAY_WITHIN_MS));
        house.buy(BUYER, 1, at(PAY_WITHIN_MS)).expect("the expired order freed his limit");
        let event = payment("e1", PaymentResult::Succeeded, 1);
        assert_eq!(house.pay(ORDER, &event, at(PAY_WITHIN_MS + 1)).0, Ok(end), "limit {limit}");
        house.assert_replays();
    }
}

#[test]
fn orders_expire_in_the_order_of_their_deadlines_and_no_more_than_asked_for() {
    let mut house = House::open(definition(100, 1), policy(LatePayment::Refund));
    for buyer in 0..100 {
        house.buy(&format!("buyer-{buyer}"), 1, at(buyer)).expect("a unit is left");
    }
    // Orders that were paid or given up meanwhile are passed over.
    for number in (1..=100).step_by(3) {
        house.pay(OrderNumber(number), &payment("e1", PaymentResult::Succeeded, 1), at(200)).0.expect("in time");
    }
    assert_eq!(house.expire(10, at(PAY_WITHIN_MS + 1_000)), [Status::Expired; 10]);
    assert_eq!(house.stock.remaining(), 10);
    assert_eq!(house.status(OrderNumber(15)), Status::Expired);
    assert_eq!(house.status(OrderNumber(17)), Status::Pending);
    assert_eq!(house.stock.next_deadline(), Some(at(16 + PAY_WITHIN_MS)), "order 16 was paid, 17 is next");
}

/// Ten thousand orders whose payment, cancellation and expiry come at the same instant, in an order drawn from a
/// printed seed.
#[test]
fn of_payment_cancellation_and_expiry_at_one_instant_exactly_one_wins() {
    let seed = 20_261_122_u64;
    println!("seed: {seed}");
    let mut chance = Chance(seed);
    let mut wins = [0_u32; 3];
    for _ in 0..10_000 {
        let mut house = one_order(POLICIES[chance.below(2)]);
        // Just before the deadline nothing can expire, at it nothing else may win.
        let ms = MOMENTS[chance.below(MOMENTS.len())];
        let mut racers = [Event::Paid("e1"), Event::Cancelled, Event::Tick];
        for last in (1..racers.len()).rev() {
            racers.swap(last, chance.below(last + 1));
        }
        for racer in racers {
            let _won_or_lost = happen(&mut house, racer, at(ms));
        }
        assert_one_end(&house);
        house.assert_replays();
        let winner = house.steps(ORDER)[0];
        let expected = if ms >= PAY_WITHIN_MS { Status::Expired } else { first_of(&racers) };
        assert_eq!(winner, expected, "{racers:?} at {ms}");
        let ends = [Status::Paid, Status::Cancelled, Status::Expired];
        wins[ends.iter().position(|end| *end == winner).expect("one of the ends")] += 1;
    }
    println!("paid, cancelled, expired: {wins:?}");
    assert!(wins.iter().all(|wins| *wins > 1_000), "the race is not one: {wins:?}");
}

fn first_of(racers: &[Event]) -> Status {
    let is_cancelled = racers.iter().find(|racer| **racer != Event::Tick) == Some(&Event::Cancelled);
    if is_cancelled { Status::Cancelled } else { Status::Paid }
}

/// `SplitMix64` (Steele, Lea, Flood 2014): small, and the same on every machine.
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((bits ^ (bits >> 31)) % bound as u64).expect("below a usize")
    }
}
