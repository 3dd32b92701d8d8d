//! **Job:** what the layers ask of Redis: one function a question, one command each.
//! **Owns:** the keys, the scripts and the meaning of their answers.
//! **Never:** applies a policy; an answer that makes no sense is a fault like no answer.
//!
//! Keys are `<prefix><word>:<id>`. Item ids have neither `:` nor braces; a user id may have anything visible, and so
//! stands last. Two of them never share a key.

use std::num::NonZeroU32;
use std::sync::LazyLock;
use std::time::Duration;

use doorbuster_actors::ids::ItemId;
use redis::{Script, Value};

use super::{RedisFault, RedisLink};

/// After this time a pool in Redis is seeded anew by the next attempt, so tokens that leaked in an outage are out of
/// the sale for a minute at most.
const POOL_TTL: Duration = Duration::from_mins(1);

static TAKE_TOKENS: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("../../../data/redis/take_tokens.lua")));
static RETURN_TOKENS: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("../../../data/redis/return_tokens.lua")));
static TAKE_LEASE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("../../../data/redis/take_lease.lua")));

impl RedisLink {
    /// Whether this attempt is the user's first within the window, which begins with it. Exactly one command; the
    /// value is unique, so that it can be told whose attempt holds a window.
    pub(in crate::gate) async fn first_in_window(&self, user: &str, window: Duration) -> Result<bool, RedisFault> {
        let mut command = redis::cmd("SET");
        command.arg(format!("{}throttle:{user}", self.prefix())).arg(self.unique_value()).arg("NX");
        if window.subsec_nanos() == 0 {
            command.arg("EX").arg(window.as_secs());
        } else {
            command.arg("PX").arg(window.as_nanos().div_ceil(1_000_000).to_string());
        }
        #[expect(clippy::wildcard_enum_match_arm, reason = "an enum of the library: no other answer is expected")]
        let first = |answer| match answer {
            Value::Okay => Some(true),
            Value::Nil => Some(false),
            _ => None,
        };
        self.command(&command, first).await
    }

    /// Takes units of the item's pool, all or none. `seed` is what is taken besides, should Redis not know.
    pub(in crate::gate) async fn take_tokens(
        &self,
        item: &ItemId,
        limit: u64,
        quantity: u32,
        seed: u64,
    ) -> Result<bool, RedisFault> {
        let mut script = TAKE_TOKENS.prepare_invoke();
        script.key(self.pool_key(item)).arg(limit).arg(quantity).arg(seed).arg(POOL_TTL.as_secs());
        self.script(&script, |answer: i64| matches!(answer, 0 | 1).then_some(answer == 1)).await
    }

    /// Gives units of the item's pool back.
    pub(in crate::gate) async fn return_tokens(&self, item: &ItemId, quantity: u64) -> Result<(), RedisFault> {
        let mut script = RETURN_TOKENS.prepare_invoke();
        script.key(self.pool_key(item)).arg(quantity);
        self.script(&script, |_came_back: u64| Some(())).await
    }

    /// Takes up to `wanted` tokens of the bucket. Answers how many, and how long it is until the next one.
    pub(in crate::gate) async fn take_lease(
        &self,
        rate: NonZeroU32,
        burst: NonZeroU32,
        wanted: u32,
    ) -> Result<(u32, Duration), RedisFault> {
        let mut script = TAKE_LEASE.prepare_invoke();
        script.key(format!("{}bucket:purchases", self.prefix())).arg(rate.get()).arg(burst.get()).arg(wanted);
        let sensible =
            |(granted, micros): (u32, u64)| (granted <= wanted).then_some((granted, Duration::from_micros(micros)));
        self.script(&script, sensible).await
    }

    /// The braces make the item the part that decides about the place in a cluster.
    fn pool_key(&self, item: &ItemId) -> String {
        format!("{}pool:{{{item}}}", self.prefix())
    }
}
