//! **Job:** the logs' way out: standard error, as text or as JSON lines, at most so many a minute from one place.
//! **Owns:** the default filter, and the bound on what anybody can make us write.
//! **Never:** holds up a sale: what does not fit into the queue is dropped.

mod limit;

use std::io::IsTerminal as _;
use std::thread::JoinHandle;

use crossbeam::channel::{RecvTimeoutError, Sender, bounded};
use tracing_appender::non_blocking::WorkerGuard;
use tracing_subscriber::fmt::format::FmtSpan;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _};

use crate::background::within_a_moment;
use limit::{Limit, TELL_EVERY};

/// What is logged if `RUST_LOG` does not say.
const DEFAULT_FILTER: &str = "info,actix_server=warn,rusqlite_migration=warn";

/// How a line is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// The logs of this process; when it is dropped, what is still in the queue is written, if somebody takes it.
pub struct Logs {
    keeper: Option<Keeper>,
    queue: Option<WorkerGuard>,
}

impl Drop for Logs {
    fn drop(&mut self) {
        // In this order: the last count of what was left out must reach the queue before it is emptied.
        drop(self.keeper.take());
        // Where nobody takes anything, the library waits for ever to say so on standard output.
        let queue = self.queue.take();
        within_a_moment(move || drop(queue));
    }
}

/// Why there are no logs.
#[derive(Debug, thiserror::Error)]
pub enum LogsError {
    /// `RUST_LOG` is no filter: who asked for lines must not wait for them in vain.
    #[error("RUST_LOG: {0}: give levels, like info or info,doorbuster::purchase=debug")]
    Filter(String),
    /// There is no thread for them.
    #[error("the logs cannot be started: {0}")]
    Thread(#[from] std::io::Error),
}

/// Whatever the filter says: the HTTP client tells whole URLs below that, with what stands behind their `?`.
const QUIET: [&str; 2] = ["ureq=info", "ureq_proto=info"];

/// Starts the logs of what `filter` lets through; without a format, text on a terminal and JSON otherwise.
///
/// # Errors
/// A filter that is none, or no thread for them.
pub fn start(format: Option<Format>, filter: Option<&str>) -> Result<Logs, LogsError> {
    let filter = EnvFilter::try_new(filter.unwrap_or(DEFAULT_FILTER));
    let filter = filter.map_err(|error| LogsError::Filter(error.to_string()))?;
    let filter = QUIET.into_iter().fold(filter, |filter, directive| {
        filter.add_directive(directive.parse().expect("a crate and a level are a directive"))
    });
    let (writer, queue) = tracing_appender::non_blocking(std::io::stderr());
    let is_terminal = std::io::stderr().is_terminal();
    // A span that ends says how long it took; there are none unless purchases are traced.
    let lines = tracing_subscriber::fmt::layer().with_writer(writer).with_span_events(FmtSpan::CLOSE);
    let lines = match format.unwrap_or(if is_terminal { Format::Text } else { Format::Json }) {
        Format::Text => lines.with_ansi(is_terminal).boxed(),
        Format::Json => lines.json().boxed(),
    };
    let limit = Limit::default();
    tracing_subscriber::registry().with(lines).with(limit.clone()).with(filter).init();
    Ok(Logs { keeper: Some(Keeper::start(limit)?), queue: Some(queue) })
}

/// Tells now and then how many lines were left out; ends when this is dropped.
struct Keeper {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Keeper {
    fn start(limit: Limit) -> std::io::Result<Self> {
        let (stop, stopped) = bounded::<()>(0);
        let work = move || {
            while stopped.recv_timeout(TELL_EVERY) == Err(RecvTimeoutError::Timeout) {
                limit.tell();
            }
            limit.tell();
        };
        let thread = std::thread::Builder::new().name("log-keeper".to_owned()).spawn(work)?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ended = thread.join();
        }
    }
}
