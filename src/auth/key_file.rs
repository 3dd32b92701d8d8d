//! **Job:** follows the file with the identity provider's keys.
//! **Owns:** what was read of it last, and whether that could be used.
//! **Never:** takes keys away because their successors cannot be read.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;

/// Largest file, in bytes: sets of providers have some kilobytes.
const MAX_BYTES: u64 = 1 << 20;

/// The file as it was read last.
pub(super) struct KeyFile {
    path: PathBuf,
    last: Mutex<Result<Vec<u8>, String>>,
    is_stale: AtomicBool,
}

impl KeyFile {
    /// The file, and what is in it.
    pub(super) fn open(path: &Path) -> io::Result<(Self, Vec<u8>)> {
        let content = read(path)?;
        let last = Mutex::new(Ok(content.clone()));
        Ok((Self { path: path.to_owned(), last, is_stale: AtomicBool::new(false) }, content))
    }

    /// Gives the content to `take`, if it is another than last time or `is_asked`. What cannot be read or taken is told
    /// once.
    pub(super) fn look(&self, is_asked: bool, take: impl FnOnce(&[u8]) -> Result<usize, String>) {
        let now = read(&self.path).map_err(|error| format!("cannot be read: {error}"));
        let mut last = self.last.lock();
        if now == *last && !is_asked {
            return;
        }
        let taken = now.as_deref().map_err(Clone::clone).and_then(take);
        *last = now;
        self.is_stale.store(taken.is_err(), Ordering::Relaxed);
        let path = self.path.display();
        match taken {
            Ok(keys) => tracing::info!(%path, keys, "auth.jwt_jwks_file was read again"),
            Err(reason) => {
                tracing::warn!(%path, reason, "auth.jwt_jwks_file cannot be used: the keys from before stay in force");
            }
        }
    }

    /// Whether the keys in force are older than the file.
    pub(super) fn is_stale(&self) -> bool {
        self.is_stale.load(Ordering::Relaxed)
    }
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    File::open(path)?.take(MAX_BYTES + 1).read_to_end(&mut content)?;
    let fits = content.len() as u64 <= MAX_BYTES;
    if fits { Ok(content) } else { Err(io::Error::new(io::ErrorKind::FileTooLarge, "it has more than 1 MiB")) }
}
