//! **Job:** finds the bearer token of a request (RFC 6750, section 2.1).
//! **Owns:** how long one may be, and that there is only one.
//! **Never:** knows whose it is.

use actix_web::HttpRequest;
use actix_web::http::header::AUTHORIZATION;

/// Longest token, in bytes. Ours have about 200; those of big identity providers stay below 2 KiB.
const MAX_TOKEN: usize = 4 * 1024;

/// What stands in front of a token, in any case.
const SCHEME: &[u8] = b"Bearer ";

/// The token of the one `Authorization: Bearer` header.
pub(crate) fn bearer(request: &HttpRequest) -> Option<&[u8]> {
    let mut values = request.headers().get_all(AUTHORIZATION);
    let (value, None) = (values.next()?.as_bytes(), values.next()) else { return None };
    let (scheme, token) = value.split_at_checked(SCHEME.len())?;
    (scheme.eq_ignore_ascii_case(SCHEME) && token.len() <= MAX_TOKEN).then_some(token)
}
