//! **Job:** a crash after any write, of the process or of the power, takes back nothing that was told.
//! **Owns:** the campaign over all disks that recorded sales could have left, and its controls.
//! **Never:** trusts a model that cannot lose: without the syncs, the same trace must lose orders.
//!
//! `CRASH_STATES=1000000` records one sale after the other until so many states were started from.

mod answers;
mod campaign;
mod controls;
mod disk;
mod history;
mod inventory;
mod restarts;
mod sale;
mod scenes;
mod scratch;
mod states;
mod tally;
mod trace;
mod tracer;
mod truth;

use std::sync::OnceLock;
use std::thread::available_parallelism;

use campaign::{Campaign, sum};
use history::History;
use sale::{Plan, record};
use states::{Effort, MODELS, Model, Tallies};

use crate::support::seed;

/// Draws of arbitrary subsets at each step of an ordinary run, and of a campaign.
const DRAWS: u64 = 4;
const CAMPAIGN_DRAWS: u64 = 400;
/// Starts after a crash that are crashed in their turn, of an ordinary run's sale and of each of a campaign's.
const STARTS: usize = 4;
const CAMPAIGN_STARTS: usize = 12;
/// Orders of one sale of a campaign on top: one commit each, and a checkpoint comes after about two thousand of them.
const MANY_ORDERS: usize = 2_200;
/// Of those thousands of like commits, one step in so many is tried.
const STRIDE: usize = 200;

/// How many states are asked for; none: an ordinary run.
#[expect(clippy::disallowed_methods, reason = "a campaign is asked for by the environment")]
fn wanted() -> Option<usize> {
    std::env::var("CRASH_STATES").ok().map(|text| text.parse().expect("CRASH_STATES is a number"))
}

fn effort() -> Effort {
    let threads = available_parallelism().map_or(1, usize::from);
    Effort { draws: DRAWS, stride: 1, seed: seed(), threads }
}

/// One sale for all tests.
fn history() -> &'static History {
    static HISTORY: OnceLock<History> = OnceLock::new();
    HISTORY.get_or_init(|| record(Plan::of(seed())).history())
}

/// What the controls find, each in the models that it was tried in.
fn controls() -> &'static [(&'static str, Tallies)] {
    static CONTROLS: OnceLock<Vec<(&str, Tallies)>> = OnceLock::new();
    CONTROLS.get_or_init(|| {
        let (history, effort) = (history(), effort());
        vec![
            ("syncs of the log ignored", controls::without_syncs_of(history, "-wal", effort)),
            ("syncs of the data file ignored", controls::without_syncs_of(history, "doorbuster.db", effort)),
            ("answers before commits", controls::answers_before_commits(history, effort)),
            ("durability = normal", controls::normal_durability(effort)),
        ]
    })
}

#[expect(clippy::print_stdout, reason = "what a failure is understood from")]
fn assert_found_out(name: &str, models: &[Model]) {
    let (_, tallies) = controls().iter().find(|(control, _)| *control == name).expect("one of the controls");
    for model in models {
        let tally = &tallies[model];
        println!("{name}, {model:?}: {tally}");
        assert!(tally.most_orders_lost > 0, "{name}, {model:?}: nobody misses anything: {tally}");
    }
}

#[test]
fn a_crash_after_any_write_takes_back_nothing_that_was_told() {
    let (history, effort) = (history(), effort());
    println!("{} calls, {} facts told", history.calls.len(), history.needs.count());
    let mut campaign = Campaign::from(effort.seed);
    let draws = if wanted().is_some() { CAMPAIGN_DRAWS } else { DRAWS };
    let effort = Effort { draws, ..effort };
    match wanted() {
        None => campaign.crash(history, STARTS, effort),
        Some(wanted) => {
            campaign.go_on(wanted, CAMPAIGN_STARTS, effort);
            let plan = Plan { more: MANY_ORDERS, ..Plan::of(effort.seed) };
            campaign.crash(&record(plan).history(), 0, Effort { draws: 1, stride: STRIDE, ..effort });
        }
    }
    for (model, tally) in campaign.of_sales.iter().chain(&campaign.of_starts) {
        println!("{model:?}: {tally}");
    }
    let found = controls().iter().map(|(name, tallies)| format!("{} with {name}", sum(tallies).violations()));
    println!("{}; controls: {}", campaign.line(), found.collect::<Vec<_>>().join(", "));
    assert!(campaign.complaints().is_empty(), "{:#?}", campaign.complaints());
    for tallies in [&campaign.of_sales, &campaign.of_starts] {
        assert!(MODELS.iter().all(|model| tallies[model].crashes > 20), "every model was tried: {tallies:?}");
    }
}

/// The controls of the models: what they are there to find, they find.
#[test]
fn without_the_syncs_of_the_log_or_of_a_checkpoint_the_same_sale_loses_orders() {
    assert_found_out("syncs of the log ignored", &[Model::UnsyncedLost]);
    assert_found_out("syncs of the data file ignored", &[Model::UnsyncedLost]);
}

#[test]
fn a_sale_whose_commits_are_not_synced_loses_orders_in_a_power_cut() {
    assert_found_out("durability = normal", &[Model::UnsyncedLost, Model::Subset]);
}

/// The control of the facts: that they are told before they are durable is noticed.
#[test]
fn an_answer_before_its_commit_is_noticed() {
    assert_found_out("answers before commits", &[Model::Ordered, Model::UnsyncedLost]);
}

#[test]
fn a_crash_of_the_inventory_takes_back_nothing_that_it_has_confirmed() {
    let (draws, starts) = if wanted().is_some() { (CAMPAIGN_DRAWS, CAMPAIGN_STARTS) } else { (DRAWS, STARTS) };
    let (first, again) = inventory::crash_inventory(Effort { draws, ..effort() }, starts);
    for (model, tally) in first.iter().chain(&again) {
        println!("{model:?}: {tally}");
    }
    let (first, again) = (sum(&first), sum(&again));
    println!("{} crash states of the inventory, {} of starts after a crash", first.states, again.states);
    assert!(first.is_clean() && again.is_clean(), "{first}\n{again}");
}
