//! **Job:** what anybody may read about an item without asking its actor.
//! **Owns:** the published state of every item: definition, balances, flags, counters of its actor.
//! **Never:** decides a purchase: what is published is a moment old, the actor has the last word.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, AtomicU64, Ordering};

use arc_swap::{ArcSwap, ArcSwapOption};
use parking_lot::Mutex;

use crate::entry::{Change, Entry, Status};
use crate::ids::{CoreId, ItemId, ItemNumber, NodeNumber};
use crate::item::{ItemDefinition, SaleState, Window};
use crate::item_pool::ItemPool;
use crate::observe::{ActorCounters, MailboxGauge};
use crate::payment::Owed;
use crate::stock::Stock;
use crate::time::Timestamp;

/// The published state of one item.
#[derive(Debug)]
pub struct PublishedItem {
    /// Its number in the data file.
    pub number: ItemNumber,
    /// The core whose thread its actor runs on.
    pub core: CoreId,
    /// Its sale was over when it came to belong to another node: buyers do not see it here.
    pub is_elsewhere: bool,
    /// How many messages wait for its actor.
    pub mailbox: MailboxGauge,
    /// What its actor did.
    pub actor: ActorCounters,
    /// The count behind the item's token pool; kept by the gate.
    pub pool: Arc<ItemPool>,
    definition: ArcSwap<ItemDefinition>,
    supply: AtomicU32,
    remaining: AtomicU32,
    released: AtomicU64,
    /// Money that has to go back; nothing is the usual case, and costs a pointer.
    owed: ArcSwapOption<Vec<Owed>>,
    paused: AtomicBool,
    closed: AtomicBool,
    hidden: AtomicBool,
    /// Milliseconds, [`NO_DEADLINE`] if nothing is pending.
    next_deadline: AtomicI64,
}

/// Later than any time.
const NO_DEADLINE: i64 = i64::MAX;

impl PublishedItem {
    /// The published state of `stock`, whose actor will run on `core`.
    #[must_use]
    pub fn new(stock: &Stock, core: CoreId, is_elsewhere: bool) -> Arc<Self> {
        let published = Self {
            number: stock.number(),
            core,
            is_elsewhere,
            mailbox: MailboxGauge::default(),
            actor: ActorCounters::default(),
            pool: Arc::new(ItemPool::new(u64::from(stock.balance().live))),
            definition: ArcSwap::new(Arc::clone(stock.definition())),
            supply: AtomicU32::new(0),
            remaining: AtomicU32::new(0),
            released: AtomicU64::new(0),
            owed: ArcSwapOption::empty(),
            paused: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            hidden: AtomicBool::new(false),
            next_deadline: AtomicI64::new(NO_DEADLINE),
        };
        published.show_owed(stock);
        published.show(stock);
        Arc::new(published)
    }

    /// Shows the state of `stock` after `entries`, which were decided just now.
    pub fn publish(&self, stock: &Stock, entries: &[Entry]) {
        for entry in entries {
            match &entry.change {
                Change::Item(_) => self.definition.store(Arc::clone(stock.definition())),
                Change::Payment(_) | Change::Settled(_) => self.show_owed(stock),
                Change::Order(order) if matches!(order.status, Status::RefundDue | Status::Refunded) => {
                    self.show_owed(stock);
                }
                Change::Order(_) | Change::Restocked { .. } | Change::Withdrawn { .. } | Change::Switched(_) => {}
            }
        }
        self.note_released(released_by(entries, self.remaining()));
        self.show(stock);
    }

    fn show_owed(&self, stock: &Stock) {
        let owed = stock.owed();
        self.owed.store((!owed.is_empty()).then(|| Arc::new(owed)));
    }

    /// Shows the state that the ledger has, after decisions were taken back.
    pub fn restore(&self, decided: &Stock, durable: &Stock) {
        // The orders that are gone had taken their pool tokens with them.
        self.note_released(decided.balance().live.saturating_sub(durable.balance().live));
        self.definition.store(Arc::clone(durable.definition()));
        self.show_owed(durable);
        self.show(durable);
    }

    fn show(&self, stock: &Stock) {
        self.supply.store(stock.supply(), Ordering::Relaxed);
        self.paused.store(stock.is_paused(), Ordering::Relaxed);
        self.closed.store(stock.is_closed(), Ordering::Relaxed);
        self.hidden.store(stock.is_hidden() || stock.is_deleted(), Ordering::Relaxed);
        self.next_deadline.store(stock.next_deadline().map_or(NO_DEADLINE, Timestamp::millis), Ordering::Relaxed);
        self.remaining.store(stock.remaining(), Ordering::Release);
    }

    /// Units that went back on sale: the pool has as many tokens more.
    fn note_released(&self, units: u32) {
        self.released.fetch_add(u64::from(units), Ordering::Relaxed);
    }

    /// Whether an unpaid order has passed its deadline.
    #[must_use]
    pub fn has_overdue(&self, now: Timestamp) -> bool {
        self.next_deadline.load(Ordering::Relaxed) <= now.millis()
    }

    /// What is for sale.
    #[must_use]
    pub fn definition(&self) -> arc_swap::Guard<Arc<ItemDefinition>> {
        self.definition.load()
    }

    /// All units ever put on sale.
    #[must_use]
    pub fn supply(&self) -> u32 {
        self.supply.load(Ordering::Relaxed)
    }

    /// Units that nobody holds.
    #[must_use]
    pub fn remaining(&self) -> u32 {
        self.remaining.load(Ordering::Acquire)
    }

    /// Units that went back on sale since the start of the server.
    #[must_use]
    pub fn released(&self) -> u64 {
        self.released.load(Ordering::Relaxed)
    }

    /// Money that has to go back; none where nothing has.
    #[must_use]
    pub fn owed(&self) -> Option<Arc<Vec<Owed>>> {
        self.owed.load_full()
    }

    /// Whether buyers do not see it.
    #[must_use]
    pub fn is_hidden(&self) -> bool {
        self.hidden.load(Ordering::Relaxed)
    }

    /// Whether buyers see it.
    #[must_use]
    pub fn is_shown(&self) -> bool {
        !self.is_hidden() && !self.is_elsewhere
    }

    /// Whether its owner has interrupted the sale.
    #[must_use]
    pub fn is_paused(&self) -> bool {
        self.paused.load(Ordering::Relaxed)
    }

    /// Whether its owner has ended the sale, whatever its window says.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }

    /// Whether the item can be bought at `now`.
    #[must_use]
    pub fn state(&self, now: Timestamp) -> SaleState {
        let definition = self.definition();
        let sale = Window { opens_at: definition.opens_at, closes_at: definition.closes_at };
        let state = sale.state(now, self.closed.load(Ordering::Relaxed), self.paused.load(Ordering::Relaxed));
        if state == SaleState::Open && self.remaining() == 0 { SaleState::SoldOut } else { state }
    }
}

/// Units that orders put back on sale by these entries, before which so many were left.
fn released_by(entries: &[Entry], mut left: u32) -> u32 {
    let mut released = 0;
    for entry in entries {
        if matches!(entry.change, Change::Order(_)) {
            released += entry.remaining.saturating_sub(left);
        }
        left = entry.remaining;
    }
    released
}

#[derive(Debug, Default, Clone)]
struct Index {
    by_id: HashMap<ItemId, Arc<PublishedItem>>,
    by_number: HashMap<ItemNumber, Arc<PublishedItem>>,
    in_order: BTreeMap<ItemId, Arc<PublishedItem>>,
    /// The last number that was given: those of deleted items are not given again.
    last: Option<ItemNumber>,
}

/// All items. Read by every request, changed when an item is created: readers take no lock.
#[derive(Debug, Default)]
pub struct Directory {
    index: ArcSwap<Index>,
    writing: Mutex<()>,
}

impl Directory {
    /// A directory of these items; `last` is the last number that any item got.
    #[must_use]
    pub fn new(published_items: Vec<Arc<PublishedItem>>, last: Option<ItemNumber>) -> Self {
        let directory = Self { index: ArcSwap::from_pointee(Index { last, ..Index::default() }), ..Self::default() };
        directory.add(published_items);
        directory
    }

    /// Adds items. The index is copied: creating items one by one costs their square, so add them together.
    pub fn add(&self, published_items: Vec<Arc<PublishedItem>>) {
        let _one_writer = self.writing.lock();
        let old = self.index.load();
        let mut index = Index::clone(&old);
        for published in published_items {
            index.last = index.last.max(Some(published.number));
            let id = published.definition().id.clone();
            index.by_number.insert(published.number, Arc::clone(&published));
            index.in_order.insert(id.clone(), Arc::clone(&published));
            index.by_id.insert(id, published);
        }
        self.index.store(Arc::new(index));
    }

    /// Removes an item that was deleted.
    pub(crate) fn remove(&self, id: &ItemId) {
        let _one_writer = self.writing.lock();
        let mut index = Index::clone(&self.index.load());
        if let Some(gone) = index.by_id.remove(id) {
            index.in_order.remove(id);
            index.by_number.remove(&gone.number);
            self.index.store(Arc::new(index));
        }
    }

    /// The item of that name, if buyers may see it.
    #[must_use]
    pub fn find_shown(&self, id: &ItemId) -> Option<Arc<PublishedItem>> {
        self.find(id).filter(|published| published.is_shown())
    }

    /// The item of that name, hidden or not.
    #[must_use]
    pub fn find(&self, id: &ItemId) -> Option<Arc<PublishedItem>> {
        self.index.load().by_id.get(id).cloned()
    }

    /// The item of that number.
    #[must_use]
    pub fn find_number(&self, number: ItemNumber) -> Option<Arc<PublishedItem>> {
        self.index.load().by_number.get(&number).cloned()
    }

    /// Up to `limit` items in the order of their ids, from the first one after `after`.
    #[must_use]
    pub fn page(&self, after: Option<&ItemId>, limit: usize) -> Vec<Arc<PublishedItem>> {
        self.page_of(after, limit, |_all| true)
    }

    /// The same of those that buyers may see.
    #[must_use]
    pub fn page_shown(&self, after: Option<&ItemId>, limit: usize) -> Vec<Arc<PublishedItem>> {
        self.page_of(after, limit, PublishedItem::is_shown)
    }

    fn page_of(
        &self,
        after: Option<&ItemId>,
        limit: usize,
        is_wanted: fn(&PublishedItem) -> bool,
    ) -> Vec<Arc<PublishedItem>> {
        use std::ops::Bound::{Excluded, Unbounded};
        let from = after.map_or(Unbounded, Excluded);
        let index = self.index.load();
        index
            .in_order
            .range::<ItemId, _>((from, Unbounded))
            .map(|(_, published)| published)
            .filter(|published| is_wanted(published))
            .take(limit)
            .cloned()
            .collect()
    }

    /// How many items there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.index.load().by_number.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The number that the next item gets, as long as there are any. Whoever creates items does so one at a time.
    #[must_use]
    pub fn next_number(&self, node: NodeNumber) -> Option<ItemNumber> {
        self.index.load().last.map_or(Some(ItemNumber::first(node)), ItemNumber::next)
    }

    /// Every item, in the order of their ids.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<PublishedItem>> {
        self.page(None, usize::MAX)
    }
}
