//! **Job:** how an item looks outside.
//! **Owns:** the names of its members, on both listeners.
//! **Never:** asks an actor: it shows what is published.

use doorbuster_actors::ids::ItemId;
use doorbuster_actors::item::{Amount, Currency, SaleState};
use doorbuster_actors::sale::PublishedItem;
use doorbuster_actors::time::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::schemas;

/// An item as it stands now.
#[derive(Serialize, ToSchema)]
#[schema(as = Item)]
pub(crate) struct ItemView<'a> {
    #[schema(value_type = schemas::ItemId)]
    item_id: &'a ItemId,
    #[schema(value_type = schemas::Title)]
    title: &'a str,
    /// What there is to say about it; null: nothing.
    #[schema(value_type = Option<schemas::Description>, required = true)]
    description: Option<&'a str>,
    /// Its picture: an address, or a path on the shop's own host; null: none.
    #[schema(value_type = Option<schemas::ImageUrl>, required = true)]
    image_url: Option<&'a str>,
    /// Price of one unit.
    #[schema(value_type = schemas::Amount)]
    unit_price: Amount,
    #[schema(value_type = schemas::Currency)]
    currency: Currency,
    /// First stock and all restocks, less what was withdrawn.
    #[schema(value_type = schemas::Units)]
    stock: u32,
    /// Units that nobody holds.
    #[schema(value_type = schemas::Units)]
    remaining: u32,
    /// Units one buyer may hold.
    #[schema(value_type = schemas::Quantity)]
    per_user_limit: u32,
    /// First moment of the sale; null: at once.
    #[schema(value_type = Option<schemas::Time>, required = true)]
    opens_at: Option<Timestamp>,
    /// First moment after the sale; null: never.
    #[schema(value_type = Option<schemas::Time>, required = true)]
    closes_at: Option<Timestamp>,
    #[schema(value_type = schemas::State)]
    state: SaleState,
    /// The clock that `opens_at` and `closes_at` go by.
    #[schema(value_type = schemas::Time)]
    server_time: Timestamp,
}

/// An item at a time, written as the contract says.
pub(crate) struct ItemAt<'l>(pub(crate) &'l PublishedItem, pub(crate) Timestamp);

impl Serialize for ItemAt<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(published, now) = self;
        let definition = published.definition();
        let view = ItemView {
            item_id: &definition.id,
            title: &definition.title,
            description: definition.description.as_deref(),
            image_url: definition.image_url.as_deref(),
            unit_price: definition.unit_price,
            currency: definition.currency,
            stock: published.supply(),
            remaining: published.remaining(),
            per_user_limit: definition.per_user_limit,
            opens_at: definition.opens_at,
            closes_at: definition.closes_at,
            state: published.state(*now),
            server_time: *now,
        };
        view.serialize(serializer)
    }
}
