//! **Job:** the count behind the token pool of one item.
//! **Owns:** one number: units that somebody was let in for.
//! **Never:** knows the limit, or Redis.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// The units of one item that are taken: live units of orders plus attempts that hold a token.
#[derive(Debug, Default)]
pub struct ItemPool {
    taken: AtomicU64,
}

impl ItemPool {
    /// A pool of an item of which this many units are live.
    #[must_use]
    pub fn new(live_units: u64) -> Self {
        Self { taken: AtomicU64::new(live_units) }
    }

    /// Units taken now.
    #[must_use]
    pub fn taken(&self) -> u64 {
        self.taken.load(Relaxed)
    }

    /// Takes `quantity` units if the limit leaves room for all of them.
    pub fn take(&self, limit: u64, quantity: u32) -> bool {
        let fits = |taken: u64| taken.checked_add(u64::from(quantity)).filter(|taken| *taken <= limit);
        self.taken.try_update(Relaxed, Relaxed, fits).is_ok()
    }

    /// Gives units back. Never below zero.
    pub fn give_back(&self, quantity: u32) {
        self.taken.update(Relaxed, Relaxed, |taken| taken.saturating_sub(u64::from(quantity)));
    }

    /// Counts units that somebody else has decided to admit.
    pub fn count(&self, quantity: u32) {
        self.taken.update(Relaxed, Relaxed, |taken| taken.saturating_add(u64::from(quantity)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_units_are_taken_or_none() {
        let pool = ItemPool::new(7);
        assert!(!pool.take(10, 4));
        assert_eq!(pool.taken(), 7);
        assert!(pool.take(10, 3));
        assert!(!pool.take(10, 1));
        assert!(!pool.take(5, 1), "a limit that fell below what is taken admits nobody");
        pool.give_back(11);
        assert_eq!(pool.taken(), 0);
    }
}
