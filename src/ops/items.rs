//! **Job:** lets the owner of the sale see, create, change and delete items.
//! **Owns:** the routes for it; those that steer a sale are in `steering`.
//! **Never:** changes a stock itself: every change goes through the item's actor.

use std::rc::Rc;
use std::sync::Arc;

use actix_web::web::Payload;
use actix_web::{HttpRequest, HttpResponse, web};
use doorbuster_actors::ids::ItemId;
use doorbuster_actors::item::ItemDefinition;
use doorbuster_actors::payment::Origin;
use doorbuster_actors::request::{Control, Reason, Unavailable};
use doorbuster_actors::sale::{NewItem, PublishedItem};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::openapi::{ObjectBuilder, RefOr, Schema};
use utoipa::{IntoParams, PartialSchema, ToSchema};

use super::OpsState;
use super::item_view::AdminItemView;
use super::operator::{self, Because, REASON};
use super::paging::{parsed, query, size};
use crate::catalogue::{FIELDS, ItemFields};
use crate::http::json::respond;
use crate::http::lookup;
use crate::http::problem::Problem;
use crate::http::sale_client::{SaleClient, in_time};
use crate::http::{body, schemas};

/// Largest description of an item, in bytes: its texts may be of letters that have four bytes each.
const MAX_ITEM: usize = 32 * 1024;

/// What is needed to steer items.
pub struct Items {
    /// How the sale is asked.
    pub client: SaleClient,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Page {
    /// The last item of the page before.
    #[param(value_type = Option<schemas::ItemId>, inline)]
    after: Option<String>,
    /// Most items in the answer.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 1_000, default = 100)]
    limit: Option<String>,
}

/// A page of items.
#[derive(Serialize, ToSchema)]
struct AdminItemsPage<'a> {
    items: Vec<AdminItemView<'a>>,
    /// The `after` of the next page; null: this was the last.
    #[schema(value_type = Option<schemas::ItemId>, required = true)]
    next: Option<ItemId>,
}

/// The fields of an item, and why they are what they are.
pub(super) enum Definition {}

// By hand: the fields of an item are described beside the catalogue, which has no reasons.
impl PartialSchema for Definition {
    fn schema() -> RefOr<Schema> {
        let RefOr::T(Schema::Object(mut fields)) = ItemFields::schema() else {
            return ObjectBuilder::new().into();
        };
        let why = Because::schema();
        if let RefOr::T(Schema::Object(why)) = why {
            fields.properties.extend(why.properties);
        }
        fields.into()
    }
}

impl ToSchema for Definition {
    fn name() -> std::borrow::Cow<'static, str> {
        "ItemDefinition".into()
    }
}

/// All items, page by page, hidden ones included.
#[utoipa::path(get, path = "/v1/admin/items", operation_id = "page_items", tag = "owner", params(Page),
    responses((status = 200, description = "A page of items.", body = AdminItemsPage<'_>)))]
pub(super) async fn page(state: web::ThinData<OpsState>, request: HttpRequest) -> HttpResponse {
    let page = state.authorize(&request).and_then(|()| state.items.page(&query(&request)?));
    page.unwrap_or_else(|problem| problem.respond())
}

/// One item, hidden or not.
#[utoipa::path(get, path = "/v1/admin/items/{item_id}", operation_id = "read_any_item", tag = "owner",
    params(("item_id" = inline(schemas::ItemId), Path)),
    responses((status = 200, description = "The item.", body = AdminItemView<'_>)))]
pub(super) async fn read(state: web::ThinData<OpsState>, request: HttpRequest) -> HttpResponse {
    let read = || {
        state.authorize(&request)?;
        Ok(state.items.shown(&*state.items.find(&request)?))
    };
    read().unwrap_or_else(|problem: Problem| problem.respond())
}

/// Creates an item, or changes one.
///
/// Title, description, picture, limit and window may change at any time, price and currency until somebody has ordered.
/// The stock of an item that exists changes only by a restock or a withdrawal: name the first stock or the units that
/// are on sale now. The same again changes nothing.
#[utoipa::path(put, path = "/v1/admin/items/{item_id}", operation_id = "put_item", tag = "owner",
    params(("item_id" = inline(schemas::ItemId), Path), schemas::OperatorHeader), request_body = Definition,
    responses((status = 201, description = "Created.", body = AdminItemView<'_>),
        (status = 200, description = "Changed, or so already.", body = AdminItemView<'_>)))]
pub(super) async fn put(state: web::ThinData<OpsState>, request: HttpRequest, payload: Payload) -> HttpResponse {
    let put = async {
        state.authorize(&request)?;
        let (fields, reason) = fields_and_reason(&body::read_up_to(MAX_ITEM, &request, payload).await?)?;
        let definition = fields.into_definition(id_in(&request)?);
        let definition = definition.map_err(|bad| Problem::invalid_member(bad.field, bad.reason))?;
        let origin = operator::origin(&request, reason)?;
        state.items.check_currency(&definition)?;
        // A task of its own goes on when its client has gone or been told that the outcome is unknown: an item that is
        // in the ledger must come into the directory, or the next one would get its number.
        let items = Rc::clone(&state.items);
        let put = in_time(actix_web::rt::spawn(async move { items.put(definition, origin).await })).await;
        put.and_then(Result::ok).unwrap_or_else(|| Err(Unavailable::OutcomeUnknown.into()))
    };
    put.await.unwrap_or_else(|problem| problem.respond())
}

/// Deletes an item that was never ordered.
///
/// One that was can be hidden. Its id is free again.
#[utoipa::path(delete, path = "/v1/admin/items/{item_id}", operation_id = "delete_item", tag = "owner",
    params(("item_id" = inline(schemas::ItemId), Path), schemas::OperatorHeader), request_body = Option<Because>,
    responses((status = 204, description = "It is gone.")))]
pub(super) async fn delete(state: web::ThinData<OpsState>, request: HttpRequest, payload: Payload) -> HttpResponse {
    let delete = async {
        state.authorize(&request)?;
        let published = state.items.find(&request)?;
        let origin = operator::origin_of(&request, payload).await?;
        // As with `put`: what is gone from the ledger must go from the directory.
        let items = Rc::clone(&state.items);
        let delete = actix_web::rt::spawn(async move { items.client.delete_item(&published, origin).await });
        let deleted = in_time(delete).await.and_then(Result::ok);
        deleted.unwrap_or_else(|| Err(Unavailable::OutcomeUnknown.into()))?;
        Ok(HttpResponse::NoContent().finish())
    };
    delete.await.unwrap_or_else(|problem: Problem| problem.respond())
}

/// The body of a `PUT`: an item as its owner writes it, and why.
fn fields_and_reason(body: &[u8]) -> Result<(ItemFields, Option<String>), Problem> {
    let mut members: Map<String, Value> = body::object(body, &[FIELDS, &[REASON]].concat())?;
    let reason = members.remove(REASON.name).and_then(|reason| reason.as_str().map(str::to_owned));
    let fields = serde_json::from_value(Value::Object(members));
    Ok((fields.map_err(|_| Problem::new(Reason::Malformed, "the body is no item"))?, reason))
}

/// Whether somebody could buy after it who could not before.
fn goes_on_after(control: &Control) -> bool {
    match control {
        Control::Resume | Control::Reopen | Control::Show | Control::Restock { .. } | Control::Redefine(_) => true,
        Control::Pause | Control::Close | Control::Hide | Control::Delete | Control::Withdraw { .. } => false,
    }
}

fn id_in(request: &HttpRequest) -> Result<ItemId, Problem> {
    let id = request.match_info().get("item_id").unwrap_or_default();
    id.parse().map_err(|bad| Problem::invalid("item_id", format!("{bad}")))
}

impl Items {
    fn page(&self, page: &Page) -> Result<HttpResponse, Problem> {
        let after = parsed(page.after.as_deref(), "after", "must be the id of an item")?;
        let limit = size(page.limit.as_deref())?;
        let (directory, now) = (&self.client.view().directory, self.client.view().clock.now());
        let published_items = directory.page(after.as_ref(), limit);
        let last = published_items.last().filter(|_| published_items.len() == limit);
        let next = last.map(|published| published.definition().id.clone());
        let items = published_items.iter().map(|published| AdminItemView::of(published, now)).collect();
        Ok(respond(&mut HttpResponse::Ok(), &AdminItemsPage { items, next }))
    }

    /// The item that the path names.
    pub(super) fn find(&self, request: &HttpRequest) -> Result<Arc<PublishedItem>, Problem> {
        let id = id_in(request).map_err(|_bad| Problem::not_found())?;
        lookup::item(self.client.view(), &id)
    }

    /// Changes a sale, and shows the item after it.
    pub(super) async fn control(
        &self,
        published: &Arc<PublishedItem>,
        control: Control,
        origin: Option<Box<Origin>>,
    ) -> Result<HttpResponse, Problem> {
        if published.is_elsewhere && goes_on_after(&control) {
            // What was sold here may be ended and put away here; a node never sells what belongs to another.
            let id = published.definition().id.clone();
            return Err(self
                .client
                .view()
                .cluster
                .elsewhere(&id)
                .map_or_else(Problem::not_found, Problem::misdirected));
        }
        self.client.control(published, control, origin).await?;
        Ok(self.shown(published))
    }

    fn shown(&self, published: &PublishedItem) -> HttpResponse {
        respond(&mut HttpResponse::Ok(), &AdminItemView::of(published, self.client.view().clock.now()))
    }

    /// Prices are in currencies that are in use; an item that is sold in another one already may keep it.
    fn check_currency(&self, definition: &ItemDefinition) -> Result<(), Problem> {
        let known = self.client.view().directory.find(&definition.id);
        if known.is_some_and(|known| known.definition().currency == definition.currency) {
            return Ok(());
        }
        definition.currency.check_in_use().map_err(|unknown| Problem::invalid_member("currency", unknown.to_string()))
    }

    async fn put(&self, definition: ItemDefinition, origin: Option<Box<Origin>>) -> Result<HttpResponse, Problem> {
        match self.client.create_item(definition, origin.clone()).await? {
            NewItem::Created(published) => {
                let view = AdminItemView::of(&published, self.client.view().clock.now());
                Ok(respond(&mut HttpResponse::Created(), &view))
            }
            NewItem::Existing(published, definition) => {
                self.control(&published, Control::Redefine(Box::new(definition)), origin).await
            }
            NewItem::Elsewhere(node) => Err(Problem::misdirected(&node)),
        }
    }
}
