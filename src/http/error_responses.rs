//! **Job:** what a route may refuse with, by the reason for it, and how the OpenAPI document says so.
//! **Owns:** the groups of codes that come from one place.
//! **Never:** knows a status: the code has it.

use std::collections::BTreeMap;

use doorbuster_actors::request::Reason;
use utoipa::PartialSchema as _;
use utoipa::openapi::header::{Header, HeaderBuilder};
use utoipa::openapi::schema::{AllOfBuilder, ObjectBuilder};
use utoipa::openapi::{ContentBuilder, Ref, RefOr, Response, ResponseBuilder};

use super::problem::describe;
use super::schemas;

/// Any request to the public listener.
pub const ANY: &[Reason] = &[Reason::Malformed, Reason::NotAcceptable, Reason::UriTooLong, Reason::HeadersTooLarge];

/// What the path names may not exist, or be none of the asker's business.
pub const NAMED: &[Reason] = &[Reason::NotFound];

/// Parameters may be out of range.
pub const PARAMETERS: &[Reason] = &[Reason::Validation];

/// A query with a parameter that stands twice cannot be read.
pub const UNREADABLE: &[Reason] = &[Reason::Malformed];

/// A body may be missing, slow, large, broken or wrong.
pub const BODY: &[Reason] = &[
    Reason::Malformed,
    Reason::RequestTimeout,
    Reason::LengthRequired,
    Reason::PayloadTooLarge,
    Reason::UnsupportedMediaType,
    Reason::Validation,
];

/// The actor of the item is asked.
pub const ASKED: &[Reason] = &[Reason::Overloaded, Reason::OutcomeUnknown, Reason::ShuttingDown];

/// Something is written, and answered after the commit.
pub const WRITTEN: &[Reason] = &[
    Reason::Overloaded,
    Reason::StorageFull,
    Reason::StorageUnavailable,
    Reason::OutcomeUnknown,
    Reason::ShuttingDown,
];

/// The order or the item must be in a state from which this is possible.
pub const STEP: &[Reason] = &[Reason::InvalidTransition];

/// The sale of the item may be over for good.
pub const CLOSED: &[Reason] = &[Reason::SaleClosed];

/// A purchase passes the gate and the stock.
pub const PURCHASE: &[Reason] = &[
    Reason::KeyReused,
    Reason::SaleNotStarted,
    Reason::SalePaused,
    Reason::SaleClosed,
    Reason::SoldOut,
    Reason::LimitReached,
    Reason::Throttled,
    Reason::NoToken,
    Reason::RateLimited,
    Reason::GateUnavailable,
];

/// The answers with `codes`, by status; with `keys` also the one to who has none of them.
pub(super) fn responses(codes: &[Reason], keys: &[&str]) -> BTreeMap<String, RefOr<Response>> {
    let lacking = if keys.is_empty() { None } else { Some(Reason::Unauthenticated) };
    let mut by_status: BTreeMap<String, Vec<Reason>> = BTreeMap::new();
    for code in codes.iter().copied().chain(lacking) {
        let codes = by_status.entry(describe(code).0.as_str().to_owned()).or_default();
        if !codes.contains(&code) {
            codes.push(code);
        }
    }
    by_status.into_iter().map(|(status, codes)| (status, response(&codes).into())).collect()
}

fn response(codes: &[Reason]) -> Response {
    let texts = codes.iter().map(|code| format!("`{}`: {}", code.as_str(), describe(*code).1));
    let names = schemas::one_of(codes.iter().map(|code| code.as_str()));
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
    if codes.contains(&Reason::Unauthenticated) {
        response = response.header("WWW-Authenticate", Header::default());
    }
    response.build()
}

/// Whether the same request may succeed later.
fn is_retryable(code: Reason) -> bool {
    matches!(describe(code).0.as_u16(), 429 | 503) || matches!(code, Reason::SaleNotStarted | Reason::SalePaused)
}
