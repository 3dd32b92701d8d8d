//! **Job:** the usual Redis reservation: one Lua script that checks the buyer, takes a unit and appends the order.
//! **Owns:** a Redis of its own that syncs its log before it answers.
//! **Never:** counts an order that is not in its stream.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use tempfile::TempDir;

use super::{CONNECTIONS, ask, free_port, wait_until};
use crate::machine::said;

const RESERVE: &str = "
if redis.call('SADD', KEYS[2], ARGV[1]) == 0 then return -1 end
if tonumber(redis.call('GET', KEYS[1])) <= 0 then redis.call('SREM', KEYS[2], ARGV[1]) return -2 end
local left = redis.call('DECR', KEYS[1])
redis.call('XADD', KEYS[3], '*', 'user', ARGV[1], 'left', left)
return left";

const STOCK: u64 = 1_000_000_000;

/// Requests of the run before the run, which says how many make the wanted time.
const PROBE: u64 = 5_000;

pub(crate) fn version() -> String {
    said("redis-server", &["--version"]).split(" sha").next().unwrap_or_default().to_owned()
}

pub(crate) struct Redis {
    server: Child,
    port: String,
    _folder: TempDir,
}

impl Redis {
    pub(crate) fn start() -> anyhow::Result<Self> {
        let (folder, port) = (tempfile::tempdir()?, free_port()?);
        let mut command = Command::new("redis-server");
        command.args(["--bind", "127.0.0.1", "--port", &port, "--save", "", "--appendonly", "yes"]);
        // A rewrite of the log in the middle of a round would be an accident, not a figure.
        command.args(["--appendfsync", "always", "--auto-aof-rewrite-percentage", "0", "--dir"]).arg(folder.path());
        let server = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().context("redis-server")?;
        let redis = Self { server, port, _folder: folder };
        wait_until(|| redis.command(&["PING"]).is_ok_and(|pong| pong == "PONG"))?;
        let synced = redis.command(&["CONFIG", "GET", "appendfsync"])?;
        ensure!(synced.ends_with("always"), "its log is not synced before it answers: {synced}");
        Ok(redis)
    }

    fn command(&self, words: &[&str]) -> anyhow::Result<String> {
        ask(Command::new("redis-cli").args(["-p", &self.port]).args(words))
    }

    fn number(&self, words: &[&str]) -> anyhow::Result<u64> {
        let said = self.command(words)?;
        said.parse().with_context(|| format!("{words:?}: {said}"))
    }

    /// Orders per second, each in the log before its answer.
    #[expect(clippy::cast_precision_loss, reason = "counts far below 2^53")]
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "some seconds of a positive rate")]
    pub(crate) fn run(&self, duration: Duration) -> anyhow::Result<f64> {
        let probed = self.drive(PROBE)?;
        let requests = (probed * duration.as_secs_f64()) as u64;
        let rate = self.drive(requests)?;
        let (left, sold) = (self.number(&["GET", "stock"])?, self.number(&["XLEN", "orders"])?);
        ensure!(STOCK - left == sold, "{} units gone, {sold} orders", STOCK - left);
        // Buyers are drawn by chance, so a few come again and are refused.
        ensure!(sold * 1000 >= requests * 995, "only {sold} of {requests} requests were orders");
        Ok(rate * sold as f64 / requests as f64)
    }

    /// Requests per second, from an empty stream on.
    fn drive(&self, requests: u64) -> anyhow::Result<f64> {
        self.command(&["FLUSHALL"])?;
        ensure!(self.command(&["SET", "stock", &STOCK.to_string()])? == "OK", "the stock cannot be set");
        let sha = self.command(&["SCRIPT", "LOAD", RESERVE])?;
        let mut command = Command::new("redis-benchmark");
        command.args(["-p", &self.port, "-c", CONNECTIONS, "-P", "1", "-n", &requests.to_string()]);
        command.args(["-r", "1000000000", "--csv", "EVALSHA", &sha, "3", "stock", "buyers", "orders", "__rand_int__"]);
        let said = ask(&mut command)?;
        let rate = said.lines().last().and_then(|line| line.split(',').nth(1)?.trim_matches('"').parse().ok());
        rate.with_context(|| format!("redis-benchmark says no rate: {said}"))
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ended = self.server.kill();
        let _ended = self.server.wait();
    }
}
