//! **Job:** the composition root: builds the server bottom-up, opens it, closes it top-down.
//! **Owns:** which part is handed to which.
//! **Never:** does the work of a part.

mod banner;
mod build;
mod check;
mod clock_watch;
mod descriptors;
mod file_watch;
mod housekeeping;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod in_process;
mod listener;
mod manager;
mod operations;
mod outlook;
mod port_file;
mod reload;
mod sale;
mod shutdown;
mod socket;
mod stall_watch;
mod workers;

use std::io;
use std::path::PathBuf;

use doorbuster_actors::ledger::CommitError;
use doorbuster_actors::sale::{InjectedDelay, OpenError};

use crate::auth::IdentityError;
use crate::catalogue::CatalogueError;
use crate::config::{ConfigError, Loaded};
use crate::feed::FeedError;
use crate::http::tls::UnfitPair;
use crate::payment::UnfitKey;
use crate::redis_client::UnusableAddress;
use crate::service_manager;
use crate::service_manager::sockets::{Listening, UnfitSocket};
use crate::signals::{Signals, Told};
use crate::webhook::WebhookError;

use build::Server;
pub use check::{check, faults};
use listener::Passed;
use manager::Manager;
pub use outlook::{Needs, catalogue, needs, room, takes_payments, try_redis};
use port_file::PortFile;
pub use reload::ReadAgain;
use reload::Reload;

/// Why a server did not start, or did not end well.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// A key of the configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The catalogue file.
    #[error("catalogue.path: {}: {source}", path.display())]
    Catalogue {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        source: CatalogueError,
    },
    /// The keys of the tokens.
    #[error("{source} ({})", path.display())]
    Identity {
        /// Which file they are in.
        path: PathBuf,
        /// What is wrong with it.
        source: IdentityError,
    },
    /// Keys of payment providers.
    #[error(transparent)]
    PaymentKeys(#[from] UnfitKey),
    /// The certificate of the public listener, or its key.
    #[error(transparent)]
    Tls(#[from] UnfitPair),
    /// The way to Redis.
    #[error(transparent)]
    Redis(#[from] UnusableAddress),
    /// A listener.
    #[error("{key}: cannot listen on {address}: {source}")]
    Listen {
        /// Which key of the configuration.
        key: &'static str,
        /// Address to listen on.
        address: String,
        /// What the system says.
        source: io::Error,
    },
    /// A socket that was passed, and is none for its listener.
    #[error(transparent)]
    Passed(#[from] UnfitSocket),
    /// A socket that was passed, where nobody said that the server may be reached.
    #[error(
        "the {0} socket that was passed can be reached from other machines, and nothing says who may buy and operate: \
         give a configuration file, or --dev"
    )]
    Exposed(&'static str),
    /// Too few files may be open.
    #[error(
        "server.max_connections: {needed} open files are needed and {limit} are allowed: raise the limit (`ulimit -n`, \
         LimitNOFILE=), or ask for fewer connections"
    )]
    Descriptors {
        /// The limit.
        limit: usize,
        /// What it must be.
        needed: usize,
    },
    /// The data file.
    #[error(transparent)]
    Sale(#[from] OpenError),
    /// Its last entries.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// The feed of committed entries.
    #[error(transparent)]
    Feed(#[from] FeedError),
    /// Order events for the shop.
    #[error(transparent)]
    Webhook(#[from] WebhookError),
    /// The file with the ports.
    #[error("server.port_file: cannot be used: {path}: {source}")]
    PortFile {
        /// Path of the file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The disk does not answer, and the server was to end.
    #[error(
        "the data file could not be closed within {}: its disk does not answer. What was confirmed is on it; who was \
         told outcome-unknown may find their order there. Start again once the disk answers",
        humantime::format_duration(*_0)
    )]
    Stalled(std::time::Duration),
    /// A listener that fails later.
    #[error("the server ended: {0}")]
    Ended(#[from] io::Error),
}

/// The listeners by the names that their sockets have where they are passed to the process.
pub const LISTENERS: [&str; 2] = ["public", "operations"];

/// Runs a server until it is told to end, with one actor slow if a fault is to be injected. `read_again` reads the
/// configuration once more when it is told to. `passed` are sockets of [`LISTENERS`] to be used instead of new ones.
/// Call it on a thread with an actix system.
pub async fn run(
    loaded: &Loaded,
    read_again: ReadAgain<'_>,
    passed: [Option<Listening>; 2],
    injected_delay: Option<InjectedDelay>,
) -> Result<(), ServeError> {
    let mut signals = Signals::listen()?;
    let passed = Passed::new(loaded, passed)?;
    if let Some(InjectedDelay { item, by }) = &injected_delay {
        tracing::warn!(%item, ?by, "fault injection: the actor of this item is slow");
    }
    let mut port_file = PortFile::clear(&loaded.config)?;
    let mut server = Server::build(loaded, passed, injected_delay)?;
    server.sale.started().await;
    server.redis_tried().await;
    port_file.write(server.listen, &server.ops_listen)?;
    banner::print(loaded, &server);
    let manager = Manager::start(&server)?;
    let takers = reload::takers(&server.shared, server.webhook.as_ref());
    let reload = Reload::new(loaded, read_again, takers);
    while signals.next().await == Told::Reload {
        service_manager::reloading();
        reload.run();
        manager.ready();
    }
    manager.closing();
    // Who finds no file need not ask a server that is closing.
    shutdown::in_time("the port file", move || drop(port_file)).await;
    server.close(&mut signals).await
}
