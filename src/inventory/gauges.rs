//! **Job:** what the inventory tells about itself while it works.
//! **Owns:** the names of the metrics.
//! **Never:** holds anything up: the worker writes, the listener reads.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use parking_lot::Mutex;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::wire::Kind;

type Level = Gauge<u64, AtomicU64>;

/// Counters since the start, and levels as of now.
#[derive(Debug)]
pub(super) struct Gauges {
    registry: Registry,
    applied: Family<[(&'static str, &'static str); 1], Counter>,
    fetch_errors: Counter,
    dead_letters: Level,
    cursor: Level,
    /// Not a number until the feed has said how long it is.
    lag: Gauge<f64, AtomicU64>,
    connected: Level,
    /// The feed's last entry; 0 until it is known.
    last_seq: AtomicU64,
    refusal: Mutex<Option<String>>,
}

impl Gauges {
    /// All metrics, registered under their names.
    #[must_use]
    pub(super) fn new(cursor: u64, dead_letters: u64) -> Self {
        let mut gauges = Self {
            registry: Registry::with_prefix("doorbuster_inventory"),
            applied: Family::default(),
            fetch_errors: Counter::default(),
            dead_letters: Level::default(),
            cursor: Level::default(),
            lag: Gauge::default(),
            connected: Level::default(),
            last_seq: AtomicU64::new(0),
            refusal: Mutex::new(None),
        };
        gauges.register();
        gauges.dead_letters.set(dead_letters);
        gauges.cursor.set(cursor);
        gauges.lag.set(f64::NAN);
        gauges
    }

    fn register(&mut self) {
        let registry = &mut self.registry;
        registry.register("entries_applied", "Entries applied since the start, by kind", self.applied.clone());
        registry.register("fetch_errors", "Looks at the feed that failed since the start", self.fetch_errors.clone());
        registry.register("dead_letters", "Entries given up, in the data file", self.dead_letters.clone());
        registry.register("cursor", "Last entry that is done with", self.cursor.clone());
        registry.register("lag_entries", "Entries in the feed after the cursor", self.lag.clone());
        registry.register("feed_connected", "1 if the last look at the feed succeeded", self.connected.clone());
    }

    /// The feed answered; its last entry, if it said so.
    pub(super) fn heard(&self, last_seq: Option<u64>) {
        self.connected.set(1);
        *self.refusal.lock() = None;
        if let Some(last_seq) = last_seq {
            self.last_seq.store(last_seq, Relaxed);
        }
        self.measure_lag();
    }

    /// The feed did not answer. Returns whether it did the time before.
    pub(super) fn missed(&self) -> bool {
        self.fetch_errors.inc();
        self.connected.set(0) == 1
    }

    /// One transaction is durable.
    pub(super) fn applied(&self, cursor: u64, kinds: &[Kind], dead: u64) {
        for kind in kinds {
            self.applied.get_or_create(&[("kind", kind.as_str())]).inc();
        }
        self.dead_letters.inc_by(dead);
        self.cursor.set(cursor);
        self.measure_lag();
    }

    fn measure_lag(&self) {
        if let Some(lag) = self.lag(self.cursor.get()) {
            #[expect(clippy::cast_precision_loss, reason = "exact up to 2^53 entries")]
            self.lag.set(lag as f64);
        }
    }

    /// Entries in the feed after `cursor`, if the feed has said how long it is.
    #[must_use]
    pub(super) fn lag(&self, cursor: u64) -> Option<u64> {
        match self.last_seq.load(Relaxed) {
            0 if self.connected.get() == 0 => None,
            last_seq => Some(last_seq.saturating_sub(cursor)),
        }
    }

    /// How it is, in one line.
    #[must_use]
    pub(super) fn status(&self, address: SocketAddr) -> String {
        if let Some(reason) = self.refusal() {
            return format!("applies nothing: {reason}; on {address}");
        }
        let cursor = self.cursor.get();
        let feed = if self.connected.get() == 1 { "connected" } else { "not connected" };
        let lag = self.lag(cursor).map_or_else(|| "unknown".to_owned(), |lag| lag.to_string());
        format!("feed {feed}, cursor {cursor}, lag {lag}, dead letters {}; on {address}", self.dead_letters.get())
    }

    /// Nothing is applied any more, for that reason.
    pub(super) fn refuse(&self, reason: String) {
        *self.refusal.lock() = Some(reason);
    }

    /// Why nothing is applied any more, if so.
    #[must_use]
    pub(super) fn refusal(&self) -> Option<String> {
        self.refusal.lock().clone()
    }

    /// All metrics in the `OpenMetrics` text format, which Prometheus' older one is a part of.
    #[must_use]
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        encode(&mut text, &self.registry).expect("a string takes everything");
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_follow_what_was_applied() {
        let gauges = Gauges::new(4, 1);
        assert_eq!(gauges.lag(4), None);
        assert!(gauges.text().contains("doorbuster_inventory_lag_entries NaN"));
        gauges.heard(Some(10));
        gauges.applied(7, &[Kind::Placed, Kind::Placed], 1);
        assert_eq!(gauges.lag(7), Some(3));
        assert!(gauges.missed() && !gauges.missed());
        for line in [
            "doorbuster_inventory_entries_applied_total{kind=\"placed\"} 2",
            "doorbuster_inventory_fetch_errors_total 2",
            "doorbuster_inventory_dead_letters 2",
            "doorbuster_inventory_cursor 7",
            "doorbuster_inventory_lag_entries 3.0",
            "doorbuster_inventory_feed_connected 0",
        ] {
            assert!(gauges.text().lines().any(|found| found == line), "{line} in\n{}", gauges.text());
        }
    }
}
