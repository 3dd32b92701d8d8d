//! **Job:** waits for the requests in flight when the server is to end, and for what has to be closed.
//! **Owns:** the limits of patience.
//! **Never:** waits for a client after the second signal, or for ever for a disk that does not answer.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use crate::http::response_counters::ResponseCounters;
use crate::signals::Signals;

/// How long the requests in flight may take. An answer takes at most five seconds.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long the ledger may take to be written and closed: far longer than a disk needs that answers at all. With the
/// patience for requests, an end takes less than the half minute that service managers grant.
pub(super) const CLOSE_PATIENCE: Duration = Duration::from_secs(10);

/// The same of what is less than the ledger: a reader, a file beside it.
const PART_PATIENCE: Duration = Duration::from_secs(2);

/// How often to look whether any request is in flight.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Looks in a row that must find nobody: a client who has their answer may be sending the next request on the same
/// connection, and the last answer has to leave the socket.
const QUIET_LOOKS: u32 = 5;

/// Waits until no request is in flight, the limit is reached, or a second signal comes.
pub(super) async fn quiet(workers: &[Arc<ResponseCounters>], signals: &mut Signals) {
    let waiting = async {
        let started = Instant::now();
        let mut quiet_looks = 0;
        while quiet_looks < QUIET_LOOKS && started.elapsed() < PATIENCE {
            tokio::time::sleep(LOOK_EVERY).await;
            quiet_looks = if workers.iter().all(|worker| worker.in_flight() == 0) { quiet_looks + 1 } else { 0 };
        }
    };
    tokio::select! {
        () = waiting => {}
        () = signals.close() => tracing::warn!("a second signal: not waiting for clients"),
    }
}

/// Ends a part of the server, on a thread of its own: where its disk does not answer it is left to the end of the
/// process.
pub(super) async fn in_time(part: &'static str, end: impl FnOnce() + Send + 'static) {
    let (ends, ended) = oneshot::channel::<()>();
    let work = move || {
        end();
        drop(ends);
    };
    let started = std::thread::Builder::new().name("closing".to_owned()).spawn(work);
    if started.is_err() || tokio::time::timeout(PART_PATIENCE, ended).await.is_err() {
        tracing::warn!(part, "does not end: it is left to the end of the process");
    }
}
