//! **Job:** the settings that follow from the figures.
//! **Owns:** the formulas; each is in the documentation of its constant, and is printed with the result.
//! **Never:** measures anything.

use std::time::Duration;

use doorbuster_actors::ledger::Durability;

use super::trial::Cell;

/// Longest commit of a good batch: half of it is what a buyer waits on average for the commit before their own. Where
/// one row alone takes more than half of this, twice the commit of one row instead.
const LONGEST_COMMIT: Duration = Duration::from_millis(20);

/// A batch is good enough at this share of the best rate: the last tenth costs four times the latency.
const GOOD_ENOUGH: f64 = 0.9;

/// A sync that is faster leaves batches no time to fill by themselves: most of the work would be commits of a few
/// orders.
const FAST_SYNC: Duration = Duration::from_micros(50);

/// What to wait then: far less than anybody notices.
const LINGER: Duration = Duration::from_micros(100);

/// What of the file's rate to let in: the rest is for checkpoints that meet a busy disk, cancellations and expiries.
const SHARE: f64 = 0.7;

/// Rows of an order until it is paid: placed, paid.
const ROWS_PER_ORDER: f64 = 2.0;

/// Significant digits of the proposed rate: the figures are not better than that.
const DIGITS: u32 = 2;

/// Settings for this disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Proposal {
    /// `storage.max_batch`.
    pub(super) max_batch: u32,
    /// `storage.linger`.
    pub(super) linger: Duration,
    /// `gate.bucket.rate`.
    pub(super) bucket_rate: u32,
}

/// What follows from the cells of full durability and from the median of a sync.
pub(super) fn propose(cells: &[Cell], sync: Duration) -> Proposal {
    let full: Vec<_> = cells.iter().filter(|cell| cell.durability == Durability::Full).collect();
    let of_one_row = full.iter().map(|cell| cell.commit.p50).min().unwrap_or_default();
    let longest = LONGEST_COMMIT.max(2 * of_one_row);
    let quick: Vec<_> = full.into_iter().filter(|cell| cell.commit.p50 <= longest).collect();
    let best = quick.iter().map(|cell| cell.rows_per_second).fold(0.0, f64::max);
    let good = quick.into_iter().filter(|cell| cell.rows_per_second >= GOOD_ENOUGH * best);
    let chosen = good.min_by_key(|cell| cell.batch);
    let (max_batch, rows_per_second) = chosen.map_or((1, 0.0), |cell| (cell.batch, cell.rows_per_second));
    Proposal {
        max_batch,
        linger: if sync < FAST_SYNC { LINGER } else { Duration::ZERO },
        bucket_rate: rounded_down(SHARE * rows_per_second / ROWS_PER_ORDER),
    }
}

/// At least 1: a rate of 0 would mean no bucket.
fn rounded_down(rate: f64) -> u32 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates at both ends")]
    let rate = (rate as u32).max(1);
    let unit = 10_u32.pow((rate.ilog10() + 1).saturating_sub(DIGITS));
    rate / unit * unit
}

impl Proposal {
    /// For a configuration file.
    pub(super) fn toml(&self) -> String {
        let Self { max_batch, linger, bucket_rate } = self;
        let storage = format!("[storage]\nmax_batch = {max_batch}\nlinger = \"{}us\"\n", linger.as_micros());
        format!("{storage}\n[gate.bucket]\nrate = {bucket_rate}\nburst = {max_batch}\n")
    }

    /// How it came about, in lines for people.
    pub(super) fn reasons() -> [String; 5] {
        let percent = |share: f64| format!("{:.0} %", 100.0 * share);
        let (good, share) = (percent(GOOD_ENOUGH), percent(SHARE));
        let (longest, fast) = (LONGEST_COMMIT.as_millis(), FAST_SYNC.as_micros());
        [
            format!(
                "max_batch: the smallest with {good} of the best rows/s (full) of all batches whose commit takes at"
            ),
            format!("most {longest} ms, or twice that of one row"),
            format!("linger: 0, unless a sync takes less than {fast} µs: then batches cannot fill by themselves"),
            format!(
                "rate: {share} of the rows/s (full) at that batch, {ROWS_PER_ORDER} rows an order; burst: one batch"
            ),
            "The rate protects the disk. Where HTTP is slower than the disk it changes nothing".to_owned(),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::super::trial::Latency;
    use super::*;

    const SLOW_ENOUGH: Duration = Duration::from_millis(1);

    fn cell(batch: u32, rows_per_second: f64) -> Cell {
        let p50 = Duration::from_secs_f64(f64::from(batch) / rows_per_second);
        let commit = Latency { count: 1, p50, p99: p50, max: p50 };
        let commits_per_second = rows_per_second / f64::from(batch);
        Cell { durability: Durability::Full, batch, rows_per_second, commits_per_second, commit }
    }

    #[test]
    fn on_a_fast_disk_the_smallest_batch_near_the_best_is_proposed() {
        let cells = [cell(1, 11e3), cell(16, 138e3), cell(256, 619e3), cell(1_024, 793e3), cell(4_096, 873e3)];
        let proposal = propose(&cells, SLOW_ENOUGH);
        assert_eq!(proposal, Proposal { max_batch: 1_024, linger: Duration::ZERO, bucket_rate: 270_000 });
    }

    #[test]
    fn a_batch_whose_commit_takes_too_long_is_not_proposed_however_fast_it_is() {
        let cells = [cell(1, 200.0), cell(64, 12e3), cell(256, 20e3), cell(1_024, 40e3)];
        assert_eq!(propose(&cells, SLOW_ENOUGH).max_batch, 256, "1,024 rows take 26 ms, 256 take 13 ms");
    }

    #[test]
    fn on_a_disk_where_one_row_takes_long_batches_may_take_twice_as_long() {
        let cells = [cell(1, 10.0), cell(64, 600.0), cell(256, 2_000.0), cell(1_024, 3_000.0)];
        let proposal = propose(&cells, Duration::from_millis(90));
        assert_eq!((proposal.max_batch, proposal.bucket_rate), (256, 700));
    }

    #[test]
    fn the_figures_of_normal_durability_promise_nothing() {
        let normal = Cell { durability: Durability::Normal, ..cell(16, 1e6) };
        assert_eq!(propose(&[cell(64, 1e5), normal], SLOW_ENOUGH).max_batch, 64);
    }

    #[test]
    fn a_batch_lingers_only_where_a_sync_is_too_fast_to_fill_the_next() {
        let linger = |micros| propose(&[cell(1, 1e3)], Duration::from_micros(micros)).linger;
        assert_eq!([linger(49), linger(50), linger(10_000)], [LINGER, Duration::ZERO, Duration::ZERO]);
    }

    #[test]
    fn a_rate_has_two_digits_and_is_never_zero() {
        assert_eq!(
            [0.0, 1.9, 99.0, 101.0, 277_550.0, f64::INFINITY].map(rounded_down),
            [1, 1, 99, 100, 270_000, 4_200_000_000]
        );
    }
}
