//! **Job:** the way of messages in and out of one thread: one batch per destination core and turn.
//! **Owns:** what waits to be passed on in this turn, and the thread's core, if it has one.
//! **Never:** decides, or waits for anybody.

use std::sync::Arc;

use actix::{Actor, Addr, AsyncContext, Context, Handler};

use crate::core::{Core, CoreContext, TICK};
use crate::ids::{CoreId, WorkerId};
use crate::messages::{Append, AskSuspense, CreateItem, Deliver, FindOfBuyer, Message, Replies, Reply, Restore};
use crate::observe::CoreCounters;
use crate::placement::{Placement, SUSPENSE_CORE, Thread};
use crate::stock::Stock;
use crate::stop::AbortOnPanic;
use crate::suspense::Suspense;

/// Messages beside those with a permit that may wait in a mailbox: batches, flushes, replies.
pub(crate) const MAILBOX_RESERVE: usize = 4096;

/// The router of one thread.
pub(crate) struct Router {
    placement: Arc<Placement>,
    core: Option<Core>,
    outgoing: Vec<Vec<Message>>,
    flush_is_due: bool,
}

/// What a router with a core needs.
pub(crate) struct Hosting {
    pub(crate) id: CoreId,
    pub(crate) stocks: Vec<Stock>,
    pub(crate) suspense: Suspense,
    pub(crate) context: CoreContext,
    pub(crate) counters: Arc<CoreCounters>,
}

/// "Nothing more is waiting: pass on what you have." To itself, once per turn.
#[derive(actix::Message)]
#[rtype(result = "()")]
struct Flush;

impl Router {
    /// Starts the router of this thread. `mailbox_capacity` holds all that may be in flight.
    pub(crate) fn start(
        worker: WorkerId,
        placement: &Arc<Placement>,
        mailbox_capacity: usize,
        hosting: Option<Hosting>,
    ) -> Addr<Self> {
        let address = Self::create(|ctx| {
            ctx.set_mailbox_capacity(mailbox_capacity);
            let append_to = ctx.address().recipient();
            let core = hosting.map(|Hosting { id, stocks, suspense, context, counters }| {
                Core::new(id, (stocks, suspense), context, counters, append_to)
            });
            let outgoing = placement.all().map(|_| Vec::new()).collect();
            Self { placement: Arc::clone(placement), core, outgoing, flush_is_due: false }
        });
        let thread = Thread {
            deliver: address.clone().recipient(),
            replies: address.clone().recipient(),
            create_item: address.clone().recipient(),
            find_of_buyer: address.clone().recipient(),
            ask_suspense: address.clone().recipient(),
            restore: address.clone().recipient(),
        };
        placement.join(worker, thread);
        address
    }

    fn schedule_flush(&mut self, ctx: &mut Context<Self>) {
        if !self.flush_is_due {
            self.flush_is_due = true;
            ctx.notify(Flush);
        }
    }

    fn route(&mut self, message: Message, ctx: &mut Context<Self>) {
        let destination = message.to().published().core;
        match &mut self.core {
            Some(core) if core.id() == destination => core.deliver(message),
            Some(_) | None => {
                self.outgoing[usize::from(destination.0)].push(message);
                self.schedule_flush(ctx);
            }
        }
    }
}

impl Actor for Router {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        if self.core.is_some() {
            next_tick(ctx);
        }
    }
}

/// One tick at a time: an interval would make up for all that a stopped process has missed.
fn next_tick(ctx: &mut Context<Router>) {
    ctx.run_later(TICK, |router, ctx| {
        let _guard = AbortOnPanic;
        if let Some(core) = &mut router.core {
            core.tick();
        }
        next_tick(ctx);
    });
}

impl Handler<Message> for Router {
    type Result = ();

    fn handle(&mut self, message: Message, ctx: &mut Context<Self>) {
        let _guard = AbortOnPanic;
        self.route(message, ctx);
    }
}

impl Handler<Deliver> for Router {
    type Result = ();

    fn handle(&mut self, Deliver(messages): Deliver, ctx: &mut Context<Self>) {
        let _guard = AbortOnPanic;
        if let Some(core) = &self.core {
            core.counters().crossed(messages.len());
        }
        for message in messages {
            self.route(message, ctx);
        }
    }
}

impl Handler<CreateItem> for Router {
    type Result = ();

    fn handle(&mut self, create: CreateItem, ctx: &mut Context<Self>) {
        let _guard = AbortOnPanic;
        match &mut self.core {
            Some(core) if core.id() == create.core => {
                core.create_item(create.entry, create.reply_to, create.permit);
                self.schedule_flush(ctx);
            }
            Some(_) | None => match self.placement.thread(create.core.worker()) {
                Some(thread) if thread.create_item.try_send(create).is_ok() => {}
                Some(_) | None => tracing::error!("a new item found no core"),
            },
        }
    }
}

impl Handler<FindOfBuyer> for Router {
    type Result = ();

    fn handle(&mut self, find: FindOfBuyer, ctx: &mut Context<Self>) {
        let _guard = AbortOnPanic;
        match &mut self.core {
            Some(core) if core.id() == find.core => {
                core.find_of_buyer(find);
                self.schedule_flush(ctx);
            }
            Some(_) | None => match self.placement.thread(find.core.worker()) {
                Some(thread) if thread.find_of_buyer.try_send(find).is_ok() => {}
                Some(_) | None => tracing::error!("a question about a buyer found no core"),
            },
        }
    }
}

impl Handler<AskSuspense> for Router {
    type Result = ();

    fn handle(&mut self, ask: AskSuspense, ctx: &mut Context<Self>) {
        let _guard = AbortOnPanic;
        match &mut self.core {
            Some(core) if core.id() == SUSPENSE_CORE => {
                core.ask_suspense(ask);
                self.schedule_flush(ctx);
            }
            Some(_) | None => match self.placement.thread(SUSPENSE_CORE.worker()) {
                Some(thread) if thread.ask_suspense.try_send(ask).is_ok() => {}
                Some(_) | None => tracing::error!("a payment for no order found no core"),
            },
        }
    }
}

impl Handler<Append> for Router {
    type Result = ();

    fn handle(&mut self, append: Append, ctx: &mut Context<Self>) {
        let _guard = AbortOnPanic;
        let core = self.core.as_mut().expect("only actors of this core have this address as their recipient");
        core.collect(append);
        self.schedule_flush(ctx);
    }
}

impl Handler<Flush> for Router {
    type Result = ();

    fn handle(&mut self, _flush: Flush, _ctx: &mut Context<Self>) {
        let _guard = AbortOnPanic;
        self.flush_is_due = false;
        for (core, messages) in self.placement.all().zip(&mut self.outgoing) {
            if let (false, Some(thread)) = (messages.is_empty(), self.placement.thread(core.worker()))
                && let Err(refused) = thread.deliver.try_send(Deliver(std::mem::take(messages)))
            {
                tracing::error!(%refused, "a core refused messages");
            }
        }
        if let Some(core) = &mut self.core {
            core.flush();
        }
    }
}

impl Handler<Replies> for Router {
    type Result = ();

    fn handle(&mut self, Replies(replies): Replies, _ctx: &mut Context<Self>) {
        for reply in replies {
            match reply {
                Reply::Outcome(port, outcome) => port.send(outcome),
                Reply::Found(port, found) => port.send(found),
                Reply::Controlled(port, controlled) => port.send(controlled),
                Reply::Received(port, received) => port.send(received),
                Reply::Audited(port, audited) => port.send(audited),
            }
        }
    }
}

impl Handler<Restore> for Router {
    type Result = ();

    fn handle(&mut self, restore: Restore, _ctx: &mut Context<Self>) {
        let _guard = AbortOnPanic;
        self.core.as_mut().expect("only cores are sent their items").restore(restore);
    }
}
