//! **Job:** `doorbuster token`: prints tokens for buyers, and explains tokens of anybody.
//! **Owns:** its options and their limits.
//! **Never:** signs with a secret that the configuration does not have.

use std::io::{Read as _, Write as _};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Subcommand};
use doorbuster_actors::ids::UserId;

use super::arguments::{Assignments, DataFile};
use super::failure::{EXIT_VIOLATED, Failure};
use super::{Cli, load_with_secrets};
use crate::auth::{Identity, Inspection, Mint};
use crate::config::Purpose;

/// Longest life of a token: a year. A test token that outlives its test by more is a key nobody remembers.
const MAX_TOKEN_LIFE: Duration = Duration::from_hours(365 * 24);

/// Most tokens of one call: ten million buyers, as many as a load test of one box ever needs.
const MAX_TOKENS: i64 = 10_000_000;

/// Longest token that is explained, in bytes: far more than a request may bring.
const MAX_INSPECTED: u64 = 1 << 20;

/// `doorbuster token`.
#[derive(Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct Token {
    /// What else to do with tokens.
    #[command(subcommand)]
    pub action: Option<TokenAction>,
    /// The buyer: 1 to 255 visible ASCII characters, as their identity provider names them.
    #[arg(long, value_name = "ID", required = true)]
    pub user: Option<UserId>,
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

/// What else to do with tokens.
#[derive(Subcommand)]
pub enum TokenAction {
    /// Explain a token against the configuration: what it says, and which check it fails. Exit 1 if it is refused.
    Inspect(Inspect),
}

/// `doorbuster token inspect`.
#[derive(Args)]
pub struct Inspect {
    /// The token, with or without `Bearer`; `-` reads it from standard input, where other users cannot see it.
    #[arg(value_name = "TOKEN", default_value = "-")]
    pub token: String,
    /// The data file: in development mode the secret is kept beside it.
    #[command(flatten)]
    pub data_file: DataFile,
    /// Keys set after the command.
    #[command(flatten)]
    pub assignments: Assignments,
}

impl Token {
    pub(super) fn flags(&self) -> Vec<(String, String)> {
        match &self.action {
            None => self.data_file.with(&self.assignments),
            Some(TokenAction::Inspect(options)) => options.data_file.with(&options.assignments),
        }
    }
}

/// Prints one token, or a line for each of many buyers.
pub(super) fn run(cli: &Cli, options: &Token) -> Result<ExitCode, Failure> {
    if let Some(TokenAction::Inspect(options)) = &options.action {
        return inspect(cli, options);
    }
    let user = options.user.as_ref().ok_or_else(|| Failure::usage("--user: is missing"))?;
    let loaded = load_with_secrets(cli.sources(), &[Purpose::Sign])?;
    let mint = Mint::new(&loaded.config.auth)?;
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    match options.count {
        None => writeln!(out, "{}", mint.token(user.as_str(), options.ttl))?,
        Some(count) => {
            for number in 1..=count {
                let user: UserId =
                    format!("{user}-{number}").parse().map_err(|bad| Failure::usage(format!("--user: {bad}")))?;
                writeln!(out, "{user} {}", mint.token(user.as_str(), options.ttl))?;
            }
        }
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

/// Says what is right and wrong with a token.
fn inspect(cli: &Cli, options: &Inspect) -> Result<ExitCode, Failure> {
    let loaded = load_with_secrets(cli.sources(), &[Purpose::Sign])?;
    let identity = Identity::new(&loaded)?;
    let mut token = options.token.clone();
    if token == "-" {
        token.clear();
        std::io::stdin().lock().take(MAX_INSPECTED).read_to_string(&mut token)?;
    }
    let token = token.trim();
    let token = token.strip_prefix("Bearer ").unwrap_or(token).trim_start();
    let inspection = identity.inspect(token.as_bytes())?;
    std::io::stdout().lock().write_all(explained(&inspection).as_bytes())?;
    Ok(if inspection.verdict.is_ok() { ExitCode::SUCCESS } else { ExitCode::from(EXIT_VIOLATED) })
}

fn explained(inspection: &Inspection) -> String {
    let mut text = String::new();
    for (name, part) in [("header", &inspection.header), ("claims", &inspection.claims)] {
        let part = part.as_ref().map_or_else(|| "cannot be read".to_owned(), |part| format!("{part:#}"));
        text.push_str(&format!("{name} {part}\n"));
    }
    for finding in &inspection.findings {
        let mark = match finding.is_right {
            Some(true) => "ok",
            Some(false) => "FAILED",
            None => "-",
        };
        text.push_str(format!("{mark:<8}{:<12}{}", finding.what, finding.text).trim_end());
        text.push('\n');
    }
    match &inspection.verdict {
        Ok(pass) => text.push_str(&format!("accepted: the buyer is {}\n", pass.user)),
        Err(cause) => text.push_str(&format!("refused, cause {}: {}\n", cause.as_str(), cause.why())),
    }
    text
}

fn token_life(text: &str) -> Result<Duration, &'static str> {
    match humantime::parse_duration(text) {
        Ok(life) if life > Duration::ZERO && life <= MAX_TOKEN_LIFE => Ok(life),
        Ok(_) => Err("must be more than 0s and at most 365days"),
        Err(_) => Err("expected a duration with its unit, like 1h"),
    }
}
