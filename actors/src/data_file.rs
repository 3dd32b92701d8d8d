//! **Job:** makes a data file ours: where it really is, what it is, that nobody else has it; a first look into it.
//! **Owns:** the lock against a second process, and the names of the files beside it.
//! **Never:** judges what is in a file, or changes anything that was there before it has said yes.

mod draft;
mod identity;
pub mod journal;
pub mod look;
mod medium;
mod names;
mod page_cache;
mod size_limit;

use std::ffi::OsStr;
use std::fs::{DirBuilder, File, Metadata, OpenOptions, Permissions, TryLockError};
use std::io::{Error, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use rustix::fs::{AtFlags, CWD, OFlags, StatxAttributes, StatxFlags, statx, syncfs};

use draft::Draft;
pub(crate) use identity::Header;
pub use identity::{Identity, Unfit};
pub use medium::Medium;
pub use names::{Moved, Names};
pub use size_limit::is_at_size_limit;

/// The write-ahead log.
pub const LOG: &str = "-wal";
/// The index of the log, which SQLite makes anew whenever it likes.
pub(crate) const INDEX: &str = "-shm";
/// A rollback journal. We never leave one.
const JOURNAL: &str = "-journal";
/// The high-water mark of a ledger.
pub const MARK: &str = ".mark";

/// All files that may lie beside a data file and belong to it.
const COMPANIONS: [&str; 4] = [LOG, INDEX, JOURNAL, MARK];

/// The header of a database (sqlite.org/fileformat2.html, section 1.3).
const SHORTEST_DATABASE: u64 = 100;

/// The owner reads and writes, nobody else.
const PRIVATE_FILE: u32 = 0o600;
const PRIVATE_FOLDER: u32 = 0o700;
/// The bits of a file's mode that let others do something with it.
const OF_OTHERS: u32 = 0o077;

/// Whether a data file that is not there may be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Creation {
    /// A new one begins.
    Allowed,
    /// It must be there: a volume that is not mounted must not begin a second sale.
    Refused,
}

/// Why a data file cannot be used. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum DataFileError {
    /// The file system says no.
    #[error("cannot use {path}: {source}")]
    File {
        /// Path of the file.
        path: PathBuf,
        /// What is wrong with it.
        source: Error,
    },
    /// SQLite cannot open it.
    #[error("cannot open {path}: {source}")]
    Sqlite {
        /// Path of the file.
        path: PathBuf,
        /// What SQLite says.
        source: rusqlite::Error,
    },
    /// Another process has it.
    #[error("{0} is in use by another server")]
    InUse(PathBuf),
    /// A device, a directory, a pipe, a symbolic link beside the data file.
    #[error("{path} is {kind}, not a regular file")]
    NotAFile {
        /// Path of the file.
        path: PathBuf,
        /// What it is.
        kind: &'static str,
    },
    /// SQLite finds the log by the name of the file: under another name it would not.
    #[error(
        "{path} has {links} names (hard links): opened under one of them, it lacks the log that lies beside another. \
         Leave it one name, the one that -wal and .mark lie beside"
    )]
    Linked {
        /// Path of the file.
        path: PathBuf,
        /// How many names.
        links: u64,
    },
    /// A single file that is mounted has its log on another file system, or nowhere.
    #[error("{0} is a mount point: its log would lie outside what is mounted. Mount the folder instead of the file")]
    MountPoint(PathBuf),
    /// The data file is gone or empty, but not what belongs to it.
    #[error(
        "{path} is {state}, but {beside} is there: a data file was lost, and a new sale must not begin in its place. \
         1. Keep a copy of the files beside it. 2. Put the data file back, or run `doorbuster salvage --db {path} --to \
         NEW` and put NEW in its place. 3. To begin a new sale, move {beside} away"
    )]
    Orphans {
        /// The data file.
        path: PathBuf,
        /// Missing or empty.
        state: &'static str,
        /// What is there.
        beside: PathBuf,
    },
    /// SQLite takes a file of one byte for an empty one, and throws away the log of an empty one.
    #[error("{0} is shorter than any database: it is not a data file, or was cut")]
    Stub(PathBuf),
    /// There is none, and none may be made.
    #[error(
        "there is no data file {0}, and storage.create = false: is the volume mounted? To begin a new sale here, set \
         storage.create = true for one start"
    )]
    Missing(PathBuf),
    /// It was not we who left it.
    #[error(
        "{0} is there: another program changed the data file and did not finish. 1. Keep a copy of both. 2. Let that \
         program finish, or restore a backup"
    )]
    Journal(PathBuf),
}

/// A data file that is ours. Another process that asks for it is refused until this is dropped.
#[derive(Debug)]
pub struct DataFile {
    path: PathBuf,
    /// On the data file itself, so that it cannot be deleted separately; `flock` and the `fcntl` locks of SQLite do not
    /// see each other. Closing it lets go of SQLite's locks too: it goes last.
    _lock: Lock,
}

/// The file's `flock`, let go of by name: a process that is being started holds a copy of every open file until it has
/// become its program, and a lock that was only closed would stay until then.
#[derive(Debug)]
struct Lock(File);

impl Drop for Lock {
    fn drop(&mut self) {
        // What fails here is closed next.
        let _ = self.0.unlock();
    }
}

impl DataFile {
    /// Makes sure that the file at `given` can be used, and that nobody else does. If there is none and `creation`
    /// allows it, `make` writes a new one under another name, which then takes its place at once and whole.
    pub fn claim<E: From<DataFileError>>(
        given: &Path,
        creation: Creation,
        make: impl FnOnce(&Path) -> Result<(), E>,
    ) -> Result<Self, E> {
        let path = resolve(given, creation)?;
        let length = look_at(&path)?.map_or(0, |found| found.len());
        COMPANIONS.iter().try_for_each(|suffix| look_at(&beside(&path, suffix)).map(drop))?;
        if (1..SHORTEST_DATABASE).contains(&length) {
            return Err(DataFileError::Stub(path).into());
        }
        if length == 0 {
            refuse_orphans(&path)?;
            if creation == Creation::Refused {
                return Err(DataFileError::Missing(path).into());
            }
            let draft = Draft::create(&path)?;
            make(draft.path())?;
            draft.publish(&path)?;
        }
        let lock = lock(&path)?;
        refuse_journal(&path)?;
        for file in [path.clone(), beside(&path, LOG)] {
            page_cache::evict_if_it_lies(&file).map_err(|source| DataFileError::File { path: file, source })?;
        }
        Ok(Self { path, _lock: lock })
    }

    /// Where it really is: no symbolic link is left in it.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether a write-ahead log with something in it lies beside the file.
    pub fn has_log(&self) -> Result<bool, DataFileError> {
        Ok(look_at(&beside(&self.path, LOG))?.is_some_and(|log| log.len() > 0))
    }

    /// Opens the file, with its log if it has one, so that everything stays as it is: for a first look.
    pub fn look(&self) -> Result<Connection, DataFileError> {
        let looked = if self.has_log()? { look::file_and_log(&self.path) } else { look::main_file(&self.path) };
        looked.map_err(|source| DataFileError::Sqlite { path: self.path.clone(), source })
    }

    /// Puts on disk what is in the log, and its name. A process that was killed before its sync leaves commits that
    /// only the operating system has: whoever opens the file reads them, tells of them, and a power cut takes them.
    pub fn sync_log(&self) -> Result<(), DataFileError> {
        let path = beside(&self.path, LOG);
        let synced = match File::open(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            log => log.and_then(|log| log.sync_all().and_then(|()| sync_name(folder_of(&self.path), &log))),
        };
        synced.map_err(|source| DataFileError::File { path, source })
    }

    /// Takes away what others may do with the file and with those beside it, where that is ours to take: a file that
    /// belongs to another user and may be used is used as it is. New ones get the mode of the data file from SQLite.
    pub fn make_private(&self) -> Result<(), DataFileError> {
        let companions = COMPANIONS.map(|suffix| beside(&self.path, suffix));
        for path in std::iter::once(self.path.clone()).chain(companions) {
            if path.metadata().is_ok_and(|found| found.mode() & OF_OTHERS == 0) {
                continue;
            }
            match std::fs::set_permissions(&path, Permissions::from_mode(PRIVATE_FILE)) {
                Err(source) if source.kind() == ErrorKind::PermissionDenied => {
                    tracing::warn!(path = %path.display(), "belongs to another user, who decides what others may do");
                }
                Err(source) if source.kind() != ErrorKind::NotFound => {
                    return Err(DataFileError::File { path, source });
                }
                Ok(()) | Err(_) => {}
            }
        }
        Ok(())
    }

    /// The names under which the open files must stay.
    pub fn names(&self, suffixes: &[&str]) -> Result<Names, DataFileError> {
        let files = suffixes.iter().map(|suffix| beside(&self.path, suffix));
        Names::of(std::iter::once(self.path.clone()).chain(files))
    }
}

/// The file beside a data file that is called like it, with `suffix`.
#[must_use]
pub fn beside(path: &Path, suffix: impl AsRef<OsStr>) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// The folder of a file.
pub(crate) fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// The path without symbolic links. Makes the folder if it is not there and a new file may be.
fn resolve(given: &Path, creation: Creation) -> Result<PathBuf, DataFileError> {
    let failed = |source| DataFileError::File { path: given.to_owned(), source };
    match given.canonicalize() {
        Ok(path) => return Ok(path),
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(failed(error)),
    }
    if given.symlink_metadata().is_ok() {
        let kind = "a symbolic link that leads nowhere (is the volume mounted?)";
        return Err(DataFileError::NotAFile { path: given.to_owned(), kind });
    }
    let name = given.file_name().ok_or_else(|| failed(Error::from(ErrorKind::InvalidInput)))?;
    let folder = folder_of(given);
    if creation == Creation::Refused && !folder.exists() {
        return Err(DataFileError::Missing(given.to_owned()));
    }
    make_folder(folder).map_err(failed)?;
    Ok(folder.canonicalize().map_err(failed)?.join(name))
}

/// Makes a folder and those above it, and puts their names on disk: a file that is synced is lost with its folder.
fn make_folder(folder: &Path) -> std::io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let above = folder_of(folder);
    make_folder(above)?;
    match DirBuilder::new().mode(PRIVATE_FOLDER).create(folder) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
        Ok(()) | Err(_) => sync_name(above, &File::open(folder)?),
    }
}

/// Puts the names in a folder on disk, `inside` being one of them. A folder that may be used and not read cannot be
/// synced itself: then all of its file system is.
fn sync_name(folder: &Path, inside: &File) -> std::io::Result<()> {
    match File::open(folder) {
        Err(error) if error.kind() == ErrorKind::PermissionDenied => Ok(syncfs(inside)?),
        folder => folder?.sync_all(),
    }
}

/// What is there, if it is something to work with: regular files with one name.
fn look_at(path: &Path) -> Result<Option<Metadata>, DataFileError> {
    let found = match path.symlink_metadata() {
        Ok(found) => found,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(DataFileError::File { path: path.to_owned(), source }),
    };
    if let Some(kind) = unusable_kind(&found) {
        return Err(DataFileError::NotAFile { path: path.to_owned(), kind });
    }
    if found.nlink() > 1 {
        return Err(DataFileError::Linked { path: path.to_owned(), links: found.nlink() });
    }
    if is_mount_point(path) {
        return Err(DataFileError::MountPoint(path.to_owned()));
    }
    Ok(Some(found))
}

fn unusable_kind(found: &Metadata) -> Option<&'static str> {
    let kind = found.file_type();
    if kind.is_file() {
        None
    } else if kind.is_dir() {
        Some("a directory")
    } else if kind.is_symlink() {
        Some("a symbolic link")
    } else if kind.is_block_device() || kind.is_char_device() {
        Some("a device")
    } else if kind.is_fifo() {
        Some("a pipe")
    } else {
        Some("a socket")
    }
}

/// Kernels before 5.8 cannot say; there a single file that is mounted is not told apart.
fn is_mount_point(path: &Path) -> bool {
    let known = statx(CWD, path, AtFlags::SYMLINK_NOFOLLOW, StatxFlags::BASIC_STATS);
    known.is_ok_and(|known| known.stx_attributes.contains(StatxAttributes::MOUNT_ROOT))
}

/// For a data file that is not there: what would belong to it.
fn refuse_orphans(path: &Path) -> Result<(), DataFileError> {
    for suffix in [LOG, JOURNAL, MARK] {
        let orphan = beside(path, suffix);
        if look_at(&orphan)?.is_some_and(|found| found.len() > 0) {
            let state = if path.exists() { "empty" } else { "missing" };
            return Err(DataFileError::Orphans { path: path.to_owned(), state, beside: orphan });
        }
    }
    Ok(())
}

fn refuse_journal(path: &Path) -> Result<(), DataFileError> {
    let journal = beside(path, JOURNAL);
    match look_at(&journal)? {
        Some(found) if found.len() > 0 => Err(DataFileError::Journal(journal)),
        Some(_) | None => Ok(()),
    }
}

fn lock(path: &Path) -> Result<Lock, DataFileError> {
    let failed = |source| DataFileError::File { path: path.to_owned(), source };
    let no_follow = i32::try_from(OFlags::NOFOLLOW.bits()).unwrap_or(0);
    let file = OpenOptions::new().read(true).write(true).custom_flags(no_follow).open(path).map_err(failed)?;
    file.try_lock().map_err(|error| match error {
        TryLockError::WouldBlock => DataFileError::InUse(path.to_owned()),
        TryLockError::Error(source) => failed(source),
    })?;
    // Somebody who began a new file at the same moment may have put theirs in the place of ours.
    let (locked, named) = (file.metadata().map_err(failed)?, path.symlink_metadata().map_err(failed)?);
    let is_named = (locked.dev(), locked.ino()) == (named.dev(), named.ino());
    if is_named { Ok(Lock(file)) } else { Err(DataFileError::InUse(path.to_owned())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_of_the_open_file_in_a_process_that_is_being_started_does_not_keep_the_lock() {
        let folder = tempfile::tempdir().expect("a folder for the test");
        let path = folder.path().join("sale.db");
        let claim = || {
            DataFile::claim(&path, Creation::Allowed, |draft| {
                std::fs::write(draft, [0; 512]).expect("room on the disk");
                Ok::<_, DataFileError>(())
            })
        };
        let file = claim().expect("a new file");
        let DataFile { _lock: Lock(open), .. } = &file;
        let copy = open.try_clone().expect("a descriptor");
        assert!(matches!(claim(), Err(DataFileError::InUse(_))));
        drop(file);
        claim().expect("nobody uses it");
        drop(copy);
    }
}
