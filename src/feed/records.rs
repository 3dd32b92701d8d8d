//! **Job:** looks up what is on record about payments and about what operators did.
//! **Owns:** the thread that reads for all who ask; each question sees one state of the file, with all that was
//! committed before it was asked.
//! **Never:** holds a view of the file between two questions.

mod journal;
mod payments;

use std::path::Path;

use rusqlite::Connection;

pub use journal::{JournalFilter, JournalRow};
pub use payments::{Debt, PaymentFilter, PaymentRow, PaymentStatus, PaymentsPage};

use super::reader::connect;
use super::reader_thread::{NoAnswer, ReaderThread};
use super::{Feed, FeedError, ReadError};

/// The thread that looks things up.
pub(super) type Records = ReaderThread<Connection>;

/// A thread for the data file at `path`.
pub(super) fn open(path: &Path) -> Result<Records, FeedError> {
    Ok(ReaderThread::open("records", connect(path)?)?)
}

impl Feed {
    /// A page of payments, and what has to go back in all.
    pub async fn payments(&self, filter: PaymentFilter, after: i64, limit: usize) -> Result<PaymentsPage, NoAnswer> {
        self.look_up(move |connection| payments::page(connection, &filter, (after, limit))).await
    }

    /// The payment that the entry of this number is about.
    pub async fn payment(&self, seq: i64) -> Result<Option<PaymentRow>, NoAnswer> {
        self.look_up(move |connection| payments::one(connection, seq)).await
    }

    /// A page of what was done to the sale, the oldest first.
    pub async fn journal(&self, filter: JournalFilter) -> Result<Vec<JournalRow>, NoAnswer> {
        self.look_up(move |connection| journal::page(connection, &filter)).await
    }

    async fn look_up<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, ReadError> + Send + 'static,
    ) -> Result<T, NoAnswer> {
        let in_one_view = move |connection: &mut Connection| {
            // Ends with the question: nothing was written.
            let view = connection.transaction()?;
            read(&view)
        };
        let answer = self.records.lock().as_ref().ok_or(NoAnswer::Closing)?.ask(in_one_view)?;
        answer.received().await
    }
}
