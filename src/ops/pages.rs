//! **Job:** what a browser gets of the operations listener: the dashboard, and the OpenAPI document for people.
//! **Owns:** which files each of them is made of.
//! **Never:** shows a figure to who has no token: the pages ask for one, and are empty without.

use std::collections::BTreeMap;
use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, web};
use utoipa_swagger_ui::Config;

use super::OpsState;
use crate::http::assets::{self, File, Site};
use crate::http::pages::respond;
use crate::http::problem::Problem;

/// Our own files of the documentation.
const DOCS: [&str; 3] = ["index.html", "start.js", "page.css"];

/// The files of Swagger UI that it needs.
const SWAGGER_UI: [&str; 3] = ["swagger-ui.css", "swagger-ui-bundle.js", "favicon-32x32.png"];

/// The pages of the listener.
pub struct Pages {
    site: Site,
    dashboard: File,
    docs: BTreeMap<&'static str, File>,
}

impl Default for Pages {
    fn default() -> Self {
        let site = Site::new(&["dashboard", "shared", "vendor"]);
        let dashboard = site.page("dashboard/index.html", "./", &[]);
        let ours = DOCS.into_iter().filter_map(|name| Some((name, assets::file(&format!("docs/{name}"))?)));
        let theirs = SWAGGER_UI.into_iter().filter_map(|name| Some((name, of_swagger_ui(name)?)));
        let docs = ours.chain(theirs).collect();
        Self { site, dashboard, docs }
    }
}

fn of_swagger_ui(name: &str) -> Option<File> {
    let file = utoipa_swagger_ui::serve(name, Arc::new(Config::default())).ok().flatten()?;
    Some(assets::foreign(file.bytes, name))
}

/// `GET /`.
pub(super) async fn dashboard(state: web::ThinData<OpsState>, request: HttpRequest) -> HttpResponse {
    respond(&request, &state.pages.dashboard)
}

/// `GET /assets/{version}/{path}`.
pub(super) async fn asset(
    state: web::ThinData<OpsState>,
    request: HttpRequest,
    named: web::Path<(String, String)>,
) -> HttpResponse {
    let (version, path) = named.into_inner();
    answer(&request, state.pages.site.asset(&version, &path))
}

/// `GET /docs`.
pub(super) async fn docs(state: web::ThinData<OpsState>, request: HttpRequest) -> HttpResponse {
    answer(&request, state.pages.docs.get("index.html"))
}

/// `GET /docs/{file}`.
pub(super) async fn docs_file(state: web::ThinData<OpsState>, request: HttpRequest) -> HttpResponse {
    let name = request.match_info().get("file").unwrap_or_default();
    answer(&request, state.pages.docs.get(name))
}

fn answer(request: &HttpRequest, file: Option<&File>) -> HttpResponse {
    file.map_or_else(|| Problem::not_found().respond(), |file| respond(request, file))
}
