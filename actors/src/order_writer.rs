//! **Job:** group commit: collects decisions, commits them together, sends the answers back.
//! **Owns:** the open batch and the ledger; runs on a thread of its own, because a sync blocks.
//! **Never:** decides what is sold, or answers before the commit.

mod answer;

use std::collections::HashMap;
use std::fmt::Display;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::dev::channel::channel;
use actix::{Actor, Addr, ArbiterHandle, AsyncContext, Context, Handler};

use crate::batch::{Batch, BatchPolicy};
use crate::commit_trigger::CommitTrigger;
use crate::ids::WorkerId;
use crate::ledger::{CommitError, Committed, Ledger};
use crate::messages::{Append, AppendBatch, Epoch, PendingReply, Replies, Reply, Restore};
use crate::observe::Took;
use crate::placement::SUSPENSE_CORE;
use crate::request::Unavailable;
use crate::status::StorageState;
use crate::stock::Stock;
use crate::stop::{AbortOnPanic, storage_failed};
use crate::suspense::Suspense;
use crate::view::SaleView;

/// How often a ledger that could not be written is tried again.
const PROBE_EVERY: Duration = Duration::from_millis(500);

/// A commit that takes as long is worth a warning: a healthy disk is ten to a thousand times faster.
const SLOW_COMMIT: Duration = Duration::from_millis(500);

/// What the event loop's clock counts in: a shorter wait would become one of a millisecond or two.
const TIMER_TICK: Duration = Duration::from_millis(2);

/// The writer of the ledger.
pub(crate) struct OrderWriter {
    /// Taken when the server closes.
    ledger: Option<Ledger>,
    batch: Batch<Append>,
    opened: Option<Instant>,
    turn_is_due: bool,
    epoch: Epoch,
    view: Arc<SaleView>,
    mailbox_capacity: usize,
}

/// "Nothing more is waiting." To itself.
#[derive(actix::Message)]
#[rtype(result = "()")]
struct Idle;

/// "Try whether the ledger can be written again." To itself.
#[derive(actix::Message)]
#[rtype(result = "()")]
struct Probe;

/// "Write what you have and close the ledger." server → OrderWriter; answered when it is done.
#[derive(actix::Message)]
#[rtype(result = "Result<(), CommitError>")]
pub(crate) struct Drain;

impl OrderWriter {
    /// A writer of `ledger`, which has been recovered. `mailbox_capacity` holds all that may be in flight.
    #[must_use]
    pub(crate) fn new(ledger: Ledger, policy: BatchPolicy, view: Arc<SaleView>, mailbox_capacity: usize) -> Self {
        view.status.publish(ledger.last_seq());
        Self {
            ledger: Some(ledger),
            batch: Batch::new(policy),
            opened: None,
            turn_is_due: false,
            epoch: Epoch::default(),
            view,
            mailbox_capacity,
        }
    }

    /// Starts the writer on a thread of its own. Decisions may come before that thread has had a turn, so the mailbox
    /// has its size at once: one of `start_in_arbiter` holds 16 until then, and what it refuses was decided already.
    pub(crate) fn open(self, thread: &ArbiterHandle) -> Addr<Self> {
        let (sender, receiver) = channel(self.mailbox_capacity);
        thread.spawn_fn(|| drop(Context::with_receiver(receiver).run(self)));
        Addr::new(sender)
    }

    fn collect(&mut self, append: Append) {
        if self.ledger.is_none() {
            // Not left to the next commit: with a long linger that would be long.
            return self.refuse(vec![append], Unavailable::ShuttingDown);
        }
        if append.epoch < self.epoch {
            // Decided on entries that were never written.
            let refused = self.refusal();
            return self.refuse(vec![append], refused);
        }
        if self.opened.is_none() {
            self.opened = Some(Instant::now());
        }
        let entries = append.entries.len();
        if let Some(trigger) = self.batch.push(append, entries) {
            self.commit(trigger);
        }
    }

    fn refusal(&self) -> Unavailable {
        // Writable again: the cause has gone already; the order was not placed all the same.
        self.view.status.storage().check_writable().err().unwrap_or(Unavailable::StorageLocked)
    }

    fn age(&self) -> Duration {
        self.opened.map_or(Duration::ZERO, |opened| opened.elapsed())
    }

    /// Waits for company. Less than an event loop's clock can count is slept through: nobody else is served by this
    /// thread, and what comes meanwhile lies in the mailbox, which is emptied before the batch is looked at again.
    fn linger(&mut self, patience: Duration, ctx: &mut Context<Self>) {
        self.turn_is_due = true;
        if patience >= TIMER_TICK {
            ctx.notify_later(Idle, patience);
            return;
        }
        #[expect(clippy::disallowed_methods, reason = "on a thread of its own, for less than a commit takes")]
        std::thread::sleep(patience);
        ctx.notify(Idle);
    }

    fn commit(&mut self, trigger: CommitTrigger) {
        self.opened = None;
        let appends = self.batch.take();
        let Some(ledger) = &mut self.ledger else {
            return self.refuse(appends, Unavailable::ShuttingDown);
        };
        if self.view.status.storage() == StorageState::Moved {
            // Not even what was written before can be told: it will not be found again.
            return self.refuse(appends, Unavailable::StorageLocked);
        }
        let entries = appends.iter().map(|append| append.entries.len()).sum();
        if entries == 0 {
            let proof = ledger.proof();
            return self.answer(appends, &proof);
        }
        self.view.status.begin();
        let started = Instant::now();
        let result = ledger.commit(appends.iter().flat_map(|append| &append.entries));
        let commit = started.elapsed();
        self.view.status.end();
        match result {
            Ok(proof) => {
                let took = Took { commit, sync: proof.sync() };
                warn_if_slow(took, entries);
                self.view.writer.committed(trigger, (entries, orders_in(&appends)), took);
                // Before the answers: whoever knows of their order finds it in the feed.
                self.view.status.publish(proof.last_seq());
                self.answer(appends, &proof);
                self.checkpoint();
            }
            Err(CommitError::Unknown(cause)) => storage_failed(&cause),
            Err(CommitError::Moved(moved)) => {
                self.view.status.lost_files(&moved);
                self.refuse(appends, Unavailable::OutcomeUnknown);
            }
            Err(CommitError::Definite { answer, cause }) => self.roll_back(appends, answer, &cause),
        }
    }

    fn checkpoint(&mut self) {
        self.look_after_log(Ledger::checkpoint_if_due);
    }

    fn look_after_log(&mut self, work: impl FnOnce(&mut Ledger) -> Result<(), CommitError>) {
        let Some(ledger) = &mut self.ledger else { return };
        self.view.status.begin();
        let result = work(ledger);
        self.view.status.end();
        self.view.status.set_pinned_log_bytes(ledger.pinned_bytes());
        match result {
            Ok(()) => {}
            // Nothing that was acknowledged depends on it, and it is due again after the next commits.
            Err(CommitError::Definite { cause, .. }) => tracing::warn!(%cause, "checkpoint put off"),
            Err(CommitError::Unknown(cause)) => storage_failed(&cause),
            Err(CommitError::Moved(moved)) => self.view.status.lost_files(&moved),
        }
    }

    fn answer(&self, appends: Vec<Append>, proof: &Committed) {
        for append in &appends {
            if let PendingReply::Placed(..) = append.reply {
                self.view.writer.ledger.enter();
                self.view.writer.ledger.pass();
            }
        }
        self.view.watchers.tell(appends.iter().flat_map(|append| &append.entries));
        self.send(appends.into_iter().filter_map(|append| answer::open(append, Ok(proof))));
    }

    fn refuse(&self, appends: Vec<Append>, why: Unavailable) {
        for append in &appends {
            if let PendingReply::Placed(..) = append.reply {
                self.view.writer.ledger.enter();
                self.view.writer.ledger.answer(why.reason());
            }
        }
        self.send(appends.into_iter().filter_map(|append| answer::open(append, Err(why))));
    }

    /// One message per worker, not one wake-up per reply.
    fn send(&self, replies: impl IntoIterator<Item = (WorkerId, Reply)>) {
        let mut batches: HashMap<u16, Vec<Reply>> = HashMap::new();
        for (WorkerId(worker), reply) in replies {
            batches.entry(worker).or_default().push(reply);
        }
        for (worker, batch) in batches {
            let thread = self.view.placement.thread(WorkerId(worker));
            let sent = thread.map(|thread| thread.replies.try_send(Replies(batch)));
            if !matches!(sent, Some(Ok(()))) {
                // The thread has gone; so have those who waited there.
                tracing::debug!(worker, "replies for a thread that has ended");
            }
        }
    }

    /// The ledger has certainly not written the batch: every actor goes back to what it has written. The state is
    /// folded from the file, as at a start: one way back, tried at every start.
    fn roll_back(&mut self, appends: Vec<Append>, answer: Unavailable, cause: &dyn Display) {
        tracing::error!(%cause, orders = appends.len(), "a commit was rolled back: no sale until it can be written");
        self.view.status.set_storage(StorageState::after(answer));
        self.epoch.0 += 1;
        self.refuse(appends, answer);
        let recovered = match self.ledger.as_mut().map(Ledger::recover) {
            Some(Ok(recovered)) => recovered,
            Some(Err(error)) => storage_failed(&error),
            None => return,
        };
        self.restore(recovered.stocks, recovered.suspense);
    }

    fn restore(&self, stocks: Vec<Stock>, suspense: Suspense) {
        let mut suspense = Some(Box::new(suspense));
        let placement = &self.view.placement;
        let mut by_core: Vec<Vec<Stock>> = placement.all().map(|_| Vec::new()).collect();
        for stock in stocks {
            let core = placement.core_for(&stock.definition().id);
            by_core[usize::from(core.0)].push(stock);
        }
        for (core, stocks) in placement.all().zip(by_core) {
            let suspense = if core == SUSPENSE_CORE { suspense.take() } else { None };
            let restore = Restore { epoch: self.epoch, stocks, suspense };
            let sent = placement.thread(core.worker()).map(|thread| thread.restore.try_send(restore));
            if !matches!(sent, Some(Ok(()))) {
                // The thread has gone, because the sale closes: nobody can decide on the old state either.
                tracing::warn!(core = core.0, "a core that has ended is not restored");
            }
        }
    }
}

/// Commits are one after the other, so this line comes at most twice a second.
fn warn_if_slow(Took { commit, sync }: Took, entries: usize) {
    if commit >= SLOW_COMMIT {
        tracing::warn!(commit_ms = commit.as_millis(), sync_ms = sync.as_millis(), entries, "a commit was slow");
    }
}

fn orders_in(appends: &[Append]) -> usize {
    appends.iter().filter(|append| matches!(append.reply, PendingReply::Placed(..))).count()
}

impl Actor for OrderWriter {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        #[expect(clippy::disallowed_methods, reason = "probes that come in a burst after a stall say the same")]
        ctx.run_interval(PROBE_EVERY, |_writer, ctx| ctx.notify(Probe));
    }
}

impl Handler<AppendBatch> for OrderWriter {
    type Result = ();

    fn handle(&mut self, AppendBatch { appends, posted }: AppendBatch, ctx: &mut Context<Self>) {
        let _guard = AbortOnPanic;
        let (taken_up, decisions) = (Instant::now(), appends.len());
        self.view.writer.mailbox.leave(decisions);
        for append in appends {
            self.collect(append);
        }
        self.view.writer.actor.handled(decisions, Some(posted), taken_up);
        if !self.batch.is_empty() && !self.turn_is_due {
            self.turn_is_due = true;
            // Handled after the mailbox has been emptied: the batch is what came while the last one was written.
            ctx.notify(Idle);
        }
    }
}

impl Handler<Idle> for OrderWriter {
    type Result = ();

    fn handle(&mut self, _idle: Idle, ctx: &mut Context<Self>) {
        let _guard = AbortOnPanic;
        self.turn_is_due = false;
        if self.batch.is_empty() {
            return;
        }
        let age = self.age();
        match self.batch.when_idle(age) {
            Some(trigger) => {
                let taken_up = Instant::now();
                self.commit(trigger);
                self.view.writer.actor.worked_since(taken_up);
            }
            None => self.linger(self.batch.patience(age), ctx),
        }
    }
}

impl Handler<Probe> for OrderWriter {
    type Result = ();

    fn handle(&mut self, _probe: Probe, _ctx: &mut Context<Self>) {
        let _guard = AbortOnPanic;
        match self.view.status.storage() {
            StorageState::Open => {
                if self.view.status.pinned_log_bytes() > 0 {
                    self.look_after_log(Ledger::reclaim);
                }
                return;
            }
            // While this runs, no commit stands still.
            StorageState::Moved | StorageState::Stalled => return,
            StorageState::Full | StorageState::Locked => {}
        }
        self.view.status.begin();
        let probed = self.ledger.as_mut().map(Ledger::probe);
        self.view.status.end();
        match probed {
            Some(Ok(())) => {
                tracing::info!("the ledger can be written again");
                self.view.status.set_storage(StorageState::Open);
            }
            Some(Err(CommitError::Unknown(cause))) => storage_failed(&cause),
            Some(Err(CommitError::Moved(moved))) => self.view.status.lost_files(&moved),
            Some(Err(CommitError::Definite { .. })) | None => {}
        }
    }
}

impl Handler<Drain> for OrderWriter {
    type Result = Result<(), CommitError>;

    fn handle(&mut self, _drain: Drain, _ctx: &mut Context<Self>) -> Result<(), CommitError> {
        let _guard = AbortOnPanic;
        if !self.batch.is_empty() {
            self.commit(CommitTrigger::Draining);
        }
        self.ledger.take().map_or(Ok(()), Ledger::close)
    }
}

#[cfg(test)]
mod tests;
