//! **Job:** token pool of one item: admits at most as many units at once as could sensibly be sold.
//! **Owns:** the tokens: who counts them, here and in Redis, and their way back.
//! **Never:** promises stock, blocks, or waits for Redis when a token goes back.

mod returns;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use doorbuster_actors::ids::ItemId;

use doorbuster_actors::sale::ItemPool;
pub use returns::{PoolReturns, RETURN_QUEUE, ReturnDrain};

use super::redis::{RedisFault, RedisLink};
use super::verdict::Verdict;
use crate::config::OnError;
use crate::redis_client::Cause;

/// What a refused attempt is told to wait: a token comes back when an order falls through, which cannot be foreseen.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// The part of `factor × supply` that is taken for floating-point noise: 1.1 × 100 is 110 tokens, not 111.
const NOISE: f64 = 1e-12;

/// Tokens of an item with this supply: `factor` tokens per unit, rounded up.
#[must_use]
pub fn token_limit(factor: f64, supply: u64) -> u64 {
    #[expect(clippy::cast_precision_loss, reason = "supplies are far below 2⁵³")]
    let tokens = factor * supply as f64;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates at both ends")]
    let limit = (tokens - tokens * NOISE).ceil() as u64;
    limit
}

/// Leave for one attempt to ask for `quantity` units of an item. Dropped, it goes back; spent, it stays taken until
/// the order it became is released (the limit then grows instead).
#[must_use = "a token that is dropped goes back"]
pub struct Token {
    pool: Arc<ItemPool>,
    quantity: u32,
    /// Where Redis is told; `None` when Redis did not grant it.
    mirror: Option<(ItemId, PoolReturns)>,
}

impl Token {
    /// Units this token stands for.
    #[must_use]
    pub fn quantity(&self) -> u32 {
        self.quantity
    }

    /// The attempt became an order, which holds the units from now on.
    pub fn spend(mut self) {
        self.quantity = 0;
    }
}

impl Drop for Token {
    fn drop(&mut self) {
        if self.quantity == 0 {
            return;
        }
        self.pool.give_back(self.quantity);
        if let Some((item, returns)) = self.mirror.take() {
            returns.mirror(item, self.quantity);
        }
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token").field("quantity", &self.quantity).finish_non_exhaustive()
    }
}

/// What the pool says about one attempt.
#[derive(Debug)]
pub enum PoolVerdict {
    /// On to the next layer, with a token.
    Pass(Token),
    /// Every token is taken.
    Refused {
        /// When it makes sense to try again, from now.
        retry_after: Duration,
    },
    /// Redis gave no answer and the policy is [`OnError::Closed`].
    GateUnavailable,
}

/// One worker's way to the pools of all items: in Redis if there is a link, else in process.
///
/// In Redis a limit holds for all servers that share the prefix; the local count is kept all the same, and seeds
/// Redis whenever the item's key is missing. While Redis is away, tokens that go back are lost there until the key
/// is seeded anew; units admitted meanwhile are unknown to it for as long.
#[derive(Debug)]
pub struct Pool {
    redis: Option<RedisLink>,
    returns: PoolReturns,
}

impl Pool {
    /// `redis` is this worker's; `returns` belongs to the process.
    #[must_use]
    pub fn new(redis: Option<RedisLink>, returns: PoolReturns) -> Self {
        Self { redis, returns }
    }

    /// Takes `quantity` tokens of the item. In process it never waits.
    pub async fn admit(&self, item: &ItemId, pool: &Arc<ItemPool>, limit: u64, quantity: u32) -> PoolVerdict {
        let Some(link) = &self.redis else { return local(pool, limit, quantity) };
        match self.ask(link, item, pool, limit, quantity).await {
            Ok(verdict) => verdict,
            Err(_) => fallback(link.on_error(), pool, limit, quantity),
        }
    }

    /// Redis counts the units before the answer is here. Therefore the call runs in a task of its own: when the
    /// attempt is abandoned meanwhile (its connection was reset), the token arrives all the same, and goes back.
    async fn ask(
        &self,
        link: &RedisLink,
        item: &ItemId,
        pool: &Arc<ItemPool>,
        limit: u64,
        quantity: u32,
    ) -> Result<PoolVerdict, RedisFault> {
        let (link, returns, item, pool) = (link.clone(), self.returns.clone(), item.clone(), Arc::clone(pool));
        let call = tokio::spawn(async move {
            if !link.take_tokens(&item, limit, quantity, pool.taken()).await? {
                return Ok(PoolVerdict::Refused { retry_after: RETRY_AFTER });
            }
            pool.count(quantity);
            Ok(PoolVerdict::Pass(Token { pool, quantity, mirror: Some((item, returns)) }))
        });
        call.await.unwrap_or(Err(RedisFault::Failed(Cause::Unexpected))) // the runtime is going down
    }
}

fn local(pool: &Arc<ItemPool>, limit: u64, quantity: u32) -> PoolVerdict {
    if !pool.take(limit, quantity) {
        return PoolVerdict::Refused { retry_after: RETRY_AFTER };
    }
    PoolVerdict::Pass(Token { pool: Arc::clone(pool), quantity, mirror: None })
}

fn fallback(on_error: OnError, pool: &Arc<ItemPool>, limit: u64, quantity: u32) -> PoolVerdict {
    match on_error {
        OnError::Local => local(pool, limit, quantity),
        OnError::Closed => PoolVerdict::GateUnavailable,
        OnError::Open => local(pool, u64::MAX, quantity),
    }
}

impl From<&PoolVerdict> for Verdict {
    fn from(verdict: &PoolVerdict) -> Self {
        match verdict {
            PoolVerdict::Pass(_) => Self::Pass,
            PoolVerdict::Refused { retry_after } => Self::Refused { retry_after: *retry_after },
            PoolVerdict::GateUnavailable => Self::GateUnavailable,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_rounded_up_but_not_by_noise() {
        let limits = [(1.0, 100), (1.1, 100), (1.5, 3), (0.1, 3), (2.0, 0), (0.0, 9), (-1.0, 9)];
        assert_eq!(limits.map(|(factor, supply)| token_limit(factor, supply)), [100, 110, 5, 1, 0, 0, 0]);
        assert_eq!(token_limit(f64::NAN, 1), 0);
        assert_eq!(token_limit(f64::INFINITY, 1), 0);
    }

    #[test]
    fn a_dropped_token_goes_back_and_a_spent_one_stays() {
        let pool = Arc::new(ItemPool::new(0));
        let PoolVerdict::Pass(kept) = local(&pool, 2, 1) else { panic!("the pool is empty") };
        let PoolVerdict::Pass(lost) = local(&pool, 2, 1) else { panic!("one unit is left") };
        assert!(matches!(local(&pool, 2, 1), PoolVerdict::Refused { .. }));
        drop(lost);
        assert_eq!(pool.taken(), 1);
        kept.spend();
        assert_eq!(pool.taken(), 1);
    }

    #[test]
    fn of_two_thousand_callers_a_hundred_get_the_hundred_tokens() {
        let pool = Arc::new(ItemPool::new(0));
        let callers = || (0..250).filter_map(|_| pass(local(&pool, 100, 1))).collect::<Vec<_>>();
        let tokens: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(callers)).collect();
            threads.into_iter().flat_map(|thread| thread.join().expect("no panic")).collect()
        });
        assert_eq!((tokens.len(), pool.taken()), (100, 100));
        drop(tokens);
        assert_eq!(pool.taken(), 0);
    }

    fn pass(verdict: PoolVerdict) -> Option<Token> {
        match verdict {
            PoolVerdict::Pass(token) => Some(token),
            PoolVerdict::Refused { .. } | PoolVerdict::GateUnavailable => None,
        }
    }

    #[test]
    fn a_token_travels_with_its_letter() {
        fn travels<T: Send + 'static>() {}
        travels::<Token>();
    }
}
