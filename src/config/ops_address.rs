//! **Job:** where the operations listener is: a port of this machine, or a socket in its file system.
//! **Owns:** how either is written.
//! **Never:** opens one.

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use super::value::Value;

/// What a path is told from an address by.
const UNIX: &str = "unix:";

/// `127.0.0.1:9190`, or `unix:/run/doorbuster/ops.sock`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OpsAddress {
    /// An address and a port.
    Tcp(SocketAddr),
    /// The path of a Unix socket.
    Unix(PathBuf),
}

impl OpsAddress {
    /// Reads either; a path is absolute.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text.strip_prefix(UNIX) {
            Some(path) => Path::new(path).is_absolute().then(|| Self::Unix(path.into())),
            None => text.parse().ok().map(Self::Tcp),
        }
    }

    /// The address, where it is one.
    #[must_use]
    pub fn tcp(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(address) => Some(*address),
            Self::Unix(_) => None,
        }
    }
}

impl fmt::Display for OpsAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => write!(f, "{address}"),
            Self::Unix(path) => write!(f, "{UNIX}{}", path.display()),
        }
    }
}

impl Value for OpsAddress {
    const EXPECTED: &'static str = "an address and a port, like 127.0.0.1:9190, or unix: and an absolute path, like \
        unix:/run/doorbuster/ops.sock";

    fn from_text(text: &str) -> Option<Self> {
        Self::parse(text)
    }

    fn to_toml(&self) -> toml::Value {
        self.to_string().into()
    }
}
