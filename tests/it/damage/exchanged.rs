//! **Job:** files that are missing, or that somebody brought back from an earlier day, in all combinations.
//! **Owns:** what the files that are left can prove.
//! **Never:** expects more than that.

use super::victim::{Victim, victim};
use super::{Campaign, LOG, MARK, SHARED, with};
use crate::recovery::{DATA_FILE, Folder};

/// What became of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Kept,
    Gone,
    /// Replaced by its copy of an earlier day.
    Older,
}

use Fate::{Gone, Kept, Older};

const FATES: [Fate; 3] = [Kept, Gone, Older];

fn files(victim: &Victim, fates: [(&str, Fate); 4]) -> Folder {
    let file = |(name, fate): &(&str, Fate)| match fate {
        Kept => Some(((*name).to_owned(), victim.files[*name].clone())),
        Older => Some(((*name).to_owned(), victim.older[*name].clone())),
        Gone => None,
    };
    fates.iter().filter_map(file).collect()
}

/// Whether nothing is left of the later day: then the start is one from an older copy, and nobody can know.
fn is_an_older_copy(data: Fate, log: Fate, mark: Fate) -> bool {
    data == Older && log == Older && mark != Kept
}

#[test]
fn log_index_and_mark_that_are_gone_or_older_give_the_same_data_or_are_refused_untouched() {
    let victim = victim();
    let mut campaign = Campaign::new();
    for data in [Kept, Older] {
        for log in FATES {
            for index in FATES {
                for mark in FATES {
                    let files = files(victim, [(DATA_FILE, data), (LOG, log), (SHARED, index), (MARK, mark)]);
                    let what = format!("data file {data:?}, log {log:?}, its index {index:?}, mark {mark:?}");
                    let is_older = is_an_older_copy(data, log, mark);
                    let written = if is_older { &victim.written_then } else { &victim.written };
                    campaign.try_start(&files, written, &what);
                }
            }
        }
    }
    campaign.end("files exchanged");
}

/// Whatever else is there, an empty or missing data file beside a log or a mark is not a new sale.
#[test]
fn a_data_file_that_is_empty_or_gone_beside_a_log_or_a_mark_is_refused_untouched() {
    let victim = victim();
    let mut campaign = Campaign::new();
    for data in [None, Some(&[][..])] {
        for (log, mark) in [(Kept, Kept), (Kept, Gone), (Gone, Kept)] {
            let files = files(victim, [(DATA_FILE, Kept), (LOG, log), (SHARED, log), (MARK, mark)]);
            let files = with(&files, DATA_FILE, data);
            let data = if data.is_some() { "empty" } else { "gone" };
            campaign.must_be_refused(&files, &format!("data file {data}, log {log:?}, mark {mark:?}"));
        }
    }
    campaign.end("data files empty or gone");
}

/// A mark that says more than the ledger holds, or something else.
#[test]
fn a_wrong_mark_is_refused_untouched() {
    let victim = victim();
    let mut campaign = Campaign::new();
    let entries = victim.written.entries.len();
    for mark in [
        format!("{:020} {:016x}\n", entries + 1, 7),
        format!("{entries:020} {:016x}\n", 7),
        format!("{:020} {:016x}\n", 3, 7),
    ] {
        let files = with(&victim.files, MARK, Some(mark.as_bytes()));
        campaign.must_be_refused(&files, &format!("mark {mark:?}"));
        // A journal that is nobody's does not change that.
        let files = with(&files, "doorbuster.db-journal", Some(b"not a journal"));
        campaign.must_be_refused(&files, &format!("mark {mark:?} and a -journal"));
    }
    campaign.end("wrong marks");
}
