//! **Job:** decides what becomes of an order: paid, cancelled, expired, refund due.
//! **Owns:** which step follows which, and that a deadline that has passed has passed for everybody.
//! **Never:** expires an order early, or lets two ends of one order both happen.

use super::{LatePayment, SalePolicy, Stock, Times};
use crate::entry::{Change, Entries, Entry, Order, OrderChange, Payment, PaymentResult, Status};
use crate::ids::{IdempotencyKey, OrderNumber, UserId};
use crate::request::Rejection;
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

impl Stock {
    /// Decides a payment event.
    pub fn pay(
        &mut self,
        number: OrderNumber,
        payment: &Payment,
        policy: &SalePolicy,
        now: impl Into<Moment>,
    ) -> Settled {
        let times = self.times(now.into());
        let mut entries = Entries::new();
        let answer = self.check_payment(number, payment).and_then(|order| {
            let is_duplicate = self.book.get(number).is_some_and(|record| record.was_paid_by(&payment.event));
            if is_duplicate || payment.result == PaymentResult::Failed {
                return Ok(order);
            }
            let status = self.find_expired(number, times, &mut entries);
            let next = match status {
                Status::Pending => Status::Paid,
                Status::Cancelled | Status::Expired => self.late_status(&order, policy.late),
                Status::Paid | Status::RefundDue => return Err(Rejection::InvalidTransition { status }),
            };
            self.step(number, next, Some(payment.event.clone()), times, &mut entries);
            Ok(self.order(number).expect("it was found above"))
        });
        Settled { entries, answer }
    }

    /// Decides a buyer's wish to give their order up.
    pub fn cancel(&mut self, number: OrderNumber, user: &UserId, now: impl Into<Moment>) -> Settled {
        let times = self.times(now.into());
        let mut entries = Entries::new();
        let own = self.order(number).filter(|order| order.user == *user);
        let answer = own.ok_or(Rejection::UnknownOrder).and_then(|_order| {
            match self.find_expired(number, times, &mut entries) {
                Status::Pending => {
                    self.step(number, Status::Cancelled, None, times, &mut entries);
                    Ok(self.order(number).expect("it was found above"))
                }
                status @ (Status::Paid | Status::Cancelled | Status::Expired | Status::RefundDue) => {
                    Err(Rejection::InvalidTransition { status })
                }
            }
        });
        Settled { entries, answer }
    }

    /// Expires orders whose deadline has passed, at most `most`.
    pub fn expire(&mut self, most: usize, now: impl Into<Moment>) -> Entries {
        let times = self.times(now.into());
        let mut entries = Entries::new();
        while entries.len() < most {
            match self.book.next_deadline() {
                Some((pay_by, number)) if pay_by <= times.due => {
                    self.step(number, Status::Expired, None, times, &mut entries);
                }
                Some(_) | None => break,
            }
        }
        entries
    }

    fn check_payment(&self, number: OrderNumber, payment: &Payment) -> Result<Order, Rejection> {
        let order = self.order(number).ok_or(Rejection::UnknownOrder)?;
        let matches = order.total_price == payment.amount && order.currency == payment.currency;
        if matches { Ok(order) } else { Err(Rejection::WrongPayment) }
    }

    /// The order's status now: a pending order past its deadline has expired, whether the tick has been
    /// here or not.
    fn find_expired(&mut self, number: OrderNumber, times: Times, entries: &mut Entries) -> Status {
        let order = self.order(number).expect("looked up before");
        let is_overdue = order.status == Status::Pending && order.pay_by.is_some_and(|pay_by| pay_by <= times.due);
        if !is_overdue {
            return order.status;
        }
        self.step(number, Status::Expired, None, times, entries);
        Status::Expired
    }

    fn late_status(&self, order: &Order, late: LatePayment) -> Status {
        let held = self.book.live_units(self.book.locate(&order.user));
        let may_hold = held.saturating_add(order.quantity) <= self.definition.per_user_limit;
        let is_left = order.quantity <= self.remaining;
        match late {
            LatePayment::Honour if is_left && may_hold => Status::Paid,
            LatePayment::Honour | LatePayment::Refund => Status::RefundDue,
        }
    }

    fn step(
        &mut self,
        number: OrderNumber,
        status: Status,
        key: Option<IdempotencyKey>,
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
            key,
            pay_by: None,
            user_live,
        });
        let entry = Entry { item: self.number, at: times.at, change, supply: self.supply, remaining };
        self.follow(std::slice::from_ref(&entry));
        entries.push(entry);
    }
}
