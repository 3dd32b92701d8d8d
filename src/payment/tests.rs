//! **Job:** what holds for every provider.
//! **Owns:** chance, with a seed that is printed when it finds something.
//! **Never:** knows what a provider says.

use std::sync::LazyLock;

use proptest::collection::vec;
use proptest::prelude::*;

use super::platform_keys::PlatformKeys;
use super::platform_keys::testing::{self, PUBLIC_KEY};
use super::{Headers, Refusal, alipay, own, standard_webhooks, stripe, timed_signature, wechat};
use crate::config::Secret;

const NOW: u64 = 1_700_000_000;

static WECHAT: LazyLock<wechat::Keys> =
    LazyLock::new(|| wechat::Keys { platform: platform(), api_v3: vec![[7; wechat::API_V3_KEY_BYTES]] });
static ALIPAY: LazyLock<alipay::Keys> =
    LazyLock::new(|| alipay::Keys { platform: platform(), app_id: "a1".to_owned() });
static STANDARD: LazyLock<Vec<standard_webhooks::Key>> = LazyLock::new(|| {
    let keys = ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whpk_AwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwM="];
    keys.into_iter().map(|key| standard_webhooks::Key::read(key).expect("a key")).collect()
});
static SECRETS: LazyLock<Vec<Secret>> = LazyLock::new(|| vec![Secret::new("secret".to_owned())]);

fn platform() -> PlatformKeys {
    PlatformKeys::read("keys.pem", PUBLIC_KEY).expect("keys")
}

/// Every provider's word about the same headers and body.
fn all(headers: &Headers<'_>, body: &[u8]) -> Vec<(&'static str, bool)> {
    let outcomes = [
        ("own", own::read(headers, body, &SECRETS, NOW)),
        ("stripe", stripe::read(headers, body, &SECRETS, NOW)),
        ("standard", standard_webhooks::read(headers, body, &STANDARD, NOW)),
        ("wechat", wechat::read(headers, body, &WECHAT, NOW)),
        ("alipay", alipay::read(body, &ALIPAY)),
    ];
    let is_believed = |outcome| match outcome {
        Ok(_report) => true,
        Err(Refusal::NotAuthentic(_)) => false,
        // Alipay's signature is in the form itself: one that cannot be read has none.
        Err(Refusal::Malformed(sentence)) => sentence != "a field stands twice in the form",
        Err(Refusal::Invalid(_)) => true,
    };
    outcomes.into_iter().map(|(name, outcome)| (name, is_believed(outcome))).collect()
}

/// Values that look right far enough to be looked at.
fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        "\\PC{0,80}",
        Just(NOW.to_string()),
        "t=1700000000,(v1=[0-9a-f]{64},?){0,3}",
        "(v1,[A-Za-z0-9+/]{43}= ?){1,3}",
        "(v1a,[A-Za-z0-9+/]{86}== ?){1,3}",
        "[A-Za-z0-9+/]{342}==",
    ]
}

fn body() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        vec(any::<u8>(), 0..2_000),
        "(sign(_type)?|app_id|trade_status)=([A-Za-z0-9%+]{0,9}|RSA2)(&[a-z]=%[0-9A-F]{2}){0,9}(&sign=[A-Za-z]{8})?"
            .prop_map(String::into_bytes),
        "\\{\"(id|type|data|event_type)\":(\"\\PC{0,40}\"|\\{\\}|[0-9.eE+-]{1,9}|\\[*)\\}".prop_map(String::into_bytes),
    ]
}

proptest! {
    #[test]
    fn no_bytes_panic_and_none_are_believed(values in vec(value(), 9), body in body()) {
        let names = [
            own::SIGNATURE, stripe::SIGNATURE, standard_webhooks::ID, standard_webhooks::TIMESTAMP,
            standard_webhooks::SIGNATURE, wechat::TIMESTAMP, wechat::NONCE, wechat::SERIAL, wechat::SIGNATURE,
        ];
        let headers = names.into_iter().zip(values.iter().map(String::as_str)).collect();
        for (name, is_believed) in all(&headers, &body) {
            prop_assert!(!is_believed, "{} believed it", name);
        }
    }

    #[test]
    fn signed_bytes_that_are_no_event_do_not_panic(body in body()) {
        let (at, header) = (NOW.to_string(), timed_signature::sign(&SECRETS[0], NOW, &body));
        let timed = [(own::SIGNATURE, header.as_str()), (stripe::SIGNATURE, header.as_str())].into_iter().collect();
        for outcome in [own::read(&timed, &body, &SECRETS, NOW), stripe::read(&timed, &body, &SECRETS, NOW)] {
            prop_assert!(!matches!(outcome, Err(Refusal::NotAuthentic(_))), "{outcome:?}");
        }
        let signature = testing::sign(&[at.as_bytes(), b"\nnonce\n", &body, b"\n"].concat());
        let lines = [(wechat::TIMESTAMP, at.as_str()), (wechat::NONCE, "nonce"), (wechat::SERIAL, "1"),
            (wechat::SIGNATURE, signature.as_str())];
        let outcome = wechat::read(&lines.into_iter().collect(), &body, &WECHAT, NOW);
        prop_assert!(!matches!(outcome, Err(Refusal::NotAuthentic(super::Distrust::WrongSignature))), "{outcome:?}");
    }

    #[test]
    fn one_changed_byte_of_a_signed_event_is_one_too_many(at in any::<prop::sample::Index>(), bit in 0_u8..8) {
        let right = br#"{"event_id":"e1","order_id":"A1","type":"succeeded","amount":1990,"currency":"CNY"}"#.to_vec();
        let header = timed_signature::sign(&SECRETS[0], NOW, &right);
        let headers = [(own::SIGNATURE, header.as_str())].into_iter().collect();
        prop_assert!(own::read(&headers, &right, &SECRETS, NOW).is_ok());
        let mut changed = right.clone();
        changed[at.index(right.len())] ^= 1 << bit;
        prop_assert_eq!(
            own::read(&headers, &changed, &SECRETS, NOW),
            Err(super::Distrust::WrongSignature.into())
        );
    }
}
