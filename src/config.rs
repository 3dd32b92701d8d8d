//! **Job:** what an operator may set: every key, its unit, its default and the reason for it.
//! **Owns:** the whole of the keys; each is written in `keys.rs` and nowhere else.
//! **Never:** reads a key in the middle of the work: parts are built from a finished [`Config`].

mod base_path;
mod choices;
mod cluster;
mod development;
mod error;
mod explain;
mod exposure;
mod injected;
mod load;
mod mode;
mod ops_address;
mod origin;
mod pay_url;
mod secret;
#[macro_use]
mod section;
mod keys;
mod providers;
mod show;
mod sources;
pub(crate) mod syntax;
#[cfg(test)]
mod tests;
mod validate;
mod value;
mod web_origin;
mod webhook_url;

pub use base_path::BasePath;
pub use choices::{
    AuthMode, Durability, InventorySource, JwtAlgorithm, LatePayment, OnError, StreamTrim, ThrottleScope,
};
pub use cluster::Node;
pub use development::fill_secrets;
pub use error::ConfigError;
pub use explain::example;
pub use exposure::Exposure;
pub use keys::{
    Address, Auth, Bucket, Catalogue, Clock, Cluster, Feed, Inventory, Ops, Payment, Pool, Redis, Server, Storage,
    Throttle, Webhook,
};
pub use load::{Loaded, Sources, Wanted, load};
pub use mode::{Cause, Mode, Requested};
pub use ops_address::OpsAddress;
pub use origin::Origin;
pub use pay_url::{PayUrl, Place};
pub use providers::Providers;
pub use secret::{RedisUrl, Secret};
pub use show::{changed_keys, show};
pub use sources::ENVIRONMENT_PREFIX;
pub use validate::{Purpose, demand, look_at_files, validate, wanted};

pub use web_origin::WebOrigin;
pub use webhook_url::{WebhookUrl, signing_key};

use value::Setting;

/// `[gate.*]`: the gatehouse, one section a layer.
#[derive(Debug, Clone, Default)]
pub struct Gate {
    /// One attempt per network in a window.
    pub address: Address,
    /// One attempt per user in a window.
    pub throttle: Throttle,
    /// At most so many attempts per unit of stock.
    pub pool: Pool,
    /// How fast purchases come in.
    pub bucket: Bucket,
}

/// Everything an operator may set. `Config::default()` is what an empty file means.
#[derive(Debug, Clone, Default)]
pub struct Config {
    /// Listeners and threads.
    pub server: Server,
    /// The data file.
    pub storage: Storage,
    /// What is for sale at the start.
    pub catalogue: Catalogue,
    /// Buyers and operators.
    pub auth: Auth,
    /// The gatehouse.
    pub gate: Gate,
    /// The gate's shared memory.
    pub redis: Redis,
    /// Payment of orders.
    pub payment: Payment,
    /// Payment providers.
    pub providers: Providers,
    /// Server time.
    pub clock: Clock,
    /// The operations listener.
    pub ops: Ops,
    /// Committed entries for the outside.
    pub feed: Feed,
    /// Order events for the shop.
    pub webhook: Webhook,
    /// Several nodes.
    pub cluster: Cluster,
    /// The independent inventory system.
    pub inventory: Inventory,
}

impl Config {
    /// Every section and key with its explanation, in the order of this page.
    fn explanations() -> Vec<(&'static str, &'static str)> {
        let sections = [
            Server::EXPLANATIONS,
            Storage::EXPLANATIONS,
            Catalogue::EXPLANATIONS,
            Auth::EXPLANATIONS,
            Address::EXPLANATIONS,
            Throttle::EXPLANATIONS,
            Pool::EXPLANATIONS,
            Bucket::EXPLANATIONS,
            Redis::EXPLANATIONS,
            Payment::EXPLANATIONS,
            &Providers::explanations(),
            Clock::EXPLANATIONS,
            Ops::EXPLANATIONS,
            Feed::EXPLANATIONS,
            Webhook::EXPLANATIONS,
            Cluster::EXPLANATIONS,
            Inventory::EXPLANATIONS,
        ];
        sections.concat()
    }

    /// Every key with its place, in the order of this page.
    fn settings(&mut self) -> Vec<(&'static str, &mut dyn Setting)> {
        let sections = [
            self.server.settings(),
            self.storage.settings(),
            self.catalogue.settings(),
            self.auth.settings(),
            self.gate.address.settings(),
            self.gate.throttle.settings(),
            self.gate.pool.settings(),
            self.gate.bucket.settings(),
            self.redis.settings(),
            self.payment.settings(),
            self.providers.settings(),
            self.clock.settings(),
            self.ops.settings(),
            self.feed.settings(),
            self.webhook.settings(),
            self.cluster.settings(),
            self.inventory.settings(),
        ];
        sections.into_iter().flatten().collect()
    }
}

impl Config {
    /// The Redis stream of the feed: each node has its own, because each has a ledger of its own.
    #[must_use]
    pub fn redis_stream(&self) -> Option<String> {
        let name = self.feed.redis_stream.as_ref()?;
        Some(if self.cluster.node.is_empty() { name.clone() } else { format!("{name}:{}", self.cluster.node) })
    }
}

impl Payment {
    /// What signs addresses of the payment page.
    #[must_use]
    pub fn pay_key(&self) -> &Secret {
        if self.pay_url_secret.is_empty() { &self.webhook_secret } else { &self.pay_url_secret }
    }
}
