//! **Job:** the options of `doorbuster top`.
//! **Owns:** their limits and their help.
//! **Never:** takes a token: other users see a command line.

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};

use super::Sort;
use crate::commands::arguments::{Assignments, DataFile};
use crate::commands::ops_client::OpsUrl;

/// Most actors of the terminal view, which keeps eleven readings of each.
const MAX_ACTORS: i64 = 1_000;

const TOP_HELP: &str = "\
Keys: q quits, d w h r n sort, / searches, p pauses or resumes the selected item, ? explains every figure.
Admin token: auth.admin_token of the configuration, e.g. DOORBUSTER_AUTH_ADMIN_TOKEN; in development mode from the
secrets beside the data file. NO_COLOR is honoured.";

/// `doorbuster top`.
#[derive(Args)]
#[expect(clippy::doc_markdown, reason = "the help is read without markup")]
#[command(after_help = TOP_HELP)]
pub struct Top {
    /// The operations listener of the server; default from the configuration: server.ops_listen.
    #[arg(long, value_name = "OPS_URL")]
    pub url: Option<OpsUrl>,
    /// Print one reading as text and end; also if standard output is no terminal.
    #[arg(long)]
    pub once: bool,
    /// What the actors are sorted by, the largest first; without rates (--once), rate is processed.
    #[arg(long, value_name = "ORDER", default_value = Sort::default().as_str(), value_parser = sort_order())]
    pub sort: Sort,
    /// Most actors.
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=MAX_ACTORS))]
    pub limit: u32,
    /// Only items with this text in their id or title.
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub search: String,
    /// The data file: in development mode the admin token is kept beside it.
    #[command(flatten)]
    pub data_file: DataFile,
    /// Keys set after the command.
    #[command(flatten)]
    pub assignments: Assignments,
}

impl Top {
    pub(in crate::commands) fn flags(&self) -> Vec<(String, String)> {
        self.data_file.with(&self.assignments)
    }
}

fn sort_order() -> impl TypedValueParser<Value = Sort> {
    PossibleValuesParser::new(Sort::ALL.map(Sort::as_str)).try_map(|word| word.parse::<Sort>())
}
