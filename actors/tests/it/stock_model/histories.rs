//! **Job:** draws histories of an item: who does what when.
//! **Owns:** how often which step comes.
//! **Never:** knows what should be answered.

use std::time::Duration;

use doorbuster_actors::item::ItemDefinition;
use doorbuster_actors::payment::PaymentResult;
use doorbuster_actors::request::Control;
use doorbuster_actors::stock::{LatePayment, SalePolicy};
use proptest::prelude::*;

use crate::support::model::NAMES;
use crate::support::{item, moment};

/// Longest history.
const MOST_STEPS: usize = 60;

pub(crate) const KEYS: [&str; 3] = ["key-1", "key-2", "key-3"];
pub(crate) const EVENTS: [&str; 3] = ["event-1", "event-2", "event-3"];
/// Which orders a history talks about; some are never placed.
const MOST_ORDERS: std::ops::Range<usize> = 0..12;

/// One step of a history. Times are relative to the step before and go both ways.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    pub(crate) later: i64,
    pub(crate) act: Act,
}

#[derive(Debug, Clone)]
pub(crate) enum Act {
    Reserve {
        name: usize,
        key: Option<usize>,
        quantity: u32,
    },
    ApplyControl(Control),
    Pay {
        order: usize,
        event: usize,
        result: PaymentResult,
        /// Than the price.
        more: i64,
    },
    Cancel {
        order: usize,
        name: usize,
    },
    /// A buyer gives up the newest order that they have not paid.
    GiveUp {
        name: usize,
    },
    Expire {
        most: usize,
    },
    /// The server was started again with another time to pay.
    Restart {
        pay_within: Option<u64>,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let reserve = (0..NAMES.len(), proptest::option::of(0..KEYS.len()), 1..=4_u32);
    let control = prop_oneof![
        4 => Just(Control::Pause),
        8 => Just(Control::Resume),
        1 => Just(Control::Close),
        4 => (1..4_u32).prop_map(|quantity| Control::Restock { quantity }),
        3 => (1..4_u32).prop_map(|quantity| Control::Withdraw { quantity }),
        3 => Just(Control::Reopen),
        1 => Just(Control::Hide),
        3 => Just(Control::Show),
    ];
    let result = prop_oneof![4 => Just(PaymentResult::Succeeded), 1 => Just(PaymentResult::Failed)];
    let pay = (MOST_ORDERS, 0..EVENTS.len(), result, prop_oneof![8 => Just(0), 1 => Just(-1), 1 => Just(1)]);
    let act = prop_oneof![
        10 => reserve.prop_map(|(name, key, quantity)| Act::Reserve { name, key, quantity }),
        2 => control.prop_map(Act::ApplyControl),
        4 => pay.prop_map(|(order, event, result, more)| Act::Pay { order, event, result, more }),
        2 => (MOST_ORDERS, 0..NAMES.len()).prop_map(|(order, name)| Act::Cancel { order, name }),
        4 => (0..NAMES.len()).prop_map(|name| Act::GiveUp { name }),
        2 => (0..4_usize).prop_map(|most| Act::Expire { most }),
        1 => pay_within().prop_map(|pay_within| Act::Restart { pay_within }),
    ];
    (-50..60_i64, act).prop_map(|(later, act)| Step { later, act })
}

/// Milliseconds.
fn pay_within() -> impl Strategy<Value = Option<u64>> {
    prop_oneof![Just(None), Just(Some(1)), Just(Some(40)), Just(Some(900_000)), Just(Some(u64::MAX))]
}

fn policy() -> impl Strategy<Value = SalePolicy> {
    let late = prop_oneof![Just(LatePayment::Refund), Just(LatePayment::Honour)];
    (pay_within(), late, prop_oneof![Just(0), Just(20_u64), Just(200)]).prop_map(|(pay_within, late, cool_down)| {
        SalePolicy {
            pay_within: pay_within.map(Duration::from_millis),
            late,
            cool_down: Duration::from_millis(cool_down),
        }
    })
}

#[derive(Debug, Clone)]
pub(crate) struct History {
    stock: u32,
    limit: u32,
    opens_at: Option<i64>,
    closes_at: Option<i64>,
    pub(crate) policy: SalePolicy,
    pub(crate) steps: Vec<Step>,
}

pub(crate) fn history() -> impl Strategy<Value = History> {
    let window = (proptest::option::of(0..100_i64), proptest::option::of(200..600_i64));
    let steps = proptest::collection::vec(step(), 1..MOST_STEPS);
    (0..12_u32, 1..6_u32, window, policy(), steps).prop_map(|(stock, limit, (opens_at, closes_at), policy, steps)| {
        History { stock, limit, opens_at, closes_at, policy, steps }
    })
}

/// Two buyers of ample stock who buy, wait, give up, are late, and seldom pay.
pub(crate) fn holders() -> impl Strategy<Value = History> {
    let act = prop_oneof![
        6 => (0..2_usize, 1..=2_u32).prop_map(|(name, quantity)| Act::Reserve { name, key: None, quantity }),
        6 => (0..2_usize).prop_map(|name| Act::GiveUp { name }),
        1 => Just(Act::Expire { most: 4 }),
        1 => (MOST_ORDERS, proptest::bool::weighted(0.5)).prop_map(|(order, is_paid)| Act::Pay {
            order,
            event: 0,
            result: if is_paid { PaymentResult::Succeeded } else { PaymentResult::Failed },
            more: 0,
        }),
        1 => prop_oneof![Just(40), Just(41), Just(30)].prop_map(|millis| Act::Restart { pay_within: Some(millis) }),
    ];
    let step = (0..25_i64, act).prop_map(|(later, act)| Step { later, act });
    let steps = proptest::collection::vec(step, 1..MOST_STEPS);
    let policy = prop_oneof![Just(LatePayment::Refund), Just(LatePayment::Honour)].prop_map(|late| SalePolicy {
        pay_within: Some(Duration::from_millis(40)),
        late,
        cool_down: Duration::from_millis(100),
    });
    (2..5_u32, policy, steps).prop_map(|(limit, policy, steps)| History {
        stock: 1_000,
        limit,
        opens_at: None,
        closes_at: None,
        policy,
        steps,
    })
}

impl History {
    pub(crate) fn definition(&self) -> ItemDefinition {
        ItemDefinition {
            per_user_limit: self.limit,
            opens_at: self.opens_at.map(moment),
            closes_at: self.closes_at.map(moment),
            ..item("sku-1", self.stock)
        }
    }
}
