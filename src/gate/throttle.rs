//! **Job:** throttle per buyer: of all attempts within a window, the first passes; a window that was for nothing goes
//! back.
//! **Owns:** who shares a window, and where windows are: in process, or in Redis.
//! **Never:** extends a window because of a refused attempt, or lets anybody pass more often because they are refused
//! later on.
//!
//! A refusal behind the throttle that is not the buyer's doing does not cost them the window (`Gate` knows which those
//! are). So that nobody can hammer an item that way, a buyer gets the first [`FULL_GIVE_BACKS`] windows of a window's
//! time back whole; of further ones is left what the answer said in `Retry-After`. Who waits that long never meets the
//! throttle, who does not gets to the next layer once in that time.

mod local;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use doorbuster_actors::ids::ItemId;

pub use local::{FULL_GIVE_BACKS, LocalThrottle, MAX_USERS};

use super::redis::{Opened, RedisLink, RedisWindow};
use super::verdict::Verdict;
use crate::config::{OnError, ThrottleScope};
use local::LocalWindow;

/// Who shares a window: a buyer, a buyer of one item, or a network. As a text, no two are the same, whatever a user id
/// consists of: an item id has no colon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Who<'w> {
    /// A buyer, whatever they want.
    User(&'w str),
    /// A buyer of one item: item and buyer.
    OfItem(&'w str, &'w str),
    /// All buyers that come from there.
    Network(&'w str),
}

impl<'w> Who<'w> {
    /// A buyer, whatever they want.
    #[must_use]
    pub fn user(user: &'w str) -> Self {
        Self::User(user)
    }

    /// A buyer of one item.
    #[must_use]
    pub fn of_item(user: &'w str, item: &'w ItemId) -> Self {
        Self::OfItem(item.as_str(), user)
    }
}

impl fmt::Display for Who<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(user) => write!(f, "throttle:{user}"),
            Self::OfItem(item, user) => write!(f, "throttle_item:{item}:{user}"),
            Self::Network(network) => write!(f, "throttle_address:{network}"),
        }
    }
}

/// The window that an attempt has opened.
#[derive(Debug)]
#[must_use = "it may have to go back"]
pub struct Window(Place);

#[derive(Debug)]
enum Place {
    /// There is no throttle, or it let the attempt pass without remembering it.
    Nowhere,
    InProcess(LocalWindow),
    InRedis(RedisWindow),
}

impl Window {
    /// No window at all.
    pub fn none() -> Self {
        Self(Place::Nowhere)
    }
}

/// What the throttle says about one attempt.
#[derive(Debug)]
pub enum ThrottleVerdict {
    /// On to the next layer, with the window that begins now.
    Pass(Window),
    /// An earlier attempt's window is open.
    Refused {
        /// Until its end.
        retry_after: Duration,
    },
    /// Redis gave no answer and the policy is [`OnError::Closed`].
    GateUnavailable,
}

impl From<ThrottleVerdict> for Verdict {
    fn from(verdict: ThrottleVerdict) -> Self {
        match verdict {
            ThrottleVerdict::Pass(_) => Self::Pass,
            ThrottleVerdict::Refused { retry_after } => Self::Refused { retry_after },
            ThrottleVerdict::GateUnavailable => Self::GateUnavailable,
        }
    }
}

impl From<Result<Option<LocalWindow>, Duration>> for ThrottleVerdict {
    fn from(opened: Result<Option<LocalWindow>, Duration>) -> Self {
        match opened {
            Ok(window) => Self::Pass(Window(window.map_or(Place::Nowhere, Place::InProcess))),
            Err(retry_after) => Self::Refused { retry_after },
        }
    }
}

/// One worker's throttle: in Redis if there is a link, else in process.
#[derive(Debug)]
pub struct Throttle {
    local: Arc<LocalThrottle>,
    redis: Option<RedisLink>,
    scope: ThrottleScope,
}

impl Throttle {
    /// `local` is shared by all workers; `redis` is this worker's.
    #[must_use]
    pub fn new(local: Arc<LocalThrottle>, redis: Option<RedisLink>, scope: ThrottleScope) -> Self {
        Self { local, redis, scope }
    }

    /// Lets one attempt pass per window. In process it never waits. In Redis it is exactly one command, and one more
    /// for an attempt that is refused: how long it has to wait.
    pub async fn admit(&self, user: &str, item: &ItemId, now: Instant) -> ThrottleVerdict {
        let who = match self.scope {
            ThrottleScope::User => Who::user(user),
            ThrottleScope::UserItem => Who::of_item(user, item),
        };
        self.open(who, now).await
    }

    /// The same for all who come from a network.
    pub async fn admit_network(&self, network: &str, now: Instant) -> ThrottleVerdict {
        self.open(Who::Network(network), now).await
    }

    async fn open(&self, who: Who<'_>, now: Instant) -> ThrottleVerdict {
        let Some(link) = &self.redis else { return self.local.open(who, now).into() };
        let window = self.local.window();
        if window.is_zero() {
            return ThrottleVerdict::Pass(Window::none());
        }
        match link.open_window(&who.to_string(), window).await {
            Ok(Opened::Yes(window)) => ThrottleVerdict::Pass(Window(Place::InRedis(window))),
            Ok(Opened::No { key }) => {
                let left = link.window_left(&key).await.ok().flatten();
                ThrottleVerdict::Refused { retry_after: left.unwrap_or(window) }
            }
            Err(_) => match link.on_error() {
                OnError::Local => self.local.open(who, now).into(),
                OnError::Closed => ThrottleVerdict::GateUnavailable,
                OnError::Open => ThrottleVerdict::Pass(Window::none()),
            },
        }
    }

    /// Gives a window back, if it is still the one that was opened. `told`: what the buyer is told to wait.
    pub async fn give_back(&self, window: Window, told: Duration, now: Instant) {
        match window.0 {
            Place::Nowhere => {}
            Place::InProcess(window) => self.local.give_back(window, told, now),
            Place::InRedis(window) => {
                let Some(link) = self.redis.clone() else { return };
                let keep = self.local.left_of(self.local.hash(&window.key()), told, now);
                // In a task of its own, so that it is done also when the buyer has gone. A fault is in the state of the
                // command; the buyer then waits for the end of the window.
                let given_back = tokio::spawn(async move { link.give_back_window(&window, keep).await });
                let _joined = given_back.await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_buyers_share_a_text() {
        let item = |id: &str| id.parse::<ItemId>().expect("an item id");
        let (one, two) = (item("sku-1"), item("sku-1.b"));
        let users = ["ann", "sku-1:ann", "b:ann", "throttle:ann", "item:sku-1:ann", "{ann}", "auth0|5f7c", "a b"];
        let mut texts = std::collections::BTreeSet::new();
        for user in users {
            let network = Who::Network(user);
            for who in [Who::user(user), Who::of_item(user, &one), Who::of_item(user, &two), network] {
                assert!(texts.insert(who.to_string()), "{who}");
            }
        }
    }
}
