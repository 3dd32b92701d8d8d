//! **Job:** one view of everything that is observed: what the inspector, the stream of snapshots and the metrics show.
//! **Owns:** where each counter is read, and how it looks outside.
//! **Never:** counts, or asks an actor: it reads what the rooms publish.

pub mod actors;
pub mod busiest;
pub mod disk;
pub mod layers;
pub mod money;
pub mod process;
pub mod reading;
pub mod views;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use doorbuster_actors::observe::{CommitTrigger, CoreCounters};
use doorbuster_actors::payment::Provider;
use doorbuster_actors::sale::SaleView;
use doorbuster_actors::sale::StorageState;

use crate::auth::Identity;
use crate::feed::{Feed, Sink};
use crate::gate::funnel::Funnel;
use crate::gate::redis::Redis;
use crate::http::answer_times::{AnswerTimes, Times, Told};
use crate::http::response_counters::ResponseCounters;
use crate::http::tls::Tls;
use crate::redis_client::{BreakerState, Trouble};
use crate::webhook::Webhook;

use super::auth_failures::AuthFailures;
use disk::Disk;
use process::Process;
use views::{
    CoreView, DistributionView, FeedView, OperationsView, PurchasesView, RedisTroubleView, RedisView, StorageView,
    TriggersView, WithBuckets, WriterView,
};

/// Everything that is observed.
pub struct Telemetry {
    /// When the server started.
    pub started: Instant,
    /// What is published of the sale.
    pub sale: Arc<SaleView>,
    /// The gate's counters, one a worker.
    pub funnels: Arc<Vec<Arc<Funnel>>>,
    /// The public listener's answers, one a worker.
    pub responses: Arc<Vec<Arc<ResponseCounters>>>,
    /// The payment providers that are in use.
    pub providers: Vec<Provider>,
    /// How far each sink has come.
    pub feed: Arc<Feed>,
    /// How order events reach the shop, if it wants them.
    pub webhook: Option<Arc<Webhook>>,
    /// Whether the gate limits addresses.
    pub limits_addresses: bool,
    /// The gate's Redis.
    pub redis: Option<Arc<Redis>>,
    /// The data file, and what is left beside it.
    pub disk: Arc<Disk>,
    /// The certificate of the public listener, if it speaks TLS.
    pub tls: Option<Arc<Tls>>,
    /// How durable a confirmed order is.
    pub durability: &'static str,
    /// Set when the server closes.
    pub closing: Arc<AtomicBool>,
    /// Wrong tokens on the operations listener.
    pub auth_failures: Arc<AuthFailures>,
    /// Who is known on the public listener, and who is not.
    pub identity: Arc<Identity>,
    /// What the operating system knows of the process.
    pub process: Process,
}

impl Telemetry {
    /// Seconds since the start.
    #[must_use]
    pub fn uptime_s(&self) -> f64 {
        self.started.elapsed().as_secs_f64()
    }

    /// Whether the server can sell, in one word.
    #[must_use]
    pub fn state(&self) -> &'static str {
        match (self.closing.load(Ordering::Relaxed), self.sale.status.storage()) {
            (true, _) => "closing",
            (false, StorageState::Open) => "open",
            (false, StorageState::Full) => "storage-full",
            (false, StorageState::Locked) => "storage-locked",
            (false, StorageState::Moved) => "storage-moved",
            (false, StorageState::Stalled) => "storage-stalled",
        }
    }

    /// The writer.
    #[must_use]
    pub fn writer(&self, buckets: WithBuckets) -> WriterView {
        let (writer, measured) = (&self.sale.writer, self.sale.writer.commits_measured());
        WriterView {
            commits_total: CommitTrigger::ALL.iter().map(|trigger| writer.commits(*trigger)).sum(),
            orders_total: writer.ledger.passed(),
            entries_total: writer.entries(),
            triggers: TriggersView {
                drained: writer.commits(CommitTrigger::Drained),
                full: writer.commits(CommitTrigger::Full),
                linger: writer.commits(CommitTrigger::Linger),
                draining: writer.commits(CommitTrigger::Draining),
            },
            batch_size: DistributionView::of(measured.batch.snapshot(), buckets),
            commit_us: DistributionView::of(measured.commit_us.snapshot(), buckets),
            sync_us: DistributionView::of(measured.sync_us.snapshot(), buckets),
            queue_depth: writer.mailbox.depth(),
            storage: self.sale.status.storage().as_str(),
            last_seq: self.feed.last_seq(),
        }
    }

    /// The cores, side by side.
    #[must_use]
    pub fn cores(&self) -> Vec<CoreView> {
        let view = |(core, counters): (u16, &Arc<CoreCounters>)| {
            let seen = counters.observe();
            CoreView {
                core,
                busy_s: seen.thread.and_then(|thread| self.process.thread_cpu_s(thread)),
                messages_total: seen.delivered,
                crossed_total: seen.crossed,
                batch: DistributionView::of(seen.batch, WithBuckets::Yes),
            }
        };
        (0..).zip(self.sale.cores.iter()).map(view).collect()
    }

    /// The sinks that are in use.
    #[must_use]
    pub fn sinks(&self) -> Vec<FeedView> {
        let view = |sink: Sink| Some(FeedView { sink: sink.as_str(), lag_entries: self.feed.lag(sink)? });
        Sink::ALL.into_iter().filter_map(view).collect()
    }

    /// The gate's Redis, if there is one.
    #[must_use]
    pub fn redis(&self) -> Option<RedisView> {
        let seen = self.redis.as_ref()?.observe();
        let state = match seen.breaker {
            BreakerState::Closed => "closed",
            BreakerState::Open => "open",
            BreakerState::HalfOpen => "half_open",
        };
        Some(RedisView {
            state,
            calls_total: seen.commands_total,
            failures_total: seen.failures_total,
            timeouts_total: seen.timeouts_total,
            opened_total: seen.opened_total,
            failing: self.redis.as_ref()?.health().troubles().into_iter().map(failing).collect(),
        })
    }

    /// What those who wanted to buy were told, and how long it took: every outcome that there can be.
    #[must_use]
    pub fn told(&self) -> Vec<(Told, Times)> {
        let workers: Vec<_> = self.responses.iter().map(|worker| &worker.purchases).collect();
        AnswerTimes::sum(&workers)
    }

    /// Purchases inside, and how many may be.
    #[must_use]
    pub fn purchases(&self) -> PurchasesView {
        PurchasesView { in_flight: self.sale.purchases.in_flight(), max_in_flight: self.sale.purchases.capacity() }
    }

    /// The operations listener itself.
    #[must_use]
    pub fn operations(&self) -> OperationsView {
        OperationsView { auth_failures_total: self.auth_failures.total() }
    }

    /// The sizes of the data file and of its write-ahead log, and the room beside them.
    #[must_use]
    pub fn storage(&self) -> StorageView {
        self.disk.view()
    }
}

fn failing(Trouble { command, failure }: Trouble) -> RedisTroubleView {
    RedisTroubleView {
        command: command.as_str(),
        cause: failure.cause.as_str(),
        code: failure.code.map(Into::into),
        advice: failure.cause.advice(),
    }
}
