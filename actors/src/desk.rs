//! **Job:** the post desk of a thread: passes letters on in bundles, one message per destination and turn.
//! **Owns:** the StockActors of its core, started on first use, and what waits to be passed on in this turn.
//! **Never:** decides, or waits for anybody.

use std::collections::HashMap;
use std::sync::Arc;

use actix::dev::ToEnvelope;
use actix::{Actor, Addr, AsyncContext, Context, Handler, Message, Recipient};

use crate::cores::{Core, Cores};
use crate::ids::ItemNumber;
use crate::letters::{Answer, Answers, Append, Appends, Deliver, Epoch, Letter, Restore};
use crate::observe::Passage;
use crate::order_writer::OrderWriter;
use crate::reply::Seat;
use crate::stock::Stock;
use crate::stock_actor::{RestoreStock, StockActor};
use crate::stop::StopOnPanic;
use crate::time::Clock;
use crate::used_keys::UsedKeys;

/// Messages beside letters that may wait in a mailbox: bundles, flushes, answers. Letters are bounded by permits.
const MAILBOX_RESERVE: usize = 4096;

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
    /// Where keys are published.
    pub used_keys: Arc<UsedKeys>,
    /// The layer of attempts that reached an actor of this core.
    pub passage: Arc<Passage>,
}

struct Hosted {
    core: Core,
    /// Items whose actor has not been needed yet.
    idle: HashMap<ItemNumber, Stock>,
    actors: HashMap<ItemNumber, Addr<StockActor>>,
    writer: Addr<OrderWriter>,
    clock: Clock,
    used_keys: Arc<UsedKeys>,
    passage: Arc<Passage>,
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
        Self {
            core: hosting.core,
            idle: hosting.stocks.into_iter().map(|stock| (stock.number(), stock)).collect(),
            actors: HashMap::new(),
            writer: hosting.writer,
            clock: hosting.clock,
            used_keys: hosting.used_keys,
            passage: hosting.passage,
            epoch: Epoch::default(),
            tray: Vec::new(),
        }
    }

    fn deliver(&mut self, letter: Letter, mailbox_capacity: usize, ctx: &mut Context<Desk>) {
        let listing = letter.to().listing();
        let number = listing.number;
        if let Some(stock) = self.idle.remove(&number) {
            let actor = StockActor {
                stock,
                listing: Arc::clone(listing),
                clock: self.clock,
                epoch: self.epoch,
                used_keys: Arc::clone(&self.used_keys),
                passage: Arc::clone(&self.passage),
                append_to: ctx.address().recipient() as Recipient<Append>,
            };
            self.actors.insert(number, actor.open(mailbox_capacity));
        }
        let actor = self.actors.get(&number).expect("every listed item is idle or has an actor on its core");
        post(actor, letter);
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
        for letter in letters {
            self.route(letter, ctx);
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
            post(&core.writer, Appends(std::mem::take(&mut core.tray)));
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
