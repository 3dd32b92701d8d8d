//! **Job:** the sequential item: what is true of it after each of its entries, and where next something is true.
//! **Owns:** balances, holdings, orders and keys after every prefix of the entries; the reasons to refuse.
//! **Never:** knows time: a place is the number of entries before it.

use std::collections::HashMap;

use super::ledger::{Definition, Entry, Placed, Switch, What};
use super::lowest::Lowest;
use super::names::Name;
use super::operations::Status;

/// A place between entries: behind so many of them.
pub(super) type Place = usize;

/// What a sale is, apart from its stock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(clippy::struct_excessive_bools, reason = "switches that the entries set one by one")]
pub(super) struct Sale {
    pub(super) is_there: bool,
    pub(super) is_early: bool,
    pub(super) is_over: bool,
    pub(super) is_closed: bool,
    pub(super) is_paused: bool,
    pub(super) limit: i64,
}

/// An order, and where it took which step.
#[derive(Debug, Clone)]
pub(super) struct OrderLife {
    pub(super) placed: Placed,
    pub(super) created_at: i64,
    pub(super) steps: Vec<(Place, Status)>,
}

/// An item through all of its entries.
#[derive(Debug)]
pub(super) struct States {
    pub(super) length: Place,
    remaining: Lowest,
    with_remaining: HashMap<i64, Vec<Place>>,
    sales: Vec<(Place, Sale)>,
    holdings: HashMap<Name, Vec<(Place, i64)>>,
    pub(super) orders: HashMap<i64, OrderLife>,
    /// Which order a buyer's key has made, and where.
    pub(super) keys: HashMap<(Name, Name), (Place, i64)>,
    /// The most units that were ever on sale.
    pub(super) most_supply: i64,
    pub(super) most_limit: i64,
}

/// What an answer says of the item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Claim {
    /// The order stands so, behind this place.
    Stands {
        order: i64,
        status: Status,
        since: Place,
    },
    /// So many entries have taken effect.
    Behind(Place),
    /// The order cannot be cancelled.
    IsNotPending {
        order: i64,
    },
    /// There is no such order yet.
    IsUnknown {
        order: i64,
    },
    /// Fewer units are left than this, if it says so: how many.
    SoldOut {
        quantity: i64,
        remaining: Option<i64>,
    },
    /// The buyer would hold more than they may.
    OverLimit {
        user: Name,
        quantity: i64,
    },
    /// The sale has not begun.
    IsEarly,
    /// It is over, or was ended.
    IsOver,
    IsPaused,
    /// No such item is for sale.
    IsGone,
    /// The key made an order, of another purchase.
    KeyUsed {
        user: Name,
        key: Name,
        quantity: Option<i64>,
    },
    /// So many units are left.
    Remain(i64),
    Nothing,
}

impl States {
    pub(super) fn of(entries: &[Entry]) -> Self {
        let mut states = Self {
            length: entries.len(),
            remaining: Lowest::default(),
            with_remaining: HashMap::new(),
            // An item that is not there yet is no reason to refuse a quantity.
            sales: vec![(0, Sale { limit: i64::MAX, ..Sale::default() })],
            holdings: HashMap::new(),
            orders: HashMap::new(),
            keys: HashMap::new(),
            most_supply: 0,
            most_limit: 0,
        };
        let (mut left, mut supply) = (Vec::with_capacity(entries.len() + 1), None);
        let mut remaining = 0_i64;
        // Before it is there, it is not sold out.
        left.push(i64::MAX);
        for (before, entry) in entries.iter().enumerate() {
            let place = before + 1;
            let (added, taken) = states.enter(place, entry, supply.is_none());
            supply = added.map(|added| supply.unwrap_or(0_i64).saturating_add(added)).or(supply);
            remaining = remaining.saturating_add(added.unwrap_or(0)).saturating_sub(taken);
            states.most_supply = states.most_supply.max(supply.unwrap_or(0));
            left.push(remaining);
        }
        for (place, remaining) in left.iter().enumerate() {
            states.with_remaining.entry(*remaining).or_default().push(place);
        }
        states.remaining = Lowest::of(left);
        states
    }

    /// Units added to the supply, if the entry is about it; and units taken by the entry.
    fn enter(&mut self, place: Place, entry: &Entry, is_new: bool) -> (Option<i64>, i64) {
        match &entry.what {
            What::Defined(definition) => {
                self.define(place, entry.at, *definition);
                return (is_new.then_some(definition.stock), 0);
            }
            What::Placed(placed) => return (None, self.place(place, entry.at, *placed)),
            What::Stepped { order, to, .. } => return (None, self.step(place, *order, *to)),
            What::Supplied(quantity) => return (Some(*quantity), 0),
            What::Money { .. } => {}
            What::Opens => self.change(place, |sale| sale.is_early = false),
            What::Closes => self.change(place, |sale| sale.is_over = true),
            What::Switched(switch) => self.change(place, |sale| match switch {
                Switch::Paused => sale.is_paused = true,
                Switch::Resumed => sale.is_paused = false,
                Switch::Closed => sale.is_closed = true,
                Switch::Reopened => sale.is_closed = false,
                Switch::Hidden | Switch::Deleted => sale.is_there = false,
                Switch::Shown => sale.is_there = true,
            }),
        }
        (None, 0)
    }

    fn define(&mut self, place: Place, at: i64, definition: Definition) {
        let is_new = self.sales.len() == 1;
        self.most_limit = self.most_limit.max(definition.limit);
        self.change(place, |sale| {
            sale.is_there |= is_new;
            sale.is_early = definition.opens_at.is_some_and(|opens_at| opens_at > at);
            sale.is_over = definition.closes_at.is_some_and(|closes_at| closes_at <= at);
            sale.limit = definition.limit;
        });
    }

    fn change(&mut self, place: Place, change: impl FnOnce(&mut Sale)) {
        let mut sale = self.sale_at(place);
        change(&mut sale);
        self.sales.push((place, sale));
    }

    fn place(&mut self, place: Place, at: i64, placed: Placed) -> i64 {
        let life = OrderLife { placed, created_at: at, steps: vec![(place, Status::Pending)] };
        self.orders.entry(placed.order).or_insert(life);
        if let Some(key) = placed.key {
            self.keys.entry((placed.user, key)).or_insert((place, placed.order));
        }
        self.hold(place, placed.user, placed.quantity);
        placed.quantity
    }

    fn step(&mut self, place: Place, order: i64, to: Status) -> i64 {
        let Some(life) = self.orders.get_mut(&order) else { return 0 };
        let from = life.steps.last().map_or(Status::Unknown, |(_, status)| *status);
        life.steps.push((place, to));
        let Placed { user, quantity, .. } = life.placed;
        let taken = match (from.is_live(), to.is_live()) {
            (true, false) => quantity.saturating_neg(),
            (false, true) => quantity,
            (true, true) | (false, false) => 0,
        };
        if taken != 0 {
            self.hold(place, user, taken);
        }
        taken
    }

    fn hold(&mut self, place: Place, user: Name, units: i64) {
        let holdings = self.holdings.entry(user).or_default();
        let held = holdings.last().map_or(0, |(_, held)| *held);
        holdings.push((place, held.saturating_add(units)));
    }

    pub(super) fn remaining_at(&self, place: Place) -> i64 {
        self.remaining.at(place)
    }

    pub(super) fn sale_at(&self, place: Place) -> Sale {
        at(&self.sales, place).unwrap_or_default()
    }

    pub(super) fn held_at(&self, user: Name, place: Place) -> i64 {
        self.holdings.get(&user).and_then(|holdings| at(holdings, place)).unwrap_or(0)
    }

    /// The first place at or behind `from` at which the claim is true.
    pub(super) fn next(&self, claim: Claim, from: Place) -> Option<Place> {
        match claim {
            Claim::Nothing => Some(from),
            Claim::Behind(place) => Some(from.max(place)),
            Claim::SoldOut { quantity, remaining: None } => self.remaining.below(quantity, from),
            Claim::SoldOut { quantity, remaining: Some(remaining) } if remaining >= quantity => None,
            Claim::SoldOut { remaining: Some(remaining), .. } | Claim::Remain(remaining) => {
                let places = self.with_remaining.get(&remaining)?;
                places.get(places.partition_point(|place| *place < from)).copied()
            }
            Claim::IsEarly => self.next_sale(from, |sale| sale.is_early),
            Claim::IsOver => self.next_sale(from, |sale| sale.is_over || sale.is_closed),
            Claim::IsPaused => self.next_sale(from, |sale| sale.is_paused),
            Claim::IsGone => self.next_sale(from, |sale| !sale.is_there),
            Claim::OverLimit { user, quantity } => self.over_limit(user, quantity, from),
            Claim::Stands { order, status, since } => {
                let steps = &self.orders.get(&order)?.steps;
                self.next_run(steps, from.max(since), |found| *found == status)
            }
            Claim::IsNotPending { order } => match self.orders.get(&order) {
                None => Some(from),
                Some(life) if from < life.steps[0].0 => Some(from),
                Some(life) => self.next_run(&life.steps, from, |found| *found != Status::Pending),
            },
            Claim::IsUnknown { order } => {
                let until = self.orders.get(&order).map_or(Place::MAX, |life| life.steps[0].0);
                (from < until).then_some(from)
            }
            Claim::KeyUsed { user, key, quantity } => {
                let (place, order) = self.keys.get(&(user, key))?;
                let is_other = quantity.is_none_or(|quantity| self.orders[order].placed.quantity != quantity);
                is_other.then_some(from.max(*place))
            }
        }
    }

    fn next_sale(&self, from: Place, holds: impl Fn(&Sale) -> bool) -> Option<Place> {
        self.next_run(&self.sales, from, holds)
    }

    /// Where, from a place on, a value that changes at the places of `runs` is as wanted.
    fn next_run<T>(&self, runs: &[(Place, T)], from: Place, holds: impl Fn(&T) -> bool) -> Option<Place> {
        let first = runs.partition_point(|(place, _)| *place <= from).saturating_sub(1);
        let found = runs[first..].iter().enumerate().find(|(offset, (place, value))| {
            // Of several changes at one place, the last one counts.
            let is_last = runs.get(first + offset + 1).is_none_or(|(next, _)| next > place);
            is_last && holds(value)
        });
        found.map(|(_, (place, _))| (*place).max(from)).filter(|place| *place <= self.length)
    }

    fn over_limit(&self, user: Name, quantity: i64, from: Place) -> Option<Place> {
        let none = Vec::new();
        let holdings = self.holdings.get(&user).unwrap_or(&none);
        let mut place = from;
        loop {
            let held = at(holdings, place).unwrap_or(0);
            if held.saturating_add(quantity) > self.sale_at(place).limit {
                return Some(place);
            }
            let next = [next_change(holdings, place), next_change(&self.sales, place)];
            place = next.into_iter().flatten().min()?;
        }
    }
}

fn at<T: Copy>(runs: &[(Place, T)], place: Place) -> Option<T> {
    let behind = runs.partition_point(|(from, _)| *from <= place);
    behind.checked_sub(1).map(|last| runs[last].1)
}

fn next_change<T>(runs: &[(Place, T)], place: Place) -> Option<Place> {
    runs.get(runs.partition_point(|(from, _)| *from <= place)).map(|(from, _)| *from)
}
