//! **Job:** tells an answer without an end that its client has hung up.
//! **Owns:** the marks of a connection: that the last byte of its client has been read, that an answer without an end
//! is on it.
//! **Never:** changes a byte, or ends an answer that has an end: whoever has said all may still listen to that.
//!
//! The HTTP library goes on answering a client that has closed its half of the connection, which is right for an answer
//! with an end. A stream of events would only notice with its second write after that, half a minute later, and hold
//! the client's place all the while.

use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use actix_http::Extensions;
use actix_web::HttpRequest;
use futures_util::Stream;
use futures_util::stream::poll_fn;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Whether the client of a connection has hung up, and whether it is being sent an answer without an end.
#[derive(Debug, Clone, Default)]
pub struct Hangup {
    has_happened: Rc<Cell<bool>>,
    is_streaming: Rc<Cell<bool>>,
}

/// As long as it lives, an answer without an end is on the connection.
struct Streaming(Rc<Cell<bool>>);

impl Drop for Streaming {
    fn drop(&mut self) {
        self.0.set(false);
    }
}

impl Hangup {
    /// Of the connection that brought the request. Without one, as in some tests, nobody ever hangs up.
    #[must_use]
    pub fn of(request: &HttpRequest) -> Self {
        request.conn_data::<Self>().cloned().unwrap_or_default()
    }

    /// Whether it has happened.
    #[must_use]
    pub fn has_happened(&self) -> bool {
        self.has_happened.get()
    }

    /// Whether an answer without an end is on the connection: what was written is not all of it.
    #[must_use]
    pub fn is_streaming(&self) -> bool {
        self.is_streaming.get()
    }

    /// The stream until its client hangs up. The library looks at its answer again whenever it has read from the
    /// connection, so the end of what can be read is noticed at once.
    pub fn ends<S: Stream>(self, stream: S) -> impl Stream<Item = S::Item> {
        let mut stream = Box::pin(stream);
        self.is_streaming.set(true);
        let streaming = Streaming(Rc::clone(&self.is_streaming));
        poll_fn(move |cx| {
            let _until_it_is_dropped = &streaming;
            if self.has_happened() { Poll::Ready(None) } else { stream.as_mut().poll_next(cx) }
        })
    }
}

/// A connection that is listened to.
#[derive(Debug)]
pub struct WithHangup<T> {
    connection: T,
    hangup: Hangup,
}

impl<T> WithHangup<T> {
    /// Listens to a fresh connection, whose marks these are.
    #[must_use]
    pub fn new(connection: T, hangup: Hangup) -> Self {
        Self { connection, hangup }
    }

    /// Hands the mark to the requests that will come on this connection.
    pub fn introduce(&self, requests: &mut Extensions) {
        requests.insert(self.hangup.clone());
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for WithHangup<T> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let (before, has_room) = (buffer.filled().len(), buffer.remaining() > 0);
        let read = ready!(Pin::new(&mut this.connection).poll_read(cx, buffer));
        let is_over = read.is_err() || (has_room && buffer.filled().len() == before);
        if is_over {
            this.hangup.has_happened.set(true);
        }
        Poll::Ready(read)
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for WithHangup<T> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().connection).poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().connection).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().connection).poll_shutdown(cx)
    }
}
