//! **Job:** the command line; its help is the manual.
//! **Owns:** the names of commands and options, and how they become configuration.
//! **Never:** runs a command.

mod bench;
mod calibrate;
mod top;

use std::env;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use doorbuster_actors::ids::{ItemId, UserId};
use doorbuster_actors::sale::InjectedDelay;

use crate::config::{ENVIRONMENT_PREFIX, Requested, Sources};
use crate::logs::Format;
pub use calibrate::Calibrate;
pub use top::Top;

pub use bench::{Arrival, Bench, Demo, Profile};

/// Longest life of a token: a year. A test token that outlives its test by more is a key nobody remembers.
const MAX_TOKEN_LIFE: Duration = Duration::from_hours(365 * 24);

/// Most tokens of one call: ten million buyers, as many as a load test of one box ever needs.
const MAX_TOKENS: i64 = 10_000_000;

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
  1   audit violated; or the command failed
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
    pub common: Common,
    /// Keys set before the command.
    #[command(flatten)]
    pub assignments: Assignments,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Options of every command.
#[derive(Args)]
pub struct Common {
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

/// Keys of the configuration, set one by one.
// Not a global option: of those clap keeps only the ones after the command if there are some on both sides of it.
#[derive(Args)]
pub struct Assignments {
    /// Sets one key of the configuration; may be repeated.
    #[arg(long, value_name = "SECTION.KEY=VALUE", value_parser = assignment)]
    pub set: Vec<(String, String)>,
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
    /// Export the orders of a data file.
    Orders(Orders),
    /// Show a running server in the terminal: the sale, the writer, every actor. Needs the admin token.
    Top(Top),
    /// Copy a data file while a server is running on it or not, and audit the copy: exit 1, and no copy, if it is not
    /// whole.
    Backup(Backup),
    /// Rebuild what can be proven of a damaged data file, its log and its mark into a new file, and leave the old ones
    /// alone: exit 1 if something is missing or doubtful.
    Salvage(Salvage),
    /// Measure what the ledger makes of this disk, and propose settings. Takes a quarter of a minute.
    Calibrate(Calibrate),
    /// Run the independent inventory system (keys: inventory.*), until SIGTERM or Ctrl-C.
    Inventory(Inventory),
    /// Let a crowd of buyers loose on a server, and audit what it was told: exit 1 if it was not true.
    Bench(Box<Bench>),
    /// A spike in small, on a temporary server: live view, funnel, audit, and the pages to look at.
    Demo(Demo),
    /// Check or show the configuration.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Print the completion script of a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Print the manual page (roff).
    Man,
}

/// `doorbuster serve`.
#[derive(Args)]
#[expect(clippy::doc_markdown, reason = "the help is read without markup")]
pub struct Serve {
    /// Address of the public listener; port 0 picks one. Same as --set server.listen=ADDRESS.
    #[arg(long, value_name = "ADDRESS")]
    pub listen: Option<String>,
    /// Address of the operations listener; port 0 picks one. Same as --set server.ops_listen=ADDRESS.
    #[arg(long, value_name = "ADDRESS")]
    pub ops_listen: Option<String>,
    /// The data file.
    #[command(flatten)]
    pub data_file: DataFile,
    /// A drill: makes the actor of an item slow by so much per letter, to see how that looks in the inspector.
    #[arg(long, value_name = "ITEM=DURATION", value_parser = injected_delay)]
    pub slow_item: Option<InjectedDelay>,
    /// Keys set after the command.
    #[command(flatten)]
    pub assignments: Assignments,
}

/// `doorbuster token`.
#[derive(Args)]
pub struct Token {
    /// The buyer: 1 to 64 characters of A-Z a-z 0-9 . _ -
    #[arg(long, value_name = "ID")]
    pub user: UserId,
    /// How long the token is valid: a duration, more than 0s, at most 365days.
    #[arg(long, value_name = "DURATION", default_value = "1h", value_parser = token_life)]
    pub ttl: Duration,
    /// Print tokens of the buyers ID-1 to ID-N instead, one line `user token` each; at most 10,000,000.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=MAX_TOKENS))]
    pub count: Option<u32>,
    /// The data file: in development mode the secret is kept beside it.
    #[command(flatten)]
    pub data_file: DataFile,
    /// Keys set after the command.
    #[command(flatten)]
    pub assignments: Assignments,
}

/// `doorbuster verify`.
#[derive(Args)]
pub struct Verify {
    /// The data file.
    #[command(flatten)]
    pub data_file: DataFile,
    /// Keys set after the command.
    #[command(flatten)]
    pub assignments: Assignments,
    /// Print the result as one JSON object.
    #[arg(long)]
    pub json: bool,
}

/// `doorbuster orders`.
#[derive(Args)]
pub struct Orders {
    /// The data file.
    #[command(flatten)]
    pub data_file: DataFile,
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

/// `doorbuster inventory`.
#[derive(Args)]
pub struct Inventory {
    /// Address of its listener; port 0 picks one. Same as --set inventory.listen=ADDRESS.
    #[arg(long, value_name = "ADDRESS")]
    pub listen: Option<String>,
    /// Keys set after the command.
    #[command(flatten)]
    pub assignments: Assignments,
}

/// `doorbuster backup`.
#[derive(Args)]
pub struct Backup {
    /// The copy; must not exist yet.
    #[arg(long, value_name = "FILE")]
    pub to: PathBuf,
    /// The data file.
    #[command(flatten)]
    pub data_file: DataFile,
    /// Keys set after the command.
    #[command(flatten)]
    pub assignments: Assignments,
}

/// `doorbuster salvage`.
#[derive(Args)]
pub struct Salvage {
    /// The new data file; must not exist yet. Doubtful entries, if there are any, go into NEW.doubtful.ndjson.
    #[arg(long, value_name = "NEW")]
    pub to: PathBuf,
    /// The damaged data file.
    #[command(flatten)]
    pub data_file: DataFile,
    /// Keys set after the command.
    #[command(flatten)]
    pub assignments: Assignments,
    /// Print the result as one JSON object.
    #[arg(long)]
    pub json: bool,
}

/// Which data file.
#[derive(Args)]
pub struct DataFile {
    /// The data file; default from the configuration. Same as --set storage.path=FILE.
    #[arg(long, value_name = "FILE")]
    pub db: Option<String>,
}

/// `doorbuster config`.
#[derive(Subcommand)]
pub enum ConfigCommand {
    /// Validate the configuration: exit 0, or 78 with the key and the reason.
    Check(Assignments),
    /// Print the effective configuration as TOML with the origin of each value, secrets masked.
    Show(Assignments),
}

impl Command {
    /// Keys set after the command.
    fn assignments(&self) -> &[(String, String)] {
        match self {
            Self::Serve(Serve { assignments, .. })
            | Self::Token(Token { assignments, .. })
            | Self::Verify(Verify { assignments, .. })
            | Self::Orders(Orders { assignments, .. })
            | Self::Top(Top { assignments, .. })
            | Self::Backup(Backup { assignments, .. })
            | Self::Salvage(Salvage { assignments, .. })
            | Self::Calibrate(Calibrate { assignments, .. })
            | Self::Inventory(Inventory { assignments, .. })
            | Self::Demo(Demo { assignments, .. })
            | Self::Config(ConfigCommand::Check(assignments) | ConfigCommand::Show(assignments)) => &assignments.set,
            Self::Bench(bench) => &bench.assignments.set,
            Self::Completions { .. } | Self::Man => &[],
        }
    }
}

impl Cli {
    /// What this call says about the configuration: file, flags, and this process's environment. A variable that
    /// is not UTF-8 is passed on with U+FFFD in it, which loading refuses.
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
        }
    }

    /// The program itself, to start a server from, and where temporary files go.
    pub fn surroundings() -> std::io::Result<(PathBuf, PathBuf)> {
        Ok((env::current_exe()?, env::temp_dir()))
    }

    /// `--set` first, so that an option of the command itself stands.
    fn flags(&self) -> Vec<(String, String)> {
        let mut flags = [&self.assignments.set, self.command.assignments()].concat();
        let mut shorthand = |key: &str, value: &Option<String>| {
            flags.extend(value.clone().map(|value| (key.to_owned(), value)));
        };
        match &self.command {
            Command::Serve(serve) => {
                shorthand("server.listen", &serve.listen);
                shorthand("server.ops_listen", &serve.ops_listen);
                shorthand("storage.path", &serve.data_file.db);
            }
            Command::Token(Token { data_file, .. })
            | Command::Verify(Verify { data_file, .. })
            | Command::Orders(Orders { data_file, .. })
            | Command::Top(Top { data_file, .. })
            | Command::Backup(Backup { data_file, .. })
            | Command::Salvage(Salvage { data_file, .. })
            | Command::Calibrate(Calibrate { data_file, .. }) => shorthand("storage.path", &data_file.db),
            Command::Inventory(inventory) => shorthand("inventory.listen", &inventory.listen),
            Command::Bench(_) | Command::Demo(_) | Command::Config(_) | Command::Completions { .. } | Command::Man => {}
        }
        flags
    }
}

fn assignment(text: &str) -> Result<(String, String), &'static str> {
    let (key, value) = text.split_once('=').ok_or("expected SECTION.KEY=VALUE")?;
    Ok((key.to_owned(), value.to_owned()))
}

/// Longest delay of a drill: what a client waits for an answer is a few of them.
const MAX_DELAY: Duration = Duration::from_secs(1);

fn injected_delay(text: &str) -> Result<InjectedDelay, String> {
    let (item, by) = text.split_once('=').ok_or("must be ITEM=DURATION, for example sku-1=5ms")?;
    let item = item.parse().map_err(|bad| format!("{bad}"))?;
    let by = humantime::parse_duration(by).map_err(|bad| bad.to_string())?;
    if by > MAX_DELAY { Err("must be at most 1s".to_owned()) } else { Ok(InjectedDelay { item, by }) }
}

fn token_life(text: &str) -> Result<Duration, &'static str> {
    match humantime::parse_duration(text) {
        Ok(life) if life > Duration::ZERO && life <= MAX_TOKEN_LIFE => Ok(life),
        Ok(_) => Err("must be more than 0s and at most 365days"),
        Err(_) => Err("expected a duration with its unit, like 1h"),
    }
}

#[cfg(test)]
mod tests;
