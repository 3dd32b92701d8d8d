//! **Job:** writes down what the generator asked and was answered, for `verify --history`.
//! **Owns:** the sheet of a thread, if there is one.
//! **Never:** costs anything where nothing is written down.

use std::borrow::Cow;
use std::cell::RefCell;

use serde::Deserialize;

use super::connection::Response;
use super::orders::Orders;
use super::workload::Purchase;
use crate::commands::history::{Kind, Operation, OrderAnswer, Sheet};

/// What a thread writes down.
pub(super) struct Notes(Option<RefCell<Sheet>>);

/// What is read of a problem, besides its code.
#[derive(Deserialize)]
struct Problem {
    remaining: Option<i64>,
}

impl Notes {
    pub(super) fn on(sheet: Option<Sheet>) -> Self {
        Self(sheet.map(RefCell::new))
    }

    /// The time, if it is written down.
    pub(super) fn now(&self) -> u64 {
        self.0.as_ref().map_or(0, |sheet| sheet.borrow().now_ns())
    }

    /// A purchase was asked for at `invoked`, and now this is its answer.
    pub(super) fn bought(&self, orders: &Orders, purchase: &Purchase, invoked: u64, response: &Response) {
        self.asked(Kind::Buy, invoked, response, |operation| {
            operation.user = Some(Cow::Borrowed(&orders.users[purchase.user].0));
            operation.item_id = Some(Cow::Borrowed(&orders.items[purchase.item].0));
            operation.key = Some(Cow::Borrowed(&purchase.key));
            operation.quantity = Some(orders.quantity.into());
        });
    }

    /// Something was asked for, which `fill` says.
    pub(super) fn asked<'o>(
        &self,
        kind: Kind,
        invoked: u64,
        response: &'o Response,
        fill: impl FnOnce(&mut Operation<'o>),
    ) {
        let Some(sheet) = &self.0 else { return };
        let mut sheet = sheet.borrow_mut();
        let mut operation = Operation::new(kind, invoked, sheet.now_ns());
        fill(&mut operation);
        let (name, status) = (&*response.label.name, response.label.status);
        operation.status = status;
        operation.replayed = name == "replayed";
        if (200..300).contains(&status) {
            operation.order = serde_json::from_slice::<OrderAnswer<'_>>(&response.body).ok();
        } else {
            operation.code = Some(Cow::Borrowed(name));
            let problem = (name == "sold-out").then(|| serde_json::from_slice::<Problem>(&response.body).ok());
            operation.remaining = problem.flatten().and_then(|problem| problem.remaining);
        }
        sheet.record(&operation);
    }
}
