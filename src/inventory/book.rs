//! **Job:** decides what an entry of the feed does to an item and to an order.
//! **Owns:** the state machine of an order as an inventory sees it, and the reasons why an entry cannot be applied.
//! **Never:** reads or writes anything; that stock is never negative is the data file's `CHECK`, which nothing gets
//! past.

use super::unfit::{Status, Unfit};
use super::wire::{Change, OrderEvent};

/// An item's units. `stock = allocated + shipped + available`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Item {
    /// Units ever put on sale.
    pub(super) stock: i64,
    /// Units of live orders that are not paid.
    pub(super) allocated: i64,
    /// Units of paid orders.
    pub(super) shipped: i64,
}

/// An order and its units.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Hold {
    /// Id of the item.
    pub(super) item_id: String,
    /// Units.
    pub(super) quantity: i64,
    /// Status of the order.
    pub(super) status: Status,
}

/// What is to be written, both as they are afterwards; `None` is to be left alone.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Effect {
    /// The item.
    pub(super) item: Option<Item>,
    /// The order.
    pub(super) hold: Option<Hold>,
    /// The item is gone, and with it all that was known of it.
    pub(super) is_gone: bool,
}

impl Effect {
    fn of(item: Item) -> Self {
        Self { item: Some(item), ..Self::default() }
    }
}

/// Decides what `change` does, given its item and its order as they are.
///
/// # Errors
/// It does not follow from what is there.
pub(super) fn decide(change: &Change, item: Option<Item>, hold: Option<&Hold>) -> Result<Effect, Unfit> {
    match change {
        Change::Nothing => Ok(Effect::default()),
        Change::Item { stock, remaining, .. } => Ok(Effect::of(defined(item, *stock, *remaining))),
        Change::Restocked { quantity, .. } => {
            let item = item.ok_or(Unfit::UnknownItem)?;
            let stock = item.stock.checked_add(*quantity).ok_or(Unfit::OutOfRange("stock"))?;
            Ok(Effect::of(Item { stock, ..item }))
        }
        Change::Withdrawn { quantity, .. } => {
            let item = item.ok_or(Unfit::UnknownItem)?;
            let left = item.stock - item.allocated - item.shipped;
            let stock = item.stock - quantity;
            if *quantity > left { Err(Unfit::OutOfRange("quantity")) } else { Ok(Effect::of(Item { stock, ..item })) }
        }
        // Under its name another one may come. One that was ever ordered cannot go: the data file holds it.
        Change::Deleted { .. } => item.map(|_| Effect { is_gone: true, ..Effect::default() }).ok_or(Unfit::UnknownItem),
        Change::Order { item_id, quantity, step, .. } => {
            let item = item.ok_or(Unfit::UnknownItem)?;
            let (from, status) = transition(hold, item_id, *quantity, *step)?;
            let (before, after) = (from.map_or((0, 0), |from| holds(from, *quantity)), holds(status, *quantity));
            let item = Item {
                allocated: item.allocated - before.0 + after.0,
                shipped: item.shipped - before.1 + after.1,
                ..item
            };
            let hold = Hold { item_id: item_id.clone(), quantity: *quantity, status };
            Ok(Effect { item: Some(item), hold: Some(hold), ..Effect::default() })
        }
    }
}

/// An item that is known already keeps what is held of it. Its stock then follows from what the entry says is left,
/// because the definition may still tell the stock it was created with, without later restocks.
fn defined(known: Option<Item>, stock: i64, remaining: Option<i64>) -> Item {
    match (known, remaining) {
        (None, _) => Item { stock, ..Item::default() },
        (Some(item), None) => Item { stock, ..item },
        (Some(item), Some(remaining)) => {
            Item { stock: remaining.saturating_add(item.allocated).saturating_add(item.shipped), ..item }
        }
    }
}

/// The status before (none for a new order) and after.
fn transition(
    hold: Option<&Hold>,
    item_id: &str,
    quantity: i64,
    step: OrderEvent,
) -> Result<(Option<Status>, Status), Unfit> {
    let Some(hold) = hold else {
        return if step == OrderEvent::Placed { Ok((None, Status::Pending)) } else { Err(Unfit::UnknownOrder) };
    };
    if hold.item_id != item_id {
        return Err(Unfit::Contradicts("item_id"));
    }
    if hold.quantity != quantity {
        return Err(Unfit::Contradicts("quantity"));
    }
    let from = hold.status;
    let (to, is_possible) = match step {
        OrderEvent::Placed => return Err(Unfit::KnownOrder(from)),
        // A payment after the end was honoured: the units are taken again.
        OrderEvent::Paid => (Status::Paid, matches!(from, Status::Pending | Status::Cancelled | Status::Expired)),
        OrderEvent::Cancelled => (Status::Cancelled, from == Status::Pending),
        OrderEvent::Expired => (Status::Expired, from == Status::Pending),
        OrderEvent::RefundDue => {
            (Status::RefundDue, matches!(from, Status::Cancelled | Status::Expired | Status::Paid))
        }
        OrderEvent::Refunded => (Status::Refunded, matches!(from, Status::RefundDue | Status::Paid)),
    };
    if is_possible { Ok((Some(from), to)) } else { Err(Unfit::Transition { from, to }) }
}

/// Allocated and shipped units of an order in that status.
fn holds(status: Status, quantity: i64) -> (i64, i64) {
    match status {
        Status::Pending => (quantity, 0),
        Status::Paid => (0, quantity),
        Status::Cancelled | Status::Expired | Status::RefundDue | Status::Refunded => (0, 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENTS: [OrderEvent; 6] = [
        OrderEvent::Placed,
        OrderEvent::Paid,
        OrderEvent::Cancelled,
        OrderEvent::Expired,
        OrderEvent::RefundDue,
        OrderEvent::Refunded,
    ];

    fn order(step: OrderEvent) -> Change {
        Change::Order { order_id: "1".to_owned(), item_id: "a".to_owned(), quantity: 2, step }
    }

    fn hold(status: Status) -> Hold {
        Hold { item_id: "a".to_owned(), quantity: 2, status }
    }

    #[test]
    fn an_order_takes_the_steps_of_the_contract_and_no_others() {
        let possible = [
            (Status::Pending, OrderEvent::Paid, Status::Paid),
            (Status::Pending, OrderEvent::Cancelled, Status::Cancelled),
            (Status::Pending, OrderEvent::Expired, Status::Expired),
            (Status::Cancelled, OrderEvent::Paid, Status::Paid),
            (Status::Expired, OrderEvent::Paid, Status::Paid),
            (Status::Cancelled, OrderEvent::RefundDue, Status::RefundDue),
            (Status::Expired, OrderEvent::RefundDue, Status::RefundDue),
            (Status::Paid, OrderEvent::RefundDue, Status::RefundDue),
            (Status::Paid, OrderEvent::Refunded, Status::Refunded),
            (Status::RefundDue, OrderEvent::Refunded, Status::Refunded),
        ];
        for from in Status::ALL {
            let (allocated, shipped) = holds(from, 2);
            let item = Item { stock: 5, allocated, shipped };
            for step in EVENTS {
                let wanted = possible.iter().find(|(a, b, _)| (*a, *b) == (from, step)).map(|(_, _, to)| *to);
                let got = decide(&order(step), Some(item), Some(&hold(from)));
                assert_eq!(got.clone().ok().and_then(|effect| effect.hold).map(|hold| hold.status), wanted);
                if let (Some(to), Ok(effect)) = (wanted, got) {
                    let (allocated, shipped) = holds(to, 2);
                    assert_eq!(effect.item, Some(Item { stock: 5, allocated, shipped }), "{from} {step:?}");
                }
            }
        }
    }

    #[test]
    fn a_new_order_must_begin_with_placed() {
        let item = Some(Item { stock: 5, allocated: 1, shipped: 1 });
        for step in EVENTS {
            let effect = decide(&order(step), item, None);
            match step {
                OrderEvent::Placed => {
                    let item = Some(Item { stock: 5, allocated: 3, shipped: 1 });
                    let hold = Some(hold(Status::Pending));
                    assert_eq!(effect, Ok(Effect { item, hold, ..Effect::default() }));
                }
                OrderEvent::Paid
                | OrderEvent::Cancelled
                | OrderEvent::Expired
                | OrderEvent::RefundDue
                | OrderEvent::Refunded => {
                    assert_eq!(effect, Err(Unfit::UnknownOrder));
                }
            }
        }
    }

    #[test]
    fn an_entry_that_contradicts_its_order_is_unfit() {
        let item = Some(Item { stock: 5, allocated: 2, shipped: 0 });
        let other_item = Hold { item_id: "b".to_owned(), ..hold(Status::Pending) };
        assert_eq!(decide(&order(OrderEvent::Paid), item, Some(&other_item)), Err(Unfit::Contradicts("item_id")));
        let other_quantity = Hold { quantity: 1, ..hold(Status::Pending) };
        assert_eq!(decide(&order(OrderEvent::Paid), item, Some(&other_quantity)), Err(Unfit::Contradicts("quantity")));
    }

    #[test]
    fn units_of_an_unknown_item_cannot_move() {
        let restocked = Change::Restocked { item_id: "a".to_owned(), quantity: 1 };
        assert_eq!(decide(&restocked, None, None), Err(Unfit::UnknownItem));
        let withdrawn = Change::Withdrawn { item_id: "a".to_owned(), quantity: 1 };
        assert_eq!(decide(&withdrawn, None, None), Err(Unfit::UnknownItem));
        assert_eq!(decide(&Change::Deleted { item_id: "a".to_owned() }, None, None), Err(Unfit::UnknownItem));
        assert_eq!(decide(&order(OrderEvent::Placed), None, None), Err(Unfit::UnknownItem));
    }

    #[test]
    fn only_what_is_left_can_be_withdrawn() {
        let item = Item { stock: 10, allocated: 3, shipped: 2 };
        let withdraw = |quantity| decide(&Change::Withdrawn { item_id: "a".to_owned(), quantity }, Some(item), None);
        assert_eq!(withdraw(5), Ok(Effect::of(Item { stock: 5, ..item })));
        assert_eq!(withdraw(6), Err(Unfit::OutOfRange("quantity")));
    }

    #[test]
    fn a_changed_item_keeps_its_restocks() {
        let item = Item { stock: 150, allocated: 0, shipped: 0 };
        let changed = |remaining| Change::Item { item_id: "a".to_owned(), stock: 100, remaining };
        let stock_after = |remaining| {
            let effect = decide(&changed(remaining), Some(item), None);
            effect.ok().and_then(|effect| effect.item).map(|item| item.stock)
        };
        assert_eq!((stock_after(Some(150)), stock_after(None)), (Some(150), Some(100)));
    }
}
