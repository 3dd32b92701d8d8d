//! **Job:** counts wrong tokens on the operations listener, answers them ever later, and logs that they come.
//! **Owns:** how long a wrong token waits, and how many may wait at once.
//! **Never:** slows the right token, or a request that brings none: nobody guesses without guessing.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::ConnectionType;
use actix_web::http::header::{AUTHORIZATION, CONNECTION, HeaderValue, WWW_AUTHENTICATE};
use actix_web::middleware::Next;
use parking_lot::Mutex;

use crate::http::trusted_proxies::TrustedProxies;

/// How long the first wrong token waits for its answer; each further one twice as long. Nobody notices a mistake.
const FIRST_WAIT: Duration = Duration::from_millis(50);

/// Longest wait: well below the five seconds within which every request is answered.
const LONGEST_WAIT: Duration = Duration::from_millis(1_600);

/// Doublings from the first wait to the longest.
const DOUBLINGS: u32 = 5;

const _: () = assert!(FIRST_WAIT.as_millis() << DOUBLINGS == LONGEST_WAIT.as_millis());

/// After so long without a wrong token the wait is half as long.
const FORGIVEN_AFTER: Duration = Duration::from_secs(10);

/// Wrong tokens that may wait for their answer at once. Past it they are answered at once and their connection is
/// closed: a crowd of guesses must not hold connections that the operator needs.
pub const MAX_WAITING: usize = 32;

/// Time between two lines in the log about wrong tokens.
const TELL_EVERY: Duration = Duration::from_mins(1);

/// The wrong tokens so far, of all workers.
#[derive(Debug, Default)]
pub struct AuthFailures {
    total: AtomicU64,
    waiting: AtomicUsize,
    pace: Mutex<Pace>,
    /// Those since the last line in the log.
    untold: AtomicU64,
    is_being_told: AtomicBool,
}

/// How long the next wrong token waits.
#[derive(Debug, Default)]
struct Pace {
    doublings: u32,
    last: Option<Instant>,
}

impl Pace {
    fn wait(&mut self, now: Instant) -> Duration {
        if let Some(last) = self.last.replace(now) {
            let quiet = now.saturating_duration_since(last).as_millis() / FORGIVEN_AFTER.as_millis();
            let forgiven = u32::try_from(quiet).unwrap_or(u32::MAX);
            self.doublings = (self.doublings + 1).saturating_sub(forgiven).min(DOUBLINGS);
        }
        FIRST_WAIT * (1 << self.doublings)
    }
}

/// A wrong token that waits for its answer.
struct Waiting<'f>(&'f AuthFailures);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Lets the request through. If its token turns out to be wrong, the answer comes later.
pub async fn slow<B: MessageBody + 'static>(
    (failures, proxies): (Arc<AuthFailures>, TrustedProxies),
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, actix_web::Error> {
    let guesses = request.headers().contains_key(AUTHORIZATION);
    let client = if guesses { proxies.client(request.peer_addr(), request.headers()) } else { None };
    let mut response = next.call(request).await?;
    // An answer that asks for a token, although there was one.
    if guesses && response.headers().contains_key(WWW_AUTHENTICATE) {
        let wait = failures.count(client, Instant::now());
        match failures.enter() {
            Some(_waiting) => tokio::time::sleep(wait).await,
            None => {
                response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
                response.response_mut().head_mut().set_connection_type(ConnectionType::Close);
            }
        }
    }
    Ok(response)
}

impl AuthFailures {
    /// Wrong tokens since the start.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.total.load(Ordering::Relaxed)
    }

    fn count(self: &Arc<Self>, client: Option<IpAddr>, now: Instant) -> Duration {
        self.total.fetch_add(1, Ordering::Relaxed);
        self.untold.fetch_add(1, Ordering::Relaxed);
        if !self.is_being_told.swap(true, Ordering::Relaxed) {
            self.tell(client);
            actix_web::rt::spawn(Arc::clone(self).tell_the_rest(client));
        }
        self.pace.lock().wait(now)
    }

    fn enter(&self) -> Option<Waiting<'_>> {
        // Counted before it is looked at, so that the guard gives back what was taken in either case.
        let waiting = self.waiting.fetch_add(1, Ordering::Relaxed);
        let guard = Waiting(self);
        (waiting < MAX_WAITING).then_some(guard)
    }

    /// A line a minute while there are more, however many.
    async fn tell_the_rest(self: Arc<Self>, client: Option<IpAddr>) {
        loop {
            tokio::time::sleep(TELL_EVERY).await;
            if self.untold.load(Ordering::Relaxed) == 0 {
                self.is_being_told.store(false, Ordering::Relaxed);
                return;
            }
            self.tell(client);
        }
    }

    fn tell(&self, client: Option<IpAddr>) {
        let failures = self.untold.swap(0, Ordering::Relaxed);
        let first_from = client.map(|client| client.to_string()).unwrap_or_default();
        tracing::warn!(failures, first_from, "wrong tokens on the operations listener: somebody may be guessing");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_wrong_token_waits_twice_as_long_up_to_a_bound_and_is_forgiven_in_time() {
        let (mut pace, start) = (Pace::default(), Instant::now());
        let waits: Vec<_> = (0..8).map(|_| pace.wait(start).as_millis()).collect();
        assert_eq!(waits, [50, 100, 200, 400, 800, 1_600, 1_600, 1_600]);
        assert_eq!(pace.wait(start + FORGIVEN_AFTER * 3), FIRST_WAIT * 8);
        assert_eq!(pace.wait(start + FORGIVEN_AFTER * 3_000), FIRST_WAIT);
    }

    #[test]
    fn no_more_wait_than_may_and_each_leaves_its_place() {
        let failures = AuthFailures::default();
        let waiting: Vec<_> = (0..MAX_WAITING).filter_map(|_| failures.enter()).collect();
        assert_eq!(waiting.len(), MAX_WAITING);
        assert!((0..100).all(|_| failures.enter().is_none()));
        drop(waiting);
        assert!(failures.enter().is_some());
    }
}
