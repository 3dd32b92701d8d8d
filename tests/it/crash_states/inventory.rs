//! **Job:** the same crashes under the real inventory: what it has confirmed is in its books, once, after any of them.
//! **Owns:** the recording of an inventory, and what its books must be.
//! **Never:** asks the inventory what it should have found: the feed's entries say it.

use std::fs;
use std::path::Path;

use doorbuster_actors::data_file::{Creation, DataFile, DataFileError, look};
use rusqlite::Connection;

use super::answers::{Fact, Told, facts};
use super::disk::{Disk, Image};
use super::history::{History, Need, Needs};
use super::scratch::Seen;
use super::states::{Effort, MODELS, Tallies, Trial, is_tried, merge, steps};
use super::trace::Call;
use super::tracer::Tracer;
use super::truth::{Outcome, Start};
use crate::inventory::feed::{Feed, books, sale};
use crate::support::{ADMIN_TOKEN, Books, Inventory};

const DATA_FILE: &str = "inventory.db";
/// Entries that come at a time: each time is a commit.
const BATCH: usize = 6;
/// Entries of each process, one after the other: enough for a checkpoint in its middle, and less.
const DAYS: [usize; 3] = [20 * BATCH, 8 * BATCH, 4 * BATCH];
/// What a client of the feed says that it has.
const CONFIRMS: &str = "GET /v1/feed?after=";

/// What follows from the entries of the feed alone.
struct Feeds {
    lines: Vec<String>,
}

impl Feeds {
    fn look(&self, data_file: &Path) -> Result<usize, String> {
        // A file that is not there yet is made by a start, and knows nothing.
        let claimed =
            DataFile::claim(data_file, Creation::Allowed, |_draft| Err(DataFileError::Missing(data_file.into())));
        let file = match claimed {
            Err(DataFileError::Missing(_)) => return Ok(0),
            claimed => claimed.map_err(|error| error.to_string())?,
        };
        let text = |error: rusqlite::Error| error.to_string();
        let connection = look::connect(file.path()).map_err(text)?;
        let cursor: i64 = connection.query_row("SELECT seq FROM cursor", [], |row| row.get(0)).map_err(text)?;
        let cursor = usize::try_from(cursor).map_err(|error| error.to_string())?;
        let found = books_of(&connection).map_err(text)?;
        let dead: i64 = connection.query_row("SELECT count(*) FROM dead_letter", [], |row| row.get(0)).map_err(text)?;
        let expected = books(self.lines.get(..cursor).ok_or("further than the feed")?);
        if (&found, dead) == (&expected, 0) { Ok(cursor) } else { Err(format!("after {cursor} entries: {found:?}")) }
    }
}

fn books_of(connection: &Connection) -> rusqlite::Result<Books> {
    let mut items = connection.prepare("SELECT item_id, stock, allocated, shipped FROM item")?;
    let items = items.query_map([], |row| Ok((row.get(0)?, (row.get(1)?, row.get(2)?, row.get(3)?))))?;
    items.collect()
}

impl Start for Feeds {
    fn start(&self, data_file: &Path) -> Outcome {
        self.look(data_file).map_or_else(Outcome::Wrong, Outcome::Entries)
    }
}

/// How far it has told that it is: to who asks, and to the feed.
fn told(calls: &[Call]) -> Needs {
    let Told { facts, .. } = facts(calls, &[]);
    let confirmed = calls.iter().enumerate().filter_map(|(step, call)| {
        let Call::Send { bytes, .. } = call else { return None };
        let request = String::from_utf8_lossy(bytes);
        let (after, _) = request.strip_prefix(CONFIRMS)?.split_once('&')?;
        Some((step, Fact::Entry(after.parse().ok()?)))
    });
    let need = |(told_at, fact)| match fact {
        Fact::Entry(seq) => Some(Need { told_at, entries: usize::try_from(seq).ok()?, fact }),
        Fact::Order(_) | Fact::Obeyed { .. } | Fact::Reported { .. } | Fact::Done { .. } => None,
    };
    Needs::new(0, facts.into_iter().chain(confirmed).filter_map(need).collect())
}

fn history(calls: Vec<Call>, disk: Disk, lines: &[String]) -> History<Feeds> {
    let needs = told(&calls);
    assert!(needs.count() > 0, "it has told nothing");
    History { calls, disk, needs, truth: Feeds { lines: lines.to_vec() } }
}

/// Three processes on one file: killed, ended cleanly, killed; each at rest, as in a recorded sale.
fn record(lines: &[String]) -> History<Feeds> {
    let (feed, tracer) = (Feed::start(ADMIN_TOKEN, Vec::new()), Tracer::new());
    let mut inventory = Inventory::of(&feed.url());
    inventory.under(&tracer.command());
    let folder = inventory.data_file().parent().expect("a folder").canonicalize().expect("it is there");
    let mut done = 0;
    for (day, length) in DAYS.into_iter().enumerate() {
        inventory.start();
        for batch in lines[done..][..length].chunks(BATCH) {
            feed.append(batch);
            done += batch.len();
            inventory.wait_for_cursor(done);
        }
        let process = inventory.id();
        if day == 1 {
            assert!(inventory.terminate().success(), "{}", inventory.log());
        } else {
            inventory.kill9();
        }
        tracer.wait_for_end(process);
    }
    let disk = Disk::new(folder.to_str().expect("temporary paths are text"), DATA_FILE);
    history(tracer.calls(), disk, lines)
}

/// A real start on what a killed process left, whose writes of then may still be lost.
fn start_again(disk: &Disk, image: &Image, lines: &[String]) -> History<Feeds> {
    let (feed, tracer) = (Feed::start(ADMIN_TOKEN, lines.to_vec()), Tracer::new());
    let mut inventory = Inventory::of(&feed.url());
    inventory.under(&tracer.command());
    let folder = inventory.data_file().parent().expect("a folder").canonicalize().expect("it is there");
    for (name, bytes) in image {
        fs::write(folder.join(name), bytes).expect("room");
    }
    inventory.start();
    inventory.wait_for_cursor(lines.len());
    let process = inventory.id();
    inventory.kill9();
    tracer.wait_for_end(process);
    history(tracer.calls(), disk.clone().moved_to(folder.to_str().expect("temporary paths are text")), lines)
}

/// What came of the crashes of an inventory, and of the crashes of some of the starts after that.
pub(crate) fn crash_inventory(effort: Effort, starts: usize) -> (Tallies, Tallies) {
    let lines: Vec<String> = sale(DAYS.iter().sum::<usize>() + 10).into_iter().take(DAYS.iter().sum()).collect();
    let (recording, seen) = (record(&lines), Seen::default());
    let first = Trial::of(&recording).crash_everywhere(&MODELS, effort, &seen);
    // A commit that is written and not synced is what a second crash can take.
    let is_commit = |call: Option<&Call>| matches!(call, Some(Call::Sync { path }) if path.ends_with("-wal"));
    let calls = &recording.calls;
    let commits = steps(calls).filter(|(_, call)| is_commit(*call)).count();
    let stride = (commits / starts).max(1);
    let (mut disk, mut nth, mut again) = (recording.disk.clone(), 0, Tallies::new());
    for (step, call) in steps(calls) {
        if is_commit(call) && is_tried(&disk, step, call, Effort { stride: 1, ..effort }) {
            nth += 1;
            if nth % stride == 0 {
                let second = start_again(&disk, &disk.ordered(), &lines);
                merge(&mut again, Trial::of(&second).crash_everywhere(&MODELS, effort, &seen));
            }
        }
        if let Some(call) = call {
            disk.apply(call);
        }
    }
    (first, again)
}
