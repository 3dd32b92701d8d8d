//! **Job:** decides what an event of a payment provider means: whether money pays the order, or has to go back.
//! **Owns:** the verdicts, and which money a refund gives back.
//! **Never:** drops money: whatever came and pays nothing is owed.

use super::settle::Cause;
use super::{LatePayment, SalePolicy, Stock, Times};
use crate::debts::Account;
use crate::entry::{Change, Entries, Entry, Order, Status};
use crate::ids::{IdempotencyKey, OrderNumber};
use crate::item::Amount;
use crate::payment::{
    Origin, Payment, PaymentRecord, PaymentResult, Provider, RefundAmount, Settlement, Source, Verdict,
};
use crate::request::{Rejection, Repayment};
use crate::time::Moment;

/// What the stock decided about an event, and what to write down. A duplicate has no entries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// The lines to write.
    pub entries: Entries,
    /// What the event meant and the order as it stands now, or why it is not this item's.
    pub answer: Result<(Verdict, Order), Rejection>,
}

/// Money that a refund may give back.
struct Target {
    payment: Option<(Provider, IdempotencyKey)>,
    source: Source,
    open: Amount,
    /// Went back before.
    settled: Amount,
}

impl Stock {
    /// Decides an event of a payment provider.
    pub fn pay(
        &mut self,
        number: OrderNumber,
        payment: &Payment,
        policy: &SalePolicy,
        now: impl Into<Moment>,
    ) -> Received {
        let times = self.times(now.into());
        let mut entries = Entries::new();
        let Some(order) = self.order(number) else {
            return Received { entries, answer: Err(Rejection::UnknownOrder) };
        };
        let verdict = match payment.result {
            PaymentResult::Succeeded => {
                let verdict = self.take_payment(&order, payment, policy, times, &mut entries);
                self.catch_up(&order, payment, times, &mut entries);
                verdict
            }
            PaymentResult::Failed if self.knows(number, payment) => Verdict::Duplicate,
            PaymentResult::Failed => {
                self.put_on_record(&order, payment, (Verdict::Failed, Amount::ZERO), times, &mut entries);
                Verdict::Failed
            }
            PaymentResult::Refunded(how) => self.take_refund(&order, payment, how, times, &mut entries),
        };
        Received { entries, answer: Ok((verdict, self.order(number).expect("it was found above"))) }
    }

    /// Settles what is owed of a payment, by the word of an operator.
    pub fn repay(&mut self, number: OrderNumber, repayment: &Repayment, now: impl Into<Moment>) -> super::Settled {
        let times = self.times(now.into());
        let mut entries = Entries::new();
        let debt = self.book.account(number).and_then(|account| account.debt(repayment.payment.as_ref())).cloned();
        let answer = match (self.order(number), debt) {
            (None, _) => Err(Rejection::UnknownOrder),
            (Some(_), None) => Err(Rejection::NothingOwed),
            (Some(order), Some(debt)) => {
                if debt.open() > Amount::ZERO {
                    let settlement = Settlement {
                        order: Some(number),
                        user: Some(order.user),
                        payment: debt.payment.clone(),
                        source: Source::Owed,
                        amount: debt.open(),
                        reported: None,
                        currency: debt.currency,
                    };
                    let change = Change::Settled(Box::new(settlement));
                    self.enter(change, Some(Box::new(repayment.origin.clone())), times, &mut entries);
                    self.settle_up(number, &Cause::default(), times, &mut entries);
                }
                Ok(self.order(number).expect("it was found above"))
            }
        };
        super::Settled { entries, answer }
    }

    fn take_payment(
        &mut self,
        order: &Order,
        payment: &Payment,
        policy: &SalePolicy,
        times: Times,
        entries: &mut Entries,
    ) -> Verdict {
        let number = order.id.order;
        if self.knows(number, payment) {
            return Verdict::Duplicate;
        }
        let status = self.find_expired(number, times, entries);
        let (is_enough, is_exact) = (payment.amount >= order.total_price, payment.amount == order.total_price);
        let is_own_currency = payment.currency == order.currency;
        let next = match status {
            Status::Pending => Status::Paid,
            Status::Cancelled | Status::Expired => self.late_status(order, policy.late),
            Status::Paid | Status::RefundDue | Status::Refunded => status,
        };
        let pays = next == Status::Paid && status != Status::Paid && is_enough && is_own_currency;
        if pays {
            self.step(number, Status::Paid, &Cause::payment(payment), times, entries);
            if is_exact {
                return Verdict::Applied;
            }
            let excess = payment.amount.minus(order.total_price).unwrap_or(Amount::ZERO);
            self.put_on_record(order, payment, (Verdict::Over, excess), times, entries);
            return Verdict::Over;
        }
        let verdict = match status {
            Status::Pending if !is_own_currency => Verdict::WrongCurrency,
            Status::Pending => Verdict::Short,
            Status::Paid => Verdict::SecondPayment,
            Status::Cancelled | Status::Expired | Status::RefundDue | Status::Refunded => Verdict::Late,
        };
        let has_ended = matches!(status, Status::Cancelled | Status::Expired);
        if has_ended && is_exact && is_own_currency {
            self.step(number, Status::RefundDue, &Cause::payment(payment), times, entries);
        } else {
            self.put_on_record(order, payment, (verdict, payment.amount), times, entries);
            self.owe_back(number, times, entries);
        }
        verdict
    }

    /// Whether this money was reported before; where there is none, this event.
    fn knows(&self, number: OrderNumber, payment: &Payment) -> bool {
        if payment.is_without_money() {
            return self.book.account(number).is_some_and(|account| account.has_noted(payment));
        }
        let key = (payment.provider, payment.reference.clone());
        let has_debt = self.book.account(number).is_some_and(|account| account.debt(Some(&key)).is_some());
        has_debt || self.was_paid_by(number, payment)
    }

    fn was_paid_by(&self, number: OrderNumber, payment: &Payment) -> bool {
        self.book.get(number).is_some_and(|record| record.was_paid_by(payment.provider, &payment.reference))
    }

    fn late_status(&self, order: &Order, late: LatePayment) -> Status {
        let held = self.book.live_units(self.book.locate(&order.user));
        let may_hold = held.saturating_add(order.quantity) <= self.definition.per_user_limit;
        let is_left = order.quantity <= self.remaining && !self.deleted;
        match late {
            LatePayment::Honour if is_left && may_hold => Status::Paid,
            LatePayment::Honour | LatePayment::Refund => Status::RefundDue,
        }
    }

    fn take_refund(
        &mut self,
        order: &Order,
        payment: &Payment,
        how: RefundAmount,
        times: Times,
        entries: &mut Entries,
    ) -> Verdict {
        if self.knows_refund(order, payment) {
            return Verdict::Duplicate;
        }
        self.give_back(order, payment, how, times, entries)
    }

    fn knows_refund(&self, order: &Order, payment: &Payment) -> bool {
        let account = self.book.account(order.id.order);
        account.is_some_and(|account| account.knows_refund(payment.provider, &payment.event))
    }

    /// Gives back what was reported to have gone back before it came.
    fn catch_up(&mut self, order: &Order, payment: &Payment, times: Times, entries: &mut Entries) {
        let account = self.book.account(order.id.order);
        let early = account.map(|account| account.early_refunds_of(payment)).unwrap_or_default();
        for refund in early {
            if let PaymentResult::Refunded(how) = refund.result {
                self.give_back(order, &refund, how, times, entries);
            }
        }
    }

    fn give_back(
        &mut self,
        order: &Order,
        payment: &Payment,
        how: RefundAmount,
        times: Times,
        entries: &mut Entries,
    ) -> Verdict {
        let number = order.id.order;
        let targets = self.targets(order, payment);
        let before = targets.iter().fold(Amount::ZERO, |sum, target| sum.plus(target.settled).unwrap_or(Amount::MAX));
        let mut left = match how {
            RefundAmount::Single => payment.amount,
            // Told before, under another event.
            RefundAmount::Total if payment.amount <= before && before > Amount::ZERO => return Verdict::Duplicate,
            RefundAmount::Total => payment.amount.minus(before).unwrap_or(Amount::ZERO),
        };
        let before = entries.len();
        for target in targets {
            let amount = left.min(target.open);
            if amount == Amount::ZERO {
                continue;
            }
            left = left.minus(amount).unwrap_or(Amount::ZERO);
            let settlement = Settlement {
                order: Some(number),
                user: Some(order.user.clone()),
                payment: target.payment,
                source: target.source,
                amount,
                reported: Some(payment.amount),
                currency: payment.currency,
            };
            self.enter(Change::Settled(Box::new(settlement)), Cause::event(payment), times, entries);
        }
        if entries.len() == before && !self.knows_refund(order, payment) {
            self.put_on_record(order, payment, (Verdict::Over, Amount::ZERO), times, entries);
        }
        self.settle_up(number, &Cause { origin: Cause::event(payment), ..Cause::default() }, times, entries);
        if left > Amount::ZERO { Verdict::Over } else { Verdict::Applied }
    }

    /// The money that a refund can be of: that of the payment it names, and where there is none, any of the order. What
    /// is owed comes before what pays the order.
    fn targets(&self, order: &Order, payment: &Payment) -> Vec<Target> {
        let number = order.id.order;
        let key = (payment.provider, payment.reference.clone());
        let names_price = self.was_paid_by(number, payment);
        let account = self.book.account(number);
        let names_debt = account.is_some_and(|account| account.debt(Some(&key)).is_some());
        let is_named = |debt: &Option<(Provider, IdempotencyKey)>| match debt {
            Some(debt) => *debt == key,
            None => names_price,
        };
        let is_any = !names_price && !names_debt;
        let mut targets = Vec::new();
        for debt in account.iter().flat_map(|account| account.debts()) {
            if debt.currency == payment.currency && (is_any || is_named(&debt.payment)) {
                let (payment, open, settled) = (debt.payment.clone(), debt.open(), debt.settled);
                targets.push(Target { payment, source: Source::Owed, open, settled });
            }
        }
        if (is_any || names_price) && payment.currency == order.currency {
            let settled = account.map_or(Amount::ZERO, Account::returned);
            let open = self.applied_to(number);
            targets.push(Target { payment: names_price.then_some(key), source: Source::Applied, open, settled });
        }
        targets
    }

    fn put_on_record(
        &mut self,
        order: &Order,
        payment: &Payment,
        (verdict, owed): (Verdict, Amount),
        times: Times,
        entries: &mut Entries,
    ) {
        let record = PaymentRecord {
            order: Some(order.id.order),
            user: Some(order.user.clone()),
            payment: payment.clone(),
            verdict,
            owed,
            order_reference: None,
        };
        self.enter(Change::Payment(Box::new(record)), None, times, entries);
    }

    /// An entry that moves no units.
    fn enter(&mut self, change: Change, origin: Option<Box<Origin>>, times: Times, entries: &mut Entries) {
        let (supply, remaining) = (self.supply, self.remaining);
        let entry = Entry { item: self.number, at: times.at, change, supply, remaining, origin };
        self.follow(std::slice::from_ref(&entry));
        entries.push(entry);
    }

    /// An order that has ended unpaid, and for which money came, is one whose money has to go back.
    pub(super) fn owe_back(&mut self, number: OrderNumber, times: Times, entries: &mut Entries) {
        let has_ended =
            self.book.get(number).is_some_and(|record| matches!(record.status, Status::Cancelled | Status::Expired));
        if has_ended && self.owes(number) {
            self.step(number, Status::RefundDue, &Cause::default(), times, entries);
        }
    }

    /// An order whose money has gone back is refunded.
    pub(super) fn settle_up(&mut self, number: OrderNumber, cause: &Cause, times: Times, entries: &mut Entries) {
        let Some(record) = self.book.get(number) else { return };
        let is_over = match record.status {
            Status::RefundDue => !self.owes(number),
            Status::Paid => {
                let has_returned = self.book.account(number).is_some_and(|account| account.returned() > Amount::ZERO);
                has_returned && self.applied_to(number) == Amount::ZERO
            }
            Status::Pending | Status::Cancelled | Status::Expired | Status::Refunded => false,
        };
        if is_over {
            self.step(number, Status::Refunded, cause, times, entries);
        }
    }

    fn owes(&self, number: OrderNumber) -> bool {
        self.book.account(number).is_some_and(|account| account.open().next().is_some())
    }
}
