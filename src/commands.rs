//! **Job:** the command line: its help is the manual, each command is a file or folder here.
//! **Owns:** the names of commands, their common options, and how all become a configuration.
//! **Never:** does the work of a command.

pub mod admin;
mod arguments;
pub mod backup;
pub mod bench;
pub mod calibrate;
mod catalogue;
mod cluster;
mod config;
mod confirm;
mod data_file;
pub mod demo;
pub mod doctor;
mod draft;
mod event_stream;
mod failure;
pub mod history;
mod inventory;
mod man;
mod mark;
mod ops_client;
pub mod orders;
pub mod payments;
pub mod records;
pub mod salvage;
mod serve;
mod text;
mod token;
pub mod top;
pub mod verify;

use std::env;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, CommandFactory as _, Parser, Subcommand, ValueEnum};

use crate::config::{ConfigError, ENVIRONMENT_PREFIX, Loaded, Purpose, Requested, Sources};
use crate::logs::Format;
use admin::Admin;
use arguments::Assignments;
use backup::Backup;
use bench::options::{Bench, Demo};
use calibrate::options::Calibrate;
use catalogue::CatalogueCommand;
use cluster::ClusterCommand;
use config::ConfigCommand;
use doctor::Doctor;
use inventory::Inventory;
use man::Man;
use orders::Orders;
use payments::Payments;
use salvage::Salvage;
use serve::Serve;
use token::Token;
use top::options::Top;
use verify::Verify;

pub use data_file::DataFileError;
pub use draft::DraftError;
pub use failure::Failure;

const MANUAL: &str = "\
Configuration: a flag goes over an environment variable, which goes over the file, which goes over the default.
  --set gate.throttle.window=5s
  DOORBUSTER_GATE_THROTTLE_WINDOW=5s
  [gate.throttle]
  window = \"5s\"
Durations have a unit: 250ms, 5s, 15m. Lists are separated by commas. A key that does not exist is an error.
Secrets may be read from a file: auth.jwt_secret_file=PATH. Prefer that to --set, which other users can see.
Without --dev every secret must be given, unless nothing is: no file, no secret, no listener but on loopback.
`doorbuster config show` prints every key, its value and where it came from.

Exit codes:
  0   ok
  1   audit violated, or a check failed; or the command failed
  2   usage
  74  storage
  78  configuration

RUST_LOG selects what is logged (standard error), e.g. RUST_LOG=debug.";

/// Sells limited stock to a crowd: never oversold, no acknowledged order lost, every request answered.
// No `Debug`: `--set` may contain secrets.
#[derive(Parser)]
#[command(name = "doorbuster", version, after_help = MANUAL, disable_help_subcommand = true)]
pub struct Cli {
    /// Options of every command.
    #[command(flatten)]
    pub common: CommonOptions,
    /// Keys set before the command.
    #[command(flatten)]
    pub assignments: Assignments,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Options of every command.
#[derive(Args)]
pub struct CommonOptions {
    /// Configuration file (TOML).
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Development mode, to try things out: generated secrets (given ones are not used), the sample catalogue, and
    /// anybody can become a buyer. It is the default where no file and no secret is given and both listeners are on
    /// loopback.
    #[arg(long, global = true)]
    pub dev: bool,
    /// How log lines are written: default text on a terminal, JSON otherwise.
    #[arg(long, global = true, value_name = "FORMAT")]
    pub log_format: Option<LogFormat>,
}

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

impl From<LogFormat> for Format {
    fn from(format: LogFormat) -> Self {
        match format {
            LogFormat::Text => Self::Text,
            LogFormat::Json => Self::Json,
        }
    }
}

/// What to do.
#[derive(Subcommand)]
#[expect(clippy::doc_markdown, reason = "the help is read without markup")]
pub enum Command {
    /// Run the server, until SIGTERM or Ctrl-C.
    Serve(Serve),
    /// Print buyer tokens signed with the configured secret (auth.jwt_secret).
    Token(Token),
    /// Audit a data file, read-only, server stopped or running: one line an invariant, exit 1 if one is violated.
    Verify(Verify),
    /// Export the orders of a data file: as a table, for spreadsheets, for scripts.
    Orders(Orders),
    /// Export the payments of a data file, and what has to go back of them.
    Payments(Payments),
    /// Show a running server in the terminal: the sale, the writer, every actor. Needs the admin token.
    Top(Top),
    /// Steer a running server: what an operator may do, and undo. Needs the admin token.
    Admin(Box<Admin>),
    /// Copy a data file while a server is running on it or not, and audit the copy: exit 1, and no copy, if it is not
    /// whole.
    Backup(Backup),
    /// Rebuild what can be proven of a damaged data file, its log and its mark into a new file, and leave the old ones
    /// alone: exit 1 if something is missing or doubtful.
    Salvage(Salvage),
    /// Look over machine, data file, Redis and configuration before a sale, and say what to do: exit 1 if something has
    /// to be done. Changes nothing; the server may be running or not.
    Doctor(Doctor),
    /// Measure what the ledger makes of this disk, and propose settings. Takes a quarter of a minute.
    Calibrate(Calibrate),
    /// Run the independent inventory system (keys: inventory.*), until SIGTERM or Ctrl-C.
    Inventory(Inventory),
    /// Let a crowd of buyers loose on a server, and audit what it was told: exit 1 if it was not true.
    Bench(Box<Bench>),
    /// A spike in small, on a temporary server: live view, funnel, audit, and the pages to look at.
    Demo(Demo),
    /// Compare a catalogue file with a running server, and do what it says. Needs the admin token.
    #[command(subcommand)]
    Catalogue(CatalogueCommand),
    /// Which node an item belongs to, where a shop has several.
    #[command(subcommand)]
    Cluster(ClusterCommand),
    /// Check or show the configuration.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Print the completion script of a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Print the manual (roff): the page of doorbuster, then those of its commands. Read it: doorbuster man | man -l -
    Man(Man),
}

/// Runs the command; answers the exit code.
pub fn run(cli: &Cli) -> Result<ExitCode, Failure> {
    match &cli.command {
        Command::Serve(options) => serve::run(cli, options),
        Command::Token(options) => token::run(cli, options),
        Command::Verify(options) => verify::run(cli, options),
        Command::Orders(options) => orders::run(cli, options),
        Command::Payments(options) => payments::run(cli, options),
        Command::Top(options) => top::run(cli, options),
        Command::Admin(options) => admin::run(cli, options),
        Command::Backup(options) => backup::run(cli, options),
        Command::Salvage(options) => salvage::run(cli, options),
        Command::Doctor(options) => doctor::run(cli, options),
        Command::Calibrate(options) => calibrate::run(cli, options),
        Command::Inventory(_) => inventory::run(cli),
        Command::Bench(options) => bench::run(cli, options),
        Command::Demo(options) => demo::run(cli, options),
        Command::Catalogue(command) => catalogue::run(cli, command),
        Command::Cluster(command) => cluster::run(cli, command),
        Command::Config(command) => config::run(cli, command),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut Cli::command(), "doorbuster", &mut script);
            std::io::stdout().write_all(&script)?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Man(options) => man::run(options),
    }
}

impl Command {
    /// Keys set after the command: `--set` first, so that an option of the command itself stands.
    fn flags(&self) -> Vec<(String, String)> {
        match self {
            Self::Serve(options) => options.flags(),
            Self::Token(options) => options.flags(),
            Self::Verify(options) => options.flags(),
            Self::Orders(options) => options.records.flags(),
            Self::Payments(options) => options.records.flags(),
            Self::Top(options) => options.flags(),
            Self::Admin(options) => options.flags(),
            Self::Backup(options) => options.flags(),
            Self::Salvage(options) => options.flags(),
            Self::Doctor(options) => options.flags(),
            Self::Calibrate(options) => options.flags(),
            Self::Inventory(options) => options.flags(),
            Self::Bench(options) => options.assignments.set.clone(),
            Self::Demo(options) => options.assignments.set.clone(),
            Self::Catalogue(command) => command.flags(),
            Self::Cluster(command) => command.flags(),
            Self::Config(command) => command.flags(),
            Self::Completions { .. } | Self::Man(_) => Vec::new(),
        }
    }
}

impl Cli {
    /// What this call says about the configuration: file, flags, and this process's environment, for commands that use
    /// no secret. A variable that is not UTF-8 is passed on with U+FFFD in it, which loading refuses.
    #[must_use]
    pub fn sources(&self) -> Sources {
        let readable = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
        #[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
        let environment = env::vars_os().map(|(name, value)| (readable(name), readable(value)));
        Sources {
            file: self.common.config.clone(),
            environment: environment.filter(|(name, _)| name.starts_with(ENVIRONMENT_PREFIX)).collect(),
            flags: self.flags(),
            requested: if self.common.dev { Requested::Development } else { Requested::None },
            wanted: Some(Vec::new()),
        }
    }

    /// What `RUST_LOG` says; nothing if it is not set or empty.
    #[must_use]
    pub fn log_filter() -> Option<String> {
        #[expect(clippy::disallowed_methods, reason = "the other place that reads the environment")]
        let filter = env::var_os("RUST_LOG");
        filter.map(|filter| filter.to_string_lossy().into_owned()).filter(|filter| !filter.is_empty())
    }

    /// Who is at the keyboard, also behind `sudo`.
    #[must_use]
    pub fn user() -> Option<String> {
        #[expect(clippy::disallowed_methods, reason = "the third place that reads the environment")]
        let names = ["SUDO_USER", "USER"].map(env::var_os);
        names.into_iter().flatten().map(|name| name.to_string_lossy().into_owned()).find(|name| !name.is_empty())
    }

    /// The program itself, to start a server from, and where temporary files go.
    pub fn surroundings() -> std::io::Result<(PathBuf, PathBuf)> {
        Ok((env::current_exe()?, env::temp_dir()))
    }

    fn flags(&self) -> Vec<(String, String)> {
        self.assignments.set.iter().cloned().chain(self.command.flags()).collect()
    }
}

/// The configuration with the secrets that `purposes` need; in development mode they are generated once, beside the
/// data file.
fn load_with_secrets(sources: Sources, purposes: &[Purpose]) -> Result<Loaded, ConfigError> {
    let mut loaded = crate::config::load(Sources { wanted: crate::config::wanted(purposes), ..sources })?;
    crate::config::fill_secrets(&mut loaded)?;
    purposes.iter().try_for_each(|purpose| crate::config::demand(&loaded, *purpose))?;
    Ok(loaded)
}

/// What is told of a configuration at a start, and no reason to refuse it: files with secrets that others can use (see
/// [`crate::config::Exposure`]), and variables that look like ours and are not.
fn tell_what_was_found(loaded: &Loaded) {
    for exposure in &loaded.exposed {
        tracing::warn!(%exposure, "a file with secrets is open to other users");
    }
    if !loaded.ignored.is_empty() {
        let variables = loaded.ignored.join(" ");
        tracing::info!(variables, "variables of a container platform's services are ignored");
    }
}

#[cfg(test)]
mod tests;
