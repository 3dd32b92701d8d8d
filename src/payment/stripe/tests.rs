//! **Job:** what holds for events of Stripe.
//! **Owns:** Stripe's own example, as its libraries are tested with it.
//! **Never:** asks Stripe.

use std::slice;

use serde_json::{Value, json};

use super::*;
use crate::payment::event::Distrust;

const NOW: u64 = 1_700_000_000;

/// Of the tests of stripe-dotnet: payload, secret and header.
const EXAMPLE: &str = include_str!("example.json");
const EXAMPLE_SECRET: &str = "webhook_secret";
const EXAMPLE_TIME: u64 = 1_533_204_620;
const EXAMPLE_SIGNATURE: &str = "t=1533204620,\
    v1=f0bdba6d4eacbd8ad8a3bbadd7248e633ec1477f7899c124c51b39405fa36613,\
    v0=63f3a72374a733066c4be69ed7f8e5ac85c22c9f0a6a612ab9a025a9e4ee7eef";

fn secret(text: &str) -> Secret {
    Secret::new(text.to_owned())
}

fn example_at(body: &[u8], now: u64) -> Result<Report, Refusal> {
    let headers = [("Stripe-Signature", EXAMPLE_SIGNATURE)].into_iter().collect();
    read(&headers, body, &[secret(EXAMPLE_SECRET)], now)
}

#[test]
fn the_published_example_is_authentic_in_its_five_minutes_only() {
    let read = Ok(Report::Ignored("invoiceitem.created".to_owned()));
    for now in [EXAMPLE_TIME, EXAMPLE_TIME + 300, EXAMPLE_TIME - 300] {
        assert_eq!(example_at(EXAMPLE.as_bytes(), now), read);
    }
    for now in [EXAMPLE_TIME + 301, EXAMPLE_TIME - 301, 0] {
        assert_eq!(example_at(EXAMPLE.as_bytes(), now), Err(Distrust::OtherTime.into()), "{now}");
    }
    let forged = EXAMPLE.replace("1000", "1001");
    assert_eq!(example_at(forged.as_bytes(), EXAMPLE_TIME), Err(Distrust::WrongSignature.into()));
}

fn read_event(event: &Value) -> Result<Report, Refusal> {
    let (key, body) = (secret("whsec_0"), event.to_string());
    let header = timed_signature::sign(&key, NOW, body.as_bytes());
    let headers = [(SIGNATURE, header.as_str())].into_iter().collect();
    read(&headers, body.as_bytes(), slice::from_ref(&key), NOW)
}

fn event(kind: &str, object: &Value) -> Value {
    json!({ "id": "evt_1", "object": "event", "type": kind, "data": { "object": object }, "livemode": true })
}

fn money_of(kind: &str, object: &Value) -> Event {
    match read_event(&event(kind, object)) {
        Ok(Report::Event(event)) => *event,
        other => panic!("{kind}: {other:?}"),
    }
}

#[test]
fn each_type_has_its_amount_and_names_the_same_money() {
    let intent = json!({ "id": "pi_1", "amount": 2_000, "amount_received": 1_990, "currency": "cny",
        "metadata": { "order_id": "A1" }, "payment_intent": null });
    let session = json!({ "id": "cs_1", "payment_intent": "pi_1", "payment_status": "paid", "amount_total": 1_990,
        "currency": "cny", "client_reference_id": "A1", "metadata": {} });
    let charge = json!({ "id": "ch_1", "payment_intent": { "id": "pi_1" }, "amount": 1_990, "amount_refunded": 90,
        "currency": "cny", "metadata": { "order_id": "A1" } });
    let total = PaymentResult::Refunded(RefundAmount::Total);
    for (kind, object, means, amount) in [
        ("payment_intent.succeeded", &intent, PaymentResult::Succeeded, 1_990),
        ("payment_intent.payment_failed", &intent, PaymentResult::Failed, 2_000),
        ("checkout.session.completed", &session, PaymentResult::Succeeded, 1_990),
        ("checkout.session.async_payment_succeeded", &session, PaymentResult::Succeeded, 1_990),
        ("checkout.session.async_payment_failed", &session, PaymentResult::Failed, 1_990),
        ("charge.refunded", &charge, total, 90),
    ] {
        let read = money_of(kind, object);
        assert_eq!((read.result, read.amount.minor(), read.currency.as_str()), (means, amount, "CNY"), "{kind}");
        assert_eq!((read.id.as_str(), read.payment.as_str()), ("evt_1", "pi_1"), "{kind}");
        assert_eq!(read.order_reference, "A1", "{kind}");
    }
}

#[test]
fn an_order_id_in_the_metadata_comes_before_a_reference_to_who_knows_what() {
    let session = |reference: Value, metadata: Value| {
        let session = json!({ "id": "cs_1", "payment_intent": null, "payment_status": "paid", "amount_total": 1,
            "currency": "eur", "client_reference_id": reference, "metadata": metadata });
        money_of("checkout.session.completed", &session)
    };
    assert_eq!(session(json!("cus_7"), json!({ "order_id": "A1" })).order_reference, "A1");
    assert_eq!(session(json!(" A1 "), json!({ "order_id": "" })).order_reference, "A1");
    let none = session(Value::Null, Value::Null);
    assert_eq!((none.order_reference.as_str(), none.payment.as_str()), ("", "cs_1"), "it is money all the same");
}

#[test]
fn what_is_no_money_is_authentic_and_of_no_use() {
    for payment_status in ["unpaid", "no_payment_required"] {
        let session = json!({ "id": "cs_1", "payment_status": payment_status });
        let read = read_event(&event("checkout.session.completed", &session));
        assert_eq!(read, Ok(Report::Ignored("checkout.session.completed, not paid".to_owned())));
    }
    for kind in ["customer.created", "payment_intent.created", "charge.succeeded", "v2.core.event", ""] {
        assert_eq!(read_event(&event(kind, &json!(null))), Ok(Report::Ignored(kind.to_owned())));
    }
}

#[test]
fn amounts_are_counted_in_the_units_of_iso_4217() {
    for (currency, stripes, ours) in [
        ("usd", 1_990, Some(1_990)),
        ("jpy", 1_990, Some(1_990)),
        ("krw", 500, Some(500)),
        ("kwd", 5_120, Some(5_120)),
        ("isk", 500, Some(5)),
        ("ugx", 500, Some(5)),
        ("isk", 501, None),
        ("mga", 5, Some(500)),
        ("hrk", 500, Some(500)),
    ] {
        let intent = json!({ "id": "pi_1", "amount_received": stripes, "currency": currency });
        let read = read_event(&event("payment_intent.succeeded", &intent));
        match (read, ours) {
            (Ok(Report::Event(event)), Some(ours)) => assert_eq!(event.amount.minor(), ours, "{currency}"),
            (Err(Refusal::Invalid(wrong)), None) => assert_eq!(wrong[0].name, "data.object.amount_received"),
            (other, _) => panic!("{currency}: {other:?}"),
        }
    }
}

#[test]
fn what_money_needs_and_is_not_there_is_named() {
    let right = json!({ "id": "pi_1", "amount_received": 1, "currency": "eur" });
    for (member, value) in [
        ("id", json!(null)),
        ("id", json!("a b")),
        ("amount_received", json!(null)),
        ("amount_received", json!("1")),
        ("amount_received", json!(-1)),
        ("amount_received", json!(1.5)),
        ("currency", json!("euro")),
        ("currency", json!(7)),
    ] {
        let mut intent = right.clone();
        intent[member] = value;
        let read = read_event(&event("payment_intent.succeeded", &intent));
        let Err(Refusal::Invalid(wrong)) = read else { panic!("{intent}: {read:?}") };
        assert_eq!(wrong[0].name, format!("data.object.{member}"));
    }
    for event in [json!({ "id": "evt_1" }), json!({ "type": "x" }), json!({ "id": 1, "type": "x" })] {
        assert!(matches!(read_event(&event), Err(Refusal::Invalid(_))), "{event}");
    }
    let headless = json!({ "id": "evt_1", "type": "charge.refunded", "data": {} });
    assert_eq!(read_event(&headless), Err(Refusal::member("data.object", "is missing")));
}

#[test]
fn large_events_with_strange_members_are_read() {
    for size in [5_000, 60_000] {
        let mut intent =
            json!({ "id": "pi_1", "amount_received": 1, "currency": "eur", "metadata": { "order_id": "A1" } });
        intent["__proto__"] = json!({ "é\u{0}": [[[{ "amount_received": "x".repeat(size) }]]] });
        let event = money_of("payment_intent.succeeded", &intent);
        assert_eq!((event.amount.minor(), event.order_reference.as_str()), (1, "A1"));
    }
}
