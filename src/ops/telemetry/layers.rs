//! **Job:** what every layer did with the purchase attempts, from the first to the ledger.
//! **Owns:** the sum over workers and cores, and what became of an attempt in the end.
//! **Never:** counts: it reads what the layers counted.

use std::collections::BTreeMap;

use super::Telemetry;
use super::views::LayerView;
use crate::gate::funnel::Layer;

impl Telemetry {
    /// The layers, outermost first.
    #[must_use]
    pub fn layers(&self) -> Vec<LayerView> {
        let gate = Layer::ALL.map(|layer| {
            let workers = self.funnels.iter().map(|worker| worker.layer(layer));
            LayerView::sum(layer.as_str(), workers)
        });
        let stock = LayerView::sum("stock", self.sale.cores.iter().map(|core| &core.layer_counters));
        let ledger = LayerView::sum("ledger", std::iter::once(&self.sale.writer.ledger));
        gate.into_iter().chain([stock, ledger]).collect()
    }
}

/// Purchase attempts by their outcome: `confirmed`, `replayed`, or a problem code.
#[must_use]
pub fn outcomes(layers: &[LayerView]) -> BTreeMap<&'static str, u64> {
    let mut outcomes = BTreeMap::from([("confirmed", layers.last().map_or(0, |ledger| ledger.passed))]);
    for (code, count) in layers.iter().flat_map(|layer| &layer.answered) {
        *outcomes.entry(code).or_default() += count;
    }
    outcomes
}
