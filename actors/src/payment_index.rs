//! **Job:** which order a payment was for, by the provider's id of the money.
//! **Owns:** an entry for each payment of a provider that reports one payment by several events.
//! **Never:** holds a promise: the order's actor decides what an event means.
//!
//! Not every event about a payment names its order: of Stripe's checkout the session may, and the payment intent and
//! the refund not. Events in our own format always do, and cost nothing here.

use dashmap::DashMap;

use crate::debts::mark_of;
use crate::entry::{Change, Entry};
use crate::ids::{IdempotencyKey, OrderId, OrderNumber};
use crate::payment::Provider;

/// Payments whose order is known.
#[derive(Debug, Default)]
pub struct PaymentIndex(DashMap<u64, OrderId>);

impl PaymentIndex {
    /// The order that this payment was for, if it was for one.
    #[must_use]
    pub fn order_of(&self, provider: Provider, reference: &IdempotencyKey) -> Option<OrderId> {
        self.0.get(&mark_of(provider, reference)).map(|order| *order)
    }

    /// Takes in an entry, if it tells of a payment.
    pub(crate) fn note(&self, entry: &Entry) {
        if let Some((provider, reference, order)) = payment_in(entry)
            && provider != Provider::Own
        {
            self.0.insert(mark_of(provider, reference), OrderId { item: entry.item, order });
        }
    }
}

fn payment_in(entry: &Entry) -> Option<(Provider, &IdempotencyKey, OrderNumber)> {
    match &entry.change {
        Change::Order(change) => {
            let (provider, _event) = entry.origin.as_ref()?.event.as_ref()?;
            Some((*provider, change.key.as_ref()?, change.number))
        }
        Change::Payment(record) if record.payment.is_paid() => {
            Some((record.payment.provider, &record.payment.reference, record.order?))
        }
        Change::Payment(_)
        | Change::Item(_)
        | Change::Settled(_)
        | Change::Restocked { .. }
        | Change::Withdrawn { .. }
        | Change::Switched(_) => None,
    }
}
