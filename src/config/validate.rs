//! **Job:** refuse what can be read but not be meant.
//! **Owns:** the limits of the keys, and what a secret must be.
//! **Never:** changes a value.

use std::fs::File;
use std::path::Path;
use std::time::Duration;

use super::origin::shown;
use super::{
    AuthMode, Config, ConfigError, InventorySource, JwtAlgorithm, Loaded, Mode, Origin, PayUrl, Secret, Wanted,
    signing_key,
};

/// Most HTTP workers: far more than cores of one box; past it somebody mistook the key.
const MAX_WORKERS: usize = 256;
/// Most purchases inside: at about a kilobyte each a gigabyte, and more than any disk clears in a client's patience.
const MAX_IN_FLIGHT: usize = 1_000_000;
/// Largest batch: a commit of this size takes about 0.1 s, and everybody in it waits for all of it.
const MAX_BATCH: usize = 65_536;
/// Most connections: each has a descriptor, and some kilobytes.
const MAX_CONNECTIONS: usize = 1_000_000;
/// Shortest and longest write stall: less would cut honest phones off, more is no bound.
const MIN_WRITE_STALL: Duration = Duration::from_secs(1);
const MAX_WRITE_STALL: Duration = Duration::from_mins(5);
/// Shortest and longest time that an idle connection is kept: less closes under honest hands, more is a leak.
const MIN_KEEP_ALIVE: Duration = Duration::from_secs(1);
const MAX_KEEP_ALIVE: Duration = Duration::from_hours(1);
/// The clock is looked at once a second; who does not want to wait a day starts the server anew.
const MIN_FOLLOW_AFTER: Duration = Duration::from_secs(1);
const MAX_FOLLOW_AFTER: Duration = Duration::from_hours(24);
/// Shortest time to pay that is one.
const MIN_PAY_WITHIN: Duration = Duration::from_millis(1);

/// Longest linger: everybody waits for it once.
const MAX_LINGER: Duration = Duration::from_secs(1);
/// Shortest and longest stall of a commit before the process ends: less ends it before its buyers have their answer,
/// and past a day nobody waits on purpose.
const MIN_STALL_LIMIT: Duration = Duration::from_secs(5);
const MAX_STALL_LIMIT: Duration = Duration::from_hours(24);
/// Longest throttle window: the memory of it grows with the window.
const MAX_THROTTLE_WINDOW: Duration = Duration::from_hours(24);
/// Redis counts time-outs and windows in milliseconds; less would be none.
const MIN_REDIS_TIME: Duration = Duration::from_millis(1);
/// Most tokens per unit of stock: past it the pool holds nobody back.
const MAX_POOL_FACTOR: f64 = 1_000.0;
/// Most purchases (or entries) per second, and most at once: above what one box can take, and safe to multiply.
const MAX_RATE: u32 = 10_000_000;
/// Longest wait for Redis: every request is answered within five seconds.
const MAX_REDIS_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest key prefix, in bytes: it is repeated in every key of every buyer.
const MAX_REDIS_PREFIX: usize = 64;
/// Longest first cool-down: none is ever longer than a day.
const MAX_COOL_DOWN: Duration = Duration::from_hours(24);
/// Shortest and longest patience with the receiver of a webhook: less is no answer, more blocks the others.
const MIN_WEBHOOK_TIMEOUT: Duration = Duration::from_secs(1);
const MAX_WEBHOOK_TIMEOUT: Duration = Duration::from_mins(1);
/// Most webhooks at once: each has a thread.
const MAX_WEBHOOK_CONCURRENCY: usize = 64;
/// Shortest and longest time for which an event is tried.
const MIN_RETRY_FOR: Duration = Duration::from_secs(1);
const MAX_RETRY_FOR: Duration = Duration::from_hours(30 * 24);
/// Longest hold without payment: past a month it is a reservation, not a sale.
const MAX_PAY_WITHIN: Duration = Duration::from_hours(30 * 24);
/// Shortest secret, in bytes: the output size of SHA-256 (RFC 7518, section 3.2).
const MIN_SECRET_BYTES: usize = 32;
/// Fewest distinct characters of a secret: 64 random hexadecimal digits have fewer once in 10¹⁷ times.
const MIN_DISTINCT_CHARACTERS: usize = 8;
/// Claims that say something else than who it is.
const NAMELESS_CLAIMS: [&str; 5] = ["exp", "nbf", "iat", "iss", "aud"];
/// Words of examples and placeholders; a random secret contains none.
const WELL_KNOWN: [&str; 5] = ["changeme", "secret123", "password", "example", "default"];

/// Checks what types cannot: limits, keys that need each other, and secrets. Which secrets must be there is for the
/// command to say, with [`demand`]; one that was given must be a good one.
///
/// # Errors
/// The first key that cannot be used, with the reason and where its value came from.
pub fn validate(loaded: &Loaded) -> Result<(), ConfigError> {
    let config = &loaded.config;
    let checked = server(config)
        .and_then(|()| storage(config))
        .and_then(|()| clock(config))
        .and_then(|()| payment(config))
        .and_then(|()| pay_page(loaded))
        .and_then(|()| gate(config))
        .and_then(|()| redis(loaded))
        .and_then(|()| webhook(loaded))
        .and_then(|()| inventory(config))
        .and_then(|()| config.cluster.seen_from_outside().map(drop))
        .and_then(|()| if loaded.is_whole() { identity(config) } else { Ok(()) })
        .and_then(|()| secrets(config));
    checked.map_err(|error| match loaded.origins.get(error.key.as_str()) {
        None | Some(Origin::Default) => error,
        Some(origin) => error.given_by(origin),
    })
}

fn check(holds: bool, key: &str, reason: impl ToString) -> Result<(), ConfigError> {
    if holds { Ok(()) } else { Err(ConfigError::new(key, reason)) }
}

fn at_most(value: Duration, limit: Duration, key: &str) -> Result<(), ConfigError> {
    check(value <= limit, key, format!("must be at most {}", humantime::format_duration(limit)))
}

fn server(config: &Config) -> Result<(), ConfigError> {
    let server = &config.server;
    check(server.workers <= MAX_WORKERS, "server.workers", format!("must be at most {MAX_WORKERS}"))?;
    let in_flight = (1..=MAX_IN_FLIGHT).contains(&server.max_in_flight);
    check(in_flight, "server.max_in_flight", format!("must be 1 to {MAX_IN_FLIGHT}"))?;
    for (count, key) in [
        (server.max_connections, "server.max_connections"),
        (server.max_connections_per_address, "server.max_connections_per_address"),
    ] {
        check(count <= MAX_CONNECTIONS, key, format!("must be at most {MAX_CONNECTIONS}"))?;
    }
    check(server.write_stall >= MIN_WRITE_STALL, "server.write_stall", "must be at least 1s")?;
    at_most(server.write_stall, MAX_WRITE_STALL, "server.write_stall")?;
    check(server.keep_alive >= MIN_KEEP_ALIVE, "server.keep_alive", "must be at least 1s")?;
    at_most(server.keep_alive, MAX_KEEP_ALIVE, "server.keep_alive")?;
    let pair = server.tls_certificate_file.is_some() == server.tls_key_file.is_some();
    check(pair, "server.tls_certificate_file", "needs server.tls_key_file, and the other way round")?;
    let apart = server.ops_listen.tcp() != Some(server.listen) || server.listen.port() == 0;
    check(apart, "server.ops_listen", "must differ from server.listen")
}

fn storage(config: &Config) -> Result<(), ConfigError> {
    let storage = &config.storage;
    check(!storage.path.as_os_str().is_empty(), "storage.path", "must not be empty")?;
    let batch = (1..=MAX_BATCH).contains(&storage.max_batch);
    check(batch, "storage.max_batch", format!("must be 1 to {MAX_BATCH}"))?;
    at_most(storage.linger, MAX_LINGER, "storage.linger")?;
    let limit = storage.stall_limit;
    check(limit.is_zero() || limit >= MIN_STALL_LIMIT, "storage.stall_limit", "must be 0s or at least 5s")?;
    at_most(limit, MAX_STALL_LIMIT, "storage.stall_limit")
}

fn clock(config: &Config) -> Result<(), ConfigError> {
    let after = config.clock.follow_after;
    let counts = after.is_zero() || after >= MIN_FOLLOW_AFTER;
    check(counts, "clock.follow_after", "must be 0s or at least 1s")?;
    at_most(after, MAX_FOLLOW_AFTER, "clock.follow_after")
}

fn payment(config: &Config) -> Result<(), ConfigError> {
    at_most(config.payment.cool_down, MAX_COOL_DOWN, "payment.cool_down")?;
    let pay_within = config.payment.pay_within;
    // Times have milliseconds: a shorter time to pay would be none, and its orders due at no time at all.
    let counts = pay_within.is_zero() || pay_within >= MIN_PAY_WITHIN;
    check(counts, "payment.pay_within", "must be 0s or at least 1ms")?;
    at_most(pay_within, MAX_PAY_WITHIN, "payment.pay_within")
}

/// Whom buyers pay, and by what the payment page can tell that the amount is ours.
fn pay_page(loaded: &Loaded) -> Result<(), ConfigError> {
    let (key, payment) = ("payment.pay_url", &loaded.config.payment);
    if payment.pay_url.is_empty() {
        return Ok(());
    }
    let is_development = loaded.mode == Mode::Development;
    let template = PayUrl::parse(&payment.pay_url, is_development).map_err(|reason| ConfigError::new(key, reason))?;
    // In development mode the secret is made later, and whoever needs no secret has not read them.
    let has_key = !payment.pay_key().is_empty() || is_development || !loaded.is_whole();
    let reason = "has {signature} in it, which needs payment.pay_url_secret or payment.webhook_secret";
    check(!template.is_signed() || has_key, key, reason)
}

fn gate(config: &Config) -> Result<(), ConfigError> {
    let gate = &config.gate;
    for (window, key) in [(gate.address.window, "gate.address.window"), (gate.throttle.window, "gate.throttle.window")]
    {
        at_most(window, MAX_THROTTLE_WINDOW, key)?;
        check(window.is_zero() || window >= MIN_REDIS_TIME, key, "must be 0s or at least 1ms")?;
    }
    // Not a number is in no range, so this refuses it as well.
    let factor = (0.0..=MAX_POOL_FACTOR).contains(&gate.pool.factor);
    check(factor, "gate.pool.factor", format!("must be 0 to {MAX_POOL_FACTOR}"))?;
    check(gate.bucket.rate <= MAX_RATE, "gate.bucket.rate", format!("must be at most {MAX_RATE}"))?;
    check(gate.bucket.burst <= MAX_RATE, "gate.bucket.burst", format!("must be at most {MAX_RATE}"))?;
    check(gate.bucket.burst == 0 || gate.bucket.rate > 0, "gate.bucket.burst", "needs gate.bucket.rate")
}

fn redis(loaded: &Loaded) -> Result<(), ConfigError> {
    let (config, redis) = (&loaded.config, &loaded.config.redis);
    check(redis.timeout >= MIN_REDIS_TIME, "redis.timeout", "must be at least 1ms")?;
    at_most(redis.timeout, MAX_REDIS_TIMEOUT, "redis.timeout")?;
    let visible = redis.prefix.bytes().all(|byte| byte.is_ascii_graphic());
    let reason = format!("must be at most {MAX_REDIS_PREFIX} visible ASCII characters");
    check(visible && redis.prefix.len() <= MAX_REDIS_PREFIX, "redis.prefix", reason)?;
    let pair = redis.tls_certificate_file.is_some() == redis.tls_key_file.is_some();
    check(pair, "redis.tls_certificate_file", "needs redis.tls_key_file, and the other way round")?;
    // Who does not use the address need not be able to read its file.
    let reachable = config.feed.redis_stream.is_none() || redis.url.is_some() || loaded.is_given("redis.url");
    check(reachable, "feed.redis_stream", "needs redis.url")
}

fn webhook(loaded: &Loaded) -> Result<(), ConfigError> {
    let webhook = &loaded.config.webhook;
    check(webhook.timeout >= MIN_WEBHOOK_TIMEOUT, "webhook.timeout", "must be at least 1s")?;
    at_most(webhook.timeout, MAX_WEBHOOK_TIMEOUT, "webhook.timeout")?;
    let concurrency = (1..=MAX_WEBHOOK_CONCURRENCY).contains(&webhook.concurrency);
    check(concurrency, "webhook.concurrency", format!("must be 1 to {MAX_WEBHOOK_CONCURRENCY}"))?;
    check(webhook.retry_for >= MIN_RETRY_FOR, "webhook.retry_for", "must be at least 1s")?;
    at_most(webhook.retry_for, MAX_RETRY_FOR, "webhook.retry_for")?;
    let form = "must be `whsec_` and base64 of 24 to 64 random bytes: echo whsec_$(openssl rand -base64 32)";
    for (key, secret) in [("webhook.secret", &webhook.secret), ("webhook.previous_secret", &webhook.previous_secret)] {
        check(secret.is_empty() || signing_key(secret).is_some(), key, form)?;
    }
    let current = webhook.previous_secret.is_empty() || !webhook.secret.is_empty();
    check(current, "webhook.previous_secret", "needs webhook.secret, which takes its place")?;
    let is_for_https = webhook.url.as_ref().is_none_or(super::WebhookUrl::is_encrypted);
    let reason = "needs an https:// address in webhook.url";
    check(webhook.tls_ca_file.is_none() || is_for_https, "webhook.tls_ca_file", reason)?;
    // Development mode uses no given secret and sends nothing; who only asks need not read the secret.
    let signs = webhook.url.is_some() && loaded.is_whole() && loaded.mode == Mode::Production;
    check(!signs || !webhook.secret.is_empty(), "webhook.secret", format!("must be set: webhook.url is; it {form}"))
}

fn inventory(config: &Config) -> Result<(), ConfigError> {
    let inventory = &config.inventory;
    check(!inventory.path.as_os_str().is_empty(), "inventory.path", "must not be empty")?;
    check(inventory.rate <= MAX_RATE, "inventory.rate", format!("must be at most {MAX_RATE}"))?;
    let reachable = match &inventory.source {
        InventorySource::Pull(_) => true,
        InventorySource::Redis => config.feed.redis_stream.is_some(),
    };
    check(reachable, "inventory.source", "redis needs redis.url and feed.redis_stream")
}

/// What the chosen way of identification cannot do without, in any mode.
fn identity(config: &Config) -> Result<(), ConfigError> {
    match (config.auth.mode, config.auth.jwt_algorithm) {
        (AuthMode::Header, _) => {
            let trusted = !config.server.trusted_proxies.is_empty();
            check(trusted, "server.trusted_proxies", "must not be empty: auth.mode is header, so nobody could buy")
        }
        (AuthMode::Jwt, _) if config.auth.jwt_jwks_file.is_some() => key_set(config),
        (AuthMode::Jwt, JwtAlgorithm::Hs256) => Ok(()),
        (AuthMode::Jwt, JwtAlgorithm::Es256 | JwtAlgorithm::EdDsa | JwtAlgorithm::Rs256) => public_key(config),
    }?;
    let claim = config.auth.jwt_user_claim.as_str();
    let reason = format!("must be a claim that can name a buyer, none of {}", NAMELESS_CLAIMS.join(", "));
    check(!claim.is_empty() && !NAMELESS_CLAIMS.contains(&claim), "auth.jwt_user_claim", reason)
}

fn key_set(config: &Config) -> Result<(), ConfigError> {
    let (key, auth) = ("auth.jwt_jwks_file", &config.auth);
    check(auth.jwt_public_key_file.is_none(), key, "cannot be given together with auth.jwt_public_key_file")?;
    let Some(path) = &auth.jwt_jwks_file else { return Ok(()) };
    File::open(path).map(drop).map_err(|error| ConfigError::new(key, format!("cannot be read: {error}")))
}

fn public_key(config: &Config) -> Result<(), ConfigError> {
    let key = "auth.jwt_public_key_file";
    let path = config.auth.jwt_public_key_file.as_ref();
    let needed = format!("must be set: auth.jwt_algorithm is {}", config.auth.jwt_algorithm);
    let path = path.ok_or_else(|| ConfigError::new(key, needed))?;
    File::open(path).map(drop).map_err(|error| {
        let reason = format!("{} cannot be read: {error}", shown(path));
        ConfigError::new(key, reason)
    })
}

/// What a start would find missing, beside what it reads itself: the data file where none may be made, and the folder
/// of the port file.
///
/// # Errors
/// The first that is missing.
pub fn look_at_files(loaded: &Loaded) -> Result<(), ConfigError> {
    let (storage, server) = (&loaded.config.storage, &loaded.config.server);
    let reason = format!("{} is missing, and storage.create is false: is its volume mounted?", shown(&storage.path));
    check(storage.create || storage.path.exists(), "storage.path", reason)?;
    let Some(path) = &server.port_file else { return Ok(()) };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let reason = format!("{} cannot be written: {} is no folder", shown(path), shown(folder));
    check(folder.is_dir(), "server.port_file", reason)
}

fn secrets(config: &Config) -> Result<(), ConfigError> {
    let auth = &config.auth;
    strong("auth.jwt_secret", &auth.jwt_secret)?;
    strong("auth.jwt_previous_secret", &auth.jwt_previous_secret)?;
    let (payment, providers) = (&config.payment, &config.providers);
    let (stripe, standard, wechat) = (&providers.stripe, &providers.standard, &providers.wechat);
    for (key, previous, current) in [
        ("auth.jwt_previous_secret", &auth.jwt_previous_secret, &auth.jwt_secret),
        ("auth.admin_previous_token", &auth.admin_previous_token, &auth.admin_token),
        ("payment.webhook_previous_secret", &payment.webhook_previous_secret, &payment.webhook_secret),
        ("payment.stripe.previous_secret", &stripe.previous_secret, &stripe.secret),
        ("payment.standard.previous_secret", &standard.previous_secret, &standard.secret),
        ("payment.wechat.previous_api_v3_key", &wechat.previous_api_v3_key, &wechat.api_v3_key),
    ] {
        let replacement = key.replace("previous_", "");
        let reason = format!("needs {replacement}, which takes its place");
        check(previous.is_empty() || !current.is_empty(), key, reason)?;
        if key.starts_with("payment.") {
            strong(key, previous)?;
            strong(&replacement, current)?;
        }
    }
    strong("payment.pay_url_secret", &config.payment.pay_url_secret)?;
    for (key, token) in [
        ("auth.admin_token", &auth.admin_token),
        ("auth.admin_previous_token", &auth.admin_previous_token),
        ("feed.token", &config.feed.token),
    ] {
        strong(key, token)?;
        let visible = token.expose().bytes().all(|byte| byte.is_ascii_graphic());
        check(visible, key, "must be visible ASCII: it travels in a header")?;
    }
    Ok(())
}

/// What a command cannot do without.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Run the server.
    Serve,
    /// Sign tokens of buyers.
    Sign,
    /// Ask the operations listener.
    Operate,
    /// Take entries from where `inventory.source` says.
    Pull,
}

/// The secrets that `purposes` use: the others need not even be readable.
#[must_use]
pub fn wanted(purposes: &[Purpose]) -> Wanted {
    let lists = purposes.iter().map(|purpose| match purpose {
        Purpose::Serve => None,
        Purpose::Sign => Some(&["auth.jwt_secret"][..]),
        Purpose::Operate => Some(&["auth.admin_token"][..]),
        Purpose::Pull => Some(&["feed.token", "auth.admin_token"][..]),
    });
    let lists: Wanted = lists.collect();
    let address = purposes.contains(&Purpose::Pull).then_some(&["redis.url"][..]);
    lists.map(|lists| lists.into_iter().chain(address).collect())
}

/// Checks that the secrets which `purpose` needs are there.
///
/// # Errors
/// All that are missing, and what can be done about it.
pub fn demand(loaded: &Loaded, purpose: Purpose) -> Result<(), ConfigError> {
    let config = &loaded.config;
    let auth = &config.auth;
    let signs = auth.mode == AuthMode::Jwt && auth.jwt_algorithm == JwtAlgorithm::Hs256 && auth.jwt_jwks_file.is_none();
    let buyers = ("auth.jwt_secret", config.auth.jwt_secret.is_empty() && signs);
    let admin = ("auth.admin_token", config.auth.admin_token.is_empty());
    let pulls = matches!(config.inventory.source, InventorySource::Pull(_));
    let feed = ("feed.token", pulls && config.feed.token.is_empty() && config.auth.admin_token.is_empty());
    let needed = match purpose {
        Purpose::Serve => vec![buyers, admin],
        Purpose::Sign => vec![buyers],
        Purpose::Operate => vec![admin],
        Purpose::Pull => vec![feed],
    };
    let missing: Vec<_> = needed.into_iter().filter(|(_, is_missing)| *is_missing).map(|(key, _)| key).collect();
    let reason = format!(
        "must be set, with at least {MIN_SECRET_BYTES} bytes, in production mode ({}): give it, for example with --set \
         {}_file=PATH, or try things out with generated secrets: --dev",
        loaded.cause,
        missing.first().unwrap_or(&""),
    );
    check(missing.is_empty(), &missing.join(", "), reason)
}

/// Refuses a secret that can be guessed; one that is not set is not guessed either.
pub(super) fn strong(key: &str, secret: &Secret) -> Result<(), ConfigError> {
    if secret.is_empty() {
        return Ok(());
    }
    // Blanks around it are often an accident of a file, and nothing that makes it harder to guess.
    let text = secret.expose().trim();
    check(text.len() >= MIN_SECRET_BYTES, key, format!("must have at least {MIN_SECRET_BYTES} bytes"))?;
    let distinct = text.chars().collect::<std::collections::BTreeSet<_>>().len();
    let reason = format!("is too easy to guess: fewer than {MIN_DISTINCT_CHARACTERS} distinct characters");
    check(distinct >= MIN_DISTINCT_CHARACTERS, key, reason)?;
    let lower = text.to_lowercase();
    let known = WELL_KNOWN.iter().any(|word| lower.contains(word));
    check(!known, key, "is too easy to guess: contains a word of examples")
}
