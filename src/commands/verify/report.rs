//! **Job:** what came out of an audit, promise by promise.
//! **Owns:** the promises, their names, and how a report is written.
//! **Never:** looks at a data file.

use std::collections::BTreeMap;
use std::io::Write;

use serde::Serialize;

/// Violations of one invariant that are described; the rest are counted.
const DESCRIBED: usize = 3;

/// The promises, in the order of the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub(super) enum Promise {
    SchemaOurs,
    FileIntact,
    LogThere,
    Gapless,
    ChainIntact,
    NothingLost,
    NoOversell,
    Conservation,
    UserLimit,
    OneOrderPerKey,
    StateMachine,
    ReleasedOnce,
    Window,
    TimeOrder,
    MoneyAccounted,
    ViewsTell,
    // From outside: of a history.
    NeverOversold,
    Durable,
    LimitKept,
    OneOrder,
    NoPhantom,
    Remaining,
    OrderStates,
    ReleaseOnce,
    Linearizable,
    NoFalseSoldOut,
    SaleWindow,
    Identity,
    MonotoneReads,
    NeverInternal,
    // Of an inventory.
    AppliedOnce,
}

impl Promise {
    const OF_FILE: [Self; 16] = [
        Self::SchemaOurs,
        Self::FileIntact,
        Self::LogThere,
        Self::Gapless,
        Self::ChainIntact,
        Self::NothingLost,
        Self::NoOversell,
        Self::Conservation,
        Self::UserLimit,
        Self::OneOrderPerKey,
        Self::StateMachine,
        Self::ReleasedOnce,
        Self::Window,
        Self::TimeOrder,
        Self::MoneyAccounted,
        Self::ViewsTell,
    ];

    pub(super) const OF_HISTORY: [Self; 14] = [
        Self::NeverOversold,
        Self::Durable,
        Self::LimitKept,
        Self::OneOrder,
        Self::NoPhantom,
        Self::Remaining,
        Self::OrderStates,
        Self::ReleaseOnce,
        Self::Linearizable,
        Self::NoFalseSoldOut,
        Self::SaleWindow,
        Self::Identity,
        Self::MonotoneReads,
        Self::NeverInternal,
    ];

    const COUNT: usize = Self::OF_FILE.len() + Self::OF_HISTORY.len() + 1;

    fn describe(self) -> (&'static str, &'static str) {
        match self {
            Self::FileIntact => ("file", "SQLite finds the file intact"),
            Self::SchemaOurs => {
                ("schema", "tables, views, indexes and kinds are those this program makes, and no others")
            }
            Self::LogThere => ("log", "the write-ahead log that belongs to the file is there"),
            Self::Gapless => ("gapless", "entries are numbered 1, 2, 3, … without a gap"),
            Self::ChainIntact => ("chain", "every entry's checksum follows from the one before"),
            Self::NothingLost => ("acknowledged", "the last entry that was acknowledged is there"),
            Self::NoOversell => ("oversell", "live units never exceed the supply"),
            Self::Conservation => ("conservation", "remaining + live = supply after every entry"),
            Self::UserLimit => ("user-limit", "no buyer holds more than the item allows"),
            Self::OneOrderPerKey => ("idempotency", "one key of a buyer made one order"),
            Self::StateMachine => ("states", "orders take only the steps there are"),
            Self::ReleasedOnce => ("released-once", "a unit goes back once, when its order ends"),
            Self::Window => ("window", "nothing was sold before, after, or during a pause of its sale"),
            Self::TimeOrder => ("time", "within an item, time does not go back"),
            Self::MoneyAccounted => ("money", "received = applied + owed + settled, per order, item and in total"),
            Self::ViewsTell => ("views", "orders and items are shown as the ledger has them"),
            Self::NeverOversold => ("I1 oversell", "what buyers were sold never exceeds the supply, at no instant"),
            Self::Durable => ("I2 durable", "every confirmed order, step and payment is in the ledger, as answered"),
            Self::LimitKept => ("I3 user-limit", "no buyer was sold more than the item allows, at no instant"),
            Self::OneOrder => ("I4 one-order", "one key is one order, with the same answer, and of one payload"),
            Self::NoPhantom => ("I5 phantom", "whatever the ledger has somebody asked for and was not refused"),
            Self::Remaining => ("I6 remaining", "what is said to remain is the supply less what is live"),
            Self::OrderStates => ("I7 states", "orders take only the steps there are, and are shown where they stand"),
            Self::ReleaseOnce => ("I8 released", "a unit goes back once, when its order ends"),
            Self::AppliedOnce => ("I9 inventory", "the inventory has applied each entry up to its cursor, once"),
            Self::Linearizable => ("I10 linear", "per item all answers fit into one order, each within its time"),
            Self::NoFalseSoldOut => ("I11 sold-out", "who was told sold out asked while too few were left"),
            Self::SaleWindow => ("I12 window", "nothing is sold, or refused as closed, at a time when it is not so"),
            Self::Identity => ("I13 identity", "nobody is served without credentials, or with another's order"),
            Self::MonotoneReads => {
                ("I15 reads", "what was confirmed is read by all who ask later, and never goes back")
            }
            Self::NeverInternal => ("I16 answers", "no request was answered with 500"),
        }
    }
}

/// What came out for one promise.
#[derive(Debug, Clone, Serialize)]
pub struct Check {
    /// Its short name.
    pub name: &'static str,
    /// What is promised.
    pub promise: &'static str,
    /// How often it was violated.
    pub violations: u64,
    /// The first violations, described.
    pub examples: Vec<String>,
}

/// The result of an audit.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Entries read.
    pub entries: u64,
    /// Items found.
    pub items: usize,
    /// Orders ever placed.
    pub orders: usize,
    /// Units in live orders.
    pub live_units: u64,
    /// Where the money is, by currency.
    pub money: BTreeMap<String, Money>,
    /// What is in the history that the file was compared with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub history: Option<HistoryTotals>,
    /// One line a promise.
    pub checks: Vec<Check>,
    /// What is no violation, but should be known.
    pub notes: Vec<String>,
}

impl Report {
    /// Whether every promise was kept.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.checks.iter().all(|check| check.violations == 0)
    }

    fn violations_of(&self, promises: &[Promise]) -> u64 {
        let names = promises.iter().map(|promise| promise.describe().0).collect::<Vec<_>>();
        self.checks.iter().filter(|check| names.contains(&check.name)).map(|check| check.violations).sum()
    }

    /// Writes the report for people, or as one JSON object.
    pub fn print(&self, json: bool, out: &mut impl Write) -> std::io::Result<()> {
        if json {
            let mut report = serde_json::json!(self);
            report["clean"] = self.is_clean().into();
            return writeln!(out, "{report}");
        }
        for check in &self.checks {
            let verdict = if check.violations == 0 { "ok      " } else { "VIOLATED" };
            writeln!(out, "{verdict}  {:<14} {}", check.name, check.promise)?;
            for example in &check.examples {
                writeln!(out, "            {example}")?;
            }
            if check.violations > check.examples.len() as u64 {
                writeln!(out, "            … {} in all", check.violations)?;
            }
        }
        for note in &self.notes {
            writeln!(out, "note      {note}")?;
        }
        for (currency, Money { received, applied, owed, settled }) in &self.money {
            writeln!(
                out,
                "money     {currency}: {received} received = {applied} applied + {owed} owed + {settled} settled"
            )?;
        }
        if let Some(history) = self.history {
            let HistoryTotals { operations, ok, fail, info, elsewhere } = history;
            let violations = self.violations_of(&Promise::OF_HISTORY);
            let elsewhere =
                if elsewhere > 0 { format!(", {elsewhere} at other nodes left out") } else { String::new() };
            writeln!(
                out,
                "history   {operations} operations: {ok} ok, {fail} fail, {info} info{elsewhere}; \
                 {violations} violations"
            )?;
        }
        let verdict = if self.is_clean() { "clean" } else { "VIOLATED" };
        writeln!(
            out,
            "{verdict}: {} entries, {} items, {} orders, {} live units",
            self.entries, self.items, self.orders, self.live_units
        )
    }
}

/// How much there is in a history.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct HistoryTotals {
    /// Requests.
    pub operations: usize,
    /// Confirmed: 2xx.
    pub ok: usize,
    /// Refused: 4xx, without effect.
    pub fail: usize,
    /// Whose effect nobody knows: 5xx, or no answer.
    pub info: usize,
    /// Answered by another node than that of the data file, and left out.
    pub elsewhere: usize,
}

/// Where money is, in minor units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Money {
    /// All that came.
    pub received: i128,
    /// What pays orders.
    pub applied: i128,
    /// What has to go back.
    pub owed: i128,
    /// What went back.
    pub settled: i128,
}

impl Money {
    /// Whether none is lost or came from nowhere.
    pub(super) fn holds(&self) -> bool {
        self.received == self.applied + self.owed + self.settled
    }
}

/// How much there is in a ledger.
#[derive(Debug, Clone)]
pub(super) struct Totals {
    pub(super) items: usize,
    pub(super) orders: usize,
    pub(super) live_units: u64,
    pub(super) money: BTreeMap<String, Money>,
}

/// Violations found so far.
#[derive(Debug, Default)]
pub(super) struct Findings {
    counts: [u64; Promise::COUNT],
    examples: [Vec<String>; Promise::COUNT],
    notes: Vec<String>,
}

impl Findings {
    pub(super) fn expect(&mut self, holds: bool, promise: Promise, describe: impl FnOnce() -> String) {
        if holds {
            return;
        }
        self.counts[promise as usize] += 1;
        let examples = &mut self.examples[promise as usize];
        if examples.len() < DESCRIBED {
            examples.push(describe());
        }
    }

    /// The names of the promises of a history that were violated, and the first example of each.
    #[cfg(test)]
    pub(super) fn broken(&self) -> Vec<(&'static str, String)> {
        let broken = Promise::OF_HISTORY.iter().filter(|promise| self.counts[**promise as usize] > 0);
        broken.map(|promise| (promise.describe().0, self.examples[*promise as usize][0].clone())).collect()
    }

    pub(super) fn note(&mut self, note: String) {
        self.notes.push(note);
    }

    /// What came out for each promise of the file, and of `besides`.
    pub(super) fn into_report(mut self, entries: u64, totals: Totals, besides: &[Promise]) -> Report {
        let check = |promise: &Promise| {
            let (name, text) = promise.describe();
            let violations = self.counts[*promise as usize];
            let examples = std::mem::take(&mut self.examples[*promise as usize]);
            Check { name, promise: text, violations, examples }
        };
        let checks = Promise::OF_FILE.iter().chain(besides).map(check).collect();
        Report {
            entries,
            items: totals.items,
            orders: totals.orders,
            live_units: totals.live_units,
            money: totals.money,
            history: None,
            checks,
            notes: self.notes,
        }
    }
}
