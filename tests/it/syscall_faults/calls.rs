//! **Job:** reads what strace recorded of one thread, and says at which of its calls a fault can strike.
//! **Owns:** the list of the calls by which a data file is changed or looked at.
//! **Never:** knows what a fault is, or what a file means.

use std::path::Path;

/// The calls by which files are opened, changed, made durable, named and locked.
pub(crate) const CHANGING: [&str; 23] = [
    "openat",
    "pwrite64",
    "pwritev",
    "pwritev2",
    "ftruncate",
    "truncate",
    "fallocate",
    "fsync",
    "fdatasync",
    "sync_file_range",
    "syncfs",
    "rename",
    "renameat",
    "renameat2",
    "link",
    "linkat",
    "unlink",
    "unlinkat",
    "mkdir",
    "chmod",
    "fchmod",
    "fchown",
    "flock",
];

/// The calls by which they are looked at.
pub(crate) const LOOKING: [&str; 4] = ["pread64", "read", "statx", "newfstatat"];

/// A call of a recorded thread.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) name: String,
    /// Which one of this name, from 1 on: as strace counts.
    pub(crate) nth: usize,
    /// The name of the data file or of one beside it that is called like it; the folder's own is empty.
    pub(crate) file: Option<String>,
}

impl Call {
    pub(crate) fn is_changing(&self) -> bool {
        CHANGING.contains(&self.name.as_str())
    }
}

/// The calls in a log of `strace -y` of one thread, in their order: those that failed too, because strace counts them.
pub(crate) fn calls(log: &str, folder: &Path) -> Vec<Call> {
    let folder = folder.to_str().expect("temporary paths are text");
    let mut calls: Vec<Call> = Vec::new();
    for line in log.lines().filter(|line| !line.starts_with(['+', '-'])) {
        let Some((name, arguments)) = line.split_once('(') else { continue };
        let nth = 1 + calls.iter().filter(|call| call.name == name).count();
        calls.push(Call { name: name.to_owned(), nth, file: file_in(arguments, folder) });
    }
    calls
}

fn file_in(arguments: &str, folder: &str) -> Option<String> {
    let (_, rest) = arguments.split_once(folder)?;
    let name = rest.split(['"', '>']).next().unwrap_or_default().trim_start_matches('/');
    // A draft's name has the process and the moment in it.
    let name = match name.split_once(".part") {
        Some((_, beside)) => format!("draft{beside}"),
        None => name.to_owned(),
    };
    (name.is_empty() || name.starts_with("draft") || name.contains(".db")).then_some(name)
}

#[test]
fn a_log_of_one_thread_is_its_calls_counted_by_name() {
    let log = r#"
openat(AT_FDCWD</>, "/etc/hosts", O_RDONLY) = 3</etc/hosts>
openat(AT_FDCWD</>, "/d/settings.toml", O_RDONLY) = -1 ENOENT (No such file or directory)
openat(AT_FDCWD</>, "/d/sale.db.7-9.part", O_RDWR|O_CREAT, 0600) = 4</d/sale.db.7-9.part>
pwrite64(4</d/sale.db-wal>, ""..., 4096, 0) = -1 EIO (Input/output error) (INJECTED)
--- SIGTERM {si_signo=SIGTERM} ---
fsync(5</d>)                            = ?
+++ killed by SIGKILL +++
"#;
    let call = |name: &str, nth, file: Option<&str>| Call { name: name.to_owned(), nth, file: file.map(str::to_owned) };
    let expected = [
        call("openat", 1, None),
        call("openat", 2, None),
        call("openat", 3, Some("draft")),
        call("pwrite64", 1, Some("sale.db-wal")),
        call("fsync", 1, Some("")),
    ];
    assert_eq!(calls(log, Path::new("/d")), expected);
}
