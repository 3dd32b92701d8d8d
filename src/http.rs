//! **Job:** the front access: the route table of the public listener.
//! **Owns:** which path and method is answered by which function.
//! **Never:** knows what is behind a route.

pub mod body;
pub mod client;
pub mod connection;
pub mod events;
pub mod hangup;
pub mod identity;
pub mod items;
pub(crate) mod json;
pub mod order_view;
pub mod orders;
pub(crate) mod pages;
pub mod payments;
pub mod problem;
pub mod refusals;
pub mod request_checks;
pub mod responses;
pub mod route;
pub mod sampler;
pub mod storefront;
pub mod words;

use std::rc::Rc;
use std::sync::Arc;

use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use doorbuster_actors::request::Reason;

use problem::Problem;
use refusals::{ASKED, BODY, NAMED, PARAMETERS, PURCHASE, STEP, WRITTEN};
use route::{Access, GET_AND_HEAD, OPEN, Table, anybody};

use crate::config::Mode;

/// What the handlers of a worker work with.
pub struct ApiState {
    /// Reading items.
    pub items: items::Items,
    /// Placing and reading orders.
    pub orders: orders::Orders,
    /// Taking payment events.
    pub payments: payments::Payments,
    /// Pushing orders.
    pub events: events::Events,
    /// The pages of the shop.
    pub storefront: Arc<storefront::Storefront>,
}

/// How a handler gets it: one count of references a request.
pub(crate) type AtApi = web::ThinData<Rc<ApiState>>;

/// For buyers. Who has no token still hears which methods there are: the door does not hide them.
const BUYER: Access = Access { keys: &["buyer"], check: anybody };

/// For the payment provider, likewise.
const PROVIDER: Access = Access { keys: &["provider"], check: anybody };

/// The public routes.
pub fn table(mode: Mode) -> Table {
    // In the order in which they are looked for: what the crowd does comes first.
    let table = Table::new(GET_AND_HEAD, refusals::ANY)
        .behind(BUYER)
        .on(orders::__path_place, orders::place, &[NAMED, BODY, PURCHASE, WRITTEN])
        .behind(OPEN)
        .on(items::__path_read, items::read, &[NAMED])
        .on(items::__path_list, items::list, &[PARAMETERS])
        .behind(BUYER)
        .on(orders::__path_list, orders::list, &[PARAMETERS, ASKED])
        .on(orders::__path_read, orders::read, &[NAMED, ASKED])
        .on(orders::__path_cancel, orders::cancel, &[NAMED, STEP, WRITTEN])
        .on(events::__path_stream, events::stream, &[NAMED, ASKED, &[Reason::Throttled]])
        .behind(PROVIDER)
        .on(payments::__path_receive, payments::receive, &[NAMED, BODY, STEP, WRITTEN]);
    let table = table
        .behind(OPEN)
        .file("/", storefront::list)
        .file("/items/{item_id}", storefront::item)
        .file("/assets/{version}/{path:.*}", storefront::asset);
    match mode {
        Mode::Production => table,
        Mode::Development => table.on(storefront::__path_guest, storefront::guest, &[]),
    }
}

/// The public listener.
pub fn routes(mode: Mode, config: &mut ServiceConfig) {
    table(mode).serve(config);
    config.default_service(web::to(not_found));
}

pub(crate) async fn not_found(_request: HttpRequest) -> HttpResponse {
    Problem::not_found().respond()
}

pub(crate) async fn only_get(_request: HttpRequest) -> HttpResponse {
    Problem::method_not_allowed("GET, HEAD").respond()
}
