//! **Job:** rebuilds the disk at every step of a recording, starts from it, and compares with what was told by then.
//! **Owns:** the models of what a crash leaves, and the count of what was lost.
//! **Never:** writes where the recording was made, or starts twice from the same disk only to learn the same.

use std::collections::BTreeMap;

use super::disk::{Disk, Image};
use super::history::{History, Needs};
use super::scratch::{Scratch, Seen, fingerprint};
use super::tally::{Tally, Verdict};
use super::trace::Call;
use super::truth::{Outcome, Start, Truth};

/// What a crash leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Model {
    /// All that was written: the process was killed.
    Ordered,
    /// Only what was synced.
    UnsyncedLost,
    /// All, but of the last write some sectors only.
    Torn,
    /// What was synced, and any part of the rest.
    Subset,
}

/// All of them.
pub(crate) const MODELS: [Model; 4] = [Model::Ordered, Model::UnsyncedLost, Model::Torn, Model::Subset];

/// Of so many disks one is started from once more: a second start must find the same.
const REPEATED: u64 = 16;

/// How many times as many draws a step gets that is not just one more commit: a checkpoint has few steps and many
/// writes at stake.
const SPECIAL: u64 = 4;

/// After so many draws in a row that left nothing new, a step has little to give: few writes are at stake.
const EXHAUSTED: usize = 10;

/// How much is tried.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Effort {
    /// Draws of the model `Subset` a step.
    pub(crate) draws: u64,
    /// Only about one step in so many, and all around a checkpoint or a change of names.
    pub(crate) stride: usize,
    /// The seed of the draws.
    pub(crate) seed: u64,
    /// How many threads share the work.
    pub(crate) threads: usize,
}

/// What came of each model.
pub(crate) type Tallies = BTreeMap<Model, Tally>;

/// Adds one to the other.
pub(crate) fn merge(sum: &mut Tallies, tallies: Tallies) {
    for (model, tally) in tallies {
        sum.entry(model).or_default().add(tally);
    }
}

/// A recording under these syncs and with these facts: its own, or those of a control.
pub(crate) struct Trial<'h, T = Truth> {
    pub(crate) history: &'h History<T>,
    /// The disk before the first call.
    pub(crate) disk: &'h Disk,
    pub(crate) needs: &'h Needs,
}

impl<'h, T: Start> Trial<'h, T> {
    pub(crate) fn of(history: &'h History<T>) -> Self {
        Self { history, disk: &history.disk, needs: &history.needs }
    }

    /// Crashes at every step, in these models.
    pub(crate) fn crash_everywhere(&self, models: &[Model], effort: Effort, seen: &Seen) -> Tallies {
        let shares = 0..effort.threads;
        let mut sum: Tallies = models.iter().map(|model| (*model, Tally::default())).collect();
        std::thread::scope(|scope| {
            let walks: Vec<_> =
                shares.map(|share| scope.spawn(move || self.walk(models, effort, share, seen))).collect();
            for walk in walks {
                merge(&mut sum, walk.join().unwrap_or_else(|ended| std::panic::resume_unwind(ended)));
            }
        });
        sum
    }

    /// Goes along the recording and crashes at one step in as many as there are threads.
    fn walk(&self, models: &[Model], effort: Effort, share: usize, seen: &Seen) -> Tallies {
        let mut tallies = Tallies::new();
        let (mut disk, mut scratch) = (self.disk.clone(), Scratch::new(self.disk.data_file()));
        let mut tried = 0;
        for (step, call) in steps(&self.history.calls) {
            if is_tried(&disk, step, call, effort) {
                tried += 1;
                for model in models.iter().filter(|_| tried % effort.threads == share) {
                    let tally = tallies.entry(*model).or_default();
                    let mut known = 0;
                    for image in images(*model, &disk, call, (step, effort)) {
                        let (is_new, verdict) = self.judge(&mut scratch, &image, step, seen);
                        let place = || format!("before step {step} of {} ({})", self.history.calls.len(), brief(call));
                        tally.take(is_new, verdict, place);
                        known = if is_new { 0 } else { known + 1 };
                        if *model == Model::Subset && known == EXHAUSTED {
                            break;
                        }
                    }
                }
            }
            if let Some(call) = call {
                disk.apply(call);
            }
        }
        tallies
    }

    /// Whether the disk is a new one, and what is to be said about it at this step.
    fn judge(&self, scratch: &mut Scratch, image: &Image, step: usize, seen: &Seen) -> (bool, Verdict) {
        let fingerprint = fingerprint(image);
        let (is_new, outcome) = match seen.outcome(fingerprint) {
            Some(outcome) => (false, outcome),
            None => {
                let starts = if fingerprint.is_multiple_of(REPEATED) { 2 } else { 1 };
                let outcome = self.start(scratch, image, starts);
                (seen.note(fingerprint, outcome.clone()), outcome)
            }
        };
        let lost = |entries: usize| {
            let missing: Vec<_> = self.needs.missing(step, entries).collect();
            (missing.iter().filter(|fact| fact.is_order()).count(), missing.first().map(|fact| format!("{fact:?}")))
        };
        let verdict = match outcome {
            Outcome::Entries(entries) if entries >= self.needs.before(step) => Verdict::Kept,
            Outcome::Entries(entries) => {
                let (orders, first) = lost(entries);
                let first = first.unwrap_or_else(|| format!("{entries} of {} entries", self.needs.before(step)));
                Verdict::Lost { orders, first }
            }
            Outcome::Refused(why) => Verdict::Refused { orders: lost(0).0, why },
            Outcome::Wrong(what) => Verdict::Wrong(what),
        };
        (is_new, verdict)
    }

    fn start(&self, scratch: &mut Scratch, image: &Image, starts: usize) -> Outcome {
        let truth = &self.history.truth;
        scratch.with(image, |data_file| {
            let first = truth.start(data_file);
            if starts == 1 || !matches!(first, Outcome::Entries(_)) {
                return first;
            }
            match truth.start(data_file) {
                again if again == first => first,
                again => Outcome::Wrong(format!("a second start came to {again:?} after {first:?}")),
            }
        })
    }
}

/// The calls of a recording, and its end.
pub(crate) fn steps(calls: &[Call]) -> impl Iterator<Item = (usize, Option<&Call>)> {
    calls.iter().map(Some).chain([None]).enumerate()
}

pub(crate) fn is_tried(disk: &Disk, step: usize, call: Option<&Call>, effort: Effort) -> bool {
    let is_step = call.is_none_or(|call| disk.is_touched_by(call));
    is_step && (is_special(call) || step.is_multiple_of(effort.stride))
}

/// Steps around which something else happens than one more commit.
fn is_special(call: Option<&Call>) -> bool {
    match call {
        Some(Call::Write { path, .. } | Call::Sync { path } | Call::Truncate { path, .. }) => {
            ["-wal", ".mark"].iter().all(|ending| !path.ends_with(ending))
        }
        Some(_) | None => true,
    }
}

pub(crate) fn brief(call: Option<&Call>) -> String {
    let Some(call) = call else { return "the end".to_owned() };
    let text = format!("{call:?}");
    text.split("bytes").next().unwrap_or_default().to_owned()
}

/// The disks that a model leaves before `call`. What was synced changes with a sync only, and what was written with
/// everything else: the last moment before the change has the most facts.
pub(crate) fn images<'d>(
    model: Model,
    disk: &'d Disk,
    call: Option<&'d Call>,
    (step, effort): (usize, Effort),
) -> Box<dyn Iterator<Item = Image> + 'd> {
    let is_sync = matches!(call, Some(Call::Sync { .. }));
    match model {
        Model::Ordered => Box::new((!is_sync).then(|| disk.ordered()).into_iter()),
        Model::UnsyncedLost => Box::new((is_sync || call.is_none()).then(|| disk.unsynced_lost()).into_iter()),
        Model::Torn => Box::new(call.into_iter().flat_map(|call| disk.torn(call))),
        Model::Subset if !disk.has_pending() => Box::new(std::iter::empty()),
        Model::Subset => {
            let draws = if is_special(call) { effort.draws * SPECIAL } else { effort.draws };
            let first = effort.seed.wrapping_add(step as u64).wrapping_mul(effort.draws * SPECIAL);
            Box::new((0..draws).map(move |draw| disk.subset(first.wrapping_add(draw))))
        }
    }
}
