//! **Job:** a page of entries for whoever asks, at once or when there is something.
//! **Owns:** the limits of a pull, and the thread that reads for all of them.
//! **Never:** reads on the thread that asks: ten thousand entries take long enough to make a health check late.

use std::path::Path;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam::channel::{Receiver, Sender, TrySendError, bounded};
use tokio::sync::oneshot;

use super::cloud_events::CloudEvent;
use super::reader::{ReadError, Reader, SeqRange};
use super::{Feed, FeedError};

/// Most entries of one page: about 2.5 MB of lines, which a consumer can still apply in one transaction.
pub const MAX_PAGE: usize = 10_000;

/// Longest wait for an entry: shorter than the patience of the proxies and clients on the way.
pub const MAX_WAIT: Duration = Duration::from_secs(30);

/// Pulls that may wait or be read at once. There are a few consumers; more are one that forgets its connections.
pub const MAX_PULLS: usize = 64;

/// A query that takes as long is worth a warning: a full page takes a twentieth of it.
const SLOW_READ: Duration = Duration::from_millis(250);

/// How long a page may take to be read, others in front of it included: a consumer that hears nothing asks again.
const READ_WITHIN: Duration = Duration::from_secs(5);

/// Bytes of a usual line, to make room for a page at once.
const LINE_BYTES: usize = 256;

/// How entries are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// One JSON object a line, each with its line end.
    Lines,
    /// A JSON array of `CloudEvents`.
    CloudEvents,
}

/// What a consumer asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pull {
    /// How it wants them.
    pub form: Form,
    /// The last entry it has; 0: none.
    pub after: u64,
    /// Most entries it wants, 1 to [`MAX_PAGE`].
    pub limit: usize,
    /// How long it waits if there is none, up to [`MAX_WAIT`].
    pub wait: Duration,
}

/// Entries in the order of their numbers, without a gap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The entries in the form that was asked for; none if there was nothing in time.
    pub body: Vec<u8>,
    /// That form.
    pub form: Form,
    /// The last entry that was committed when the page was read.
    pub last_seq: u64,
}

/// Why there is no page.
#[derive(Debug, thiserror::Error)]
pub enum NoPage {
    /// The consumer has more than the ledger: its place is in another one.
    #[error("entry {after} is beyond the last one, {last_seq}")]
    Beyond {
        /// What it has.
        after: u64,
        /// What there is.
        last_seq: u64,
    },
    /// Too many pulls are inside.
    #[error("{MAX_PULLS} pulls are inside")]
    Crowded,
    /// The disk does not answer.
    #[error("the data file could not be read within {READ_WITHIN:?}")]
    Stalled,
    /// The server is closing.
    #[error("the feed is closing")]
    Closing,
    /// The data file.
    #[error(transparent)]
    Unreadable(#[from] ReadError),
}

impl Feed {
    /// Answers a pull: with what there is, or with the first entry that comes within its wait, or with nothing.
    pub async fn pull(&self, pull: Pull) -> Result<Page, NoPage> {
        let _place = self.places.try_acquire().map_err(|_full| NoPage::Crowded)?;
        let last_seq = self.last_seq();
        if pull.after > last_seq {
            return Err(NoPage::Beyond { after: pull.after, last_seq });
        }
        if *self.closing.borrow() {
            return Err(NoPage::Closing);
        }
        self.pulled.reach(pull.after);
        if pull.after == last_seq && !pull.wait.is_zero() {
            self.wait_for_news(pull).await;
        }
        let (last_seq, form) = (self.last_seq(), pull.form);
        if pull.after == last_seq {
            return Ok(Page { body: Writer::new(form, 0).end(), form, last_seq });
        }
        let body = self.read(SeqRange { after: pull.after, upto: last_seq, most: pull.limit }, form).await?;
        Ok(Page { body, form, last_seq })
    }

    async fn wait_for_news(&self, pull: Pull) {
        let (mut last_seq, mut closing) = (self.last_seq.clone(), self.closing.subscribe());
        tokio::select! {
            _entry = last_seq.wait_for(|last_seq| *last_seq > pull.after) => {}
            _close = closing.wait_for(|closing| *closing) => {}
            () = tokio::time::sleep(pull.wait) => {}
        }
    }

    async fn read(&self, stretch: SeqRange, form: Form) -> Result<Vec<u8>, NoPage> {
        let (reply, answer) = oneshot::channel();
        self.reader_thread.lock().as_ref().ok_or(NoPage::Closing)?.ask(Question { stretch, form, reply })?;
        // No answer: the thread was told to end, and did.
        let answer = tokio::time::timeout(READ_WITHIN, answer).await.map_err(|_late| NoPage::Stalled)?;
        Ok(answer.map_err(|_gone| NoPage::Closing)??)
    }
}

/// "Read this."
struct Question {
    stretch: SeqRange,
    form: Form,
    reply: oneshot::Sender<Result<Vec<u8>, ReadError>>,
}

/// The thread that reads; ends when this is dropped.
#[derive(Debug)]
pub(super) struct ReaderThread {
    questions: Option<Sender<Question>>,
    thread: Option<JoinHandle<()>>,
}

impl ReaderThread {
    pub(super) fn open(path: &Path) -> Result<Self, FeedError> {
        let reader = Reader::open(path)?;
        let (questions, asked) = bounded(MAX_PULLS);
        let work = move || answer_all(reader, &asked);
        let thread = std::thread::Builder::new().name("feed-reader".to_owned()).spawn(work)?;
        Ok(Self { questions: Some(questions), thread: Some(thread) })
    }

    fn ask(&self, question: Question) -> Result<(), NoPage> {
        let questions = self.questions.as_ref().ok_or(NoPage::Closing)?;
        questions.try_send(question).map_err(|refused| match refused {
            TrySendError::Full(_) => NoPage::Crowded,
            TrySendError::Disconnected(_) => NoPage::Closing,
        })
    }
}

impl Drop for ReaderThread {
    fn drop(&mut self) {
        drop(self.questions.take());
        if let Some(thread) = self.thread.take() {
            let _ended = thread.join();
        }
    }
}

fn answer_all(mut reader: Reader, asked: &Receiver<Question>) {
    for Question { stretch, form, reply } in asked {
        if reply.is_closed() {
            continue;
        }
        let started = Instant::now();
        let _gone = reply.send(page(&mut reader, stretch, form));
        let took = started.elapsed();
        if took >= SLOW_READ {
            tracing::warn!(took_ms = took.as_millis(), after = stretch.after, "a query of the feed was slow");
        }
    }
}

fn page(reader: &mut Reader, stretch: SeqRange, form: Form) -> Result<Vec<u8>, ReadError> {
    let there = usize::try_from(stretch.upto - stretch.after).unwrap_or(usize::MAX);
    let mut writer = Writer::new(form, there.min(stretch.most));
    reader.read(stretch, |_seq, line| writer.take(line))?;
    Ok(writer.end())
}

/// A page that is being written.
struct Writer {
    form: Form,
    body: Vec<u8>,
}

impl Writer {
    fn new(form: Form, entries: usize) -> Self {
        let mut body = Vec::with_capacity(LINE_BYTES * entries);
        match form {
            Form::Lines => {}
            Form::CloudEvents => body.push(b'['),
        }
        Self { form, body }
    }

    fn take(&mut self, line: &[u8]) {
        match self.form {
            Form::Lines => {
                self.body.extend_from_slice(line);
                self.body.push(b'\n');
            }
            Form::CloudEvents => {
                if self.body.len() > 1 {
                    self.body.push(b',');
                }
                CloudEvent::write(line, &mut self.body);
            }
        }
    }

    fn end(mut self) -> Vec<u8> {
        match self.form {
            Form::Lines => {}
            Form::CloudEvents => self.body.push(b']'),
        }
        self.body
    }
}
