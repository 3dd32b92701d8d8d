//! **Job:** what holds for notifications of WeChat Pay.
//! **Owns:** the examples of WeChat's own libraries: a signed notification, and sealed content.
//! **Never:** asks WeChat.

use serde_json::{Value, json};

use super::*;
use crate::payment::platform_keys::testing::{self, CERTIFICATE, PUBLIC_KEY};

/// Of the tests of wechatpay-go: a notification with the certificate it was signed with.
const EXAMPLE: &str = include_str!("example.json");
const EXAMPLE_CERTIFICATE: &str = include_str!("example_certificate.pem");
const EXAMPLE_TIME: u64 = 1_624_523_846;
const EXAMPLE_HEADERS: [(&str, &str); 4] = [
    ("Wechatpay-Timestamp", "1624523846"),
    ("Wechatpay-Nonce", "EcZ9Cmy4Xyx1i6RlJQzLcCyEqDa26NBz"),
    ("Wechatpay-Serial", "D7CE59D1F522D701"),
    (
        "Wechatpay-Signature",
        "tJHIiIS9eB2hAYstmAmbbD3ZE5LiIm/Ug5tuL4fC0YOFRWIHV39UFIZXC0e9Wl6lBu6sKvkqDkzpqzBsVHyXFlbYZTOQrVdG4b6LfTnK4mik\
         v9++ixJMd3vTf2yCqvBkh98zs3Ds5zsYQakzbcwhmw4fMJs4nPLws28H0UW9FjDR//rxELLwXvV1VEA1IBLX70xptjL8hrfUjEE8kkry6yNJ\
         THZRU8CAc7qHli2Ng1V1qb9ARbK8A3ThmFmPQvRGrapI/jS2laKKgYUmfdEdkNO6B2Cke5e8VTxY406ArAmQ90GAihDwIcb16TQMnzCMBout\
         nwZKNiKRACrFmtxw2Q==",
    ),
];

/// Of the tests of wechatpay-java: sealed with `associatedData` and this word.
const SEALED_KEY: &[u8; API_V3_KEY_BYTES] = b"a7cde1ZJB1kG2e7VfTs3jQzaWizur8Gb";
const SEALED_NONCE: &[u8] = b"uluk4a9R25RW";
const SEALED: &str = "ulwSiIajGClcvcOYvOQ7+l+0PAbzzwI=";

const NOW: u64 = 1_700_000_000;
const KEY: &[u8; API_V3_KEY_BYTES] = b"0123456789abcdef0123456789abcdef";
const OTHER_KEY: &[u8; API_V3_KEY_BYTES] = b"fedcba9876543210fedcba9876543210";

fn keys(pem: &str, api_v3: &[&[u8; API_V3_KEY_BYTES]]) -> Keys {
    let platform = PlatformKeys::read("wechat.pem", pem).expect("keys");
    Keys { platform, api_v3: api_v3.iter().map(|key| **key).collect() }
}

fn example(body: &str, pem: &str, now: u64) -> Result<Report, Refusal> {
    read(&EXAMPLE_HEADERS.into_iter().collect(), body.as_bytes(), &keys(pem, &[KEY]), now)
}

#[test]
fn the_published_notification_is_authentic_in_its_five_minutes_only() {
    let right = Ok(Report::Ignored("PAYSCORE.USER_OPEN_SERVICE".to_owned()));
    assert_eq!(example(EXAMPLE, EXAMPLE_CERTIFICATE, EXAMPLE_TIME), right);
    assert_eq!(example(EXAMPLE, &format!("{CERTIFICATE}{EXAMPLE_CERTIFICATE}"), EXAMPLE_TIME + 300), right);
    for now in [EXAMPLE_TIME + 301, EXAMPLE_TIME - 301] {
        assert_eq!(example(EXAMPLE, EXAMPLE_CERTIFICATE, now), Err(Distrust::OtherTime.into()));
    }
    let forged = EXAMPLE.replace("PAYSCORE.USER_OPEN_SERVICE", "TRANSACTION.SUCCESS");
    assert_eq!(example(&forged, EXAMPLE_CERTIFICATE, EXAMPLE_TIME), Err(Distrust::WrongSignature.into()));
    assert_eq!(example(EXAMPLE, PUBLIC_KEY, EXAMPLE_TIME), Err(Distrust::WrongSignature.into()));
    assert_eq!(example(EXAMPLE, CERTIFICATE, EXAMPLE_TIME), Err(Distrust::UnknownKey.into()));
}

#[test]
fn the_published_content_opens_and_no_other() {
    let sealed = STANDARD.decode(SEALED).expect("Base64");
    assert_eq!(unseal(SEALED_KEY, SEALED_NONCE, b"associatedData", &sealed).as_deref(), Some(&b"message"[..]));
    for at in 0..sealed.len() {
        let mut tampered = sealed.clone();
        tampered[at] ^= 1;
        assert_eq!(unseal(SEALED_KEY, SEALED_NONCE, b"associatedData", &tampered), None, "{at}");
    }
    assert_eq!(unseal(SEALED_KEY, SEALED_NONCE, b"bad-associatedData", &sealed), None);
    assert_eq!(unseal(SEALED_KEY, b"bad-4a9R25RW", b"associatedData", &sealed), None);
    assert_eq!(unseal(SEALED_KEY, b"short", b"associatedData", &sealed), None);
    assert_eq!(unseal(KEY, SEALED_NONCE, b"associatedData", &sealed), None);
    assert_eq!(unseal(SEALED_KEY, SEALED_NONCE, b"associatedData", b""), None);
}

fn seal(content: &Value, data: &str) -> Value {
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, KEY).expect("32 bytes"));
    let nonce = Nonce::try_assume_unique_for_key(b"fdasflkja484").expect("12 bytes");
    let mut sealed = content.to_string().into_bytes();
    key.seal_in_place_append_tag(nonce, Aad::from(data), &mut sealed).expect("sealed");
    json!({ "algorithm": ALGORITHM, "ciphertext": STANDARD.encode(sealed), "nonce": "fdasflkja484",
        "associated_data": data, "original_type": data })
}

fn notification(event_type: &str, content: &Value) -> Value {
    json!({ "id": "EV-2018022511223320873", "create_time": "2015-05-20T13:29:35+08:00", "event_type": event_type,
        "resource_type": "encrypt-resource", "summary": "支付成功", "resource": seal(content, "transaction") })
}

fn read_with(body: &Value, keys: &Keys) -> Result<Report, Refusal> {
    let (body, at) = (body.to_string(), NOW.to_string());
    let signature = testing::sign(format!("{at}\nnonce\n{body}\n").as_bytes());
    let lines = [(TIMESTAMP, at.as_str()), (NONCE, "nonce"), (SERIAL, testing::SERIAL), (SIGNATURE, &signature)];
    read(&lines.into_iter().collect(), body.as_bytes(), keys, NOW)
}

fn read_signed(body: &Value) -> Result<Report, Refusal> {
    read_with(body, &keys(CERTIFICATE, &[KEY]))
}

fn transaction() -> Value {
    json!({ "transaction_id": "1217752501201407033233368018", "out_trade_no": "A1", "trade_state": "SUCCESS",
        "amount": { "total": 8_888, "payer_total": 8_800, "currency": "CNY", "payer_currency": "CNY" },
        "payer": { "openid": "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o" }, "promotion_detail": ["x".repeat(40_000)] })
}

#[test]
fn a_payment_and_its_refund_name_the_same_money() {
    let refund = json!({ "transaction_id": "1217752501201407033233368018", "out_trade_no": "A1", "refund_id": "5020",
        "refund_status": "SUCCESS", "amount": { "total": 8_888, "refund": 88, "payer_refund": 80 } });
    let single = PaymentResult::Refunded(RefundAmount::Single);
    for (event_type, content, kind, amount, id) in [
        ("TRANSACTION.SUCCESS", transaction(), PaymentResult::Succeeded, 8_888, "EV-2018022511223320873"),
        ("REFUND.SUCCESS", refund, single, 88, "5020"),
    ] {
        let Ok(Report::Event(event)) = read_signed(&notification(event_type, &content)) else { panic!("{event_type}") };
        assert_eq!((event.result, event.amount.minor(), event.currency.as_str()), (kind, amount, "CNY"));
        assert_eq!((event.id.as_str(), event.order_reference.as_str()), (id, "A1"));
        assert_eq!(event.payment.as_str(), "1217752501201407033233368018");
    }
}

#[test]
fn what_is_no_money_is_authentic_and_of_no_use() {
    let mut closed = transaction();
    closed["trade_state"] = json!("CLOSED");
    for (event_type, content, said) in [
        ("REFUND.ABNORMAL", json!({}), "REFUND.ABNORMAL"),
        ("REFUND.CLOSED", json!({}), "REFUND.CLOSED"),
        ("TRANSACTION.SUCCESS", closed, "TRANSACTION.SUCCESS, CLOSED"),
        ("REFUND.SUCCESS", json!({ "refund_status": "PROCESSING" }), "REFUND.SUCCESS, PROCESSING"),
    ] {
        assert_eq!(read_signed(&notification(event_type, &content)), Ok(Report::Ignored(said.to_owned())));
    }
}

#[test]
fn the_key_from_before_opens_while_it_is_changed() {
    let body = notification("TRANSACTION.SUCCESS", &transaction());
    assert!(read_with(&body, &keys(CERTIFICATE, &[OTHER_KEY, KEY])).is_ok());
    assert_eq!(read_with(&body, &keys(CERTIFICATE, &[OTHER_KEY])), Err(Distrust::Sealed.into()));
    assert!(read_with(&body, &keys(PUBLIC_KEY, &[KEY])).is_ok(), "a public key without a serial");
}

#[test]
fn sealed_content_that_was_changed_does_not_open() {
    let right = notification("TRANSACTION.SUCCESS", &transaction());
    for (member, value) in
        [("nonce", "fdasflkja485"), ("associated_data", "refund"), ("ciphertext", "AAAA"), ("ciphertext", "")]
    {
        let mut tampered = right.clone();
        tampered["resource"][member] = json!(value);
        assert_eq!(read_signed(&tampered), Err(Distrust::Sealed.into()), "{member}");
    }
}

#[test]
fn a_header_that_is_missing_or_stands_twice_is_no_signature() {
    for (name, value) in EXAMPLE_HEADERS {
        let without = EXAMPLE_HEADERS.into_iter().filter(|(other, _)| *other != name).collect();
        let twice = EXAMPLE_HEADERS.into_iter().chain([(name, value)]).collect();
        for headers in [without, twice] {
            let read = read(&headers, EXAMPLE.as_bytes(), &keys(EXAMPLE_CERTIFICATE, &[KEY]), EXAMPLE_TIME);
            assert_eq!(read, Err(Distrust::NoSignature.into()), "{name}");
        }
    }
}

#[test]
fn what_money_needs_and_is_not_there_is_named() {
    for (pointer, named) in [
        ("/transaction_id", "transaction_id"),
        ("/trade_state", "trade_state"),
        ("/amount", "amount"),
        ("/amount/total", "amount.total"),
    ] {
        let mut content = transaction();
        *content.pointer_mut(pointer).expect("a member") = Value::Null;
        let read = read_signed(&notification("TRANSACTION.SUCCESS", &content));
        assert_eq!(read, Err(Refusal::member(named, "is missing")));
    }
    let mut unsealed = notification("TRANSACTION.SUCCESS", &transaction());
    unsealed["resource"]["algorithm"] = json!("AEAD_SM4_GCM");
    let read = read_signed(&unsealed);
    assert_eq!(read, Err(Refusal::member("resource.algorithm", "must be AEAD_AES_256_GCM")));
    let mut strange = notification("TRANSACTION.SUCCESS", &transaction());
    strange["resource"]["ciphertext"] = json!("*");
    assert_eq!(read_signed(&strange), Err(Refusal::member("resource.ciphertext", "must be Base64")));
}
