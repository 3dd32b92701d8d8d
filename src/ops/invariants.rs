//! **Job:** asks every item, now, whether its books add up.
//! **Owns:** the conservation equations of units and money as they are shown.
//! **Never:** trusts a published number: the actors count over their buyers.

use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, web};
use doorbuster_actors::ids::ItemId;
use doorbuster_actors::item::Currency;
use doorbuster_actors::payment::MoneyBalance;
use doorbuster_actors::request::Reason;
use doorbuster_actors::sale::PublishedItem;
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use super::OpsState;
use super::monitor::Monitor;
use crate::http::lookup;
use crate::http::problem::Problem;
use crate::http::sale_client::SaleClient;
use crate::http::schemas;

/// What is needed to ask all items.
pub struct Invariants {
    /// Who carries the questions.
    pub client: SaleClient,
    /// Who remembers the answers.
    pub monitor: Arc<Monitor>,
}

/// Items that can be asked for by name at a time.
const MAX_NAMED: usize = 100;

/// Which items.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "a description; the query is read pair by pair, because a name may stand several times")]
struct Named {
    /// An item; may be given up to a hundred times.
    #[param(value_type = Option<Vec<schemas::ItemId>>, inline)]
    item: Vec<String>,
}

/// Whether the books add up.
#[derive(Serialize, ToSchema)]
#[schema(as = Invariants)]
struct Books {
    /// Whether they do for every item, and for the money of no order.
    holds: bool,
    items: Vec<ItemBooks>,
    /// Money that came for no order that is known, by currency; empty where items are named.
    unmatched: Vec<Money>,
}

/// The money of one currency, in minor units: `received = applied + owed + settled`.
#[derive(Serialize, ToSchema)]
struct Money {
    #[schema(value_type = schemas::Currency)]
    currency: Currency,
    /// All that came.
    received: i128,
    /// What pays orders.
    applied: i128,
    /// What has to go back.
    owed: i128,
    /// What went back.
    settled: i128,
    /// Whether the equation holds.
    holds: bool,
}

impl From<&MoneyBalance> for Money {
    fn from(balance: &MoneyBalance) -> Self {
        let MoneyBalance { currency, received, applied, owed, settled } = *balance;
        Self { currency, received, applied, owed, settled, holds: balance.holds() }
    }
}

/// The books of one item: `remaining + live = supply`, and of its money `received = applied + owed + settled`.
#[derive(Serialize, ToSchema)]
struct ItemBooks {
    #[schema(value_type = schemas::ItemId)]
    item_id: ItemId,
    /// First stock and all restocks.
    supply: u32,
    /// Units that nobody holds.
    remaining: u32,
    /// Units of orders that are pending or paid.
    live: u32,
    /// The money that came for its orders, by currency.
    money: Vec<Money>,
    /// Whether the equations of units and of money hold.
    holds: bool,
}

/// Asks items, now, whether their books add up: all, or those that are named.
#[utoipa::path(get, path = "/invariants", operation_id = "check_invariants", tag = "observation", params(Named),
    responses((status = 200, description = "What the actors counted.", body = Books)))]
pub(super) async fn read(state: web::ThinData<OpsState>, request: HttpRequest) -> HttpResponse {
    let read = async {
        state.authorize(&request)?;
        let query = web::Query::<Vec<(String, String)>>::from_query(request.query_string());
        let query = query.map_err(|_bad| Problem::new(Reason::Malformed, "the query cannot be read"))?;
        state.invariants.read(state.invariants.named(&query)?, query.is_empty()).await
    };
    read.await.unwrap_or_else(|problem| problem.respond())
}

impl Invariants {
    /// The items that the query names; all, if it names none.
    fn named(&self, query: &[(String, String)]) -> Result<Vec<Arc<PublishedItem>>, Problem> {
        if query.is_empty() {
            return Ok(self.client.view().directory.all());
        }
        if query.len() > MAX_NAMED {
            return Err(Problem::invalid("item", format!("may be given {MAX_NAMED} times at most")));
        }
        let published = |(name, value): &(String, String)| match name.as_str() {
            "item" => {
                let id: ItemId = value.parse().map_err(|bad| Problem::invalid("item", format!("{bad}")))?;
                lookup::item(self.client.view(), &id)
            }
            _other => Err(Problem::invalid(name.clone(), "is not a parameter")),
        };
        query.iter().map(published).collect()
    }

    async fn read(&self, published_items: Vec<Arc<PublishedItem>>, all: bool) -> Result<HttpResponse, Problem> {
        let (mut items, mut all_hold) = (Vec::new(), true);
        for published in published_items {
            let (balance, money) = self.client.audit(&published).await?;
            let holds = balance.holds() && money.iter().all(MoneyBalance::holds);
            self.monitor.audited(&published.definition().id, holds);
            all_hold &= holds;
            items.push(ItemBooks {
                item_id: published.definition().id.clone(),
                supply: balance.supply,
                remaining: balance.remaining,
                live: balance.live,
                money: money.iter().map(Money::from).collect(),
                holds,
            });
        }
        let unmatched = if all { self.client.audit_unknown().await? } else { Vec::new() };
        all_hold &= unmatched.iter().all(MoneyBalance::holds);
        let unmatched = unmatched.iter().map(Money::from).collect();
        Ok(HttpResponse::Ok().json(Books { holds: all_hold, items, unmatched }))
    }
}
