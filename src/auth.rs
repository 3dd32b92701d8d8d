//! **Job:** says who is asking.
//! **Owns:** how buyers are known, the keys for it as they are now, and a count of those who are not known.
//! **Never:** lets a token choose how it is checked, or says to the one who asks why theirs was refused.

use std::net::IpAddr;
use std::sync::Arc;

use actix_web::HttpRequest;
use actix_web::http::header::AUTHORIZATION;
use arc_swap::ArcSwap;
use doorbuster_actors::ids::UserId;
use doorbuster_actors::request::Reason;

mod error;
mod inspection;
mod jwk_set;
mod key_file;
mod keys;
mod mint;
mod refusal;
mod token;

use crate::config::{Auth, AuthMode, JwtAlgorithm, Loaded};
use crate::http::bearer::bearer;
use crate::http::problem::Problem;
use crate::http::request_context;
use crate::http::trusted_proxies::TrustedProxies;
use key_file::KeyFile;
use keys::Keys;
use refusal::Refusals;

pub use error::IdentityError;
pub use inspection::{Finding, Inspection};
pub use jwk_set::UnfitSet;
pub use mint::Mint;
pub use refusal::Cause;
pub use token::Pass;

/// How buyers prove who they are, and how often somebody could not.
pub struct Identity {
    way: Way,
    proxies: TrustedProxies,
    refusals: Refusals,
}

enum Way {
    /// By a token.
    Jwt(Box<Jwt>),
    /// By a header that a trusted proxy wrote.
    Header,
}

struct Jwt {
    auth: Auth,
    /// Which signatures keys of a set are taken for; none: for those each is made for.
    wanted: Option<JwtAlgorithm>,
    keys: ArcSwap<Keys>,
    /// Where they come from, if it is a file that may change.
    file: Option<KeyFile>,
}

impl Identity {
    /// How the configuration says.
    pub fn new(loaded: &Loaded) -> Result<Self, IdentityError> {
        let way = match loaded.config.auth.mode {
            AuthMode::Header => Way::Header,
            AuthMode::Jwt => Way::Jwt(Box::new(Jwt::new(loaded)?)),
        };
        let proxies = TrustedProxies::new(&loaded.config.server.trusted_proxies);
        Ok(Self { way, proxies, refusals: Refusals::default() })
    }

    /// Who sent the request.
    pub fn of(&self, request: &HttpRequest) -> Result<UserId, Problem> {
        self.pass(request).map(|pass| pass.user)
    }

    /// Who sent the request, and until when that holds.
    pub fn pass(&self, request: &HttpRequest) -> Result<Pass, Problem> {
        let pass = match &self.way {
            Way::Jwt(jwt) => token_of(request).and_then(|token| jwt.check(token)),
            Way::Header => {
                let peer = request.peer_addr().map(|address| address.ip());
                let user = forwarded(request, peer.filter(|peer| self.proxies.trusts(*peer)));
                user.map(|user| Pass { user, expires_at: None })
            }
        };
        pass.map_err(|cause| {
            self.refusals.count(cause);
            let client = || self.client(request).map(tracing::field::display);
            let request_id = request_context::current(|context| context.id().to_owned());
            tracing::debug!(cause = cause.as_str(), why = cause.why(), request_id, client = client(), "nobody we know");
            unauthenticated()
        })
    }

    /// From where the request came: the client's address, behind proxies that are trusted.
    #[must_use]
    pub fn client(&self, request: &HttpRequest) -> Option<IpAddr> {
        self.proxies.client(request.peer_addr(), request.headers())
    }

    /// Causes and how often each came, since the start.
    pub fn refused(&self) -> impl Iterator<Item = (Cause, u64)> {
        self.refusals.counted()
    }

    /// Whether the file with the provider's keys has changed into something that cannot be used; none without a file.
    #[must_use]
    pub fn has_stale_keys(&self) -> Option<bool> {
        self.file().map(|(_, file)| file.is_stale())
    }

    /// Takes new keys from the file with the provider's keys, if it has changed. To be called once a second, from a
    /// thread that serves no requests.
    pub fn follow_key_file(&self) {
        if let Some((jwt, file)) = self.file() {
            file.look(false, |text| jwt.take(text));
        }
    }

    /// Takes the keys of a configuration that was read again: secrets, public key, the provider's file. Tokens in
    /// flight are checked with the old ones or the new ones.
    ///
    /// # Errors
    /// Why the keys from before stay in force.
    pub fn renew(&self, loaded: &Loaded) -> Result<(), IdentityError> {
        match (&self.way, self.file()) {
            (_, Some((jwt, file))) => file.look(true, |text| jwt.take(text)),
            (Way::Jwt(jwt), None) => jwt.keys.store(Arc::new(Keys::own(&loaded.config.auth)?)),
            (Way::Header, None) => {}
        }
        Ok(())
    }

    /// What is right and wrong with a token.
    pub fn inspect(&self, token: &[u8]) -> Result<Inspection, IdentityError> {
        match &self.way {
            Way::Jwt(jwt) => Ok(Inspection::of(token, &jwt.auth, &jwt.keys.load())),
            Way::Header => Err(IdentityError::NoTokens),
        }
    }

    fn file(&self) -> Option<(&Jwt, &KeyFile)> {
        match &self.way {
            Way::Jwt(jwt) => jwt.file.as_ref().map(|file| (&**jwt, file)),
            Way::Header => None,
        }
    }
}

impl Jwt {
    fn new(loaded: &Loaded) -> Result<Self, IdentityError> {
        let auth = loaded.config.auth.clone();
        let wanted = loaded.is_given("auth.jwt_algorithm").then_some(auth.jwt_algorithm);
        let (keys, file) = match &auth.jwt_jwks_file {
            None => (Keys::own(&auth)?, None),
            Some(path) => {
                let (file, text) = KeyFile::open(path).map_err(IdentityError::KeySetFile)?;
                (Keys::set(&auth, wanted, &text)?, Some(file))
            }
        };
        Ok(Self { keys: ArcSwap::from_pointee(keys), auth, wanted, file })
    }

    fn check(&self, token: &[u8]) -> Result<Pass, Cause> {
        self.keys.load().check(token, &self.auth.jwt_user_claim)
    }

    fn take(&self, text: &[u8]) -> Result<usize, String> {
        let keys = Keys::set(&self.auth, self.wanted, text).map_err(|unfit| unfit.to_string())?;
        let count = keys.all().len();
        self.keys.store(Arc::new(keys));
        Ok(count)
    }
}

/// What everybody hears who is not known, whatever the reason.
pub(crate) fn unauthenticated() -> Problem {
    Problem::new(Reason::Unauthenticated, "send a valid token")
}

fn token_of(request: &HttpRequest) -> Result<&[u8], Cause> {
    let is_there = request.headers().contains_key(AUTHORIZATION);
    bearer(request).ok_or(if is_there { Cause::Malformed } else { Cause::Missing })
}

fn forwarded(request: &HttpRequest, trusted_peer: Option<IpAddr>) -> Result<UserId, Cause> {
    trusted_peer.ok_or(Cause::Proxy)?;
    let mut values = request.headers().get_all("X-User-Id");
    let value = values.next().ok_or(Cause::Missing)?;
    let user = value.to_str().ok().and_then(|text| text.parse().ok());
    user.filter(|_| values.next().is_none()).ok_or(Cause::UserId)
}
