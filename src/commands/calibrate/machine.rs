//! **Job:** says where a figure was measured.
//! **Owns:** the words for what cannot be known.
//! **Never:** fails: a figure from an unknown machine is still a figure.

use std::path::{Path, PathBuf};

use serde::Serialize;

/// What a figure depends on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Machine {
    /// The directory under test.
    pub(super) directory: PathBuf,
    /// Its file system; absent: not known.
    pub(super) file_system: Option<String>,
    /// Cores this process may use.
    pub(super) cores: usize,
    /// Version of the kernel; absent: not known.
    pub(super) kernel: Option<String>,
    /// Version of SQLite.
    pub(super) sqlite: String,
}

/// Looks around.
pub(super) fn look(folder: &Path) -> Machine {
    let directory = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    Machine {
        file_system: file_system(&directory),
        directory,
        cores: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        kernel: std::fs::read_to_string("/proc/sys/kernel/osrelease").ok().map(|text| text.trim().to_owned()),
        sqlite: rusqlite::version().to_owned(),
    }
}

/// The type of the innermost mount above the directory; of two on one place, the later one covers the other.
fn file_system(directory: &Path) -> Option<String> {
    let mounts = procfs::process::Process::myself().ok()?.mountinfo().ok()?;
    let above = mounts.into_iter().filter(|mount| directory.starts_with(&mount.mount_point));
    above.max_by_key(|mount| mount.mount_point.components().count()).map(|mount| mount.fs_type)
}
