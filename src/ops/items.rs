//! **Job:** lets the owner of the sale create, change and steer items.
//! **Owns:** that new items get their numbers one after the other.
//! **Never:** changes a stock itself: every instruction goes through the item's actor.

use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, web};
use doorbuster_actors::cores::{Cores, core_of};
use doorbuster_actors::directory::{Directory, Listing};
use doorbuster_actors::ids::ItemId;
use doorbuster_actors::item::{ItemDefinition, MAX_STOCK};
use doorbuster_actors::letters::Instruction;
use doorbuster_actors::stock::Stock;
use doorbuster_actors::time::Clock;
use serde::Deserialize;
use tokio::sync::Mutex;

use super::Desk;
use crate::catalogue::ItemFields;
use crate::http::body;
use crate::http::clerk::Clerk;
use crate::http::items::ItemAt;
use crate::http::problem::Problem;

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

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Restock {
    quantity: u32,
}

/// `PUT /v1/admin/items/{item_id}`: `201` created, `200` changed or so already.
pub(super) async fn put(desk: web::ThinData<Desk>, request: HttpRequest, payload: web::Payload) -> HttpResponse {
    let put = async {
        desk.authorize(&request)?;
        let fields: ItemFields = body::object(&body::read(&request, payload).await?)?;
        let definition = fields.into_definition(id_in(&request)?);
        desk.items.put(definition.map_err(|bad| Problem::invalid(bad.field, bad.reason))?).await
    };
    put.await.unwrap_or_else(|problem| problem.respond())
}

/// `POST /v1/admin/items/{item_id}/restock` `{"quantity": n}`.
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

/// `POST /v1/admin/items/{item_id}/pause`.
pub(super) async fn pause(desk: web::ThinData<Desk>, request: HttpRequest) -> HttpResponse {
    steer(&desk, &request, Instruction::Pause).await
}

/// `POST /v1/admin/items/{item_id}/resume`.
pub(super) async fn resume(desk: web::ThinData<Desk>, request: HttpRequest) -> HttpResponse {
    steer(&desk, &request, Instruction::Resume).await
}

/// `POST /v1/admin/items/{item_id}/close`.
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
