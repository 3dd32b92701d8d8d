//! **Job:** the bytes of a connection, plain or encrypted.
//! **Owns:** the handshake and its time, and how much an encrypted connection may keep that was not sent.
//! **Never:** costs a plain connection more than a look at what it is.

use std::future::poll_fn;
use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::sleep;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::registry::Ticket;
use crate::http::tls::Tls;

/// How long a handshake may take: a few round trips of the slowest phone.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);

/// Bytes that are encrypted and not sent, at most: a record. The library's own limit is four times that.
const UNSENT: usize = 16 * 1024;

/// The way to a client.
pub enum Stream {
    /// As it is.
    Plain(TcpStream),
    /// From a program on this machine.
    Local(UnixStream),
    /// Encrypted. Boxed once a connection: it is many times as large as the other.
    Tls(Box<TlsStream<TcpStream>>),
}

impl Stream {
    /// Agrees on keys with the client, who holds their place meanwhile as one that waits: others may take it.
    ///
    /// # Errors
    /// The client speaks something else, takes too long, or had to make room.
    pub async fn encrypted(socket: TcpStream, tls: &Tls, ticket: &Ticket) -> io::Result<Self> {
        let evicted = poll_fn(|cx| {
            let may_stay = ticket.waits(cx.waker()) && !ticket.is_closing();
            if may_stay { Poll::Pending } else { Poll::Ready(()) }
        });
        let mut stream = tokio::select! {
            biased;
            stream = TlsAcceptor::from(tls.config()).accept(socket) => stream?,
            () = evicted => return Err(io::Error::other("made room for others during its handshake")),
            () = sleep(HANDSHAKE_TIMEOUT) => return Err(ErrorKind::TimedOut.into()),
        };
        stream.get_mut().1.set_buffer_limit(Some(UNSENT));
        Ok(Self::Tls(Box::new(stream)))
    }

    /// What was taken over for the client and may not have been sent: all that there can be, or nothing.
    pub(super) fn unsent(&self) -> usize {
        match self {
            Self::Plain(_) | Self::Local(_) => 0,
            Self::Tls(stream) => {
                if stream.get_ref().1.wants_write() {
                    UNSENT
                } else {
                    0
                }
            }
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buffer),
            Self::Local(stream) => Pin::new(stream).poll_read(cx, buffer),
            Self::Tls(stream) => match Pin::new(stream).poll_read(cx, buffer) {
                // Many do not say that they end. What a request is, its length says.
                Poll::Ready(Err(error)) if error.kind() == ErrorKind::UnexpectedEof => Poll::Ready(Ok(())),
                read @ (Poll::Ready(_) | Poll::Pending) => read,
            },
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Local(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            // The kernel has it all.
            Self::Plain(_) | Self::Local(_) => Poll::Ready(Ok(())),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Local(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
