//! **Job:** the gate's way to Redis: bounded calls over one connection per worker, behind a circuit breaker.
//! **Owns:** the connections, the time-out and the counters.
//! **Never:** decides who passes, waits longer than the time-out, or shows the URL (it may carry a password).

mod breaker;
mod commands;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::io::tcp::TcpSettings;
use redis::{Client, Cmd, FromRedisValue, IntoConnectionInfo, RedisResult, ScriptInvocation, Value};

use breaker::{Breaker, LayerCounters, Notice};
pub use breaker::{BreakerState, FAILURES_TO_OPEN, OPEN_FOR};

use crate::config::OnError;

/// Commands of one worker that may be on their way at once. What a worker can have in flight is bounded by the limit of
/// purchases in flight; past this number Redis is the bottleneck, and waiting for it counts against the time-out.
const CONCURRENCY_LIMIT: usize = 4_096;

/// Commands a worker may queue before its connection's task has picked them up: all of them, so that a burst within
/// one tick is written in one go instead of in portions.
const PIPELINE_BUFFER: usize = CONCURRENCY_LIMIT;

/// Longest error code that is written to the log, in bytes. The longest of Redis' own has 14.
const MAX_CODE_LENGTH: usize = 16;

/// Where Redis is and how the gate treats it. Deliberately without `Debug`: the URL may carry a password.
#[derive(Clone)]
pub struct RedisSettings {
    /// `redis://[user:password@]host:port/db` or `unix:///path`.
    pub url: String,
    /// The longest any call may take, connecting included.
    pub timeout: Duration,
    /// What the layers do when a call fails.
    pub on_error: OnError,
    /// Leader part of every key; whatever shares a prefix shares its limits.
    pub prefix: String,
}

/// The URL is not one the server can use. The text says nothing of its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a redis url the server can use (redis://host:port/db or unix:///path)")]
pub struct InvalidRedisUrl;

/// Why a call had no usable answer. The layers treat all of them alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RedisFault {
    /// The breaker is open; Redis was not asked.
    #[error("redis is not asked while its breaker is open")]
    BreakerOpen,
    /// No answer within the time-out. The command may have taken effect.
    #[error("redis did not answer in time")]
    TimedOut,
    /// An error, or an answer that makes no sense.
    #[error("redis failed")]
    Failed,
}

/// Counters of all calls since the start, and the breaker's position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RedisSnapshot {
    /// Calls sent to Redis.
    pub commands_total: u64,
    /// Calls without a usable answer, time-outs included.
    pub failures_total: u64,
    /// Calls without any answer in time.
    pub timeouts_total: u64,
    /// Times the breaker went from closed to open.
    pub opened_total: u64,
    /// Where the breaker is.
    pub breaker: BreakerState,
}

/// The process's Redis: one for all workers. Opens no connection by itself.
pub struct Redis {
    client: Client,
    timeout: Duration,
    on_error: OnError,
    prefix: Box<str>,
    breaker: Breaker,
    /// Makes the values written by this process differ from those of any other.
    nonce: u64,
    values_total: AtomicU64,
    commands_total: AtomicU64,
    failures_total: AtomicU64,
    timeouts_total: AtomicU64,
}

impl Redis {
    /// Checks the settings. Redis need not be there yet.
    ///
    /// # Errors
    /// [`InvalidRedisUrl`] when the URL does not parse or needs a transport that is not built in (TLS).
    pub fn new(settings: &RedisSettings) -> Result<Arc<Self>, InvalidRedisUrl> {
        let info = settings.url.as_str().into_connection_info().map_err(|_| InvalidRedisUrl)?;
        let session = info.redis_settings().clone().set_skip_set_lib_name();
        let transport = TcpSettings::default().set_nodelay(true);
        let info = info.set_redis_settings(session).set_tcp_settings(transport);
        Ok(Arc::new(Self {
            client: Client::open(info).map_err(|_| InvalidRedisUrl)?,
            timeout: settings.timeout,
            on_error: settings.on_error,
            prefix: settings.prefix.as_str().into(),
            breaker: Breaker::new(Instant::now()),
            nonce: rand::random(),
            values_total: AtomicU64::new(0),
            commands_total: AtomicU64::new(0),
            failures_total: AtomicU64::new(0),
            timeouts_total: AtomicU64::new(0),
        }))
    }

    /// What has happened so far.
    #[must_use]
    pub fn observe(&self) -> RedisSnapshot {
        RedisSnapshot {
            commands_total: self.commands_total.load(Relaxed),
            failures_total: self.failures_total.load(Relaxed),
            timeouts_total: self.timeouts_total.load(Relaxed),
            opened_total: self.breaker.opened_total(),
            breaker: self.breaker.state(Instant::now()),
        }
    }

    fn failed(&self, layer_counters: LayerCounters, fault: RedisFault, reason: &str) -> RedisFault {
        self.failures_total.fetch_add(1, Relaxed);
        if fault == RedisFault::TimedOut {
            self.timeouts_total.fetch_add(1, Relaxed);
        }
        self.announce(self.breaker.failed(layer_counters, Instant::now()), reason);
        fault
    }

    fn announce(&self, notice: Option<Notice>, reason: &str) {
        match notice {
            Some(Notice::Opened) => {
                tracing::warn!(reason, policy = ?self.on_error, "redis does not answer, the gate does without it");
            }
            Some(Notice::Closed) => tracing::info!("redis answers again"),
            None => {}
        }
    }

    fn manager(&self) -> RedisResult<ConnectionManager> {
        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(self.timeout))
            .set_response_timeout(Some(self.timeout))
            .set_number_of_retries(0) // the breaker decides when to try again
            .set_pipeline_buffer_size(PIPELINE_BUFFER)
            .set_concurrency_limit(CONCURRENCY_LIMIT);
        ConnectionManager::new_lazy_with_config(self.client.clone(), config)
    }
}

impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redis").field("counters", &self.observe()).finish_non_exhaustive()
    }
}

/// One worker's connection to the process's [`Redis`]. Clones share the connection. Must be used on one runtime only,
/// because the connection's task lives there.
#[derive(Clone, Debug)]
pub struct RedisLink {
    redis: Arc<Redis>,
    line: Arc<Mutex<LinkState>>,
}

/// The connection, made on first use. A connection that was there when the breaker opened is not used again: the
/// manager never retries after a refused login, and never notices a peer that is gone without a word.
#[derive(Default)]
struct LinkState {
    manager: Option<ConnectionManager>,
    /// `opened_total` of the breaker when the connection was made.
    made_at_opening: u64,
}

impl fmt::Debug for LinkState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LinkState")
    }
}

impl RedisLink {
    /// A link that connects when it is first used.
    #[must_use]
    pub fn new(redis: Arc<Redis>) -> Self {
        Self { redis, line: Arc::default() }
    }

    /// What the layers do when a call fails.
    #[must_use]
    pub fn on_error(&self) -> OnError {
        self.redis.on_error
    }

    pub(super) fn timeout(&self) -> Duration {
        self.redis.timeout
    }

    fn prefix(&self) -> &str {
        &self.redis.prefix
    }

    /// A value that nobody else writes.
    fn unique_value(&self) -> String {
        format!("{:x}-{:x}", self.redis.nonce, self.redis.values_total.fetch_add(1, Relaxed))
    }

    /// Sends one command. `read` says what the answer means; an answer it does not know is a failure.
    async fn command<T>(&self, command: &Cmd, read: fn(Value) -> Option<T>) -> Result<T, RedisFault> {
        let (layer_counters, mut manager) = self.layer_counters()?;
        let answer = tokio::time::timeout(self.redis.timeout, command.query_async(&mut manager)).await;
        self.settle(layer_counters, answer, read)
    }

    /// Runs a script, loading it into Redis first if it is not there.
    async fn script<A: FromRedisValue, T>(
        &self,
        script: &ScriptInvocation<'_>,
        read: impl FnOnce(A) -> Option<T>,
    ) -> Result<T, RedisFault> {
        let (layer_counters, mut manager) = self.layer_counters()?;
        let answer = tokio::time::timeout(self.redis.timeout, script.invoke_async(&mut manager)).await;
        self.settle(layer_counters, answer, read)
    }

    /// Leave for one call and the connection to make it on.
    fn layer_counters(&self) -> Result<(LayerCounters, ConnectionManager), RedisFault> {
        let layer_counters = self.redis.breaker.layer_counters(Instant::now()).ok_or(RedisFault::BreakerOpen)?;
        self.redis.commands_total.fetch_add(1, Relaxed);
        let opened_total = self.redis.breaker.opened_total();
        let mut line = self.line.lock();
        if line.manager.is_none() || line.made_at_opening != opened_total || layer_counters == LayerCounters::Probe {
            *line = LinkState { manager: self.redis.manager().ok(), made_at_opening: opened_total };
        }
        match &line.manager {
            Some(manager) => Ok((layer_counters, manager.clone())),
            None => Err(self.redis.failed(layer_counters, RedisFault::Failed, "no connection")),
        }
    }

    fn settle<A, T>(
        &self,
        layer_counters: LayerCounters,
        answer: Result<RedisResult<A>, tokio::time::error::Elapsed>,
        read: impl FnOnce(A) -> Option<T>,
    ) -> Result<T, RedisFault> {
        let fault = match answer {
            Ok(Ok(answer)) => match read(answer) {
                Some(answer) => {
                    self.redis.announce(self.redis.breaker.succeeded(layer_counters), "");
                    return Ok(answer);
                }
                None => self.redis.failed(layer_counters, RedisFault::Failed, "unexpected answer"),
            },
            Ok(Err(error)) if error.is_timeout() => {
                self.redis.failed(layer_counters, RedisFault::TimedOut, "timed out")
            }
            Ok(Err(error)) => self.redis.failed(layer_counters, RedisFault::Failed, reason(&error)),
            Err(_) => self.redis.failed(layer_counters, RedisFault::TimedOut, "timed out"),
        };
        if layer_counters == LayerCounters::Probe {
            self.line.lock().manager = None; // made for the probe, and no better than the one before
        }
        Err(fault)
    }
}

/// A text for the log: the error's code if it looks like one (`OOM`, `READONLY`), else its kind. Never the server's own
/// words, which may be anything.
fn reason(error: &redis::RedisError) -> &str {
    let code =
        error.code().filter(|code| code.len() <= MAX_CODE_LENGTH && code.bytes().all(|b| b.is_ascii_uppercase()));
    code.unwrap_or_else(|| error.category())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(url: &str) -> RedisSettings {
        let (timeout, on_error) = (Duration::from_millis(50), OnError::Local);
        RedisSettings { url: url.to_owned(), timeout, on_error, prefix: "doorbuster:".to_owned() }
    }

    #[test]
    fn tcp_and_unix_urls_are_understood_and_others_refused() {
        for good in ["redis://127.0.0.1:6379/0", "redis://user:pass@localhost/3", "unix:///run/redis.sock"] {
            assert!(Redis::new(&settings(good)).is_ok(), "{good}");
        }
        for bad in ["", "127.0.0.1:6379", "http://localhost", "redis://h:99999", "rediss://localhost"] {
            assert!(Redis::new(&settings(bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn debug_and_errors_do_not_show_the_password() {
        let redis = Redis::new(&settings("redis://:canary@127.0.0.1:6379/0")).expect("the url is valid");
        assert!(!format!("{redis:?} {:?}", RedisLink::new(Arc::clone(&redis))).contains("canary"));
        let error = Redis::new(&settings("rediss://:canary@127.0.0.1")).expect_err("tls is not built in");
        assert!(!format!("{error} {error:?}").contains("canary"));
    }

    #[test]
    fn no_two_values_are_equal() {
        let link = RedisLink::new(Redis::new(&settings("redis://127.0.0.1")).expect("the url is valid"));
        assert_ne!(link.unique_value(), link.unique_value());
    }
}
