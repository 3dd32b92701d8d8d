//! **Job:** why settings cannot identify anybody.
//! **Owns:** the sentences, each with the key to look at.
//! **Never:** says a part of a key.

use super::jwk_set::UnfitSet;

/// The settings cannot identify anybody.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The public key cannot be read.
    #[error("auth.jwt_public_key_file: {0}")]
    KeyFile(#[source] std::io::Error),
    /// The key is not one of the algorithm.
    #[error("auth.jwt_public_key_file: not a public key of the algorithm")]
    Key,
    /// The set of keys cannot be read.
    #[error("auth.jwt_jwks_file: cannot be read: {0}")]
    KeySetFile(#[source] std::io::Error),
    /// The set of keys is none.
    #[error("auth.jwt_jwks_file: {0}")]
    KeySet(#[from] UnfitSet),
    /// Tokens are made elsewhere.
    #[error(
        "tokens can be signed here only with auth.mode = \"jwt\", auth.jwt_algorithm = \"HS256\" and no \
         auth.jwt_jwks_file"
    )]
    NotOurs,
    /// Nobody looks at tokens.
    #[error("auth.mode is \"header\": tokens are not looked at")]
    NoTokens,
}
