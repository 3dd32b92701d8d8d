//! **Job:** a folder in memory in which one disk after the other is laid out, and what is known of those that were.
//! **Owns:** the fingerprint by which a disk is known again.
//! **Never:** leaves a file of one disk beside those of the next.

use std::collections::HashMap;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use parking_lot::Mutex;
use tempfile::TempDir;
use xxhash_rust::xxh3::Xxh3;

use super::disk::Image;
use super::truth::Outcome;
use crate::recovery::fast_folder;

/// A folder for starts.
pub(crate) struct Scratch {
    folder: TempDir,
    data_file: &'static str,
}

impl Scratch {
    /// For disks with a data file of that name.
    pub(crate) fn new(data_file: &'static str) -> Self {
        Self { folder: fast_folder(), data_file }
    }

    /// Makes the folder this disk, and does something with its data file.
    pub(crate) fn with<T>(&mut self, image: &Image, act: impl FnOnce(&Path) -> T) -> T {
        let folder = self.folder.path();
        for entry in fs::read_dir(folder).expect("readable") {
            let entry = entry.expect("readable");
            if entry.file_name().to_str().is_none_or(|name| !image.contains_key(name)) {
                fs::remove_file(entry.path()).expect("our own folder");
            }
        }
        for (name, bytes) in image {
            // What is there is written over: that is cheaper than new pages.
            let mut options = OpenOptions::new();
            let file = options.write(true).create(true).truncate(false).mode(0o600).open(folder.join(name));
            let mut file = file.expect("our own folder");
            file.write_all(bytes).expect("room");
            file.set_len(bytes.len() as u64).expect("our own file");
        }
        act(&folder.join(self.data_file))
    }
}

/// All disks that were started from, by their fingerprints. Two disks of one fingerprint are taken for the same, of
/// which there will be none among a few million.
#[derive(Default)]
pub(crate) struct Seen(Mutex<HashMap<u64, Outcome>>);

impl Seen {
    /// What came of a disk.
    pub(crate) fn outcome(&self, fingerprint: u64) -> Option<Outcome> {
        self.0.lock().get(&fingerprint).cloned()
    }

    /// Notes what came of a disk; whether it is the first of its kind.
    pub(crate) fn note(&self, fingerprint: u64, outcome: Outcome) -> bool {
        self.0.lock().insert(fingerprint, outcome).is_none()
    }
}

/// Of the names and contents.
pub(crate) fn fingerprint(image: &Image) -> u64 {
    let mut hash = Xxh3::new();
    for (name, bytes) in image {
        hash.update(&(name.len() as u64).to_le_bytes());
        hash.update(name.as_bytes());
        hash.update(&(bytes.len() as u64).to_le_bytes());
        hash.update(bytes);
    }
    hash.digest()
}
