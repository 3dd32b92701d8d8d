//! **Job:** a data file while it comes into being, under a name of its own.
//! **Owns:** the file until it is whole: it gets its name last.
//! **Never:** writes over a file that holds something.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::{DataFileError, PRIVATE_FILE, beside, folder_of, sync_name};

/// Removed unless it is published.
#[derive(Debug)]
pub(super) struct Draft {
    path: PathBuf,
    /// Open until SQLite has closed its own: closing it earlier would let go of SQLite's locks.
    file: File,
    published: bool,
}

impl Draft {
    /// An empty file beside `target`, which only its owner may read.
    pub(super) fn create(target: &Path) -> Result<Self, DataFileError> {
        // By moment as well as by process: in containers that share a volume every process is number 1.
        let moment = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let path = beside(target, format!(".{}-{}.part", std::process::id(), moment.as_nanos()));
        let created = OpenOptions::new().read(true).write(true).create_new(true).mode(PRIVATE_FILE).open(&path);
        let file = created.map_err(|source| DataFileError::File { path: path.clone(), source })?;
        Ok(Self { path, file, published: false })
    }

    /// Where it is for now.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Gives it its name, on disk when this returns.
    pub(super) fn publish(mut self, target: &Path) -> Result<(), DataFileError> {
        let failed = |source| DataFileError::File { path: target.to_owned(), source };
        self.file.sync_all().map_err(failed)?;
        std::fs::rename(&self.path, target).map_err(failed)?;
        self.published = true;
        sync_name(folder_of(target), &self.file).map_err(failed)
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.published {
            let _gone = std::fs::remove_file(&self.path);
        }
    }
}
