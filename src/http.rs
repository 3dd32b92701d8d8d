//! **Job:** the front door: the route table of the public listener.
//! **Owns:** which path and method is answered by which function.
//! **Never:** knows what is behind a route.

pub mod body;
pub mod clerk;
pub mod events;
pub mod identity;
pub mod items;
pub mod negotiation;
pub mod order_view;
pub mod orders;
pub mod payments;
pub mod problem;
pub mod responses;
pub mod sampler;
pub mod wire;

use std::rc::Rc;

use actix_web::http::Method;
use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};

use problem::Problem;

/// What the handlers of a worker work with.
#[derive(Clone)]
pub struct Front {
    /// Reading items.
    pub items: Rc<items::Items>,
    /// Placing and reading orders.
    pub orders: Rc<orders::Orders>,
    /// Taking payment events.
    pub payments: Rc<payments::Payments>,
    /// Pushing orders.
    pub events: Rc<events::Events>,
}

/// The public routes.
pub fn routes(config: &mut ServiceConfig) {
    config
        .service(web::resource("/v1/items").route(get(items::list)).default_service(web::to(only_get)))
        .service(web::resource("/v1/items/{item_id}").route(get(items::read)).default_service(web::to(only_get)))
        .service(
            web::resource("/v1/items/{item_id}/orders")
                .route(web::post().to(orders::place))
                .default_service(web::to(only_post)),
        )
        .service(web::resource("/v1/orders").route(get(orders::list)).default_service(web::to(only_get)))
        .service(web::resource("/v1/orders/{order_id}").route(get(orders::read)).default_service(web::to(only_get)))
        .service(
            web::resource("/v1/orders/{order_id}/cancel")
                .route(web::post().to(orders::cancel))
                .default_service(web::to(only_post)),
        )
        .service(
            web::resource("/v1/orders/{order_id}/events").route(get(events::stream)).default_service(web::to(only_get)),
        )
        .service(
            web::resource("/v1/payments/events")
                .route(web::post().to(payments::receive))
                .default_service(web::to(only_post)),
        )
        .default_service(web::to(not_found));
}

/// `GET`, and `HEAD` as RFC 9110 wants it: the same without the body.
fn get<F, Args>(handler: F) -> actix_web::Route
where
    F: actix_web::Handler<Args>,
    Args: actix_web::FromRequest + 'static,
    F::Output: actix_web::Responder + 'static,
{
    let is_read = |method: &Method| *method == Method::GET || *method == Method::HEAD;
    web::route().guard(actix_web::guard::fn_guard(move |context| is_read(&context.head().method))).to(handler)
}

pub(crate) async fn not_found(_request: HttpRequest) -> HttpResponse {
    Problem::not_found().respond()
}

pub(crate) async fn only_get(_request: HttpRequest) -> HttpResponse {
    Problem::method_not_allowed("GET, HEAD").respond()
}

pub(crate) async fn only_post(_request: HttpRequest) -> HttpResponse {
    Problem::method_not_allowed("POST").respond()
}
