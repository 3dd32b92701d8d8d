//! **Job:** makes buyer tokens as the configured secret signs them.
//! **Owns:** what is in them.
//! **Never:** signs where somebody else does.

use std::time::Duration;

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Map, Value};

use super::error::IdentityError;
use super::token::now;
use crate::config::{Auth, AuthMode, JwtAlgorithm};

/// Makes buyer tokens as the configured secret signs them.
pub struct Mint<'a> {
    auth: &'a Auth,
    key: EncodingKey,
}

impl<'a> Mint<'a> {
    /// A mint with the secret of `auth`.
    pub fn new(auth: &'a Auth) -> Result<Self, IdentityError> {
        let is_ours = auth.mode == AuthMode::Jwt && auth.jwt_algorithm == JwtAlgorithm::Hs256;
        if !is_ours || auth.jwt_jwks_file.is_some() {
            return Err(IdentityError::NotOurs);
        }
        Ok(Self { auth, key: EncodingKey::from_secret(auth.jwt_secret.expose().as_bytes()) })
    }

    /// A token of `user`, valid for `life`.
    #[must_use]
    pub fn token(&self, user: &str, life: Duration) -> String {
        let (now, mut claims) = (now().as_secs(), Map::new());
        let mut claim = |name: &str, value: Value| claims.insert(name.to_owned(), value);
        claim(&self.auth.jwt_user_claim, user.into());
        claim("exp", now.saturating_add(life.as_secs()).into());
        claim("iat", now.into());
        for (name, value) in [("iss", &self.auth.jwt_issuer), ("aud", &self.auth.jwt_audience)] {
            if let Some(value) = value {
                claim(name, value.as_str().into());
            }
        }
        encode(&Header::new(Algorithm::HS256), &claims, &self.key).expect("claims of texts and numbers can be signed")
    }
}
