//! **Job:** who steers the sale and why, as the request says.
//! **Owns:** what the header `X-Operator` and the member `reason` may be.
//! **Never:** knows whether it is true: whoever has the admin token may give any name.

use actix_web::HttpRequest;
use actix_web::web::Payload;
use doorbuster_actors::payment::Origin;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::fields::{Field, Kind};
use crate::http::problem::Problem;
use crate::http::{body, schemas};

/// The header with the name of who does it.
const OPERATOR: &str = "X-Operator";

/// Longest name, in characters.
const MAX_OPERATOR: usize = 100;

/// Longest reason, in characters: a few sentences.
const MAX_REASON: usize = 500;

/// The member of a body that says why.
pub(super) const REASON: Field = Field::optional("reason", Kind::Text);

/// Why.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Because {
    /// Is written into the journal.
    #[schema(value_type = Option<schemas::Why>)]
    reason: Option<String>,
}

/// Who does it, and why; nothing if neither is said.
pub(super) fn origin(request: &HttpRequest, reason: Option<String>) -> Result<Option<Box<Origin>>, Problem> {
    let operator = operator(request)?;
    let reason = reason.filter(|reason| !reason.is_empty());
    let is_short = |reason: &String| reason.chars().count() <= MAX_REASON;
    if !reason.as_ref().is_none_or(|reason| is_short(reason) && !reason.chars().any(char::is_control)) {
        let rule = format!("must have at most {MAX_REASON} characters, none of them a control character");
        return Err(Problem::invalid_member(REASON.name, rule));
    }
    let origin = Origin { operator, reason: reason.map(Into::into), event: None };
    Ok((origin != Origin::default()).then(|| Box::new(origin)))
}

/// The same where the body has nothing but the reason, and there need not be one.
pub(super) async fn origin_of(request: &HttpRequest, payload: Payload) -> Result<Option<Box<Origin>>, Problem> {
    let because = match body::read_if_any(request, payload).await? {
        // Where a body may be missing, null is none.
        Some(body) if body.trim_ascii() != b"null" => body::object(&body, &[REASON])?,
        Some(_) | None => Because::default(),
    };
    origin(request, because.reason)
}

/// The same where there must be a reason.
pub(super) async fn origin_with_reason(request: &HttpRequest, payload: Payload) -> Result<Origin, Problem> {
    let body = body::read(request, payload).await?;
    let because: Because = body::object(&body, &[Field::required(REASON.name, REASON.kind)])?;
    let is_said = because.reason.as_deref().is_some_and(|reason| !reason.trim().is_empty());
    match origin(request, because.reason)? {
        Some(origin) if is_said => Ok(*origin),
        Some(_) | None => Err(Problem::invalid_member(REASON.name, "must say why")),
    }
}

fn operator(request: &HttpRequest) -> Result<Option<Box<str>>, Problem> {
    let mut values = request.headers().get_all(OPERATOR);
    let Some(value) = values.next() else { return Ok(None) };
    let name = value.to_str().ok().map(str::trim);
    let is_printable = |name: &&str| name.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    let name = name.filter(|name| (1..=MAX_OPERATOR).contains(&name.len())).filter(is_printable);
    match (name, values.next()) {
        (Some(name), None) => Ok(Some(name.into())),
        (_, _) => {
            let rule = format!("must stand once and have 1 to {MAX_OPERATOR} printable ASCII characters");
            Err(Problem::invalid(OPERATOR, rule))
        }
    }
}
