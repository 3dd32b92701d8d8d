//! **Job:** the high-water mark beside the data file: the last entry that was acknowledged.
//! **Owns:** the file `<data file>.mark`.
//! **Never:** is synced with each commit: it survives the process, and after a power cut it may be behind, never ahead.
//!
//! One flipped bit in the write-ahead log silently drops every later row, and `integrity_check` says ok; so does a
//! deleted log or an old copy of the data file. The mark turns each of these into a refused start.

use std::fs::{File, OpenOptions};
use std::io::Read;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::LedgerError;

/// `seq`, a space, the checksum, a line end: one write of fixed length, so that it is never half a mark.
const MARK_LENGTH: usize = 20 + 1 + 16 + 1;

#[derive(Debug)]
pub(super) struct Mark {
    file: File,
    path: PathBuf,
    acknowledged: Option<(u64, i64)>,
}

impl Mark {
    pub(super) fn open(data_file: &Path) -> Result<Self, LedgerError> {
        let mut path = data_file.as_os_str().to_owned();
        path.push(".mark");
        let path = PathBuf::from(path);
        let failed = |source| LedgerError::File { path: path.clone(), source };
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(failed)?;
        let mut text = String::new();
        file.read_to_string(&mut text).map_err(failed)?;
        let acknowledged = parse(&text);
        Ok(Self { file, path, acknowledged })
    }

    /// Number and checksum of the last entry that was acknowledged, as far as the mark knows.
    pub(super) fn acknowledged(&self) -> Option<(u64, i64)> {
        self.acknowledged
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Notes an entry. A mark that cannot be written is behind, which is allowed.
    pub(super) fn acknowledge(&mut self, seq: u64, checksum: i64) {
        self.acknowledged = Some((seq, checksum));
        let mark = format!("{seq:020} {checksum:016x}\n");
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

/// An empty or torn mark (a power cut) knows nothing.
fn parse(text: &str) -> Option<(u64, i64)> {
    let line = text.get(..MARK_LENGTH)?.strip_suffix('\n')?;
    let (seq, checksum) = line.split_once(' ')?;
    let checksum = u64::from_str_radix(checksum, 16).ok()?;
    Some((seq.parse().ok()?, checksum.cast_signed()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_read_back_and_a_torn_one_knows_nothing() {
        let folder = tempfile::tempdir().expect("a folder for the test");
        let data_file = folder.path().join("sale.db");
        let mut mark = Mark::open(&data_file).expect("a new mark");
        assert_eq!(mark.acknowledged(), None);
        mark.acknowledge(7, -3);
        mark.acknowledge(8, i64::MIN);
        assert_eq!(Mark::open(&data_file).expect("the mark").acknowledged(), Some((8, i64::MIN)));
        for torn in ["", "\0\0\0", "00000000000000000008 8000000"] {
            assert_eq!(parse(torn), None, "{torn:?}");
        }
    }
}
