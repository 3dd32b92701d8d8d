//! **Job:** whether the files that are open are still those that have the names.
//! **Owns:** what each name stood for when the files were opened.
//! **Never:** opens a file: closing it again would let go of SQLite's locks.

use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::DataFileError;

/// A name no longer stands for the file that is open under it.
#[derive(Debug, thiserror::Error)]
#[error(
    "{path} was {what} while it was open: what is written now would not be found again. 1. Leave this process alone: \
     it still holds the files, and they can be copied out of /proc/{pid}/fd. 2. End it. 3. Put the files, or the \
     copies, back in their places", pid = std::process::id()
)]
pub struct Moved {
    /// Which name.
    pub path: PathBuf,
    /// What became of it.
    pub what: &'static str,
}

/// Names and the files (device and inode) that they stood for.
#[derive(Debug, Clone)]
pub struct Names(Vec<(PathBuf, u64, u64)>);

impl Names {
    pub(super) fn of(paths: impl Iterator<Item = PathBuf>) -> Result<Self, DataFileError> {
        let identify = |path: PathBuf| match path.symlink_metadata() {
            Ok(found) => Ok((path, found.dev(), found.ino())),
            Err(source) => Err(DataFileError::File { path, source }),
        };
        Ok(Self(paths.map(identify).collect::<Result<_, _>>()?))
    }

    /// Looks at every name. What cannot be looked at for another reason than being gone is not held against it.
    pub fn check(&self) -> Result<(), Moved> {
        self.0.iter().try_for_each(|(path, dev, ino)| is_still(path, (*dev, *ino)))
    }
}

fn is_still(path: &Path, file: (u64, u64)) -> Result<(), Moved> {
    let moved = |what| Err(Moved { path: path.to_owned(), what });
    match path.symlink_metadata() {
        Ok(found) if (found.dev(), found.ino()) == file => Ok(()),
        Ok(_another) => moved("replaced"),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            moved("moved or deleted")
        }
        Err(_unclear) => Ok(()),
    }
}
