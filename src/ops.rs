//! **Job:** the operations listener.
//! **Owns:** its routes, and the check of the admin token in front of all but the open ones.
//! **Never:** serves a buyer.

pub mod actors;
pub mod auth_failures;
pub mod events;
pub mod export;
pub mod feed;
pub mod funnel;
pub mod health;
pub mod invariants;
mod item_view;
pub mod items;
pub mod journal;
pub mod metrics;
pub mod monitor;
pub mod openapi;
mod operator;
pub mod orders;
pub mod pages;
mod paging;
pub mod payments;
pub mod snapshot;
mod steering;
pub mod telemetry;
pub mod tokens;
pub mod verdict;
pub mod webhook;

use std::rc::Rc;
use std::sync::Arc;

use actix_web::web::{self, Bytes, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use doorbuster_actors::request::Reason;

use crate::export::Downloads;
use crate::feed::Feed;
use crate::http::not_found;
use crate::http::problem::Problem;
use crate::http::problem::{
    ANY_OF_OPERATIONS, ASKED, BODY, CLOSED, KEPT, NAMED, PARAMETERS, STEP, WITHDRAWAL, WRITTEN,
};
use crate::http::problem_pages;
use crate::http::route::{Access, GET_AND_HEAD, Table, anybody};
use crate::webhook::Webhook;

/// What the handlers of the operations listener work with.
#[derive(Clone)]
pub struct OpsState {
    /// What opens it.
    pub tokens: Arc<tokens::Tokens>,
    /// How the sale is.
    pub monitor: Arc<monitor::Monitor>,
    /// Everything that is observed.
    pub telemetry: Arc<telemetry::Telemetry>,
    /// The stream of snapshots of it.
    pub snapshots: Rc<events::Snapshots>,
    /// The same for Prometheus.
    pub metrics: Rc<metrics::Metrics>,
    /// Steering items.
    pub items: Rc<items::Items>,
    /// Paging through orders.
    pub orders: Rc<orders::Orders>,
    /// What is on record about payments.
    pub payments: Rc<payments::Payments>,
    /// What was done to the sale.
    pub journal: Rc<journal::Journal>,
    /// Orders and payments as files.
    pub downloads: Arc<Downloads>,
    /// Whether the books add up.
    pub invariants: Rc<invariants::Invariants>,
    /// The committed entries.
    pub feed: Arc<Feed>,
    /// Order events for the shop, if it wants them.
    pub webhook: Option<Arc<Webhook>>,
    /// What a browser gets.
    pub pages: Rc<pages::Pages>,
    /// The description of both listeners.
    pub openapi: Bytes,
}

/// For the owner. Who has no token does not hear which methods there are.
const ADMIN: Access = Access { keys: &["admin"], check: authorized, identify: anybody };

/// For consumers of the feed, and the owner.
const FEED: Access = Access { keys: &["feed", "admin"], check: may_read_feed, identify: anybody };

/// The routes of the operations listener.
pub fn table() -> Table {
    Table::new(GET_AND_HEAD, ANY_OF_OPERATIONS)
        .on(health::__path_live, health::live, &[])
        .on(health::__path_alias, health::alias, &[])
        .on(health::__path_ready, health::ready, &[])
        .file("/", pages::dashboard)
        .file("/assets/{version}/{path:.*}", pages::asset)
        .file("/docs", pages::docs)
        .file("/docs/{file}", pages::docs_file)
        .file(problem_pages::INDEX, problem_pages::index)
        .file(problem_pages::PAGE, problem_pages::explain)
        .behind(FEED)
        .on(feed::__path_read, feed::read, &[PARAMETERS, ASKED, &[Reason::NotAcceptable, Reason::StorageUnavailable]])
        .behind(ADMIN)
        .on(actors::__path_read, actors::read, &[PARAMETERS])
        .on(funnel::__path_read, funnel::read, &[])
        .on(invariants::__path_read, invariants::read, &[PARAMETERS, NAMED, ASKED])
        .on(events::__path_stream, events::stream, &[&[Reason::Overloaded]])
        .on(metrics::__path_read, metrics::read, &[])
        .on(openapi::__path_read, openapi::read, &[])
        .on(orders::__path_page, orders::page, &[PARAMETERS, ASKED])
        .on(orders::__path_find, orders::find, &[NAMED, ASKED])
        .on(orders::__path_cancel, orders::cancel, &[NAMED, STEP, BODY, WRITTEN])
        .on(payments::__path_page, payments::page, &[PARAMETERS, ASKED, &[Reason::StorageUnavailable]])
        .on(payments::__path_refunded, payments::refunded, &[NAMED, STEP, BODY, WRITTEN])
        .on(journal::__path_page, journal::page, &[PARAMETERS, ASKED, &[Reason::StorageUnavailable]])
        .on(items::__path_page, items::page, &[PARAMETERS])
        .on(items::__path_read, items::read, &[NAMED])
        .on(export::__path_orders, export::orders, &[PARAMETERS, &[Reason::Overloaded]])
        .on(export::__path_payments, export::payments, &[PARAMETERS, &[Reason::Overloaded]])
        .on(items::__path_put, items::put, &[BODY, STEP, WRITTEN])
        .on(items::__path_delete, items::delete, &[NAMED, BODY, STEP, WRITTEN])
        .on(steering::__path_restock, steering::restock, &[NAMED, CLOSED, BODY, WRITTEN])
        .on(steering::__path_withdraw, steering::withdraw, &[NAMED, WITHDRAWAL, BODY, WRITTEN])
        .on(steering::__path_pause, steering::pause, &[NAMED, CLOSED, BODY, WRITTEN])
        .on(steering::__path_resume, steering::resume, &[NAMED, CLOSED, BODY, WRITTEN])
        .on(steering::__path_close, steering::close, &[NAMED, BODY, WRITTEN])
        .on(steering::__path_reopen, steering::reopen, &[NAMED, BODY, WRITTEN])
        .on(steering::__path_hide, steering::hide, &[NAMED, BODY, WRITTEN])
        .on(steering::__path_show, steering::show, &[NAMED, BODY, WRITTEN])
        .on(webhook::__path_deliveries, webhook::deliveries, &[PARAMETERS, KEPT])
        .on(webhook::__path_replay, webhook::replay, &[BODY, STEP, KEPT])
        .on(webhook::__path_retry, webhook::retry, &[NAMED, STEP, KEPT])
}

/// The operations listener. All but health and files need a token, whatever the path and the method.
pub fn routes(config: &mut ServiceConfig) {
    table().serve(config);
    config.default_service(web::to(anything_else));
}

fn authorized(request: &HttpRequest) -> Result<(), Problem> {
    desk_of(request).authorize(request)
}

fn may_read_feed(request: &HttpRequest) -> Result<(), Problem> {
    feed::authorize(desk_of(request), request)
}

fn desk_of(request: &HttpRequest) -> &OpsState {
    request.app_data::<web::ThinData<OpsState>>().expect("the listener is opened with its state")
}

async fn anything_else(state: web::ThinData<OpsState>, request: HttpRequest) -> HttpResponse {
    match state.authorize(&request) {
        Ok(()) => not_found(request).await,
        Err(problem) => problem.respond(),
    }
}

impl OpsState {
    /// Whether the request has the admin token.
    pub fn authorize(&self, request: &HttpRequest) -> Result<(), Problem> {
        let is_right = self.tokens.open_everything(request);
        is_right.then_some(()).ok_or_else(|| Problem::new(Reason::Unauthenticated, "send the admin token"))
    }
}
