//! **Job:** the public listener: buyers and the payment provider.
//! **Owns:** which path and method is answered by which function.
//! **Never:** knows what is behind a route.

pub mod cors;
pub mod events;
pub mod items;
pub mod orders;
pub mod pay_page;
pub mod payments;
pub mod rate_limits;
pub mod request_checks;
pub mod storefront;
pub mod trace_sampler;

use std::rc::Rc;
use std::sync::Arc;

use actix_web::HttpRequest;
use actix_web::web::{self, ServiceConfig};
use doorbuster_actors::request::Reason;

use crate::config::{BasePath, Mode};
use crate::http::not_found;
use crate::http::problem::{self, ASKED, BODY, NAMED, PARAMETERS, PARTED, PURCHASE, Problem, STEP, WRITTEN};
use crate::http::problem_pages;
use crate::http::route::{Access, GET_AND_HEAD, OPEN, Table, anybody};

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

/// For buyers. Who has no token still hears which methods there are: nothing is hidden here.
const BUYER: Access = Access { keys: &["buyer"], check: anybody, identify: |request| known_buyer(request) };

/// For the payment provider, likewise.
const PROVIDER: Access = Access { keys: &["provider"], check: anybody, identify: anybody };

fn known_buyer(request: &HttpRequest) -> Result<(), Problem> {
    let state: &AtApi = request.app_data().expect("the listener is opened with its state");
    state.orders.identity.of(request).map(drop)
}

/// The public routes.
pub fn table(mode: Mode) -> Table {
    // In the order in which they are looked for: what the crowd does comes first.
    let table = Table::new(GET_AND_HEAD, problem::ANY)
        .behind(BUYER)
        .on(orders::__path_place, orders::place, &[NAMED, BODY, PURCHASE, WRITTEN])
        .behind(OPEN)
        .on(items::__path_read, items::read, &[NAMED])
        .on(items::__path_list, items::list, &[PARAMETERS, PARTED])
        .behind(BUYER)
        .on(orders::__path_list, orders::list, &[PARAMETERS, PARTED, ASKED])
        .on(orders::__path_read, orders::read, &[NAMED, ASKED])
        .on(orders::__path_cancel, orders::cancel, &[NAMED, STEP, WRITTEN])
        .on(events::__path_stream, events::stream, &[NAMED, ASKED, &[Reason::Throttled]])
        .behind(PROVIDER)
        .on(payments::__path_receive, payments::receive, &[NAMED, BODY, STEP, WRITTEN])
        .on(payments::__path_notify, payments::notify, &[NAMED, BODY, STEP, WRITTEN]);
    let table = table
        .behind(OPEN)
        .file("/", storefront::list)
        .file("/items/{item_id}", storefront::item)
        .file("/assets/{version}/{path:.*}", storefront::asset)
        .file(problem_pages::INDEX, problem_pages::index)
        .file(problem_pages::PAGE, problem_pages::explain);
    match mode {
        Mode::Production => table,
        Mode::Development => table.on(storefront::__path_guest, storefront::guest, &[]),
    }
}

/// The public listener, below a path that may be empty.
pub fn routes(mode: Mode, base_path: &BasePath, config: &mut ServiceConfig) {
    if base_path.is_empty() {
        table(mode).serve(config);
    } else {
        config.service(web::scope(base_path.as_str()).configure(|config| table(mode).serve(config)));
    }
    config.default_service(web::to(not_found));
}
