//! **Job:** finds what a start would refuse, without starting: `doorbuster config check` and `doorbuster doctor`.
//! **Owns:** which parts can be built without touching the data file, a port or Redis.
//! **Never:** leaves anything behind.

use doorbuster_actors::item::ItemDefinition;

use super::ServeError;
use super::build::{identity, limits, open_redis};
use super::descriptors;
use super::listener;
use super::sale::items_of;
use crate::config::{Loaded, look_at_files};
use crate::payment::Keys;
use crate::webhook::{Webhook, WebhookError};

/// Reads all that a start reads, but the data file itself; answers the items of the catalogue that would be sold here,
/// and what is to be said of what can be used.
pub fn check(loaded: &Loaded) -> Result<(Vec<ItemDefinition>, Option<String>), ServeError> {
    look_at_files(loaded)?;
    let (faults, warning) = parts(loaded);
    faults.into_iter().next().map_or(Ok(()), Err)?;
    limits(&loaded.config, descriptors::raise_limit())?;
    Ok((items_of(loaded)?, warning))
}

/// Everything in keys and files that a start would refuse, but for the catalogue and what is missing on the machine.
#[must_use]
pub fn faults(loaded: &Loaded) -> Vec<ServeError> {
    parts(loaded).0
}

/// What is wrong with each part, and what is to be said of the certificate.
fn parts(loaded: &Loaded) -> (Vec<ServeError>, Option<String>) {
    let config = &loaded.config;
    let tls = listener::tls(config);
    let warning = tls.as_ref().ok().and_then(|tls| tls.as_ref()?.warning());
    let parts = [
        config.cluster.nodes_and_own().map(drop).map_err(ServeError::from),
        identity(loaded).map(drop),
        Keys::read(config).map(drop).map_err(ServeError::from),
        tls.map(drop).map_err(ServeError::from),
        open_redis(config).map(drop),
        Webhook::check(config).map_err(|error| WebhookError::from(error).into()),
    ];
    (parts.into_iter().filter_map(Result::err).collect(), warning)
}
