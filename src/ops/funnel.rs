//! **Job:** shows what every layer did with the purchase attempts, from the door to the ledger.
//! **Owns:** the route.
//! **Never:** counts: it reads what the layers counted.

use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::json;

use super::Desk;

/// `GET /funnel`: `{"layers": [{"name", "in", "out", "answered": {code: count}}]}`, outermost first.
pub(super) async fn read(desk: web::ThinData<Desk>, request: HttpRequest) -> HttpResponse {
    match desk.authorize(&request) {
        Ok(()) => HttpResponse::Ok().json(json!({ "layers": desk.observed.layers() })),
        Err(problem) => problem.respond(),
    }
}
