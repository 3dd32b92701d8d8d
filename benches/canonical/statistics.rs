//! **Job:** keeps what was measured, by series and round, and makes medians and spreads of it.
//! **Owns:** the rule that ratios are made within a round, before the median.
//! **Never:** fills a gap: a series that has no value in a round has no ratio in it.

use std::collections::BTreeMap;

use serde::Serialize;

/// Everything that was measured.
#[derive(Debug, Default)]
pub(crate) struct Book {
    /// By series: the value of each round.
    pub(crate) series: BTreeMap<String, BTreeMap<usize, f64>>,
    /// Why something is missing: series (or what their names begin with), and the reason.
    pub(crate) failures: Vec<(String, String)>,
}

impl Book {
    pub(crate) fn enter(&mut self, series: impl Into<String>, round: usize, value: f64) {
        self.series.entry(series.into()).or_default().insert(round, value);
    }

    pub(crate) fn fail(&mut self, series: &str, reason: &anyhow::Error) {
        self.failures.push((series.to_owned(), format!("{reason:#}")));
    }

    pub(crate) fn values(&self, series: &str) -> Vec<f64> {
        self.series.get(series).map(|values| values.values().copied().collect()).unwrap_or_default()
    }

    /// The ratio in each round that has both.
    pub(crate) fn ratios(&self, over: &str, under: &str) -> Vec<f64> {
        let (Some(over), Some(under)) = (self.series.get(over), self.series.get(under)) else { return Vec::new() };
        let pairs = over.iter().filter_map(|(round, over)| Some((over, under.get(round)?)));
        pairs.filter(|(_, under)| **under > 0.0).map(|(over, under)| over / under).collect()
    }

    /// Why there is nothing of these series.
    pub(crate) fn reason(&self, series: &[&str]) -> String {
        let is_of = |failed: &str| series.iter().any(|name| name.starts_with(failed));
        let failure = self.failures.iter().find(|(failed, _)| is_of(failed));
        failure.map_or_else(|| "left out of this run".to_owned(), |(_, reason)| reason.clone())
    }
}

/// What is said of several values.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) lower_quartile: f64,
    pub(crate) upper_quartile: f64,
    pub(crate) least: f64,
    pub(crate) most: f64,
    pub(crate) count: usize,
}

impl Spread {
    /// `None` of nothing.
    pub(crate) fn of(values: &[f64]) -> Option<Self> {
        let mut sorted = values.to_vec();
        sorted.sort_unstable_by(f64::total_cmp);
        Some(Self {
            median: quantile(&sorted, 2)?,
            lower_quartile: quantile(&sorted, 1)?,
            upper_quartile: quantile(&sorted, 3)?,
            least: *sorted.first()?,
            most: *sorted.last()?,
            count: sorted.len(),
        })
    }
}

/// The value that `quarters` quarters of the others do not exceed, between two of them if need be.
fn quantile(sorted: &[f64], quarters: usize) -> Option<f64> {
    let place = sorted.len().checked_sub(1)? * quarters;
    let (low, part) = (sorted[place / 4], [0.0, 0.25, 0.5, 0.75][place % 4]);
    let high = sorted.get(place / 4 + 1).copied().unwrap_or(low);
    Some(low + (high - low) * part)
}
