//! **Job:** shows the owner of the sale what was done to it, by whom and why.
//! **Owns:** the route, and how a line of the journal looks.
//! **Never:** lists what buyers and the clock did: that is what the feed is for.

use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, web};
use doorbuster_actors::ids::ItemId;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::{IntoParams, ToSchema};

use super::OpsState;
use super::feed::unread;
use super::paging::{parsed, query, size};
use crate::feed::Feed;
use crate::feed::records::{JournalFilter, JournalRow};
use crate::http::json::respond;
use crate::http::problem::Problem;
use crate::http::schemas;

/// What is needed to read the journal.
pub struct Journal {
    /// Who reads the ledger.
    pub feed: Arc<Feed>,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Filter {
    /// The `seq` of the last line of the page before.
    #[param(value_type = Option<u64>, default = 0)]
    after: Option<String>,
    /// Most lines in the answer.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 1_000, default = 100)]
    limit: Option<String>,
    /// Only what was done to this item; one that was deleted may be named, too.
    #[param(value_type = Option<schemas::ItemId>, inline)]
    item_id: Option<String>,
}

/// Something that was done to the sale.
#[derive(Serialize, ToSchema)]
struct JournalEntry {
    /// Its place in the ledger.
    #[schema(value_type = u64)]
    seq: i64,
    #[schema(value_type = schemas::Time)]
    at: String,
    /// What: `item` (created or changed), `restocked`, `withdrawn`, `paused`, `resumed`, `closed`, `reopened`,
    /// `hidden`, `shown`, `deleted`, `cancelled`, `refund_due` (a paid order was cancelled) or `settled` (money went
    /// back).
    kind: String,
    #[schema(value_type = Option<schemas::ItemId>, required = true)]
    item_id: Option<String>,
    #[schema(value_type = Option<schemas::OrderId>, required = true)]
    order_id: Option<String>,
    /// The buyer of that order.
    #[schema(value_type = Option<schemas::UserId>, required = true)]
    user_id: Option<String>,
    /// Units of the order, the restock or the withdrawal.
    #[schema(value_type = Option<schemas::Units>, required = true)]
    quantity: Option<u32>,
    /// Who did it; null: nobody said.
    #[schema(value_type = Option<schemas::Operator>, required = true)]
    operator: Option<String>,
    /// Why; null: nobody said.
    #[schema(value_type = Option<schemas::Why>, required = true)]
    reason: Option<String>,
    /// Units on sale after it, sold or not.
    #[schema(value_type = schemas::Units)]
    supply: u32,
    /// Units that nobody held after it.
    #[schema(value_type = schemas::Units)]
    remaining: u32,
    /// Of `settled`: the provider's id of the money; null: the price of the order.
    #[serde(skip_serializing_if = "Option::is_none")]
    payment_reference: Option<String>,
    /// Of `settled`: how much went back.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schemas::Amount>)]
    settled: Option<i64>,
    /// Of `settled`: in which currency.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schemas::Currency>)]
    currency: Option<String>,
    /// Of `item`: the item as it was from then on.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    definition: Option<Box<RawValue>>,
}

/// A page of the journal, the oldest first.
#[derive(Serialize, ToSchema)]
struct JournalPage {
    entries: Vec<JournalEntry>,
    /// The `after` of the next page; null: this was the last.
    #[schema(value_type = Option<u64>, required = true)]
    next: Option<i64>,
}

/// What was done to the sale by somebody who is neither a buyer nor the clock: who, when and why.
///
/// Everything is listed that was on record when the question came.
#[utoipa::path(get, path = "/v1/admin/journal", operation_id = "page_journal", tag = "owner", params(Filter),
    responses((status = 200, description = "A page of the journal.", body = JournalPage)))]
pub(super) async fn page(state: web::ThinData<OpsState>, request: HttpRequest) -> HttpResponse {
    let page = async {
        state.authorize(&request)?;
        state.journal.page(query::<Filter>(&request)?.checked()?).await
    };
    page.await.unwrap_or_else(|problem| problem.respond())
}

impl Filter {
    fn checked(&self) -> Result<JournalFilter, Problem> {
        let rule = "must be the number of an entry, or 0";
        let after = parsed(self.after.as_deref(), "after", rule)?.unwrap_or(0);
        if after < 0 {
            return Err(Problem::invalid("after", rule));
        }
        let item: Option<ItemId> = parsed(self.item_id.as_deref(), "item_id", "must be the id of an item")?;
        Ok(JournalFilter { after, limit: size(self.limit.as_deref())?, item })
    }
}

impl Journal {
    async fn page(&self, filter: JournalFilter) -> Result<HttpResponse, Problem> {
        let limit = filter.limit;
        let rows = self.feed.journal(filter).await.map_err(unread)?;
        let next = rows.last().filter(|_| rows.len() == limit).map(|row| row.seq);
        let entries = rows.into_iter().map(JournalEntry::of).collect();
        Ok(respond(&mut HttpResponse::Ok(), &JournalPage { entries, next }))
    }
}

impl JournalEntry {
    fn of(row: JournalRow) -> Self {
        Self {
            seq: row.seq,
            at: row.at,
            kind: row.kind,
            item_id: row.item_id,
            order_id: row.order.map(|order| order.to_string()),
            user_id: row.user_id,
            quantity: row.quantity,
            operator: row.operator,
            reason: row.reason,
            supply: row.supply,
            remaining: row.remaining,
            payment_reference: row.payment_reference,
            settled: row.settled,
            currency: row.currency,
            definition: row.definition.and_then(|definition| RawValue::from_string(definition).ok()),
        }
    }
}
