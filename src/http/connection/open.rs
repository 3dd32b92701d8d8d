//! **Job:** one open connection: hands the library one request at a time, and nothing while the client takes no answer.
//! **Owns:** what was read and is held back, and the time-outs of reading and writing.
//! **Never:** writes a word of its own.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

use super::READ;
use super::chunks::Parsed;
use super::head_guard::{HeadGuard, NO_BODY};
use super::refusal::{Refusal, Violation};
use super::registry::Ticket;
use super::stream::Stream;
use crate::http::hangup::Hangup;

/// How long a head may take from its first byte, and a new connection until then. A head fits a few packets.
const HEAD_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a body may take that nobody waits for. Who reads one gives up after five seconds and says so.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// Bytes that a client must have taken before it has more time for the rest.
const PROGRESS: usize = 4 * 1024;

/// What an open connection is doing.
#[expect(clippy::struct_excessive_bools, reason = "reading and writing each have their own, and any may hold with any")]
pub(super) struct Open {
    pub(super) stream: Stream,
    hangup: Hangup,
    guard: HeadGuard,
    /// Read, and not handed on: a head that is not complete, or what came behind a request.
    held: Vec<u8>,
    /// So many of them may be handed on.
    released: usize,
    has_read: bool,
    /// The head of the current request was handed on, and its body has not come.
    is_in_body: bool,
    /// A request was handed on, and nothing has been written since.
    awaits_answer: bool,
    /// The socket took less than it was given.
    is_blocked: bool,
    /// The body ended in what is none: the library sees the end of the connection.
    is_cut: bool,
    /// The library asked for more when it could not be given.
    wants_more: bool,
    reading: Option<Pin<Box<Sleep>>>,
    writing: Option<Pin<Box<Sleep>>>,
    progress: usize,
}

/// What a reading came to.
pub(super) enum Reading {
    /// Bytes were handed on, or the connection has ended.
    Ready,
    Pending,
    Refused(Refusal),
}

impl Open {
    /// A fresh connection.
    pub(super) fn new(stream: Stream, hangup: Hangup) -> Self {
        Self {
            stream,
            hangup,
            guard: HeadGuard::default(),
            held: Vec::new(),
            released: 0,
            has_read: false,
            is_in_body: false,
            awaits_answer: false,
            is_blocked: false,
            is_cut: false,
            wants_more: false,
            reading: None,
            writing: None,
            progress: 0,
        }
    }

    pub(super) fn read(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
        ticket: &Ticket,
    ) -> io::Result<Reading> {
        loop {
            if self.hand_on(buffer) || self.is_cut {
                return Ok(Reading::Ready);
            }
            if self.is_closed() && !self.held.is_empty() {
                self.wants_more = true;
                return Ok(Reading::Pending);
            }
            if !self.held.is_empty() {
                match self.look_at_held() {
                    Ok(true) => continue,
                    Ok(false) => {}
                    Err(refusal) => return Ok(Reading::Refused(refusal)),
                }
            }
            let before = buffer.filled().len();
            if Pin::new(&mut self.stream).poll_read(cx, buffer)?.is_pending() {
                return Ok(self.wait(cx, ticket));
            }
            let count = buffer.filled().len() - before;
            if count == 0 {
                return Ok(Reading::Ready);
            }
            // A client that comes back at the moment it is told to end is served all the same; it ends afterwards.
            let _unless_it_ends = ticket.is_busy();
            self.has_read = true;
            if self.held.is_empty() && !self.is_closed() {
                // The usual case: a whole request, and nothing to copy.
                match self.hand_on_read(buffer, before) {
                    Ok(true) => return Ok(Reading::Ready),
                    Ok(false) => {}
                    Err(refusal) => return Ok(Reading::Refused(refusal)),
                }
            }
            self.held.extend_from_slice(&buffer.filled()[before..]);
            buffer.set_filled(before);
        }
    }

    /// Returns whether there is anything to do about what is held back.
    fn look_at_held(&mut self) -> Result<bool, Refusal> {
        match self.guard.step(&mut self.held).map_err(|violation| Refusal::of(violation, &self.held))? {
            Parsed::Incomplete => return Ok(false),
            Parsed::Lengthless(at) => drop(self.held.splice(at..at, NO_BODY.iter().copied())),
            step @ (Parsed::More(_) | Parsed::End(_) | Parsed::Cut(_)) => self.released = self.follow(step),
        }
        Ok(true)
    }

    /// Leaves in the buffer what of the bytes just read belongs to one request, and holds the rest back. Returns
    /// whether it was anything.
    fn hand_on_read(&mut self, buffer: &mut ReadBuf<'_>, before: usize) -> Result<bool, Refusal> {
        let step = self.guard.step(&mut buffer.filled_mut()[before..]).map_err(|violation| {
            let refusal = Refusal::of(violation, &buffer.filled()[before..]);
            buffer.set_filled(before);
            refusal
        })?;
        if matches!(step, Parsed::Incomplete | Parsed::Lengthless(_)) {
            return Ok(false);
        }
        let passed = self.follow(step);
        self.held.extend_from_slice(&buffer.filled()[before + passed..]);
        buffer.set_filled(before + passed);
        Ok(true)
    }

    /// Whether the library is not to be given another request now.
    fn is_closed(&self) -> bool {
        self.is_blocked || (self.awaits_answer && self.guard.is_between_requests())
    }

    /// Whether the last request was answered, as far as can be seen here, and the next one has not begun.
    pub(super) fn is_idle(&self) -> bool {
        let has_nothing = self.held.is_empty() && self.guard.is_between_requests();
        has_nothing && !self.is_blocked && !self.awaits_answer && !self.hangup.is_streaming()
    }

    /// Gives what was released. Returns whether it was anything.
    fn hand_on(&mut self, buffer: &mut ReadBuf<'_>) -> bool {
        let count = self.released.min(buffer.remaining());
        if count == 0 {
            return false;
        }
        buffer.put_slice(&self.held[..count]);
        self.held.drain(..count);
        self.released -= count;
        if self.held.is_empty() && self.held.capacity() > READ {
            self.held = Vec::new();
        }
        true
    }

    /// Takes note of what was found, and returns how many bytes may be handed on.
    fn follow(&mut self, step: Parsed) -> usize {
        let (count, is_end) = match step {
            Parsed::Incomplete | Parsed::Lengthless(_) => (0, false),
            Parsed::More(count) => (count, false),
            Parsed::End(count) => (count, true),
            Parsed::Cut(count) => {
                self.is_cut = true;
                (count, true)
            }
        };
        // The time of a head is over when its body begins.
        if is_end || !self.is_in_body {
            self.reading = None;
        }
        self.is_in_body = !is_end;
        self.awaits_answer |= is_end;
        count
    }

    /// Nothing has come. Where connections are let go, that is the end of one on which nothing is asked.
    fn wait(&mut self, cx: &mut Context<'_>, ticket: &Ticket) -> Reading {
        let reading = self.wait_in_time(cx, ticket);
        let asks_nothing = self.held.is_empty() && self.guard.is_between_requests() && !self.awaits_answer;
        let may_go = asks_nothing && !self.is_blocked && matches!(reading, Reading::Pending);
        if may_go && ticket.is_closing() { Reading::Ready } else { reading }
    }

    /// Between requests that may be so for as long as the library likes; in the middle of one, or
    /// before the first, only for a while.
    fn wait_in_time(&mut self, cx: &mut Context<'_>, ticket: &Ticket) -> Reading {
        let patience = if !self.guard.is_between_requests() {
            BODY_TIMEOUT
        } else if !self.held.is_empty() || !self.has_read {
            HEAD_TIMEOUT
        } else {
            if self.hangup.is_streaming() {
                ticket.streams(cx.waker());
            } else if self.is_idle() && !ticket.waits(cx.waker()) {
                return Reading::Ready;
            }
            return Reading::Pending;
        };
        if self.guard.is_between_requests() && !ticket.waits(cx.waker()) {
            return Reading::Ready;
        }
        let timer = self.reading.get_or_insert_with(|| Box::pin(tokio::time::sleep(patience)));
        if timer.as_mut().poll(cx).is_pending() {
            return Reading::Pending;
        }
        let is_slow_head = self.guard.is_between_requests() && !self.held.is_empty();
        let slow_head = || Reading::Refused(Refusal::of(Violation::SlowHead, &self.held));
        if is_slow_head { slow_head() } else { Reading::Ready }
    }

    pub(super) fn write(&mut self, cx: &mut Context<'_>, bytes: &[u8], ticket: &mut Ticket) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes)?;
        let count = match written {
            Poll::Ready(count) => count,
            Poll::Pending => 0,
        };
        let left = bytes.len() - count + self.stream.unsent();
        if left == 0 && !self.is_blocked {
            self.awaits_answer = false;
        } else {
            self.account(count, left, ticket)?;
        }
        if count > 0 {
            self.ask_for_more(cx);
        }
        if written.is_ready() {
            return Poll::Ready(Ok(count));
        }
        self.poll_stalled(cx, ticket)
    }

    /// Sends what was encrypted and is not sent yet. A plain connection keeps nothing.
    pub(super) fn flush(&mut self, cx: &mut Context<'_>, ticket: &mut Ticket) -> Poll<io::Result<()>> {
        if self.stream.unsent() == 0 {
            return Poll::Ready(Ok(()));
        }
        let flushed = Pin::new(&mut self.stream).poll_flush(cx)?;
        self.account(0, self.stream.unsent(), ticket)?;
        if flushed.is_ready() {
            self.ask_for_more(cx);
            return Poll::Ready(Ok(()));
        }
        self.poll_stalled(cx, ticket)
    }

    /// The library may be given more than when it last asked.
    fn ask_for_more(&mut self, cx: &mut Context<'_>) {
        if std::mem::take(&mut self.wants_more) {
            cx.waker().wake_by_ref();
        }
    }

    /// The client takes nothing; that is an error after its time, or once others need what it holds.
    fn poll_stalled<T>(&mut self, cx: &mut Context<'_>, ticket: &Ticket) -> Poll<io::Result<T>> {
        if !ticket.is_stuck(cx.waker()) {
            return Poll::Ready(Err(io::Error::other("too much is written that nobody takes")));
        }
        let timer = self.writing.get_or_insert_with(|| Box::pin(tokio::time::sleep(ticket.limits().write_stall)));
        ready!(timer.as_mut().poll(cx));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client takes nothing")))
    }

    /// The socket took only a part, or takes again after it had not.
    fn account(&mut self, taken: usize, left: usize, ticket: &mut Ticket) -> io::Result<()> {
        self.awaits_answer &= taken == 0;
        self.is_blocked = left > 0;
        self.progress += taken;
        if left == 0 {
            (self.writing, self.progress) = (None, 0);
            let _unless_it_ends = ticket.is_busy();
        } else if let Some(timer) = &mut self.writing
            && self.progress >= PROGRESS
        {
            self.progress = 0;
            timer.as_mut().reset(Instant::now() + ticket.limits().write_stall);
        }
        let is_within = ticket.leave_unflushed(left);
        is_within.then_some(()).ok_or_else(|| io::Error::other("too much is written that nobody takes"))
    }
}
