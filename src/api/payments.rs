//! **Job:** takes what payment providers report.
//! **Owns:** the routes, and what a provider hears that its notification was taken.
//! **Never:** believes an amount, a deadline or a status: the stock decides what an event means.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use actix_web::http::header::ContentType;
use actix_web::{HttpRequest, HttpResponse, web};
use arc_swap::ArcSwap;
use doorbuster_actors::payment::{Provider, Verdict};
use doorbuster_actors::request::Reason;
use serde::Serialize;
use utoipa::ToSchema;

use super::AtApi;
use crate::http::body::{self, FORM_NOTIFICATION, JSON_NOTIFICATION};
use crate::http::json::{private, respond};
use crate::http::order_view::{OrderView, Shown};
use crate::http::problem::{FieldProblem, Problem};
use crate::http::sale_client::SaleClient;
use crate::http::{lookup, schemas};
use crate::payment::{Distrust, Headers, Keys, Refusal, Report};

/// What is needed to take payment events.
pub struct Payments {
    /// What notifications are checked with, as it is now. A provider without keys is none.
    pub keys: Arc<ArcSwap<Keys>>,
    /// Who carries the message.
    pub client: SaleClient,
    /// How orders are shown.
    pub shown: Shown,
}

/// An event in our own format. Members that are not described are ignored.
#[derive(ToSchema)]
#[schema(as = PaymentEvent)]
#[expect(dead_code, reason = "it describes what is read elsewhere")]
#[expect(clippy::struct_field_names, reason = "the names on the wire")]
struct Event {
    #[schema(value_type = schemas::EventId)]
    event_id: String,
    #[schema(value_type = schemas::OrderId)]
    order_id: String,
    #[schema(rename = "type")]
    result: EventType,
    /// How much came, or went back.
    #[schema(value_type = schemas::Amount)]
    amount: i64,
    #[schema(value_type = schemas::Currency)]
    currency: String,
    /// The provider's name of the money, where one payment has several events. Without it each event is of its own.
    #[schema(value_type = schemas::EventId, required = false, nullable = true)]
    payment_id: Option<String>,
}

/// Whether the money came.
#[derive(ToSchema)]
#[schema(as = PaymentResult, rename_all = "snake_case")]
#[expect(dead_code, reason = "it describes what is read elsewhere")]
enum EventType {
    Succeeded,
    Failed,
    /// Money that had come went back.
    Refunded,
}

/// What became of an event.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[schema(as = RecordedPayment)]
enum Recorded<'a> {
    Known(OrderAfter<'a>),
    Unknown(VerdictAlone),
}

/// The order that an event was for, and what it meant for it.
#[derive(Serialize, ToSchema)]
#[schema(as = OrderAfterPayment)]
struct OrderAfter<'a> {
    #[schema(value_type = schemas::PaymentVerdict)]
    verdict: Verdict,
    #[serde(flatten)]
    order: OrderView<'a>,
}

/// What an event meant that was for no order we know.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PaymentOfNoOrder)]
struct VerdictAlone {
    #[schema(value_type = schemas::PaymentVerdict)]
    verdict: Verdict,
}

/// Takes an event of the payment provider.
///
/// Answered after the durable commit: an authentic event is on record, whatever it says. What pays no order stands in
/// `GET /v1/admin/payments` until it went back. Without `payment.webhook_secret` there is no such route.
#[utoipa::path(post, path = "/v1/payments/events", operation_id = "report_payment", tag = "payments",
    params(("Doorbuster-Signature" = inline(schemas::Signature), Header)), request_body = Event,
    responses((status = 200, description = "The order after the event.", body = Recorded<'_>)))]
pub(super) async fn receive(state: AtApi, request: HttpRequest, payload: web::Payload) -> HttpResponse {
    let answer = state.payments.receive(Provider::Own, &request, payload).await;
    answer.unwrap_or_else(|problem| problem.respond())
}

/// Takes a notification of a payment provider, in that provider's own words.
///
/// Recorded durably before the answer, as the provider wants to hear it: `stripe` and `standard` what became of it,
/// `wechat` nothing, `alipay` the word `success`. What is authentic and concerns no money of an order is answered so,
/// too, without a record. Without its keys there is no such provider.
#[utoipa::path(post, path = "/v1/payments/events/{provider}", operation_id = "notify_payment", tag = "payments",
    params(("provider" = inline(schemas::NotifyingProvider), Path)),
    request_body(description = "The provider's own: a form of `alipay`, JSON of the others.",
        content((serde_json::Value = "application/json"), (String = "application/x-www-form-urlencoded"))),
    responses(
        (status = 200, description = "Taken.",
            content((Recorded<'_> = "application/json"), (String = "text/plain"))),
        (status = 204, description = "Taken."),
    ))]
pub(super) async fn notify(state: AtApi, request: HttpRequest, payload: web::Payload) -> HttpResponse {
    let named = Provider::named(request.match_info().query("provider")).filter(|provider| *provider != Provider::Own);
    let answer = match named {
        Some(provider) => state.payments.receive(provider, &request, payload).await,
        None => Err(Problem::not_found()),
    };
    answer.unwrap_or_else(|problem| problem.respond())
}

impl Payments {
    async fn receive(
        &self,
        provider: Provider,
        request: &HttpRequest,
        payload: web::Payload,
    ) -> Result<HttpResponse, Problem> {
        if !self.keys.load().has(provider) {
            return Err(Problem::not_found());
        }
        let wanted = if provider == Provider::Alipay { FORM_NOTIFICATION } else { JSON_NOTIFICATION };
        let body = body::read_as(wanted, request, payload).await?;
        let event = match self.report(provider, request, &body)? {
            Report::Event(event) => event,
            Report::Ignored(what) => {
                tracing::debug!(provider = provider.as_str(), %what, "a notification of no use");
                return Ok(taken(provider, None));
            }
        };
        let (order_reference, payment) = event.reported_by(provider);
        // Authentic, and for another node's order: that one has to write it down.
        if let Ok(order) = order_reference.parse() {
            lookup::at_home(self.client.view(), order)?;
        }
        let receipt = self.client.pay(&order_reference, payment).await?;
        let verdict = receipt.verdict;
        let recorded = match &receipt.order {
            Some(order) => Recorded::Known(OrderAfter { verdict, order: self.shown.order(order) }),
            None => Recorded::Unknown(VerdictAlone { verdict }),
        };
        Ok(taken(provider, Some(&recorded)))
    }

    fn report(&self, provider: Provider, request: &HttpRequest, body: &[u8]) -> Result<Report, Problem> {
        // A value that is no text counts as one that says nothing, so that it does not hide from `Headers::one`.
        let lines = request.headers().iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap_or_default()));
        let headers: Headers<'_> = lines.collect();
        let report = self.keys.load().report(provider, &headers, body, now_s()).ok_or_else(Problem::not_found)?;
        report.map_err(|refusal| match refusal {
            Refusal::NotAuthentic(distrust) => not_believed(provider, distrust),
            Refusal::Malformed(sentence) => refused(provider, Problem::new(Reason::Malformed, sentence)),
            Refusal::Invalid(wrong) => {
                let wrong: Vec<_> = wrong.into_iter().map(FieldProblem::nested).collect();
                refused(provider, Problem::validation(&wrong))
            }
        })
    }
}

/// What the provider wants to hear; without a record, nothing was to be recorded.
fn taken(provider: Provider, recorded: Option<&Recorded<'_>>) -> HttpResponse {
    match (provider, recorded) {
        (Provider::Alipay, _) => {
            private(&mut HttpResponse::Ok()).insert_header(ContentType::plaintext()).body("success")
        }
        (Provider::Own | Provider::Stripe | Provider::Standard, Some(recorded)) => {
            respond(&mut HttpResponse::Ok(), recorded)
        }
        (Provider::Wechat, _) | (Provider::Own | Provider::Stripe | Provider::Standard, None) => {
            private(&mut HttpResponse::NoContent()).finish()
        }
    }
}

/// The operator has to know: while keys do not fit, paid orders expire. Who asks hears nothing but that.
fn not_believed(provider: Provider, distrust: Distrust) -> Problem {
    tracing::warn!(provider = provider.as_str(), why = distrust.as_str(), "a payment notification is not believed");
    Problem::new(
        Reason::Unauthenticated,
        match provider {
            Provider::Own => "send a valid Doorbuster-Signature",
            Provider::Stripe => "send a valid Stripe-Signature",
            Provider::Standard => "send a valid webhook-signature",
            Provider::Wechat => "send a valid Wechatpay-Signature",
            Provider::Alipay => "send a valid sign",
        },
    )
}

/// It is signed, and says too little: somebody has to look at it, for the money may have come.
fn refused(provider: Provider, problem: Problem) -> Problem {
    tracing::warn!(provider = provider.as_str(), why = problem.detail(), "a payment notification cannot be used");
    problem
}

/// Signatures are made elsewhere, so they are checked by the wall clock.
fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since_epoch| since_epoch.as_secs())
}
