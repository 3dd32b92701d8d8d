//! **Job:** webhooks of Stripe (docs.stripe.com/webhooks).
//! **Owns:** which types of event are money, where each has its amount and its order, and Stripe's decimals.
//! **Never:** reads a clock, or asks Stripe.

use doorbuster_actors::item::{Amount, Currency};
use doorbuster_actors::payment::{PaymentResult, RefundAmount};

use super::event::{Event, Refusal, Report};
use super::headers::Headers;
use super::members::Object;
use super::minor_units::rescale;
use super::timed_signature;
use crate::config::Secret;

/// The header with the signatures.
pub const SIGNATURE: &str = "Stripe-Signature";

/// Currencies that Stripe counts in other units than ISO 4217 has them, by the decimals that Stripe uses
/// (docs.stripe.com/currencies): two for what has none, none for the ariary, which has two.
const OTHER_DECIMALS: [(u8, &str); 2] = [(2, "ISK UGX"), (0, "MGA")];

/// What the notification says. `secrets` are those of the endpoint (`whsec_…`, as they stand): the one in use and,
/// while it is rolled, the one from before.
///
/// # Errors
/// It is not signed with one of `secrets` within five minutes of `now`, or lacks what money needs.
pub fn read(headers: &Headers<'_>, body: &[u8], secrets: &[Secret], now: u64) -> Result<Report, Refusal> {
    timed_signature::check(headers.one(SIGNATURE), body, secrets, now)?;
    let event = Object::read(body)?;
    let (id, kind) = (event.needed_text("id")?, event.needed_text("type")?);
    let object = || event.needed_object("data")?.needed_object("object");
    match kind.as_str() {
        "payment_intent.succeeded" => money(&event, &id, &object()?, (PaymentResult::Succeeded, "amount_received")),
        "payment_intent.payment_failed" => money(&event, &id, &object()?, (PaymentResult::Failed, "amount")),
        "checkout.session.completed" | "checkout.session.async_payment_succeeded" => {
            let session = object()?;
            if session.needed_text("payment_status")? == "paid" {
                money(&event, &id, &session, (PaymentResult::Succeeded, "amount_total"))
            } else {
                // Paid later, or nothing to pay: another event will say so, or none.
                Ok(Report::Ignored(format!("{kind}, not paid")))
            }
        }
        "checkout.session.async_payment_failed" => {
            money(&event, &id, &object()?, (PaymentResult::Failed, "amount_total"))
        }
        "charge.refunded" => {
            money(&event, &id, &object()?, (PaymentResult::Refunded(RefundAmount::Total), "amount_refunded"))
        }
        _of_no_use => Ok(Report::Ignored(kind)),
    }
}

/// A payment intent, a session of the checkout, or a charge: the first is the money, the others name it.
fn money(event: &Object<'_>, id: &str, object: &Object<'_>, what: (PaymentResult, &str)) -> Result<Report, Refusal> {
    let (result, amount) = what;
    let payment = match object.id("payment_intent")? {
        Some(intent) => intent,
        None => object.needed_text("id")?,
    };
    let currency = object.currency("currency")?;
    let amount = minor_units(object.amount(amount)?, currency)
        .ok_or_else(|| object.wrong(amount, &format!("is no whole number of the smallest unit of {currency}")))?;
    let id = event.key("id", id)?;
    let payment = object.key("id", &payment)?;
    Ok(Event { id, payment, order_reference: order_of(object)?, result, amount, currency }.into())
}

/// `metadata.order_id` says what it is. `client_reference_id` may be the order as well, or the customer, so it comes
/// second.
fn order_of(object: &Object<'_>) -> Result<String, Refusal> {
    let named = match object.object("metadata")? {
        Some(metadata) => metadata.text("order_id")?,
        None => None,
    };
    let named = named.filter(|order| !order.trim().is_empty());
    Ok(Event::reference(match named {
        Some(order) => Some(order),
        None => object.text("client_reference_id")?,
    }))
}

fn minor_units(amount: Amount, currency: Currency) -> Option<Amount> {
    // In a currency that is not in use any more, there is nothing to compare with.
    let Some(ours) = currency.minor_digits() else { return Some(amount) };
    let other = OTHER_DECIMALS.iter().find(|(_, codes)| codes.split(' ').any(|code| code == currency.as_str()));
    rescale(amount, other.map_or(ours, |(theirs, _)| *theirs), ours)
}

#[cfg(test)]
mod tests;
