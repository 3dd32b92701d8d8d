//! **Job:** relays every entry, once and in order, to a Redis stream.
//! **Owns:** its thread, its connection to Redis, its own reader, and the pace.
//! **Never:** remembers where it was: what the stream holds and what its consumer has confirmed say how to go on.
//!
//! The stream is a window on the ledger that can be lost at any time. Its consumer writes the last entry it has made
//! durable to the key `<stream>:cursor`, after each batch and once a second. It takes only the entry after its last
//! one: an older one it has, and before a later one something is missing, which the relay notices by itself and
//! publishes again.

mod plan;
mod stream;

use std::convert::Infallible;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use redis::Client;
use tokio::time::sleep;

use super::reader::{ReadError, Reader, Stretch};
use super::wire::Line;
use super::{Feed, FeedError};
use plan::{MOST_AT_ONCE, Standing, Step, next_step, trim_to};
use stream::{LastEntry, Stream, StreamFault};

/// First and longest pause after a fault: soon enough for a hiccup, seldom enough for an outage.
const BACK_OFF: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// Pause after what there was has been published: entries of a busy sale are bundled, two hundred rounds a second.
const PACE: Duration = Duration::from_millis(5);

/// How often the stream is looked at when nothing is sold: it may have been lost, or its consumer may have confirmed.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How often the cursor is looked at when its consumer has enough to do.
const ASK_EVERY: Duration = Duration::from_millis(100);

/// Where the stream is. Deliberately without `Debug`: the URL may carry a password.
pub struct RelaySettings {
    /// `redis://[user:password@]host:port/db` or `unix:///path`.
    pub url: String,
    /// The key of the stream.
    pub stream: String,
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
            client: stream::client(&settings.url).map_err(|_unusable| FeedError::RedisUrl)?,
            key: settings.stream.clone(),
            reader: Reader::open(&feed.path)?,
            feed: Arc::clone(feed),
            confirmed: None,
            known: 0,
            mood: Mood::Starting,
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
enum Mood {
    Starting,
    Working,
    Failing,
    Refusing,
}

/// What to wait for before the next round.
enum Rest {
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
    client: Client,
    key: String,
    reader: Reader,
    feed: Arc<Feed>,
    /// What the consumer confirmed last. It is durable there, so it counts even if Redis has forgotten it.
    confirmed: Option<u64>,
    /// The last entry of the stream that is known to be ours.
    known: u64,
    mood: Mood,
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
            let fault = match Stream::connect(&self.client, &self.key).await {
                Ok(stream) => self.follow(stream).await,
                Err(fault) => fault.into(),
            };
            if self.becomes(Mood::Failing) {
                tracing::warn!(%fault, "the feed cannot be relayed to redis: tried again and again");
            }
            sleep(self.back_off).await;
            self.back_off = BACK_OFF.1.min(self.back_off * 2);
        }
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

    async fn round(&mut self, stream: &mut Stream) -> Result<Rest, Fault> {
        let (standing, last) = stream.look().await?;
        let standing = self.confirm(standing);
        let last_seq = self.feed.last_seq();
        let is_ours = self.recognizes(last, last_seq)?;
        let step = if is_ours { next_step(standing, last_seq) } else { Step::Refuse };
        if step == Step::Refuse {
            if self.becomes(Mood::Refusing) {
                let (stream, found) = (&self.key, standing);
                tracing::error!(stream, ?found, last_seq, "the stream or its cursor is of another ledger: not relayed");
            }
            return Ok(Rest::Operator);
        }
        if self.becomes(Mood::Working) {
            tracing::info!(stream = self.key, "the feed is relayed to redis");
        }
        if let Some(first) = trim_to(standing) {
            stream.trim(first).await?;
        }
        self.take(step, stream, last_seq).await
    }

    async fn take(&mut self, step: Step, stream: &mut Stream, last_seq: u64) -> Result<Rest, Fault> {
        match step {
            Step::Refuse => Ok(Rest::Operator),
            Step::Rest => Ok(Rest::News { after: last_seq }),
            Step::HoldBack => Ok(Rest::Consumer),
            Step::StartAnew => {
                let after = self.confirmed.unwrap_or(0);
                tracing::warn!(after, "the stream lacks entries that its consumer needs: published again");
                stream.delete().await?;
                Ok(Rest::None)
            }
            Step::Publish { after, upto } => {
                stream.publish(&self.entries(after, upto)?).await?;
                self.known = upto;
                Ok(if upto - after == MOST_AT_ONCE { Rest::None } else { Rest::Pace })
            }
        }
    }

    fn entries(&mut self, after: u64, upto: u64) -> Result<Vec<(u64, Vec<u8>)>, ReadError> {
        let most = usize::try_from(upto - after).unwrap_or(usize::MAX);
        let mut entries = Vec::new();
        self.reader.read(Stretch { after, upto, most }, |seq, line| entries.push((seq, line.to_vec())))?;
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
    fn confirm(&mut self, standing: Standing) -> Standing {
        self.confirmed = standing.cursor.or(self.confirmed);
        if let Some(place) = self.confirmed.or(standing.span.map(|span| span.top)) {
            self.feed.relayed.set(place);
        }
        Standing { cursor: self.confirmed, ..standing }
    }

    async fn rest(&self, rest: Rest) {
        match rest {
            Rest::None => {}
            Rest::Pace => sleep(PACE).await,
            Rest::News { after } => {
                let mut last_seq = self.feed.last_seq.clone();
                tokio::select! {
                    _entry = last_seq.wait_for(|last_seq| *last_seq > after) => {}
                    () = sleep(LOOK_EVERY) => {}
                }
            }
            Rest::Consumer => sleep(ASK_EVERY).await,
            Rest::Operator => sleep(BACK_OFF.1).await,
        }
    }

    /// Whether this is news: one line of the log for a change, not for each round.
    fn becomes(&mut self, mood: Mood) -> bool {
        std::mem::replace(&mut self.mood, mood) != mood
    }
}

/// Whether two lines tell the same entry, however they are written.
fn say_the_same(one: &[u8], other: &[u8]) -> bool {
    let parsed = |line| serde_json::from_slice::<Line<'_>>(line).ok();
    parsed(one).is_some_and(|one| parsed(other) == Some(one))
}
