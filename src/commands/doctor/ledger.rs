//! **Job:** checks the data file, and finds out how many orders there are and may come.
//! **Owns:** what one order takes in memory and on disk.
//! **Never:** audits (`verify` does), makes a file, or holds its view of one for longer than one look.

use std::collections::HashMap;
use std::path::Path;

use doorbuster_actors::item::ItemDefinition;
use doorbuster_actors::ledger::{LedgerError, definitions, format};
use doorbuster_actors::time::Timestamp;
use indicatif::HumanCount;

use super::finding::Finding;
use crate::commands::cluster;
use crate::commands::data_file::{DataFile, DataFileError};
use crate::commands::mark::{Binding, Mark};
use crate::config::Config;

const NAME: &str = "data-file";

/// Bytes of a live order in memory, and of an item (benches/RESULTS.md).
const ORDER_IN_MEMORY: u64 = 151;
const ITEM_IN_MEMORY: u64 = 567;

/// Bytes on disk of an order with the names of UUIDs: its entry (128) and that of its payment (86).
const ORDER_ON_DISK: u64 = 214;

/// Bytes of the log, which is copied when it has half of that.
const LOG: u64 = 32 << 20;

/// What is in the data file.
#[derive(Debug, Default)]
pub(super) struct Books {
    /// The items, as they are defined now.
    pub(super) items: Vec<ItemDefinition>,
    /// Units that nobody holds, of all items that are there.
    remaining: u64,
    orders: u64,
    entries: u64,
    /// When the last entry was decided; none if there is none.
    pub(super) newest: Option<Timestamp>,
}

/// How large the sale may become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Planned {
    items: u64,
    /// Orders that are in the data file.
    orders: u64,
    /// Orders that may come: one for every unit that is left.
    pub(super) units: u64,
}

impl Planned {
    /// With the catalogue's new items on top of what the data file has.
    pub(super) fn of(books: &Books, catalogue: &[ItemDefinition]) -> Self {
        let is_new = |item: &&ItemDefinition| books.items.iter().all(|known| known.id != item.id);
        let new: Vec<_> = catalogue.iter().filter(is_new).collect();
        let stock: u64 = new.iter().map(|item| u64::from(item.stock)).sum();
        Self {
            items: (books.items.len() + new.len()) as u64,
            orders: books.orders,
            units: books.remaining.saturating_add(stock),
        }
    }

    /// Bytes that all orders will take in memory.
    pub(super) fn memory(self) -> u64 {
        (self.orders.saturating_add(self.units)).saturating_mul(ORDER_IN_MEMORY) + self.items * ITEM_IN_MEMORY
    }

    /// Bytes that the orders to come will take on disk, with the log.
    pub(super) fn disk(self) -> u64 {
        self.units.saturating_mul(ORDER_ON_DISK) + LOG
    }

    /// For how many orders `bytes` on disk are enough.
    pub(super) fn orders_in(bytes: u64) -> u64 {
        bytes.saturating_sub(LOG) / ORDER_ON_DISK
    }
}

/// Whether a server, or anybody else, has the data file open now.
pub(super) fn has_server(path: &Path) -> bool {
    format::is_open_elsewhere(&format::real_path(path)).unwrap_or(false)
}

/// Reads the data file, if there is one.
pub(super) fn read(config: &Config, is_running: bool) -> (Vec<Finding>, Books) {
    let (path, create) = (&config.storage.path, config.storage.create);
    match DataFile::open(path) {
        Ok(file) => match books(&file) {
            Ok(books) => {
                let mut findings = judge(&file, &books, is_running, create);
                findings.extend(node(config, &file));
                (findings, books)
            }
            Err(error) => (vec![damaged(path, &error.to_string())], Books::default()),
        },
        Err(error) => (vec![judge_error(path, &error, create)], Books::default()),
    }
}

fn books(file: &DataFile) -> Result<Books, LedgerError> {
    let items = definitions(&file.connection)?;
    let mut balances: HashMap<i64, u64> = HashMap::new();
    let mut books = Books { items, ..Books::default() };
    let mut entries = file.connection.prepare("SELECT kind, item, remaining, at FROM ledger ORDER BY seq")?;
    let mut rows = entries.query([])?;
    while let Some(row) = rows.next()? {
        let kind: i64 = row.get(0)?;
        balances.insert(row.get(1)?, row.get::<_, i64>(2)?.unsigned_abs());
        books.newest = Some(Timestamp::from_millis(row.get(3)?));
        books.entries += 1;
        books.orders += u64::from(kind == PLACED);
    }
    let mut there = file.connection.prepare("SELECT item FROM items")?;
    let there = there.query_map([], |row| row.get::<_, i64>(0))?;
    for item in there {
        books.remaining += balances.get(&item?).copied().unwrap_or_default();
    }
    Ok(books)
}

/// Whether the file is this node's, where there are several.
fn node(config: &Config, file: &DataFile) -> Option<Finding> {
    let found = match cluster::stranger(config, file) {
        Ok(stranger) => stranger?,
        Err(error) => error.to_string(),
    };
    let advice = "take the list back, or see what would move: doorbuster cluster moves";
    Some(Finding::fail("cluster.nodes", found, advice))
}

/// `entry_kind` of an order that is placed.
const PLACED: i64 = 2;

fn judge(file: &DataFile, books: &Books, is_running: bool, create: bool) -> Vec<Finding> {
    let path = file.path.display();
    if let Some(lost) = &file.lost_log {
        return vec![damaged(&file.path, lost)];
    }
    let mut findings = match &file.mark {
        Mark::Acknowledged { seq, binding: Binding::Always, .. } if *seq > books.entries => {
            let short = format!("it ends at entry {}, but up to {seq} was acknowledged", books.entries);
            return vec![damaged(&file.path, &short)];
        }
        Mark::Missing | Mark::Unreadable if books.entries > 0 => vec![Finding::warn(
            NAME,
            format!("{path} has no mark that can be read beside it: entries that are missing at its end go unnoticed"),
            format!("put {path}.mark back, if there is one; doorbuster verify --db {path}"),
        )],
        Mark::Acknowledged { .. } | Mark::Missing | Mark::Unreadable => {
            let (entries, orders) = (HumanCount(books.entries), HumanCount(books.orders));
            let running = if is_running { ", and a server runs on it" } else { "" };
            vec![Finding::ok(
                NAME,
                format!("{path}: schema {}, {entries} entries, {orders} orders{running}", file.version),
            )]
        }
    };
    if create {
        findings.push(Finding::warn(
            "storage.create",
            "a data file that is missing would be made, though the sale exists: on a volume that was not mounted the \
             stock would be sold a second time",
            "set storage.create = false",
        ));
    }
    findings
}

fn judge_error(path: &Path, error: &DataFileError, create: bool) -> Finding {
    let shown = path.display();
    match error {
        DataFileError::File { source, .. } if source.kind() == std::io::ErrorKind::NotFound => {
            if create {
                Finding::ok(NAME, format!("there is none at {shown}: the first start makes it"))
            } else {
                let advice = "is the volume mounted? To begin a new sale: --set storage.create=true, for one start";
                Finding::fail(NAME, format!("there is none at {shown}, and storage.create is false"), advice)
            }
        }
        DataFileError::Blank(_) | DataFileError::Empty(_) => {
            let advice = "if orders should be in it: data/README.md, “Salvage”; otherwise the first start fills it";
            Finding::warn(NAME, error.to_string(), advice)
        }
        DataFileError::Newer { .. } => {
            let advice = "install the version that wrote it; doorbuster --version says which one this is";
            Finding::fail(NAME, error.to_string(), advice)
        }
        DataFileError::File { .. } => {
            Finding::fail(NAME, error.to_string(), format!("run it as the user of the server; ls -l {shown}"))
        }
        DataFileError::Foreign { .. } | DataFileError::NotAFile(_) => {
            Finding::fail(NAME, error.to_string(), "correct storage.path")
        }
        DataFileError::Gone(_)
        | DataFileError::Journal(_)
        | DataFileError::LogRemoved(_)
        | DataFileError::NotWhole(_)
        | DataFileError::Changed(_)
        | DataFileError::Damaged { .. }
        | DataFileError::Sqlite { .. }
        | DataFileError::Output(_) => damaged(path, &error.to_string()),
    }
}

fn damaged(path: &Path, what: &str) -> Finding {
    let path = path.display();
    let advice = format!("leave all files as they are; doorbuster verify --db {path}; data/README.md, “Salvage”");
    Finding::fail(NAME, format!("{path}: {what}"), advice)
}

#[cfg(test)]
mod tests {
    use super::super::finding::Level;
    use super::*;

    #[test]
    fn every_unit_that_is_left_may_become_an_order() {
        let text = "[[item]]\nid = \"a\"\ntitle = \"A\"\nunit_price = 1\ncurrency = \"EUR\"\nstock = 1000\n";
        let catalogue = crate::catalogue::parse(text).expect("valid");
        let new = Planned::of(&Books::default(), &catalogue);
        assert_eq!((new.units, new.memory()), (1_000, 1_000 * 151 + 567));
        assert_eq!((new.disk(), Planned::orders_in(new.disk())), (1_000 * 214 + LOG, 1_000));
        let books = Books { items: catalogue.clone(), remaining: 400, orders: 600, ..Books::default() };
        let known = Planned::of(&books, &catalogue);
        assert_eq!((known.units, known.orders, known.items), (400, 600, 1), "what the data file has, counts");
    }

    #[test]
    fn a_file_that_is_missing_is_no_fault_where_one_may_be_made() {
        let path = Path::new("sale.db");
        let missing = DataFileError::File { path: path.to_owned(), source: std::io::ErrorKind::NotFound.into() };
        assert_eq!(judge_error(path, &missing, true).level, Level::Ok);
        assert_eq!(judge_error(path, &missing, false).level, Level::Fail);
        let newer = DataFileError::Newer { path: path.to_owned(), found: 9, known: 3 };
        assert_eq!(judge_error(path, &newer, true).level, Level::Fail);
    }
}
