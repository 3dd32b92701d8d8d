//! **Job:** the payment provider: reports what became of an order's money, signed or forged.
//! **Owns:** how a report is written and signed.
//! **Never:** checks a signature: that is the server's work.

use std::io::Result;

use hmac::{Hmac, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use super::WEBHOOK_SECRET;
use super::client::{Client, Response};
use super::token::now_s;

const PATH: &str = "/v1/payments/events";

/// A report about an order, right in every member.
pub(crate) fn payment_event(event_id: &str, kind: &str, order: &Value) -> Value {
    json!({
        "event_id": event_id,
        "order_id": order["order_id"],
        "type": kind,
        "amount": order["total_price"],
        "currency": order["currency"],
    })
}

/// The value of `Doorbuster-Signature` for `body`, signed with `secret` at `time_s`.
pub(crate) fn webhook_signature(secret: &str, time_s: u64, body: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes keys of any length");
    mac.update(format!("{time_s}.{body}").as_bytes());
    let hex: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("t={time_s},v1={hex}")
}

/// Sends a body as the provider does: signed now, with the right secret.
pub(crate) async fn send_signed(client: &mut Client, body: &str) -> Result<Response> {
    send_with(client, &[&webhook_signature(WEBHOOK_SECRET, now_s(), body)], body).await
}

/// Sends a body under any signatures.
pub(crate) async fn send_with(client: &mut Client, signatures: &[&str], body: &str) -> Result<Response> {
    let headers: Vec<_> = signatures.iter().map(|signature| ("Doorbuster-Signature", *signature)).collect();
    client.request("POST", PATH, &headers, Some(body)).await
}

/// The same to a server below a path.
pub(crate) async fn report_paid_below(
    client: &mut Client,
    base_path: &str,
    event_id: &str,
    order: &Value,
) -> Result<Response> {
    let body = payment_event(event_id, "succeeded", order).to_string();
    let signature = webhook_signature(WEBHOOK_SECRET, now_s(), &body);
    let headers = [("Doorbuster-Signature", signature.as_str())];
    client.request("POST", &format!("{base_path}{PATH}"), &headers, Some(&body)).await
}

/// Reports that `order` was paid, under that event id.
pub(crate) async fn report_paid(client: &mut Client, event_id: &str, order: &Value) -> Result<Response> {
    send_signed(client, &payment_event(event_id, "succeeded", order).to_string()).await
}
