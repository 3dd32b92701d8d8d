//! **Job:** what a start would need of the machine, of the files that the configuration names and of Redis, found
//! without starting: for `doorbuster doctor`.
//! **Owns:** which parts of the server are asked.
//! **Never:** opens the data file, a listener or a sale, or judges what it finds.

use doorbuster_actors::item::ItemDefinition;
use doorbuster_actors::payment::Provider;

use super::build::{open_redis, redis_commands, workers};
use super::sale::items_of;
use super::{ServeError, descriptors, socket};
use crate::config::{Config, Loaded};
use crate::feed;
use crate::gate::redis::{Trial, try_out};
use crate::payment::Keys;

/// What a server with this configuration asks of the system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Needs {
    /// Connections that may wait to be accepted, of each listener.
    pub backlog: u32,
    /// Threads that serve buyers.
    pub workers: u16,
    /// Open files without which a start is refused.
    pub open_files: usize,
    /// Open files with which it has all the public connections that it would take.
    pub open_files_in_full: usize,
}

/// What the configuration asks of the system.
#[must_use]
pub fn needs(config: &Config) -> Needs {
    let (least, most) = descriptors::needed(config.server.max_connections);
    Needs { backlog: socket::BACKLOG, workers: workers(config), open_files: least, open_files_in_full: most }
}

/// The public connections that there is room for with a limit of so many open files; none if a start is refused.
#[must_use]
pub fn room(config: &Config, limit: usize) -> Option<usize> {
    descriptors::public_connections(config.server.max_connections, limit).ok()
}

/// The items of the catalogue that would be sold here.
pub fn catalogue(loaded: &Loaded) -> Result<Vec<ItemDefinition>, ServeError> {
    items_of(loaded)
}

/// Whether any payment provider could report a payment.
#[must_use]
pub fn takes_payments(config: &Config) -> bool {
    // Keys that cannot be used are told as such.
    Keys::read(config).map_or(true, |keys| Provider::ALL.iter().any(|provider| keys.has(*provider)))
}

/// Tries Redis out as a server would before its first buyer, on keys that no buyer has; none if there is to be none.
pub async fn try_redis(config: &Config) -> Option<Trial> {
    let redis = open_redis(config).ok().flatten()?;
    let mut trial = try_out(&redis).await;
    let of_feed: Vec<_> = redis_commands(config).into_iter().filter(|kind| kind.is_of_feed()).collect();
    if let Some(stream) = config.redis_stream().filter(|_| trial.is_reached()) {
        trial.commands.extend(feed::redis::try_out(&redis.client().get(), &stream, &of_feed).await);
    }
    Some(trial)
}
