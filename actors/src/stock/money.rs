//! **Job:** where the money of an item is.
//! **Owns:** the equation of money, and what each entry about money must follow from.
//! **Never:** decides what an event means.

use super::{Discrepancy, Stock, ensure};
use crate::debts::{Account, Owner};
use crate::entry::Status;
use crate::ids::{OrderNumber, UserId};
use crate::item::{Amount, Currency};
use crate::payment::{MoneyBalance, Origin, Owed, PaymentRecord, Settlement, Source};

impl Stock {
    /// What has to go back of the money for one order.
    pub(super) fn owed_of(&self, number: OrderNumber) -> Vec<Owed> {
        let Some(account) = self.book.account(number) else { return Vec::new() };
        let mut owed: Vec<Owed> = Vec::new();
        for debt in account.open() {
            match owed.iter_mut().find(|known| known.currency == debt.currency) {
                Some(known) => known.amount = known.amount.plus(debt.open()).unwrap_or(Amount::MAX),
                None => owed.push(Owed { amount: debt.open(), currency: debt.currency }),
            }
        }
        owed
    }

    /// Where the money of the item is, in each currency in which some came. Counts over all orders: for audits.
    #[must_use]
    pub fn money(&self) -> Vec<MoneyBalance> {
        let own = self.definition.currency;
        let mut currencies = vec![own];
        if let Some(debts) = self.book.debts() {
            for currency in debts.currencies() {
                if !currencies.contains(&currency) {
                    currencies.push(currency);
                }
            }
        }
        currencies.into_iter().map(|currency| self.money_in(currency)).filter(|money| money.received != 0).collect()
    }

    fn money_in(&self, currency: Currency) -> MoneyBalance {
        let mut money = MoneyBalance::zero(currency);
        if currency == self.definition.currency {
            money.received = self.book.received();
            money.applied = i128::from(self.definition.unit_price.minor()) * i128::from(self.book.paid_units());
        }
        if let Some(debts) = self.book.debts() {
            let counted = debts.counted(currency);
            money.received += debts.received(currency);
            money.owed = counted.owed;
            money.settled = counted.settled;
            money.applied -= self.returned_of_paid(currency);
        }
        money
    }

    /// What went back of the prices of orders that are paid all the same.
    fn returned_of_paid(&self, currency: Currency) -> i128 {
        let Some(debts) = self.book.debts().filter(|_| currency == self.definition.currency) else { return 0 };
        let is_paid = |number| self.book.get(number).is_some_and(|record| record.status == Status::Paid);
        debts.returned(is_paid)
    }

    /// Whether money can have gone back so.
    pub(super) fn check_settlement(&self, settlement: &Settlement) -> Result<(), Discrepancy> {
        self.check_order(settlement.order, settlement.user.as_ref())?;
        let fits = match settlement.source {
            Source::Applied => self.can_return(settlement),
            Source::Owed => {
                self.book.debts().is_some_and(|debts| debts.can_settle(owner(settlement.order), settlement))
            }
        };
        ensure(fits, "more money than was there")
    }

    /// Whether an entry about money is about an order that there is, and its buyer's.
    pub(super) fn check_order(&self, number: Option<OrderNumber>, user: Option<&UserId>) -> Result<(), Discrepancy> {
        let number = number.ok_or(Discrepancy("it is about no order"))?;
        let record = self.book.get(number).ok_or(Discrepancy("there is no such order"))?;
        ensure(Some(&self.book.buyer(record)) == user, "it is about another buyer's order")
    }

    fn can_return(&self, settlement: &Settlement) -> bool {
        let applied = settlement.order.map_or(Amount::ZERO, |number| self.applied_to(number));
        settlement.currency == self.definition.currency && settlement.amount <= applied
    }

    /// What pays the order.
    pub(super) fn applied_to(&self, number: OrderNumber) -> Amount {
        let Some(record) = self.book.get(number).filter(|record| record.status == Status::Paid) else {
            return Amount::ZERO;
        };
        let price = self.definition.unit_price.times(record.quantity).unwrap_or(Amount::ZERO);
        let returned = self.book.account(number).map_or(Amount::ZERO, Account::returned);
        price.minus(returned).unwrap_or(Amount::ZERO)
    }

    /// Books money that came, after [`Stock::check_order`] has said whose it is.
    pub(super) fn record(&mut self, record: &PaymentRecord) {
        self.book.debts_mut().record(owner(record.order), record);
    }

    /// Books money that went back, after [`Stock::check_settlement`] has said that it can have.
    pub(super) fn note_settlement(&mut self, settlement: &Settlement, origin: Option<&Origin>) {
        let event = origin.and_then(|origin| origin.event.as_ref());
        self.book.debts_mut().settle(owner(settlement.order), settlement, event);
    }
}

fn owner(order: Option<OrderNumber>) -> Owner {
    Owner::Order(order.expect("checked before anything was changed"))
}
