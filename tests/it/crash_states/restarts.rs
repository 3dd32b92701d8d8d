//! **Job:** crashes again while a server recovers: records a real start on the disk that a crash left, and crashes
//! that.
//! **Owns:** which disks are started from.
//! **Never:** lets what the first start found be lost by the second crash.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};

use super::answers::{Fact, facts};
use super::disk::{Disk, Image};
use super::history::History;
use super::sale::{LAMP, setup, traced};
use super::scratch::{Scratch, Seen};
use super::states::{Effort, MODELS, Model, Tallies, Trial, brief, images, is_tried, merge, steps};
use super::tally::{Tally, Verdict};
use super::tracer::Tracer;
use super::truth::{Outcome, Start as _};
use crate::recovery::DATA_FILE;
use crate::support::{Client, admin_authorization};

/// A crash of the recording after which a server is started under the tracer.
struct Crash {
    image: Image,
    /// The disk itself where only the process was killed: what was not synced can still be lost.
    still_there: Option<Disk>,
    /// Entries of what was told before the crash.
    told: usize,
    place: String,
}

/// Starts from `count` disks that crashes of a recording leave, and crashes each start everywhere.
pub(crate) fn crash_again(history: &History, count: usize, effort: Effort, seen: &Seen) -> Tallies {
    let crashes = sample(history, count, effort.seed);
    let next = AtomicUsize::new(0);
    let mut sum = Tallies::new();
    let alone = Effort { threads: 1, ..effort };
    std::thread::scope(|scope| {
        let work = || {
            let mut tallies = Tallies::new();
            while let Some(crash) = crashes.get(next.fetch_add(1, Ordering::Relaxed)) {
                merge(&mut tallies, crash.again(history, alone, seen));
            }
            tallies
        };
        let workers: Vec<_> = (0..effort.threads).map(|_| scope.spawn(work)).collect();
        for worker in workers {
            merge(&mut sum, worker.join().unwrap_or_else(|ended| std::panic::resume_unwind(ended)));
        }
    });
    sum
}

/// Crashes at steps and in models that chance takes.
fn sample(history: &History, count: usize, seed: u64) -> Vec<Crash> {
    let mut chance = StdRng::seed_from_u64(seed);
    let effort = Effort { draws: 1, stride: 1, seed, threads: 1 };
    let mut disk = history.disk.clone();
    let mut tried = Vec::new();
    for (step, call) in steps(&history.calls) {
        if is_tried(&disk, step, call, effort) {
            tried.push(step);
        }
        if let Some(call) = call {
            disk.apply(call);
        }
    }
    let chosen: Vec<usize> = tried.sample(&mut chance, count).copied().collect();
    let mut disk = history.disk.clone();
    let mut crashes = Vec::new();
    for (step, call) in steps(&history.calls) {
        if chosen.contains(&step) {
            let model = *MODELS.choose(&mut chance).expect("there are some");
            let image = images(model, &disk, call, (step, effort)).next();
            // Not every model has a crash at every step: then the process is killed.
            let still_there = (image.is_none() || model == Model::Ordered).then(|| disk.clone());
            let (told, place) = (history.needs.before(step), format!("{model:?} before step {step} ({})", brief(call)));
            crashes.push(Crash { image: image.unwrap_or_else(|| disk.ordered()), still_there, told, place });
        }
        if let Some(call) = call {
            disk.apply(call);
        }
    }
    crashes
}

impl Crash {
    /// Starts a server on the disk, and crashes it everywhere.
    fn again(&self, before: &History, effort: Effort, seen: &Seen) -> Tallies {
        match self.start(before, effort.seed) {
            Ok(history) => {
                let mut tallies = Trial::of(&history).crash_everywhere(&MODELS, effort, seen);
                for tally in tallies.values_mut() {
                    tally.first = tally.first.take().map(|first| format!("{first} of a start after {}", self.place));
                }
                tallies
            }
            Err(what) => {
                let mut tally = Tally::default();
                tally.take(false, Verdict::Wrong(what), || format!("at a start after {}", self.place));
                Tallies::from([(Model::Ordered, tally)])
            }
        }
    }

    /// What a server does that starts on the disk and is asked what it has. It ends cleanly or is killed.
    fn start(&self, before: &History, seed: u64) -> Result<History, String> {
        let found = match Scratch::new(DATA_FILE).with(&self.image, |data_file| before.truth.start(data_file)) {
            Outcome::Entries(found) => found,
            other @ (Outcome::Refused(_) | Outcome::Wrong(_)) => return Err(format!("{other:?}")),
        };
        let tracer = Tracer::new();
        let setup = traced(setup("full"), &tracer);
        let folder = setup.directory().canonicalize().map_err(|error| error.to_string())?;
        for (name, bytes) in &self.image {
            write_private(&folder.join(name), bytes).map_err(|error| error.to_string())?;
        }
        let mut server = setup.try_start().map_err(|stopped| format!("the server did not start: {stopped}"))?;
        let address = server.ops_address();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a thread").block_on(async {
            let authorization = admin_authorization();
            let headers = [("Authorization", authorization.as_str())];
            let answer = Client::new(address).get("/v1/feed?after=0&limit=1000", &headers).await;
            assert_eq!(answer.expect("an answer").status, 200);
        });
        if StdRng::seed_from_u64(seed.wrapping_add(self.told as u64)).random_bool(0.5) {
            server.terminate();
        } else {
            server.kill9();
        }
        tracer.wait_for_end(server.id());
        let folder = folder.to_str().expect("temporary paths are text");
        let (disk, floor) = match &self.still_there {
            Some(disk) => (disk.clone().moved_to(folder), self.told),
            None => (Disk::holding(folder, DATA_FILE, self.image.clone()), found),
        };
        let calls = tracer.calls();
        let told = facts(&calls, &[LAMP]);
        let has = |seq: &u64| usize::try_from(*seq).is_ok_and(|seq| seq >= found);
        assert!(
            found == 0 || told.facts.iter().any(|(_, fact)| matches!(fact, Fact::Entry(seq) if has(seq))),
            "the feed has {:?} of {found} entries",
            told.facts
        );
        let history = History::new(calls, disk, floor, told)?;
        if history.truth.entries()[..found] != before.truth.entries()[..found] {
            return Err(format!("other entries than the {found} before"));
        }
        Ok(history)
    }
}

fn write_private(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600).open(path)?.write_all(bytes)
}
