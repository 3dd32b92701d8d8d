//! **Job:** notifications of any provider that signs by Standard Webhooks (github.com/standard-webhooks).
//! **Owns:** the three headers, both schemes of signatures, and the payload that we understand.
//! **Never:** reads a clock, or lets a header say which key is right.
//!
//! The payload is what the specification recommends, with these members:
//! `{"type": "payment.succeeded" | "payment.failed" | "payment.refunded", "data": {"order_id", "amount", "currency",
//! "payment_id"}}`. The amount is in minor units, a refund's is its own. Without `payment_id`, `data.id` names the
//! money, and without that, the id of the message.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use doorbuster_actors::payment::{PaymentResult, RefundAmount};
use hmac::{Hmac, Mac as _};
use ring::signature::{ED25519, UnparsedPublicKey};
use sha2::Sha256;

use super::event::{Distrust, Event, Refusal, Report};
use super::headers::Headers;
use super::members::Object;
use super::time;

/// Header with the id of the message.
pub const ID: &str = "webhook-id";
/// Header with the time of the signature.
pub const TIMESTAMP: &str = "webhook-timestamp";
/// Header with the signatures.
pub const SIGNATURE: &str = "webhook-signature";

/// Fewest bytes of a shared secret: the specification's.
const MIN_SECRET_BYTES: usize = 24;
/// Bytes of a public key.
const ED25519_BYTES: usize = 32;

/// Base64 as it comes: some write the padding and some do not.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// What a message is checked with.
pub struct Key(Scheme);

enum Scheme {
    /// `v1`: a shared secret.
    Hmac(Vec<u8>),
    /// `v1a`: the sender's public key.
    Ed25519([u8; ED25519_BYTES]),
}

impl Key {
    /// A secret `whsec_…`, or a public key `whpk_…`.
    ///
    /// # Errors
    /// What it must be, without a part of it.
    pub fn read(text: &str) -> Result<Self, &'static str> {
        let text = text.trim();
        if let Some(key) = text.strip_prefix("whpk_") {
            let key = BASE64.decode(key).ok().and_then(|key| key.try_into().ok());
            return key.map(|key| Self(Scheme::Ed25519(key))).ok_or("must be whpk_ and 32 bytes in Base64");
        }
        let secret = text.strip_prefix("whsec_").ok_or("must begin with whsec_ (a secret) or whpk_ (a public key)")?;
        let secret = BASE64.decode(secret).ok().filter(|secret| secret.len() >= MIN_SECRET_BYTES);
        secret.map(|secret| Self(Scheme::Hmac(secret))).ok_or("must be whsec_ and at least 24 bytes in Base64")
    }

    /// Whether `signature`, as `scheme,Base64`, is this key's of `message`. Compared in constant time.
    fn signs(&self, message: &[u8], signature: &str) -> bool {
        let Some((scheme, signature)) = signature.split_once(',') else { return false };
        let Ok(signature) = BASE64.decode(signature) else { return false };
        match (&self.0, scheme) {
            (Scheme::Hmac(secret), "v1") => {
                let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("HMAC takes keys of any length");
                mac.update(message);
                mac.verify_slice(&signature).is_ok()
            }
            (Scheme::Ed25519(key), "v1a") => UnparsedPublicKey::new(&ED25519, key).verify(message, &signature).is_ok(),
            (Scheme::Hmac(_) | Scheme::Ed25519(_), _another) => false,
        }
    }
}

/// What the notification says. `keys` are the one in use and, while it is rotated, the one from before.
///
/// # Errors
/// It is not signed with one of `keys` within five minutes of `now`, or lacks what money needs.
pub fn read(headers: &Headers<'_>, body: &[u8], keys: &[Key], now: u64) -> Result<Report, Refusal> {
    let header = |name| headers.one(name).map(str::trim).filter(|value| !value.is_empty()).ok_or(Distrust::NoSignature);
    let (id, at, signatures) = (header(ID)?, header(TIMESTAMP)?, header(SIGNATURE)?);
    time::check(at, now)?;
    let message = [id.as_bytes(), b".", at.as_bytes(), b".", body].concat();
    let is_signed = signatures.split(' ').any(|signature| keys.iter().any(|key| key.signs(&message, signature)));
    if !is_signed {
        return Err(Distrust::WrongSignature.into());
    }
    let event = Object::read(body)?;
    let Some(kind) = event.text("type")? else { return Ok(Report::Ignored("no type".to_owned())) };
    let means = match kind.as_str() {
        "payment.succeeded" => PaymentResult::Succeeded,
        "payment.failed" => PaymentResult::Failed,
        "payment.refunded" => PaymentResult::Refunded(RefundAmount::Single),
        _of_no_use => return Ok(Report::Ignored(kind)),
    };
    money(id, &event.needed_object("data")?, means)
}

fn money(id: &str, data: &Object<'_>, result: PaymentResult) -> Result<Report, Refusal> {
    let named = match data.text("payment_id")? {
        Some(payment) => Some(("payment_id", payment)),
        None => data.text("id")?.map(|id| ("id", id)),
    };
    let id = id.parse().map_err(|bad| Refusal::member(ID, &bad))?;
    let payment = match named {
        Some((member, payment)) => data.key(member, &payment)?,
        None => Clone::clone(&id),
    };
    let order_reference = Event::reference(data.text("order_id")?);
    let (amount, currency) = (data.amount("amount")?, data.currency("currency")?);
    Ok(Event { id, payment, order_reference, result, amount, currency }.into())
}

#[cfg(test)]
mod tests;
