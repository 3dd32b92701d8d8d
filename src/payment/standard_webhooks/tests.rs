//! **Job:** what holds for messages by Standard Webhooks.
//! **Owns:** the specification's example, as all its libraries are tested with it.
//! **Never:** trusts its own signatures alone.

use ring::signature::{Ed25519KeyPair, KeyPair as _};
use serde_json::{Value, json};

use super::*;

/// Of `libraries/*/webhook_test`: secret, id, time, body and signature.
const EXAMPLE_SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const EXAMPLE_ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
const EXAMPLE_TIME: u64 = 1_614_265_330;
const EXAMPLE_BODY: &[u8] = br#"{"test": 2432232314}"#;
const EXAMPLE_SIGNATURE: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";

const OTHER_SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

fn key(text: &str) -> Key {
    Key::read(text).expect("a key")
}

fn checked(signature: &str, body: &[u8], keys: &[Key], now: u64) -> Result<Report, Refusal> {
    let time = EXAMPLE_TIME.to_string();
    let headers = [("Webhook-Id", EXAMPLE_ID), (TIMESTAMP, time.as_str()), (SIGNATURE, signature)];
    read(&headers.into_iter().collect(), body, keys, now)
}

fn is_authentic(signature: &str, keys: &[Key]) -> bool {
    checked(signature, EXAMPLE_BODY, keys, EXAMPLE_TIME) == Ok(Report::Ignored("no type".to_owned()))
}

fn sign(secret: &str, body: &[u8]) -> String {
    let Key(Scheme::Hmac(secret)) = key(secret) else { panic!("a shared secret") };
    let mut mac = Hmac::<Sha256>::new_from_slice(&secret).expect("any length");
    mac.update(format!("{EXAMPLE_ID}.{EXAMPLE_TIME}.").as_bytes());
    mac.update(body);
    format!("v1,{}", BASE64.encode(mac.finalize().into_bytes()))
}

#[test]
fn the_published_example_is_authentic_in_its_five_minutes_only() {
    assert!(is_authentic(EXAMPLE_SIGNATURE, &[key(EXAMPLE_SECRET)]));
    assert_eq!(sign(EXAMPLE_SECRET, EXAMPLE_BODY), EXAMPLE_SIGNATURE);
    let keys = [key(EXAMPLE_SECRET)];
    for now in [EXAMPLE_TIME + 301, EXAMPLE_TIME - 301] {
        assert_eq!(checked(EXAMPLE_SIGNATURE, EXAMPLE_BODY, &keys, now), Err(Distrust::OtherTime.into()));
    }
    let forged = br#"{"test": 2432232315}"#;
    let read = checked(EXAMPLE_SIGNATURE, forged, &keys, EXAMPLE_TIME);
    assert_eq!(read, Err(Distrust::WrongSignature.into()));
}

#[test]
fn one_right_signature_among_several_of_any_scheme_is_enough() {
    let other = sign(OTHER_SECRET, EXAMPLE_BODY);
    let keys = [key(EXAMPLE_SECRET)];
    for signatures in [
        format!("{other} {EXAMPLE_SIGNATURE}"),
        format!("v1a,AAAA v2,x {EXAMPLE_SIGNATURE} strange"),
        EXAMPLE_SIGNATURE.trim_end_matches('=').to_owned(),
    ] {
        assert!(is_authentic(&signatures, &keys), "{signatures}");
    }
    for signatures in [other.clone(), EXAMPLE_SIGNATURE.replace("v1,", "v1a,"), EXAMPLE_SIGNATURE[3..].to_owned()] {
        assert!(!is_authentic(&signatures, &keys), "{signatures}");
    }
    assert!(is_authentic(&other, &[key(EXAMPLE_SECRET), key(OTHER_SECRET)]), "the secret from before");
}

#[test]
fn the_senders_public_key_is_enough() {
    let pair = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).expect("a seed");
    let public = key(&format!("whpk_{}", BASE64.encode(pair.public_key())));
    let message = [format!("{EXAMPLE_ID}.{EXAMPLE_TIME}.").as_bytes(), EXAMPLE_BODY].concat();
    let right = format!("v1a,{}", BASE64.encode(pair.sign(&message)));
    assert!(is_authentic(&format!("{EXAMPLE_SIGNATURE} {right}"), &[public]));
    let another = Ed25519KeyPair::from_seed_unchecked(&[8; 32]).expect("a seed");
    assert!(!is_authentic(&right, &[key(&format!("whpk_{}", BASE64.encode(another.public_key())))]));
    assert!(!is_authentic(&right.replace("v1a,", "v1,"), &[key(EXAMPLE_SECRET)]));
}

#[test]
fn a_header_that_is_missing_or_stands_twice_is_no_signature() {
    let time = EXAMPLE_TIME.to_string();
    let all = [(ID, EXAMPLE_ID), (TIMESTAMP, time.as_str()), (SIGNATURE, EXAMPLE_SIGNATURE)];
    for (name, value) in all {
        let without = all.iter().copied().filter(|(other, _)| *other != name).collect();
        let read_without = read(&without, EXAMPLE_BODY, &[key(EXAMPLE_SECRET)], EXAMPLE_TIME);
        assert_eq!(read_without, Err(Distrust::NoSignature.into()), "{name}");
        let twice = all.iter().copied().chain([(name, value)]).collect();
        let read_twice = read(&twice, EXAMPLE_BODY, &[key(EXAMPLE_SECRET)], EXAMPLE_TIME);
        assert_eq!(read_twice, Err(Distrust::NoSignature.into()), "{name}");
    }
}

#[test]
fn a_key_is_read_or_it_is_said_why_not() {
    for bad in [
        "",
        "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "whsec_",
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLa",
        "whsec_%",
        "whpk_AAAA",
    ] {
        let reason = Key::read(bad).err().expect("no key");
        assert!(reason.starts_with("must ") && !reason.contains("MfKQ"), "{bad}: {reason}");
    }
}

fn read_signed(body: &Value) -> Result<Report, Refusal> {
    let body = body.to_string();
    checked(&sign(EXAMPLE_SECRET, body.as_bytes()), body.as_bytes(), &[key(EXAMPLE_SECRET)], EXAMPLE_TIME)
}

fn event(kind: &str, data: &Value) -> Event {
    match read_signed(&json!({ "type": kind, "timestamp": "2022-11-03T20:26:10.344522Z", "data": data })) {
        Ok(Report::Event(event)) => *event,
        other => panic!("{kind} {data}: {other:?}"),
    }
}

#[test]
fn each_type_is_read_and_names_the_money() {
    let data = json!({ "order_id": "A1", "amount": 1_990, "currency": "cny", "extra": "x".repeat(60_000) });
    let single = PaymentResult::Refunded(RefundAmount::Single);
    for (kind, means) in [
        ("payment.succeeded", PaymentResult::Succeeded),
        ("payment.failed", PaymentResult::Failed),
        ("payment.refunded", single),
    ] {
        let read = event(kind, &data);
        assert_eq!((read.result, read.amount.minor(), read.currency.as_str()), (means, 1_990, "CNY"));
        assert_eq!((read.id.as_str(), read.payment.as_str()), (EXAMPLE_ID, EXAMPLE_ID));
        assert_eq!(read.order_reference, "A1");
    }
    let money = json!({ "amount": 1, "currency": "EUR", "id": "d1" });
    assert_eq!(event("payment.succeeded", &money).payment.as_str(), "d1");
    let money = json!({ "amount": 1, "currency": "EUR", "id": "d1", "payment_id": "p1" });
    assert_eq!(event("payment.succeeded", &money).payment.as_str(), "p1");
    assert_eq!(read_signed(&json!({ "type": "user.created" })), Ok(Report::Ignored("user.created".to_owned())));
    for data in [json!({}), json!({ "amount": 1 }), json!({ "amount": "1", "currency": "EUR" })] {
        assert!(matches!(read_signed(&json!({ "type": "payment.failed", "data": data })), Err(Refusal::Invalid(_))));
    }
    assert_eq!(read_signed(&json!({ "type": "payment.failed" })), Err(Refusal::member("data", "is missing")));
}
