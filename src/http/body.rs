//! **Job:** reads a JSON body: in time, within its limit, strictly.
//! **Owns:** what is malformed and what is merely invalid.
//! **Never:** knows what the members mean beyond their type.

use std::borrow::Cow;
use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, TRANSFER_ENCODING};
use actix_web::web::{Bytes, Payload};
use doorbuster_actors::item::MAX_QUANTITY;
use doorbuster_actors::request::Reason;

use super::problem::{FieldProblem, Problem};
use crate::fields::{Field, Kind, Wrong, faults};
use crate::json_object::{Members, found, not_an_object, stands_twice};

/// Largest body, in bytes. The contract's number: an order needs 14.
pub const MAX_BODY: usize = 4 * 1024;

/// Largest notification of a payment provider, in bytes: theirs have some thousand, and members are added to them.
const MAX_NOTIFICATION: usize = 64 * 1024;

/// What a body must be, before anybody looks into it.
#[derive(Clone, Copy)]
pub struct Wanted {
    media_type: &'static str,
    most: usize,
}

/// JSON of a buyer or of the owner.
const JSON: Wanted = Wanted { media_type: "application/json", most: MAX_BODY };
/// What a payment provider sends: JSON.
pub const JSON_NOTIFICATION: Wanted = Wanted { media_type: "application/json", most: MAX_NOTIFICATION };
/// What a payment provider sends: a form.
pub const FORM_NOTIFICATION: Wanted =
    Wanted { media_type: "application/x-www-form-urlencoded", most: MAX_NOTIFICATION };

/// How long a body may take. A body fits one packet; who needs longer is stuck or means harm.
pub const BODY_TIMEOUT: Duration = Duration::from_secs(5);

/// Reads the whole body of a JSON request.
pub async fn read(request: &HttpRequest, payload: Payload) -> Result<Bytes, Problem> {
    read_as(JSON, request, payload).await
}

/// The same where there need not be one: a request without a body, or with an empty one, has none.
pub async fn read_if_any(request: &HttpRequest, payload: Payload) -> Result<Option<Bytes>, Problem> {
    let headers = request.headers();
    if !headers.contains_key(TRANSFER_ENCODING) && declared_length(headers) == 0 {
        return Ok(None);
    }
    read(request, payload).await.map(Some)
}

/// The same where a body may have `most` bytes.
pub async fn read_up_to(most: usize, request: &HttpRequest, payload: Payload) -> Result<Bytes, Problem> {
    read_as(Wanted { most, ..JSON }, request, payload).await
}

/// Reads the whole body of a request that must have such a one.
pub async fn read_as(wanted: Wanted, request: &HttpRequest, payload: Payload) -> Result<Bytes, Problem> {
    check_headers(wanted, request.headers())?;
    let reading = async {
        let body = payload.to_bytes_limited(wanted.most).await.map_err(|_limit| too_large(wanted))?;
        body.map_err(|_cut| Problem::new(Reason::Malformed, "the body ended early").and_close())
    };
    tokio::time::timeout(BODY_TIMEOUT, reading).await.unwrap_or_else(|_late| {
        Err(Problem::new(Reason::RequestTimeout, "the body did not come within 5 seconds").and_close())
    })
}

fn check_headers(wanted: Wanted, headers: &HeaderMap) -> Result<(), Problem> {
    if headers.contains_key(CONTENT_ENCODING) {
        return Err(Problem::new(Reason::UnsupportedMediaType, "bodies must not be encoded").and_close());
    }
    if !headers.contains_key(CONTENT_LENGTH) && !headers.contains_key(TRANSFER_ENCODING) {
        return Err(Problem::new(Reason::LengthRequired, "send Content-Length"));
    }
    if declared_length(headers) > wanted.most {
        return Err(too_large(wanted));
    }
    let media_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    if media_type.is_some_and(|given| is_media_type(given, wanted.media_type)) {
        return Ok(());
    }
    Err(Problem::new(Reason::UnsupportedMediaType, format!("send {}", wanted.media_type)).and_close())
}

fn declared_length(headers: &HeaderMap) -> usize {
    let length = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    length.map_or(0, |length| length.parse().unwrap_or(usize::MAX))
}

fn is_media_type(given: &str, wanted: &str) -> bool {
    let essence = given.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case(wanted)
}

fn too_large(wanted: Wanted) -> Problem {
    Problem::new(Reason::PayloadTooLarge, format!("a body has at most {} KiB", wanted.most / 1024)).and_close()
}

/// The members of the body, which each stand there once.
fn members_of(body: &[u8]) -> Result<Members<'_>, Problem> {
    let members = Members::read(body).map_err(malformed)?;
    match members.twice() {
        Some(name) => Err(malformed(stands_twice(name))),
        None => Ok(members),
    }
}

fn malformed(detail: impl Into<Cow<'static, str>>) -> Problem {
    Problem::new(Reason::Malformed, detail)
}

/// A JSON object with these members: malformed if it is none, invalid if its members are not what they must be.
pub fn object<T: serde::de::DeserializeOwned>(body: &[u8], fields: &[Field]) -> Result<T, Problem> {
    let members = members_of(body)?;
    for (name, value) in members.iter() {
        well_formed(name, value)?;
    }
    // Texts are written out once more: what they say decides about words only.
    let texts: Vec<_> = members.iter().map(|(_, value)| serde_json::from_str::<String>(value).ok()).collect();
    let found = members.iter().zip(&texts).map(|((name, value), text)| (name, found(value, text.as_deref())));
    let wrong = faults(fields, found);
    if !wrong.is_empty() {
        return Err(Problem::validation(&wrong.into_iter().map(FieldProblem::member).collect::<Vec<_>>()));
    }
    serde_json::from_slice(body).map_err(|error| malformed(not_an_object(body, &error)))
}

/// The only member that an order has.
const QUANTITY: Field = Field::required("quantity", Kind::Whole { least: 1, most: MAX_QUANTITY as i64 });

/// The quantity in `{"quantity": 1}`.
pub fn quantity(body: &[u8]) -> Result<u32, Problem> {
    let mut errors = Vec::new();
    let mut quantity = None;
    for (name, value) in members_of(body)?.iter() {
        if name == QUANTITY.name {
            quantity = Some(whole_number(value)?);
        } else {
            well_formed(name, value)?;
            errors.push(FieldProblem::member(Wrong::unknown("member", name, QUANTITY.name)));
        }
    }
    match quantity {
        None if errors.is_empty() => return Err(malformed("quantity is missing: send {\"quantity\":1}")),
        None | Some(Some(_)) => {}
        Some(None) => {
            let reason = format!("must be {}", QUANTITY.kind.description());
            errors.push(FieldProblem::member(Wrong::value(QUANTITY.name, reason)));
        }
    }
    match quantity.flatten() {
        Some(quantity) if errors.is_empty() => Ok(quantity),
        Some(_) | None => Err(Problem::validation(&errors)),
    }
}

/// A quantity, if the value is one. A whole number in the clothes of a fraction is malformed.
fn whole_number(text: &str) -> Result<Option<u32>, Problem> {
    if !text.starts_with(['-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9']) {
        well_formed(QUANTITY.name, text)?;
        return Ok(None);
    }
    if text.contains(['.', 'e', 'E']) {
        let value: f64 = text.parse().unwrap_or(f64::INFINITY);
        return if value.is_finite() && value.fract() == 0.0 {
            Err(malformed("quantity is written without a fraction and without an exponent"))
        } else {
            Ok(None)
        };
    }
    Ok(text.parse().ok().filter(|quantity| (1..=MAX_QUANTITY).contains(quantity)))
}

/// Raw values are checked for their brackets only; this also checks the texts inside.
fn well_formed(name: &str, text: &str) -> Result<(), Problem> {
    match serde_json::from_str::<serde_json::Value>(text) {
        Ok(_value) => Ok(()),
        // A number that no float can hold is well-formed all the same.
        Err(error) if error.to_string().contains("number out of range") => Ok(()),
        Err(_error) => Err(malformed(format!("the value of member {name:?} is not JSON, or is nested too deeply"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(body: &str) -> Reason {
        quantity(body.as_bytes()).map_or_else(|problem| problem.reason(), |_| Reason::Replayed)
    }

    #[test]
    fn a_quantity_is_a_whole_number_in_range() {
        assert_eq!(quantity(b" {\"quantity\" : 3} ").ok(), Some(3));
        assert_eq!(quantity(b"{\"quantity\":2147483647}").ok(), Some(MAX_QUANTITY));
        for value in ["0", "-1", "1.5", "\"1\"", "true", "null", "2147483648", "18446744073709551616", "1e400", "[]"] {
            assert_eq!(reason(&format!("{{\"quantity\":{value}}}")), Reason::Validation, "{value}");
        }
    }

    #[test]
    fn what_is_not_strict_json_is_malformed() {
        let bodies = [
            "",
            "{}",
            "[]",
            "null",
            "{\"quantity\":1",
            "{\"quantity\":1}x",
            "{\"quantity\":1}{}",
            "{\"quantity\":NaN}",
            "{\"quantity\":01}",
            "{\"quantity\":1e3}",
            "{\"quantity\":1.0}",
            "\u{feff}{\"quantity\":1}",
            "{\"quantity\":1,\"quantity\":1}",
            "{\"quantity\":\"\\ud800\"}",
            "{\"x\":\"\\ud800\",\"quantity\":1}",
        ];
        for body in bodies {
            assert_eq!(reason(body), Reason::Malformed, "{body}");
        }
        assert_eq!(
            quantity(b"{\"quantity\":1,\"\xff\":1}").map_err(|problem| problem.reason()),
            Err(Reason::Malformed)
        );
        let deep = format!("{{\"x\":{}{}}}", "[".repeat(1_900), "]".repeat(1_900));
        assert_eq!(reason(&deep), Reason::Malformed);
    }

    #[test]
    fn what_is_wrong_is_said_in_plain_words() {
        let said = |body: &str| quantity(body.as_bytes()).map_err(|problem| problem.detail().to_owned());
        for (body, sentence) in [
            ("", "the body is empty: send a JSON object"),
            ("{\"quantity\":", "the body ends in the middle of its JSON"),
            ("[1]", "the body must be a JSON object"),
            ("{'quantity':1}", "the body is not JSON: look at its character 2"),
            ("{\n\"quantity\":x}", "the body is not JSON: look at its line 2, character 12"),
            ("{}", "quantity is missing: send {\"quantity\":1}"),
            ("{\"quantity\":\"1\"}", "quantity must be a whole number from 1 to 2,147,483,647"),
            ("{\"quantity\":1,\"price\":1}", "unknown member \"price\"; allowed: quantity"),
            ("{\"quantity\":1,\"quantity\":1}", "member \"quantity\" stands twice in the body"),
        ] {
            assert_eq!(said(body), Err(sentence.to_owned()), "{body}");
        }
    }

    #[test]
    fn an_unknown_member_is_invalid() {
        for body in ["{\"quantity\":1,\"price\":1}", "{\"user_id\":\"x\"}", "{\"quantity\":1,\"__proto__\":{}}"] {
            assert_eq!(reason(body), Reason::Validation, "{body}");
        }
    }
}
