//! **Job:** opens the ledger and brings back what it holds; adds the items of the catalogue that it does not know.
//! **Owns:** the order of these steps.
//! **Never:** changes an item that is known: after the first start the ledger decides.

use std::sync::Arc;

use doorbuster_actors::cores::{Cores, core_of};
use doorbuster_actors::data_file::Creation;
use doorbuster_actors::directory::{Directory, Listing};
use doorbuster_actors::entry::{Change, Entry, Status};
use doorbuster_actors::ids::ItemNumber;
use doorbuster_actors::item::ItemDefinition;
use doorbuster_actors::ledger::{Durability, Ledger, LedgerSettings};
use doorbuster_actors::stock::Stock;
use doorbuster_actors::time::Clock;
use doorbuster_actors::used_keys::UsedKeys;

use super::ServeError;
use crate::catalogue;
use crate::config::{self, Config, Loaded, Mode};

/// What the ledger held, ready to be placed on cores.
pub(super) struct Stockroom {
    pub(super) ledger: Ledger,
    pub(super) stocks: Vec<Stock>,
    pub(super) used_keys: Arc<UsedKeys>,
    pub(super) clock: Clock,
}

impl Stockroom {
    pub(super) fn open(loaded: &Loaded) -> Result<Self, ServeError> {
        // Before the data file is opened: a catalogue that cannot be used is no reason to touch it.
        let items = items_of(loaded)?;
        let used_keys = Arc::new(UsedKeys::default());
        let (ledger, recovered) = Ledger::open(&settings(&loaded.config), |entry| remember_key(&used_keys, entry))?;
        let clock = Clock::start(recovered.latest);
        let mut room = Self { ledger, stocks: recovered.stocks, used_keys, clock };
        tracing::info!(entries = recovered.entries, items = room.stocks.len(), "ledger recovered");
        room.add_unknown(items)?;
        Ok(room)
    }

    fn add_unknown(&mut self, items: Vec<ItemDefinition>) -> Result<(), ServeError> {
        let known: std::collections::HashSet<_> =
            self.stocks.iter().map(|stock| stock.definition().id.clone()).collect();
        let now = self.clock.now();
        let first = self.stocks.len() + 1;
        let unknown = items.into_iter().filter(|item| !known.contains(&item.id));
        let entries: Vec<_> = unknown
            .zip(first..)
            .map(|(item, number)| {
                let number = u32::try_from(number).expect("a catalogue has at most 100,000 items");
                Stock::creation(ItemNumber(number), item, now)
            })
            .collect();
        if entries.is_empty() {
            return Ok(());
        }
        self.ledger.commit(entries.iter())?;
        let created = entries.iter().map(|entry| Stock::create(entry).expect("an entry that creates an item does"));
        self.stocks.extend(created);
        tracing::info!(items = entries.len(), "items of the catalogue created");
        Ok(())
    }

    /// The listings of all items.
    pub(super) fn directory(&self, cores: &Cores) -> Directory {
        let core = |stock: &Stock| core_of(&stock.definition().id, cores.count());
        Directory::new(self.stocks.iter().map(|stock| Listing::new(stock, core(stock))).collect())
    }

    /// Takes the items out, by core.
    pub(super) fn by_core(&mut self, cores: &Cores) -> Vec<Vec<Stock>> {
        let mut by_core: Vec<Vec<Stock>> = cores.all().map(|_| Vec::new()).collect();
        for stock in self.stocks.drain(..) {
            let core = core_of(&stock.definition().id, cores.count());
            by_core[usize::from(core.0)].push(stock);
        }
        by_core
    }
}

/// Where the ledger is and how it is kept.
fn settings(config: &Config) -> LedgerSettings {
    let durability = match config.storage.durability {
        config::Durability::Full => Durability::Full,
        config::Durability::Normal => Durability::Normal,
    };
    let creation = if config.storage.create { Creation::Allowed } else { Creation::Refused };
    LedgerSettings { path: config.storage.path.clone(), durability, creation }
}

fn items_of(loaded: &Loaded) -> Result<Vec<ItemDefinition>, ServeError> {
    match (&loaded.config.catalogue.path, loaded.mode) {
        (Some(path), _) => Ok(catalogue::read(path)?),
        (None, Mode::Development) => Ok(catalogue::parse(catalogue::sample())?),
        (None, Mode::Production) => Ok(Vec::new()),
    }
}

fn remember_key(used_keys: &UsedKeys, entry: &Entry) {
    // The key of a later entry is a payment event's.
    if let Change::Order(order) = &entry.change
        && order.status == Status::Pending
        && let Some(key) = &order.key
    {
        used_keys.insert(entry.item, &order.user, key);
    }
}
