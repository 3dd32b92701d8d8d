//! **Job:** orders and payments of a ledger as files for other programs: spreadsheets, scripts, accounting.
//! **Owns:** the columns, their order, and how each value is written; commands and the operations listener write the
//! same.
//! **Never:** holds a view of the data file between two pages, so that the write-ahead log can be cut meanwhile; the
//! ledger is append-only, so that pages up to one entry are consistent all the same.
//!
//! | file | does |
//! |---|---|
//! | `choice` | which records, of which time |
//! | `pages`, `goods` | reads the ledger by pages |
//! | `orders`, `payments` | what became of each order; money that came, and what of it is owed |
//! | `cell`, `csv`, `defuse`, `ndjson` | how a record is written |
//! | `download` | the same as the body of an answer, on a thread of its own |

mod cell;
mod choice;
mod csv;
mod defuse;
mod download;
mod goods;
mod ndjson;
mod orders;
mod pages;
mod payments;

pub use cell::{Cell, Record};
pub use choice::{Choice, InvalidPeriodEnd, Period, PeriodEnd, Subject};
pub use csv::BYTE_ORDER_MARK;
pub use download::{Downloads, NoDownload, Pieces};
pub use pages::{ExportError, Stretch};

/// How records are written for programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Comma-separated values with a header line (RFC 4180), safe to open in a spreadsheet.
    Csv,
    /// One JSON object a line, each value as it is.
    Ndjson,
}

impl Format {
    /// The words by which it is asked for.
    pub const WORDS: [&str; 2] = ["csv", "ndjson"];

    /// The format of that word.
    #[must_use]
    pub fn named(word: &str) -> Option<Self> {
        [Self::Csv, Self::Ndjson].into_iter().find(|format| format.as_str() == word)
    }

    /// Its word, which files of it also end in.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Ndjson => "ndjson",
        }
    }

    /// How answers call it.
    #[must_use]
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8; header=present",
            Self::Ndjson => "application/x-ndjson",
        }
    }

    /// What stands in front of the first record.
    pub fn begin(self, subject: &Subject, out: &mut Vec<u8>) {
        match self {
            Self::Csv => csv::header(subject.columns(), out),
            Self::Ndjson => {}
        }
    }

    /// Writes a record, line end included.
    pub fn write(self, subject: &Subject, record: &[Cell], out: &mut Vec<u8>) {
        match self {
            Self::Csv => csv::line(record, out),
            Self::Ndjson => ndjson::line(subject.columns(), record, out),
        }
    }
}

/// Gives the chosen records of `stretch` to `take`, page by page, in the order of the ledger, until it has enough. No
/// statement is open while it is busy.
///
/// # Errors
/// The file cannot be read, or an entry makes no sense.
pub fn each_page(
    stretch: &Stretch<'_>,
    choice: &Choice,
    take: &mut dyn FnMut(Vec<Record>) -> std::ops::ControlFlow<()>,
) -> Result<(), ExportError> {
    match &choice.subject {
        Subject::Orders { statuses } => orders::each_page(stretch, choice, statuses, take),
        Subject::Payments { verdicts } => payments::each_page(stretch, choice, verdicts, take),
    }
}
