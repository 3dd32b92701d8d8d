//! **Job:** why a command failed, and with which exit code.
//! **Owns:** the exit codes.
//! **Never:** prints anything.

use std::process::ExitCode;

use doorbuster_actors::sale::EXIT_STORAGE;

use super::bench::BenchError;
use super::calibrate::CalibrateError;
use super::top::TopError;
use super::{DataFileError, backup, salvage};
use crate::auth::IdentityError;
use crate::config::ConfigError;
use crate::feed::FeedError;
use crate::inventory::InventoryError;
use crate::server::ServeError;

/// An audit found something, or a rebuilt file is not whole.
pub(super) const EXIT_VIOLATED: u8 = 1;
/// `EX_CONFIG` of sysexits.h.
const EXIT_CONFIGURATION: u8 = 78;

/// Why a command failed. Its exit code follows from it.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The keys of the tokens.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// A buyer's name that became too long by its number.
    #[error("--user: {0}")]
    User(doorbuster_actors::ids::InvalidId),
    /// The server.
    #[error(transparent)]
    Serve(#[from] ServeError),
    /// The inventory system.
    #[error(transparent)]
    Inventory(#[from] InventoryError),
    /// The data file.
    #[error(transparent)]
    DataFile(#[from] DataFileError),
    /// The copy of a data file.
    #[error(transparent)]
    Backup(#[from] backup::BackupError),
    /// The rebuilding of a data file.
    #[error(transparent)]
    Salvage(#[from] salvage::CommandError),
    /// The measurement of a disk.
    #[error(transparent)]
    Calibrate(#[from] CalibrateError),
    /// Nobody knows where the server listens.
    #[error("server.ops_listen: has port 0, which the system picks: name the server with --url")]
    NoPort,
    /// The terminal view.
    #[error(transparent)]
    Top(TopError),
    /// The load test.
    #[error(transparent)]
    Bench(#[from] BenchError),
    /// The output.
    #[error("cannot write the output: {0}")]
    Output(#[from] std::io::Error),
}

impl From<TopError> for Failure {
    fn from(error: TopError) -> Self {
        match error {
            TopError::Output(error) => Self::Output(error),
            TopError::Unreachable { .. }
            | TopError::Token(_)
            | TopError::Foreign { .. }
            | TopError::Refused { .. }
            | TopError::Ended => Self::Top(error),
        }
    }
}

impl Failure {
    /// The exit code that the contract gives it.
    #[must_use]
    pub fn exit_code(&self) -> ExitCode {
        let storage = u8::try_from(EXIT_STORAGE).unwrap_or(u8::MAX);
        match self {
            Self::Config(_) | Self::Identity(_) | Self::NoPort => ExitCode::from(EXIT_CONFIGURATION),
            Self::User(_) => ExitCode::from(2),
            Self::Serve(error) => match error {
                ServeError::Sale(_) | ServeError::Commit(_) | ServeError::Feed(FeedError::Read(_)) => {
                    ExitCode::from(storage)
                }
                ServeError::Config(_)
                | ServeError::Catalogue(_)
                | ServeError::Identity(_)
                | ServeError::Redis(_)
                | ServeError::Feed(FeedError::RedisUrl)
                | ServeError::Listen { .. }
                | ServeError::Descriptors { .. }
                | ServeError::PortFile { .. } => ExitCode::from(EXIT_CONFIGURATION),
                ServeError::Ended(_) | ServeError::Feed(FeedError::Thread(_)) => ExitCode::FAILURE,
            },
            Self::Inventory(error) => match error {
                InventoryError::Store(_) => ExitCode::from(storage),
                InventoryError::Url(_)
                | InventoryError::RedisUrl(_)
                | InventoryError::Missing(_)
                | InventoryError::Listen { .. } => ExitCode::from(EXIT_CONFIGURATION),
                InventoryError::Ended(_) | InventoryError::Panicked => ExitCode::FAILURE,
            },
            Self::Calibrate(error) => match error {
                CalibrateError::Folder { .. } | CalibrateError::Ledger { .. } | CalibrateError::Commit { .. } => {
                    ExitCode::from(storage)
                }
                CalibrateError::Interrupted | CalibrateError::Signals(_) => ExitCode::FAILURE,
            },
            // The reader of a pipe has gone: that is how `head` says it has enough.
            Self::Output(error) | Self::DataFile(DataFileError::Output(error))
                if error.kind() == std::io::ErrorKind::BrokenPipe =>
            {
                ExitCode::SUCCESS
            }
            Self::DataFile(DataFileError::NotWhole(_)) => ExitCode::from(EXIT_VIOLATED),
            Self::DataFile(_) | Self::Backup(_) | Self::Salvage(_) => ExitCode::from(storage),
            Self::Bench(_) | Self::Output(_) | Self::Top(_) => ExitCode::FAILURE,
        }
    }
}
