//! **Job:** what anybody may read of a sale without asking an actor.
//! **Owns:** one reference to each thing that is published or counted.
//! **Never:** changes, or decides anything.

use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::sync::Mutex;

use crate::cluster::Cluster;
use crate::directory::{Directory, PublishedItem};
use crate::ids::{CoreId, ItemId};
use crate::observe::{CoreCounters, PaymentCounters, WriterCounters};
use crate::payment::Owed;
use crate::payment_index::PaymentIndex;
use crate::permit::ConcurrencyLimit;
use crate::placement::Placement;
use crate::status::LedgerStatus;
use crate::stock::Stock;
use crate::suspense::Suspense;
use crate::time::Clock;
use crate::used_keys::UsedKeys;
use crate::watchers::Watchers;

/// What anybody may read of a sale.
#[derive(Debug)]
pub struct SaleView {
    /// All items.
    pub directory: Directory,
    /// The nodes of the shop, and which one this is.
    pub cluster: Cluster,
    /// Whether the ledger can be written, and how far it is committed.
    pub status: LedgerStatus,
    /// Purchases in flight.
    pub purchases: Arc<ConcurrencyLimit>,
    /// Questions and changes in flight.
    pub queries: Arc<ConcurrencyLimit>,
    /// Keys that made an order.
    pub used_keys: UsedKeys,
    /// Payments whose order is known.
    pub known_payments: PaymentIndex,
    /// Orders that somebody watches.
    pub watchers: Arc<Watchers>,
    /// What the writer did.
    pub writer: WriterCounters,
    /// What payment providers reported.
    pub payments: PaymentCounters,
    /// What each core did.
    pub cores: Vec<Arc<CoreCounters>>,
    /// Server time.
    pub clock: Clock,
    pub(crate) placement: Arc<Placement>,
    /// What has to go back of the money that came for no order.
    unmatched: ArcSwap<Vec<Owed>>,
    /// Held while an item is created: the number of the next one depends on it.
    pub(crate) creating: Mutex<()>,
}

impl SaleView {
    pub(crate) fn new(
        (purchases, queries): (usize, usize),
        (stocks, suspense): (&[Stock], &Suspense),
        clock: Clock,
        (used_keys, known_payments): (UsedKeys, PaymentIndex),
        (placement, cluster): (Arc<Placement>, Cluster),
    ) -> Self {
        let published = |stock: &Stock| {
            let id = &stock.definition().id;
            PublishedItem::new(stock, placement.core_for(id), cluster.elsewhere(id).is_some())
        };
        let there = stocks.iter().filter(|stock| !stock.is_deleted());
        Self {
            directory: Directory::new(there.map(published).collect(), stocks.last().map(Stock::number)),
            cluster,
            status: LedgerStatus::default(),
            purchases: ConcurrencyLimit::new(purchases),
            queries: ConcurrencyLimit::new(queries),
            used_keys,
            known_payments,
            watchers: Arc::default(),
            writer: WriterCounters::default(),
            payments: PaymentCounters::default(),
            cores: placement.all().map(|_| Arc::default()).collect(),
            clock,
            placement,
            unmatched: ArcSwap::from_pointee(suspense.owed()),
            creating: Mutex::new(()),
        }
    }

    /// What has to go back of the money that came for no order.
    #[must_use]
    pub fn unmatched(&self) -> Arc<Vec<Owed>> {
        self.unmatched.load_full()
    }

    pub(crate) fn publish_suspense(&self, suspense: &Suspense) {
        self.unmatched.store(Arc::new(suspense.owed()));
    }

    /// Whether every thread of the sale has been started.
    #[must_use]
    pub fn is_started(&self) -> bool {
        self.placement.is_complete()
    }

    /// The core that an item of this id is placed on.
    #[must_use]
    pub fn core_for(&self, item: &ItemId) -> CoreId {
        self.placement.core_for(item)
    }

    /// Every core.
    pub fn all_cores(&self) -> impl Iterator<Item = CoreId> + use<> {
        self.placement.all()
    }

    /// Messages of all kinds that may wait in one mailbox.
    #[must_use]
    pub fn mailbox_capacity(&self) -> usize {
        self.purchases.capacity() + self.queries.capacity()
    }
}
