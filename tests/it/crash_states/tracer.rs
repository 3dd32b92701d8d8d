//! **Job:** a server under strace: how it is started so, and what was recorded of it.
//! **Owns:** the file of the trace.
//! **Never:** reads a line of it but the last: `trace` does.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::trace::{self, Call};

/// How long the tracer may take to write its last line.
const PATIENCE: Duration = Duration::from_secs(30);

/// A tracer of one process after the other.
pub(crate) struct Tracer {
    folder: TempDir,
    file: PathBuf,
}

impl Tracer {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let file = folder.path().join("trace");
        Self { folder, file }
    }

    /// The program that becomes the traced one, and its arguments.
    pub(crate) fn command(&self) -> Vec<String> {
        let calls = format!("trace={}", trace::CALLS.replace(' ', ""));
        let file = self.file.to_str().expect("temporary paths are text");
        // -D: the server stays our own child, and the tracer is the one beside it.
        let words =
            ["strace", "-D", "-f", "--seccomp-bpf", "-A", "-o", file, "-yy", "-xx", "-s", "1048576", "-e", &calls];
        words.map(str::to_owned).to_vec()
    }

    /// Waits for the last line of a process.
    #[expect(clippy::disallowed_methods, reason = "waits for a process that wakes nobody")]
    pub(crate) fn wait_for_end(&self, process: u32) {
        let process = process.to_string();
        let is_end = |line: &str| line.strip_prefix(&process).is_some_and(|rest| rest.trim_start().starts_with("+++"));
        let started = Instant::now();
        while !std::fs::read_to_string(&self.file).is_ok_and(|text| text.lines().any(is_end)) {
            assert!(started.elapsed() < PATIENCE, "strace did not write the end of process {process}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// All that was recorded.
    pub(crate) fn calls(self) -> Vec<Call> {
        let text = std::fs::read_to_string(&self.file).expect("strace writes text");
        drop(self.folder);
        trace::parse(&text)
    }
}
