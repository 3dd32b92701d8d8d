//! **Job:** says who may go on to the stock, in layers in the order of their cost.
//! **Owns:** the permits, the layers and their counts; a worker has a gate of its own, what must be shared is shared.
//! **Never:** takes stock, talks to an actor, or keeps a promise: all promises hold with every layer off.

pub mod address;
pub mod bucket;
pub mod funnel;
pub mod pool;
pub mod redis;
pub mod single_flight;
pub mod throttle;
pub mod verdict;

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use doorbuster_actors::ids::{IdempotencyKey, UserId};
use doorbuster_actors::request::{Rejection, Unavailable};
use doorbuster_actors::sale::{Outcome, Permit, PublishedItem, SaleView, Token, TokenOutcome};

use address::AddressThrottle;
use bucket::Bucket;
use funnel::{Funnel, FunnelGuard};
use pool::{Pool, PoolVerdict, token_limit};
use single_flight::{Leader, SingleFlight};
use throttle::{Throttle, ThrottleVerdict, Window};
use verdict::Verdict;

/// What a buyer who is refused for no fault of theirs is told to wait, where nothing better is known.
const SOON: Duration = Duration::from_secs(1);

/// "Come again later".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// What the stock would say: decided here already, from what is published.
    Rejected(Rejection),
    /// Nothing can be sold at all.
    Unavailable(Unavailable),
    /// As many purchases as may be are in flight.
    Overloaded,
    /// The network that this attempt came from tries too often.
    AddressThrottled {
        /// When its window ends.
        retry_after: Duration,
    },
    /// This buyer tries too often.
    Throttled {
        /// When their window ends.
        retry_after: Duration,
    },
    /// The item's token pool is empty.
    NoToken {
        /// When it makes sense to try again.
        retry_after: Duration,
    },
    /// The token bucket is empty.
    RateLimited {
        /// When there is a token again.
        retry_after: Duration,
    },
    /// Redis does not answer, and the policy is to stay closed.
    GateUnavailable,
}

impl From<Rejection> for Refusal {
    fn from(rejection: Rejection) -> Self {
        Self::Rejected(rejection)
    }
}

impl From<Unavailable> for Refusal {
    fn from(unavailable: Unavailable) -> Self {
        Self::Unavailable(unavailable)
    }
}

impl Refusal {
    /// When it makes sense to try again.
    fn retry_after(&self) -> Duration {
        match self {
            Self::AddressThrottled { retry_after }
            | Self::Throttled { retry_after }
            | Self::NoToken { retry_after }
            | Self::RateLimited { retry_after } => *retry_after,
            Self::Rejected(_) | Self::Unavailable(_) | Self::Overloaded | Self::GateUnavailable => SOON,
        }
    }
}

/// Whether an answer from behind the gate costs the buyer their window: an order does, and what is their own doing.
fn keeps_window(outcome: &Outcome) -> bool {
    match outcome {
        Outcome::Confirmed(_) | Outcome::Replayed(_) => true,
        Outcome::Unavailable(_) => false,
        Outcome::Rejected(rejection) => match rejection {
            Rejection::SoldOut { .. }
            | Rejection::SaleNotStarted { .. }
            | Rejection::SalePaused
            | Rejection::SaleClosed => false,
            Rejection::LimitReached { .. }
            | Rejection::CoolingDown { .. }
            | Rejection::KeyReused
            | Rejection::AmountOutOfRange
            | Rejection::SupplyOutOfRange
            | Rejection::NotEnoughLeft { .. }
            | Rejection::StockFixed
            | Rejection::PriceFixed
            | Rejection::HasOrders
            | Rejection::NothingOwed
            | Rejection::InvalidTransition { .. }
            | Rejection::UnknownItem
            | Rejection::UnknownOrder => true,
        },
    }
}

/// An attempt that has passed all layers.
#[derive(Debug)]
pub struct Admitted {
    /// What it holds of the pool.
    pub token: Token,
    /// The window that it has opened; see [`Gate::settle`].
    pub window: Window,
}

/// Somebody who wants to buy something.
#[derive(Debug, Clone, Copy)]
pub struct Attempt<'a> {
    /// The buyer.
    pub user: &'a UserId,
    /// Item to buy.
    pub published: &'a Arc<PublishedItem>,
    /// Units.
    pub quantity: u32,
    /// Their key, if they sent one.
    pub key: Option<&'a IdempotencyKey>,
    /// Where they come from, where that is limited and known.
    pub address: Option<IpAddr>,
}

/// What all workers share.
#[derive(Debug, Clone)]
pub struct Shared {
    /// What is published of the sale.
    pub sale: Arc<SaleView>,
    /// Keys that are on their way.
    pub single_flight: Arc<SingleFlight>,
    /// Set when the server closes.
    pub closing: Arc<AtomicBool>,
}

/// The layers of one worker that can be off.
#[derive(Debug)]
pub struct Layers {
    /// Per network.
    pub address: Option<AddressThrottle>,
    /// Per user.
    pub throttle: Throttle,
    /// Per item, with its tokens per unit of stock.
    pub pool: Option<(Pool, f64)>,
    /// Over all.
    pub bucket: Option<Bucket>,
}

/// The gate of one worker.
#[derive(Debug)]
pub struct Gate {
    shared: Shared,
    layers: Layers,
    funnel: Arc<Funnel>,
}

impl Gate {
    /// A gate that counts in `funnel`.
    #[must_use]
    pub fn new(shared: Shared, layers: Layers, funnel: Arc<Funnel>) -> Self {
        Self { shared, layers, funnel }
    }

    /// A new attempt.
    #[must_use]
    pub fn begin(&self) -> FunnelGuard<'_> {
        FunnelGuard::begin(&self.funnel)
    }

    /// The capacity layer: the right to be in flight.
    pub fn enter(&self, guard: &mut FunnelGuard<'_>) -> Result<Permit, Refusal> {
        if self.shared.closing.load(Ordering::Relaxed) {
            return Err(Unavailable::ShuttingDown.into());
        }
        let permit = self.shared.sale.purchases.enter().ok_or(Refusal::Overloaded)?;
        guard.pass();
        Ok(permit)
    }

    /// Another permit for an attempt that is inside already.
    pub fn stay(&self) -> Result<Permit, Refusal> {
        self.shared.sale.purchases.enter().ok_or(Refusal::Overloaded)
    }

    /// Whether an attempt can be answered at all now. While the disk does not answer nobody can say whether the order
    /// of a key that was used will be there.
    pub fn check_answering(&self, attempt: Attempt<'_>) -> Result<(), Refusal> {
        let sale = &self.shared.sale;
        sale.status.storage().check_answering().map_err(|stalled| {
            let fingerprint = |key| sale.used_keys.fingerprint(attempt.published.number, attempt.user, key);
            let is_used = attempt.key.is_some_and(|key| sale.used_keys.contains(fingerprint(key)));
            if is_used { Unavailable::OutcomeUnknown.into() } else { stalled.into() }
        })
    }

    /// The replay layer, first half: waits for an attempt with the same key that is on its way, and says whether the
    /// key has made an order. If it has, only the stock can tell which.
    pub async fn same_key(&self, attempt: Attempt<'_>) -> SameKey<'_> {
        let Some(key) = attempt.key else { return SameKey::default() };
        let fingerprint = self.shared.sale.used_keys.fingerprint(attempt.published.number, attempt.user, key);
        if self.shared.sale.used_keys.contains(fingerprint) {
            return SameKey { first: None, is_used: true };
        }
        let first = self.shared.single_flight.first(fingerprint).await;
        SameKey { first, is_used: self.shared.sale.used_keys.contains(fingerprint) }
    }

    /// All layers behind the replay. A refusal behind the throttle gives the buyer's window back: it is not their
    /// doing.
    pub async fn admit(&self, guard: &mut FunnelGuard<'_>, attempt: Attempt<'_>) -> Result<Admitted, Refusal> {
        guard.pass();
        self.on_sale(attempt)?;
        guard.pass();
        enough_left(attempt)?;
        guard.pass();
        self.address(attempt).await?;
        guard.pass();
        let window = self.throttle(attempt).await?;
        guard.pass();
        match self.tokens(guard, attempt).await {
            Ok(token) => Ok(Admitted { token, window }),
            Err(refusal) => {
                self.give_back(window, refusal.retry_after()).await;
                Err(refusal)
            }
        }
    }

    /// The stock and the ledger have answered. What is no order and not the buyer's doing gives their window back.
    pub async fn settle(&self, window: Window, outcome: &Outcome) {
        if !keeps_window(outcome) {
            self.give_back(window, SOON).await;
        }
    }

    async fn give_back(&self, window: Window, told: Duration) {
        self.layers.throttle.give_back(window, told, Instant::now()).await;
    }

    async fn tokens(&self, guard: &mut FunnelGuard<'_>, attempt: Attempt<'_>) -> Result<Token, Refusal> {
        let token = self.pool(attempt).await?;
        guard.pass();
        self.bucket().await?;
        guard.pass();
        Ok(token)
    }

    fn on_sale(&self, attempt: Attempt<'_>) -> Result<(), Refusal> {
        self.shared.sale.status.storage().check_writable()?;
        let (item, now) = (attempt.published, self.shared.sale.clock.now());
        Ok(item.state(now).check_open(item.definition().opens_at, now)?)
    }

    /// Whether it matters where attempts come from.
    #[must_use]
    pub fn limits_addresses(&self) -> bool {
        self.layers.address.is_some()
    }

    async fn address(&self, attempt: Attempt<'_>) -> Result<(), Refusal> {
        let (Some(throttle), Some(address)) = (&self.layers.address, attempt.address) else { return Ok(()) };
        match throttle.admit(address, Instant::now()).await {
            Verdict::Pass => Ok(()),
            Verdict::Refused { retry_after } => Err(Refusal::AddressThrottled { retry_after }),
            Verdict::GateUnavailable => Err(Refusal::GateUnavailable),
        }
    }

    async fn throttle(&self, attempt: Attempt<'_>) -> Result<Window, Refusal> {
        let item = &attempt.published.definition().id;
        match self.layers.throttle.admit(attempt.user.as_str(), item, Instant::now()).await {
            ThrottleVerdict::Pass(window) => Ok(window),
            ThrottleVerdict::Refused { retry_after } => Err(Refusal::Throttled { retry_after }),
            ThrottleVerdict::GateUnavailable => Err(Refusal::GateUnavailable),
        }
    }

    async fn pool(&self, attempt: Attempt<'_>) -> Result<Token, Refusal> {
        let Some((pool, factor)) = &self.layers.pool else { return Ok(Token::none()) };
        let published = attempt.published;
        // The units of an order keep their tokens. When they go back on sale, the limit grows instead: so nothing has
        // to be given back from behind the gate, and a count that only grows cannot drift.
        let limit = token_limit(*factor, u64::from(published.supply())) + published.released();
        let item = published.definition().id.clone();
        match pool.admit(&item, &published.pool, limit, attempt.quantity).await {
            PoolVerdict::Pass(token) => Ok(Token::new(move |outcome| match outcome {
                TokenOutcome::Spent => token.spend(),
                TokenOutcome::Returned => drop(token),
            })),
            PoolVerdict::Refused { retry_after } => Err(Refusal::NoToken { retry_after }),
            PoolVerdict::GateUnavailable => Err(Refusal::GateUnavailable),
        }
    }

    async fn bucket(&self) -> Result<(), Refusal> {
        let Some(bucket) = &self.layers.bucket else { return Ok(()) };
        match bucket.admit(Instant::now()).await {
            Verdict::Pass => Ok(()),
            Verdict::Refused { retry_after } => Err(Refusal::RateLimited { retry_after }),
            Verdict::GateUnavailable => Err(Refusal::GateUnavailable),
        }
    }
}

/// The sold-out flag: an answer from a published number, which touches no mailbox.
fn enough_left(attempt: Attempt<'_>) -> Result<(), Refusal> {
    let remaining = attempt.published.remaining();
    if attempt.quantity > remaining { Err(Rejection::SoldOut { remaining }.into()) } else { Ok(()) }
}

/// What is known about the key of an attempt.
#[derive(Debug, Default)]
pub struct SameKey<'r> {
    /// Keeps others with the same key waiting until this attempt has ended.
    pub first: Option<Leader<'r>>,
    /// The key has made an order.
    pub is_used: bool,
}
