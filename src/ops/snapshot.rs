//! **Job:** the whole server at one moment, as the dashboard and the terminal show it.
//! **Owns:** what is in a snapshot.
//! **Never:** grows with the number of items: it has sums of all of them, and rows of a few.

use std::sync::Arc;

use doorbuster_actors::item::Amount;
use doorbuster_actors::payment::Owed;
use doorbuster_actors::sale::PublishedItem;
use doorbuster_actors::time::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::telemetry::Telemetry;
use super::telemetry::views::{
    ActorView, ByState, CoreView, FeedView, LayerView, OperationsView, ProcessView, PurchasesView, RedisView,
    StorageView, WithBuckets, WriterView,
};
use super::verdict::Verdict;
use crate::http::order_view::OwedView;
use crate::http::schemas;

/// The server at one moment. Totals count from the start of the process.
#[derive(Serialize, ToSchema)]
pub struct Snapshot {
    /// Server time.
    #[schema(value_type = schemas::Time)]
    captured_at: Timestamp,
    /// Seconds since the start of the server.
    uptime_s: f64,
    /// Of the server.
    version: &'static str,
    verdict: Verdict,
    /// `open`, `storage-full`, `storage-locked`, `storage-moved`, `storage-stalled` or `closing`.
    state: &'static str,
    /// How durable a confirmed order is.
    durability: &'static str,
    purchases: PurchasesView,
    layers: Vec<LayerView>,
    cores: Vec<CoreView>,
    writer: WriterView,
    items: ItemsView,
    /// Money that came and has to go back, in each currency in which there is some.
    #[schema(value_type = Vec<OwedView>)]
    owed: Vec<Owed>,
    feed: Vec<FeedView>,
    redis: Option<RedisView>,
    operations: OperationsView,
    storage: StorageView,
    process: Option<ProcessView>,
}

/// All items in sum, and the busiest.
#[derive(Serialize, ToSchema)]
struct ItemsView {
    total: usize,
    by_state: ByState,
    /// Units ever put on sale.
    supply: u64,
    /// Units that nobody holds.
    remaining: u64,
    /// The items whose actors handled most messages in the last second.
    busiest: Vec<ActorView>,
}

impl Snapshot {
    /// As of now, with rows of the busiest items.
    pub(super) fn of(telemetry: &Telemetry, busiest: &[Arc<PublishedItem>], verdict: Verdict) -> Self {
        let now = telemetry.sale.clock.now();
        Self {
            captured_at: now,
            uptime_s: telemetry.uptime_s(),
            version: env!("CARGO_PKG_VERSION"),
            verdict,
            state: telemetry.state(),
            durability: telemetry.durability,
            purchases: telemetry.purchases(),
            layers: telemetry.layers(),
            cores: telemetry.cores(),
            writer: telemetry.writer(WithBuckets::Yes),
            items: ItemsView::of(telemetry, busiest, now),
            owed: telemetry.owed().into_iter().filter(|owed| owed.amount > Amount::ZERO).collect(),
            feed: telemetry.sinks(),
            redis: telemetry.redis(),
            operations: telemetry.operations(),
            storage: telemetry.storage(),
            process: telemetry.process.view(),
        }
    }
}

impl ItemsView {
    fn of(telemetry: &Telemetry, busiest: &[Arc<PublishedItem>], now: Timestamp) -> Self {
        let published_items = telemetry.sale.directory.all();
        let row = |published: &Arc<PublishedItem>| telemetry.stock_actor(published, now, WithBuckets::Yes);
        Self {
            total: published_items.len(),
            by_state: ByState::of(&published_items, now),
            supply: published_items.iter().map(|published| u64::from(published.supply())).sum(),
            remaining: published_items.iter().map(|published| u64::from(published.remaining())).sum(),
            busiest: busiest.iter().map(row).collect(),
        }
    }
}
