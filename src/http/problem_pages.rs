//! **Job:** `/problems` and `/problems/{code}`: what the codes mean, for people and for programs.
//! **Owns:** how the table of codes is written as HTML and as JSON.
//! **Never:** says of a code what the table does not.

use std::sync::LazyLock;

use actix_web::http::header::{
    ACCEPT, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderMap, REFERRER_POLICY, VARY,
    X_CONTENT_TYPE_OPTIONS,
};
use actix_web::{HttpRequest, HttpResponse};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use doorbuster_actors::request::Reason;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::problem::Problem;
use super::problem::codes::{self, Code, Retry};

/// Where the list of them is.
pub(crate) const INDEX: &str = "/problems";

/// Where one of them is.
pub(crate) const PAGE: &str = "/problems/{code}";

/// In the page and not in a file of its own: the same page stands on every listener, whatever else is there.
const STYLE: &str = "body{font:1rem/1.5 system-ui,sans-serif;max-width:44rem;margin:2rem auto;padding:0 1rem;\
                     color-scheme:light dark}dt{font-weight:600;margin-top:.75rem}dd{margin:0}\
                     td,th{text-align:left;padding:.2rem 1rem .2rem 0;vertical-align:top}";

/// Nothing runs and nothing is fetched: the one style is named by its hash.
static POLICY: LazyLock<String> = LazyLock::new(|| {
    let hash = STANDARD.encode(Sha256::digest(STYLE));
    format!(
        "default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
});

/// A code, for programs.
#[derive(Serialize)]
struct Explained {
    #[serde(rename = "type")]
    kind: String,
    code: &'static str,
    title: &'static str,
    status: u16,
    when: &'static str,
    advice: &'static str,
    retryable: bool,
    members: &'static [&'static str],
}

#[derive(Serialize)]
struct List {
    problems: Vec<Explained>,
}

/// `GET /problems`.
pub(crate) async fn index(request: HttpRequest) -> HttpResponse {
    if wants_json(request.headers()) {
        return respond("application/json", json(&List { problems: codes::all().map(explained).collect() }));
    }
    let rows: String = codes::all().map(row).collect();
    let table = format!("<table><tr><th>code<th>status<th>meaning{rows}</table>");
    respond(HTML, page("Problems", &format!("<p>What an answer with a problem document (RFC 9457) means.</p>{table}")))
}

/// `GET /problems/{code}`.
pub(crate) async fn explain(request: HttpRequest) -> HttpResponse {
    let code = request.match_info().get("code").and_then(codes::named);
    match code {
        None => Problem::not_found().respond(),
        Some(code) if wants_json(request.headers()) => respond("application/json", json(&explained(code))),
        Some(code) => respond(HTML, page(Code::of(code).title, &text(code))),
    }
}

const HTML: &str = "text/html; charset=utf-8";

/// Whether JSON is asked for by its name, and pages are not.
fn wants_json(headers: &HeaderMap) -> bool {
    let ranges = headers.get_all(ACCEPT).flat_map(|value| value.to_str().unwrap_or_default().split(','));
    let names: Vec<_> = ranges.map(|range| range.split(';').next().unwrap_or_default().trim()).collect();
    let has = |wanted: &[&str]| names.iter().any(|name| wanted.iter().any(|wanted| name.eq_ignore_ascii_case(wanted)));
    has(&["application/json", "application/problem+json", "application/*"]) && !has(&["text/html", "text/*"])
}

fn json(body: &impl Serialize) -> Vec<u8> {
    super::json::written(body, 512)
}

fn explained(code: Reason) -> Explained {
    let Code { status, title, when, advice, retry, members } = *Code::of(code);
    let (kind, retryable) = (codes::link(code), retry == Retry::Later);
    Explained { kind, code: code.as_str(), title, status: status.as_u16(), when, advice, retryable, members }
}

/// Links are relative, because a proxy may serve all of this below a path.
fn row(code: Reason) -> String {
    let (name, Code { status, title, .. }) = (code.as_str(), Code::of(code));
    format!("<tr><td><a href=\"problems/{name}\"><code>{name}</code></a><td>{}<td>{title}", status.as_u16())
}

fn text(code: Reason) -> String {
    let Code { status, when, advice, retry, members, .. } = Code::of(code);
    let again = match retry {
        Retry::Later => "Yes, after the seconds in <code>Retry-After</code>.",
        Retry::No => "No: the same request gets the same answer while nothing else changes.",
    };
    let mut text = format!(
        "<dl><dt>Code<dd><code>{}</code><dt>Status<dd>{status}<dt>When<dd>{when}<dt>What to do<dd>{advice}\
         <dt>Try the same again?<dd>{again}",
        code.as_str()
    );
    if !members.is_empty() {
        let names: Vec<_> = members.iter().map(|name| format!("<code>{name}</code>")).collect();
        text.push_str(&format!("<dt>Members of its own<dd>{}", names.join(", ")));
    }
    text.push_str("</dl><p><a href=\"../problems\">All problems</a></p>");
    text
}

fn page(title: &str, content: &str) -> Vec<u8> {
    format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width\"><title>{title}</title><style>{STYLE}</style><h1>{title}</h1>{content}</html>\n"
    )
    .into_bytes()
}

fn respond(media_type: &str, body: Vec<u8>) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, media_type))
        .insert_header((CACHE_CONTROL, "public, max-age=3600"))
        .insert_header((CONTENT_SECURITY_POLICY, POLICY.as_str()))
        .insert_header((REFERRER_POLICY, "no-referrer"))
        .insert_header((VARY, "Accept"))
        .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .body(body)
}
