//! **Job:** counts what each layer in front of the stock did with every attempt.
//! **Owns:** the order of the layers.
//! **Never:** decides, or counts what happens behind the gate: the stock and the ledger count for themselves.

use doorbuster_actors::observe::LayerCounters;
use doorbuster_actors::request::Reason;

/// A layer, outermost first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layer {
    /// Is it a purchase at all: identity, item, validation.
    Door,
    /// May one more be in flight.
    Capacity,
    /// Was it bought before under this key.
    Replay,
    /// Is it on sale now.
    Window,
    /// Is enough left.
    SoldOut,
    /// Does this network try too often.
    Address,
    /// Does this user try too often.
    Throttle,
    /// Is there a token of the item's pool.
    Pool,
    /// Is there a token of the bucket.
    Bucket,
}

impl Layer {
    /// All layers of the gate, outermost first.
    pub const ALL: [Self; 9] = [
        Self::Door,
        Self::Capacity,
        Self::Replay,
        Self::Window,
        Self::SoldOut,
        Self::Address,
        Self::Throttle,
        Self::Pool,
        Self::Bucket,
    ];

    /// The layer's name outside.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Door => "door",
            Self::Capacity => "capacity",
            Self::Replay => "replay",
            Self::Window => "window",
            Self::SoldOut => "sold_out",
            Self::Address => "address",
            Self::Throttle => "throttle",
            Self::Pool => "pool",
            Self::Bucket => "bucket",
        }
    }

    fn next(self) -> Option<Self> {
        Self::ALL.get(self as usize + 1).copied()
    }
}

/// The counts of one worker. A reader adds the workers up.
#[derive(Debug, Default)]
pub struct Funnel {
    layers: [LayerCounters; Layer::ALL.len()],
}

impl Funnel {
    /// The counts of one layer.
    #[must_use]
    pub fn layer(&self, layer: Layer) -> &LayerCounters {
        &self.layers[layer as usize]
    }
}

/// One attempt on its way through the layers. However it ends, it is counted once at the layer where it did.
#[derive(Debug)]
pub struct FunnelGuard<'f> {
    funnel: &'f Funnel,
    at: Option<Layer>,
}

impl<'f> FunnelGuard<'f> {
    /// A new attempt.
    #[must_use]
    pub fn begin(funnel: &'f Funnel) -> Self {
        funnel.layer(Layer::Door).enter();
        Self { funnel, at: Some(Layer::Door) }
    }

    /// On to the next layer; behind the last one, the attempt is no longer the gate's.
    pub fn pass(&mut self) {
        let Some(layer) = self.at else { return };
        self.funnel.layer(layer).pass();
        self.at = layer.next();
        if let Some(next) = self.at {
            self.funnel.layer(next).enter();
        }
    }

    /// Answered where it is.
    pub fn answer(&mut self, code: Reason) {
        if let Some(layer) = self.at.take() {
            self.funnel.layer(layer).answer(code);
        }
    }
}

impl Drop for FunnelGuard<'_> {
    fn drop(&mut self) {
        self.answer(Reason::Disconnected);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attempt_is_counted_once_at_the_layer_where_it_ends() {
        let funnel = Funnel::default();
        for ends_at in Layer::ALL {
            let mut guard = FunnelGuard::begin(&funnel);
            while guard.at != Some(ends_at) {
                guard.pass();
            }
            guard.answer(Reason::Overloaded);
            guard.answer(Reason::SoldOut);
        }
        let mut through = FunnelGuard::begin(&funnel);
        for _layer in Layer::ALL {
            through.pass();
        }
        through.answer(Reason::SoldOut);
        drop(through);
        drop(FunnelGuard::begin(&funnel));
        let mut incoming = Layer::ALL.len() as u64 + 2;
        for layer in Layer::ALL {
            let layer_counters = funnel.layer(layer);
            let answered: u64 = layer_counters.answered().map(|(_, count)| count).sum();
            assert_eq!(layer_counters.entered(), incoming, "{}", layer.as_str());
            assert_eq!(layer_counters.entered(), layer_counters.passed() + answered, "{}", layer.as_str());
            incoming = layer_counters.passed();
        }
        assert_eq!(incoming, 1, "one went through all of them");
    }
}
