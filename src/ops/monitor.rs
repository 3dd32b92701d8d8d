//! **Job:** keeps the verdict up to date, whether anybody looks or not.
//! **Owns:** the readings of the last seconds, and which items did not add up at their last audit.
//! **Never:** judges: `verdict` does; or says a moment too late that nothing can be sold.

use std::collections::BTreeSet;
use std::sync::Arc;

use doorbuster_actors::ids::ItemId;
use doorbuster_actors::sale::PublishedItem;
use parking_lot::Mutex;

use super::telemetry::Telemetry;
use super::telemetry::busiest::Busiest;
use super::verdict::history::{History, RECENT_S, WINDOW_S};
use super::verdict::reading::{Evidence, Reading, Switches};
use super::verdict::{Verdict, judge};

/// The newest verdict, for everybody who shows it.
pub struct Monitor {
    telemetry: Arc<Telemetry>,
    busiest: Mutex<Busiest>,
    memory: Mutex<Memory>,
}

/// What was seen, and what follows from it.
struct Memory {
    history: History,
    unbalanced: BTreeSet<ItemId>,
    /// The verdict, and the switches that it was made with.
    judged: (Switches, Verdict),
}

impl Monitor {
    /// Of a server that has just started.
    #[must_use]
    pub fn of(telemetry: Arc<Telemetry>) -> Self {
        let switches = telemetry.switches();
        let mut busiest = Busiest::default();
        let memory = Memory::new(switches, telemetry.reading(&mut busiest));
        Self { telemetry, busiest: Mutex::new(busiest), memory: Mutex::new(memory) }
    }

    /// Takes a reading. To be called once a second.
    pub(super) fn look(&self) {
        let reading = self.telemetry.reading(&mut self.busiest.lock());
        let switches = self.telemetry.switches();
        self.memory.lock().add(switches, reading);
    }

    /// The items that had most to do at the last reading.
    pub(super) fn busiest(&self) -> Vec<Arc<PublishedItem>> {
        self.busiest.lock().published_items().to_vec()
    }

    /// How the sale is: from the last reading, except for what stops it from one moment to the next.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        self.memory.lock().verdict(self.telemetry.switches())
    }

    /// An item was audited. One that does not add up is remembered until an audit finds that it does.
    pub(super) fn audited(&self, item_id: &ItemId, holds: bool) {
        self.memory.lock().audited(item_id, holds);
    }
}

impl Memory {
    fn new(switches: Switches, reading: Reading) -> Self {
        let unbalanced = BTreeSet::new();
        let none = Evidence { switches, now: &reading, recent: None, earlier: None, unbalanced: &unbalanced };
        let judged = (switches, judge(&none));
        let mut history = History::default();
        history.add(reading);
        Self { history, unbalanced, judged }
    }

    fn add(&mut self, switches: Switches, reading: Reading) {
        self.history.add(reading);
        self.judge(switches);
    }

    fn audited(&mut self, item_id: &ItemId, holds: bool) {
        let is_news = if holds { self.unbalanced.remove(item_id) } else { self.unbalanced.insert(item_id.clone()) };
        if is_news {
            self.judge(self.judged.0);
        }
    }

    fn verdict(&mut self, switches: Switches) -> Verdict {
        if self.judged.0 != switches {
            self.judge(switches);
        }
        self.judged.1.clone()
    }

    fn judge(&mut self, switches: Switches) {
        let Self { history, unbalanced, .. } = self;
        if let Some(now) = history.latest() {
            let (recent, earlier) = (history.ago(RECENT_S), history.ago(WINDOW_S));
            self.judged = (switches, judge(&Evidence { switches, now, recent, earlier, unbalanced }));
        }
    }
}

#[cfg(test)]
mod tests {
    use doorbuster_actors::sale::StorageState;

    use super::*;
    use crate::ops::verdict::{Level, ReasonCode};

    const OPEN: Switches = Switches { storage: StorageState::Open, is_closing: false, is_complete: true };

    fn reading(uptime_s: f64) -> Reading {
        Reading { uptime_s, max_in_flight: 10, ..Reading::default() }
    }

    #[test]
    fn what_stops_the_sale_is_said_at_once_and_not_with_the_next_reading() {
        let mut memory = Memory::new(OPEN, reading(0.0));
        assert_eq!(memory.verdict(OPEN).level, Level::Healthy);
        let closing = Switches { is_closing: true, ..OPEN };
        assert!(memory.verdict(closing).has(ReasonCode::Closing));
        let moved = Switches { storage: StorageState::Moved, ..OPEN };
        assert!(memory.verdict(moved).has(ReasonCode::StorageMoved));
        assert_eq!(memory.verdict(OPEN).level, Level::Healthy, "and at once when it is over");
    }

    #[test]
    fn an_item_that_does_not_add_up_stops_the_sale_until_an_audit_finds_that_it_does() {
        let mut memory = Memory::new(OPEN, reading(0.0));
        let (lamp, tea): (ItemId, ItemId) = ("lamp".parse().unwrap(), "tea".parse().unwrap());
        memory.audited(&lamp, false);
        memory.audited(&tea, true);
        memory.add(OPEN, reading(1.0));
        let verdict = memory.verdict(OPEN);
        assert_eq!(verdict.headline, "Stopped: the balance of lamp does not add up");
        memory.audited(&tea, true);
        assert_eq!(memory.verdict(OPEN), verdict, "another item's audit says nothing about it");
        memory.audited(&lamp, true);
        assert_eq!(memory.verdict(OPEN).level, Level::Healthy);
    }

    #[test]
    fn growth_is_seen_over_the_window_and_forgotten_after_it() {
        let mut memory = Memory::new(OPEN, reading(0.0));
        let mut level_at = |second: u32, wrong_tokens| {
            memory.add(OPEN, Reading { wrong_tokens, ..reading(f64::from(second)) });
            memory.verdict(OPEN).level
        };
        assert_eq!(level_at(1, 3), Level::Degraded);
        assert!((2..10).all(|second| level_at(second, 3) == Level::Degraded));
        assert!((12..20).all(|second| level_at(second, 3) == Level::Healthy));
    }
}
