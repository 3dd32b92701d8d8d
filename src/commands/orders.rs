//! **Job:** writes the orders of a data file for people and other programs.
//! **Owns:** the three formats.
//! **Never:** interprets: what is written is the view `orders`; or writes any of it if the ledger is not whole.

use std::io::Write;
use std::path::Path;

use doorbuster_actors::ids::ItemId;
use serde::Serialize;

use super::Cli;
use super::arguments::{Assignments, DataFile as DataFileOption};
use super::data_file::DataFile;
use super::failure::Failure;
use super::{DataFileError, verify};
use crate::config;
use clap::{Args, ValueEnum};
use std::process::ExitCode;

/// `doorbuster orders`.
#[derive(Args)]
pub struct Orders {
    /// The data file.
    #[command(flatten)]
    pub data_file: DataFileOption,
    /// Keys set after the command.
    #[command(flatten)]
    pub assignments: Assignments,
    /// Only orders of this item.
    #[arg(long, value_name = "ID")]
    pub item: Option<ItemId>,
    /// How orders are written.
    #[arg(long, default_value = "table")]
    pub format: OrdersFormat,
}

impl Orders {
    pub(super) fn flags(&self) -> Vec<(String, String)> {
        self.data_file.with(&self.assignments)
    }
}

/// How orders are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OrdersFormat {
    /// Columns for people.
    Table,
    /// Comma-separated values with a header line (RFC 4180).
    Csv,
    /// One JSON object a line.
    Ndjson,
}

/// Writes the orders of the data file of the configuration.
pub(super) fn run(cli: &Cli, options: &Orders) -> Result<ExitCode, Failure> {
    let path = config::load(cli.sources())?.config.storage.path;
    let out = std::io::BufWriter::new(std::io::stdout().lock());
    write_orders(&path, options.item.as_ref(), options.format, out)?;
    Ok(ExitCode::SUCCESS)
}

/// One row of the view.
#[derive(Serialize)]
struct Row {
    order_id: String,
    item_id: String,
    user_id: String,
    quantity: i64,
    unit_price: i64,
    total_price: i64,
    currency: String,
    status: String,
    created_at: String,
}

const COLUMNS: [&str; 9] =
    ["order_id", "item_id", "user_id", "quantity", "unit_price", "total_price", "currency", "status", "created_at"];

/// Writes the orders of the data file at `path`, of one item or of all, in the order in which they were placed. In the
/// same view of the file it is made sure before that they are all there and are what was written; if not, there is
/// nothing.
fn write_orders(
    path: &Path,
    item: Option<&ItemId>,
    format: OrdersFormat,
    mut out: impl Write,
) -> Result<(), DataFileError> {
    let file = DataFile::open(path)?;
    verify::expect_whole(&file)?;
    let failed = |source| file.failed(source);
    let sql = format!("SELECT {} FROM orders WHERE ?1 IS NULL OR item_id = ?1", COLUMNS.join(", "));
    let mut statement = file.connection.prepare(&sql).map_err(failed)?;
    let mut rows = statement.query([item.map(ItemId::as_str)]).map_err(failed)?;
    match format {
        OrdersFormat::Table => writeln!(out, "{}", table_line(&COLUMNS.map(str::to_owned)))?,
        OrdersFormat::Csv => write!(out, "{}\r\n", COLUMNS.join(","))?,
        OrdersFormat::Ndjson => {}
    }
    while let Some(row) = rows.next().map_err(failed)? {
        let row = Row::read(row).map_err(failed)?;
        match format {
            OrdersFormat::Table => writeln!(out, "{}", table_line(&row.fields()))?,
            OrdersFormat::Csv => write!(out, "{}\r\n", row.fields().map(csv_field).join(","))?,
            OrdersFormat::Ndjson => {
                serde_json::to_writer(&mut out, &row).map_err(std::io::Error::from)?;
                writeln!(out)?;
            }
        }
    }
    out.flush()?;
    file.expect_unchanged()
}

impl Row {
    fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            order_id: row.get(0)?,
            item_id: row.get(1)?,
            user_id: row.get(2)?,
            quantity: row.get(3)?,
            unit_price: row.get(4)?,
            total_price: row.get(5)?,
            currency: row.get(6)?,
            status: row.get(7)?,
            created_at: row.get(8)?,
        })
    }

    fn fields(self) -> [String; 9] {
        [
            self.order_id,
            self.item_id,
            self.user_id,
            self.quantity.to_string(),
            self.unit_price.to_string(),
            self.total_price.to_string(),
            self.currency,
            self.status,
            self.created_at,
        ]
    }
}

/// As RFC 4180 writes a field: a buyer's name may have commas and quotes. Nothing has line ends.
fn csv_field(field: String) -> String {
    if field.contains([',', '"']) { format!("\"{}\"", field.replace('"', "\"\"")) } else { field }
}

/// Columns wide enough for usual ids, so that rows can be written as they are read.
fn table_line(fields: &[String; 9]) -> String {
    let [order, item, user, quantity, unit_price, total_price, currency, status, created_at] = fields;
    format!(
        "{order:<16} {item:<20} {user:<24} {quantity:>8} {unit_price:>12} {total_price:>12} {currency:<8} \
         {status:<10} {created_at}"
    )
}
