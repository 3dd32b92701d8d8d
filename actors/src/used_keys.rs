//! **Job:** tells the door which idempotency keys belong to an order already, so that a retry can go straight to
//! the counter.
//! **Owns:** one 64-bit fingerprint per order with a key.
//! **Never:** answers a retry: the fingerprint may be wrong once in 2⁶⁴ and may outlive a rolled-back order; the
//! stock decides, and a purchase that took this way by mistake is an ordinary purchase.

use std::hash::{BuildHasher, BuildHasherDefault, Hasher};

use dashmap::DashMap;
use foldhash::quality::RandomState;

use crate::ids::{IdempotencyKey, ItemNumber, UserId};

/// The fingerprint of a key in its scope. Keyed per process, so that nobody can aim at somebody else's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint(u64);

/// Fingerprints are hashes already.
#[derive(Default)]
struct AsIs(u64);

impl Hasher for AsIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _bytes: &[u8]) {
        unreachable!("a fingerprint hashes as one u64");
    }

    fn write_u64(&mut self, fingerprint: u64) {
        self.0 = fingerprint;
    }
}

/// Tables that share the fingerprints. A table that doubles keeps a core waiting: of ten million fingerprints each of
/// these has 40,000, and doubles in well under a millisecond.
const TABLES: usize = 256;

/// The keys of all orders. Bounded by the orders themselves: 10 to 20 bytes each.
pub struct UsedKeys {
    hasher: RandomState,
    fingerprints: DashMap<Fingerprint, (), BuildHasherDefault<AsIs>>,
}

impl Default for UsedKeys {
    fn default() -> Self {
        let fingerprints = DashMap::with_hasher_and_shard_amount(BuildHasherDefault::default(), TABLES);
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
