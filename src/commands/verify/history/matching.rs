//! **Job:** finds the operation behind every entry of an item, and the entry behind every operation that was confirmed.
//! **Owns:** which unanswered operation may have made what.
//! **Never:** compares times: the sweep does.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;

use crate::commands::history::Kind;

use super::item::Item;
use super::ledger::{Placed, What};
use super::linear::Asked;
use super::names::Name;
use super::operations::{Effect, Operation, Status};
use super::{Findings, Promise};

/// The operations about an item that may have made an entry.
#[derive(Default)]
struct Makers {
    /// Confirmed as new, by number of the order.
    confirmed: HashMap<i64, Vec<usize>>,
    /// Without an answer, by buyer and key, the earliest first; those without a key under their buyer.
    open: HashMap<(Name, Option<Name>, i64), VecDeque<usize>>,
    cancelled: HashMap<i64, Vec<usize>>,
    /// The earliest that may have given up this order.
    open_cancels: HashMap<i64, usize>,
    /// The earliest that reported this money, confirmed or without an answer.
    paid: HashMap<(Option<i64>, Option<Name>), usize>,
}

impl Makers {
    fn of(item: &Item<'_>) -> Self {
        let mut makers = Self::default();
        let all = &item.operations.all;
        let mut open = Vec::new();
        for index in item.indices.iter().copied() {
            let operation = &all[index];
            let order = operation.order.map(|order| order.number);
            match (operation.kind, operation.effect()) {
                (Kind::Buy, Effect::Ok) if !operation.replayed => {
                    if let Some(answered) = operation.answer.as_ref().and_then(|answer| answer.order) {
                        makers.confirmed.entry(answered.number).or_default().push(index);
                    }
                }
                (Kind::Buy, Effect::Info) => open.push(index),
                (Kind::Cancel, Effect::Ok) => makers.cancelled.entry(order.unwrap_or(0)).or_default().push(index),
                (Kind::Cancel, Effect::Info) => earliest(&mut makers.open_cancels, order.unwrap_or(0), index, all),
                (Kind::Pay, Effect::Ok | Effect::Info) => {
                    earliest(&mut makers.paid, (order, operation.key), index, all);
                }
                (Kind::Buy, Effect::Ok | Effect::Fail)
                | (Kind::Cancel | Kind::Pay, Effect::Fail)
                | (Kind::Read | Kind::Item, _) => {}
            }
        }
        open.sort_by_key(|index| all[*index].invoked);
        for index in open {
            if let (Some(user), Some(quantity)) = (all[index].user, all[index].quantity) {
                makers.open.entry((user, all[index].key, quantity)).or_default().push_back(index);
            }
        }
        makers
    }

    /// Who made this order. An unanswered purchase without a key made at most one; the earliest one is taken for the
    /// earliest order, which fits if any choice does.
    fn of_placed(&mut self, placed: &Placed) -> Option<usize> {
        if let Some(confirmed) = self.confirmed.get(&placed.order) {
            return confirmed.first().copied();
        }
        let open = self.open.get_mut(&(placed.user, placed.key, placed.quantity))?;
        if placed.key.is_some() { open.front().copied() } else { open.pop_front() }
    }
}

fn earliest<K: Eq + Hash>(known: &mut HashMap<K, usize>, key: K, index: usize, all: &[Operation]) {
    let first = known.entry(key).or_insert(index);
    if all[index].invoked < all[*first].invoked {
        *first = index;
    }
}

/// For every entry the operation that asked for it; and what nobody asked for, or was made twice.
pub(super) fn match_entries(item: &Item<'_>, findings: &mut Findings) -> Vec<Option<Asked>> {
    let mut makers = Makers::of(item);
    let all = &item.operations.all;
    let mut asked = Vec::with_capacity(item.entries.len());
    for entry in item.entries {
        let seq = entry.seq;
        let maker = match &entry.what {
            What::Placed(placed) => {
                let maker = makers.of_placed(placed);
                if maker.is_none() && item.operations.knows_all_of(placed.user) {
                    findings.expect(false, Promise::NoPhantom, || phantom(item, seq, placed));
                }
                maker
            }
            What::Stepped { order, to: Status::Cancelled, by_operator: false, .. } => {
                let confirmed = makers.cancelled.get(order).and_then(|all| all.first());
                let maker = confirmed.or_else(|| makers.open_cancels.get(order)).copied();
                let owner = item.states.orders.get(order).map(|life| life.placed.user);
                let is_known = owner.is_none_or(|owner| item.operations.knows_all_of(owner));
                findings.expect(maker.is_some() || !is_known, Promise::NoPhantom, || {
                    format!("entry {seq} cancels order {}, which no line asked for", item.shown(*order))
                });
                maker
            }
            What::Stepped { order, reference, by_operator: false, .. } if reference.is_some() => {
                item.paid(&makers.paid, (Some(*order), *reference), seq, findings)
            }
            What::Money { order, reference } if reference.is_some() => makers.paid.get(&(*order, *reference)).copied(),
            What::Stepped { .. }
            | What::Money { .. }
            | What::Defined(_)
            | What::Supplied(_)
            | What::Switched(_)
            | What::Opens
            | What::Closes => None,
        };
        asked.push(maker.map(|operation| Asked { invoked: all[operation].invoked, operation }));
    }
    made_twice(item, &makers, findings);
    asked
}

impl Item<'_> {
    fn paid(
        &self,
        paid: &HashMap<(Option<i64>, Option<Name>), usize>,
        money: (Option<i64>, Option<Name>),
        seq: i64,
        findings: &mut Findings,
    ) -> Option<usize> {
        let maker = paid.get(&money).copied();
        let covers_all = self.operations.covers == crate::commands::history::Covers::Everything;
        findings.expect(maker.is_some() || !covers_all, Promise::NoPhantom, || {
            let order = self.shown(money.0.unwrap_or(0));
            format!("entry {seq} pays order {order} with {}, which no line reported", self.names.shown(money.1))
        });
        maker
    }
}

fn phantom(item: &Item<'_>, seq: i64, placed: &Placed) -> String {
    let of_buyer = item.indices.iter().map(|index| &item.operations.all[*index]).filter(|operation| {
        operation.kind == Kind::Buy && operation.user == Some(placed.user) && operation.key == placed.key
    });
    let mut refused = of_buyer.filter(|operation| operation.effect() == Effect::Fail);
    let names = item.names;
    let what = format!(
        "entry {seq} places order {}: {} of {} for {}, key {}",
        item.shown(placed.order),
        placed.quantity,
        names.shown(item.id),
        names.text(placed.user),
        names.shown(placed.key)
    );
    match refused.next() {
        Some(refused) => format!("{what}; but {} was refused", refused.shown(names)),
        None => format!("{what}; no line asked for it without being refused"),
    }
}

fn made_twice(item: &Item<'_>, makers: &Makers, findings: &mut Findings) {
    let shown = |index: &usize| item.operations.all[*index].shown(item.names);
    for (order, confirmed) in &makers.confirmed {
        findings.expect(confirmed.len() == 1, Promise::OneOrder, || {
            let order = item.shown(*order);
            format!("order {order} was confirmed as new to {} and to {}", shown(&confirmed[0]), shown(&confirmed[1]))
        });
    }
    for (order, cancelled) in &makers.cancelled {
        findings.expect(cancelled.len() == 1, Promise::ReleaseOnce, || {
            let order = item.shown(*order);
            format!("order {order} was cancelled by {} and by {}", shown(&cancelled[0]), shown(&cancelled[1]))
        });
    }
}
