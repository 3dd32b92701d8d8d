//! **Job:** begins an answer of server-sent events (WHATWG HTML, section 9.2), on either listener.
//! **Owns:** what keeps proxies from holding events back, and how the answer ends for a client of HTTP/1.0.
//! **Never:** knows an event.
//!
//! A proxy that collects an answer before it passes it on is told not to (`X-Accel-Buffering`), and one that compresses
//! is told to leave it alone (`no-transform`). What neither hears fills its first buffer with our first bytes.

use std::convert::Infallible;

use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use actix_web::http::{ConnectionType, Version};
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use futures_util::{Stream, StreamExt as _, stream};

use super::hangup::Hangup;

/// The header by which nginx is told not to buffer; others have taken it over.
const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// A comment of 2 KiB: with less, some clients and proxies that know no better show nothing (WHATWG HTML, section
/// 9.2.7, recommends comments; the number is folklore).
const FIRST_BYTES: [u8; 2 * 1024] = {
    let mut bytes = [b' '; 2 * 1024];
    bytes[0] = b':';
    (bytes[bytes.len() - 2], bytes[bytes.len() - 1]) = (b'\n', b'\n');
    bytes
};

/// The answer to `HEAD`.
pub(crate) fn head() -> HttpResponse {
    headers(&mut HttpResponse::Ok()).finish()
}

/// The events, until there are no more or the client has hung up.
pub(crate) fn respond<S>(request: &HttpRequest, events: S) -> HttpResponse
where
    S: Stream<Item = Result<Bytes, Infallible>> + 'static,
{
    let first = stream::iter([Ok(Bytes::from_static(&FIRST_BYTES))]);
    let events = Hangup::of(request).ends(first.chain(events));
    let mut response = headers(&mut HttpResponse::Ok()).streaming(events);
    if request.version() < Version::HTTP_11 {
        // It knows no chunks: the end of the connection is the end of the answer (RFC 9112, section 6.3).
        response.head_mut().no_chunking(true);
        response.head_mut().set_connection_type(ConnectionType::Close);
    }
    response
}

fn headers(response: &mut HttpResponseBuilder) -> &mut HttpResponseBuilder {
    response
        .insert_header((CONTENT_TYPE, "text/event-stream"))
        .insert_header((CACHE_CONTROL, "no-store, no-transform"))
        .insert_header((X_ACCEL_BUFFERING, HeaderValue::from_static("no")))
        .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
}
