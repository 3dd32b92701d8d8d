//! **Job:** starts from a folder of ledger files as a server does, within the test, and says what it found there.
//! **Owns:** the ledger's settings, and how a folder looks before and after.
//! **Never:** lets the code under test say what it should have found.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use doorbuster_actors::data_file::Creation;
use doorbuster_actors::entry::{Change, Entry};
use doorbuster_actors::ids::OrderNumber;
use doorbuster_actors::ledger::{Durability, Ledger, LedgerError, LedgerSettings, Recovered};
use doorbuster_actors::stock::Stock;
use doorbuster_actors::suspense::Suspense;
use serde_json::{Value, json};
use tempfile::TempDir;

/// The name of the data file in these folders.
pub(crate) const DATA_FILE: &str = "doorbuster.db";

/// What a start found: the entries, and the state they fold to.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Found {
    pub(crate) entries: Vec<Entry>,
    pub(crate) stocks: Vec<Stock>,
    pub(crate) suspense: Suspense,
}

/// An order that was found: what never changes of it, and every status it has had, with the number of the first entry
/// that says so.
pub(crate) struct FoundOrder {
    pub(crate) promise: Value,
    pub(crate) statuses: BTreeMap<&'static str, usize>,
}

/// Opens and recovers the ledger, and leaves it as a killed server would.
pub(crate) fn recover(data_file: &Path) -> Result<Found, LedgerError> {
    let mut entries = Vec::new();
    let recovered = recover_with(data_file, |entry| entries.push(entry.clone()))?;
    Ok(Found { entries, stocks: recovered.stocks, suspense: recovered.suspense })
}

/// The same; `each` sees the entries on the way.
pub(crate) fn recover_with(data_file: &Path, each: impl FnMut(&Entry)) -> Result<Recovered, LedgerError> {
    let settings =
        LedgerSettings { path: data_file.to_owned(), durability: Durability::Full, creation: Creation::Allowed };
    Ledger::open(&settings, each).map(|(_ledger, recovered)| recovered)
}

impl Found {
    /// Every order by its id.
    pub(crate) fn orders(&self) -> BTreeMap<String, FoundOrder> {
        let mut orders = BTreeMap::new();
        for (entry, seq) in self.entries.iter().zip(1..) {
            let Change::Order(change) = &entry.change else { continue };
            let order = self.stock(entry).order(OrderNumber(change.number.0)).expect("an entry about an order");
            let found = orders.entry(order.id.to_string()).or_insert_with(|| FoundOrder {
                promise: json!({
                    "order_id": order.id.to_string(), "item_id": order.item.as_str(), "user_id": order.user.as_str(),
                    "quantity": order.quantity, "unit_price": order.unit_price.minor(),
                    "total_price": order.total_price.minor(), "currency": order.currency.to_string(),
                    "created_at": order.created_at.to_string(),
                }),
                statuses: BTreeMap::new(),
            });
            found.statuses.entry(change.status.as_str()).or_insert(seq);
        }
        orders
    }

    /// The numbers of the entries by which the owner of that item was obeyed: its creation, every instruction since.
    pub(crate) fn instructions(&self, item: &str) -> Vec<usize> {
        let is_instruction = |entry: &Entry| match entry.change {
            Change::Item(_) | Change::Restocked { .. } | Change::Withdrawn { .. } | Change::Switched(_) => true,
            Change::Order(_) | Change::Payment(_) | Change::Settled(_) => false,
        };
        let about = |entry: &Entry| is_instruction(entry) && self.stock(entry).definition().id.as_str() == item;
        let numbered = self.entries.iter().zip(1..);
        numbered.filter(|(entry, _)| about(entry)).map(|(_, seq)| seq).collect()
    }

    fn stock(&self, entry: &Entry) -> &Stock {
        &self.stocks[usize::try_from(entry.item.0).expect("few items") - 1]
    }

    /// Whether after every entry `remaining + live = supply`, counted here from the orders alone.
    pub(crate) fn balance(&self) -> Result<(), String> {
        let mut holds: BTreeMap<(u32, u32), u32> = BTreeMap::new();
        for (entry, seq) in self.entries.iter().zip(1..) {
            if let Change::Order(change) = &entry.change {
                let units = if change.status.is_live() { change.quantity } else { 0 };
                holds.insert((entry.item.0, change.number.0), units);
            }
            let live: u32 = holds.range((entry.item.0, 0)..=(entry.item.0, u32::MAX)).map(|(_, units)| units).sum();
            if entry.remaining.checked_add(live) != Some(entry.supply) {
                let Entry { remaining, supply, .. } = entry;
                return Err(format!("entry {seq}: {remaining} remaining + {live} live, {supply} supplied"));
            }
        }
        Ok(())
    }
}

/// The files of a folder by name: mode and bytes.
pub(crate) type Folder = BTreeMap<String, (u32, Vec<u8>)>;

/// A folder in memory if the system has such a place, because thousands of starts sync thousands of times.
pub(crate) fn fast_folder() -> TempDir {
    let memory = Path::new("/dev/shm");
    let folder = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    folder.expect("a temporary directory")
}

/// What is in the folder.
pub(crate) fn look(folder: &Path) -> Folder {
    let file = |path: PathBuf| {
        let mode = fs::metadata(&path).expect("there").permissions().mode() & 0o7777;
        let name = path.file_name().expect("a file").to_string_lossy().into_owned();
        (name, (mode, fs::read(&path).expect("readable")))
    };
    fs::read_dir(folder).expect("readable").map(|entry| file(entry.expect("readable").path())).collect()
}

/// Makes the folder's content this and nothing else.
pub(crate) fn lay_out(folder: &Path, files: &Folder) {
    for entry in fs::read_dir(folder).expect("readable") {
        fs::remove_file(entry.expect("readable").path()).expect("our own folder");
    }
    for (name, (mode, bytes)) in files {
        fs::write(folder.join(name), bytes).expect("room");
        fs::set_permissions(folder.join(name), fs::Permissions::from_mode(*mode)).expect("our own file");
    }
}

/// How two looks at a folder differ, one phrase a file; empty if they do not.
pub(crate) fn differences(before: &Folder, after: &Folder) -> Vec<String> {
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let phrase = |name: &String| match (before.get(name), after.get(name)) {
        (Some(_), None) => Some(format!("{name} is gone")),
        (None, Some(_)) => Some(format!("{name} is new")),
        (Some(before), Some(after)) if before.1 != after.1 => Some(format!("{name} has other bytes")),
        (Some(before), Some(after)) if before.0 != after.0 => Some(format!("{name} has another mode")),
        (Some(_), Some(_)) | (None, None) => None,
    };
    names.into_iter().filter_map(phrase).collect()
}
