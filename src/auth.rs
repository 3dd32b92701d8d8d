//! **Job:** says who is asking.
//! **Owns:** the one algorithm, key and claims that a token must have (RFC 8725), and the minting of test tokens.
//! **Never:** lets a token choose how it is checked, or says why one was refused.

use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use actix_web::HttpRequest;
use doorbuster_actors::ids::UserId;
use doorbuster_actors::request::Reason;
use ipnet::IpNet;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use serde::{Deserialize, Serialize};

use crate::config::{Auth, AuthMode, JwtAlgorithm};
use crate::http::bearer::bearer;
use crate::http::problem::Problem;

/// How far clocks may differ, in seconds.
const LEEWAY: u64 = 5;

/// Latest expiry that is a date at all: the end of the year 9999, in seconds.
const MAX_EXPIRY: u64 = 253_402_300_799;

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

/// How buyers prove who they are.
pub enum Identity {
    /// By a token.
    Jwt {
        /// The key of the one algorithm.
        key: Box<DecodingKey>,
        /// What must hold.
        validation: Box<Validation>,
    },
    /// By a header that a proxy in one of these networks wrote.
    Header {
        /// The networks.
        trusted: Vec<IpNet>,
    },
}

/// The settings cannot identify anybody.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The public key cannot be read.
    #[error("auth.jwt_public_key_file: {0}")]
    KeyFile(#[from] std::io::Error),
    /// The key is not one of the algorithm.
    #[error("auth.jwt_public_key_file: not a public key of the algorithm")]
    Key,
    /// Tokens are made elsewhere.
    #[error("tokens can be signed here only with auth.mode = \"jwt\" and auth.jwt_algorithm = \"HS256\"")]
    NotOurs,
}

#[derive(Serialize, Deserialize)]
struct Claims {
    sub: String,
    exp: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    nbf: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    iat: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    iss: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    aud: Option<serde_json::Value>,
}

impl Identity {
    /// How `auth` says, with `trusted` proxies.
    pub fn new(auth: &Auth, trusted: &[IpNet]) -> Result<Self, IdentityError> {
        match auth.mode {
            AuthMode::Header => Ok(Self::Header { trusted: trusted.to_vec() }),
            AuthMode::Jwt => {
                let (algorithm, key) = decoding_key(auth)?;
                Ok(Self::Jwt { key: Box::new(key), validation: Box::new(validation(auth, algorithm)) })
            }
        }
    }

    /// Who sent the request.
    pub fn of(&self, request: &HttpRequest) -> Result<UserId, Problem> {
        self.pass(request).map(|pass| pass.user)
    }

    /// Who sent the request, and until when that holds.
    pub fn pass(&self, request: &HttpRequest) -> Result<Pass, Problem> {
        let pass = match self {
            Self::Jwt { key, validation } => bearer(request).and_then(|token| verified(token, key, validation)),
            Self::Header { trusted } => {
                let peer = request.peer_addr().map(|address| address.ip().to_canonical());
                let user = forwarded(request, peer.filter(|peer| trusted.iter().any(|network| network.contains(peer))));
                user.map(|user| Pass { user, expires_at: None })
            }
        };
        pass.ok_or_else(unauthenticated)
    }
}

/// What everybody hears who is not known, whatever the reason.
pub(crate) fn unauthenticated() -> Problem {
    Problem::new(Reason::Unauthenticated, "send a valid token")
}

fn forwarded(request: &HttpRequest, trusted_peer: Option<IpAddr>) -> Option<UserId> {
    trusted_peer?;
    let mut values = request.headers().get_all("X-User-Id");
    let (value, None) = (values.next()?.to_str().ok()?, values.next()) else { return None };
    value.parse().ok()
}

fn verified(token: &[u8], key: &DecodingKey, validation: &Validation) -> Option<Pass> {
    let token = decode::<Claims>(token, key, validation).ok()?;
    let header = token.header;
    // Keys and rules come from the configuration; a token that brings or names its own is not for us.
    let brings_its_own = header.kid.is_some()
        || header.jku.is_some()
        || header.jwk.is_some()
        || header.x5u.is_some()
        || header.x5c.is_some()
        || header.crit.is_some();
    let is_jwt = header.typ.as_deref().is_none_or(|typ| typ.eq_ignore_ascii_case("JWT"));
    let claims = token.claims;
    let issued_later = claims.iat.is_some_and(|iat| iat > now().saturating_add(LEEWAY));
    if brings_its_own || !is_jwt || issued_later || claims.exp > MAX_EXPIRY {
        return None;
    }
    let expires_at = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(claims.exp));
    Some(Pass { user: claims.sub.parse().ok()?, expires_at })
}

fn decoding_key(auth: &Auth) -> Result<(Algorithm, DecodingKey), IdentityError> {
    let pem = || {
        let path = auth.jwt_public_key_file.as_deref().ok_or(IdentityError::Key)?;
        Ok::<_, IdentityError>(std::fs::read(path)?)
    };
    match auth.jwt_algorithm {
        JwtAlgorithm::Hs256 => Ok((Algorithm::HS256, DecodingKey::from_secret(auth.jwt_secret.expose().as_bytes()))),
        JwtAlgorithm::EdDsa => {
            Ok((Algorithm::EdDSA, DecodingKey::from_ed_pem(&pem()?).map_err(|_| IdentityError::Key)?))
        }
        JwtAlgorithm::Rs256 => {
            Ok((Algorithm::RS256, DecodingKey::from_rsa_pem(&pem()?).map_err(|_| IdentityError::Key)?))
        }
    }
}

fn validation(auth: &Auth, algorithm: Algorithm) -> Validation {
    let mut validation = Validation::new(algorithm);
    validation.leeway = LEEWAY;
    validation.validate_nbf = true;
    let mut required = vec!["exp", "sub"];
    match &auth.jwt_audience {
        Some(audience) => {
            validation.set_audience(&[audience]);
            required.push("aud");
        }
        None => validation.validate_aud = false,
    }
    if let Some(issuer) = &auth.jwt_issuer {
        validation.set_issuer(&[issuer]);
        required.push("iss");
    }
    validation.set_required_spec_claims(&required);
    validation
}

/// Makes buyer tokens as the configured secret signs them.
pub struct Mint<'a> {
    auth: &'a Auth,
    key: EncodingKey,
}

impl<'a> Mint<'a> {
    /// A mint with the secret of `auth`.
    pub fn new(auth: &'a Auth) -> Result<Self, IdentityError> {
        match (auth.mode, auth.jwt_algorithm) {
            (AuthMode::Jwt, JwtAlgorithm::Hs256) => {
                Ok(Self { auth, key: EncodingKey::from_secret(auth.jwt_secret.expose().as_bytes()) })
            }
            (AuthMode::Header, _) | (AuthMode::Jwt, JwtAlgorithm::EdDsa | JwtAlgorithm::Rs256) => {
                Err(IdentityError::NotOurs)
            }
        }
    }

    /// A token of `user`, valid for `life`.
    #[must_use]
    pub fn token(&self, user: &str, life: Duration) -> String {
        let claims = Claims {
            sub: user.to_owned(),
            exp: now().saturating_add(life.as_secs()),
            nbf: None,
            iat: Some(now()),
            iss: self.auth.jwt_issuer.clone(),
            aud: self.auth.jwt_audience.clone().map(Into::into),
        };
        encode(&Header::new(Algorithm::HS256), &claims, &self.key).expect("claims of texts and numbers can be signed")
    }
}

/// Tokens are checked by the wall clock, like everywhere else they are used.
fn now() -> u64 {
    let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since_epoch.map_or(0, |since_epoch| since_epoch.as_secs())
}
