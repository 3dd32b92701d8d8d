//! **Job:** the whole house at one moment, as the dashboard and the terminal show it.
//! **Owns:** what is in a snapshot, and which items were the busiest since the one before.
//! **Never:** grows with the number of items: it has sums of all of them, and rows of a few.

use std::cmp::Reverse;
use std::collections::HashMap;

use doorbuster_actors::directory::Listing;
use doorbuster_actors::ids::ItemNumber;
use doorbuster_actors::item::SaleState;
use doorbuster_actors::time::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::observed::Observed;
use super::observed::views::{
    ActorView, CoreView, FeedView, HouseView, LayerView, ProcessView, RedisView, StorageView, WithBuckets, WriterView,
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
pub(super) struct Photographer {
    /// Letters that each actor had handled at the snapshot before.
    handled: HashMap<ItemNumber, u64>,
}

impl Photographer {
    pub(super) fn snapshot(&mut self, observed: &Observed) -> Snapshot {
        let now = observed.clock.now();
        Snapshot {
            captured_at: now,
            uptime_s: observed.uptime_s(),
            version: env!("CARGO_PKG_VERSION"),
            state: observed.state(),
            durability: observed.durability,
            house: observed.house(),
            layers: observed.layers(),
            cores: observed.cores(),
            writer: observed.writer(WithBuckets::Yes),
            items: self.items(observed, now),
            feed: observed.sinks(),
            redis: observed.redis(),
            storage: observed.storage(),
            process: observed.process.view(),
        }
    }

    fn items(&mut self, observed: &Observed, now: Timestamp) -> ItemsView {
        let listings = observed.directory.all();
        let (mut by_state, mut supply, mut remaining) = (ByState::default(), 0, 0);
        for listing in &listings {
            *by_state.of(listing.state(now)) += 1;
            supply += u64::from(listing.supply());
            remaining += u64::from(listing.remaining());
        }
        let mut ranks: Vec<_> = listings.iter().map(|listing| (self.rank(listing), listing)).collect();
        if ranks.len() > BUSIEST {
            ranks.select_nth_unstable_by_key(BUSIEST, |(rank, _)| Reverse(*rank));
            ranks.truncate(BUSIEST);
        }
        ranks.sort_by_key(|(rank, _)| Reverse(*rank));
        let row = |(_, listing): (_, &std::sync::Arc<Listing>)| observed.stock_actor(listing, now, WithBuckets::Yes);
        let busiest = ranks.into_iter().map(row).collect();
        ItemsView { total: listings.len(), by_state, supply, remaining, busiest }
    }

    /// Letters since the snapshot before, then letters in all, then the item that was created first.
    fn rank(&mut self, listing: &Listing) -> (u64, u64, Reverse<ItemNumber>) {
        let handled = listing.actor.handled_total();
        let before = self.handled.insert(listing.number, handled).unwrap_or(0);
        (handled.saturating_sub(before), handled, Reverse(listing.number))
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
