//! **Job:** whether a write failed because files of this process may not grow further (`RLIMIT_FSIZE`).
//! **Owns:** nothing.
//! **Never:** guesses: without a limit, or far from it, the cause was another one.

use std::path::Path;

use rustix::process::{Resource, getrlimit};

/// The largest single write of SQLite to our files: a page.
const PAGE: u64 = 4_096;

/// Whether one of the files is as long as a file of this process may be, but for less than a page. SQLite reports the
/// error of such a write (`EFBIG`) like that of a broken disk; it is one of a full disk: nothing was written whole.
#[must_use]
pub fn is_at_size_limit<'p>(files: impl IntoIterator<Item = &'p Path>) -> bool {
    let Some(limit) = getrlimit(Resource::Fsize).current else { return false };
    let length = |path: &Path| path.symlink_metadata().map_or(0, |found| found.len());
    files.into_iter().any(|path| length(path).saturating_add(PAGE) > limit)
}
