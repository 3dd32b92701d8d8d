//! **Job:** rebuilds the disk at every step of a recording, starts from it, and compares with what was told by then.
//! **Owns:** the models of what a crash leaves, and the count of what was lost.
//! **Never:** writes where the recording was made.

use std::collections::BTreeMap;
use std::fmt;

use tempfile::TempDir;

use super::answers::Fact;
use super::disk::{Disk, Image};
use super::sale::Recording;
use super::trace::Call;
use crate::recovery::{DATA_FILE, Folder, Found, fast_folder, lay_out, recover};
use crate::support::same_promise;

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

/// What came of the starts of one model.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) states: usize,
    /// Starts that were refused.
    pub(crate) refused: usize,
    /// States in which something was missing that had been told.
    pub(crate) lossy: usize,
    /// Orders that were shown and cannot be had, in the worst state.
    pub(crate) most_orders_lost: usize,
    /// What was wrong first.
    pub(crate) first: Option<String>,
}

impl Tally {
    /// How often the next state is started from.
    fn starts(&self) -> usize {
        if self.states.is_multiple_of(REPEATED) { 2 } else { 1 }
    }

    pub(crate) fn is_clean(&self) -> bool {
        self.first.is_none()
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { states, refused, lossy, most_orders_lost, first } = self;
        write!(f, "{states} states, {refused} refused, {lossy} without something that was told")?;
        write!(f, " (at worst {most_orders_lost} orders)")?;
        first.iter().try_for_each(|first| write!(f, "; first: {first}"))
    }
}

/// Of so many starts that found everything, one is repeated: a second start must find the same.
const REPEATED: usize = 4;

/// How many times as many draws a step gets that is not just one more commit: a checkpoint has few steps and many
/// writes at stake.
const SPECIAL: u64 = 4;

/// How much is tried.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Effort {
    /// Draws of the model `Subset` a step.
    pub(crate) draws: u64,
    /// Only about one step in so many, and all around a checkpoint or a change of names.
    pub(crate) stride: usize,
    /// The seed of the draws.
    pub(crate) seed: u64,
}

/// Crashes at every step of the recording, in these models. Before a step are the facts that had begun to be told.
pub(crate) fn crash_everywhere(
    recording: &Recording,
    mut disk: Disk,
    facts: &[(usize, Fact)],
    models: &[Model],
    effort: Effort,
) -> BTreeMap<Model, Tally> {
    let mut tallies: BTreeMap<Model, Tally> = models.iter().map(|model| (*model, Tally::default())).collect();
    let scratch = fast_folder();
    let end = recording.calls.len();
    for (step, call) in recording.calls.iter().map(Some).chain([None]).enumerate() {
        let is_step = call.is_none_or(|call| disk.is_touched_by(call));
        if is_step && (is_special(call) || step % effort.stride == 0) {
            let known = &facts[..facts.partition_point(|(at, _)| *at < step)];
            for (model, tally) in &mut tallies {
                for image in images(*model, &disk, call, (step, effort)) {
                    let verdict = judge(&scratch, image, known, tally.starts());
                    tally.take(verdict, || format!("before step {step} of {end} ({})", brief(call)));
                }
            }
        }
        if let Some(call) = call {
            disk.apply(call);
        }
    }
    tallies
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

fn brief(call: Option<&Call>) -> String {
    let Some(call) = call else { return "the end".to_owned() };
    let text = format!("{call:?}");
    text.split("bytes").next().unwrap_or_default().to_owned()
}

/// The disks that a model leaves before `call`. What was synced changes with a sync only, and what was written with
/// everything else: the last moment before the change has the most facts.
fn images(model: Model, disk: &Disk, call: Option<&Call>, (step, effort): (usize, Effort)) -> Vec<Image> {
    let is_sync = matches!(call, Some(Call::Sync { .. }));
    match model {
        Model::Ordered => {
            if is_sync {
                Vec::new()
            } else {
                vec![disk.ordered()]
            }
        }
        Model::UnsyncedLost => {
            if is_sync || call.is_none() {
                vec![disk.unsynced_lost()]
            } else {
                Vec::new()
            }
        }
        Model::Torn => call.map(|call| disk.torn(call)).unwrap_or_default(),
        Model::Subset if !disk.has_pending() => Vec::new(),
        Model::Subset => {
            let draws = if is_special(call) { effort.draws * SPECIAL } else { effort.draws };
            let first = effort.seed.wrapping_add(step as u64).wrapping_mul(effort.draws * SPECIAL);
            (0..draws).map(|draw| disk.subset(first.wrapping_add(draw))).collect()
        }
    }
}

enum Verdict {
    Kept,
    Refused { orders: usize, why: String },
    Lost { orders: usize, first: String },
    Wrong(String),
}

impl Tally {
    fn take(&mut self, verdict: Verdict, place: impl Fn() -> String) {
        self.states += 1;
        let complaint = match verdict {
            Verdict::Kept => return,
            Verdict::Refused { orders, why } => {
                self.refused += 1;
                self.most_orders_lost = self.most_orders_lost.max(orders);
                format!("refused: {why}")
            }
            Verdict::Lost { orders, first } => {
                self.lossy += 1;
                self.most_orders_lost = self.most_orders_lost.max(orders);
                format!("lost: {first}")
            }
            Verdict::Wrong(what) => what,
        };
        self.first.get_or_insert_with(|| format!("{complaint}, {}", place()));
    }
}

fn judge(scratch: &TempDir, image: Image, known: &[(usize, Fact)], starts: usize) -> Verdict {
    let files: Folder = image.into_iter().map(|(name, bytes)| (name, (0o600, bytes))).collect();
    lay_out(scratch.path(), &files);
    let found = match recover(&scratch.path().join(DATA_FILE)) {
        Ok(found) => found,
        Err(error) => {
            return Verdict::Refused { orders: orders(known.iter().map(|(_, fact)| fact)), why: error.to_string() };
        }
    };
    if let Err(what) = found.balance() {
        return Verdict::Wrong(what);
    }
    let missing = missing(&found, known);
    if let Some(first) = missing.first() {
        let orders = orders(missing.iter().copied());
        return Verdict::Lost { orders, first: format!("{first:?}") };
    }
    if starts == 1 { Verdict::Kept } else { start_again(scratch, &found) }
}

/// Starts once more from what a start has left.
fn start_again(scratch: &TempDir, found: &Found) -> Verdict {
    match recover(&scratch.path().join(DATA_FILE)) {
        Ok(again) if again == *found => Verdict::Kept,
        Ok(_) => Verdict::Wrong("a second start finds something else".to_owned()),
        Err(error) => Verdict::Wrong(format!("a second start is refused: {error}")),
    }
}

fn orders<'f>(facts: impl Iterator<Item = &'f Fact>) -> usize {
    facts.filter(|fact| matches!(fact, Fact::Order(_))).count()
}

fn missing<'f>(found: &Found, known: &'f [(usize, Fact)]) -> Vec<&'f Fact> {
    let orders = found.orders();
    let is_there = |fact: &Fact| match fact {
        Fact::Entry(seq) => found.entries.len() as u64 >= *seq,
        Fact::Obeyed { item, times } => found.instructions(item) >= *times,
        Fact::Order(told) => {
            let order = told["order_id"].as_str().and_then(|id| orders.get(id));
            order.is_some_and(|order| {
                same_promise(told, &order.promise)
                    && told["status"].as_str().is_some_and(|s| order.statuses.contains(s))
            })
        }
    };
    known.iter().map(|(_, fact)| fact).filter(|fact| !is_there(fact)).collect()
}

/// Checks that the calls explain what each process left: that no write was missed, and none invented.
pub(crate) fn assert_explained(recording: &Recording) {
    let mut disk = Disk::new(&recording.folder);
    let mut left = recording.left.iter();
    for call in &recording.calls {
        disk.apply(call);
        let Call::Ended { process } = call else { continue };
        let Some((_, folder)) = recording.left.iter().find(|(other, _)| other == process) else { continue };
        left.next();
        let image = disk.ordered();
        let path = |name: &str| format!("{}/{name}", recording.folder);
        let counts = folder.iter().filter(|(name, _)| disk.name_of(&path(name)).is_some());
        let counts: BTreeMap<_, _> = counts.map(|(name, (_, bytes))| (name.clone(), bytes.clone())).collect();
        let names = (image.keys().collect::<Vec<_>>(), counts.keys().collect::<Vec<_>>());
        assert_eq!(names.0, names.1, "the trace and the folder after process {process}");
        for (name, bytes) in &counts {
            assert!(image[name] == *bytes, "the trace does not explain {name} after process {process}");
        }
    }
    assert!(left.next().is_none(), "a process of the recording did not end in the trace");
}
