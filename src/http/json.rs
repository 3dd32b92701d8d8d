//! **Job:** writes answers in JSON.
//! **Owns:** the buffers they are written into, and that nobody caches what is for one buyer only.
//! **Never:** knows what it writes.

use actix_web::http::header::{CACHE_CONTROL, ContentType, X_CONTENT_TYPE_OPTIONS};
use actix_web::{HttpResponse, HttpResponseBuilder};
use serde::Serialize;

/// Bytes that an order takes at most, unless its names are long.
const ORDER_LENGTH: usize = 384;

/// An answer that is for one buyer only.
pub(crate) fn respond(response: &mut HttpResponseBuilder, answer: &impl Serialize) -> HttpResponse {
    private(response).insert_header(ContentType::json()).body(written(answer, ORDER_LENGTH))
}

/// The headers of such an answer.
pub(crate) fn private(response: &mut HttpResponseBuilder) -> &mut HttpResponseBuilder {
    response.insert_header((CACHE_CONTROL, "no-store")).insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
}

/// JSON in a buffer with room for `length` bytes, so that it need not grow on the way.
pub(crate) fn written(document: &impl Serialize, length: usize) -> Vec<u8> {
    let mut text = Vec::with_capacity(length);
    serde_json::to_writer(&mut text, document).expect("texts and numbers become JSON");
    text
}
