//! **Job:** what holds for notifications of Alipay.
//! **Owns:** a notification as Alipay's sandbox has signed it, and the certificates that came with it (both are in the
//! tests of yansongda/pay).
//! **Never:** asks Alipay.

use percent_encoding::{NON_ALPHANUMERIC, percent_encode};

use super::*;
use crate::payment::platform_keys::testing::{PUBLIC_KEY, sign};

const EXAMPLE: &str = include_str!("example.txt");
const EXAMPLE_CERTIFICATES: &str = include_str!("example_certificates.pem");
const EXAMPLE_APP: &str = "9021000122682882";

fn keys(pem: &str, app_id: &str) -> Keys {
    let platform = PlatformKeys::read("alipay.pem", pem).expect("keys");
    Keys { platform, app_id: app_id.to_owned() }
}

#[test]
fn the_sandboxs_notification_is_authentic_and_says_how_much() {
    let read_example = |body: &str, pem, app| read(body.trim().as_bytes(), &keys(pem, app));
    let Ok(Report::Event(event)) = read_example(EXAMPLE, EXAMPLE_CERTIFICATES, EXAMPLE_APP) else { panic!("an event") };
    assert_eq!((event.result, event.amount.minor(), event.currency.as_str()), (PaymentResult::Succeeded, 1, "CNY"));
    assert_eq!(
        (event.id.as_str(), event.order_reference.as_str()),
        ("2023122101222162644199160501632046", "1703147160")
    );
    assert_eq!(event.payment.as_str(), "2023122122001499160501589436");

    let forged = EXAMPLE.replace("total_amount=0.01", "total_amount=0.02");
    let wrong = Err(Distrust::WrongSignature.into());
    assert_eq!(read_example(&forged, EXAMPLE_CERTIFICATES, EXAMPLE_APP), wrong);
    assert_eq!(read_example(EXAMPLE, PUBLIC_KEY, EXAMPLE_APP), wrong);
    let another = read_example(EXAMPLE, EXAMPLE_CERTIFICATES, "9021000122682883");
    assert_eq!(another, Err(Distrust::OtherApplication.into()));
}

const RIGHT: &[(&str, &str)] = &[
    ("notify_id", "n1"),
    ("app_id", "a1"),
    ("trade_no", "t1"),
    ("out_trade_no", "A1"),
    ("trade_status", "TRADE_SUCCESS"),
    ("total_amount", "88.88"),
    ("subject", "two+two = four & a half %41"),
];

fn encoded(text: &[u8]) -> String {
    percent_encode(text, NON_ALPHANUMERIC).to_string()
}

/// A form as Alipay sends it, with some fields changed; the signature covers the changes.
fn form(changes: &[(&str, &str)]) -> String {
    let mut fields: Vec<_> = RIGHT.to_vec();
    fields.retain(|(name, _)| changes.iter().all(|(changed, _)| changed != name));
    fields.extend(changes.iter().filter(|(_, value)| *value != "-"));
    signed(&fields.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())).collect::<Vec<_>>())
}

fn signed(fields: &[(&[u8], &[u8])]) -> String {
    let mut sorted = fields.to_vec();
    sorted.sort_unstable();
    let message = sorted.iter().map(|(name, value)| [*name, *value].join(&b'=')).collect::<Vec<_>>().join(&b'&');
    let sign = sign(&message);
    let fields = fields.iter().copied().chain([(&b"sign_type"[..], SIGN_TYPE), (&b"sign"[..], sign.as_bytes())]);
    fields.map(|(name, value)| format!("{}={}", encoded(name), encoded(value))).collect::<Vec<_>>().join("&")
}

fn read_form(form: &str) -> Result<Report, Refusal> {
    read(form.as_bytes(), &keys(PUBLIC_KEY, "a1"))
}

fn event(changes: &[(&str, &str)]) -> Event {
    match read_form(&form(changes)) {
        Ok(Report::Event(event)) => *event,
        other => panic!("{changes:?}: {other:?}"),
    }
}

#[test]
fn each_state_of_a_trade_is_money_or_none() {
    let total = PaymentResult::Refunded(RefundAmount::Total);
    for (changes, kind, amount) in [
        (&[][..], PaymentResult::Succeeded, 8_888),
        (&[("trade_status", "TRADE_FINISHED")], PaymentResult::Succeeded, 8_888),
        (&[("refund_fee", "0.00")], PaymentResult::Succeeded, 8_888),
        (&[("refund_fee", "8.8")], total, 880),
        (&[("refund_fee", "88.88"), ("trade_status", "TRADE_CLOSED")], total, 8_888),
    ] {
        let read = event(changes);
        assert_eq!((read.result, read.amount.minor(), read.payment.as_str()), (kind, amount, "t1"), "{changes:?}");
    }
    for status in ["WAIT_BUYER_PAY", "TRADE_CLOSED", "TRADE_SOMETHING"] {
        assert_eq!(read_form(&form(&[("trade_status", status)])), Ok(Report::Ignored(status.to_owned())));
    }
    let signed_up = form(&[("trade_status", "-"), ("notify_type", "dut_user_sign")]);
    assert_eq!(read_form(&signed_up), Ok(Report::Ignored("dut_user_sign".to_owned())));
    let yen = event(&[("trans_currency", "JPY"), ("total_amount", "500")]);
    assert_eq!((yen.amount.minor(), yen.currency.as_str()), (500, "JPY"));
    assert_eq!(event(&[("out_trade_no", "-")]).order_reference, "", "it is money all the same");
}

#[test]
fn what_is_signed_is_every_field_in_any_charset_and_an_empty_one_may_be_left_out() {
    assert_eq!(event(&[("body", "")]).amount.minor(), 8_888);
    let with_empty = format!("{}&passback_params=", form(&[]));
    assert!(matches!(read_form(&with_empty), Ok(Report::Event(_))));
    let mut gbk: Vec<(&[u8], &[u8])> = RIGHT.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())).collect();
    gbk.extend([(&b"charset"[..], &b"GBK"[..]), (b"body", b"\xb2\xe2\xca\xd4")]);
    assert!(matches!(read_form(&signed(&gbk)), Ok(Report::Event(_))));
    let large = form(&[("body", &"x".repeat(20_000))]);
    assert!(matches!(read_form(&large), Ok(Report::Event(_))));
}

#[test]
fn what_is_not_signed_is_not_believed() {
    let right = form(&[]);
    for (forged, distrust) in [
        (right.replace("88%2E88", "88%2E89"), Distrust::WrongSignature),
        (format!("{right}&refund_fee=88.88"), Distrust::WrongSignature),
        (right.replace("sign%5Ftype=RSA2", "sign%5Ftype=RSA"), Distrust::NoSignature),
        (right.split("&sign=").next().expect("a part").to_owned(), Distrust::NoSignature),
        (right.replace("&sign=", "&sign=%2A"), Distrust::NoSignature),
        (form(&[("app_id", "a2")]), Distrust::OtherApplication),
        (form(&[("app_id", "-")]), Distrust::OtherApplication),
        (String::new(), Distrust::NoSignature),
    ] {
        assert_eq!(read_form(&forged), Err(distrust.into()), "{forged}");
    }
    let twice = format!("{right}&total_amount=88.88");
    assert!(matches!(read_form(&twice), Err(Refusal::Malformed(_))), "each reader may see another one");
}

#[test]
fn what_money_needs_and_is_not_there_is_named() {
    for (name, value) in [
        ("notify_id", "-"),
        ("notify_id", "a b"),
        ("trade_no", "-"),
        ("total_amount", "-"),
        ("total_amount", "88.888"),
        ("total_amount", "-1"),
        ("total_amount", "1e3"),
        ("trans_currency", "yuan"),
    ] {
        let Err(Refusal::Invalid(wrong)) = read_form(&form(&[(name, value)])) else { panic!("{name} {value}") };
        assert_eq!(wrong[0].name, name);
    }
}
