//! **Job:** notices files with secrets that other users of the machine can read or change.
//! **Owns:** which permission bits are too many, and the sentence about them.
//! **Never:** refuses such a file: where an orchestrator mounts secrets, their bits are not the operator's choice.

use std::fmt;
use std::fs::Metadata;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::origin::shown;

/// Group and others may read.
const READABLE: u32 = 0o044;
/// Group and others may write.
const WRITABLE: u32 = 0o022;
/// The permission bits of a file's mode; the rest is its type.
const PERMISSION_BITS: u32 = 0o7777;

/// What lies in a file, which decides what others may do with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Content {
    /// Others must neither read nor change it.
    Secrets,
    /// Others may read it. Whoever changes it decides who is let in.
    Trust,
}

/// A file that more users than its owner can read or change. Displays as a sentence about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exposure {
    /// Path of the file.
    pub path: PathBuf,
    /// Its permission bits.
    pub mode: u32,
    content: Content,
}

impl Exposure {
    /// The exposure of a file with such content; none if only its owner can do harm with it.
    pub(super) fn of(path: &Path, mode: FileMode, content: Content) -> Option<Self> {
        let harmful = match content {
            Content::Secrets => READABLE | WRITABLE,
            Content::Trust => WRITABLE,
        };
        (mode.0 & harmful != 0).then(|| Self { path: path.to_owned(), mode: mode.0, content })
    }
}

impl fmt::Display for Exposure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verbs = match (self.mode & READABLE != 0, self.mode & WRITABLE != 0) {
            (true, true) => "read and change",
            (false, true) => "change",
            (_, false) => "read",
        };
        let (what, remedy) = match self.content {
            Content::Secrets => ("contains secrets", "chmod 600"),
            Content::Trust => ("says who is let in", "chmod go-w"),
        };
        let (path, mode) = (shown(&self.path), self.mode);
        write!(f, "{path}: {what}, and other users can {verbs} it (mode {mode:04o}): {remedy}")
    }
}

/// The permission bits of a file that was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FileMode(u32);

impl From<&Metadata> for FileMode {
    fn from(metadata: &Metadata) -> Self {
        Self(metadata.permissions().mode() & PERMISSION_BITS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(mode: u32, content: Content) -> Option<String> {
        Exposure::of(Path::new("/etc/a\nb"), FileMode(mode), content).map(|exposure| exposure.to_string())
    }

    #[test]
    fn only_bits_that_let_others_do_harm_are_told() {
        for mode in [0o600, 0o400, 0o700, 0o611] {
            assert_eq!(told(mode, Content::Secrets), None, "{mode:o}");
        }
        for (mode, verbs) in [(0o640, "read"), (0o604, "read"), (0o620, "change"), (0o666, "read and change")] {
            let sentence = told(mode, Content::Secrets).expect("too open");
            let expected = format!("contains secrets, and other users can {verbs} it (mode {mode:04o}): chmod 600");
            assert!(sentence.ends_with(&expected) && sentence.starts_with("/etc/a\\nb: "), "{sentence}");
        }
        assert_eq!(told(0o644, Content::Trust), None);
        assert!(told(0o664, Content::Trust).is_some_and(|sentence| sentence.ends_with("chmod go-w")));
    }
}
