//! **Job:** reads the high-water mark beside a data file, as data/README.md describes it.
//! **Owns:** the difference between a mark that is not there, one that says nothing, and one that binds.
//! **Never:** shares code with the writer of the mark: an auditor must not share its error.

use std::io::{ErrorKind, Read as _};
use std::path::Path;

use doorbuster_actors::data_file::beside;

/// Most bytes that are read: two short lines.
const MAX_MARK: u64 = 256;

/// Bytes of the first line: number and checksum.
const FIRST_LINE: usize = 20 + 1 + 16;

/// What the mark says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Mark {
    Missing,
    Unreadable,
    /// The last entry that was acknowledged.
    Acknowledged {
        seq: u64,
        checksum: i64,
        binding: Binding,
    },
}

/// Whether the ledger must have what the mark says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Binding {
    Always,
    /// It was written with durability "normal" before the machine was started anew: the disk may lack the last entries.
    BeforeRestart,
}

impl Mark {
    /// The mark of the data file at `path`.
    pub(super) fn read(path: &Path) -> Self {
        let path = beside(path, ".mark");
        match std::fs::metadata(&path) {
            Ok(found) if found.is_file() => {}
            Err(error) if error.kind() == ErrorKind::NotFound => return Self::Missing,
            Ok(_) | Err(_) => return Self::Unreadable,
        }
        let mut bytes = Vec::new();
        let read = std::fs::File::open(path).and_then(|file| file.take(MAX_MARK).read_to_end(&mut bytes));
        // A boot that is not known is another one.
        let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        read.ok().and_then(|_| Self::parse(&bytes, boot.trim())).unwrap_or(Self::Unreadable)
    }

    fn parse(bytes: &[u8], boot: &str) -> Option<Self> {
        let mut lines = std::str::from_utf8(bytes).ok()?.lines();
        let first = lines.next().filter(|line| line.len() == FIRST_LINE)?;
        let (seq, checksum) = first.split_once(' ')?;
        let binding = match lines.next().and_then(|line| line.split_once(' ')) {
            Some(("normal", its)) if its != boot => Binding::BeforeRestart,
            Some(_) | None => Binding::Always,
        };
        let checksum = u64::from_str_radix(checksum, 16).ok()?.cast_signed();
        Some(Self::Acknowledged { seq: seq.parse().ok()?, checksum, binding })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_binds_unless_the_machine_was_started_anew_without_durability() {
        let line = "00000000000000000007 fffffffffffffffd\n";
        let parsed = |rest: &str| Mark::parse(format!("{line}{rest}").as_bytes(), "this-boot");
        let said = |binding| Some(Mark::Acknowledged { seq: 7, checksum: -3, binding });
        for binding in ["", "full other-boot\n", "full this-boot\n", "normal this-boot\n"] {
            assert_eq!(parsed(binding), said(Binding::Always), "{binding:?}");
        }
        assert_eq!(parsed("normal other-boot\n"), said(Binding::BeforeRestart));
        for torn in ["", "\0\0", "00000000000000000007 fffffffffff", "7 fffffffffffffffd\n"] {
            assert_eq!(Mark::parse(torn.as_bytes(), ""), None, "{torn:?}");
        }
    }
}
