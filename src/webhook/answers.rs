//! **Job:** what the loop tells: answers to the operator, and how it stands.
//! **Owns:** the way from what is wrong to words.
//! **Never:** answers before what it says is written down.

use tokio::sync::oneshot;

use super::command::{Command, NoAnswer};
use super::delivery::{Delivery, DeliveryStatus};
use super::queue::OpenEvent;
use super::standing::{Trouble, TroubleKind};
use super::worker::{Fault, State, Worker};

impl Worker {
    pub(super) fn answer(&mut self, command: Command) {
        match command {
            Command::Page { status, after, limit, reply } => {
                let page = self.store.page(status, after, limit).map_err(Fault::from);
                self.give(reply, page.map(Ok));
            }
            Command::Replay { after, reply } => {
                let answer = self.replay(after);
                self.give(reply, answer);
            }
            Command::Retry { seq, reply } => {
                let answer = self.retry(seq);
                self.give(reply, answer);
            }
        }
    }

    /// Gives an answer. Nobody may be waiting any more.
    fn give<T>(&mut self, reply: oneshot::Sender<Result<T, NoAnswer>>, answer: Result<Result<T, NoAnswer>, Fault>) {
        let answer = answer.unwrap_or_else(|fault| {
            self.start_over(Some(fault.to_string()));
            Err(NoAnswer::Storage)
        });
        let _gone = reply.send(answer);
    }

    /// Goes back to an entry, if it is not there yet: never forward, for what was not looked at is not lost.
    fn replay(&mut self, after: u64) -> Result<Result<u64, NoAnswer>, Fault> {
        let last_seq = self.feed.last_seq();
        if after > last_seq {
            return Ok(Err(NoAnswer::Beyond { last_seq }));
        }
        let is_other = matches!(self.state, State::OtherLedger);
        // The queue's cursor is not the file's while the file is unread.
        let from = if is_other { after } else { after.min(self.store.progress()?.cursor) };
        let mark = self.mark_of(from)?;
        self.store.rewind(from, &mark, is_other)?;
        self.welcome_back()?;
        self.start_over(None);
        tracing::info!(after, last_seq, "order events are sent to the webhook again");
        Ok(Ok(last_seq))
    }

    fn retry(&mut self, seq: u64) -> Result<Result<Delivery, NoAnswer>, Fault> {
        let Some(known) = self.store.find(seq)? else { return Ok(Err(NoAnswer::Unknown)) };
        let now = self.now();
        let Some(order) = self.store.revive(seq, now)? else { return Ok(Err(NoAnswer::NotDead(known.status))) };
        self.dead = self.dead.saturating_sub(1);
        match self.state {
            State::Working => self.queue.push(&order, OpenEvent { seq, attempts: 0, first: None, due: now }),
            // It is read with the others.
            State::Unread(_) | State::OtherLedger => {}
        }
        self.welcome_back()?;
        let status = DeliveryStatus::Pending;
        Ok(Ok(Delivery { status, attempts: 0, first_attempt: None, next_attempt: now, ..known }))
    }

    /// Who wants something sent says that the receiver is there.
    fn welcome_back(&mut self) -> Result<(), Fault> {
        if self.endpoint.is_gone() {
            self.store.set_gone(None)?;
            self.endpoint.set_gone(false);
            self.start_over(None);
        }
        Ok(())
    }

    /// Shows how it stands.
    pub(super) fn publish(&self) {
        self.feed.webhook_is_at(self.cursor, self.queue.len() as u64);
        self.standing.hold(self.queue.len(), self.dead);
        let trouble = self.trouble();
        if self.standing.set_trouble(trouble.clone()) {
            match trouble {
                None => tracing::info!(cursor = self.cursor, "the webhook works"),
                Some(Trouble { kind, text }) if kind.stops() => tracing::error!("{text}"),
                Some(Trouble { text, .. }) => tracing::warn!("{text}"),
            }
        }
    }

    fn trouble(&self) -> Option<Trouble> {
        let trouble = |kind, text: String| Some(Trouble { kind, text });
        match &self.state {
            State::Unread(Some(fault)) => {
                return trouble(TroubleKind::Storage, format!("No order events are sent: {fault}. Tried again."));
            }
            State::OtherLedger => {
                let text = "No order events are sent: the webhook's file is of another ledger than the data file, or \
                            the data file was restored from a backup. Say from which entry to send: POST \
                            /v1/admin/webhook/replay.";
                return trouble(TroubleKind::OtherLedger, text.to_owned());
            }
            State::Unread(None) | State::Working => {}
        }
        if self.endpoint.is_gone() {
            let text = "No order events are sent: the receiver answered 410 Gone, which is for good. Correct \
                        webhook.url, or once the receiver is back, POST /v1/admin/webhook/replay with the last entry \
                        it has.";
            return trouble(TroubleKind::Gone, text.to_owned());
        }
        let (stubborn, last) = (self.queue.stubborn(), &self.last_refusal);
        if self.endpoint.is_down() {
            return trouble(
                TroubleKind::Failing,
                format!("The webhook accepts no order events (last: {last}). They are tried again."),
            );
        }
        let text = || format!("{stubborn} order events are not accepted by the webhook (last: {last}): tried again.");
        if stubborn > 0 { trouble(TroubleKind::Failing, text()) } else { None }
    }
}
