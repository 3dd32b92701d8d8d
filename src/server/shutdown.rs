//! **Job:** waits for the requests in flight when the server is to end.
//! **Owns:** the limit of patience.
//! **Never:** waits for a client after the second signal; always waits for a commit.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::http::response_counters::ResponseCounters;
use crate::signals::Signals;

/// How long the requests in flight may take. An answer takes at most five seconds.
const PATIENCE: Duration = Duration::from_secs(10);

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
