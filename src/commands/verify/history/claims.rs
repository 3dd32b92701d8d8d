//! **Job:** says what each answer claims about its item, and whether the claim was true in its time.
//! **Owns:** the claim behind each kind of answer, and the promise that a false one breaks.
//! **Never:** decides: the sweep does.

use crate::commands::history::{Credentials, Kind};

use super::item::Item;
use super::linear::{Asked, Misfit, Told, Why, misfits};
use super::operations::{Effect, Operation, Refusal, Status};
use super::states::{Claim, Place};
use super::{Findings, Promise};

/// How old what is told of an item may be: it is cacheable for a second.
const ITEM_AGE_NS: i64 = 1_000_000_000;

/// Checks the answers about an item against its entries.
pub(super) fn check(item: &Item<'_>, asked: &[Option<Asked>], findings: &mut Findings) {
    let all: Vec<Told> = item.indices.iter().filter_map(|index| told(item, *index)).collect();
    for misfit in misfits(item.states, asked, &all) {
        let told = &all[misfit.told];
        let operation = &item.operations.all[told.operation];
        let promise = match misfit.why {
            Why::KeyUsed(_) => Promise::OneOrder,
            Why::Never | Why::TooEarly { .. } => broken(operation),
        };
        findings.expect(false, promise, || describe(item, operation, &misfit));
    }
}

/// What an operation was told that can be true or false.
fn told(item: &Item<'_>, index: usize) -> Option<Told> {
    let operation = &item.operations.all[index];
    if operation.credentials != Credentials::Valid && operation.kind != Kind::Item {
        return None;
    }
    let (claim, before) = match operation.effect() {
        Effect::Info => return None,
        Effect::Ok => (confirmed(item, operation)?, None),
        Effect::Fail => refused(item, operation)?,
    };
    let age = if operation.kind == Kind::Item { ITEM_AGE_NS } else { 0 };
    let invoked = operation.invoked.saturating_sub(age);
    Some(Told { operation: index, invoked, returned: operation.returned, claim, before })
}

fn confirmed(item: &Item<'_>, operation: &Operation) -> Option<Claim> {
    if operation.kind == Kind::Item {
        return operation.remaining.map(Claim::Remain);
    }
    let answered = operation.answer.as_ref();
    let order = operation.order.or(answered.and_then(|answer| answer.order))?.number;
    let life = item.states.orders.get(&order)?;
    let last = life.steps.last().map_or(Status::Unknown, |(_, status)| *status);
    let status = answered.map_or(last, |answer| answer.status);
    let step = |to| life.steps.iter().find(|(_, status)| *status == to).map(|(place, _)| *place);
    let since = match operation.kind {
        Kind::Cancel => step(Status::Cancelled)?,
        Kind::Pay => paid_since(item, order, operation)?,
        Kind::Buy | Kind::Read | Kind::Item => 0,
    };
    if operation.kind == Kind::Pay && answered.is_none() {
        return Some(Claim::Behind(since));
    }
    Some(Claim::Stands { order, status, since })
}

/// Behind which place the money of a report is on record.
fn paid_since(item: &Item<'_>, order: i64, operation: &Operation) -> Option<Place> {
    use super::ledger::What;
    let is_it = |what: &What| match what {
        What::Stepped { order: of, reference, .. } => *of == order && *reference == operation.key,
        What::Money { order: of, reference } => *of == Some(order) && *reference == operation.key,
        What::Placed(_) | What::Defined(_) | What::Supplied(_) | What::Switched(_) | What::Opens | What::Closes => {
            false
        }
    };
    let places = item.places_of.get(&order)?;
    places.iter().find(|place| is_it(&item.entries[**place - 1].what)).copied()
}

fn refused(item: &Item<'_>, operation: &Operation) -> Option<(Claim, Option<Place>)> {
    let states = item.states;
    match operation.kind {
        Kind::Buy => {
            let key = operation.user.zip(operation.key);
            let before = key.and_then(|key| states.keys.get(&key)).map(|(place, _)| *place);
            let (user, quantity) = (operation.user?, operation.quantity.unwrap_or(1));
            let claim = match operation.refusal {
                Refusal::SoldOut => Claim::SoldOut { quantity, remaining: operation.remaining },
                Refusal::LimitReached => Claim::OverLimit { user, quantity },
                Refusal::NotStarted => Claim::IsEarly,
                Refusal::Closed => Claim::IsOver,
                Refusal::Paused => Claim::IsPaused,
                Refusal::NotFound => return Some((Claim::IsGone, None)),
                Refusal::Gate => Claim::Nothing,
                Refusal::KeyReused => {
                    let (user, key) = key?;
                    // What a payload was that is no quantity, its hash says: it differs from any.
                    let quantity = operation.quantity.filter(|_| operation.payload.is_none());
                    return Some((Claim::KeyUsed { user, key, quantity }, None));
                }
                Refusal::InvalidTransition | Refusal::Other => return None,
            };
            Some((claim, before))
        }
        Kind::Cancel | Kind::Read => {
            let order = operation.order?.number;
            let is_own = states.orders.get(&order).is_none_or(|life| Some(life.placed.user) == operation.user);
            match operation.refusal {
                Refusal::NotFound if is_own => Some((Claim::IsUnknown { order }, None)),
                Refusal::InvalidTransition if is_own => Some((Claim::IsNotPending { order }, None)),
                // Of somebody else's order a buyer is told nothing that could be false.
                Refusal::NotFound
                | Refusal::InvalidTransition
                | Refusal::SoldOut
                | Refusal::LimitReached
                | Refusal::NotStarted
                | Refusal::Closed
                | Refusal::Paused
                | Refusal::KeyReused
                | Refusal::Gate
                | Refusal::Other => None,
            }
        }
        Kind::Pay | Kind::Item => None,
    }
}

/// The promise that a claim breaks that is not true in its time.
fn broken(operation: &Operation) -> Promise {
    match (operation.kind, operation.effect(), operation.refusal) {
        (Kind::Item, ..) => Promise::Remaining,
        (Kind::Buy, Effect::Ok, _) if operation.replayed => Promise::MonotoneReads,
        (Kind::Read, ..) => Promise::MonotoneReads,
        (Kind::Buy, Effect::Fail, Refusal::SoldOut) => Promise::NoFalseSoldOut,
        (Kind::Buy, Effect::Fail, Refusal::NotStarted | Refusal::Closed) => Promise::SaleWindow,
        (Kind::Buy, Effect::Fail, Refusal::KeyReused) => Promise::OneOrder,
        (Kind::Buy | Kind::Cancel | Kind::Pay, ..) => Promise::Linearizable,
    }
}

fn describe(item: &Item<'_>, operation: &Operation, misfit: &Misfit) -> String {
    let what = operation.shown(item.names);
    let since = match misfit.at_least {
        0 => "the beginning".to_owned(),
        place => item.entry(place - 1),
    };
    let line = |asked: &Asked| item.operations.all[asked.operation].shown(item.names);
    match misfit.why {
        Why::Never => format!("{what}: not so after {since}, which had taken effect before it was asked, nor later"),
        Why::KeyUsed(place) => {
            let used = item.entry(place - 1);
            format!("{what}: its key had made the order of {used} by the time at which this was so")
        }
        Why::TooEarly { place, entry, asked } => {
            let (from, before) = (item.entry(place - 1), item.entry(entry));
            let asked = line(&asked);
            format!(
                "{what}: so only from {from} on, but {before} was asked for after this had been answered, by {asked}"
            )
        }
    }
}
