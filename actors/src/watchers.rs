//! **Job:** wakes those who watch an order when something durable has happened to it.
//! **Owns:** one channel per watched order, and how many watches are out, in all and by user.
//! **Never:** says what happened: who wakes asks the stock.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use dashmap::DashMap;
use dashmap::mapref::entry::Entry;
use tokio::sync::watch;

use crate::entry;
use crate::ids::{OrderId, UserId};

/// The watched orders. Both tables are bounded by [`Limits::total`].
#[derive(Debug, Default)]
pub struct Watchers {
    watched: DashMap<OrderId, watch::Sender<()>>,
    count: AtomicUsize,
    by_user: DashMap<UserId, usize>,
}

/// How many watches may be out.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// In all.
    pub total: usize,
    /// Of one user.
    pub per_user: usize,
}

/// Why there is no watch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Crowded {
    /// As many watches are out as may be.
    Total,
    /// The user has as many as one user may have.
    User,
}

/// A watch on one order; ends when it is dropped.
#[derive(Debug)]
pub struct Watch {
    watchers: Arc<Watchers>,
    order: OrderId,
    user: UserId,
    changes: watch::Receiver<()>,
}

impl Watchers {
    /// Watches `order` for `user`, within `limits`.
    ///
    /// # Errors
    /// Which limit is reached.
    pub fn watch(self: &Arc<Self>, order: OrderId, user: &UserId, limits: Limits) -> Result<Watch, Crowded> {
        if self.count.fetch_add(1, Ordering::Relaxed) >= limits.total {
            self.count.fetch_sub(1, Ordering::Relaxed);
            return Err(Crowded::Total);
        }
        // The entry is locked while it is counted, so that a user with many connections gets no more by chance.
        let is_one_more = match self.by_user.entry(user.clone()) {
            Entry::Occupied(mut own) if *own.get() < limits.per_user => {
                *own.get_mut() += 1;
                true
            }
            Entry::Occupied(_full) => false,
            Entry::Vacant(place) => {
                place.insert(1);
                true
            }
        };
        if !is_one_more {
            self.count.fetch_sub(1, Ordering::Relaxed);
            return Err(Crowded::User);
        }
        let changes = self.watched.entry(order).or_insert_with(|| watch::channel(()).0).subscribe();
        Ok(Watch { watchers: Arc::clone(self), order, user: user.clone(), changes })
    }

    /// Watches that are out.
    #[must_use]
    pub fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// Tells the watchers of the orders in `entries`, which are durable.
    pub(crate) fn tell<'e>(&self, entries: impl Iterator<Item = &'e entry::Entry>) {
        if self.count() == 0 {
            return;
        }
        for entry in entries {
            if let Some(order) = entry.change.order()
                && let Some(watched) = self.watched.get(&OrderId { item: entry.item, order })
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
        self.watchers.by_user.remove_if_mut(&self.user, |_, own| {
            *own = own.saturating_sub(1);
            *own == 0
        });
        // Under the entry's lock, so that nobody subscribes in between; the one receiver is this watch's own.
        self.watchers.watched.remove_if(&self.order, |_, sender| sender.receiver_count() <= 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{ItemNumber, OrderNumber};

    const LIMITS: Limits = Limits { total: 5, per_user: 2 };

    fn watch(watchers: &Arc<Watchers>, order: u32, user: &str) -> Result<Watch, Crowded> {
        let order = OrderId { item: ItemNumber(1), order: OrderNumber(order) };
        watchers.watch(order, &user.parse().expect("an id"), LIMITS)
    }

    #[test]
    fn a_user_has_a_share_of_the_watches_and_all_together_the_total() {
        let watchers = Arc::new(Watchers::default());
        let mut held = vec![watch(&watchers, 1, "ann"), watch(&watchers, 2, "ann")];
        assert!(matches!(watch(&watchers, 3, "ann"), Err(Crowded::User)));
        held.extend([watch(&watchers, 1, "bob"), watch(&watchers, 1, "bob"), watch(&watchers, 4, "eve")]);
        assert!(held.iter().all(Result::is_ok));
        assert!(matches!(watch(&watchers, 4, "eve"), Err(Crowded::Total)));
        assert_eq!(watchers.count(), 5, "who is refused is not counted");
        held.swap_remove(0).expect("watched");
        assert!(watch(&watchers, 9, "ann").is_ok(), "a watch that ended makes room for the next");
        drop(held);
        assert_eq!((watchers.count(), watchers.by_user.len(), watchers.watched.len()), (0, 0, 0));
    }

    #[test]
    fn threads_that_watch_at_once_get_no_more_than_the_limit() {
        let watchers = Arc::new(Watchers::default());
        let line = std::sync::Barrier::new(16);
        let got = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..16)
                .map(|number| {
                    let (watchers, line) = (&watchers, &line);
                    scope.spawn(move || {
                        line.wait();
                        watch(watchers, number, "ann")
                    })
                })
                .collect();
            threads.into_iter().filter_map(|thread| thread.join().expect("no panic").ok()).collect::<Vec<_>>()
        });
        assert!(got.len() <= LIMITS.per_user && !got.is_empty(), "{}", got.len());
        drop(got);
        assert_eq!((watchers.count(), watchers.by_user.len()), (0, 0));
    }
}
