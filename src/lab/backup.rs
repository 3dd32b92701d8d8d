//! **Job:** copies a data file, a server running on it or not, and audits the copy.
//! **Owns:** the copy until it is whole: it gets its name last.
//! **Never:** writes over a file, or makes the writer of the ledger wait.

use std::fs::{File, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use rusqlite::backup::{Backup, StepResult};

use super::DataFileError;
use super::verify::{self, Report};

/// Pages of one step: 4 MiB, which any disk has written in a moment. After each the disk is waited for, so that a
/// commit of the server finds no mountain of unwritten pages in its way.
const STEP_PAGES: i32 = 1_024;

/// Why there is no copy.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The data file.
    #[error(transparent)]
    DataFile(#[from] DataFileError),
    /// Something has the copy's name.
    #[error("--to: {0} exists already")]
    Exists(PathBuf),
    /// The file system says no.
    #[error("cannot write {path}: {source}")]
    File {
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// Another program keeps everybody from reading.
    #[error("the data file is locked")]
    Locked,
    /// SQLite says no.
    #[error("cannot write the copy: {0}")]
    Sqlite(#[from] rusqlite::Error),
}

/// Copies the data file at `from` to `to`, which must not exist, and audits the copy. It is one consistent view of the
/// ledger: all that was committed when it began. It is durable, one file, and only its owner may read it.
pub fn run(from: &Path, to: &Path) -> Result<Report, BackupError> {
    refuse_existing(to)?;
    let draft = Draft::create(to)?;
    copy(from, &draft)?;
    refuse_existing(to)?;
    draft.publish(to)?;
    Ok(verify::audit(to)?)
}

fn refuse_existing(to: &Path) -> Result<(), BackupError> {
    match std::fs::symlink_metadata(to) {
        Ok(_) => Err(BackupError::Exists(to.to_owned())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(source) => Err(BackupError::File { path: to.to_owned(), source }),
    }
}

fn copy(from: &Path, draft: &Draft) -> Result<(), BackupError> {
    let source = super::open(from)?;
    // A view that is held does not hold up the writer. Without it, every commit would make the copy begin anew.
    source.execute_batch("BEGIN; SELECT count(*) FROM ledger WHERE seq = 1")?;
    let mut copy = Connection::open(&draft.path)?;
    // Nobody needs half a copy, and what must be on disk is synced here.
    copy.execute_batch("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF")?;
    let backup = Backup::new(&source, &mut copy)?;
    let mut step = backup.step(STEP_PAGES)?;
    while step == StepResult::More {
        draft.sync()?;
        step = backup.step(STEP_PAGES)?;
    }
    if step != StepResult::Done {
        return Err(BackupError::Locked);
    }
    drop(backup);
    drop(copy);
    // The original's mode would ask for files beside the copy; one file is easier to carry. A server sets it again.
    let copy = Connection::open(&draft.path)?;
    copy.query_row("PRAGMA journal_mode = DELETE", [], |_mode| Ok(()))?;
    drop(copy);
    draft.sync()
}

/// The copy while it is being written. Removed unless it is published.
struct Draft {
    path: PathBuf,
    /// Open until SQLite has closed its own: closing it earlier would let go of SQLite's locks.
    file: File,
    published: bool,
}

impl Draft {
    fn create(to: &Path) -> Result<Self, BackupError> {
        let mut name = to.as_os_str().to_owned();
        name.push(format!(".{}.part", std::process::id()));
        let path = PathBuf::from(name);
        let created = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&path);
        let file = created.map_err(|source| BackupError::File { path: path.clone(), source })?;
        Ok(Self { path, file, published: false })
    }

    fn sync(&self) -> Result<(), BackupError> {
        self.file.sync_data().map_err(|source| BackupError::File { path: self.path.clone(), source })
    }

    fn publish(mut self, to: &Path) -> Result<(), BackupError> {
        let failed = |source| BackupError::File { path: to.to_owned(), source };
        self.file.sync_all().map_err(failed)?;
        std::fs::rename(&self.path, to).map_err(failed)?;
        self.published = true;
        let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.published {
            let _gone = std::fs::remove_file(&self.path);
        }
    }
}
