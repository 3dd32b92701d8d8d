//! **Job:** records as the body of an answer: read and written on a thread of its own, as fast as they are taken.
//! **Owns:** how many downloads there may be at once, and how much of each is in memory.
//! **Never:** holds a statement open while its client is slow.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::Duration;
use std::{io, sync::Arc};

use doorbuster_actors::ledger::format;
use rusqlite::{Connection, OpenFlags};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use super::choice::Choice;
use super::csv::BYTE_ORDER_MARK;
use super::pages::{ExportError, Stretch};
use super::{Format, each_page};

/// Downloads at once: each reads the whole ledger, beside the sale.
const MAX_DOWNLOADS: usize = 2;

/// Pages of a download that wait for its client.
const PAGES_WAITING: usize = 2;

/// How long to wait where the file is locked for a moment.
const BUSY_TIMEOUT: Duration = Duration::from_secs(1);

/// The downloads of one data file.
#[derive(Debug)]
pub struct Downloads {
    path: PathBuf,
    places: Arc<Semaphore>,
}

/// Why there is no download.
#[derive(Debug, thiserror::Error)]
pub enum NoDownload {
    /// As many as there may be are on their way.
    #[error("{MAX_DOWNLOADS} downloads are on their way")]
    Crowded,
    /// The operating system has no thread left.
    #[error("cannot start a thread for a download: {0}")]
    Thread(#[from] io::Error),
}

/// Pieces of the file, or why it ends too early.
pub type Pieces = mpsc::Receiver<Result<Vec<u8>, ExportError>>;

impl Downloads {
    /// Of the data file at `path`.
    #[must_use]
    pub fn of(path: PathBuf) -> Self {
        Self { path, places: Arc::new(Semaphore::new(MAX_DOWNLOADS)) }
    }

    /// Starts one. It ends when the pieces are dropped.
    ///
    /// # Errors
    /// There are too many, or no thread.
    pub fn start(&self, choice: Choice, format: Format, has_mark: bool, upto: u64) -> Result<Pieces, NoDownload> {
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_full| NoDownload::Crowded)?;
        let (sender, pieces) = mpsc::channel(PAGES_WAITING);
        let writer = Writer { path: self.path.clone(), choice, format, has_mark, upto, sender, _place: place };
        std::thread::Builder::new().name("download".to_owned()).spawn(move || writer.run())?;
        Ok(pieces)
    }
}

struct Writer {
    path: PathBuf,
    choice: Choice,
    format: Format,
    has_mark: bool,
    upto: u64,
    sender: mpsc::Sender<Result<Vec<u8>, ExportError>>,
    _place: OwnedSemaphorePermit,
}

impl Writer {
    fn run(self) {
        if let Err(error) = self.write() {
            tracing::error!(%error, "a download ended too early");
            // Who is gone need not hear it.
            let _gone = self.sender.blocking_send(Err(error));
        }
    }

    fn write(&self) -> Result<(), ExportError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&self.path, flags)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        let stretch = Stretch { connection: &connection, version: format::known_version(), upto: self.upto };
        let subject = &self.choice.subject;
        let mut first = if self.has_mark { BYTE_ORDER_MARK.to_vec() } else { Vec::new() };
        self.format.begin(subject, &mut first);
        if self.send(first).is_break() {
            return Ok(());
        }
        each_page(&stretch, &self.choice, &mut |page| {
            let mut piece = Vec::new();
            for record in &page {
                self.format.write(subject, record, &mut piece);
            }
            self.send(piece)
        })
    }

    /// Waits until there is room; ends if nobody is there any more.
    fn send(&self, piece: Vec<u8>) -> ControlFlow<()> {
        if piece.is_empty() {
            return if self.sender.is_closed() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) };
        }
        self.sender.blocking_send(Ok(piece)).map_or(ControlFlow::Break(()), |()| ControlFlow::Continue(()))
    }
}
