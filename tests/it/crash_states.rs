//! **Job:** a crash after any write, of the process or of the power, takes back nothing that was told.
//! **Owns:** the campaign over all disks that a recorded sale could have left, and its controls.
//! **Never:** trusts a model that cannot lose: without the syncs, the same trace must lose orders.
//!
//! `CRASH_STATES=20` tries twenty times as many draws on a longer sale with a checkpoint in its middle.

mod answers;
mod disk;
mod sale;
mod states;
mod trace;

use std::sync::OnceLock;

use answers::{Fact, facts};
use disk::Disk;
use sale::{LAMP, Recording, record};
use states::{Effort, MODELS, Model, assert_explained, crash_everywhere};
use trace::Call;

use crate::support::seed;

/// Draws of arbitrary subsets at each step of an ordinary run.
const DRAWS: u64 = 4;
/// Orders of a campaign's sale on top: one commit each, and a checkpoint comes after about two thousand of them.
const CAMPAIGN_ORDERS: usize = 2_200;
/// Of a campaign's thousands of like commits, one step in so many is tried.
const CAMPAIGN_STRIDE: usize = 7;

/// How many times the ordinary effort is asked for; none: an ordinary run.
#[expect(clippy::disallowed_methods, reason = "a campaign is asked for by the environment")]
fn campaign() -> Option<u64> {
    std::env::var("CRASH_STATES").ok().map(|text| text.parse().expect("CRASH_STATES is a number"))
}

fn effort() -> Effort {
    let times = campaign();
    let stride = if times.is_some() { CAMPAIGN_STRIDE } else { 1 };
    Effort { draws: DRAWS * times.unwrap_or(1), stride, seed: seed() }
}

/// One sale for all tests.
fn recording() -> &'static Recording {
    static RECORDING: OnceLock<Recording> = OnceLock::new();
    RECORDING.get_or_init(|| {
        let more = campaign().map_or(5, |_times| CAMPAIGN_ORDERS);
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        runtime.expect("threads").block_on(record(more))
    })
}

fn told(recording: &Recording) -> Vec<(usize, Fact)> {
    let facts = facts(&recording.calls, &[LAMP]);
    assert_eq!(facts.len(), recording.told, "facts in the trace, and facts that arrived");
    facts
}

#[test]
fn a_crash_after_any_write_takes_back_nothing_that_was_told() {
    let recording = recording();
    assert_explained(recording);
    let facts = told(recording);
    println!("{} calls, {} facts told", recording.calls.len(), facts.len());
    let disk = Disk::new(&recording.folder);
    let tallies = crash_everywhere(recording, disk, &facts, &MODELS, effort());
    for (model, tally) in &tallies {
        println!("{model:?}: {tally}");
    }
    let dirty: Vec<_> = tallies.iter().filter(|(_, tally)| !tally.is_clean()).collect();
    assert!(dirty.is_empty(), "{dirty:#?}");
    assert!(tallies.values().all(|tally| tally.states > 50), "every model was tried");
}

/// The control of the models: what they are there to find, they find.
#[test]
fn without_the_syncs_of_the_log_or_of_a_checkpoint_the_same_sale_loses_orders() {
    let (recording, facts) = (recording(), told(recording()));
    for file in ["-wal", "doorbuster.db"] {
        let disk = Disk::deaf_to(&recording.folder, file);
        let tallies = crash_everywhere(recording, disk, &facts, &[Model::UnsyncedLost], effort());
        let tally = &tallies[&Model::UnsyncedLost];
        println!("without the syncs of {file}: {tally}");
        assert!(tally.most_orders_lost > 0, "syncs of {file} that nobody misses: {tally}");
    }
}

/// The control of the facts: that they are told before they are durable is noticed.
#[test]
fn an_answer_before_its_commit_is_noticed() {
    let (recording, facts) = (recording(), told(recording()));
    let is_commit = |call: &Call| matches!(call, Call::Sync { path } if path.ends_with("-wal"));
    let commits: Vec<usize> = (0..recording.calls.len()).filter(|step| is_commit(&recording.calls[*step])).collect();
    let early = |step: usize| {
        let before = commits.partition_point(|commit| *commit < step);
        before.checked_sub(2).map_or(0, |last_but_one| commits[last_but_one] + 1)
    };
    let mut early: Vec<_> = facts.into_iter().map(|(step, fact)| (early(step), fact)).collect();
    early.sort_by_key(|(step, _)| *step);
    let models = [Model::Ordered, Model::UnsyncedLost];
    let disk = Disk::new(&recording.folder);
    for (model, tally) in crash_everywhere(recording, disk, &early, &models, effort()) {
        println!("answers before their commit, {model:?}: {tally}");
        assert!(tally.most_orders_lost > 0, "{model:?} does not notice an early answer: {tally}");
    }
}
