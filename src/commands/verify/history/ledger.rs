//! **Job:** the entries of a data file, item by item, as the checker works with them.
//! **Owns:** what of an entry matters to a history; the moments at which a sale opens and closes by its clock.
//! **Never:** uses a balance that an entry states: it is kept to be compared.

use std::collections::{BTreeMap, HashMap, HashSet};

use doorbuster_actors::ledger::{Kind, Row};
use doorbuster_actors::time::Timestamp;

use super::names::{Name, Names};
use super::operations::Status;

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// 0: the clock moved the sale on, and nobody wrote that down.
    pub(super) seq: i64,
    pub(super) at: i64,
    pub(super) what: What,
    /// The balance it states.
    pub(super) says_remaining: Option<i64>,
}

/// What an entry says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum What {
    Defined(Definition),
    Placed(Placed),
    Stepped {
        order: i64,
        to: Status,
        /// The provider's id of the money behind it.
        reference: Option<Name>,
        by_operator: bool,
    },
    /// Money is put on record; no order takes a step.
    Money {
        order: Option<i64>,
        reference: Option<Name>,
    },
    /// Units are added, or taken off sale.
    Supplied(i64),
    Switched(Switch),
    /// The time of the opening has come.
    Opens,
    /// The time of the end has come.
    Closes,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Definition {
    /// Counts in the first definition of an item only.
    pub(super) stock: i64,
    pub(super) limit: i64,
    pub(super) opens_at: Option<i64>,
    pub(super) closes_at: Option<i64>,
    pub(super) currency: Name,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Placed {
    pub(super) order: i64,
    pub(super) user: Name,
    pub(super) quantity: i64,
    pub(super) unit_price: i64,
    pub(super) key: Option<Name>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Switch {
    Paused,
    Resumed,
    Closed,
    Reopened,
    Hidden,
    Shown,
    Deleted,
}

/// The entries of an item, in their order.
#[derive(Debug, Default)]
pub(super) struct ItemEntries {
    pub(super) id: Option<Name>,
    pub(super) entries: Vec<Entry>,
    /// When the clock will move the sale on.
    ahead: Vec<(i64, What)>,
}

/// The entries of all items, by the items' numbers.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    pub(super) items: BTreeMap<i64, ItemEntries>,
}

impl Ledger {
    pub(super) fn enter(&mut self, row: &Row<'_>, names: &mut Names) {
        let mut name = |text: Option<&str>| text.map(|text| names.of(text));
        let (user, key) = (name(row.user_id), name(row.idempotency_key));
        let (order, quantity) = (row.order_number.unwrap_or(0), row.quantity.unwrap_or(0));
        let by_operator = row.detail.as_deref().is_some_and(|detail| detail.contains("\"operator\""));
        let step = |to| What::Stepped { order, to, reference: key, by_operator };
        let item = self.items.entry(row.item).or_default();
        let what = match Kind::from_number(row.kind) {
            Some(Kind::Item) => {
                let Ok(definition) = row.item_definition() else { return };
                item.id = Some(names.of(&definition.id.to_string()));
                What::Defined(Definition {
                    stock: definition.stock.into(),
                    limit: definition.per_user_limit.into(),
                    opens_at: definition.opens_at.map(Timestamp::millis),
                    closes_at: definition.closes_at.map(Timestamp::millis),
                    currency: names.of(&definition.currency.to_string()),
                })
            }
            Some(Kind::Placed) => {
                let Some(user) = user else { return };
                What::Placed(Placed { order, user, quantity, unit_price: row.unit_price.unwrap_or(0), key })
            }
            Some(Kind::Paid) => step(Status::Paid),
            Some(Kind::Cancelled) => step(Status::Cancelled),
            Some(Kind::Expired) => step(Status::Expired),
            Some(Kind::RefundDue) => step(Status::RefundDue),
            Some(Kind::Refunded) => step(Status::Refunded),
            Some(Kind::Payment | Kind::Settled) => What::Money { order: row.order_number, reference: key },
            Some(Kind::Restocked) => What::Supplied(quantity),
            Some(Kind::Withdrawn) => What::Supplied(quantity.saturating_neg()),
            Some(Kind::Paused) => What::Switched(Switch::Paused),
            Some(Kind::Resumed) => What::Switched(Switch::Resumed),
            Some(Kind::Closed) => What::Switched(Switch::Closed),
            Some(Kind::Reopened) => What::Switched(Switch::Reopened),
            Some(Kind::Hidden) => What::Switched(Switch::Hidden),
            Some(Kind::Shown) => What::Switched(Switch::Shown),
            Some(Kind::Deleted) => What::Switched(Switch::Deleted),
            // What is not known, the audit of the file tells.
            None => return,
        };
        item.push(Entry { seq: row.seq, at: row.at, what, says_remaining: Some(row.remaining) });
    }

    /// To be called behind the last entry.
    pub(super) fn close(&mut self) {
        self.items.values_mut().for_each(|item| item.move_on(i64::MAX));
    }

    /// The references of money that came for no order: they are entries of no item.
    pub(super) fn unclaimed(&self) -> HashSet<Name> {
        let entries = self.items.get(&0).map_or(&[][..], |item| &item.entries);
        let references = entries.iter().filter_map(|entry| match entry.what {
            What::Money { reference, .. } => reference,
            What::Placed(_)
            | What::Stepped { .. }
            | What::Defined(_)
            | What::Supplied(_)
            | What::Switched(_)
            | What::Opens
            | What::Closes => None,
        });
        references.collect()
    }

    /// Numbers of the items that ever had each id.
    pub(super) fn numbers(&self) -> HashMap<Name, Vec<i64>> {
        let mut numbers: HashMap<Name, Vec<i64>> = HashMap::new();
        for (number, item) in &self.items {
            if let Some(id) = item.id {
                numbers.entry(id).or_default().push(*number);
            }
        }
        numbers
    }
}

impl ItemEntries {
    pub(super) fn push(&mut self, entry: Entry) {
        self.move_on(entry.at);
        if let What::Defined(definition) = &entry.what {
            let later = |time: Option<i64>, what| time.filter(|time| *time > entry.at).map(|time| (time, what));
            self.ahead = [later(definition.opens_at, What::Opens), later(definition.closes_at, What::Closes)]
                .into_iter()
                .flatten()
                .collect();
            self.ahead.sort_by_key(|(time, _)| *time);
        }
        self.entries.push(entry);
    }

    /// Writes down what the clock did until `now`: entries of that time are behind it.
    fn move_on(&mut self, now: i64) {
        let come = self.ahead.iter().take_while(|(time, _)| *time <= now).count();
        for (at, what) in self.ahead.drain(..come) {
            self.entries.push(Entry { seq: 0, at, what, says_remaining: None });
        }
    }
}
