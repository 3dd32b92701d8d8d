//! **Job:** hands the committed entries of the ledger to the outside: pulled over the operations listener, looked up
//! there, or relayed to a Redis stream.
//! **Owns:** how far the ledger is committed and how far each sink has come; the closing of both.
//! **Never:** holds up the sale: it reads the data file by connections of its own, on threads of its own.
//!
//! The ledger is the outbox: nothing is written twice, `seq` is the cursor, and consumers who have lost their place say
//! the last entry they have.

pub mod cloud_events;
mod pull;
pub(crate) mod reader;
mod reader_thread;
pub mod records;
pub mod redis;
pub mod wire;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use tokio::sync::{Semaphore, watch};

pub use pull::{Form, MAX_PAGE, MAX_PULLS, MAX_WAIT, NoPage, Page, Pull};
pub use reader::ReadError;
pub use reader_thread::NoAnswer;

use reader::Reader;
use reader_thread::ReaderThread;
use records::Records;

/// Why the feed cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum FeedError {
    /// The data file.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The operating system has no thread left.
    #[error("cannot start a thread of the feed: {0}")]
    Thread(#[from] std::io::Error),
}

/// Where entries go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sink {
    /// Whoever asks the operations listener.
    Pull,
    /// The consumer of the Redis stream.
    Redis,
    /// The shop's own URL.
    Webhook,
}

impl Sink {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Pull, Self::Redis, Self::Webhook];

    /// The sink's name in metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pull => "pull",
            Self::Redis => "redis",
            Self::Webhook => "webhook",
        }
    }
}

/// The feed of one data file.
#[derive(Debug)]
pub struct Feed {
    path: PathBuf,
    last_seq: watch::Receiver<u64>,
    closing: watch::Sender<bool>,
    places: Semaphore,
    reader_thread: Mutex<Option<ReaderThread<Reader>>>,
    /// Who looks something up waits behind others who do, and never behind a consumer of entries, or the other way.
    records: Mutex<Option<Records>>,
    pulled: Cursor,
    relayed: Cursor,
    /// The last entry that the webhook has looked at, and how many before it are not delivered yet.
    sent: (Cursor, AtomicU64),
}

impl Feed {
    /// The feed of the data file at `path`, which is there; `last_seq` follows its writer.
    pub fn open(path: &Path, last_seq: watch::Receiver<u64>) -> Result<Self, FeedError> {
        Ok(Self {
            path: path.to_owned(),
            last_seq,
            closing: watch::Sender::new(false),
            places: Semaphore::new(MAX_PULLS),
            reader_thread: Mutex::new(Some(ReaderThread::open("feed-reader", Reader::open(path)?)?)),
            records: Mutex::new(Some(records::open(path)?)),
            pulled: Cursor::default(),
            relayed: Cursor::default(),
            sent: Default::default(),
        })
    }

    /// The last entry that is committed.
    #[must_use]
    pub fn last_seq(&self) -> u64 {
        *self.last_seq.borrow()
    }

    /// Entries that are committed and that the consumer of `sink` has not confirmed; `None` while it has no consumer.
    ///
    /// Who pulls confirms by asking for what comes after; of several the foremost counts. The consumer of the stream
    /// confirms by the key beside it; before it has, what is in the stream counts. The webhook's receiver confirms each
    /// event: those that are still to be sent count, and no others before the last one that was looked at.
    #[must_use]
    pub fn lag(&self, sink: Sink) -> Option<u64> {
        let (place, open) = match sink {
            Sink::Pull => (&self.pulled, 0),
            Sink::Redis => (&self.relayed, 0),
            Sink::Webhook => (&self.sent.0, self.sent.1.load(Ordering::Relaxed)),
        };
        place.get().map(|seq| self.last_seq().saturating_sub(seq).saturating_add(open))
    }

    /// The webhook has looked at everything up to `seq`, and `open` events of that are not delivered yet.
    pub(crate) fn webhook_is_at(&self, seq: u64, open: u64) {
        self.sent.1.store(open, Ordering::Relaxed);
        self.sent.0.set(seq);
    }

    /// A reader of its own for a sink.
    pub(crate) fn reader(&self) -> Result<Reader, ReadError> {
        Reader::open(&self.path)
    }

    /// Follows the last entry.
    pub(crate) fn news(&self) -> watch::Receiver<u64> {
        self.last_seq.clone()
    }

    /// Turns true when the feed closes.
    pub(crate) fn closing(&self) -> watch::Receiver<bool> {
        self.closing.subscribe()
    }

    /// Answers those who wait, refuses those who come, and lets go of the data file.
    pub fn close(&self) {
        self.closing.send_replace(true);
        let (reader_thread, records) = (self.reader_thread.lock().take(), self.records.lock().take());
        drop((reader_thread, records));
    }
}

/// How far a consumer has come.
#[derive(Debug, Default)]
struct Cursor {
    /// One more than the last entry it has; zero: there is none yet.
    next: AtomicU64,
}

impl Cursor {
    fn get(&self) -> Option<u64> {
        self.next.load(Ordering::Relaxed).checked_sub(1)
    }

    fn set(&self, seq: u64) {
        self.next.store(seq.saturating_add(1), Ordering::Relaxed);
    }

    fn reach(&self, seq: u64) {
        self.next.fetch_max(seq.saturating_add(1), Ordering::Relaxed);
    }
}
