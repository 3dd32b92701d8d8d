//! **Job:** the tokens that open the operations listener.
//! **Owns:** which they are now: they can be exchanged while the server runs.
//! **Never:** tells how much of a wrong one was right.

use actix_web::HttpRequest;
use arc_swap::ArcSwap;
use subtle::ConstantTimeEq as _;

use crate::config::{Config, Secret};
use crate::http::bearer::bearer;

/// The tokens as they are now.
pub struct Tokens(ArcSwap<Set>);

struct Set {
    /// What opens everything: the token, and the one from before while there is one.
    admin: [Secret; 2],
    /// What opens the feed as well; may be empty.
    feed: Secret,
}

impl Tokens {
    /// Those of a configuration.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        Self(ArcSwap::from_pointee(Set::of(config)))
    }

    /// From now on those of this configuration.
    pub fn replace(&self, config: &Config) {
        self.0.store(std::sync::Arc::new(Set::of(config)));
    }

    /// Whether the request has an admin token.
    pub(super) fn open_everything(&self, request: &HttpRequest) -> bool {
        self.0.load().admin.iter().any(|token| carries(request, token))
    }

    /// Whether the request has the feed's own token.
    pub(super) fn open_the_feed(&self, request: &HttpRequest) -> bool {
        carries(request, &self.0.load().feed)
    }
}

impl Set {
    fn of(config: &Config) -> Self {
        let admin = [config.auth.admin_token.clone(), config.auth.admin_previous_token.clone()];
        Self { admin, feed: config.feed.token.clone() }
    }
}

/// Whether the request has this token, and there is one. In constant time: how long the check takes says nothing about
/// how much of a guess was right.
fn carries(request: &HttpRequest, token: &Secret) -> bool {
    let given = bearer(request).unwrap_or_default();
    let wanted = token.expose().as_bytes();
    !wanted.is_empty() && bool::from(given.ct_eq(wanted))
}
