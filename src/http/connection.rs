//! **Job:** stands between a socket and the HTTP library: one request at a time, in time, in bounded memory, and a
//! problem document where the library would refuse with a bare status.
//! **Owns:** the last words on a connection whose bytes are no longer HTTP, and its time-outs.
//! **Never:** changes what a request says, but for an upgrade that is not taken and a length that is none, or cuts the
//! answer to an earlier one.
//!
//! **Memory.** The library answers pipelined requests into a buffer without a limit, whether anybody reads or not. So
//! it is given the next request only when the answer to the one before is on its way, and nothing at all while the
//! socket takes nothing. A connection then holds at most one head that is not complete ([`MAX_HEAD`]), what one read
//! has brought ([`READ`]), and two answers; over all connections, what is written and not taken is bounded by
//! [`Limits::unflushed_total`], beyond which the one that has been stuck longest is closed.

mod chunks;
mod head_guard;
mod registry;

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, timeout};

use super::hangup::Hangup;
use super::problem::Problem;
use chunks::Parsed;
use head_guard::{HeadGuard, NO_BODY, Violation, bare_refusal};

pub use head_guard::MAX_HEAD;
pub use registry::{Connections, Limits, NoRoom, SLACK, Ticket};

/// Most bytes of one read: what the library makes room for.
pub const READ: usize = 8 * 1024;

/// How long a head may take from its first byte, and a new connection until then. A head fits a few packets.
const HEAD_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a body may take that nobody waits for. Who reads one gives up after five seconds and says so.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// Bytes that a client must have taken before it has more time for the rest.
const PROGRESS: usize = 4 * 1024;

/// How long a refused client may go on sending: if we closed at once, the reset could overtake our answer.
const LINGER: Duration = Duration::from_secs(1);

/// A connection of a client.
pub struct Connection {
    state: State,
    ticket: Ticket,
}

enum State {
    Open(Box<Open>),
    /// Nothing more is read; what was asked before may still be answered.
    Refused(TcpStream, Violation),
    /// The refusal is on its way.
    Leaving(Pin<Box<dyn Future<Output = io::Result<()>>>>),
    /// It was sent, as far as the client took it.
    Left,
}

/// What an open connection is doing.
#[expect(clippy::struct_excessive_bools, reason = "reading and writing each have their own, and any may hold with any")]
struct Open {
    stream: TcpStream,
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

impl Connection {
    /// A fresh connection that was let in with a ticket.
    #[must_use]
    pub fn new(stream: TcpStream, ticket: Ticket, hangup: Hangup) -> Self {
        let open = Open {
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
        };
        Self { state: State::Open(Box::new(open)), ticket }
    }

    /// Reads nothing more. What was asked before may still be answered; then comes the refusal.
    fn refuse(&mut self, violation: Violation) {
        self.state = match std::mem::replace(&mut self.state, State::Left) {
            State::Open(open) => State::Refused(open.stream, violation),
            other @ (State::Refused(..) | State::Leaving(_) | State::Left) => other,
        };
    }

    /// Says what was refused, as the last words on this connection.
    fn poll_leave(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.state = match std::mem::replace(&mut self.state, State::Left) {
            State::Refused(stream, violation) => {
                let refusal = Problem::new(violation.reason(), violation.to_string()).and_close();
                let refusal = refusal.to_bytes(self.ticket.limits().base_path.clone());
                State::Leaving(Box::pin(say_and_leave(stream, refusal)))
            }
            other @ (State::Open(_) | State::Leaving(_) | State::Left) => other,
        };
        let State::Leaving(refusal) = &mut self.state else { return Poll::Ready(Ok(())) };
        let left = ready!(refusal.as_mut().poll(cx));
        self.state = State::Left;
        Poll::Ready(left)
    }
}

async fn say_and_leave(mut stream: TcpStream, refusal: Vec<u8>) -> io::Result<()> {
    let leave = async {
        stream.write_all(&refusal).await?;
        stream.shutdown().await?;
        let mut unread = [0; 4096];
        while stream.read(&mut unread).await? > 0 {}
        Ok(())
    };
    timeout(LINGER, leave).await.unwrap_or(Ok(()))
}

/// What a reading came to.
enum Reading {
    /// Bytes were handed on, or the connection has ended.
    Ready,
    Pending,
    Refused(Violation),
}

impl Open {
    fn read(&mut self, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>, ticket: &Ticket) -> io::Result<Reading> {
        loop {
            if self.hand_on(buffer) || self.is_cut {
                return Ok(Reading::Ready);
            }
            if self.is_closed() && !self.held.is_empty() {
                self.wants_more = true;
                return Ok(Reading::Pending);
            }
            if !self.held.is_empty() {
                match self.guard.step(&mut self.held) {
                    Ok(Parsed::Incomplete) => {}
                    Ok(Parsed::Lengthless(at)) => {
                        drop(self.held.splice(at..at, NO_BODY.iter().copied()));
                        continue;
                    }
                    Ok(step) => {
                        self.released = self.follow(step);
                        continue;
                    }
                    Err(violation) => return Ok(Reading::Refused(violation)),
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
                    Err(violation) => return Ok(Reading::Refused(violation)),
                }
            }
            self.held.extend_from_slice(&buffer.filled()[before..]);
            buffer.set_filled(before);
        }
    }

    /// Leaves in the buffer what of the bytes just read belongs to one request, and holds the rest back. Returns
    /// whether it was anything.
    fn hand_on_read(&mut self, buffer: &mut ReadBuf<'_>, before: usize) -> Result<bool, Violation> {
        let step = self.guard.step(&mut buffer.filled_mut()[before..]).inspect_err(|_| buffer.set_filled(before));
        let step = step?;
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
    fn is_idle(&self) -> bool {
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

    /// Nothing has come. Between requests that may be so for as long as the library likes; in the middle of one, or
    /// before the first, only for a while.
    fn wait(&mut self, cx: &mut Context<'_>, ticket: &Ticket) -> Reading {
        let patience = if !self.guard.is_between_requests() {
            BODY_TIMEOUT
        } else if !self.held.is_empty() || !self.has_read {
            HEAD_TIMEOUT
        } else {
            if self.is_idle() && !ticket.waits(cx.waker()) {
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
        if is_slow_head { Reading::Refused(Violation::SlowHead) } else { Reading::Ready }
    }

    fn write(&mut self, cx: &mut Context<'_>, bytes: &[u8], ticket: &mut Ticket) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes)?;
        let count = match written {
            Poll::Ready(count) => count,
            Poll::Pending => 0,
        };
        if count == bytes.len() && !self.is_blocked {
            self.awaits_answer = false;
        } else {
            self.account(count, bytes.len() - count, ticket)?;
        }
        if count > 0 && self.wants_more {
            self.wants_more = false;
            cx.waker().wake_by_ref();
        }
        if written.is_ready() {
            return Poll::Ready(Ok(count));
        }
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

impl AsyncRead for Connection {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let State::Open(open) = &mut this.state else { return Poll::Ready(Ok(())) };
        match open.read(cx, buffer, &this.ticket)? {
            Reading::Ready => Poll::Ready(Ok(())),
            Reading::Pending => Poll::Pending,
            Reading::Refused(violation) => {
                // Instead of the rest, the reader sees the end of the connection: it finishes what it has, then shuts
                // down.
                this.refuse(violation);
                Poll::Ready(Ok(()))
            }
        }
    }
}

impl AsyncWrite for Connection {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        match &mut this.state {
            State::Open(open) => match bare_refusal(bytes) {
                None => {
                    let written = open.write(cx, bytes, &mut this.ticket);
                    if open.is_idle() {
                        // Nobody asks for more before there is more: it is told to end by its next reading.
                        let _unless_it_ends = this.ticket.waits(cx.waker());
                    }
                    written
                }
                Some(violation) => {
                    // The library drops the connection once this is written.
                    this.refuse(violation);
                    ready!(this.poll_leave(cx))?;
                    Poll::Ready(Ok(bytes.len()))
                }
            },
            State::Refused(stream, _) => Pin::new(stream).poll_write(cx, bytes),
            // The refusal is the last word: a time-out that fires meanwhile has nothing to add.
            State::Leaving(_) | State::Left => {
                ready!(this.poll_leave(cx))?;
                Poll::Ready(Ok(bytes.len()))
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().state {
            State::Open(open) => Pin::new(&mut open.stream).poll_flush(cx),
            State::Refused(stream, _) => Pin::new(stream).poll_flush(cx),
            State::Leaving(_) | State::Left => Poll::Ready(Ok(())),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        match &mut this.state {
            State::Open(open) => Pin::new(&mut open.stream).poll_shutdown(cx),
            State::Refused(..) | State::Leaving(_) | State::Left => this.poll_leave(cx),
        }
    }
}
