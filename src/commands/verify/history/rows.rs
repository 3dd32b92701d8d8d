//! **Job:** checks the entries of an item by themselves, with the checker's own states.
//! **Owns:** what a purchase or a step may follow.
//! **Never:** looks at an operation.

use super::item::Item;
use super::ledger::{Placed, What};
use super::operations::Status;
use super::states::Place;
use super::{Findings, Promise};

/// Checks all entries.
pub(super) fn check(item: &Item<'_>, findings: &mut Findings) {
    let mut latest = i64::MIN;
    for (index, entry) in item.entries.iter().enumerate() {
        let (seq, place) = (entry.seq, index + 1);
        findings.expect(entry.at >= latest, Promise::SaleWindow, || {
            format!("entry {seq} is older than the one before it of this item")
        });
        latest = latest.max(entry.at);
        let remaining = item.states.remaining_at(place);
        findings.expect(remaining >= 0, Promise::NeverOversold, || {
            format!("after entry {seq} {} units more are live than there are", remaining.saturating_neg())
        });
        let stated = entry.says_remaining.unwrap_or(remaining);
        findings.expect(stated == remaining, Promise::Remaining, || {
            format!("entry {seq} says that {stated} units remain; supply less live is {remaining}")
        });
        match &entry.what {
            What::Placed(placed) => check_placed(item, place, seq, placed, findings),
            What::Stepped { order, to, .. } => check_step(item, place, seq, (*order, *to), findings),
            What::Defined(_)
            | What::Money { .. }
            | What::Supplied(_)
            | What::Switched(_)
            | What::Opens
            | What::Closes => {}
        }
    }
}

fn check_placed(item: &Item<'_>, place: Place, seq: i64, placed: &Placed, findings: &mut Findings) {
    let (states, names) = (item.states, item.names);
    let (sale, held) = (states.sale_at(place - 1), states.held_at(placed.user, place));
    findings.expect(held <= sale.limit, Promise::LimitKept, || {
        format!("after entry {seq} {} holds {held} units of at most {}", names.text(placed.user), sale.limit)
    });
    let is_open = sale.is_there && !sale.is_early && !sale.is_over && !sale.is_closed && !sale.is_paused;
    findings.expect(is_open, Promise::SaleWindow, || format!("entry {seq} sells while the sale is not open"));
    let is_first = states.orders.get(&placed.order).is_some_and(|life| life.steps[0].0 == place);
    findings.expect(is_first, Promise::Durable, || {
        format!("entry {seq} places order {} a second time", item.shown(placed.order))
    });
    if let Some(key) = placed.key {
        let made = states.keys.get(&(placed.user, key)).map(|(_, order)| *order);
        findings.expect(made == Some(placed.order), Promise::OneOrder, || {
            let (user, key) = (names.text(placed.user), names.text(key));
            format!("entry {seq} makes a second order for the key {key} of {user}")
        });
    }
}

fn check_step(item: &Item<'_>, place: Place, seq: i64, (order, to): (i64, Status), findings: &mut Findings) {
    let steps = item.states.orders.get(&order).map_or(&[][..], |life| &life.steps);
    let before = steps.partition_point(|(at, _)| *at < place);
    let from = before.checked_sub(1).map_or(Status::Unknown, |last| steps[last].1);
    let shown = || format!("entry {seq} takes order {} from {from:?} to {to:?}", item.shown(order));
    let releases = matches!(to, Status::Cancelled | Status::Expired);
    let may = match to {
        Status::Paid => matches!(from, Status::Pending | Status::Cancelled | Status::Expired),
        Status::Cancelled | Status::Expired => from == Status::Pending,
        Status::RefundDue => matches!(from, Status::Paid | Status::Cancelled | Status::Expired),
        Status::Refunded => matches!(from, Status::Paid | Status::RefundDue),
        Status::Pending | Status::Unknown => false,
    };
    let promise = if releases { Promise::ReleaseOnce } else { Promise::OrderStates };
    findings.expect(may, promise, shown);
}
