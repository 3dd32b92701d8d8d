//! **Job:** a recording, ready to be crashed anywhere: the calls, the disk before them, what was told, what it led to.
//! **Owns:** how many entries a start must find at each step.
//! **Never:** crashes anything itself.

use std::path::Path;

use super::answers::{Fact, Told};
use super::disk::Disk;
use super::scratch::Scratch;
use super::trace::Call;
use super::truth::Truth;

/// Something that was told, and since when it is true.
#[derive(Debug, Clone)]
pub(crate) struct Need {
    /// The call that began to tell it.
    pub(crate) told_at: usize,
    /// With how many entries it is true.
    pub(crate) entries: usize,
    pub(crate) fact: Fact,
}

/// All that was told, in the order of its telling.
#[derive(Debug, Clone)]
pub(crate) struct Needs {
    needs: Vec<Need>,
    /// The most entries that any of the first 0, 1, 2, … needs takes.
    most: Vec<usize>,
}

impl Needs {
    /// On a ledger that must have `floor` entries before anything is told.
    pub(crate) fn new(floor: usize, mut needs: Vec<Need>) -> Self {
        needs.sort_by_key(|need| need.told_at);
        let mut most = vec![floor];
        for need in &needs {
            most.push(most[most.len() - 1].max(need.entries));
        }
        Self { needs, most }
    }

    /// How many entries there must be just before a step.
    pub(crate) fn before(&self, step: usize) -> usize {
        self.most[self.known(step)]
    }

    /// The facts that `entries` do not make true, of those that were told before a step.
    pub(crate) fn missing(&self, step: usize, entries: usize) -> impl Iterator<Item = &Fact> {
        self.needs[..self.known(step)].iter().filter(move |need| need.entries > entries).map(|need| &need.fact)
    }

    pub(crate) fn count(&self) -> usize {
        self.needs.len()
    }

    fn known(&self, step: usize) -> usize {
        self.needs.partition_point(|need| need.told_at < step)
    }

    /// The same facts, told at other steps.
    pub(crate) fn told_at(&self, moved: impl Fn(usize) -> usize) -> Self {
        let needs = self.needs.iter().map(|need| Need { told_at: moved(need.told_at), ..need.clone() });
        Self::new(self.most[0], needs.collect())
    }
}

/// A recording that can be crashed.
pub(crate) struct History<T = Truth> {
    pub(crate) calls: Vec<Call>,
    /// The disk before the first call.
    pub(crate) disk: Disk,
    pub(crate) needs: Needs,
    pub(crate) truth: T,
}

impl History {
    /// Of calls on a disk with at least `floor` entries. The disk that they leave must have all that they told.
    pub(crate) fn new(calls: Vec<Call>, disk: Disk, floor: usize, told: Told) -> Result<Self, String> {
        let mut end = disk.clone();
        for call in &calls {
            end.apply(call);
        }
        let mut scratch = Scratch::new(end.data_file());
        let truth = scratch.with(&end.ordered(), |data_file: &Path| Truth::at(data_file))?;
        if truth.entries().len() < floor {
            return Err(format!("{} of {floor} entries are left at the end", truth.entries().len()));
        }
        let need = |(told_at, fact): (usize, Fact)| match truth.since(&fact) {
            Some(entries) => Ok(Need { told_at, entries, fact }),
            None => Err(format!("told, and never written: {fact:?}")),
        };
        let needs = told.facts.into_iter().map(need).collect::<Result<_, _>>()?;
        Ok(Self { needs: Needs::new(floor, needs), calls, disk, truth })
    }
}
