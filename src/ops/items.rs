//! **Job:** lets the owner of the sale create, change and steer items.
//! **Owns:** that new items get their numbers one after the other.
//! **Never:** changes a stock itself: every instruction goes through the item's actor.

use std::rc::Rc;
use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, web};
use doorbuster_actors::cores::{Cores, core_of};
use doorbuster_actors::directory::{Directory, Listing};
use doorbuster_actors::ids::ItemId;
use doorbuster_actors::item::{ItemDefinition, MAX_STOCK};
use doorbuster_actors::letters::Instruction;
use doorbuster_actors::reply::Unavailable;
use doorbuster_actors::stock::Stock;
use doorbuster_actors::time::Clock;
use serde::Deserialize;
use tokio::sync::Mutex;
use utoipa::ToSchema;

use super::Desk;
use crate::catalogue::ItemFields;
use crate::http::clerk::{Clerk, in_time};
use crate::http::items::{ItemAt, ItemView};
use crate::http::problem::Problem;
use crate::http::{body, words};

/// What is needed to steer items.
pub struct Items {
    /// All items.
    pub directory: Arc<Directory>,
    /// The cores they live on.
    pub cores: Arc<Cores>,
    /// Server time.
    pub clock: Clock,
    /// Who carries the letters.
    pub clerk: Clerk,
    /// Held while an item is created: the number of the next one depends on it.
    pub creating: Arc<Mutex<()>>,
}

/// Units that are added.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Restock {
    #[schema(value_type = words::Restocked)]
    quantity: u32,
}

/// Creates an item, or changes one whose sale has not begun.
///
/// The same again changes nothing. The stock of an item that exists changes only by a restock.
#[utoipa::path(put, path = "/v1/admin/items/{item_id}", operation_id = "put_item", tag = "owner",
    params(("item_id" = inline(words::ItemId), Path)), request_body = ItemFields,
    responses((status = 201, description = "Created.", body = ItemView<'_>),
        (status = 200, description = "Changed, or so already.", body = ItemView<'_>)))]
pub(super) async fn put(desk: web::ThinData<Desk>, request: HttpRequest, payload: web::Payload) -> HttpResponse {
    let put = async {
        desk.authorize(&request)?;
        let fields: ItemFields = body::object(&body::read(&request, payload).await?)?;
        let definition = fields.into_definition(id_in(&request)?);
        let definition = definition.map_err(|bad| Problem::invalid(bad.field, bad.reason))?;
        // A task of its own goes on when its client has gone or been told that the outcome is unknown: an item that is
        // in the ledger must come into the directory, or the next one would get its number.
        let items = Rc::clone(&desk.items);
        let put = in_time(actix_web::rt::spawn(async move { items.put(definition).await })).await;
        put.and_then(Result::ok).unwrap_or_else(|| Err(Unavailable::OutcomeUnknown.into()))
    };
    put.await.unwrap_or_else(|problem| problem.respond())
}

/// Adds units to an item.
///
/// Buyers who were sold out may come again at once.
#[utoipa::path(post, path = "/v1/admin/items/{item_id}/restock", operation_id = "restock_item", tag = "owner",
    params(("item_id" = inline(words::ItemId), Path)), request_body = Restock,
    responses((status = 200, description = "The item with more units.", body = ItemView<'_>)))]
pub(super) async fn restock(desk: web::ThinData<Desk>, request: HttpRequest, payload: web::Payload) -> HttpResponse {
    let restock = async {
        desk.authorize(&request)?;
        let listing = desk.items.find(&request)?;
        let Restock { quantity } = body::object(&body::read(&request, payload).await?)?;
        if !(1..=MAX_STOCK).contains(&quantity) {
            return Err(Problem::invalid("quantity", "must be 1 to 1,000,000,000"));
        }
        desk.items.instruct(&listing, Instruction::Restock { quantity }).await
    };
    restock.await.unwrap_or_else(|problem| problem.respond())
}

/// Interrupts the sale of an item.
///
/// Who holds an order can still read, pay or cancel it.
#[utoipa::path(post, path = "/v1/admin/items/{item_id}/pause", operation_id = "pause_item", tag = "owner",
    params(("item_id" = inline(words::ItemId), Path)),
    responses((status = 200, description = "The item, paused.", body = ItemView<'_>)))]
pub(super) async fn pause(desk: web::ThinData<Desk>, request: HttpRequest) -> HttpResponse {
    steer(&desk, &request, Instruction::Pause).await
}

/// Goes on with the sale of an item.
#[utoipa::path(post, path = "/v1/admin/items/{item_id}/resume", operation_id = "resume_item", tag = "owner",
    params(("item_id" = inline(words::ItemId), Path)),
    responses((status = 200, description = "The item as before the pause.", body = ItemView<'_>)))]
pub(super) async fn resume(desk: web::ThinData<Desk>, request: HttpRequest) -> HttpResponse {
    steer(&desk, &request, Instruction::Resume).await
}

/// Ends the sale of an item.
///
/// It cannot be opened again.
#[utoipa::path(post, path = "/v1/admin/items/{item_id}/close", operation_id = "close_item", tag = "owner",
    params(("item_id" = inline(words::ItemId), Path)),
    responses((status = 200, description = "The item, closed.", body = ItemView<'_>)))]
pub(super) async fn close(desk: web::ThinData<Desk>, request: HttpRequest) -> HttpResponse {
    steer(&desk, &request, Instruction::Close).await
}

async fn steer(desk: &Desk, request: &HttpRequest, instruction: Instruction) -> HttpResponse {
    let steer = async {
        desk.authorize(request)?;
        desk.items.instruct(&desk.items.find(request)?, instruction).await
    };
    steer.await.unwrap_or_else(|problem| problem.respond())
}

fn id_in(request: &HttpRequest) -> Result<ItemId, Problem> {
    let id = request.match_info().get("item_id").unwrap_or_default();
    id.parse().map_err(|bad| Problem::invalid("item_id", format!("{bad}")))
}

impl Items {
    fn find(&self, request: &HttpRequest) -> Result<Arc<Listing>, Problem> {
        let id = id_in(request).map_err(|_bad| Problem::not_found())?;
        self.directory.find(&id).ok_or_else(Problem::not_found)
    }

    async fn instruct(&self, listing: &Arc<Listing>, instruction: Instruction) -> Result<HttpResponse, Problem> {
        self.clerk.instruct(listing, instruction).await?;
        Ok(HttpResponse::Ok().json(ItemAt(listing, self.clock.now())))
    }

    async fn put(&self, definition: ItemDefinition) -> Result<HttpResponse, Problem> {
        let _one_at_a_time = self.creating.lock().await;
        if let Some(listing) = self.directory.find(&definition.id) {
            return self.instruct(&listing, Instruction::Redefine(Box::new(definition))).await;
        }
        let core = core_of(&definition.id, self.cores.count());
        let entry = Stock::creation(self.directory.next_number(), definition, self.clock.now());
        let stock = Stock::create(&entry).expect("an entry that creates an item does");
        self.clerk.install(core, entry).await?;
        let listing = Listing::new(&stock, core);
        self.directory.add(vec![Arc::clone(&listing)]);
        Ok(HttpResponse::Created().json(ItemAt(&listing, self.clock.now())))
    }
}
