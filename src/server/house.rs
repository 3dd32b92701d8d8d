//! **Job:** builds the house, floor by floor, and closes it in the opposite order.
//! **Owns:** every part that lives as long as the server.
//! **Never:** knows what a request is.

use std::net::{SocketAddr, TcpListener};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use actix::{Addr, Arbiter};
use actix_web::dev::ServerHandle;
use actix_web::middleware::from_fn;
use actix_web::{App, web};
use doorbuster_actors::batch::BatchPolicy;
use doorbuster_actors::cores::Cores;
use doorbuster_actors::directory::Directory;
use doorbuster_actors::drill::Slowed;
use doorbuster_actors::ids::Core;
use doorbuster_actors::observe::{CoreCounters, WriterCounters};
use doorbuster_actors::order_writer::{Drain, OrderWriter};
use doorbuster_actors::permit;
use doorbuster_actors::stock::{LatePayment, Stock, Terms};
use doorbuster_actors::watchers::Watchers;

use super::ServeError;
use super::closing::{self, Signals};
use super::descriptors;
use super::housekeeping::{Chores, Housekeeping};
use super::listener;
use super::operations;
use super::stockroom::Stockroom;
use super::threads::{Common, Seats};
use crate::config::{self, Config, Layout, Loaded, Mode};
use crate::feed::Feed;
use crate::feed::redis::{Relay, RelaySettings};
use crate::gate::Shared;
use crate::gate::bucket::{BucketSize, LocalBucket};
use crate::gate::funnel::Funnel;
use crate::gate::pool::PoolReturns;
use crate::gate::redis::{Redis, RedisLink, RedisSettings};
use crate::gate::retries::Retries;
use crate::gate::throttle::LocalThrottle;
use crate::http;
use crate::http::connection::{Connections, Limits};
use crate::http::events;
use crate::http::identity::Identity;
use crate::http::negotiation::{self, Doorman};
use crate::http::order_view::Shown;
use crate::http::problem::query_config;
use crate::http::responses::Responses;
use crate::http::storefront::Storefront;

/// Questions inside the house at once: a fraction of the purchases, which must not wait behind them.
const MAX_READS: usize = 4_096;

/// Bytes that one client may leave unread on our side: more than two of our largest answers.
const MAX_UNFLUSHED: usize = 4 << 20;

/// The same of all clients. Past it those that have been stuck longest are closed.
const MAX_UNFLUSHED_TOTAL: usize = 256 << 20;

/// A running server.
pub(super) struct House {
    pub(super) listen: SocketAddr,
    pub(super) ops_listen: SocketAddr,
    pub(super) directory: Arc<Directory>,
    cores: Arc<Cores>,
    closing: Arc<AtomicBool>,
    responses: Arc<Vec<Arc<Responses>>>,
    public: ServerHandle,
    operations: ServerHandle,
    feed: Arc<Feed>,
    relay: Option<Relay>,
    writer: Addr<OrderWriter>,
    writer_thread: Arbiter,
    core_threads: Vec<Arbiter>,
    housekeeping: Housekeeping,
}

impl House {
    /// Bottom-up: ledger, recovery, writer, cores, gate, doors.
    pub(super) fn build(loaded: &Loaded, slowed: Option<Slowed>) -> Result<Self, ServeError> {
        let config = &loaded.config;
        let identity = Arc::new(Identity::new(&config.auth, &config.server.trusted_proxies)?);
        let redis = open_redis(config)?;
        let descriptors = descriptors::raise_limit();
        let limits = limits(config, descriptors)?;
        let public_socket = listener::bind("server.listen", config.server.listen)?;
        let ops_socket = listener::bind("server.ops_listen", config.server.ops_listen)?;
        let (listen, ops_listen) = (public_socket.local_addr()?, ops_socket.local_addr()?);

        let mut room = Stockroom::open(loaded)?;
        let workers = workers(config);
        // One guest is the thread of the operations listener.
        let guests = 1 + if config.server.layout == Layout::Beside { workers } else { 0 };
        let cores = Arc::new(Cores::new(workers, guests));
        let directory = Arc::new(room.directory(&cores));
        let stocks = room.by_core(&cores);
        let names = room.ledger.names();
        let closing = Arc::new(AtomicBool::new(false));
        let writer_thread = Arbiter::new();
        let common = equip(loaded, room, &cores, &directory, &closing, &writer_thread, identity, redis);
        let common = Common { slowed, streams: events::limits(limits.connections), ..common };
        let housekeeping = Housekeeping::start(Chores {
            throttle: Arc::clone(&common.throttle),
            writer: Arc::clone(&common.writer_counters),
            clock: common.clock,
            names,
        })?;

        let feed = Arc::new(Feed::open(&config.storage.path, common.writer_counters.last_seq())?);
        let relay = start_relay(config, &feed)?;
        let operations = operations::open((ops_socket, listen), descriptors, loaded, &common, &closing, &feed)?;
        let (writer, responses) = (common.writer.clone(), Arc::clone(&common.responses));
        let (core_threads, seats) = place(common, config.server.layout, stocks);
        let public =
            open_public(public_socket, (usize::from(workers), loaded.mode), Arc::new(seats), &closing, limits)?;
        Ok(Self {
            listen,
            ops_listen,
            directory,
            cores,
            closing,
            responses,
            public,
            operations,
            feed,
            relay,
            writer,
            writer_thread,
            core_threads,
            housekeeping,
        })
    }

    /// Waits until every thread has taken its seat: from then on a purchase finds its counter.
    pub(super) async fn staffed(&self) {
        while !self.cores.is_complete() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// Top-down: readiness off, doors closed, those inside answered, ledger written and closed.
    pub(super) async fn close(self, signals: &mut Signals) -> Result<(), ServeError> {
        self.closing.store(true, Ordering::Relaxed);
        // Stops accepting at once; its future would also wait for idle connections, which nobody needs.
        let stopping = actix_web::rt::spawn(self.public.stop(true));
        closing::quiet(&self.responses, signals).await;
        stopping.abort();
        // Who waits for an entry is answered; the files of the feed are closed before the ledger's, which ends last.
        self.feed.close();
        drop(self.relay);
        #[expect(clippy::disallowed_methods, reason = "nobody is inside any more; the last letter is awaited")]
        let drained = self.writer.send(Drain).await;
        drop(self.housekeeping);
        self.operations.stop(false).await;
        for thread in self.core_threads {
            thread.stop();
        }
        self.writer_thread.stop();
        match drained {
            Ok(closed) => closed?,
            Err(gone) => tracing::error!(%gone, "the writer had ended before it was told to"),
        }
        tracing::info!("closed");
        Ok(())
    }
}

fn workers(config: &Config) -> u16 {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let workers = if config.server.workers == 0 { cores } else { config.server.workers };
    u16::try_from(workers.min(256)).expect("at most 256")
}

fn open_redis(config: &Config) -> Result<Option<Arc<Redis>>, ServeError> {
    let Some(url) = &config.redis.url else { return Ok(None) };
    let settings = RedisSettings {
        url: url.expose().to_owned(),
        timeout: config.redis.timeout,
        on_error: config.redis.on_error,
        prefix: config.redis.prefix.clone(),
    };
    Ok(Some(Redis::new(&settings)?))
}

#[expect(clippy::too_many_arguments, reason = "the one place where the parts meet")]
fn equip(
    loaded: &Loaded,
    room: Stockroom,
    cores: &Arc<Cores>,
    directory: &Arc<Directory>,
    closing: &Arc<AtomicBool>,
    writer_thread: &Arbiter,
    identity: Arc<Identity>,
    redis: Option<Arc<Redis>>,
) -> Common {
    let config = &loaded.config;
    let house = permit::House::new(config.server.max_in_flight);
    let reads = permit::House::new(MAX_READS);
    let writer_counters = Arc::new(WriterCounters::default());
    let policy = BatchPolicy { max_entries: config.storage.max_batch, linger: config.storage.linger };
    let letters = house.capacity() + reads.capacity();
    let watchers = Arc::new(Watchers::default());
    let parts = (Arc::clone(cores), Arc::clone(&writer_counters), Arc::clone(&watchers));
    let writer = OrderWriter::new(room.ledger, policy, parts, letters);
    let writer = writer.open(&writer_thread.handle());
    let shared = Shared {
        house: Arc::clone(&house),
        used_keys: Arc::clone(&room.used_keys),
        retries: Arc::new(Retries::default()),
        writer: Arc::clone(&writer_counters),
        closing: Arc::clone(closing),
        clock: room.clock,
    };
    let bucket = BucketSize::new(config.gate.bucket.rate, config.gate.bucket.burst);
    let count = usize::from(cores.count());
    Common {
        cores: Arc::clone(cores),
        directory: Arc::clone(directory),
        writer,
        writer_counters,
        clock: room.clock,
        used_keys: room.used_keys,
        house,
        reads,
        shared,
        identity,
        throttle: Arc::new(LocalThrottle::new(config.gate.throttle.window)),
        pool: (config.gate.pool.factor > 0.0).then(|| (pool_returns(redis.as_ref()), config.gate.pool.factor)),
        bucket: bucket.map(|size| Arc::new(LocalBucket::new(size))),
        redis,
        terms: terms(config),
        watchers,
        webhook_secret: config.payment.webhook_secret.clone(),
        shown: Shown { durability: config.storage.durability.as_str() },
        storefront: Arc::new(Storefront::new(&config.auth, loaded.mode)),
        funnels: Arc::new((0..count).map(|_| Arc::new(Funnel::default())).collect()),
        responses: Arc::new((0..count).map(|_| Arc::new(Responses::default())).collect()),
        slowed: None,
        streams: events::limits(0),
        core_counters: Arc::new((0..count).map(|_| Arc::new(CoreCounters::default())).collect()),
    }
}

/// The terms of sale as the configuration says them.
fn terms(config: &Config) -> Terms {
    Terms {
        pay_within: (!config.payment.pay_within.is_zero()).then_some(config.payment.pay_within),
        late: match config.payment.late {
            config::LatePayment::Refund => LatePayment::Refund,
            config::LatePayment::Honour => LatePayment::Honour,
        },
        cool_down: config.payment.cool_down,
    }
}

/// Tokens go back to Redis from a task of this thread, off the way of purchases.
fn pool_returns(redis: Option<&Arc<Redis>>) -> PoolReturns {
    let Some(redis) = redis else { return PoolReturns::local() };
    let (returns, drain) = PoolReturns::to_redis();
    actix_web::rt::spawn(drain.run(RedisLink::new(Arc::clone(redis))));
    returns
}

/// Gives the items to threads of their own, or leaves them for the workers.
fn place(common: Common, layout: Layout, stocks: Vec<Vec<Stock>>) -> (Vec<Arbiter>, Seats) {
    match layout {
        Layout::Shared => (Vec::new(), Seats::new(common, layout, stocks)),
        Layout::Beside => {
            let host = |(core, stocks): (u16, Vec<Stock>)| {
                let (thread, common) = (Arbiter::new(), common.clone());
                thread.spawn_fn(move || drop(common.host(Core(core), stocks)));
                thread
            };
            let threads = (0..).zip(stocks).map(host).collect();
            (threads, Seats::new(common, layout, Vec::new()))
        }
    }
}

/// What the clients of the public listener may have.
fn limits(config: &Config, descriptors: usize) -> Result<Limits, ServeError> {
    let server = &config.server;
    let connections = descriptors::public_connections(server.max_connections, descriptors)?;
    tracing::info!(connections, per_address = server.max_connections_per_address, "room for public connections");
    Ok(Limits {
        connections,
        per_address: server.max_connections_per_address,
        shared_addresses: server.trusted_proxies.clone(),
        write_stall: server.write_stall,
        unflushed: MAX_UNFLUSHED,
        unflushed_total: MAX_UNFLUSHED_TOTAL,
    })
}

fn open_public(
    socket: TcpListener,
    (workers, mode): (usize, Mode),
    seats: Arc<Seats>,
    closing: &Arc<AtomicBool>,
    limits: Limits,
) -> Result<ServerHandle, ServeError> {
    let closing = Arc::clone(closing);
    let app = move || {
        let (front, responses) = seats.take();
        let doorman = Rc::new(Doorman { closing: Arc::clone(&closing), responses });
        App::new()
            .app_data(query_config())
            .app_data(web::ThinData(front))
            .wrap(from_fn(move |request, next| negotiation::check(Rc::clone(&doorman), request, next)))
            .configure(|config| http::routes(mode, config))
    };
    listener::open("public", socket, workers, &Connections::new(limits), app)
}

fn start_relay(config: &Config, feed: &Arc<Feed>) -> Result<Option<Relay>, ServeError> {
    let (Some(url), Some(stream)) = (&config.redis.url, &config.feed.redis_stream) else { return Ok(None) };
    let settings = RelaySettings { url: url.expose().to_owned(), stream: stream.clone() };
    Ok(Some(Relay::start(&settings, feed)?))
}
