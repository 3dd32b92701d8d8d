//! **Job:** what a route may refuse with, by the reason for it, and how the OpenAPI document says so.
//! **Owns:** the groups of codes that come from one place.
//! **Never:** knows a status: the code has it.

use std::collections::BTreeMap;

use doorbuster_actors::observe::Code;
use utoipa::PartialSchema as _;
use utoipa::openapi::header::{Header, HeaderBuilder};
use utoipa::openapi::schema::{AllOfBuilder, ObjectBuilder};
use utoipa::openapi::{ContentBuilder, Ref, RefOr, Response, ResponseBuilder};

use super::problem::describe;
use super::words;

/// Any request to the public listener.
pub const ANY: &[Code] = &[Code::Malformed, Code::NotAcceptable, Code::UriTooLong, Code::HeadersTooLarge];

/// What the path names may not exist, or be none of the asker's business.
pub const NAMED: &[Code] = &[Code::NotFound];

/// Parameters may be out of range.
pub const PARAMETERS: &[Code] = &[Code::Validation];

/// A query with a parameter that stands twice cannot be read.
pub const UNREADABLE: &[Code] = &[Code::Malformed];

/// A body may be missing, slow, large, broken or wrong.
pub const BODY: &[Code] = &[
    Code::Malformed,
    Code::RequestTimeout,
    Code::LengthRequired,
    Code::PayloadTooLarge,
    Code::UnsupportedMediaType,
    Code::Validation,
];

/// The actor of the item is asked.
pub const ASKED: &[Code] = &[Code::Overloaded, Code::OutcomeUnknown, Code::ShuttingDown];

/// Something is written, and answered after the commit.
pub const WRITTEN: &[Code] =
    &[Code::Overloaded, Code::StorageFull, Code::StorageUnavailable, Code::OutcomeUnknown, Code::ShuttingDown];

/// The order or the item must be in a state from which this is possible.
pub const STEP: &[Code] = &[Code::InvalidTransition];

/// The sale of the item may be over for good.
pub const CLOSED: &[Code] = &[Code::SaleClosed];

/// A purchase passes the gate and the stock.
pub const PURCHASE: &[Code] = &[
    Code::KeyReused,
    Code::SaleNotStarted,
    Code::SalePaused,
    Code::SaleClosed,
    Code::SoldOut,
    Code::LimitReached,
    Code::Throttled,
    Code::NoToken,
    Code::RateLimited,
    Code::GateUnavailable,
];

/// The answers with `codes`, by status; with `keys` also the one to who has none of them.
pub(super) fn responses(codes: &[Code], keys: &[&str]) -> BTreeMap<String, RefOr<Response>> {
    let lacking = if keys.is_empty() { None } else { Some(Code::Unauthenticated) };
    let mut by_status: BTreeMap<String, Vec<Code>> = BTreeMap::new();
    for code in codes.iter().copied().chain(lacking) {
        let codes = by_status.entry(describe(code).0.as_str().to_owned()).or_default();
        if !codes.contains(&code) {
            codes.push(code);
        }
    }
    by_status.into_iter().map(|(status, codes)| (status, response(&codes).into())).collect()
}

fn response(codes: &[Code]) -> Response {
    let texts = codes.iter().map(|code| format!("`{}`: {}", code.as_str(), describe(*code).1));
    let names = words::one_of(codes.iter().map(|code| code.as_str()));
    let only = ObjectBuilder::new().property("code", names);
    let schema = AllOfBuilder::new().item(Ref::from_schema_name("Problem")).item(only);
    let mut response = ResponseBuilder::new()
        .description(texts.collect::<Vec<_>>().join("; "))
        .content("application/problem+json", ContentBuilder::new().schema(Some(schema)).build());
    if codes.iter().any(|code| is_retryable(*code)) {
        let wait = HeaderBuilder::from(Header::new(u64::schema()));
        let wait = wait.description(Some("Seconds to wait before another try."));
        response = response.header("Retry-After", wait.build());
    }
    if codes.contains(&Code::Unauthenticated) {
        response = response.header("WWW-Authenticate", Header::default());
    }
    response.build()
}

/// Whether the same request may succeed later.
fn is_retryable(code: Code) -> bool {
    matches!(describe(code).0.as_u16(), 429 | 503) || matches!(code, Code::SaleNotStarted | Code::SalePaused)
}
