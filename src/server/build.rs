//! **Job:** builds the server bottom-up, and closes it in the opposite order.
//! **Owns:** every part that lives as long as the server.
//! **Never:** knows what a request is.

use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use actix_web::middleware::from_fn;
use actix_web::{App, web};
use arc_swap::{ArcSwap, ArcSwapOption};
use doorbuster_actors::Sale;
use doorbuster_actors::data_file::Medium;
use doorbuster_actors::sale::InjectedDelay;
use tokio::sync::oneshot;

use super::ServeError;
use super::clock_watch::{self, Following};
use super::descriptors;
use super::file_watch::{self, Files};
use super::housekeeping;
use super::listener::{self, Listener, Passed, Terms};
use super::operations;
use super::sale;
use super::shutdown;
use super::socket::Socket;
use super::stall_watch;
use super::workers::{Shared, WorkerFactory};
use crate::api;
use crate::api::cors::Cors;
use crate::api::events;
use crate::api::pay_page::PayPage;
use crate::api::rate_limits::RateLimits;
use crate::api::request_checks::{self, RequestChecks};
use crate::api::storefront::Storefront;
use crate::auth::Identity;
use crate::background::Background;
use crate::config::{Config, Loaded, OpsAddress, StreamTrim};
use crate::feed::Feed;
use crate::feed::redis::{Relay, RelaySettings};
use crate::gate;
use crate::gate::bucket::{BucketSize, LocalBucket};
use crate::gate::funnel::Funnel;
use crate::gate::pool::PoolReturns;
use crate::gate::redis::{Redis, RedisLink, RedisSettings};
use crate::gate::single_flight::SingleFlight;
use crate::gate::throttle::LocalThrottle;
use crate::http::connection::Limits;
use crate::http::order_view::Shown;
use crate::http::query_config;
use crate::http::response_counters::ResponseCounters;
use crate::http::tls::Tls;
use crate::http::trusted_proxies::TrustedProxies;
use crate::ops::monitor::Monitor;
use crate::ops::telemetry::disk::Disk;
use crate::ops::tokens::Tokens;
use crate::payment::Keys;
use crate::redis_client::{Command, RedisAddress};
use crate::service_manager::watchdog::Watchdog;
use crate::signals::Signals;
use crate::webhook::Webhook;

/// Bytes that one client may leave unread on our side: more than two of our largest answers.
const MAX_UNFLUSHED: usize = 4 << 20;

/// How long a start waits for Redis to be tried out: one that answers does so at once.
const FIRST_TRY: Duration = Duration::from_secs(1);

/// The same of all clients. Past it those that have been stuck longest are closed.
const MAX_UNFLUSHED_TOTAL: usize = 256 << 20;

/// A running server.
pub(super) struct Server {
    pub(super) listen: SocketAddr,
    pub(super) ops_listen: OpsAddress,
    pub(super) sale: Arc<Sale>,
    pub(super) medium: Medium,
    pub(super) shared: Arc<Shared>,
    pub(super) monitor: Arc<Monitor>,
    public: Listener,
    operations: Listener,
    feed: Arc<Feed>,
    relay: Option<Relay>,
    pub(super) webhook: Option<Arc<Webhook>>,
    /// Redis was tried out once.
    tried_redis: Option<oneshot::Receiver<()>>,
    watches: [Background; 3],
}

impl Server {
    /// Bottom-up: sockets, sale, gate, listeners.
    pub(super) fn build(loaded: &Loaded, passed: Passed, slow: Option<InjectedDelay>) -> Result<Self, ServeError> {
        let config = &loaded.config;
        let (identity, payment_keys, tls) = (identity(loaded)?, Keys::read(config)?, listener::tls(config)?);
        let redis = open_redis(config)?;
        let tried_redis = watch_redis(redis.as_ref());
        let descriptors = descriptors::raise_limit();
        let limits = limits(config, descriptors)?;
        let (connections, per_address) = (limits.connections, limits.per_address);
        tracing::info!(connections, per_address, "room for public connections");
        let (public_socket, ops_socket, listen) = passed.or_bind(config)?;
        let ops_listen = ops_socket.address()?;

        let workers = workers(config);
        let sale = Arc::new(sale::open(loaded, workers, slow)?);
        clock_watch::look_at_start(&sale.view().clock);
        let medium = Medium::of(&config.storage.path);
        let shown = Shown { durability: sale::promised(config, &medium) };
        let streams = events::limits(limits.connections);
        let renewable = (Arc::new(identity), payment_keys, tls);
        let shared = Arc::new(share(loaded, (&sale, shown), workers, renewable, redis, streams));
        let disk = Arc::new(Disk::of(&config.storage.path));
        let watches = watch(config, &sale, &shared, &disk)?;
        let feed = Arc::new(Feed::open(&config.storage.path, sale.view().status.last_seq())?);
        let relay = start_relay(config, shared.redis.as_ref(), &feed)?;
        let webhook = Webhook::start(config, &sale.view().clock, &feed)?.map(Arc::new);
        let beside = (&feed, webhook.as_ref(), disk);
        let (operations, monitor) = operations::open((ops_socket, listen), descriptors, loaded, &shared, beside)?;
        let public = open_public(public_socket, loaded, usize::from(workers), &shared, limits)?;
        Ok(Self {
            listen,
            ops_listen,
            sale,
            medium,
            shared,
            monitor,
            public,
            operations,
            feed,
            relay,
            webhook,
            tried_redis,
            watches,
        })
    }

    /// Until Redis was tried out, or that takes too long.
    pub(super) async fn redis_tried(&mut self) {
        if let Some(tried) = self.tried_redis.take() {
            let _known_later = tokio::time::timeout(FIRST_TRY, tried).await;
        }
    }

    /// Top-down: readiness off, listeners closed, who is connected served and let go, ledger written and closed.
    pub(super) async fn close(self, signals: &mut Signals) -> Result<(), ServeError> {
        self.shared.draining.store(true, Ordering::Relaxed);
        shutdown::drain(&self.public, &self.shared.responses, signals).await;
        self.shared.gate.closing.store(true, Ordering::Relaxed);
        // Who waits for an entry is answered; the files of the feed are closed before the ledger's, which ends last.
        let (feed, relay, webhook) = (self.feed, self.relay, self.webhook);
        let close_feed = move || {
            feed.close();
            drop(relay);
            if let Some(webhook) = webhook {
                webhook.close();
            }
        };
        shutdown::in_time("the feed", close_feed).await;
        let closed = tokio::time::timeout(shutdown::CLOSE_PATIENCE, self.sale.close()).await;
        drop(self.watches);
        self.operations.pause().await;
        self.operations.stop().await;
        self.public.stop().await;
        closed.map_err(|_still_waiting| ServeError::Stalled(shutdown::CLOSE_PATIENCE))??;
        tracing::info!("closed");
        Ok(())
    }
}

/// What is looked after; what may hang with the disk, on threads of its own.
fn watch(config: &Config, sale: &Sale, shared: &Shared, disk: &Arc<Disk>) -> std::io::Result<[Background; 3]> {
    let view = || Arc::clone(sale.view());
    let following = Following { after: config.clock.follow_after, pay_within: config.payment.pay_within };
    let files = Files {
        sale: view(),
        names: sale.names().clone(),
        disk: Arc::clone(disk),
        identity: Arc::clone(&shared.identity),
    };
    Ok([
        housekeeping::start(shared.throttles(), view(), following)?,
        stall_watch::start(view(), config.storage.stall_limit)?,
        file_watch::start(files)?,
    ])
}

pub(super) fn workers(config: &Config) -> u16 {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let workers = if config.server.workers == 0 { cores } else { config.server.workers };
    u16::try_from(workers.min(256)).expect("at most 256")
}

/// Who is a buyer, by keys that may be in a file.
pub(super) fn identity(loaded: &Loaded) -> Result<Identity, ServeError> {
    let auth = &loaded.config.auth;
    let path = || auth.jwt_jwks_file.as_ref().or(auth.jwt_public_key_file.as_ref()).cloned().unwrap_or_default();
    Identity::new(loaded).map_err(|source| ServeError::Identity { path: path(), source })
}

pub(super) fn open_redis(config: &Config) -> Result<Option<Arc<Redis>>, ServeError> {
    let Some(address) = RedisAddress::of(&config.redis) else { return Ok(None) };
    let settings = RedisSettings {
        address,
        timeout: config.redis.timeout,
        on_error: config.redis.on_error,
        prefix: config.redis.prefix.clone(),
        commands: redis_commands(config),
    };
    Ok(Some(Redis::new(&settings)?))
}

/// The kinds of commands that layers and feed will send: only those may fail.
pub(super) fn redis_commands(config: &Config) -> Vec<Command> {
    let (gate, feed) = (&config.gate, &config.feed);
    let is_sent = |command: &Command| match command {
        Command::Throttle | Command::ThrottleWait => !gate.throttle.window.is_zero() || !gate.address.window.is_zero(),
        Command::ThrottleReturn => !gate.throttle.window.is_zero(),
        Command::PoolTake | Command::PoolReturn => gate.pool.factor > 0.0,
        Command::BucketLease => gate.bucket.rate > 0,
        Command::FeedLook | Command::FeedPublish | Command::FeedTrim => feed.redis_stream.is_some(),
        Command::FeedGroups => feed.redis_stream.is_some() && feed.redis_trim == StreamTrim::Acknowledged,
    };
    Command::ALL.into_iter().filter(is_sent).collect()
}

fn share(
    loaded: &Loaded,
    (sale, shown): (&Arc<Sale>, Shown),
    workers: u16,
    (identity, payment_keys, tls): (Arc<Identity>, Keys, Option<Arc<Tls>>),
    redis: Option<Arc<Redis>>,
    streams: doorbuster_actors::sale::Limits,
) -> Shared {
    let config = &loaded.config;
    let gate = gate::Shared {
        sale: Arc::clone(sale.view()),
        single_flight: Arc::new(SingleFlight::default()),
        closing: Arc::new(AtomicBool::new(false)),
    };
    Shared {
        sale: Arc::clone(sale),
        gate,
        cors: Arc::new(Cors::new(config.server.allowed_origins.clone())),
        identity,
        tls,
        throttle: Arc::new(LocalThrottle::new(config.gate.throttle.window)),
        throttle_scope: config.gate.throttle.scope,
        addresses: address_throttle(config),
        pool: (config.gate.pool.factor > 0.0).then(|| (pool_returns(redis.as_ref()), config.gate.pool.factor)),
        bucket: BucketSize::new(config.gate.bucket.rate, config.gate.bucket.burst)
            .map(|size| Arc::new(LocalBucket::new(size))),
        redis,
        payment_keys: Arc::new(ArcSwap::from_pointee(payment_keys)),
        ops_tokens: Arc::new(Tokens::new(config)),
        shown,
        pay_page: Arc::new(ArcSwapOption::new(PayPage::of(config, loaded.mode))),
        storefront: Arc::new(Storefront::new(&config.auth, loaded.mode)),
        funnels: Arc::new((0..workers).map(|_| Arc::new(Funnel::default())).collect()),
        responses: Arc::new((0..workers).map(|_| Arc::new(ResponseCounters::default())).collect()),
        streams,
        draining: Arc::new(AtomicBool::new(false)),
        watchdog: Watchdog::asked_for(),
        rate_limits: RateLimits::new(
            (config.gate.throttle.window, config.gate.address.window),
            config.gate.bucket.rate,
        ),
    }
}

/// None where it does not matter where attempts come from.
fn address_throttle(config: &Config) -> Option<Arc<LocalThrottle>> {
    let window = config.gate.address.window;
    (!window.is_zero()).then(|| Arc::new(LocalThrottle::new(window)))
}

/// Tokens go back to Redis from a task of this thread, off the way of purchases.
fn pool_returns(redis: Option<&Arc<Redis>>) -> PoolReturns {
    let Some(redis) = redis else { return PoolReturns::local() };
    let (returns, drain) = PoolReturns::to_redis();
    let link = RedisLink::new(Arc::clone(redis));
    link.stay_connected();
    actix_web::rt::spawn(drain.run(link));
    returns
}

/// What the clients of the public listener may have.
pub(super) fn limits(config: &Config, descriptors: usize) -> Result<Limits, ServeError> {
    let server = &config.server;
    let connections = descriptors::public_connections(server.max_connections, descriptors)?;
    Ok(Limits {
        connections,
        per_address: server.max_connections_per_address,
        shared_addresses: server.trusted_proxies.clone(),
        write_stall: server.write_stall,
        unflushed: MAX_UNFLUSHED,
        unflushed_total: MAX_UNFLUSHED_TOTAL,
        base_path: server.base_path.shared(),
    })
}

fn open_public(
    socket: Socket,
    loaded: &Loaded,
    count: usize,
    shared: &Arc<Shared>,
    limits: Limits,
) -> Result<Listener, ServeError> {
    let workers = Arc::new(WorkerFactory::new(Arc::clone(shared)));
    let (draining, cors, tls) = (Arc::clone(&shared.draining), Arc::clone(&shared.cors), shared.tls.clone());
    let (mode, server) = (loaded.mode, &loaded.config.server);
    let (keep_alive, base_path) = (server.keep_alive, server.base_path.clone());
    let proxies = TrustedProxies::new(&server.trusted_proxies).with_tls(tls.is_some());
    let app = move || {
        let (state, responses) = workers.equip();
        let (base_path, proxies) = (base_path.clone(), proxies.clone());
        let (draining, cors) = (Arc::clone(&draining), Arc::clone(&cors));
        let checks = Rc::new(RequestChecks { draining, cors, proxies, base_path: base_path.clone(), responses });
        App::new()
            .app_data(query_config())
            .app_data(web::ThinData(state))
            .wrap(from_fn(move |request, next| request_checks::check(Rc::clone(&checks), request, next)))
            .configure(move |config| api::routes(mode, &base_path, config))
    };
    listener::open("public", socket, count, Terms { limits, keep_alive, tls }, app)
}

fn start_relay(config: &Config, redis: Option<&Arc<Redis>>, feed: &Arc<Feed>) -> Result<Option<Relay>, ServeError> {
    let (Some(redis), Some(stream)) = (redis, config.redis_stream()) else { return Ok(None) };
    let settings = RelaySettings {
        client: Arc::clone(redis.client()),
        health: Arc::clone(redis.health()),
        stream,
        trim: config.feed.redis_trim,
    };
    Ok(Some(Relay::start(&settings, feed)?))
}

/// Finds out how Redis does, from now on; the first time before anybody can buy. One that is absent holds nothing up.
fn watch_redis(redis: Option<&Arc<Redis>>) -> Option<oneshot::Receiver<()>> {
    let (told, first_round) = oneshot::channel();
    actix_web::rt::spawn(gate::redis::watch(Arc::clone(redis?), told));
    Some(first_round)
}
