//! **Job:** group commit: collects decisions, commits them together, sends the answers back.
//! **Owns:** the open batch and the ledger; runs on a thread of its own, because a sync blocks.
//! **Never:** decides what is sold, or answers before the commit.

use std::collections::HashMap;
use std::fmt::Display;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::{Actor, Addr, ArbiterHandle, AsyncContext, Context, Handler, Message};

use crate::batch::{Batch, BatchPolicy, CommitTrigger};
use crate::cores::{Cores, core_of};
use crate::ledger::{CommitError, Committed, Ledger};
use crate::letters::{Answer, Answers, Append, Appends, Epoch, Restore, Sealed};
use crate::observe::{StorageState, Took, WriterCounters};
use crate::reply::{Confirmed, NotDone, Outcome, Seat, Unavailable};
use crate::stock::Stock;
use crate::stop::{StopOnPanic, storage_failed};
use crate::watchers::Watchers;

/// How often a ledger that could not be written is tried again.
const PROBE_EVERY: Duration = Duration::from_millis(500);

/// A commit that takes as long is worth a warning: a healthy disk is ten to a thousand times faster.
const SLOW_COMMIT: Duration = Duration::from_millis(500);

/// What the event loop's clock counts in: a shorter wait would become one of a millisecond or two.
const TIMER_TICK: Duration = Duration::from_millis(2);

/// The writer of the ledger.
pub struct OrderWriter {
    /// Taken when the house closes.
    ledger: Option<Ledger>,
    batch: Batch,
    opened: Option<Instant>,
    turn_is_due: bool,
    epoch: Epoch,
    cores: Arc<Cores>,
    counters: Arc<WriterCounters>,
    watchers: Arc<Watchers>,
    mailbox_capacity: usize,
}

/// "Nothing more is waiting." To itself.
#[derive(Message)]
#[rtype(result = "()")]
struct Idle;

/// "Try whether the ledger can be written again." To itself.
#[derive(Message)]
#[rtype(result = "()")]
struct Probe;

/// "Write what you have and close the ledger." server → OrderWriter; answered when it is done.
#[derive(Message)]
#[rtype(result = "Result<(), CommitError>")]
pub struct Drain;

impl OrderWriter {
    /// A writer of `ledger`, which has been recovered. `letters` is how many may be in the house at a time.
    #[must_use]
    pub fn new(
        ledger: Ledger,
        policy: BatchPolicy,
        (cores, counters, watchers): (Arc<Cores>, Arc<WriterCounters>, Arc<Watchers>),
        letters: usize,
    ) -> Self {
        counters.publish(ledger.last_seq());
        Self {
            ledger: Some(ledger),
            batch: Batch::new(policy),
            opened: None,
            turn_is_due: false,
            epoch: Epoch::default(),
            cores,
            counters,
            watchers,
            mailbox_capacity: letters + 1024,
        }
    }

    /// Starts the writer on a thread of its own.
    pub fn open(self, thread: &ArbiterHandle) -> Addr<Self> {
        Self::start_in_arbiter(thread, |ctx| {
            ctx.set_mailbox_capacity(self.mailbox_capacity);
            self
        })
    }

    fn collect(&mut self, append: Append) {
        if append.epoch < self.epoch {
            // Decided on entries that were never written.
            let refused = self.refusal();
            return self.refuse(vec![append], refused);
        }
        if self.opened.is_none() {
            self.opened = Some(Instant::now());
        }
        if let Some(trigger) = self.batch.push(append) {
            self.commit(trigger);
        }
    }

    fn refusal(&self) -> Unavailable {
        match self.counters.storage() {
            StorageState::Full => Unavailable::StorageFull,
            // Open: the cause has gone already; the order was not placed all the same.
            StorageState::Locked | StorageState::Open | StorageState::Moved => Unavailable::StorageLocked,
        }
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
        if self.counters.storage() == StorageState::Moved {
            // Not even what was written before can be told: it will not be found again.
            return self.refuse(appends, Unavailable::StorageLocked);
        }
        let entries = appends.iter().map(|append| append.entries.len()).sum();
        if entries == 0 {
            let proof = ledger.proof();
            return self.answer(appends, &proof);
        }
        self.counters.begin();
        let started = Instant::now();
        let result = ledger.commit(appends.iter().flat_map(|append| &append.entries));
        let commit = started.elapsed();
        self.counters.end();
        match result {
            Ok(proof) => {
                let took = Took { commit, sync: proof.sync() };
                warn_if_slow(took, entries);
                self.counters.committed(trigger, (entries, orders_in(&appends)), took);
                // Before the answers: who knows of his order finds it in the feed.
                self.counters.publish(proof.last_seq());
                self.answer(appends, &proof);
                self.checkpoint();
            }
            Err(CommitError::Unknown(cause)) => storage_failed(&cause),
            Err(CommitError::Moved(moved)) => {
                self.counters.lost_files(&moved);
                self.refuse(appends, Unavailable::OutcomeUnknown);
            }
            Err(CommitError::Definite { answer, cause }) => self.roll_back(appends, answer, &cause),
        }
    }

    fn checkpoint(&mut self) {
        let Some(ledger) = &mut self.ledger else { return };
        self.counters.begin();
        let result = ledger.checkpoint_if_due();
        self.counters.end();
        match result {
            Ok(()) => {}
            // Nothing that was acknowledged depends on it, and it is due again after the next commits.
            Err(CommitError::Definite { cause, .. }) => tracing::warn!(%cause, "checkpoint put off"),
            Err(CommitError::Unknown(cause)) => storage_failed(&cause),
            Err(CommitError::Moved(moved)) => self.counters.lost_files(&moved),
        }
    }

    fn answer(&self, appends: Vec<Append>, proof: &Committed) {
        for append in &appends {
            if let Sealed::Placed(..) = append.sealed {
                self.counters.ledger.enter();
                self.counters.ledger.pass();
            }
        }
        self.watchers.tell(appends.iter().flat_map(|append| &append.entries));
        self.send(appends.into_iter().filter_map(|append| open(append, Ok(proof))));
    }

    fn refuse(&self, appends: Vec<Append>, why: Unavailable) {
        for append in &appends {
            if let Sealed::Placed(..) = append.sealed {
                self.counters.ledger.enter();
                self.counters.ledger.answer(why.code());
            }
        }
        self.send(appends.into_iter().filter_map(|append| open(append, Err(why))));
    }

    /// One message per seat, not one wake-up per answer.
    fn send(&self, answers: impl IntoIterator<Item = (Seat, Answer)>) {
        let mut bundles: HashMap<u16, Vec<Answer>> = HashMap::new();
        for (Seat(seat), answer) in answers {
            bundles.entry(seat).or_default().push(answer);
        }
        for (seat, bundle) in bundles {
            let posted = self.cores.desk(Seat(seat)).map(|desk| desk.try_send(Answers(bundle)));
            if !matches!(posted, Some(Ok(()))) {
                // The thread has gone; so have those who waited there.
                tracing::debug!(seat, "answers for a desk that has closed");
            }
        }
    }

    /// The ledger has certainly not written the batch: every actor goes back to what it has written. The state is
    /// folded from the file, as at a start: one way back, tried at every start.
    fn roll_back(&mut self, appends: Vec<Append>, answer: Unavailable, cause: &dyn Display) {
        tracing::error!(%cause, orders = appends.len(), "a commit was rolled back: no sale until it can be written");
        self.counters.set_storage(match answer {
            Unavailable::StorageFull => StorageState::Full,
            Unavailable::StorageLocked | Unavailable::ShuttingDown | Unavailable::OutcomeUnknown => {
                StorageState::Locked
            }
        });
        self.epoch.0 += 1;
        self.refuse(appends, answer);
        let recovered = match self.ledger.as_mut().map(Ledger::recover) {
            Some(Ok(recovered)) => recovered,
            Some(Err(error)) => storage_failed(&error),
            None => return,
        };
        self.restore(recovered.stocks);
    }

    fn restore(&self, stocks: Vec<Stock>) {
        let mut by_core: Vec<Vec<Stock>> = self.cores.all().map(|_| Vec::new()).collect();
        for stock in stocks {
            let core = core_of(&stock.definition().id, self.cores.count());
            by_core[usize::from(core.0)].push(stock);
        }
        for (core, stocks) in self.cores.all().zip(by_core) {
            let restore = Restore { epoch: self.epoch, stocks };
            let posted = self.cores.desk(core.seat()).map(|desk| desk.try_send(restore));
            if !matches!(posted, Some(Ok(()))) {
                // The thread has gone, because the house closes: nobody can decide on the old state either.
                tracing::warn!(core = core.0, "a core that has closed is not restored");
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
    appends.iter().filter(|append| matches!(append.sealed, Sealed::Placed(..))).count()
}

/// Opens the answer with the proof, or says why there is none. What nobody asked for is answered to nobody.
fn open(append: Append, proof: Result<&Committed, Unavailable>) -> Option<(Seat, Answer)> {
    let opened = match append.sealed {
        Sealed::Found(port, orders) => (port.seat(), Answer::Found(port, proof.map(|_proof| orders))),
        Sealed::Instructed(port, done) => {
            let done = match proof {
                Ok(_proof) => done.map_err(NotDone::Rejected),
                Err(why) => Err(NotDone::Unavailable(why)),
            };
            (port.seat(), Answer::Instructed(port, done))
        }
        Sealed::Audited(port, balance) => (port.seat(), Answer::Audited(port, proof.map(|_proof| balance))),
        Sealed::Unasked => return None,
        Sealed::Placed(port, order) | Sealed::Settled(port, order) => {
            let outcome = match proof {
                Ok(proof) => Outcome::Confirmed(Confirmed::new(order, proof)),
                Err(why) => Outcome::Unavailable(why),
            };
            (port.seat(), Answer::Outcome(port, outcome))
        }
        Sealed::Replayed(port, order) => {
            let outcome = match proof {
                Ok(proof) => Outcome::Replayed(Confirmed::new(order, proof)),
                Err(why) => Outcome::Unavailable(why),
            };
            (port.seat(), Answer::Outcome(port, outcome))
        }
        Sealed::Rejected(port, rejection) => {
            let outcome = match proof {
                Ok(_proof) => Outcome::Rejected(rejection),
                Err(why) => Outcome::Unavailable(why),
            };
            (port.seat(), Answer::Outcome(port, outcome))
        }
    };
    Some(opened)
}

impl Actor for OrderWriter {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        #[expect(clippy::disallowed_methods, reason = "probes that come in a burst after a stall say the same")]
        ctx.run_interval(PROBE_EVERY, |_writer, ctx| ctx.notify(Probe));
    }
}

impl Handler<Appends> for OrderWriter {
    type Result = ();

    fn handle(&mut self, Appends { appends, posted }: Appends, ctx: &mut Context<Self>) {
        let _guard = StopOnPanic;
        let (taken_up, decisions) = (Instant::now(), appends.len());
        self.counters.mailbox.leave(decisions);
        for append in appends {
            self.collect(append);
        }
        self.counters.actor.handled(decisions, Some(posted), taken_up);
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
        let _guard = StopOnPanic;
        self.turn_is_due = false;
        if self.batch.is_empty() {
            return;
        }
        let age = self.age();
        match self.batch.when_idle(age) {
            Some(trigger) => {
                let taken_up = Instant::now();
                self.commit(trigger);
                self.counters.actor.worked_since(taken_up);
            }
            None => self.linger(self.batch.patience(age), ctx),
        }
    }
}

impl Handler<Probe> for OrderWriter {
    type Result = ();

    fn handle(&mut self, _probe: Probe, _ctx: &mut Context<Self>) {
        let _guard = StopOnPanic;
        match self.counters.storage() {
            StorageState::Open | StorageState::Moved => return,
            StorageState::Full | StorageState::Locked => {}
        }
        match self.ledger.as_mut().map(Ledger::probe) {
            Some(Ok(())) => {
                tracing::info!("the ledger can be written again");
                self.counters.set_storage(StorageState::Open);
            }
            Some(Err(CommitError::Unknown(cause))) => storage_failed(&cause),
            Some(Err(CommitError::Moved(moved))) => self.counters.lost_files(&moved),
            Some(Err(CommitError::Definite { .. })) | None => {}
        }
    }
}

impl Handler<Drain> for OrderWriter {
    type Result = Result<(), CommitError>;

    fn handle(&mut self, _drain: Drain, _ctx: &mut Context<Self>) -> Result<(), CommitError> {
        let _guard = StopOnPanic;
        if !self.batch.is_empty() {
            self.commit(CommitTrigger::Draining);
        }
        self.ledger.take().map_or(Ok(()), Ledger::close)
    }
}
