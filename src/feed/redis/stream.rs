//! **Job:** the commands of the relay: look, publish, forget.
//! **Owns:** the connection, the names of the keys, and what the answers mean.
//! **Never:** waits longer than its time-out, or repeats words of the server, which may be anything.

use std::collections::HashMap;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, FromRedisValue, RedisError, RedisResult, Value, cmd, pipe};

use super::plan::{Readers, Span, StreamState};
use crate::redis_client::{Cause, Command, Failure};

/// Longest wait for a connection or an answer. Nobody is waiting for the relay, and a Redis that writes its file may
/// be slow for a moment; but a connection that is gone without a word should not look alive for long.
const TIMEOUT: Duration = Duration::from_secs(2);

/// The one field of an entry of the stream; its value is a line of the feed.
const FIELD: &str = "entry";

/// Why the relay cannot go on now.
#[derive(Debug, thiserror::Error)]
pub(super) enum StreamFault {
    /// No answer, or an error.
    #[error("{}", Failure::from(.0).cause.as_str())]
    Redis(#[from] RedisError),
    /// The keys hold something else than a feed.
    #[error("{0}")]
    Unexpected(&'static str),
}

impl StreamFault {
    /// What the state of a kind of command is told.
    pub(super) fn failure(&self) -> Failure {
        match self {
            Self::Redis(error) => error.into(),
            Self::Unexpected(_) => Failure { cause: Cause::WrongType, code: None },
        }
    }
}

/// The stream, over one connection. After a fault, make a new one.
pub(super) struct Stream {
    connection: MultiplexedConnection,
    key: String,
    cursor_key: String,
}

impl Stream {
    pub(super) async fn connect(client: &Client, key: &str) -> Result<Self, StreamFault> {
        let config =
            AsyncConnectionConfig::new().set_connection_timeout(Some(TIMEOUT)).set_response_timeout(Some(TIMEOUT));
        let connection = client.get_multiplexed_async_connection_with_config(&config).await?;
        Ok(Self { connection, key: key.to_owned(), cursor_key: format!("{key}:cursor") })
    }

    /// How things stand. The cursor is read after the stream: what was trimmed because it was confirmed meanwhile must
    /// not look as if it were missing.
    pub(super) async fn look(&mut self) -> Result<(StreamState, Option<LastEntry>), StreamFault> {
        let mut questions = pipe();
        questions.cmd("XINFO").arg("STREAM").arg(&self.key).cmd("GET").arg(&self.cursor_key).ignore_errors();
        let answers: Vec<RedisResult<Value>> = questions.query_async(&mut self.connection).await?;
        let [stream, cursor] = <[_; 2]>::try_from(answers).map_err(|_| StreamFault::Unexpected("too few answers"))?;
        let (span, last) = match stream {
            Ok(answer) => read_facts(answer).ok_or(FOREIGN)?,
            Err(error) if is_about(&error, "no such key") => (None, None),
            Err(error) => return Err(error.into()),
        };
        let cursor = redis::from_redis_value::<Option<u64>>(cursor?);
        let cursor = cursor.map_err(|_| StreamFault::Unexpected("the cursor is not a number"))?;
        Ok((StreamState { span, cursor, readers: Readers::Unknown }, last))
    }

    /// How far the consumer groups have come, the slowest of them.
    pub(super) async fn readers(&mut self) -> Result<Readers, StreamFault> {
        let groups: RedisResult<Vec<HashMap<String, Value>>> =
            cmd("XINFO").arg("GROUPS").arg(&self.key).query_async(&mut self.connection).await;
        let groups = match groups {
            Err(error) if is_about(&error, "no such key") => return Ok(Readers::Nobody),
            answer => answer?,
        };
        let mut slowest = None;
        for group in &groups {
            let floor = self.acknowledged_by(group).await?;
            slowest = Some(slowest.map_or(floor, |other: u64| other.min(floor)));
        }
        Ok(slowest.map_or(Readers::Nobody, Readers::UpTo))
    }

    /// The entry up to which the group has acknowledged everything.
    async fn acknowledged_by(&mut self, group: &HashMap<String, Value>) -> Result<u64, StreamFault> {
        let pending = group.get("pending").and_then(as_number).ok_or(FOREIGN)?;
        if pending == 0 {
            return group.get("last-delivered-id").and_then(leading_number).ok_or(FOREIGN);
        }
        let Some(Value::BulkString(name)) = group.get("name") else { return Err(FOREIGN) };
        let summary: Value = cmd("XPENDING").arg(&self.key).arg(name).query_async(&mut self.connection).await?;
        let Value::Array(parts) = summary else { return Err(FOREIGN) };
        let first = parts.get(1).and_then(leading_number);
        // None is pending any more: looked at the next time.
        Ok(first.map_or(0, |first| first.saturating_sub(1)))
    }

    /// Asks Redis to add an entry that no stream takes, to learn whether it would take others.
    pub(super) async fn try_to_publish(&mut self) -> Result<(), StreamFault> {
        let impossible = cmd("XADD").arg(&self.key).arg("0-0").arg(FIELD).arg("").to_owned();
        match impossible.query_async::<Value>(&mut self.connection).await {
            Err(error) if is_about(&error, "must be greater than 0-0") => Ok(()),
            answer => Ok(answer.map(drop)?),
        }
    }

    /// Sends a command of this kind that changes nothing.
    pub(super) async fn try_out(&mut self, kind: Command) -> Result<(), StreamFault> {
        match kind {
            Command::FeedLook => self.look().await.map(drop),
            Command::FeedPublish => self.try_to_publish().await,
            Command::FeedTrim => self.trim(0).await,
            Command::FeedGroups => self.readers().await.map(drop),
            Command::Throttle
            | Command::ThrottleWait
            | Command::ThrottleReturn
            | Command::PoolTake
            | Command::PoolReturn
            | Command::BucketLease => Ok(()),
        }
    }

    /// Publishes entries in their order, all or none. One that Redis refuses because it has it, or a later one, is
    /// there.
    pub(super) async fn publish(&mut self, entries: &[(u64, Vec<u8>)]) -> Result<(), StreamFault> {
        let mut commands = pipe();
        for (seq, line) in entries {
            commands.cmd("XADD").arg(&self.key).arg(format!("{seq}-0")).arg(FIELD).arg(line);
        }
        // In one transaction: a Redis that is full takes none of them instead of some.
        commands.atomic().ignore_errors();
        let answers: Vec<RedisResult<Value>> = commands.query_async(&mut self.connection).await?;
        for error in answers.into_iter().filter_map(Result::err) {
            if !is_about(&error, "equal or smaller") {
                return Err(error.into());
            }
        }
        Ok(())
    }

    /// Forgets the entries before `first`.
    pub(super) async fn trim(&mut self, first: u64) -> Result<(), StreamFault> {
        let mut command = cmd("XTRIM");
        command.arg(&self.key).arg("MINID").arg("=").arg(first);
        Ok(command.query_async(&mut self.connection).await?)
    }

    /// Forgets the stream, not the cursor.
    pub(super) async fn delete(&mut self) -> Result<(), StreamFault> {
        Ok(cmd("DEL").arg(&self.key).query_async(&mut self.connection).await?)
    }
}

fn is_about(error: &RedisError, words: &str) -> bool {
    error.code() == Some("ERR") && error.detail().is_some_and(|detail| detail.contains(words))
}

/// The last entry of the stream: its number, and its line.
pub(super) type LastEntry = (u64, Vec<u8>);

const FOREIGN: StreamFault = StreamFault::Unexpected("the stream holds something else than a feed");

/// What `XINFO STREAM` tells; `None` if it is not about a stream of ours.
fn read_facts(answer: Value) -> Option<(Option<Span>, Option<LastEntry>)> {
    let facts: HashMap<String, Value> = redis::from_redis_value(answer).ok()?;
    let Some(Value::Int(length)) = facts.get("length") else { return None };
    let top = facts.get("last-generated-id").and_then(seq)?;
    let (first, last) = match (facts.get("first-entry"), facts.get("last-entry")) {
        (Some(first @ Value::Array(_)), Some(last)) => (entry(first)?.0, Some(entry(last)?)),
        _ => (top.saturating_add(1), None),
    };
    let span = Span { first, top, length: u64::try_from(*length).ok()? };
    Some((Some(span), last))
}

/// `[id, [field, value]]`.
fn entry(value: &Value) -> Option<LastEntry> {
    let Value::Array(parts) = value else { return None };
    let [id, Value::Array(members)] = parts.as_slice() else { return None };
    let [_field, Value::BulkString(line)] = members.as_slice() else { return None };
    Some((seq(id)?, line.clone()))
}

fn as_number(value: &Value) -> Option<u64> {
    u64::from_redis_value_ref(value).ok()
}

/// The first number of any id: entries of ours have no other with it.
fn leading_number(id: &Value) -> Option<u64> {
    let Value::BulkString(id) = id else { return None };
    std::str::from_utf8(id).ok()?.split_once('-')?.0.parse().ok()
}

/// The number of an entry of ours: `<seq>-0`.
fn seq(id: &Value) -> Option<u64> {
    let Value::BulkString(id) = id else { return None };
    std::str::from_utf8(id).ok()?.strip_suffix("-0")?.parse().ok()
}
