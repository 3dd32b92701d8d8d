//! **Job:** decides what becomes of an order: cancelled, revoked, expired; and takes every step of one.
//! **Owns:** which step follows which, and that a deadline that has passed has passed for everybody.
//! **Never:** expires an order early, or lets two ends of one order both happen.

use super::{Stock, Times};
use crate::entry::{Change, Entries, Entry, Order, OrderChange, Status};
use crate::ids::{IdempotencyKey, OrderNumber, UserId};
use crate::payment::{Origin, Payment, Provider};
use crate::request::{Rejection, Transition};
use crate::time::Moment;

/// What the stock decided about a step of an order, and what to write down. A rejected step may have entries too: an
/// order whose deadline had passed is found expired.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settled {
    /// The lines to write.
    pub entries: Entries,
    /// The order as it stands now, or why not.
    pub answer: Result<Order, Rejection>,
}

/// What is behind a step.
#[derive(Debug, Clone, Default)]
pub(super) struct Cause {
    /// The payment that made it.
    pub(super) key: Option<IdempotencyKey>,
    pub(super) origin: Option<Box<Origin>>,
}

impl Cause {
    pub(super) fn payment(payment: &Payment) -> Self {
        Self { key: Some(payment.reference.clone()), origin: Self::event(payment) }
    }

    /// An event of our own format is named by its key alone.
    pub(super) fn event(payment: &Payment) -> Option<Box<Origin>> {
        let is_told = payment.provider == Provider::Own && payment.event == payment.reference && payment.is_paid();
        let event = Some((payment.provider, payment.event.clone()));
        (!is_told).then(|| Box::new(Origin { event, ..Origin::default() }))
    }
}

impl Stock {
    /// Decides a wish to end an order.
    pub fn transition(&mut self, number: OrderNumber, transition: &Transition, now: impl Into<Moment>) -> Settled {
        match transition {
            Transition::Cancel { user } => self.cancel(number, user, now),
            Transition::Revoke(origin) => self.revoke(number, origin, now),
        }
    }

    /// Decides a buyer's wish to give their order up.
    pub fn cancel(&mut self, number: OrderNumber, user: &UserId, now: impl Into<Moment>) -> Settled {
        let own = self.order(number).filter(|order| order.user == *user);
        match own {
            Some(_) => self.end(number, &Cause::default(), &[(Status::Pending, Status::Cancelled)], now.into()),
            None => Settled { entries: Entries::new(), answer: Err(Rejection::UnknownOrder) },
        }
    }

    /// Decides an operator's wish to give an order up: what was paid has to go back.
    pub fn revoke(&mut self, number: OrderNumber, origin: &Origin, now: impl Into<Moment>) -> Settled {
        if self.order(number).is_none() {
            return Settled { entries: Entries::new(), answer: Err(Rejection::UnknownOrder) };
        }
        let cause = Cause { key: None, origin: Some(Box::new(origin.clone())) };
        let steps = [(Status::Pending, Status::Cancelled), (Status::Paid, Status::RefundDue)];
        self.end(number, &cause, &steps, now.into())
    }

    /// Takes the one of these steps that leaves the order's status.
    fn end(&mut self, number: OrderNumber, cause: &Cause, steps: &[(Status, Status)], now: Moment) -> Settled {
        let times = self.times(now);
        let mut entries = Entries::new();
        let status = self.find_expired(number, times, &mut entries);
        let answer = match steps.iter().find(|(from, _)| *from == status) {
            Some((_, to)) => {
                self.step(number, *to, cause, times, &mut entries);
                self.owe_back(number, times, &mut entries);
                // Where the price is nothing, nothing has to go back.
                self.settle_up(number, &Cause::default(), times, &mut entries);
                Ok(self.order(number).expect("it was found above"))
            }
            None => Err(Rejection::InvalidTransition { status }),
        };
        Settled { entries, answer }
    }

    /// Expires orders whose deadline has passed, at most `most`.
    pub fn expire(&mut self, most: usize, now: impl Into<Moment>) -> Entries {
        let times = self.times(now.into());
        let mut entries = Entries::new();
        while entries.len() < most {
            match self.book.next_deadline() {
                Some((pay_by, number)) if pay_by <= times.due => self.expire_one(number, times, &mut entries),
                Some(_) | None => break,
            }
        }
        entries
    }

    fn expire_one(&mut self, number: OrderNumber, times: Times, entries: &mut Entries) {
        self.step(number, Status::Expired, &Cause::default(), times, entries);
        self.owe_back(number, times, entries);
    }

    /// The order's status now: a pending order past its deadline has expired, whether the tick has been
    /// here or not.
    pub(super) fn find_expired(&mut self, number: OrderNumber, times: Times, entries: &mut Entries) -> Status {
        let record = self.book.get(number).expect("looked up before");
        if record.status == Status::Pending && record.pay_by().is_some_and(|pay_by| pay_by <= times.due) {
            self.expire_one(number, times, entries);
        }
        self.book.get(number).expect("looked up before").status
    }

    pub(super) fn step(
        &mut self,
        number: OrderNumber,
        status: Status,
        cause: &Cause,
        times: Times,
        entries: &mut Entries,
    ) {
        let order = self.order(number).expect("looked up before");
        let held = self.book.live_units(self.book.locate(&order.user));
        let (remaining, user_live) = match (order.status.is_live(), status.is_live()) {
            (true, false) => (self.remaining + order.quantity, held - order.quantity),
            (false, true) => (self.remaining - order.quantity, held + order.quantity),
            (true, true) | (false, false) => (self.remaining, held),
        };
        let change = Change::Order(OrderChange {
            status,
            number,
            user: order.user,
            quantity: order.quantity,
            unit_price: order.unit_price,
            key: cause.key.clone(),
            pay_by: None,
            user_live,
        });
        let (supply, origin) = (self.supply, cause.origin.clone());
        let entry = Entry { item: self.number, at: times.at, change, supply, remaining, origin };
        self.follow(std::slice::from_ref(&entry));
        entries.push(entry);
    }
}
