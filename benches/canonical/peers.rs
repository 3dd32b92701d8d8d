//! **Job:** what most people would use instead, from the packages of the system, at the same durability.
//! **Owns:** how such a server is started, waited for and asked.
//! **Never:** leaves one running, or believes a peer's figure without counting what it sold.

#[path = "peers/postgres.rs"]
pub(crate) mod postgres;
#[path = "peers/redis.rs"]
pub(crate) mod redis;

use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};

/// Longest start of a peer.
const PATIENCE: Duration = Duration::from_secs(30);

/// Connections of every load, as of ours.
pub(crate) const CONNECTIONS: &str = "64";

/// A port that nobody uses now.
fn free_port() -> anyhow::Result<String> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port().to_string())
}

/// Runs a program to its end and returns what it said.
fn ask(command: &mut Command) -> anyhow::Result<String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("{program} cannot be started"))?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    ensure!(output.status.success(), "{program}: {}{said}", String::from_utf8_lossy(&output.stderr));
    Ok(said.trim().to_owned())
}

fn wait_until(is_ready: impl Fn() -> bool) -> anyhow::Result<()> {
    let begun = Instant::now();
    while !is_ready() {
        ensure!(begun.elapsed() < PATIENCE, "not ready within {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}
