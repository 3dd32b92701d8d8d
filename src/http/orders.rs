//! **Job:** places orders and shows buyers their own.
//! **Owns:** how an order looks outside, and how long an answer may take.
//! **Never:** takes stock: it awaits one receipt.

use std::sync::Arc;
use std::time::Duration;

use actix_web::http::header::{CACHE_CONTROL, HeaderMap, HeaderValue, LOCATION, X_CONTENT_TYPE_OPTIONS};
use actix_web::{HttpRequest, HttpResponse, web};
use doorbuster_actors::directory::Listing;
use doorbuster_actors::entry::{Order, Status};
use doorbuster_actors::ids::{IdempotencyKey, ItemId, OrderId, UserId};
use doorbuster_actors::letters::{Reservation, Which};
use doorbuster_actors::money::{Amount, Currency};
use doorbuster_actors::observe::Code;
use doorbuster_actors::permit::{House, Permit};
use doorbuster_actors::postbox::Postbox;
use doorbuster_actors::reply::{Confirmed, Outcome, Receipt, Rejection, Unavailable};
use doorbuster_actors::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::identity::Identity;
use super::items::Items;
use super::problem::Problem;
use super::{Front, body};
use crate::gate::funnel::Visit;
use crate::gate::{Attempt, Gate};

/// How long a request may wait for its answer. Just under the five seconds within which every request is answered.
const ANSWER_WITHIN: Duration = Duration::from_millis(4_500);

/// When a confirmed order counts as durable, as the contract writes it.
pub type DurabilityName = &'static str;

/// What is needed to place and read orders.
pub struct Orders {
    /// Who may.
    pub gate: Gate,
    /// Who is asking.
    pub identity: Arc<Identity>,
    /// What there is.
    pub items: Items,
    /// Where letters go.
    pub postbox: Postbox,
    /// How many questions may be in the house.
    pub reads: Arc<House>,
    /// Time to pay; absent: orders are paid at once.
    pub pay_within: Option<Duration>,
    /// What is promised with a `201`.
    pub durability: DurabilityName,
}

#[derive(Serialize)]
struct OrderView<'a> {
    order_id: String,
    item_id: &'a ItemId,
    user_id: &'a UserId,
    quantity: u32,
    unit_price: Amount,
    total_price: Amount,
    currency: Currency,
    status: Status,
    created_at: Timestamp,
    pay_by: Option<Timestamp>,
    durability: DurabilityName,
}

/// `POST /v1/items/{item_id}/orders`.
pub(super) async fn place(front: web::ThinData<Front>, request: HttpRequest, payload: web::Payload) -> HttpResponse {
    let orders = &front.orders;
    let mut visit = orders.gate.visit();
    orders.place(&mut visit, &request, payload).await.unwrap_or_else(|problem| {
        visit.answer(problem.code());
        problem.respond()
    })
}

/// `GET /v1/orders/{order_id}`.
pub(super) async fn read(front: web::ThinData<Front>, request: HttpRequest) -> HttpResponse {
    front.orders.read(&request).await.unwrap_or_else(|problem| problem.respond())
}

#[derive(Deserialize)]
pub(super) struct OfItem {
    item_id: Option<String>,
}

/// `GET /v1/orders?item_id=`: `{"orders": […]}`, the newest first, at most 100.
pub(super) async fn list(front: web::ThinData<Front>, request: HttpRequest, of: web::Query<OfItem>) -> HttpResponse {
    front.orders.list(&request, &of).await.unwrap_or_else(|problem| problem.respond())
}

impl Orders {
    async fn place(
        &self,
        visit: &mut Visit<'_>,
        request: &HttpRequest,
        payload: web::Payload,
    ) -> Result<HttpResponse, Problem> {
        let user = self.identity.of(request)?;
        let listing = self.items.find(request)?;
        let key = idempotency_key(request.headers())?;
        let quantity = body::quantity(&body::read(request, payload).await?)?;
        let in_range = listing.definition().unit_price.times(quantity).is_some();
        in_range.then_some(()).ok_or(Rejection::AmountOutOfRange)?;
        visit.pass();
        let attempt = Attempt { user: &user, listing: &listing, quantity, key: key.as_ref() };
        let mut permit = self.gate.enter(visit)?;
        let same_key = self.gate.same_key(attempt).await;
        if let (true, Some(key)) = (same_key.is_used, &key) {
            let payload = (user.clone(), quantity, key.clone());
            match within(self.postbox.recall(&listing, payload, permit)).await {
                Outcome::Rejected(Rejection::UnknownOrder) => permit = self.gate.stay()?,
                Outcome::Replayed(order) => return Ok(self.replayed(visit, order)),
                outcome => return self.answer(outcome),
            }
        }
        let token = self.gate.admit(visit, attempt).await?;
        let reservation = Reservation { user: user.clone(), quantity, key: key.clone(), pay_within: self.pay_within };
        self.answer(within(self.postbox.reserve(&listing, reservation, token, permit)).await)
    }

    fn answer(&self, outcome: Outcome) -> Result<HttpResponse, Problem> {
        match outcome {
            Outcome::Confirmed(order) => Ok(self.created(&order.into_order(), false)),
            Outcome::Replayed(order) => Ok(self.created(&order.into_order(), true)),
            Outcome::Rejected(rejection) => Err(rejection.into()),
            Outcome::Unavailable(unavailable) => Err(unavailable.into()),
        }
    }

    fn replayed(&self, visit: &mut Visit<'_>, order: Confirmed) -> HttpResponse {
        visit.answer(Code::Replayed);
        self.created(&order.into_order(), true)
    }

    fn created(&self, order: &Order, is_replay: bool) -> HttpResponse {
        let mut response = HttpResponse::Created();
        response.insert_header((LOCATION, format!("/v1/orders/{}", order.id)));
        if is_replay {
            response.insert_header(("Idempotent-Replayed", "true"));
        }
        private(&mut response).json(self.view(order))
    }

    async fn read(&self, request: &HttpRequest) -> Result<HttpResponse, Problem> {
        let user = self.identity.of(request)?;
        let id = request.match_info().get("order_id").and_then(|text| text.parse::<OrderId>().ok());
        let id = id.ok_or_else(Problem::not_found)?;
        let listing = self.items.directory.find_number(id.item).ok_or_else(Problem::not_found)?;
        let found = self.find(&listing, user, Which::One(id.order)).await?;
        let order = found.first().ok_or_else(Problem::not_found)?;
        Ok(private(&mut HttpResponse::Ok()).json(self.view(order)))
    }

    async fn list(&self, request: &HttpRequest, of: &OfItem) -> Result<HttpResponse, Problem> {
        let user = self.identity.of(request)?;
        let item_id = of.item_id.as_deref().ok_or_else(|| Problem::invalid("item_id", "is required"))?;
        let item_id: ItemId = item_id.parse().map_err(|bad| Problem::invalid("item_id", format!("{bad}")))?;
        let found = match self.items.directory.find(&item_id) {
            Some(listing) => self.find(&listing, user, Which::All).await?,
            None => Vec::new(),
        };
        let orders: Vec<_> = found.iter().map(|order| self.view(order)).collect();
        Ok(private(&mut HttpResponse::Ok()).json(serde_json::json!({ "orders": orders })))
    }

    async fn find(&self, listing: &Arc<Listing>, user: UserId, which: Which) -> Result<Vec<Order>, Problem> {
        let permit: Permit = self.reads.enter().ok_or(crate::gate::Refusal::Overloaded)?;
        let found = self.postbox.find(listing, user, which, permit).found();
        let found = tokio::time::timeout(ANSWER_WITHIN, found).await;
        Ok(found.unwrap_or(Err(Unavailable::OutcomeUnknown))?)
    }

    fn view<'a>(&self, order: &'a Order) -> OrderView<'a> {
        OrderView {
            order_id: order.id.to_string(),
            item_id: &order.item,
            user_id: &order.user,
            quantity: order.quantity,
            unit_price: order.unit_price,
            total_price: order.total_price,
            currency: order.currency,
            status: order.status,
            created_at: order.created_at,
            pay_by: order.pay_by,
            durability: self.durability,
        }
    }
}

async fn within(receipt: Receipt<Outcome>) -> Outcome {
    let outcome = tokio::time::timeout(ANSWER_WITHIN, receipt.outcome()).await;
    outcome.unwrap_or(Outcome::Unavailable(Unavailable::OutcomeUnknown))
}

fn private(response: &mut actix_web::HttpResponseBuilder) -> &mut actix_web::HttpResponseBuilder {
    response.insert_header((CACHE_CONTROL, "no-store")).insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
}

/// `Idempotency-Key`: at most one, bare or in double quotes.
fn idempotency_key(headers: &HeaderMap) -> Result<Option<IdempotencyKey>, Problem> {
    let malformed = |reason: &'static str| Problem::new(Code::Malformed, reason);
    let mut values = headers.get_all("Idempotency-Key");
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(malformed("send one Idempotency-Key"));
    }
    let text = HeaderValue::to_str(value).unwrap_or_default();
    let quoted = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    let key = quoted.unwrap_or(text).parse();
    key.map(Some).map_err(|_bad| malformed("an Idempotency-Key has 1 to 255 visible ASCII characters"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(values: &[&'static str]) -> Result<Option<String>, Code> {
        let mut headers = HeaderMap::new();
        for value in values {
            let name = actix_web::http::header::HeaderName::from_static("idempotency-key");
            headers.append(name, HeaderValue::from_static(value));
        }
        let key = idempotency_key(&headers).map_err(|problem| problem.code())?;
        Ok(key.map(|key| key.as_str().to_owned()))
    }

    #[test]
    fn a_key_may_be_quoted_and_stands_once() {
        assert_eq!(key(&[]), Ok(None));
        assert_eq!(key(&["abc"]), Ok(Some("abc".to_owned())));
        assert_eq!(key(&["\"abc\""]), Ok(Some("abc".to_owned())));
        for bad in [&[""][..], &["\"\""], &["a b"], &["a", "b"]] {
            assert_eq!(key(bad), Err(Code::Malformed), "{bad:?}");
        }
    }
}
