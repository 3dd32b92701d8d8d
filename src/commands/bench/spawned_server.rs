//! **Job:** a server for one run: started from this program in a temporary directory, gone when the run is.
//! **Owns:** the directory and the process; both go with it.
//! **Never:** leaves either behind, or waits for an orderly end: what was confirmed must be in the file anyway.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::park_timeout;
use std::time::{Duration, Instant};

use serde::Deserialize;

/// Longest start: an empty data file takes milliseconds, a busy disk some seconds.
const START_LIMIT: Duration = Duration::from_secs(30);

/// How often is looked whether the server is ready.
const LOOK: Duration = Duration::from_millis(5);

/// Of what a server that did not start has said, the last so many bytes are shown.
const LAST_WORDS: usize = 2_000;

/// No server could be started.
#[derive(Debug, thiserror::Error)]
pub enum SpawnError {
    /// Its directory or process.
    #[error("cannot start a server of its own: {0}")]
    Start(#[from] io::Error),
    /// It ended, or was not ready in time.
    #[error("the server that was started for the run did not become ready:\n{0}")]
    NotReady(String),
    /// Somebody did not want to wait for it.
    #[error("stopped before the server was ready")]
    Stopped,
}

/// A private temporary directory.
pub struct TempDir {
    directory: PathBuf,
}

impl TempDir {
    /// Makes one below `temporary`.
    pub fn new(temporary: &Path) -> io::Result<Self> {
        let directory = temporary.join(format!("doorbuster-{:016x}", rand::random::<u64>()));
        DirBuilder::new().mode(0o700).create(&directory)?;
        Ok(Self { directory })
    }

    /// Where the server's data file is.
    #[must_use]
    pub fn data_file(&self) -> PathBuf {
        self.directory.join("doorbuster.db")
    }

    fn port_file(&self) -> PathBuf {
        self.directory.join("ports.json")
    }

    /// What the configuration of a server must say to live here and sell `catalogue` (TOML).
    pub fn keys(&self, catalogue: &str) -> io::Result<Vec<(String, String)>> {
        let path = self.directory.join("catalogue.toml");
        fs::write(&path, catalogue)?;
        let text = |path: &Path| path.to_string_lossy().into_owned();
        let pairs = [
            ("server.listen", "127.0.0.1:0".to_owned()),
            ("server.ops_listen", "127.0.0.1:0".to_owned()),
            // Where its shop is.
            ("server.base_path", String::new()),
            ("server.port_file", text(&self.port_file())),
            ("storage.path", text(&self.data_file())),
            ("catalogue.path", text(&path)),
        ];
        Ok(pairs.map(|(key, value)| (key.to_owned(), value)).to_vec())
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.directory) {
            tracing::warn!(directory = %self.directory.display(), %error, "a temporary directory stays behind");
        }
    }
}

/// How a server is started.
pub struct LaunchSpec {
    /// This program.
    pub program: PathBuf,
    /// `serve` and what it is told.
    pub arguments: Vec<String>,
    /// Where it lives.
    pub place: TempDir,
}

/// A running server.
pub struct SpawnedServer {
    // Before the place: fields are dropped in this order, and the process goes first.
    server: Server,
    place: TempDir,
    ports: Ports,
}

/// The process.
struct Server(Child);

#[derive(Deserialize)]
struct Ports {
    listen: String,
    ops_listen: String,
}

impl SpawnedServer {
    /// Starts the server and waits until it is ready, or until `stop` is set.
    pub fn start(recipe: LaunchSpec, stop: &AtomicBool) -> Result<Self, SpawnError> {
        let LaunchSpec { program, arguments, place } = recipe;
        let words = place.directory.join("stderr.log");
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(File::create(&words)?);
        // A group of its own: Ctrl-C is for the run, which ends the server when it no longer needs it.
        let mut server = Server(command.process_group(0).spawn()?);
        let begun = Instant::now();
        loop {
            if let Some(ports) = fs::read(place.port_file()).ok().and_then(|text| serde_json::from_slice(&text).ok()) {
                return Ok(Self { server, place, ports });
            }
            if server.0.try_wait()?.is_some() || begun.elapsed() > START_LIMIT {
                let said = fs::read_to_string(&words).unwrap_or_default();
                let from = said.ceil_char_boundary(said.len().saturating_sub(LAST_WORDS));
                return Err(SpawnError::NotReady(said[from..].to_owned()));
            }
            if stop.load(Ordering::Relaxed) {
                return Err(SpawnError::Stopped);
            }
            park_timeout(LOOK);
        }
    }

    /// The shop.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.ports.listen)
    }

    /// Its operations listener.
    #[must_use]
    pub fn ops_url(&self) -> String {
        format!("http://{}", self.ports.ops_listen)
    }

    /// Its data file.
    #[must_use]
    pub fn data_file(&self) -> PathBuf {
        self.place.data_file()
    }

    /// Where its secrets are, if it made them itself.
    #[must_use]
    pub fn secrets_file(&self) -> PathBuf {
        self.place.directory.join("development.toml")
    }

    /// Ends the process without a warning. The data file stays until the place is dropped.
    #[must_use]
    pub fn kill(self) -> TempDir {
        drop(self.server);
        self.place
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Both fail only if the process has ended already.
        let _ended = self.0.kill();
        let _ended = self.0.wait();
    }
}
