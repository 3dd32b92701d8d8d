//! **Job:** the way to an operations listener that is a Unix socket.
//! **Owns:** the bytes on it, and their time.
//! **Never:** knows what is asked.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{Buffers, ConnectionDetails, Connector, LazyBuffers, NextTimeout, Transport};
use ureq::{Agent, Error};

/// An agent whose every request goes to the socket of this path.
pub(super) fn agent(config: Config, path: PathBuf) -> Agent {
    Agent::with_parts(config, LocalSocket(path), NoName)
}

#[derive(Debug)]
struct LocalSocket(PathBuf);

/// There is nothing to look up.
#[derive(Debug)]
struct NoName;

impl Resolver for NoName {
    fn resolve(&self, _: &Uri, _: &Config, _: NextTimeout) -> Result<ResolvedSocketAddrs, Error> {
        let mut addresses = self.empty();
        addresses.push(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0));
        Ok(addresses)
    }
}

impl Connector for LocalSocket {
    type Out = Connected;

    fn connect(&self, details: &ConnectionDetails<'_>, _: Option<()>) -> Result<Option<Connected>, Error> {
        let stream = UnixStream::connect(&self.0)?;
        let buffers = LazyBuffers::new(details.config.input_buffer_size(), details.config.output_buffer_size());
        Ok(Some(Connected { stream, buffers }))
    }
}

#[derive(Debug)]
struct Connected {
    stream: UnixStream,
    buffers: LazyBuffers,
}

/// Sockets say that they would block when their time is over.
fn in_time(error: io::Error, timeout: &NextTimeout) -> Error {
    let is_over = matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut);
    if is_over { Error::Timeout(timeout.reason) } else { error.into() }
}

impl Transport for Connected {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        self.stream.set_write_timeout(timeout.not_zero().map(|time| *time))?;
        self.stream.write_all(&self.buffers.output()[..amount]).map_err(|error| in_time(error, &timeout))
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        self.stream.set_read_timeout(timeout.not_zero().map(|time| *time))?;
        let count = self.stream.read(self.buffers.input_append_buf()).map_err(|error| in_time(error, &timeout))?;
        self.buffers.input_appended(count);
        Ok(count > 0)
    }

    /// Whether nobody has ended it: there must be nothing to read, and no end either.
    fn is_open(&mut self) -> bool {
        let is_silent = || {
            self.stream.set_nonblocking(true)?;
            let read = (&self.stream).read(&mut [0]);
            self.stream.set_nonblocking(false)?;
            Ok::<_, io::Error>(read.is_err_and(|error| error.kind() == ErrorKind::WouldBlock))
        };
        is_silent().unwrap_or(false)
    }
}
