//! **Job:** puts strace or the shim between a process and its files, and tells afterwards what it saw.
//! **Owns:** the tracer, its logs and the shim; all go with it.
//! **Never:** traces more than one thread at a time with one strace: it counts calls a thread.

use std::fmt;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::{Arc, OnceLock};
use std::thread::sleep;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::calls::{CHANGING, Call, LOOKING, calls};
use super::fault::Fault;

/// The shim of the tests of the sale, which can cut writes short.
const SHIM: &str = include_str!("../../../actors/tests/it/support/fault_shim.c");
/// How long a tracer may take to notice that its thread has ended.
const PATIENCE: Duration = Duration::from_secs(30);

/// Which thread of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Thread {
    /// The first one: it starts and ends the process.
    Main,
    /// The one that writes the data file while it works.
    Writing,
}

/// Where a fault strikes.
#[derive(Debug, Clone)]
pub(crate) enum Place {
    /// A call, told by its place in what its thread did in an undisturbed run.
    Call { thread: Thread, calls: Arc<Vec<Call>>, at: usize },
    /// The nth write to a file with this end of its path, whoever makes it.
    Write { nth: usize, path_end: String },
}

/// A fault and where it strikes.
#[derive(Debug, Clone)]
pub(crate) struct Strike {
    pub(crate) fault: Fault,
    pub(crate) place: Place,
}

impl Strike {
    /// Whether it strikes a call of this name on that file.
    pub(crate) fn is_on(&self, wanted: &str, on: &str) -> bool {
        let Place::Call { calls, at, .. } = &self.place else { return false };
        calls[*at].name == wanted && calls[*at].file.as_deref() == Some(on)
    }
}

impl fmt::Display for Strike {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::Call { thread, calls, at } => {
                let Call { name, nth, file } = &calls[*at];
                let file = file.as_deref().unwrap_or("elsewhere");
                write!(f, "{name} number {nth} of thread {thread:?} ({file:?}): {}", self.fault)
            }
            Place::Write { nth, path_end } => write!(f, "write number {nth} of {path_end}: {}", self.fault),
        }
    }
}

/// What watches one process.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Watch<'w> {
    /// strace looks on at both threads.
    Trace,
    /// The shim keeps a journal of the writes.
    Journal,
    /// A fault strikes.
    Strike(&'w Strike),
}

/// The means to watch one process.
pub(crate) struct Tracing<'w> {
    watch: Watch<'w>,
    folder: TempDir,
    attached: Option<Attached>,
}

/// A strace that was attached to a thread. Its own errors can still come on its way out.
struct Attached {
    strace: Child,
    _stderr: BufReader<ChildStderr>,
}

/// What was seen.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) main: Vec<Call>,
    pub(crate) writing: Vec<Call>,
    /// Whether the fault struck, and what it was meant to strike.
    pub(crate) struck: bool,
    /// The files that were written to, in the order of the writes.
    pub(crate) written: Vec<String>,
}

impl<'w> Tracing<'w> {
    pub(crate) fn new(watch: Watch<'w>) -> Self {
        let tracing = Self { watch, folder: tempfile::tempdir().expect("a temporary directory"), attached: None };
        if let Watch::Strike(Strike { fault, place: Place::Write { nth, path_end } }) = watch {
            std::fs::write(tracing.file("control"), fault.control(*nth, path_end)).expect("room on the disk");
        }
        tracing
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The program that becomes the process to be watched, and its arguments.
    pub(crate) fn wrapper(&self) -> Vec<String> {
        let variable = |name: &str, path: &Path| format!("{name}={}", path.display());
        match self.watch {
            Watch::Journal | Watch::Strike(Strike { place: Place::Write { .. }, .. }) => vec![
                "env".to_owned(),
                variable("LD_PRELOAD", shim()),
                variable("FAULT_JOURNAL", &self.file("journal")),
                variable("FAULT_CONTROL", &self.file("control")),
            ],
            _ if self.traces(Thread::Main) => {
                // -D: the process stays our own child, and the tracer is the one beside it.
                let strace = ["strace".to_owned(), "-D".to_owned()];
                strace.into_iter().chain(self.arguments(Thread::Main)).collect()
            }
            Watch::Trace | Watch::Strike(_) => Vec::new(),
        }
    }

    fn traces(&self, which: Thread) -> bool {
        match self.watch {
            Watch::Trace => true,
            Watch::Strike(Strike { place: Place::Call { thread, .. }, .. }) => *thread == which,
            Watch::Journal | Watch::Strike(_) => false,
        }
    }

    fn arguments(&self, thread: Thread) -> Vec<String> {
        let names = CHANGING.iter().chain(&LOOKING).copied().collect::<Vec<_>>().join(",");
        let log = self.file(log_of(thread)).to_str().expect("temporary paths are text").to_owned();
        let mut arguments: Vec<String> = ["-y", "-s", "0", "-o"].map(str::to_owned).to_vec();
        arguments.extend([log, "-e".to_owned(), format!("trace={names}")]);
        if let Watch::Strike(Strike { fault, place: Place::Call { calls, at, .. } }) = self.watch {
            arguments.extend(fault.injections(calls, *at).into_iter().flat_map(|inject| ["-e".to_owned(), inject]));
        }
        arguments
    }

    /// Follows the thread that writes, if that is asked for. It has to be idle.
    pub(crate) fn attach(&mut self, thread: impl FnOnce() -> u32) {
        if !self.traces(Thread::Writing) {
            return;
        }
        let mut command = Command::new("strace");
        command.args(self.arguments(Thread::Writing)).args(["-p", &thread().to_string()]);
        let strace = command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn();
        let mut strace = strace.expect("strace is installed");
        let mut stderr = BufReader::new(strace.stderr.take().expect("piped"));
        let mut line = String::new();
        stderr.read_line(&mut line).expect("strace writes text");
        assert!(line.contains("attached"), "strace needs permission to trace one's own processes: {line}");
        self.attached = Some(Attached { strace, _stderr: stderr });
    }

    /// What was seen of the process, which has ended. `folder` is where its data file lies.
    pub(crate) fn finish(mut self, folder: &Path) -> Seen {
        if let Some(Attached { mut strace, .. }) = self.attached.take() {
            let ended = until(|| strace.try_wait().expect("a child can be asked"));
            assert!(ended.is_some(), "strace did not notice that its thread has ended");
        }
        let mut seen = Seen::default();
        for (thread, of_thread) in [(Thread::Main, &mut seen.main), (Thread::Writing, &mut seen.writing)] {
            let log = self.file(log_of(thread));
            // A thread that never was leaves no log.
            if self.traces(thread) && log.exists() {
                let whole = until(|| {
                    let log = std::fs::read_to_string(&log).expect("strace writes text");
                    log.lines().any(|line| line.starts_with("+++")).then_some(log)
                });
                *of_thread = calls(&whole.expect("strace did not write the end of its thread"), folder);
            }
        }
        let journal = std::fs::read_to_string(self.file("journal")).unwrap_or_default();
        let writes = journal.lines().filter(|line| line.starts_with("write "));
        seen.written = writes.clone().filter_map(|line| line.splitn(4, ' ').nth(3)).map(str::to_owned).collect();
        if let Watch::Strike(strike) = self.watch {
            seen.struck = match &strike.place {
                Place::Call { thread: Thread::Main, calls, at } => seen.main.contains(&calls[*at]),
                Place::Call { thread: Thread::Writing, calls, at } => seen.writing.contains(&calls[*at]),
                Place::Write { .. } => writes.clone().any(|line| line.starts_with("write short ")),
            };
        }
        seen
    }
}

fn log_of(thread: Thread) -> &'static str {
    match thread {
        Thread::Main => "main",
        Thread::Writing => "writing",
    }
}

/// Looks until there is something.
fn until<T>(mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        if let Some(found) = look() {
            return Some(found);
        }
        sleep(Duration::from_millis(2));
    }
    None
}

/// The shim, compiled once, and always under the same name: nobody removes it.
fn shim() -> &'static Path {
    static SHIM_FILE: OnceLock<PathBuf> = OnceLock::new();
    SHIM_FILE.get_or_init(|| {
        let target = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let folder = tempfile::tempdir_in(target).expect("a folder for the compiler");
        let (source, made) = (folder.path().join("shim.c"), folder.path().join("shim.so"));
        std::fs::write(&source, SHIM).expect("room on the disk");
        let mut compiler = Command::new("gcc");
        compiler.args(["-shared", "-fPIC", "-O1", "-o"]).args([&made, &source]).arg("-ldl");
        assert!(compiler.status().expect("gcc is installed").success());
        let shim = target.join("fault_shim.so");
        std::fs::rename(made, &shim).expect("the same file system");
        shim
    })
}

/// The threads of a process by their names, in the order in which they came into being.
pub(crate) fn threads(process: u32) -> Vec<(u32, String)> {
    let task = PathBuf::from(format!("/proc/{process}/task"));
    let named = |entry: std::io::Result<std::fs::DirEntry>| {
        let id = entry.ok()?.file_name().to_str()?.parse().ok()?;
        let name = std::fs::read_to_string(task.join(format!("{id}/comm"))).ok()?;
        Some((id, name.trim_end().to_owned()))
    };
    let mut threads: Vec<_> = std::fs::read_dir(&task).expect("it runs").filter_map(named).collect();
    threads.sort_unstable();
    threads
}
