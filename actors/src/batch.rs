//! **Job:** what to commit together, and when.
//! **Owns:** the open batch and the reasons to close it.
//! **Never:** writes, waits or reads a clock.

use std::time::Duration;

use crate::commit_trigger::CommitTrigger;

/// How batches are closed.
#[derive(Debug, Clone, Copy)]
pub struct BatchPolicy {
    /// Entries after which a batch is closed, at least 1. A decision is never split: a batch may have one entry more.
    pub max_entries: usize,
    /// How long the first entry waits for company; zero: a batch is what came while the last one was written.
    pub linger: Duration,
}

/// The batch of decisions that is open now.
#[derive(Debug)]
pub struct Batch<D> {
    policy: BatchPolicy,
    decisions: Vec<D>,
    entries: usize,
}

impl<D> Batch<D> {
    /// An empty batch.
    #[must_use]
    pub fn new(policy: BatchPolicy) -> Self {
        Self { policy, decisions: Vec::new(), entries: 0 }
    }

    /// Adds a decision that has so many entries; answers whether the batch is full now.
    pub fn push(&mut self, decision: D, entries: usize) -> Option<CommitTrigger> {
        self.entries += entries;
        self.decisions.push(decision);
        // Decisions without entries count too, so that a flood of them cannot keep a batch open for ever.
        let full = self.entries.max(self.decisions.len()) >= self.policy.max_entries;
        full.then_some(CommitTrigger::Full)
    }

    /// Whether to close the batch now that nothing more is waiting and its first decision is `age` old.
    #[must_use]
    pub fn when_idle(&self, age: Duration) -> Option<CommitTrigger> {
        if self.policy.linger.is_zero() || self.entries == 0 {
            return Some(CommitTrigger::Drained);
        }
        (age >= self.policy.linger).then_some(CommitTrigger::Linger)
    }

    /// How long to wait until [`Batch::when_idle`] says yes.
    #[must_use]
    pub fn patience(&self, age: Duration) -> Duration {
        self.policy.linger.saturating_sub(age)
    }

    /// Whether nothing waits in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.decisions.is_empty()
    }

    /// The decisions of the batch, which is empty afterwards.
    #[must_use]
    pub fn take(&mut self) -> Vec<D> {
        self.entries = 0;
        let room = Vec::with_capacity(self.decisions.len());
        std::mem::replace(&mut self.decisions, room)
    }
}

#[cfg(test)]
mod tests;
