//! **Job:** checks what is for sale.
//! **Owns:** which items are worth a word, and how many are named.
//! **Never:** changes an item, here or in the data file.

use doorbuster_actors::item::ItemDefinition;
use doorbuster_actors::time::{Clock, Timestamp};
use indicatif::HumanCount;

use super::finding::Finding;
use super::ledger::Books;
use crate::catalogue::{Differences, LEFT_ALONE};
use crate::config::Loaded;
use crate::server;

const NAME: &str = "items";

/// Items that are named in one finding: a line is read by people.
const MAX_NAMED: usize = 5;

/// The items of the catalogue; none where it cannot be used, which is then a finding.
pub(super) fn read(loaded: &Loaded) -> (Vec<Finding>, Vec<ItemDefinition>) {
    match server::catalogue(loaded) {
        Ok(items) => (Vec::new(), items),
        Err(error) => {
            let advice = "correct the file of catalogue.path; data/catalogue.toml explains its fields";
            (vec![Finding::fail("catalogue", error.to_string(), advice)], Vec::new())
        }
    }
}

/// What there is to say about the items of catalogue and data file.
pub(super) fn findings(catalogue: &[ItemDefinition], books: &Books) -> Vec<Finding> {
    // Without a ledger that contradicts it, the clock is the machine's.
    let now = Clock::start(Timestamp::default()).map_or_else(|_| Timestamp::default(), |clock| clock.now());
    judge(catalogue, &books.items, now)
}

fn judge(catalogue: &[ItemDefinition], known: &[ItemDefinition], now: Timestamp) -> Vec<Finding> {
    let find = |item: &ItemDefinition| known.iter().find(|known| known.id == item.id);
    if catalogue.is_empty() && known.is_empty() {
        let advice = "name a catalogue file in catalogue.path, or create items with doorbuster admin once it runs";
        return vec![Finding::warn(NAME, "nothing is for sale: no catalogue, and no item in the data file", advice)];
    }
    let new: Vec<_> = catalogue.iter().filter(|item| find(item).is_none()).collect();
    // What the data file knows counts.
    let all: Vec<_> = known.iter().chain(new.iter().copied()).collect();
    let meant: Vec<_> = catalogue.iter().map(|item| find(item).unwrap_or(item)).collect();
    let mut findings = vec![Finding::ok(NAME, sizes(&all, new.len()))];
    let mut tell = |items: Vec<&ItemDefinition>, what: &str, advice: &str| {
        if !items.is_empty() {
            findings.push(Finding::warn(NAME, format!("{what}: {}", named(&items)), advice));
        }
    };
    let is_over = |item: &&ItemDefinition| item.closes_at.is_some_and(|end| end <= now);
    let (over, ahead): (Vec<_>, Vec<_>) = meant.into_iter().partition(is_over);
    tell(
        over,
        "the sale is over already",
        "correct closes_at in the catalogue, or doorbuster admin set ITEM --closes-at …",
    );
    let is_open = |item: &&ItemDefinition| item.opens_at.is_some_and(|start| start <= now) && find(item).is_none();
    let open = ahead.iter().copied().filter(is_open).collect();
    tell(open, "opens in the past, so at the first moment of the start", "correct opens_at, unless that is meant");
    let empty = new.iter().copied().filter(|item| item.stock == 0).collect();
    tell(empty, "has no stock", "correct stock, unless a restock is to come: doorbuster admin restock ITEM N");
    let differences = Differences::between(catalogue, |item| find(item).cloned().map(Box::new));
    findings.extend(differences.map(|differences| {
        let found = format!("the data file has them otherwise than the catalogue, and counts: {differences}");
        Finding::warn("catalogue", found, LEFT_ALONE)
    }));
    findings
}

fn sizes(all: &[&ItemDefinition], new: usize) -> String {
    let units: u64 = all.iter().map(|item| u64::from(item.stock)).sum();
    let mut currencies: Vec<_> = all.iter().map(|item| item.currency.to_string()).collect();
    currencies.sort_unstable();
    currencies.dedup();
    format!(
        "{} items, {} of them new, with {} units in {}",
        HumanCount(all.len() as u64),
        HumanCount(new as u64),
        HumanCount(units),
        currencies.join(", ")
    )
}

fn named(items: &[&ItemDefinition]) -> String {
    let names: Vec<_> = items.iter().take(MAX_NAMED).map(|item| item.id.to_string()).collect();
    match items.len().saturating_sub(MAX_NAMED) {
        0 => names.join(", "),
        more => format!("{} and {more} more", names.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Level;
    use super::*;
    use crate::catalogue::parse;

    fn item(id: &str, fields: &str) -> ItemDefinition {
        let text = format!("[[item]]\nid = {id:?}\ntitle = \"A\"\nunit_price = 1\ncurrency = \"EUR\"\n{fields}");
        parse(&text).expect("valid").remove(0)
    }

    fn told(catalogue: &[ItemDefinition], known: &[ItemDefinition]) -> String {
        let now = "2030-01-01T12:00:00Z".parse().expect("valid");
        let found = judge(catalogue, known, now).into_iter().filter(|finding| finding.level != Level::Ok);
        found.map(|finding| finding.found).collect::<Vec<_>>().join("; ")
    }

    #[test]
    fn items_that_will_not_sell_as_meant_are_named() {
        assert_eq!(told(&[item("a", "stock = 1\nopens_at = \"2030-01-01T13:00:00Z\"")], &[]), "");
        let over = item("a", "stock = 1\ncloses_at = \"2030-01-01T12:00:00Z\"");
        assert_eq!(told(std::slice::from_ref(&over), &[]), "the sale is over already: a");
        let open = item("b", "stock = 1\nopens_at = \"2030-01-01T11:00:00Z\"");
        assert!(told(std::slice::from_ref(&open), &[]).starts_with("opens in the past"));
        assert_eq!(told(std::slice::from_ref(&open), std::slice::from_ref(&open)), "", "its sale has begun");
        assert_eq!(told(&[item("c", "stock = 0")], &[]), "has no stock: c");
        assert!(told(&[], &[]).starts_with("nothing is for sale"));
        assert!(told(&[item("d", "stock = 2")], &[item("d", "stock = 1")]).ends_with("d (stock)"));
    }

    #[test]
    fn no_more_items_are_named_than_a_line_holds() {
        let many: Vec<_> = (0..8).map(|number| item(&format!("i{number}"), "stock = 0")).collect();
        assert_eq!(told(&many, &[]), "has no stock: i0, i1, i2, i3, i4 and 3 more");
    }
}
