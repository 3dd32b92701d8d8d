//! **Job:** wakes those who watch an order when something durable has happened to it.
//! **Owns:** one channel per watched order.
//! **Never:** says what happened: who wakes asks the stock.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use dashmap::DashMap;
use tokio::sync::watch;

use crate::entry::{Change, Entry};
use crate::ids::OrderId;

/// The watched orders. Bounded by the number of watches the doors allow.
#[derive(Debug, Default)]
pub struct Watchers {
    watched: DashMap<OrderId, watch::Sender<()>>,
    count: AtomicUsize,
}

/// A watch on one order; ends when it is dropped.
#[derive(Debug)]
pub struct Watch {
    watchers: Arc<Watchers>,
    order: OrderId,
    changes: watch::Receiver<()>,
}

impl Watchers {
    /// Watches `order`, unless `most` watches are out already.
    #[must_use]
    pub fn watch(self: &Arc<Self>, order: OrderId, most: usize) -> Option<Watch> {
        if self.count.fetch_add(1, Ordering::Relaxed) >= most {
            self.count.fetch_sub(1, Ordering::Relaxed);
            return None;
        }
        let changes = self.watched.entry(order).or_insert_with(|| watch::channel(()).0).subscribe();
        Some(Watch { watchers: Arc::clone(self), order, changes })
    }

    /// Tells the watchers of the orders in `entries`, which are durable.
    pub(crate) fn tell<'e>(&self, entries: impl Iterator<Item = &'e Entry>) {
        if self.count.load(Ordering::Relaxed) == 0 {
            return;
        }
        for entry in entries {
            if let Change::Order(change) = &entry.change
                && let Some(watched) = self.watched.get(&OrderId { item: entry.item, order: change.number })
            {
                watched.send_replace(());
            }
        }
    }
}

impl Watch {
    /// Waits for the next change; changes that come while nobody waits are one.
    pub async fn changed(&mut self) {
        self.changes.changed().await.expect("the sender lives as long as somebody watches");
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.watchers.count.fetch_sub(1, Ordering::Relaxed);
        // Under the entry's lock, so that nobody subscribes in between; the one receiver is this watch's own.
        self.watchers.watched.remove_if(&self.order, |_, sender| sender.receiver_count() <= 1);
    }
}
