//! **Job:** reads a set of keys as an identity provider publishes it (RFC 7517).
//! **Owns:** which of its keys can check signatures, and with which one algorithm each.
//! **Never:** opens a file, or follows an address in a key.

use std::collections::BTreeSet;

use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;
use serde_json::Value;

/// Most keys of a set: providers publish two or three, those of a large house some dozen.
const MAX_KEYS: usize = 256;

/// Shortest modulus of RS256, and shortest secret of HS256, in characters of base64url: 2,048 and 256 bits (RFC 7518,
/// sections 3.3 and 3.2).
const MIN_MODULUS: usize = 256 * 4 / 3;
const MIN_SECRET: usize = 43;

/// A key that can check signatures.
pub(super) struct SetKey {
    /// Its `kid`.
    pub(super) id: Option<String>,
    /// The one algorithm it is for.
    pub(super) algorithm: Algorithm,
    /// The key itself.
    pub(super) key: DecodingKey,
}

/// The set cannot be used. Never says a part of a key: it may be a secret one.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnfitSet {
    /// It is not a set at all.
    #[error("is not a JWK set: no JSON object with a list `keys`")]
    NotASet,
    /// Somebody mistook the file.
    #[error("has more than {MAX_KEYS} keys")]
    TooMany,
    /// Nobody could be checked.
    #[error("has no key that can check signatures of {wanted}; there are {found}")]
    NoKey {
        /// Which algorithm.
        wanted: String,
        /// How many other keys.
        found: usize,
    },
    /// A key that should do and does not.
    #[error("key {id:?}: {reason}")]
    Key {
        /// Its `kid`.
        id: String,
        /// Why not.
        reason: &'static str,
    },
}

#[derive(Deserialize)]
struct Set {
    keys: Vec<Value>,
}

/// The keys of a set for signatures of `wanted`, or of whatever is known here. What is for something else (encryption,
/// another algorithm, an unknown type) is left out, as section 5 asks.
pub(super) fn read(text: &[u8], wanted: Option<Algorithm>) -> Result<Vec<SetKey>, UnfitSet> {
    let Set { keys } = serde_json::from_slice(text).map_err(|_not_a_set| UnfitSet::NotASet)?;
    if keys.len() > MAX_KEYS {
        return Err(UnfitSet::TooMany);
    }
    let mut fitting = Vec::new();
    let mut ids = BTreeSet::new();
    for value in &keys {
        let Some(algorithm) = algorithm_of(value).filter(|own| wanted.is_none_or(|wanted| wanted == *own)) else {
            continue;
        };
        let id = member(value, "kid").map(str::to_owned);
        let unfit = |reason| UnfitSet::Key { id: id.clone().unwrap_or_default(), reason };
        let key = decoding_key(value, algorithm).map_err(unfit)?;
        if !ids.insert(id.clone()) {
            return Err(unfit("two keys for signatures have this kid"));
        }
        fitting.push(SetKey { id, algorithm, key });
    }
    if fitting.is_empty() {
        let wanted = wanted.map_or_else(|| "HS256, ES256, EdDSA or RS256".to_owned(), |wanted| format!("{wanted:?}"));
        return Err(UnfitSet::NoKey { wanted, found: keys.len() });
    }
    Ok(fitting)
}

fn member<'k>(key: &'k Value, name: &str) -> Option<&'k str> {
    key.get(name).and_then(Value::as_str)
}

/// The one algorithm that a key is for, if it is for signatures and known here.
fn algorithm_of(key: &Value) -> Option<Algorithm> {
    let (algorithm, names): (_, &[&str]) = match (member(key, "kty")?, member(key, "crv")) {
        ("RSA", _) => (Algorithm::RS256, &["RS256"]),
        ("EC", Some("P-256")) => (Algorithm::ES256, &["ES256"]),
        // RFC 9864 has a name of its own for it.
        ("OKP", Some("Ed25519")) => (Algorithm::EdDSA, &["EdDSA", "Ed25519"]),
        ("oct", _) => (Algorithm::HS256, &["HS256"]),
        _another_kind => return None,
    };
    let is_for = |name: &str, is_right: &dyn Fn(&Value) -> bool| key.get(name).is_none_or(is_right);
    let verifies = |operations: &Value| operations.as_array().is_some_and(|all| all.contains(&Value::from("verify")));
    let fits = is_for("use", &|purpose| purpose == "sig")
        && is_for("key_ops", &verifies)
        && is_for("alg", &|alg| alg.as_str().is_some_and(|alg| names.contains(&alg)));
    fits.then_some(algorithm)
}

fn decoding_key(value: &Value, algorithm: Algorithm) -> Result<DecodingKey, &'static str> {
    let has = |name, least| member(value, name).is_some_and(|text: &str| text.len() >= least);
    let long_enough = (algorithm != Algorithm::RS256 || has("n", MIN_MODULUS))
        && (algorithm != Algorithm::HS256 || has("k", MIN_SECRET));
    if !long_enough {
        return Err("is missing or too short: RS256 needs 2,048 bits, HS256 256 bits");
    }
    let unreadable = "cannot be read: a member is missing or not base64url, or the point is not on the curve";
    let key = known_members(value).and_then(|jwk| DecodingKey::from_jwk(&jwk).ok()).ok_or(unreadable)?;
    probe(&key, algorithm).then_some(key).ok_or(unreadable)
}

/// The key without members that say nothing here, which the library would refuse in an unusual form.
fn known_members(value: &Value) -> Option<Jwk> {
    let names = ["kty", "crv", "x", "y", "n", "e", "k"];
    let members = names.iter().filter_map(|name| Some(((*name).to_owned(), value.get(*name)?.clone())));
    serde_json::from_value(Value::Object(members.collect())).ok()
}

/// Whether the key is one of the algorithm: the library finds out when it first checks a signature.
pub(super) fn probe(key: &DecodingKey, algorithm: Algorithm) -> bool {
    jsonwebtoken::crypto::verify("", b"", key, algorithm).is_ok()
}
