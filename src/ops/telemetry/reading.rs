//! **Job:** what the rules of the verdict look at, read once a second.
//! **Owns:** where each of these figures comes from.
//! **Never:** costs more than a look at every item's published counts.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use doorbuster_actors::observe::CommitTrigger;
use doorbuster_actors::sale::PublishedItem;
use doorbuster_actors::time::Clock;

use super::Telemetry;
use super::busiest::Busiest;
use super::views::{ByState, LayerView};
use crate::config::OnError;
use crate::http::answer_times::Told;
use crate::ops::verdict::reading::{ClockReading, ItemReading, Reading, Switches, TROUBLE};
use crate::redis_client::{BreakerState, Trouble};

impl Telemetry {
    /// The server as of now.
    #[must_use]
    pub fn reading(&self, busiest: &mut Busiest) -> Reading {
        let all = self.sale.directory.all();
        busiest.look(&all);
        let (layers, writer) = (self.layers(), &self.sale.writer);
        let storage = self.storage();
        let told = self.told();
        let answered = |code| told.iter().find(|(other, _)| *other == Told::Reason(code)).map_or(0, |(_, t)| t.count());
        Reading {
            uptime_s: self.uptime_s(),
            in_flight: self.sale.purchases.in_flight(),
            max_in_flight: self.sale.purchases.capacity(),
            attempts: layers.first().map_or(0, |outermost: &LayerView| outermost.entered),
            orders: writer.ledger.passed(),
            troubled: TROUBLE.map(|(code, ..)| answered(code)),
            commits: CommitTrigger::ALL.iter().map(|trigger| writer.commits(*trigger)).sum(),
            commit_us: writer.commits_measured().commit_us.snapshot(),
            writer_queue: writer.mailbox.depth(),
            pinned_log_bytes: self.sale.status.pinned_log_bytes(),
            disk_free_bytes: storage.disk_free_bytes,
            disk_total_bytes: storage.disk_total_bytes,
            is_redis_away: self.redis.as_ref().is_some_and(|redis| redis.observe().breaker != BreakerState::Closed),
            clock: clock(&self.sale.clock),
            redis_troubles: self.redis.as_ref().map(|redis| redis.health().troubles()).unwrap_or_default(),
            is_gate_closed: self.is_gate_closed(),
            wrong_tokens: self.auth_failures.total(),
            lags: self.sinks().into_iter().map(|sink| (sink.sink, sink.lag_entries)).collect(),
            webhook_trouble: self.webhook.as_ref().and_then(|webhook| webhook.standing().trouble()),
            items: ByState::of(&all, self.sale.clock.now()),
            mailbox_capacity: self.sale.mailbox_capacity(),
            busiest: busiest.published_items().iter().map(item).collect(),
        }
    }

    /// Whether nobody can pass the gate: a layer needs Redis, which cannot be used, and the policy is to stay closed.
    fn is_gate_closed(&self) -> bool {
        let closes = |trouble: &Trouble| trouble.command.decides() && !trouble.failure.cause.is_partial();
        let redis = self.redis.as_ref().filter(|redis| redis.on_error() == OnError::Closed);
        redis.is_some_and(|redis| redis.health().troubles().iter().any(closes))
    }

    /// What stops a sale from one moment to the next.
    #[must_use]
    pub fn switches(&self) -> Switches {
        Switches {
            storage: self.sale.status.storage(),
            is_closing: self.closing.load(Ordering::Relaxed),
            is_complete: self.sale.is_started(),
        }
    }
}

fn clock(clock: &Clock) -> ClockReading {
    ClockReading {
        drift_s: clock.drift().seconds(),
        ledger_ahead_s: clock.ledger_ahead().as_secs_f64(),
        is_unset: clock.is_unset(),
    }
}

fn item(published: &Arc<PublishedItem>) -> ItemReading {
    ItemReading {
        item_id: published.definition().id.clone(),
        depth: published.mailbox.depth(),
        handle_us: published.actor.observe().handle_us,
    }
}
