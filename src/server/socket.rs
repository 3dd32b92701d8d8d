//! **Job:** binds the sockets that the server serves on, where none was passed to it.
//! **Owns:** the file of a Unix socket: who may use it, and that it goes with its server.
//! **Never:** takes a socket away that somebody listens on.

use std::fs::{self, Permissions};
use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use super::ServeError;
use crate::config::{Config, OpsAddress};
use crate::service_manager::sockets::Listening;

/// Connections that may wait to be accepted: the crowd comes in one second.
pub(super) const BACKLOG: u32 = 4_096;

/// The socket is for its owner and their group: operators, Prometheus, a proxy.
const MODE: u32 = 0o660;

/// A socket to serve on.
pub(super) struct Socket {
    pub(super) listening: Listening,
    /// Others hold it, too: who connects after we have ended waits for who comes next.
    pub(super) is_passed: bool,
    /// What goes with it.
    pub(super) file: Option<SocketFile>,
}

impl Socket {
    pub(super) fn passed(listening: Listening) -> Self {
        Self { listening, is_passed: true, file: None }
    }

    /// Where it is.
    pub(super) fn address(&self) -> io::Result<OpsAddress> {
        match &self.listening {
            Listening::Tcp(socket) => Ok(OpsAddress::Tcp(socket.local_addr()?)),
            Listening::Unix(socket) => {
                let path = self.file.as_ref().map(|file| file.path.clone());
                let path = path.or_else(|| Some(socket.local_addr().ok()?.as_pathname()?.to_owned()));
                Ok(OpsAddress::Unix(path.unwrap_or_default()))
            }
        }
    }
}

/// The public listener's.
pub(super) fn bind_public(config: &Config) -> Result<Socket, ServeError> {
    let address = config.server.listen;
    let socket = bind_tcp(address).map_err(|source| failed("server.listen", &address, source))?;
    Ok(Socket { listening: Listening::Tcp(socket), is_passed: false, file: None })
}

/// The operations listener's.
pub(super) fn bind_operations(config: &Config) -> Result<Socket, ServeError> {
    let address = &config.server.ops_listen;
    let failed = |source| failed("server.ops_listen", address, source);
    let (listening, file) = match address {
        OpsAddress::Tcp(address) => (Listening::Tcp(bind_tcp(*address).map_err(failed)?), None),
        OpsAddress::Unix(path) => {
            let (socket, file) = bind_unix(path).map_err(failed)?;
            (Listening::Unix(socket), Some(file))
        }
    };
    Ok(Socket { listening, is_passed: false, file })
}

fn failed(key: &'static str, address: &impl ToString, source: io::Error) -> ServeError {
    ServeError::Listen { key, address: address.to_string(), source }
}

fn bind_tcp(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { tokio::net::TcpSocket::new_v4() } else { tokio::net::TcpSocket::new_v6() }?;
    // A restart must not wait for the connections of its predecessor.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)?.into_std()
}

/// The file of a Unix socket; removed when this is dropped.
#[derive(Debug)]
pub(super) struct SocketFile {
    path: PathBuf,
    /// Device and inode: what has the name later may be another server's.
    identity: (u64, u64),
}

/// Made under another name and renamed, so that nobody meets it with another mode, or finds none meanwhile.
fn bind_unix(path: &Path) -> io::Result<(UnixListener, SocketFile)> {
    make_room(path)?;
    let mut draft = path.as_os_str().to_owned();
    draft.push(".new");
    let draft = PathBuf::from(draft);
    match fs::remove_file(&draft) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let socket = UnixListener::bind(&draft)?;
    fs::set_permissions(&draft, Permissions::from_mode(MODE))?;
    let made = fs::symlink_metadata(&draft)?;
    fs::rename(&draft, path)?;
    Ok((socket, SocketFile { path: path.to_owned(), identity: (made.dev(), made.ino()) }))
}

/// A socket that a killed server has left may be replaced; nothing else.
fn make_room(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(found) if !found.file_type().is_socket() => Err(io::Error::other("there is something else of that name")),
        Ok(_) => match UnixStream::connect(path) {
            Ok(_somebody) => Err(ErrorKind::AddrInUse.into()),
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => Ok(()),
            Err(error) => Err(error),
        },
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let is_ours = |found: fs::Metadata| (found.dev(), found.ino()) == self.identity;
        if fs::symlink_metadata(&self.path).is_ok_and(is_ours)
            && let Err(error) = fs::remove_file(&self.path)
        {
            tracing::warn!(path = %self.path.display(), %error, "the socket stays behind");
        }
    }
}
