//! **Job:** shows the owner of the sale all orders, page by page, and cancels one.
//! **Owns:** the order of the pages: by item, then by number.
//! **Never:** reads the file: the actors know.

use std::sync::Arc;

use actix_web::web::Payload;
use actix_web::{HttpRequest, HttpResponse, web};
use doorbuster_actors::entry::{Order, Status};
use doorbuster_actors::ids::{ItemId, ItemNumber, OrderId, OrderNumber, UserId};
use doorbuster_actors::request::{OfBuyer, Query, Transition, Which};
use doorbuster_actors::sale::PublishedItem;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::OpsState;
use super::operator;
use super::paging::{query, size};
use crate::http::json::respond;
use crate::http::lookup;
use crate::http::order_view::{OrderView, Shown};
use crate::http::problem::Problem;
use crate::http::sale_client::SaleClient;
use crate::http::schemas;

/// What is needed to page through orders.
pub struct Orders {
    /// Who carries the questions.
    pub client: SaleClient,
    /// How orders are shown.
    pub shown: Shown,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Filter {
    /// The last order of the page before.
    #[param(value_type = Option<schemas::OrderId>, inline)]
    after: Option<String>,
    /// Most orders in the answer.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 1_000, default = 100)]
    limit: Option<String>,
    /// Only orders for this item.
    #[param(value_type = Option<schemas::ItemId>, inline)]
    item_id: Option<String>,
    /// Only orders in this status.
    #[param(value_type = Option<schemas::OrderStatus>, inline)]
    status: Option<String>,
    /// Only orders of this buyer.
    #[param(value_type = Option<schemas::UserId>, inline)]
    user_id: Option<String>,
}

/// A page of orders.
#[derive(Serialize, ToSchema)]
struct OrdersPage<'o> {
    orders: Vec<OrderView<'o>>,
    /// The `after` of the next page; null: this was the last.
    #[schema(value_type = Option<schemas::OrderId>, required = true)]
    next: Option<String>,
}

/// A filter that makes sense.
struct Page {
    after: Option<OrderId>,
    limit: usize,
    item: Option<ItemId>,
    status: Option<Status>,
    user: Option<UserId>,
}

/// The orders of all buyers, page by page: by item in the order of creation, then as they were placed.
#[utoipa::path(get, path = "/v1/admin/orders", operation_id = "page_orders", tag = "owner", params(Filter),
    responses((status = 200, description = "A page of orders.", body = OrdersPage<'_>)))]
pub(super) async fn page(state: web::ThinData<OpsState>, request: HttpRequest) -> HttpResponse {
    let page = async {
        state.authorize(&request)?;
        state.orders.page(query::<Filter>(&request)?.checked()?).await
    };
    page.await.unwrap_or_else(|problem| problem.respond())
}

/// One order, of any buyer.
#[utoipa::path(get, path = "/v1/admin/orders/{order_id}", operation_id = "find_order", tag = "owner",
    params(("order_id" = inline(schemas::OrderId), Path)),
    responses((status = 200, description = "The order.", body = OrderView<'_>)))]
pub(super) async fn find(state: web::ThinData<OpsState>, request: HttpRequest) -> HttpResponse {
    let find = async {
        state.authorize(&request)?;
        let id = request.match_info().get("order_id").unwrap_or_default().parse();
        let id: OrderId = id.map_err(|_bad| Problem::not_found())?;
        let order = state.orders.one(id).await?;
        Ok(respond(&mut HttpResponse::Ok(), &state.orders.shown.order(&order)))
    };
    find.await.unwrap_or_else(|problem: Problem| problem.respond())
}

impl Filter {
    fn checked(&self) -> Result<Page, Problem> {
        let after = self.after.as_deref().map(str::parse).transpose();
        let item = self.item_id.as_deref().map(str::parse).transpose();
        let user = self.user_id.as_deref().map(str::parse).transpose();
        Ok(Page {
            after: after.map_err(|_bad| Problem::invalid("after", "must be the id of an order"))?,
            limit: size(self.limit.as_deref())?,
            item: item.map_err(|bad| Problem::invalid("item_id", format!("{bad}")))?,
            status: self.status.as_deref().map(status).transpose()?,
            user: user.map_err(|bad| Problem::invalid("user_id", format!("{bad}")))?,
        })
    }
}

fn status(text: &str) -> Result<Status, Problem> {
    use Status::{Cancelled, Expired, Paid, Pending, RefundDue, Refunded};
    let known = [Pending, Paid, Cancelled, Expired, RefundDue, Refunded];
    let status = known.into_iter().find(|status| status.as_str() == text);
    status.ok_or_else(|| Problem::invalid("status", format!("must be one of {}", known.map(Status::as_str).join(", "))))
}

/// Cancels an order for its buyer, paid or not.
///
/// The units go back on sale. A pending order is cancelled; the price of a paid one has to go back: it is `refund_due`
/// until that is settled.
#[utoipa::path(post, path = "/v1/admin/orders/{order_id}/cancel", operation_id = "revoke_order", tag = "owner",
    params(("order_id" = inline(schemas::OrderId), Path), schemas::OperatorHeader), request_body = schemas::Revocation,
    responses((status = 200, description = "The order, given up.", body = OrderView<'_>)))]
pub(super) async fn cancel(state: web::ThinData<OpsState>, request: HttpRequest, payload: Payload) -> HttpResponse {
    let cancel = async {
        state.authorize(&request)?;
        let id = request.match_info().get("order_id").unwrap_or_default().parse();
        let id: OrderId = id.map_err(|_bad| Problem::not_found())?;
        let published = lookup::item_of(state.orders.client.view(), id)?;
        let origin = operator::origin_with_reason(&request, payload).await?;
        let order = state.orders.client.transition(&published, id.order, Transition::Revoke(origin)).await?;
        Ok(respond(&mut HttpResponse::Ok(), &state.orders.shown.order(&order)))
    };
    cancel.await.unwrap_or_else(|problem: Problem| problem.respond())
}

impl Orders {
    async fn one(&self, id: OrderId) -> Result<Order, Problem> {
        let published = lookup::item_of(self.client.view(), id)?;
        let before = OrderNumber(id.order.0.saturating_sub(1));
        let found = self.client.find(&published, Query::Page { after: before, limit: 1, status: None }).await?;
        found.into_iter().find(|order| order.id == id).ok_or_else(Problem::not_found)
    }

    async fn page(&self, page: Page) -> Result<HttpResponse, Problem> {
        let orders = match (&page.user, &page.item) {
            (Some(user), None) => {
                let which = Which::Page { after: page.after, status: page.status };
                self.client.find_of_buyer(&OfBuyer { user: user.clone(), which, limit: page.limit }).await?
            }
            (Some(_), Some(_)) | (None, _) => self.item_by_item(&page).await?,
        };
        let next = orders.last().filter(|_| orders.len() == page.limit).map(|order| order.id.to_string());
        let orders = orders.iter().map(|order| self.shown.order(order)).collect();
        Ok(respond(&mut HttpResponse::Ok(), &OrdersPage { orders, next }))
    }

    async fn item_by_item(&self, page: &Page) -> Result<Vec<Order>, Problem> {
        let mut orders: Vec<Order> = Vec::new();
        for published in self.items(page) {
            let first =
                page.after.filter(|after| after.item == published.number).map_or(OrderNumber(0), |after| after.order);
            let limit = page.limit - orders.len();
            let query = match page.user.clone() {
                Some(user) => Query::PageOf { user, after: first, limit, status: page.status },
                None => Query::Page { after: first, limit, status: page.status },
            };
            orders.extend(self.client.find(&published, query).await?);
            if orders.len() == page.limit {
                break;
            }
        }
        Ok(orders)
    }

    /// The items that can have orders of the page, in the order of their numbers.
    fn items(&self, page: &Page) -> Vec<Arc<PublishedItem>> {
        let first = page.after.map_or(ItemNumber(0), |after| after.item);
        let mut published_items = match &page.item {
            Some(item) => self.client.view().directory.find(item).into_iter().collect(),
            None => self.client.view().directory.all(),
        };
        published_items.retain(|published| published.number >= first);
        published_items.sort_by_key(|published| published.number);
        published_items
    }
}
