//! **Job:** the money that came and pays no order: what has to go back, and what went back.
//! **Owns:** the debts of each order, and which refunds have been reported.
//! **Never:** decides, or knows what an order costs.

use foldhash::{HashMap, HashMapExt as _};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::ids::{IdempotencyKey, OrderNumber};
use crate::money::{Amount, Currency};
use crate::payment::{Owed, Payment, PaymentRecord, PaymentResult, Provider, Settlement, Source};

/// Something that has to go back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Debt {
    /// The payment it came with; none: it is the price of the order.
    pub(crate) payment: Option<(Provider, IdempotencyKey)>,
    pub(crate) currency: Currency,
    pub(crate) amount: Amount,
    /// How much of it went back.
    pub(crate) settled: Amount,
}

impl Debt {
    /// What has to go back still.
    pub(crate) fn open(&self) -> Amount {
        self.amount.minus(self.settled).unwrap_or(Amount::ZERO)
    }
}

/// A refund that was reported or settled by hand.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Refund {
    /// Hash of provider and event; 0 of an operator's.
    mark: u64,
    source: Source,
    currency: Currency,
    amount: Amount,
}

/// What came for one order beside its price, and what went back.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Account {
    debts: Vec<Debt>,
    refunds: Vec<Refund>,
    /// Refunds that were reported before the money they give back.
    early: Vec<Payment>,
    /// Hashes of what is on record though no money came: payments that failed, or of nothing.
    without_money: Vec<u64>,
}

impl Account {
    /// The debt of this payment, or of the price.
    pub(crate) fn debt(&self, payment: Option<&(Provider, IdempotencyKey)>) -> Option<&Debt> {
        self.debts.iter().find(|debt| debt.payment.as_ref() == payment)
    }

    /// All of them, the oldest first.
    pub(crate) fn debts(&self) -> &[Debt] {
        &self.debts
    }

    /// Debts that are not settled, the oldest first.
    pub(crate) fn open(&self) -> impl Iterator<Item = &Debt> {
        self.debts.iter().filter(|debt| debt.open() > Amount::ZERO)
    }

    /// Whether this refund was reported before.
    pub(crate) fn knows_refund(&self, provider: Provider, event: &IdempotencyKey) -> bool {
        self.has_refunded(provider, event)
            || self.early.iter().any(|early| early.provider == provider && early.event == *event)
    }

    /// Whether this event, with which no money came, is on record.
    pub(crate) fn has_noted(&self, payment: &Payment) -> bool {
        self.without_money.contains(&mark_without_money(payment))
    }

    fn has_refunded(&self, provider: Provider, event: &IdempotencyKey) -> bool {
        let mark = mark_of(provider, event);
        self.refunds.iter().any(|refund| refund.mark == mark)
    }

    /// Refunds that have waited for this payment: providers do not promise an order. In our own format a refund names
    /// no payment, only its order.
    pub(crate) fn early_refunds_of(&self, payment: &Payment) -> Vec<Payment> {
        let is_of = |early: &&Payment| {
            let names = early.reference == payment.reference || early.provider == Provider::Own;
            early.provider == payment.provider && names && !self.has_refunded(early.provider, &early.event)
        };
        self.early.iter().filter(is_of).cloned().collect()
    }

    /// How much of the price went back without having been owed.
    pub(crate) fn returned(&self) -> Amount {
        let returned = self.refunds.iter().filter(|refund| refund.source == Source::Applied);
        returned.fold(Amount::ZERO, |sum, refund| sum.plus(refund.amount).unwrap_or(sum))
    }
}

/// Whose money it is: an order's, or where there is none, a payment's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Owner {
    Order(OrderNumber),
    Payment(u64),
}

impl Owner {
    /// The payment itself.
    pub(crate) fn payment(provider: Provider, reference: &IdempotencyKey) -> Self {
        Self::Payment(mark_of(provider, reference))
    }
}

/// All of it.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Debts {
    accounts: HashMap<Owner, Account>,
    received: Vec<(Currency, i128)>,
    owed: Vec<(Currency, i128)>,
    settled: Vec<(Currency, i128)>,
}

fn add(sums: &mut Vec<(Currency, i128)>, currency: Currency, amount: i128) {
    match sums.iter_mut().find(|(known, _)| *known == currency) {
        Some((_, sum)) => *sum += amount,
        None => sums.push((currency, amount)),
    }
}

fn sum(sums: &[(Currency, i128)], currency: Currency) -> i128 {
    sums.iter().find(|(known, _)| *known == currency).map_or(0, |(_, sum)| *sum)
}

impl Debts {
    pub(crate) fn new() -> Self {
        Self { accounts: HashMap::new(), ..Self::default() }
    }

    /// What is known of the owner's money.
    pub(crate) fn account(&self, owner: Owner) -> Option<&Account> {
        self.accounts.get(&owner)
    }

    /// Money came that has to go back, or a payment failed.
    pub(crate) fn record(&mut self, owner: Owner, record: &PaymentRecord) {
        let PaymentRecord { payment, owed, .. } = record;
        match payment.result {
            PaymentResult::Refunded(_) => self.accounts.entry(owner).or_default().early.push(payment.clone()),
            PaymentResult::Succeeded | PaymentResult::Failed if *owed == Amount::ZERO => {
                self.accounts.entry(owner).or_default().without_money.push(mark_without_money(payment));
            }
            PaymentResult::Succeeded | PaymentResult::Failed => {}
        }
        add(&mut self.received, payment.currency, owed.minor().into());
        self.owe(owner, Some((payment.provider, payment.reference.clone())), payment.currency, *owed);
    }

    /// The price of the order has to go back.
    pub(crate) fn owe_price(&mut self, order: OrderNumber, currency: Currency, amount: Amount) {
        self.owe(Owner::Order(order), None, currency, amount);
    }

    fn owe(&mut self, owner: Owner, payment: Option<(Provider, IdempotencyKey)>, currency: Currency, amount: Amount) {
        if amount == Amount::ZERO {
            return;
        }
        add(&mut self.owed, currency, amount.minor().into());
        let debt = Debt { payment, currency, amount, settled: Amount::ZERO };
        self.accounts.entry(owner).or_default().debts.push(debt);
    }

    /// Whether so much of what is owed can have gone back; of what was applied the owner of the price knows.
    pub(crate) fn can_settle(&self, owner: Owner, settlement: &Settlement) -> bool {
        let debt = self.account(owner).and_then(|account| account.debt(settlement.payment.as_ref()));
        debt.is_some_and(|debt| debt.currency == settlement.currency && debt.open() >= settlement.amount)
    }

    /// Money went back, after [`Debts::can_settle`] has said that it can have.
    pub(crate) fn settle(&mut self, owner: Owner, settlement: &Settlement, event: Option<&(Provider, IdempotencyKey)>) {
        let Settlement { source, amount, currency, payment, .. } = settlement;
        add(&mut self.settled, *currency, amount.minor().into());
        let account = self.accounts.entry(owner).or_default();
        if *source == Source::Owed {
            add(&mut self.owed, *currency, -i128::from(amount.minor()));
            let debt = account.debts.iter_mut().find(|debt| debt.payment == *payment);
            if let Some(debt) = debt {
                debt.settled = debt.settled.plus(*amount).unwrap_or(debt.settled);
            }
        }
        let mark = event.map_or(0, |(provider, event)| mark_of(*provider, event));
        account.refunds.push(Refund { mark, source: *source, currency: *currency, amount: *amount });
    }

    /// What has to go back in all.
    pub(crate) fn owed(&self) -> Vec<Owed> {
        let open = self.owed.iter().filter(|(_, sum)| *sum > 0);
        // More than an amount can say is said as the largest one: it is an alarm either way.
        let clamped = |sum: i128| i64::try_from(sum).ok().and_then(Amount::new).unwrap_or(Amount::MAX);
        open.map(|(currency, sum)| Owed { amount: clamped(*sum), currency: *currency }).collect()
    }

    /// Every currency in which money came or went.
    pub(crate) fn currencies(&self) -> impl Iterator<Item = Currency> {
        let all = self.received.iter().chain(&self.owed).chain(&self.settled);
        all.map(|(currency, _)| *currency)
    }

    /// All that came and pays no order: running, where [`Debts::counted`] counts.
    pub(crate) fn received(&self, currency: Currency) -> i128 {
        sum(&self.received, currency)
    }

    /// What went back of prices of orders that `is_wanted` says, without having been owed.
    pub(crate) fn returned(&self, is_wanted: impl Fn(OrderNumber) -> bool) -> i128 {
        let wanted =
            self.accounts.iter().filter(|(owner, _)| matches!(owner, Owner::Order(number) if is_wanted(*number)));
        wanted.map(|(_, account)| i128::from(account.returned().minor())).sum()
    }

    /// What has to go back, and what went back: counted over all owners.
    pub(crate) fn counted(&self, currency: Currency) -> Counted {
        let mut counted = Counted::default();
        for account in self.accounts.values() {
            for debt in account.debts.iter().filter(|debt| debt.currency == currency) {
                counted.owed += i128::from(debt.open().minor());
            }
            for refund in account.refunds.iter().filter(|refund| refund.currency == currency) {
                counted.settled += i128::from(refund.amount.minor());
            }
        }
        counted
    }
}

/// Sums over all owners, in minor units.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Counted {
    pub(crate) owed: i128,
    pub(crate) settled: i128,
}

/// Two ids would have to collide in 64 bits, of one provider and for one order.
pub(crate) fn mark_of(provider: Provider, id: &IdempotencyKey) -> u64 {
    // Our own events had this hash before there were other providers.
    xxh3_64_with_seed(id.as_str().as_bytes(), provider as u64).max(1)
}

/// Of an event with which no money came. Of one payment there may be several: a card is declined, and declined again.
fn mark_without_money(payment: &Payment) -> u64 {
    let money = mark_of(payment.provider, &payment.reference);
    let seed = if payment.is_paid() { money } else { !money };
    xxh3_64_with_seed(payment.event.as_str().as_bytes(), seed)
}
