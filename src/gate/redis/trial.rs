//! **Job:** tries a Redis out once, for somebody who asks before a sale: is it there, may we do what we need, how fast
//! is it, which time has it, and what does it throw away.
//! **Owns:** what is asked of it besides what the layers ask.
//! **Never:** writes anything that a buyer could notice, or counts what an account need not be allowed as a fault.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Value, cmd};

use super::{CONNECT_PATIENCE, Cause, Command, Redis, RedisFault, RedisLink};
use crate::redis_client::Failure;

/// Round trips that are timed: enough for a median on a busy network.
const ROUND_TRIPS: usize = 20;

/// What came of it.
#[derive(Debug)]
pub struct Trial {
    /// Why nothing can be asked at all, if so.
    pub unreached: Option<Cause>,
    /// Each kind of command that is in use, with why it fails, if it does.
    pub commands: Vec<(Command, Option<Cause>)>,
    /// The median of a round trip.
    pub round_trip: Option<Duration>,
    /// Seconds by which its clock is ahead of ours.
    pub clock_ahead_s: Option<f64>,
    /// What it says about itself.
    pub version: Option<String>,
    /// What it does when its memory is full, and whether that has a limit; none where the account may not ask.
    pub memory: Option<Memory>,
}

/// `maxmemory`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Memory {
    /// In bytes; 0: none.
    pub limit: u64,
    /// `maxmemory-policy`.
    pub policy: String,
}

impl Trial {
    /// Whether somebody answers there who knows us.
    #[must_use]
    pub fn is_reached(&self) -> bool {
        self.unreached.is_none()
    }
}

/// Tries it out. Takes a second at most where nobody answers.
pub async fn try_out(redis: &Arc<Redis>) -> Trial {
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(CONNECT_PATIENCE))
        .set_response_timeout(Some(CONNECT_PATIENCE));
    let mut trial = Trial {
        unreached: None,
        commands: Vec::new(),
        round_trip: None,
        clock_ahead_s: None,
        version: None,
        memory: None,
    };
    let mut line = match redis.client().get().get_multiplexed_async_connection_with_config(&config).await {
        Ok(line) => line,
        Err(error) => {
            trial.unreached = Some(Failure::from(&error).cause);
            return trial;
        }
    };
    trial.round_trip = match round_trip(&mut line).await {
        Ok(median) => Some(median),
        Err(cause) if cause.wants_new_connection() => {
            trial.unreached = Some(cause);
            return trial;
        }
        Err(_may_not_ping) => None,
    };
    trial.clock_ahead_s = clock_ahead_s(&mut line).await;
    trial.version = version(&mut line).await;
    trial.memory = memory(&mut line).await;
    trial.commands = commands(redis).await;
    trial
}

/// As the server tries them, before anybody can buy.
async fn commands(redis: &Arc<Redis>) -> Vec<(Command, Option<Cause>)> {
    let link = RedisLink::in_background(Arc::clone(redis));
    link.ping().await;
    let mut tried = Vec::new();
    for kind in redis.health().in_use().iter().copied().filter(|kind| !kind.is_of_feed()) {
        let cause = match link.probe(kind).await {
            Ok(()) => None,
            Err(RedisFault::Failed(cause)) => Some(cause),
            Err(RedisFault::TimedOut | RedisFault::BreakerOpen) => Some(Cause::TimedOut),
        };
        tried.push((kind, cause));
    }
    tried
}

async fn round_trip(line: &mut MultiplexedConnection) -> Result<Duration, Cause> {
    let mut times = Vec::with_capacity(ROUND_TRIPS);
    for _ in 0..ROUND_TRIPS {
        let asked = Instant::now();
        cmd("PING").query_async::<Value>(line).await.map_err(|error| Failure::from(&error).cause)?;
        times.push(asked.elapsed());
    }
    times.sort_unstable();
    Ok(times[ROUND_TRIPS / 2])
}

/// `TIME` is taken to be told in the middle of the round trip.
async fn clock_ahead_s(line: &mut MultiplexedConnection) -> Option<f64> {
    let (asked, ours) = (Instant::now(), SystemTime::now().duration_since(UNIX_EPOCH).ok()?);
    let (seconds, micros): (u64, u64) = cmd("TIME").query_async(line).await.ok()?;
    let ours = ours + asked.elapsed() / 2;
    let theirs = Duration::from_secs(seconds) + Duration::from_micros(micros);
    Some(theirs.as_secs_f64() - ours.as_secs_f64())
}

/// Every account may say `HELLO`.
async fn version(line: &mut MultiplexedConnection) -> Option<String> {
    let said: HashMap<String, Value> = cmd("HELLO").query_async(line).await.ok()?;
    match said.get("version") {
        Some(Value::BulkString(text)) => String::from_utf8(text.clone()).ok(),
        Some(Value::SimpleString(text)) => Some(text.clone()),
        Some(_) | None => None,
    }
}

async fn memory(line: &mut MultiplexedConnection) -> Option<Memory> {
    let text: String = cmd("INFO").arg("memory").query_async(line).await.ok()?;
    let member = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    Some(Memory { limit: member("maxmemory")?.trim().parse().ok()?, policy: member("maxmemory_policy")?.trim().into() })
}
