//! **Job:** serves who is connected when the server is to end, lets them go, and waits for what has to be closed.
//! **Owns:** the limits of patience.
//! **Never:** waits for a client after the second signal, or for ever for a disk that does not answer.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::listener::Listener;
use crate::http::response_counters::ResponseCounters;
use crate::signals::Signals;

/// How long the requests in flight may take. An answer takes at most five seconds.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long the ledger may take to be written and closed: far longer than a disk needs that answers at all. With the
/// patience for requests, an end takes less than the half minute that service managers grant.
pub(super) const CLOSE_PATIENCE: Duration = Duration::from_secs(10);

/// The same of what is less than the ledger: a reader, a file beside it.
const PART_PATIENCE: Duration = Duration::from_secs(2);

/// How often to look who is connected, and what is asked.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Looks in a row that must find nobody connected: a connection that was let in may not have been seen yet.
const EMPTY_LOOKS: u32 = 5;

/// Looks in a row, a quarter of a second, in which nothing may be asked before idle connections are let go. A proxy
/// that has requests for us takes its idle connections for them first, and each of those ends with its answer.
const QUIET_LOOKS: u32 = 12;

/// How long those who were let go may take to go.
const LEAVE_PATIENCE: Duration = Duration::from_secs(1);

/// Lets nobody in, serves who is connected, and lets everybody go: each with the answer to what they ask, and when
/// nobody asks any more, all others. Ends at the limit of patience, or with a second signal.
pub(super) async fn drain(listener: &Listener, workers: &[Arc<ResponseCounters>], signals: &mut Signals) {
    let draining = async {
        listener.pause().await;
        until_quiet(listener, workers).await;
        listener.end_idle();
        let begun = Instant::now();
        while listener.open_connections() > 0 && begun.elapsed() < LEAVE_PATIENCE {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    tokio::select! {
        () = draining => {}
        () = signals.close() => tracing::warn!("a second signal: not waiting for clients"),
    }
}

/// Until nobody is connected, or nobody has asked anything for a while.
async fn until_quiet(listener: &Listener, workers: &[Arc<ResponseCounters>]) {
    let in_flight = || workers.iter().map(|worker| worker.in_flight()).sum::<usize>();
    let answered = || workers.iter().map(|worker| worker.answered()).sum::<u64>();
    let (begun, mut seen) = (Instant::now(), answered());
    let (mut empty, mut quiet) = (0, 0);
    while empty < EMPTY_LOOKS && quiet < QUIET_LOOKS && begun.elapsed() < PATIENCE {
        tokio::time::sleep(LOOK_EVERY).await;
        let now = answered();
        quiet = if in_flight() == 0 && now == seen { quiet + 1 } else { 0 };
        empty = if listener.open_connections() == 0 { empty + 1 } else { 0 };
        seen = now;
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
