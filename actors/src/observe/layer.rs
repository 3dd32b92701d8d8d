//! **Job:** counts how many messages came to a layer, passed it, or got their answer there.
//! **Owns:** the counters of one layer.
//! **Never:** knows which layer it is.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::request::Reason;

/// The counts of one layer: at rest, `entered = passed + Σ answered`.
#[derive(Debug)]
pub struct LayerCounters {
    entered: AtomicU64,
    passed: AtomicU64,
    answered: [AtomicU64; Reason::ALL.len()],
}

impl Default for LayerCounters {
    fn default() -> Self {
        Self {
            entered: AtomicU64::new(0),
            passed: AtomicU64::new(0),
            answered: std::array::from_fn(|_| AtomicU64::new(0)),
        }
    }
}

impl LayerCounters {
    /// An attempt came in.
    pub fn enter(&self) {
        self.entered.fetch_add(1, Ordering::Relaxed);
    }

    /// It went on to the next layer.
    pub fn pass(&self) {
        self.passed.fetch_add(1, Ordering::Relaxed);
    }

    /// It got its answer here.
    pub fn answer(&self, code: Reason) {
        self.answered[code as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// Attempts that came in.
    #[must_use]
    pub fn entered(&self) -> u64 {
        self.entered.load(Ordering::Relaxed)
    }

    /// Attempts that went on.
    #[must_use]
    pub fn passed(&self) -> u64 {
        self.passed.load(Ordering::Relaxed)
    }

    /// Attempts that were answered here, by code.
    pub fn answered(&self) -> impl Iterator<Item = (Reason, u64)> {
        let count = |code: &Reason| (*code, self.answered[*code as usize].load(Ordering::Relaxed));
        Reason::ALL.iter().map(count).filter(|(_, count)| *count > 0)
    }
}
