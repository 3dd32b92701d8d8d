//! **Job:** `doorbuster config check` and `config show`.
//! **Owns:** what they print.
//! **Never:** shows a secret.

use std::io::Write as _;
use std::process::ExitCode;

use clap::Subcommand;

use super::arguments::Assignments;
use super::failure::Failure;
use super::{Cli, load_with_secrets};
use crate::config::{self, Purpose};

/// `doorbuster config`.
#[derive(Subcommand)]
pub enum ConfigCommand {
    /// Validate the configuration: exit 0, or 78 with the key and the reason.
    Check(Assignments),
    /// Print the effective configuration as TOML with the origin of each value, secrets masked.
    Show(Assignments),
}

impl ConfigCommand {
    pub(super) fn flags(&self) -> Vec<(String, String)> {
        let (Self::Check(assignments) | Self::Show(assignments)) = self;
        assignments.set.clone()
    }
}

/// Checks or shows the configuration.
pub(super) fn run(cli: &Cli, command: &ConfigCommand) -> Result<ExitCode, Failure> {
    let mut out = std::io::stdout().lock();
    match command {
        ConfigCommand::Check(_) => {
            let loaded = load_with_secrets(cli.sources(), &[Purpose::Serve])?;
            writeln!(out, "the configuration is valid")?;
            writeln!(out, "{} mode: {}", loaded.mode, loaded.cause)?;
            for variable in &loaded.ignored {
                writeln!(out, "ignored: {variable}, which a container platform has set")?;
            }
            for exposure in &loaded.exposed {
                writeln!(out, "warning: {exposure}")?;
            }
        }
        ConfigCommand::Show(_) => out.write_all(config::show(&config::load(cli.sources())?).as_bytes())?,
    }
    Ok(ExitCode::SUCCESS)
}
