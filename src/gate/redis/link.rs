//! **Job:** one worker's connection to Redis, and the calls over it.
//! **Owns:** how long the connection is trusted, and that it is there before somebody needs it.
//! **Never:** waits longer than the time-out for a buyer's call.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use redis::aio::ConnectionManager;
use redis::{Cmd, FromRedisValue, RedisError, RedisResult, ScriptInvocation, Value};

use super::{CONNECT_PATIENCE, Redis, RedisFault};
use crate::config::OnError;
use crate::redis_client::{CallPermit, Cause, Command, Failure};

/// How often a connection that nobody uses is asked whether it is still there. Redis closes idle ones after a second at
/// the earliest (`timeout 1`), and one that was closed all the same is made anew before the next buyer is likely to
/// come.
const PING_EVERY: Duration = Duration::from_millis(400);

/// A connection younger than this is not made anew for the next kind of command that fails on it.
const YOUNG: Duration = Duration::from_millis(300);

/// One worker's connection to the process's [`Redis`]. Clones share the connection. Must be used on one runtime only,
/// because the connection's task lives there.
#[derive(Clone, Debug)]
pub struct RedisLink {
    pub(super) redis: Arc<Redis>,
    line: Arc<Mutex<LinkState>>,
    /// Whether nobody waits for its calls.
    pub(super) is_background: bool,
}

/// The connection, made on first use. After a failure that a new connection may mend it is not used again: the manager
/// never retries after a refused login, and never notices a peer that is gone without a word.
#[derive(Default)]
struct LinkState {
    manager: Option<(ConnectionManager, Instant)>,
    /// `renewed_total` when the connection was made.
    renewed_total: u64,
    /// How often connections from before were distrusted when it was made.
    distrusted_total: u64,
    /// Calls since the start.
    calls: u64,
}

impl fmt::Debug for LinkState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LinkState")
    }
}

/// How often a question may have arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    Once,
    /// The connection broke before the answer was there, and the question was sent again on another one.
    PerhapsTwice,
}

/// What is asked.
pub(super) enum Question<'q> {
    Command(&'q Cmd),
    Script(&'q ScriptInvocation<'q>),
}

impl Question<'_> {
    async fn ask<A: FromRedisValue>(&self, manager: &mut ConnectionManager) -> RedisResult<A> {
        match self {
            Self::Command(command) => command.query_async(manager).await,
            Self::Script(script) => script.invoke_async(manager).await,
        }
    }

    /// Asks once more if the connection turns out to be gone: it was closed while nobody used it, or Redis was
    /// restarted. What had arrived before the end counts twice then, so the answer says of itself that it may be an
    /// answer to the second one.
    async fn ask_surely<A: FromRedisValue>(&self, manager: &mut ConnectionManager) -> (RedisResult<A>, Asked) {
        match self.ask(manager).await {
            Err(error) if error.is_connection_dropped() && !error.is_connection_refusal() => {
                (self.ask(manager).await, Asked::PerhapsTwice)
            }
            answer => (answer, Asked::Once),
        }
    }
}

impl RedisLink {
    /// A link that connects when it is first used.
    #[must_use]
    pub fn new(redis: Arc<Redis>) -> Self {
        Self { redis, line: Arc::default(), is_background: false }
    }

    /// A link for calls that nobody waits for: they are made whatever the breakers say, and counted nowhere.
    #[must_use]
    pub fn in_background(redis: Arc<Redis>) -> Self {
        Self { is_background: true, ..Self::new(redis) }
    }

    /// Connects now, and keeps the connection as long as the link lives: one that Redis or something on the way has
    /// closed is made anew before somebody needs it. To be called on the link's runtime.
    pub fn stay_connected(&self) {
        let (redis, connection, is_background) =
            (Arc::clone(&self.redis), Arc::downgrade(&self.line), self.is_background);
        tokio::spawn(async move {
            let mut calls = None;
            while let Some(line) = connection.upgrade() {
                let this = Self { redis: Arc::clone(&redis), line, is_background };
                let now = Some(this.line.lock().calls);
                if calls.is_none() || calls == now {
                    this.ping().await;
                }
                calls = now;
                drop(this);
                tokio::time::sleep(PING_EVERY).await;
            }
        });
    }

    /// What the layers do when a call fails.
    #[must_use]
    pub fn on_error(&self) -> OnError {
        self.redis.on_error
    }

    pub(in crate::gate) fn timeout(&self) -> Duration {
        self.redis.timeout
    }

    pub(super) fn prefix(&self) -> &str {
        &self.redis.prefix
    }

    /// A number that no other value of this process has.
    pub(super) fn next_value(&self) -> u64 {
        self.redis.values_total.fetch_add(1, Relaxed)
    }

    /// The value of that number, which nobody else writes.
    pub(super) fn unique_value(&self, number: u64) -> String {
        format!("{:x}-{number:x}", self.redis.nonce)
    }

    /// Whether the connection is there; if it is not, it is made anew. Any answer will do, a refusal as well.
    pub(super) async fn ping(&self) {
        let Ok(mut manager) = self.connection(false) else { return };
        let answer = tokio::time::timeout(CONNECT_PATIENCE, async {
            let ping = redis::cmd("PING");
            Question::Command(&ping).ask_surely::<Value>(&mut manager).await.0
        });
        if !matches!(answer.await, Ok(answer) if answer.as_ref().map_or_else(is_usable, |_| true)) {
            self.line.lock().manager = None;
        }
    }

    /// Sends one command. `read` says what the answer means; an answer it does not know is a failure.
    pub(super) async fn command<T>(
        &self,
        kind: Command,
        command: &Cmd,
        read: fn(Value) -> Option<T>,
    ) -> Result<T, RedisFault> {
        let permit = self.permit(kind)?;
        let answer = self.ask(kind, permit, Question::Command(command)).await;
        self.settle(kind, permit, answer, read)
    }

    /// Runs a script, loading it into Redis first if it is not there.
    pub(super) async fn script<A: FromRedisValue, T>(
        &self,
        kind: Command,
        script: &ScriptInvocation<'_>,
        read: impl FnOnce(A) -> Option<T>,
    ) -> Result<T, RedisFault> {
        let permit = self.permit(kind)?;
        let answer = self.ask(kind, permit, Question::Script(script)).await;
        self.settle(kind, permit, answer, read)
    }

    pub(super) async fn ask<A: FromRedisValue>(
        &self,
        kind: Command,
        permit: CallPermit,
        question: Question<'_>,
    ) -> Result<A, Failure> {
        self.ask_counted(kind, permit, question).await.0
    }

    /// The same where it matters that the question may have arrived twice.
    pub(super) async fn ask_counted<A: FromRedisValue>(
        &self,
        kind: Command,
        permit: CallPermit,
        question: Question<'_>,
    ) -> (Result<A, Failure>, Asked) {
        self.line.lock().calls += 1;
        let is_probe = permit != CallPermit::Ordinary && self.redis.health.is_doubtful(kind);
        let mut manager = match self.connection(is_probe && self.redis.health.wants_new_connection(kind)) {
            Ok(manager) => manager,
            Err(error) => return (Err(Failure::from(&error)), Asked::Once),
        };
        match tokio::time::timeout(self.redis.timeout, question.ask_surely(&mut manager)).await {
            Ok((answer, asked)) => (answer.map_err(|error| Failure::from(&error)), asked),
            Err(_elapsed) => (Err(Failure::timed_out()), Asked::PerhapsTwice),
        }
    }

    pub(super) fn settle<A, T>(
        &self,
        kind: Command,
        permit: CallPermit,
        answer: Result<A, Failure>,
        read: impl FnOnce(A) -> Option<T>,
    ) -> Result<T, RedisFault> {
        let failure = match answer.map(read) {
            Ok(Some(answer)) => {
                self.redis.health.succeeded(kind, permit, Instant::now());
                return Ok(answer);
            }
            Ok(None) => Failure::unexpected(),
            Err(failure) => failure,
        };
        let cause = failure.cause;
        if cause.wants_new_connection() && permit != CallPermit::Ordinary {
            self.line.lock().manager = None; // no better than the one before
        }
        self.redis.health.failed(kind, permit, failure, Instant::now());
        Err(if cause == Cause::TimedOut { RedisFault::TimedOut } else { RedisFault::Failed(cause) })
    }

    pub(super) fn permit(&self, kind: Command) -> Result<CallPermit, RedisFault> {
        if self.is_background {
            return Ok(CallPermit::Background);
        }
        self.redis.health.permit(kind, Instant::now()).ok_or(RedisFault::BreakerOpen)
    }

    /// The connection to make a call on; `anew`: not the one that failed.
    fn connection(&self, anew: bool) -> Result<ConnectionManager, RedisError> {
        let (renewed_total, now) = (self.redis.client.renewed_total(), Instant::now());
        let distrusted_total = self.redis.health.distrusted_total();
        let mut line = self.line.lock();
        let is_old = |made_at: Instant| now.saturating_duration_since(made_at) > YOUNG;
        match &line.manager {
            Some((manager, made_at))
                if (line.renewed_total, line.distrusted_total) == (renewed_total, distrusted_total)
                    && !(anew && is_old(*made_at)) =>
            {
                Ok(manager.clone())
            }
            Some(_) | None => {
                let manager = self.redis.manager()?;
                line.manager = Some((manager.clone(), now));
                (line.renewed_total, line.distrusted_total) = (renewed_total, distrusted_total);
                Ok(manager)
            }
        }
    }
}

/// Whether Redis itself said no, and will go on doing so on another connection.
fn is_usable(error: &RedisError) -> bool {
    !Failure::from(error).cause.wants_new_connection()
}
