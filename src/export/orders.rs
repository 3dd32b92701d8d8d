//! **Job:** the orders, as they were placed, each with what became of it.
//! **Owns:** the last step of every order: a byte each.
//! **Never:** shows an order as it was in the middle of the export: all are as of its last entry.

use std::collections::HashMap;
use std::ops::ControlFlow;

use doorbuster_actors::entry::Status;
use doorbuster_actors::ids::{ItemNumber, OrderId, OrderNumber};
use doorbuster_actors::ledger::{Kind, Row};
use doorbuster_actors::time::Timestamp;

use super::cell::{Cell, Record};
use super::choice::Choice;
use super::goods::Goods;
use super::pages::{ExportError, Stretch, damaged};

/// The statuses of an item's orders by number; of those that took no step there may be none.
#[derive(Default)]
struct Statuses(HashMap<i64, Vec<Status>>);

impl Statuses {
    fn read(stretch: &Stretch<'_>) -> Result<Self, ExportError> {
        let mut statuses = Self::default();
        let mut step = |row: &Row<'_>| statuses.step(stretch, row);
        stretch.each("(kind BETWEEN 3 AND 6 OR kind = 18)", &mut step, &mut || ControlFlow::Continue(()))?;
        Ok(statuses)
    }

    fn step(&mut self, stretch: &Stretch<'_>, row: &Row<'_>) -> Result<(), ExportError> {
        // There cannot be more orders than entries.
        let number = row.order_number.and_then(|number| usize::try_from(number).ok());
        let number = number.filter(|number| *number as u64 <= stretch.upto);
        let (number, status) = number.zip(status_of(row)).ok_or_else(|| damaged(row, "it is about no order"))?;
        let orders = self.0.entry(row.item).or_default();
        if orders.len() <= number {
            orders.resize(number + 1, Status::Pending);
        }
        orders[number] = status;
        Ok(())
    }

    fn of(&self, row: &Row<'_>) -> Status {
        let number = row.order_number.and_then(|number| usize::try_from(number).ok());
        let status = self.0.get(&row.item).and_then(|orders| orders.get(number?));
        status.copied().unwrap_or(Status::Pending)
    }
}

fn status_of(row: &Row<'_>) -> Option<Status> {
    match Kind::from_number(row.kind)? {
        Kind::Placed => Some(Status::Pending),
        Kind::Paid => Some(Status::Paid),
        Kind::Cancelled => Some(Status::Cancelled),
        Kind::Expired => Some(Status::Expired),
        Kind::RefundDue => Some(Status::RefundDue),
        Kind::Refunded => Some(Status::Refunded),
        Kind::Item
        | Kind::Restocked
        | Kind::Paused
        | Kind::Resumed
        | Kind::Closed
        | Kind::Withdrawn
        | Kind::Reopened
        | Kind::Hidden
        | Kind::Shown
        | Kind::Deleted
        | Kind::Payment
        | Kind::Settled => None,
    }
}

/// The public name of the order that an entry is about.
pub(super) fn order_id(row: &Row<'_>) -> Option<String> {
    let (item, order) = (u32::try_from(row.item).ok()?, u32::try_from(row.order_number?).ok()?);
    Some(OrderId { item: ItemNumber(item), order: OrderNumber(order) }.to_string())
}

pub(super) fn each_page(
    stretch: &Stretch<'_>,
    choice: &Choice,
    wanted: &[Status],
    take: &mut dyn FnMut(Vec<Record>) -> ControlFlow<()>,
) -> Result<(), ExportError> {
    let (goods, statuses) = (Goods::read(stretch)?, Statuses::read(stretch)?);
    let page = std::cell::RefCell::new(Vec::new());
    let mut read = |row: &Row<'_>| {
        let good = goods.of(row).ok_or_else(|| damaged(row, "its item was never created"))?;
        let (at, status) = (Timestamp::from_millis(row.at), statuses.of(row));
        let is_wanted = choice.period.contains(at)
            && choice.wants_item(Some(&good.id))
            && (wanted.is_empty() || wanted.contains(&status));
        if !is_wanted {
            return Ok(());
        }
        let (quantity, price) = (row.quantity.unwrap_or(0), row.unit_price.unwrap_or(0));
        let total = quantity.saturating_mul(price);
        let currency = Some(good.currency);
        page.borrow_mut().push(vec![
            order_id(row).map(Cell::Word).ok_or_else(|| damaged(row, "it places no order"))?,
            Cell::Text(good.id.clone()),
            Cell::text(row.user_id),
            Cell::Whole(quantity),
            Cell::Whole(price),
            Cell::Whole(total),
            Cell::Word(good.currency.to_string()),
            Cell::Word(status.as_str().to_owned()),
            Cell::Time(at),
            row.pay_by.map_or(Cell::Nothing, |pay_by| Cell::Time(Timestamp::from_millis(pay_by))),
            Cell::Text(good.title.clone()),
            Cell::decimal(currency, price),
            Cell::decimal(currency, total),
        ]);
        Ok(())
    };
    stretch.each("kind = 2", &mut read, &mut || take(page.take()))
}
