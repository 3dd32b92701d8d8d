//! **Job:** how an order looks outside.
//! **Owns:** the members of an order, and that nobody caches one.
//! **Never:** decides who may see it.

use actix_web::http::header::{CACHE_CONTROL, ContentType, X_CONTENT_TYPE_OPTIONS};
use actix_web::{HttpResponse, HttpResponseBuilder};
use doorbuster_actors::entry::{Order, Status};
use doorbuster_actors::ids::{ItemId, UserId};
use doorbuster_actors::money::{Amount, Currency};
use doorbuster_actors::time::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::words;

/// Bytes that an order takes at most, unless its names are long: so that its buffer need not grow.
const USUAL_LENGTH: usize = 384;

/// How orders are shown by this server.
#[derive(Debug, Clone, Copy)]
pub struct Shown {
    /// What is promised with a `201`: `full` or `normal`.
    pub durability: &'static str,
}

/// An order.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Order)]
pub struct OrderView<'a> {
    #[schema(value_type = words::OrderId)]
    order_id: String,
    #[schema(value_type = words::ItemId)]
    item_id: &'a ItemId,
    #[schema(value_type = words::UserId)]
    user_id: &'a UserId,
    #[schema(value_type = words::Quantity)]
    quantity: u32,
    /// Price of one unit when the order was placed.
    #[schema(value_type = words::Amount)]
    unit_price: Amount,
    #[schema(value_type = words::Amount)]
    total_price: Amount,
    #[schema(value_type = words::Currency)]
    currency: Currency,
    #[schema(value_type = words::OrderStatus)]
    status: Status,
    #[schema(value_type = words::Time)]
    created_at: Timestamp,
    /// When the order expires unless it is paid; null: it needs no payment.
    #[schema(value_type = Option<words::Time>, required = true)]
    pay_by: Option<Timestamp>,
    #[schema(value_type = words::Durability)]
    durability: &'static str,
}

impl Shown {
    /// The order, ready to be written.
    #[must_use]
    pub fn order(self, order: &Order) -> OrderView<'_> {
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

impl OrderView<'_> {
    /// Where the order is read.
    #[must_use]
    pub fn location(&self) -> String {
        ["/v1/orders/", &self.order_id].concat()
    }
}

/// An answer that is for one buyer only.
pub(crate) fn respond(response: &mut HttpResponseBuilder, answer: &impl Serialize) -> HttpResponse {
    let mut body = Vec::with_capacity(USUAL_LENGTH);
    serde_json::to_writer(&mut body, answer).expect("texts and numbers become JSON");
    private(response).insert_header(ContentType::json()).body(body)
}

/// The headers of such an answer.
pub(crate) fn private(response: &mut HttpResponseBuilder) -> &mut HttpResponseBuilder {
    response.insert_header((CACHE_CONTROL, "no-store")).insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
}
