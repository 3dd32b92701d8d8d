//! **Job:** what the writer did, and whether it lives.
//! **Owns:** its counters and the number of the last committed entry.
//! **Never:** asks the ledger.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::watch;

use super::{ActorCounters, Distribution, MailboxGauge, Passage};
use crate::batch::CommitTrigger;
use crate::data_file::Moved;

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
}

/// What the writer did, and whether it lives.
#[derive(Debug)]
pub struct WriterCounters {
    commits: [AtomicU64; CommitTrigger::ALL.len()],
    entries: AtomicU64,
    turns: AtomicU64,
    committing: AtomicBool,
    storage: AtomicU8,
    last_seq: watch::Sender<u64>,
    /// The layer of orders that wait for their commit.
    pub ledger: Passage,
    /// Decisions that wait for the writer.
    pub mailbox: MailboxGauge,
    /// Decisions taken up; each bundle of them is timed as one letter.
    pub actor: ActorCounters,
    commits_measured: Mutex<CommitsMeasured>,
}

/// How large commits were, and how long they took.
#[derive(Debug, Clone)]
pub struct CommitsMeasured {
    /// Entries of a commit.
    pub batch: Distribution,
    /// Orders of a commit.
    pub orders: Distribution,
    /// Microseconds from the first statement of the batch until it was durable.
    pub commit_us: Distribution,
    /// Microseconds of them that the `COMMIT` took: writing the log, and the sync.
    pub sync_us: Distribution,
}

/// How long a commit took, and the sync in it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Took {
    pub(crate) commit: Duration,
    pub(crate) sync: Duration,
}

impl Default for WriterCounters {
    fn default() -> Self {
        Self {
            commits: std::array::from_fn(|_| AtomicU64::new(0)),
            entries: AtomicU64::new(0),
            turns: AtomicU64::new(0),
            committing: AtomicBool::new(false),
            storage: AtomicU8::new(StorageState::Open as u8),
            last_seq: watch::Sender::new(0),
            ledger: Passage::default(),
            mailbox: MailboxGauge::default(),
            actor: ActorCounters::default(),
            commits_measured: Mutex::new(CommitsMeasured {
                batch: Distribution::fine(),
                orders: Distribution::fine(),
                commit_us: Distribution::fine(),
                sync_us: Distribution::fine(),
            }),
        }
    }
}

impl WriterCounters {
    pub(crate) fn begin(&self) {
        self.committing.store(true, Ordering::Relaxed);
    }

    pub(crate) fn end(&self) {
        self.committing.store(false, Ordering::Relaxed);
        self.turns.fetch_add(1, Ordering::Relaxed);
    }

    /// A batch is durable.
    pub(crate) fn committed(&self, trigger: CommitTrigger, (entries, orders): (usize, usize), took: Took) {
        self.commits[trigger as usize].fetch_add(1, Ordering::Relaxed);
        self.entries.fetch_add(entries as u64, Ordering::Relaxed);
        let mut measured = self.commits_measured.lock();
        measured.batch.record(entries as u64);
        measured.orders.record(orders as u64);
        measured.commit_us.record_time(took.commit);
        measured.sync_us.record_time(took.sync);
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

    /// Whether the ledger can be written.
    #[must_use]
    pub fn storage(&self) -> StorageState {
        match self.storage.load(Ordering::Acquire) {
            state if state == StorageState::Full as u8 => StorageState::Full,
            state if state == StorageState::Locked as u8 => StorageState::Locked,
            state if state == StorageState::Moved as u8 => StorageState::Moved,
            _open => StorageState::Open,
        }
    }

    /// The number of the last committed entry, from the writer's start on; wakes who waits for the next one.
    #[must_use]
    pub fn last_seq(&self) -> watch::Receiver<u64> {
        self.last_seq.subscribe()
    }

    /// Commits closed for this reason.
    #[must_use]
    pub fn commits(&self, trigger: CommitTrigger) -> u64 {
        self.commits[trigger as usize].load(Ordering::Relaxed)
    }

    /// How large commits were and how long they took, since the start.
    #[must_use]
    pub fn commits_measured(&self) -> CommitsMeasured {
        self.commits_measured.lock().clone()
    }

    /// Entries written.
    #[must_use]
    pub fn entries(&self) -> u64 {
        self.entries.load(Ordering::Relaxed)
    }

    /// Batches finished, whatever came of them: a writer that is committing and finishes none hangs.
    #[must_use]
    pub fn turns(&self) -> u64 {
        self.turns.load(Ordering::Relaxed)
    }

    /// Whether a batch is being committed.
    #[must_use]
    pub fn is_committing(&self) -> bool {
        self.committing.load(Ordering::Relaxed)
    }
}
