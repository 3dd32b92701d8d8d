//! **Job:** the inventory's own listener: whether it lives, what it counted, what it has.
//! **Owns:** its routes.
//! **Never:** changes anything, or asks the feed: with the sales stopped it serves what it has.

use std::sync::Arc;

use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use parking_lot::Mutex;
use serde_json::json;

use super::gauges::Gauges;
use super::reader::Reader;
use crate::http::{exposition, not_found, only_get, problem_pages};

/// What the handlers work with.
#[derive(Clone)]
pub(super) struct State {
    pub(super) gauges: Arc<Gauges>,
    pub(super) reader: Arc<Mutex<Reader>>,
}

/// The routes.
pub(super) fn routes(config: &mut ServiceConfig) {
    config
        .service(route("/livez", web::get().to(live), web::head().to(live)))
        .service(route("/metrics", web::get().to(metrics), web::head().to(metrics)))
        .service(route("/stock", web::get().to(stock), web::head().to(stock)))
        .service(route(problem_pages::INDEX, web::get().to(problem_pages::index), web::head().to(problem_pages::index)))
        .service(route(
            problem_pages::PAGE,
            web::get().to(problem_pages::explain),
            web::head().to(problem_pages::explain),
        ))
        .default_service(web::to(not_found));
}

fn route(path: &str, get: actix_web::Route, head: actix_web::Route) -> actix_web::Resource {
    web::resource(path).route(get).route(head).default_service(web::to(only_get))
}

/// `GET /livez`: `503` with the reason once the feed has turned out to be another ledger's.
async fn live(state: web::ThinData<State>) -> HttpResponse {
    match state.gauges.refusal() {
        None => HttpResponse::Ok().json(json!({ "status": "live" })),
        Some(reason) => HttpResponse::ServiceUnavailable().json(json!({ "status": "refused", "reason": reason })),
    }
}

async fn metrics(state: web::ThinData<State>, request: HttpRequest) -> HttpResponse {
    exposition::answer(request.headers(), state.gauges.text())
}

/// `GET /stock`: everything as of one moment. `lag` is null until the feed has said how long it is.
async fn stock(state: web::ThinData<State>) -> HttpResponse {
    let stock = match state.reader.lock().stock() {
        Ok(stock) => stock,
        Err(reason) => {
            tracing::error!(%reason, "the stock cannot be read");
            return HttpResponse::ServiceUnavailable().json(json!({ "status": "the data file cannot be read" }));
        }
    };
    HttpResponse::Ok().json(json!({
        "cursor": stock.cursor,
        "lag": state.gauges.lag(stock.cursor),
        "dead_letters": stock.dead_letters,
        "items": stock.items,
    }))
}
