//! **Job:** what a recorded ledger leads to: every start of it finds a beginning of this, and nothing else.
//! **Owns:** the entries of the whole recording, the state after each of them, and since which entry a fact is true.
//! **Never:** reads a disk itself: the real recovery does.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use doorbuster_actors::entry::{Change, Entry};
use doorbuster_actors::ledger::Recovered;
use doorbuster_actors::payment::MoneyBalance;
use doorbuster_actors::stock::Stock;
use doorbuster_actors::suspense::Suspense;
use parking_lot::Mutex;

use super::answers::Fact;
use crate::recovery::{Found, FoundOrder, recover, recover_with};
use crate::support::same_promise;

/// What a start came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It found so many entries of the recording, and the state that they lead to.
    Entries(usize),
    /// It was refused.
    Refused(String),
    /// It found something that was never so.
    Wrong(String),
}

/// What a recording led to, and the way into its files.
pub(crate) trait Start: Sync {
    /// Starts from a folder, and compares what it finds.
    fn start(&self, data_file: &Path) -> Outcome;
}

/// The state after some entries.
#[derive(PartialEq)]
struct State {
    stocks: Vec<Stock>,
    suspense: Suspense,
}

/// A recorded ledger, to its end.
pub(crate) struct Truth {
    found: Found,
    orders: BTreeMap<String, FoundOrder>,
    /// By the number of entries: the state, as the first start found it.
    states: Mutex<BTreeMap<usize, Arc<State>>>,
}

impl Truth {
    /// Starts from the end of a recording.
    pub(crate) fn at(data_file: &Path) -> Result<Self, String> {
        let found = recover(data_file).map_err(|error| error.to_string())?;
        found.balance()?;
        Ok(Self { orders: found.orders(), found, states: Mutex::default() })
    }

    pub(crate) fn entries(&self) -> &[Entry] {
        &self.found.entries
    }

    fn compare(&self, count: usize, recovered: Recovered) -> Result<(), String> {
        let state = State { stocks: recovered.stocks, suspense: recovered.suspense };
        let known = self.states.lock().get(&count).cloned();
        if let Some(known) = known {
            return if *known == state { Ok(()) } else { Err(format!("another state after {count} entries")) };
        }
        for stock in &state.stocks {
            let (balance, last) = (stock.balance(), self.last_about(stock, count));
            if !balance.holds() || last != Some((balance.supply, balance.remaining)) {
                return Err(format!("{balance:?} after {count} entries, the last says {last:?}"));
            }
        }
        if !state.suspense.money().iter().all(MoneyBalance::holds) {
            return Err(format!("money is missing after {count} entries"));
        }
        self.states.lock().insert(count, Arc::new(state));
        Ok(())
    }

    fn last_about(&self, stock: &Stock, count: usize) -> Option<(u32, u32)> {
        let last = self.found.entries[..count].iter().rev().find(|entry| entry.item == stock.number());
        last.map(|entry| (entry.supply, entry.remaining))
    }

    /// With how many entries a fact is true; with more it stays so. None: it never is.
    pub(crate) fn since(&self, fact: &Fact) -> Option<usize> {
        let numbered = || self.found.entries.iter().zip(1..);
        match fact {
            Fact::Entry(seq) => usize::try_from(*seq).ok().filter(|seq| *seq <= self.found.entries.len()),
            Fact::Obeyed { item, times } => self.found.instructions(item).get(times - 1).copied(),
            Fact::Order(told) => {
                let order = self.orders.get(told["order_id"].as_str()?)?;
                let since = order.statuses.get(told["status"].as_str()?).copied();
                since.filter(|_| same_promise(told, &order.promise))
            }
            Fact::Reported { event } => numbered().find(|(entry, _)| tells_of(entry, event)).map(|(_, seq)| seq),
            Fact::Done { reason } => {
                let says = |entry: &Entry| {
                    entry.origin.as_ref().is_some_and(|origin| origin.reason.as_deref() == Some(reason))
                };
                numbered().find(|(entry, _)| says(entry)).map(|(_, seq)| seq)
            }
        }
    }
}

impl Start for Truth {
    /// With the real recovery.
    fn start(&self, data_file: &Path) -> Outcome {
        let (mut count, mut other) = (0, None);
        let started = recover_with(data_file, |entry| {
            if self.found.entries.get(count) != Some(entry) {
                other.get_or_insert(count + 1);
            }
            count += 1;
        });
        match (started, other) {
            (Err(error), _) => Outcome::Refused(error.to_string()),
            (Ok(_), Some(seq)) => Outcome::Wrong(format!("entry {seq} is not the one that was written")),
            (Ok(recovered), None) => match self.compare(count, recovered) {
                Ok(()) => Outcome::Entries(count),
                Err(what) => Outcome::Wrong(what),
            },
        }
    }
}

/// Whether an entry is there because of that event of a payment provider.
fn tells_of(entry: &Entry, event: &str) -> bool {
    let by_origin = entry.origin.as_ref().and_then(|origin| origin.event.as_ref());
    let by_key = match &entry.change {
        Change::Order(order) => order.key.as_ref(),
        Change::Payment(record) => Some(&record.payment.event),
        Change::Item(_)
        | Change::Settled(_)
        | Change::Restocked { .. }
        | Change::Withdrawn { .. }
        | Change::Switched(_) => None,
    };
    by_origin.map(|(_, event)| event).into_iter().chain(by_key).any(|known| known.as_str() == event)
}
