//! **Job:** files that are no longer what a killed server left: the same data comes back, or the start is refused and
//! touches nothing.
//! **Owns:** what "the same" and "nothing" mean: every entry and balance, every byte and mode.
//! **Never:** asks for more than the files that are left can prove.
//!
//! `BIT_ROT=every` flips a bit of every byte instead of a sample's.

#![expect(clippy::print_stdout, reason = "the figures of a campaign")]

mod checkpoint;
mod cuts;
mod exchanged;
mod rot;
mod shown;
mod strangers;
mod victim;

use tempfile::TempDir;

use crate::recovery::{DATA_FILE, Folder, Found, differences, fast_folder, lay_out, look, recover};

/// The end of the name of each file of a ledger.
const LOG: &str = "doorbuster.db-wal";
const SHARED: &str = "doorbuster.db-shm";
const MARK: &str = "doorbuster.db.mark";

/// How a start ended.
#[derive(Debug)]
enum Started {
    With(Found),
    /// Refused; how the files differ from before.
    Refused {
        why: String,
        touched: Vec<String>,
    },
}

/// Starts from these files, in a folder of their own.
fn start(scratch: &TempDir, files: &Folder) -> Started {
    lay_out(scratch.path(), files);
    match recover(&scratch.path().join(DATA_FILE)) {
        Ok(found) => Started::With(found),
        Err(error) => Started::Refused { why: error.to_string(), touched: differences(files, &look(scratch.path())) },
    }
}

/// Complaints that are kept in words; the rest are counted.
const COMPLAINTS: usize = 12;

/// What came of many starts.
struct Campaign {
    scratch: TempDir,
    same: usize,
    refused: usize,
    /// Refused, but something was changed.
    touched: usize,
    /// Started with other data, or where it must not.
    different: usize,
    complaints: Vec<String>,
}

impl Campaign {
    fn new() -> Self {
        Self { scratch: fast_folder(), same: 0, refused: 0, touched: 0, different: 0, complaints: Vec::new() }
    }

    /// Starts from the files, which must give what was written or be refused untouched. Says whether they gave it.
    fn try_start(&mut self, files: &Folder, written: &Found, what: &str) -> bool {
        match start(&self.scratch, files) {
            Started::With(found) if found == *written => {
                self.same += 1;
                return true;
            }
            Started::With(found) => {
                let (found, written) = (found.entries.len(), written.entries.len());
                self.different += 1;
                self.complain(format!("{what}: started with {found} entries instead of {written}, or others"));
            }
            Started::Refused { why, touched } => self.refuse(what, &why, &touched),
        }
        false
    }

    /// The start must give what was written.
    fn must_start(&mut self, files: &Folder, written: &Found, what: &str) {
        let refused = self.refused;
        if !self.try_start(files, written, what) && self.refused > refused {
            self.different += 1;
            self.complain(format!("{what}: refused"));
        }
    }

    /// The start must be refused, and touch nothing.
    fn must_be_refused(&mut self, files: &Folder, what: &str) {
        match start(&self.scratch, files) {
            Started::With(found) => {
                self.different += 1;
                self.complain(format!("{what}: started with {} entries", found.entries.len()));
            }
            Started::Refused { why, touched } => self.refuse(what, &why, &touched),
        }
    }

    fn refuse(&mut self, what: &str, why: &str, touched: &[String]) {
        self.refused += 1;
        if !touched.is_empty() {
            self.touched += 1;
            self.complain(format!("{what}: refused ({why}), but {}", touched.join(", ")));
        }
    }

    fn complain(&mut self, complaint: String) {
        if self.complaints.len() < COMPLAINTS {
            self.complaints.push(complaint);
        }
    }

    /// Prints the figures; fails if anything was wrong.
    fn end(self, what: &str) {
        let Self { same, refused, touched, different, complaints, .. } = self;
        let figures = format!("{same} started with the same data, {refused} refused");
        println!("{what}: {figures}, {touched} of them touched, {different} started with something else");
        assert!(touched + different == 0, "for example:\n  {}", complaints.join("\n  "));
    }
}

/// The files with one changed; `None` takes it away.
fn with(files: &Folder, name: &str, bytes: Option<&[u8]>) -> Folder {
    let mut files = files.clone();
    match bytes {
        Some(bytes) => files.insert(name.to_owned(), (0o644, bytes.to_vec())),
        None => files.remove(name),
    };
    files
}
