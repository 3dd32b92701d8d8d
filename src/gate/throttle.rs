//! **Job:** per-user throttle: of all attempts of one user within a window, the first passes.
//! **Owns:** the table of users whose window is open (in process), or their keys (in Redis).
//! **Never:** extends a window because of a refused attempt, or grows past its cap.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, BuildHasherDefault, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use dashmap::DashMap;
use dashmap::mapref::entry::Entry;

use super::redis::RedisLink;
use super::verdict::Verdict;

/// Users the table remembers at once. At its cap it takes about 36 MiB, and a window of five seconds then covers
/// 200,000 different users per second, several times what one box can answer.
pub const MAX_USERS: usize = 1_048_576;

/// Parts of the table, each with its own lock. A sweep holds one part at a time: about 4,000 users, some ten
/// microseconds, which an attempt on another thread can wait.
const SHARDS: usize = 256;

const _: () = assert!(SHARDS.is_power_of_two() && MAX_USERS.is_multiple_of(SHARDS));

/// The in-process form, shared by all workers.
///
/// A user is remembered by a keyed 64-bit hash: nobody can aim at another's slot, and at the cap a new user is
/// mistaken for a remembered one once in 10¹³ times.
#[derive(Debug)]
pub struct LocalThrottle {
    /// Nanoseconds.
    window: u64,
    epoch: Instant,
    hasher: RandomState,
    /// Hash of the user → nanoseconds since `epoch` at which their window ends.
    ends: DashMap<u64, u64, BuildHasherDefault<AsIs>>,
    users: AtomicUsize,
    unremembered_total: AtomicU64,
}

impl LocalThrottle {
    /// A throttle that lets each user pass once per `window`. An empty window is no throttle at all.
    #[must_use]
    pub fn new(window: Duration) -> Self {
        Self {
            window: nanos(window),
            epoch: Instant::now(),
            hasher: RandomState::new(),
            ends: DashMap::with_hasher_and_shard_amount(BuildHasherDefault::default(), SHARDS),
            users: AtomicUsize::new(0),
            unremembered_total: AtomicU64::new(0),
        }
    }

    /// Passes the first attempt of a user and refuses the rest until the window of that first one is over.
    ///
    /// While the table is full, users who are not in it pass and are not remembered: a throttle may weaken.
    pub fn admit(&self, user: &str, now: Instant) -> Verdict {
        if self.window == 0 {
            return Verdict::Pass;
        }
        let now = nanos(now.saturating_duration_since(self.epoch));
        let end = now.saturating_add(self.window);
        match self.ends.entry(self.hasher.hash_one(user)) {
            Entry::Occupied(window) if *window.get() > now => {
                return Verdict::Refused { retry_after: Duration::from_nanos(*window.get() - now) };
            }
            Entry::Occupied(mut window) => *window.get_mut() = end,
            Entry::Vacant(place) => {
                if self.users.fetch_add(1, Relaxed) < MAX_USERS {
                    place.insert(end);
                } else {
                    self.users.fetch_sub(1, Relaxed);
                    self.unremembered_total.fetch_add(1, Relaxed);
                }
            }
        }
        Verdict::Pass
    }

    /// Forgets the users whose window is over. To be called once a second, from a thread that serves no requests:
    /// a full table takes tens of milliseconds.
    pub fn sweep(&self, now: Instant) {
        let now = nanos(now.saturating_duration_since(self.epoch));
        let mut forgotten = 0;
        self.ends.retain(|_, end| {
            let open = *end > now;
            forgotten += usize::from(!open);
            open
        });
        self.users.fetch_sub(forgotten, Relaxed);
    }

    /// Users in the table, those whose window ended since the last sweep included.
    #[must_use]
    pub fn users(&self) -> usize {
        self.users.load(Relaxed)
    }

    /// Attempts that passed without being remembered because the table was full.
    #[must_use]
    pub fn unremembered_total(&self) -> u64 {
        self.unremembered_total.load(Relaxed)
    }
}

/// The keys of the table are hashes already.
#[derive(Debug, Default, Clone, Copy)]
struct AsIs(u64);

impl Hasher for AsIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {
        unreachable!("only u64 keys are hashed");
    }

    fn write_u64(&mut self, key: u64) {
        self.0 = key;
    }
}

/// Saturating: 584 years are for ever.
fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// One worker's throttle: in Redis if there is a link, else in process.
#[derive(Debug)]
pub struct Throttle {
    local: Arc<LocalThrottle>,
    redis: Option<RedisLink>,
}

impl Throttle {
    /// `local` is shared by all workers; `redis` is this worker's.
    #[must_use]
    pub fn new(local: Arc<LocalThrottle>, redis: Option<RedisLink>) -> Self {
        Self { local, redis }
    }

    /// Lets one attempt of the user pass per window. In process it never waits; in Redis it is exactly one command.
    pub async fn admit(&self, user: &str, now: Instant) -> Verdict {
        let Some(link) = &self.redis else { return self.local.admit(user, now) };
        let window = Duration::from_nanos(self.local.window);
        if window.is_zero() {
            return Verdict::Pass;
        }
        match link.first_in_window(user, window).await {
            Ok(true) => Verdict::Pass,
            Ok(false) => Verdict::Refused { retry_after: window },
            Err(_) => link.on_error().verdict(|| self.local.admit(user, now)),
        }
    }
}

#[cfg(test)]
#[expect(clippy::unchecked_time_subtraction, reason = "a moment before the end of a constant span")]
mod tests {
    use super::*;

    const WINDOW: Duration = Duration::from_secs(5);
    const TICK: Duration = Duration::from_nanos(1);

    #[test]
    fn the_first_attempt_passes_and_the_rest_wait_for_the_end_of_its_window() {
        let (throttle, start) = (LocalThrottle::new(WINDOW), Instant::now());
        assert_eq!(throttle.admit("ada", start), Verdict::Pass);
        for wait in [Duration::ZERO, WINDOW / 2, WINDOW - TICK] {
            let refused = Verdict::Refused { retry_after: WINDOW - wait };
            assert_eq!(throttle.admit("ada", start + wait), refused, "a refusal must not extend the window");
        }
        assert_eq!(throttle.admit("bob", start), Verdict::Pass);
        assert_eq!(throttle.admit("ada", start + WINDOW), Verdict::Pass);
        assert_eq!(throttle.admit("ada", start + WINDOW), Verdict::Refused { retry_after: WINDOW });
    }

    #[test]
    fn of_sixty_four_simultaneous_attempts_one_passes() {
        let (throttle, now, line) = (LocalThrottle::new(WINDOW), Instant::now(), std::sync::Barrier::new(64));
        let attempt = || {
            line.wait();
            throttle.admit("ada", now) == Verdict::Pass
        };
        let passed = std::thread::scope(|scope| {
            let attempts: Vec<_> = (0..64).map(|_| scope.spawn(attempt)).collect();
            attempts.into_iter().map(|one| one.join().expect("no panic")).filter(|pass| *pass).count()
        });
        assert_eq!(passed, 1);
    }

    #[test]
    fn a_sweep_forgets_ended_windows_only() {
        let (throttle, start) = (LocalThrottle::new(WINDOW), Instant::now());
        throttle.admit("ada", start);
        throttle.admit("bob", start + TICK);
        throttle.sweep(start + WINDOW);
        assert_eq!((throttle.users(), throttle.ends.len()), (1, 1));
        assert_ne!(throttle.admit("bob", start + WINDOW), Verdict::Pass);
    }

    #[test]
    fn ten_million_users_leave_the_table_at_its_cap() {
        let (throttle, start) = (LocalThrottle::new(WINDOW), Instant::now());
        for user in 0..10_000_000_u64 {
            assert_eq!(throttle.admit(&format!("{user}"), start), Verdict::Pass);
        }
        assert_eq!((throttle.users(), throttle.ends.len()), (MAX_USERS, MAX_USERS));
        assert_eq!(throttle.unremembered_total(), 10_000_000 - MAX_USERS as u64);
        assert!(throttle.ends.capacity() <= 4 * MAX_USERS, "capacity {}", throttle.ends.capacity());
        assert_ne!(throttle.admit("0", start), Verdict::Pass, "those inside stay throttled");
        throttle.sweep(start + WINDOW);
        assert_eq!((throttle.users(), throttle.ends.len()), (0, 0));
    }

    #[test]
    fn an_empty_window_throttles_nobody() {
        let (throttle, now) = (LocalThrottle::new(Duration::ZERO), Instant::now());
        assert!((0..3).all(|_| throttle.admit("ada", now) == Verdict::Pass));
        assert_eq!(throttle.users(), 0);
    }
}
