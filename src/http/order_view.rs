//! **Job:** how an order looks outside.
//! **Owns:** the members of an order.
//! **Never:** decides who may see it.

use doorbuster_actors::entry::{Order, Status};
use doorbuster_actors::ids::{ItemId, UserId};
use doorbuster_actors::item::{Amount, Currency};
use doorbuster_actors::payment::Owed;
use doorbuster_actors::time::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::schemas;

/// How orders are shown by this server.
#[derive(Debug, Clone, Copy)]
pub struct Shown {
    /// What is promised with a `201`: `full` or `normal`; never `full` where the data file is in memory.
    pub durability: &'static str,
}

/// An order.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Order)]
pub struct OrderView<'a> {
    #[schema(value_type = schemas::OrderId)]
    order_id: String,
    #[schema(value_type = schemas::ItemId)]
    item_id: &'a ItemId,
    #[schema(value_type = schemas::UserId)]
    user_id: &'a UserId,
    #[schema(value_type = schemas::Quantity)]
    quantity: u32,
    /// Price of one unit when the order was placed.
    #[schema(value_type = schemas::Amount)]
    unit_price: Amount,
    #[schema(value_type = schemas::Amount)]
    total_price: Amount,
    #[schema(value_type = schemas::Currency)]
    currency: Currency,
    #[schema(value_type = schemas::OrderStatus)]
    status: Status,
    #[schema(value_type = schemas::Time)]
    created_at: Timestamp,
    /// When the order expires unless it is paid; null: it needs no payment.
    #[schema(value_type = Option<schemas::Time>, required = true)]
    pay_by: Option<Timestamp>,
    #[schema(value_type = schemas::Durability)]
    durability: &'static str,
    /// Money that came for the order and has to go back to its buyer still; absent: none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<OwedView>)]
    refund_owed: &'a Vec<Owed>,
    /// Where the order is paid, to its buyer, while it is pending; absent: it cannot be, or the shop has no such page.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pay_url: Option<String>,
}

/// An amount of money.
#[derive(ToSchema)]
#[schema(as = Owed)]
#[expect(dead_code, reason = "a description")]
pub(crate) struct OwedView {
    #[schema(value_type = schemas::Amount)]
    amount: Amount,
    #[schema(value_type = schemas::Currency)]
    currency: Currency,
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
            refund_owed: &order.owed,
            pay_url: None,
        }
    }
}

impl OrderView<'_> {
    /// The same, with where it is paid.
    #[must_use]
    pub fn paid_at(mut self, pay_url: Option<String>) -> Self {
        self.pay_url = pay_url;
        self
    }

    /// Where the order is read.
    #[must_use]
    pub fn location(&self) -> String {
        ["/v1/orders/", &self.order_id].concat()
    }
}
