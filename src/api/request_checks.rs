//! **Job:** what every request must be before anybody looks at its route.
//! **Owns:** the checks of the protocol that the HTTP library leaves open.
//! **Never:** looks at a body.

use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::ConnectionType;
use actix_web::http::header::{ACCEPT, CONNECTION, HeaderMap, HeaderValue, LOCATION, ORIGIN};
use actix_web::middleware::Next;
use actix_web::{Error, HttpResponse};
use doorbuster_actors::request::Reason;

use super::cors::Cors;
use crate::config::BasePath;
use crate::http::problem::Problem;
use crate::http::problem_pages;
use crate::http::request_context::{self, RequestContext};
use crate::http::response_counters::ResponseCounters;
use crate::http::trusted_proxies::TrustedProxies;

/// Longest path with its query, in bytes: what proxies in front of us usually pass on.
pub const MAX_URI: usize = 8 * 1024;

/// What the check works with, on one worker.
pub struct RequestChecks {
    /// Set when the server has been told to end.
    pub draining: Arc<AtomicBool>,
    /// Whose pages may buy.
    pub cors: Arc<Cors>,
    /// Who is believed about the client.
    pub proxies: TrustedProxies,
    /// Below which path everything lives.
    pub base_path: BasePath,
    /// The requests and answers of this worker.
    pub responses: Arc<ResponseCounters>,
}

/// Refuses what no route takes, and lets no connection go on while the server
/// closes. Counts the requests inside, and the answers.
pub async fn check(
    checks: Rc<RequestChecks>,
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let _inside = checks.responses.enter();
    let context = RequestContext::of(request.headers(), checks.base_path.shared());
    let origin = request.headers().get(ORIGIN).cloned();
    let early = context.within(|| checks.early(&request));
    if let Some(early) = early.or_else(|| checks.cors.preflight(&request, &checks.proxies)) {
        let mut response = request.into_response(early);
        checks.finish(&context, origin.as_ref(), &mut response);
        return Ok(response.map_into_right_body());
    }
    let mut response = context.scope(next.call(request)).await?;
    checks.finish(&context, origin.as_ref(), &mut response);
    Ok(response.map_into_left_body())
}

impl RequestChecks {
    /// What every answer gets. While the server ends, it is the last one on its connection: who has more to ask
    /// connects to the next server.
    fn finish<B>(&self, context: &RequestContext, origin: Option<&HeaderValue>, response: &mut ServiceResponse<B>) {
        self.cors.mark(origin, response.headers_mut());
        context.close(response);
        self.responses.count(response.status().as_u16());
        if self.draining.load(Ordering::Relaxed) {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            response.response_mut().head_mut().set_connection_type(ConnectionType::Close);
        }
    }

    /// The answer to a request whose route is not even looked at.
    fn early(&self, request: &ServiceRequest) -> Option<HttpResponse> {
        match self.base_path.strip(request.path()) {
            None => Some(Problem::not_found().respond()),
            // Relative links of the page lie below it only with the slash.
            Some("") if !self.base_path.is_empty() => Some(to_the_front(request)),
            Some(path) => acceptable(request, path).map_err(|problem| problem.respond()).err(),
        }
    }
}

/// From the base path to the front page below it.
fn to_the_front(request: &ServiceRequest) -> HttpResponse {
    let query = request.uri().query().map_or_else(String::new, |query| format!("?{query}"));
    HttpResponse::PermanentRedirect()
        .insert_header((LOCATION, request_context::below_base(format!("/{query}"))))
        .finish()
}

fn acceptable(request: &ServiceRequest, path: &str) -> Result<(), Problem> {
    let headers = request.headers();
    let length = request.uri().path_and_query().map_or(0, |path| path.as_str().len());
    if length > MAX_URI {
        return Err(Problem::new(Reason::UriTooLong, "a path with its query has at most 8 KiB").and_close());
    }
    let (sent, detail) = sent_at(path);
    if takes(headers, sent) { Ok(()) } else { Err(Problem::new(Reason::NotAcceptable, detail)) }
}

/// What the route of a path sends: the ranges of media types that have it in them, and a sentence about it.
fn sent_at(path: &str) -> (&'static [&'static str], &'static str) {
    match path {
        "/" => (PAGES, "pages are HTML"),
        path if path.starts_with("/items/") => (PAGES, "pages are HTML"),
        path if path == problem_pages::INDEX || path.starts_with("/problems/") => {
            (EXPLANATIONS, "explanations are HTML or JSON")
        }
        // Which type a file has is written in its name: who asks for it knows.
        path if path.starts_with("/assets/") => (ANYTHING, ""),
        path if path.ends_with("/events") => (EVENTS, "answers are events or JSON"),
        _other => (JSON, "answers are JSON"),
    }
}

/// Ranges of media types that have JSON in them.
const JSON: &[&str] = &["*/*", "application/*", "application/json", "application/problem+json"];

/// The same for routes of events. A browser's `EventSource` asks for nothing else than them.
const EVENTS: &[&str] =
    &["*/*", "text/*", "text/event-stream", "application/*", "application/json", "application/problem+json"];

/// The same for pages.
const PAGES: &[&str] = &["*/*", "text/*", "text/html"];

/// The same for what explains a problem.
const EXPLANATIONS: &[&str] =
    &["*/*", "text/*", "text/html", "application/*", "application/json", "application/problem+json"];

/// Where no header is looked at.
const ANYTHING: &[&str] = &[];

/// Whether the client takes what we send (RFC 9110, section 12.5.1). Without the header it takes anything.
fn takes(headers: &HeaderMap, sent: &[&str]) -> bool {
    if sent.is_empty() {
        return true;
    }
    let mut ranges = headers.get_all(ACCEPT).flat_map(|value| value.to_str().unwrap_or_default().split(',')).peekable();
    if ranges.peek().is_none() {
        return true;
    }
    ranges.any(|range| {
        let mut parts = range.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default().to_ascii_lowercase();
        sent.contains(&name.as_str()) && !parts.any(|parameter| parameter.strip_prefix("q=").is_some_and(is_zero))
    })
}

fn is_zero(weight: &str) -> bool {
    weight.parse::<f32>().is_ok_and(|weight| weight == 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_takes_json_in_any_form_is_served() {
        let accepting = |accept: &'static str| HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static(accept))]);
        let takes_json = |accept| takes(&accepting(accept), JSON);
        for accept in ["*/*", "application/json", "text/html, application/*;q=0.1", "APPLICATION/JSON; charset=utf-8"] {
            assert!(takes_json(accept), "{accept}");
        }
        for accept in ["text/html", "application/xml", "application/json;q=0", "image/*, */*;q=0.0", ""] {
            assert!(!takes_json(accept), "{accept}");
        }
        assert!(takes(&HeaderMap::new(), JSON));
        assert!(takes(&accepting("text/event-stream"), EVENTS) && !takes_json("text/event-stream"));
    }

    #[test]
    fn a_browser_is_served_pages_and_their_parts_and_a_program_json() {
        let accepting = |accept: &'static str| HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static(accept))]);
        let served = |path: &str, accept| takes(&accepting(accept), sent_at(path).0);
        for path in ["/", "/items/sku-1"] {
            assert!(served(path, "text/html,application/xhtml+xml;q=0.9") && served(path, "*/*"), "{path}");
            assert!(!served(path, "application/json") && !served(path, "text/html;q=0"), "{path}");
        }
        assert!(served("/assets/1/store/store.css", "text/css") && served("/assets/1/store/icon.svg", "image/*;q=0.8"));
        for path in ["/v1/items", "/v1/items/assets", "/dev/buyer", "/items", "/nowhere"] {
            assert!(served(path, "application/json") && !served(path, "text/html"), "{path}");
        }
    }
}
