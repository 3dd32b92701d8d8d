//! **Job:** all that is known of one item: its entries, its states, and the operations about it.
//! **Owns:** nothing but the view.
//! **Never:** judges.

use std::collections::HashMap;

use super::ledger::{Definition, Entry};
use super::names::{Name, Names};
use super::operations::{Operations, OrderKey};
use super::states::{Place, States};

/// One item.
pub(super) struct Item<'i> {
    pub(super) number: i64,
    pub(super) id: Option<Name>,
    pub(super) entries: &'i [Entry],
    pub(super) states: &'i States,
    /// Behind which places an order took a step, or money of it was put on record.
    pub(super) places_of: &'i HashMap<i64, Vec<Place>>,
    /// Behind which places which definition is in force.
    pub(super) definitions: &'i [(Place, Definition)],
    pub(super) operations: &'i Operations,
    /// Which of the operations are about it.
    pub(super) indices: &'i [usize],
    pub(super) names: &'i Names,
}

impl Item<'_> {
    /// The id of one of its orders.
    pub(super) fn shown(&self, order: i64) -> String {
        OrderKey { item: self.number, number: order }.shown()
    }

    /// The entry at this index, for people.
    pub(super) fn entry(&self, index: usize) -> String {
        match self.entries.get(index).map(|entry| entry.seq) {
            Some(0) => "the clock".to_owned(),
            Some(seq) => format!("entry {seq}"),
            None => "no entry".to_owned(),
        }
    }
}
