//! **Job:** one core of the sale: its items and their actors, the outbox of their decisions, and the expiry tick.
//! **Owns:** the StockActors of the core, started on first use, and what waits to be passed on in this turn.
//! **Never:** decides, routes, or waits for anybody.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::dev::ToEnvelope;
use actix::{Actor, Addr, Handler, Recipient};
use foldhash::{HashMap, HashMapExt as _};
use smallvec::smallvec;

use crate::directory::PublishedItem;
use crate::entry::{Entries, Entry};
use crate::fault::InjectedDelay;
use crate::gathering::{Ask, Gathering};
use crate::ids::{CoreId, ItemNumber};
use crate::messages::{
    Append, AppendBatch, AskSuspense, Epoch, FindOfBuyer, Message, PendingReply, Restore, SuspenseRequest,
};
use crate::observe::CoreCounters;
use crate::permit::Permit;
use crate::reply::{Books, Controlled, Receipt, ReplyPort};
use crate::status::StorageState;
use crate::stock::{SalePolicy, Stock};
use crate::stock_actor::{RestoreStock, StockActor, Tick};
use crate::suspense::Suspense;
use crate::time::Clock;
use crate::view::SaleView;

/// How often each core looks for deadlines that have passed: an order is late by this much at most, while no more
/// expire at once than [`MAX_EXPIRIES_PER_TICK`].
pub(crate) const TICK: Duration = Duration::from_millis(50);

/// Orders of a core that expire in one tick: 80,000 a second, and no more than a few batches of the writer in front of
/// somebody who wants to buy.
const MAX_EXPIRIES_PER_TICK: usize = 4096;

/// What all cores of a sale have in common.
#[derive(Clone)]
pub(crate) struct CoreContext {
    pub(crate) writer: Recipient<AppendBatch>,
    pub(crate) clock: Clock,
    pub(crate) policy: SalePolicy,
    pub(crate) view: Arc<SaleView>,
    pub(crate) injected_delay: Option<InjectedDelay>,
    pub(crate) mailbox_capacity: usize,
}

/// One core of the sale.
pub(crate) struct Core {
    id: CoreId,
    context: CoreContext,
    counters: Arc<CoreCounters>,
    /// Where its actors send their decisions: this core's outbox.
    append_to: Recipient<Append>,
    /// Items whose actor has not been needed yet.
    idle: HashMap<ItemNumber, Stock>,
    actors: HashMap<ItemNumber, Addr<StockActor>>,
    /// The items of the core, to look for deadlines that have passed.
    published: Vec<Arc<PublishedItem>>,
    /// Items created since the start that nobody has asked for yet.
    created: HashSet<ItemNumber>,
    /// Money that came for no order; only the first core's is used.
    suspense: Suspense,
    epoch: Epoch,
    outbox: Vec<Append>,
}

impl Core {
    /// The core of the thread that calls.
    pub(crate) fn new(
        id: CoreId,
        (stocks, suspense): (Vec<Stock>, Suspense),
        context: CoreContext,
        counters: Arc<CoreCounters>,
        append_to: Recipient<Append>,
    ) -> Self {
        counters.runs_here();
        let find = |stock: &Stock| context.view.directory.find_number(stock.number());
        Self {
            id,
            counters,
            append_to,
            published: stocks.iter().filter_map(find).collect(),
            idle: stocks.into_iter().map(|stock| (stock.number(), stock)).collect(),
            actors: HashMap::new(),
            created: HashSet::new(),
            suspense,
            epoch: Epoch::default(),
            outbox: Vec::new(),
            context,
        }
    }

    pub(crate) fn id(&self) -> CoreId {
        self.id
    }

    pub(crate) fn counters(&self) -> &CoreCounters {
        &self.counters
    }

    pub(crate) fn deliver(&mut self, message: Message) {
        let published = Arc::clone(message.to().published());
        self.counters.delivered();
        post(self.actor(&published), message);
    }

    /// The actor of an item of this core, started if this is the first time it is needed.
    fn actor(&mut self, published: &Arc<PublishedItem>) -> &Addr<StockActor> {
        if !self.actors.contains_key(&published.number)
            && let Some(stock) = self.idle.remove(&published.number)
        {
            let slow = self.context.injected_delay.as_ref().filter(|slow| slow.item == stock.definition().id);
            if self.created.remove(&published.number) {
                self.published.push(Arc::clone(published));
            }
            let actor = StockActor {
                stock,
                published: Arc::clone(published),
                clock: self.context.clock.clone(),
                policy: self.context.policy,
                epoch: self.epoch,
                view: Arc::clone(&self.context.view),
                core_counters: Arc::clone(&self.counters),
                append_to: self.append_to.clone(),
                delay: slow.map(|slow| slow.by),
            };
            self.actors.insert(published.number, actor.open(self.context.mailbox_capacity));
        }
        self.actors.get(&published.number).expect("every published item is idle or has an actor on its core")
    }

    /// Looks for deadlines that have passed. While nothing can be written nothing expires: late, never lost.
    pub(crate) fn tick(&mut self) {
        if self.context.view.status.storage() != StorageState::Open {
            return;
        }
        let now = self.context.clock.at(Instant::now()).due;
        let overdue: Vec<_> = self.published.iter().filter(|item| item.has_overdue(now)).cloned().collect();
        let most = (MAX_EXPIRIES_PER_TICK / overdue.len().max(1)).max(1);
        for item in overdue.into_iter().take(MAX_EXPIRIES_PER_TICK) {
            post(self.actor(&item), Tick { most });
        }
    }

    /// A new item waits here until it is in the directory.
    pub(crate) fn create_item(&mut self, entry: Entry, reply_to: ReplyPort<Controlled>, permit: Permit) {
        let stock = Stock::create(&entry).expect("an entry that creates an item does");
        self.created.insert(stock.number());
        self.idle.insert(stock.number(), stock);
        let reply = PendingReply::Controlled(reply_to, Ok(()));
        self.outbox.push(Append { entries: smallvec![entry], reply, epoch: self.epoch, permit: Some(permit) });
    }

    /// Asks every item that has orders. Those whose actors have not been needed are read at once.
    pub(crate) fn find_of_buyer(&self, find: FindOfBuyer) {
        let gathering = Arc::new(Gathering::begin(find, self.actors.len(), self.epoch, self.append_to.clone()));
        for stock in self.idle.values().filter(|stock| stock.has_orders()) {
            gathering.hear(stock);
        }
        for actor in self.actors.values() {
            post(actor, Ask(Arc::clone(&gathering)));
        }
    }

    /// Asks the suspense account. Decided here, in the turn of the core: nothing comes between.
    pub(crate) fn ask_suspense(&mut self, AskSuspense { request, permit }: AskSuspense) {
        let now = self.context.clock.now();
        let (entries, reply) = match request {
            SuspenseRequest::Receive(payment, order_reference, reply_to) => {
                let (entries, verdict) = self.suspense.receive(&payment, &order_reference, now);
                (entries, PendingReply::Received(reply_to, Ok(Receipt { verdict, order: None })))
            }
            SuspenseRequest::Repay(repayment, reply_to) => match self.suspense.repay(&repayment, now) {
                Ok(entries) => (entries, PendingReply::Controlled(reply_to, Ok(()))),
                Err(rejection) => (Entries::new(), PendingReply::Controlled(reply_to, Err(rejection))),
            },
            SuspenseRequest::HandOver(provider, reference, order, reply_to) => {
                let entries = self.suspense.hand_over(provider, &reference, order, now);
                (entries, PendingReply::Controlled(reply_to, Ok(())))
            }
            SuspenseRequest::Audit(reply_to) => {
                let books = Books { units: None, money: self.suspense.money() };
                (Entries::new(), PendingReply::Audited(reply_to, books))
            }
        };
        self.context.view.publish_suspense(&self.suspense);
        self.outbox.push(Append { entries, reply, epoch: self.epoch, permit: Some(permit) });
    }

    pub(crate) fn collect(&mut self, append: Append) {
        self.outbox.push(append);
    }

    /// Hands the outbox to the writer.
    pub(crate) fn flush(&mut self) {
        if self.outbox.is_empty() {
            return;
        }
        // The next turn will be about as busy: an outbox that grows from nothing copies each decision several times.
        let next = Vec::with_capacity(self.outbox.len());
        let appends = std::mem::replace(&mut self.outbox, next);
        self.counters.passed_on(appends.len());
        self.context.view.writer.mailbox.enter(appends.len());
        if let Err(refused) = self.context.writer.try_send(AppendBatch { appends, posted: Instant::now() }) {
            tracing::error!(%refused, "the writer refused decisions");
        }
    }

    pub(crate) fn restore(&mut self, restore: Restore) {
        tracing::warn!(core = self.id.0, items = restore.stocks.len(), "items restored from the ledger");
        self.epoch = restore.epoch;
        if let Some(suspense) = restore.suspense {
            self.suspense = *suspense;
            self.context.view.publish_suspense(&self.suspense);
        }
        let (now, pay_within) = (self.context.clock.now(), self.context.policy.pay_within);
        for mut stock in restore.stocks {
            stock.bound_deadlines(now, pay_within);
            match self.actors.get(&stock.number()) {
                Some(actor) => post(actor, RestoreStock { epoch: restore.epoch, stock }),
                None => drop(self.idle.insert(stock.number(), stock)),
            }
        }
    }
}

/// Posts to a mailbox that is larger than all that may be in flight. If it refuses, its actor is gone: the message is
/// dropped, and with it its reply channel, whose other end says `OutcomeUnknown`.
fn post<M>(to: &Addr<StockActor>, message: M)
where
    StockActor: Handler<M>,
    <StockActor as Actor>::Context: ToEnvelope<StockActor, M>,
    M: actix::Message + Send + 'static,
    M::Result: Send,
{
    if let Err(refused) = to.try_send(message) {
        tracing::error!(%refused, "a mailbox refused a message");
    }
}
