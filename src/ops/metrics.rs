//! **Job:** `GET /metrics`: everything that is observed, for Prometheus (OpenMetrics text, base units).
//! **Owns:** the names of the metrics and their labels, each with a bounded number of values.
//! **Never:** computes a rate, or has a label that a buyer can choose.

mod page;

use std::collections::BTreeMap;
use std::fmt::{self, Error};
use std::sync::Arc;
use std::time::Instant;

use actix_web::{HttpRequest, HttpResponse, web};
use doorbuster_actors::observe::CommitTrigger;
use doorbuster_actors::payment::Verdict as PaymentVerdict;
use doorbuster_actors::sale::{PublishedItem, StorageState};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;

use super::OpsState;
use super::monitor::Monitor;
use super::telemetry::Telemetry;
use super::telemetry::layers::usual_answers;
use super::telemetry::views::ByState;
use super::verdict::{Level, ReasonCode, Verdict};
use crate::http::exposition;
use crate::redis_client::{Cause, Command, CommandHealth};
use crate::webhook::{AttemptOutcome, TroubleKind};
use page::{Page, label};

/// Items with a time series of their own, the first ones: a series per item of a large catalogue would be a load for
/// Prometheus, and the sums are there anyway.
const MAX_ITEMS: usize = 100;

/// Upper bounds of times, in microseconds: from a fast disk's sync to the time after which a writer counts as stuck.
const TIMES_US: &[u64] =
    &[50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 5_000_000];

/// Upper bounds of sizes: of an empty batch, up to more than the largest `storage.max_batch` that is worth having.
const SIZES: &[u64] = &[0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1_024, 2_048, 4_096, 8_192];

/// Statuses that are counted from the start, so that an alarm hears the first one.
const USUAL_STATUSES: &[u16] =
    &[200, 201, 204, 304, 400, 401, 403, 404, 405, 406, 408, 409, 410, 411, 413, 414, 415, 422, 429, 431, 500, 503];

/// The metrics of a server.
pub struct Metrics {
    registry: Registry,
    /// Whether they are shown without the admin token.
    is_public: bool,
}

/// Everything that is observed, for Prometheus; with `Accept: text/plain` in its older text format. Open if
/// `ops.public_metrics` is set.
#[utoipa::path(get, path = "/metrics", operation_id = "scrape_metrics", tag = "observation",
    responses((status = 200, description = "A page of OpenMetrics.", body = String,
        content_type = "application/openmetrics-text")))]
pub(super) async fn read(state: web::ThinData<OpsState>, request: HttpRequest) -> HttpResponse {
    if let (false, Err(problem)) = (state.metrics.is_public, state.authorize(&request)) {
        return problem.respond();
    }
    let mut text = String::new();
    encode(&mut text, &state.metrics.registry).expect("a string takes everything");
    exposition::answer(request.headers(), text)
}

impl Metrics {
    /// Of what is observed. `is_public`: the key `ops.public_metrics`.
    #[must_use]
    pub fn of(telemetry: Arc<Telemetry>, monitor: Arc<Monitor>, is_public: bool) -> Self {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(Scrape(telemetry, monitor)));
        Self { registry, is_public }
    }
}

struct Scrape(Arc<Telemetry>, Arc<Monitor>);

impl fmt::Debug for Scrape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Scrape")
    }
}

impl Collector for Scrape {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> Result<(), Error> {
        let (telemetry, mut page) = (&*self.0, Page::on(encoder));
        verdict(&self.1.verdict(), &mut page)?;
        purchases(telemetry, &mut page)?;
        actors(telemetry, &mut page)?;
        cores(telemetry, &mut page)?;
        writer(telemetry, &mut page)?;
        items(telemetry, &mut page)?;
        payments(telemetry, &mut page)?;
        feed_and_redis(telemetry, &mut page)?;
        webhook(telemetry, &mut page)?;
        let failures = telemetry.auth_failures.total();
        page.counter("doorbuster_ops_auth_failures", "Wrong tokens on the operations listener", failures)?;
        identity(telemetry, &mut page)?;
        certificate(telemetry, &mut page)?;
        clock(telemetry, &mut page)?;
        process(telemetry, &mut page)
    }
}

fn verdict(verdict: &Verdict, page: &mut Page<'_>) -> Result<(), Error> {
    let levels = Level::ALL.map(|level| (label("level", level.as_str()), u64::from(level == verdict.level)));
    page.gauges("doorbuster_verdict", "1 for the level of the verdict on the sale", levels)?;
    let reason = |code: &ReasonCode| {
        let labels = [label("reason", code.as_str()), label("level", code.level().as_str())].concat();
        (labels, u64::from(verdict.has(*code)))
    };
    let help = "1 for each reason of the verdict, with the level that it leads to";
    page.gauges("doorbuster_verdict_reason", help, ReasonCode::ALL.iter().map(reason))
}

fn purchases(telemetry: &Telemetry, page: &mut Page<'_>) -> Result<(), Error> {
    let (layers, told) = (telemetry.layers(), telemetry.told());
    let by_outcome = told.iter().map(|(told, times)| (label("outcome", told.as_str()), times.count()));
    page.counters("doorbuster_requests", "Purchase attempts by what their buyers were told", by_outcome)?;
    let times = told.iter().map(|(told, times)| (label("outcome", told.as_str()), times));
    let help = "Time from the head of a purchase attempt to its answer, by what its buyer was told";
    page.answer_times("doorbuster_request_seconds", help, times)?;
    let passed = layers.iter().map(|layer| (label("layer", layer.name), layer.passed));
    page.counters("doorbuster_gate_passed", "Purchase attempts that a layer let pass", passed)?;
    let refused = layers.iter().flat_map(|layer| {
        let mut answered: BTreeMap<_, _> = usual_answers(layer.name).iter().map(|code| (code.as_str(), 0)).collect();
        answered.extend(&layer.answered);
        let labelled = |(code, count)| ([label("layer", layer.name), label("code", code)].concat(), count);
        answered.into_iter().map(labelled)
    });
    page.counters("doorbuster_gate_refused", "Purchase attempts that got their answer at a layer", refused)?;
    let purchases = telemetry.purchases();
    page.gauge("doorbuster_purchases_in_flight", "Purchases that wait for their answer", purchases.in_flight)?;
    page.gauge("doorbuster_purchases_max_in_flight", "Purchases that may wait at a time", purchases.max_in_flight)?;
    let mut statuses: BTreeMap<u16, u64> = USUAL_STATUSES.iter().map(|status| (*status, 0)).collect();
    for (status, count) in telemetry.responses.iter().flat_map(|worker| worker.observe()) {
        *statuses.entry(status).or_default() += count;
    }
    let statuses = statuses.into_iter().map(|(status, count)| (label("status", status), count));
    page.counters("doorbuster_http_responses", "Answers of the public listener by status", statuses)
}

fn actors(telemetry: &Telemetry, page: &mut Page<'_>) -> Result<(), Error> {
    let (mut depth, mut high_water, mut handled) = (0, 0, 0);
    for published in telemetry.sale.directory.all() {
        depth += u64::from(published.mailbox.depth());
        high_water = high_water.max(published.mailbox.high_water());
        handled += published.actor.handled_total();
    }
    let writer = &telemetry.sale.writer;
    let by_kind = |stock: u64, writer: u64| [(label("kind", "stock"), stock), (label("kind", "writer"), writer)];
    let depths = by_kind(depth, writer.mailbox.depth().into());
    page.gauges("doorbuster_mailbox_depth", "Messages that wait, over all actors of a kind", depths)?;
    let marks = by_kind(high_water.into(), writer.mailbox.high_water().into());
    page.gauges("doorbuster_mailbox_high_water", "Most messages that ever waited for one actor of a kind", marks)?;
    let totals = by_kind(handled, writer.actor.handled_total());
    page.counters("doorbuster_actor_messages", "Messages handled, over all actors of a kind", totals)
}

fn cores(telemetry: &Telemetry, page: &mut Page<'_>) -> Result<(), Error> {
    let cores = telemetry.cores();
    let busy = cores.iter().filter_map(|core| Some((label("core", core.core), core.busy_s?)));
    page.counters("doorbuster_core_busy_seconds", "CPU seconds of the thread of a core", busy)?;
    let messages = cores.iter().map(|core| (label("core", core.core), core.messages_total));
    page.counters("doorbuster_core_messages", "Messages delivered to actors of a core", messages)?;
    let crossed = cores.iter().map(|core| (label("core", core.core), core.crossed_total));
    page.counters("doorbuster_core_crossed_messages", "Messages that came to a core from another thread", crossed)
}

fn writer(telemetry: &Telemetry, page: &mut Page<'_>) -> Result<(), Error> {
    let writer = &telemetry.sale.writer;
    let commits =
        CommitTrigger::ALL.iter().map(|trigger| (label("trigger", trigger.as_str()), writer.commits(*trigger)));
    page.counters("doorbuster_writer_commits", "Commits by the reason for which their batch was closed", commits)?;
    page.counter("doorbuster_writer_orders", "Orders committed", writer.ledger.passed())?;
    page.counter("doorbuster_writer_entries", "Entries committed", writer.entries())?;
    let measured = writer.commits_measured();
    page.sizes("doorbuster_writer_batch_orders", "Orders per commit", &measured.orders, SIZES)?;
    page.sizes("doorbuster_writer_batch_entries", "Entries per commit", &measured.batch, SIZES)?;
    page.times("doorbuster_writer_commit_seconds", "Time of a commit", &measured.commit_us, TIMES_US)?;
    let help = "Time of the COMMIT statement in it: writing the log, and the sync";
    page.times("doorbuster_writer_sync_seconds", help, &measured.sync_us, TIMES_US)?;
    let is_open = u64::from(telemetry.sale.status.storage() == StorageState::Open);
    page.gauge("doorbuster_storage_writable", "1 if the ledger can be written", is_open)?;
    let storage = telemetry.storage();
    page.gauge("doorbuster_storage_file_bytes", "Size of the data file", storage.file_bytes)?;
    page.gauge("doorbuster_storage_wal_bytes", "Size of its write-ahead log", storage.wal_bytes)?;
    let help = "Bytes of the log while another program keeps it from beginning anew, once they are too many; else 0";
    page.gauge("doorbuster_storage_pinned_wal_bytes", help, telemetry.sale.status.pinned_log_bytes())?;
    page.gauge("doorbuster_disk_free_bytes", "What is left on the disk of the data file", storage.disk_free_bytes)?;
    page.gauge("doorbuster_disk_size_bytes", "Size of that disk", storage.disk_total_bytes)
}

fn items(telemetry: &Telemetry, page: &mut Page<'_>) -> Result<(), Error> {
    let published_items = telemetry.sale.directory.page(None, MAX_ITEMS);
    let remaining =
        published_items.iter().map(|item| (label("item_id", &item.definition().id), item.remaining().into()));
    let help = "Units that nobody holds, of the first 100 items in the order of their ids";
    page.gauges::<u64>("doorbuster_stock_remaining", help, remaining)?;
    let supply = published_items.iter().map(|item| (label("item_id", &item.definition().id), item.supply().into()));
    let help = "First stock and restocks, of the first 100 items in the order of their ids";
    page.gauges::<u64>("doorbuster_stock_supply", help, supply)?;
    let all = telemetry.sale.directory.all();
    let sum = |units: fn(&PublishedItem) -> u32| all.iter().map(|item| u64::from(units(item))).sum::<u64>();
    page.gauge("doorbuster_units_remaining", "Units that nobody holds, of all items", sum(PublishedItem::remaining))?;
    page.gauge("doorbuster_units_supply", "First stock and restocks, of all items", sum(PublishedItem::supply))?;
    let states = ByState::of(&all, telemetry.sale.clock.now()).named();
    let states = states.map(|(state, count)| (label("state", state), count));
    page.gauges("doorbuster_items_in_state", "Items by the state of their sale", states)?;
    page.gauge("doorbuster_items", "Items", all.len())?;
    let help = "Items without a series of doorbuster_stock_remaining and _supply of their own";
    page.gauge("doorbuster_items_not_shown", help, all.len().saturating_sub(MAX_ITEMS))?;
    let help = "Money that came and has to go back, in minor units of its currency";
    let owed = telemetry.owed().into_iter();
    let owed = owed.map(|owed| (label("currency", owed.currency), owed.amount.minor().unsigned_abs()));
    page.gauges("doorbuster_refunds_due", help, owed)
}

/// Every verdict of each provider that is in use, from the start: an alarm needs the 0 before the 1.
fn payments(telemetry: &Telemetry, page: &mut Page<'_>) -> Result<(), Error> {
    let counters = &telemetry.sale.payments;
    // No event says that an operator cancelled a paid order.
    let is_told = |verdict: &PaymentVerdict| *verdict != PaymentVerdict::Cancelled;
    let verdicts = || PaymentVerdict::ALL.iter().copied().filter(is_told);
    let counted = telemetry.providers.iter().flat_map(|provider| {
        verdicts().map(|verdict| {
            let labels = [label("provider", provider.as_str()), label("verdict", verdict.as_str())].concat();
            (labels, counters.get(*provider, verdict))
        })
    });
    let help = "Events of payment providers that are on record, by what they meant";
    page.counters("doorbuster_payments", help, counted)
}

fn feed_and_redis(telemetry: &Telemetry, page: &mut Page<'_>) -> Result<(), Error> {
    let lag = telemetry.sinks().into_iter().map(|sink| (label("sink", sink.sink), sink.lag_entries));
    page.gauges("doorbuster_feed_lag_entries", "Committed entries that a sink's consumer has not confirmed", lag)?;
    let Some(redis) = telemetry.redis() else { return Ok(()) };
    page.counter("doorbuster_redis_calls", "Calls of the gate to Redis", redis.calls_total)?;
    page.counter("doorbuster_redis_failures", "Calls that failed", redis.failures_total)?;
    page.counter("doorbuster_redis_timeouts", "Calls that were not answered in time", redis.timeouts_total)?;
    page.counter("doorbuster_redis_breaker_opened", "How often a circuit breaker opened", redis.opened_total)?;
    let is_open = u64::from(redis.state != "closed");
    page.gauge("doorbuster_redis_breaker_open", "1 while Redis is not asked, or only probed", is_open)?;
    commands_of_redis(telemetry, page)
}

/// Every cause of every kind of command that is in use, from the start: an alarm needs the 0 before the 1.
fn commands_of_redis(telemetry: &Telemetry, page: &mut Page<'_>) -> Result<(), Error> {
    let Some(redis) = &telemetry.redis else { return Ok(()) };
    let seen = redis.health().observe(Instant::now());
    let labels =
        |command: Command, cause: Cause| [label("command", command.as_str()), label("cause", cause.as_str())].concat();
    let causes = |seen: &CommandHealth| {
        Cause::ALL.iter().map({
            let command = seen.command;
            move |cause| (command, *cause)
        })
    };
    let failing = seen.iter().flat_map(|seen| {
        let now = seen.failing.as_ref().map(|failure| failure.cause);
        causes(seen).map(move |(command, cause)| (labels(command, cause), u64::from(now == Some(cause))))
    });
    let help = "1 while a kind of Redis command fails, for the cause of it";
    page.gauges("doorbuster_redis_command_failing", help, failing)?;
    let failures = seen
        .iter()
        .flat_map(|seen| causes(seen).map(|(command, cause)| (labels(command, cause), seen.failures[cause as usize])));
    let help = "Redis commands that failed, by kind and cause";
    page.counters("doorbuster_redis_command_failures", help, failures)
}

/// Every outcome from the start, if there is a webhook.
fn webhook(telemetry: &Telemetry, page: &mut Page<'_>) -> Result<(), Error> {
    let Some(webhook) = &telemetry.webhook else { return Ok(()) };
    let standing = webhook.standing();
    let attempts = AttemptOutcome::ALL.map(|outcome| (label("outcome", outcome.as_str()), standing.attempts(outcome)));
    page.counters("doorbuster_webhook_attempts", "Attempts to deliver an order event, by outcome", attempts)?;
    let settled = [("delivered", standing.delivered()), ("dead", standing.given_up())];
    let settled = settled.map(|(outcome, count)| (label("outcome", outcome), count));
    page.counters("doorbuster_webhook_deliveries", "Order events that were accepted, and given up (dead)", settled)?;
    page.gauge("doorbuster_webhook_pending", "Order events that are still to be accepted", standing.pending())?;
    page.gauge("doorbuster_webhook_dead", "Order events on the list of those given up", standing.dead())?;
    let now = standing.trouble().map(|trouble| trouble.kind);
    let troubles = TroubleKind::ALL.map(|kind| (label("cause", kind.as_str()), u64::from(now == Some(kind))));
    page.gauges("doorbuster_webhook_trouble", "1 while order events are not delivered, for the cause of it", troubles)
}

fn identity(telemetry: &Telemetry, page: &mut Page<'_>) -> Result<(), Error> {
    let refused = telemetry.identity.refused().map(|(cause, count)| (label("cause", cause.as_str()), count));
    page.counters("doorbuster_auth_refused", "Requests of the public listener from nobody known, by cause", refused)?;
    let is_stale = u64::from(telemetry.identity.has_stale_keys().unwrap_or(false));
    let help = "1 while auth.jwt_jwks_file cannot be used and the keys from before are in force";
    page.gauge("doorbuster_auth_keys_stale", help, is_stale)
}

fn certificate(telemetry: &Telemetry, page: &mut Page<'_>) -> Result<(), Error> {
    let ends_at = telemetry.tls.iter().map(|tls| (label("listener", "public"), tls.ends_at()));
    let help = "End of the certificate of a listener that speaks TLS, in Unix time";
    page.gauges("doorbuster_tls_certificate_expires_seconds", help, ends_at)
}

fn clock(telemetry: &Telemetry, page: &mut Page<'_>) -> Result<(), Error> {
    let clock = &telemetry.sale.clock;
    let help = "Wall clock less server time: not about 0 after the wall clock was set";
    page.gauge("doorbuster_clock_drift_seconds", help, clock.drift().seconds())?;
    let help = "How far the ledger ends ahead of server time: not 0 after it was written by a wrong clock";
    page.gauge("doorbuster_clock_ledger_ahead_seconds", help, clock.ledger_ahead().as_secs_f64())
}

fn process(telemetry: &Telemetry, page: &mut Page<'_>) -> Result<(), Error> {
    let version = [(label("version", env!("CARGO_PKG_VERSION")), 1_u64)];
    page.gauges("doorbuster_build", "1, with the version of the server", version)?;
    page.gauge("doorbuster_uptime_seconds", "Seconds since the start", telemetry.uptime_s())?;
    let Some(process) = telemetry.process.view() else { return Ok(()) };
    page.counter("process_cpu_seconds", "CPU seconds of the process", process.cpu_s)?;
    page.gauge("process_resident_memory_bytes", "Memory in RAM", process.resident_bytes)?;
    page.gauge("process_start_time_seconds", "Start of the process, in Unix time", process.started_s)?;
    page.gauge("process_open_fds", "Open files and connections", process.open_fds)?;
    page.gauge("process_max_fds", "How many may be open", process.max_fds)?;
    page.gauge("process_threads", "Threads", process.threads)
}
