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
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod cut;
mod head;
mod head_guard;
mod open;
mod refusal;
mod registry;
mod stream;

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::time::timeout;

use super::hangup::Hangup;
use super::problem::Problem;
use open::{Open, Reading};
use refusal::{Refusal, bare_refusal};

pub use head::MAX_HEAD;
pub use registry::{Connections, Limits, NoRoom, SLACK, Ticket};
pub use stream::Stream;

/// Most bytes of one read: what the library makes room for.
pub const READ: usize = 8 * 1024;

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
    Refused(Stream, Refusal),
    /// The refusal is on its way.
    Leaving(Pin<Box<dyn Future<Output = io::Result<()>>>>),
    /// It was sent, as far as the client took it.
    Left,
}

impl Connection {
    /// A fresh connection that was let in with a ticket.
    #[must_use]
    pub fn new(stream: Stream, ticket: Ticket, hangup: Hangup) -> Self {
        let open = Open::new(stream, hangup);
        Self { state: State::Open(Box::new(open)), ticket }
    }

    /// Reads nothing more. What was asked before may still be answered; then comes the refusal.
    fn refuse(&mut self, refusal: Refusal) {
        self.state = match std::mem::replace(&mut self.state, State::Left) {
            State::Open(open) => State::Refused(open.stream, refusal),
            other @ (State::Refused(..) | State::Leaving(_) | State::Left) => other,
        };
    }

    /// Says what was refused, as the last words on this connection.
    fn poll_leave(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.state = match std::mem::replace(&mut self.state, State::Left) {
            State::Refused(stream, refusal) => {
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

async fn say_and_leave(mut stream: Stream, refusal: Vec<u8>) -> io::Result<()> {
    let leave = async {
        stream.write_all(&refusal).await?;
        stream.shutdown().await?;
        let mut unread = [0; 4096];
        while stream.read(&mut unread).await? > 0 {}
        Ok(())
    };
    timeout(LINGER, leave).await.unwrap_or(Ok(()))
}

impl AsyncRead for Connection {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let State::Open(open) = &mut this.state else { return Poll::Ready(Ok(())) };
        match open.read(cx, buffer, &this.ticket)? {
            Reading::Ready => Poll::Ready(Ok(())),
            Reading::Pending => Poll::Pending,
            Reading::Refused(refusal) => {
                // Instead of the rest, the reader sees the end of the connection: it finishes what it has, then shuts
                // down.
                this.refuse(refusal);
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
                Some(refusal) => {
                    // The library drops the connection once this is written.
                    this.refuse(refusal);
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
        let this = self.get_mut();
        match &mut this.state {
            State::Open(open) => open.flush(cx, &mut this.ticket),
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
