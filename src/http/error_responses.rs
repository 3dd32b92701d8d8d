//! **Job:** what a route may refuse with, by the reason for it, and how the OpenAPI document says so.
//! **Owns:** the shape of that description.
//! **Never:** knows a status or a group of reasons: `problem.rs` and its table do.

use std::collections::BTreeMap;

use doorbuster_actors::request::Reason;
use utoipa::PartialSchema as _;
use utoipa::openapi::header::{Header, HeaderBuilder};
use utoipa::openapi::schema::{AllOfBuilder, ObjectBuilder};
use utoipa::openapi::{ContentBuilder, Ref, RefOr, Response, ResponseBuilder};

use super::problem::codes::{Code, Retry};
use super::schemas;

/// The answers with `codes`, by status; with `keys` also the one to who has none of them.
pub(super) fn responses(codes: &[Reason], keys: &[&str]) -> BTreeMap<String, RefOr<Response>> {
    let lacking = if keys.is_empty() { None } else { Some(Reason::Unauthenticated) };
    let mut by_status: BTreeMap<String, Vec<Reason>> = BTreeMap::new();
    for code in codes.iter().copied().chain(lacking) {
        let codes = by_status.entry(Code::of(code).status.as_str().to_owned()).or_default();
        if !codes.contains(&code) {
            codes.push(code);
        }
    }
    by_status.into_iter().map(|(status, codes)| (status, response(&codes).into())).collect()
}

fn response(codes: &[Reason]) -> Response {
    let texts = codes.iter().map(|code| format!("`{}`: {}", code.as_str(), Code::of(*code).title));
    let names = schemas::one_of(codes.iter().map(|code| code.as_str()));
    let only = ObjectBuilder::new().property("code", names);
    let schema = AllOfBuilder::new().item(Ref::from_schema_name("Problem")).item(only);
    let mut response = ResponseBuilder::new()
        .description(texts.collect::<Vec<_>>().join("; "))
        .content("application/problem+json", ContentBuilder::new().schema(Some(schema)).build());
    if codes.iter().any(|code| Code::of(*code).retry == Retry::Later) {
        let wait = HeaderBuilder::from(Header::new(u64::schema()));
        let wait = wait.description(Some("Seconds to wait before another try."));
        response = response.header("Retry-After", wait.build());
    }
    if codes.contains(&Reason::NoToken) {
        for (name, what) in [
            ("RateLimit-Policy", "The limits of purchases, if there are any."),
            ("RateLimit", "What is left of the one that was met, and for how many seconds."),
        ] {
            let header = HeaderBuilder::from(Header::new(String::schema())).description(Some(what));
            response = response.header(name, header.build());
        }
    }
    if codes.contains(&Reason::Unauthenticated) {
        response = response.header("WWW-Authenticate", Header::default());
    }
    response.build()
}
