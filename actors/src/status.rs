//! **Job:** what others act on: whether the ledger can be written, whether its writer lives, how far it is committed.
//! **Owns:** the state of the storage and the number of the last committed entry.
//! **Never:** counts: with all telemetry off every decision stays the same.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};

use tokio::sync::watch;

use crate::data_file::Moved;
use crate::request::Unavailable;

/// Whether the ledger can be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StorageState {
    /// Yes.
    Open,
    /// The disk is full.
    Full,
    /// Somebody else holds the data file.
    Locked,
    /// The data file, its log or its mark was moved, deleted or replaced. There is no way back but a new start.
    Moved,
    /// A commit has stood still for seconds: the disk does not answer. Goes by itself when the disk does.
    Stalled,
}

impl StorageState {
    /// All of them, in the order of their numbers.
    const ALL: [Self; 5] = [Self::Open, Self::Full, Self::Locked, Self::Moved, Self::Stalled];

    /// The state's name outside.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Full => "full",
            Self::Locked => "locked",
            Self::Moved => "moved",
            Self::Stalled => "stalled",
        }
    }

    /// Why nothing can be written, if nothing can.
    pub fn check_writable(self) -> Result<(), Unavailable> {
        match self {
            Self::Open => Ok(()),
            Self::Full => Err(Unavailable::StorageFull),
            Self::Locked | Self::Moved => Err(Unavailable::StorageLocked),
            Self::Stalled => Err(Unavailable::StorageStalled),
        }
    }

    /// Why nothing can be answered that rests on the ledger, if nothing can: every reply waits for its writer.
    pub fn check_answering(self) -> Result<(), Unavailable> {
        match self {
            Self::Open | Self::Full | Self::Locked | Self::Moved => Ok(()),
            Self::Stalled => Err(Unavailable::StorageStalled),
        }
    }

    /// The state of a ledger whose last commit failed definitely, and for this reason.
    pub(crate) fn after(failure: Unavailable) -> Self {
        match failure {
            Unavailable::StorageFull => Self::Full,
            Unavailable::StorageLocked
            | Unavailable::StorageStalled
            | Unavailable::ShuttingDown
            | Unavailable::OutcomeUnknown => Self::Locked,
        }
    }
}

/// The state of the ledger as the sale's other parts see it. Written by the OrderWriter alone, but for
/// [`LedgerStatus::lost_files`] and [`LedgerStatus::stand_still`].
#[derive(Debug)]
pub struct LedgerStatus {
    storage: AtomicU8,
    last_seq: watch::Sender<u64>,
    turns: AtomicU64,
    committing: AtomicBool,
    /// The turn that stands still, plus one; zero: none does. The writer's next turn makes it a matter of the past.
    stalled: AtomicU64,
    pinned_log: AtomicU64,
}

impl Default for LedgerStatus {
    fn default() -> Self {
        Self {
            storage: AtomicU8::new(StorageState::Open as u8),
            last_seq: watch::Sender::new(0),
            turns: AtomicU64::new(0),
            committing: AtomicBool::new(false),
            stalled: AtomicU64::new(0),
            pinned_log: AtomicU64::new(0),
        }
    }
}

impl LedgerStatus {
    /// Whether the ledger can be written.
    #[must_use]
    pub fn storage(&self) -> StorageState {
        let known = StorageState::ALL[usize::from(self.storage.load(Ordering::Acquire))];
        if known != StorageState::Moved && self.stands_still() { StorageState::Stalled } else { known }
    }

    fn stands_still(&self) -> bool {
        let stalled = self.stalled.load(Ordering::Acquire);
        stalled != 0 && stalled == self.turns.load(Ordering::Acquire) + 1
    }

    /// The number of the last committed entry, from the writer's start on; wakes who waits for the next one.
    #[must_use]
    pub fn last_seq(&self) -> watch::Receiver<u64> {
        self.last_seq.subscribe()
    }

    /// Batches finished, whatever came of them: a writer that is committing and finishes none hangs.
    #[must_use]
    pub fn turns(&self) -> u64 {
        self.turns.load(Ordering::Acquire)
    }

    /// Whether a batch is being committed.
    #[must_use]
    pub fn is_committing(&self) -> bool {
        self.committing.load(Ordering::Relaxed)
    }

    pub(crate) fn begin(&self) {
        self.committing.store(true, Ordering::Relaxed);
    }

    pub(crate) fn end(&self) {
        self.committing.store(false, Ordering::Relaxed);
        self.turns.fetch_add(1, Ordering::Release);
    }

    /// The commit of this turn has stood still for too long: nothing is sold until it comes back. Says nothing where
    /// another turn has begun meanwhile.
    pub fn stand_still(&self, turn: u64) {
        self.stalled.store(turn + 1, Ordering::Release);
    }

    /// Bytes in the write-ahead log that a reader keeps from being copied, once they are worth a word; else 0.
    #[must_use]
    pub fn pinned_log_bytes(&self) -> u64 {
        self.pinned_log.load(Ordering::Relaxed)
    }

    pub(crate) fn set_pinned_log_bytes(&self, bytes: u64) {
        self.pinned_log.store(bytes, Ordering::Relaxed);
    }

    /// Says up to which entry the ledger is committed: once a commit, whether anybody listens or not.
    pub(crate) fn publish(&self, last_seq: u64) {
        self.last_seq.send_replace(last_seq);
    }

    pub(crate) fn set_storage(&self, state: StorageState) {
        let unless_moved = |known| (known != StorageState::Moved as u8).then_some(state as u8);
        let _stays_moved = self.storage.fetch_update(Ordering::AcqRel, Ordering::Acquire, unless_moved);
    }

    /// Nothing is sold any more: the files that are open are not those that will be found.
    pub fn lost_files(&self, moved: &Moved) {
        if self.storage.swap(StorageState::Moved as u8, Ordering::AcqRel) != StorageState::Moved as u8 {
            tracing::error!("{moved}");
        }
    }
}
