//! **Job:** lets a retry wait for the attempt with the same key that is still on its way.
//! **Owns:** the keys of the attempts inside the house; bounded by the permits, one entry each.
//! **Never:** remembers a key after its attempt has ended: orders are remembered by the stock.

use std::sync::Arc;

use dashmap::DashMap;
use dashmap::mapref::entry::Entry;
use doorbuster_actors::used_keys::Fingerprint;
use tokio::sync::watch;

/// The keys of the attempts that are inside.
#[derive(Debug, Default)]
pub struct Retries {
    inside: DashMap<Fingerprint, watch::Receiver<()>>,
}

/// The first attempt with a key. While it lives, others with the key wait.
#[derive(Debug)]
pub struct First {
    retries: Arc<Retries>,
    key: Fingerprint,
    _ends: watch::Sender<()>,
}

impl Drop for First {
    fn drop(&mut self) {
        self.retries.inside.remove(&self.key);
    }
}

impl Retries {
    /// Registers an attempt, or waits until the one that was first has ended. Who has waited is not registered: he goes
    /// on at once with all others who have, instead of one by one.
    pub async fn first(self: &Arc<Self>, key: Fingerprint) -> Option<First> {
        let mut before = match self.inside.entry(key) {
            Entry::Occupied(first) => first.get().clone(),
            Entry::Vacant(place) => {
                let (ends, watching) = watch::channel(());
                place.insert(watching);
                return Some(First { retries: Arc::clone(self), key, _ends: ends });
            }
        };
        // Nothing is ever sent: the channel ends with the attempt.
        let _ended = before.changed().await;
        None
    }
}
