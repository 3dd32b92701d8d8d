//! **Job:** lets pages of other origins buy, if they are listed (CORS, the Fetch standard).
//! **Owns:** which headers such a page may send and read.
//! **Never:** lets a request in or keeps one out: it is the browser that asks, and identity is the token's.

use actix_web::HttpResponse;
use actix_web::dev::ServiceRequest;
use actix_web::http::Method;
use actix_web::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, HOST, HeaderMap, HeaderValue,
    ORIGIN, VARY,
};
use parking_lot::RwLock;

use crate::config::WebOrigin;
use crate::http::trusted_proxies::TrustedProxies;

/// Methods of the public routes.
const METHODS: &str = "GET, HEAD, POST";

/// What a purchase is sent with, beside what every page may send.
const SENT: &str = "authorization, content-type, idempotency-key, last-event-id, traceparent, x-request-id";

/// What a page needs of an answer, beside what every page may read.
const READ: &str = "location, retry-after, idempotent-replayed, ratelimit, ratelimit-policy, traceparent, x-request-id";

/// How long a browser may remember a preflight, in seconds: the longest that one does.
const MAX_AGE: &str = "7200";

/// The origins whose pages may buy; they can be exchanged while the server runs.
#[derive(Debug)]
pub struct Cors {
    allowed: RwLock<Vec<WebOrigin>>,
}

impl Cors {
    /// For these origins, beside our own.
    #[must_use]
    pub fn new(allowed: Vec<WebOrigin>) -> Self {
        Self { allowed: RwLock::new(allowed) }
    }

    /// From now on for these.
    pub fn replace(&self, allowed: Vec<WebOrigin>) {
        *self.allowed.write() = allowed;
    }

    /// The answer to a browser that asks whether a page may send what it wants to; none if nobody asks that. A page
    /// that may not is told which origin does.
    pub(super) fn preflight(&self, request: &ServiceRequest, proxies: &TrustedProxies) -> Option<HttpResponse> {
        let headers = request.headers();
        let asks = request.method() == Method::OPTIONS && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD);
        let origin = headers.get(ORIGIN).filter(|_| asks)?;
        let allowed = if self.allows(origin) { Some(origin.clone()) } else { own_origin(request, proxies) };
        let mut answer = HttpResponse::NoContent();
        answer.insert_header((VARY, "Origin"));
        if let Some(allowed) = allowed {
            answer
                .insert_header((ACCESS_CONTROL_ALLOW_ORIGIN, allowed))
                .insert_header((ACCESS_CONTROL_ALLOW_METHODS, METHODS))
                .insert_header((ACCESS_CONTROL_ALLOW_HEADERS, SENT))
                .insert_header((ACCESS_CONTROL_MAX_AGE, MAX_AGE));
        }
        Some(answer.finish())
    }

    /// Lets the page of a listed origin read the answer.
    pub(super) fn mark(&self, origin: Option<&HeaderValue>, headers: &mut HeaderMap) {
        let Some(origin) = origin.filter(|origin| self.allows(origin)) else { return };
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(READ));
        headers.append(VARY, HeaderValue::from_static("Origin"));
    }

    fn allows(&self, origin: &HeaderValue) -> bool {
        self.allowed.read().iter().any(|allowed| allowed.as_str().as_bytes() == origin.as_bytes())
    }
}

/// Ours, as far as we know it: a proxy that speaks TLS may stand in front of us, and is believed if it is trusted.
fn own_origin(request: &ServiceRequest, proxies: &TrustedProxies) -> Option<HeaderValue> {
    let host = request.headers().get(HOST)?.to_str().ok()?;
    let scheme = if proxies.is_https(request.peer_addr(), request.headers()) { "https" } else { "http" };
    HeaderValue::from_str(&format!("{scheme}://{host}")).ok()
}
