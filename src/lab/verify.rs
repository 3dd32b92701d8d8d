//! **Job:** the auditor: reads a data file once and checks every promise against it.
//! **Owns:** a fold of its own, with plain maps and no code of the counter: an oracle must not share its error.
//! **Never:** writes, repairs, or stops at the first violation.

mod books;

use std::io::Write;
use std::path::Path;

use doorbuster_actors::ledger::{COLUMNS, Row};
use rusqlite::Connection;
use serde::Serialize;

use super::DataFileError;
use books::Books;

/// Violations of one invariant that are described; the rest are counted.
const DESCRIBED: usize = 3;

/// The promises, in the order of the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
enum Promise {
    FileIntact,
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
}

impl Promise {
    const ALL: [Self; 12] = [
        Self::FileIntact,
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
    ];

    fn describe(self) -> (&'static str, &'static str) {
        match self {
            Self::FileIntact => ("file", "SQLite finds the file intact"),
            Self::Gapless => ("gapless", "entries are numbered 1, 2, 3, … without a gap"),
            Self::ChainIntact => ("chain", "every entry's checksum follows from the one before"),
            Self::NothingLost => ("acknowledged", "the last entry that was acknowledged is there"),
            Self::NoOversell => ("oversell", "live units never exceed the supply"),
            Self::Conservation => ("conservation", "remaining + live = supply after every entry"),
            Self::UserLimit => ("user-limit", "no buyer holds more than the item allows"),
            Self::OneOrderPerKey => ("idempotency", "one key of a buyer made one order"),
            Self::StateMachine => ("states", "orders take only the steps there are"),
            Self::ReleasedOnce => ("released-once", "a unit goes back once, for a cancelled or expired order"),
            Self::Window => ("window", "nothing was sold before, after, or during a pause of its sale"),
            Self::TimeOrder => ("time", "within an item, time does not go back"),
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
    /// One line a promise.
    pub checks: Vec<Check>,
}

impl Report {
    /// Whether every promise was kept.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.checks.iter().all(|check| check.violations == 0)
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
        let verdict = if self.is_clean() { "clean" } else { "VIOLATED" };
        writeln!(
            out,
            "{verdict}: {} entries, {} items, {} orders, {} live units",
            self.entries, self.items, self.orders, self.live_units
        )
    }
}

/// Violations found so far.
#[derive(Debug, Default)]
struct Findings {
    counts: [u64; Promise::ALL.len()],
    examples: [Vec<String>; Promise::ALL.len()],
}

impl Findings {
    fn expect(&mut self, holds: bool, promise: Promise, describe: impl FnOnce() -> String) {
        if holds {
            return;
        }
        self.counts[promise as usize] += 1;
        let examples = &mut self.examples[promise as usize];
        if examples.len() < DESCRIBED {
            examples.push(describe());
        }
    }

    fn into_checks(self) -> Vec<Check> {
        let mut examples = self.examples.into_iter();
        let check = |promise: Promise| {
            let (name, text) = promise.describe();
            let violations = self.counts[promise as usize];
            Check { name, promise: text, violations, examples: examples.next().unwrap_or_default() }
        };
        Promise::ALL.into_iter().map(check).collect()
    }
}

/// Audits the data file at `path`, read-only, in one consistent view of it.
pub fn audit(path: &Path) -> Result<Report, DataFileError> {
    // Before the view begins: a server that is running may write the mark later than the view, never earlier.
    let acknowledged = acknowledged(path);
    let connection = super::open(path)?;
    connection.execute_batch("BEGIN")?;
    let mut findings = Findings::default();
    check_file(&connection, &mut findings)?;
    let (entries, books) = fold(&connection, acknowledged, &mut findings)?;
    findings.expect(acknowledged.is_none_or(|(seq, _)| seq <= entries), Promise::NothingLost, || {
        format!("the file ends at entry {entries}, acknowledged was up to {}", acknowledged.map_or(0, |(seq, _)| seq))
    });
    Ok(Report {
        entries,
        items: books.items(),
        orders: books.orders(),
        live_units: books.live_units(),
        checks: findings.into_checks(),
    })
}

/// Number and checksum in the high-water mark beside the file, if there is one.
fn acknowledged(path: &Path) -> Option<(u64, i64)> {
    let mut mark = path.as_os_str().to_owned();
    mark.push(".mark");
    let text = std::fs::read_to_string(Path::new(&mark)).ok()?;
    let (seq, checksum) = text.trim_end().split_once(' ')?;
    Some((seq.parse().ok()?, u64::from_str_radix(checksum, 16).ok()?.cast_signed()))
}

fn check_file(connection: &Connection, findings: &mut Findings) -> Result<(), DataFileError> {
    let mut statement = connection.prepare("PRAGMA integrity_check(3)")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let verdict: String = row.get(0)?;
        findings.expect(verdict == "ok", Promise::FileIntact, || verdict.clone());
    }
    Ok(())
}

fn fold(
    connection: &Connection,
    acknowledged: Option<(u64, i64)>,
    findings: &mut Findings,
) -> Result<(u64, Books), DataFileError> {
    let mut books = Books::default();
    let (mut entries, mut before, mut expected) = (0, 0, 1);
    let mut buffer = Vec::new();
    let mut statement = connection.prepare(&format!("SELECT {COLUMNS} FROM ledger ORDER BY seq"))?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let row = Row::read(row)?;
        let seq = row.seq;
        findings.expect(seq == expected, Promise::Gapless, || format!("entry {seq} stands where {expected} should"));
        let checksum = row.checksum(before, &mut buffer);
        findings
            .expect(checksum == row.checksum, Promise::ChainIntact, || format!("entry {seq} is not what was written"));
        let is_acknowledged =
            acknowledged.is_none_or(|(number, sum)| i64::try_from(number) != Ok(seq) || sum == row.checksum);
        findings.expect(is_acknowledged, Promise::NothingLost, || format!("entry {seq} is not the acknowledged one"));
        books.enter(&row, findings);
        // From the stored checksum: one damaged entry is one violation, not one for every entry behind it.
        (entries, before, expected) = (entries + 1, row.checksum, seq.saturating_add(1));
    }
    Ok((entries, books))
}
