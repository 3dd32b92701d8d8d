//! **Job:** shows the owner of the sale what became of order events, and sends them again.
//! **Owns:** the routes for it.
//! **Never:** sends an event itself, or shows what signs them.

use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, web};
use doorbuster_actors::request::{Reason, Unavailable};
use doorbuster_actors::time::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::OpsState;
use crate::fields::{Field, Kind};
use crate::http::json::respond;
use crate::http::problem::Problem;
use crate::http::{body, schemas};
use crate::webhook::{Delivery, DeliveryStatus, NoAnswer, Webhook, event_type};

/// Most deliveries in one answer.
const MAX_PAGE: usize = 1_000;

/// Deliveries in one answer if the asker does not say.
const DEFAULT_PAGE: usize = 100;

/// What a replay must say.
const REPLAY: &[Field] = &[Field::required("after", Kind::Whole { least: 0, most: i64::MAX })];

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Filter {
    /// Only deliveries in this status.
    #[param(value_type = Option<String>, pattern = "^(pending|delivered|dead)$")]
    status: Option<String>,
    /// The `seq` of the last delivery of the page before.
    #[param(value_type = Option<u64>, default = 0)]
    after: Option<String>,
    /// Most deliveries in the answer.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 1_000, default = 100)]
    limit: Option<String>,
}

/// An order event, and what became of it.
#[derive(Serialize, ToSchema)]
#[schema(as = WebhookDelivery)]
struct DeliveryView {
    /// Its entry of the ledger.
    seq: u64,
    /// Its `webhook-id`: the same in every attempt.
    webhook_id: String,
    /// Its type, like `order.placed`.
    #[serde(rename = "type")]
    event_type: String,
    /// Its order.
    #[schema(value_type = schemas::OrderId)]
    order_id: String,
    /// `pending`: still to be sent; `delivered`: accepted with 2xx, the newest 1,000 of them; `dead`: given up.
    #[schema(value_type = String)]
    status: &'static str,
    /// How often it was tried.
    attempts: u32,
    /// When for the first time.
    #[schema(value_type = Option<schemas::Time>, required = true)]
    first_attempt_at: Option<String>,
    /// When for the last time.
    #[schema(value_type = Option<schemas::Time>, required = true)]
    last_attempt_at: Option<String>,
    /// HTTP status of the last answer; null: there was none.
    #[schema(required = true)]
    last_status: Option<u16>,
    /// Why the last attempt failed; null: it did not.
    #[schema(required = true)]
    last_error: Option<String>,
    /// When it is tried again at the earliest; an earlier event of its order goes first. Null if it is not pending.
    #[schema(value_type = Option<schemas::Time>, required = true)]
    next_attempt_at: Option<String>,
}

/// A page of deliveries.
#[derive(Serialize, ToSchema)]
#[schema(as = WebhookDeliveries)]
struct DeliveriesPage<'w> {
    /// Where events are sent, without what follows a `?`; null: nowhere (`webhook.url` is not set).
    #[schema(required = true)]
    url: Option<&'w str>,
    /// In the order of their entries.
    deliveries: Vec<DeliveryView>,
    /// The `after` of the next page; null: this was the last.
    #[schema(required = true)]
    next: Option<u64>,
}

/// From where to send again.
#[derive(Deserialize, ToSchema)]
#[schema(as = WebhookReplay)]
#[serde(deny_unknown_fields)]
struct Replay {
    /// The last entry that the receiver has; 0: it has none. Everything after it is sent again, with the same ids.
    after: u64,
}

/// What is sent again.
#[derive(Serialize, ToSchema)]
#[schema(as = WebhookReplayed)]
struct Replayed {
    /// As it was asked for.
    after: u64,
    /// The last entry of the ledger.
    last_seq: u64,
}

/// What became of order events, page by page in the order of their entries.
///
/// Entries that were not looked at yet are not on it: `doorbuster_feed_lag_entries{sink="webhook"}` counts them.
#[utoipa::path(get, path = "/v1/admin/webhook/deliveries", operation_id = "page_webhook_deliveries", tag = "owner",
    params(Filter), responses((status = 200, description = "A page of deliveries.", body = DeliveriesPage<'_>)))]
pub(super) async fn deliveries(state: web::ThinData<OpsState>, request: HttpRequest) -> HttpResponse {
    let page = async {
        state.authorize(&request)?;
        let filter = web::Query::<Filter>::from_query(request.query_string());
        let filter = filter.map_err(|_bad| Problem::new(Reason::Malformed, "the query cannot be read"))?;
        let (status, after, limit) = filter.checked()?;
        let Some(webhook) = &state.webhook else {
            let nothing = DeliveriesPage { url: None, deliveries: Vec::new(), next: None };
            return Ok(respond(&mut HttpResponse::Ok(), &nothing));
        };
        let found = webhook.deliveries(status, after, limit).await.map_err(refusal)?;
        let next = found.last().filter(|_| found.len() == limit).map(|last| last.seq);
        let deliveries = found.into_iter().map(view).collect();
        let page = DeliveriesPage { url: Some(webhook.url()), deliveries, next };
        Ok(respond(&mut HttpResponse::Ok(), &page))
    };
    page.await.unwrap_or_else(|problem: Problem| problem.respond())
}

/// Sends all order events after an entry again.
///
/// With the ids they had, so that a receiver that has one already knows it. Also after the receiver answered 410, and
/// where the data file was restored from a backup.
#[utoipa::path(post, path = "/v1/admin/webhook/replay", operation_id = "replay_webhook", tag = "owner",
    request_body = Replay, responses((status = 200, description = "They are sent again.", body = Replayed)))]
pub(super) async fn replay(
    state: web::ThinData<OpsState>,
    request: HttpRequest,
    payload: web::Payload,
) -> HttpResponse {
    let replay = async {
        state.authorize(&request)?;
        let Replay { after } = body::object(&body::read(&request, payload).await?, REPLAY)?;
        let last_seq = on(&state)?.replay(after).await.map_err(refusal)?;
        Ok(respond(&mut HttpResponse::Ok(), &Replayed { after, last_seq }))
    };
    replay.await.unwrap_or_else(|problem: Problem| problem.respond())
}

/// Sends an order event again that was given up.
#[utoipa::path(post, path = "/v1/admin/webhook/deliveries/{seq}/retry", operation_id = "retry_webhook_delivery",
    tag = "owner", params(("seq" = u64, Path, description = "The entry of the event.")),
    responses((status = 200, description = "The delivery, pending.", body = DeliveryView)))]
pub(super) async fn retry(state: web::ThinData<OpsState>, request: HttpRequest) -> HttpResponse {
    let retry = async {
        state.authorize(&request)?;
        let webhook = on(&state)?;
        let seq = request.match_info().get("seq").and_then(digits).ok_or_else(Problem::not_found)?;
        let delivery = webhook.retry(seq).await.map_err(refusal)?;
        Ok(respond(&mut HttpResponse::Ok(), &view(delivery)))
    };
    retry.await.unwrap_or_else(|problem: Problem| problem.respond())
}

fn on(state: &OpsState) -> Result<&Arc<Webhook>, Problem> {
    let off = || Problem::new(Reason::InvalidTransition, "there is no webhook: webhook.url is not set");
    state.webhook.as_ref().ok_or_else(off)
}

impl Filter {
    fn checked(&self) -> Result<(Option<DeliveryStatus>, u64, usize), Problem> {
        let unknown = || Problem::invalid("status", "must be pending, delivered or dead");
        let status = self.status.as_deref().map(|word| DeliveryStatus::from_word(word).ok_or_else(unknown));
        let after = self.after.as_deref().map_or(Some(0), digits);
        let limit = self.limit.as_deref().map_or(Some(DEFAULT_PAGE), |limit| limit.parse().ok());
        Ok((
            status.transpose()?,
            after.ok_or_else(|| Problem::invalid("after", "must be the number of an entry, or 0"))?,
            limit
                .filter(|limit| (1..=MAX_PAGE).contains(limit))
                .ok_or_else(|| Problem::invalid("limit", format!("must be a number from 1 to {MAX_PAGE}")))?,
        ))
    }
}

fn digits(text: &str) -> Option<u64> {
    let number = text.parse::<i64>().ok().and_then(|number| u64::try_from(number).ok());
    number.filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()))
}

fn view(delivery: Delivery) -> DeliveryView {
    let time = |millis: i64| Timestamp::from_millis(millis).to_string();
    let is_pending = delivery.status == DeliveryStatus::Pending;
    DeliveryView {
        seq: delivery.seq,
        webhook_id: delivery.webhook_id,
        event_type: event_type(&delivery.kind),
        order_id: delivery.order_id,
        status: delivery.status.as_str(),
        attempts: delivery.attempts,
        first_attempt_at: delivery.first_attempt.map(time),
        last_attempt_at: delivery.last_attempt.map(time),
        last_status: delivery.last_status,
        last_error: delivery.last_error,
        next_attempt_at: is_pending.then(|| time(delivery.next_attempt)),
    }
}

fn refusal(no_answer: NoAnswer) -> Problem {
    match no_answer {
        NoAnswer::Beyond { last_seq } => {
            Problem::invalid_member("after", format!("must be an entry of this ledger, which ends at {last_seq}"))
        }
        NoAnswer::Unknown => Problem::new(Reason::NotFound, "there is no such delivery on the list"),
        NoAnswer::NotDead(status) => {
            let detail = format!("the delivery is {}: only one that was given up can be tried again", status.as_str());
            Problem::new(Reason::InvalidTransition, detail)
        }
        NoAnswer::Storage => {
            Problem::new(Reason::StorageUnavailable, "the webhook's file cannot be used now").retry_soon()
        }
        NoAnswer::Busy => Problem::new(Reason::Overloaded, "the webhook does not answer in time").retry_soon(),
        NoAnswer::Closing => Unavailable::ShuttingDown.into(),
    }
}
