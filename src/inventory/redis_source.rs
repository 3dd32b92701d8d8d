//! **Job:** reads entries from a Redis stream through a consumer group.
//! **Owns:** the group, what is not yet acknowledged, and the key that says how far we got.
//! **Never:** believes Redis: stream, group and key may be gone at any moment, and come back from the cursor.

use std::time::{Duration, Instant};

use redis::{Client, Cmd, Connection, ConnectionLike, FromRedisValue, RedisError, Value};

use super::delivery::{Delivery, FetchFault, Fetched};
use crate::redis_client::{Cause, Failure, RedisAddress, UnusableAddress};

/// The consumer group; every inventory of a stream is in it.
const GROUP: &str = "inventory";
/// The field of a stream entry with the line.
const FIELD: &str = "entry";
/// How long Redis may hold an empty answer back, in milliseconds: half the time after which the cursor is to be told
/// again.
const BLOCK_MILLIS: u64 = 500;
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long a connection may take to come about.
const CONNECT_PATIENCE: Duration = Duration::from_secs(2);
/// Old deliveries looked through at a time when the group is joined.
const PENDING_PAGE: u32 = 1_000;
/// How long a stream may end before our cursor. After a loss the relay may begin too early and needs a moment to get
/// here; a stream of another ledger stays behind.
const BEHIND_FOR: Duration = Duration::from_secs(10);

/// One consumer of a stream.
pub(super) struct RedisSource {
    client: Client,
    connection: Option<Connection>,
    stream: String,
    cursor_key: String,
    consumer: String,
    /// Whether this connection has joined the group at the cursor.
    joined: bool,
    /// Delivered and not acknowledged.
    unacknowledged: Vec<u64>,
    /// Since when the stream has ended before the cursor.
    behind_since: Option<Instant>,
}

impl RedisSource {
    /// `consumer` is the data file's name in the group. Nobody is asked yet.
    ///
    /// # Errors
    /// The part of the address that cannot be used.
    pub(super) fn new(address: &RedisAddress, stream: &str, consumer: String) -> Result<Self, UnusableAddress> {
        Ok(Self {
            client: address.client()?,
            connection: None,
            stream: stream.to_owned(),
            cursor_key: format!("{stream}:cursor"),
            consumer,
            joined: false,
            unacknowledged: Vec::new(),
            behind_since: None,
        })
    }

    pub(super) fn fetch(&mut self, cursor: u64, limit: u32) -> Result<Fetched, FetchFault> {
        let fetched = self.look(cursor, limit);
        if fetched.is_err() {
            // Whatever went wrong: a new connection, and the group anew.
            self.connection = None;
        }
        fetched
    }

    /// Tells where we are and acknowledges what is behind us.
    pub(super) fn confirm(&mut self, cursor: u64) -> Result<(), FetchFault> {
        self.run::<Value>(redis::cmd("SET").arg(&self.cursor_key).arg(cursor))?;
        Ok(self.settle(cursor)?)
    }

    fn settle(&mut self, cursor: u64) -> Result<(), Fault> {
        let (done, open) = std::mem::take(&mut self.unacknowledged).into_iter().partition(|seq| *seq <= cursor);
        self.unacknowledged = open;
        self.acknowledge(&done)
    }

    pub(super) fn start_over(&mut self) {
        self.joined = false;
    }

    fn look(&mut self, cursor: u64, limit: u32) -> Result<Fetched, FetchFault> {
        self.confirm(cursor)?;
        let answer = match self.read_new(cursor, limit) {
            // The group went with the stream, or while we waited for it.
            Err(Fault { code, .. }) if code == "NOGROUP" || code == "UNBLOCKED" => {
                self.joined = false;
                self.read_new(cursor, limit)
            }
            other => other,
        };
        let deliveries = answer?;
        self.unacknowledged.extend(deliveries.iter().map(|delivery| delivery.seq));
        self.settle(cursor)?;
        let last_seq = self.last_seq()?;
        self.check_behind(cursor, last_seq, Instant::now())?;
        Ok(Fetched { deliveries, last_seq: last_seq.filter(|last| *last >= cursor) })
    }

    fn read_new(&mut self, cursor: u64, limit: u32) -> Result<Vec<Delivery>, Fault> {
        if !self.joined {
            self.join(cursor)?;
        }
        let read = self.read(">", limit).arg("STREAMS").arg(&self.stream).arg(">").to_owned();
        Ok(deliveries(self.run(&read)?))
    }

    /// Makes sure that the group is there, clears what a former life has applied and not acknowledged, and sets the
    /// group to the cursor: what was delivered and not applied, or acknowledged by an older copy of our file, comes
    /// again.
    fn join(&mut self, cursor: u64) -> Result<(), Fault> {
        let group = |verb: &str, id: &str| {
            let mut command = redis::cmd("XGROUP");
            command.arg(verb).arg(&self.stream).arg(GROUP).arg(id);
            if verb == "CREATE" {
                command.arg("MKSTREAM");
            }
            command
        };
        let (create, set) = (group("CREATE", "0"), group("SETID", &format!("{cursor}-0")));
        match self.run::<Value>(&create) {
            Ok(_) => {}
            Err(fault) if fault.code == "BUSYGROUP" => {}
            Err(fault) => return Err(fault),
        }
        self.unacknowledged.clear();
        self.clear_pending(cursor)?;
        self.run::<Value>(&set)?;
        self.joined = true;
        Ok(())
    }

    fn clear_pending(&mut self, cursor: u64) -> Result<(), Fault> {
        let mut after = 0;
        while after < cursor {
            let read =
                self.read("0", PENDING_PAGE).arg("STREAMS").arg(&self.stream).arg(format!("{after}-0")).to_owned();
            let pending = deliveries(self.run(&read)?);
            let Some(last) = pending.last() else { return Ok(()) };
            after = last.seq;
            let done: Vec<u64> = pending.iter().map(|delivery| delivery.seq).filter(|seq| *seq <= cursor).collect();
            self.acknowledge(&done)?;
        }
        Ok(())
    }

    fn read(&self, from: &str, limit: u32) -> Cmd {
        let mut command = redis::cmd("XREADGROUP");
        command.arg("GROUP").arg(GROUP).arg(&self.consumer).arg("COUNT").arg(limit);
        if from == ">" {
            command.arg("BLOCK").arg(BLOCK_MILLIS);
        }
        command
    }

    fn acknowledge(&mut self, seqs: &[u64]) -> Result<(), Fault> {
        if seqs.is_empty() {
            return Ok(());
        }
        let mut command = redis::cmd("XACK");
        command.arg(&self.stream).arg(GROUP);
        for seq in seqs {
            command.arg(format!("{seq}-0"));
        }
        self.run::<Value>(&command).map(drop)
    }

    /// The stream's last entry, if there is one.
    fn last_seq(&mut self) -> Result<Option<u64>, Fault> {
        let last = redis::cmd("XREVRANGE").arg(&self.stream).arg("+").arg("-").arg("COUNT").arg(1).to_owned();
        Ok(entries(self.run(&last)?).last().map(|delivery| delivery.seq))
    }

    fn check_behind(&mut self, cursor: u64, last: Option<u64>, now: Instant) -> Result<(), FetchFault> {
        let Some(last) = last.filter(|last| *last < cursor) else {
            self.behind_since = None;
            return Ok(());
        };
        let since = *self.behind_since.get_or_insert(now);
        if now - since < BEHIND_FOR { Ok(()) } else { Err(FetchFault::Behind { cursor, last }) }
    }

    fn run<T: FromRedisValue>(&mut self, command: &Cmd) -> Result<T, Fault> {
        if self.connection.is_none() {
            let connection = self.client.get_connection_with_timeout(CONNECT_PATIENCE)?;
            connection.set_read_timeout(Some(PATIENCE))?;
            connection.set_write_timeout(Some(PATIENCE))?;
            self.connection = Some(connection);
            self.joined = false;
        }
        let connection = self.connection.as_mut().expect("made above");
        let answer = command.query(connection).map_err(Fault::from);
        if !connection.is_open() {
            self.connection = None;
        }
        answer
    }
}

/// What Redis said, as far as it may be shown: the code of its error, and what it means; never its own words.
struct Fault {
    /// `ERR` is no code.
    code: String,
    cause: Cause,
}

impl From<RedisError> for Fault {
    fn from(error: RedisError) -> Self {
        let failure = Failure::from(&error);
        Self { code: failure.code.map(String::from).unwrap_or_default(), cause: failure.cause }
    }
}

impl From<Fault> for FetchFault {
    fn from(Fault { code, cause }: Fault) -> Self {
        let code = if code.is_empty() { code } else { format!(" ({code})") };
        Self::Unavailable(format!("redis: {}{code}: {}", cause.as_str(), cause.advice()))
    }
}

/// The entries of an answer of XREADGROUP: `[[stream, entries]]`, or nothing.
fn deliveries(answer: Value) -> Vec<Delivery> {
    let Value::Array(streams) = answer else { return Vec::new() };
    streams
        .into_iter()
        .flat_map(|stream| pair(stream).map(|(_, entries)| self::entries(entries)).unwrap_or_default())
        .collect()
}

/// `[[id, [field, value, …]], …]`. What has no line of ours in it, because it was deleted or is somebody else's, is an
/// entry without a text.
fn entries(answer: Value) -> Vec<Delivery> {
    let Value::Array(entries) = answer else { return Vec::new() };
    entries.into_iter().filter_map(entry).collect()
}

fn entry(value: Value) -> Option<Delivery> {
    let (id, fields) = pair(value)?;
    let id = String::from_utf8(bytes(id)?).ok()?;
    let seq = id.split_once('-')?.0.parse().ok()?;
    Some(Delivery { seq, text: line(fields).unwrap_or_default() })
}

fn line(fields: Value) -> Option<Vec<u8>> {
    let Value::Array(fields) = fields else { return None };
    let mut fields = fields.into_iter();
    while let (Some(name), Some(value)) = (fields.next(), fields.next()) {
        if bytes(name)? == FIELD.as_bytes() {
            return bytes(value);
        }
    }
    None
}

fn pair(value: Value) -> Option<(Value, Value)> {
    let Value::Array(values) = value else { return None };
    let [first, second] = <[Value; 2]>::try_from(values).ok()?;
    Some((first, second))
}

fn bytes(value: Value) -> Option<Vec<u8>> {
    let Value::BulkString(bytes) = value else { return None };
    Some(bytes)
}
