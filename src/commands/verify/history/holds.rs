//! **Job:** adds up what buyers certainly held at every instant, by what they were told.
//! **Owns:** from when until when an order certainly holds its units.
//! **Never:** rests on the ledger where it would make a hold longer: a ledger that has lost an order cannot hide it.

use std::collections::{BTreeMap, HashMap};

use crate::commands::history::Kind;

use super::item::Item;
use super::linear::{Asked, latest_of};
use super::names::Name;
use super::operations::Effect;
use super::{Findings, Promise};

/// Units that were certainly held for a while.
#[derive(Debug, Clone, Copy)]
struct Hold {
    user: Name,
    units: i64,
    from: i64,
    until: i64,
    line: u32,
}

/// Checks stock and limits against the certain holds.
pub(super) fn check(item: &Item<'_>, asked: &[Option<Asked>], findings: &mut Findings) {
    let holds = holds(item, asked);
    let mut stock = most_held(holds.iter());
    let (supply, limit) = (item.states.most_supply, item.states.most_limit);
    findings.expect(stock.units <= supply, Promise::NeverOversold, || {
        let lines = stock.lines();
        format!(
            "{} units of {} were certainly held at once, of {supply}: {lines}",
            stock.units,
            item.names.shown(item.id)
        )
    });
    let mut by_user: HashMap<Name, Vec<&Hold>> = HashMap::new();
    for hold in &holds {
        by_user.entry(hold.user).or_default().push(hold);
    }
    for (user, holds) in by_user {
        let mut held = most_held(holds.into_iter());
        findings.expect(held.units <= limit, Promise::LimitKept, || {
            let (user, lines) = (item.names.text(user), held.lines());
            format!("{user} certainly held {} units at once, of at most {limit}: {lines}", held.units)
        });
    }
}

fn holds(item: &Item<'_>, asked: &[Option<Asked>]) -> Vec<Hold> {
    let mut holds: BTreeMap<i64, Hold> = BTreeMap::new();
    let mut given_up: HashMap<i64, i64> = HashMap::new();
    for operation in item.indices.iter().map(|index| &item.operations.all[*index]) {
        if operation.kind == Kind::Cancel && operation.effect() != Effect::Fail {
            let order = operation.order.map_or(0, |order| order.number);
            let first = given_up.entry(order).or_insert(operation.invoked);
            *first = operation.invoked.min(*first);
        }
        let Some(answer) = operation.answer.as_ref().filter(|_| operation.effect() == Effect::Ok) else { continue };
        if !answer.status.is_live() || operation.kind == Kind::Cancel {
            continue;
        }
        let Some(order) = answer.order else { continue };
        let (from, line) = (operation.returned, operation.line);
        let hold = Hold { user: answer.user, units: answer.quantity, from, until: i64::MAX, line };
        let known = holds.entry(order.number).or_insert(hold);
        if from < known.from {
            *known = hold;
        }
    }
    let latest = latest_of(asked);
    for (order, hold) in &mut holds {
        let cancelled = given_up.get(order).copied().unwrap_or(i64::MAX);
        // Whatever else ended it did so behind the entries before it, none of which was there before it was asked for.
        let life = item.states.orders.get(order);
        let ended = life.and_then(|life| life.steps.iter().find(|(_, status)| !status.is_live()));
        let released = ended.map(|(place, _)| latest[*place - 1].map_or(i64::MIN, |(_, asked)| asked.invoked));
        hold.until = cancelled.min(released.unwrap_or(i64::MAX));
    }
    holds.into_values().filter(|hold| hold.from < hold.until).collect()
}

/// The instant at which most was held.
struct Most {
    units: i64,
    by: Vec<u32>,
}

impl Most {
    /// The first lines that were held, in the order of the history.
    fn lines(&mut self) -> String {
        self.by.sort_unstable();
        let shown: Vec<_> = self.by.iter().take(5).map(u32::to_string).collect();
        let more = if self.by.len() > shown.len() { ", …" } else { "" };
        format!("lines {}{more}", shown.join(", "))
    }
}

fn most_held<'h>(holds: impl Iterator<Item = &'h Hold> + Clone) -> Most {
    // At one instant units go back before others are taken: nothing is certain about its order.
    let ends = holds.clone().map(|hold| (hold.until, -hold.units));
    let mut changes: Vec<_> = ends.chain(holds.clone().map(|hold| (hold.from, hold.units))).collect();
    changes.sort_unstable();
    let (mut now, mut most, mut when) = (0_i64, 0, i64::MIN);
    for (time, units) in changes {
        now = now.saturating_add(units);
        if now > most {
            (most, when) = (now, time);
        }
    }
    let by = holds.filter(|hold| hold.from <= when && when < hold.until).map(|hold| hold.line).collect();
    Most { units: most, by }
}
