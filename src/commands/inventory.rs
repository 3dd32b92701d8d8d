//! **Job:** `doorbuster inventory`.
//! **Owns:** its options.
//! **Never:** counts anything: the inventory does.

use std::process::ExitCode;

use clap::Args;

use super::arguments::Assignments;
use super::failure::Failure;
use super::{Cli, load_with_secrets, warn_of_exposed_files};
use crate::config::Purpose;
use crate::inventory::{self, InventoryError};

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

impl Inventory {
    pub(super) fn flags(&self) -> Vec<(String, String)> {
        self.assignments.and(&[("inventory.listen", &self.listen)])
    }
}

/// Runs the inventory system until it is told to end.
pub(super) fn run(cli: &Cli) -> Result<ExitCode, Failure> {
    let loaded = load_with_secrets(cli.sources(), &[Purpose::Pull])?;
    warn_of_exposed_files(&loaded);
    actix_web::rt::System::new().block_on(inventory::run(&loaded))?;
    Ok(ExitCode::SUCCESS)
}

impl From<InventoryError> for Failure {
    fn from(error: InventoryError) -> Self {
        match error {
            InventoryError::Store(_) => Self::storage(error),
            InventoryError::Url(_)
            | InventoryError::RedisUrl(_)
            | InventoryError::Missing(_)
            | InventoryError::Listen { .. } => Self::configuration(error),
            InventoryError::Ended(_) | InventoryError::Panicked => Self::new(error),
        }
    }
}
