//! **Job:** the webhook of the payment provider.
//! **Owns:** the check of its signature.
//! **Never:** believes an amount, a deadline or a status: the stock decides what an event means.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use actix_web::{HttpRequest, HttpResponse, web};
use arc_swap::ArcSwap;
use doorbuster_actors::ids::IdempotencyKey;
use doorbuster_actors::item::{Amount, Currency, MAX_AMOUNT};
use doorbuster_actors::payment::{Payment, PaymentResult, Provider, RefundAmount, Verdict};
use doorbuster_actors::request::Reason;
use hmac::{Hmac, Mac as _};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use utoipa::ToSchema;

use super::AtApi;
use crate::config::Secret;
use crate::fields::{Field, Kind};
use crate::http::json::respond;
use crate::http::order_view::{OrderView, Shown};
use crate::http::problem::Problem;
use crate::http::sale_client::SaleClient;
use crate::http::{body, schemas};

/// How old or how far ahead a signature may be: long enough for retries in flight, short enough against replays.
const TOLERANCE: Duration = Duration::from_mins(5);

/// What is needed to take payment events.
pub struct Payments {
    /// Key of the signatures; empty: no webhook.
    pub secret: Arc<ArcSwap<Secret>>,
    /// Who carries the message.
    pub client: SaleClient,
    /// How orders are shown.
    pub shown: Shown,
}

/// What the payment provider reports.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PaymentEvent)]
#[expect(clippy::struct_field_names, reason = "the names on the wire")]
struct Event {
    #[schema(value_type = schemas::EventId)]
    event_id: String,
    #[schema(value_type = schemas::OrderId)]
    order_id: String,
    #[serde(rename = "type")]
    result: EventType,
    /// How much came, or went back.
    #[schema(value_type = schemas::Amount)]
    amount: i64,
    #[schema(value_type = schemas::Currency)]
    currency: String,
}

/// What an event must be, before anything is judged.
const FIELDS: &[Field] = &[
    Field::required("event_id", Kind::Text),
    Field::required("order_id", Kind::Text),
    Field::required("type", Kind::OneOf(&["succeeded", "failed", "refunded"])),
    Field::required("amount", Kind::Whole { least: 0, most: MAX_AMOUNT }),
    Field::required("currency", Kind::Text),
];

/// Whether the money came.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = PaymentResult)]
enum EventType {
    Succeeded,
    Failed,
    /// Money that had come went back.
    Refunded,
}

/// What became of an event: the order it was for, if there is one, and what the event meant for it.
#[derive(Serialize, ToSchema)]
struct Recorded<'a> {
    #[schema(value_type = schemas::Verdict)]
    verdict: Verdict,
    #[serde(flatten)]
    order: Option<OrderView<'a>>,
}

/// Takes an event of the payment provider.
///
/// Answered after the durable commit: an authentic event is on record, whatever it says. What pays no order stands in
/// `GET /v1/admin/payments` until it went back. Without `payment.webhook_secret` there is no such route.
#[utoipa::path(post, path = "/v1/payments/events", operation_id = "report_payment", tag = "payments",
    params(("Doorbuster-Signature" = inline(schemas::Signature), Header)), request_body = Event,
    responses((status = 200, description = "The order after the event.", body = Recorded<'_>)))]
pub(super) async fn receive(state: AtApi, request: HttpRequest, payload: web::Payload) -> HttpResponse {
    state.payments.receive(&request, payload).await.unwrap_or_else(|problem| problem.respond())
}

impl Payments {
    async fn receive(&self, request: &HttpRequest, payload: web::Payload) -> Result<HttpResponse, Problem> {
        if self.secret.load().is_empty() {
            return Err(Problem::not_found());
        }
        let body = body::read(request, payload).await?;
        self.check_signature(request, &body, now_s())?;
        let (order, payment) = parse(&body)?;
        let receipt = self.client.pay(&order, payment).await?;
        let order = receipt.order.as_ref().map(|order| self.shown.order(order));
        Ok(respond(&mut HttpResponse::Ok(), &Recorded { verdict: receipt.verdict, order }))
    }

    fn check_signature(&self, request: &HttpRequest, body: &[u8], now: u64) -> Result<(), Problem> {
        let mut values = request.headers().get_all("Doorbuster-Signature");
        let header = match (values.next(), values.next()) {
            (Some(value), None) => value.to_str().ok(),
            (_, _) => None,
        };
        let is_valid = header.and_then(Signature::parse).is_some_and(|signature| {
            now.abs_diff(signature.at) <= TOLERANCE.as_secs() && signature.signs(body, &self.secret.load())
        });
        is_valid.then_some(()).ok_or_else(|| Problem::new(Reason::Unauthenticated, "send a valid Doorbuster-Signature"))
    }
}

/// `t=<unix seconds>,v1=<hex>`.
struct Signature<'h> {
    time: &'h str,
    at: u64,
    mac: [u8; 32],
}

impl<'h> Signature<'h> {
    fn parse(header: &'h str) -> Option<Self> {
        let (time, mac) = header.split_once(',')?;
        let (time, mac) = (time.trim().strip_prefix("t=")?, mac.trim().strip_prefix("v1=")?);
        if !time.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let mut bytes = [0; 32];
        hex::decode_to_slice(mac, &mut bytes).ok()?;
        Some(Self { time, at: time.parse().ok()?, mac: bytes })
    }

    /// HMAC-SHA256 of `<t>.<body>`, compared in constant time.
    fn signs(&self, body: &[u8], secret: &Secret) -> bool {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes()).expect("HMAC takes keys of any length");
        mac.update(self.time.as_bytes());
        mac.update(b".");
        mac.update(body);
        mac.verify_slice(&self.mac).is_ok()
    }
}

fn parse(body: &[u8]) -> Result<(String, Payment), Problem> {
    let event: Event = body::object(body, FIELDS)?;
    let wrong = |field, bad: &dyn fmt::Display| Problem::invalid_member(field, bad.to_string());
    let key: IdempotencyKey = event.event_id.parse().map_err(|bad| wrong("event_id", &bad))?;
    let amount = Amount::new(event.amount).ok_or_else(|| wrong("amount", &"is out of range"))?;
    let currency: Currency = event.currency.parse().map_err(|bad| wrong("currency", &bad))?;
    let result = match event.result {
        EventType::Succeeded => PaymentResult::Succeeded,
        EventType::Failed => PaymentResult::Failed,
        EventType::Refunded => PaymentResult::Refunded(RefundAmount::Single),
    };
    let provider = Provider::Own;
    Ok((event.order_id, Payment { provider, reference: key.clone(), event: key, result, amount, currency }))
}

/// Signatures are made elsewhere, so they are checked by the wall clock.
fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since_epoch| since_epoch.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of RFC 4231, section 4.3, with the dot of our message in its place.
    #[test]
    fn a_signature_is_the_hmac_of_time_dot_body() {
        let secret = Secret::new("Jefe".to_owned());
        let mut mac = Hmac::<Sha256>::new_from_slice(b"Jefe").expect("any length");
        mac.update(b"1700000000.{}");
        let header = format!("t=1700000000,v1={}", hex::encode(mac.finalize().into_bytes()));
        let signature = Signature::parse(&header).expect("well-formed");
        assert_eq!(signature.at, 1_700_000_000);
        assert!(signature.signs(b"{}", &secret));
        assert!(!signature.signs(b"{ }", &secret));
        assert!(!signature.signs(b"{}", &Secret::new("Jeff".to_owned())));
    }

    #[test]
    fn what_is_not_a_signature_is_none() {
        let mac = "0".repeat(64);
        for bad in
            ["", "t=1", "v1=00,t=1", "t=1,v1=zz", "t=-1,v1=00", &format!("t=+1,v1={mac}"), &format!("t=,v1={mac}")]
        {
            assert!(Signature::parse(bad).is_none(), "{bad}");
        }
        assert!(Signature::parse(&format!("t=1, v1={mac}")).is_some());
    }
}
