//! **Job:** holds that the checker finds what is wrong for the right reason, and nothing where nothing is.
//! **Owns:** histories: written by hand, drawn by chance, and spoilt.
//! **Never:** runs a server: `tests/it/history.rs` does.

mod planted;
mod random;
mod search;
mod shop;

use super::*;
use crate::commands::history::Covers;
use shop::Shop;

/// What the checker says of a shop's history: the promises that are broken, with an example of each.
fn broken(shop: &Shop) -> Vec<(&'static str, String)> {
    let mut findings = Findings::default();
    history_of(shop, Covers::Everything).check(&mut findings);
    findings.broken()
}

fn history_of(shop: &Shop, covers: Covers) -> History {
    let mut names = Names::default();
    let mut operations = Operations::new(covers);
    for (line, operation) in (2..).zip(&shop.operations) {
        operations.push(line, operation, &mut names);
    }
    let mut ledger = Ledger::default();
    for row in &shop.rows {
        ledger.enter(row, &mut names);
    }
    History { names, operations, ledger }
}
