//! **Job:** tries each reason to close a batch.
//! **Owns:** a few decisions to put into one.
//! **Never:** writes, or waits.

use std::time::Duration;

use super::{Batch, BatchPolicy};
use crate::commit_trigger::CommitTrigger;
use crate::entry::Entries;
use crate::ids::ItemNumber;
use crate::item::tests::mug;
use crate::request::Reservation;
use crate::stock::{Decision, LatePayment, SalePolicy, Stock};
use crate::time::Timestamp;

/// Longer than any test: a batch that waits as long waits for ever.
const FOR_EVER: Duration = Duration::from_hours(1);
const AT_ONCE: Duration = Duration::ZERO;

/// Orders need no payment.
const FREE: SalePolicy = SalePolicy { pay_within: None, late: LatePayment::Refund, cool_down: Duration::ZERO };
const TO_PAY: SalePolicy = SalePolicy { pay_within: Some(Duration::from_mins(15)), ..FREE };

fn policy(max_entries: usize, linger: Duration) -> BatchPolicy {
    BatchPolicy { max_entries, linger }
}

/// Adds a decision to a batch as its writer does.
fn push(batch: &mut Batch<Entries>, entries: Entries) -> Option<CommitTrigger> {
    let count = entries.len();
    batch.push(entries, count)
}

/// A decision without an entry.
fn question() -> Entries {
    Entries::new()
}

/// Makes decisions of one item.
struct Decisions(Stock);

impl Decisions {
    fn order(&mut self, policy: &SalePolicy) -> Entries {
        let user = format!("user-{}", self.0.orders()).parse().expect("a legal id");
        match self.0.reserve(Reservation { user, quantity: 1, key: None }, policy, Timestamp::from_millis(0)) {
            Decision::Placed(_order, entries) => entries,
            decision @ (Decision::Replayed(_) | Decision::Rejected(_)) => panic!("not placed: {decision:?}"),
        }
    }

    /// A decision with one entry.
    fn pending_order(&mut self) -> Entries {
        self.order(&TO_PAY)
    }

    /// A decision with two entries.
    fn paid_order(&mut self) -> Entries {
        self.order(&FREE)
    }
}

fn decisions() -> Decisions {
    let creation = Stock::creation(ItemNumber(1), mug(), Timestamp::from_millis(0));
    Decisions(Stock::create(&creation).expect("a creation"))
}

#[test]
fn a_batch_is_closed_when_nothing_more_is_waiting() {
    let (mut decisions, mut batch) = (decisions(), Batch::new(policy(10, AT_ONCE)));
    assert!(batch.is_empty());
    assert_eq!(push(&mut batch, decisions.pending_order()), None);
    assert_eq!(batch.when_idle(Duration::ZERO), Some(CommitTrigger::Drained));
    assert_eq!(batch.take().len(), 1);
    assert!(batch.is_empty() && batch.take().is_empty());
}

#[test]
fn a_batch_is_closed_when_it_is_full_and_never_splits_a_decision() {
    let (mut decisions, mut batch) = (decisions(), Batch::new(policy(3, FOR_EVER)));
    assert_eq!(push(&mut batch, decisions.paid_order()), None, "two entries");
    assert_eq!(push(&mut batch, decisions.paid_order()), Some(CommitTrigger::Full), "four");
    assert_eq!(batch.take().iter().map(Entries::len).sum::<usize>(), 4);
    assert_eq!(push(&mut batch, decisions.paid_order()), None, "it counts from the start again");
}

#[test]
fn decisions_without_entries_fill_a_batch_too() {
    let mut batch = Batch::new(policy(3, FOR_EVER));
    let pushed: Vec<_> = (0..3).map(|_| push(&mut batch, question())).collect();
    assert_eq!(pushed, [None, None, Some(CommitTrigger::Full)]);
}

#[test]
fn a_batch_lingers_no_longer_than_its_first_entry_may_wait() {
    let linger = Duration::from_millis(5);
    let (mut decisions, mut batch) = (decisions(), Batch::new(policy(10, linger)));
    assert_eq!(push(&mut batch, decisions.pending_order()), None);
    assert_eq!(batch.when_idle(Duration::from_millis(4)), None);
    assert_eq!(batch.patience(Duration::from_millis(4)), Duration::from_millis(1));
    assert_eq!(batch.when_idle(linger), Some(CommitTrigger::Linger));
    assert_eq!(batch.patience(FOR_EVER), Duration::ZERO);
}

#[test]
fn questions_do_not_linger() {
    let mut batch = Batch::new(policy(10, FOR_EVER));
    assert_eq!(push(&mut batch, question()), None);
    assert_eq!(batch.when_idle(Duration::ZERO), Some(CommitTrigger::Drained));
}
