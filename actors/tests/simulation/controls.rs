//! **Job:** faults that are planted into the harness, so that we know that a simulation can find one.
//! **Owns:** their names, and what the larger ones do.
//! **Never:** is part of a run that has no control.

use doorbuster_actors::entry::{Change, Entry, Status};
use doorbuster_actors::request;
use doorbuster_actors::stock::Stock;

use super::server::Server;

/// A fault of the harness that a simulation must find, so that we know that it can find one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Control {
    /// Clients hear of a decision at once.
    AnswerBeforeCommit,
    /// A crash takes durable rows away.
    LoseAcknowledged,
    /// The feed's consumer saves its cursor before the effect.
    FeedCursorFirst,
    /// A start does not know which keys have made orders.
    ForgetKeys,
    /// What comes back on sale comes back twice.
    DoubleRelease,
    /// What was decided on entries that were rolled back is written.
    IgnoreEpoch,
}

impl Control {
    pub(crate) const ALL: [(Self, &'static str); 6] = [
        (Self::AnswerBeforeCommit, "answer-before-commit"),
        (Self::LoseAcknowledged, "lose-acknowledged"),
        (Self::FeedCursorFirst, "feed-cursor-first"),
        (Self::ForgetKeys, "forget-keys-at-restart"),
        (Self::DoubleRelease, "double-release"),
        (Self::IgnoreEpoch, "ignore-epoch"),
    ];
}

impl Server<'_> {
    /// The control: units come back twice, the second time in memory only.
    pub(crate) fn release_again(&mut self, entries: &[Entry]) {
        for entry in entries {
            let Change::Order(change) = &entry.change else { continue };
            if matches!(change.status, Status::Cancelled | Status::Expired) {
                let control = request::Control::Restock { quantity: change.quantity };
                let stock = &mut self.stocks[entry.item.ordinal() as usize - 1];
                let _never_written = stock.control(&control, None, entry.at);
            }
        }
    }

    /// The control: a start that does not bring the keys of orders back.
    pub(crate) fn without_keys(&self) -> Vec<Stock> {
        let mut stocks: Vec<Stock> = Vec::new();
        for seq in 1..=self.disk.last_seq() {
            let mut entry = self.disk.row(seq).to_entry().expect("the fold has read it");
            if let Change::Order(change) = &mut entry.change
                && change.status == Status::Pending
            {
                change.key = None;
            }
            let Some(index) = (entry.item.ordinal() as usize).checked_sub(1) else { continue };
            match stocks.get_mut(index) {
                Some(stock) => stock.apply(&entry).expect("the fold has followed it"),
                None => stocks.push(Stock::create(&entry).expect("the fold has followed it")),
            }
        }
        stocks
    }
}
