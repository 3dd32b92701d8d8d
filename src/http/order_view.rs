//! **Job:** how an order looks outside.
//! **Owns:** the members of an order, and that nobody caches one.
//! **Never:** decides who may see it.

use actix_web::HttpResponseBuilder;
use actix_web::http::header::{CACHE_CONTROL, X_CONTENT_TYPE_OPTIONS};
use doorbuster_actors::entry::{Order, Status};
use doorbuster_actors::ids::{ItemId, UserId};
use doorbuster_actors::money::{Amount, Currency};
use doorbuster_actors::time::Timestamp;
use serde::Serialize;

/// How orders are shown by this server.
#[derive(Debug, Clone, Copy)]
pub struct Shown {
    /// What is promised with a `201`: `full` or `normal`.
    pub durability: &'static str,
}

/// An order as the contract writes it.
#[derive(Debug, Serialize)]
pub struct OrderView<'a> {
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

/// Headers of an answer that is for one buyer only.
pub(crate) fn private(response: &mut HttpResponseBuilder) -> &mut HttpResponseBuilder {
    response.insert_header((CACHE_CONTROL, "no-store")).insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
}
