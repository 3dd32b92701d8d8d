//! **Job:** why somebody is not known, for the operator.
//! **Owns:** the causes with their names and sentences, and how often each came.
//! **Never:** tells the one who asks, or holds a part of what they sent.

use std::sync::atomic::{AtomicU64, Ordering};

macro_rules! causes {
    ($($(#[$doc:meta])* $name:ident = $word:literal, $why:literal;)*) => {
        /// Which check failed.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Cause { $($(#[$doc])* $name,)* }

        impl Cause {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// Its name in metrics and log.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $word,)* }
            }

            /// A sentence about it.
            #[must_use]
            pub fn why(self) -> &'static str {
                match self { $(Self::$name => $why,)* }
            }
        }
    };
}

causes! {
    /// There was nothing to check.
    Missing = "missing", "the request has no Authorization header (auth.mode jwt) or no X-User-Id (auth.mode header)";
    /// It cannot be read.
    Malformed = "malformed", "what was sent is not one bearer token that is a signed JWT: three parts of base64url";
    /// Another algorithm than the key's.
    Algorithm = "algorithm", "the token's alg is not the one of the key: auth.jwt_algorithm, or that of the JWK";
    /// No such key.
    Key = "key", "the token's kid names no key of auth.jwt_jwks_file that fits, or it has none and the set has several";
    /// Signed with something else.
    Signature = "signature", "the signature does not belong to the key: another secret or key pair signed the token";
    /// A token of another kind.
    Type = "type", "the token's typ is neither JWT nor at+jwt";
    /// It must not be taken by who does not know its extensions.
    Critical = "critical", "the token's crit demands extensions, and none is known here";
    /// A time that is none.
    Claims = "claims", "exp is missing, or exp, nbf or iat is not a date in seconds";
    /// Its time is over.
    Expired = "expired", "exp has passed: the token is too old, or the clocks of provider and server differ";
    /// Its time has not come.
    NotYetValid = "not-yet-valid", "nbf or iat lies in the future: the clocks of provider and server may differ";
    /// Of another provider.
    Issuer = "issuer", "iss is missing or is not auth.jwt_issuer";
    /// For somebody else.
    Audience = "audience", "aud is missing or does not contain auth.jwt_audience";
    /// It names nobody.
    UserId = "user-id", "the claim of auth.jwt_user_claim, or X-User-Id, is not 1 to 255 visible ASCII characters";
    /// Not from a trusted proxy.
    Proxy = "proxy", "auth.mode is header, and the request does not come from server.trusted_proxies";
}

/// How often each cause came, since the start.
#[derive(Debug)]
pub(super) struct Refusals(Vec<AtomicU64>);

impl Default for Refusals {
    fn default() -> Self {
        Self(Cause::ALL.iter().map(|_| AtomicU64::new(0)).collect())
    }
}

impl Refusals {
    pub(super) fn count(&self, cause: Cause) {
        self.0[cause as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn counted(&self) -> impl Iterator<Item = (Cause, u64)> {
        Cause::ALL.iter().map(|cause| (*cause, self.0[*cause as usize].load(Ordering::Relaxed)))
    }
}
