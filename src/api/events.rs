//! **Job:** pushes an order to its buyer each time it changes (server-sent events, WHATWG HTML section 9.2).
//! **Owns:** the streams that are open: how many there may be, and when one ends.
//! **Never:** sends what is not durable, the same order twice in a row, or anything after the token has expired.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use actix_web::http::Method;
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse};
use doorbuster_actors::entry::{Order, Status};
use doorbuster_actors::payment::Owed;
use doorbuster_actors::request::{Query, Reason};
use doorbuster_actors::sale::{Crowded, Limits, PublishedItem, Watch};
use futures_util::Stream;
use futures_util::stream::unfold;

use super::pay_page::ForBuyers;
use super::{ApiState, AtApi};
use crate::auth::{Pass, unauthenticated};
use crate::http::event_stream;
use crate::http::lookup;
use crate::http::problem::Problem;
use crate::http::sale_client::SaleClient;
use crate::http::schemas;

/// Streams of one buyer: a few tabs on a few devices, each with an order or two.
const MAX_STREAMS_PER_BUYER: usize = 8;

/// How often a stream says that it is alive. Proxies cut connections that are silent for a minute.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// What is needed to push orders.
pub struct Events {
    /// How many streams there may be.
    pub limits: Limits,
}

/// How many streams a shop with so many connections may have: half of them, so that watching cannot keep anybody from
/// buying.
#[must_use]
pub fn limits(connections: usize) -> Limits {
    Limits { total: (connections / 2).max(1), per_user: MAX_STREAMS_PER_BUYER }
}

/// Pushes an order on each change, first as it is now.
///
/// Each event is an `order`, its data the order; money that is owed back is a change, too. Its id is the order's
/// status, so `Last-Event-ID` says which change the client has seen. A comment comes at least every 15 seconds: who
/// hears nothing for longer is cut off, or behind a proxy that holds events back, and asks `GET /v1/orders/{order_id}`
/// instead. A buyer may have eight streams at once. A stream ends when the token expires that it was opened with; open
/// it again with a fresh one.
#[utoipa::path(get, path = "/v1/orders/{order_id}/events", operation_id = "stream_order", tag = "orders",
    params(("order_id" = inline(schemas::OrderId), Path), schemas::LastEvent),
    responses((status = 200, description = "Events, until the token expires.", body = schemas::OrderEvent,
        content_type = "text/event-stream")))]
pub(super) async fn stream(state: AtApi, request: HttpRequest) -> HttpResponse {
    open(&state, &request).await.unwrap_or_else(|problem| problem.respond())
}

async fn open(state: &ApiState, request: &HttpRequest) -> Result<HttpResponse, Problem> {
    let pass = state.orders.identity.pass(request)?;
    // Clocks may differ a little where a request is answered at once; a stream would only end again.
    if pass.remaining(HEARTBEAT).is_zero() {
        return Err(unauthenticated());
    }
    let order = state.orders.own_of(pass.user.clone(), request).await?;
    if request.method() == Method::HEAD {
        return Ok(event_stream::head());
    }
    let watch = state.orders.items.sale.watchers.watch(order.id, &pass.user, state.events.limits).map_err(crowded)?;
    let published = lookup::item_of(&state.orders.items.sale, order.id)?;
    let known = request.headers().get("Last-Event-ID").and_then(|id| id.to_str().ok()).and_then(status_of);
    let known = known.map(|status| (status, Vec::new()));
    let (client, shown) = (state.orders.client.clone(), state.orders.shown.clone());
    let follower = Follower { client, shown, published, order, pass, watch, known, ready: VecDeque::from([retry()]) };
    Ok(event_stream::respond(request, events(follower)))
}

fn crowded(crowded: Crowded) -> Problem {
    match crowded {
        Crowded::Total => Problem::new(Reason::Overloaded, "too many orders are being watched").retry_soon(),
        Crowded::User => {
            let detail = format!("this buyer has {MAX_STREAMS_PER_BUYER} streams open: close one");
            Problem::new(Reason::Throttled, detail).retry_soon()
        }
    }
}

struct Follower {
    client: SaleClient,
    shown: ForBuyers,
    published: Arc<PublishedItem>,
    order: Order,
    pass: Pass,
    watch: Watch,
    /// The status the client has seen last, and what it has seen owed.
    known: Option<(Status, Vec<Owed>)>,
    ready: VecDeque<Bytes>,
}

fn events(follower: Follower) -> impl Stream<Item = Result<Bytes, Infallible>> {
    unfold(follower, |mut follower| async move {
        let bytes = follower.next().await?;
        Some((Ok(bytes), follower))
    })
}

impl Follower {
    /// What is pushed next; nothing more once the token has expired.
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(bytes) = self.ready.pop_front() {
                return Some(bytes);
            }
            // By the wall clock, like the token itself; looked at anew with each heartbeat, because it may be set.
            let wait = self.pass.remaining(HEARTBEAT);
            if wait.is_zero() {
                return None;
            }
            // Asked for again each time, and after the watch began: no change falls between the two.
            if let Some(order) = self.current().await
                && self.known.as_ref().is_none_or(|(status, owed)| *status != order.status || *owed != order.owed)
            {
                self.known = Some((order.status, order.owed.clone()));
                return Some(self.event(&order));
            }
            let is_silent = tokio::time::timeout(wait, self.watch.changed()).await.is_err();
            if is_silent && wait == HEARTBEAT {
                return Some(Bytes::from_static(b": still here\n\n"));
            }
        }
    }

    async fn current(&self) -> Option<Order> {
        let query = Query::Own { user: self.order.user.clone(), number: self.order.id.order };
        self.client.find(&self.published, query).await.ok()?.into_iter().next()
    }

    fn event(&self, order: &Order) -> Bytes {
        let data = serde_json::json!(self.shown.order(order));
        format!("event: order\nid: {}\ndata: {data}\n\n", order.status.as_str()).into()
    }
}

/// How soon the browser connects again.
fn retry() -> Bytes {
    Bytes::from_static(b"retry: 1000\n\n")
}

fn status_of(id: &str) -> Option<Status> {
    let statuses =
        [Status::Pending, Status::Paid, Status::Cancelled, Status::Expired, Status::RefundDue, Status::Refunded];
    statuses.into_iter().find(|status| status.as_str() == id)
}
