//! **Job:** checks one token against one key (RFC 7519, RFC 8725).
//! **Owns:** what a token must say and may say, and the cause if it does not.
//! **Never:** lets a token choose how it is checked: of its header only `alg`, `typ` and `crit` are looked at.

use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use doorbuster_actors::ids::UserId;
use jsonwebtoken::errors::{Error, ErrorKind};
use jsonwebtoken::{Algorithm, DecodingKey, Header, Validation, decode};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::refusal::Cause;

/// How far clocks may differ, in seconds.
pub(super) const LEEWAY: u64 = 5;

/// Latest expiry that is a date at all: the end of the year 9999, in seconds.
const MAX_EXPIRY: Duration = Duration::from_secs(253_402_300_799);

/// The claim that names the buyer where nothing else is said.
const SUBJECT: &str = "sub";

/// What a media type may begin with, and usually does not (RFC 7515, section 4.1.9).
const APPLICATION: &str = "application/";

/// Who is asking, and until when that holds.
#[derive(Debug, Clone)]
pub struct Pass {
    /// The buyer.
    pub user: UserId,
    /// When the token expires. None: a proxy vouches for each request.
    pub expires_at: Option<SystemTime>,
}

impl Pass {
    /// How long it still holds, at most `longest`; zero if it has expired.
    #[must_use]
    pub fn remaining(&self, longest: Duration) -> Duration {
        let left = |expiry: SystemTime| expiry.duration_since(SystemTime::now()).unwrap_or_default();
        self.expires_at.map_or(longest, left).min(longest)
    }
}

/// The claims that are looked at here; the library looks at the rest.
struct Claims {
    user: Option<Value>,
    exp: Option<Value>,
    iat: Option<Value>,
}

/// The usual ones, without a table of all others.
#[derive(Deserialize)]
struct UsualClaims {
    sub: Option<Value>,
    exp: Option<Value>,
    iat: Option<Value>,
}

/// The buyer whom the token names in `user_claim`, if it is one that `key` has signed and `validation` takes.
pub(super) fn verified(
    token: &[u8],
    (key, validation): (&DecodingKey, &Validation),
    user_claim: &str,
) -> Result<Pass, Cause> {
    let (header, claims) = read(token, key, validation, user_claim).map_err(|error| cause_of(&error, token))?;
    check_header(&header)?;
    let expires_at = claims.exp.as_ref().and_then(date).filter(|exp| *exp <= MAX_EXPIRY).ok_or(Cause::Claims)?;
    if let Some(iat) = claims.iat.as_ref().filter(|iat| !iat.is_null()) {
        let issued_at = date(iat).ok_or(Cause::Claims)?;
        if issued_at > now().saturating_add(Duration::from_secs(LEEWAY)) {
            return Err(Cause::NotYetValid);
        }
    }
    let user = claims.user.as_ref().and_then(Value::as_str).and_then(|user| user.parse().ok());
    Ok(Pass { user: user.ok_or(Cause::UserId)?, expires_at: SystemTime::UNIX_EPOCH.checked_add(expires_at) })
}

fn read(token: &[u8], key: &DecodingKey, validation: &Validation, user_claim: &str) -> Result<(Header, Claims), Error> {
    if user_claim == SUBJECT {
        let token = decode::<UsualClaims>(token, key, validation)?;
        let UsualClaims { sub, exp, iat } = token.claims;
        return Ok((token.header, Claims { user: sub, exp, iat }));
    }
    let mut token = decode::<Map<String, Value>>(token, key, validation)?;
    let mut take = |name| token.claims.remove(name);
    let claims = Claims { user: take(user_claim), exp: take("exp"), iat: take("iat") };
    Ok((token.header, claims))
}

/// `kid` has picked the key. `jku`, `x5u`, `x5c` and `jwk` would bring another one: nobody follows them.
pub(super) fn check_header(header: &Header) -> Result<(), Cause> {
    if header.crit.is_some() {
        return Err(Cause::Critical);
    }
    let is_ours = header.typ.as_deref().is_none_or(|typ| {
        let (start, rest) = typ.split_at_checked(APPLICATION.len()).unwrap_or_default();
        let kind = if start.eq_ignore_ascii_case(APPLICATION) { rest } else { typ };
        kind.eq_ignore_ascii_case("JWT") || kind.eq_ignore_ascii_case("at+jwt")
    });
    if is_ours { Ok(()) } else { Err(Cause::Type) }
}

/// A `NumericDate`: seconds since 1970, which may have a fraction (RFC 7519, section 2).
pub(super) fn date(value: &Value) -> Option<Duration> {
    match value.as_u64() {
        Some(seconds) => Some(Duration::from_secs(seconds)),
        None => Duration::try_from_secs_f64(value.as_f64()?).ok(),
    }
}

/// Tokens are checked by the wall clock, like everywhere else they are used.
pub(super) fn now() -> Duration {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}

#[expect(clippy::wildcard_enum_match_arm, reason = "an enum of the library: all else is a token that cannot be read")]
pub(super) fn cause_of(error: &Error, token: &[u8]) -> Cause {
    match error.kind() {
        ErrorKind::InvalidSignature => Cause::Signature,
        ErrorKind::ExpiredSignature => Cause::Expired,
        ErrorKind::ImmatureSignature => Cause::NotYetValid,
        ErrorKind::InvalidIssuer => Cause::Issuer,
        ErrorKind::InvalidAudience => Cause::Audience,
        ErrorKind::InvalidClaimFormat(_) => Cause::Claims,
        ErrorKind::MissingRequiredClaim(claim) => match claim.as_str() {
            "iss" => Cause::Issuer,
            "aud" => Cause::Audience,
            _exp => Cause::Claims,
        },
        ErrorKind::InvalidAlgorithm | ErrorKind::UnsupportedAlgorithm => Cause::Algorithm,
        _ if names_unknown_algorithm(token) => Cause::Algorithm,
        _ => Cause::Malformed,
    }
}

/// The library reads no header whose `alg` it does not know, `none` among them.
fn names_unknown_algorithm(token: &[u8]) -> bool {
    let algorithm = part(token, 0).and_then(|header| header.get("alg")?.as_str().map(str::parse::<Algorithm>));
    algorithm.is_some_and(|known| known.is_err())
}

/// The JSON of a part of a token: 0 is the header, 1 the claims. Nothing of it is proven.
pub(super) fn part(token: &[u8], number: usize) -> Option<Value> {
    let part = token.split(|byte| *byte == b'.').nth(number)?;
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}
