//! **Job:** the one loop: take entries in, hand events to the senders, write down what became of them.
//! **Owns:** the file, the queue, and the order in which they change: first the file, then the queue.
//! **Never:** waits for the receiver, or for anything while an answer is to be written down.

use std::sync::Arc;
use std::time::{Duration, Instant};

use doorbuster_actors::time::Clock;
use rand::RngExt as _;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use super::client::Answer;
use super::command::Command;
use super::delivery::{DeliveryStatus, Settled};
use super::endpoint::{Endpoint, Failure};
use super::message;
use super::queue::{OpenEvent, Queue};
use super::schedule::{Next, Schedule, bounded};
use super::senders::{Job, Senders, Sent};
use super::standing::{AttemptOutcome, Standing};
use super::store::{Store, StoreError};
use crate::feed::reader::{Reader, SeqRange};
use crate::feed::{Feed, ReadError};

/// Entries that are taken in at once.
const BATCH: usize = 500;

/// Events that may be sent for the first time from which no more are taken in: what waits, waits in the ledger.
const READY_ENOUGH: usize = 1_000;

/// Most open events, about 30 MB of them. Past it nothing is taken in until some are accepted or given up.
const MOST_OPEN: usize = 100_000;

/// Longest pause: so late is noticed at most that a clock was set.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// First and longest pause after a fault of the file or the ledger.
pub(super) const BACK_OFF: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// How long messages on their way are waited for at the end: they would only be sent once more.
const GRACE: Duration = Duration::from_secs(1);

/// Why a round failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Ledger(#[from] ReadError),
    #[error("an entry of the ledger that was committed cannot be read")]
    Missing,
}

/// Whether the loop can work.
#[derive(Debug)]
pub(super) enum State {
    /// The queue is to be made from the file: at the start, and after a fault, whose words these are.
    Unread(Option<String>),
    /// Queue and file say the same.
    Working,
    /// The file is of another ledger.
    OtherLedger,
}

/// What runs on the thread.
pub(super) struct Worker {
    pub(super) feed: Arc<Feed>,
    pub(super) reader: Reader,
    pub(super) store: Store,
    pub(super) senders: Senders,
    pub(super) commands: mpsc::Receiver<Command>,
    pub(super) standing: Arc<Standing>,
    pub(super) clock: Clock,
    pub(super) schedule: Schedule,
    pub(super) concurrency: usize,
    /// By what the receiver is known in the file.
    pub(super) receiver: String,
    pub(super) state: State,
    pub(super) queue: Queue,
    pub(super) endpoint: Endpoint,
    /// Answers of a round before this one count for nothing: the queue was made anew since.
    pub(super) round: u64,
    /// The last entry that was taken in.
    pub(super) cursor: u64,
    /// How many were given up and are listed.
    pub(super) dead: u64,
    /// What the receiver said last, of those that it did not accept.
    pub(super) last_refusal: String,
    /// Sent, and not yet written down.
    pub(super) arrived: Vec<Sent>,
    pub(super) resume_at: Option<Instant>,
    pub(super) back_off: Duration,
    /// An event is on its way for the first time.
    pub(super) is_probing: bool,
}

impl Worker {
    pub(super) async fn run(mut self) {
        let (mut closing, mut news) = (self.feed.closing(), self.feed.news());
        loop {
            let pause = self.step();
            self.publish();
            let hungry = self.is_hungry();
            tokio::select! {
                _close = closing.wait_for(|closing| *closing) => break,
                Some(sent) = self.senders.sent() => self.keep(sent),
                Some(command) = self.commands.recv() => self.answer(command),
                Ok(()) = news.changed(), if hungry => {}
                () = sleep(pause) => {}
            }
        }
        self.finish().await;
    }

    /// One round; how long it may be until the next one.
    fn step(&mut self) -> Duration {
        let rest = self.resume_at.map_or(Duration::ZERO, |at| at.saturating_duration_since(Instant::now()));
        if !rest.is_zero() {
            self.release_arrived();
            return rest;
        }
        self.resume_at = None;
        match self.work() {
            Ok(pause) => {
                self.back_off = BACK_OFF.0;
                pause
            }
            Err(fault) => self.fail(&fault),
        }
    }

    fn work(&mut self) -> Result<Duration, Fault> {
        if let State::Unread(_) = self.state {
            self.read_file()?;
        }
        self.write_down()?;
        let has_more = self.take_in()?;
        self.send()?;
        Ok(if has_more { Duration::ZERO } else { self.pause() })
    }

    /// The file and the queue may differ now: the file counts, and the queue is made anew from it.
    fn fail(&mut self, fault: &Fault) -> Duration {
        self.start_over(Some(fault.to_string()));
        let pause = self.back_off;
        self.back_off = BACK_OFF.1.min(pause * 2);
        self.resume_at = Some(Instant::now() + pause);
        pause
    }

    /// Makes the queue anew from the file in the next round.
    pub(super) fn start_over(&mut self, fault: Option<String>) {
        self.round += 1;
        self.is_probing = false;
        self.queue.forget();
        self.state = State::Unread(fault);
        self.release_arrived();
    }

    fn release_arrived(&mut self) {
        for sent in self.arrived.drain(..) {
            self.queue.release(sent.event.seq);
        }
    }

    fn read_file(&mut self) -> Result<(), Fault> {
        let progress = self.store.progress()?;
        self.dead = self.store.dead()?;
        let is_gone = progress.gone.as_deref() == Some(&self.receiver);
        if is_gone != self.endpoint.is_gone() {
            self.endpoint.set_gone(is_gone);
        }
        let last_seq = self.feed.last_seq();
        let is_ours = progress.cursor <= last_seq && self.mark_of(progress.cursor)? == progress.mark;
        if !is_ours {
            (self.state, self.cursor) = (State::OtherLedger, 0);
            return Ok(());
        }
        let now = self.now();
        for (order, event) in self.store.pending()? {
            self.queue.push(&order, OpenEvent { due: bounded(event.due, now), ..event });
        }
        (self.state, self.cursor) = (State::Working, progress.cursor);
        Ok(())
    }

    /// By what an entry is recognized; nothing before the first.
    pub(super) fn mark_of(&mut self, seq: u64) -> Result<String, Fault> {
        if seq == 0 { Ok(String::new()) } else { Ok(message::mark(&self.line(seq)?)) }
    }

    fn line(&mut self, seq: u64) -> Result<Vec<u8>, Fault> {
        let mut found = Vec::new();
        let only = SeqRange { after: seq - 1, upto: seq, most: 1 };
        self.reader.read(only, |_seq, line| found.extend_from_slice(line))?;
        if found.is_empty() { Err(Fault::Missing) } else { Ok(found) }
    }

    fn keep(&mut self, sent: Sent) {
        self.arrived.push(sent);
        while let Some(sent) = self.senders.sent_already() {
            self.arrived.push(sent);
        }
    }

    /// Writes down what became of messages, and lets the next ones of their orders go.
    fn write_down(&mut self) -> Result<(), Fault> {
        let (now, round) = (self.now(), self.round);
        let (own, old): (Vec<_>, Vec<_>) = self.arrived.drain(..).partition(|sent| sent.round == round);
        for sent in old {
            self.queue.release(sent.event.seq);
        }
        if own.is_empty() {
            return Ok(());
        }
        let (was_gone, was_down) = (self.endpoint.is_gone(), self.endpoint.is_down());
        let settled: Vec<_> = own.into_iter().map(|sent| self.judge(sent, now)).collect();
        let written = self.store.settle(&settled);
        if let Err(error) = written {
            // Sent, and not written down: they go again.
            for settled in settled {
                self.queue.release(settled.event.seq);
            }
            return Err(error.into());
        }
        let with = |status| settled.iter().filter(|settled| settled.status == status).count() as u64;
        let (delivered, given_up) = (with(DeliveryStatus::Delivered), with(DeliveryStatus::Dead));
        self.standing.settled(delivered, given_up);
        self.dead += given_up;
        for Settled { event, status, .. } in settled {
            match status {
                DeliveryStatus::Pending => self.queue.again(event),
                DeliveryStatus::Delivered | DeliveryStatus::Dead => self.queue.done(event.seq),
            }
        }
        if was_down && !self.endpoint.is_down() {
            self.queue.hasten(now);
        }
        if self.endpoint.is_gone() && !was_gone {
            self.store.set_gone(Some(&self.receiver))?;
        }
        Ok(())
    }

    fn judge(&mut self, Sent { event, answer, .. }: Sent, now: i64) -> Settled {
        self.standing.tried(AttemptOutcome::of(&answer));
        self.is_probing &= event.attempts > 0;
        let first = event.first.unwrap_or(now);
        let event = OpenEvent { attempts: event.attempts.saturating_add(1), first: Some(first), due: now, ..event };
        let (last_status, wish, error, failure) = match answer {
            Answer::Accepted(status) => {
                self.endpoint.accepted();
                let (status, last_status) = (DeliveryStatus::Delivered, Some(status));
                return Settled { event, status, at: now, last_status, last_error: None };
            }
            Answer::Gone => {
                self.endpoint.set_gone(true);
                let (status, last_error) = (DeliveryStatus::Pending, Some("status 410".to_owned()));
                return Settled { event, status, at: now, last_status: Some(410), last_error };
            }
            Answer::Refused(status, wish) => (Some(status), wish, format!("status {status}"), Failure::of(status)),
            Answer::TimedOut => (None, None, "no answer in time".to_owned(), Failure::OfTheReceiver),
            Answer::Unreachable(reason) => (None, None, reason, Failure::OfTheReceiver),
        };
        let chance: f64 = rand::rng().random();
        self.endpoint.failed(event.seq, failure, now, wish, chance);
        self.last_refusal.clone_from(&error);
        let (status, due) = match self.schedule.next(first, now, event.attempts, wish, chance) {
            Next::At(due) => (DeliveryStatus::Pending, due),
            Next::GiveUp => {
                let (seq, attempts) = (event.seq, event.attempts);
                tracing::error!(
                    seq,
                    attempts,
                    reason = error,
                    "an order event was given up: the webhook never took it"
                );
                (DeliveryStatus::Dead, now)
            }
        };
        Settled { event: OpenEvent { due, ..event }, status, at: now, last_status, last_error: Some(error) }
    }

    /// Whether entries may be taken in.
    fn is_hungry(&self) -> bool {
        let now = self.now();
        let takes = self.endpoint.room(now, self.concurrency) > 0 && self.endpoint.takes_fresh(now);
        let enough = if self.endpoint.is_down() { 1 } else { READY_ENOUGH };
        let has_room = self.queue.len() < MOST_OPEN && self.queue.fresh() < enough;
        matches!(self.state, State::Working) && takes && has_room && self.resume_at.is_none()
    }

    /// Takes entries in; whether there are more.
    fn take_in(&mut self) -> Result<bool, Fault> {
        let last_seq = self.feed.last_seq();
        if self.cursor >= last_seq || !self.is_hungry() {
            return Ok(false);
        }
        let (mut events, mut cursor, mut mark) = (Vec::new(), self.cursor, String::new());
        self.reader.read(SeqRange { after: cursor, upto: last_seq, most: BATCH }, |seq, line| {
            events.extend(message::event(line));
            (cursor, mark) = (seq, message::mark(line));
        })?;
        if cursor == self.cursor {
            return Err(Fault::Missing);
        }
        let now = self.now();
        self.store.take_in(&events, cursor, &mark, now)?;
        self.cursor = cursor;
        for event in events {
            self.queue.push(&event.order_id, OpenEvent { seq: event.seq, attempts: 0, first: None, due: now });
        }
        Ok(cursor < last_seq && self.is_hungry())
    }

    /// Hands events to the senders, as many as may be on their way.
    fn send(&mut self) -> Result<(), Fault> {
        let now = self.now();
        while self.endpoint.room(now, self.concurrency) > self.queue.in_flight() {
            let Some(event) = self.queue.take(now, self.takes_fresh(now)) else { break };
            self.is_probing |= event.attempts == 0;
            let line = self.line(event.seq);
            let told = line.map(|line| message::event(&line).map(|told| (told.id, message::body(&line))));
            match told {
                Ok(Some((id, body))) => self.senders.send(Job { event, round: self.round, id, body }),
                Ok(None) => {
                    self.queue.release(event.seq);
                    return Err(Fault::Missing);
                }
                Err(fault) => {
                    self.queue.release(event.seq);
                    return Err(fault);
                }
            }
        }
        Ok(())
    }

    /// Whether an event may be tried for the first time: one at a time while nobody answers.
    fn takes_fresh(&self, now: i64) -> bool {
        self.endpoint.takes_fresh(now) && !(self.endpoint.is_down() && self.is_probing)
    }

    /// How long nothing can happen by itself.
    fn pause(&self) -> Duration {
        let now = self.now();
        let may_send = self.endpoint.room(now, self.concurrency) > self.queue.in_flight();
        let due = self.queue.next_due(self.takes_fresh(now)).filter(|_| may_send);
        let next = due.into_iter().chain(self.endpoint.more_from(now)).min();
        let until = next.map(|next| Duration::from_millis(u64::try_from(next - now).unwrap_or(0)));
        until.map_or(LOOK_EVERY, |until| until.clamp(Duration::from_millis(1), LOOK_EVERY))
    }

    pub(super) fn now(&self) -> i64 {
        self.clock.now().millis()
    }

    /// Writes down what still comes in, and lets go of the file.
    async fn finish(mut self) {
        let begun = Instant::now();
        while self.queue.in_flight() > self.arrived.len() {
            match timeout(GRACE.saturating_sub(begun.elapsed()), self.senders.sent()).await {
                Ok(Some(sent)) => self.keep(sent),
                Ok(None) | Err(_) => break,
            }
        }
        let closed = self.write_down().and_then(|()| Ok(self.store.close()?));
        if let Err(fault) = closed {
            tracing::warn!(%fault, "the webhook's file was not closed well: what it lacks is sent again");
        }
    }
}
