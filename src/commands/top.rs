//! **Job:** shows a running server in a terminal: how the sale is, and what every actor does.
//! **Owns:** what is asked for at the start, and why it may fail.
//! **Never:** knows more of the server than its operations listener tells anybody with the token.
//!
//! In reading order, the way of one figure:
//!
//! | file | does |
//! |---|---|
//! | `wire`, `client` | what the server says, and how it is asked |
//! | `feeds` | the threads that ask |
//! | `rates`, `model` | what happened in the last ten seconds; what is shown |
//! | `columns`, `figures`, `help`, `header`, `paint`, `view` | the screen |
//! | `keys`, `screen` | what a key does; the terminal and the loop |
//! | `table` | one reading as plain text |

mod client;
mod columns;
mod feeds;
mod figures;
mod header;
pub(super) mod help;
mod keys;
mod model;
pub(super) mod options;
mod paint;
mod query;
mod rates;
mod screen;
mod table;
impl From<TopError> for Failure {
    fn from(error: TopError) -> Self {
        match error {
            TopError::Output(error) => Self::output(&error),
            TopError::Ops(error) => error.into(),
            TopError::Ended => Self::new(error),
        }
    }
}

#[cfg(test)]
mod tests;
mod view;
mod wire;

use std::io::{self, Write};
use std::sync::Arc;

use super::failure::Failure;
use super::ops_client::{OpsError, OpsUrl};
use super::{Cli, load_with_secrets};
use crate::config::Purpose;
use client::Client;
use options::Top;
use query::Query;
pub use query::Sort;
use std::io::IsTerminal as _;
use std::process::ExitCode;

/// Shows the server that the options or the configuration name.
pub(super) fn run(cli: &Cli, options: &Top) -> Result<ExitCode, Failure> {
    let loaded = load_with_secrets(cli.sources(), &[Purpose::Operate])?;
    let url = options.url.clone().or_else(|| OpsUrl::of(&loaded.config.server.ops_listen)).ok_or(OpsError::NoPort)?;
    let view = View {
        url,
        token: loaded.config.auth.admin_token.expose(),
        sort: options.sort,
        limit: options.limit,
        search: options.search.clone(),
    };
    if options.once || !io::stdout().is_terminal() {
        print(view, &mut io::stdout().lock())?;
    } else {
        watch(view)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Why there is nothing to show.
#[derive(Debug, thiserror::Error)]
pub enum TopError {
    /// The server cannot be asked, or says no.
    #[error(transparent)]
    Ops(#[from] OpsError),
    /// The terminal or the output.
    #[error("cannot write the output: {0}")]
    Output(#[from] io::Error),
    /// A bug: a thread that asks the server has gone.
    #[error("the view ended: one of its threads did")]
    Ended,
}

/// What to look at. No `Debug`: the token is a secret.
pub struct View<'a> {
    /// Where the operations listener is.
    pub url: OpsUrl,
    /// Its admin token.
    pub token: &'a str,
    /// What the actors are sorted by.
    pub sort: Sort,
    /// Most actors.
    pub limit: u32,
    /// Only actors whose item has this text in its id or title; empty: all.
    pub search: String,
}

/// Writes one reading as text.
///
/// # Errors
/// The server cannot be asked, or the output not written.
pub fn print(view: View<'_>, out: &mut impl Write) -> Result<(), TopError> {
    let (client, query) = view.into_parts();
    let page = client.actors(&query)?;
    let (verdict, funnel) = (client.verdict()?, client.funnel()?);
    Ok(table::print(&verdict, page, &funnel, query.sort, out)?)
}

/// Shows the server on this process's terminal until somebody quits, or SIGTERM.
///
/// # Errors
/// The server cannot be asked at the start, or the terminal not written.
pub fn watch(view: View<'_>) -> Result<(), TopError> {
    let (client, query) = view.into_parts();
    let first = client.actors(&query)?;
    screen::run(&Arc::new(client), query, first)
}

impl View<'_> {
    fn into_parts(self) -> (Client, Query) {
        let query = Query { sort: self.sort, search: self.search, limit: self.limit };
        (Client::new(self.url, self.token), query)
    }
}
