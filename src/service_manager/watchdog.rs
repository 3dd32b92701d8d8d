//! **Job:** tells the service manager that the process lives, as long as its threads turn.
//! **Owns:** which threads are looked at, how often, and when one has not turned for too long.
//! **Never:** looks at a disk: one that stands still is waited for, and `storage.stall_limit` ends that.
//!
//! Each thread has a task on its event loop that leaves a mark now and then. A thread that hangs, or runs in a circle,
//! leaves none. Then the manager is not told any more that all is well, and ends the process when its patience is over.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use sd_notify::NotifyState;

use super::tell;
use crate::background::Background;

/// Looks within the patience of the manager, which wants to hear from us twice in it: one of them may come late.
const LOOKS: u32 = 4;

/// Shortest time between two looks, whatever the manager's patience is.
const MIN_TICK: Duration = Duration::from_millis(10);

/// The threads that must turn.
#[derive(Debug)]
pub struct Watchdog {
    /// The manager's patience; none if it does not watch.
    patience: Option<Duration>,
    started: Instant,
    threads: Mutex<Vec<Arc<Thread>>>,
}

/// A thread, and when it turned last.
#[derive(Debug)]
struct Thread {
    name: String,
    turned_ms: AtomicU64,
}

impl Watchdog {
    /// With the patience of whoever started this process. No thread is looked at yet.
    #[must_use]
    pub fn asked_for() -> Arc<Self> {
        Self::with_patience(sd_notify::watchdog_enabled().filter(|patience| !patience.is_zero()))
    }

    fn with_patience(patience: Option<Duration>) -> Arc<Self> {
        Arc::new(Self { patience, started: Instant::now(), threads: Mutex::default() })
    }

    /// From now on the thread that calls must turn. It must have a local runtime.
    pub fn watch_this_thread(&self, name: impl Into<String>) {
        let Some(every) = self.tick().map(|tick| tick / 2) else { return };
        let thread = self.enter(name.into());
        let started = self.started;
        tokio::task::spawn_local(async move {
            loop {
                thread.turned_ms.store(milliseconds(started.elapsed()), Ordering::Relaxed);
                tokio::time::sleep(every).await;
            }
        });
    }

    fn enter(&self, name: String) -> Arc<Thread> {
        let turned_ms = AtomicU64::new(milliseconds(self.started.elapsed()));
        let thread = Arc::new(Thread { name, turned_ms });
        self.threads.lock().push(Arc::clone(&thread));
        thread
    }

    /// All threads but the one of this name may end.
    pub fn only(&self, name: &str) {
        self.threads.lock().retain(|thread| thread.name == name);
    }

    /// Begins to tell the manager; none if it does not watch.
    ///
    /// # Errors
    /// There is no thread for it.
    pub fn start(self: &Arc<Self>) -> std::io::Result<Option<Background>> {
        let Some(tick) = self.tick() else { return Ok(None) };
        tracing::info!(patience = ?self.patience, "the service manager watches that the threads turn");
        let (this, mut was_stuck) = (Arc::clone(self), false);
        let look = move || {
            let found = this.stuck(this.started.elapsed());
            match &found {
                None => tell(&[NotifyState::Watchdog]),
                Some(thread) if !was_stuck => {
                    tracing::error!(thread, "does not turn: the service manager is not told that we live");
                }
                Some(_) => {}
            }
            if was_stuck && found.is_none() {
                tracing::warn!("all threads turn again");
            }
            was_stuck = found.is_some();
        };
        Background::start("watchdog", tick, look).map(Some)
    }

    /// The thread that has not turned for half the patience.
    fn stuck(&self, now: Duration) -> Option<String> {
        let limit = self.patience? / 2;
        let threads = self.threads.lock();
        let is_stuck = |thread: &&Arc<Thread>| {
            let turned = Duration::from_millis(thread.turned_ms.load(Ordering::Relaxed));
            now.saturating_sub(turned) > limit
        };
        threads.iter().find(is_stuck).map(|thread| thread.name.clone())
    }

    fn tick(&self) -> Option<Duration> {
        self.patience.map(|patience| (patience / LOOKS).max(MIN_TICK))
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_has_not_turned_for_half_the_patience_is_named() {
        let watchdog = Watchdog::with_patience(Some(Duration::from_secs(10)));
        let (main, worker) = (watchdog.enter("main".to_owned()), watchdog.enter("worker 1".to_owned()));
        let turned = |thread: &Thread, second: u64| thread.turned_ms.store(1_000 * second, Ordering::Relaxed);
        let stuck = |second: u64| watchdog.stuck(Duration::from_secs(second));
        turned(&main, 7);
        turned(&worker, 2);
        assert_eq!(stuck(7), None);
        assert_eq!(stuck(8).as_deref(), Some("worker 1"));
        turned(&worker, 8);
        assert_eq!(stuck(12), None);
        turned(&worker, 20);
        assert_eq!(stuck(20).as_deref(), Some("main"));
        turned(&main, 20);
        watchdog.only("main");
        turned(&worker, 0);
        assert_eq!(stuck(20), None, "it may have ended");
    }

    #[test]
    fn nobody_is_watched_for_a_manager_that_does_not_watch() {
        let watchdog = Watchdog::with_patience(None);
        // Without a runtime: a task would panic.
        watchdog.watch_this_thread("main");
        assert!(watchdog.start().expect("no thread is needed").is_none());
        assert_eq!(watchdog.stuck(Duration::from_hours(1)), None);
    }
}
