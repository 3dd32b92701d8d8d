//! **Job:** notifications of WeChat Pay v3 (pay.weixin.qq.com/doc/v3).
//! **Owns:** what the platform signs, how the content is sealed, and where amount and order are in it.
//! **Never:** reads a clock, or asks WeChat.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use doorbuster_actors::payment::{PaymentResult, RefundAmount};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};

use super::event::{Distrust, Event, Refusal, Report};
use super::headers::Headers;
use super::members::Object;
use super::platform_keys::PlatformKeys;
use super::time;

/// Header with the time of the signature.
pub const TIMESTAMP: &str = "Wechatpay-Timestamp";
/// Header with a word that is signed, too.
pub const NONCE: &str = "Wechatpay-Nonce";
/// Header with the name of the key.
pub const SERIAL: &str = "Wechatpay-Serial";
/// Header with the signature.
pub const SIGNATURE: &str = "Wechatpay-Signature";

/// Bytes of the merchant's key: as many as AES-256 takes.
pub const API_V3_KEY_BYTES: usize = 32;

/// The only way in which content is sealed.
const ALGORITHM: &str = "AEAD_AES_256_GCM";
/// Where the amounts have no currency, they are yuan.
const CURRENCY: &str = "CNY";

/// What a notification is checked and opened with.
pub struct Keys {
    /// The platform's public keys.
    pub platform: PlatformKeys,
    /// The merchant's key: the one in use and, while it is changed, the one from before.
    pub api_v3: Vec<[u8; API_V3_KEY_BYTES]>,
}

/// What the notification says.
///
/// # Errors
/// It is not signed by the platform within five minutes of `now`, its content does not open, or it lacks what money
/// needs.
pub fn read(headers: &Headers<'_>, body: &[u8], keys: &Keys, now: u64) -> Result<Report, Refusal> {
    let header = |name| headers.one(name).map(str::trim).filter(|value| !value.is_empty()).ok_or(Distrust::NoSignature);
    let (at, nonce, serial) = (header(TIMESTAMP)?, header(NONCE)?, header(SERIAL)?);
    let signature = STANDARD.decode(header(SIGNATURE)?).map_err(|_error| Distrust::NoSignature)?;
    time::check(at, now)?;
    let message = [at.as_bytes(), b"\n", nonce.as_bytes(), b"\n", body, b"\n"].concat();
    keys.platform.check(Some(serial), &message, &signature)?;
    report(body, &keys.api_v3)
}

/// What a notification says that is the platform's.
fn report(body: &[u8], api_v3: &[[u8; API_V3_KEY_BYTES]]) -> Result<Report, Refusal> {
    let notification = Object::read(body)?;
    let id = notification.needed_text("id")?;
    match notification.needed_text("event_type")?.as_str() {
        "TRANSACTION.SUCCESS" => {
            let opened = open(&notification, api_v3)?;
            transaction(&notification, &id, &Object::read(&opened)?)
        }
        "REFUND.SUCCESS" => {
            let opened = open(&notification, api_v3)?;
            refund(&notification, &id, &Object::read(&opened)?)
        }
        of_no_use => Ok(Report::Ignored(of_no_use.to_owned())),
    }
}

#[cfg(any(test, feature = "fuzzing"))]
/// The same of a notification whose signature nobody checks, for fuzzing.
pub(crate) fn unsigned(body: &[u8], api_v3: [u8; API_V3_KEY_BYTES]) -> Result<Report, Refusal> {
    report(body, &[api_v3])
}

/// The content of `resource`.
fn open(notification: &Object<'_>, keys: &[[u8; API_V3_KEY_BYTES]]) -> Result<Vec<u8>, Refusal> {
    let resource = notification.needed_object("resource")?;
    let algorithm = resource.needed_text("algorithm")?;
    if algorithm != ALGORITHM {
        return Err(resource.wrong("algorithm", &format!("must be {ALGORITHM}")));
    }
    let sealed = resource.needed_text("ciphertext")?;
    let sealed = STANDARD.decode(sealed).map_err(|_error| resource.wrong("ciphertext", "must be Base64"))?;
    let nonce = resource.needed_text("nonce")?;
    let data = resource.text("associated_data")?.unwrap_or_default();
    let opened = keys.iter().find_map(|key| unseal(key, nonce.as_bytes(), data.as_bytes(), &sealed));
    opened.ok_or_else(|| Distrust::Sealed.into())
}

fn unseal(key: &[u8; API_V3_KEY_BYTES], nonce: &[u8], data: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key).expect("a key of AES-256 has 32 bytes"));
    let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
    let mut content = sealed.to_vec();
    let length = key.open_in_place(nonce, Aad::from(data), &mut content).ok()?.len();
    content.truncate(length);
    Some(content)
}

fn transaction(notification: &Object<'_>, id: &str, content: &Object<'_>) -> Result<Report, Refusal> {
    let state = content.needed_text("trade_state")?;
    if state != "SUCCESS" {
        return Ok(Report::Ignored(format!("TRANSACTION.SUCCESS, {state}")));
    }
    money(notification, id, content, (PaymentResult::Succeeded, "total"))
}

fn refund(notification: &Object<'_>, id: &str, content: &Object<'_>) -> Result<Report, Refusal> {
    let status = content.needed_text("refund_status")?;
    if status != "SUCCESS" {
        return Ok(Report::Ignored(format!("REFUND.SUCCESS, {status}")));
    }
    // A notification that is sent again may have another id. The refund itself is one.
    let id = content.text("refund_id")?.unwrap_or_else(|| id.to_owned());
    money(notification, &id, content, (PaymentResult::Refunded(RefundAmount::Single), "refund"))
}

fn money(
    notification: &Object<'_>,
    id: &str,
    content: &Object<'_>,
    (result, amount): (PaymentResult, &str),
) -> Result<Report, Refusal> {
    let id = notification.key("id", id)?;
    let payment = content.key("transaction_id", &content.needed_text("transaction_id")?)?;
    let order_reference = Event::reference(content.text("out_trade_no")?);
    let amounts = content.needed_object("amount")?;
    let currency = amounts.text("currency")?.unwrap_or_else(|| CURRENCY.to_owned());
    let currency = currency.parse().map_err(|bad| amounts.wrong("currency", &bad))?;
    let amount = amounts.amount(amount)?;
    Ok(Event { id, payment, order_reference, result, amount, currency }.into())
}

#[cfg(test)]
mod tests;
