//! **Job:** lets the owner of the sale steer it: more units and fewer, pause and end, and the way back from each.
//! **Owns:** the routes for it.
//! **Never:** decides: the item's actor does, and what it decided is durable before it is answered.

use actix_web::web::Payload;
use actix_web::{HttpRequest, HttpResponse, web};
use doorbuster_actors::item::MAX_STOCK;
use doorbuster_actors::request::Control;
use serde::Deserialize;
use utoipa::ToSchema;

use super::OpsState;
use super::item_view::AdminItemView;
use super::operator::{self, Because, REASON};
use crate::fields::{Field, Kind};
use crate::http::{body, schemas};

/// What a restock must be.
const RESTOCK: &[Field] = &[Field::required("quantity", Kind::Whole { least: 1, most: MAX_STOCK as i64 }), REASON];

/// What a withdrawal must be: all restocks together may be more than one.
const WITHDRAWAL: &[Field] = &[Field::required("quantity", Kind::Whole { least: 1, most: u32::MAX as i64 }), REASON];

/// Units that are added.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Restock {
    #[schema(value_type = schemas::Restocked)]
    quantity: u32,
    /// Is written into the journal.
    #[schema(value_type = Option<schemas::Why>)]
    reason: Option<String>,
}

/// Units that are taken off sale.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Withdrawal {
    #[schema(value_type = schemas::Withdrawn)]
    quantity: u32,
    /// Is written into the journal.
    #[schema(value_type = Option<schemas::Why>)]
    reason: Option<String>,
}

/// Adds units to an item.
///
/// Buyers who were sold out may come again at once.
#[utoipa::path(post, path = "/v1/admin/items/{item_id}/restock", operation_id = "restock_item", tag = "owner",
    params(("item_id" = inline(schemas::ItemId), Path), schemas::OperatorHeader), request_body = Restock,
    responses((status = 200, description = "The item with more units.", body = AdminItemView<'_>)))]
pub(super) async fn restock(state: web::ThinData<OpsState>, request: HttpRequest, payload: Payload) -> HttpResponse {
    let restock = async {
        state.authorize(&request)?;
        let published = state.items.find(&request)?;
        let Restock { quantity, reason } = body::object(&body::read(&request, payload).await?, RESTOCK)?;
        let origin = operator::origin(&request, reason)?;
        state.items.control(&published, Control::Restock { quantity }, origin).await
    };
    restock.await.unwrap_or_else(|problem| problem.respond())
}

/// Takes units off sale that nobody holds.
///
/// Refused if fewer are left; none is taken then. It may be taken back by a restock.
#[utoipa::path(post, path = "/v1/admin/items/{item_id}/withdraw", operation_id = "withdraw_item", tag = "owner",
    params(("item_id" = inline(schemas::ItemId), Path), schemas::OperatorHeader), request_body = Withdrawal,
    responses((status = 200, description = "The item with fewer units.", body = AdminItemView<'_>)))]
pub(super) async fn withdraw(state: web::ThinData<OpsState>, request: HttpRequest, payload: Payload) -> HttpResponse {
    let withdraw = async {
        state.authorize(&request)?;
        let published = state.items.find(&request)?;
        let Withdrawal { quantity, reason } = body::object(&body::read(&request, payload).await?, WITHDRAWAL)?;
        let origin = operator::origin(&request, reason)?;
        state.items.control(&published, Control::Withdraw { quantity }, origin).await
    };
    withdraw.await.unwrap_or_else(|problem| problem.respond())
}

/// Interrupts the sale of an item.
///
/// Who holds an order can still read, pay or cancel it.
#[utoipa::path(post, path = "/v1/admin/items/{item_id}/pause", operation_id = "pause_item", tag = "owner",
    params(("item_id" = inline(schemas::ItemId), Path), schemas::OperatorHeader), request_body = Option<Because>,
    responses((status = 200, description = "The item, paused.", body = AdminItemView<'_>)))]
pub(super) async fn pause(state: web::ThinData<OpsState>, request: HttpRequest, payload: Payload) -> HttpResponse {
    steer(&state, &request, payload, Control::Pause).await
}

/// Goes on with the sale of an item.
#[utoipa::path(post, path = "/v1/admin/items/{item_id}/resume", operation_id = "resume_item", tag = "owner",
    params(("item_id" = inline(schemas::ItemId), Path), schemas::OperatorHeader), request_body = Option<Because>,
    responses((status = 200, description = "The item as before the pause.", body = AdminItemView<'_>)))]
pub(super) async fn resume(state: web::ThinData<OpsState>, request: HttpRequest, payload: Payload) -> HttpResponse {
    steer(&state, &request, payload, Control::Resume).await
}

/// Ends the sale of an item.
///
/// Orders can still be paid.
#[utoipa::path(post, path = "/v1/admin/items/{item_id}/close", operation_id = "close_item", tag = "owner",
    params(("item_id" = inline(schemas::ItemId), Path), schemas::OperatorHeader), request_body = Option<Because>,
    responses((status = 200, description = "The item, closed.", body = AdminItemView<'_>)))]
pub(super) async fn close(state: web::ThinData<OpsState>, request: HttpRequest, payload: Payload) -> HttpResponse {
    steer(&state, &request, payload, Control::Close).await
}

/// Takes the end of a sale back.
///
/// It goes on within its window; one whose `closes_at` has passed needs a later one, too.
#[utoipa::path(post, path = "/v1/admin/items/{item_id}/reopen", operation_id = "reopen_item", tag = "owner",
    params(("item_id" = inline(schemas::ItemId), Path), schemas::OperatorHeader), request_body = Option<Because>,
    responses((status = 200, description = "The item as before it was closed.", body = AdminItemView<'_>)))]
pub(super) async fn reopen(state: web::ThinData<OpsState>, request: HttpRequest, payload: Payload) -> HttpResponse {
    steer(&state, &request, payload, Control::Reopen).await
}

/// Hides an item: for buyers there is none.
///
/// Nobody can buy it. Who holds an order can still read, pay or cancel it.
#[utoipa::path(post, path = "/v1/admin/items/{item_id}/hide", operation_id = "hide_item", tag = "owner",
    params(("item_id" = inline(schemas::ItemId), Path), schemas::OperatorHeader), request_body = Option<Because>,
    responses((status = 200, description = "The item, hidden.", body = AdminItemView<'_>)))]
pub(super) async fn hide(state: web::ThinData<OpsState>, request: HttpRequest, payload: Payload) -> HttpResponse {
    steer(&state, &request, payload, Control::Hide).await
}

/// Shows an item again.
#[utoipa::path(post, path = "/v1/admin/items/{item_id}/show", operation_id = "show_item", tag = "owner",
    params(("item_id" = inline(schemas::ItemId), Path), schemas::OperatorHeader), request_body = Option<Because>,
    responses((status = 200, description = "The item as before it was hidden.", body = AdminItemView<'_>)))]
pub(super) async fn show(state: web::ThinData<OpsState>, request: HttpRequest, payload: Payload) -> HttpResponse {
    steer(&state, &request, payload, Control::Show).await
}

async fn steer(state: &OpsState, request: &HttpRequest, payload: Payload, control: Control) -> HttpResponse {
    let steer = async {
        state.authorize(request)?;
        let published = state.items.find(request)?;
        state.items.control(&published, control, operator::origin_of(request, payload).await?).await
    };
    steer.await.unwrap_or_else(|problem| problem.respond())
}
