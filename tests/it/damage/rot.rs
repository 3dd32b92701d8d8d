//! **Job:** bit rot: one bit flipped in each of thousands of bytes of data file, log and mark.
//! **Owns:** the sample and its seed.
//! **Never:** flips a bit of two bytes at once.

use std::collections::BTreeSet;

use rand::rngs::StdRng;
use rand::seq::index::sample;
use rand::{RngExt, SeedableRng};

use super::shown::{differing, shown};
use super::victim::{setup, victim};
use super::{Campaign, LOG, MARK};
use crate::recovery::{DATA_FILE, Folder, Found, differences, fast_folder, lay_out, look, recover};
use crate::support::seed;

/// Bytes in which a bit is flipped: all of the mark, as many of the data file as said here, the rest of the log.
const FLIPS: usize = 3_000;
const FLIPS_OF_THE_DATA_FILE: usize = 1_400;

/// Bytes of the data file after a clean end. Without a log nothing stands in for its pages.
const FLIPS_AFTER_A_CLEAN_END: usize = 1_500;

/// Flips that a whole server starts from.
const WHOLE_SERVERS: usize = 24;

/// The exit code of a storage that cannot be used.
const EXIT_STORAGE: i32 = 74;

/// One bit.
#[derive(Debug, Clone, Copy)]
struct Flip {
    file: &'static str,
    byte: usize,
    bit: u8,
}

impl Flip {
    fn of(self, files: &Folder) -> Folder {
        let mut files = files.clone();
        files.get_mut(self.file).expect("a file of the server").1[self.byte] ^= 1 << self.bit;
        files
    }
}

#[expect(clippy::disallowed_methods, reason = "a campaign is asked for by the environment")]
fn every_byte() -> bool {
    std::env::var("BIT_ROT").is_ok_and(|text| text == "every")
}

/// A bit of so many bytes of each of these files, in their order.
fn flips(files: &Folder, wanted: &[(&'static str, usize)], chance: &mut StdRng) -> Vec<Flip> {
    let mut flips = Vec::new();
    for (file, wanted) in wanted {
        let length = files[*file].1.len();
        let wanted = if every_byte() { length } else { length.min(*wanted) };
        let bytes: BTreeSet<usize> = sample(chance, length, wanted).into_iter().collect();
        flips.extend(bytes.into_iter().map(|byte| Flip { file, byte, bit: chance.random_range(0..8) }));
    }
    flips
}

fn flips_after_a_kill(files: &Folder, chance: &mut StdRng) -> Vec<Flip> {
    let mark = files[MARK].1.len();
    let wanted = [(DATA_FILE, FLIPS_OF_THE_DATA_FILE), (LOG, FLIPS - FLIPS_OF_THE_DATA_FILE - mark), (MARK, mark)];
    flips(files, &wanted, chance)
}

#[test]
fn one_flipped_bit_changes_nothing_or_the_start_is_refused_and_touches_nothing() {
    let victim = victim();
    let flips = flips_after_a_kill(&victim.files, &mut StdRng::seed_from_u64(seed()));
    assert!(flips.len() >= FLIPS, "{} bytes only", flips.len());
    rot(&victim.files, &victim.written, &flips, "after a kill");
}

#[test]
fn one_flipped_bit_after_a_clean_end_changes_nothing_or_is_refused_too() {
    let victim = victim();
    let wanted = [(DATA_FILE, FLIPS_AFTER_A_CLEAN_END), (MARK, victim.closed[MARK].1.len())];
    let flips = flips(&victim.closed, &wanted, &mut StdRng::seed_from_u64(seed()));
    rot(&victim.closed, &victim.written_by_close, &flips, "after a clean end");
}

fn rot(files: &Folder, written: &Found, flips: &[Flip], when: &str) {
    let mut campaign = Campaign::new();
    let data_file = campaign.scratch.path().join(DATA_FILE);
    assert!(campaign.try_start(files, written, "the files as they are"));
    let before = shown(&data_file);
    let mut unnoticed = Vec::new();
    for flip in flips {
        let is_same = campaign.try_start(&flip.of(files), written, &format!("{flip:?}"));
        let shows_else = if is_same { differing(&before, &shown(&data_file)) } else { Vec::new() };
        if !shows_else.is_empty() {
            unnoticed.push(format!("{} byte {} bit {}: {}", flip.file, flip.byte, flip.bit, shows_else.join(", ")));
        }
    }
    // The server reads none of this; `doorbuster verify` does.
    println!("{when}: {} flips that change nothing but what the views show", unnoticed.len());
    for line in &unnoticed {
        println!("  {line}");
    }
    campaign.end(&format!("{} flipped bits {when}", flips.len()));
}

/// Some of the same, with the whole program around it: its exit code, and the files it leaves.
#[test]
fn a_server_before_a_flipped_bit_sells_on_or_ends_with_74_and_leaves_everything() {
    let victim = victim();
    let mut chance = StdRng::seed_from_u64(seed());
    let all = flips_after_a_kill(&victim.files, &mut chance);
    let (mut ready, mut refused) = (0, 0);
    for index in sample(&mut chance, all.len(), WHOLE_SERVERS) {
        let (flip, folder) = (all[index], fast_folder());
        let files = flip.of(&victim.files);
        lay_out(folder.path(), &files);
        let data_file = folder.path().join(DATA_FILE);
        match setup().set("storage.path", &format!("{data_file:?}")).try_start() {
            Ok(server) => {
                drop(server);
                let found = recover(&data_file).expect("as the server found it");
                assert!(found == victim.written, "{flip:?}: sells on from {} entries", found.entries.len());
                ready += 1;
            }
            Err(stopped) => {
                assert_eq!(stopped.status.code(), Some(EXIT_STORAGE), "{flip:?}: {stopped}");
                let touched = differences(&files, &look(folder.path()));
                assert!(touched.is_empty(), "{flip:?}: refused, but {}: {stopped}", touched.join(", "));
                refused += 1;
            }
        }
    }
    println!("{ready} servers sold on, {refused} refused");
    assert!(refused > 0);
}
