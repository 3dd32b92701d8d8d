//! **Job:** makes the data file ours before SQLite opens it: access mode, lock, and a look behind the page cache.
//! **Owns:** the lock against a second server.
//! **Never:** reads what is in the file.

use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{Advice, OFlags, fadvise};

use super::LedgerError;

/// Held as long as the ledger is open. It is on the data file itself, so it cannot be deleted separately; `flock` and
/// the `fcntl` locks of SQLite do not see each other.
#[derive(Debug)]
pub(super) struct FileLock {
    _file: File,
}

/// Alignment that direct reads need on every block device in use.
const BLOCK: usize = 4096;

/// Bytes compared at a time.
const CHUNK: usize = 1 << 20;
const _: () = assert!(CHUNK.is_multiple_of(BLOCK));

pub(super) fn claim(path: &Path) -> Result<FileLock, LedgerError> {
    let failed = |source| LedgerError::File { path: path.to_owned(), source };
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)?;
    }
    let mut options = OpenOptions::new();
    let file = options.read(true).write(true).create(true).truncate(false).mode(0o600).open(path).map_err(failed)?;
    file.try_lock().map_err(|error| match error {
        std::fs::TryLockError::WouldBlock => LedgerError::InUse(path.to_owned()),
        std::fs::TryLockError::Error(source) => failed(source),
    })?;
    for suffix in ["", "-wal"] {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        evict_if_cache_lies(&PathBuf::from(name)).map_err(failed)?;
    }
    Ok(FileLock { _file: file })
}

/// Takes away what others may do with a file that has turned out to be ours, and with the files beside it. New ones get
/// the mode of the data file from SQLite.
pub(super) fn make_private(path: &Path) -> Result<(), LedgerError> {
    for suffix in ["", "-wal", "-shm", ".mark"] {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        match std::fs::set_permissions(&name, Permissions::from_mode(0o600)) {
            Err(source) if source.kind() != ErrorKind::NotFound => {
                return Err(LedgerError::File { path: name.into(), source });
            }
            Ok(()) | Err(_) => {}
        }
    }
    Ok(())
}

/// After a failed fsync the page cache may show what the disk does not have, and SQLite would believe it. So the file
/// is read past the cache and compared; on a difference the cached pages are dropped.
fn evict_if_cache_lies(path: &Path) -> std::io::Result<()> {
    let cached = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    let direct_flag = i32::try_from(OFlags::DIRECT.bits()).unwrap_or(0);
    let mut options = OpenOptions::new();
    let direct = match options.read(true).custom_flags(direct_flag).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::InvalidInput => {
            tracing::debug!(path = %path.display(), "no direct reads on this file system (tmpfs?): cache not compared");
            return Ok(());
        }
        Err(error) => return Err(error),
    };
    if !same(&cached, direct)? {
        tracing::warn!(path = %path.display(), "the page cache differed from the disk: dropped");
        fadvise(&cached, 0, None, Advice::DontNeed)?;
    }
    Ok(())
}

fn same(cached: &File, mut direct: File) -> std::io::Result<bool> {
    let mut room = vec![0; CHUNK + BLOCK];
    let start = room.as_ptr().align_offset(BLOCK);
    let aligned = &mut room[start..start + CHUNK];
    let mut buffer = vec![0; CHUNK];
    let mut offset = 0;
    loop {
        let length = match direct.read(aligned) {
            Ok(0) => return Ok(true),
            Ok(length) => length,
            // Some file systems accept the flag and refuse the read.
            Err(error) if error.kind() == ErrorKind::InvalidInput => return Ok(true),
            Err(error) => return Err(error),
        };
        let buffer = &mut buffer[..length];
        if let Err(error) = cached.read_exact_at(buffer, offset) {
            return if error.kind() == ErrorKind::UnexpectedEof { Ok(false) } else { Err(error) };
        }
        if buffer != &aligned[..length] {
            return Ok(false);
        }
        offset += length as u64;
    }
}
