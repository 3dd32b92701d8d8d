//! **Job:** one worker's share of the bucket in Redis, fetched in blocks.
//! **Owns:** the tokens leased and not yet used, and the one fetch that may be on its way.
//! **Never:** hoards: a lease that lies idle is dropped; nor asks while Redis is known to have nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::OwnedMutexGuard;

use super::BucketSize;
use crate::config::OnError;
use crate::gate::redis::{RedisFault, RedisLink};
use crate::gate::verdict::Verdict;
use crate::redis_client::Cause;

/// Blocks per second that a worker fetches at full rate: often enough that a block is a small part of the rate, and
/// rarely enough (every 10 ms) that the bucket's key is no bottleneck.
const BLOCKS_PER_SECOND: u32 = 100;

/// A lease older than this is dropped, so that idle workers keep no tokens from busy ones. Ten blocks' time: a busy
/// worker has used its lease long before.
const LEASE_TTL: Duration = Duration::from_millis(100);

const _: () = assert!(LEASE_TTL.as_millis() >= 2 * 1_000 / BLOCKS_PER_SECOND as u128);

/// Shared with the fetch's task.
#[derive(Debug, Clone)]
pub(super) struct Lease(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    link: RedisLink,
    size: BucketSize,
    /// Tokens asked for at a time.
    block: u32,
    ready: Mutex<Ready>,
    /// Held while a fetch is on its way.
    fetching: Arc<tokio::sync::Mutex<()>>,
    /// Attempts that wait for a fetch.
    waiting: AtomicU32,
}

/// What is known without asking Redis.
#[derive(Debug, Default)]
struct Ready {
    tokens: u32,
    /// When the tokens become stale.
    stale_at: Option<Instant>,
    /// Before this there is nothing to be had.
    empty_until: Option<Instant>,
    fetches_total: u64,
    last_fault: Option<RedisFault>,
}

/// What to do with one attempt.
enum Phase {
    Response(Verdict),
    /// Redis has to be asked. Carries the fetches made so far, to tell an own one from another's.
    Fetch(u64),
}

impl Ready {
    fn take(&mut self, now: Instant) -> Phase {
        if self.stale_at.is_some_and(|stale_at| stale_at <= now) {
            self.tokens = 0;
        }
        if let Some(left) = self.tokens.checked_sub(1) {
            self.tokens = left;
            return Phase::Response(Verdict::Pass);
        }
        match self.empty_until.and_then(|until| until.checked_duration_since(now)) {
            Some(retry_after) if !retry_after.is_zero() => Phase::Response(Verdict::Refused { retry_after }),
            Some(_) | None => Phase::Fetch(self.fetches_total),
        }
    }
}

/// Counts an attempt among those that wait, also when it is abandoned.
struct Waiting<'a>(&'a AtomicU32);

impl<'a> Waiting<'a> {
    fn new(waiting: &'a AtomicU32) -> Self {
        waiting.fetch_add(1, Relaxed);
        Self(waiting)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

impl Lease {
    pub(super) fn new(link: RedisLink, size: BucketSize) -> Self {
        Self(Arc::new(Inner {
            link,
            size,
            block: (size.rate.get() / BLOCKS_PER_SECOND).clamp(1, size.burst.get()),
            ready: Mutex::default(),
            fetching: Arc::default(),
            waiting: AtomicU32::new(0),
        }))
    }

    pub(super) fn on_error(&self) -> OnError {
        self.0.link.on_error()
    }

    /// Takes one token of the lease, fetching a block first if it is used up. Attempts that come while a fetch is on
    /// its way share it, and its failure. Waits two time-outs at most: one for another's fetch, one for its own.
    pub(super) async fn admit(&self, now: Instant) -> Result<Verdict, RedisFault> {
        let fetches_seen = match self.0.ready.lock().take(now) {
            Phase::Response(verdict) => return Ok(verdict),
            Phase::Fetch(fetches_total) => fetches_total,
        };
        let _waiting = Waiting::new(&self.0.waiting);
        let turn = Arc::clone(&self.0.fetching).lock_owned();
        let turn = tokio::time::timeout(self.0.link.timeout(), turn).await.map_err(|_| RedisFault::TimedOut)?;
        {
            let mut ready = self.0.ready.lock();
            match ready.take(now) {
                Phase::Response(verdict) => return Ok(verdict),
                Phase::Fetch(fetches_total) => {
                    let shared_fault = ready.last_fault.filter(|_| fetches_total != fetches_seen);
                    shared_fault.map_or(Ok(()), Err)?;
                }
            }
        }
        let fetch = tokio::spawn(self.clone().fetch(turn));
        fetch.await.unwrap_or(Err(RedisFault::Failed(Cause::Unexpected))) // the runtime is going down
    }

    /// Fetches a block and takes the first token of it. Runs in a task of its own, so that the block arrives also
    /// when the attempt that asked for it is abandoned.
    async fn fetch(self, _turn: OwnedMutexGuard<()>) -> Result<Verdict, RedisFault> {
        let Inner { link, size, block, ready, waiting, .. } = &*self.0;
        let wanted = waiting.load(Relaxed).max(*block).min(size.burst.get());
        let answer = link.take_lease(size.rate, size.burst, wanted).await;

        let now = Instant::now();
        let mut ready = ready.lock();
        ready.fetches_total += 1;
        ready.last_fault = answer.as_ref().err().copied();
        let (granted, next) = answer?;
        ready.tokens = granted;
        ready.stale_at = Some(now + LEASE_TTL);
        // Nobody asks before this, so this is what there is to be told.
        let next = next + self.refill();
        ready.empty_until = (granted < wanted).then(|| now + next);
        match ready.take(now) {
            Phase::Response(verdict) => Ok(verdict),
            Phase::Fetch(_) => Ok(Verdict::Refused { retry_after: next }),
        }
    }

    /// Time to wait past the next token, so that a drained bucket is asked for half a block at a time and not for
    /// single tokens. Half, because the bucket must not run over meanwhile when it is as small as a block.
    fn refill(&self) -> Duration {
        let tokens = (self.0.block / 2).max(1) - 1;
        Duration::from_secs(1) * tokens / self.0.size.rate.get()
    }
}

#[cfg(test)]
#[expect(clippy::unchecked_time_subtraction, reason = "a moment before the end of a constant span")]
mod tests {
    use super::*;

    #[test]
    fn a_lease_that_lay_idle_is_dropped() {
        let start = Instant::now();
        let mut ready = Ready { tokens: 3, stale_at: Some(start + LEASE_TTL), ..Ready::default() };
        assert!(matches!(ready.take(start), Phase::Response(Verdict::Pass)));
        let last_moment = start + LEASE_TTL - Duration::from_nanos(1);
        assert!(matches!(ready.take(last_moment), Phase::Response(Verdict::Pass)));
        assert!(matches!(ready.take(start + LEASE_TTL), Phase::Fetch(0)));
        assert_eq!(ready.tokens, 0);
    }

    #[test]
    fn an_empty_bucket_is_not_asked_again_before_it_has_something() {
        let start = Instant::now();
        let until = start + Duration::from_millis(5);
        let mut ready = Ready { empty_until: Some(until), ..Ready::default() };
        let Phase::Response(Verdict::Refused { retry_after }) = ready.take(start) else { panic!("nothing to be had") };
        assert_eq!(retry_after, Duration::from_millis(5));
        assert!(matches!(ready.take(until), Phase::Fetch(0)));
    }
}
