//! **Job:** finds what a start would refuse, without starting: `doorbuster config check`.
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

/// Reads all that a start reads, but the data file itself; answers the items of the catalogue, and what is to be said
/// of what can be used.
pub fn check(loaded: &Loaded) -> Result<(Vec<ItemDefinition>, Option<String>), ServeError> {
    let config = &loaded.config;
    look_at_files(loaded)?;
    config.cluster.nodes_and_own()?;
    identity(loaded)?;
    Keys::read(config)?;
    let tls = listener::tls(config)?;
    open_redis(config)?;
    Webhook::check(config).map_err(WebhookError::from)?;
    limits(config, descriptors::raise_limit())?;
    Ok((items_of(loaded)?, tls.and_then(|tls| tls.warning())))
}
