//! **Job:** the rules of the verdict, one function each.
//! **Owns:** their thresholds, the order in which bad news come, and their texts.
//! **Never:** decides about a purchase, or says the same with other figures elsewhere.

use doorbuster_actors::sale::StorageState;

use super::clock;
use super::reading::{Evidence, ItemReading, Reading, TROUBLE};
use super::reason::{Finding, ReasonCode};
use super::text::{bytes, count, duration, percent};
use super::window;
use crate::redis_client::{Cause, Trouble};
use crate::webhook::TroubleKind;

/// Percent of the purchases that may be in flight from which the server counts as nearly at capacity: past all of them,
/// buyers get 503.
const NEAR_CAPACITY_PERCENT: usize = 80;

/// Decisions waiting at the writer from which it counts as stalled if it does not commit: a few full batches.
const STALLED_QUEUE: u32 = 1_000;

/// p99 of a commit that is reported. Requests are answered within 5 s; a tenth of it is no accident any more.
const SLOW_COMMIT_US: u64 = 500_000;

/// Entries behind from which a growing lag of the feed is reported: less is one breath of a busy consumer.
const FEED_BEHIND_ENTRIES: u64 = 1_000;

/// Wrong tokens in about 10 s that are reported: the operator's own mistake is one or two.
const WRONG_TOKENS: u64 = 3;

/// p99 of handling a message that is reported. A decision takes a few microseconds.
const SLOW_ITEM_US: u64 = 10_000;

/// Percent of its mailbox in use from which an item is reported: a thousand times what waits in a busy sale.
const FULL_MAILBOX_PERCENT: usize = 50;

/// A disk counts as nearly full below a tenth of it, where that is less than a gibibyte: room for millions of orders,
/// and on a small volume for the time that it takes somebody to come.
const SMALL_DISK_SHARE: u64 = 10;
const FREE_ENOUGH_BYTES: u64 = 1 << 30;

/// Items that a sentence names; the others are counted.
const NAMED: usize = 3;

/// What stops the sale.
pub(super) fn stopping(evidence: &Evidence<'_>) -> Vec<Finding> {
    let rules = [storage, closing, starting, balance, stalled, gate_closed];
    rules.iter().filter_map(|rule| rule(evidence)).collect()
}

/// What makes it worse than it should be.
pub(super) fn degrading(evidence: &Evidence<'_>) -> Vec<Finding> {
    let now = evidence.now;
    let now_only = [near_capacity, nearly_full, pinned_log];
    let mut found: Vec<_> = now_only.iter().filter_map(|rule| rule(now)).collect();
    found.extend(redis(now));
    found.extend(clock::findings(now));
    if let Some(earlier) = evidence.earlier {
        found.extend(trouble(now, earlier));
        found.extend(slow_commits(now, earlier));
        found.extend(wrong_tokens(now, earlier));
        found.extend(behind(now, earlier));
    }
    found.extend(webhook(now));
    found.extend(struggling(now, evidence.earlier));
    found
}

fn storage(evidence: &Evidence<'_>) -> Option<Finding> {
    let (code, short, text) = match evidence.switches.storage {
        StorageState::Open => return None,
        StorageState::Full => (
            ReasonCode::StorageFull,
            "the disk is full",
            "Nothing can be written, so nothing is sold. The sale goes on by itself once there is room.",
        ),
        StorageState::Locked => (
            ReasonCode::StorageLocked,
            "the data file is locked",
            "Another process holds the data file. The sale goes on by itself once it lets go.",
        ),
        StorageState::Moved => (
            ReasonCode::StorageMoved,
            "the data file was moved or deleted",
            "The files that are open have lost their names, so nothing is sold. The server's log says how to get them \
             back.",
        ),
        StorageState::Stalled => (
            ReasonCode::StorageStalled,
            "the disk does not answer",
            "A commit has stood still for seconds, so nothing is sold. The sale goes on by itself when the disk does; \
             who waited was told that the outcome is unknown.",
        ),
    };
    Some(Finding::new(code, short, text))
}

fn closing(evidence: &Evidence<'_>) -> Option<Finding> {
    let text = "It answers the purchases in flight and admits no others.";
    evidence.switches.is_closing.then(|| Finding::new(ReasonCode::Closing, "the server is closing", text))
}

fn starting(evidence: &Evidence<'_>) -> Option<Finding> {
    let text = "Not every thread of the sale has started yet.";
    (!evidence.switches.is_complete).then(|| Finding::new(ReasonCode::Starting, "the server is starting", text))
}

fn balance(evidence: &Evidence<'_>) -> Option<Finding> {
    let unbalanced = evidence.unbalanced;
    if unbalanced.is_empty() {
        return None;
    }
    let first: Vec<_> = unbalanced.iter().take(NAMED).map(ToString::to_string).collect();
    let more = unbalanced.len() - first.len();
    let names = first.join(", ") + &if more > 0 { format!(" and {more} more") } else { String::new() };
    let text =
        format!("Remaining and live units do not make up the supply of {names}. Pause it and run “doorbuster verify”.");
    Some(Finding::new(ReasonCode::BalanceWrong, format!("the balance of {names} does not add up"), text))
}

fn stalled(evidence: &Evidence<'_>) -> Option<Finding> {
    let (now, recent) = (evidence.now, evidence.recent?);
    let is_stalled = now.writer_queue >= STALLED_QUEUE && now.commits == recent.commits;
    let text = || {
        let waiting = count(now.writer_queue);
        format!("{waiting} decisions wait for the ledger, and nothing was committed in the last seconds.")
    };
    is_stalled.then(|| Finding::new(ReasonCode::CommitsStalled, "the writer does not commit", text()))
}

fn near_capacity(now: &Reading) -> Option<Finding> {
    let is_near = now.in_flight * 100 >= now.max_in_flight * NEAR_CAPACITY_PERCENT && now.in_flight > 0;
    let text = || {
        let (inside, most) = (now.in_flight as u64, now.max_in_flight as u64);
        let share = percent(inside, most);
        format!(
            "{} of {} purchases in flight ({share}). At the limit, buyers are told to come back.",
            count(inside),
            count(most)
        )
    };
    is_near.then(|| Finding::new(ReasonCode::NearCapacity, "nearly at capacity", text()))
}

fn nearly_full(now: &Reading) -> Option<Finding> {
    let (free, total) = (now.disk_free_bytes, now.disk_total_bytes);
    let is_nearly_full = free < (total / SMALL_DISK_SHARE).min(FREE_ENOUGH_BYTES);
    let text = || {
        let (left, of) = (bytes(free), bytes(total));
        format!("{left} of {of} are left on the disk of the data file. Make room: on a full disk nothing is sold.")
    };
    is_nearly_full.then(|| Finding::new(ReasonCode::DiskNearlyFull, "the disk is nearly full", text()))
}

fn pinned_log(now: &Reading) -> Option<Finding> {
    let text = || {
        let log = bytes(now.pinned_log_bytes);
        format!(
            "Another program reads the data file and keeps its write-ahead log ({log}) from beginning anew: it grows \
             with every order. End that program; the space comes back by itself."
        )
    };
    let short = "another program pins the write-ahead log";
    (now.pinned_log_bytes > 0).then(|| Finding::new(ReasonCode::LogPinned, short, text()))
}

fn gate_closed(evidence: &Evidence<'_>) -> Option<Finding> {
    let text = || {
        let first = evidence.now.redis_troubles.iter().find(|trouble| trouble.command.decides());
        let advice = first.map_or("", |trouble| trouble.failure.cause.advice());
        format!("A layer of the gate needs Redis, and “redis.on_error” is “closed”: nobody can buy. {advice}")
    };
    evidence
        .now
        .is_gate_closed
        .then(|| Finding::new(ReasonCode::GateClosed, "the gate is closed without Redis", text()))
}

/// Redis is away as a whole, or refuses what it will go on refusing until somebody changes something.
fn redis(now: &Reading) -> Vec<Finding> {
    let away = |trouble: &&Trouble| !trouble.failure.cause.needs_somebody();
    let is_away = now.redis_troubles.iter().any(|trouble| away(&trouble));
    let only_open = now.is_redis_away && now.redis_troubles.is_empty();
    let mut found = Vec::new();
    if is_away || only_open {
        let what = if only_open { "The circuit breaker of Redis is open.".to_owned() } else { told(now, away) };
        let text = format!("{what} No promise rests on Redis.");
        found.push(Finding::new(ReasonCode::RedisUnavailable, "Redis does not answer", text));
    }
    let refusals = told(now, |trouble| !away(trouble));
    if !refusals.is_empty() {
        found.push(Finding::new(ReasonCode::RedisRefuses, "Redis refuses commands", refusals));
    }
    found
}

/// Causes, each with the kinds of commands that have it, what that means and what to do.
fn told(now: &Reading, is_meant: impl Fn(&&Trouble) -> bool) -> String {
    let mut sentences = Vec::new();
    for cause in Cause::ALL {
        let failing = |trouble: &&Trouble| trouble.failure.cause == *cause && is_meant(trouble);
        let troubles: Vec<_> = now.redis_troubles.iter().filter(failing).collect();
        let Some(first) = troubles.first() else { continue };
        let kinds: Vec<_> = troubles.iter().map(|trouble| trouble.command.as_str()).collect();
        let code = first.failure.code.as_deref().map(|code| format!(", {code}")).unwrap_or_default();
        sentences.push(format!("Failing: {} ({}{code}). {}", kinds.join(", "), cause.as_str(), cause.advice()));
        let mut consequences: Vec<_> =
            troubles.iter().map(|trouble| trouble.command.consequence().to_owned()).collect();
        consequences.dedup();
        sentences.append(&mut consequences);
    }
    sentences.join(" ")
}

/// Seconds between two readings, at least one.
fn seconds(now: &Reading, earlier: &Reading) -> String {
    format!("{:.0}\u{a0}s", (now.uptime_s - earlier.uptime_s).max(1.0))
}

fn trouble(now: &Reading, earlier: &Reading) -> Vec<Finding> {
    let grown = now.troubled.iter().zip(earlier.troubled).map(|(now, before)| now.saturating_sub(before));
    let finding = |((_, code, words), grown): ((_, _, &str), u64)| {
        let text = format!("{} × {words} in the last {}.", count(grown), seconds(now, earlier));
        (grown > 0).then(|| Finding::new(code, format!("attempts fail: {words}"), text))
    };
    TROUBLE.into_iter().zip(grown).filter_map(finding).collect()
}

fn slow_commits(now: &Reading, earlier: &Reading) -> Option<Finding> {
    let p99 = window::p99(&now.commit_us, &earlier.commit_us).filter(|p99| *p99 >= SLOW_COMMIT_US)?;
    let text = format!("One commit in a hundred takes {} or longer. Look at the disk.", duration(p99));
    Some(Finding::new(ReasonCode::CommitsSlow, "commits are slow", text))
}

fn wrong_tokens(now: &Reading, earlier: &Reading) -> Option<Finding> {
    let wrong = now.wrong_tokens.saturating_sub(earlier.wrong_tokens);
    let text = || {
        format!(
            "{} wrong tokens came to the operations listener in the last {}. Buyers do not notice. See who can reach \
             it; the log names the first address.",
            count(wrong),
            seconds(now, earlier)
        )
    };
    (wrong >= WRONG_TOKENS).then(|| Finding::new(ReasonCode::TokensGuessed, "somebody tries tokens", text()))
}

fn behind(now: &Reading, earlier: &Reading) -> Vec<Finding> {
    let finding = |(sink, lag): &(&'static str, u64)| {
        let before = earlier.lags.iter().find(|(other, _)| other == sink).map_or(*lag, |(_, lag)| *lag);
        let text = || {
            format!("{} entries have not reached “{sink}” yet, and it gets more. Buyers do not notice.", count(*lag))
        };
        let is_behind = *lag >= FEED_BEHIND_ENTRIES && *lag > before;
        is_behind.then(|| Finding::new(ReasonCode::FeedBehind, format!("the feed “{sink}” falls behind"), text()))
    };
    now.lags.iter().filter_map(finding).collect()
}

fn webhook(now: &Reading) -> Option<Finding> {
    let trouble = now.webhook_trouble.as_ref()?;
    let short = match trouble.kind {
        TroubleKind::Gone => "the webhook's receiver is gone",
        TroubleKind::OtherLedger => "the webhook's file is of another ledger",
        TroubleKind::Storage => "the webhook's file cannot be used",
        TroubleKind::Failing => "the webhook does not accept order events",
    };
    Some(Finding::new(ReasonCode::WebhookFailing, short, format!("{} Buyers do not notice.", trouble.text)))
}

fn struggling(now: &Reading, earlier: Option<&Reading>) -> Vec<Finding> {
    let of_item = |item: &ItemReading| {
        let before = earlier.and_then(|earlier| earlier.busiest.iter().find(|other| other.item_id == item.item_id));
        [before.and_then(|before| slow_item(item, before)), full_mailbox(item, now.mailbox_capacity)]
    };
    now.busiest.iter().flat_map(of_item).flatten().collect()
}

fn slow_item(now: &ItemReading, before: &ItemReading) -> Option<Finding> {
    let p99 = window::p99(&now.handle_us, &before.handle_us).filter(|p99| *p99 >= SLOW_ITEM_US)?;
    let item = &now.item_id;
    let text = format!("The actor of {item} needs {} for a message (p99); a few µs are normal.", duration(p99));
    Some(Finding::new(ReasonCode::ItemSlow, format!("{item} is slow"), text))
}

fn full_mailbox(now: &ItemReading, capacity: usize) -> Option<Finding> {
    let (item, depth) = (&now.item_id, now.depth as usize);
    let text = || {
        let share = percent(now.depth.into(), capacity as u64);
        format!("{} messages wait at {item}, {share} of its mailbox.", count(now.depth))
    };
    let is_full = depth > 0 && depth * 100 >= capacity * FULL_MAILBOX_PERCENT;
    is_full.then(|| Finding::new(ReasonCode::MailboxFilling, format!("the mailbox of {item} fills up"), text()))
}

/// Nothing is wrong. What is going on then?
pub(super) fn healthy(evidence: &Evidence<'_>) -> Finding {
    let items = evidence.now.items;
    let total = |count: usize| text_of_items(count);
    match (items.open, items.paused, items.scheduled, items.sold_out, items.closed) {
        (0, 0, 0, 0, 0) => {
            Finding::new(ReasonCode::NoItems, "nothing to sell yet", "There is no item. Create one to begin.")
        }
        (0, paused @ 1.., ..) => {
            let text = format!("No item is on sale; {} paused by an operator.", total(paused));
            Finding::new(ReasonCode::Paused, "paused", text)
        }
        (0, 0, scheduled @ 1.., ..) => {
            let text = format!("No item is on sale yet; {} scheduled.", total(scheduled));
            Finding::new(ReasonCode::Scheduled, "waiting for the opening", text)
        }
        (0, 0, 0, 1.., _) => {
            let text = "Every open item is sold out. Released units go on sale again at once.";
            Finding::new(ReasonCode::SoldOut, "sold out", text)
        }
        (0, 0, 0, 0, 1..) => Finding::new(ReasonCode::Closed, "closed", "Every item is closed."),
        (open @ 1.., ..) => on_sale(evidence, &total(open)),
    }
}

fn text_of_items(items: usize) -> String {
    format!("{} {}", count(items as u64), if items == 1 { "item" } else { "items" })
}

fn on_sale(evidence: &Evidence<'_>, items: &str) -> Finding {
    let Some(recent) = evidence.recent else {
        return Finding::new(ReasonCode::Open, "open", format!("{items} on sale."));
    };
    if evidence.now.orders > recent.orders {
        let text = format!("{items} on sale; orders are durable, storage and queues are fine.");
        return Finding::new(ReasonCode::Selling, "selling", text);
    }
    if evidence.now.attempts > recent.attempts {
        let text = format!("{items} on sale; the funnel says why nobody gets through right now.");
        return Finding::new(ReasonCode::AllRefused, "open, every attempt is refused", text);
    }
    Finding::new(ReasonCode::NoBuyers, "waiting for buyers", format!("{items} on sale, and nobody asks."))
}
