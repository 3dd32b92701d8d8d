//! **Job:** tells an answer without an end that its client has hung up.
//! **Owns:** a mark per connection, made when the last byte of the client has been read.
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

/// Whether the client of a connection has hung up.
#[derive(Debug, Clone, Default)]
pub struct Hangup(Rc<Cell<bool>>);

impl Hangup {
    /// Of the connection that brought the request. Without one, as in some tests, nobody ever hangs up.
    #[must_use]
    pub fn of(request: &HttpRequest) -> Self {
        request.conn_data::<Self>().cloned().unwrap_or_default()
    }

    /// Whether it has happened.
    #[must_use]
    pub fn has_happened(&self) -> bool {
        self.0.get()
    }

    /// The stream until its client hangs up. The library looks at its answer again whenever it has read from the
    /// connection, so the end of what can be read is noticed at once.
    pub fn ends<S: Stream>(self, stream: S) -> impl Stream<Item = S::Item> {
        let mut stream = Box::pin(stream);
        poll_fn(move |cx| if self.has_happened() { Poll::Ready(None) } else { stream.as_mut().poll_next(cx) })
    }
}

/// A connection that is listened to.
#[derive(Debug)]
pub struct Line<T> {
    connection: T,
    hangup: Hangup,
}

impl<T> Line<T> {
    /// Listens to a fresh connection.
    #[must_use]
    pub fn new(connection: T) -> Self {
        Self { connection, hangup: Hangup::default() }
    }

    /// Hands the mark to the requests that will come on this connection.
    pub fn introduce(&self, requests: &mut Extensions) {
        requests.insert(self.hangup.clone());
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Line<T> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let (before, has_room) = (buffer.filled().len(), buffer.remaining() > 0);
        let read = ready!(Pin::new(&mut this.connection).poll_read(cx, buffer));
        let is_over = read.is_err() || (has_room && buffer.filled().len() == before);
        if is_over {
            this.hangup.0.set(true);
        }
        Poll::Ready(read)
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Line<T> {
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
