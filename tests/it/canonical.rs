//! **Job:** holds that the report of `make bench` says what was measured, and of the rest why it was not.
//! **Owns:** books with known figures.
//! **Never:** measures anything.

#[path = "../../benches/canonical/figures.rs"]
mod figures;
#[path = "../../benches/canonical/report.rs"]
mod report;
#[path = "../../benches/canonical/statistics.rs"]
mod statistics;

use statistics::{Book, Spread};

const OVER: &str = "order at 64: CPU, µs";
const UNDER: &str = "plain POST at 64: CPU, µs";

#[test]
fn a_spread_is_of_the_values_in_order() {
    let spread = Spread::of(&[5.0, 1.0, 4.0, 2.0, 3.0]).expect("of something");
    assert_eq!((spread.least, spread.lower_quartile, spread.median), (1.0, 2.0, 3.0));
    assert_eq!((spread.upper_quartile, spread.most, spread.count), (4.0, 5.0, 5));
    assert_eq!(Spread::of(&[1.0, 2.0]).map(|spread| spread.median), Some(1.5));
    assert_eq!(Spread::of(&[]), None);
}

#[test]
fn a_ratio_is_made_within_its_round() {
    let mut book = Book::default();
    for (round, over, under) in [(0, 10.0, 10.0), (1, 40.0, 20.0), (2, 90.0, 30.0)] {
        book.enter(OVER, round, over);
        book.enter(UNDER, round, under);
    }
    book.enter(OVER, 3, 1_000.0);
    assert_eq!(book.ratios(OVER, UNDER), [1.0, 2.0, 3.0], "the round without a baseline has no ratio");
}

#[test]
fn what_was_not_measured_says_why_and_is_not_called_reached() {
    let mut book = Book::default();
    book.enter(OVER, 0, 13.0);
    book.enter(UNDER, 0, 10.0);
    book.fail("Redis", &anyhow::anyhow!("redis-server\ncannot be | started"));
    let lines = figures::lines(&book);
    let reached: Vec<_> = lines.iter().filter_map(|line| Some((line.measured?.median, line.reached))).collect();
    assert_eq!(reached, [(1.3, Some(true))]);
    assert!(lines.iter().all(|line| line.measured.is_some() != line.missing.is_some()));
    let machine = vec![("CPU", "a fast one".to_owned())];
    let page = report::markdown(&machine, &lines, &book);
    assert!(page.contains("| ≤ 1.4 | 1.30 | 1.30 to 1.30 | 1.30 to 1.30 | 1 | yes |"), "{page}");
    assert!(page.contains("| ≥ 2 | not measured: redis-server cannot be / started |"), "{page}");
    let json = report::json(&machine, &lines, &book);
    assert_eq!(json["series"][OVER]["0"], 13.0);
    assert_eq!(json["machine"]["CPU"], "a fast one");
}
