//! **Job:** how what is observed looks outside.
//! **Owns:** the names and units of its members.
//! **Never:** reads a counter.

use std::sync::Arc;

use doorbuster_actors::ids::ItemId;
use doorbuster_actors::item::SaleState;
use doorbuster_actors::observe::{DistributionSnapshot, LayerCounters};
use doorbuster_actors::sale::PublishedItem;
use doorbuster_actors::time::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::schemas;

/// Whether a distribution is shown with its buckets, from which a reader can tell the percentiles of any stretch of
/// time by subtraction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WithBuckets {
    /// Yes.
    Yes,
    /// No.
    No,
}

/// Values and how often they occurred, since the start. Microseconds in members that end in `_us`, else a number.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct DistributionView {
    /// Half of the values are at most this.
    pub p50: u64,
    /// 99 of 100 values are at most this.
    pub p99: u64,
    /// The largest value.
    pub max: u64,
    /// How many values there were.
    pub count: u64,
    /// Their sum.
    pub sum: u64,
    /// Upper bound, and how many values lie between it and the bound before. Bounds double; empty stretches are left
    /// out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub buckets: Option<Vec<[u64; 2]>>,
}

impl DistributionView {
    /// The view of a snapshot.
    #[must_use]
    pub fn of(seen: DistributionSnapshot, buckets: WithBuckets) -> Self {
        let DistributionSnapshot { p50, p99, max, count, sum, buckets: all } = seen;
        let buckets = match buckets {
            WithBuckets::Yes => Some(all.into_iter().map(|(bound, count)| [bound, count]).collect()),
            WithBuckets::No => None,
        };
        Self { p50, p99, max, count, sum, buckets }
    }
}

/// How many messages wait for an actor.
#[derive(Debug, Serialize, ToSchema)]
pub struct MailboxView {
    /// Now.
    pub depth: u32,
    /// How many may wait, over all mailboxes together: the permits.
    pub capacity: usize,
    /// The most that ever waited.
    pub high_water: u32,
}

/// An actor. What only the actor of an item has is absent from the writer.
#[derive(Debug, Serialize, ToSchema)]
pub struct ActorView {
    /// `stock/<item_id>`, or `order_writer`.
    pub name: String,
    /// `stock` or `writer`.
    pub kind: &'static str,
    /// The core whose thread it runs on; null for the writer, which has a thread of its own.
    #[schema(required)]
    pub core: Option<u16>,
    /// Its mailbox.
    pub mailbox: MailboxView,
    /// Messages handled since the start; for the writer, decisions.
    pub processed_total: u64,
    /// From the posting of a message until it was taken up. Every one of the first 1,024 messages is timed, then one in
    /// eight.
    pub wait_us: DistributionView,
    /// How long a message took.
    pub handle_us: DistributionView,
    /// Whether the actor has been needed yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub started: Option<bool>,
    /// Its item.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schemas::ItemId>, nullable = false)]
    pub item_id: Option<ItemId>,
    /// The title of the item.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub title: Option<String>,
    /// Whether the item can be bought now.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schemas::State>, nullable = false)]
    pub state: Option<SaleState>,
    /// The first stock of the item and all restocks.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub supply: Option<u32>,
    /// Units of the item that nobody holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub remaining: Option<u32>,
}

/// Why batches were closed.
#[derive(Debug, Serialize, ToSchema)]
pub struct TriggersView {
    /// Nothing more was waiting.
    pub drained: u64,
    /// As many entries as a batch may have.
    pub full: u64,
    /// The first entry had waited as long as one may.
    pub linger: u64,
    /// The server was closing.
    pub draining: u64,
}

/// The writer.
#[derive(Debug, Serialize, ToSchema)]
pub struct WriterView {
    /// Commits.
    pub commits_total: u64,
    /// Orders committed.
    pub orders_total: u64,
    /// Entries committed: orders, and everything else that is written down.
    pub entries_total: u64,
    /// Commits by the reason for which their batch was closed.
    pub triggers: TriggersView,
    /// Entries per commit.
    pub batch_size: DistributionView,
    /// The whole commit.
    pub commit_us: DistributionView,
    /// The `COMMIT` statement in it: writing the log, and the sync.
    pub sync_us: DistributionView,
    /// Decisions that wait for the writer.
    pub queue_depth: u32,
    /// `open`, `full`, `locked`, `moved` or `stalled`.
    pub storage: &'static str,
    /// The last committed entry.
    pub last_seq: u64,
}

/// A layer of the funnel: at rest, `in` = `out` + the sum of `answered`.
#[derive(Debug, Serialize, ToSchema)]
pub struct LayerView {
    /// Its name.
    pub name: &'static str,
    /// Purchase attempts that came to it.
    #[serde(rename = "in")]
    pub entered: u64,
    /// Those that went on to the next.
    #[serde(rename = "out")]
    pub passed: u64,
    /// Those that got their answer here, by problem code or `replayed`.
    pub answered: std::collections::BTreeMap<&'static str, u64>,
}

impl LayerView {
    /// The sum of the counters that several threads keep of one layer.
    pub fn sum<'p>(name: &'static str, passages: impl Iterator<Item = &'p LayerCounters>) -> Self {
        let mut view = Self { name, entered: 0, passed: 0, answered: std::collections::BTreeMap::new() };
        for layer_counters in passages {
            view.entered += layer_counters.entered();
            view.passed += layer_counters.passed();
            for (code, count) in layer_counters.answered() {
                *view.answered.entry(code.as_str()).or_default() += count;
            }
        }
        view
    }
}

/// A core.
#[derive(Debug, Serialize, ToSchema)]
pub struct CoreView {
    /// Number of the core, from 0.
    pub core: u16,
    /// CPU seconds of its thread; absent where the operating system does not say.
    pub busy_s: Option<f64>,
    /// Messages delivered to actors of the core.
    pub messages_total: u64,
    /// Those of them that came from another thread.
    pub crossed_total: u64,
    /// Decisions passed on to the writer in one batch.
    pub batch: DistributionView,
}

/// Items in each state.
#[derive(Debug, Clone, Copy, Default, Serialize, ToSchema)]
pub struct ByState {
    /// Not on sale yet.
    pub scheduled: usize,
    /// On sale.
    pub open: usize,
    /// Interrupted by an operator.
    pub paused: usize,
    /// On sale, and nothing is left.
    pub sold_out: usize,
    /// Over.
    pub closed: usize,
}

impl ByState {
    /// The counts with the names of their states.
    #[must_use]
    pub fn named(self) -> [(&'static str, u64); 5] {
        let Self { scheduled, open, paused, sold_out, closed } = self;
        [("scheduled", scheduled), ("open", open), ("paused", paused), ("sold_out", sold_out), ("closed", closed)]
            .map(|(state, count)| (state, count as u64))
    }

    /// The items at `now`.
    #[must_use]
    pub fn of(published_items: &[Arc<PublishedItem>], now: Timestamp) -> Self {
        let mut counts = Self::default();
        for published in published_items {
            let count = match published.state(now) {
                SaleState::Scheduled => &mut counts.scheduled,
                SaleState::Open => &mut counts.open,
                SaleState::Paused => &mut counts.paused,
                SaleState::SoldOut => &mut counts.sold_out,
                SaleState::Closed => &mut counts.closed,
            };
            *count += 1;
        }
        counts
    }
}

/// Purchases that wait for their reply.
#[derive(Debug, Serialize, ToSchema)]
pub struct PurchasesView {
    /// Purchases that wait for their reply now.
    pub in_flight: usize,
    /// How many may wait at a time: `server.max_in_flight`.
    pub max_in_flight: usize,
}

/// The operations listener itself.
#[derive(Debug, Serialize, ToSchema)]
pub struct OperationsView {
    /// Requests with a wrong token, since the start.
    pub auth_failures_total: u64,
}

/// A sink of the feed.
#[derive(Debug, Serialize, ToSchema)]
pub struct FeedView {
    /// `pull`, `redis` or `webhook`.
    pub sink: &'static str,
    /// Committed entries that its consumer has not confirmed.
    pub lag_entries: u64,
}

/// The gate's Redis.
#[derive(Debug, Serialize, ToSchema)]
pub struct RedisView {
    /// Of the circuit breaker that is furthest from closed: `closed`, `open` or `half_open`. Each kind of command has
    /// one.
    pub state: &'static str,
    /// Calls that were made.
    pub calls_total: u64,
    /// Those of them that failed.
    pub failures_total: u64,
    /// Those of the failed that were not answered in time.
    pub timeouts_total: u64,
    /// How often a breaker opened.
    pub opened_total: u64,
    /// The kinds of commands that fail now.
    pub failing: Vec<RedisTroubleView>,
}

/// A kind of command that Redis does not answer as it must.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RedisTrouble)]
pub struct RedisTroubleView {
    /// Which: `throttle`, `pool_take`, `feed_publish`, ….
    pub command: &'static str,
    /// Why: `unreachable`, `no_permission`, `read_only`, ….
    pub cause: &'static str,
    /// The code of Redis' error, if it has one: `NOPERM`.
    pub code: Option<String>,
    /// What to do, as a sentence.
    pub advice: &'static str,
}

/// The data file, looked at once a second.
#[derive(Debug, Serialize, ToSchema)]
pub struct StorageView {
    /// Its size.
    pub file_bytes: u64,
    /// The size of its write-ahead log.
    pub wal_bytes: u64,
    /// What is left for us on its disk.
    pub disk_free_bytes: u64,
    /// The size of that disk.
    pub disk_total_bytes: u64,
}

/// The process.
#[derive(Debug, Serialize, ToSchema)]
pub struct ProcessView {
    /// CPU seconds of all threads.
    pub cpu_s: f64,
    /// Memory in RAM.
    pub resident_bytes: u64,
    /// When it was started, in seconds of Unix time.
    pub started_s: f64,
    /// Open files and connections.
    pub open_fds: u64,
    /// How many may be open.
    pub max_fds: u64,
    /// Threads.
    pub threads: u64,
}
