//! **Job:** the operations listener.
//! **Owns:** its routes, and the check of the admin token in front of all but the open ones.
//! **Never:** serves a buyer.

pub mod actors;
pub mod events;
pub mod feed;
pub mod funnel;
pub mod health;
pub mod invariants;
pub mod items;
pub mod metrics;
pub mod observed;
pub mod orders;
pub mod snapshot;

use std::rc::Rc;
use std::sync::Arc;

use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use doorbuster_actors::observe::Code;
use subtle::ConstantTimeEq as _;

use crate::config::Secret;
use crate::feed::Feed;
use crate::http::identity::bearer;
use crate::http::problem::Problem;
use crate::http::{not_found, only_get};

/// What the handlers of the operations listener work with.
#[derive(Clone)]
pub struct Desk {
    /// What opens everything.
    pub admin_token: Rc<Secret>,
    /// What opens the feed as well; may be empty.
    pub feed_token: Rc<Secret>,
    /// How the server is.
    pub health: Rc<health::Health>,
    /// Everything that is observed.
    pub observed: Arc<observed::Observed>,
    /// The stream of snapshots of it.
    pub snapshots: Rc<events::Snapshots>,
    /// The same for Prometheus.
    pub metrics: Rc<metrics::Metrics>,
    /// Steering items.
    pub items: Rc<items::Items>,
    /// Paging through orders.
    pub orders: Rc<orders::Orders>,
    /// Whether the books add up.
    pub invariants: Rc<invariants::Invariants>,
    /// The committed entries.
    pub feed: Arc<Feed>,
}

/// The routes of the operations listener. All but the first three need the admin token, whatever the method.
pub fn routes(config: &mut ServiceConfig) {
    for path in ["/livez", "/healthz"] {
        config.service(web::resource(path).route(web::get().to(health::live)).default_service(web::to(only_get)));
    }
    config
        .service(web::resource("/readyz").route(web::get().to(health::ready)).default_service(web::to(only_get)))
        .service(guarded("/actors", web::get().to(actors::read), "GET"))
        .service(guarded("/events", web::get().to(events::stream), "GET"))
        .service(guarded("/metrics", web::get().to(metrics::read), "GET"))
        .service(guarded("/funnel", web::get().to(funnel::read), "GET"))
        .service(guarded("/invariants", web::get().to(invariants::read), "GET"))
        .service(guarded("/v1/admin/orders", web::get().to(orders::page), "GET"))
        .service(guarded("/v1/admin/items/{item_id}", web::put().to(items::put), "PUT"))
        .service(guarded("/v1/admin/items/{item_id}/restock", web::post().to(items::restock), "POST"))
        .service(guarded("/v1/admin/items/{item_id}/pause", web::post().to(items::pause), "POST"))
        .service(guarded("/v1/admin/items/{item_id}/resume", web::post().to(items::resume), "POST"))
        .service(guarded("/v1/admin/items/{item_id}/close", web::post().to(items::close), "POST"))
        .service(web::resource("/v1/feed").route(web::get().to(feed::read)).default_service(web::to(feed::other)))
        .default_service(web::to(anything_else));
}

/// A resource with one route. Who has no token does not hear which methods there are.
fn guarded(path: &'static str, route: actix_web::Route, allow: &'static str) -> actix_web::Resource {
    let other_method = move |desk: web::ThinData<Desk>, request: HttpRequest| async move {
        match desk.authorize(&request) {
            Ok(()) => Problem::method_not_allowed(allow).respond(),
            Err(problem) => problem.respond(),
        }
    };
    web::resource(path).route(route).default_service(web::to(other_method))
}

async fn anything_else(desk: web::ThinData<Desk>, request: HttpRequest) -> HttpResponse {
    match desk.authorize(&request) {
        Ok(()) => not_found(request).await,
        Err(problem) => problem.respond(),
    }
}

impl Desk {
    /// Whether the request has the admin token.
    pub fn authorize(&self, request: &HttpRequest) -> Result<(), Problem> {
        let is_right = carries(request, &self.admin_token);
        is_right.then_some(()).ok_or_else(|| Problem::new(Code::Unauthenticated, "send the admin token"))
    }
}

/// Whether the request has this token, and there is one. In constant time: how long the check takes says nothing about
/// how much of a guess was right.
fn carries(request: &HttpRequest, token: &Secret) -> bool {
    let given = bearer(request).unwrap_or_default().as_bytes();
    let wanted = token.expose().as_bytes();
    !wanted.is_empty() && bool::from(given.ct_eq(wanted))
}
