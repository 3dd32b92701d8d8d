//! **Job:** the post desk of a thread: passes letters on in bundles, one message per destination and turn.
//! **Owns:** the StockActors of its core, started on first use, and what waits to be passed on in this turn.
//! **Never:** decides, or waits for anybody.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::dev::ToEnvelope;
use actix::{Actor, Addr, AsyncContext, Context, Handler, Message};
use foldhash::{HashMap, HashMapExt as _};
use smallvec::smallvec;

use crate::cores::Cores;
use crate::directory::{Directory, Listing};
use crate::drill::Slowed;
use crate::entry::Entry;
use crate::ids::{Core, ItemNumber};
use crate::letters::{Answer, Answers, Append, Appends, Deliver, Epoch, Install, Letter, Restore, Sealed};
use crate::observe::{CoreCounters, StorageState, WriterCounters};
use crate::order_writer::OrderWriter;
use crate::permit::Permit;
use crate::reply::{Instructed, ReplyPort, Seat};
use crate::stock::{Stock, Terms};
use crate::stock_actor::{RestoreStock, StockActor, Tick};
use crate::stop::StopOnPanic;
use crate::time::Clock;
use crate::used_keys::UsedKeys;

/// Messages beside letters that may wait in a mailbox: bundles, flushes, answers. Letters are bounded by permits.
const MAILBOX_RESERVE: usize = 4096;

/// How often each core looks for deadlines that have passed: an order is late by this much at most, while no more
/// expire at once than [`MAX_EXPIRIES_PER_TICK`].
const TICK: Duration = Duration::from_millis(50);

/// Orders of a core that expire in one tick: 80,000 a second, and no more than a few batches of the writer in front of
/// somebody who wants to buy.
const MAX_EXPIRIES_PER_TICK: usize = 4096;

/// What the desk of a core needs besides what every desk has.
pub struct Hosting {
    /// Which core.
    pub core: Core,
    /// The state of every item of the core.
    pub stocks: Vec<Stock>,
    /// Where decisions go.
    pub writer: Addr<OrderWriter>,
    /// Server time.
    pub clock: Clock,
    /// The terms of sale.
    pub terms: Terms,
    /// The published state of the items.
    pub directory: Arc<Directory>,
    /// Whether the ledger can be written.
    pub writer_counters: Arc<WriterCounters>,
    /// Where keys are published.
    pub used_keys: Arc<UsedKeys>,
    /// What this core does.
    pub core_counters: Arc<CoreCounters>,
    /// An actor that is to be slow.
    pub slowed: Option<Slowed>,
}

struct Hosted {
    core: Core,
    /// Items whose actor has not been needed yet.
    idle: HashMap<ItemNumber, Stock>,
    actors: HashMap<ItemNumber, Addr<StockActor>>,
    /// The items of the core, to look for deadlines that have passed.
    listings: Vec<Arc<Listing>>,
    /// Items created since the start that nobody has asked for yet.
    installed: HashSet<ItemNumber>,
    writer: Addr<OrderWriter>,
    writer_counters: Arc<WriterCounters>,
    clock: Clock,
    terms: Terms,
    used_keys: Arc<UsedKeys>,
    core_counters: Arc<CoreCounters>,
    slowed: Option<Slowed>,
    epoch: Epoch,
    tray: Vec<Append>,
}

/// The desk of one thread.
pub struct Desk {
    seat: Seat,
    cores: Arc<Cores>,
    mailbox_capacity: usize,
    hosted: Option<Hosted>,
    outgoing: Vec<Vec<Letter>>,
    flush_is_due: bool,
}

/// "Nothing more is waiting: pass on what you have." To itself, once per turn.
#[derive(Message)]
#[rtype(result = "()")]
struct Flush;

impl Desk {
    /// Starts the desk of this thread. `letters` is how many may be in the house at a time.
    pub fn start(seat: Seat, cores: &Arc<Cores>, letters: usize, hosting: Option<Hosting>) -> Addr<Self> {
        let outgoing = (0..cores.count()).map(|_| Vec::new()).collect();
        let mailbox_capacity = letters + MAILBOX_RESERVE;
        let hosted = hosting.map(Hosted::new);
        let address = Self::create(|ctx| {
            ctx.set_mailbox_capacity(mailbox_capacity);
            Self { seat, cores: Arc::clone(cores), mailbox_capacity, hosted, outgoing, flush_is_due: false }
        });
        cores.take_seat(seat, address.clone());
        address
    }

    fn schedule_flush(&mut self, ctx: &mut Context<Self>) {
        if !self.flush_is_due {
            self.flush_is_due = true;
            ctx.notify(Flush);
        }
    }

    fn route(&mut self, letter: Letter, ctx: &mut Context<Self>) {
        let destination = letter.to().listing().core;
        match &mut self.hosted {
            Some(core) if core.core == destination => core.deliver(letter, self.mailbox_capacity, ctx),
            Some(_) | None => {
                self.outgoing[usize::from(destination.0)].push(letter);
                self.schedule_flush(ctx);
            }
        }
    }
}

impl Hosted {
    fn new(hosting: Hosting) -> Self {
        let listed = |stock: &Stock| hosting.directory.find_number(stock.number());
        Self {
            core: hosting.core,
            listings: hosting.stocks.iter().filter_map(listed).collect(),
            idle: hosting.stocks.into_iter().map(|stock| (stock.number(), stock)).collect(),
            actors: HashMap::new(),
            installed: HashSet::new(),
            writer: hosting.writer,
            writer_counters: hosting.writer_counters,
            clock: hosting.clock,
            terms: hosting.terms,
            used_keys: hosting.used_keys,
            core_counters: hosting.core_counters,
            slowed: hosting.slowed,
            epoch: Epoch::default(),
            tray: Vec::new(),
        }
    }

    fn deliver(&mut self, letter: Letter, mailbox_capacity: usize, ctx: &mut Context<Desk>) {
        let listing = Arc::clone(letter.to().listing());
        self.core_counters.delivered();
        post(self.actor(&listing, mailbox_capacity, ctx), letter);
    }

    /// The actor of an item of this core, started if this is the first time it is needed.
    fn actor(&mut self, listing: &Arc<Listing>, mailbox_capacity: usize, ctx: &mut Context<Desk>) -> &Addr<StockActor> {
        if !self.actors.contains_key(&listing.number)
            && let Some(stock) = self.idle.remove(&listing.number)
        {
            let slowed = self.slowed.as_ref().filter(|slowed| slowed.item == stock.definition().id);
            if self.installed.remove(&listing.number) {
                self.listings.push(Arc::clone(listing));
            }
            let actor = StockActor {
                stock,
                listing: Arc::clone(listing),
                clock: self.clock,
                terms: self.terms,
                epoch: self.epoch,
                used_keys: Arc::clone(&self.used_keys),
                core_counters: Arc::clone(&self.core_counters),
                append_to: ctx.address().recipient(),
                delay: slowed.map(|slowed| slowed.by),
            };
            self.actors.insert(listing.number, actor.open(mailbox_capacity));
        }
        self.actors.get(&listing.number).expect("every listed item is idle or has an actor on its core")
    }

    /// Looks for deadlines that have passed. While nothing can be written nothing expires: late, never lost.
    fn tick(&mut self, mailbox_capacity: usize, ctx: &mut Context<Desk>) {
        if self.writer_counters.storage() != StorageState::Open {
            return;
        }
        let now = self.clock.now();
        let overdue: Vec<_> = self.listings.iter().filter(|listing| listing.has_overdue(now)).cloned().collect();
        let most = (MAX_EXPIRIES_PER_TICK / overdue.len().max(1)).max(1);
        for listing in overdue.into_iter().take(MAX_EXPIRIES_PER_TICK) {
            post(self.actor(&listing, mailbox_capacity, ctx), Tick { most });
        }
    }

    /// A new item waits here until it is in the directory.
    fn install(&mut self, entry: Entry, reply_to: ReplyPort<Instructed>, permit: Permit) {
        let stock = Stock::create(&entry).expect("an entry that creates an item does");
        self.installed.insert(stock.number());
        self.idle.insert(stock.number(), stock);
        let sealed = Sealed::Instructed(reply_to, Ok(()));
        self.tray.push(Append { entries: smallvec![entry], sealed, epoch: self.epoch, permit: Some(permit) });
    }

    /// Hands the tray to the writer.
    fn pass_on(&mut self) {
        // The next turn will be about as busy: a tray that grows from nothing copies each decision several times.
        let next = Vec::with_capacity(self.tray.len());
        let appends = std::mem::replace(&mut self.tray, next);
        self.core_counters.passed_on(appends.len());
        self.writer_counters.mailbox.enter(appends.len());
        post(&self.writer, Appends { appends, posted: Instant::now() });
    }

    fn restore(&mut self, restore: Restore) {
        self.epoch = restore.epoch;
        for stock in restore.stocks {
            match self.actors.get(&stock.number()) {
                Some(actor) => post(actor, RestoreStock { epoch: restore.epoch, stock }),
                None => drop(self.idle.insert(stock.number(), stock)),
            }
        }
    }
}

/// Posts to a mailbox that is larger than all that may be in the house. If it refuses, its actor is gone: the letter
/// is dropped, and with it its envelope, which answers `OutcomeUnknown`.
fn post<A, M>(to: &Addr<A>, message: M)
where
    A: Actor + Handler<M>,
    A::Context: ToEnvelope<A, M>,
    M: Message + Send + 'static,
    M::Result: Send,
{
    if let Err(refused) = to.try_send(message) {
        tracing::error!(%refused, "a mailbox refused a letter");
    }
}

impl Actor for Desk {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        if let Some(core) = &self.hosted {
            core.core_counters.runs_here();
            next_tick(ctx);
        }
    }
}

/// One tick at a time: an interval would make up for all that a stopped process has missed.
fn next_tick(ctx: &mut Context<Desk>) {
    ctx.run_later(TICK, |desk, ctx| {
        let _guard = StopOnPanic;
        if let Some(core) = &mut desk.hosted {
            core.tick(desk.mailbox_capacity, ctx);
        }
        next_tick(ctx);
    });
}

impl Handler<Letter> for Desk {
    type Result = ();

    fn handle(&mut self, letter: Letter, ctx: &mut Context<Self>) {
        let _guard = StopOnPanic;
        self.route(letter, ctx);
    }
}

impl Handler<Deliver> for Desk {
    type Result = ();

    fn handle(&mut self, Deliver(letters): Deliver, ctx: &mut Context<Self>) {
        let _guard = StopOnPanic;
        if let Some(core) = &self.hosted {
            core.core_counters.crossed(letters.len());
        }
        for letter in letters {
            self.route(letter, ctx);
        }
    }
}

impl Handler<Install> for Desk {
    type Result = ();

    fn handle(&mut self, install: Install, ctx: &mut Context<Self>) {
        let _guard = StopOnPanic;
        match &mut self.hosted {
            Some(core) if core.core == install.core => {
                core.install(install.entry, install.reply_to, install.permit);
                self.schedule_flush(ctx);
            }
            Some(_) | None => match self.cores.desk(install.core.seat()) {
                Some(desk) => post(desk, install),
                None => tracing::error!("a new item came before its core"),
            },
        }
    }
}

impl Handler<Append> for Desk {
    type Result = ();

    fn handle(&mut self, append: Append, ctx: &mut Context<Self>) {
        let _guard = StopOnPanic;
        let core = self.hosted.as_mut().expect("only actors of this core have this address as their recipient");
        core.tray.push(append);
        self.schedule_flush(ctx);
    }
}

impl Handler<Flush> for Desk {
    type Result = ();

    fn handle(&mut self, _flush: Flush, _ctx: &mut Context<Self>) {
        let _guard = StopOnPanic;
        self.flush_is_due = false;
        for (core, letters) in self.cores.all().zip(&mut self.outgoing) {
            if let (false, Some(desk)) = (letters.is_empty(), self.cores.desk(core.seat())) {
                post(desk, Deliver(std::mem::take(letters)));
            }
        }
        if let Some(core) = self.hosted.as_mut().filter(|core| !core.tray.is_empty()) {
            core.pass_on();
        }
    }
}

impl Handler<Answers> for Desk {
    type Result = ();

    fn handle(&mut self, Answers(answers): Answers, _ctx: &mut Context<Self>) {
        for answer in answers {
            match answer {
                Answer::Outcome(port, outcome) => port.answer(outcome),
                Answer::Found(port, found) => port.answer(found),
                Answer::Instructed(port, instructed) => port.answer(instructed),
                Answer::Audited(port, audited) => port.answer(audited),
            }
        }
    }
}

impl Handler<Restore> for Desk {
    type Result = ();

    fn handle(&mut self, restore: Restore, _ctx: &mut Context<Self>) {
        let _guard = StopOnPanic;
        let core = self.hosted.as_mut().expect("only cores are sent their items");
        tracing::warn!(seat = self.seat.0, items = restore.stocks.len(), "items restored from the ledger");
        core.restore(restore);
    }
}
