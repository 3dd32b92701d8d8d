//! **Job:** the auditor: reads a data file once and checks every promise against it.
//! **Owns:** a fold of its own, with plain maps and no code of the stock: an oracle must not share its error.
//! **Never:** writes, repairs, or stops at the first violation.

mod books;
mod follower;
mod history;
mod money;
mod order;
mod report;
mod schema;
mod views;

use std::path::{Path, PathBuf};

use doorbuster_actors::ledger::{Row, columns_of};

use super::Cli;
use super::DataFileError;
use super::arguments::{Assignments, DataFile as DataFileOption};
use super::data_file::DataFile;
use super::failure::{EXIT_VIOLATED, Failure};
use super::mark::{Binding, Mark};
use crate::config;
use books::Books;
use follower::Follower;

use clap::Args;
pub(super) use history::History;
use report::{Findings, Promise};
use std::process::ExitCode;

/// `doorbuster verify`.
#[derive(Args)]
pub struct Verify {
    /// The data file.
    #[command(flatten)]
    pub data_file: DataFileOption,
    /// Keys set after the command.
    #[command(flatten)]
    pub assignments: Assignments,
    /// A history that clients have recorded (doorbuster bench --history), to compare with the data file: what each
    /// was answered, and when.
    #[arg(long, value_name = "FILE")]
    pub history: Option<PathBuf>,
    /// The data file of an inventory that follows this one, to see whether it has applied every entry once.
    #[arg(long, value_name = "FILE")]
    pub inventory: Option<PathBuf>,
    /// Print the result as one JSON object.
    #[arg(long)]
    pub json: bool,
}

impl Verify {
    pub(super) fn flags(&self) -> Vec<(String, String)> {
        self.data_file.with(&self.assignments)
    }
}

/// Audits the data file of the configuration.
pub(super) fn run(cli: &Cli, options: &Verify) -> Result<ExitCode, Failure> {
    let path = config::load(cli.sources())?.config.storage.path;
    let mut history = options.history.as_deref().map(History::read).transpose()?;
    let besides = Besides { history: history.as_mut(), inventory: options.inventory.as_deref() };
    let report = audit_with(&path, besides)?;
    report.print(options.json, &mut std::io::stdout().lock())?;
    Ok(if report.is_clean() { ExitCode::SUCCESS } else { ExitCode::from(EXIT_VIOLATED) })
}

pub use report::{Check, HistoryTotals, Report};

/// How much is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Depth {
    /// Every promise.
    Everything,
    /// What an export rests on: the schema, the chain and the mark.
    Chain,
}

/// Audits the data file at `path`, read-only, in one consistent view of it.
pub fn audit(path: &Path) -> Result<Report, DataFileError> {
    audit_with(path, Besides::default())
}

/// Audits the data file at `path` and compares it with what is given besides.
pub(super) fn audit_with(path: &Path, besides: Besides<'_>) -> Result<Report, DataFileError> {
    let file = DataFile::open(path)?;
    let report = look(&file, Depth::Everything, besides)?;
    file.expect_unchanged()?;
    Ok(report)
}

/// Audits an open data file.
pub(super) fn audit_file(file: &DataFile) -> Result<Report, DataFileError> {
    look(file, Depth::Everything, Besides::default())
}

/// Whether all that was acknowledged is there and is what was written; if not, why.
pub(super) fn expect_whole(file: &DataFile) -> Result<(), DataFileError> {
    let report = look(file, Depth::Chain, Besides::default())?;
    let mut broken = report.checks.iter().filter(|check| check.violations > 0);
    let Some(first) = broken.next() else { return Ok(()) };
    Err(DataFileError::NotWhole(first.examples.first().cloned().unwrap_or_else(|| first.promise.to_owned())))
}

/// What a data file is compared with.
#[derive(Default)]
pub(super) struct Besides<'b> {
    /// What clients were told.
    pub(super) history: Option<&'b mut History>,
    /// The data file of an inventory.
    pub(super) inventory: Option<&'b Path>,
}

fn look(file: &DataFile, depth: Depth, besides: Besides<'_>) -> Result<Report, DataFileError> {
    let Besides { mut history, inventory } = besides;
    let mut findings = Findings::default();
    schema::check(file, &mut findings)?;
    if depth == Depth::Everything {
        check_file(file, &mut findings);
    }
    findings.expect(file.lost_log.is_none(), Promise::LogThere, || file.lost_log.clone().unwrap_or_default());
    let mut books = Books::default();
    let mut follower = inventory.map(Follower::open).transpose()?;
    let entries = fold(file, &mut findings, |row, findings| match depth {
        Depth::Everything => {
            books.enter(row, findings);
            if let Some(history) = &mut history {
                history.enter(row);
            }
            if let Some(follower) = &mut follower {
                follower.enter(row);
            }
        }
        Depth::Chain => {}
    });
    if depth == Depth::Everything {
        books.close(&mut findings);
    }
    check_mark(&file.mark, entries, &mut findings);
    if depth == Depth::Everything {
        views::check(file, &books, entries, &mut findings);
    }
    let mut promises = Vec::new();
    let history = history.map(|history| history.check(&mut findings));
    promises.extend(history.iter().flat_map(|_| Promise::OF_HISTORY));
    if let Some(follower) = follower {
        follower.check(&mut findings)?;
        promises.push(Promise::AppliedOnce);
    }
    let mut report = findings.into_report(entries, books.totals(), &promises);
    report.history = history;
    Ok(report)
}

/// What SQLite thinks of the file.
fn check_file(file: &DataFile, findings: &mut Findings) {
    let verdicts = || -> rusqlite::Result<Vec<String>> {
        let mut statement = file.connection.prepare("PRAGMA integrity_check(3)")?;
        let rows = statement.query_map([], |row| row.get(0))?;
        rows.collect()
    };
    let verdicts = verdicts().unwrap_or_else(|error| vec![format!("the file cannot be checked: {error}")]);
    for verdict in verdicts {
        findings.expect(verdict == "ok", Promise::FileIntact, || verdict.clone());
    }
}

/// Reads the ledger from its beginning as far as it can be read, and answers how many entries that are.
fn fold(file: &DataFile, findings: &mut Findings, mut each: impl FnMut(&Row<'_>, &mut Findings)) -> u64 {
    let (mut entries, mut before, mut expected) = (0, 0, 1);
    let mut buffer = Vec::new();
    let mut read = || -> rusqlite::Result<()> {
        let columns = columns_of(file.version);
        let mut statement = file.connection.prepare(&format!("SELECT {columns} FROM ledger ORDER BY seq"))?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let row = Row::read(row)?;
            let seq = row.seq;
            findings
                .expect(seq == expected, Promise::Gapless, || format!("entry {seq} stands where {expected} should"));
            let checksum = row.checksum(before, &mut buffer);
            findings.expect(checksum == row.checksum, Promise::ChainIntact, || {
                format!("entry {seq} is not what was written")
            });
            let is_acknowledged = match file.mark {
                Mark::Acknowledged { seq: number, checksum: sum, .. } => {
                    i64::try_from(number) != Ok(seq) || sum == row.checksum
                }
                Mark::Missing | Mark::Unreadable => true,
            };
            let other = || format!("entry {seq} is not the one that was acknowledged under this number");
            findings.expect(is_acknowledged, Promise::NothingLost, other);
            each(&row, findings);
            // From the stored checksum: one damaged entry is one violation, not one for every entry behind it.
            (entries, before, expected) = (entries + 1, row.checksum, seq.saturating_add(1));
        }
        Ok(())
    };
    if let Err(error) = read() {
        findings.expect(false, Promise::FileIntact, || format!("behind entry {entries} nothing can be read: {error}"));
    }
    entries
}

fn check_mark(mark: &Mark, entries: u64, findings: &mut Findings) {
    let unknown = "so nobody can say whether entries are missing at the end";
    match mark {
        Mark::Acknowledged { seq, binding, .. } if *seq > entries => {
            let short = format!("the file ends at entry {entries}, but up to entry {seq} was acknowledged");
            match binding {
                Binding::Always => findings.expect(false, Promise::NothingLost, || short),
                Binding::BeforeRestart => findings.note(format!(
                    "{short}, before the machine was started anew: durability \"normal\" does not survive that"
                )),
            }
        }
        Mark::Acknowledged { .. } => {}
        // A file that nothing was sold from has none.
        Mark::Missing if entries == 0 => {}
        Mark::Missing => findings.note(format!("there is no mark beside the file, {unknown}")),
        Mark::Unreadable => findings.note(format!("the mark beside the file cannot be understood, {unknown}")),
    }
}
