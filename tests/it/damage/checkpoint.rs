//! **Job:** a power cut while the log is copied into the data file: any of the pages may be there, in any order.
//! **Owns:** the choices of pages.
//! **Never:** damages a page.

use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::index::sample;
use rusqlite::Connection;
use rusqlite::config::DbConfig;

use super::victim::victim;
use super::{Campaign, LOG, SHARED, with};
use crate::recovery::{DATA_FILE, Folder, fast_folder, lay_out, look};
use crate::support::seed;

const PAGE: usize = 4096;

/// Choices that are tried: all of ten pages, and of more as many by chance.
const CHOICES: usize = 1 << 10;

/// The victim's files after `change`, and its data file after the log was copied.
fn before_and_after(change: &str) -> (Folder, Vec<u8>) {
    let folder = fast_folder();
    lay_out(folder.path(), &victim().files);
    let connection = Connection::open(folder.path().join(DATA_FILE)).expect("a database");
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).expect("a setting");
    connection.execute_batch(change).expect("a change that the schema knows");
    let before = look(folder.path());
    let busy: i64 = connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| row.get(0)).expect("a log");
    assert_eq!(busy, 0);
    // Its locks are in there; it is made anew.
    (with(&before, SHARED, None), look(folder.path())[DATA_FILE].1.clone())
}

/// The first data file, with those pages of the second that are in `choice`, a bit a page.
fn with_pages(before: &[u8], after: &[u8], choice: usize) -> Vec<u8> {
    let mut bytes = before.to_vec();
    for (page, copied) in after.chunks(PAGE).enumerate().filter(|(page, _)| choice & 1 << page != 0) {
        bytes.resize(bytes.len().max((page + 1) * PAGE), 0);
        bytes[page * PAGE..(page + 1) * PAGE].copy_from_slice(copied);
    }
    bytes
}

#[test]
fn a_power_cut_while_the_log_is_copied_loses_nothing_whichever_pages_were_copied() {
    let (victim, mut chance) = (victim(), StdRng::seed_from_u64(seed()));
    for (when, change) in [("in the middle of a sale", ""), ("at its end", "UPDATE session SET is_open = 0")] {
        let mut campaign = Campaign::new();
        let (before, after) = before_and_after(change);
        let pages = after.len() / PAGE;
        assert!(before.contains_key(LOG) && pages >= 8, "{pages} pages");
        let choices = sample(&mut chance, 1 << pages, CHOICES.min(1 << pages));
        for choice in choices {
            let copied = with_pages(&before[DATA_FILE].1, &after, choice);
            let files = with(&before, DATA_FILE, Some(&copied));
            campaign.must_start(&files, &victim.written, &format!("{when}, pages {choice:b} copied"));
        }
        campaign.end(&format!("checkpoints cut {when}"));
    }
}
