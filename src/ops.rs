//! **Job:** the operations listener.
//! **Owns:** its routes, and the check of the admin token in front of all but the open ones.
//! **Never:** serves a buyer.

pub mod funnel;
pub mod health;

use std::rc::Rc;

use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use doorbuster_actors::observe::Code;
use subtle::ConstantTimeEq as _;

use crate::config::Secret;
use crate::http::identity::bearer;
use crate::http::problem::Problem;
use crate::http::{not_found, only_get};

/// What the handlers of the operations listener work with.
#[derive(Clone)]
pub struct Desk {
    /// What opens everything.
    pub admin_token: Rc<Secret>,
    /// How the server is.
    pub health: Rc<health::Health>,
    /// What the layers counted.
    pub funnel: Rc<funnel::Counters>,
}

/// The routes of the operations listener.
pub fn routes(config: &mut ServiceConfig) {
    for path in ["/livez", "/healthz"] {
        config.service(web::resource(path).route(web::get().to(health::live)).default_service(web::to(only_get)));
    }
    config
        .service(web::resource("/readyz").route(web::get().to(health::ready)).default_service(web::to(only_get)))
        .service(web::resource("/funnel").route(web::get().to(funnel::read)).default_service(web::to(anything_else)))
        .default_service(web::to(anything_else));
}

async fn anything_else(desk: web::ThinData<Desk>, request: HttpRequest) -> HttpResponse {
    match desk.authorize(&request) {
        Ok(()) => not_found(request).await,
        Err(problem) => problem.respond(),
    }
}

impl Desk {
    /// Whether the request has the admin token. In constant time: how long the check takes says nothing about how much of
    /// a guess was right.
    pub fn authorize(&self, request: &HttpRequest) -> Result<(), Problem> {
        let given = bearer(request).unwrap_or_default().as_bytes();
        let wanted = self.admin_token.expose().as_bytes();
        let is_right = !wanted.is_empty() && bool::from(given.ct_eq(wanted));
        is_right.then_some(()).ok_or_else(|| Problem::new(Code::Unauthenticated, "send the admin token"))
    }
}
