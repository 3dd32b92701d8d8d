//! **Job:** `GET /openapi.json`: both listeners, described in OpenAPI 3.1.
//! **Owns:** what is said once for all routes: title, tags, keys, servers.
//! **Never:** names a route: the tables that serve them are asked.

use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse, web};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{Server, ServerBuilder};
use utoipa::{Modify, OpenApi};

use super::OpsState;
use super::snapshot::Snapshot;
use crate::api;
use crate::config::Mode;
use crate::http::problem::Document;
use crate::http::schemas;

/// What is said once.
#[derive(OpenApi)]
#[openapi(
    info(title = "Doorbuster", description = "A flash sale on one node: never oversold, no acknowledged order lost, \
        every request answered. A refusal is a problem document (RFC 9457), told apart by its `code`; its `type` is a \
        page that explains the code. Every answer has an `X-Request-Id`. Money is an integer in minor units, times are \
        RFC 3339 in UTC with milliseconds. Static pages are not described."),
    tags(
        (name = "items", description = "What is for sale."),
        (name = "orders", description = "Buying, and a buyer's own orders."),
        (name = "payments", description = "The webhook of the payment provider."),
        (name = "owner", description = "Steering the sale."),
        (name = "observation", description = "What the server does."),
        (name = "feed", description = "What has been committed, for other systems."),
        (name = "health", description = "For whoever starts and balances the server."),
    ),
    components(schemas(Document<'_>, schemas::OrderStatus, Snapshot)),
    modifiers(&Keys),
)]
struct CommonSchemas;

/// What opens the doors of the tables.
struct Keys;

impl Modify for Keys {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let bearer = |format: Option<&str>, description: &str| {
            let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some(description));
            SecurityScheme::Http(match format {
                Some(format) => bearer.bearer_format(format).build(),
                None => bearer.build(),
            })
        };
        let signature = "HMAC-SHA256 of time and body: `t=<unix seconds>,v1=<hexadecimal digits>`.";
        let signature = ApiKeyValue::with_description("Doorbuster-Signature", signature);
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("buyer", bearer(Some("JWT"), "A token whose `sub` is the buyer's id."));
        components.add_security_scheme("provider", SecurityScheme::ApiKey(ApiKey::Header(signature)));
        components.add_security_scheme("admin", bearer(None, "`auth.admin_token`."));
        components.add_security_scheme("feed", bearer(None, "`feed.token`, if there is one."));
    }
}

/// The document. `public` is the URL of the public listener; the other one serves the document itself.
#[must_use]
pub fn document(public: &str, mode: Mode) -> Bytes {
    let server = |url: String, description| ServerBuilder::new().url(url).description(Some(description)).build();
    let public: Server = server(public.to_owned(), "public listener");
    let operations = server("/".to_owned(), "operations listener");
    let mut document = CommonSchemas::openapi();
    api::table(mode).describe(&mut document, &public);
    super::table().describe(&mut document, &operations);
    document.servers = Some(vec![public, operations]);
    document.to_json().expect("texts and numbers become JSON").into()
}

/// This document.
#[utoipa::path(get, path = "/openapi.json", operation_id = "read_openapi", tag = "observation",
    responses((status = 200, description = "OpenAPI 3.1.", body = Object)))]
pub(super) async fn read(state: web::ThinData<OpsState>, request: HttpRequest) -> HttpResponse {
    match state.authorize(&request) {
        Ok(()) => HttpResponse::Ok().content_type("application/json").body(state.openapi.clone()),
        Err(problem) => problem.respond(),
    }
}
