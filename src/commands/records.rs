//! **Job:** writes records of a data file for people and for other programs: what `orders` and `payments` share.
//! **Owns:** their options, and the table for people.
//! **Never:** interprets a record; or writes any if the ledger is not whole.

use std::io::{self, Write};
use std::ops::ControlFlow;
use std::path::Path;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use doorbuster_actors::ids::ItemId;

use super::arguments::{Assignments, DataFile as DataFileOption};
use super::data_file::DataFile;
use super::failure::Failure;
use super::{Cli, DataFileError, verify};
use crate::config;
use crate::export::{self, BYTE_ORDER_MARK, Cell, Choice, ExportError, Format, Period, PeriodEnd, Record, Stretch};

/// What both commands understand.
#[derive(Args)]
pub struct Records {
    /// The data file.
    #[command(flatten)]
    pub data_file: DataFileOption,
    /// Keys set after the command.
    #[command(flatten)]
    pub assignments: Assignments,
    /// Only those of this item; may be repeated.
    #[arg(long, value_name = "ID")]
    pub item: Vec<ItemId>,
    /// Only those from this time on: 2030-01-01T12:00:00+08:00, or a day in UTC, 2030-01-01.
    #[arg(long, value_name = "TIME")]
    pub from: Option<PeriodEnd>,
    /// Only those before this time; a day belongs to it as a whole.
    #[arg(long, value_name = "TIME")]
    pub to: Option<PeriodEnd>,
    /// How they are written.
    #[arg(long, default_value = "table")]
    pub format: RecordFormat,
    /// Begin a CSV file with the mark by which Excel knows UTF-8.
    #[arg(long)]
    pub bom: bool,
}

/// How records are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum RecordFormat {
    /// Columns for people, amounts as they write them.
    Table,
    /// Comma-separated values with a header line (RFC 4180), safe to open in a spreadsheet.
    Csv,
    /// One JSON object a line, each value as it is.
    Ndjson,
}

impl Records {
    pub(super) fn flags(&self) -> Vec<(String, String)> {
        self.data_file.with(&self.assignments)
    }

    /// Writes what is chosen of the data file of the configuration.
    pub(super) fn run(&self, cli: &Cli, subject: export::Subject, shown: &[Shown]) -> Result<ExitCode, Failure> {
        let path = config::load(cli.sources())?.config.storage.path;
        let period = Period { from: self.from.map(PeriodEnd::as_from), to: self.to.map(PeriodEnd::as_to) };
        let choice = Choice { subject, items: self.item.clone(), period };
        let mut out = io::BufWriter::new(io::stdout().lock());
        let mut pages = match self.format {
            RecordFormat::Table => Pages::Table { shown, widths: Vec::new() },
            RecordFormat::Csv => Pages::File(Format::Csv),
            RecordFormat::Ndjson => Pages::File(Format::Ndjson),
        };
        if self.bom && self.format == RecordFormat::Csv {
            out.write_all(BYTE_ORDER_MARK)?;
        }
        write(&path, &choice, &mut pages, &mut out)?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Writes the chosen records of the data file at `path`, in the order of the ledger. In the same view of the file it is
/// made sure before that they are all there and are what was written; if not, there is nothing.
fn write(path: &Path, choice: &Choice, pages: &mut Pages<'_>, out: &mut impl Write) -> Result<(), DataFileError> {
    let file = DataFile::open(path)?;
    verify::expect_whole(&file)?;
    let failed = |error| match error {
        ExportError::Sqlite(source) => file.failed(source),
        ExportError::Damaged { .. } => DataFileError::NotWhole(error.to_string()),
    };
    let stretch = Stretch::whole(&file.connection, file.version).map_err(failed)?;
    pages.begin(choice, out)?;
    let mut written = Ok(());
    let mut take = |page: Vec<Record>| {
        written = pages.write(choice, &page, out);
        if written.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    };
    export::each_page(&stretch, choice, &mut take).map_err(failed)?;
    written?;
    pages.end(out)?;
    out.flush()?;
    file.expect_unchanged()
}

/// A column of the table.
pub(super) struct Shown {
    /// Its head.
    pub(super) head: &'static str,
    /// The column of the record, by its name.
    pub(super) column: &'static str,
    /// Where it is shown instead if there is nothing in the first: an amount in minor units.
    pub(super) or: Option<&'static str>,
    /// How it is aligned.
    pub(super) side: Side,
}

/// Where the values of a column begin or end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Left,
    Right,
}

impl Shown {
    pub(super) const fn left(head: &'static str, column: &'static str) -> Self {
        Self { head, column, or: None, side: Side::Left }
    }

    pub(super) const fn right(head: &'static str, column: &'static str, or: Option<&'static str>) -> Self {
        Self { head, column, or, side: Side::Right }
    }

    fn text(&self, columns: &[&str], record: &[Cell]) -> String {
        let value = |name: &str| columns.iter().position(|column| *column == name).map(|index| &record[index]);
        match (value(self.column), self.or) {
            (Some(Cell::Nothing), Some(minor)) => {
                value(minor).map_or(String::new(), |cell| format!("{} minor", cell.plain()))
            }
            (Some(Cell::Nothing) | None, _) => "-".to_owned(),
            (Some(cell), _) => cell.plain(),
        }
    }
}

/// What is being written.
enum Pages<'s> {
    File(Format),
    /// As wide as the first page needs, so that rows can be written as they are read.
    Table {
        shown: &'s [Shown],
        widths: Vec<usize>,
    },
}

impl Pages<'_> {
    fn begin(&self, choice: &Choice, out: &mut impl Write) -> io::Result<()> {
        let mut head = Vec::new();
        match self {
            Self::File(format) => format.begin(&choice.subject, &mut head),
            Self::Table { .. } => {}
        }
        out.write_all(&head)
    }

    fn write(&mut self, choice: &Choice, page: &[Record], out: &mut impl Write) -> io::Result<()> {
        match self {
            Self::File(format) => {
                let mut lines = Vec::new();
                for record in page {
                    format.write(&choice.subject, record, &mut lines);
                }
                out.write_all(&lines)
            }
            Self::Table { shown, widths } => {
                let columns = choice.subject.columns();
                let line = |record: &Record| shown.iter().map(|it| it.text(columns, record)).collect::<Vec<_>>();
                let lines: Vec<_> = page.iter().map(line).collect();
                if widths.is_empty() && !lines.is_empty() {
                    *widths = fitting(shown, &lines);
                    write_line(shown, widths, &heads(shown), out)?;
                }
                lines.iter().try_for_each(|line| write_line(shown, widths, line, out))
            }
        }
    }

    /// A table without a row has a head all the same.
    fn end(&self, out: &mut impl Write) -> io::Result<()> {
        match self {
            Self::Table { shown, widths } if widths.is_empty() => {
                write_line(shown, &fitting(shown, &[]), &heads(shown), out)
            }
            Self::File(_) | Self::Table { .. } => Ok(()),
        }
    }
}

fn heads(shown: &[Shown]) -> Vec<String> {
    shown.iter().map(|shown| shown.head.to_owned()).collect()
}

fn fitting(shown: &[Shown], lines: &[Vec<String>]) -> Vec<usize> {
    let width = |index: usize, shown: &Shown| {
        let values = lines.iter().map(|line| line[index].chars().count());
        values.max().unwrap_or(0).max(shown.head.chars().count())
    };
    shown.iter().enumerate().map(|(index, shown)| width(index, shown)).collect()
}

fn write_line(shown: &[Shown], widths: &[usize], line: &[String], out: &mut impl Write) -> io::Result<()> {
    let cell = |((shown, width), text): ((&Shown, &usize), &String)| match shown.side {
        Side::Left => format!("{text:<width$}"),
        Side::Right => format!("{text:>width$}"),
    };
    let cells: Vec<_> = shown.iter().zip(widths).zip(line).map(cell).collect();
    writeln!(out, "{}", cells.join("  ").trim_end())
}
