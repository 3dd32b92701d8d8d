//! **Job:** shows what every layer did with the purchase attempts, from the door to the ledger.
//! **Owns:** the route.
//! **Never:** counts: it reads what the layers counted.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;

use super::Desk;
use super::observed::views::LayerView;

/// What the layers did with the purchase attempts, outermost first.
#[derive(Serialize, ToSchema)]
struct Funnel {
    layers: Vec<LayerView>,
}

/// What every layer did with the purchase attempts.
///
/// The last layer's `out` is the number of confirmed orders.
#[utoipa::path(get, path = "/funnel", operation_id = "read_funnel", tag = "observation",
    responses((status = 200, description = "Counts since the start, outermost first.", body = Funnel)))]
pub(super) async fn read(desk: web::ThinData<Desk>, request: HttpRequest) -> HttpResponse {
    match desk.authorize(&request) {
        Ok(()) => HttpResponse::Ok().json(Funnel { layers: desk.observed.layers() }),
        Err(problem) => problem.respond(),
    }
}
