//! **Job:** lets the HTTP library read from a connection only what the watch has seen, and refuses in its place.
//! **Owns:** the last words on a connection whose bytes are no longer HTTP.
//! **Never:** changes a byte of an acceptable request, or cuts the answer to an earlier one.

mod watch;

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::problem::Problem;
use watch::{Objection, Violation, Watch};

/// How long a refused client may go on sending: if we closed at once, the reset could overtake our answer.
const LINGER: Duration = Duration::from_secs(1);

/// A connection under watch.
pub struct Wire(State);

enum State {
    Open(TcpStream, Watch),
    /// Nothing more is read; what was asked before may still be answered.
    Refused(TcpStream, Violation),
    /// The refusal is on its way.
    Leaving(Pin<Box<dyn Future<Output = io::Result<()>>>>),
}

impl Wire {
    /// Watches a fresh connection.
    #[must_use]
    pub fn new(stream: TcpStream) -> Self {
        Self(State::Open(stream, Watch::default()))
    }

    fn turn(&mut self, next: impl FnOnce(TcpStream) -> State) {
        let nobody = State::Leaving(Box::pin(std::future::ready(Ok(()))));
        self.0 = match std::mem::replace(&mut self.0, nobody) {
            State::Open(stream, _) | State::Refused(stream, _) => next(stream),
            leaving @ State::Leaving(_) => leaving,
        };
    }
}

async fn refuse(mut stream: TcpStream, violation: Violation) -> io::Result<()> {
    let refusal = Problem::new(violation.code(), violation.to_string()).and_close().to_bytes();
    let leave = async {
        stream.write_all(&refusal).await?;
        stream.shutdown().await?;
        let mut unread = [0; 4096];
        while stream.read(&mut unread).await? > 0 {}
        Ok(())
    };
    timeout(LINGER, leave).await.unwrap_or(Ok(()))
}

impl AsyncRead for Wire {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let State::Open(stream, watch) = &mut this.0 else { return Poll::Ready(Ok(())) };
        let before = buffer.filled().len();
        ready!(Pin::new(stream).poll_read(cx, buffer))?;
        if let Err(Objection { violation, accepted }) = watch.feed(&buffer.filled()[before..]) {
            // Instead of the rest, the reader sees the end of the connection: it finishes what it has, then shuts down.
            buffer.set_filled(before + accepted);
            this.turn(|stream| State::Refused(stream, violation));
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match &mut self.get_mut().0 {
            State::Open(stream, _) | State::Refused(stream, _) => Pin::new(stream).poll_write(cx, bytes),
            // The refusal is the last word: a time-out that fires meanwhile has nothing to add.
            State::Leaving(_) => Poll::Ready(Ok(bytes.len())),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().0 {
            State::Open(stream, _) | State::Refused(stream, _) => Pin::new(stream).poll_flush(cx),
            State::Leaving(_) => Poll::Ready(Ok(())),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if let State::Refused(_, violation) = this.0 {
            this.turn(|stream| State::Leaving(Box::pin(refuse(stream, violation))));
        }
        match &mut this.0 {
            State::Open(stream, _) | State::Refused(stream, _) => Pin::new(stream).poll_shutdown(cx),
            State::Leaving(refusal) => refusal.as_mut().poll(cx),
        }
    }
}
