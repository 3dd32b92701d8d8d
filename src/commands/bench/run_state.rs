//! **Job:** what the threads of a run see of it while it goes on.
//! **Owns:** the counts of the progress line, and the word that ends the run.
//! **Never:** measures: each thread keeps its own tally.

use std::sync::atomic::{AtomicBool, AtomicU64};

/// What the other threads see of a run while it goes on.
#[derive(Debug, Default)]
pub(in crate::commands) struct RunState {
    pub(in crate::commands) answered: AtomicU64,
    pub(in crate::commands) confirmed: AtomicU64,
    /// Set to end the run early.
    pub(in crate::commands) stop: AtomicBool,
}
