//! **Job:** reads again, on SIGHUP, what can be read again while the server runs.
//! **Owns:** the list of those who take a new configuration over, and what is said of all other keys.
//! **Never:** ends the server, or changes anything for a configuration that could not be used.

use std::sync::Arc;

use arc_swap::{ArcSwap, ArcSwapOption};

use super::listener::pair_files;
use super::workers::Shared;
use crate::api::cors::Cors;
use crate::api::pay_page::PayPage;
use crate::auth::Identity;
use crate::config::{ConfigError, Loaded, changed_keys};
use crate::http::tls::{CERTIFICATE, KEY, Tls};
use crate::ops::tokens::Tokens;
use crate::payment::Keys;
use crate::redis_client::{RedisAddress, SharedClient};
use crate::webhook::Webhook;

/// Reads the configuration as the start did.
pub type ReadAgain<'a> = &'a dyn Fn() -> Result<Loaded, ConfigError>;

/// Takes keys from a configuration that is valid as a whole; says why not, and then has changed nothing.
pub(super) type Take = Box<dyn Fn(&Loaded) -> Result<(), String>>;

/// Somebody who takes keys over while the server runs.
pub(super) struct Taker {
    /// The keys, by their names.
    pub(super) keys: &'static [&'static str],
    /// How.
    pub(super) take: Take,
}

/// Everything that says who is a payment provider.
const PAYMENT_KEYS: &[&str] = &[
    "payment.webhook_secret",
    "payment.webhook_previous_secret",
    "payment.stripe.secret",
    "payment.stripe.previous_secret",
    "payment.standard.secret",
    "payment.standard.previous_secret",
    "payment.wechat.api_v3_key",
    "payment.wechat.previous_api_v3_key",
    "payment.wechat.public_key_file",
    "payment.alipay.public_key_file",
    "payment.alipay.app_id",
];

/// All who take something over.
pub(super) fn takers(shared: &Shared, webhook_of: Option<&Arc<Webhook>>) -> Vec<Taker> {
    let mut takers = vec![
        origins(Arc::clone(&shared.cors)),
        token_keys(Arc::clone(&shared.identity)),
        ops_tokens(Arc::clone(&shared.ops_tokens)),
        payment_keys(Arc::clone(&shared.payment_keys)),
        certificate(shared.tls.clone()),
        pay_page(Arc::clone(&shared.pay_page)),
    ];
    takers.extend(webhook_of.map(|sender| webhook(Arc::clone(sender))));
    takers.extend(shared.redis.as_ref().map(|used| redis(Arc::clone(used.client()))));
    takers
}

/// Pages of other origins.
fn origins(cors: Arc<Cors>) -> Taker {
    let take = move |loaded: &Loaded| {
        cors.replace(loaded.config.server.allowed_origins.clone());
        Ok(())
    };
    Taker { keys: &["server.allowed_origins"], take: Box::new(take) }
}

/// The certificate of the public listener. Its files are read again wherever they are.
fn certificate(tls: Option<Arc<Tls>>) -> Taker {
    let take = move |loaded: &Loaded| match (&tls, pair_files(&loaded.config)) {
        (Some(tls), Some(files)) => {
            tls.renew(files).map_err(|unfit| unfit.to_string())?;
            if let Some(warning) = tls.warning() {
                tracing::warn!("{warning}");
            }
            Ok(())
        }
        (None, None) => Ok(()),
        (Some(_), None) => Err("a listener that began with TLS goes on with it until the next start".to_owned()),
        (None, Some(_)) => Err("a listener that began without TLS goes on without it until the next start".to_owned()),
    };
    Taker { keys: &[CERTIFICATE, KEY], take: Box::new(take) }
}

/// The keys that tokens are checked with. A set of keys is read again from where it was.
fn token_keys(identity: Arc<Identity>) -> Taker {
    let take = move |loaded: &Loaded| identity.renew(loaded).map_err(|unfit| unfit.to_string());
    let keys = &["auth.jwt_secret", "auth.jwt_previous_secret", "auth.jwt_public_key_file"];
    Taker { keys, take: Box::new(take) }
}

/// The way to Redis: another password, other certificates, another place.
fn redis(client: Arc<SharedClient>) -> Taker {
    let take = move |loaded: &Loaded| match RedisAddress::of(&loaded.config.redis) {
        Some(address) => client.renew(&address).map_err(|unusable| unusable.to_string()),
        None => Err("redis.url: a server that began with Redis goes on with it until the next start".to_owned()),
    };
    let keys = &["redis.url", "redis.tls_ca_file", "redis.tls_certificate_file", "redis.tls_key_file"];
    Taker { keys, take: Box::new(take) }
}

/// The tokens of the operations listener.
fn ops_tokens(tokens: Arc<Tokens>) -> Taker {
    let take = move |loaded: &Loaded| {
        tokens.replace(&loaded.config);
        Ok(())
    };
    Taker { keys: &["auth.admin_token", "auth.admin_previous_token", "feed.token"], take: Box::new(take) }
}

/// The keys that notifications of payment providers are checked with. Files of public keys are read again.
fn payment_keys(keys: Arc<ArcSwap<Keys>>) -> Taker {
    let take = move |loaded: &Loaded| {
        keys.store(Arc::new(Keys::read(&loaded.config).map_err(|unfit| unfit.to_string())?));
        Ok(())
    };
    Taker { keys: PAYMENT_KEYS, take: Box::new(take) }
}

/// What signs order events.
fn webhook(webhook: Arc<Webhook>) -> Taker {
    let take = move |loaded: &Loaded| webhook.renew(&loaded.config).map_err(str::to_owned);
    Taker { keys: &["webhook.secret", "webhook.previous_secret"], take: Box::new(take) }
}

/// The payment page, and what signs its addresses.
fn pay_page(page: Arc<ArcSwapOption<PayPage>>) -> Taker {
    let take = move |loaded: &Loaded| {
        page.store(PayPage::of(&loaded.config, loaded.mode));
        Ok(())
    };
    Taker { keys: &["payment.pay_url", "payment.pay_url_secret"], take: Box::new(take) }
}

/// What SIGHUP does.
pub(super) struct Reload<'a> {
    read_again: ReadAgain<'a>,
    /// The values that the server works with.
    current: Loaded,
    takers: Vec<Taker>,
}

impl<'a> Reload<'a> {
    pub(super) fn new(started_with: &Loaded, read_again: ReadAgain<'a>, takers: Vec<Taker>) -> Self {
        Self { read_again, current: started_with.clone(), takers }
    }

    /// Reads everything again. What nobody takes over is named: it counts from the next start.
    pub(super) fn run(&self) {
        let read = match (self.read_again)() {
            Ok(read) => read,
            Err(error) => {
                tracing::error!(%error, "SIGHUP: the configuration cannot be used, and everything stays as it was");
                return;
            }
        };
        let taken: Vec<_> = self.takers.iter().filter(|taker| hand_over(taker, &read)).collect();
        let waiting: Vec<_> = changed_keys(&self.current, &read)
            .into_iter()
            .filter(|key| !taken.iter().any(|taker| taker.keys.contains(key)))
            .collect();
        let taken: Vec<_> = taken.into_iter().flat_map(|taker| taker.keys).copied().collect();
        let (read_again, from_the_next_start) = (taken.join(" "), waiting.join(" "));
        if waiting.is_empty() {
            tracing::info!(read_again, "SIGHUP: read again");
        } else {
            tracing::warn!(read_again, from_the_next_start, "SIGHUP: read again, but for keys that need a start");
        }
    }
}

fn hand_over(taker: &Taker, read: &Loaded) -> bool {
    let done = (taker.take)(read);
    if let Err(reason) = &done {
        tracing::error!(keys = taker.keys.join(" "), %reason, "SIGHUP: not taken over, and as it was");
    }
    done.is_ok()
}
