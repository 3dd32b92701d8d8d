//! **Job:** the door of the crate: opens a sale from its data file, hands out one handle per worker, closes it.
//! **Owns:** how the parts are put together, bottom-up: ledger, recovery, writer, cores.
//! **Never:** decides, or does the work of a part.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use actix::{Addr, Arbiter};
use parking_lot::Mutex;

use crate::cluster::{Cluster, NodeName};
use crate::core::CoreContext;
use crate::data_file::{Creation, Names};
use crate::entry::{Change, Entry, Status};
use crate::ids::{CoreId, ItemId, ItemNumber, WorkerId};
use crate::item::ItemDefinition;
use crate::ledger::{CommitError, Durability, Ledger, LedgerError, LedgerSettings, Recovered};
use crate::order_writer::{Drain, OrderWriter};
use crate::payment_index::PaymentIndex;
use crate::placement::{Placement, SUSPENSE_CORE};
use crate::router::{Hosting, MAILBOX_RESERVE, Router};
use crate::stock::Stock;
use crate::suspense::Suspense;
use crate::time::{Clock, Timestamp};

pub use crate::batch::{Batch, BatchPolicy};
pub use crate::directory::{Directory, PublishedItem};
pub use crate::fault::InjectedDelay;
pub use crate::handle::{NewItem, SaleHandle, Timing};
pub use crate::item_pool::ItemPool;
pub use crate::permit::{ConcurrencyLimit, Permit, Token, TokenOutcome};
pub use crate::reply::{Audited, Books, Confirmed, Controlled, Found, Outcome, Receipt, Received, ReplyFuture};
pub use crate::status::{LedgerStatus, StorageState};
pub use crate::stock::{LatePayment, MAX_LISTED_ORDERS, SalePolicy};
pub use crate::stop::{EXIT_STORAGE, let_out_last_words, storage_failed};
pub use crate::trace::{Stage, TARGET, Trace};
pub use crate::used_keys::{Fingerprint, UsedKeys};
pub use crate::view::SaleView;
pub use crate::watchers::{Crowded, Limits, Watch, Watchers};

/// How a sale is set up.
#[derive(Debug, Clone)]
pub struct SaleSettings {
    /// The data file, and how durable a commit is.
    pub ledger: LedgerSettings,
    /// Threads that run actors, at least 1. An item stays on its core as long as this number does.
    pub cores: u16,
    /// Further threads that only send messages.
    pub guests: u16,
    /// Purchases that may be in flight at a time.
    pub max_in_flight: usize,
    /// Questions and changes that may be in flight beside them.
    pub max_queries: usize,
    /// When a batch of decisions is committed.
    pub batch: BatchPolicy,
    /// What the owner decided once for all items.
    pub policy: SalePolicy,
    /// The nodes of the shop, and which one this is.
    pub cluster: Cluster,
    /// An actor that is to be slow, to see how that looks.
    pub injected_delay: Option<InjectedDelay>,
}

impl SaleSettings {
    /// A sale on one core with the data file `path`, created if it is missing; orders need no payment.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            ledger: LedgerSettings { path: path.into(), durability: Durability::Full, creation: Creation::Allowed },
            cores: 1,
            guests: 0,
            max_in_flight: 16_384,
            max_queries: 4_096,
            batch: BatchPolicy { max_entries: 1024, linger: Duration::ZERO },
            policy: SalePolicy { pay_within: None, late: LatePayment::Refund, cool_down: Duration::ZERO },
            cluster: Cluster::alone(),
            injected_delay: None,
        }
    }

    /// All that may wait in one mailbox.
    fn mailbox_capacity(&self) -> usize {
        self.max_in_flight + self.max_queries + MAILBOX_RESERVE
    }
}

/// Why a sale could not be opened. Nothing was changed, unless it was a commit that failed.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// It is the file of another node.
    #[error(
        "the data file holds items and orders of node number {found}, and this node has number {own}: numbers are the \
         places in cluster.nodes, and stand in every order id. Give the node its place back, or take its own data file"
    )]
    OtherNode {
        /// Whose it is.
        found: u16,
        /// Who asks.
        own: u16,
    },
    /// Items that are on sale would belong to others.
    #[error(
        "with these cluster.nodes {item} would belong to node {owner}{}, and its sale is not over here. Take the list \
         back, or end these sales first: close what was sold of (`doorbuster admin close`), delete what was not \
         (`doorbuster admin delete`) and create it at its new node. `doorbuster cluster moves` lists them all",
        more(*.others)
    )]
    Moved {
        /// The first of them.
        item: ItemId,
        /// Whose it would be.
        owner: NodeName,
        /// How many more there are.
        others: usize,
    },
    /// Too many items for one node.
    #[error("the catalogue has more items than a node can number")]
    TooManyItems,
    /// The data file.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The entries of items that are new to it.
    #[error(transparent)]
    Commit(#[from] CommitError),
}

/// An open sale.
pub struct Sale {
    view: Arc<SaleView>,
    context: CoreContext,
    /// The items of the cores that have not been started.
    waiting: Mutex<Vec<Option<Vec<Stock>>>>,
    /// The suspense account, until the first core is started.
    suspense: Mutex<Suspense>,
    guests: AtomicU16,
    names: Names,
    writer: Addr<OrderWriter>,
    writer_thread: Arbiter,
}

impl Sale {
    /// Opens the data file, brings back what it holds, and puts the `items` up for sale that it does not know: after
    /// the first start the ledger decides. Call it where an actix `System` runs; then start every core.
    pub fn open(settings: &SaleSettings, items: Vec<ItemDefinition>) -> Result<Self, OpenError> {
        let (used_keys, payments) = (UsedKeys::default(), PaymentIndex::default());
        let remember = |entry: &Entry| {
            remember_key(&used_keys, entry);
            payments.note(entry);
        };
        let cluster = &settings.cluster;
        let opened = Ledger::open_if(&settings.ledger, remember, |recovered| accept(recovered, cluster))?;
        let (mut ledger, Recovered { mut stocks, suspense, entries, .. }, clock) = opened;
        tracing::info!(entries, items = stocks.len(), "ledger recovered");
        create_unknown(&mut ledger, &mut stocks, items, (cluster, &clock))?;
        for stock in &mut stocks {
            stock.bound_deadlines(clock.now(), settings.policy.pay_within);
        }

        let placement = Arc::new(Placement::new(settings.cores, settings.guests));
        let limits = (settings.max_in_flight, settings.max_queries);
        let view = Arc::new(SaleView::new(
            limits,
            (&stocks, &suspense),
            clock.clone(),
            (used_keys, payments),
            (placement, cluster.clone()),
        ));
        let names = ledger.names();
        let writer_thread = Arbiter::new();
        let writer = OrderWriter::new(ledger, settings.batch, Arc::clone(&view), settings.mailbox_capacity());
        let writer = writer.open(&writer_thread.handle());
        let context = CoreContext {
            writer: writer.clone().recipient(),
            clock,
            policy: settings.policy,
            view: Arc::clone(&view),
            injected_delay: settings.injected_delay.clone(),
            mailbox_capacity: settings.mailbox_capacity(),
        };
        Ok(Self {
            waiting: Mutex::new(by_core(stocks, &view.placement)),
            suspense: Mutex::new(suspense),
            view,
            context,
            guests: AtomicU16::new(settings.cores),
            names,
            writer,
            writer_thread,
        })
    }

    /// Starts core `id` on the thread that calls, which runs its items' actors from now on.
    ///
    /// # Panics
    /// If there is no such core, or it was started before.
    #[must_use]
    pub fn start_core(&self, id: CoreId) -> SaleHandle {
        let stocks = self.waiting.lock().get_mut(usize::from(id.0)).and_then(Option::take);
        let stocks = stocks.expect("each core of the settings is started once");
        let counters = Arc::clone(&self.view.cores[usize::from(id.0)]);
        let suspense =
            if id == SUSPENSE_CORE { std::mem::take(&mut *self.suspense.lock()) } else { Suspense::default() };
        self.join(id.worker(), Some(Hosting { id, stocks, suspense, context: self.context.clone(), counters }))
    }

    /// A handle for the thread that calls, which runs no actors of the sale.
    ///
    /// # Panics
    /// If there are more guests than the settings say.
    #[must_use]
    pub fn guest(&self) -> SaleHandle {
        self.join(WorkerId(self.guests.fetch_add(1, Ordering::Relaxed)), None)
    }

    fn join(&self, worker: WorkerId, hosting: Option<Hosting>) -> SaleHandle {
        let router = Router::start(worker, &self.view.placement, self.context.mailbox_capacity, hosting);
        SaleHandle::new(router, worker, Arc::clone(&self.view))
    }

    /// Waits until every core and guest has been started: from then on a message finds its actor.
    pub async fn started(&self) {
        while !self.view.is_started() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// What anybody may read of the sale.
    #[must_use]
    pub fn view(&self) -> &Arc<SaleView> {
        &self.view
    }

    /// The names of the files that are open, to look whether they are still there.
    #[must_use]
    pub fn names(&self) -> &Names {
        &self.names
    }

    /// Has everything written that was decided, and closes the ledger. Messages that come later are answered with
    /// [`crate::request::Unavailable::ShuttingDown`].
    pub async fn drain(&self) -> Result<(), CommitError> {
        #[expect(clippy::disallowed_methods, reason = "no purchase waits for this message, and its reply is awaited")]
        let drained = self.writer.send(Drain).await;
        drained.unwrap_or_else(|gone| {
            tracing::error!(%gone, "the writer had ended before it was told to");
            Ok(())
        })
    }

    /// Drains the sale and ends its writer. The threads of the cores are their owner's.
    pub async fn close(&self) -> Result<(), CommitError> {
        let drained = self.drain().await;
        self.writer_thread.stop();
        drained
    }
}

fn remember_key(used_keys: &UsedKeys, entry: &Entry) {
    // The key of a later entry is a payment's.
    if let Change::Order(order) = &entry.change
        && order.status == Status::Pending
        && let Some(key) = &order.key
    {
        used_keys.insert(entry.item, &order.user, key);
    }
}

/// Starts server time, if everything that was found may be sold here.
fn accept(recovered: &Recovered, cluster: &Cluster) -> Result<Clock, OpenError> {
    let clock = Clock::start(recovered.latest).map_err(LedgerError::from)?;
    check_home(&recovered.stocks, cluster, clock.now())?;
    Ok(clock)
}

/// Items that are on sale here and belong to another node.
fn away_from_home<'s>(
    stocks: &'s [Stock],
    cluster: &'s Cluster,
    now: Timestamp,
) -> impl Iterator<Item = (&'s ItemId, &'s NodeName)> {
    let on_sale = stocks.iter().filter(move |stock| !stock.is_deleted() && !stock.is_over(now));
    on_sale.filter_map(|stock| Some((&stock.definition().id, cluster.elsewhere(&stock.definition().id)?)))
}

/// Whether the file is this node's, and no item would be sold by two.
fn check_home(stocks: &[Stock], cluster: &Cluster, now: Timestamp) -> Result<(), OpenError> {
    let own = cluster.number();
    let found = stocks.first().map_or(own, |stock| stock.number().node());
    if found != own {
        return Err(OpenError::OtherNode { found: found.get(), own: own.get() });
    }
    let mut moved = away_from_home(stocks, cluster, now);
    match moved.next() {
        None => Ok(()),
        Some((item, owner)) => {
            Err(OpenError::Moved { item: item.clone(), owner: owner.clone(), others: moved.count() })
        }
    }
}

fn more(others: usize) -> String {
    if others == 0 { String::new() } else { format!(" (and {others} more items to others)") }
}

/// Writes down the items that the ledger does not know, as far as they belong to this node.
fn create_unknown(
    ledger: &mut Ledger,
    stocks: &mut Vec<Stock>,
    items: Vec<ItemDefinition>,
    (cluster, clock): (&Cluster, &Clock),
) -> Result<(), OpenError> {
    let known: HashSet<_> = stocks.iter().map(|stock| stock.definition().id.clone()).collect();
    let is_new = |item: &ItemDefinition| !known.contains(&item.id) && cluster.elsewhere(&item.id).is_none();
    let (now, mut created) = (clock.now(), Vec::new());
    let mut last = stocks.last().map(Stock::number);
    for item in items.into_iter().filter(is_new) {
        let number = last.map_or(Some(ItemNumber::first(cluster.number())), ItemNumber::next);
        last = Some(number.ok_or(OpenError::TooManyItems)?);
        created.extend(number.map(|number| Stock::creation(number, item, now)));
    }
    if created.is_empty() {
        return Ok(());
    }
    ledger.commit(created.iter())?;
    stocks.extend(created.iter().map(|entry| Stock::create(entry).expect("an entry that creates an item does")));
    tracing::info!(items = created.len(), "items of the catalogue created");
    Ok(())
}

fn by_core(stocks: Vec<Stock>, placement: &Placement) -> Vec<Option<Vec<Stock>>> {
    let mut by_core: Vec<_> = placement.all().map(|_| Some(Vec::new())).collect();
    for stock in stocks {
        let core = placement.core_for(&stock.definition().id);
        by_core[usize::from(core.0)].get_or_insert_default().push(stock);
    }
    by_core
}
