//! **Job:** `doorbuster serve`.
//! **Owns:** its options.
//! **Never:** builds a server: the composition root does.

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use doorbuster_actors::item::ItemDefinition;
use doorbuster_actors::sale::InjectedDelay;

use super::arguments::{Assignments, DataFile};
use super::failure::Failure;
use super::{Cli, load_with_secrets, tell_what_was_found};
use crate::config::{Loaded, Purpose};
use crate::feed::FeedError;
use crate::server::{self, ServeError};
use crate::service_manager::sockets::{self, UnfitSocket};
use crate::signals::survive_from_the_start;
use crate::webhook::WebhookError;

/// Longest delay of a fault injection: what a client waits for an answer is a few of them.
const MAX_DELAY: Duration = Duration::from_secs(1);

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
    /// Fault injection: makes the actor of an item slow by so much per message, to see how that looks in the inspector.
    #[arg(long, value_name = "ITEM=DURATION", value_parser = injected_delay)]
    pub slow_item: Option<InjectedDelay>,
    /// Keys set after the command.
    #[command(flatten)]
    pub assignments: Assignments,
}

impl Serve {
    pub(super) fn flags(&self) -> Vec<(String, String)> {
        self.assignments.and(&[
            ("server.listen", &self.listen),
            ("server.ops_listen", &self.ops_listen),
            ("storage.path", &self.data_file.db),
        ])
    }
}

/// Runs the server until it is told to end.
pub(super) fn run(cli: &Cli, options: &Serve) -> Result<ExitCode, Failure> {
    survive_from_the_start()?;
    let passed = sockets::receive(server::LISTENERS)?;
    let read = || load_with_secrets(cli.sources(), &[Purpose::Serve]);
    let loaded = read()?;
    tell_what_was_found(&loaded);
    actix_web::rt::System::new().block_on(server::run(&loaded, &read, passed, options.slow_item.clone()))?;
    Ok(ExitCode::SUCCESS)
}

/// What a start would refuse, found without starting; answers the items of the catalogue, and what is to be said.
pub(super) fn check(loaded: &Loaded) -> Result<(Vec<ItemDefinition>, Option<String>), Failure> {
    Ok(server::check(loaded)?)
}

fn injected_delay(text: &str) -> Result<InjectedDelay, String> {
    let (item, by) = text.split_once('=').ok_or("must be ITEM=DURATION, for example sku-1=5ms")?;
    let item = item.parse().map_err(|bad| format!("{bad}"))?;
    let by = humantime::parse_duration(by).map_err(|bad| bad.to_string())?;
    if by > MAX_DELAY { Err("must be at most 1s".to_owned()) } else { Ok(InjectedDelay { item, by }) }
}

impl From<UnfitSocket> for Failure {
    fn from(unfit: UnfitSocket) -> Self {
        Self::configuration(unfit)
    }
}

impl From<ServeError> for Failure {
    fn from(error: ServeError) -> Self {
        match error {
            ServeError::Sale(_)
            | ServeError::Commit(_)
            | ServeError::Stalled(_)
            | ServeError::Feed(FeedError::Read(_))
            | ServeError::Webhook(WebhookError::Store(_) | WebhookError::Read(_)) => Self::storage(error),
            ServeError::Config(_)
            | ServeError::Catalogue { .. }
            | ServeError::Identity { .. }
            | ServeError::PaymentKeys(_)
            | ServeError::Tls(_)
            | ServeError::Redis(_)
            | ServeError::Webhook(WebhookError::Receiver(_))
            | ServeError::Passed(_)
            | ServeError::Listen { .. }
            | ServeError::Exposed(_)
            | ServeError::Descriptors { .. }
            | ServeError::PortFile { .. } => Self::configuration(error),
            ServeError::Ended(_)
            | ServeError::Feed(FeedError::Thread(_))
            | ServeError::Webhook(WebhookError::Thread(_)) => Self::new(error),
        }
    }
}
