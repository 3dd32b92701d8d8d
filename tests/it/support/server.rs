//! **Job:** runs the built binary: starts it, stops it gently or not, asks its subcommands.
//! **Owns:** the process and its directory; both go with it.
//! **Never:** speaks HTTP.

use std::fmt;
use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use super::service_manager::{PassedSocket, passing};

/// How long a start or an orderly stop may take on a busy machine.
const START_LIMIT: Duration = Duration::from_secs(30);
/// How often the port file and the child are looked at.
const TICK: Duration = Duration::from_millis(5);

/// How the process is started, besides its configuration.
#[derive(Debug, Clone, Default)]
pub(super) struct Launch {
    /// Arguments after `serve`.
    pub(super) arguments: Vec<String>,
    /// The filter of its log.
    pub(super) rust_log: Option<String>,
    /// A program and its arguments that become the server: `prlimit`, `unshare`.
    pub(super) wrapper: Vec<String>,
    /// Variables of its environment.
    pub(super) environment: Vec<(String, String)>,
    /// Sockets that it has from its service manager.
    pub(super) passed: Vec<PassedSocket>,
}

/// A running (or killed) server.
pub(crate) struct Server {
    directory: TempDir,
    items: Vec<String>,
    launch: Launch,
    child: Child,
    listen: SocketAddr,
    ops_listen: SocketAddr,
}

/// A server that ended instead of becoming ready.
#[derive(Debug)]
pub(crate) struct Stopped {
    pub(crate) status: ExitStatus,
    pub(crate) stderr: String,
}

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n{}", self.status, self.stderr)
    }
}

impl Server {
    pub(super) const CONFIG_FILE: &str = "doorbuster.toml";
    pub(super) const DATA_FILE: &str = "doorbuster.db";
    pub(super) const PORT_FILE: &str = "ports.json";
    const STDERR_FILE: &str = "stderr.log";
    const STDOUT_FILE: &str = "stdout.log";

    pub(super) fn start_in(directory: TempDir, items: Vec<String>, launch: Launch) -> Result<Self, Stopped> {
        let mut child = spawn(directory.path(), &launch);
        let (listen, ops_listen) = wait_until_ready(directory.path(), &mut child)?;
        Ok(Self { directory, items, launch, child, listen, ops_listen })
    }

    /// Starts a server as who has just unpacked it does: without a configuration file. It sells the sample catalogue.
    pub(crate) fn start_in_development_mode() -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        Self::start_in(directory, Vec::new(), Launch::default())
            .unwrap_or_else(|stopped| panic!("the server did not start: {stopped}"))
    }

    /// The same on a socket that it is passed.
    pub(crate) fn start_in_development_mode_on(socket: PassedSocket) -> Result<Self, Stopped> {
        let directory = tempfile::tempdir().expect("a temporary directory");
        Self::start_in(directory, Vec::new(), Launch { passed: vec![socket], ..Launch::default() })
    }

    /// Starts a server without a configuration file, with these variables and arguments; listeners on loopback unless
    /// they say otherwise. Says how it ended if it did not become ready.
    pub(crate) fn start_without_file(environment: &[(&str, &str)], arguments: &[&str]) -> Result<Self, Stopped> {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let arguments = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        Self::start_in(directory, Vec::new(), Launch { arguments, environment, ..Launch::default() })
    }

    /// The public listener.
    pub(crate) fn address(&self) -> SocketAddr {
        self.listen
    }

    /// The operations listener.
    pub(crate) fn ops_address(&self) -> SocketAddr {
        self.ops_listen
    }

    /// The ids of the catalogue it was started with.
    pub(crate) fn items(&self) -> &[String] {
        &self.items
    }

    /// The data file.
    pub(crate) fn data_file(&self) -> PathBuf {
        self.directory.path().join(Self::DATA_FILE)
    }

    /// The folder of the data file and of all else that is the server's.
    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// The process, or its last one.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// What all processes of this directory have written to stderr so far.
    pub(crate) fn stderr(&self) -> String {
        stderr_of(self.directory.path())
    }

    /// What the processes of this directory have written to stdout so far.
    pub(crate) fn stdout(&self) -> String {
        String::from_utf8_lossy(&read(self.directory.path(), Self::STDOUT_FILE)).into_owned()
    }

    /// Whether the process still runs.
    pub(crate) fn is_alive(&mut self) -> bool {
        self.child.try_wait().expect("a child can be asked").is_none()
    }

    /// Ends the process without a chance to finish anything.
    pub(crate) fn kill9(&mut self) {
        self.child.kill().expect("a child can be killed");
        self.child.wait().expect("a killed child ends");
    }

    /// Asks the process to end, and returns at once.
    pub(crate) fn send_sigterm(&self) {
        self.send("TERM");
    }

    /// Sends a signal, for example `HUP`.
    pub(crate) fn send(&self, signal: &str) {
        send(self.child.id(), signal);
    }

    /// Waits for the process to end.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("a child can be asked") {
                return status;
            }
            assert!(begun.elapsed() < START_LIMIT, "still running after {START_LIMIT:?}:\n{}", self.stderr());
            sleep(TICK);
        }
    }

    /// Asks the process to end and waits until it has.
    pub(crate) fn terminate(&mut self) -> ExitStatus {
        self.send_sigterm();
        self.wait()
    }

    /// Starts the server again on the same files; its ports are new ones. Kills it first if it still runs.
    pub(crate) fn restart(&mut self) {
        self.kill9();
        self.child = spawn(self.directory.path(), &self.launch);
        let ready = wait_until_ready(self.directory.path(), &mut self.child);
        (self.listen, self.ops_listen) = ready.unwrap_or_else(|stopped| panic!("did not start again: {stopped}"));
    }

    /// Starts the server again and kills it `after` that time, ready or not. Call [`Server::restart`] next.
    pub(crate) fn start_and_kill(&mut self, after: Duration) {
        self.kill9();
        self.child = spawn(self.directory.path(), &self.launch);
        sleep(after);
        self.kill9();
    }

    /// Starts a second server on the same data file and returns how it ended, and after how long.
    pub(crate) fn refused_second_server(&self) -> (Stopped, Duration) {
        let own = tempfile::tempdir().expect("a temporary directory");
        let text =
            std::fs::read_to_string(self.directory.path().join(Self::CONFIG_FILE)).expect("written at the start");
        let path = |directory: &Path| super::setup::quoted(&directory.join(Self::PORT_FILE));
        let text = text.replace(&path(self.directory.path()), &path(own.path()));
        std::fs::write(own.path().join(Self::CONFIG_FILE), text).expect("the temporary directory takes files");
        let begun = Instant::now();
        let launch = Launch { passed: self.launch.passed.clone(), ..Launch::default() };
        match Self::start_in(own, Vec::new(), launch) {
            Ok(_) => panic!("a second server became ready on the same data file"),
            Err(stopped) => (stopped, begun.elapsed()),
        }
    }

    /// Tries to start a server on the same files where none runs, and returns how it was refused.
    pub(crate) fn refused_start(&self) -> Stopped {
        let mut child = spawn(self.directory.path(), &self.launch);
        match wait_until_ready(self.directory.path(), &mut child) {
            Ok(_) => {
                let _ = child.kill();
                let _ = child.wait();
                panic!("the server became ready");
            }
            Err(stopped) => stopped,
        }
    }

    /// Writes another raw TOML value of a key into the configuration file that the server was started with.
    pub(crate) fn configure(&self, key: &str, raw_toml: &str) {
        let (_section, name) = key.rsplit_once('.').expect("a key has a section");
        let file = self.directory.path().join(Self::CONFIG_FILE);
        let text = std::fs::read_to_string(&file).expect("written at the start");
        let begin = format!("{name} = ");
        let line = text.lines().find(|line| line.starts_with(&begin)).unwrap_or_else(|| panic!("no {key} in {text}"));
        std::fs::write(&file, text.replacen(line, &format!("{begin}{raw_toml}"), 1)).expect("an own file");
    }

    /// From the next start on, the server is started by this program, as [`super::Setup::under`].
    pub(crate) fn start_under(&mut self, wrapper: &[&str]) {
        self.launch.wrapper = wrapper.iter().map(|word| (*word).to_owned()).collect();
    }

    /// `doorbuster verify`: its exit code, and all it wrote.
    pub(crate) fn verify(&self) -> (i32, String) {
        let output = self.subcommand(&["verify"]);
        let text = [output.stdout, output.stderr].concat();
        (output.status.code().unwrap_or(-1), String::from_utf8_lossy(&text).into_owned())
    }

    /// `doorbuster orders --format ndjson`: one value a row.
    pub(crate) fn orders(&self) -> Vec<Value> {
        let output = self.subcommand(&["orders", "--format", "ndjson"]);
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "`doorbuster orders` ended with {}: {complaint}", output.status);
        let text = String::from_utf8(output.stdout).expect("the export is UTF-8");
        text.lines().map(|line| serde_json::from_str(line).expect("each line is one JSON value")).collect()
    }

    fn subcommand(&self, arguments: &[&str]) -> std::process::Output {
        let mut command = binary(self.directory.path());
        command.args(arguments).arg("--db").arg(self.data_file()).stdin(Stdio::null());
        command.output().expect("the binary runs")
    }
}

/// Sends a signal to a process.
pub(crate) fn send(process: u32, signal: &str) {
    // The shell's own `kill` needs no package on the smallest of machines.
    let sent = Command::new("sh").arg("-c").arg(format!("kill -{signal} {process}")).status();
    assert!(sent.expect("a shell").success(), "the signal could not be sent");
}

impl Drop for Server {
    fn drop(&mut self) {
        // Both fail only if the process has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("--- stderr of the server ---\n{}---", self.stderr());
        }
    }
}

/// The binary, with nothing in its environment that could configure it.
fn binary(directory: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_doorbuster"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("DOORBUSTER_") || name == "RUST_LOG" {
            command.env_remove(name);
        }
    }
    command.current_dir(directory);
    command
}

pub(super) fn wrapped(binary: Command, wrapper: &[String]) -> Command {
    let Some((program, arguments)) = wrapper.split_first() else { return binary };
    let mut command = Command::new(program);
    command.args(arguments).arg(binary.get_program());
    for (name, value) in binary.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    if let Some(directory) = binary.get_current_dir() {
        command.current_dir(directory);
    }
    command
}

fn spawn(directory: &Path, launch: &Launch) -> Child {
    // A port file of the last start must not be taken for this one's.
    let _ = std::fs::remove_file(directory.join(Server::PORT_FILE));
    let open = |name: &str| {
        let file = File::options().create(true).append(true).open(directory.join(name));
        file.expect("the temporary directory takes files")
    };
    let mut command = wrapped(binary(directory), &launch.wrapper);
    let file = directory.join(Server::CONFIG_FILE);
    if file.exists() {
        command.args(["serve", "--config"]).arg(file);
    } else {
        command.arg("serve").env("DOORBUSTER_STORAGE_PATH", directory.join(Server::DATA_FILE));
        command.env("DOORBUSTER_SERVER_PORT_FILE", directory.join(Server::PORT_FILE));
        command.envs(["LISTEN", "OPS_LISTEN"].map(|key| (format!("DOORBUSTER_SERVER_{key}"), "127.0.0.1:0")));
    }
    command.args(&launch.arguments).envs(launch.rust_log.iter().map(|filter| ("RUST_LOG", filter)));
    command.envs(launch.environment.iter().map(|(name, value)| (name, value)));
    command.stdin(Stdio::null()).stdout(open(Server::STDOUT_FILE));
    if !launch.passed.is_empty() {
        command = passing(&command, &launch.passed, Server::STDOUT_FILE);
    }
    command.stderr(open(Server::STDERR_FILE)).spawn().expect("the binary runs")
}

fn wait_until_ready(directory: &Path, child: &mut Child) -> Result<(SocketAddr, SocketAddr), Stopped> {
    let begun = Instant::now();
    loop {
        if let Some(ports) = read_ports(directory) {
            return Ok(ports);
        }
        if let Some(status) = child.try_wait().expect("a child can be asked") {
            return Err(Stopped { status, stderr: stderr_of(directory) });
        }
        if begun.elapsed() > START_LIMIT {
            let _ = child.kill();
            let _ = child.wait();
            panic!("not ready after {START_LIMIT:?}:\n{}", stderr_of(directory));
        }
        sleep(TICK);
    }
}

/// The addresses, once the port file is there and whole. An operations listener that is a Unix socket has none.
fn read_ports(directory: &Path) -> Option<(SocketAddr, SocketAddr)> {
    let text = std::fs::read_to_string(directory.join(Server::PORT_FILE)).ok()?;
    let ports: Value = serde_json::from_str(&text).ok()?;
    let address = |name: &str| match ports[name].as_str()? {
        text if text.starts_with("unix:") => Some(SocketAddr::from(([0, 0, 0, 0], 0))),
        text => text.parse().ok(),
    };
    Some((address("listen")?, address("ops_listen")?))
}

fn stderr_of(directory: &Path) -> String {
    String::from_utf8_lossy(&read(directory, Server::STDERR_FILE)).into_owned()
}

/// A file that is not there is empty.
fn read(directory: &Path, name: &str) -> Vec<u8> {
    std::fs::read(directory.join(name)).unwrap_or_default()
}
