//! **Job:** what the writer did, and whether it lives.
//! **Owns:** its counters.
//! **Never:** asks the ledger, or holds what others act on: that is `status.rs`.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

use super::{ActorCounters, Distribution, LayerCounters, MailboxGauge};
use crate::commit_trigger::CommitTrigger;

/// What the writer did, and whether it lives.
#[derive(Debug)]
pub struct WriterCounters {
    commits: [AtomicU64; CommitTrigger::ALL.len()],
    entries: AtomicU64,
    /// The layer of orders that wait for their commit.
    pub ledger: LayerCounters,
    /// Decisions that wait for the writer.
    pub mailbox: MailboxGauge,
    /// Decisions taken up; each batch of them is timed as one message.
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
            ledger: LayerCounters::default(),
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
}
