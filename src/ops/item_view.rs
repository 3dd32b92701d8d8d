//! **Job:** how an item looks to its owner.
//! **Owns:** what buyers do not see of it.
//! **Never:** asks an actor: it shows what is published.

use doorbuster_actors::payment::Owed;
use doorbuster_actors::sale::PublishedItem;
use doorbuster_actors::time::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::item_view::{ItemAt, ItemView};
use crate::http::order_view::OwedView;
use crate::http::schemas;

/// An item as its owner sees it.
#[derive(Serialize, ToSchema)]
#[schema(as = AdminItem)]
pub(super) struct AdminItemView<'a> {
    #[serde(flatten)]
    #[schema(value_type = ItemView<'a>)]
    item: ItemAt<'a>,
    /// Whether buyers do not see it.
    hidden: bool,
    /// Whether its owner has interrupted the sale.
    paused: bool,
    /// Whether its owner has ended the sale; past `closes_at` it is over without that.
    closed: bool,
    /// Units for sale at first, before any restock and withdrawal.
    #[schema(value_type = schemas::Units)]
    first_stock: u32,
    /// Units in orders that are pending or paid.
    #[schema(value_type = schemas::Units)]
    live: u32,
    /// Money that came for its orders and has to go back.
    #[schema(value_type = Vec<OwedView>)]
    owed: Vec<Owed>,
}

impl<'a> AdminItemView<'a> {
    /// The item as it stands at `now`.
    pub(super) fn of(published: &'a PublishedItem, now: Timestamp) -> Self {
        Self {
            item: ItemAt(published, now),
            hidden: published.is_hidden(),
            paused: published.is_paused(),
            closed: published.is_closed(),
            first_stock: published.definition().stock,
            live: published.supply().saturating_sub(published.remaining()),
            owed: published.owed().map(|owed| owed.to_vec()).unwrap_or_default(),
        }
    }
}
