//! **Job:** the gate's Redis: what all workers share of it. Calls are bounded, over one connection per worker, behind a
//! breaker per kind of command.
//! **Owns:** the settings, the time-out, and how a connection is made.
//! **Never:** decides who passes, waits longer than the time-out, or shows the URL (it may carry a password).

mod commands;
mod link;
mod trial;
mod watch;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::time::{Duration, Instant};

use redis::RedisResult;
use redis::aio::{ConnectionManager, ConnectionManagerConfig};

use crate::config::OnError;
use crate::redis_client::{BreakerState, Cause, Command, Health, RedisAddress, SharedClient, UnusableAddress};
pub(super) use commands::{Opened, RedisWindow};
pub use link::RedisLink;
pub use trial::{Memory, Trial, try_out};
pub use watch::watch;

/// Commands of one worker that may be on their way at once. What a worker can have in flight is bounded by the limit of
/// purchases in flight; past this number Redis is the bottleneck, and waiting for it counts against the time-out.
const CONCURRENCY_LIMIT: usize = 4_096;

/// Commands a worker may queue before its connection's task has picked them up: all of them, so that a burst within
/// one tick is written in one go instead of in portions.
const PIPELINE_BUFFER: usize = CONCURRENCY_LIMIT;

/// The longest that making a connection, or the answer to a PING, may take. Nobody waits for it: a buyer who needs the
/// connection meanwhile waits no longer than the time-out.
const CONNECT_PATIENCE: Duration = Duration::from_secs(1);

/// Where Redis is and how the gate treats it. Deliberately without `Debug`: the URL may carry a password.
#[derive(Clone)]
pub struct RedisSettings {
    /// The way there.
    pub address: RedisAddress,
    /// The longest any call may take, connecting included.
    pub timeout: Duration,
    /// What the layers do when a call fails.
    pub on_error: OnError,
    /// Leader part of every key; whatever shares a prefix shares its limits.
    pub prefix: String,
    /// The kinds of commands that will be sent.
    pub commands: Vec<Command>,
}

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
    #[error("redis failed: {}", .0.as_str())]
    Failed(Cause),
}

/// Counters of all the gate's calls since the start, and the position of the breakers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RedisSnapshot {
    /// Calls sent to Redis for which somebody waited.
    pub commands_total: u64,
    /// Calls without a usable answer, time-outs included.
    pub failures_total: u64,
    /// Calls without any answer in time.
    pub timeouts_total: u64,
    /// Times a breaker went from closed to open.
    pub opened_total: u64,
    /// Where the breaker is that is furthest from closed.
    pub breaker: BreakerState,
}

/// The process's Redis: one for all workers. Opens no connection by itself.
pub struct Redis {
    client: Arc<SharedClient>,
    timeout: Duration,
    on_error: OnError,
    prefix: Box<str>,
    health: Arc<Health>,
    /// Windows are given back without a script, because scripts were refused.
    without_scripts: AtomicBool,
    /// Makes the values written by this process differ from those of any other.
    nonce: u64,
    values_total: AtomicU64,
}

impl Redis {
    /// Checks the settings. Redis need not be there yet.
    ///
    /// # Errors
    /// The part of the address that cannot be used.
    pub fn new(settings: &RedisSettings) -> Result<Arc<Self>, UnusableAddress> {
        let health = Health::new(settings.commands.clone(), settings.on_error.as_str(), Instant::now());
        Ok(Arc::new(Self {
            client: SharedClient::new(&settings.address)?,
            timeout: settings.timeout,
            on_error: settings.on_error,
            prefix: settings.prefix.as_str().into(),
            health: Arc::new(health),
            without_scripts: AtomicBool::new(false),
            nonce: rand::random(),
            values_total: AtomicU64::new(0),
        }))
    }

    /// The client, which can be renewed: every connection is then made anew with the next call.
    #[must_use]
    pub fn client(&self) -> &Arc<SharedClient> {
        &self.client
    }

    /// The state of each kind of command.
    #[must_use]
    pub fn health(&self) -> &Arc<Health> {
        &self.health
    }

    /// What the layers do when a call fails.
    #[must_use]
    pub fn on_error(&self) -> OnError {
        self.on_error
    }

    /// What has happened so far, over all kinds of the gate's commands.
    #[must_use]
    pub fn observe(&self) -> RedisSnapshot {
        let mut sum = RedisSnapshot {
            commands_total: 0,
            failures_total: 0,
            timeouts_total: 0,
            opened_total: 0,
            breaker: BreakerState::Closed,
        };
        let of_gate = self.health.observe(Instant::now()).into_iter().filter(|seen| !seen.command.is_of_feed());
        for seen in of_gate {
            sum.commands_total += seen.calls_total;
            sum.failures_total += seen.failures.iter().sum::<u64>();
            sum.timeouts_total += seen.failures[Cause::TimedOut as usize];
            sum.opened_total += seen.opened_total;
            sum.breaker = match (sum.breaker, seen.breaker) {
                (BreakerState::Open, _) | (_, BreakerState::Open) => BreakerState::Open,
                (BreakerState::HalfOpen, _) | (_, BreakerState::HalfOpen) => BreakerState::HalfOpen,
                (BreakerState::Closed, BreakerState::Closed) => BreakerState::Closed,
            };
        }
        sum
    }

    fn manager(&self) -> RedisResult<ConnectionManager> {
        let patience = self.timeout.max(CONNECT_PATIENCE);
        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(patience))
            .set_response_timeout(Some(patience)) // whoever waits has a bound of their own
            .set_number_of_retries(0) // the breakers decide when to try again
            .set_pipeline_buffer_size(PIPELINE_BUFFER)
            .set_concurrency_limit(CONCURRENCY_LIMIT);
        ConnectionManager::new_lazy_with_config((*self.client.get()).clone(), config)
    }
}

impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redis").field("counters", &self.observe()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(url: &str) -> RedisLink {
        let settings = RedisSettings {
            address: RedisAddress::new(url),
            timeout: Duration::from_millis(50),
            on_error: OnError::Local,
            prefix: "doorbuster:".to_owned(),
            commands: Command::ALL.to_vec(),
        };
        RedisLink::new(Redis::new(&settings).expect("the url is valid"))
    }

    #[test]
    fn debug_does_not_show_the_password() {
        let link = link("redis://:canary@127.0.0.1:6379/0");
        assert!(!format!("{:?} {link:?}", link.redis).contains("canary"));
    }

    #[test]
    fn no_two_values_are_equal() {
        let link = link("redis://127.0.0.1");
        assert_ne!(link.unique_value(link.next_value()), link.unique_value(link.next_value()));
    }
}
