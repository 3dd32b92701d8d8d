//! **Job:** places orders, shows buyers their own, and lets them give one up.
//! **Owns:** the way of a purchase through the gate.
//! **Never:** takes stock: it awaits one reply.

use std::sync::Arc;

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue, LOCATION};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, web};
use doorbuster_actors::cluster::NodeName;
use doorbuster_actors::entry::Order;
use doorbuster_actors::ids::{IdempotencyKey, ItemId, OrderId, UserId};
use doorbuster_actors::request::{OfBuyer, Query, Reason, Rejection, Reservation, Transition, Which};
use doorbuster_actors::sale::{Confirmed, MAX_LISTED_ORDERS, Outcome, PublishedItem};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::AtApi;
use super::items::Items;
use super::pay_page::ForBuyers;
use super::rate_limits::RateLimits;
use super::trace_sampler::Sampler;
use crate::auth::Identity;
use crate::gate::funnel::FunnelGuard;
use crate::gate::{Admitted, Attempt, Gate};
use crate::http::answer_times::Told;
use crate::http::json::respond;
use crate::http::order_view::OrderView;
use crate::http::problem::Problem;
use crate::http::response_counters::ResponseCounters;
use crate::http::sale_client::{SaleClient, within};
use crate::http::{body, lookup, request_context, schemas};

static IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
static IDEMPOTENT_REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// What is needed to place and read orders.
pub struct Orders {
    /// Who may.
    pub gate: Gate,
    /// Who is asking.
    pub identity: Arc<Identity>,
    /// What there is.
    pub items: Items,
    /// Who carries messages that are not purchases.
    pub client: SaleClient,
    /// How orders are shown.
    pub shown: ForBuyers,
    /// What buyers are told, and when.
    pub answers: Arc<ResponseCounters>,
    /// Which purchases are traced.
    pub sampler: Sampler,
    /// What buyers are told of the limits, if there are any.
    pub rate_limits: Option<RateLimits>,
}

/// Places an order: the purchase itself.
///
/// Answered after the durable commit. A retry with the same key gets the same order, its status as of now, with
/// `Idempotent-Replayed`. Only orders are remembered under a key, no refusals.
#[utoipa::path(post, path = "/v1/items/{item_id}/orders", operation_id = "place_order", tag = "orders",
    params(("item_id" = inline(schemas::ItemId), Path), schemas::KeyHeader),
    request_body = schemas::Purchase,
    responses((status = 201, description = "The order.", body = OrderView<'_>, headers(
        ("Location" = String, description = "Where the order is read."),
        ("Idempotent-Replayed" = String, description = "`true` if the order was placed before, by the same key."),
        ("RateLimit-Policy" = String, description = "The limits of purchases, if there are any."),
        ("RateLimit" = String, description = "What is left of them, and for how many seconds.")))))]
pub(super) async fn place(state: AtApi, request: HttpRequest, payload: web::Payload) -> HttpResponse {
    let orders = &state.orders;
    let (mut guard, timed) = (orders.gate.begin(), orders.answers.purchases.begin());
    let (told, response) = match orders.place(&mut guard, &request, payload).await {
        Ok(response) if response.headers().contains_key(&IDEMPOTENT_REPLAYED) => {
            (Told::Reason(Reason::Replayed), response)
        }
        Ok(response) => (Told::Confirmed, response),
        Err(problem) => {
            guard.answer(problem.reason());
            let mut response = problem.respond();
            if let Some(limits) = &orders.rate_limits {
                limits.mark_refused(&problem, response.headers_mut());
            }
            (Told::Reason(problem.reason()), response)
        }
    };
    timed.tell(told);
    response
}

/// Gives up an order that is not paid yet.
#[utoipa::path(post, path = "/v1/orders/{order_id}/cancel", operation_id = "cancel_order", tag = "orders",
    params(("order_id" = inline(schemas::OrderId), Path)),
    responses((status = 200, description = "The order, cancelled.", body = OrderView<'_>)))]
pub(super) async fn cancel(state: AtApi, request: HttpRequest) -> HttpResponse {
    state.orders.cancel(&request).await.unwrap_or_else(|problem| problem.respond())
}

/// One order of the buyer who asks.
#[utoipa::path(get, path = "/v1/orders/{order_id}", operation_id = "read_order", tag = "orders",
    params(("order_id" = inline(schemas::OrderId), Path)),
    responses((status = 200, description = "The order.", body = OrderView<'_>)))]
pub(super) async fn read(state: AtApi, request: HttpRequest) -> HttpResponse {
    state.orders.read(&request).await.unwrap_or_else(|problem| problem.respond())
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct OfItem {
    /// Only orders for this item.
    #[param(value_type = Option<schemas::ItemId>, inline)]
    item_id: Option<String>,
    /// The node whose orders are asked for, where there are several.
    #[param(value_type = Option<schemas::Node>, inline)]
    node: Option<String>,
}

/// Orders of one buyer, the newest first, at most 100.
#[derive(Serialize, ToSchema)]
struct OwnOrders<'o> {
    orders: Vec<OrderView<'o>>,
    /// All nodes of the shop, where there are several: each has orders of its own (`node`).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<String>, required = false)]
    nodes: Vec<&'o NodeName>,
}

/// The orders of the buyer who asks, of all items or of one.
#[utoipa::path(get, path = "/v1/orders", operation_id = "list_orders", tag = "orders", params(OfItem),
    responses((status = 200, description = "The newest first, at most 100.", body = OwnOrders<'_>)))]
pub(super) async fn list(state: AtApi, request: HttpRequest, of: web::Query<OfItem>) -> HttpResponse {
    state.orders.list(&request, &of).await.unwrap_or_else(|problem| problem.respond())
}

impl Orders {
    async fn place(
        &self,
        guard: &mut FunnelGuard<'_>,
        request: &HttpRequest,
        payload: web::Payload,
    ) -> Result<HttpResponse, Problem> {
        let user = self.identity.of(request)?;
        let published = self.items.find(request)?;
        let key = idempotency_key(request.headers())?;
        let quantity = body::quantity(&body::read(request, payload).await?)?;
        let in_range = published.definition().unit_price.times(quantity).is_some();
        in_range.then_some(()).ok_or(Rejection::AmountOutOfRange)?;
        guard.pass();
        let address = if self.gate.limits_addresses() { self.identity.client(request) } else { None };
        let attempt = Attempt { user: &user, published: &published, quantity, key: key.as_ref(), address };
        let client = || self.identity.client(request);
        let trace = self.sampler.trace(attempt, client);
        let mut permit = self.gate.enter(guard)?.traced(trace);
        self.gate.check_answering(attempt)?;
        let same_key = self.gate.same_key(attempt).await;
        // The one before may have waited as long as anybody does.
        self.gate.check_answering(attempt)?;
        if let (true, Some(key)) = (same_key.is_used, &key) {
            let payload = (user.clone(), quantity, key.clone());
            match within(self.client.handle.lookup_by_key(&published, payload, permit)).await {
                Outcome::Rejected(Rejection::UnknownOrder) => {
                    permit = self.gate.stay()?.traced(self.sampler.trace(attempt, client));
                }
                Outcome::Replayed(order) => return Ok(self.replayed(guard, order)),
                outcome @ (Outcome::Confirmed(_) | Outcome::Rejected(_) | Outcome::Unavailable(_)) => {
                    return self.answer(outcome);
                }
            }
        }
        let Admitted { token, window } = self.gate.admit(guard, attempt).await?;
        let reservation = Reservation { user, quantity, key };
        let outcome = within(self.client.handle.reserve(&published, reservation, token, permit)).await;
        self.gate.settle(window, &outcome).await;
        self.answer(outcome)
    }

    fn answer(&self, outcome: Outcome) -> Result<HttpResponse, Problem> {
        match outcome {
            Outcome::Confirmed(order) => Ok(self.confirmed(&order.into_order())),
            Outcome::Replayed(order) => Ok(self.repeated(&order.into_order())),
            Outcome::Rejected(rejection) => Err(rejection.into()),
            Outcome::Unavailable(unavailable) => Err(unavailable.into()),
        }
    }

    fn replayed(&self, guard: &mut FunnelGuard<'_>, order: Confirmed) -> HttpResponse {
        guard.answer(Reason::Replayed);
        self.repeated(&order.into_order())
    }

    fn confirmed(&self, order: &Order) -> HttpResponse {
        request_context::note_outcome("confirmed");
        let mut response = self.created(order, HttpResponse::Created());
        if let Some(limits) = &self.rate_limits {
            limits.mark_passed(response.headers_mut());
        }
        response
    }

    fn repeated(&self, order: &Order) -> HttpResponse {
        request_context::note_outcome(Reason::Replayed.as_str());
        let mut response = HttpResponse::Created();
        response.insert_header((IDEMPOTENT_REPLAYED.clone(), "true"));
        let mut response = self.created(order, response);
        if let Some(limits) = &self.rate_limits {
            limits.mark(response.headers_mut());
        }
        response
    }

    fn created(&self, order: &Order, mut response: HttpResponseBuilder) -> HttpResponse {
        request_context::note_order(order.id);
        let order = self.shown.order(order);
        response.insert_header((LOCATION, request_context::below_base(order.location())));
        respond(&mut response, &order)
    }

    async fn read(&self, request: &HttpRequest) -> Result<HttpResponse, Problem> {
        let order = self.own(request).await?;
        Ok(respond(&mut HttpResponse::Ok(), &self.shown.order(&order)))
    }

    /// The order that the path names, if it is the asker's own.
    pub(super) async fn own(&self, request: &HttpRequest) -> Result<Order, Problem> {
        self.own_of(self.identity.of(request)?, request).await
    }

    /// The order that the path names, if it is this user's own.
    pub(super) async fn own_of(&self, user: UserId, request: &HttpRequest) -> Result<Order, Problem> {
        let (published, id) = self.named(request)?;
        let found = self.client.find(&published, Query::Own { user, number: id.order }).await?;
        found.into_iter().next().ok_or_else(Problem::not_found)
    }

    fn named(&self, request: &HttpRequest) -> Result<(Arc<PublishedItem>, OrderId), Problem> {
        let id = request.match_info().get("order_id").and_then(|text| text.parse::<OrderId>().ok());
        let id = id.ok_or_else(Problem::not_found)?;
        Ok((lookup::item_of(&self.items.sale, id)?, id))
    }

    async fn cancel(&self, request: &HttpRequest) -> Result<HttpResponse, Problem> {
        let user = self.identity.of(request)?;
        let (published, id) = self.named(request)?;
        let order = self.client.transition(&published, id.order, Transition::Cancel { user }).await?;
        Ok(respond(&mut HttpResponse::Ok(), &self.shown.order(&order)))
    }

    async fn list(&self, request: &HttpRequest, of: &OfItem) -> Result<HttpResponse, Problem> {
        let user = self.identity.of(request)?;
        lookup::part_of(&self.items.sale, of.node.as_deref())?;
        let found = match of.item_id.as_deref() {
            None => {
                let question = OfBuyer { user, which: Which::Newest, limit: MAX_LISTED_ORDERS };
                self.client.find_of_buyer(&question).await?
            }
            Some(item_id) => {
                let item_id: ItemId = item_id.parse().map_err(|bad| Problem::invalid("item_id", format!("{bad}")))?;
                match lookup::item(&self.items.sale, &item_id) {
                    Ok(published) => self.client.find(&published, Query::AllOf { user }).await?,
                    Err(problem) if problem.reason() == Reason::NotFound => Vec::new(),
                    Err(misdirected) => return Err(misdirected),
                }
            }
        };
        let orders = found.iter().map(|order| self.shown.order(order)).collect();
        Ok(respond(&mut HttpResponse::Ok(), &OwnOrders { orders, nodes: self.items.sale.cluster.names().collect() }))
    }
}

/// `Idempotency-Key`: at most one, bare or in double quotes.
fn idempotency_key(headers: &HeaderMap) -> Result<Option<IdempotencyKey>, Problem> {
    let malformed = |reason: &'static str| Problem::new(Reason::Malformed, reason);
    let mut values = headers.get_all(&IDEMPOTENCY_KEY);
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(malformed("send one Idempotency-Key"));
    }
    let text = HeaderValue::to_str(value).unwrap_or_default();
    let key = match text.strip_prefix('"') {
        Some(quoted) => quoted.strip_suffix('"').unwrap_or_default().parse(),
        None => text.parse(),
    };
    key.map(Some).map_err(|_bad| malformed("an Idempotency-Key has 1 to 255 visible ASCII characters"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(values: &[&'static str]) -> Result<Option<String>, Reason> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(IDEMPOTENCY_KEY.clone(), HeaderValue::from_static(value));
        }
        let key = idempotency_key(&headers).map_err(|problem| problem.reason())?;
        Ok(key.map(|key| key.as_str().to_owned()))
    }

    #[test]
    fn a_key_may_be_quoted_and_stands_once() {
        assert_eq!(key(&[]), Ok(None));
        assert_eq!(key(&["abc"]), Ok(Some("abc".to_owned())));
        assert_eq!(key(&["\"abc\""]), Ok(Some("abc".to_owned())));
        for bad in [&[""][..], &["\"\""], &["\""], &["\"abc"], &["a b"], &["a", "b"]] {
            assert_eq!(key(bad), Err(Reason::Malformed), "{bad:?}");
        }
    }
}
