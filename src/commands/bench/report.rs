//! **Job:** makes figures of what was counted, and writes them: one screen for people, JSON for programs.
//! **Owns:** the names and units of the figures.
//! **Never:** shows a rate without what was asked, or a latency without its outcome.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::audit::{Finding, Verdict};
use super::tally::Tally;
use super::workload::as_f64;

/// The result of a run.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Report {
    pub(super) version: String,
    /// What was asked for, by option.
    pub(super) asked: Value,
    pub(super) run: String,
    pub(super) server: Option<ServerFacts>,
    /// Seconds that the figures are about.
    pub(super) window_s: f64,
    /// Purchases with an outcome, with those of the warm-up.
    pub(super) requests: u64,
    pub(super) requests_per_s: f64,
    pub(super) asked_per_s: Option<f64>,
    /// Confirmed orders per second.
    pub(super) goodput_per_s: f64,
    /// Intended, but never sent.
    pub(super) unsent: u64,
    pub(super) retries: u64,
    /// Requests besides the purchases, in no other figure.
    #[serde(default)]
    pub(super) follow_ups: u64,
    pub(super) reconnects: u64,
    /// From the intended start to sending: part of each latency.
    pub(super) late_us: Percentiles,
    pub(super) outcomes: Vec<OutcomeLine>,
    pub(super) generator_cpu_us_per_request: f64,
    pub(super) server_cpu_us_per_request: Option<f64>,
    pub(super) server_cpu_us_per_order: Option<f64>,
    pub(in crate::commands) audit: Vec<Finding>,
    /// An earlier run to compare with.
    #[serde(skip)]
    pub(super) old: Option<Box<Report>>,
}

/// What is known of the other side.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct ServerFacts {
    pub(super) version: Option<String>,
    pub(super) durability: Option<String>,
    pub(super) workers: Option<usize>,
    /// Whether generator and server run on one machine.
    pub(super) shares_cores: bool,
}

/// Percentiles in microseconds.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Percentiles {
    pub(super) p50: u64,
    pub(super) p90: u64,
    pub(super) p99: u64,
    pub(super) p999: u64,
    pub(super) max: u64,
}

impl Percentiles {
    fn of(histogram: &Histogram<u64>) -> Self {
        let at = |quantile| histogram.value_at_quantile(quantile);
        Self { p50: at(0.5), p90: at(0.9), p99: at(0.99), p999: at(0.999), max: histogram.max() }
    }

    pub(super) fn columns(&self) -> String {
        [self.p50, self.p90, self.p99, self.p999, self.max].map(|us| format!("{:>9}", time(us))).concat()
    }
}

/// One outcome.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct OutcomeLine {
    pub(super) name: String,
    /// 0: there was no answer.
    pub(super) status: u16,
    /// With the warm-up.
    pub(super) total: u64,
    /// Without it, as everything below.
    pub(super) count: u64,
    pub(super) per_s: f64,
    pub(super) latency_us: Percentiles,
    /// The histogram: upper bound in microseconds and count of each bin that has any.
    pub(super) bins: Vec<(u64, u64)>,
}

/// What of a run is not in its tally.
pub(super) struct Circumstances {
    pub(super) asked: Value,
    pub(super) run: String,
    pub(super) server: Option<ServerFacts>,
    /// When the figures begin, from the start of the run.
    pub(super) from: Duration,
    pub(super) asked_per_s: Option<f64>,
    pub(super) server_cpu_s: Option<f64>,
}

impl Report {
    pub(super) fn of(tally: &Tally, circumstances: Circumstances) -> Self {
        let Circumstances { asked, run, server, from, asked_per_s, server_cpu_s } = circumstances;
        let window_s = tally.ended.saturating_sub(from).as_secs_f64().max(1e-6);
        let mut outcomes: Vec<_> = tally
            .outcomes
            .iter()
            .map(|outcome| OutcomeLine {
                name: outcome.label.name.to_string(),
                status: outcome.label.status,
                total: outcome.total,
                count: outcome.latency_us.len(),
                per_s: as_f64(outcome.latency_us.len()) / window_s,
                latency_us: Percentiles::of(&outcome.latency_us),
                bins: outcome
                    .latency_us
                    .iter_recorded()
                    .map(|bin| (bin.value_iterated_to(), bin.count_at_value()))
                    .collect(),
            })
            .collect();
        outcomes
            .sort_by_key(|outcome| (std::cmp::Reverse(outcome.name == "confirmed"), std::cmp::Reverse(outcome.total)));
        let goodput_per_s = outcomes.iter().find(|outcome| outcome.name == "confirmed").map_or(0.0, |line| line.per_s);
        let confirmed = outcomes.iter().find(|outcome| outcome.name == "confirmed").map_or(0, |line| line.total);
        let each = |cpu_s: f64, count: u64| cpu_s * 1e6 / as_f64(count.max(1));
        Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            asked,
            run,
            server,
            window_s,
            requests: tally.total(),
            requests_per_s: outcomes.iter().map(|outcome| outcome.per_s).sum(),
            asked_per_s,
            goodput_per_s,
            unsent: tally.unsent,
            retries: tally.retries,
            follow_ups: tally.follow_ups,
            reconnects: tally.reconnects,
            late_us: Percentiles::of(&tally.late_us),
            outcomes,
            generator_cpu_us_per_request: each(tally.cpu_s, tally.total()),
            server_cpu_us_per_request: server_cpu_s.map(|cpu_s| each(cpu_s, tally.total())),
            server_cpu_us_per_order: server_cpu_s.filter(|_| confirmed > 0).map(|cpu_s| each(cpu_s, confirmed)),
            audit: Vec::new(),
            old: None,
        }
    }

    /// Whether the audit found nothing.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.audit.iter().all(|finding| finding.verdict != Verdict::Violated)
    }
}

/// Microseconds, as short as can be read.
pub(super) fn time(us: u64) -> String {
    match us {
        0..1_000 => format!("{us}us"),
        1_000..100_000 => format!("{:.1}ms", as_f64(us) / 1e3),
        100_000..10_000_000 => format!("{}ms", us / 1_000),
        _long => format!("{}s", us / 1_000_000),
    }
}
