//! **Job:** the spans of one purchase on its way through the sale.
//! **Owns:** which stage the purchase is at.
//! **Never:** decides which purchases are traced, or costs those that are not more than a null pointer.

use tracing::{Span, debug_span};

/// Where spans of purchases are logged, so that they can be switched on alone: `RUST_LOG=doorbuster::purchase=debug`.
pub const TARGET: &str = "doorbuster::purchase";

/// A stretch of a purchase's way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// In front of the actor: every layer that may refuse, Redis included.
    Gate,
    /// Waiting for the item's actor.
    Mailbox,
    /// Being decided.
    Stock,
    /// Waiting for the commit, and for the answer to be taken up.
    Ledger,
}

/// The spans of one purchase: its own, and in it that of the stage it is at.
#[derive(Debug)]
pub struct Trace {
    purchase: Span,
    /// Held, because it ends when the next one takes its place.
    stage: Span,
}

impl Trace {
    /// Begins at the gate.
    #[must_use]
    pub fn begin(purchase: Span) -> Box<Self> {
        let stage = span_of(Stage::Gate, &purchase);
        Box::new(Self { purchase, stage })
    }

    /// Ends the stage it is at and begins another.
    pub fn enter(&mut self, stage: Stage) {
        self.stage = span_of(stage, &self.purchase);
    }
}

fn span_of(stage: Stage, purchase: &Span) -> Span {
    match stage {
        Stage::Gate => debug_span!(target: TARGET, parent: purchase, "gate"),
        Stage::Mailbox => debug_span!(target: TARGET, parent: purchase, "mailbox"),
        Stage::Stock => debug_span!(target: TARGET, parent: purchase, "stock"),
        Stage::Ledger => debug_span!(target: TARGET, parent: purchase, "ledger"),
    }
}
