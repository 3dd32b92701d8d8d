//! **Job:** the parameters that every list on the operations listener has.
//! **Owns:** how long a page is.
//! **Never:** knows what is listed.

use std::str::FromStr;

use actix_web::{HttpRequest, web};
use doorbuster_actors::request::Reason;
use serde::de::DeserializeOwned;

use crate::http::problem::Problem;

/// Most entries of one answer.
const MAX_PAGE: usize = 1_000;

/// Entries of one answer if the asker does not say.
const DEFAULT_PAGE: usize = 100;

/// What the query says. Read after the token: who is unknown hears only that.
pub(super) fn query<T: DeserializeOwned>(request: &HttpRequest) -> Result<T, Problem> {
    let query = web::Query::from_query(request.query_string()).map(web::Query::into_inner);
    query.map_err(|_bad| Problem::new(Reason::Malformed, "the query cannot be read"))
}

/// How many entries the answer may have.
pub(super) fn size(limit: Option<&str>) -> Result<usize, Problem> {
    let limit = limit.map_or(Some(DEFAULT_PAGE), |limit| limit.parse().ok());
    let in_range = limit.filter(|limit| (1..=MAX_PAGE).contains(limit));
    in_range.ok_or_else(|| Problem::invalid("limit", format!("must be a number from 1 to {MAX_PAGE}")))
}

/// A parameter that need not be there.
pub(super) fn parsed<T: FromStr>(
    text: Option<&str>,
    name: &'static str,
    rule: &'static str,
) -> Result<Option<T>, Problem> {
    text.map(str::parse).transpose().map_err(|_bad| Problem::invalid(name, rule))
}
