//! **Job:** lets the owner of the sale create, change and steer items.
//! **Owns:** the routes for it.
//! **Never:** changes a stock itself: every change goes through the item's actor.

use std::rc::Rc;
use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, web};
use doorbuster_actors::ids::ItemId;
use doorbuster_actors::item::{ItemDefinition, MAX_STOCK};
use doorbuster_actors::request::{Control, Unavailable};
use doorbuster_actors::sale::{NewItem, PublishedItem};
use serde::Deserialize;
use utoipa::ToSchema;

use super::OpsState;
use crate::catalogue::{FIELDS, ItemFields};
use crate::fields::{Field, Kind};
use crate::http::item_view::{ItemAt, ItemView};
use crate::http::problem::Problem;
use crate::http::sale_client::{SaleClient, in_time};
use crate::http::{body, schemas};

/// What is needed to steer items.
pub struct Items {
    /// How the sale is asked.
    pub client: SaleClient,
}

/// What a restock must be.
const RESTOCK: &[Field] = &[Field::required("quantity", Kind::Whole { least: 1, most: MAX_STOCK as i64 })];

/// Units that are added.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Restock {
    #[schema(value_type = schemas::Restocked)]
    quantity: u32,
}

/// Creates an item, or changes one whose sale has not begun.
///
/// The same again changes nothing. The stock of an item that exists changes only by a restock.
#[utoipa::path(put, path = "/v1/admin/items/{item_id}", operation_id = "put_item", tag = "owner",
    params(("item_id" = inline(schemas::ItemId), Path)), request_body = ItemFields,
    responses((status = 201, description = "Created.", body = ItemView<'_>),
        (status = 200, description = "Changed, or so already.", body = ItemView<'_>)))]
pub(super) async fn put(state: web::ThinData<OpsState>, request: HttpRequest, payload: web::Payload) -> HttpResponse {
    let put = async {
        state.authorize(&request)?;
        let fields: ItemFields = body::object(&body::read(&request, payload).await?, FIELDS)?;
        let definition = fields.into_definition(id_in(&request)?);
        let definition = definition.map_err(|bad| Problem::invalid_member(bad.field, bad.reason))?;
        state.items.check_currency(&definition)?;
        // A task of its own goes on when its client has gone or been told that the outcome is unknown: an item that is
        // in the ledger must come into the directory, or the next one would get its number.
        let items = Rc::clone(&state.items);
        let put = in_time(actix_web::rt::spawn(async move { items.put(definition).await })).await;
        put.and_then(Result::ok).unwrap_or_else(|| Err(Unavailable::OutcomeUnknown.into()))
    };
    put.await.unwrap_or_else(|problem| problem.respond())
}

/// Adds units to an item.
///
/// Buyers who were sold out may come again at once.
#[utoipa::path(post, path = "/v1/admin/items/{item_id}/restock", operation_id = "restock_item", tag = "owner",
    params(("item_id" = inline(schemas::ItemId), Path)), request_body = Restock,
    responses((status = 200, description = "The item with more units.", body = ItemView<'_>)))]
pub(super) async fn restock(
    state: web::ThinData<OpsState>,
    request: HttpRequest,
    payload: web::Payload,
) -> HttpResponse {
    let restock = async {
        state.authorize(&request)?;
        let published = state.items.find(&request)?;
        let Restock { quantity } = body::object(&body::read(&request, payload).await?, RESTOCK)?;
        state.items.control(&published, Control::Restock { quantity }).await
    };
    restock.await.unwrap_or_else(|problem| problem.respond())
}

/// Interrupts the sale of an item.
///
/// Who holds an order can still read, pay or cancel it.
#[utoipa::path(post, path = "/v1/admin/items/{item_id}/pause", operation_id = "pause_item", tag = "owner",
    params(("item_id" = inline(schemas::ItemId), Path)),
    responses((status = 200, description = "The item, paused.", body = ItemView<'_>)))]
pub(super) async fn pause(state: web::ThinData<OpsState>, request: HttpRequest) -> HttpResponse {
    steer(&state, &request, Control::Pause).await
}

/// Goes on with the sale of an item.
#[utoipa::path(post, path = "/v1/admin/items/{item_id}/resume", operation_id = "resume_item", tag = "owner",
    params(("item_id" = inline(schemas::ItemId), Path)),
    responses((status = 200, description = "The item as before the pause.", body = ItemView<'_>)))]
pub(super) async fn resume(state: web::ThinData<OpsState>, request: HttpRequest) -> HttpResponse {
    steer(&state, &request, Control::Resume).await
}

/// Ends the sale of an item.
///
/// It cannot be opened again.
#[utoipa::path(post, path = "/v1/admin/items/{item_id}/close", operation_id = "close_item", tag = "owner",
    params(("item_id" = inline(schemas::ItemId), Path)),
    responses((status = 200, description = "The item, closed.", body = ItemView<'_>)))]
pub(super) async fn close(state: web::ThinData<OpsState>, request: HttpRequest) -> HttpResponse {
    steer(&state, &request, Control::Close).await
}

async fn steer(state: &OpsState, request: &HttpRequest, control: Control) -> HttpResponse {
    let steer = async {
        state.authorize(request)?;
        state.items.control(&state.items.find(request)?, control).await
    };
    steer.await.unwrap_or_else(|problem| problem.respond())
}

fn id_in(request: &HttpRequest) -> Result<ItemId, Problem> {
    let id = request.match_info().get("item_id").unwrap_or_default();
    id.parse().map_err(|bad| Problem::invalid("item_id", format!("{bad}")))
}

impl Items {
    fn find(&self, request: &HttpRequest) -> Result<Arc<PublishedItem>, Problem> {
        let id = id_in(request).map_err(|_bad| Problem::not_found())?;
        self.client.view().directory.find(&id).ok_or_else(Problem::not_found)
    }

    async fn control(&self, published: &Arc<PublishedItem>, control: Control) -> Result<HttpResponse, Problem> {
        self.client.control(published, control, None).await?;
        Ok(HttpResponse::Ok().json(ItemAt(published, self.client.view().clock.now())))
    }

    /// Prices are in currencies that are in use; an item that is sold in another one already may keep it.
    fn check_currency(&self, definition: &ItemDefinition) -> Result<(), Problem> {
        let known = self.client.view().directory.find(&definition.id);
        if known.is_some_and(|known| known.definition().currency == definition.currency) {
            return Ok(());
        }
        definition.currency.check_in_use().map_err(|unknown| Problem::invalid_member("currency", unknown.to_string()))
    }

    async fn put(&self, definition: ItemDefinition) -> Result<HttpResponse, Problem> {
        match self.client.create_item(definition, None).await? {
            NewItem::Created(published) => {
                Ok(HttpResponse::Created().json(ItemAt(&published, self.client.view().clock.now())))
            }
            NewItem::Existing(published, definition) => {
                self.control(&published, Control::Redefine(Box::new(definition))).await
            }
        }
    }
}
