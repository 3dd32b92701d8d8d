//! **Job:** a folder for one measurement.
//! **Owns:** its name, and its end.
//! **Never:** outlives its owner, or takes a folder that is there already.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use super::CalibrateError;

/// Removed when it is dropped, with all that is in it.
pub(super) struct Scratch(PathBuf);

impl Scratch {
    /// A new folder in `folder`, for nobody else.
    pub(super) fn create(folder: &Path) -> Result<Self, CalibrateError> {
        // By chance, not by process: in a container every process is number 1, and one may have been killed.
        let path = folder.join(format!(".doorbuster-calibrate-{:08x}", rand::random::<u32>()));
        let failed = |source| CalibrateError::Folder { folder: folder.to_owned(), source };
        DirBuilder::new().mode(0o700).create(&path).map_err(failed)?;
        Ok(Self(path))
    }

    pub(super) fn file(&self) -> PathBuf {
        self.0.join("trial.db")
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _gone = std::fs::remove_dir_all(&self.0);
    }
}
