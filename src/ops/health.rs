//! **Job:** says whether the process lives and whether it can sell.
//! **Owns:** the checks behind `/readyz`.
//! **Never:** waits for anything.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use actix_web::{HttpResponse, web};
use doorbuster_actors::sale::{SaleView, StorageState};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::OpsState;

/// What can keep a server from selling.
pub struct Health {
    /// The sale.
    pub sale: Arc<SaleView>,
    /// Set when the house closes.
    pub closing: Arc<AtomicBool>,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Verbosity {
    /// Show the checks; any value, or none.
    verbose: Option<String>,
}

/// How the server is.
#[derive(Serialize, ToSchema)]
#[schema(as = Health)]
struct Report {
    /// `live`; `ready` or `not ready`.
    status: &'static str,
    /// The checks one by one, if asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    checks: Option<[Check; 3]>,
}

/// One thing that can keep a server from selling.
#[derive(Serialize, ToSchema)]
struct Check {
    /// `open`: the house is not closing; `cores`: all threads are there; `storage`: the ledger can be written.
    name: &'static str,
    ok: bool,
}

/// The process answers.
#[utoipa::path(get, path = "/livez", operation_id = "livez", tag = "health",
    responses((status = 200, description = "It lives.", body = Report)))]
pub(super) async fn live() -> HttpResponse {
    HttpResponse::Ok().json(Report { status: "live", checks: None })
}

/// The same as `/livez`, under the name that some balancers expect.
#[utoipa::path(get, path = "/healthz", operation_id = "healthz", tag = "health",
    responses((status = 200, description = "It lives.", body = Report)))]
pub(super) async fn alias() -> HttpResponse {
    live().await
}

/// Whether the server can sell.
#[utoipa::path(get, path = "/readyz", operation_id = "readyz", tag = "health", params(Verbosity),
    responses((status = 200, description = "It can.", body = Report),
        (status = 503, description = "It cannot, now.", body = Report)))]
pub(super) async fn ready(state: web::ThinData<OpsState>, verbosity: web::Query<Verbosity>) -> HttpResponse {
    let checks = state.health.checks();
    let is_ready = checks.iter().all(|check| check.ok);
    let status = if is_ready { "ready" } else { "not ready" };
    let mut response = if is_ready { HttpResponse::Ok() } else { HttpResponse::ServiceUnavailable() };
    response.json(Report { status, checks: verbosity.verbose.is_some().then_some(checks) })
}

impl Health {
    fn checks(&self) -> [Check; 3] {
        [
            Check { name: "open", ok: !self.closing.load(Ordering::Relaxed) },
            Check { name: "cores", ok: self.sale.is_started() },
            Check { name: "storage", ok: self.sale.status.storage() == StorageState::Open },
        ]
    }
}
