//! **Job:** runs short simulations, and shows that a simulation finds what it is there to find.
//! **Owns:** which seeds run in the tests, and how many a control may take.
//! **Never:** stands for a campaign: `cargo run --release -p doorbuster-actors --example simulate` does that.

use crate::simulation::{Control, Stats, plan, run, tell};
use crate::support::seed;

/// Short, so that many fit into a few seconds of a build without optimisation.
const PURCHASES: usize = 40;

/// Runs of the first test.
const RUNS: u64 = 3_000;

/// All kinds of entries, reasons, verdicts and faults that a run can have.
const HAPPENS: &str = "\
    item, placed, paid, cancelled, expired, refund_due, restocked, paused, resumed, closed, withdrawn, reopened, \
    hidden, shown, deleted, payment, settled, refunded, replay, idempotency-key-reused, sale-closed, \
    sale-not-started, sale-paused, sold-out, throttled, limit-reached, validation, not-found, applied, duplicate, \
    second_payment, short, over, wrong_currency, late, unknown_order, failed, refusal by the throttle, \
    refusal by the gate: sold out, money handed over from no order to one, commit, commit that fails for certain, \
    commit whose lost outcome is unknown, commit whose written outcome is unknown, decision of an older epoch, crash, \
    clean end, ledger ahead of server time, start refused because of the clock, comparison of live and replayed, \
    answer";

#[test]
fn no_promise_is_broken_in_any_simulated_run() {
    let (first, mut stats) = (seed(), Stats::default());
    for seed in first..first + RUNS {
        let report = run(&plan::draw(seed, PURCHASES), None, false);
        assert!(report.violation.is_none(), "{}", tell(seed, PURCHASES, None).unwrap_or_default());
        stats.add(&report.stats);
    }
    println!("{RUNS} runs: {stats:?}");
    // What did not happen was not tried.
    let missing: Vec<_> = HAPPENS.split(", ").filter(|what| !stats.seen.contains_key(what)).collect();
    assert!(missing.is_empty() && stats.attempts > RUNS * 20, "{missing:?} never came in {stats:?}");
}

/// Runs of usual length that once broke a promise: an item that leapt by an hour, and a wait of days.
const FOUND: [u64; 2] = [81, 48];

#[test]
fn what_a_simulation_has_found_stays_mended() {
    for seed in FOUND {
        let report = run(&plan::draw(seed, 150), None, false);
        assert!(report.violation.is_none(), "{}", tell(seed, 150, None).unwrap_or_default());
    }
}

#[test]
fn a_seed_is_one_run_and_two_seeds_are_two() {
    let trace = |seed| run(&plan::draw(seed, PURCHASES), None, false).trace;
    for seed in seed()..seed() + 20 {
        assert_eq!(trace(seed), trace(seed), "seed {seed}");
        assert_ne!(trace(seed), trace(seed + 1), "seed {seed}");
    }
}

#[test]
fn each_planted_fault_is_found_within_a_few_hundred_runs_and_told_as_a_short_story() {
    let first = seed();
    for (control, name) in Control::ALL {
        let finds = |seed: &u64| run(&plan::draw(*seed, PURCHASES), Some(control), false).violation.is_some();
        let found: Vec<_> = (first..first + 300).filter(finds).collect();
        let seed = *found.first().unwrap_or_else(|| panic!("{name} was not found"));
        let story = tell(seed, PURCHASES, Some(control)).expect("it fails again");
        println!("{name}: {} of 300 runs, first after {}:\n{story}\n", found.len(), seed - first + 1);
        assert!(story.lines().count() < 40, "{name} is no short story:\n{story}");
    }
}
