//! **Job:** the high-water mark beside the data file: the last entry that was acknowledged.
//! **Owns:** the file `<data file>.mark`.
//! **Never:** is synced with each commit: it survives the process, and after a power cut it may be behind, never ahead
//! of what was synced.
//!
//! One flipped bit in the write-ahead log silently drops every later row, and `integrity_check` says ok; so does a
//! deleted log or an old copy of the data file. The mark turns each of these into a refused start.
//!
//! Where commits are not synced (`durability = "normal"`), a power cut may take entries that the mark knows. So it says
//! how they were kept and during which run of the machine: after another boot a mark that is ahead is told, and only
//! within the same one, where nothing can have been lost, it is a reason to refuse.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::{Durability, LedgerError};
use crate::data_file::{DataFileError, MARK, beside};

/// `seq`, a space, the checksum, a line end: written at once and of fixed length, so that it is never half a mark.
const LINE_LENGTH: usize = 20 + 1 + 16 + 1;

/// Largest mark that is read: two lines.
const MAX_LENGTH: u64 = 256;

/// Linux's name of this run of the machine.
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// What the mark knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Acknowledged {
    /// Number and checksum of the last entry that was acknowledged.
    pub(super) seq: u64,
    pub(super) checksum: i64,
    pub(super) kept: Kept,
    /// Where that is written.
    pub(super) path: PathBuf,
}

/// Whether the file must still have what was acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kept {
    /// It was synced, or the machine has not been down since.
    Surely,
    /// It was not synced, and the machine has been down since.
    UnlessPowerFailed,
}

/// What a mark says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Reading {
    /// There is none.
    Absent,
    /// It is empty, torn (a power cut) or overwritten: it knows nothing.
    Unreadable,
    Known(Acknowledged),
}

impl Reading {
    pub(super) fn acknowledged(&self) -> Option<&Acknowledged> {
        match self {
            Self::Known(acknowledged) => Some(acknowledged),
            Self::Absent | Self::Unreadable => None,
        }
    }
}

/// Reads the mark of a data file, and leaves it as it is.
pub(super) fn read(data_file: &Path) -> Result<Reading, LedgerError> {
    let path = beside(data_file, MARK);
    let failed = |source| DataFileError::File { path: path.clone(), source };
    let mut text = Vec::new();
    match File::open(&path) {
        Ok(file) => file.take(MAX_LENGTH).read_to_end(&mut text).map_err(failed)?,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Reading::Absent),
        Err(error) => return Err(failed(error).into()),
    };
    let known = str::from_utf8(&text).ok().and_then(|text| parse(text, &boot_id(), &path));
    Ok(known.map_or(Reading::Unreadable, Reading::Known))
}

fn parse(text: &str, boot: &str, path: &Path) -> Option<Acknowledged> {
    let (line, rest) = text.split_at_checked(LINE_LENGTH)?;
    let (seq, checksum) = line.strip_suffix('\n')?.split_once(' ')?;
    let checksum = u64::from_str_radix(checksum, 16).ok()?.cast_signed();
    // Marks of the first version have no second line; they did not tell the two apart and refused.
    let is_from_before = rest.trim_end().split_once(' ').is_some_and(|(kept, then)| kept == "normal" && then != boot);
    let kept = if is_from_before { Kept::UnlessPowerFailed } else { Kept::Surely };
    Some(Acknowledged { seq: seq.parse().ok()?, checksum, kept, path: path.to_owned() })
}

fn boot_id() -> String {
    std::fs::read_to_string(BOOT_ID).map_or_else(|_hidden| "unknown".to_owned(), |id| id.trim_end().to_owned())
}

/// The mark of an open ledger.
#[derive(Debug)]
pub(super) struct Mark {
    file: File,
    last: Option<Acknowledged>,
    path: PathBuf,
    /// What every mark of this session ends with.
    second_line: String,
}

impl Mark {
    /// For a ledger that is kept like this; the mark is made if it is not there.
    pub(super) fn open(data_file: &Path, durability: Durability) -> Result<Self, LedgerError> {
        let path = beside(data_file, MARK);
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).create(true).truncate(false).mode(0o600).open(&path);
        let file = file.map_err(|source| DataFileError::File { path: path.clone(), source })?;
        let kept = match durability {
            Durability::Full => "full  ",
            Durability::Normal => "normal",
        };
        Ok(Self { file, last: None, path, second_line: format!("{kept} {}\n", boot_id()) })
    }

    /// The last entry that was acknowledged in this session.
    pub(super) fn acknowledged(&self) -> Option<&Acknowledged> {
        self.last.as_ref()
    }

    /// Notes an entry. A mark that cannot be written is behind, which is allowed.
    pub(super) fn acknowledge(&mut self, seq: u64, checksum: i64) {
        match &mut self.last {
            Some(last) => (last.seq, last.checksum) = (seq, checksum),
            None => self.last = Some(Acknowledged { seq, checksum, kept: Kept::Surely, path: self.path.clone() }),
        }
        let mark = format!("{seq:020} {checksum:016x}\n{}", self.second_line);
        if let Err(error) = self.file.write_all_at(mark.as_bytes(), 0) {
            tracing::debug!(%error, "the high-water mark could not be written");
        }
    }

    pub(super) fn sync(&self) {
        if let Err(error) = self.file.sync_data() {
            tracing::debug!(%error, "the high-water mark could not be synced");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(reading: &Reading) -> Option<(u64, i64, Kept)> {
        reading.acknowledged().map(|mark| (mark.seq, mark.checksum, mark.kept))
    }

    #[test]
    fn a_mark_is_read_back_and_a_torn_one_knows_nothing() {
        let folder = tempfile::tempdir().expect("a folder for the test");
        let data_file = folder.path().join("sale.db");
        assert_eq!(read(&data_file).expect("nothing there"), Reading::Absent);
        for durability in [Durability::Normal, Durability::Full] {
            let mut mark = Mark::open(&data_file, durability).expect("a mark");
            mark.acknowledge(7, -3);
            mark.acknowledge(8, i64::MIN);
            let read_back = read(&data_file).expect("the mark");
            assert_eq!(known(&read_back), Some((8, i64::MIN, Kept::Surely)));
        }
        for torn in ["", "\0\0\0", "00000000000000000008 8000000", "00000000000000000008-8000000000000000\n"] {
            std::fs::write(folder.path().join("sale.db.mark"), torn).expect("writable");
            assert_eq!(read(&data_file).expect("the mark"), Reading::Unreadable, "{torn:?}");
        }
    }

    #[test]
    fn unsynced_entries_may_be_lost_only_when_the_machine_was_down() {
        let line = "00000000000000000008 00000000000000ff\n";
        let mark = |second: &str| parse(&format!("{line}{second}"), "boot-2", Path::new("m")).map(|mark| mark.kept);
        assert_eq!(mark(""), Some(Kept::Surely), "a mark of the first version");
        assert_eq!(mark("full   boot-1\n"), Some(Kept::Surely));
        assert_eq!(mark("normal boot-2\n"), Some(Kept::Surely));
        assert_eq!(mark("normal boot-1\n"), Some(Kept::UnlessPowerFailed));
    }
}
