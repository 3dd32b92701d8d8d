//! **Job:** a page of entries for whoever asks, at once or when there is something.
//! **Owns:** the limits of a pull.
//! **Never:** reads on the thread that asks: ten thousand entries take long enough to make a health check late.

use std::time::Duration;

use super::Feed;
use super::cloud_events::CloudEvent;
use super::reader::{ReadError, Reader, SeqRange};
use super::reader_thread::{MAX_QUESTIONS, NoAnswer};

/// Most entries of one page: about 2.5 MB of lines, which a consumer can still apply in one transaction.
pub const MAX_PAGE: usize = 10_000;

/// Longest wait for an entry: shorter than the patience of the proxies and clients on the way.
pub const MAX_WAIT: Duration = Duration::from_secs(30);

/// Pulls that may wait or be read at once.
pub const MAX_PULLS: usize = MAX_QUESTIONS;

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
    /// It could not be read.
    #[error(transparent)]
    Unread(#[from] NoAnswer),
}

impl Feed {
    /// Answers a pull: with what there is, or with the first entry that comes within its wait, or with nothing.
    pub async fn pull(&self, pull: Pull) -> Result<Page, NoPage> {
        let _place = self.places.try_acquire().map_err(|_full| NoAnswer::Crowded)?;
        let last_seq = self.last_seq();
        if pull.after > last_seq {
            return Err(NoPage::Beyond { after: pull.after, last_seq });
        }
        if *self.closing.borrow() {
            return Err(NoAnswer::Closing.into());
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
        let answer = {
            let thread = self.reader_thread.lock();
            thread.as_ref().ok_or(NoAnswer::Closing)?.ask(move |reader| page(reader, stretch, form))?
        };
        Ok(answer.received().await?)
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
