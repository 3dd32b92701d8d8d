//! **Job:** why a run could not be done, or not to its end.
//! **Owns:** the sentences.
//! **Never:** ends anything.

use std::fmt::Display;
use std::path::PathBuf;

use super::spawned_server::SpawnError;
use crate::commands::history::HistoryError;
use crate::commands::{DataFileError, Failure};

/// No run, or none to its end.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// The server cannot be asked.
    #[error("{url} cannot be reached: {reason}")]
    Unreachable {
        /// Address that was asked.
        url: String,
        /// What is wrong, in words.
        reason: String,
    },
    /// The admin token is another one.
    #[error("{url} does not accept auth.admin_token of this configuration")]
    Unauthorized {
        /// Address that was asked.
        url: String,
    },
    /// It answered something else than the contract says.
    #[error("{url} answers something unexpected: {reason}")]
    Response {
        /// Address that was asked.
        url: String,
        /// What is wrong, in words.
        reason: String,
    },
    /// There is nothing to buy.
    #[error("no item is open with units left: name one with --item")]
    NothingToBuy,
    /// It is not sold there.
    #[error("--item: {0} is not sold there")]
    UnknownItem(String),
    /// The file with the tokens.
    #[error("--tokens: {path}: {reason}")]
    Tokens {
        /// Path of the file.
        path: PathBuf,
        /// What is wrong, in words.
        reason: String,
    },
    /// The earlier result.
    #[error("--compare: {path}: {reason}")]
    Compare {
        /// Path of the file.
        path: PathBuf,
        /// What is wrong, in words.
        reason: String,
    },
    /// The history cannot be written.
    #[error("--history: {path}: {source}")]
    Recording {
        /// Path of the file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The history cannot be read again.
    #[error(transparent)]
    History(#[from] HistoryError),
    /// Not one purchase was answered.
    #[error("no purchase was answered: {0}")]
    NoAnswer(String),
    /// A server of our own.
    #[error(transparent)]
    SpawnedServer(#[from] SpawnError),
    /// Its data file.
    #[error(transparent)]
    DataFile(#[from] DataFileError),
    /// A thread or a socket.
    #[error("the generator cannot run: {0}")]
    Generator(#[from] std::io::Error),
}

impl BenchError {
    pub(super) fn unreachable(url: &str, reason: &impl Display) -> Self {
        Self::Unreachable { url: url.to_owned(), reason: reason.to_string() }
    }

    pub(super) fn answer(url: &str, reason: impl Display) -> Self {
        Self::Response { url: url.to_owned(), reason: reason.to_string() }
    }
}

impl From<BenchError> for Failure {
    fn from(error: BenchError) -> Self {
        Self::new(error)
    }
}
