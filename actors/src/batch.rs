//! **Job:** what to commit together, and when.
//! **Owns:** the open batch and the reasons to close it.
//! **Never:** writes, waits or reads a clock.

use std::time::Duration;

use crate::commit_trigger::CommitTrigger;
use crate::messages::Append;

/// How batches are closed.
#[derive(Debug, Clone, Copy)]
pub struct BatchPolicy {
    /// Entries after which a batch is closed, at least 1. A decision is never split: a batch may have one entry more.
    pub max_entries: usize,
    /// How long the first entry waits for company; zero: a batch is what came while the last one was written.
    pub linger: Duration,
}

/// The batch that is open now.
#[derive(Debug)]
pub(crate) struct Batch {
    policy: BatchPolicy,
    appends: Vec<Append>,
    entries: usize,
}

impl Batch {
    /// An empty batch.
    #[must_use]
    pub(crate) fn new(policy: BatchPolicy) -> Self {
        Self { policy, appends: Vec::new(), entries: 0 }
    }

    /// Adds a decision; answers whether the batch is full now.
    pub(crate) fn push(&mut self, append: Append) -> Option<CommitTrigger> {
        self.entries += append.entries.len();
        self.appends.push(append);
        // Decisions without entries count too, so that a flood of them cannot keep a batch open for ever.
        let full = self.entries.max(self.appends.len()) >= self.policy.max_entries;
        full.then_some(CommitTrigger::Full)
    }

    /// Whether to close the batch now that nothing more is waiting and its first decision is `age` old.
    #[must_use]
    pub(crate) fn when_idle(&self, age: Duration) -> Option<CommitTrigger> {
        if self.policy.linger.is_zero() || self.entries == 0 {
            return Some(CommitTrigger::Drained);
        }
        (age >= self.policy.linger).then_some(CommitTrigger::Linger)
    }

    /// How long to wait until [`Batch::when_idle`] says yes.
    #[must_use]
    pub(crate) fn patience(&self, age: Duration) -> Duration {
        self.policy.linger.saturating_sub(age)
    }

    /// Whether nothing waits in it.
    #[must_use]
    pub(crate) fn is_empty(&self) -> bool {
        self.appends.is_empty()
    }

    /// The decisions of the batch, which is empty afterwards.
    #[must_use]
    pub(crate) fn take(&mut self) -> Vec<Append> {
        self.entries = 0;
        let room = Vec::with_capacity(self.appends.len());
        std::mem::replace(&mut self.appends, room)
    }
}

#[cfg(test)]
mod tests;
