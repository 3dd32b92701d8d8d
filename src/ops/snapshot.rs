//! **Job:** the whole house at one moment, as the dashboard and the terminal show it.
//! **Owns:** what is in a snapshot, and which items were the busiest since the one before.
//! **Never:** grows with the number of items: it has sums of all of them, and rows of a few.

use std::cmp::Reverse;
use std::collections::HashMap;

use doorbuster_actors::ids::ItemNumber;
use doorbuster_actors::item::SaleState;
use doorbuster_actors::sale::PublishedItem;
use doorbuster_actors::time::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::telemetry::Telemetry;
use super::telemetry::views::{
    ActorView, CoreView, FeedView, HouseView, LayerView, OperationsView, ProcessView, RedisView, StorageView,
    WithBuckets, WriterView,
};
use crate::http::words;

/// Items that a snapshot has a row of: as many as lines in a chart can be told apart.
const BUSIEST: usize = 12;

/// The house at one moment. Totals count from the start of the process.
#[derive(Serialize, ToSchema)]
pub struct Snapshot {
    /// Server time.
    #[schema(value_type = words::Time)]
    captured_at: Timestamp,
    /// Seconds since the start of the server.
    uptime_s: f64,
    /// Of the server.
    version: &'static str,
    /// `open`, `storage-full`, `storage-locked`, `storage-moved` or `closing`.
    state: &'static str,
    /// How durable a confirmed order is.
    durability: &'static str,
    house: HouseView,
    layers: Vec<LayerView>,
    cores: Vec<CoreView>,
    writer: WriterView,
    items: ItemsView,
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
    /// The items whose actors handled most letters since the snapshot before.
    busiest: Vec<ActorView>,
}

/// Items in each state.
#[derive(Default, Serialize, ToSchema)]
struct ByState {
    scheduled: usize,
    open: usize,
    paused: usize,
    sold_out: usize,
    closed: usize,
}

/// Takes snapshots one after the other.
#[derive(Default)]
pub(super) struct SnapshotBuilder {
    /// Letters that each actor had handled at the snapshot before.
    handled: HashMap<ItemNumber, u64>,
}

impl SnapshotBuilder {
    pub(super) fn snapshot(&mut self, telemetry: &Telemetry) -> Snapshot {
        let now = telemetry.sale.clock.now();
        Snapshot {
            captured_at: now,
            uptime_s: telemetry.uptime_s(),
            version: env!("CARGO_PKG_VERSION"),
            state: telemetry.state(),
            durability: telemetry.durability,
            house: telemetry.house(),
            layers: telemetry.layers(),
            cores: telemetry.cores(),
            writer: telemetry.writer(WithBuckets::Yes),
            items: self.items(telemetry, now),
            feed: telemetry.sinks(),
            redis: telemetry.redis(),
            operations: telemetry.operations(),
            storage: telemetry.storage(),
            process: telemetry.process.view(),
        }
    }

    fn items(&mut self, telemetry: &Telemetry, now: Timestamp) -> ItemsView {
        let published_items = telemetry.sale.directory.all();
        let (mut by_state, mut supply, mut remaining) = (ByState::default(), 0, 0);
        for published in &published_items {
            *by_state.of(published.state(now)) += 1;
            supply += u64::from(published.supply());
            remaining += u64::from(published.remaining());
        }
        let mut ranks: Vec<_> = published_items.iter().map(|published| (self.rank(published), published)).collect();
        if ranks.len() > BUSIEST {
            ranks.select_nth_unstable_by_key(BUSIEST, |(rank, _)| Reverse(*rank));
            ranks.truncate(BUSIEST);
        }
        ranks.sort_by_key(|(rank, _)| Reverse(*rank));
        let row = |(_, published): (_, &std::sync::Arc<PublishedItem>)| {
            telemetry.stock_actor(published, now, WithBuckets::Yes)
        };
        let busiest = ranks.into_iter().map(row).collect();
        ItemsView { total: published_items.len(), by_state, supply, remaining, busiest }
    }

    /// Letters since the snapshot before, then letters in all, then the item that was created first.
    fn rank(&mut self, published: &PublishedItem) -> (u64, u64, Reverse<ItemNumber>) {
        let handled = published.actor.handled_total();
        let before = self.handled.insert(published.number, handled).unwrap_or(0);
        (handled.saturating_sub(before), handled, Reverse(published.number))
    }
}

impl ByState {
    fn of(&mut self, state: SaleState) -> &mut usize {
        match state {
            SaleState::Scheduled => &mut self.scheduled,
            SaleState::Open => &mut self.open,
            SaleState::Paused => &mut self.paused,
            SaleState::SoldOut => &mut self.sold_out,
            SaleState::Closed => &mut self.closed,
        }
    }
}
