//! **Job:** compares what the crowd was told with what the ledger says.
//! **Owns:** the promises that can be checked from the street, and a verdict on each.
//! **Never:** believes an answer: a confirmed order is one that the ledger has.

use std::collections::{HashMap, HashSet};

use serde::{Deserialize, Serialize};

use super::BenchError;
use super::orders::Orders;
use super::server_facts::{Entry, Item, OpsClient, Snapshot};
use super::tally::{Sold, Tally};
use crate::commands::verify::{HistoryTotals, Report as FileReport};

/// Confirmed orders that are read back: all, up to so many; of more, evenly spread ones. It takes a few seconds.
const READ_BACK: usize = 20_000;

/// What came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(in crate::commands) enum Verdict {
    Ok,
    Violated,
    Skipped,
}

/// One promise.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(in crate::commands) struct Finding {
    pub(in crate::commands) name: String,
    pub(in crate::commands) verdict: Verdict,
    pub(in crate::commands) detail: String,
}

impl Finding {
    fn new(name: &str, holds: bool, detail: impl Into<String>) -> Self {
        let verdict = if holds { Verdict::Ok } else { Verdict::Violated };
        Self { name: name.to_owned(), verdict, detail: detail.into() }
    }

    /// What the audit of the data file says.
    pub(in crate::commands) fn of_file(report: &FileReport, when: &str) -> Self {
        let broken: Vec<_> =
            report.checks.iter().filter(|check| check.violations > 0).map(|check| check.name).collect();
        let entries = report.entries;
        let with = report.history.map_or_else(String::new, |history| {
            let HistoryTotals { operations, info, .. } = history;
            format!(" and the history of the run: {operations} operations, {info} of unknown effect")
        });
        let detail = match broken.as_slice() {
            [] => format!("the data file {when}{with}: {entries} entries, every promise of `doorbuster verify` kept"),
            broken => format!("the data file {when}{with} violates: {}", broken.join(", ")),
        };
        Self::new("file", broken.is_empty(), detail)
    }
}

/// Checks the run over the wire. `before` is the snapshot from its start.
pub(in crate::commands) fn check(
    ops: &OpsClient,
    orders: &Orders,
    tally: &Tally,
    items: &[Item],
    before: Option<&Snapshot>,
) -> Result<Vec<Finding>, BenchError> {
    let mut findings = vec![readable(ops, orders, &tally.sold)?];
    let Some(before) = before else {
        let detail = "the ledger was not looked at: give --ops-url and auth.admin_token";
        let skipped = Finding { name: "ledger".into(), verdict: Verdict::Skipped, detail: detail.into() };
        findings.insert(0, skipped);
        return Ok(findings);
    };
    let mut ledger = Ledger::of(orders, items);
    ops.entries(before.last_seq(), |entry| ledger.enter(&entry))?;
    let after = ops.snapshot()?;
    let mut all = vec![ledger.confirmed(tally), ledger.unexplained(tally)];
    let is_same = |after: &Snapshot| after.started_s == before.started_s;
    let passed = after.filter(is_same).map(|after| after.confirmed().saturating_sub(before.confirmed()));
    all.extend(passed.and_then(|passed| ledger.funnel(passed)));
    all.push(ledger.within_limits());
    all.push(stock(ops, items)?);
    all.append(&mut findings);
    Ok(all)
}

fn readable(ops: &OpsClient, orders: &Orders, sold: &[Sold]) -> Result<Finding, BenchError> {
    let step = sold.len().div_ceil(READ_BACK).max(1);
    let (mut read, mut missing) = (0_u64, 0_u64);
    for sold in sold.iter().step_by(step) {
        let authorization = orders.users[sold.user].1.to_str().expect("made from a text");
        read += 1;
        missing += u64::from(!ops.can_read(&sold.order, authorization)?);
    }
    let of = if step == 1 { "all".to_owned() } else { format!("one of every {step}") };
    let detail = format!("{read} confirmed orders ({of}) read back by their buyers, {missing} not readable");
    Ok(Finding::new("readable", missing == 0, detail))
}

fn stock(ops: &OpsClient, items: &[Item]) -> Result<Finding, BenchError> {
    let names: Vec<_> = items.iter().map(|item| item.id.as_str()).collect();
    let balances = ops.balances(&names)?;
    let bad = balances.iter().find(|balance| !balance.holds || balance.live > balance.supply);
    let (live, supply) = balances.iter().fold((0_u64, 0_u64), |(live, supply), next| {
        (live.saturating_add(next.live), supply.saturating_add(next.supply))
    });
    let detail = match bad {
        None => {
            format!("{live} live units of {supply}; remaining + live = supply for each of {} items", balances.len())
        }
        Some(bad) => format!("{}: {} live units of {}", bad.item_id, bad.live, bad.supply),
    };
    Ok(Finding::new("stock", bad.is_none(), detail))
}

/// The entries of this run.
struct Ledger<'r> {
    buyers: HashMap<&'r str, usize>,
    limits: HashMap<&'r str, i64>,
    quantity: i64,
    /// Orders of this run's buyers that the ledger has, until they are matched.
    rows: HashMap<Box<str>, (usize, Box<str>)>,
    others: u64,
    held: HashMap<(usize, Box<str>), i64>,
    /// Buyers who ever held too much.
    over: HashSet<usize>,
    strange: u64,
    orders: &'r Orders,
}

impl<'r> Ledger<'r> {
    fn of(orders: &'r Orders, items: &'r [Item]) -> Self {
        Self {
            buyers: (0..).zip(&orders.users).map(|(number, (name, _))| (&**name, number)).collect(),
            limits: items.iter().map(|item| (item.id.as_str(), item.per_user_limit)).collect(),
            quantity: orders.quantity.into(),
            rows: HashMap::new(),
            others: 0,
            held: HashMap::new(),
            over: HashSet::new(),
            strange: 0,
            orders,
        }
    }

    fn enter(&mut self, entry: &Entry) {
        let (Some(order), Some(user)) = (&entry.order_id, &entry.user_id) else { return };
        let units = match entry.kind.as_str() {
            "placed" => entry.quantity.unwrap_or(0),
            "cancelled" | "expired" => entry.quantity.unwrap_or(0).saturating_neg(),
            _other => return,
        };
        let Some(buyer) = self.buyers.get(&**user).copied() else {
            self.others += u64::from(units > 0);
            return;
        };
        let held = self.held.entry((buyer, entry.item_id.clone())).or_default();
        *held = held.saturating_add(units);
        if self.limits.get(&*entry.item_id).is_some_and(|limit| *held > *limit) {
            self.over.insert(buyer);
        }
        if units > 0 {
            self.strange += u64::from(units != self.quantity);
            self.rows.insert(order.clone(), (buyer, entry.item_id.clone()));
        }
    }

    /// Whether each confirmed order is a row, of its buyer and item.
    fn confirmed(&self, tally: &Tally) -> Finding {
        let confirmed: HashSet<_> = tally.sold.iter().map(|sold| &sold.order).collect();
        let is_row = |sold: &&Sold| {
            let row = self.rows.get(&sold.order);
            row.is_some_and(|(buyer, item)| *buyer == sold.user && *item == self.orders.items[sold.item].0)
        };
        let missing = tally.sold.iter().filter(|sold| !is_row(sold)).count();
        let detail = format!("{} orders were confirmed, {missing} of them are not in the ledger", confirmed.len());
        Finding::new("ledger", missing == 0, detail)
    }

    /// Whether each row was confirmed, but for as many as there were purchases without a definite answer.
    fn unexplained(&self, tally: &Tally) -> Finding {
        let confirmed: HashSet<_> = tally.sold.iter().map(|sold| &sold.order).collect();
        let rows = self.rows.keys().filter(|order| !confirmed.contains(order)).count() as u64;
        let detail = format!(
            "{} rows of this run, {rows} not confirmed to their buyers; {} purchases had no definite answer",
            self.rows.len(),
            tally.unknown
        );
        Finding::new("rows", rows <= tally.unknown && self.strange == 0, detail)
    }

    /// The funnel's own count, of a server that was not started anew; only when nobody else was buying, because then
    /// nothing happens between the two looks.
    fn funnel(&self, passed: u64) -> Option<Finding> {
        let rows = self.rows.len() as u64;
        (self.others == 0).then(|| Finding::new("funnel", passed == rows, format!("{passed} orders left the funnel")))
    }

    fn within_limits(&self) -> Finding {
        let detail = match self.over.iter().next() {
            None => format!("{} holdings (of a buyer, of an item), each within the limit", self.held.len()),
            Some(one) => format!("{} buyers over the limit, one is {}", self.over.len(), self.orders.users[*one].0),
        };
        Finding::new("user-limit", self.over.is_empty(), detail)
    }
}
