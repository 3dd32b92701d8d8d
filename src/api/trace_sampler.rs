//! **Job:** chooses the purchases that are traced.
//! **Owns:** how many a second, so that tracing shows every purchase of a quiet server and does not slow a busy one.
//! **Never:** costs more than a look at a flag while purchases are not traced.

use std::cell::Cell;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use doorbuster_actors::sale::{TARGET, Trace};
use tracing::field::Empty;
use tracing::{Level, debug_span, enabled};

use crate::gate::Attempt;
use crate::http::request_context;

/// Purchases that a worker traces in a second: a screen full.
const MAX_PER_SECOND: u32 = 20;

const SECOND: Duration = Duration::from_secs(1);

/// The sampler of one worker.
#[derive(Debug, Default)]
pub struct Sampler {
    /// The second that has begun, and how many purchases were traced in it.
    second: Cell<Option<(Instant, u32)>>,
}

impl Sampler {
    /// The spans of this attempt, if it is one of those that are traced: `RUST_LOG=doorbuster::purchase=debug`.
    #[must_use]
    pub fn trace(&self, attempt: Attempt<'_>, client: impl FnOnce() -> Option<IpAddr>) -> Option<Box<Trace>> {
        if !enabled!(target: TARGET, Level::DEBUG) || !self.is_one_of_them(Instant::now()) {
            return None;
        }
        let definition = attempt.published.definition();
        let (item, user, quantity) = (&definition.id, attempt.user, attempt.quantity);
        let client = client().map(tracing::field::display);
        // What becomes of it is written into the span when the request has its answer.
        let span = |request_id: Option<&str>, trace_id: Option<&str>| {
            debug_span!(target: TARGET, "purchase", %item, %user, quantity, client, request_id, trace_id,
                order_id = Empty, outcome = Empty)
        };
        let of_request = request_context::current(|context| {
            let span = span(Some(context.id()), context.trace_id());
            context.traced(&span);
            span
        });
        Some(Trace::begin(of_request.unwrap_or_else(|| span(None, None))))
    }

    fn is_one_of_them(&self, now: Instant) -> bool {
        let (began, traced) =
            self.second.get().filter(|(began, _)| now.duration_since(*began) < SECOND).unwrap_or((now, 0));
        self.second.set(Some((began, traced.saturating_add(1))));
        traced < MAX_PER_SECOND
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_purchases_a_second_are_traced_and_no_more() {
        let (sampler, start) = (Sampler::default(), Instant::now());
        let traced = |now| (0..1000).filter(|_| sampler.is_one_of_them(now)).count();
        assert_eq!(traced(start), 20);
        assert_eq!(traced(start + SECOND / 2), 0);
        assert_eq!(traced(start + SECOND), 20);
    }
}
