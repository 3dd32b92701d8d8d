//! **Job:** a thread that reads the data file for those who ask.
//! **Owns:** how many questions may wait, and how long an answer may take.
//! **Never:** lets who asks wait on a disk: they await, and are told if it takes too long.

use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam::channel::{Receiver, Sender, TrySendError, bounded};
use tokio::sync::oneshot;

use super::reader::ReadError;

/// Questions that may wait. There are a few askers; more are one that forgets its connections.
pub(super) const MAX_QUESTIONS: usize = 64;

/// A query that takes as long is worth a warning: a full page takes a twentieth of it.
const SLOW_READ: Duration = Duration::from_millis(250);

/// How long an answer may take, questions in front of it included: just under the five seconds within which every
/// request is answered.
const READ_WITHIN: Duration = Duration::from_millis(4_500);

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum NoAnswer {
    /// Too many questions are inside.
    #[error("{MAX_QUESTIONS} questions are inside")]
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

type Question<R> = Box<dyn FnOnce(&mut R) + Send>;

/// The thread; ends when this is dropped.
#[derive(Debug)]
pub(super) struct ReaderThread<R> {
    questions: Option<Sender<Question<R>>>,
    thread: Option<JoinHandle<()>>,
}

impl<R: Send + 'static> ReaderThread<R> {
    /// A thread of that name, which reads with `reader`.
    pub(super) fn open(name: &'static str, reader: R) -> std::io::Result<Self> {
        let (questions, asked) = bounded(MAX_QUESTIONS);
        let work = move || answer_all(name, reader, &asked);
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(work)?;
        Ok(Self { questions: Some(questions), thread: Some(thread) })
    }

    /// Asks a question; its answer is to be awaited where the thread itself is not held any more.
    pub(super) fn ask<T: Send + 'static>(
        &self,
        read: impl FnOnce(&mut R) -> Result<T, ReadError> + Send + 'static,
    ) -> Result<Answer<T>, NoAnswer> {
        let (reply, answer) = oneshot::channel();
        let question = move |reader: &mut R| {
            if !reply.is_closed() {
                let _gone = reply.send(read(reader));
            }
        };
        let questions = self.questions.as_ref().ok_or(NoAnswer::Closing)?;
        questions.try_send(Box::new(question)).map_err(|refused| match refused {
            TrySendError::Full(_) => NoAnswer::Crowded,
            TrySendError::Disconnected(_) => NoAnswer::Closing,
        })?;
        Ok(Answer(answer))
    }
}

/// What the thread will say.
pub(super) struct Answer<T>(oneshot::Receiver<Result<T, ReadError>>);

impl<T> Answer<T> {
    /// It, if it comes in time.
    pub(super) async fn received(self) -> Result<T, NoAnswer> {
        // No answer: the thread was told to end, and did.
        let answer = tokio::time::timeout(READ_WITHIN, self.0).await.map_err(|_late| NoAnswer::Stalled)?;
        Ok(answer.map_err(|_gone| NoAnswer::Closing)??)
    }
}

impl<R> Drop for ReaderThread<R> {
    fn drop(&mut self) {
        drop(self.questions.take());
        if let Some(thread) = self.thread.take() {
            let _ended = thread.join();
        }
    }
}

fn answer_all<R>(name: &'static str, mut reader: R, asked: &Receiver<Question<R>>) {
    for question in asked {
        let started = Instant::now();
        question(&mut reader);
        let took = started.elapsed();
        if took >= SLOW_READ {
            tracing::warn!(took_ms = took.as_millis(), thread = name, "a query of the data file was slow");
        }
    }
}
