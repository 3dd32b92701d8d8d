//! **Job:** holds what a sale does on a machine whose clock is wrong, is set, or was wrong when the ledger was written.
//! **Owns:** a server whose wall clock the test sets; the monotonic clock is the machine's.
//! **Never:** tries the arithmetic of server time: the clock's own tests do.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::support::{Claims, Client, Item, PATIENCE, Server, Setup, assert_problem, hs256, metric, now_s};

const SKU: &str = "lamp";
const HOUR: SignedDuration = SignedDuration::from_hours(1);

/// How exactly two clocks are compared here: a slow machine needs a moment between two readings.
const ROUGHLY: SignedDuration = SignedDuration::from_secs(8);

/// A wall clock that can be set: `libfaketime` reads how wrong it is from a file.
struct WallClock(PathBuf);

impl WallClock {
    fn beside(directory: &Path) -> Self {
        Self(directory.join("wall-clock"))
    }

    fn set(&self, wrong_by: &str) {
        let draft = self.0.with_extension("draft");
        std::fs::write(&draft, wrong_by).expect("the temporary directory takes files");
        std::fs::rename(&draft, &self.0).expect("it stays in its directory");
    }

    /// The command that runs a program by this clock.
    fn command(&self) -> Vec<String> {
        let library = std::fs::read_dir("/usr/lib").expect("a Unix system").flatten();
        let library =
            library.map(|folder| folder.path().join("faketime/libfaketimeMT.so.1")).find(|path| path.exists());
        let library = library.expect("libfaketime is installed: `make prepare`");
        vec![
            "env".to_owned(),
            format!("LD_PRELOAD={}", library.display()),
            format!("FAKETIME_TIMESTAMP_FILE={}", self.0.display()),
            "FAKETIME_NO_CACHE=1".to_owned(),
            "FAKETIME_DONT_FAKE_MONOTONIC=1".to_owned(),
        ]
    }
}

/// Variables for a program whose wall clock is so many hours ahead.
pub(crate) fn hours_ahead(hours: u32) -> Vec<(String, String)> {
    let variable = |word: &str| word.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
    let command = WallClock(PathBuf::new()).command();
    let mut variables: Vec<_> = command.iter().filter_map(|word| variable(word)).collect();
    variables.retain(|(name, _)| name != "FAKETIME_TIMESTAMP_FILE");
    variables.push(("FAKETIME".to_owned(), format!("+{hours}h")));
    variables
}

/// A server whose wall clock is wrong by so much from the start.
fn start(setup: Setup, wrong_by: &str) -> (Server, WallClock) {
    let clock = WallClock::beside(setup.directory());
    clock.set(wrong_by);
    let command = clock.command();
    let command: Vec<&str> = command.iter().map(String::as_str).collect();
    (setup.under(&command).start(), clock)
}

/// Good for longer than any clock here is wrong.
fn patient_token(user: &str) -> String {
    let claims = Claims::of(user).with("exp", now_s() + 90 * 86_400);
    format!("Bearer {}", hs256(&serde_json::json!({"alg": "HS256"}), claims.json()))
}

async fn try_to_buy(server: &Server, user: &str, item: &str) -> crate::support::Response {
    let token = patient_token(user);
    let headers = [("Authorization", token.as_str()), ("Content-Type", "application/json")];
    let path = format!("/v1/items/{item}/orders");
    Client::new(server.address()).request("POST", &path, &headers, Some(r#"{"quantity":1}"#)).await.expect("an answer")
}

async fn buy(server: &Server, user: &str) -> Value {
    let answer = try_to_buy(server, user, SKU).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    answer.json()
}

async fn status_of(server: &Server, user: &str, order: &Value) -> Value {
    let (token, id) = (patient_token(user), order["order_id"].as_str().expect("an id"));
    let path = format!("/v1/orders/{id}");
    Client::new(server.address()).get(&path, &[("Authorization", &token)]).await.expect("an answer").json()
}

async fn item(server: &Server, id: &str) -> Value {
    Client::new(server.address()).get(&format!("/v1/items/{id}"), &[]).await.expect("an answer").json()
}

fn time(value: &Value) -> Timestamp {
    value.as_str().and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("a time: {value}"))
}

/// How far server time is ahead of the machine's clock.
async fn lead(server: &Server) -> SignedDuration {
    time(&item(server, SKU).await["server_time"]).duration_since(Timestamp::now())
}

fn is_about(found: SignedDuration, expected: SignedDuration) -> bool {
    (found - expected).abs() <= ROUGHLY
}

async fn reasons(server: &Server) -> Vec<String> {
    let answer = Client::new(server.ops_address()).get("/readyz?verbose", &[]).await.expect("an answer");
    let reasons = answer.json()["verdict"]["reasons"].as_array().expect("a list").clone();
    reasons.iter().filter_map(|reason| reason["code"].as_str().map(str::to_owned)).collect()
}

/// Until `holds`, which says what it found.
async fn eventually<T>(what: &str, mut look: impl AsyncFnMut() -> (bool, T)) -> T
where
    T: std::fmt::Debug,
{
    let begun = Instant::now();
    loop {
        let (holds, found) = look().await;
        if holds {
            return found;
        }
        assert!(begun.elapsed() < PATIENCE, "never {what}: {found:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn until_reason(server: &Server, code: &str, is_there: bool) {
    eventually(&format!("{code}: {is_there}"), async || {
        let reasons = reasons(server).await;
        (reasons.iter().any(|reason| reason == code) == is_there, reasons)
    })
    .await;
}

fn in_hours(hours: i64) -> String {
    (Timestamp::now() + SignedDuration::from_hours(hours)).to_string()
}

#[tokio::test]
async fn a_server_that_started_before_the_clock_was_set_says_so_and_follows_without_opening_early_or_expiring() {
    let items = [
        Item::new(SKU, 9),
        Item::new("open-for-an-hour", 9).opens_at(&in_hours(-1)),
        Item::new("opens-in-an-hour", 9).opens_at(&in_hours(1)),
    ];
    let setup = Setup::new(items).set("clock.follow_after", "\"3s\"").set("payment.pay_within", "\"1h\"");
    let (server, clock) = start(setup, "-3h");
    let order = buy(&server, "ann").await;
    assert!(is_about(lead(&server).await, -3 * HOUR));
    assert_problem(&try_to_buy(&server, "bob", "open-for-an-hour").await, 403, "sale-not-started");
    assert!(!reasons(&server).await.iter().any(|reason| reason.starts_with("clock")), "it agrees with the machine");

    clock.set("+0");
    until_reason(&server, "clock-drift", true).await;
    assert!(metric::<f64>(&server, "doorbuster_clock_drift_seconds").await > 10_000.0);
    assert!(is_about(lead(&server).await, -3 * HOUR), "it is not believed at once");

    until_reason(&server, "clock-drift", false).await;
    assert!(is_about(lead(&server).await, SignedDuration::ZERO));
    assert_eq!(try_to_buy(&server, "bob", "open-for-an-hour").await.status, 201);
    assert_problem(&try_to_buy(&server, "bob", "opens-in-an-hour").await, 403, "sale-not-started");
    assert_eq!(
        status_of(&server, "ann", &order).await["status"],
        "pending",
        "an hour to pay, and three have not passed"
    );
    assert!(server.stderr().contains("server time was set to the wall clock"), "{}", server.stderr());
}

#[tokio::test]
async fn orders_expire_in_their_time_after_a_step_forward_was_followed() {
    let setup = Setup::new([Item::new(SKU, 9)]).set("clock.follow_after", "\"1s\"").set("payment.pay_within", "\"6s\"");
    let (server, clock) = start(setup, "+0");
    let before = buy(&server, "ann").await;
    let begun = Instant::now();
    clock.set("+2h");
    eventually("followed", async || {
        let lead = lead(&server).await;
        (is_about(lead, 2 * HOUR), lead)
    })
    .await;
    let after = buy(&server, "bob").await;
    for (user, order) in [("ann", &before), ("bob", &after)] {
        eventually("expired", async || {
            let status = status_of(&server, user, order).await["status"].clone();
            (status == "expired", status)
        })
        .await;
        assert!(begun.elapsed() >= Duration::from_secs(6), "{user} had less time to pay");
    }
}

#[tokio::test]
async fn a_clock_that_leaps_for_a_moment_moves_nothing() {
    let soon = Item::new("opens-in-an-hour", 9).opens_at(&in_hours(1));
    let setup = Setup::new([Item::new(SKU, 9), soon]).set("clock.follow_after", "\"30s\"");
    let (server, clock) = start(setup, "+0");
    let order = buy(&server, "ann").await;
    for leap in ["+2h", "-2h"] {
        clock.set(leap);
        until_reason(&server, "clock-drift", true).await;
        assert!(is_about(lead(&server).await, SignedDuration::ZERO), "{leap}");
        assert_problem(&try_to_buy(&server, "bob", "opens-in-an-hour").await, 403, "sale-not-started");
        assert_eq!(status_of(&server, "ann", &order).await["status"], "pending");
        clock.set("+0");
        until_reason(&server, "clock-drift", false).await;
    }
}

#[tokio::test]
async fn a_leap_forward_is_not_kept_over_a_restart_and_entries_stay_in_order() {
    let (mut server, clock) = start(Setup::new([Item::new(SKU, 9)]), "+8h");
    let ahead = buy(&server, "ann").await;
    assert!(server.terminate().success());
    clock.set("+0");
    server.restart();
    until_reason(&server, "ledger-ahead", true).await;
    assert!(metric::<f64>(&server, "doorbuster_clock_ledger_ahead_seconds").await > 28_000.0);
    assert!(is_about(lead(&server).await, SignedDuration::ZERO), "server time is right at once");

    let after = buy(&server, "bob").await;
    assert!(time(&after["created_at"]) >= time(&ahead["created_at"]), "{after} is dated before {ahead}");
    let quarter = HOUR / 4;
    let left = |order: &Value| time(&order["pay_by"]).duration_since(Timestamp::now());
    assert!(is_about(left(&after), quarter), "{after}");
    let ahead_now = status_of(&server, "ann", &ahead).await;
    assert!(is_about(left(&ahead_now), quarter), "nobody holds a unit for eight hours: {ahead_now}");

    server.restart();
    assert_eq!(status_of(&server, "bob", &after).await, after, "and a restart changes nothing of that");
    let (code, said) = server.verify();
    assert_eq!(code, 0, "{said}");
}

#[tokio::test]
async fn after_less_than_an_hour_back_a_restart_does_not_go_back() {
    let brief = Item::new("over", 9).closes_at(&(Timestamp::now() + HOUR / 4).to_string());
    let (mut server, clock) = start(Setup::new([Item::new(SKU, 9), brief]), "+30m");
    let ahead = buy(&server, "ann").await;
    assert_problem(&try_to_buy(&server, "ann", "over").await, 410, "sale-closed");
    assert!(server.terminate().success());
    clock.set("+0");
    server.restart();
    until_reason(&server, "clock-drift", true).await;
    assert!(time(&item(&server, SKU).await["server_time"]) >= time(&ahead["created_at"]));
    assert_problem(&try_to_buy(&server, "bob", "over").await, 410, "sale-closed");
    let shrinks = metric::<f64>(&server, "doorbuster_clock_drift_seconds").await;
    eventually("half speed", async || {
        let drift = metric::<f64>(&server, "doorbuster_clock_drift_seconds").await;
        (drift > shrinks + 0.5, drift)
    })
    .await;
}

#[tokio::test]
async fn a_clock_that_contradicts_the_ledger_by_weeks_is_refused_and_nothing_is_changed() {
    let (mut server, clock) = start(Setup::new([Item::new(SKU, 9)]), "+30d");
    buy(&server, "ann").await;
    assert!(server.terminate().success());
    let before = std::fs::read(server.data_file()).expect("a data file");
    clock.set("+0");
    let refused = server.refused_start();
    assert_eq!(refused.status.code(), Some(74), "{refused}");
    assert!(refused.to_string().contains("the wall clock says"), "{refused}");
    assert_eq!(std::fs::read(server.data_file()).expect("a data file"), before);
    clock.set("+30d");
    server.restart();
    buy(&server, "bob").await;
}

#[tokio::test]
async fn a_clock_of_1970_is_told_before_anything_is_sold() {
    let (server, _clock) = start(Setup::new([Item::new(SKU, 9)]), "@1970-01-02 00:00:00");
    assert!(server.stderr().contains("has not been set"), "{}", server.stderr());
    until_reason(&server, "clock-unset", true).await;
}

#[tokio::test]
async fn an_hour_back_while_it_sells_dates_nothing_back_and_closes_no_sale() {
    for back in ["-59m", "-61m"] {
        let quarter_ago = (Timestamp::now() - HOUR / 4).to_string();
        let items = [
            Item::new(SKU, 90).opens_at(&quarter_ago),
            Item::new("over", 9).closes_at(&(Timestamp::now() - HOUR / 4).to_string()),
        ];
        let (server, clock) = start(Setup::new(items).set("clock.follow_after", "\"1s\""), "+0");
        let mut before = buy(&server, "ann").await;
        clock.set(back);
        until_reason(&server, "clock-drift", true).await;
        // Longer than it takes to follow a clock that stays set.
        let begun = Instant::now();
        for buyer in 0.. {
            let order = buy(&server, &format!("buyer-{buyer}")).await;
            assert!(time(&order["created_at"]) >= time(&before["created_at"]), "{back}: {order} after {before}");
            assert_problem(&try_to_buy(&server, "bob", "over").await, 410, "sale-closed");
            before = order;
            if begun.elapsed() > Duration::from_secs(3) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}
