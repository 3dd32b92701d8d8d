//! **Job:** `doorbuster inventory`.
//! **Owns:** its options.
//! **Never:** counts anything: the inventory does.

use std::process::ExitCode;

use clap::Args;

use super::arguments::Assignments;
use super::failure::Failure;
use super::{Cli, load_with_secrets, tell_what_was_found};
use crate::config::Purpose;
use crate::inventory::{self, InventoryError};
use crate::service_manager::sockets;
use crate::signals::survive_from_the_start;

/// What its socket is called where it is passed to the process.
const NAME: &str = "inventory";

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
    survive_from_the_start()?;
    let [passed] = sockets::receive([NAME])?;
    let passed = passed.map(|socket| socket.tcp(NAME)).transpose()?;
    let loaded = load_with_secrets(cli.sources(), &[Purpose::Pull])?;
    tell_what_was_found(&loaded);
    actix_web::rt::System::new().block_on(inventory::run(&loaded, passed))?;
    Ok(ExitCode::SUCCESS)
}

impl From<InventoryError> for Failure {
    fn from(error: InventoryError) -> Self {
        match error {
            InventoryError::Store(_) => Self::storage(error),
            InventoryError::Url(_)
            | InventoryError::Redis(_)
            | InventoryError::Missing(_)
            | InventoryError::Listen { .. } => Self::configuration(error),
            InventoryError::Ended(_) | InventoryError::Panicked => Self::new(error),
        }
    }
}
