//! **Job:** relays every entry, once and in order, to a Redis stream.
//! **Owns:** its thread, its connection to Redis, its own reader, and the pace.
//! **Never:** remembers where it was: what the stream holds and what its consumer has confirmed say how to go on.
//!
//! The stream is a window on the ledger that can be lost at any time. Its consumer writes the last entry it has made
//! durable to the key `<stream>:cursor`, after each batch and once a second. It takes only the entry after its last
//! one: an older one it has, and before a later one something is missing, which the relay notices by itself and
//! publishes again. Other consumers have groups of their own: what all groups have acknowledged counts for them.

mod plan;
mod stream;

use std::convert::Infallible;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use redis::Client;
use tokio::time::sleep;

use super::reader::{ReadError, Reader, SeqRange};
use super::wire::Line;
use super::{Feed, FeedError};
use crate::config::StreamTrim;
use crate::redis_client::{CallPermit, Cause, Command, Health, SharedClient};
use plan::{Action, MOST_AT_ONCE, Readers, StreamState, TRIM_AFTER, next_step, trim_to};
use stream::{LastEntry, Stream, StreamFault};

/// First and longest pause after a fault: soon enough for a hiccup, seldom enough for an outage.
const BACK_OFF: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// Pause after what there was has been published: entries of a busy sale are bundled, two hundred rounds a second.
const PACE: Duration = Duration::from_millis(5);

/// How often the stream is looked at when nothing is sold: it may have been lost, or its consumer may have confirmed.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How often the cursor is looked at when its consumer has enough to do.
const ASK_EVERY: Duration = Duration::from_millis(100);

/// How often little is trimmed, the consumer groups are asked for that, and it is tried whether Redis would take
/// entries while there are none.
const TIDY_EVERY: Duration = Duration::from_secs(10);

/// How often the groups are asked while many entries wait to be trimmed, and what fails is tried again.
const LOOK_CLOSER_EVERY: Duration = Duration::from_secs(1);

/// Where the stream is, and who is told how it fares. Deliberately without `Debug`: the client may hold a password.
pub struct RelaySettings {
    /// The way to Redis.
    pub client: Arc<SharedClient>,
    /// The state of each kind of command.
    pub health: Arc<Health>,
    /// The key of the stream.
    pub stream: String,
    /// What is removed from it.
    pub trim: StreamTrim,
}

/// Tries these kinds of the relay's commands on the stream as it is, as the relay itself does: nothing is published or
/// removed. Answers why each fails, if it does.
pub async fn try_out(client: &Client, key: &str, kinds: &[Command]) -> Vec<(Command, Option<Cause>)> {
    let mut tried = Vec::new();
    for kind in kinds.iter().copied() {
        let answer = match Stream::connect(client, key).await {
            Ok(mut stream) => stream.try_out(kind).await,
            Err(fault) => Err(fault),
        };
        tried.push((kind, answer.err().map(|fault| fault.failure().cause)));
    }
    tried
}

/// The relay's thread; ends when this is dropped, or when the feed closes.
pub struct Relay {
    feed: Arc<Feed>,
    thread: Option<JoinHandle<()>>,
}

impl Relay {
    /// Starts relaying `feed`. Redis need not be there yet.
    pub fn start(settings: &RelaySettings, feed: &Arc<Feed>) -> Result<Self, FeedError> {
        let worker = Worker {
            client: Arc::clone(&settings.client),
            health: Arc::clone(&settings.health),
            key: settings.stream.clone(),
            trim: settings.trim,
            readers: Readers::Unknown,
            trimmed_at: None,
            asked_at: None,
            tried_at: None,
            is_starting_anew: false,
            reader: Reader::open(&feed.path)?,
            feed: Arc::clone(feed),
            confirmed: None,
            known: 0,
            status: RelayStatus::Starting,
            back_off: BACK_OFF.0,
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let work = move || runtime.block_on(worker.run());
        let thread = std::thread::Builder::new().name("feed-relay".to_owned()).spawn(work)?;
        Ok(Self { feed: Arc::clone(feed), thread: Some(thread) })
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.feed.closing.send_replace(true);
        if let Some(thread) = self.thread.take() {
            let _ended = thread.join();
        }
    }
}

/// Why a round failed.
#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error(transparent)]
    Redis(#[from] StreamFault),
    #[error(transparent)]
    Ledger(#[from] ReadError),
}

/// What the log has been told last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RelayStatus {
    Starting,
    Working,
    Failing,
    Refusing,
}

/// What to wait for before the next round.
enum Wait {
    /// Nothing: there is more.
    None,
    /// A little, for company.
    Pace,
    /// An entry after this one.
    News { after: u64 },
    /// The consumer.
    Consumer,
    /// Somebody who clears up.
    Operator,
}

/// What runs on the thread.
struct Worker {
    client: Arc<SharedClient>,
    health: Arc<Health>,
    key: String,
    trim: StreamTrim,
    /// How far the consumer groups were when they were asked last.
    readers: Readers,
    trimmed_at: Option<Instant>,
    asked_at: Option<Instant>,
    /// The last round wanted to delete the stream.
    is_starting_anew: bool,
    /// When it was tried whether Redis would take entries.
    tried_at: Option<Instant>,
    reader: Reader,
    feed: Arc<Feed>,
    /// What the consumer confirmed last. It is durable there, so it counts even if Redis has forgotten it.
    confirmed: Option<u64>,
    /// The last entry of the stream that is known to be ours.
    known: u64,
    status: RelayStatus,
    back_off: Duration,
}

impl Worker {
    async fn run(mut self) {
        let mut closing = self.feed.closing.subscribe();
        tokio::select! {
            _close = closing.wait_for(|closing| *closing) => {}
            never = self.relay() => match never {},
        }
    }

    async fn relay(&mut self) -> Infallible {
        loop {
            let connected = Stream::connect(&self.client.get(), &self.key).await;
            let fault = match connected {
                Ok(stream) => self.follow(stream).await,
                Err(fault) => {
                    self.told(Command::FeedLook, Err::<Infallible, _>(fault)).map_or_else(Fault::from, |no| match no {})
                }
            };
            // The state of each kind of command tells what is wrong with Redis.
            if self.becomes(RelayStatus::Failing) && matches!(fault, Fault::Ledger(_)) {
                tracing::warn!(%fault, "the feed cannot be relayed to redis: tried again and again");
            }
            sleep(self.back_off).await;
            self.back_off = BACK_OFF.1.min(self.back_off * 2);
        }
    }

    /// Passes an answer on, and tells the state of its kind of command about it.
    fn told<T>(&self, command: Command, answer: Result<T, StreamFault>) -> Result<T, StreamFault> {
        let now = Instant::now();
        let permit = self.health.permit(command, now).unwrap_or(CallPermit::Ordinary);
        match &answer {
            Ok(_) => self.health.succeeded(command, permit, now),
            Err(fault) => self.health.failed(command, permit, fault.failure(), now),
        }
        answer
    }

    async fn follow(&mut self, mut stream: Stream) -> Fault {
        loop {
            match self.round(&mut stream).await {
                Ok(rest) => self.rest(rest).await,
                Err(fault) => return fault,
            }
            self.back_off = BACK_OFF.0;
        }
    }

    async fn round(&mut self, stream: &mut Stream) -> Result<Wait, Fault> {
        let (stream_state, last) = self.told(Command::FeedLook, stream.look().await)?;
        self.try_out(stream).await;
        let mut stream_state = self.confirm(stream_state);
        let last_seq = self.feed.last_seq();
        let is_ours = self.recognizes(last, last_seq)?;
        let mut step = if is_ours { next_step(stream_state, last_seq) } else { Action::Refuse };
        if step == Action::StartAnew && stream_state.cursor.is_none() {
            // Somebody has removed entries, and nobody confirms any: have all groups read them?
            self.asked_at = None;
            stream_state.readers = self.readers(stream, LOOK_CLOSER_EVERY).await;
            step = next_step(stream_state, last_seq);
        }
        if step == Action::Refuse {
            if self.becomes(RelayStatus::Refusing) {
                let (stream, found) = (&self.key, stream_state);
                tracing::error!(stream, ?found, last_seq, "the stream or its cursor is of another ledger: not relayed");
            }
            return Ok(Wait::Operator);
        }
        if self.becomes(RelayStatus::Working) {
            tracing::info!(stream = self.key, "the feed is relayed to redis");
        }
        // A stream that is about to be deleted is not tidied up: the one might work where the other is denied.
        self.is_starting_anew = step == Action::StartAnew;
        if !self.is_starting_anew {
            self.tidy(stream, stream_state).await?;
        }
        self.take(step, stream, last_seq).await
    }

    /// Removes what the rule says nobody needs.
    async fn tidy(&mut self, stream: &mut Stream, mut stream_state: StreamState) -> Result<(), Fault> {
        let is_time = is_due(self.trimmed_at, TIDY_EVERY);
        if self.trim == StreamTrim::Acknowledged {
            let is_long = stream_state.span.is_some_and(|span| span.length >= TRIM_AFTER);
            let every = if is_long { LOOK_CLOSER_EVERY } else { TIDY_EVERY };
            stream_state.readers = self.readers(stream, every).await;
        }
        if is_time {
            self.trimmed_at = Some(Instant::now());
        }
        if let Some(first) = trim_to(stream_state, self.trim, is_time) {
            self.told(Command::FeedTrim, stream.trim(first).await)?;
        }
        Ok(())
    }

    /// How far the consumer groups are: asked now, if it is time.
    async fn readers(&mut self, stream: &mut Stream, every: Duration) -> Readers {
        if is_due(self.asked_at, every) {
            self.asked_at = Some(Instant::now());
            let readers = self.told(Command::FeedGroups, stream.readers().await);
            self.readers = readers.unwrap_or(Readers::Unknown);
        }
        self.readers
    }

    /// Tries whether Redis would take and remove entries, though there may be none: an account may be denied just that.
    async fn try_out(&mut self, stream: &mut Stream) {
        let is_doubtful = [Command::FeedPublish, Command::FeedTrim].iter().any(|kind| self.health.is_doubtful(*kind));
        if is_due(self.tried_at, if is_doubtful { LOOK_CLOSER_EVERY } else { TIDY_EVERY }) {
            self.tried_at = Some(Instant::now());
            let _in_its_state = self.told(Command::FeedPublish, stream.try_to_publish().await);
            if !self.is_starting_anew {
                let _in_its_state = self.told(Command::FeedTrim, stream.trim(0).await);
            }
        }
    }

    async fn take(&mut self, step: Action, stream: &mut Stream, last_seq: u64) -> Result<Wait, Fault> {
        match step {
            Action::Refuse => Ok(Wait::Operator),
            Action::Wait => Ok(Wait::News { after: last_seq }),
            Action::HoldBack => Ok(Wait::Consumer),
            Action::StartAnew => {
                let after = self.confirmed.unwrap_or(0);
                tracing::warn!(after, "the stream lacks entries that its consumer needs: published again");
                self.told(Command::FeedTrim, stream.delete().await)?;
                (self.readers, self.asked_at) = (Readers::Unknown, None); // the groups went with it
                Ok(Wait::None)
            }
            Action::Publish { after, upto } => {
                let entries = self.entries(after, upto)?;
                self.told(Command::FeedPublish, stream.publish(&entries).await)?;
                self.known = upto;
                Ok(if upto - after == MOST_AT_ONCE { Wait::None } else { Wait::Pace })
            }
        }
    }

    fn entries(&mut self, after: u64, upto: u64) -> Result<Vec<(u64, Vec<u8>)>, ReadError> {
        let most = usize::try_from(upto - after).unwrap_or(usize::MAX);
        let mut entries = Vec::new();
        self.reader.read(SeqRange { after, upto, most }, |seq, line| entries.push((seq, line.to_vec())))?;
        Ok(entries)
    }

    /// Whether the last entry of the stream is one of this ledger. Looked up once, then what was published is known.
    fn recognizes(&mut self, last: Option<LastEntry>, last_seq: u64) -> Result<bool, ReadError> {
        let Some((seq, line)) = last else { return Ok(true) };
        if seq == 0 || seq > last_seq {
            return Ok(false);
        }
        if seq != self.known {
            let ours = self.entries(seq - 1, seq)?.pop();
            if !ours.is_some_and(|(_, ours)| say_the_same(&ours, &line)) {
                return Ok(false);
            }
            self.known = seq;
        }
        Ok(true)
    }

    /// Remembers what is confirmed, or recalls it.
    fn confirm(&mut self, stream_state: StreamState) -> StreamState {
        self.confirmed = stream_state.cursor.or(self.confirmed);
        let acknowledged = match self.readers {
            Readers::UpTo(seq) => Some(seq),
            Readers::Unknown | Readers::Nobody => None,
        };
        let published = stream_state.span.map(|span| span.top);
        if let Some(place) = self.confirmed.or(acknowledged).or(published) {
            self.feed.relayed.set(place);
        }
        StreamState { cursor: self.confirmed, readers: self.readers, ..stream_state }
    }

    async fn rest(&self, rest: Wait) {
        match rest {
            Wait::None => {}
            Wait::Pace => sleep(PACE).await,
            Wait::News { after } => {
                let mut last_seq = self.feed.last_seq.clone();
                tokio::select! {
                    _entry = last_seq.wait_for(|last_seq| *last_seq > after) => {}
                    () = sleep(LOOK_EVERY) => {}
                }
            }
            Wait::Consumer => sleep(ASK_EVERY).await,
            Wait::Operator => sleep(BACK_OFF.1).await,
        }
    }

    /// Whether this is news: one line of the log for a change, not for each round.
    fn becomes(&mut self, status: RelayStatus) -> bool {
        std::mem::replace(&mut self.status, status) != status
    }
}

fn is_due(last: Option<Instant>, every: Duration) -> bool {
    last.is_none_or(|last| last.elapsed() >= every)
}

/// Whether two lines tell the same entry, however they are written.
fn say_the_same(one: &[u8], other: &[u8]) -> bool {
    let parsed = |line| serde_json::from_slice::<Line<'_>>(line).ok();
    parsed(one).is_some_and(|one| parsed(other) == Some(one))
}
