//! **Job:** `doorbuster token`: prints tokens for buyers.
//! **Owns:** its options and their limits.
//! **Never:** signs with a secret that the configuration does not have.

use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use doorbuster_actors::ids::UserId;

use super::arguments::{Assignments, DataFile};
use super::failure::Failure;
use super::{Cli, load_with_secrets};
use crate::auth::Mint;
use crate::config::Purpose;

/// Longest life of a token: a year. A test token that outlives its test by more is a key nobody remembers.
const MAX_TOKEN_LIFE: Duration = Duration::from_hours(365 * 24);

/// Most tokens of one call: ten million buyers, as many as a load test of one box ever needs.
const MAX_TOKENS: i64 = 10_000_000;

/// `doorbuster token`.
#[derive(Args)]
pub struct Token {
    /// The buyer: 1 to 255 visible ASCII characters, as their identity provider names them.
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

impl Token {
    pub(super) fn flags(&self) -> Vec<(String, String)> {
        self.data_file.with(&self.assignments)
    }
}

/// Prints one token, or a line for each of many buyers.
pub(super) fn run(cli: &Cli, options: &Token) -> Result<ExitCode, Failure> {
    let loaded = load_with_secrets(cli.sources(), &[Purpose::Sign])?;
    let mint = Mint::new(&loaded.config.auth)?;
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    match options.count {
        None => writeln!(out, "{}", mint.token(options.user.as_str(), options.ttl))?,
        Some(count) => {
            for number in 1..=count {
                let user: UserId = format!("{}-{number}", options.user)
                    .parse()
                    .map_err(|bad| Failure::usage(format!("--user: {bad}")))?;
                writeln!(out, "{user} {}", mint.token(user.as_str(), options.ttl))?;
            }
        }
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

fn token_life(text: &str) -> Result<Duration, &'static str> {
    match humantime::parse_duration(text) {
        Ok(life) if life > Duration::ZERO && life <= MAX_TOKEN_LIFE => Ok(life),
        Ok(_) => Err("must be more than 0s and at most 365days"),
        Err(_) => Err("expected a duration with its unit, like 1h"),
    }
}
