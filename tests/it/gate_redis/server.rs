//! **Job:** real Redis servers to be killed, frozen and restarted, and impostors that only look like one.
//! **Owns:** the processes and their ports; nothing outlives its value.
//! **Never:** touches a Redis that it did not start.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::lasting_port;

/// How long anything that must happen may take before the test gives up. Far above what it takes.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct RedisServer {
    child: Child,
    pub(crate) port: u16,
    arguments: Vec<String>,
    directory: tempfile::TempDir,
}

impl RedisServer {
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let arguments: Vec<_> = arguments.iter().map(|&argument| argument.to_owned()).collect();
        let port = lasting_port();
        Self { child: spawn(port, &arguments, &directory), port, arguments, directory }
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/0", self.port)
    }

    /// Where it runs, and would write its file.
    pub(crate) fn directory(&self) -> &std::path::Path {
        self.directory.path()
    }

    pub(crate) fn unix_url(&self) -> String {
        format!("unix://{}/socket", self.directory.path().display())
    }

    /// kill -9.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("the process is ours");
        self.child.wait().expect("the process is ours");
    }

    /// On the same port, empty.
    pub(crate) fn restart(&mut self) {
        self.child = spawn(self.port, &self.arguments, &self.directory);
    }

    pub(crate) fn freeze(&self) {
        self.signal("-STOP");
    }

    pub(crate) fn thaw(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        let status = Command::new("kill").args([signal, &self.child.id().to_string()]).status();
        assert!(status.expect("kill(1) is there").success());
    }

    /// A connection to look at the server from the side.
    pub(crate) fn observer(&self) -> redis::Connection {
        redis::Client::open(self.url()).and_then(|client| client.get_connection()).expect("the server is up")
    }

    /// Records every command from now on.
    pub(crate) fn recorder(&self) -> Recorder {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).expect("the server is up");
        stream.write_all(b"MONITOR\r\n").expect("the server reads");
        let mut lines = BufReader::new(stream);
        let mut ok = String::new();
        lines.read_line(&mut ok).expect("the server answers");
        assert_eq!(ok, "+OK\r\n");
        Recorder { lines }
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.thaw_if_alive();
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl RedisServer {
    fn thaw_if_alive(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            self.thaw();
        }
    }
}

pub(crate) struct Recorder {
    lines: BufReader<TcpStream>,
}

impl Recorder {
    /// What the server was told since the recording began, by anybody.
    pub(crate) fn stop(mut self, server: &RedisServer) -> Vec<String> {
        redis::cmd("ECHO").arg("end-of-recording").exec(&mut server.observer()).expect("the server answers");
        let mut commands = Vec::new();
        loop {
            let mut line = String::new();
            self.lines.read_line(&mut line).expect("the server answers");
            if line.contains("end-of-recording") {
                return commands;
            }
            commands.push(line);
        }
    }
}

fn spawn(port: u16, arguments: &[String], directory: &tempfile::TempDir) -> Child {
    let child = Command::new("redis-server")
        .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
        .arg("--dir")
        .arg(directory.path())
        .arg("--unixsocket")
        .arg(directory.path().join("socket"))
        .args(arguments)
        .stdout(Stdio::null())
        .spawn()
        .expect("redis-server must be installed and on the PATH (Debian: apt-get install redis-server)");
    let deadline = Instant::now() + PATIENCE;
    while !answers(port) {
        assert!(Instant::now() < deadline, "redis-server did not come up on port {port}");
        #[expect(clippy::disallowed_methods, reason = "a process that starts wakes nobody")]
        std::thread::sleep(Duration::from_millis(10));
    }
    child
}

/// Any answer will do; a server with a password says that it wants it.
fn answers(port: u16) -> bool {
    let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) else { return false };
    stream.write_all(b"PING\r\n").is_ok() && stream.read(&mut [0; 1]).is_ok_and(|read| read == 1)
}

/// Accepts connections, reads what comes and says nothing but `answer` each time.
pub(crate) fn impostor(answer: &'static [u8]) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    let port = listener.local_addr().expect("it is bound").port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || repeat(stream, answer));
        }
    });
    format!("redis://127.0.0.1:{port}")
}

fn repeat(mut stream: TcpStream, answer: &[u8]) {
    let mut buffer = [0; 4_096];
    while stream.read(&mut buffer).is_ok_and(|read| read > 0) {
        if stream.write_all(answer).is_err() {
            return;
        }
    }
}
