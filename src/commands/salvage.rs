//! **Job:** rebuilds a damaged ledger into a new file, and tells people what came of it.
//! **Owns:** the words for certain, missing and doubtful, and the file with what is doubtful.
//! **Never:** writes to the old files, or over anything.

use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::{BufWriter, Write};
use std::ops::RangeInclusive;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use doorbuster_actors::data_file::{Creation, beside};
use doorbuster_actors::ids::{ItemNumber, OrderId, OrderNumber};
use doorbuster_actors::ledger::salvage::{self, Acknowledged, Findings, SalvageError};
use doorbuster_actors::ledger::{Durability, Kind, LedgerSettings, Row};
use doorbuster_actors::time::Timestamp;
use serde_json::{Value, json};

use super::Cli;
use super::arguments::{Assignments, DataFile as DataFileOption};
use super::draft::{DOUBTFUL, Draft, DraftError};
use super::failure::{EXIT_VIOLATED, Failure};
use crate::config;
use clap::Args;
use std::process::ExitCode;

/// `doorbuster salvage`.
#[derive(Args)]
pub struct Salvage {
    /// The new data file; must not exist yet. Doubtful entries, if there are any, go into NEW.doubtful.ndjson.
    #[arg(long, value_name = "NEW")]
    pub to: PathBuf,
    /// The damaged data file.
    #[command(flatten)]
    pub data_file: DataFileOption,
    /// Keys set after the command.
    #[command(flatten)]
    pub assignments: Assignments,
    /// Print the result as one JSON object.
    #[arg(long)]
    pub json: bool,
}

impl Salvage {
    pub(super) fn flags(&self) -> Vec<(String, String)> {
        self.data_file.with(&self.assignments)
    }
}

/// Rebuilds the data file of the configuration.
pub(super) fn run(cli: &Cli, options: &Salvage) -> Result<ExitCode, Failure> {
    let outcome = rebuild(&config::load(cli.sources())?.config.storage.path, &options.to)?;
    outcome.print(options.json, &mut std::io::stdout().lock())?;
    Ok(if outcome.is_complete() { ExitCode::SUCCESS } else { ExitCode::from(EXIT_VIOLATED) })
}

/// Why there is no new file.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// The old files, or the new ledger.
    #[error(transparent)]
    Salvage(#[from] SalvageError),
    /// The new file's place.
    #[error(transparent)]
    Draft(#[from] DraftError),
    /// The file with the doubtful entries.
    #[error("cannot write {path}: {source}")]
    Doubtful {
        /// Path of the file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
}

/// What came of it.
#[derive(Debug)]
pub struct Outcome {
    findings: Findings,
    file: PathBuf,
    /// The file with the doubtful entries, if there are any.
    doubtful: Option<PathBuf>,
}

/// Rebuilds what can be proven of the data file at `from`, its log and its mark, into `to`, which must not exist.
pub fn rebuild(from: &Path, to: &Path) -> Result<Outcome, CommandError> {
    let draft = Draft::create(to)?;
    let salvage = salvage::Salvage::examine(from)?;
    salvage.rebuild(&LedgerSettings {
        path: draft.path(),
        durability: Durability::Full,
        creation: Creation::Allowed,
    })?;
    let has_doubtful = salvage.findings().doubtful.is_some();
    if has_doubtful {
        let path = beside(&draft.path(), DOUBTFUL);
        write_doubtful(&salvage, &path).map_err(|source| CommandError::Doubtful { path, source })?;
    }
    draft.publish()?;
    let doubtful = has_doubtful.then(|| beside(to, DOUBTFUL));
    Ok(Outcome { findings: salvage.findings().clone(), file: to.to_owned(), doubtful })
}

fn write_doubtful(salvage: &salvage::Salvage, path: &Path) -> std::io::Result<()> {
    let mut file = BufWriter::new(OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?);
    salvage.each_doubtful(|row, is_checked| writeln!(file, "{}", line_of(row, is_checked)))?;
    file.into_inner().map_err(std::io::IntoInnerError::into_error)?.sync_all()
}

/// A doubtful entry for whoever has to settle it. Nothing proves that it is what was written; `checked` says whether it
/// follows from the one before it.
fn line_of(row: &Row<'_>, is_checked: bool) -> Value {
    let order = row.order_number.and_then(|number| {
        Some(OrderId { item: ItemNumber(row.item.try_into().ok()?), order: OrderNumber(number.try_into().ok()?) })
    });
    let definition = row.definition.as_deref().map(|text| serde_json::from_str(text).unwrap_or(Value::from(text)));
    json!({
        "seq": row.seq,
        "checked": is_checked,
        "kind": Kind::from_number(row.kind).map(Kind::as_str),
        "at": Timestamp::from_millis(row.at),
        "item": row.item,
        "order_id": order.map(|order| order.to_string()),
        "user_id": row.user_id,
        "quantity": row.quantity,
        "unit_price": row.unit_price,
        "idempotency_key": row.idempotency_key,
        "pay_by": row.pay_by.map(Timestamp::from_millis),
        "user_live": row.user_live,
        "supply": row.supply,
        "remaining": row.remaining,
        "definition": definition,
    })
}

impl Outcome {
    /// Whether everything that was acknowledged is in the new file.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.findings.is_complete()
    }

    /// Writes the outcome for people, or as one JSON object.
    pub fn print(&self, as_json: bool, out: &mut impl Write) -> std::io::Result<()> {
        if as_json { writeln!(out, "{}", self.to_json()) } else { out.write_all(self.to_text().as_bytes()) }
    }

    fn to_json(&self) -> Value {
        let Findings { proven, repaired, missing, doubtful, log, .. } = &self.findings;
        let acknowledged = match self.findings.acknowledged {
            Acknowledged::UpTo(seq) => Some(seq),
            Acknowledged::Missing | Acknowledged::Unreadable => None,
        };
        let ranges = |ranges: &[RangeInclusive<u64>]| -> Vec<_> {
            ranges.iter().map(|range| json!({"first": range.start(), "last": range.end()})).collect()
        };
        json!({
            "complete": self.is_complete(),
            "file": self.file.to_string_lossy(),
            "certain": proven,
            "repaired": repaired,
            "acknowledged": acknowledged,
            "missing": ranges(missing),
            "doubtful": doubtful.as_ref().map(|(count, range)| json!({
                "count": count,
                "first": range.start(),
                "last": range.end(),
                "file": self.doubtful.as_ref().map(|path| path.to_string_lossy()),
            })),
            "log": {"frames": log.frames, "committed": log.committed, "damaged": log.damaged},
            "notes": self.notes(),
        })
    }

    fn to_text(&self) -> String {
        let Findings { proven, repaired, missing, doubtful, .. } = &self.findings;
        let mut text = String::new();
        let mut line = |word: &str, said: String| {
            // Writing to a string does not fail.
            let _written = writeln!(text, "{word:<9} {said}");
        };
        match proven {
            0 => line("certain", "no entry: nothing leads from the beginning to what was found".to_owned()),
            last => line("certain", format!("entries 1 to {last}: {} has them", self.file.display())),
        }
        for seq in repaired {
            line("repaired", format!("entry {seq}: one flipped bit was put right, its checksum proves it"));
        }
        for range in missing {
            line("missing", format!("{}: nothing is left", entries(range)));
        }
        if let Some((count, range)) = doubtful {
            let path = self.doubtful.as_deref().unwrap_or(Path::new("")).display();
            let told = format!("{count} of {}: they are in {path}, settle them with their buyers", entries(range));
            line("doubtful", told);
        }
        for note in self.notes() {
            line("note", note);
        }
        let verdict = if self.is_complete() { "complete" } else { "INCOMPLETE" };
        let of = match self.findings.acknowledged {
            Acknowledged::UpTo(seq) => format!("{seq} acknowledged entries"),
            Acknowledged::Missing | Acknowledged::Unreadable => "a number of entries that nobody knows".to_owned(),
        };
        text + &format!("{verdict}: {proven} entries rebuilt of {of}\n")
    }

    fn notes(&self) -> Vec<String> {
        let Findings { log, has_data_file, unread_pages, newer_schema, .. } = &self.findings;
        let mut notes = Vec::new();
        let mut note = |is_so: bool, text: String| notes.extend(is_so.then_some(text));
        let acknowledged = self.findings.acknowledged;
        let unknown = "so nobody can say whether entries are missing at the end";
        note(!has_data_file, "the data file is gone or empty: the log alone was read".to_owned());
        note(!log.is_there, "there is no log, or nothing is in it".to_owned());
        note(log.is_there && !log.has_intact_header, "the header of the log is damaged".to_owned());
        let damaged: Vec<_> = log.damaged.iter().take(SHOWN).map(usize::to_string).collect();
        let more = if log.damaged.len() > SHOWN { ", …" } else { "" };
        let frames = format!("of {} frames of the log are damaged: {}{more}", log.frames, damaged.join(", "));
        note(!damaged.is_empty(), format!("{} {frames}", log.damaged.len()));
        note(*unread_pages > 0, format!("{unread_pages} pages could not be read from the disk"));
        note(self.findings.mark_was_repaired, "one flipped bit of the mark was put right".to_owned());
        note(acknowledged == Acknowledged::Missing, format!("there is no mark, {unknown}"));
        note(acknowledged == Acknowledged::Unreadable, format!("the mark cannot be understood, {unknown}"));
        let other =
            "the mark names another entry under its number: it belongs to another file, or this one is an old copy";
        note(self.findings.mark_disagrees, other.to_owned());
        if let Some(version) = newer_schema {
            let lost = "what a newer program keeps beside the entries is not in the new file";
            note(true, format!("the data file says that its schema has version {version}: {lost}"));
        }
        notes
    }
}

/// Damaged frames whose numbers are told.
const SHOWN: usize = 10;

fn entries(range: &RangeInclusive<u64>) -> String {
    if range.start() == range.end() {
        format!("entry {}", range.start())
    } else {
        format!("entries {} to {}", range.start(), range.end())
    }
}

impl From<CommandError> for Failure {
    fn from(error: CommandError) -> Self {
        Self::storage(error)
    }
}
