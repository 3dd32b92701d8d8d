//! **Job:** writes and signs notifications as each payment provider does.
//! **Owns:** the tests' keys of every provider.
//! **Never:** checks a signature, or shares a line with the code that does.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, Mac};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::{Value, json};
use sha2::Sha256;

use crate::support::{Client, Item, Response, Setup, WEBHOOK_SECRET};

pub(crate) const STRIPE: &str = "whsec_0123456789abcdef0123456789abcdef";
pub(crate) const PREVIOUS_STRIPE: &str = "whsec_fedcba9876543210fedcba9876543210";
pub(crate) const STANDARD: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
pub(crate) const PREVIOUS_STANDARD: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
const API_V3_KEY: &str = "a7cde1ZJB1kG2e7VfTs3jQzaWizur8Gb";
const SERIAL: &str = "5157F09EFDC096DE15EBE81A47057A7232F1B8E1";
const PLATFORM: &[u8] = include_bytes!("../../../src/payment/platform_keys/private.pem");

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Provider {
    Own,
    Stripe,
    Standard,
    Wechat,
    Alipay,
}

pub(crate) const NOTIFYING: [Provider; 4] = [Provider::Stripe, Provider::Standard, Provider::Wechat, Provider::Alipay];
pub(crate) const ALL: [Provider; 5] =
    [Provider::Own, Provider::Stripe, Provider::Standard, Provider::Wechat, Provider::Alipay];

/// A shop with the keys of all providers.
pub(crate) fn shop(items: impl IntoIterator<Item = Item>) -> Setup {
    let file = |name: &str| format!("{:?}", format!("{}/src/payment/platform_keys/{name}", env!("CARGO_MANIFEST_DIR")));
    Setup::new(items)
        .set("payment.stripe.secret", &format!("{STRIPE:?}"))
        .set("payment.stripe.previous_secret", &format!("{PREVIOUS_STRIPE:?}"))
        .set("payment.standard.secret", &format!("{STANDARD:?}"))
        .set("payment.standard.previous_secret", &format!("{PREVIOUS_STANDARD:?}"))
        .set("payment.wechat.api_v3_key", &format!("{API_V3_KEY:?}"))
        .set("payment.wechat.public_key_file", &file("certificate.pem"))
        .set("payment.alipay.public_key_file", &file("public.pem"))
        .set("payment.alipay.app_id", "\"2021000122682882\"")
}

/// What is reported: that money came.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    pub(crate) id: String,
    pub(crate) payment: String,
    pub(crate) order: String,
    pub(crate) amount: i64,
    pub(crate) currency: String,
    pub(crate) has_failed: bool,
    /// Bytes of members that nobody knows.
    pub(crate) padding: usize,
}

impl Event {
    pub(crate) fn succeeded(id: &str, order: &str, amount: i64) -> Self {
        let (currency, payment) = ("CNY".to_owned(), format!("pay-{id}-{order}").replace(' ', "-"));
        let (id, order) = (id.to_owned(), order.to_owned());
        Self { id, payment, order, amount, currency, has_failed: false, padding: 0 }
    }
}

/// A request to a webhook.
#[derive(Debug, Clone)]
pub(crate) struct Notification {
    pub(crate) path: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) media_type: &'static str,
    pub(crate) body: String,
}

impl Notification {
    pub(crate) async fn send(&self, client: &mut Client) -> Response {
        self.try_send(client).await.expect("an answer")
    }

    /// The same to a server that may fall before it answers.
    pub(crate) async fn try_send(&self, client: &mut Client) -> std::io::Result<Response> {
        let Self { path, headers, media_type, body } = self;
        let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let length = body.len();
        let head = format!("POST {path} HTTP/1.1\r\nHost: shop\r\nContent-Type: {media_type}\r\n{headers}");
        let request = format!("{head}Content-Length: {length}\r\n\r\n{body}");
        client.send(request.as_bytes()).await
    }

    /// The same with signatures that look right.
    pub(crate) fn forged(mut self) -> Self {
        for (name, value) in &mut self.headers {
            if name.to_ascii_lowercase().ends_with("signature") {
                // A digit of either alphabet, hexadecimal or Base64, and not one that is only padding.
                let at = value.len() - 8;
                let other = if value.as_bytes()[at] == b'd' { "e" } else { "d" };
                value.replace_range(at..=at, other);
            }
        }
        self.body = self.body.replace("&sign=", "&sign=AAAA");
        self
    }

    /// Signed by Standard Webhooks.
    pub(crate) fn by_standard(mut self, secret: &str, id: &str, now: u64) -> Self {
        let key = BASE64.decode(&secret["whsec_".len()..]).expect("Base64");
        let signature = BASE64.encode(hmac(&key, &format!("{id}.{now}.{}", self.body)));
        self.headers = named(&[
            ("webhook-id", id),
            ("webhook-timestamp", &now.to_string()),
            ("webhook-signature", &format!("v1,{signature}")),
        ]);
        self
    }
}

fn named(headers: &[(&str, &str)]) -> Vec<(String, String)> {
    headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn hmac(key: &[u8], message: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(message.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

/// `t=…,v1=…`.
pub(crate) fn timed(secret: &str, now: u64, body: &str) -> String {
    format!("t={now},v1={}", hex::encode(hmac(secret.as_bytes(), &format!("{now}.{body}"))))
}

fn platform_signature(message: &str) -> String {
    let der = PrivatePkcs8KeyDer::from_pem_slice(PLATFORM).expect("PEM");
    let pair = RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()).expect("an RSA key");
    let mut signature = vec![0; pair.public().modulus_len()];
    pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message.as_bytes(), &mut signature).expect("signed");
    BASE64.encode(signature)
}

impl Provider {
    /// The event in the provider's words, signed at `now`.
    pub(crate) fn notify(self, event: &Event, now: u64) -> Notification {
        match self {
            Self::Own => own(event, now),
            Self::Stripe => stripe(&stripe_event(event), now),
            Self::Standard => standard(event, now),
            Self::Wechat => wechat("TRANSACTION.SUCCESS", event, now),
            Self::Alipay => alipay(event, "TRADE_SUCCESS"),
        }
    }

    /// Something authentic that is no money.
    pub(crate) fn of_no_use(self, now: u64) -> Notification {
        let event = Event::succeeded("useless", "x", 1);
        match self {
            Self::Own => own(&event, now),
            Self::Stripe => stripe(&json!({ "id": "evt_1", "type": "customer.created", "data": {} }), now),
            Self::Standard => {
                let body = json!({ "type": "user.created", "data": {} }).to_string();
                Notification { body, ..standard(&event, now) }.by_standard(STANDARD, "useless", now)
            }
            Self::Wechat => wechat("REFUND.CLOSED", &event, now),
            Self::Alipay => alipay(&event, "WAIT_BUYER_PAY"),
        }
    }
}

fn own(event: &Event, now: u64) -> Notification {
    let body = json!({ "event_id": event.id, "payment_id": event.payment, "order_id": event.order,
        "type": if event.has_failed { "failed" } else { "succeeded" }, "amount": event.amount,
        "currency": event.currency, "padding": "x".repeat(event.padding) })
    .to_string();
    let headers = named(&[("Doorbuster-Signature", &timed(WEBHOOK_SECRET, now, &body))]);
    Notification { path: "/v1/payments/events".to_owned(), headers, media_type: "application/json", body }
}

fn stripe_event(event: &Event) -> Value {
    let kind = if event.has_failed { "payment_intent.payment_failed" } else { "payment_intent.succeeded" };
    json!({ "id": event.id, "object": "event", "type": kind, "data": { "object": {
        "id": event.payment, "object": "payment_intent", "amount": event.amount, "amount_received": event.amount,
        "currency": event.currency.to_lowercase(), "metadata": { "order_id": event.order },
        "charges": [{ "padding": "x".repeat(event.padding) }] } } })
}

fn stripe(event: &Value, now: u64) -> Notification {
    let body = event.to_string();
    let headers = named(&[("Stripe-Signature", &timed(STRIPE, now, &body))]);
    let media_type = "application/json; charset=utf-8";
    Notification { path: "/v1/payments/events/stripe".to_owned(), headers, media_type, body }
}

fn standard(event: &Event, now: u64) -> Notification {
    let kind = if event.has_failed { "payment.failed" } else { "payment.succeeded" };
    let body = json!({ "type": kind, "timestamp": "2026-01-01T00:00:00Z", "data": { "payment_id": event.payment,
        "order_id": event.order, "amount": event.amount, "currency": event.currency,
        "padding": ["x".repeat(event.padding)] } })
    .to_string();
    let path = "/v1/payments/events/standard".to_owned();
    let unsigned = Notification { path, headers: Vec::new(), media_type: "application/json", body };
    unsigned.by_standard(STANDARD, &event.id, now)
}

fn wechat(event_type: &str, event: &Event, now: u64) -> Notification {
    let content = json!({ "transaction_id": event.payment, "out_trade_no": event.order,
        "trade_state": if event.has_failed { "PAYERROR" } else { "SUCCESS" },
        "amount": { "total": event.amount, "payer_total": event.amount, "currency": event.currency } });
    let key = UnboundKey::new(&AES_256_GCM, API_V3_KEY.as_bytes()).expect("32 bytes");
    let nonce = Nonce::try_assume_unique_for_key(b"fdasflkja484").expect("12 bytes");
    let mut sealed = content.to_string().into_bytes();
    LessSafeKey::new(key).seal_in_place_append_tag(nonce, Aad::from("transaction"), &mut sealed).expect("sealed");
    let body = json!({ "id": event.id, "event_type": event_type, "resource_type": "encrypt-resource",
        "resource": { "algorithm": "AEAD_AES_256_GCM", "ciphertext": BASE64.encode(sealed), "nonce": "fdasflkja484",
            "associated_data": "transaction", "original_type": "transaction" },
        "padding": "x".repeat(event.padding) })
    .to_string();
    let headers = named(&[
        ("Wechatpay-Timestamp", &now.to_string()),
        ("Wechatpay-Nonce", "EcZ9Cmy4Xyx1i6RlJQzLcCyEqDa26NBz"),
        ("Wechatpay-Serial", SERIAL),
        ("Wechatpay-Signature", &platform_signature(&format!("{now}\nEcZ9Cmy4Xyx1i6RlJQzLcCyEqDa26NBz\n{body}\n"))),
    ]);
    Notification { path: "/v1/payments/events/wechat".to_owned(), headers, media_type: "application/json", body }
}

fn alipay(event: &Event, status: &str) -> Notification {
    let amount = format!("{}.{:02}", event.amount / 100, event.amount % 100);
    let status = if event.has_failed { "TRADE_CLOSED" } else { status };
    let padding = "x".repeat(event.padding);
    let mut fields = vec![
        ("notify_id", event.id.as_str()),
        ("notify_type", "trade_status_sync"),
        ("app_id", "2021000122682882"),
        ("trade_no", &event.payment),
        ("out_trade_no", &event.order),
        ("trade_status", status),
        ("total_amount", &amount),
        ("trans_currency", &event.currency),
        ("subject", "one & two = three + four"),
        ("passback_params", &padding),
    ];
    fields.retain(|(_, value)| !value.is_empty());
    fields.sort_unstable();
    let message: Vec<_> = fields.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let signature = platform_signature(&message.join("&"));
    fields.extend([("sign_type", "RSA2"), ("sign", signature.as_str())]);
    let encoded = |(name, value): &(&str, &str)| format!("{name}={}", utf8_percent_encode(value, NON_ALPHANUMERIC));
    let body = fields.iter().map(encoded).collect::<Vec<_>>().join("&").replace("19%2E90", "19.90");
    let (path, media_type) =
        ("/v1/payments/events/alipay".to_owned(), "application/x-www-form-urlencoded; charset=utf-8");
    Notification { path, headers: Vec::new(), media_type, body }
}
