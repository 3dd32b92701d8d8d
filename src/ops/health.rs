//! **Job:** says whether the process lives and whether it can sell.
//! **Owns:** the checks behind `/readyz`.
//! **Never:** waits for anything.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use actix_web::{HttpResponse, web};
use doorbuster_actors::cores::Cores;
use doorbuster_actors::observe::{StorageState, WriterCounters};
use serde::{Deserialize, Serialize};

use super::Desk;

/// What can keep a server from selling.
pub struct Health {
    /// The threads of the sale.
    pub cores: Arc<Cores>,
    /// The writer of the ledger.
    pub writer: Arc<WriterCounters>,
    /// Set when the house closes.
    pub closing: Arc<AtomicBool>,
}

#[derive(Deserialize)]
pub(super) struct Verbosity {
    verbose: Option<String>,
}

#[derive(Serialize)]
struct Check {
    name: &'static str,
    ok: bool,
}

/// `GET /livez`: the process answers.
pub(super) async fn live() -> HttpResponse {
    HttpResponse::Ok().json(serde_json::json!({ "status": "live" }))
}

/// `GET /readyz[?verbose]`: `200` if the server can sell, else `503`; the checks one by one if asked.
pub(super) async fn ready(desk: web::ThinData<Desk>, verbosity: web::Query<Verbosity>) -> HttpResponse {
    let checks = desk.health.checks();
    let is_ready = checks.iter().all(|check| check.ok);
    let mut body = serde_json::json!({ "status": if is_ready { "ready" } else { "not ready" } });
    if verbosity.verbose.is_some() {
        body["checks"] = serde_json::json!(checks);
    }
    let mut response = if is_ready { HttpResponse::Ok() } else { HttpResponse::ServiceUnavailable() };
    response.json(body)
}

impl Health {
    fn checks(&self) -> [Check; 3] {
        [
            Check { name: "open", ok: !self.closing.load(Ordering::Relaxed) },
            Check { name: "cores", ok: self.cores.is_complete() },
            Check { name: "storage", ok: self.writer.storage() == StorageState::Open },
        ]
    }
}
