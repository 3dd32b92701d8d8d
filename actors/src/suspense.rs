//! **Job:** the state machine of money that came for no order that we know: a suspense account, in the words of
//! bookkeepers.
//! **Owns:** what came so, and what of it went back.
//! **Never:** guesses an order, reads a clock, or knows a thread or a database.

use smallvec::smallvec;

use crate::debts::{Debts, Owner};
use crate::entry::{Change, Entries, Entry, NO_ITEM};
use crate::ids::{IdempotencyKey, OrderId};
use crate::item::Amount;
use crate::payment::{
    MoneyBalance, Origin, Owed, Payment, PaymentRecord, PaymentResult, Provider, RefundAmount, Settlement, Source,
    Verdict,
};
use crate::request::{Rejection, Repayment};
use crate::stock::Discrepancy;
use crate::time::Timestamp;

/// The suspense account of a sale.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Suspense {
    debts: Debts,
    latest: Timestamp,
}

impl Suspense {
    /// Decides an event about an order that is not known, which the provider calls `order_reference`.
    pub fn receive(&mut self, payment: &Payment, order_reference: &str, now: Timestamp) -> (Entries, Verdict) {
        let owner = Owner::payment(payment.provider, &payment.reference);
        let (verdict, owed) = match payment.result {
            PaymentResult::Refunded(how) => return self.refund(payment, order_reference, how, now),
            PaymentResult::Succeeded | PaymentResult::Failed if self.knows(owner, payment) => {
                return (Entries::new(), Verdict::Duplicate);
            }
            PaymentResult::Succeeded => (Verdict::UnknownOrder, payment.amount),
            PaymentResult::Failed => (Verdict::Failed, Amount::ZERO),
        };
        let mut entries = self.record(payment, order_reference, (verdict, owed), now);
        let account = self.debts.account(owner);
        let early = account.map(|account| account.early_refunds_of(payment)).unwrap_or_default();
        for refund in early {
            if let (Verdict::UnknownOrder, PaymentResult::Refunded(how)) = (verdict, refund.result) {
                entries.extend(self.give_back(&refund, order_reference, how, now).0);
            }
        }
        (entries, verdict)
    }

    fn record(
        &mut self,
        payment: &Payment,
        order_reference: &str,
        (verdict, owed): (Verdict, Amount),
        now: Timestamp,
    ) -> Entries {
        let record = PaymentRecord {
            order: None,
            user: None,
            payment: payment.clone(),
            verdict,
            owed,
            order_reference: Some(order_reference.into()),
        };
        self.enter(Change::Payment(Box::new(record)), None, now)
    }

    fn knows(&self, owner: Owner, payment: &Payment) -> bool {
        let key = (payment.provider, payment.reference.clone());
        self.debts.account(owner).is_some_and(|account| {
            if payment.is_without_money() { account.has_noted(payment) } else { account.debt(Some(&key)).is_some() }
        })
    }

    fn refund(
        &mut self,
        payment: &Payment,
        order_reference: &str,
        how: RefundAmount,
        now: Timestamp,
    ) -> (Entries, Verdict) {
        let account = self.debts.account(Owner::payment(payment.provider, &payment.reference));
        if account.is_some_and(|account| account.knows_refund(payment.provider, &payment.event)) {
            return (Entries::new(), Verdict::Duplicate);
        }
        self.give_back(payment, order_reference, how, now)
    }

    fn give_back(
        &mut self,
        payment: &Payment,
        order_reference: &str,
        how: RefundAmount,
        now: Timestamp,
    ) -> (Entries, Verdict) {
        let owner = Owner::payment(payment.provider, &payment.reference);
        let key = (payment.provider, payment.reference.clone());
        let account = self.debts.account(owner);
        let debt =
            account.and_then(|account| account.debt(Some(&key))).filter(|debt| debt.currency == payment.currency);
        let Some(debt) = debt else {
            // Of money that we have not seen.
            let (verdict, owed) = (Verdict::UnknownOrder, Amount::ZERO);
            return (self.record(payment, order_reference, (verdict, owed), now), verdict);
        };
        let wanted = match how {
            RefundAmount::Single => payment.amount,
            RefundAmount::Total => payment.amount.minus(debt.settled).unwrap_or(Amount::ZERO),
        };
        if wanted == Amount::ZERO {
            return (Entries::new(), Verdict::Duplicate);
        }
        let settlement = Settlement {
            order: None,
            user: None,
            payment: Some(key),
            source: Source::Owed,
            amount: wanted.min(debt.open()),
            reported: Some(payment.amount),
            currency: payment.currency,
        };
        let verdict = if wanted > debt.open() { Verdict::Over } else { Verdict::Applied };
        let event = Some((payment.provider, payment.event.clone()));
        let origin = Some(Box::new(Origin { event, ..Origin::default() }));
        (self.enter(Change::Settled(Box::new(settlement)), origin, now), verdict)
    }

    /// Lets go of money that was reported for no order first, and then for this one: there it is on record again.
    pub fn hand_over(
        &mut self,
        provider: Provider,
        reference: &IdempotencyKey,
        order: OrderId,
        now: Timestamp,
    ) -> Entries {
        let reason = format!("the same money was reported for order {order}");
        let origin = Origin { reason: Some(reason.into()), ..Origin::default() };
        let repayment = Repayment { payment: Some((provider, reference.clone())), origin };
        // Nothing is owed of it, if it never was here.
        self.repay(&repayment, now).unwrap_or_default()
    }

    /// Settles what is owed of a payment, by the word of an operator.
    pub fn repay(&mut self, repayment: &Repayment, now: Timestamp) -> Result<Entries, Rejection> {
        let (provider, reference) = repayment.payment.as_ref().ok_or(Rejection::NothingOwed)?;
        let account = self.debts.account(Owner::payment(*provider, reference));
        let debt = account.and_then(|account| account.debt(repayment.payment.as_ref()));
        let debt = debt.ok_or(Rejection::NothingOwed)?;
        if debt.open() == Amount::ZERO {
            return Ok(Entries::new());
        }
        let settlement = Settlement {
            order: None,
            user: None,
            payment: repayment.payment.clone(),
            source: Source::Owed,
            amount: debt.open(),
            reported: None,
            currency: debt.currency,
        };
        Ok(self.enter(Change::Settled(Box::new(settlement)), Some(Box::new(repayment.origin.clone())), now))
    }

    fn enter(&mut self, change: Change, origin: Option<Box<Origin>>, now: Timestamp) -> Entries {
        let entry = Entry { item: NO_ITEM, at: now.max(self.latest), change, supply: 0, remaining: 0, origin };
        self.apply(&entry).expect("an entry that was decided from this state follows from it");
        smallvec![entry]
    }

    /// Changes the state as the entry says; an entry that does not follow from the state changes nothing.
    pub fn apply(&mut self, entry: &Entry) -> Result<(), Discrepancy> {
        if (entry.item, entry.supply, entry.remaining) != (NO_ITEM, 0, 0) || entry.at < self.latest {
            return Err(Discrepancy("it is not of the suspense account, or older than the entry before it"));
        }
        match &entry.change {
            Change::Payment(record) if record.order.is_none() => {
                let owner = Owner::payment(record.payment.provider, &record.payment.reference);
                self.debts.record(owner, record);
            }
            Change::Settled(settlement) if settlement.order.is_none() => {
                let payment = settlement.payment.as_ref();
                let (provider, reference) = payment.ok_or(Discrepancy("it names no payment"))?;
                let owner = Owner::payment(*provider, reference);
                if settlement.source != Source::Owed || !self.debts.can_settle(owner, settlement) {
                    return Err(Discrepancy("more money than was there"));
                }
                let event = entry.origin.as_ref().and_then(|origin| origin.event.as_ref());
                self.debts.settle(owner, settlement, event);
            }
            Change::Item(_)
            | Change::Order(_)
            | Change::Payment(_)
            | Change::Settled(_)
            | Change::Restocked { .. }
            | Change::Withdrawn { .. }
            | Change::Switched(_) => return Err(Discrepancy("there is no item 0")),
        }
        self.latest = entry.at;
        Ok(())
    }

    /// Money that has to go back.
    #[must_use]
    pub fn owed(&self) -> Vec<Owed> {
        self.debts.owed()
    }

    /// Where the money is, in each currency in which some came.
    #[must_use]
    pub fn money(&self) -> Vec<MoneyBalance> {
        let mut currencies: Vec<_> = self.debts.currencies().collect();
        currencies.sort_unstable_by_key(ToString::to_string);
        currencies.dedup();
        let balance = |currency| {
            let counted = self.debts.counted(currency);
            let received = self.debts.received(currency);
            MoneyBalance { received, owed: counted.owed, settled: counted.settled, ..MoneyBalance::zero(currency) }
        };
        currencies.into_iter().map(balance).filter(|money| money.received != 0).collect()
    }
}
