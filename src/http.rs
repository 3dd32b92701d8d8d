//! **Job:** what both listeners answer with.
//! **Owns:** connections, bodies, problem documents, views of items and orders, the table of routes.
//! **Never:** knows a route, or who is asking.

pub mod answer_times;
pub mod assets;
pub mod bearer;
pub mod body;
pub mod connection;
pub mod error_responses;
pub(crate) mod event_stream;
pub mod exposition;
pub mod hangup;
pub mod item_view;
pub(crate) mod json;
pub(crate) mod lookup;
pub mod negotiation;
pub mod order_view;
pub(crate) mod pages;
pub mod problem;
pub(crate) mod problem_pages;
mod query;
pub(crate) mod request_context;
pub mod response_counters;
pub mod route;
pub mod sale_client;
pub mod schemas;
pub mod tls;
pub mod trusted_proxies;

use actix_web::http::Method;
use actix_web::http::header::ALLOW;
use actix_web::{HttpRequest, HttpResponse};

use doorbuster_actors::request::Reason;

use problem::Problem;

pub(crate) async fn not_found(_request: HttpRequest) -> HttpResponse {
    Problem::not_found().respond()
}

pub(crate) async fn only_get(request: HttpRequest) -> HttpResponse {
    if request.method() == Method::OPTIONS {
        return HttpResponse::NoContent().insert_header((ALLOW, "GET, HEAD, OPTIONS")).finish();
    }
    Problem::method_not_allowed("GET, HEAD").respond()
}

/// What a query that cannot be read is answered with, on both listeners.
#[must_use]
pub fn query_config() -> actix_web::web::QueryConfig {
    actix_web::web::QueryConfig::default().error_handler(|error, _request| {
        let problem = Problem::new(Reason::Malformed, "the query cannot be read");
        actix_web::error::InternalError::from_response(error, problem.respond()).into()
    })
}
