//! **Job:** `doorbuster orders`: the orders of a data file.
//! **Owns:** its options, and which columns people see.
//! **Never:** reads the file itself.

use std::process::ExitCode;

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use doorbuster_actors::entry::Status;

use super::Cli;
use super::failure::Failure;
use super::records::{Records, Shown};
use crate::export::Subject;

/// `doorbuster orders`.
#[derive(Args)]
pub struct Orders {
    /// Only orders in this status; may be repeated.
    #[arg(long, value_name = "STATUS", value_parser = status())]
    pub status: Vec<Status>,
    /// What both exports understand.
    #[command(flatten)]
    pub records: Records,
}

fn status() -> impl TypedValueParser<Value = Status> {
    let named = |word: String| Status::ALL.into_iter().find(|status| status.as_str() == word);
    PossibleValuesParser::new(Status::ALL.map(Status::as_str)).try_map(move |word| named(word).ok_or("not a status"))
}

const SHOWN: &[Shown] = &[
    Shown::left("order_id", "order_id"),
    Shown::left("item_id", "item_id"),
    Shown::left("user_id", "user_id"),
    Shown::right("quantity", "quantity", None),
    Shown::right("price", "unit_price_decimal", Some("unit_price")),
    Shown::right("total", "total_price_decimal", Some("total_price")),
    Shown::left("currency", "currency"),
    Shown::left("status", "status"),
    Shown::left("created_at", "created_at"),
];

/// Writes the orders of the data file of the configuration, as they were placed.
pub(super) fn run(cli: &Cli, options: &Orders) -> Result<ExitCode, Failure> {
    options.records.run(cli, Subject::Orders { statuses: options.status.clone() }, SHOWN)
}
