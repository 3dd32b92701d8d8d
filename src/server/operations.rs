//! **Job:** opens the operations listener.
//! **Owns:** what its handlers are equipped with.
//! **Never:** answers a request.

use std::net::{SocketAddr, TcpListener};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use actix_web::dev::ServerHandle;
use actix_web::middleware::from_fn;
use actix_web::web::Bytes;
use actix_web::{App, web};

use super::ServeError;
use super::descriptors::ops_connections;
use super::listener;
use super::threads::Common;
use crate::config::{Config, Loaded};
use crate::feed::Feed;
use crate::http::connection::{Connections, Limits};
use crate::http::problem::query_config;
use crate::ops;
use crate::ops::auth_failures;
use crate::ops::events::Snapshots;
use crate::ops::metrics::Metrics;
use crate::ops::observed::Observed;
use crate::ops::observed::process::Process;

/// Bytes that one client may leave unread on our side: the description of the interface comes in files of megabytes.
const MAX_UNFLUSHED: usize = 16 << 20;

/// The same of all clients.
const MAX_UNFLUSHED_TOTAL: usize = 64 << 20;

/// Opens the listener, with one worker.
pub(super) fn open(
    (socket, public): (TcpListener, SocketAddr),
    descriptors: usize,
    loaded: &Loaded,
    common: &Common,
    closing: &Arc<AtomicBool>,
    feed: &Arc<Feed>,
) -> Result<ServerHandle, ServeError> {
    let config = &loaded.config;
    let observed = Arc::new(observed(config, common, closing, feed));
    let openapi = ops::openapi::document(public, loaded.mode);
    let limits = Limits {
        connections: ops_connections(descriptors),
        per_address: 0,
        shared_addresses: Vec::new(),
        write_stall: config.server.write_stall,
        unflushed: MAX_UNFLUSHED,
        unflushed_total: MAX_UNFLUSHED_TOTAL,
    };
    let (config, common) = (config.clone(), common.clone());
    let app = move || {
        let desk = equip(&config, &common, &observed, &openapi);
        let failures = Arc::clone(&observed.auth_failures);
        App::new()
            .app_data(query_config())
            .app_data(web::ThinData(desk))
            .wrap(from_fn(move |request, next| auth_failures::slow(Arc::clone(&failures), request, next)))
            .configure(ops::routes)
    };
    listener::open("operations", socket, 1, &Connections::new(limits), app)
}

/// What the handlers of the worker that calls work with.
fn equip(config: &Config, common: &Common, observed: &Arc<Observed>, openapi: &Bytes) -> ops::Desk {
    let health = ops::health::Health {
        cores: Arc::clone(&common.cores),
        writer: Arc::clone(&common.writer_counters),
        closing: Arc::clone(&observed.closing),
    };
    let (directory, clerk) = (Arc::clone(&common.directory), common.operations());
    let items = ops::items::Items {
        directory: Arc::clone(&directory),
        cores: Arc::clone(&common.cores),
        clock: common.clock,
        clerk: clerk.clone(),
        creating: Arc::default(),
    };
    let orders = ops::orders::Orders { directory: Arc::clone(&directory), clerk: clerk.clone(), shown: common.shown };
    ops::Desk {
        admin_token: Rc::new(config.auth.admin_token.clone()),
        feed_token: Rc::new(config.feed.token.clone()),
        health: Rc::new(health),
        snapshots: Rc::new(Snapshots::of(Arc::clone(observed))),
        metrics: Rc::new(Metrics::of(Arc::clone(observed), config.ops.public_metrics)),
        observed: Arc::clone(observed),
        items: Rc::new(items),
        orders: Rc::new(orders),
        invariants: Rc::new(ops::invariants::Invariants { directory, clerk }),
        feed: Arc::clone(&observed.feed),
        pages: Rc::default(),
        openapi: openapi.clone(),
    }
}

fn observed(config: &Config, common: &Common, closing: &Arc<AtomicBool>, feed: &Arc<Feed>) -> Observed {
    Observed {
        started: Instant::now(),
        clock: common.clock,
        directory: Arc::clone(&common.directory),
        house: Arc::clone(&common.house),
        mailbox_capacity: common.letters(),
        funnels: Arc::clone(&common.funnels),
        cores: Arc::clone(&common.core_counters),
        responses: Arc::clone(&common.responses),
        writer: Arc::clone(&common.writer_counters),
        feed: Arc::clone(feed),
        redis: common.redis.clone(),
        data_file: config.storage.path.clone(),
        durability: common.shown.durability,
        closing: Arc::clone(closing),
        auth_failures: Arc::default(),
        process: Process::this(),
    }
}
