//! **Job:** answers questions about items from what is published.
//! **Owns:** how an item looks outside.
//! **Never:** asks an actor.

use std::sync::Arc;

use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use actix_web::{HttpRequest, HttpResponse, web};
use doorbuster_actors::cluster::NodeName;
use doorbuster_actors::ids::ItemId;
use doorbuster_actors::sale::{PublishedItem, SaleView};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::AtApi;
use crate::http::item_view::{ItemAt, ItemView};
use crate::http::lookup;
use crate::http::problem::Problem;
use crate::http::schemas;

/// Most items in one answer.
const MAX_PAGE: usize = 100;

/// Items in one answer if the asker does not say.
const DEFAULT_PAGE: usize = 50;

/// What is needed to answer questions about items.
pub struct Items {
    /// What is published of the sale.
    pub sale: Arc<SaleView>,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Page {
    /// The last item of the page before.
    #[param(value_type = Option<schemas::ItemId>, inline)]
    after: Option<String>,
    /// Most items in the answer.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 100, default = 50)]
    limit: Option<String>,
    /// The node whose items are asked for, where there are several.
    #[param(value_type = Option<schemas::Node>, inline)]
    node: Option<String>,
}

impl Page {
    fn after(&self) -> Result<Option<ItemId>, Problem> {
        let parsed = self.after.as_deref().map(str::parse).transpose();
        parsed.map_err(|_bad| Problem::invalid("after", "must be the id of an item"))
    }

    fn limit(&self) -> Result<usize, Problem> {
        let Some(limit) = &self.limit else { return Ok(DEFAULT_PAGE) };
        let limit = limit.parse().ok().filter(|limit| (1..=MAX_PAGE).contains(limit));
        limit.ok_or_else(|| Problem::invalid("limit", "must be a number from 1 to 100"))
    }
}

/// All items, page by page.
///
/// `next` is the `after` of the next page. Where the shop has several nodes, these are the items of one, and `nodes`
/// names them all: ask for each with `node`. May be cached for a second.
#[utoipa::path(get, path = "/v1/items", operation_id = "list_items", tag = "items", params(Page),
    responses((status = 200, description = "A page of items.", body = ItemsPage<'_>)))]
pub(super) async fn list(state: AtApi, page: web::Query<Page>) -> HttpResponse {
    state.items.page(&page).unwrap_or_else(|problem| problem.respond())
}

/// One item.
///
/// May be cached for a second.
#[utoipa::path(get, path = "/v1/items/{item_id}", operation_id = "read_item", tag = "items",
    params(("item_id" = inline(schemas::ItemId), Path)),
    responses((status = 200, description = "The item.", body = ItemView<'_>)))]
pub(super) async fn read(state: AtApi, request: HttpRequest) -> HttpResponse {
    match state.items.find(&request) {
        Ok(published) => cacheable(&ItemAt(&published, state.items.sale.clock.now())),
        Err(problem) => problem.respond(),
    }
}

impl Items {
    fn page(&self, page: &Page) -> Result<HttpResponse, Problem> {
        let (after, limit) = (page.after()?, page.limit()?);
        lookup::part_of(&self.sale, page.node.as_deref())?;
        let published_items = self.sale.directory.page_shown(after.as_ref(), limit);
        let now = self.sale.clock.now();
        let items = published_items.iter().map(|published| ItemAt(published, now)).collect();
        let next = published_items
            .last()
            .filter(|_| published_items.len() == limit)
            .map(|published| published.definition().id.clone());
        Ok(cacheable(&ItemsPage { items, next, nodes: self.sale.cluster.names().collect() }))
    }

    /// The item that the path names. An id that is none names nothing.
    pub(super) fn find(&self, request: &HttpRequest) -> Result<Arc<PublishedItem>, Problem> {
        let id = request.match_info().get("item_id").and_then(|text| text.parse::<ItemId>().ok());
        lookup::shown_item(&self.sale, &id.ok_or_else(Problem::not_found)?)
    }
}

/// A page of items.
#[derive(Serialize, ToSchema)]
struct ItemsPage<'l> {
    #[schema(value_type = Vec<ItemView<'_>>)]
    items: Vec<ItemAt<'l>>,
    /// The `after` of the next page; null: this was the last.
    #[schema(value_type = Option<schemas::ItemId>, required = true)]
    next: Option<ItemId>,
    /// All nodes of the shop, where there are several: each has items of its own (`node`).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<String>, required = false)]
    nodes: Vec<&'l NodeName>,
}

/// A second old is fresh enough for a crowd that looks at a page.
fn cacheable(body: &impl Serialize) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "application/json"))
        .insert_header((CACHE_CONTROL, "public, max-age=1"))
        .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .json(body)
}
