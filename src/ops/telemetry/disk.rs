//! **Job:** how much room the data file and its log take, and how much is left beside them.
//! **Owns:** the figures of the last look.
//! **Never:** looks when it is asked: a disk that stands still would hold up who asks.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use super::views::StorageView;

/// The disk of a data file.
#[derive(Debug)]
pub struct Disk {
    data_file: PathBuf,
    log: PathBuf,
    file_bytes: AtomicU64,
    wal_bytes: AtomicU64,
    free_bytes: AtomicU64,
    total_bytes: AtomicU64,
}

impl Disk {
    /// Of the data file at this path, as of now.
    #[must_use]
    pub fn of(data_file: &Path) -> Self {
        let mut log = data_file.as_os_str().to_owned();
        log.push("-wal");
        let disk = Self {
            data_file: data_file.to_owned(),
            log: log.into(),
            file_bytes: AtomicU64::new(0),
            wal_bytes: AtomicU64::new(0),
            free_bytes: AtomicU64::new(0),
            total_bytes: AtomicU64::new(0),
        };
        disk.look();
        disk
    }

    /// Looks again. What cannot be looked at stays as it was.
    pub fn look(&self) {
        self.file_bytes.store(size_of_file(&self.data_file), Ordering::Relaxed);
        self.wal_bytes.store(size_of_file(&self.log), Ordering::Relaxed);
        if let Ok(disk) = rustix::fs::statvfs(&self.data_file) {
            // What is kept for the superuser is not free for us.
            self.free_bytes.store(disk.f_bavail.saturating_mul(disk.f_frsize), Ordering::Relaxed);
            self.total_bytes.store(disk.f_blocks.saturating_mul(disk.f_frsize), Ordering::Relaxed);
        }
    }

    /// What the last look found.
    #[must_use]
    pub fn view(&self) -> StorageView {
        let read = |figure: &AtomicU64| figure.load(Ordering::Relaxed);
        StorageView {
            file_bytes: read(&self.file_bytes),
            wal_bytes: read(&self.wal_bytes),
            disk_free_bytes: read(&self.free_bytes),
            disk_total_bytes: read(&self.total_bytes),
        }
    }
}

/// A file that is not there has no bytes.
fn size_of_file(path: &Path) -> u64 {
    std::fs::metadata(path).map_or(0, |file| file.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_look_finds_what_lies_there_and_what_is_left() {
        let folder = tempfile::tempdir().expect("a folder for the test");
        let path = folder.path().join("sale.db");
        std::fs::write(&path, [0; 5]).expect("room");
        let disk = Disk::of(&path);
        let view = disk.view();
        assert_eq!((view.file_bytes, view.wal_bytes), (5, 0));
        assert!(view.disk_free_bytes > 0 && view.disk_free_bytes <= view.disk_total_bytes, "{view:?}");
        std::fs::write(folder.path().join("sale.db-wal"), [0; 7]).expect("room");
        assert_eq!(disk.view().wal_bytes, 0, "nobody has looked");
        disk.look();
        assert_eq!(disk.view().wal_bytes, 7);
    }
}
