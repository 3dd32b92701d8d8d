//! **Job:** `doorbuster config check`, `config show` and `config example`.
//! **Owns:** what they print.
//! **Never:** shows a secret.

use std::collections::HashMap;
use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, Subcommand};
use doorbuster_actors::item::ItemDefinition;
use doorbuster_actors::ledger;

use super::arguments::Assignments;
use super::data_file::DataFile;
use super::failure::Failure;
use super::{Cli, load_with_secrets, serve};
use crate::catalogue::{Differences, LEFT_ALONE};
use crate::config::{self, Loaded, Purpose, Sources};

/// `doorbuster config`.
#[derive(Subcommand)]
pub enum ConfigCommand {
    /// Find what a start would refuse, catalogue and key files included: exit 0, or 78 with the key and the reason.
    Check(Assignments),
    /// Print the effective configuration as TOML with the origin of each value, secrets masked.
    Show(Show),
    /// Print a configuration file in which every key is explained: unit, limits, default, and why.
    Example,
}

/// `doorbuster config show`.
#[derive(Args)]
pub struct Show {
    /// Say above each key what it means, as `config example` does.
    #[arg(long)]
    pub explain: bool,
    /// Keys set after the command.
    #[command(flatten)]
    pub assignments: Assignments,
}

impl ConfigCommand {
    pub(super) fn flags(&self) -> Vec<(String, String)> {
        match self {
            Self::Check(assignments) | Self::Show(Show { assignments, .. }) => assignments.set.clone(),
            Self::Example => Vec::new(),
        }
    }
}

/// Where the catalogue says something else than the data file, if there is one that can be read; whether a server runs
/// on it does not matter.
fn differences(loaded: &Loaded, items: &[ItemDefinition]) -> Option<Differences> {
    let file = DataFile::open(&loaded.config.storage.path).ok()?;
    let known = ledger::definitions(&file.connection).ok()?;
    let known: HashMap<_, _> = known.into_iter().map(|item| (item.id.clone(), Arc::new(item))).collect();
    Differences::between(items, |item| known.get(&item.id))
}

/// Checks or shows the configuration.
pub(super) fn run(cli: &Cli, command: &ConfigCommand) -> Result<ExitCode, Failure> {
    let mut out = std::io::stdout().lock();
    match command {
        ConfigCommand::Check(_) => {
            let loaded = load_with_secrets(cli.sources(), &[Purpose::Serve])?;
            let (items, warning) = serve::check(&loaded)?;
            writeln!(out, "the configuration is valid")?;
            writeln!(out, "{} mode: {}", loaded.mode, loaded.cause)?;
            writeln!(out, "items in the catalogue: {}", items.len())?;
            if let Some(differences) = differences(&loaded, &items) {
                writeln!(out, "warning: the data file has other items than the catalogue, and counts: {differences}")?;
                writeln!(out, "  {LEFT_ALONE}")?;
            }
            if let Some(warning) = warning {
                writeln!(out, "warning: {warning}")?;
            }
            for variable in &loaded.ignored {
                writeln!(out, "ignored: {variable}, which a container platform has set")?;
            }
            for exposure in &loaded.exposed {
                writeln!(out, "warning: {exposure}")?;
            }
        }
        ConfigCommand::Show(Show { explain, .. }) => {
            let whole = config::load(Sources { wanted: None, ..cli.sources() })?;
            out.write_all(config::show(&whole, *explain).as_bytes())?;
        }
        ConfigCommand::Example => out.write_all(config::example().as_bytes())?,
    }
    Ok(ExitCode::SUCCESS)
}
