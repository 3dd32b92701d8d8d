//! **Job:** the controls: the same harness on a sale that does not keep its promise, which must be found out.
//! **Owns:** the ways in which a sale is made not to keep it.
//! **Never:** counts among the states of the campaign.

use super::history::History;
use super::sale::{Plan, record};
use super::scratch::Seen;
use super::states::{Effort, Model, Tallies, Trial};
use super::trace::Call;
use doorbuster_actors::data_file::MARK;

/// Linux's name of this run of the machine. After a power cut it is another one.
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// The sale under a server that does not sync the files with this ending.
pub(crate) fn without_syncs_of(history: &History, ending: &'static str, effort: Effort) -> Tallies {
    let disk = history.disk.clone().deaf_to(ending);
    let trial = Trial { disk: &disk, ..Trial::of(history) };
    trial.crash_everywhere(&[Model::UnsyncedLost], effort, &Seen::default())
}

/// The sale where each answer leaves before its commit: at the end of the commit before the last one.
pub(crate) fn answers_before_commits(history: &History, effort: Effort) -> Tallies {
    let is_commit = |call: &Call| matches!(call, Call::Sync { path } if path.ends_with("-wal"));
    let commits: Vec<usize> = (0..history.calls.len()).filter(|step| is_commit(&history.calls[*step])).collect();
    let needs = history.needs.told_at(|step| {
        let before = commits.partition_point(|commit| *commit < step);
        before.checked_sub(2).map_or(0, |last_but_one| commits[last_but_one] + 1)
    });
    let trial = Trial { needs: &needs, ..Trial::of(history) };
    trial.crash_everywhere(&[Model::Ordered, Model::UnsyncedLost], effort, &Seen::default())
}

/// A sale of its own under `storage.durability = "normal"`: SQLite with `synchronous = NORMAL`.
pub(crate) fn normal_durability(effort: Effort) -> Tallies {
    let plan = Plan { durability: "normal", ..Plan::of(effort.seed) };
    let mut history = record(plan).history();
    // Within one run of the machine a mark that is ahead is refused; here the power was cut.
    let boot = std::fs::read_to_string(BOOT_ID).expect("Linux tells");
    for call in &mut history.calls {
        if let Call::Write { path, bytes, .. } = call
            && path.ends_with(MARK)
        {
            let text = String::from_utf8_lossy(bytes).replace(boot.trim_end(), &"0".repeat(boot.trim_end().len()));
            *bytes = text.into_bytes();
        }
    }
    Trial::of(&history).crash_everywhere(&[Model::UnsyncedLost, Model::Subset], effort, &Seen::default())
}
