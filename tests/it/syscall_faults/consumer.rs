//! **Job:** one life of an inventory under a fault, the next one without it, and what has to be true of both.
//! **Owns:** the feed that both read, and the files that the first one begins with.
//! **Never:** forgives: whatever is not written down here as allowed is a violation, and ends the run with its reason.

use std::path::Path;
use std::process::ExitStatus;
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::sale::RECOVERS_WITHIN;
use super::tracer::{Seen, Strike, Tracing, Watch, threads};
use super::{Report, ending};
use crate::inventory::feed::{Feed, books, sale};
use crate::recovery::{Folder, lay_out, look};
use crate::support::{ADMIN_TOKEN, Inventory};

/// Entries of the feed: those of about fifty orders.
const ENTRIES: usize = 120;
/// Entries that come at a time. Each time is a transaction, and after sixteen of them the log is copied.
const AT_A_TIME: usize = 6;
/// How long to wait for one that cannot write any more.
const GIVES_UP_AFTER: Duration = Duration::from_millis(500);

/// What an inventory begins with: nothing, or what a killed one has left.
#[derive(Debug, Clone, Default)]
pub(crate) struct Depot {
    files: Folder,
    /// Entries that the killed one has confirmed.
    before: usize,
}

impl Depot {
    /// After an inventory that was killed in the middle of the feed.
    pub(crate) fn after_a_kill() -> Self {
        let (lines, before) = (sale(ENTRIES), 10 * AT_A_TIME);
        let feed = Feed::start(ADMIN_TOKEN, lines[..before].to_vec());
        let mut inventory = Inventory::of(&feed.url());
        inventory.start();
        inventory.wait_for_cursor(before);
        inventory.kill9();
        feed.close();
        let mut files = look(folder_of(&inventory.data_file()));
        files.retain(|name, _| name.starts_with("inventory.db"));
        Self { files, before }
    }

    /// One life under a fault (or none), and the next one without.
    pub(crate) fn run(&self, watch: Watch<'_>) -> Report {
        let lines = sale(ENTRIES);
        let feed = Feed::start(ADMIN_TOKEN, lines[..self.before].to_vec());
        let mut inventory = Inventory::of(&feed.url());
        lay_out(folder_of(&inventory.data_file()), &self.files);
        let (status, was_ready, seen) = self.live(&mut inventory, &feed, watch);
        let log = inventory.log();
        assert!(!log.contains("panicked"), "panicked: {log}");
        let ending = ending(status, was_ready, watch);

        feed.replace(lines.clone());
        let started = inventory.under(&[]).try_start();
        started.unwrap_or_else(|status| panic!("lost: does not start again: {status}\n{}", inventory.log()));
        inventory.wait_for_cursor(lines.len());
        assert!(inventory.terminate().success(), "the inventory that nothing disturbs: {}", inventory.log());
        assert_eq!(inventory.on_disk(), (lines.len(), 0, books(&lines)), "lost or oversold: {}", inventory.log());
        let asked = feed.asked();
        assert!(asked.is_sorted(), "lost: the confirmed cursor went back: {asked:?}");
        feed.close();
        Report { ending, seen }
    }

    /// A whole life: start, the feed, orderly end; or as much of it as there is. How it ended, and whether it was ever
    /// ready.
    fn live(&self, inventory: &mut Inventory, feed: &Feed, watch: Watch<'_>) -> (ExitStatus, bool, Seen) {
        let mut tracing = Tracing::new(watch);
        let (status, was_ready) = match inventory.under(&tracing.wrapper()).try_start() {
            Err(status) => (status, false),
            Ok(()) => {
                tracing.attach(|| {
                    // It listens before it begins to work.
                    feed.wait_for_first_request();
                    worker_of(inventory.id())
                });
                let is_there = self.feed_all(inventory, feed, watch);
                (if is_there { inventory.terminate() } else { inventory.ended() }, true)
            }
        };
        (status, was_ready, tracing.finish(folder_of(&inventory.data_file())))
    }

    /// Lets the entries come, and each time waits until they are confirmed. `false` if the inventory has ended.
    fn feed_all(&self, inventory: &mut Inventory, feed: &Feed, watch: Watch<'_>) -> bool {
        let lines = sale(ENTRIES);
        let passes = !matches!(watch, Watch::Strike(Strike { fault, .. }) if !fault.passes());
        let patience = if passes { RECOVERS_WITHIN } else { GIVES_UP_AFTER };
        for come in lines[self.before..].chunks(AT_A_TIME) {
            feed.append(come);
            let (begun, wanted) = (Instant::now(), feed.length());
            while feed.asked().last() != Some(&wanted) {
                if !inventory.is_alive() {
                    return false;
                }
                if begun.elapsed() > patience {
                    assert!(!passes, "does not recover: {} of {wanted}: {}", inventory.stock(), inventory.log());
                    return true;
                }
                sleep(Duration::from_millis(1));
            }
        }
        true
    }
}

fn folder_of(file: &Path) -> &Path {
    file.parent().expect("it lies in a folder")
}

/// The thread that applies entries.
fn worker_of(process: u32) -> u32 {
    let threads = threads(process);
    let worker = threads.iter().find(|(_, name)| name == "inventory");
    worker.unwrap_or_else(|| panic!("no worker among {threads:?}")).0
}
