//! **Job:** tells whoever started the server where it listens, in a file.
//! **Owns:** `server.port_file`, from the start of the server to its end.
//! **Never:** leaves it behind, or takes away what another server has written.

use std::fs;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use doorbuster_actors::ledger::format::is_open_elsewhere;

use super::ServeError;
use crate::config::{Config, OpsAddress};

/// The file, if there is to be one; taken away when this is dropped.
pub(super) struct PortFile {
    path: Option<PathBuf>,
    written: Option<String>,
}

impl PortFile {
    /// Takes away what a killed server has left: who waits for the file must not read the ports of the dead. A start
    /// that another server on the same data file will refuse leaves that one's file alone.
    pub(super) fn clear(config: &Config) -> Result<Self, ServeError> {
        let path = config.server.port_file.clone();
        // Before anything is made: a start that is refused leaves nothing behind.
        if let Some(path) = &path
            && let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty())
        {
            folder.read_dir().map(drop).or_else(usable).map_err(|source| failed(path, source))?;
        }
        if let Some(path) = path.as_deref().filter(|_| !is_open_elsewhere(&config.storage.path).unwrap_or(false)) {
            remove(path).map_err(|source| failed(path, source))?;
        }
        Ok(Self { path, written: None })
    }

    /// Written beside and renamed, so that whoever waits for it never reads half of it.
    pub(super) fn write(&mut self, listen: SocketAddr, ops_listen: &OpsAddress) -> Result<(), ServeError> {
        let Some(path) = &self.path else { return Ok(()) };
        let ports = serde_json::json!({ "listen": listen, "ops_listen": ops_listen.to_string() }).to_string();
        let mut draft = path.as_os_str().to_owned();
        draft.push(".new");
        fs::write(&draft, &ports).and_then(|()| fs::rename(&draft, path)).map_err(|source| failed(path, source))?;
        self.written = Some(ports);
        Ok(())
    }
}

impl Drop for PortFile {
    fn drop(&mut self) {
        let (Some(path), Some(written)) = (&self.path, &self.written) else { return };
        if fs::read_to_string(path).is_ok_and(|found| found == *written)
            && let Err(error) = remove(path)
        {
            tracing::warn!(path = %path.display(), %error, "the port file stays behind");
        }
    }
}

/// A folder may be used that may not be read.
fn usable(error: io::Error) -> io::Result<()> {
    if error.kind() == ErrorKind::PermissionDenied { Ok(()) } else { Err(error) }
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        // Whatever else has this name is not ours to take away: it is told when it cannot be written.
        Ok(found) if !found.is_file() => Ok(()),
        Ok(_) => fs::remove_file(path),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

fn failed(path: &Path, source: io::Error) -> ServeError {
    ServeError::PortFile { path: path.to_owned(), source }
}
