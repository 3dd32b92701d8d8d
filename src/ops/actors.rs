//! **Job:** the inspector: every actor with its mailbox, what it did, and how long messages waited and took.
//! **Owns:** the parameters of the question.
//! **Never:** wakes an actor to ask it.

use actix_web::{HttpRequest, HttpResponse, web};
use doorbuster_actors::ids::ItemId;
use doorbuster_actors::request::Reason;
use doorbuster_actors::time::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::OpsState;
use super::telemetry::Telemetry;
use super::telemetry::actors::{Selection, Sort};
use super::telemetry::views::{ActorView, WithBuckets, WriterView};
use crate::http::problem::Problem;
use crate::http::schemas;

/// Most actors in one answer.
const MAX_ACTORS: usize = 10_000;

/// Actors in one answer if the asker does not say.
const DEFAULT_ACTORS: usize = 1_000;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Parameters {
    /// Only the actor of this item.
    #[param(value_type = Option<schemas::ItemId>, inline)]
    item: Option<String>,
    /// Only actors with this in the id or title of their item, whatever the case.
    search: Option<String>,
    /// `name`, `depth`, `high_water`, `processed`, `wait`, `handle` (99th percentiles) or `remaining`. The largest
    /// first, except `name` and `remaining`.
    #[param(
        value_type = Option<String>,
        default = "name",
        pattern = "^(name|depth|high_water|processed|wait|handle|remaining)$",
    )]
    sort: Option<String>,
    /// Most actors in the answer.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 10_000, default = 1_000)]
    limit: Option<String>,
    /// Whether distributions have their buckets.
    #[param(value_type = Option<bool>, default = false)]
    buckets: Option<String>,
}

/// The actors, the writer first unless items were asked for.
#[derive(Serialize, ToSchema)]
pub(super) struct Inspection {
    /// Server time.
    #[schema(value_type = schemas::Time)]
    captured_at: Timestamp,
    /// Seconds since the start of the server.
    uptime_s: f64,
    /// Items there are in all, and so actors besides the writer.
    total: usize,
    actors: Vec<ActorView>,
    writer: WriterView,
}

/// Every actor with its mailbox, what it did, and how long messages waited and took.
#[utoipa::path(get, path = "/actors", operation_id = "inspect_actors", tag = "observation", params(Parameters),
    responses((status = 200, description = "Counts and distributions since the start.", body = Inspection)))]
pub(super) async fn read(state: web::ThinData<OpsState>, request: HttpRequest) -> HttpResponse {
    answer(&state, &request).unwrap_or_else(|problem| problem.respond())
}

fn answer(state: &OpsState, request: &HttpRequest) -> Result<HttpResponse, Problem> {
    state.authorize(request)?;
    let parameters = web::Query::<Parameters>::from_query(request.query_string());
    let parameters = parameters.map_err(|_bad| Problem::new(Reason::Malformed, "the query cannot be read"))?;
    let buckets = parameters.buckets()?;
    Ok(HttpResponse::Ok().json(view(&state.telemetry, &parameters.selection()?, buckets)))
}

impl Parameters {
    fn buckets(&self) -> Result<WithBuckets, Problem> {
        match self.buckets.as_deref() {
            None | Some("false") => Ok(WithBuckets::No),
            Some("true") => Ok(WithBuckets::Yes),
            Some(_other) => Err(Problem::new(Reason::Malformed, "buckets must be true or false")),
        }
    }

    fn selection(&self) -> Result<Selection, Problem> {
        let limit = self.limit.as_deref().map_or(Some(DEFAULT_ACTORS), |limit| limit.parse().ok());
        let limit = limit.filter(|limit| (1..=MAX_ACTORS).contains(limit));
        let item = self.item.as_deref().map(str::parse::<ItemId>).transpose();
        Ok(Selection {
            item: item.map_err(|bad| Problem::invalid("item", format!("{bad}")))?,
            search: self.search.clone().filter(|search| !search.is_empty()),
            sort: self.sort.as_deref().map_or(Ok(Sort::default()), sort)?,
            limit: limit.ok_or_else(|| Problem::invalid("limit", "must be a number from 1 to 10000"))?,
        })
    }
}

fn sort(name: &str) -> Result<Sort, Problem> {
    let known = Sort::ALL.into_iter().find(|sort| sort.as_str() == name);
    known.ok_or_else(|| {
        let names = Sort::ALL.map(Sort::as_str).join(", ");
        Problem::invalid("sort", format!("must be one of {names}"))
    })
}

fn view(telemetry: &Telemetry, selection: &Selection, buckets: WithBuckets) -> Inspection {
    let mut actors = Vec::new();
    if !selection.names_items() {
        actors.push(telemetry.writer_actor(buckets));
    }
    actors.extend(telemetry.stock_actors(selection, buckets));
    actors.truncate(selection.limit);
    Inspection {
        captured_at: telemetry.sale.clock.now(),
        uptime_s: telemetry.uptime_s(),
        total: telemetry.sale.directory.len(),
        actors,
        writer: telemetry.writer(buckets),
    }
}
