//! **Job:** takes the sockets that the service manager has opened for us (socket activation).
//! **Owns:** which of them is which listener's, and why one does not fit.
//! **Never:** binds, or reads more of the environment than the protocol's libraries do.
//!
//! The manager holds these sockets while nobody serves them: who connects during a restart waits instead of being
//! refused.

use std::io;
use std::net::TcpListener;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixListener;

use listenfd::ListenFd;
use rustix::net::sockopt::socket_acceptconn;

/// What systemd calls a socket without `FileDescriptorName=`: its unit.
const UNIT_SUFFIX: &str = ".socket";

/// What the library calls a socket where no names were passed.
const NAMELESS: &str = "unknown";

/// Why what was passed cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum UnfitSocket {
    /// The protocol's variables contradict themselves, or name a socket that is not there.
    #[error("LISTEN_FDS, LISTEN_FDNAMES: {0}")]
    Variables(io::Error),
    /// More than there are listeners.
    #[error("LISTEN_FDS: {count} sockets were passed, and there are listeners for {most}: {names}")]
    TooMany {
        /// So many were passed.
        count: usize,
        /// So many are of use.
        most: usize,
        /// The names of the listeners.
        names: String,
    },
    /// A name that no listener has.
    #[error("LISTEN_FDNAMES: {name}: there is no such listener; FileDescriptorName= may be {names}")]
    Unknown {
        /// The name.
        name: String,
        /// The names of the listeners.
        names: String,
    },
    /// Two for one listener.
    #[error("LISTEN_FDNAMES: {0}: two sockets have this name: give each unit its FileDescriptorName=")]
    Twice(&'static str),
    /// Something else than a stream socket that listens.
    #[error("LISTEN_FDS: {name}: not a stream socket that listens (ListenStream=, Accept=no): {source}")]
    Type {
        /// The listener it was for.
        name: &'static str,
        /// What is wrong with it.
        source: io::Error,
    },
}

/// A socket that listens.
#[derive(Debug)]
pub enum Listening {
    /// On a port.
    Tcp(TcpListener),
    /// In the file system.
    Unix(UnixListener),
}

impl Listening {
    /// The socket, if it is one of a port.
    ///
    /// # Errors
    /// It is another's.
    pub fn tcp(self, name: &'static str) -> Result<TcpListener, UnfitSocket> {
        match self {
            Self::Tcp(socket) => Ok(socket),
            Self::Unix(_) => Err(UnfitSocket::Type { name, source: io::Error::other("it is a Unix socket") }),
        }
    }
}

impl AsFd for Listening {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Tcp(socket) => socket.as_fd(),
            Self::Unix(socket) => socket.as_fd(),
        }
    }
}

/// The sockets that were passed to this process, one or none for each of its listeners. Those without a name are taken
/// in this order. Call it once, before there are threads.
///
/// # Errors
/// What was passed does not fit.
pub fn receive<const N: usize>(listeners: [&'static str; N]) -> Result<[Option<Listening>; N], UnfitSocket> {
    let passed = sd_notify::listen_fds_with_names().map_err(UnfitSocket::Variables)?;
    let places = places(listeners, passed.map(|(_, name)| name).collect())?;
    let mut received = [const { None }; N];
    if places.is_empty() {
        return Ok(received);
    }
    let mut sockets = ListenFd::from_env();
    for (index, place) in places.into_iter().enumerate() {
        let unfit = |source| UnfitSocket::Type { name: listeners[place], source };
        let tcp = sockets.take_tcp_listener(index).map(|socket| socket.map(Listening::Tcp));
        // What the first try refuses is left where it was.
        let unix = |error| match sockets.take_unix_listener(index) {
            Ok(socket) => Ok(socket.map(Listening::Unix)),
            Err(_neither) => Err(error),
        };
        let socket = tcp.or_else(unix).map_err(unfit)?;
        let socket = socket.ok_or_else(|| unfit(io::ErrorKind::NotFound.into()))?;
        if !socket_acceptconn(&socket).map_err(|error| unfit(error.into()))? {
            return Err(unfit(io::Error::other("it does not listen")));
        }
        received[place] = Some(socket);
    }
    Ok(received)
}

/// For each socket that was passed, the place of its listener.
fn places<const N: usize>(listeners: [&'static str; N], passed: Vec<String>) -> Result<Vec<usize>, UnfitSocket> {
    let names = || listeners.join(", ");
    if passed.len() > N {
        return Err(UnfitSocket::TooMany { count: passed.len(), most: N, names: names() });
    }
    let has_name = |name: &String| !name.is_empty() && name != NAMELESS && !name.ends_with(UNIT_SUFFIX);
    // One listener needs no name to be told from others.
    if N == 1 || !passed.iter().any(has_name) {
        return Ok((0..passed.len()).collect());
    }
    let mut taken = [false; N];
    let mut place = |name: String| {
        let Some(place) = listeners.iter().position(|listener| *listener == name) else {
            return Err(UnfitSocket::Unknown { name, names: names() });
        };
        if std::mem::replace(&mut taken[place], true) {
            return Err(UnfitSocket::Twice(listeners[place]));
        }
        Ok(place)
    };
    passed.into_iter().map(&mut place).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOTH: [&str; 2] = ["public", "operations"];

    fn placed(passed: &[&str]) -> Result<Vec<usize>, String> {
        let passed = passed.iter().map(|name| (*name).to_owned()).collect();
        places(BOTH, passed).map_err(|unfit| unfit.to_string())
    }

    #[test]
    fn a_socket_goes_where_its_name_says_or_its_place() {
        for (passed, expected) in [
            (&[][..], &[][..]),
            (&["public"], &[0]),
            (&["operations"], &[1]),
            (&["operations", "public"], &[1, 0]),
            (&["unknown"], &[0]),
            (&["unknown", "unknown"], &[0, 1]),
            (&["doorbuster.socket", "doorbuster.socket"], &[0, 1]),
            (&["", ""], &[0, 1]),
        ] {
            assert_eq!(placed(passed).as_deref(), Ok(expected), "{passed:?}");
        }
        assert_eq!(places(["inventory"], vec!["stock".to_owned()]).expect("the only one"), [0]);
    }

    #[test]
    fn what_nobody_can_place_is_said() {
        for (passed, word) in [
            (&["public", "public"][..], "public: two sockets"),
            (&["web"], "web: there is no such listener; FileDescriptorName= may be public, operations"),
            (&["public", "doorbuster.socket"], "doorbuster.socket: there is no such listener"),
            (&["public", "operations", "public"], "3 sockets were passed"),
        ] {
            let unfit = placed(passed).expect_err("unfit");
            assert!(unfit.contains(word), "{passed:?}: {unfit}");
        }
    }
}
