//! **Job:** what the layers ask of Redis: one function a question, one command each.
//! **Owns:** the keys, the scripts and the meaning of their answers.
//! **Never:** applies a policy; an answer that makes no sense is a fault like no answer.
//!
//! Keys are `<prefix><word>:<id>`. Item ids have neither `:` nor braces; a user id may have anything visible, and so
//! stands last. Two of them never share a key, and none has a space: what is only tried (see `probe`) has one.

use std::num::NonZeroU32;
use std::sync::LazyLock;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use doorbuster_actors::ids::ItemId;
use redis::{Cmd, Script, Value};

use super::link::{Asked, Question};
use super::{Cause, Command, RedisFault, RedisLink};

/// After this time a pool in Redis is seeded anew by the next attempt, so tokens that leaked in an outage are out of
/// the sale for a minute at most.
const POOL_TTL: Duration = Duration::from_mins(1);

/// How long what a probe writes lies there at most, besides a pool's.
const PROBE_TTL: Duration = Duration::from_secs(1);

/// Keys that a probe of the throttle tries, so that most nodes of a cluster would be found out by the first one.
const THROTTLE_PROBES: u32 = 16;

static TAKE_TOKENS: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("../../../data/redis/take_tokens.lua")));
static RETURN_TOKENS: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("../../../data/redis/return_tokens.lua")));
static TAKE_LEASE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("../../../data/redis/take_lease.lua")));
static GIVE_BACK_WINDOW: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("../../../data/redis/give_back_window.lua")));

/// A window in Redis, and the number of the value by which it is known whose it is.
#[derive(Debug)]
pub(in crate::gate) struct RedisWindow {
    key: String,
    number: u64,
}

impl RedisWindow {
    /// The key of it.
    pub(in crate::gate) fn key(&self) -> &str {
        &self.key
    }
}

/// What an attempt to open a window came to.
#[derive(Debug)]
pub(in crate::gate) enum Opened {
    /// It is this attempt's.
    Yes(RedisWindow),
    /// Another one is open.
    No {
        /// The key of it.
        key: String,
    },
}

impl RedisLink {
    /// Whether this attempt is the first within the window, which begins with it. `who` tells buyers apart. Exactly one
    /// command; the value is unique, so that it can be told whose attempt holds a window.
    pub(in crate::gate) async fn open_window(&self, who: &str, window: Duration) -> Result<Opened, RedisFault> {
        let (key, number) = (format!("{}{who}", self.prefix()), self.next_value());
        let mut command = redis::cmd("SET");
        command.arg(&key).arg(self.unique_value(number)).arg("NX");
        expire(&mut command, window);
        #[expect(clippy::wildcard_enum_match_arm, reason = "an enum of the library: no other answer is expected")]
        let first = |answer| match answer {
            Value::Okay => Some(true),
            Value::Nil => Some(false),
            _ => None,
        };
        let (kind, question) = (Command::Throttle, Question::Command(&command));
        let permit = self.permit(kind)?;
        let (answer, asked) = self.ask_counted(kind, permit, question).await;
        match (self.settle(kind, permit, answer, first)?, asked) {
            (true, _) => Ok(Opened::Yes(RedisWindow { key, number })),
            (false, Asked::Once) => Ok(Opened::No { key }),
            // Perhaps it is this attempt's own: who asks for the first time is not told to have asked before.
            (false, Asked::PerhapsTwice) => Err(RedisFault::Failed(Cause::Unreachable)),
        }
    }

    /// How long the window of a key is still open; `None` if it has no end.
    pub(in crate::gate) async fn window_left(&self, key: &str) -> Result<Option<Duration>, RedisFault> {
        #[expect(clippy::wildcard_enum_match_arm, reason = "an enum of the library: no other answer is expected")]
        let left = |answer| match answer {
            Value::Int(-2) => Some(Some(Duration::ZERO)), // it ended meanwhile
            Value::Int(-1) => Some(None),
            Value::Int(millis) => u64::try_from(millis).ok().map(|millis| Some(Duration::from_millis(millis))),
            _ => None,
        };
        self.command(Command::ThrottleWait, redis::cmd("PTTL").arg(key), left).await
    }

    /// Gives a window back that is still this attempt's, but for `keep`. Where scripts are refused, it is overwritten:
    /// that is the same as long as less than a window has passed, because nobody else can have opened one meanwhile.
    pub(in crate::gate) async fn give_back_window(
        &self,
        window: &RedisWindow,
        keep: Duration,
    ) -> Result<(), RedisFault> {
        let (kind, value) = (Command::ThrottleReturn, self.unique_value(window.number));
        let permit = self.permit(kind)?;
        let mut script = GIVE_BACK_WINDOW.prepare_invoke();
        script.key(&window.key).arg(&value).arg(millis(keep));
        let mut overwrite = redis::cmd("SET");
        overwrite.arg(&window.key).arg(&value).arg("XX");
        match millis(keep) {
            // Over long ago: a millisecond that is left would throttle a buyer who comes back at once.
            0 => overwrite.arg("PXAT").arg(1),
            keep => overwrite.arg("PX").arg(keep),
        };

        let without_scripts = &self.redis.without_scripts;
        if self.is_background || !without_scripts.load(Relaxed) {
            let answer = self.ask::<Value>(kind, permit, Question::Script(&script)).await;
            let is_refused = answer.as_ref().is_err_and(|failure| failure.cause.refuses_scripts());
            without_scripts.store(is_refused, Relaxed);
            if !is_refused {
                return self.settle(kind, permit, answer, |_is_ours| Some(()));
            }
        }
        let answer = self.ask::<Value>(kind, permit, Question::Command(&overwrite)).await;
        self.settle(kind, permit, answer, |_is_there| Some(()))
    }

    /// Takes units of the item's pool, all or none. `seed` is what is taken besides, should Redis not know.
    pub(in crate::gate) async fn take_tokens(
        &self,
        item: &ItemId,
        limit: u64,
        quantity: u32,
        seed: u64,
    ) -> Result<bool, RedisFault> {
        self.take_from(&self.pool_key(item.as_str()), limit, quantity, seed).await
    }

    async fn take_from(&self, key: &str, limit: u64, quantity: u32, seed: u64) -> Result<bool, RedisFault> {
        let mut script = TAKE_TOKENS.prepare_invoke();
        script.key(key).arg(limit).arg(quantity).arg(seed).arg(POOL_TTL.as_secs());
        let taken = |answer: i64| matches!(answer, 0 | 1).then_some(answer == 1);
        self.script(Command::PoolTake, &script, taken).await
    }

    /// Gives units of the item's pool back.
    pub(in crate::gate) async fn return_tokens(&self, item: &ItemId, quantity: u64) -> Result<(), RedisFault> {
        self.return_to(&self.pool_key(item.as_str()), quantity).await
    }

    async fn return_to(&self, key: &str, quantity: u64) -> Result<(), RedisFault> {
        let mut script = RETURN_TOKENS.prepare_invoke();
        script.key(key).arg(quantity);
        self.script(Command::PoolReturn, &script, |_came_back: u64| Some(())).await
    }

    /// Takes up to `wanted` tokens of the bucket. Answers how many, and how long it is until the next one.
    pub(in crate::gate) async fn take_lease(
        &self,
        rate: NonZeroU32,
        burst: NonZeroU32,
        wanted: u32,
    ) -> Result<(u32, Duration), RedisFault> {
        self.lease_from(&self.bucket_key(), rate, burst, wanted).await
    }

    async fn lease_from(
        &self,
        key: &str,
        rate: NonZeroU32,
        burst: NonZeroU32,
        wanted: u32,
    ) -> Result<(u32, Duration), RedisFault> {
        let mut script = TAKE_LEASE.prepare_invoke();
        script.key(key).arg(rate.get()).arg(burst.get()).arg(wanted);
        let sensible =
            |(granted, micros): (u32, u64)| (granted <= wanted).then_some((granted, Duration::from_micros(micros)));
        self.script(Command::BucketLease, &script, sensible).await
    }

    /// Sends commands of a kind on keys that no buyer has, to learn how the kind fares. What it writes is gone after a
    /// second, a pool's after a minute.
    pub(super) async fn probe(&self, kind: Command) -> Result<(), RedisFault> {
        match kind {
            Command::Throttle => {
                for probe in 0..THROTTLE_PROBES {
                    self.open_window(&format!("throttle: {probe}"), PROBE_TTL).await?;
                }
                Ok(())
            }
            Command::ThrottleWait => {
                let key = format!("{}throttle: 0", self.prefix());
                self.window_left(&key).await.map(drop)
            }
            Command::ThrottleReturn => {
                // A window that is there, so that the script goes to its end.
                match self.open_window("throttle: return", PROBE_TTL).await {
                    Ok(Opened::Yes(window)) => self.give_back_window(&window, Duration::ZERO).await,
                    Ok(Opened::No { key }) => {
                        self.give_back_window(&RedisWindow { key, number: self.next_value() }, Duration::ZERO).await
                    }
                    Err(fault) => Err(fault),
                }
            }
            Command::PoolTake => self.take_from(&self.pool_key(" "), u64::from(u32::MAX), 1, 0).await.map(drop),
            Command::PoolReturn => {
                // Something has to be there that can come back.
                let _taken = self.take_from(&self.pool_key(" "), u64::from(u32::MAX), 1, 0).await;
                self.return_to(&self.pool_key(" "), 1).await
            }
            Command::BucketLease => {
                // In the place of a cluster where the bucket's own key is.
                let key = format!("{}bucket: {{{}}}", self.prefix(), self.bucket_key());
                let size = NonZeroU32::new(1_000_000).expect("not zero");
                self.lease_from(&key, size, size, 1).await.map(drop)
            }
            // The relay tries them out by itself.
            Command::FeedLook | Command::FeedPublish | Command::FeedTrim | Command::FeedGroups => Ok(()),
        }
    }

    /// The braces make the item the part that decides about the place in a cluster.
    fn pool_key(&self, item: &str) -> String {
        format!("{}pool:{{{item}}}", self.prefix())
    }

    fn bucket_key(&self) -> String {
        format!("{}bucket:purchases", self.prefix())
    }
}

/// Whole seconds as `EX`, else `PX`.
fn expire(command: &mut Cmd, after: Duration) {
    if after.subsec_nanos() == 0 {
        command.arg("EX").arg(after.as_secs());
    } else {
        command.arg("PX").arg(millis(after));
    }
}

/// Rounded up.
fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
}
