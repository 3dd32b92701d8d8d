//! **Job:** reads a JSON body: in time, within its limit, strictly.
//! **Owns:** what is malformed and what is merely invalid.
//! **Never:** knows what the members mean beyond their type.

use std::fmt;
use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, TRANSFER_ENCODING};
use actix_web::web::{Bytes, Payload};
use doorbuster_actors::item::MAX_QUANTITY;
use doorbuster_actors::request::Reason;
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::problem::{FieldProblem, Problem};

/// Largest body, in bytes. The contract's number: an order needs 14.
pub const MAX_BODY: usize = 4 * 1024;

/// How long a body may take. A body fits one packet; who needs longer is stuck or means harm.
pub const BODY_TIMEOUT: Duration = Duration::from_secs(5);

/// Reads the whole body of a JSON request.
pub async fn read(request: &HttpRequest, payload: Payload) -> Result<Bytes, Problem> {
    check_headers(request.headers())?;
    let reading = async {
        let body = payload.to_bytes_limited(MAX_BODY).await.map_err(|_limit| too_large())?;
        body.map_err(|_cut| Problem::new(Reason::Malformed, "the body ended early").and_close())
    };
    tokio::time::timeout(BODY_TIMEOUT, reading).await.unwrap_or_else(|_late| {
        Err(Problem::new(Reason::RequestTimeout, "the body did not come within 5 seconds").and_close())
    })
}

fn check_headers(headers: &HeaderMap) -> Result<(), Problem> {
    if headers.contains_key(CONTENT_ENCODING) {
        return Err(Problem::new(Reason::UnsupportedMediaType, "bodies must not be encoded").and_close());
    }
    if !headers.contains_key(CONTENT_LENGTH) && !headers.contains_key(TRANSFER_ENCODING) {
        return Err(Problem::new(Reason::LengthRequired, "send Content-Length"));
    }
    if declared_length(headers) > MAX_BODY {
        return Err(too_large());
    }
    let is_json = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).is_some_and(is_json);
    if is_json { Ok(()) } else { Err(Problem::new(Reason::UnsupportedMediaType, "send application/json").and_close()) }
}

fn declared_length(headers: &HeaderMap) -> usize {
    let length = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    length.map_or(0, |length| length.parse().unwrap_or(usize::MAX))
}

fn is_json(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/json")
}

fn too_large() -> Problem {
    Problem::new(Reason::PayloadTooLarge, "a body has at most 4 KiB").and_close()
}

/// The members of a JSON object, each as it stands in the text.
struct Members<'b>(Vec<(String, &'b RawValue)>);

impl<'de: 'b, 'b> Deserialize<'de> for Members<'b> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ObjectVisitor;

        impl<'de> Visitor<'de> for ObjectVisitor {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members: Vec<(String, &RawValue)> = Vec::new();
                while let Some((name, value)) = map.next_entry::<String, &RawValue>()? {
                    if members.iter().any(|(known, _)| *known == name) {
                        return Err(A::Error::custom(format_args!("member {name:?} stands twice")));
                    }
                    members.push((name, value));
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(ObjectVisitor)
    }
}

fn malformed(error: impl fmt::Display) -> Problem {
    Problem::new(Reason::Malformed, format!("not a JSON object as expected: {error}"))
}

/// A JSON object of that shape: malformed if it is none, invalid if its members are not what they must be.
pub fn object<T: serde::de::DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    let Members(members) = serde_json::from_slice(body).map_err(malformed)?;
    for (_, value) in &members {
        well_formed(value.get())?;
    }
    serde_json::from_slice(body).map_err(|error| {
        let reason = error.to_string();
        // The position is of no use to whoever has built the body by a program.
        let reason = reason.split(" at line ").next().unwrap_or_default().to_owned();
        Problem::invalid(member_at(&members, body, &error).unwrap_or("body").to_owned(), reason)
    })
}

/// The member in whose value the reader stopped, if it did not stop between two.
fn member_at<'m>(members: &'m [(String, &RawValue)], body: &[u8], error: &serde_json::Error) -> Option<&'m str> {
    let lines_before = body.split(|byte| *byte == b'\n').take(error.line().saturating_sub(1));
    let stopped_at = lines_before.map(|line| line.len() + 1).sum::<usize>() + error.column();
    let is_in = |value: &str| {
        let begin = value.as_ptr().addr() - body.as_ptr().addr();
        (begin..=begin + value.len()).contains(&stopped_at)
    };
    members.iter().find(|(_, value)| is_in(value.get())).map(|(name, _)| name.as_str())
}

/// The quantity in `{"quantity": 1}`, the only member an order has.
pub fn quantity(body: &[u8]) -> Result<u32, Problem> {
    let Members(members) = serde_json::from_slice(body).map_err(malformed)?;
    let mut errors = Vec::new();
    let mut quantity = None;
    for (name, value) in members {
        if name == "quantity" {
            quantity = Some(whole_number(value.get())?);
        } else {
            well_formed(value.get())?;
            errors.push(FieldProblem { field: name.into(), reason: "is not a member of an order".into() });
        }
    }
    match quantity {
        None if errors.is_empty() => return Err(malformed("member \"quantity\" is missing")),
        None | Some(Ok(_)) => {}
        Some(Err(reason)) => errors.push(FieldProblem { field: "quantity".into(), reason: reason.into() }),
    }
    match quantity {
        Some(Ok(quantity)) if errors.is_empty() => Ok(quantity),
        _invalid => Err(Problem::validation(&errors)),
    }
}

/// A quantity, or why the value is none. A whole number in the clothes of a fraction (`1.0`, `1e3`) is malformed: two
/// readers of the same text may disagree about it.
fn whole_number(text: &str) -> Result<Result<u32, &'static str>, Problem> {
    const RANGE: &str = "must be a whole number from 1 to 2147483647";
    if !text.starts_with(['-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9']) {
        well_formed(text)?;
        return Ok(Err(RANGE));
    }
    if text.contains(['.', 'e', 'E']) {
        let value: f64 = text.parse().unwrap_or(f64::INFINITY);
        return if value.is_finite() && value.fract() == 0.0 {
            Err(malformed("a whole number is written without a fraction or an exponent"))
        } else {
            Ok(Err(RANGE))
        };
    }
    let quantity = text.parse().ok().filter(|quantity| (1..=MAX_QUANTITY).contains(quantity));
    Ok(quantity.ok_or(RANGE))
}

/// Raw values are checked for their brackets only; this also checks the texts inside.
fn well_formed(text: &str) -> Result<(), Problem> {
    match serde_json::from_str::<serde_json::Value>(text) {
        Ok(_value) => Ok(()),
        // A number that no float can hold is well-formed all the same.
        Err(error) if error.to_string().contains("number out of range") => Ok(()),
        Err(error) => Err(malformed(error)),
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
    fn an_unknown_member_is_invalid() {
        for body in ["{\"quantity\":1,\"price\":1}", "{\"user_id\":\"x\"}", "{\"quantity\":1,\"__proto__\":{}}"] {
            assert_eq!(reason(body), Reason::Validation, "{body}");
        }
    }
}
