//! **Job:** bounds how many lines one place in the code can write, and counts what it left out.
//! **Owns:** the rate, which is the same for every place: nobody has to remember to bound a new line.
//! **Never:** leaves out what somebody asked for with `RUST_LOG`: only lines at the levels that are on by default are
//! bounded.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tracing::callsite::Identifier;
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

/// Lines of one place within [`WINDOW`]. What happens more often says nothing new in each line.
const MAX_LINES: u32 = 10;

/// The time for which lines are counted.
const WINDOW: Duration = Duration::from_mins(1);

/// Time between two reports of what was left out.
pub(super) const TELL_EVERY: Duration = Duration::from_secs(10);

/// What the reports themselves are from, which are bounded by their own pace.
const TARGET: &str = "doorbuster::logs";

/// The places that have written a line: as many as there are in the code.
#[derive(Debug, Clone, Default)]
pub(super) struct Limit(Arc<Mutex<HashMap<Identifier, CallSite>>>);

#[derive(Debug)]
struct CallSite {
    what: &'static Metadata<'static>,
    since: Instant,
    written: u32,
    left_out: u64,
}

impl CallSite {
    fn new(what: &'static Metadata<'static>, now: Instant) -> Self {
        Self { what, since: now, written: 0, left_out: 0 }
    }

    fn admits(&mut self, now: Instant) -> bool {
        if now.saturating_duration_since(self.since) >= WINDOW {
            (self.since, self.written) = (now, 0);
        }
        let fits = self.written < MAX_LINES;
        if fits {
            self.written += 1;
        } else {
            self.left_out += 1;
        }
        fits
    }
}

impl Limit {
    fn admits(&self, what: &'static Metadata<'static>, now: Instant) -> bool {
        if *what.level() > Level::INFO || what.target() == TARGET {
            return true;
        }
        match self.0.lock().entry(what.callsite()) {
            Entry::Occupied(mut place) => place.get_mut().admits(now),
            Entry::Vacant(place) => place.insert(CallSite::new(what, now)).admits(now),
        }
    }

    /// Says how many lines of each place were left out since the last time.
    pub(super) fn tell(&self) {
        // Counted first and written then: a line that is written comes back here.
        let left_out =
            |place: &mut CallSite| (place.left_out > 0).then(|| (place.what, std::mem::take(&mut place.left_out)));
        let told: Vec<_> = self.0.lock().values_mut().filter_map(left_out).collect();
        for (what, lines) in told {
            let (target, line) = (what.target(), what.line());
            tracing::warn!(target: TARGET, lines, of = target, line, "lines of one place were left out: 10 a minute");
        }
    }
}

impl<S: Subscriber> Layer<S> for Limit {
    fn event_enabled(&self, event: &Event<'_>, _context: Context<'_, S>) -> bool {
        self.admits(event.metadata(), Instant::now())
    }
}

#[cfg(test)]
mod tests {
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    /// Keeps what the last line was about.
    #[derive(Clone, Default)]
    struct Last(Arc<Mutex<Option<&'static Metadata<'static>>>>);

    impl<S: Subscriber> Layer<S> for Last {
        fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
            *self.0.lock() = Some(event.metadata());
        }
    }

    /// A place of this level.
    fn place(log: impl FnOnce()) -> &'static Metadata<'static> {
        let last = Last::default();
        tracing::subscriber::with_default(tracing_subscriber::registry().with(last.clone()), log);
        let seen = last.0.lock().take();
        seen.expect("a line was written")
    }

    #[test]
    fn a_place_writes_ten_lines_a_minute_and_counts_the_rest() {
        let (limit, start) = (Limit::default(), Instant::now());
        let what = place(|| tracing::warn!("something"));
        let written = |at: Instant| (0..1_000).filter(|_| limit.admits(what, at)).count();
        assert_eq!(written(start), 10);
        assert_eq!(written(start + WINDOW / 2), 0);
        assert_eq!(written(start + WINDOW), 10);
        let left_out: u64 = limit.0.lock().values().map(|place| place.left_out).sum();
        assert_eq!(left_out, 990 + 1_000 + 990);
        limit.tell();
        assert!(limit.0.lock().values().all(|place| place.left_out == 0), "told once");
    }

    #[test]
    fn another_place_and_what_somebody_asked_for_are_not_left_out() {
        let (limit, start) = (Limit::default(), Instant::now());
        let (noisy, other) = (place(|| tracing::error!("noise")), place(|| tracing::error!("news")));
        assert_eq!((0..1_000).filter(|_| limit.admits(noisy, start)).count(), 10);
        assert!(limit.admits(other, start));
        let asked = place(|| tracing::debug!("detail"));
        assert!((0..1_000).all(|_| limit.admits(asked, start)));
    }
}
