//! **Job:** what the rules look at.
//! **Owns:** which figures they are.
//! **Never:** reads them: `Telemetry` does.

use std::collections::BTreeSet;

use doorbuster_actors::ids::ItemId;
use doorbuster_actors::observe::DistributionSnapshot;
use doorbuster_actors::request::Reason;
use doorbuster_actors::sale::StorageState;

use super::reason::ReasonCode;
use crate::ops::telemetry::views::ByState;
use crate::redis_client::Trouble;
use crate::webhook;

/// Answers that say "not now" or "nobody knows": when they grow, the server is in trouble, not the buyer. Each with its
/// reason and its words.
pub const TROUBLE: [(Reason, ReasonCode, &str); 6] = [
    (Reason::OutcomeUnknown, ReasonCode::OutcomesUnknown, "outcome unknown"),
    (Reason::StorageFull, ReasonCode::RefusedStorageFull, "disk full"),
    (Reason::StorageUnavailable, ReasonCode::RefusedStorageUnavailable, "storage not available"),
    (Reason::GateUnavailable, ReasonCode::RefusedGateUnavailable, "Redis away (gate closed)"),
    (Reason::Overloaded, ReasonCode::RefusedOverloaded, "at capacity (overloaded)"),
    (Reason::ShuttingDown, ReasonCode::RefusedShuttingDown, "server is closing"),
];

/// The server at one moment. Totals count from the start of the process.
#[derive(Debug, Clone, Default)]
pub struct Reading {
    /// Seconds since the start of the server.
    pub uptime_s: f64,
    /// Purchases that wait for their answer.
    pub in_flight: usize,
    /// How many may.
    pub max_in_flight: usize,
    /// Purchase attempts.
    pub attempts: u64,
    /// Orders committed.
    pub orders: u64,
    /// Attempts that got each answer of [`TROUBLE`].
    pub troubled: [u64; TROUBLE.len()],
    /// Commits.
    pub commits: u64,
    /// Microseconds of a commit.
    pub commit_us: DistributionSnapshot,
    /// Decisions that wait for the writer.
    pub writer_queue: u32,
    /// Bytes in the write-ahead log that a reader keeps from beginning anew; 0: none does.
    pub pinned_log_bytes: u64,
    /// Bytes that are left on the disk of the data file.
    pub disk_free_bytes: u64,
    /// The size of that disk; 0: not known.
    pub disk_total_bytes: u64,
    /// Whether there is a Redis that is not asked, or only probed.
    pub is_redis_away: bool,
    /// The clocks.
    pub clock: ClockReading,
    /// The kinds of Redis commands that fail.
    pub redis_troubles: Vec<Trouble>,
    /// Whether nobody can pass the gate because of them.
    pub is_gate_closed: bool,
    /// Wrong tokens on the operations listener.
    pub wrong_tokens: u64,
    /// Committed entries that the consumer of each sink has not confirmed.
    pub lags: Vec<(&'static str, u64)>,
    /// What is wrong with the webhook.
    pub webhook_trouble: Option<webhook::Trouble>,
    /// Items in each state.
    pub items: ByState,
    /// Messages of all kinds that may be in a mailbox.
    pub mailbox_capacity: usize,
    /// The items whose actors had most to do.
    pub busiest: Vec<ItemReading>,
}

/// Server time beside the clocks that it comes from.
#[derive(Debug, Clone, Copy, Default)]
pub struct ClockReading {
    /// Wall clock less server time, seconds.
    pub drift_s: f64,
    /// How far the ledger ends ahead of server time, seconds.
    pub ledger_ahead_s: f64,
    /// Whether the wall clock cannot have been set when the server started, and server time has not followed since.
    pub is_unset: bool,
}

/// The actor of an item at one moment.
#[derive(Debug, Clone)]
pub struct ItemReading {
    /// Its item.
    pub item_id: ItemId,
    /// Messages that wait for it.
    pub depth: u32,
    /// Microseconds that a message takes.
    pub handle_us: DistributionSnapshot,
}

/// What stops a sale from one moment to the next: read when the verdict is asked for, not once a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Switches {
    /// Whether the ledger can be written.
    pub storage: StorageState,
    /// Whether the server is closing.
    pub is_closing: bool,
    /// Whether all threads of the sale have started.
    pub is_complete: bool,
}

/// Everything that a verdict is made of.
#[derive(Debug, Clone, Copy)]
pub struct Evidence<'a> {
    /// As of now.
    pub switches: Switches,
    /// The newest reading.
    pub now: &'a Reading,
    /// The one of about three seconds before; none at the start: then nothing is said about growth.
    pub recent: Option<&'a Reading>,
    /// The one of about ten seconds before.
    pub earlier: Option<&'a Reading>,
    /// Items whose balance did not add up at their last audit.
    pub unbalanced: &'a BTreeSet<ItemId>,
}
