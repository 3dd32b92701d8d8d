//! **Job:** stands in for systemd: hears what a process tells its service manager, and passes sockets on to it.
//! **Owns:** the notification socket, and the shell that puts descriptors where the protocol has them.
//! **Never:** restarts anything.

use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// How long something that must be told may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// Messages that nobody has looked at yet; more than a test makes.
const QUEUE: usize = 10_000;

/// A message, and when it came.
type Heard = (Instant, String);

/// The notification socket of a service manager, which is always listened to: a full queue would hold the sender up.
pub(crate) struct ServiceManager {
    path: PathBuf,
    heard: Receiver<Heard>,
    _folder: TempDir,
}

impl ServiceManager {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let path = folder.path().join("notify");
        let socket = UnixDatagram::bind(&path).expect("a socket in an own folder");
        let (queue, heard) = sync_channel(QUEUE);
        std::thread::spawn(move || listen(&socket, &queue));
        Self { path, heard, _folder: folder }
    }

    /// The value of `NOTIFY_SOCKET` for the process.
    pub(crate) fn path(&self) -> &str {
        self.path.to_str().expect("temporary paths are text")
    }

    /// Waits for a message with this line (or one that begins so); answers with it.
    ///
    /// # Panics
    /// If it does not come.
    pub(crate) fn wait_for(&self, line: &str) -> String {
        self.collect_until(line).pop().expect("it came").1
    }

    /// All messages up to one with a line that begins so, and when each of them came.
    pub(crate) fn collect_until(&self, line: &str) -> Vec<Heard> {
        let begun = Instant::now();
        let mut heard = Vec::new();
        while let Ok(message) = self.heard.recv_timeout(PATIENCE.saturating_sub(begun.elapsed())) {
            let is_it = message.1.lines().any(|heard| heard.starts_with(line));
            heard.push(message);
            if is_it {
                return heard;
            }
        }
        panic!("{line} was not told within {PATIENCE:?}; heard: {heard:?}");
    }

    /// All that a process has said which has ended since.
    pub(crate) fn last_words(&self) -> Vec<String> {
        self.send(LAST);
        self.collect_until(LAST).into_iter().map(|(_, message)| message).collect()
    }

    fn send(&self, message: &str) {
        let sender = UnixDatagram::unbound().expect("a descriptor is free");
        sender.send_to(message.as_bytes(), &self.path).expect("it is listened to");
    }
}

/// What the test itself says behind everything else.
const LAST: &str = "that was all";

/// What ends the listening.
const END: &str = "";

impl Drop for ServiceManager {
    fn drop(&mut self) {
        self.send(END);
    }
}

fn listen(socket: &UnixDatagram, queue: &SyncSender<Heard>) {
    let mut buffer = [0; 4096];
    while let Ok(count @ 1..) = socket.recv(&mut buffer) {
        let message = String::from_utf8_lossy(&buffer[..count]).into_owned();
        if queue.send((Instant::now(), message)).is_err() {
            return;
        }
    }
}

/// A socket to be passed to a process, and its name; without one the place says whose it is.
#[derive(Debug, Clone)]
pub(crate) struct PassedSocket {
    name: String,
    socket: Arc<OwnedFd>,
}

impl PassedSocket {
    pub(crate) fn new(name: &str, socket: impl Into<OwnedFd>) -> Self {
        Self { name: name.to_owned(), socket: Arc::new(socket.into()) }
    }

    fn stdio(&self) -> Stdio {
        self.socket.try_clone().expect("a descriptor is free").into()
    }
}

/// `command`, with these sockets where systemd puts them: descriptors 3 and following. The test's own stay closed to
/// all other children: a shell has them as its standard input and output, and moves them. At most two.
pub(crate) fn passing(command: &Command, sockets: &[PassedSocket], stdout: &str) -> Command {
    let mut shell = Command::new("sh");
    let moved = ["3<&0", "4<&1"][..sockets.len()].join(" ");
    let names: Vec<_> = sockets.iter().map(|socket| socket.name.as_str()).collect();
    let mut variables = format!("LISTEN_PID=$$ LISTEN_FDS={}", sockets.len());
    if names.iter().any(|name| !name.is_empty()) {
        variables.push_str(&format!(" LISTEN_FDNAMES={}", names.join(":")));
    }
    let stdout = format!("[ -z '{stdout}' ] || exec 1>>'{stdout}'");
    let script = format!("exec {moved} 0</dev/null; {stdout}; export {variables}; exec \"$@\"");
    shell.args(["-c", &script, "sh"]).arg(command.get_program()).args(command.get_args());
    if let Some(directory) = command.get_current_dir() {
        shell.current_dir(directory);
    }
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    shell.stdin(sockets[0].stdio());
    if let Some(second) = sockets.get(1) {
        shell.stdout(second.stdio());
    }
    shell
}
