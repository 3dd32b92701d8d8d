//! **Job:** asynchronous notifications of Alipay (opendocs.alipay.com).
//! **Owns:** what RSA2 covers, which states of a trade are money, and yuan with their decimals.
//! **Never:** reads a clock: nothing in such a notification is dated for us, and the last retry comes after a day. The
//! same one twice is one event.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use doorbuster_actors::item::{Amount, Currency};
use doorbuster_actors::payment::{PaymentResult, RefundAmount};
use percent_encoding::percent_decode;

use super::event::{Distrust, Event, Refusal, Report};
use super::minor_units::from_decimal;
use super::platform_keys::PlatformKeys;

/// The currency of amounts that come without one.
const CURRENCY: &str = "CNY";
/// The one way of signing that is taken: the one before it had SHA-1.
const SIGN_TYPE: &[u8] = b"RSA2";

/// What a notification is checked with.
pub struct Keys {
    /// Alipay's public keys for this application.
    pub platform: PlatformKeys,
    /// Its name.
    pub app_id: String,
}

/// What the notification says: a form, `application/x-www-form-urlencoded`.
///
/// # Errors
/// It is not signed by Alipay, is for another application, or lacks what money needs.
pub fn read(body: &[u8], keys: &Keys) -> Result<Report, Refusal> {
    let form = Form::read(body)?;
    form.check(&keys.platform)?;
    report(&form, &keys.app_id)
}

/// What a form says that is Alipay's.
fn report(form: &Form, app_id: &str) -> Result<Report, Refusal> {
    if form.text("app_id").as_deref() != Some(app_id) {
        return Err(Distrust::OtherApplication.into());
    }
    let Some(status) = form.text("trade_status") else {
        return Ok(Report::Ignored(form.text("notify_type").unwrap_or_default().into_owned()));
    };
    let is_paid = matches!(status.as_ref(), "TRADE_SUCCESS" | "TRADE_FINISHED");
    let refunded = form.amount("refund_fee")?.filter(|refunded| refunded.minor() > 0);
    match refunded {
        Some(refunded) if is_paid || status == "TRADE_CLOSED" => {
            form.money(PaymentResult::Refunded(RefundAmount::Total), refunded)
        }
        None if is_paid => {
            let paid = form.amount("total_amount")?.ok_or_else(|| Refusal::member("total_amount", "is missing"))?;
            form.money(PaymentResult::Succeeded, paid)
        }
        // It waits for its buyer, or was closed without them.
        Some(_) | None => Ok(Report::Ignored(status.into_owned())),
    }
}

#[cfg(any(test, feature = "fuzzing"))]
/// The same of a notification whose signature nobody checks, for fuzzing.
pub(crate) fn unsigned(body: &[u8], app_id: &str) -> Result<Report, Refusal> {
    report(&Form::read(body)?, app_id)
}

/// The fields of a form, decoded. Bytes, not text: what was signed is in whatever `charset` says.
struct Form(Vec<(Vec<u8>, Vec<u8>)>);

impl Form {
    /// The fields, by name. Each stands there once, or two readers may see different ones.
    fn read(body: &[u8]) -> Result<Self, Refusal> {
        let pairs = body.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty());
        let mut fields: Vec<_> = pairs.map(field).collect();
        fields.sort();
        if fields.windows(2).any(|pair| pair[0].0 == pair[1].0) {
            return Err(Refusal::Malformed("a field stands twice in the form".to_owned()));
        }
        Ok(Self(fields))
    }

    fn bytes(&self, name: &str) -> Option<&[u8]> {
        let value = self.0.iter().find(|(known, _)| known == name.as_bytes()).map(|(_, value)| value.as_slice());
        value.filter(|value| !value.is_empty())
    }

    fn text(&self, name: &str) -> Option<Cow<'_, str>> {
        self.bytes(name).map(String::from_utf8_lossy)
    }

    /// Checks `sign` over all fields but itself and `sign_type`. Alipay's own libraries differ about fields without a
    /// value: either is taken, and we never tell one from a field that is missing.
    fn check(&self, platform: &PlatformKeys) -> Result<(), Refusal> {
        let signature = self.bytes("sign").ok_or(Distrust::NoSignature)?;
        let signature = STANDARD.decode(signature).map_err(|_error| Distrust::NoSignature)?;
        if self.bytes("sign_type").is_some_and(|sign_type| sign_type != SIGN_TYPE) {
            return Err(Distrust::NoSignature.into());
        }
        let whole = platform.check(None, &self.signed(|_value| true), &signature);
        let checked = whole.or_else(|_wrong| platform.check(None, &self.signed(|value| !value.is_empty()), &signature));
        checked.map_err(Refusal::from)
    }

    /// `a=1&b=2`, in the order of the names.
    fn signed(&self, counts: impl Fn(&[u8]) -> bool) -> Vec<u8> {
        let is_signed = |(name, value): &&(Vec<u8>, Vec<u8>)| name != b"sign" && name != b"sign_type" && counts(value);
        let fields = self.0.iter().filter(is_signed).map(|(name, value)| [name.as_slice(), value].join(&b'='));
        fields.collect::<Vec<_>>().join(&b'&')
    }

    fn currency(&self) -> Result<Currency, Refusal> {
        let currency = self.text("trans_currency").unwrap_or(Cow::Borrowed(CURRENCY));
        currency.parse().map_err(|bad| Refusal::member("trans_currency", &bad))
    }

    /// An amount, if it is there.
    fn amount(&self, name: &str) -> Result<Option<Amount>, Refusal> {
        let Some(text) = self.text(name) else { return Ok(None) };
        let digits = self.currency()?.minor_digits().unwrap_or(2);
        let amount = from_decimal(&text, digits);
        amount.map(Some).ok_or_else(|| Refusal::member(name, &format!("must be an amount with {digits} decimals")))
    }

    fn money(&self, result: PaymentResult, amount: Amount) -> Result<Report, Refusal> {
        let key = |name| {
            let text = self.text(name).ok_or_else(|| Refusal::member(name, "is missing"))?;
            text.parse().map_err(|bad| Refusal::member(name, &bad))
        };
        let (id, payment) = (key("notify_id")?, key("trade_no")?);
        let order_reference = Event::reference(self.text("out_trade_no").map(Cow::into_owned));
        Ok(Event { id, payment, order_reference, result, amount, currency: self.currency()? }.into())
    }
}

fn field(pair: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let equals = pair.iter().position(|byte| *byte == b'=');
    let (name, value) = equals.map_or((pair, &b""[..]), |at| (&pair[..at], &pair[at + 1..]));
    (decoded(name), decoded(value))
}

fn decoded(text: &[u8]) -> Vec<u8> {
    let spaced: Vec<_> = text.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
    percent_decode(&spaced).collect()
}

#[cfg(test)]
mod tests;
