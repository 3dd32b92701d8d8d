//! **Job:** the one loop: look at the feed, apply what follows, confirm, again.
//! **Owns:** the pace and the patience with a feed that is away.
//! **Never:** holds the data file while it waits: whoever closes it waits for one transaction at most.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use super::delivery::{Delivery, FetchFault};
use super::gauges::Gauges;
use super::pacer::{Grant, Pacer};
use super::source::{Source, following};
use super::store::{Store, StoreError};

/// Most entries of one transaction: past it the commit is a small part of the work.
const BATCH: u32 = 256;
/// Pause after the first failure; it doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// Longest pause: so late we notice at most that a feed is back.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// How long to pace without a word to the feed: half the time after which the cursor is to be told again.
const SILENCE: Duration = Duration::from_millis(500);
/// Pause between the tries of a poison entry: something that passes by itself has time to, the feed does not stall.
const TRY_PAUSE: Duration = Duration::from_millis(20);

/// The data file as worker and closer share it; `None` once it is closed.
pub(super) type SharedStore = Arc<Mutex<Option<Store>>>;

/// Says that the work is to end, and ends every pause at once.
#[derive(Debug, Default)]
pub(super) struct Stop {
    is_set: Mutex<bool>,
    changed: Condvar,
}

impl Stop {
    /// The work is to end.
    pub(super) fn set(&self) {
        *self.is_set.lock() = true;
        self.changed.notify_all();
    }

    /// Whether the work is to end.
    #[must_use]
    pub(super) fn is_set(&self) -> bool {
        *self.is_set.lock()
    }

    fn pause(&self, length: Duration) {
        let mut is_set = self.is_set.lock();
        if !*is_set {
            self.changed.wait_for(&mut is_set, length);
        }
    }
}

/// The one who applies.
pub(super) struct Worker {
    store: SharedStore,
    source: Source,
    pacer: Pacer,
    gauges: Arc<Gauges>,
    stop: Arc<Stop>,
    cursor: u64,
    next_pause: Duration,
}

/// How to go on after a round.
enum Next {
    AtOnce,
    After(Duration),
    Closed,
    /// The feed is another ledger's: not even looking may go on, because that one may grow past our cursor.
    Refused,
}

impl Worker {
    /// A worker that goes on after `cursor`, which is the store's.
    #[must_use]
    pub(super) fn new(
        store: SharedStore,
        cursor: u64,
        source: Source,
        rate: u32,
        gauges: Arc<Gauges>,
        stop: Arc<Stop>,
    ) -> Self {
        let pacer = Pacer::new(rate, Instant::now());
        Self { store, source, pacer, gauges, stop, cursor, next_pause: FIRST_PAUSE }
    }

    /// Works until it is to stop, or the store is closed. A feed that is away is waited for, for ever.
    ///
    /// # Errors
    /// The data file failed, and whether the last transaction is in it cannot be known.
    pub(super) fn run(mut self) -> Result<(), StoreError> {
        while !self.stop.is_set() {
            match self.round()? {
                Next::AtOnce => {}
                Next::After(pause) => self.stop.pause(pause),
                Next::Closed => break,
                Next::Refused => {
                    while !self.stop.is_set() {
                        self.stop.pause(LONGEST_PAUSE);
                    }
                }
            }
        }
        Ok(())
    }

    fn round(&mut self) -> Result<Next, StoreError> {
        self.store.lock().as_ref().map_or(Ok(()), Store::check_names)?;
        let granted = match self.pacer.grant(BATCH, Instant::now()) {
            Grant::Entries(granted) => granted,
            Grant::Wait(pause) => return Ok(self.confirm().unwrap_or(Next::After(pause.min(SILENCE)))),
        };
        let fetched = match self.source.fetch(self.cursor, granted) {
            Ok(fetched) => fetched,
            Err(fault) => return Ok(self.failed(&fault)),
        };
        let follow = match following(self.cursor, fetched.deliveries) {
            Ok(follow) => follow,
            Err(fault) => return Ok(self.failed(&fault)),
        };
        self.heard(fetched.last_seq);
        if follow.is_empty() {
            return Ok(Next::AtOnce);
        }
        self.apply(&follow[..follow.len().min(granted as usize)])
    }

    fn apply(&mut self, follow: &[Delivery]) -> Result<Next, StoreError> {
        let stop = Arc::clone(&self.stop);
        let mut open = self.store.lock();
        let Some(store) = open.as_mut().filter(|_| !stop.is_set()) else { return Ok(Next::Closed) };
        let now = format!("{:.3}", jiff::Timestamp::now());
        let applied = match store.apply(follow, &now, &mut |_| stop.pause(TRY_PAUSE)) {
            Ok(applied) => applied,
            Err(StoreError::Full) => {
                tracing::error!("the disk is full: nothing was applied, trying again");
                return Ok(Next::After(LONGEST_PAUSE));
            }
            Err(error) => return Err(error),
        };
        match store.checkpoint_if_due() {
            // Due again later; what was applied is in the log.
            Err(StoreError::Full) => tracing::error!("the disk is full: the log was not copied"),
            due => due?,
        }
        drop(open);

        for (seq, reason) in &applied.dead {
            tracing::error!(seq, %reason, "an entry was given up and is in dead_letter");
        }
        self.pacer.spend(u32::try_from(follow.len()).expect("a batch is at most what was granted"));
        self.cursor = applied.cursor;
        self.gauges.applied(applied.cursor, &applied.kinds, applied.dead.len() as u64);
        Ok(self.confirm().unwrap_or(Next::AtOnce))
    }

    /// Tells the feed how far we are; how to go on if it does not hear.
    fn confirm(&mut self) -> Option<Next> {
        self.source.confirm(self.cursor).err().map(|fault| self.failed(&fault))
    }

    fn heard(&mut self, last_seq: Option<u64>) {
        if self.next_pause > FIRST_PAUSE {
            tracing::info!(cursor = self.cursor, "the feed is back");
        }
        self.next_pause = FIRST_PAUSE;
        self.gauges.heard(last_seq);
    }

    fn failed(&mut self, fault: &FetchFault) -> Next {
        let is_news = self.gauges.missed() || self.next_pause == FIRST_PAUSE;
        let pause = self.next_pause;
        self.next_pause = (pause * 2).min(LONGEST_PAUSE);
        match fault {
            FetchFault::Unavailable(_) => {
                if is_news {
                    tracing::warn!(reason = %fault, "no entries for now");
                }
                Next::After(pause)
            }
            FetchFault::Refused(_) => {
                tracing::error!(reason = %fault, "check inventory.source and feed.token");
                Next::After(LONGEST_PAUSE)
            }
            FetchFault::Gap { .. } => {
                tracing::warn!(reason = %fault, "asking for it again");
                self.source.start_over();
                Next::After(pause)
            }
            FetchFault::Behind { .. } => {
                tracing::error!(reason = %fault, "nothing is applied from this feed");
                self.gauges.refuse(fault.to_string());
                if self.source.is_final() { Next::Refused } else { Next::After(pause) }
            }
        }
    }
}
