//! **Job:** records one sale after the other and crashes each everywhere, until so many states were started from.
//! **Owns:** the count over all sales, the progress, and the one line at the end.
//! **Never:** lets a state count that another crash has left before.

use std::time::Instant;

use super::history::History;
use super::restarts::crash_again;
use super::sale::{Plan, record};
use super::scratch::Seen;
use super::states::{Effort, MODELS, Tallies, Trial, merge};
use super::tally::Tally;

/// What was tried in all.
pub(crate) struct Campaign {
    seen: Seen,
    began: Instant,
    /// Crashes of sales.
    pub(crate) of_sales: Tallies,
    /// Crashes of starts after a crash.
    pub(crate) of_starts: Tallies,
    sales: u64,
    first_seed: u64,
}

pub(crate) fn sum(tallies: &Tallies) -> Tally {
    tallies.values().cloned().fold(Tally::default(), |mut sum, tally| {
        sum.add(tally);
        sum
    })
}

impl Campaign {
    pub(crate) fn from(first_seed: u64) -> Self {
        let (of_sales, of_starts) = (Tallies::new(), Tallies::new());
        Self { seen: Seen::default(), began: Instant::now(), of_sales, of_starts, sales: 0, first_seed }
    }

    pub(crate) fn states(&self) -> usize {
        sum(&self.of_sales).states + sum(&self.of_starts).states
    }

    /// Crashes a sale everywhere, and `starts` of the starts after that.
    pub(crate) fn crash(&mut self, history: &History, starts: usize, effort: Effort) {
        merge(&mut self.of_sales, Trial::of(history).crash_everywhere(&MODELS, effort, &self.seen));
        merge(&mut self.of_starts, crash_again(history, starts, effort, &self.seen));
        self.sales += 1;
    }

    /// Goes on with a sale of the next seed, and the next, until there were `wanted` states. While one is crashed the
    /// next is recorded.
    #[expect(clippy::print_stdout, reason = "the progress of a long run")]
    pub(crate) fn go_on(&mut self, wanted: usize, starts: usize, effort: Effort) {
        if self.states() >= wanted {
            return;
        }
        let seed = |sales: u64| self.first_seed.wrapping_add(sales);
        let mut next = record(Plan::of(seed(self.sales)));
        while self.states() < wanted {
            let history = next.history();
            let following = Plan::of(self.first_seed.wrapping_add(self.sales + 1));
            let effort = Effort { seed: self.first_seed.wrapping_add(self.sales), ..effort };
            next = std::thread::scope(|scope| {
                let recording = scope.spawn(move || record(following));
                self.crash(&history, starts, effort);
                recording.join().unwrap_or_else(|ended| std::panic::resume_unwind(ended))
            });
            println!("{}", self.line());
        }
    }

    /// All in one line.
    pub(crate) fn line(&self) -> String {
        let (sales, starts) = (sum(&self.of_sales), sum(&self.of_starts));
        let violations = sales.violations() + starts.violations();
        let (first, last) = (self.first_seed, self.first_seed.wrapping_add(self.sales.saturating_sub(1)));
        let which = format!("{} of sales, {} of starts after a crash", sales.states, starts.states);
        let (states, count, time) = (self.states(), self.sales, self.began.elapsed());
        let sales = format!("{count} sales, seeds {first} to {last}");
        format!("{states} crash states ({which}), {violations} violations; {sales}; {time:.0?}")
    }

    /// What was wrong in each model, if anything was.
    pub(crate) fn complaints(&self) -> Vec<String> {
        let all = self
            .of_sales
            .iter()
            .map(|each| ("a sale", each))
            .chain(self.of_starts.iter().map(|each| ("a start", each)));
        let dirty = all.filter(|(_, (_, tally))| !tally.is_clean());
        dirty.map(|(what, (model, tally))| format!("{what}, {model:?}: {tally}")).collect()
    }
}
