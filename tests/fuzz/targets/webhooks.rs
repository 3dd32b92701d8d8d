//! **Job:** notifications of payment providers, raw and authentic, one target a provider.
//! **Owns:** that nothing is believed that is not signed, and that whatever is believed can be recorded and read back.
//! **Never:** forges a signature: authentic ones are made with keys of this file.

use std::cell::LazyCell;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use doorbuster_actors::ledger::Row;
use doorbuster_actors::payment::Provider;
use doorbuster_actors::suspense::Suspense;
use doorbuster_actors::time::Timestamp;
use hmac::{Hmac, Mac as _};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use sha2::Sha256;

use crate::config::Secret;
use crate::payment::standard_webhooks::{self, Key};
use crate::payment::{Distrust, Headers, PlatformKeys, Refusal, Report, alipay, own, stripe, wechat};

/// When all of this happens, in seconds since 1970.
const NOW: u64 = 1_764_000_000;

/// Begins an input that is a body, to be signed as it is.
const AUTHENTIC: u8 = b'!';

/// Our secret, of all who share one with us: its bytes, and the same as Standard Webhooks write it.
const SECRET: &str = "a secret that we share with a provider";
const STANDARD_SECRET: &str = "whsec_YSBzZWNyZXQgdGhhdCB3ZSBzaGFyZSB3aXRoIGEgcHJvdmlkZXI=";

/// The merchant's key at `WeChat` Pay, and a nonce.
const API_V3: [u8; 32] = *b"a key of thirty-two bytes, right";
const SEALING_NONCE: &str = "twelve bytes";

/// Our name at Alipay.
const APP_ID: &str = "2021000000000000";

thread_local! {
    static SECRETS: LazyCell<[Secret; 1]> = LazyCell::new(|| [Secret::new(SECRET.to_owned())]);
    static STANDARD_KEYS: LazyCell<[Key; 1]> = LazyCell::new(|| [Key::read(STANDARD_SECRET).expect("a key")]);
    static WECHAT: LazyCell<wechat::Keys> =
        LazyCell::new(|| wechat::Keys { platform: platform(), api_v3: vec![API_V3] });
    static ALIPAY: LazyCell<alipay::Keys> =
        LazyCell::new(|| alipay::Keys { platform: platform(), app_id: APP_ID.to_owned() });
}

/// A platform whose private key nobody has here: what it is said to have signed is forged.
fn platform() -> PlatformKeys {
    let text = include_str!("../../../src/payment/platform_keys/public.pem");
    PlatformKeys::read("PUB_KEY_ID_1", text).expect("a public key")
}

fn mac(parts: &[&[u8]]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).expect("HMAC takes keys of any length");
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().to_vec()
}

/// Lines of headers, an empty one, and a body.
fn message(input: &[u8]) -> (Vec<(&str, &str)>, &[u8]) {
    let end = input.windows(2).position(|bytes| bytes == b"\n\n").unwrap_or(input.len());
    let head = std::str::from_utf8(&input[..end]).unwrap_or_default();
    let lines = head.lines().filter_map(|line| line.split_once(':')).map(|(name, value)| (name, value.trim()));
    (lines.collect(), input.get(end + 2..).unwrap_or_default())
}

/// What is believed says of money what a ledger can hold; what is refused is so for a reason.
fn judge(provider: Provider, report: Result<Report, Refusal>) {
    match report {
        Ok(Report::Event(event)) => {
            let (reference, payment) = event.reported_by(provider);
            let (entries, _verdict) = Suspense::default().receive(&payment, &reference, Timestamp::from_millis(0));
            let mut books = Suspense::default();
            for (seq, entry) in (1..).zip(&entries) {
                assert_eq!(Row::of(seq, entry).to_entry().as_ref(), Ok(entry), "it comes back as it was");
                books.apply(entry).expect("it follows");
            }
        }
        Ok(Report::Ignored(_word)) => {}
        Err(Refusal::NotAuthentic(distrust)) => assert!(!distrust.as_str().is_empty()),
        Err(Refusal::Malformed(sentence)) => assert!(!sentence.is_empty()),
        Err(Refusal::Invalid(wrong)) => assert!(!wrong.is_empty(), "something is wrong with it"),
    }
}

fn is_believed(report: &Result<Report, Refusal>) -> bool {
    !matches!(report, Err(Refusal::NotAuthentic(_) | Refusal::Malformed(_)))
}

/// How a notification is read that is signed with a shared secret.
type Reader = fn(&Headers<'_>, &[u8], &[Secret], u64) -> Result<Report, Refusal>;

/// `t=…,v1=…`, ours and Stripe's.
fn timed(input: &[u8], (provider, header): (Provider, &str), read: Reader) {
    SECRETS.with(|secrets| {
        if let Some((&AUTHENTIC, body)) = input.split_first() {
            let at = NOW.to_string();
            let value = format!("t={at},v1={}", hex::encode(mac(&[at.as_bytes(), b".", body])));
            let report = read(&[(header, value.as_str())].into_iter().collect(), body, &secrets[..], NOW);
            assert!(!matches!(report, Err(Refusal::NotAuthentic(_))), "it is authentic");
            return judge(provider, report);
        }
        let (lines, body) = message(input);
        let report = read(&lines.iter().copied().collect(), body, &secrets[..], NOW);
        if is_believed(&report) {
            let value = lines.iter().find(|(name, _)| name.eq_ignore_ascii_case(header)).expect("a signature").1;
            let parts = || value.split(',').filter_map(|part| part.trim().split_once('='));
            let at = parts().find(|(name, _)| *name == "t").expect("a time").1;
            let right = hex::encode(mac(&[at.as_bytes(), b".", body]));
            assert!(parts().any(|(_, signature)| signature.eq_ignore_ascii_case(&right)), "forged");
        }
        judge(provider, report);
    });
}

/// Our own format.
///
/// # Panics
/// Something is believed that is not signed, or cannot be recorded.
pub fn webhook_own(input: &[u8]) {
    timed(input, (Provider::Own, own::SIGNATURE), own::read);
}

/// Stripe's.
///
/// # Panics
/// Something is believed that is not signed, or cannot be recorded.
pub fn webhook_stripe(input: &[u8]) {
    timed(input, (Provider::Stripe, stripe::SIGNATURE), stripe::read);
}

/// Standard Webhooks.
///
/// # Panics
/// Something is believed that is not signed, or cannot be recorded.
pub fn webhook_standard(input: &[u8]) {
    use standard_webhooks::{ID, SIGNATURE, TIMESTAMP, read};
    STANDARD_KEYS.with(|keys| {
        if let Some((&AUTHENTIC, body)) = input.split_first() {
            let at = NOW.to_string();
            let value = format!("v1,{}", STANDARD.encode(mac(&[b"msg_1.", at.as_bytes(), b".", body])));
            let headers = [(ID, "msg_1"), (TIMESTAMP, &at), (SIGNATURE, &value)];
            let report = read(&headers.into_iter().collect(), body, &keys[..], NOW);
            assert!(!matches!(report, Err(Refusal::NotAuthentic(_))), "it is authentic");
            return judge(Provider::Standard, report);
        }
        let (lines, body) = message(input);
        let report = read(&lines.iter().copied().collect(), body, &keys[..], NOW);
        if is_believed(&report) {
            let value = |name| lines.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).expect("is there").1;
            let right = mac(&[value(ID).trim().as_bytes(), b".", value(TIMESTAMP).as_bytes(), b".", body]);
            let right = STANDARD.encode(right);
            assert!(value(SIGNATURE).contains(right.trim_end_matches('=')), "forged");
        }
        judge(Provider::Standard, report);
    });
}

/// `WeChat` Pay's: raw, or a transaction or a refund whose content is well sealed.
///
/// # Panics
/// Something is believed that is not signed, or cannot be recorded.
pub fn webhook_wechat(input: &[u8]) {
    if let Some((&AUTHENTIC, content)) = input.split_first() {
        let (kind, content) = match content.split_first() {
            Some((b'r', content)) => ("REFUND.SUCCESS", content),
            _other => ("TRANSACTION.SUCCESS", content),
        };
        return judge(Provider::Wechat, wechat::unsigned(&sealed(kind, content), API_V3));
    }
    let (lines, body) = message(input);
    let report = WECHAT.with(|keys| wechat::read(&lines.iter().copied().collect(), body, keys, NOW));
    assert!(matches!(report, Err(Refusal::NotAuthentic(_))), "nobody has signed it: {report:?}");
    judge(Provider::Wechat, wechat::unsigned(body, API_V3));
}

fn sealed(kind: &str, content: &[u8]) -> Vec<u8> {
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &API_V3).expect("a key has 32 bytes"));
    let nonce = Nonce::try_assume_unique_for_key(SEALING_NONCE.as_bytes()).expect("a nonce has twelve");
    let mut sealed = content.to_vec();
    key.seal_in_place_append_tag(nonce, Aad::from("transaction"), &mut sealed).expect("it can be sealed");
    let sealed = STANDARD.encode(sealed);
    format!(
        r#"{{"id":"EV-1","event_type":"{kind}","resource":{{"algorithm":"AEAD_AES_256_GCM","ciphertext":"{sealed}",
        "associated_data":"transaction","nonce":"{SEALING_NONCE}"}}}}"#
    )
    .into_bytes()
}

/// Alipay's: as it is, and as if it were signed.
///
/// # Panics
/// Something is believed that is not signed, or cannot be recorded.
pub fn webhook_alipay(input: &[u8]) {
    let report = ALIPAY.with(|keys| alipay::read(input, keys));
    let is_refused = matches!(report, Err(Refusal::NotAuthentic(_) | Refusal::Malformed(_)));
    assert!(is_refused, "nobody has signed it: {report:?}");
    let unsigned = alipay::unsigned(input, APP_ID);
    let is_ours = !matches!(unsigned, Err(Refusal::NotAuthentic(Distrust::OtherApplication)));
    let names_us = input.windows(APP_ID.len()).any(|bytes| bytes == APP_ID.as_bytes()) || input.contains(&b'%');
    assert!(!is_ours || names_us || matches!(unsigned, Err(Refusal::Malformed(_))), "it is for another application");
    judge(Provider::Alipay, unsigned);
}
