//! **Job:** shows what every layer did with the purchase attempts, from the first to the ledger.
//! **Owns:** the route.
//! **Never:** counts: it reads what the layers counted.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;

use super::OpsState;
use super::telemetry::views::LayerView;

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
pub(super) async fn read(state: web::ThinData<OpsState>, request: HttpRequest) -> HttpResponse {
    match state.authorize(&request) {
        Ok(()) => HttpResponse::Ok().json(Funnel { layers: state.telemetry.layers() }),
        Err(problem) => problem.respond(),
    }
}
