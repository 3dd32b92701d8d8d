//! **Job:** compares every confirmed answer with what was asked, with the credentials, and with the ledger's row.
//! **Owns:** I2, I4, I12, I13 and I16, one answer at a time.
//! **Never:** compares times of different operations.

use std::collections::HashMap;

use crate::commands::history::{Credentials, Kind};

use super::item::Item;
use super::ledger::{Definition, What};
use super::names::{Name, Names};
use super::operations::{Answer, Effect, Operation, Operations, OrderKey, Status};
use super::states::OrderLife;
use super::{Findings, Promise};

/// What can be said of the answers without the ledger.
pub(super) fn check_all(operations: &Operations, names: &Names, findings: &mut Findings) {
    let mut first_of: HashMap<(Option<Name>, Name, Name), &Operation> = HashMap::new();
    for operation in &operations.all {
        let shown = || operation.shown(names);
        findings.expect(operation.status != 500, Promise::NeverInternal, shown);
        if operation.effect() != Effect::Ok || operation.kind == Kind::Item {
            continue;
        }
        let by_credentials = operation.kind == Kind::Pay || operation.credentials == Credentials::Valid;
        findings.expect(by_credentials, Promise::Identity, || {
            format!("{} was confirmed without valid credentials", shown())
        });
        if operation.kind == Kind::Pay {
            continue;
        }
        let Some(answer) = &operation.answer else {
            findings.expect(false, Promise::Durable, || format!("{} has no order in its answer", shown()));
            continue;
        };
        findings.expect(operation.user == Some(answer.user), Promise::Identity, || {
            format!("{} was answered with an order of {}", shown(), names.text(answer.user))
        });
        if operation.kind == Kind::Buy {
            check_bought(operation, answer, names, findings);
            if let (Some(user), Some(key)) = (operation.user, operation.key) {
                let first = first_of.entry((operation.item, user, key)).or_insert(operation);
                check_key(first, operation, names, findings);
            }
        }
    }
}

fn check_bought(operation: &Operation, answer: &Answer, names: &Names, findings: &mut Findings) {
    let is_asked = operation.item == Some(answer.item) && operation.quantity == Some(answer.quantity);
    findings.expect(is_asked || operation.replayed, Promise::Durable, || {
        let (quantity, item) = (answer.quantity, names.text(answer.item));
        format!("{} was answered with {quantity} of {item}", operation.shown(names))
    });
    findings.expect(is_asked || !operation.replayed, Promise::OneOrder, || {
        let (quantity, item) = (answer.quantity, names.text(answer.item));
        format!("{} was answered with the order of another purchase, {quantity} of {item}", operation.shown(names))
    });
    let total = answer.quantity.checked_mul(answer.unit_price);
    findings.expect(total == Some(answer.total_price), Promise::Durable, || {
        let Answer { quantity, unit_price, total_price, .. } = answer;
        format!("{}: {quantity} × {unit_price} is not {total_price}", operation.shown(names))
    });
}

/// Two confirmed answers to one key.
fn check_key(first: &Operation, other: &Operation, names: &Names, findings: &mut Findings) {
    let (Some(one), Some(two)) = (&first.answer, &other.answer) else { return };
    findings.expect(one.order == two.order, Promise::OneOrder, || {
        let order = |answer: &Answer| answer.order.map_or_else(|| "an id that is none".to_owned(), OrderKey::shown);
        format!(
            "one key, two orders: {} says {}, {} says {}",
            first.shown(names),
            order(one),
            other.shown(names),
            order(two)
        )
    });
    let is_same = (first.quantity, first.payload) == (other.quantity, other.payload);
    findings.expect(is_same, Promise::OneOrder, || {
        format!("one key, two payloads, both confirmed: {} and {}", first.shown(names), other.shown(names))
    });
}

/// Compares the confirmed answers about an item with its rows.
pub(super) fn check_rows(item: &Item<'_>, findings: &mut Findings) {
    for operation in item.indices.iter().map(|index| &item.operations.all[*index]) {
        if operation.effect() != Effect::Ok || operation.kind == Kind::Item {
            continue;
        }
        let answer = operation.answer.as_deref();
        let number = answer.and_then(|answer| answer.order).or(operation.order).map_or(0, |order| order.number);
        let Some(life) = item.states.orders.get(&number) else {
            findings.expect(false, Promise::Durable, || {
                format!("{}: the ledger has no order {}", operation.shown(item.names), item.shown(number))
            });
            continue;
        };
        if let Some(answer) = answer {
            check_row(item, operation, answer, life, findings);
        }
        check_step(item, operation, number, life, findings);
    }
}

fn check_row(item: &Item<'_>, operation: &Operation, answer: &Answer, life: &OrderLife, findings: &mut Findings) {
    let placed = &life.placed;
    let definition = item.definition_at(life.steps[0].0);
    let names = item.names;
    let differences = [
        ("user_id", answer.user != placed.user),
        ("item_id", Some(answer.item) != item.id),
        ("quantity", answer.quantity != placed.quantity),
        ("unit_price", answer.unit_price != placed.unit_price),
        ("currency", definition.is_some_and(|definition| answer.currency != definition.currency)),
        ("created_at", answer.created_at != life.created_at),
        ("order_id", operation.order.is_some() && operation.order != answer.order),
    ];
    for (member, _) in differences.iter().filter(|(_, differs)| *differs) {
        findings.expect(false, Promise::Durable, || {
            let row = item.entry(life.steps[0].0 - 1);
            format!("{} answers another {member} than {row} has", operation.shown(names))
        });
    }
    if operation.kind == Kind::Buy {
        findings.expect(placed.key == operation.key, Promise::OneOrder, || {
            let row = item.entry(life.steps[0].0 - 1);
            format!("{}: {row} was made with the key {}", operation.shown(names), names.shown(placed.key))
        });
        let is_open = definition.is_none_or(|definition| is_within(definition, answer.created_at));
        findings.expect(is_open, Promise::SaleWindow, || {
            format!("{} bought outside of the sale's window, by the server's own time", operation.shown(names))
        });
    }
    let is_ever = life.steps.iter().any(|(_, status)| *status == answer.status);
    findings.expect(is_ever, Promise::OrderStates, || {
        format!("{} answers the status {:?}, which the order never had", operation.shown(names), answer.status)
    });
}

fn is_within(definition: Definition, time: i64) -> bool {
    definition.opens_at.is_none_or(|opens_at| time >= opens_at)
        && definition.closes_at.is_none_or(|closes_at| time < closes_at)
}

/// What was confirmed besides: a step of the order, or money.
fn check_step(item: &Item<'_>, operation: &Operation, number: i64, life: &OrderLife, findings: &mut Findings) {
    let is_there = match operation.kind {
        Kind::Cancel => life.steps.iter().any(|(_, status)| *status == Status::Cancelled),
        Kind::Pay => item.has_money(number, operation.key),
        Kind::Buy | Kind::Read | Kind::Item => true,
    };
    findings.expect(is_there, Promise::Durable, || {
        format!("{}: the ledger has no such entry about order {}", operation.shown(item.names), item.shown(number))
    });
}

impl Item<'_> {
    /// The definition in force at a place.
    fn definition_at(&self, place: usize) -> Option<Definition> {
        let before = self.definitions.partition_point(|(from, _)| *from <= place);
        before.checked_sub(1).map(|last| self.definitions[last].1)
    }

    fn has_money(&self, order: i64, key: Option<Name>) -> bool {
        let is_it = |place: &usize| match &self.entries[*place - 1].what {
            What::Stepped { reference, .. } | What::Money { reference, .. } => *reference == key,
            What::Placed(_) | What::Defined(_) | What::Supplied(_) | What::Switched(_) | What::Opens | What::Closes => {
                false
            }
        };
        self.places_of.get(&order).is_some_and(|places| places.iter().any(is_it))
    }
}
