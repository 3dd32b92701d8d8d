//! **Job:** tells the gate which idempotency keys belong to an order already, so that a retry can go straight to
//! the stock.
//! **Owns:** one 64-bit fingerprint per order with a key.
//! **Never:** answers a retry: the fingerprint may be wrong once in 2⁶⁴ and may outlive a rolled-back order; the
//! stock decides, and a purchase that took this way by mistake is an ordinary purchase.

use std::hash::BuildHasher;

use dashmap::DashMap;
use foldhash::quality::RandomState;
use nohash_hasher::BuildNoHashHasher;

use crate::ids::{IdempotencyKey, ItemNumber, UserId};

/// The fingerprint of a key in its scope. Keyed per process, so that nobody can aim at somebody else's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint(u64);

/// A fingerprint is a hash already.
impl nohash_hasher::IsEnabled for Fingerprint {}

/// Tables that share the fingerprints. A table that doubles keeps a core waiting: of ten million fingerprints each of
/// these has 40,000, and doubles in well under a millisecond.
const TABLES: usize = 256;

/// The keys of all orders. Bounded by the orders themselves: 10 to 20 bytes each.
pub struct UsedKeys {
    hasher: RandomState,
    fingerprints: DashMap<Fingerprint, (), BuildNoHashHasher<Fingerprint>>,
}

impl Default for UsedKeys {
    fn default() -> Self {
        let fingerprints = DashMap::with_hasher_and_shard_amount(BuildNoHashHasher::default(), TABLES);
        Self { hasher: RandomState::default(), fingerprints }
    }
}

impl std::fmt::Debug for UsedKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UsedKeys").finish_non_exhaustive()
    }
}

impl UsedKeys {
    /// The fingerprint of `key` as `user` uses it for `item`.
    #[must_use]
    pub fn fingerprint(&self, item: ItemNumber, user: &UserId, key: &IdempotencyKey) -> Fingerprint {
        Fingerprint(self.hasher.hash_one((item, user.as_str(), key.as_str())))
    }

    /// Notes that an order has this key.
    pub fn insert(&self, item: ItemNumber, user: &UserId, key: &IdempotencyKey) {
        self.fingerprints.insert(self.fingerprint(item, user, key), ());
    }

    /// Whether an order has this key.
    #[must_use]
    pub fn contains(&self, fingerprint: Fingerprint) -> bool {
        self.fingerprints.contains_key(&fingerprint)
    }
}
