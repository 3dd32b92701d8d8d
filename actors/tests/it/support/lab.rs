//! **Job:** a child process whose disk can be made to fail, to wait and to lie, and which says what it asked of it.
//! **Owns:** the shim, compiled once a child, its control file and its journal.
//! **Never:** knows what a test does in the child.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

use super::run_as_child;

const SHIM: &str = include_str!("fault_shim.c");

/// A child's surroundings: its folder, the shim, the control file.
pub(crate) struct Lab {
    folder: TempDir,
}

impl Lab {
    pub(crate) fn new() -> Self {
        // On the disk of the build: a file system in memory has no page cache that could differ from it.
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder for the test");
        let source = folder.path().join("fault_shim.c");
        fs::write(&source, SHIM).expect("room on the disk");
        let compiler = Command::new("gcc")
            .args(["-shared", "-fPIC", "-O1", "-Wall", "-o"])
            .arg(folder.path().join("fault_shim.so"))
            .arg(&source)
            .arg("-ldl")
            .output()
            .expect("gcc is installed");
        assert!(compiler.status.success(), "{}", String::from_utf8_lossy(&compiler.stderr));
        Self { folder }
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn data_file(&self) -> PathBuf {
        self.folder.path().join("sale.db")
    }

    /// Runs a test as a child in these surroundings.
    pub(crate) fn run(&self, test: impl Fn()) -> Output {
        let folder = self.folder.path();
        let in_folder = |name: &str| folder.join(name);
        let (shim, control, journal) = (in_folder("fault_shim.so"), in_folder(CONTROL), in_folder(JOURNAL));
        let variables: [(&str, &Path); 3] =
            [("LD_PRELOAD", &shim), ("FAULT_CONTROL", &control), ("FAULT_JOURNAL", &journal)];
        let output = run_as_child(test, folder, &variables);
        println!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        output
    }
}

const CONTROL: &str = "fault_control";
const JOURNAL: &str = "fault_journal";

/// Where a child finds itself.
pub(crate) fn child_folder() -> PathBuf {
    std::env::var_os("FOLDER").expect("set by the parent").into()
}

/// Lets writes or syncs of files with this ending fail or wait from now on, or the page cache lie about one.
pub(crate) fn begin_fault(fault: &str) {
    // Written beside and moved, so that nobody reads half a line.
    let (control, draft) = (child_folder().join(CONTROL), child_folder().join("fault_draft"));
    fs::write(&draft, fault).expect("room on the disk");
    fs::rename(draft, control).expect("the same folder");
}

pub(crate) fn end_fault() {
    fs::remove_file(child_folder().join(CONTROL)).expect("it is there");
}

/// One call in the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Done {
    /// `write`, `sync` or `cut`.
    pub(crate) operation: String,
    /// `ok`, `held` or `error`.
    pub(crate) result: String,
    /// Where it was written, to what length it was cut; -1 where that means nothing.
    pub(crate) at: i64,
    pub(crate) path: String,
}

impl Done {
    pub(crate) fn is(&self, operation: &str, result: &str, ending: &str) -> bool {
        self.operation == operation && self.result == result && self.path.ends_with(ending)
    }
}

/// What a child has asked of its disk so far.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    read: usize,
}

impl Journal {
    /// From now on.
    pub(crate) fn begin() -> Self {
        let mut journal = Self::default();
        journal.more();
        journal
    }

    /// What was done since it was asked last.
    pub(crate) fn more(&mut self) -> Vec<Done> {
        let text = fs::read_to_string(child_folder().join(JOURNAL)).unwrap_or_default();
        // A line that is being written belongs to the next time.
        let end = text.rfind('\n').map_or(0, |end| end + 1);
        let lines = text[self.read..end].lines().map(done).collect();
        self.read = end;
        lines
    }
}

fn done(line: &str) -> Done {
    let words: Vec<&str> = line.splitn(4, ' ').collect();
    let [operation, result, at, path] = words[..] else { panic!("{line:?} is no line of the journal") };
    Done {
        operation: operation.to_owned(),
        result: result.to_owned(),
        at: at.parse().expect("a number"),
        path: path.to_owned(),
    }
}
