//! **Job:** the auditor's own books of money: what came for each order, and where it is.
//! **Owns:** plain maps of debts and refunds.
//! **Never:** trusts a verdict: what is owed follows from the amounts.

use std::collections::{BTreeMap, HashMap};

use doorbuster_actors::ledger::Row;
use serde_json::Value;

use super::order::{Order, OrderState};
use super::report::{Findings, Money, Promise};

/// A payment, or the price of an order: order, provider and id of the payment.
type Debtor = (Option<i64>, Option<(String, String)>);

/// The money of an item.
#[derive(Debug, Default)]
pub(super) struct Account {
    received: BTreeMap<String, i128>,
    settled: BTreeMap<String, i128>,
    debts: HashMap<Debtor, (String, i128)>,
    /// What went back of prices without having been owed.
    returned: HashMap<i64, i128>,
    /// Prices that were paid: in the currency of the item, whatever that is called.
    prices: i128,
}

fn price(order: &Order) -> i128 {
    i128::from(order.quantity) * i128::from(order.unit_price)
}

fn text<'v>(detail: &'v Value, member: &str) -> &'v str {
    detail[member].as_str().unwrap_or_default()
}

fn amount(detail: &Value, member: &str) -> i128 {
    i128::from(detail[member].as_i64().unwrap_or(-1))
}

fn detail_of(row: &Row<'_>) -> Value {
    row.detail.as_deref().and_then(|detail| serde_json::from_str(detail).ok()).unwrap_or_default()
}

impl Account {
    /// An order goes a step on; `order` is as it was before.
    pub(super) fn step(&mut self, row: &Row<'_>, order: &Order, to: OrderState, findings: &mut Findings) {
        let seq = row.seq;
        let number = row.order_number.unwrap_or(0);
        let returned = self.returned.get(&number).copied().unwrap_or(0);
        match (order.standing, to) {
            (_, OrderState::Paid) => self.prices += price(order),
            (OrderState::Paid, OrderState::RefundDue) => self.owe_price(number, price(order) - returned),
            (_, OrderState::RefundDue) if row.idempotency_key.is_some() => {
                self.prices += price(order);
                self.owe_price(number, price(order));
            }
            (_, OrderState::RefundDue) => {
                let owes = self.open_of(number) > 0;
                findings.expect(owes, Promise::MoneyAccounted, || {
                    format!("entry {seq} says that money has to go back, but none came")
                });
            }
            (before, OrderState::Refunded) => {
                let is_settled = match before {
                    OrderState::Paid => returned == price(order),
                    OrderState::RefundDue => self.open_of(number) == 0,
                    OrderState::Pending | OrderState::Released | OrderState::Refunded => false,
                };
                findings.expect(is_settled, Promise::MoneyAccounted, || {
                    format!("entry {seq} says that all money went back, but some did not")
                });
            }
            (_, OrderState::Pending | OrderState::Released) => {}
        }
    }

    /// In the currency of the item, which no debt of a price names.
    fn owe_price(&mut self, number: i64, owed: i128) {
        self.debts.insert((Some(number), None), (String::new(), owed));
    }

    fn open_of(&self, number: i64) -> i128 {
        self.debts.iter().filter(|((order, _), _)| *order == Some(number)).map(|(_, (_, open))| *open).sum()
    }

    /// Money came that pays no order, or not only.
    pub(super) fn receive(&mut self, row: &Row<'_>, orders: &HashMap<i64, Order>, findings: &mut Findings) {
        let (seq, detail) = (row.seq, detail_of(row));
        let (owed, reported) = (amount(&detail, "owed"), amount(&detail, "amount"));
        let is_known = row.order_number.is_none_or(|number| orders.contains_key(&number));
        let fits = is_known && (0..=reported).contains(&owed) && row.order_number.is_some() == (row.item != 0);
        findings.expect(fits, Promise::MoneyAccounted, || format!("entry {seq} tells of money that makes no sense"));
        if owed <= 0 {
            return;
        }
        let currency = text(&detail, "currency").to_owned();
        *self.received.entry(currency.clone()).or_default() += owed;
        let payment = (text(&detail, "provider").to_owned(), row.idempotency_key.unwrap_or_default().to_owned());
        let before = self.debts.insert((row.order_number, Some(payment)), (currency, owed));
        findings.expect(before.is_none(), Promise::MoneyAccounted, || format!("entry {seq} counts a payment again"));
    }

    /// Money went back.
    pub(super) fn settle(
        &mut self,
        row: &Row<'_>,
        own_currency: &str,
        orders: &HashMap<i64, Order>,
        findings: &mut Findings,
    ) {
        let (seq, detail) = (row.seq, detail_of(row));
        let (settled, currency) = (amount(&detail, "settled"), text(&detail, "currency"));
        *self.settled.entry(currency.to_owned()).or_default() += settled;
        let is_covered = match text(&detail, "source") {
            "owed" => {
                let payment = row.idempotency_key.map(|key| (text(&detail, "of").to_owned(), key.to_owned()));
                let debt = self.debts.get_mut(&(row.order_number, payment));
                debt.is_some_and(|(its, open)| {
                    *open -= settled;
                    let is_its_currency = its == currency || its.is_empty() && currency == own_currency;
                    is_its_currency && *open >= 0
                })
            }
            "applied" => {
                let number = row.order_number.unwrap_or(0);
                let returned = self.returned.entry(number).or_default();
                *returned += settled;
                let order = orders.get(&number).filter(|order| order.standing == OrderState::Paid);
                currency == own_currency && order.is_some_and(|order| *returned <= price(order))
            }
            _other => false,
        };
        findings.expect(is_covered && settled > 0, Promise::MoneyAccounted, || {
            format!("entry {seq} gives back more than there was")
        });
    }

    /// Where the money is, by currency.
    pub(super) fn balances(&self, own_currency: &str, orders: &HashMap<i64, Order>) -> BTreeMap<String, Money> {
        let mut balances: BTreeMap<String, Money> = BTreeMap::new();
        for (currency, received) in &self.received {
            balances.entry(currency.clone()).or_default().received += received;
        }
        for (currency, settled) in &self.settled {
            balances.entry(currency.clone()).or_default().settled += settled;
        }
        for (currency, open) in self.debts.values() {
            let currency = if currency.is_empty() { own_currency } else { currency };
            balances.entry(currency.to_owned()).or_default().owed += open;
        }
        let paid = orders.iter().filter(|(_, order)| order.standing == OrderState::Paid);
        let returned = |number: &i64| self.returned.get(number).copied().unwrap_or(0);
        let applied: i128 = paid.map(|(number, order)| price(order) - returned(number)).sum();
        if self.prices != 0 {
            let own = balances.entry(own_currency.to_owned()).or_default();
            own.received += self.prices;
            own.applied += applied;
        }
        balances
    }

    /// Whether it adds up at the end.
    pub(super) fn close(&self, own_currency: &str, orders: &HashMap<i64, Order>, findings: &mut Findings) {
        for (currency, money) in self.balances(own_currency, orders) {
            findings.expect(money.holds(), Promise::MoneyAccounted, || {
                let Money { received, applied, owed, settled } = money;
                format!("{received} {currency} came, but {applied} are applied, {owed} owed and {settled} settled")
            });
        }
    }
}
