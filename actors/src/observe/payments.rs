//! **Job:** counts the events of payment providers by what they meant.
//! **Owns:** one counter for each provider and verdict.
//! **Never:** counts money.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::payment::{Provider, Verdict};

/// Events that are on record, by provider and verdict.
#[derive(Debug, Default)]
pub struct PaymentCounters([[AtomicU64; Verdict::ALL.len()]; Provider::ALL.len()]);

impl PaymentCounters {
    /// An event is on record.
    pub fn note(&self, provider: Provider, verdict: Verdict) {
        self.0[provider as usize][verdict as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// How many of this provider's had this verdict.
    #[must_use]
    pub fn get(&self, provider: Provider, verdict: Verdict) -> u64 {
        self.0[provider as usize][verdict as usize].load(Ordering::Relaxed)
    }
}
