//! **Job:** token bucket over all purchases: so many a second pass, with a burst.
//! **Owns:** the bucket in process, or this worker's lease of tokens of the bucket in Redis.
//! **Never:** passes more than `rate × T + burst` in any time `T` from the start, wherever the tokens come from.

mod lease;

use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Instant;

use governor::clock::{Clock, DefaultClock};
use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};

use super::redis::RedisLink;
use super::verdict::Verdict;
use lease::Lease;

/// How fast tokens come and how many can lie ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BucketSize {
    /// Tokens per second.
    pub rate: NonZeroU32,
    /// Tokens of a full bucket.
    pub burst: NonZeroU32,
}

impl BucketSize {
    /// A bucket needs room for one token at least; `None` when the rate is 0, which means no bucket.
    #[must_use]
    pub fn new(rate: u32, burst: u32) -> Option<Self> {
        let rate = NonZeroU32::new(rate)?;
        Some(Self { rate, burst: NonZeroU32::new(burst).unwrap_or(NonZeroU32::MIN) })
    }
}

/// The in-process form, shared by all workers.
pub struct LocalBucket<C: Clock = DefaultClock> {
    limiter: RateLimiter<NotKeyed, InMemoryState, C, NoOpMiddleware<C::Instant>>,
    size: BucketSize,
}

impl LocalBucket {
    /// A full bucket.
    #[must_use]
    pub fn new(size: BucketSize) -> Self {
        Self::with_clock(size, DefaultClock::default())
    }
}

impl<C: Clock> LocalBucket<C> {
    /// A full bucket that lives by the given clock.
    #[must_use]
    pub fn with_clock(size: BucketSize, clock: C) -> Self {
        let quota = Quota::per_second(size.rate).allow_burst(size.burst);
        Self { limiter: RateLimiter::direct_with_clock(quota, clock), size }
    }

    /// Takes one token.
    pub fn admit(&self) -> Verdict {
        match self.limiter.check() {
            Ok(()) => Verdict::Pass,
            Err(not_until) => Verdict::Refused { retry_after: not_until.wait_time_from(self.limiter.clock().now()) },
        }
    }
}

impl<C: Clock> fmt::Debug for LocalBucket<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalBucket").field("size", &self.size).finish_non_exhaustive()
    }
}

/// One worker's bucket: in Redis if there is a link, else in process.
#[derive(Debug)]
pub struct Bucket {
    local: Arc<LocalBucket>,
    lease: Option<Lease>,
}

impl Bucket {
    /// `local` is shared by all workers; `redis` is this worker's.
    #[must_use]
    pub fn new(local: Arc<LocalBucket>, redis: Option<RedisLink>) -> Self {
        let lease = redis.map(|link| Lease::new(link, local.size));
        Self { local, lease }
    }

    /// Takes one token. In process it never waits; with Redis it waits when this worker's lease is used up.
    pub async fn admit(&self, now: Instant) -> Verdict {
        let Some(lease) = &self.lease else { return self.local.admit() };
        match lease.admit(now).await {
            Ok(verdict) => verdict,
            Err(_) => lease.on_error().verdict(|| self.local.admit()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use governor::clock::FakeRelativeClock;

    use super::*;

    fn bucket(rate: u32, burst: u32) -> (LocalBucket<FakeRelativeClock>, FakeRelativeClock) {
        let clock = FakeRelativeClock::default();
        let size = BucketSize::new(rate, burst).expect("a rate above 0");
        (LocalBucket::with_clock(size, clock.clone()), clock)
    }

    #[test]
    fn a_burst_passes_at_once_and_the_rate_afterwards() {
        let (bucket, clock) = bucket(10, 3);
        assert!((0..3).all(|_| bucket.admit() == Verdict::Pass));
        assert_eq!(bucket.admit(), Verdict::Refused { retry_after: Duration::from_millis(100) });
        clock.advance(Duration::from_millis(99));
        assert_eq!(bucket.admit(), Verdict::Refused { retry_after: Duration::from_millis(1) });
        clock.advance(Duration::from_millis(1));
        assert_eq!(bucket.admit(), Verdict::Pass);
        assert_ne!(bucket.admit(), Verdict::Pass);
    }

    #[test]
    fn saturated_it_passes_rate_times_time_plus_burst() {
        let (bucket, clock) = bucket(1_000, 50);
        let mut passed = 0;
        for _ in 0..20_000 {
            passed += usize::from(bucket.admit() == Verdict::Pass);
            clock.advance(Duration::from_micros(100));
        }
        assert!((2_049..=2_050).contains(&passed), "{passed}");
    }

    #[test]
    fn no_rate_is_no_bucket_and_no_burst_is_a_burst_of_one() {
        assert_eq!(BucketSize::new(0, 5), None);
        assert_eq!(BucketSize::new(5, 0).map(|size| size.burst.get()), Some(1));
    }
}
