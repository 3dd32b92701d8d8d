//! **Job:** checks a history against the data file: what clients saw from outside, and what the ledger says.
//! **Owns:** a model of its own of every item; an oracle must not share its error with what it judges.
//! **Never:** asks a server, or trusts a balance that is written in an entry.

mod answers;
mod claims;
mod holds;
mod item;
mod ledger;
mod linear;
mod lowest;
mod matching;
mod names;
mod operations;
mod rows;
mod states;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::path::Path;

use doorbuster_actors::ledger::Row;

use super::report::{Findings, HistoryTotals, Promise};
use crate::commands::history::{HistoryError, Kind};
use item::Item;
use ledger::{ItemEntries, Ledger, What};
use names::Names;
use operations::{Effect, Operations};
use states::{Place, States};

/// Bits of an item's number below those of its node.
const NODE_SHIFT: u32 = 22;

/// A history, and the entries that were read so far.
pub(in crate::commands) struct History {
    names: Names,
    operations: Operations,
    ledger: Ledger,
}

impl History {
    /// Reads the history; the entries are to follow.
    pub(in crate::commands) fn read(path: &Path) -> Result<Self, HistoryError> {
        let mut names = Names::default();
        let operations = Operations::read(path, &mut names)?;
        Ok(Self { names, operations, ledger: Ledger::default() })
    }

    pub(super) fn enter(&mut self, row: &Row<'_>) {
        self.ledger.enter(row, &mut self.names);
    }

    /// Checks everything, once all entries are there.
    pub(super) fn check(&mut self, findings: &mut Findings) -> HistoryTotals {
        self.ledger.close();
        let totals = self.leave_out_other_nodes();
        answers::check_all(&self.operations, &self.names, findings);
        let mut of_item = self.group(findings);
        for (number, its) in &self.ledger.items {
            let indices = of_item.remove(number).unwrap_or_default();
            self.check_item(*number, its, &indices, findings);
        }
        totals
    }

    /// Counts the operations, and keeps those that the data file can be asked about.
    fn leave_out_other_nodes(&mut self) -> HistoryTotals {
        let mut totals = HistoryTotals { operations: self.operations.all.len(), ..HistoryTotals::default() };
        for operation in &self.operations.all {
            match operation.effect() {
                Effect::Ok => totals.ok += 1,
                Effect::Fail => totals.fail += 1,
                Effect::Info => totals.info += 1,
            }
        }
        let an_item = self.ledger.items.keys().copied().find(|number| *number > 0);
        if let Some(node) = an_item.and_then(|number| u32::try_from((number >> NODE_SHIFT) + 1).ok()) {
            self.operations.all.retain(|operation| operation.node.is_none_or(|other| other == node));
        }
        totals.elsewhere = totals.operations - self.operations.all.len();
        totals
    }

    /// The operations about each item, by its number. A refused purchase names its item by an id; where that was given
    /// anew, nobody knows which one was meant.
    fn group(&self, findings: &mut Findings) -> HashMap<i64, Vec<usize>> {
        let numbers = self.ledger.numbers();
        let by_id = |operation: &operations::Operation| match numbers.get(&operation.item?)?.as_slice() {
            [only] => Some(*only),
            _several => None,
        };
        let unclaimed = self.ledger.unclaimed();
        let mut of_item: HashMap<i64, Vec<usize>> = HashMap::new();
        for (index, operation) in self.operations.all.iter().enumerate() {
            if operation.kind == Kind::Pay && operation.key.is_some_and(|key| unclaimed.contains(&key)) {
                continue;
            }
            let answered = operation.answer.as_ref().and_then(|answer| answer.order);
            let order = operation.order.or(answered);
            let item = order.map(|order| order.item).or_else(|| by_id(operation));
            let is_known = item.is_some_and(|item| self.ledger.items.contains_key(&item));
            let is_of_order = operation.effect() == Effect::Ok && operation.kind != Kind::Item;
            findings.expect(is_known || !is_of_order, Promise::Durable, || {
                format!("{}: the ledger has no such item", operation.shown(&self.names))
            });
            if let Some(item) = item {
                of_item.entry(item).or_default().push(index);
            }
        }
        of_item
    }

    fn check_item(&self, number: i64, its: &ItemEntries, indices: &[usize], findings: &mut Findings) {
        self.with_item(number, its, indices, |item| {
            rows::check(item, findings);
            answers::check_rows(item, findings);
            let asked = matching::match_entries(item, findings);
            claims::check(item, &asked, findings);
            holds::check(item, &asked, findings);
        });
    }

    fn with_item(&self, number: i64, its: &ItemEntries, indices: &[usize], work: impl FnOnce(&Item<'_>)) {
        let states = States::of(&its.entries);
        let (mut places_of, mut definitions) = (HashMap::<i64, Vec<Place>>::new(), Vec::new());
        for (index, entry) in its.entries.iter().enumerate() {
            match &entry.what {
                What::Stepped { order, .. } | What::Money { order: Some(order), .. } => {
                    places_of.entry(*order).or_default().push(index + 1);
                }
                What::Defined(definition) => definitions.push((index + 1, *definition)),
                What::Placed(_)
                | What::Money { order: None, .. }
                | What::Supplied(_)
                | What::Switched(_)
                | What::Opens
                | What::Closes => {}
            }
        }
        work(&Item {
            number,
            id: its.id,
            entries: &its.entries,
            states: &states,
            places_of: &places_of,
            definitions: &definitions,
            operations: &self.operations,
            indices,
            names: &self.names,
        });
    }
}
