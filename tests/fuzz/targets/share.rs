//! **Job:** a share of the fuzzing in the tests: each input of the corpus, and some thousand that are like them.
//! **Owns:** how an input is changed, from a seed that is printed.
//! **Never:** looks for more coverage: `make fuzz-campaign` does.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use rand::rngs::SmallRng;
use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};

use super::{TARGETS, Target};

/// The inputs of a target.
fn corpus(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus").join(target);
    let mut paths: Vec<_> = fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.expect("a readable folder").path())
        .collect();
    paths.sort();
    paths.iter().map(|path| fs::read(path).expect("a readable file")).collect()
}

fn run((name, target): Target, input: &[u8]) {
    let run = catch_unwind(AssertUnwindSafe(|| target(input)));
    assert!(run.is_ok(), "{name} does not hold for {:?}", input.escape_ascii().to_string());
}

/// Like one of `corpus`, and not the same.
fn like(corpus: &[Vec<u8>], chance: &mut SmallRng) -> Vec<u8> {
    let mut input = corpus.choose(chance).expect("a corpus has inputs").clone();
    for _ in 0..chance.random_range(1..4) {
        let at = chance.random_range(0..=input.len());
        let until = chance.random_range(at..=input.len().min(at + 16));
        match chance.random_range(0..6) {
            0 if at < input.len() => input[at] ^= 1 << chance.random_range(0..8),
            1 if at < input.len() => input[at] = chance.random(),
            2 => drop(input.drain(at..until)),
            3 => {
                let piece = input[at..until].to_vec();
                drop(input.splice(at..at, piece));
            }
            4 => {
                let other = corpus.choose(chance).expect("a corpus has inputs");
                let from = chance.random_range(0..=other.len());
                input.truncate(at);
                input.extend_from_slice(&other[from..]);
            }
            _another => input.insert(at, *b"\0\n\r\"{}[]:,.-0189aZ\xff\x80 ".choose(chance).expect("some")),
        }
    }
    input
}

#[expect(clippy::disallowed_methods, reason = "a seed is how a failure is repeated")]
fn seed() -> u64 {
    let seed = std::env::var("TEST_SEED").map_or(20_261_129, |text| text.parse().expect("TEST_SEED is a number"));
    println!("seed: {seed} (TEST_SEED=n repeats it)");
    seed
}

/// Replays the corpus of a target, and `count` inputs that are like it.
fn replay(name: &str, count: usize) {
    let target = *TARGETS.iter().find(|(known, _)| *known == name).expect("a target");
    let corpus = corpus(name);
    for input in &corpus {
        run(target, input);
    }
    let mut chance = SmallRng::seed_from_u64(seed());
    for _ in 0..count {
        run(target, &like(&corpus, &mut chance));
    }
}

macro_rules! shares {
    ($($test:ident: $target:literal, $count:literal;)*) => {
        $(#[test]
        fn $test() {
            replay($target, $count);
        })*

        #[test]
        fn every_target_has_a_share() {
            let shared = [$($target),*];
            assert!(TARGETS.iter().all(|(name, _)| shared.contains(name)));
        }
    };
}

shares! {
    any_bytes_are_the_same_requests_to_us_and_to_the_http_library: "http_head", 20_000;
    any_bytes_are_answered_and_never_with_500: "http_answers", 1_000;
    an_order_is_taken_exactly_if_its_body_is_one: "order_body", 20_000;
    an_item_is_taken_only_if_it_can_be_sold: "item_body", 10_000;
    nobody_is_let_in_without_a_signed_token: "token", 5_000;
    a_configuration_is_taken_or_refused_in_words_and_shows_no_secret: "config", 500;
    a_catalogue_is_taken_or_refused_in_words: "catalogue", 3_000;
    nothing_of_ours_is_believed_unsigned: "webhook_own", 10_000;
    nothing_of_stripe_is_believed_unsigned: "webhook_stripe", 10_000;
    nothing_of_standard_webhooks_is_believed_unsigned: "webhook_standard", 10_000;
    nothing_of_wechat_is_believed_unsigned: "webhook_wechat", 5_000;
    nothing_of_alipay_is_believed_unsigned: "webhook_alipay", 5_000;
    the_inventory_reads_what_the_server_writes: "feed_entry", 20_000;
    the_books_of_the_inventory_survive_any_lines: "feed_lines", 1_000;
    a_line_of_the_ledger_says_the_same_when_it_is_written_again: "ledger_row", 20_000;
    no_lines_of_the_ledger_break_the_state: "ledger_fold", 20_000;
    a_start_on_a_changed_file_finds_what_was_acknowledged_or_refuses: "recovery", 300;
}
