//! **Job:** the keys that tokens are checked with.
//! **Owns:** which key a token is checked with, and the rules that hold for all of them.
//! **Never:** is changed: new keys are a new value, put in the place of the old one.

use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode_header};

use super::error::IdentityError;
use super::jwk_set::{self, UnfitSet, probe};
use super::refusal::Cause;
use super::token::{LEEWAY, Pass, cause_of, verified};
use crate::config::{Auth, JwtAlgorithm, Secret};

/// One key with its one algorithm.
pub(super) struct Key {
    /// Its name: the `kid` of a set, or the key of the configuration.
    pub(super) name: Option<String>,
    decoding: DecodingKey,
    validation: Validation,
}

/// All keys.
pub(super) enum Keys {
    /// Those of the configuration, tried one after the other: while one is rotated there are two.
    Own(Vec<Key>),
    /// Those of the identity provider, of which a token's `kid` picks one.
    Set(Vec<Key>),
}

impl Keys {
    /// The secrets or the public key of `auth`.
    pub(super) fn own(auth: &Auth) -> Result<Self, IdentityError> {
        let algorithm = algorithm(auth.jwt_algorithm);
        let key = |name: &str, decoding| Key::new(auth, (Some(name.to_owned()), algorithm, decoding));
        if algorithm == Algorithm::HS256 {
            let secrets =
                [("auth.jwt_secret", &auth.jwt_secret), ("auth.jwt_previous_secret", &auth.jwt_previous_secret)];
            let given =
                secrets.into_iter().enumerate().filter(|(place, (_, secret))| *place == 0 || !secret.is_empty());
            return Ok(Self::Own(given.map(|(_, (name, secret))| key(name, hmac(secret))).collect()));
        }
        let path = auth.jwt_public_key_file.as_deref().ok_or(IdentityError::Key)?;
        let pem = std::fs::read(path).map_err(IdentityError::KeyFile)?;
        let decoding = match auth.jwt_algorithm {
            JwtAlgorithm::Hs256 => None,
            JwtAlgorithm::Es256 => DecodingKey::from_ec_pem(&pem).ok(),
            JwtAlgorithm::EdDsa => DecodingKey::from_ed_pem(&pem).ok(),
            JwtAlgorithm::Rs256 => DecodingKey::from_rsa_pem(&pem).ok(),
        };
        let decoding = decoding.filter(|decoding| probe(decoding, algorithm)).ok_or(IdentityError::Key)?;
        Ok(Self::Own(vec![key("auth.jwt_public_key_file", decoding)]))
    }

    /// Those of a set, for signatures of `wanted` if it says so.
    pub(super) fn set(auth: &Auth, wanted: Option<JwtAlgorithm>, text: &[u8]) -> Result<Self, UnfitSet> {
        let keys = jwk_set::read(text, wanted.map(algorithm))?;
        Ok(Self::Set(keys.into_iter().map(|key| Key::new(auth, (key.id, key.algorithm, key.key))).collect()))
    }

    /// Whom the token names, if one of the keys has signed it and everything else is right.
    pub(super) fn check(&self, token: &[u8], user_claim: &str) -> Result<Pass, Cause> {
        match self {
            Self::Own(keys) => {
                let mut outcome = Err(Cause::Signature);
                for key in keys {
                    outcome = key.check(token, user_claim);
                    if !matches!(outcome, Err(Cause::Signature)) {
                        break;
                    }
                }
                outcome
            }
            Self::Set(_) => self.pick(token)?.check(token, user_claim),
        }
    }

    /// The key of a set that a token names, or the only one. Of several own ones, none in particular.
    pub(super) fn pick(&self, token: &[u8]) -> Result<&Key, Cause> {
        let header = decode_header(token).map_err(|error| cause_of(&error, token))?;
        let key = match (self, header.kid) {
            (Self::Set(keys), Some(kid)) => keys.iter().find(|key| key.name.as_ref() == Some(&kid)),
            (Self::Set(keys), None) | (Self::Own(keys), _) => keys.first().filter(|_| keys.len() == 1),
        };
        key.ok_or(Cause::Key)
    }

    pub(super) fn all(&self) -> &[Key] {
        match self {
            Self::Own(keys) | Self::Set(keys) => keys,
        }
    }
}

impl Key {
    fn new(auth: &Auth, (name, algorithm, decoding): (Option<String>, Algorithm, DecodingKey)) -> Self {
        Self { name, decoding, validation: validation(auth, algorithm) }
    }

    pub(super) fn check(&self, token: &[u8], user_claim: &str) -> Result<Pass, Cause> {
        verified(token, (&self.decoding, &self.validation), user_claim)
    }
}

fn hmac(secret: &Secret) -> DecodingKey {
    DecodingKey::from_secret(secret.expose().as_bytes())
}

pub(super) fn algorithm(algorithm: JwtAlgorithm) -> Algorithm {
    match algorithm {
        JwtAlgorithm::Hs256 => Algorithm::HS256,
        JwtAlgorithm::Es256 => Algorithm::ES256,
        JwtAlgorithm::EdDsa => Algorithm::EdDSA,
        JwtAlgorithm::Rs256 => Algorithm::RS256,
    }
}

fn validation(auth: &Auth, algorithm: Algorithm) -> Validation {
    let mut validation = Validation::new(algorithm);
    validation.leeway = LEEWAY;
    validation.validate_nbf = true;
    let mut required = vec!["exp"];
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
