//! **Job:** says whether the process lives and whether it can sell.
//! **Owns:** `/livez` and `/readyz`, and which check each reason for a stop belongs to.
//! **Never:** waits for anything, or judges: it says the verdict that everybody says.

use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::OpsState;
use super::verdict::{Level, ReasonCode, Verdict};

/// The checks by their names, and the reasons for which each fails.
const CHECKS: [(&str, &[ReasonCode]); 6] = [
    ("open", &[ReasonCode::Closing]),
    ("cores", &[ReasonCode::Starting]),
    ("storage", STORAGE),
    ("writer", &[ReasonCode::CommitsStalled]),
    ("balance", &[ReasonCode::BalanceWrong]),
    ("gate", &[ReasonCode::GateClosed]),
];

const STORAGE: &[ReasonCode] =
    &[ReasonCode::StorageFull, ReasonCode::StorageLocked, ReasonCode::StorageMoved, ReasonCode::StorageStalled];

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Verbosity {
    /// Show the checks and the verdict; any value, or none.
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
    checks: Option<[Check; CHECKS.len()]>,
    /// How the sale is, and why, if asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    verdict: Option<Verdict>,
}

/// One thing that can keep a server from selling.
#[derive(Serialize, ToSchema)]
struct Check {
    /// `open`: the server is not closing; `cores`: all threads are there; `storage`: the ledger can be written;
    /// `writer`: it commits what waits; `balance`: no audit found an item that does not add up; `gate`: no layer
    /// needs a Redis that cannot be used.
    name: &'static str,
    ok: bool,
}

/// The process answers.
#[utoipa::path(get, path = "/livez", operation_id = "livez", tag = "health",
    responses((status = 200, description = "It lives.", body = Report)))]
pub(super) async fn live() -> HttpResponse {
    HttpResponse::Ok().json(Report { status: "live", checks: None, verdict: None })
}

/// The same as `/livez`, under the name that some balancers expect.
#[utoipa::path(get, path = "/healthz", operation_id = "healthz", tag = "health",
    responses((status = 200, description = "It lives.", body = Report)))]
pub(super) async fn alias() -> HttpResponse {
    live().await
}

/// Whether the server can sell: it cannot exactly while the verdict is `stopped`.
#[utoipa::path(get, path = "/readyz", operation_id = "readyz", tag = "health", params(Verbosity),
    responses((status = 200, description = "It can.", body = Report),
        (status = 503, description = "It cannot, now.", body = Report)))]
pub(super) async fn ready(state: web::ThinData<OpsState>, verbosity: web::Query<Verbosity>) -> HttpResponse {
    let verdict = state.monitor.verdict();
    let is_ready = verdict.level != Level::Stopped;
    let status = if is_ready { "ready" } else { "not ready" };
    let mut response = if is_ready { HttpResponse::Ok() } else { HttpResponse::ServiceUnavailable() };
    let is_verbose = verbosity.verbose.is_some();
    let checks = is_verbose.then(|| checks(&verdict));
    response.json(Report { status, checks, verdict: is_verbose.then_some(verdict) })
}

fn checks(verdict: &Verdict) -> [Check; CHECKS.len()] {
    CHECKS.map(|(name, reasons)| Check { name, ok: !reasons.iter().any(|reason| verdict.has(*reason)) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_for_a_stop_fails_one_check_and_no_other_reason_does() {
        for code in ReasonCode::ALL {
            let failed = CHECKS.iter().filter(|(_, reasons)| reasons.contains(code)).count();
            assert_eq!(failed, usize::from(code.level() == Level::Stopped), "{code:?}");
        }
    }
}
