//! **Job:** a real Redis on a port of its own, and the harm that can come to it.
//! **Owns:** its process.
//! **Never:** keeps anything on disk.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{JoinHandle, sleep};
use std::time::{Duration, Instant};

use super::lasting_port;

/// How long Redis may take to answer its first PING.
const START_LIMIT: Duration = Duration::from_secs(10);
/// How many ports to try: another process may take a port between our look and Redis's bind.
const PORT_TRIES: usize = 5;

/// A running (or killed) Redis.
pub(crate) struct RedisServer {
    port: u16,
    child: Child,
}

impl RedisServer {
    /// Starts an empty Redis.
    pub(crate) fn start() -> Self {
        for _ in 0..PORT_TRIES {
            let port = lasting_port();
            if let Some(child) = spawn(port) {
                return Self { port, child };
            }
        }
        panic!("redis-server did not start; is it installed?");
    }

    /// For `redis.url`.
    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }

    /// Ends it at once.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("a child can be killed");
        self.child.wait().expect("a killed child ends");
    }

    /// Starts it again, empty, on the same port.
    pub(crate) fn restart(&mut self) {
        self.kill();
        self.child = spawn(self.port).expect("the port was ours a moment ago");
    }

    /// Forgets everything, again and again, until the flusher is dropped.
    pub(crate) fn flush_continuously(&self) -> Flusher {
        let stop = Arc::new(AtomicBool::new(false));
        let (stop_seen, port) = (Arc::clone(&stop), self.port);
        let thread = std::thread::spawn(move || {
            let mut flushes = 0;
            while !stop_seen.load(Ordering::Relaxed) {
                flushes += u64::from(command(port, "FLUSHALL\r\n", "+OK").is_ok());
                sleep(Duration::from_millis(2));
            }
            flushes
        });
        Flusher { stop, thread: Some(thread) }
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        // Both fail only if the process has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A thread that keeps flushing.
pub(crate) struct Flusher {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<u64>>,
}

impl Flusher {
    /// Stops, and returns how many times everything was forgotten.
    pub(crate) fn stop(mut self) -> u64 {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.take().expect("stopped once").join().expect("the flusher does not panic")
    }
}

impl Drop for Flusher {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

fn spawn(port: u16) -> Option<Child> {
    let port_text = port.to_string();
    let arguments = ["--port", &port_text, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"];
    let mut command_line = Command::new("redis-server");
    command_line.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command_line.spawn().expect("redis-server is installed");
    let begun = Instant::now();
    while begun.elapsed() < START_LIMIT {
        if child.try_wait().expect("a child can be asked").is_some() {
            return None;
        }
        if command(port, "PING\r\n", "+PONG").is_ok() {
            return Some(child);
        }
        sleep(Duration::from_millis(5));
    }
    let _ = child.kill();
    let _ = child.wait();
    None
}

/// Sends one inline command and reads the one-line answer.
fn command(port: u16, line: &str, answer: &str) -> std::io::Result<()> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(START_LIMIT))?;
    stream.write_all(line.as_bytes())?;
    let mut bytes = [0; 64];
    let count = stream.read(&mut bytes)?;
    if bytes[..count].starts_with(answer.as_bytes()) { Ok(()) } else { Err(ErrorKind::InvalidData.into()) }
}
