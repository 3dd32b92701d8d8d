//! **Job:** the gatehouse: says who may go on to the counter, in layers in the order of their cost.
//! **Owns:** the permits, the layers and their counts; a worker has a gate of its own, what must be shared is shared.
//! **Never:** takes stock, talks to an actor, or keeps a promise: all promises hold with every layer off.

pub mod bucket;
pub mod funnel;
pub mod pool;
pub mod redis;
pub mod retries;
pub mod throttle;
pub mod verdict;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use doorbuster_actors::directory::Listing;
use doorbuster_actors::ids::{IdempotencyKey, UserId};
use doorbuster_actors::item::SaleState;
use doorbuster_actors::observe::{Code, StorageState, WriterCounters};
use doorbuster_actors::permit::{Fate, House, Permit, Token};
use doorbuster_actors::time::{Clock, Timestamp};
use doorbuster_actors::used_keys::UsedKeys;

use bucket::Bucket;
use funnel::{Funnel, Visit};
use pool::{Pool, PoolVerdict, token_limit};
use retries::{First, Retries};
use throttle::Throttle;
use verdict::Verdict;

/// "Come again later", in order of precedence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The house is closing.
    ShuttingDown,
    /// The house is full.
    Overloaded,
    /// The disk is full.
    StorageFull,
    /// The data file is locked by somebody else.
    StorageLocked,
    /// The sale is over.
    SaleClosed,
    /// The sale has not begun.
    SaleNotStarted {
        /// When it does.
        opens_at: Timestamp,
        /// How long that is.
        retry_after: Duration,
    },
    /// The sale is interrupted.
    SalePaused,
    /// Fewer units are left than were asked for.
    SoldOut {
        /// Units left.
        remaining: u32,
    },
    /// This user tries too often.
    Throttled {
        /// When his window ends.
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

impl Refusal {
    /// The code this is known under.
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            Self::ShuttingDown => Code::ShuttingDown,
            Self::Overloaded => Code::Overloaded,
            Self::StorageFull => Code::StorageFull,
            Self::StorageLocked => Code::StorageUnavailable,
            Self::SaleClosed => Code::SaleClosed,
            Self::SaleNotStarted { .. } => Code::SaleNotStarted,
            Self::SalePaused => Code::SalePaused,
            Self::SoldOut { .. } => Code::SoldOut,
            Self::Throttled { .. } => Code::Throttled,
            Self::NoToken { .. } => Code::NoToken,
            Self::RateLimited { .. } => Code::RateLimited,
            Self::GateUnavailable => Code::GateUnavailable,
        }
    }
}

/// Somebody who wants to buy something.
#[derive(Debug, Clone, Copy)]
pub struct Attempt<'a> {
    /// Who.
    pub user: &'a UserId,
    /// What.
    pub listing: &'a Arc<Listing>,
    /// How many units.
    pub quantity: u32,
    /// His key, if he sent one.
    pub key: Option<&'a IdempotencyKey>,
}

/// What all workers share.
#[derive(Debug, Clone)]
pub struct Shared {
    /// How many purchases may be inside.
    pub house: Arc<House>,
    /// Keys that made an order.
    pub used_keys: Arc<UsedKeys>,
    /// Keys that are on their way.
    pub retries: Arc<Retries>,
    /// Whether the ledger can be written.
    pub writer: Arc<WriterCounters>,
    /// Set when the house closes.
    pub closing: Arc<AtomicBool>,
    /// Server time.
    pub clock: Clock,
}

/// The layers of one worker that can be off.
#[derive(Debug)]
pub struct Layers {
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

    /// An attempt at the door.
    #[must_use]
    pub fn visit(&self) -> Visit<'_> {
        Visit::begin(&self.funnel)
    }

    /// The capacity layer: the right to be in the house.
    pub fn enter(&self, visit: &mut Visit<'_>) -> Result<Permit, Refusal> {
        if self.shared.closing.load(Ordering::Relaxed) {
            return Err(Refusal::ShuttingDown);
        }
        let permit = self.shared.house.enter().ok_or(Refusal::Overloaded)?;
        visit.pass();
        Ok(permit)
    }

    /// Another permit for an attempt that is inside already.
    pub fn stay(&self) -> Result<Permit, Refusal> {
        self.shared.house.enter().ok_or(Refusal::Overloaded)
    }

    /// The replay layer, first half: waits for an attempt with the same key that is on its way, and says whether the
    /// key has made an order. If it has, only the stock can tell which.
    pub async fn same_key(&self, attempt: Attempt<'_>) -> SameKey<'_> {
        let Some(key) = attempt.key else { return SameKey::default() };
        let fingerprint = self.shared.used_keys.fingerprint(attempt.listing.number, attempt.user, key);
        if self.shared.used_keys.contains(fingerprint) {
            return SameKey { first: None, is_used: true };
        }
        let first = self.shared.retries.first(fingerprint).await;
        SameKey { first, is_used: self.shared.used_keys.contains(fingerprint) }
    }

    /// All layers behind the replay.
    pub async fn admit(&self, visit: &mut Visit<'_>, attempt: Attempt<'_>) -> Result<Token, Refusal> {
        visit.pass();
        self.on_sale(attempt)?;
        visit.pass();
        enough_left(attempt)?;
        visit.pass();
        self.throttle(attempt).await?;
        visit.pass();
        let token = self.pool(attempt).await?;
        visit.pass();
        self.bucket().await?;
        visit.pass();
        Ok(token)
    }

    fn on_sale(&self, attempt: Attempt<'_>) -> Result<(), Refusal> {
        match self.shared.writer.storage() {
            StorageState::Open => {}
            StorageState::Full => return Err(Refusal::StorageFull),
            StorageState::Locked | StorageState::Moved => return Err(Refusal::StorageLocked),
        }
        let now = self.shared.clock.now();
        match attempt.listing.state(now) {
            SaleState::Open | SaleState::SoldOut => Ok(()),
            SaleState::Paused => Err(Refusal::SalePaused),
            SaleState::Closed => Err(Refusal::SaleClosed),
            SaleState::Scheduled => {
                let opens_at = attempt.listing.definition().opens_at.unwrap_or(now);
                Err(Refusal::SaleNotStarted { opens_at, retry_after: opens_at.since(now) })
            }
        }
    }

    async fn throttle(&self, attempt: Attempt<'_>) -> Result<(), Refusal> {
        match self.layers.throttle.admit(attempt.user.as_str(), Instant::now()).await {
            Verdict::Pass => Ok(()),
            Verdict::Refused { retry_after } => Err(Refusal::Throttled { retry_after }),
            Verdict::GateUnavailable => Err(Refusal::GateUnavailable),
        }
    }

    async fn pool(&self, attempt: Attempt<'_>) -> Result<Token, Refusal> {
        let Some((pool, factor)) = &self.layers.pool else { return Ok(Token::none()) };
        let listing = attempt.listing;
        // The units of an order keep their tokens. When they go back on sale, the limit grows instead: so nothing has
        // to be given back from behind the counter, and a count that only grows cannot drift.
        let limit = token_limit(*factor, u64::from(listing.supply())) + listing.released();
        let item = listing.definition().id.clone();
        match pool.admit(&item, &listing.pool, limit, attempt.quantity).await {
            PoolVerdict::Pass(token) => Ok(Token::new(move |fate| match fate {
                Fate::Spent => token.spend(),
                Fate::Returned => drop(token),
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
    let remaining = attempt.listing.remaining();
    if attempt.quantity > remaining { Err(Refusal::SoldOut { remaining }) } else { Ok(()) }
}

/// What is known about the key of an attempt.
#[derive(Debug, Default)]
pub struct SameKey<'r> {
    /// Keeps others with the same key waiting until this attempt has ended.
    pub first: Option<First<'r>>,
    /// The key has made an order.
    pub is_used: bool,
}
