//! **Job:** what every layer did with the purchase attempts, from the first to the ledger.
//! **Owns:** the sum over workers and cores, and which answers each layer has.
//! **Never:** counts: it reads what the layers counted.

use doorbuster_actors::request::Reason;

use super::Telemetry;
use super::views::LayerView;
use crate::gate::funnel::Layer;
use crate::http::problem::{BODY, NAMED};

impl Telemetry {
    /// The layers, outermost first.
    #[must_use]
    pub fn layers(&self) -> Vec<LayerView> {
        // Most shops do not limit addresses: what passes everybody is no layer.
        let is_used = |layer: &Layer| *layer != Layer::Address || self.limits_addresses;
        let gate = Layer::ALL.into_iter().filter(is_used).map(|layer| {
            let workers = self.funnels.iter().map(|worker| worker.layer(layer));
            LayerView::sum(layer.as_str(), workers)
        });
        let stock = LayerView::sum("stock", self.sale.cores.iter().map(|core| &core.layer_counters));
        let ledger = LayerView::sum("ledger", std::iter::once(&self.sale.writer.ledger));
        gate.chain([stock, ledger]).collect()
    }
}

/// The answers that an attempt can get at a layer, as far as is known: counted from the start, so that an alarm hears
/// the first one. Whoever waits at a layer may go away.
#[must_use]
pub fn usual_answers(layer: &str) -> Vec<Reason> {
    let own: &[Reason] = match layer {
        "door" => return [&[Reason::Unauthenticated, Reason::Disconnected], NAMED, BODY].concat(),
        "capacity" => &[Reason::Overloaded, Reason::ShuttingDown],
        "replay" => &[
            Reason::Replayed,
            Reason::KeyReused,
            Reason::Overloaded,
            Reason::OutcomeUnknown,
            Reason::StorageUnavailable,
            Reason::Disconnected,
        ],
        "window" => &[
            Reason::SaleNotStarted,
            Reason::SalePaused,
            Reason::SaleClosed,
            Reason::StorageFull,
            Reason::StorageUnavailable,
        ],
        "sold_out" => &[Reason::SoldOut],
        "address" | "throttle" => &[Reason::Throttled, Reason::GateUnavailable, Reason::Disconnected],
        "pool" => &[Reason::NoToken, Reason::GateUnavailable, Reason::Disconnected],
        "bucket" => &[Reason::RateLimited, Reason::GateUnavailable, Reason::Disconnected],
        "stock" => &[
            Reason::Replayed,
            Reason::KeyReused,
            Reason::SaleNotStarted,
            Reason::SalePaused,
            Reason::SaleClosed,
            Reason::SoldOut,
            Reason::LimitReached,
            Reason::Throttled,
        ],
        "ledger" => &[Reason::StorageFull, Reason::StorageUnavailable, Reason::OutcomeUnknown, Reason::ShuttingDown],
        _unknown => &[],
    };
    own.to_vec()
}
