//! **Job:** counts answers and how long they took, by outcome.
//! **Owns:** one histogram an outcome, and what the audit will ask for.
//! **Never:** grows with the number of requests, but for the confirmed orders.

use std::borrow::Cow;
use std::time::Duration;

use hdrhistogram::Histogram;

/// Longest latency that is told apart, in microseconds: ten minutes.
const LONGEST_US: u64 = 600_000_000;

/// Significant digits of a latency: 0.1 per cent is finer than any run repeats.
const DIGITS: u8 = 3;

/// Most outcomes: the contract has about thirty. Whatever else a server invents is counted together.
const MAX_OUTCOMES: usize = 64;

/// A histogram of microseconds.
pub(super) fn microseconds() -> Histogram<u64> {
    Histogram::new_with_bounds(1, LONGEST_US, DIGITS).expect("1 to 600,000,000 with 3 digits is a range")
}

/// What became of purchases, in one word: `confirmed`, `replayed`, a problem code, or how the answer failed to come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Label {
    pub(super) name: Cow<'static, str>,
    /// 0: no answer.
    pub(super) status: u16,
}

/// One outcome.
pub(super) struct Outcome {
    pub(super) label: Label,
    /// With the warm-up.
    pub(super) total: u64,
    /// Without it.
    pub(super) latency_us: Histogram<u64>,
}

/// An order that was confirmed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sold {
    pub(super) order: Box<str>,
    pub(super) user: usize,
    pub(super) item: usize,
}

/// Everything that was counted.
pub(in crate::commands) struct Tally {
    pub(super) outcomes: Vec<Outcome>,
    /// From the intended start to the first byte on its way: what the generator itself, or a lack of connections, took.
    pub(super) late_us: Histogram<u64>,
    pub(super) sold: Vec<Sold>,
    /// Purchases that may have made an order nobody has heard of.
    pub(super) unknown: u64,
    pub(super) retries: u64,
    /// Requests besides the purchases.
    pub(super) follow_ups: u64,
    pub(super) reconnects: u64,
    /// Intended, but never sent.
    pub(super) unsent: u64,
    /// What a confirmed order said of its durability.
    pub(super) durability: Option<Box<str>>,
    /// CPU seconds of the threads that counted.
    pub(super) cpu_s: f64,
    /// When the last answer came, from the start of the run.
    pub(super) ended: Duration,
}

/// Whether a purchase belongs to the figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    WarmUp,
    Measured,
}

impl Tally {
    pub(super) fn new() -> Self {
        Self {
            outcomes: Vec::new(),
            late_us: microseconds(),
            sold: Vec::new(),
            unknown: 0,
            retries: 0,
            follow_ups: 0,
            reconnects: 0,
            unsent: 0,
            durability: None,
            cpu_s: 0.0,
            ended: Duration::ZERO,
        }
    }

    pub(super) fn count(&mut self, label: Label, latency: Duration, phase: Phase) {
        let outcome = self.outcome(label);
        outcome.total += 1;
        if phase == Phase::Measured {
            outcome.latency_us.saturating_record(in_us(latency));
        }
    }

    fn outcome(&mut self, label: Label) -> &mut Outcome {
        let known = self.outcomes.iter().position(|outcome| outcome.label == label);
        let at = known.unwrap_or(self.outcomes.len().min(MAX_OUTCOMES));
        if at == self.outcomes.len() {
            let other = Label { name: "other".into(), status: 0 };
            let label = if at < MAX_OUTCOMES { label } else { other };
            self.outcomes.push(Outcome { label, total: 0, latency_us: microseconds() });
        }
        &mut self.outcomes[at]
    }

    /// Adds what another thread has counted.
    pub(super) fn merge(&mut self, other: Self) {
        for theirs in other.outcomes {
            let ours = self.outcome(theirs.label);
            ours.total += theirs.total;
            ours.latency_us.add(theirs.latency_us).expect("all histograms have the same bounds");
        }
        self.late_us.add(other.late_us).expect("all histograms have the same bounds");
        self.sold.extend(other.sold);
        self.unknown += other.unknown;
        self.retries += other.retries;
        self.follow_ups += other.follow_ups;
        self.reconnects += other.reconnects;
        self.unsent += other.unsent;
        self.durability = self.durability.take().or(other.durability);
        self.cpu_s += other.cpu_s;
        self.ended = self.ended.max(other.ended);
    }

    /// Purchases with an outcome, with the warm-up.
    pub(super) fn total(&self) -> u64 {
        self.outcomes.iter().map(|outcome| outcome.total).sum()
    }
}

pub(super) fn in_us(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn label(name: &str, status: u16) -> Label {
        Label { name: name.to_owned().into(), status }
    }

    #[test]
    fn merged_tallies_are_what_one_would_have_counted() {
        let (mut one, mut other, mut all) = (Tally::new(), Tally::new(), Tally::new());
        for number in 1..=1_000_u64 {
            let name = if number % 3 == 0 { "sold-out" } else { "confirmed" };
            let part = if number % 2 == 0 { &mut one } else { &mut other };
            for tally in [part, &mut all] {
                tally.count(label(name, 201), Duration::from_micros(number * 10), Phase::Measured);
            }
        }
        one.count(label("timeout", 0), Duration::from_secs(1), Phase::WarmUp);
        one.merge(other);
        assert_eq!(one.total(), all.total() + 1);
        for outcome in &all.outcomes {
            let merged = one.outcomes.iter().find(|merged| merged.label == outcome.label).expect("merged");
            assert_eq!((merged.total, &merged.latency_us), (outcome.total, &outcome.latency_us));
        }
        let timeout = one.outcomes.iter().find(|outcome| outcome.label.name == "timeout").expect("counted");
        assert_eq!((timeout.total, timeout.latency_us.len()), (1, 0), "the warm-up is counted, not measured");
    }

    #[test]
    fn a_server_that_invents_codes_does_not_fill_the_memory() {
        let mut tally = Tally::new();
        for number in 0..1_000 {
            tally.count(label(&format!("code-{number}"), 400), Duration::from_micros(5), Phase::Measured);
        }
        assert_eq!((tally.outcomes.len(), tally.total()), (MAX_OUTCOMES + 1, 1_000));
    }
}
