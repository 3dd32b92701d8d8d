//! **Job:** data files whose bytes were changed, in front of a start.
//! **Owns:** that a start finds exactly what was acknowledged, or refuses.
//! **Never:** changes more than one of the files at once: nothing can be proven then.

use std::cell::RefCell;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use doorbuster_actors::data_file::Creation;
use doorbuster_actors::entry::Entry;
use doorbuster_actors::ids::ItemNumber;
use doorbuster_actors::item::{Amount, ItemDefinition};
use doorbuster_actors::ledger::{Durability, Ledger, LedgerSettings};
use doorbuster_actors::request::{Control, Reservation};
use doorbuster_actors::stock::{Decision, LatePayment, SalePolicy, Stock};
use doorbuster_actors::time::Timestamp;

use super::bytes::Bytes;

/// Data file, log and mark.
const FILES: [&str; 3] = ["sale.db", "sale.db-wal", "sale.db.mark"];

/// How the names of our folders begin; then comes the number of their process.
const SCRATCH: &str = "doorbuster-fuzz-";

/// A folder of this process, which the next one takes away: a server in it does not end before its process. It is in
/// memory where there is such a place: no power cut is tried here, and a sync takes its time.
pub(super) fn scratch(name: &str) -> PathBuf {
    let memory = Path::new("/dev/shm");
    let place = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
    for entry in fs::read_dir(&place).expect("a readable folder").flatten() {
        let name = entry.file_name();
        let process = name.to_str().and_then(|name| name.strip_prefix(SCRATCH)?.split('-').next());
        if process.is_some_and(|process| !Path::new("/proc").join(process).exists()) {
            let _gone_meanwhile = fs::remove_dir_all(entry.path());
        }
    }
    let folder = place.join(format!("{SCRATCH}{}-{name}", std::process::id()));
    fs::create_dir_all(&folder).expect("a folder");
    folder
}

/// A killed server's files, and what they hold.
struct Base {
    folder: PathBuf,
    files: [Vec<u8>; 3],
    truth: Vec<Entry>,
    stocks: Vec<Stock>,
}

thread_local! {
    static BASE: RefCell<Option<Base>> = const { RefCell::new(None) };
}

fn settings(folder: &Path) -> LedgerSettings {
    // Nobody cuts the power here: a sync would prove nothing and take its time.
    LedgerSettings { path: folder.join(FILES[0]), durability: Durability::Normal, creation: Creation::Allowed }
}

impl Base {
    fn new() -> Self {
        let folder = scratch("recovery");
        let (mut ledger, _empty) = Ledger::open(&settings(&folder), |_entry| ()).expect("a new ledger");
        let mut truth = Vec::new();
        let mut stock = None;
        for step in 0..12 {
            let entries = sold(&mut stock, step);
            ledger.commit(entries.iter()).expect("room");
            truth.extend(entries);
        }
        let files = FILES.map(|name| fs::read(folder.join(name)).expect("it is there"));
        drop(ledger);
        Self { folder, files, truth, stocks: stock.into_iter().collect() }
    }

    fn write(&self, files: [&[u8]; 3]) {
        for (name, bytes) in FILES.iter().zip(files) {
            fs::write(self.folder.join(name), bytes).expect("room");
        }
        let _index = fs::remove_file(self.folder.join("sale.db-shm"));
    }

    /// What a start finds; none if it is refused.
    fn found(&self) -> Option<(Vec<Entry>, Vec<Stock>)> {
        let mut entries = Vec::new();
        let opened = Ledger::open(&settings(&self.folder), |entry| entries.push(entry.clone()));
        opened.ok().map(|(_ledger, recovered)| (entries, recovered.stocks))
    }
}

/// A step of a small sale.
fn sold(stock: &mut Option<Stock>, step: u32) -> Vec<Entry> {
    let now = Timestamp::from_millis(1_764_000_000_000 + i64::from(step));
    let policy =
        SalePolicy { pay_within: Some(Duration::from_mins(15)), late: LatePayment::Refund, cool_down: Duration::ZERO };
    let Some(stock) = stock else {
        let entry = Stock::creation(ItemNumber(1), mug(), now);
        *stock = Some(Stock::create(&entry).expect("it begins"));
        return vec![entry];
    };
    if step.is_multiple_of(5) {
        return stock.control(&Control::Restock { quantity: step }, None, now).expect("an open sale").into_vec();
    }
    let user = format!("buyer-{step}").parse().expect("a user");
    match stock.reserve(Reservation { user, quantity: 1, key: None }, &policy, now) {
        Decision::Placed(_order, entries) => entries.into_vec(),
        other @ (Decision::Replayed(_) | Decision::Rejected(_)) => panic!("{other:?}"),
    }
}

fn mug() -> ItemDefinition {
    ItemDefinition {
        id: "mug".parse().expect("an id"),
        title: "A mug".to_owned(),
        description: None,
        image_url: None,
        unit_price: Amount::new(990).expect("a price"),
        currency: "EUR".parse().expect("a currency"),
        stock: 100,
        per_user_limit: 1,
        opens_at: None,
        closes_at: None,
    }
}

/// One of the files, changed: its number, then a place and a byte each, or 255 and where it is cut.
fn damaged(files: &[Vec<u8>; 3], input: &[u8]) -> [Vec<u8>; 3] {
    let mut bytes = Bytes(input);
    let mut files = files.clone();
    let file = &mut files[usize::from(bytes.byte()) % 3];
    while !bytes.is_empty() {
        let (how, at) = (bytes.byte(), u32::from_le_bytes([bytes.byte(), bytes.byte(), bytes.byte(), 0]));
        let at = usize::try_from(at).expect("24 bits");
        if how == 255 {
            file.truncate(at % (file.len() + 1));
        } else if let Some(length) = file.len().checked_sub(1) {
            file[at % (length + 1)] = bytes.byte() ^ how;
        }
    }
    files
}

/// A start on a file that was changed finds what was acknowledged, or refuses; one that opened it opens it again.
///
/// # Panics
/// It does not hold.
pub fn recovery(input: &[u8]) {
    BASE.with_borrow_mut(|base| {
        let base = base.get_or_insert_with(Base::new);
        let files = damaged(&base.files, input);
        base.write(files.each_ref().map(Vec::as_slice));
        let Some((entries, stocks)) = base.found() else { return };
        assert_eq!(entries, base.truth, "fewer, more or other entries than were acknowledged");
        assert_eq!(stocks, base.stocks);
        let again = base.found().expect("what was opened opens again");
        assert_eq!(again.0, base.truth, "and says the same");
    });
}
