//! **Job:** `GET /docs`: the OpenAPI document for people, without the internet.
//! **Owns:** which files the page is made of, and what it may load.
//! **Never:** shows the document to who has no token: the page asks for one.

use std::sync::Arc;

use actix_web::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS};
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse};
use utoipa_swagger_ui::Config;

use crate::http::problem::Problem;

/// What the page may load. The style sheet of Swagger UI has pictures as `data:`; styles in the markup it does without.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
                      connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Our own files: name, media type, bytes.
const OURS: &[(&str, &str, &[u8])] = &[
    ("index.html", "text/html; charset=utf-8", include_bytes!("../../data/web/docs/index.html")),
    ("start.js", "text/javascript; charset=utf-8", include_bytes!("../../data/web/docs/start.js")),
    ("page.css", "text/css; charset=utf-8", include_bytes!("../../data/web/docs/page.css")),
];

/// The files of Swagger UI that the page needs.
const SWAGGER_UI: &[&str] = &["swagger-ui.css", "swagger-ui-bundle.js", "favicon-32x32.png"];

/// `GET /docs`.
pub(super) async fn page() -> HttpResponse {
    answer("index.html")
}

/// `GET /docs/{file}`.
pub(super) async fn file(request: HttpRequest) -> HttpResponse {
    answer(request.match_info().get("file").unwrap_or_default())
}

fn answer(name: &str) -> HttpResponse {
    let Some((media_type, bytes)) = find(name) else { return Problem::not_found().respond() };
    HttpResponse::Ok()
        .content_type(media_type)
        .insert_header((CACHE_CONTROL, "no-cache"))
        .insert_header((CONTENT_SECURITY_POLICY, POLICY))
        .insert_header((REFERRER_POLICY, "no-referrer"))
        .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .body(bytes)
}

fn find(name: &str) -> Option<(String, Bytes)> {
    if let Some((_, media_type, bytes)) = OURS.iter().find(|(ours, ..)| *ours == name) {
        return Some(((*media_type).to_owned(), Bytes::from_static(bytes)));
    }
    let name = SWAGGER_UI.iter().find(|theirs| **theirs == name)?;
    let file = utoipa_swagger_ui::serve(name, Arc::new(Config::default())).ok().flatten()?;
    Some((file.content_type, file.bytes.into_owned().into()))
}
