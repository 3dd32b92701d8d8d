//! **Job:** events in our own format, for providers that speak no other, and for a shop's own till.
//! **Owns:** `Doorbuster-Signature`, and the members of such an event.
//! **Never:** reads a clock, or knows what an event means for an order.

use doorbuster_actors::item::MAX_AMOUNT;
use doorbuster_actors::payment::{PaymentResult, RefundAmount};

use super::event::{Event, Refusal, Report};
use super::headers::Headers;
use super::members::Object;
use super::timed_signature;
use crate::config::Secret;
use crate::fields::{Field, Kind};

/// The header with the signature.
pub const SIGNATURE: &str = "Doorbuster-Signature";

/// What an event must be, before anything is judged.
const FIELDS: &[Field] = &[
    Field::required("event_id", Kind::Text),
    Field::required("order_id", Kind::Text),
    Field::required("type", Kind::OneOf(&["succeeded", "failed", "refunded"])),
    Field::required("amount", Kind::Whole { least: 0, most: MAX_AMOUNT }),
    Field::required("currency", Kind::Text),
    Field::optional("payment_id", Kind::Text),
];

/// What the notification says: `{"event_id", "order_id", "type", "amount", "currency"}`, and `payment_id` where one
/// payment has several events. `secrets` are the one in use and, while it is rotated, the one from before.
///
/// # Errors
/// It is not signed with one of `secrets` within five minutes of `now`, or lacks what money needs.
pub fn read(headers: &Headers<'_>, body: &[u8], secrets: &[Secret], now: u64) -> Result<Report, Refusal> {
    timed_signature::check(headers.one(SIGNATURE), body, secrets, now)?;
    let event = Object::read(body)?;
    event.check(FIELDS)?;
    let result = match event.needed_text("type")?.as_str() {
        "succeeded" => PaymentResult::Succeeded,
        "refunded" => PaymentResult::Refunded(RefundAmount::Single),
        _failed => PaymentResult::Failed,
    };
    let id = event.key("event_id", &event.needed_text("event_id")?)?;
    let payment = match event.text("payment_id")? {
        Some(payment) => event.key("payment_id", &payment)?,
        None => id.clone(),
    };
    let currency = event.needed_text("currency")?.parse().map_err(|bad| event.wrong("currency", &bad))?;
    let order_reference = Event::reference(event.text("order_id")?);
    Ok(Event { id, payment, order_reference, result, amount: event.amount("amount")?, currency }.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::payment::event::Distrust;

    const NOW: u64 = 1_700_000_000;

    fn key() -> Secret {
        Secret::new("Jefe".to_owned())
    }

    fn read_signed(body: &str) -> Result<Report, Refusal> {
        let header = timed_signature::sign(&key(), NOW, body.as_bytes());
        read(&[(SIGNATURE, header.as_str())].into_iter().collect(), body.as_bytes(), &[key()], NOW)
    }

    fn event(body: &str) -> Event {
        match read_signed(body) {
            Ok(Report::Event(event)) => *event,
            other => panic!("{body}: {other:?}"),
        }
    }

    #[test]
    fn each_type_is_read_and_members_that_we_do_not_know_are_ignored() {
        for (word, kind) in [
            ("succeeded", PaymentResult::Succeeded),
            ("failed", PaymentResult::Failed),
            ("refunded", PaymentResult::Refunded(RefundAmount::Single)),
        ] {
            let body = format!(
                "{{\"x\":[{{}}],\"event_id\":\"e1\",\"order_id\":\"A1\",\"type\":{word:?},\"amount\":1990,\
                 \"currency\":\"CNY\",\"note\":{:?}}}",
                "n".repeat(60_000)
            );
            let read = event(&body);
            assert_eq!((read.result, read.amount.minor(), read.currency.as_str()), (kind, 1_990, "CNY"));
            assert_eq!((read.id.as_str(), read.payment.as_str(), read.order_reference.as_str()), ("e1", "e1", "A1"));
        }
    }

    #[test]
    fn two_events_about_one_payment_say_so() {
        let body = "{\"event_id\":\"e1\",\"payment_id\":\"p1\",\"order_id\":\"\",\"type\":\"refunded\",\"amount\":1,\
                    \"currency\":\"JPY\"}";
        let read = event(body);
        assert_eq!((read.id.as_str(), read.payment.as_str(), read.order_reference.as_str()), ("e1", "p1", ""));
    }

    #[test]
    fn what_money_needs_and_is_not_there_is_named() {
        for (body, named) in [
            ("{}", "event_id"),
            (
                "{\"event_id\":\"\",\"order_id\":\"A\",\"type\":\"failed\",\"amount\":1,\"currency\":\"EUR\"}",
                "event_id",
            ),
            ("{\"event_id\":\"e\",\"order_id\":\"A\",\"type\":\"paid\",\"amount\":1,\"currency\":\"EUR\"}", "type"),
            (
                "{\"event_id\":\"e\",\"order_id\":\"A\",\"type\":\"failed\",\"amount\":-1,\"currency\":\"EUR\"}",
                "amount",
            ),
            (
                "{\"event_id\":\"e\",\"order_id\":\"A\",\"type\":\"failed\",\"amount\":1,\"currency\":\"eur\"}",
                "currency",
            ),
        ] {
            let Err(Refusal::Invalid(wrong)) = read_signed(body) else { panic!("{body}") };
            assert_eq!(wrong[0].name, named, "{body}");
        }
        assert!(matches!(read_signed("[]"), Err(Refusal::Malformed(_))));
        let unsigned = read(&Headers::from_iter([]), b"{}", &[key()], NOW);
        assert_eq!(unsigned, Err(Distrust::NoSignature.into()));
    }
}
