//! **Job:** asks every item, now, whether its books add up.
//! **Owns:** the conservation equation as it is shown.
//! **Never:** trusts a published number: the actors count over their buyers.

use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, web};
use doorbuster_actors::directory::Directory;
use serde_json::json;

use super::Desk;
use crate::http::clerk::Clerk;
use crate::http::problem::Problem;

/// What is needed to ask all items.
pub struct Invariants {
    /// All items.
    pub directory: Arc<Directory>,
    /// Who carries the questions.
    pub clerk: Clerk,
}

/// `GET /invariants`: `{"holds", "items": [{"item_id", "supply", "remaining", "live", "holds"}]}`, where `supply` is
/// the first stock and all restocks, and the equation is `remaining + live = supply`.
pub(super) async fn read(desk: web::ThinData<Desk>, request: HttpRequest) -> HttpResponse {
    let read = async {
        desk.authorize(&request)?;
        desk.invariants.read().await
    };
    read.await.unwrap_or_else(|problem| problem.respond())
}

impl Invariants {
    async fn read(&self) -> Result<HttpResponse, Problem> {
        let (mut items, mut all_hold) = (Vec::new(), true);
        for listing in self.directory.all() {
            let balance = self.clerk.audit(&listing).await?;
            all_hold &= balance.holds();
            items.push(json!({
                "item_id": listing.definition().id,
                "supply": balance.supply,
                "remaining": balance.remaining,
                "live": balance.live,
                "holds": balance.holds(),
            }));
        }
        Ok(HttpResponse::Ok().json(json!({ "holds": all_hold, "items": items })))
    }
}
