//! **Job:** what anybody may read of a sale without asking an actor.
//! **Owns:** one reference to each thing that is published or counted.
//! **Never:** changes, or decides anything.

use std::sync::Arc;

use tokio::sync::Mutex;

use crate::directory::{Directory, PublishedItem};
use crate::ids::{CoreId, ItemId};
use crate::observe::{CoreCounters, WriterCounters};
use crate::permit::ConcurrencyLimit;
use crate::placement::Placement;
use crate::status::LedgerStatus;
use crate::stock::Stock;
use crate::time::Clock;
use crate::used_keys::UsedKeys;
use crate::watchers::Watchers;

/// What anybody may read of a sale.
#[derive(Debug)]
pub struct SaleView {
    /// All items.
    pub directory: Directory,
    /// Whether the ledger can be written, and how far it is committed.
    pub status: LedgerStatus,
    /// Purchases in flight.
    pub purchases: Arc<ConcurrencyLimit>,
    /// Questions and changes in flight.
    pub queries: Arc<ConcurrencyLimit>,
    /// Keys that made an order.
    pub used_keys: UsedKeys,
    /// Orders that somebody watches.
    pub watchers: Arc<Watchers>,
    /// What the writer did.
    pub writer: WriterCounters,
    /// What each core did.
    pub cores: Vec<Arc<CoreCounters>>,
    /// Server time.
    pub clock: Clock,
    pub(crate) placement: Arc<Placement>,
    /// Held while an item is created: the number of the next one depends on it.
    pub(crate) creating: Mutex<()>,
}

impl SaleView {
    pub(crate) fn new(
        (purchases, queries): (usize, usize),
        stocks: &[Stock],
        clock: Clock,
        used_keys: UsedKeys,
        placement: Arc<Placement>,
    ) -> Self {
        let published = |stock: &Stock| PublishedItem::new(stock, placement.core_for(&stock.definition().id));
        Self {
            directory: Directory::new(stocks.iter().map(published).collect()),
            status: LedgerStatus::default(),
            purchases: ConcurrencyLimit::new(purchases),
            queries: ConcurrencyLimit::new(queries),
            used_keys,
            watchers: Arc::default(),
            writer: WriterCounters::default(),
            cores: placement.all().map(|_| Arc::default()).collect(),
            clock,
            placement,
            creating: Mutex::new(()),
        }
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
