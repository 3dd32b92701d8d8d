//! **Job:** a look behind the page cache.
//! **Owns:** the decision that the cache is wrong.
//! **Never:** changes what is on disk.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::{Advice, OFlags, fadvise};

/// Alignment that direct reads need on every block device in use.
const BLOCK: usize = 4096;

/// Most bytes that are compared at a time.
const CHUNK: usize = 1 << 20;
const _: () = assert!(CHUNK.is_multiple_of(BLOCK));

/// After a failed fsync the page cache may show what the disk does not have, and SQLite would believe it. So the file
/// is read past the cache and compared; on a difference the cached pages are dropped.
pub(super) fn evict_if_it_lies(path: &Path) -> std::io::Result<()> {
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
    let length = usize::try_from(cached.metadata()?.len()).unwrap_or(CHUNK);
    // One block more than there is: the end of a file that has grown shows, too.
    let chunk = (length.next_multiple_of(BLOCK) + BLOCK).min(CHUNK);
    let mut room = vec![0; chunk + BLOCK];
    let start = room.as_ptr().align_offset(BLOCK);
    let aligned = &mut room[start..start + chunk];
    let mut buffer = vec![0; chunk];
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
