//! **Job:** holds a new data file while it is being written.
//! **Owns:** a folder beside the place where the file will be, for it and whatever SQLite puts beside it.
//! **Never:** writes over anything: the file gets its name last, when it is whole and on disk.

use std::fs::{DirBuilder, File};
use std::io::ErrorKind;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use doorbuster_actors::data_file::beside;

/// What a salvage adds to a data file.
pub(super) const DOUBTFUL: &str = ".doubtful.ndjson";

/// What lies beside a data file. A log that is left of another one would be taken for the new file's.
const BESIDE: [&str; 6] = ["", "-wal", "-shm", "-journal", ".mark", DOUBTFUL];

/// What is published, if it is there: the data file last, so that where it is, all of it is.
const PUBLISHED: [&str; 3] = [DOUBTFUL, ".mark", ""];

/// Why a new file cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum DraftError {
    /// Something has the new file's name, or that of a file that would belong to it.
    #[error("--to: {0} exists already")]
    Exists(PathBuf),
    /// The file system says no.
    #[error("cannot write {path}: {source}")]
    File {
        /// Path of the file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
}

/// A new data file before it has its name. Removed with everything beside it unless it is published.
pub(super) struct Draft {
    folder: PathBuf,
    to: PathBuf,
}

impl Draft {
    /// A draft of the data file `to`, which must not exist.
    pub(super) fn create(to: &Path) -> Result<Self, DraftError> {
        refuse_existing(to)?;
        // By chance, not by process: in a container every process is number 1, and one may have been killed.
        let folder = beside(to, format!(".{:08x}.part", rand::random::<u32>()));
        let created = DirBuilder::new().mode(0o700).create(&folder);
        created.map_err(|source| DraftError::File { path: folder.clone(), source })?;
        Ok(Self { folder, to: to.to_owned() })
    }

    /// Where the file is written.
    pub(super) fn path(&self) -> PathBuf {
        self.folder.join("ledger.db")
    }

    /// Gives the file its name, and what lies beside it.
    pub(super) fn publish(self) -> Result<(), DraftError> {
        refuse_existing(&self.to)?;
        for suffix in PUBLISHED {
            let (from, to) = (beside(&self.path(), suffix), beside(&self.to, suffix));
            let failed = |source| DraftError::File { path: to.clone(), source };
            match File::open(&from) {
                Ok(file) => file.sync_all().and_then(|()| std::fs::rename(&from, &to)).map_err(failed)?,
                Err(error) if error.kind() == ErrorKind::NotFound && !suffix.is_empty() => {}
                Err(error) => return Err(failed(error)),
            }
        }
        sync_folder_of(&self.to)
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        let _gone = std::fs::remove_dir_all(&self.folder);
    }
}

/// Makes the name of a file as durable as its content.
fn sync_folder_of(path: &Path) -> Result<(), DraftError> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let synced = File::open(folder).and_then(|folder| folder.sync_all());
    synced.map_err(|source| DraftError::File { path: folder.to_owned(), source })
}

fn refuse_existing(to: &Path) -> Result<(), DraftError> {
    BESIDE.iter().map(|suffix| beside(to, suffix)).try_for_each(|path| match std::fs::symlink_metadata(&path) {
        Ok(_) => Err(DraftError::Exists(path)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(source) => Err(DraftError::File { path, source }),
    })
}
