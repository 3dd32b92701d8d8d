//! **Job:** the money that has to go back, over all items.
//! **Owns:** that a currency is known from the start, with nothing owed in it.
//! **Never:** asks an actor: it sums what is published.

use std::collections::BTreeMap;

use doorbuster_actors::item::{Amount, Currency};
use doorbuster_actors::payment::Owed;

use super::Telemetry;

impl Telemetry {
    /// What is owed in each currency in which something is sold, and in those in which money came all the same; by
    /// currency. A sum stays within what every JSON reader keeps exact.
    #[must_use]
    pub fn owed(&self) -> Vec<Owed> {
        let mut by_currency: BTreeMap<String, Owed> = BTreeMap::new();
        let mut add = |amount: Amount, currency: Currency| {
            let sum = by_currency.entry(currency.to_string()).or_insert(Owed { amount: Amount::ZERO, currency });
            sum.amount = sum.amount.plus(amount).unwrap_or(Amount::MAX);
        };
        for item in self.sale.directory.all() {
            add(Amount::ZERO, item.definition().currency);
            item.owed().iter().flat_map(|owed| owed.iter()).for_each(|owed| add(owed.amount, owed.currency));
        }
        self.sale.unmatched().iter().for_each(|owed| add(owed.amount, owed.currency));
        by_currency.into_values().collect()
    }
}
