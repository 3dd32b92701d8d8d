//! **Job:** the windows of buyers in process: of all attempts within a window, the first passes.
//! **Owns:** the table of buyers whose window is open, and how many windows each has got back lately.
//! **Never:** extends a window because of a refused attempt, or grows past its caps.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, BuildHasherDefault, Hash, Hasher};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use dashmap::DashMap;
use dashmap::mapref::entry::Entry;

use super::Who;

/// Users the table remembers at once. At its cap it takes about 36 MiB, and a window of five seconds then covers
/// 200,000 different users per second, several times what one box can answer.
pub const MAX_USERS: usize = 1_048_576;

/// Windows that a buyer gets back whole within the time of one: an honest one is hardly refused more often than that in
/// a row, and a script gains no more than these.
pub const FULL_GIVE_BACKS: u32 = 3;

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
    /// Hash of the user → nanoseconds since `epoch` until which the windows they got back are counted, and how many.
    given_back: DashMap<u64, (u64, u32), BuildHasherDefault<AsIs>>,
    /// Entries of `given_back`.
    remembered: AtomicUsize,
    unremembered_total: AtomicU64,
}

/// A window in the table.
#[derive(Debug, Clone, Copy)]
pub(super) struct LocalWindow {
    hash: u64,
    /// By which it is known that it is still the same.
    end: u64,
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
            given_back: DashMap::with_hasher_and_shard_amount(BuildHasherDefault::default(), SHARDS),
            remembered: AtomicUsize::new(0),
            unremembered_total: AtomicU64::new(0),
        }
    }

    /// How long a window is.
    #[must_use]
    pub fn window(&self) -> Duration {
        Duration::from_nanos(self.window)
    }

    /// Opens the window of the first attempt, and refuses the rest until it is over; the error is the time until then.
    ///
    /// While the table is full, those who are not in it pass and are not remembered: a throttle may weaken.
    pub(super) fn open(&self, who: Who<'_>, now: Instant) -> Result<Option<LocalWindow>, Duration> {
        if self.window == 0 {
            return Ok(None);
        }
        let now = self.since_epoch(now);
        let (hash, end) = (self.hash(&who), now.saturating_add(self.window));
        match self.ends.entry(hash) {
            Entry::Occupied(window) if *window.get() > now => return Err(Duration::from_nanos(*window.get() - now)),
            Entry::Occupied(mut window) => *window.get_mut() = end,
            Entry::Vacant(place) => {
                if self.users.fetch_add(1, Relaxed) < MAX_USERS {
                    place.insert(end);
                } else {
                    self.users.fetch_sub(1, Relaxed);
                    self.unremembered_total.fetch_add(1, Relaxed);
                    return Ok(None);
                }
            }
        }
        Ok(Some(LocalWindow { hash, end }))
    }

    /// Gives a window back that is still the same, but for what has to be left of it.
    pub(super) fn give_back(&self, window: LocalWindow, told: Duration, now: Instant) {
        let left = self.left_of(window.hash, told, now);
        let Entry::Occupied(mut place) = self.ends.entry(window.hash) else { return };
        if *place.get() != window.end {
            return;
        }
        if left.is_zero() {
            place.remove();
            self.users.fetch_sub(1, Relaxed);
        } else {
            let end = self.since_epoch(now).saturating_add(nanos(left));
            *place.get_mut() = end.min(window.end);
        }
    }

    /// How much of a window is left when it is given back now: nothing, or what the buyer was `told` to wait, when they
    /// have got enough of them back.
    pub(super) fn left_of(&self, hash: u64, told: Duration, now: Instant) -> Duration {
        let now = self.since_epoch(now);
        let first = (now.saturating_add(self.window), 1);
        match self.given_back.entry(hash) {
            Entry::Occupied(mut place) => {
                let (until, count) = *place.get();
                let is_over = until <= now;
                *place.get_mut() = if is_over { first } else { (until, count.saturating_add(1)) };
                if is_over || count < FULL_GIVE_BACKS { Duration::ZERO } else { told }
            }
            Entry::Vacant(place) => {
                if self.remembered.fetch_add(1, Relaxed) >= MAX_USERS {
                    self.remembered.fetch_sub(1, Relaxed);
                    return told;
                }
                place.insert(first);
                Duration::ZERO
            }
        }
    }

    /// By which a buyer is remembered.
    pub(super) fn hash(&self, who: &impl Hash) -> u64 {
        self.hasher.hash_one(who)
    }

    fn since_epoch(&self, now: Instant) -> u64 {
        nanos(now.saturating_duration_since(self.epoch))
    }

    /// Forgets the users whose window is over. To be called once a second, from a thread that serves no requests:
    /// a full table takes tens of milliseconds.
    pub fn sweep(&self, now: Instant) {
        let now = self.since_epoch(now);
        let mut forgotten = 0;
        self.ends.retain(|_, end| {
            let open = *end > now;
            forgotten += usize::from(!open);
            open
        });
        self.users.fetch_sub(forgotten, Relaxed);
        let mut forgotten = 0;
        self.given_back.retain(|_, (until, _)| {
            let counts = *until > now;
            forgotten += usize::from(!counts);
            counts
        });
        self.remembered.fetch_sub(forgotten, Relaxed);
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

#[cfg(test)]
#[expect(clippy::unchecked_time_subtraction, reason = "a moment before the end of a constant span")]
mod tests {
    use super::*;

    const WINDOW: Duration = Duration::from_secs(5);
    const TICK: Duration = Duration::from_nanos(1);
    const TOLD: Duration = Duration::from_secs(1);

    /// The answer to an attempt of a buyer: the time to wait, or nothing.
    fn wait(throttle: &LocalThrottle, user: &str, now: Instant) -> Option<Duration> {
        throttle.open(Who::user(user), now).err()
    }

    #[test]
    fn the_first_attempt_passes_and_the_rest_wait_for_the_end_of_its_window() {
        let (throttle, start) = (LocalThrottle::new(WINDOW), Instant::now());
        assert_eq!(wait(&throttle, "ada", start), None);
        for later in [Duration::ZERO, WINDOW / 2, WINDOW - TICK] {
            let left = wait(&throttle, "ada", start + later);
            assert_eq!(left, Some(WINDOW - later), "a refusal must not extend the window");
        }
        assert_eq!(wait(&throttle, "bob", start), None);
        assert_eq!(wait(&throttle, "ada", start + WINDOW), None);
        assert_eq!(wait(&throttle, "ada", start + WINDOW), Some(WINDOW));
    }

    #[test]
    fn of_sixty_four_simultaneous_attempts_one_passes() {
        let (throttle, now, line) = (LocalThrottle::new(WINDOW), Instant::now(), std::sync::Barrier::new(64));
        let attempt = || {
            line.wait();
            wait(&throttle, "ada", now).is_none()
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
        let _ada = throttle.open(Who::user("ada"), start);
        let bob = throttle.open(Who::user("cleo"), start).expect("the first").expect("remembered");
        throttle.give_back(bob, TOLD, start);
        let _bob = throttle.open(Who::user("bob"), start + TICK);
        throttle.sweep(start + WINDOW);
        assert_eq!((throttle.users(), throttle.ends.len()), (1, 1));
        assert_eq!((throttle.remembered.load(Relaxed), throttle.given_back.len()), (0, 0));
        assert_ne!(wait(&throttle, "bob", start + WINDOW), None);
    }

    #[test]
    fn ten_million_users_leave_the_table_at_its_cap() {
        let (throttle, start) = (LocalThrottle::new(WINDOW), Instant::now());
        for user in 0..10_000_000_u64 {
            assert_eq!(wait(&throttle, &format!("{user}"), start), None);
        }
        assert_eq!((throttle.users(), throttle.ends.len()), (MAX_USERS, MAX_USERS));
        assert_eq!(throttle.unremembered_total(), 10_000_000 - MAX_USERS as u64);
        assert!(throttle.ends.capacity() <= 4 * MAX_USERS, "capacity {}", throttle.ends.capacity());
        assert_ne!(wait(&throttle, "0", start), None, "those inside stay throttled");
        throttle.sweep(start + WINDOW);
        assert_eq!((throttle.users(), throttle.ends.len()), (0, 0));
    }

    #[test]
    fn an_empty_window_throttles_nobody() {
        let (throttle, now) = (LocalThrottle::new(Duration::ZERO), Instant::now());
        assert!((0..3).all(|_| wait(&throttle, "ada", now).is_none()));
        assert_eq!(throttle.users(), 0);
    }

    #[test]
    fn a_buyer_of_one_item_may_try_another() {
        let (throttle, now) = (LocalThrottle::new(WINDOW), Instant::now());
        let (one, two) = ("one".parse().expect("an id"), "two".parse().expect("an id"));
        assert!(throttle.open(Who::of_item("ada", &one), now).is_ok());
        assert!(throttle.open(Who::of_item("ada", &two), now).is_ok());
        assert!(throttle.open(Who::of_item("ada", &one), now).is_err());
        assert!(throttle.open(Who::user("ada"), now).is_ok(), "another scope is another window");
    }

    #[test]
    fn a_window_that_is_given_back_is_open_no_more_and_only_if_it_is_the_same() {
        let (throttle, start) = (LocalThrottle::new(WINDOW), Instant::now());
        let open = |at: Instant| throttle.open(Who::user("ada"), at).expect("none is open").expect("remembered");
        let first = open(start);
        let second = open(start + WINDOW);
        throttle.give_back(first, TOLD, start + WINDOW);
        assert!(wait(&throttle, "ada", start + WINDOW).is_some(), "the second attempt's");
        throttle.give_back(second, TOLD, start + WINDOW);
        assert_eq!((throttle.users(), throttle.ends.len()), (0, 0));
        assert_eq!(wait(&throttle, "ada", start + WINDOW), None);
    }

    #[test]
    fn who_hammers_gets_three_windows_back_and_then_waits_as_told() {
        let (throttle, start) = (LocalThrottle::new(WINDOW), Instant::now());
        let refused = |at: Instant| match throttle.open(Who::user("ada"), at) {
            Ok(window) => {
                throttle.give_back(window.expect("remembered"), TOLD, at);
                None
            }
            Err(left) => Some(left),
        };
        for _ in 0..FULL_GIVE_BACKS {
            assert_eq!(refused(start), None);
        }
        assert_eq!(refused(start), None, "what is left of this one is what was told");
        assert_eq!(refused(start), Some(TOLD));
        assert_eq!(refused(start + TOLD), None, "who waits as told passes");
        assert_eq!(refused(start + TOLD), Some(TOLD));
        assert_eq!(refused(start + WINDOW), None);
        assert_eq!(refused(start + WINDOW), None, "it is counted anew");
    }
}
