//! **Job:** each rule on its own: what makes it speak, and that one step below its threshold it is silent.
//! **Owns:** the table; a rule that is removed, moved or given another threshold fails its row.
//! **Never:** needs a server.

use std::collections::BTreeSet;

use doorbuster_actors::observe::DistributionSnapshot;
use doorbuster_actors::sale::StorageState;

use super::reading::{ItemReading, Reading, Switches, TROUBLE};
use super::*;
use crate::ops::telemetry::views::ByState;
use crate::redis_client::{Cause, Command, Failure, Trouble};
use crate::webhook;

/// A server that sells, with what a rule looks at changed.
struct Scene {
    switches: Switches,
    now: Reading,
    recent: Reading,
    earlier: Reading,
    unbalanced: BTreeSet<doorbuster_actors::ids::ItemId>,
}

impl Scene {
    fn selling() -> Self {
        let now = Reading {
            uptime_s: 100.0,
            in_flight: 3,
            max_in_flight: 100,
            attempts: 900,
            orders: 600,
            commits: 60,
            mailbox_capacity: 100,
            items: ByState { open: 2, ..ByState::default() },
            lags: vec![("pull", 5)],
            busiest: vec![item(0)],
            ..Reading::default()
        };
        let recent = Reading { uptime_s: 97.0, attempts: 800, orders: 500, commits: 50, ..now.clone() };
        let earlier = Reading { uptime_s: 90.0, attempts: 700, orders: 400, commits: 40, ..now.clone() };
        let switches = Switches { storage: StorageState::Open, is_closing: false, is_complete: true };
        Self { switches, now, recent, earlier, unbalanced: BTreeSet::new() }
    }

    fn judge(&self) -> Verdict {
        let Self { switches, now, recent, earlier, unbalanced } = self;
        judge(&Evidence { switches: *switches, now, recent: Some(recent), earlier: Some(earlier), unbalanced })
    }
}

/// The verdict on a server that sells, except for `change`.
fn verdict(change: impl FnOnce(&mut Scene)) -> Verdict {
    let mut scene = Scene::selling();
    change(&mut scene);
    scene.judge()
}

fn codes(verdict: &Verdict) -> Vec<ReasonCode> {
    verdict.reasons.iter().map(|reason| reason.code).collect()
}

/// As many values as `count`, all in the bucket below `bound`.
fn values(count: u64, bound: u64) -> DistributionSnapshot {
    DistributionSnapshot { count, max: bound, buckets: vec![(bound, count)], ..DistributionSnapshot::default() }
}

fn item(depth: u32) -> ItemReading {
    ItemReading { item_id: "lamp".parse().unwrap(), depth, handle_us: DistributionSnapshot::default() }
}

type Change = fn(&mut Scene);

/// What is changed, the headline and a part of the text; and what is changed one step less, which is fine.
const RULES: [(ReasonCode, Change, &str, &str, Change); 23] = [
    (
        ReasonCode::StorageFull,
        |scene| scene.switches.storage = StorageState::Full,
        "Stopped: the disk is full",
        "once there is room",
        |_| {},
    ),
    (
        ReasonCode::StorageStalled,
        |scene| scene.switches.storage = StorageState::Stalled,
        "Stopped: the disk does not answer",
        "goes on by itself when the disk does",
        |_| {},
    ),
    (
        ReasonCode::DiskNearlyFull,
        |scene| (scene.now.disk_free_bytes, scene.now.disk_total_bytes) = ((1 << 30) - 1, 1 << 40),
        "Degraded: the disk is nearly full",
        "Make room",
        |scene| (scene.now.disk_free_bytes, scene.now.disk_total_bytes) = (10 << 20, 100 << 20),
    ),
    (
        ReasonCode::LogPinned,
        |scene| scene.now.pinned_log_bytes = 40 << 20,
        "Degraded: another program pins the write-ahead log",
        "(40.00\u{a0}MiB)",
        |_| {},
    ),
    (
        ReasonCode::StorageLocked,
        |scene| scene.switches.storage = StorageState::Locked,
        "Stopped: the data file is locked",
        "Another process holds the data file.",
        |_| {},
    ),
    (
        ReasonCode::StorageMoved,
        |scene| scene.switches.storage = StorageState::Moved,
        "Stopped: the data file was moved or deleted",
        "have lost their names",
        |_| {},
    ),
    (
        ReasonCode::Closing,
        |scene| scene.switches.is_closing = true,
        "Stopped: the server is closing",
        "admits no others",
        |_| {},
    ),
    (
        ReasonCode::Starting,
        |scene| scene.switches.is_complete = false,
        "Stopped: the server is starting",
        "Not every thread",
        |_| {},
    ),
    (
        ReasonCode::BalanceWrong,
        |scene| scene.unbalanced = ["a", "b", "c", "d", "e"].map(|id| id.parse().unwrap()).into(),
        "Stopped: the balance of a, b, c and 2 more does not add up",
        "the supply of a, b, c and 2 more. Pause it",
        |_| {},
    ),
    (
        ReasonCode::CommitsStalled,
        |scene| (scene.now.writer_queue, scene.now.commits) = (1_000, scene.recent.commits),
        "Stopped: the writer does not commit",
        "1,000 decisions wait for the ledger",
        |scene| (scene.now.writer_queue, scene.now.commits) = (999, scene.recent.commits),
    ),
    (
        ReasonCode::GateClosed,
        |scene| scene.now.is_gate_closed = true,
        "Stopped: the gate is closed without Redis",
        "nobody can buy",
        |_| {},
    ),
    (
        ReasonCode::NearCapacity,
        |scene| scene.now.in_flight = 80,
        "Degraded: nearly at capacity",
        "80 of 100 purchases in flight (80\u{a0}%).",
        |scene| scene.now.in_flight = 79,
    ),
    (
        ReasonCode::RedisUnavailable,
        |scene| scene.now.is_redis_away = true,
        "Degraded: Redis does not answer",
        "No promise rests on Redis.",
        |_| {},
    ),
    (
        ReasonCode::ClockUnset,
        |scene| scene.now.clock.is_unset = true,
        "Degraded: the clock was not set at the start",
        "Set it (NTP)",
        |_| {},
    ),
    (
        ReasonCode::ClockDrift,
        |scene| scene.now.clock.drift_s = -10_800.5,
        "Degraded: server time is not the wall clock's",
        "The wall clock is 3h 1s behind server time",
        |scene| scene.now.clock.drift_s = -10.0,
    ),
    (
        ReasonCode::LedgerAhead,
        |scene| scene.now.clock.ledger_ahead_s = 90.0,
        "Degraded: the ledger is ahead of the clock",
        "The ledger ends 1m 30s ahead of server time",
        |_| {},
    ),
    (
        ReasonCode::RedisRefuses,
        |scene| scene.now.redis_troubles.push(trouble(Command::PoolTake, Cause::NoPermission)),
        "Degraded: Redis refuses commands",
        "Failing: pool_take (no_permission). The account lacks a permission",
        |_| {},
    ),
    (
        ReasonCode::CommitsSlow,
        |scene| (scene.now.commit_us, scene.earlier.commit_us) = (values(9, 500_000), values(8, 500_000)),
        "Degraded: commits are slow",
        "takes 500\u{a0}ms or longer",
        |scene| (scene.now.commit_us, scene.earlier.commit_us) = (values(9, 499_999), values(8, 499_999)),
    ),
    (
        ReasonCode::TokensGuessed,
        |scene| (scene.now.wrong_tokens, scene.earlier.wrong_tokens) = (8, 5),
        "Degraded: somebody tries tokens",
        "3 wrong tokens came to the operations listener in the last 10\u{a0}s.",
        |scene| (scene.now.wrong_tokens, scene.earlier.wrong_tokens) = (8, 6),
    ),
    (
        ReasonCode::FeedBehind,
        |scene| (scene.now.lags, scene.earlier.lags) = (vec![("pull", 1_000)], vec![("pull", 999)]),
        "Degraded: the feed “pull” falls behind",
        "1,000 entries have not reached “pull” yet",
        |scene| (scene.now.lags, scene.earlier.lags) = (vec![("pull", 999)], vec![("pull", 5)]),
    ),
    (
        ReasonCode::WebhookFailing,
        |scene| {
            let text = "No order events are sent: the receiver answered 410 Gone.".to_owned();
            scene.now.webhook_trouble = Some(webhook::Trouble { kind: webhook::TroubleKind::Gone, text });
        },
        "Degraded: the webhook's receiver is gone",
        "answered 410 Gone. Buyers do not notice.",
        |_| {},
    ),
    (
        ReasonCode::ItemSlow,
        |scene| {
            (scene.now.busiest[0].handle_us, scene.earlier.busiest[0].handle_us) =
                (values(9, 10_000), values(8, 10_000));
        },
        "Degraded: lamp is slow",
        "needs 10\u{a0}ms for a message (p99)",
        |scene| {
            (scene.now.busiest[0].handle_us, scene.earlier.busiest[0].handle_us) = (values(9, 9_999), values(8, 9_999));
        },
    ),
    (
        ReasonCode::MailboxFilling,
        |scene| scene.now.busiest[0].depth = 50,
        "Degraded: the mailbox of lamp fills up",
        "50 messages wait at lamp, 50\u{a0}% of its mailbox.",
        |scene| scene.now.busiest[0].depth = 49,
    ),
];

#[test]
fn each_rule_speaks_at_its_threshold_and_not_below() {
    for (code, bad, headline, text, fine) in RULES {
        let found = verdict(bad);
        assert_eq!((codes(&found), found.headline.as_str()), (vec![code], headline));
        let reason = &found.reasons[0];
        assert!(reason.text.contains(text), "{code:?}: {}", reason.text);
        assert_eq!((reason.severity, found.level), (code.level(), code.level()));
        assert_eq!(verdict(fine).level, Level::Healthy, "{code:?}, one step less");
    }
}

#[test]
fn each_answer_that_means_trouble_is_a_reason_while_it_grows() {
    for (at, (_, code, words)) in TROUBLE.into_iter().enumerate() {
        let found = verdict(|scene| (scene.now.troubled[at], scene.earlier.troubled[at]) = (1_207, 7));
        assert_eq!((codes(&found), found.headline), (vec![code], format!("Degraded: attempts fail: {words}")));
        assert_eq!(found.reasons[0].text, format!("1,200 × {words} in the last 10\u{a0}s."));
        let over = verdict(|scene| (scene.now.troubled[at], scene.earlier.troubled[at]) = (7, 7));
        assert_eq!(over.level, Level::Healthy, "{code:?} of long ago");
    }
}

fn trouble(command: Command, cause: Cause) -> Trouble {
    Trouble { command, failure: Failure { cause, code: None } }
}

#[test]
fn kinds_of_redis_commands_with_one_cause_share_a_sentence() {
    let found = verdict(|scene| {
        let unreachable = [Command::Throttle, Command::PoolTake].map(|kind| trouble(kind, Cause::Unreachable));
        scene.now.redis_troubles.extend(unreachable);
        scene.now.redis_troubles.push(trouble(Command::FeedPublish, Cause::OutOfMemory));
    });
    assert_eq!(codes(&found), [ReasonCode::RedisUnavailable, ReasonCode::RedisRefuses]);
    let texts: Vec<_> = found.reasons.iter().map(|reason| reason.text.as_str()).collect();
    assert!(texts[0].starts_with("Failing: throttle, pool_take (unreachable). Nothing answers"), "{texts:?}");
    assert!(texts[1].starts_with("Failing: feed_publish (out_of_memory). Redis has reached"), "{texts:?}");
}

#[test]
fn what_does_not_get_worse_is_no_reason() {
    let catching_up: Change =
        |scene| (scene.now.lags, scene.earlier.lags) = (vec![("pull", 9_000)], vec![("pull", 9_001)]);
    let new_sink: Change = |scene| scene.now.lags.push(("redis", 9_000));
    let commits: Change = |scene| scene.now.writer_queue = 5_000;
    let newcomer: Change = |scene| {
        scene.now.busiest[0].handle_us = values(9, 10_000);
        scene.earlier.busiest.clear();
    };
    for (what, change) in [
        ("a feed that catches up", catching_up),
        ("a sink that nothing is known of yet", new_sink),
        ("a long queue that moves", commits),
        ("an item that was not busy before", newcomer),
    ] {
        assert_eq!(verdict(change).level, Level::Healthy, "{what}");
    }
}

#[test]
fn at_the_start_nothing_is_said_about_growth() {
    let Scene { switches, mut now, unbalanced, .. } = Scene::selling();
    (now.wrong_tokens, now.writer_queue, now.troubled) = (99, 99_999, [99; TROUBLE.len()]);
    (now.commit_us, now.busiest[0].handle_us) = (values(9, 900_000), values(9, 900_000));
    let evidence = Evidence { switches, now: &now, recent: None, earlier: None, unbalanced: &unbalanced };
    assert_eq!(codes(&judge(&evidence)), [ReasonCode::Open]);
}

#[test]
fn bad_news_come_in_the_order_of_the_table_and_all_of_them_do() {
    let found = verdict(|scene| {
        scene.now.redis_troubles.push(trouble(Command::Throttle, Cause::Unreachable));
        for (code, bad, ..) in RULES {
            // One state of the storage at a time.
            if !matches!(code, ReasonCode::StorageLocked | ReasonCode::StorageMoved | ReasonCode::StorageStalled) {
                bad(scene);
            }
        }
        scene.now.troubled = [1; TROUBLE.len()];
    });
    let is_expected = |code: &&ReasonCode| {
        code.level() != Level::Healthy
            && !matches!(code, ReasonCode::StorageLocked | ReasonCode::StorageMoved | ReasonCode::StorageStalled)
    };
    let expected: Vec<_> = ReasonCode::ALL.iter().filter(is_expected).copied().collect();
    assert_eq!(codes(&found), expected);
    assert_eq!((found.level, found.headline.as_str()), (Level::Stopped, "Stopped: the disk is full"));
}

#[test]
fn a_healthy_sale_says_what_is_going_on() {
    let items = |items: ByState| verdict(|scene| scene.now.items = items);
    let none = ByState::default();
    let quiet = verdict(|scene| {
        (scene.now.orders, scene.now.attempts) = (scene.recent.orders, scene.recent.attempts);
        scene.now.items = ByState { open: 1, ..ByState::default() };
    });
    let refused = verdict(|scene| scene.now.orders = scene.recent.orders);
    for (found, code, headline, text) in [
        (items(none), ReasonCode::NoItems, "nothing to sell yet", "Create one to begin."),
        (
            items(ByState { paused: 1, closed: 1, ..none }),
            ReasonCode::Paused,
            "paused",
            "1 item paused by an operator.",
        ),
        (
            items(ByState { scheduled: 2, sold_out: 1, ..none }),
            ReasonCode::Scheduled,
            "waiting for the opening",
            "2 items scheduled.",
        ),
        (
            items(ByState { sold_out: 1, closed: 1, ..none }),
            ReasonCode::SoldOut,
            "sold out",
            "Every open item is sold out.",
        ),
        (items(ByState { closed: 1, ..none }), ReasonCode::Closed, "closed", "Every item is closed."),
        (verdict(|_| {}), ReasonCode::Selling, "selling", "2 items on sale; orders are durable"),
        (refused, ReasonCode::AllRefused, "open, every attempt is refused", "2 items on sale; the funnel says why"),
        (quiet, ReasonCode::NoBuyers, "waiting for buyers", "1 item on sale, and nobody asks."),
    ] {
        assert_eq!((codes(&found), found.level), (vec![code], Level::Healthy));
        assert_eq!(found.headline, format!("Healthy: {headline}"));
        assert!(found.reasons[0].text.contains(text), "{}", found.reasons[0].text);
    }
}

#[test]
fn every_code_is_a_name_of_its_own_in_small_letters() {
    let names: BTreeSet<_> = ReasonCode::ALL.iter().map(|code| code.as_str()).collect();
    assert_eq!(names.len(), ReasonCode::ALL.len());
    for code in ReasonCode::ALL {
        assert_eq!(serde_json::to_value(code).unwrap(), code.as_str(), "the same in JSON and in a metric");
    }
    assert!(names.iter().all(|name| name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-')), "{names:?}");
}
