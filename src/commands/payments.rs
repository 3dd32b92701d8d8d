//! **Job:** `doorbuster payments`: the money that came, and what of it has to go back.
//! **Owns:** its options, and which columns people see.
//! **Never:** reads the file itself.

use std::process::ExitCode;

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use doorbuster_actors::payment::Verdict;

use super::Cli;
use super::failure::Failure;
use super::records::{Records, Shown};
use crate::export::Subject;

/// `doorbuster payments`.
#[derive(Args)]
pub struct Payments {
    /// Only payments with this verdict; may be repeated.
    #[arg(long, value_name = "VERDICT", value_parser = verdict())]
    pub verdict: Vec<Verdict>,
    /// What both exports understand.
    #[command(flatten)]
    pub records: Records,
}

fn verdict() -> impl TypedValueParser<Value = Verdict> {
    let words = Verdict::ALL.iter().map(|verdict| verdict.as_str());
    PossibleValuesParser::new(words).try_map(|word| Verdict::named(&word).ok_or("not a verdict"))
}

const SHOWN: &[Shown] = &[
    Shown::left("payment_id", "payment_id"),
    Shown::left("at", "at"),
    Shown::left("order_id", "order_id"),
    Shown::left("item_id", "item_id"),
    Shown::left("user_id", "user_id"),
    Shown::left("provider", "provider"),
    Shown::left("verdict", "verdict"),
    Shown::right("amount", "amount_decimal", Some("amount")),
    Shown::right("owed", "owed_decimal", Some("owed")),
    Shown::left("currency", "currency"),
    Shown::left("payment_reference", "payment_reference"),
];

/// Writes the payments of the data file of the configuration, as they came.
pub(super) fn run(cli: &Cli, options: &Payments) -> Result<ExitCode, Failure> {
    options.records.run(cli, Subject::Payments { verdicts: options.verdict.clone() }, SHOWN)
}
