//! **Job:** why a command failed, and with which exit code.
//! **Owns:** the exit codes.
//! **Never:** knows a command: each says what its own errors are.

use std::error::Error;
use std::fmt;
use std::io::{self, ErrorKind};
use std::process::ExitCode;

use doorbuster_actors::sale::EXIT_STORAGE;

use crate::auth::IdentityError;
use crate::config::ConfigError;
use crate::logs::LogsError;

/// An audit found something, or a rebuilt file is not whole.
pub(super) const EXIT_VIOLATED: u8 = 1;

/// `EX_CONFIG` of sysexits.h.
const EXIT_CONFIGURATION: u8 = 78;

/// As `clap` ends a command line that it does not understand.
const EXIT_USAGE: u8 = 2;

/// Why a command failed. Displays as a sentence about it.
#[derive(Debug)]
pub struct Failure {
    error: Box<dyn Error + Send + Sync>,
    exit_code: ExitCode,
}

impl Failure {
    /// The command could not be carried out.
    pub(super) fn new(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { error: error.into(), exit_code: ExitCode::FAILURE }
    }

    /// What was found is not what it should be.
    pub(super) fn violated(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { exit_code: ExitCode::from(EXIT_VIOLATED), ..Self::new(error) }
    }

    /// An argument of the command line.
    pub(super) fn usage(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { exit_code: ExitCode::from(EXIT_USAGE), ..Self::new(error) }
    }

    /// The data file, or the disk it is on.
    pub(super) fn storage(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        let exit_code = ExitCode::from(u8::try_from(EXIT_STORAGE).unwrap_or(u8::MAX));
        Self { exit_code, ..Self::new(error) }
    }

    /// A key of the configuration.
    pub(super) fn configuration(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { exit_code: ExitCode::from(EXIT_CONFIGURATION), ..Self::new(error) }
    }

    /// The output. That the reader of a pipe has gone is how `head` says it has enough.
    pub(super) fn output(error: &io::Error) -> Self {
        let is_enough = error.kind() == ErrorKind::BrokenPipe;
        let exit_code = if is_enough { ExitCode::SUCCESS } else { ExitCode::FAILURE };
        Self { exit_code, ..Self::new(format!("cannot write the output: {error}")) }
    }

    /// The exit code that the contract gives it.
    #[must_use]
    pub fn exit_code(&self) -> ExitCode {
        self.exit_code
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::configuration(error)
    }
}

impl From<LogsError> for Failure {
    fn from(error: LogsError) -> Self {
        match error {
            LogsError::Filter(_) => Self::configuration(error),
            LogsError::Thread(_) => Self::new(error),
        }
    }
}

impl From<IdentityError> for Failure {
    fn from(error: IdentityError) -> Self {
        Self::configuration(error)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::output(&error)
    }
}
