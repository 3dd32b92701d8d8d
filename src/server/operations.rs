//! **Job:** opens the operations listener.
//! **Owns:** what its handlers are equipped with.
//! **Never:** answers a request.

use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use actix_web::middleware::from_fn;
use actix_web::web::Bytes;
use actix_web::{App, web};
use doorbuster_actors::payment::Provider;

use super::ServeError;
use super::descriptors::ops_connections;
use super::listener::{self, Listener, Terms};
use super::socket::Socket;
use super::workers::Shared;
use crate::config::{Config, Loaded};
use crate::export::Downloads;
use crate::feed::Feed;
use crate::http::connection::Limits;
use crate::http::order_view::Shown;
use crate::http::query_config;
use crate::http::request_context;
use crate::http::sale_client::SaleClient;
use crate::http::tls::Tls;
use crate::http::trusted_proxies::TrustedProxies;
use crate::ops;
use crate::ops::auth_failures;
use crate::ops::events::Snapshots;
use crate::ops::metrics::Metrics;
use crate::ops::monitor::Monitor;
use crate::ops::telemetry::Telemetry;
use crate::ops::telemetry::disk::Disk;
use crate::ops::telemetry::process::Process;
use crate::ops::tokens::Tokens;
use crate::webhook::Webhook;

/// Bytes that one client may leave unread on our side: the description of the interface comes in files of megabytes.
const MAX_UNFLUSHED: usize = 16 << 20;

/// The same of all clients.
const MAX_UNFLUSHED_TOTAL: usize = 64 << 20;

/// Opens the listener, with one worker; answers with who keeps the verdict.
pub(super) fn open(
    (socket, public): (Socket, SocketAddr),
    descriptors: usize,
    loaded: &Loaded,
    shared: &Shared,
    (feed, webhook, disk): (&Arc<Feed>, Option<&Arc<Webhook>>, Arc<Disk>),
) -> Result<(Listener, Arc<Monitor>), ServeError> {
    let config = &loaded.config;
    let scheme = scheme(shared.tls.as_deref());
    let telemetry = Arc::new(telemetry(shared, feed, webhook.cloned(), disk));
    let monitor = Arc::new(Monitor::of(Arc::clone(&telemetry)));
    let openapi = ops::openapi::document(&format!("{scheme}://{public}{}", config.server.base_path), loaded.mode);
    let proxies = TrustedProxies::new(&config.server.trusted_proxies);
    let limits = Limits {
        connections: ops_connections(descriptors),
        per_address: 0,
        shared_addresses: Vec::new(),
        write_stall: config.server.write_stall,
        unflushed: MAX_UNFLUSHED,
        unflushed_total: MAX_UNFLUSHED_TOTAL,
        base_path: None,
    };
    let keep_alive = config.server.keep_alive;
    let (config, sale, shown) = (config.clone(), Arc::clone(&shared.sale), shared.shown);
    let (tokens, watchdog) = (Arc::clone(&shared.ops_tokens), Arc::clone(&shared.watchdog));
    let watched = Arc::clone(&monitor);
    let app = move || {
        watchdog.watch_this_thread("operations");
        let client = SaleClient { handle: sale.guest() };
        let state = equip(&config, Arc::clone(&tokens), (client, shown), (&telemetry, &watched), &openapi);
        let (failures, proxies) = (Arc::clone(&telemetry.auth_failures), proxies.clone());
        App::new()
            .app_data(query_config())
            .app_data(web::ThinData(state))
            .wrap(from_fn(move |request, next| {
                auth_failures::slow((Arc::clone(&failures), proxies.clone()), request, next)
            }))
            .wrap(from_fn(request_context::carry))
            .configure(ops::routes)
    };
    let listener = listener::open("operations", socket, 1, Terms { limits, keep_alive, tls: None }, app)?;
    Ok((listener, monitor))
}

/// What the handlers of the worker that calls work with.
fn equip(
    config: &Config,
    tokens: Arc<Tokens>,
    (client, shown): (SaleClient, Shown),
    (telemetry, monitor): (&Arc<Telemetry>, &Arc<Monitor>),
    openapi: &Bytes,
) -> ops::OpsState {
    ops::OpsState {
        tokens,
        snapshots: Snapshots::start(Arc::clone(telemetry), Arc::clone(monitor)),
        metrics: Rc::new(Metrics::of(Arc::clone(telemetry), Arc::clone(monitor), config.ops.public_metrics)),
        telemetry: Arc::clone(telemetry),
        items: Rc::new(ops::items::Items { client: client.clone() }),
        orders: Rc::new(ops::orders::Orders { client: client.clone(), shown }),
        payments: Rc::new(ops::payments::Payments { client: client.clone(), feed: Arc::clone(&telemetry.feed) }),
        journal: Rc::new(ops::journal::Journal { feed: Arc::clone(&telemetry.feed) }),
        downloads: Arc::new(Downloads::of(config.storage.path.clone())),
        invariants: Rc::new(ops::invariants::Invariants { client, monitor: Arc::clone(monitor) }),
        monitor: Arc::clone(monitor),
        feed: Arc::clone(&telemetry.feed),
        webhook: telemetry.webhook.clone(),
        pages: Rc::default(),
        openapi: openapi.clone(),
    }
}

/// Those whose events are taken since the start, and our own format, which needs no more than a key.
fn providers(shared: &Shared) -> Vec<Provider> {
    let keys = shared.payment_keys.load();
    let is_used = |provider: &Provider| *provider == Provider::Own || keys.has(*provider);
    Provider::ALL.iter().copied().filter(is_used).collect()
}

/// How the addresses of a listener begin.
pub(super) fn scheme(tls: Option<&Tls>) -> &'static str {
    if tls.is_some() { "https" } else { "http" }
}

fn telemetry(shared: &Shared, feed: &Arc<Feed>, webhook: Option<Arc<Webhook>>, disk: Arc<Disk>) -> Telemetry {
    Telemetry {
        started: Instant::now(),
        sale: Arc::clone(shared.sale.view()),
        funnels: Arc::clone(&shared.funnels),
        responses: Arc::clone(&shared.responses),
        providers: providers(shared),
        feed: Arc::clone(feed),
        webhook,
        limits_addresses: shared.addresses.is_some(),
        redis: shared.redis.clone(),
        disk,
        tls: shared.tls.clone(),
        durability: shared.shown.durability,
        closing: Arc::clone(&shared.draining),
        auth_failures: Arc::default(),
        identity: Arc::clone(&shared.identity),
        process: Process::this(),
    }
}
