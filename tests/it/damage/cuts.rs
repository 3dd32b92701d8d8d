//! **Job:** files that were cut: data file and log at every sector, the mark at every byte.
//! **Owns:** the places.
//! **Never:** cuts two files at once.

use super::victim::victim;
use super::{Campaign, LOG, MARK, with};
use crate::recovery::DATA_FILE;

/// What a file system cuts at, at the finest.
const SECTOR: usize = 512;

#[test]
fn a_file_that_was_cut_anywhere_gives_the_same_data_or_is_refused_untouched() {
    let victim = victim();
    let mut campaign = Campaign::new();
    for (file, step) in [(DATA_FILE, SECTOR), (LOG, SECTOR), (MARK, 1)] {
        let bytes = &victim.files[file].1;
        for length in (0..bytes.len()).step_by(step) {
            let files = with(&victim.files, file, Some(&bytes[..length]));
            campaign.try_start(&files, &victim.written, &format!("{file} cut to {length} of {} bytes", bytes.len()));
        }
    }
    campaign.end("files cut");
}

/// A file that was begun again, or whose end was never written: as long as before, but empty from there on.
#[test]
fn a_file_whose_end_is_zeros_gives_the_same_data_or_is_refused_untouched() {
    let victim = victim();
    let mut campaign = Campaign::new();
    for file in [DATA_FILE, LOG] {
        let bytes = &victim.files[file].1;
        for length in (0..bytes.len()).step_by(8 * SECTOR) {
            let mut zeroed = bytes.clone();
            zeroed[length..].fill(0);
            let files = with(&victim.files, file, Some(&zeroed));
            campaign.try_start(&files, &victim.written, &format!("{file} with zeros from byte {length}"));
        }
    }
    campaign.end("files that end in zeros");
}
