//! **Job:** what one core did: messages delivered, messages that crossed from other threads, decisions per batch.
//! **Owns:** the counters of one core, and which thread it is.
//! **Never:** measures how busy the thread is: the operating system does.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use super::{Distribution, DistributionSnapshot, LayerCounters};

/// The counters of one core. Written by its thread alone.
#[derive(Debug)]
pub struct CoreCounters {
    /// The layer of attempts that reached an actor of this core.
    pub layer_counters: LayerCounters,
    thread: OnceLock<i32>,
    delivered: AtomicU64,
    crossed: AtomicU64,
    batch: Mutex<Distribution>,
}

/// A core as of now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CoreSnapshot {
    /// The number of its thread in the operating system, once it runs.
    pub thread: Option<i32>,
    /// Messages delivered to actors of the core.
    pub delivered: u64,
    /// Those of them that came from another thread.
    pub crossed: u64,
    /// Decisions passed on to the writer in one batch.
    pub batch: DistributionSnapshot,
}

impl Default for CoreCounters {
    fn default() -> Self {
        Self {
            layer_counters: LayerCounters::default(),
            thread: OnceLock::new(),
            delivered: AtomicU64::new(0),
            crossed: AtomicU64::new(0),
            batch: Mutex::new(Distribution::fine()),
        }
    }
}

impl CoreCounters {
    /// The core runs on the thread that calls.
    pub(crate) fn runs_here(&self) {
        let _known = self.thread.set(rustix::thread::gettid().as_raw_nonzero().get());
    }

    pub(crate) fn delivered(&self) {
        self.delivered.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn crossed(&self, messages: usize) {
        self.crossed.fetch_add(messages as u64, Ordering::Relaxed);
    }

    pub(crate) fn passed_on(&self, decisions: usize) {
        self.batch.lock().record(decisions as u64);
    }

    /// What there is now.
    #[must_use]
    pub fn observe(&self) -> CoreSnapshot {
        CoreSnapshot {
            thread: self.thread.get().copied(),
            delivered: self.delivered.load(Ordering::Relaxed),
            crossed: self.crossed.load(Ordering::Relaxed),
            batch: self.batch.lock().snapshot(),
        }
    }
}
