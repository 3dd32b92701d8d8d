//! **Job:** opens the sale as the configuration says.
//! **Owns:** which key of the configuration becomes which setting of the sale.
//! **Never:** changes an item that is known: after the first start the ledger decides.

use std::sync::Arc;

use doorbuster_actors::data_file::{Creation, Medium};
use doorbuster_actors::item::ItemDefinition;
use doorbuster_actors::ledger::{self, Durability, LedgerSettings};
use doorbuster_actors::sale::{BatchPolicy, InjectedDelay, LatePayment, SalePolicy};
use doorbuster_actors::{Sale, SaleSettings};

use super::ServeError;
use crate::catalogue::{self, Differences, LEFT_ALONE};
use crate::config::{self, Config, Loaded, Mode};

/// Questions and changes in flight at once: a fraction of the purchases, which must not wait behind them.
const MAX_QUERIES: usize = 4_096;

/// Opens the sale for `workers` threads that run a core each, and one guest: the thread of the operations listener.
pub(super) fn open(loaded: &Loaded, workers: u16, injected_delay: Option<InjectedDelay>) -> Result<Sale, ServeError> {
    let config = &loaded.config;
    // Before the data file is opened: a catalogue that cannot be used is no reason to touch it.
    let items = items_of(loaded)?;
    let settings = SaleSettings {
        ledger: ledger_settings(config),
        cores: workers,
        guests: 1,
        max_in_flight: config.server.max_in_flight,
        max_queries: MAX_QUERIES,
        batch: BatchPolicy { max_entries: config.storage.max_batch, linger: config.storage.linger },
        policy: policy(config),
        cluster: config.cluster.nodes_and_own()?,
        injected_delay,
    };
    let sale = Sale::open(&settings, items.clone())?;
    tell_differences(&items, &sale);
    Ok(sale)
}

/// Who edits the catalogue of a sale that has begun must not wait in vain.
fn tell_differences(catalogue: &[ItemDefinition], sale: &Sale) {
    let known = |item: &ItemDefinition| {
        let published = sale.view().directory.find(&item.id)?;
        Some(Arc::clone(&published.definition()))
    };
    if let Some(differences) = Differences::between(catalogue, known) {
        let items = differences.items;
        tracing::warn!(items, %differences, "the catalogue differs from the data file, which counts: {LEFT_ALONE}");
    }
}

/// What an order survives that is confirmed here, as answers say it: what was asked for, or less where no sync helps.
pub(super) fn promised(config: &Config, medium: &Medium) -> &'static str {
    match medium {
        Medium::Disk | Medium::Container(_) | Medium::Network(_) => config.storage.durability,
        Medium::Memory(_) => config::Durability::Normal,
    }
    .as_str()
}

/// Where the ledger is and how it is kept.
fn ledger_settings(config: &Config) -> LedgerSettings {
    let durability = match config.storage.durability {
        config::Durability::Full => Durability::Full,
        config::Durability::Normal => Durability::Normal,
    };
    let creation = if config.storage.create { Creation::Allowed } else { Creation::Refused };
    LedgerSettings { path: config.storage.path.clone(), durability, creation }
}

/// What the owner decided once for all items.
fn policy(config: &Config) -> SalePolicy {
    SalePolicy {
        pay_within: (!config.payment.pay_within.is_zero()).then_some(config.payment.pay_within),
        late: match config.payment.late {
            config::LatePayment::Refund => LatePayment::Refund,
            config::LatePayment::Honour => LatePayment::Honour,
        },
        cool_down: config.payment.cool_down,
    }
}

/// What is for sale at a first start, on this node.
pub(super) fn items_of(loaded: &Loaded) -> Result<Vec<ItemDefinition>, ServeError> {
    let cluster = loaded.config.cluster.nodes_and_own()?;
    let mut items = whole_catalogue(loaded)?;
    items.retain(|item| cluster.elsewhere(&item.id).is_none());
    Ok(items)
}

fn whole_catalogue(loaded: &Loaded) -> Result<Vec<ItemDefinition>, ServeError> {
    match (&loaded.config.catalogue.path, loaded.mode) {
        (Some(path), _) => {
            let unusable = |source| ServeError::Catalogue { path: path.clone(), source };
            let items = catalogue::read(path).map_err(unusable)?;
            // Nearly always all of them are in use, and nobody has to look at the data file.
            if catalogue::check_currencies(&items, &[]).is_err() {
                let known = ledger::items(&loaded.config.storage.path).unwrap_or_default();
                catalogue::check_currencies(&items, &known).map_err(unusable)?;
            }
            Ok(items)
        }
        (None, Mode::Development) => Ok(catalogue::parse(catalogue::sample()).expect("the sample is tested")),
        (None, Mode::Production) => Ok(Vec::new()),
    }
}
