//! **Job:** what an observer sees of a running server: actors, funnel, snapshots, metrics, traces.
//! **Owns:** the comparison of everything that is shown with what really happened.
//! **Never:** believes one number alone: each is told by several witnesses.

mod agreement;
mod fault;
mod metrics;
mod observer;

use observer::Observer;
use serde_json::json;

use crate::support::{Attempt, Client, Item, Setup, assert_problem, authorization, crowd, seed};

#[tokio::test]
async fn the_inspector_shows_every_actor_with_its_mailbox_and_what_it_did() {
    let server = Setup::new(["a", "b", "c"].map(|id| Item::new(id, 40))).start();
    let attempts = [Attempt::shuffled("a", 50, seed()), Attempt::shuffled("b", 7, seed())].concat();
    crowd(server.address(), attempts).await;
    let mut observer = Observer::of(&server);
    let seen = observer.get("/actors").await;
    let names: Vec<_> = seen["actors"].as_array().expect("a list").iter().map(|actor| &actor["name"]).collect();
    assert_eq!(names, ["order_writer", "stock/a", "stock/b", "stock/c"], "the writer, then the items by name");
    let (writer, a, idle) = (&seen["actors"][0], &seen["actors"][1], &seen["actors"][3]);
    assert_eq!((&a["remaining"], &a["supply"], &a["state"]), (&json!(0), &json!(40), &json!("sold_out")));
    assert_eq!(a["mailbox"]["depth"], 0, "at rest nothing waits");
    assert!(a["mailbox"]["high_water"].as_u64() >= Some(1), "{a}");
    // Some of the ten who came too late were told at the gate, without a message.
    assert!((40..=50).contains(&a["processed_total"].as_u64().expect("a count")), "{a}");
    assert_eq!(a["wait_us"]["count"], a["processed_total"], "every message is timed");
    assert_eq!(a["handle_us"]["count"], a["processed_total"]);
    assert!(a["wait_us"]["max"].as_u64() >= a["wait_us"]["p50"].as_u64(), "{a}");
    assert_eq!((&idle["started"], &idle["processed_total"]), (&json!(false), &json!(0)), "nobody needed it");
    assert_eq!(writer["mailbox"]["depth"], 0);
    assert_eq!(seen["writer"]["orders_total"], 47);
    let triggers = seen["writer"]["triggers"].as_object().expect("a map").values();
    let commits: u64 = triggers.map(|count| count.as_u64().expect("a count")).sum();
    assert_eq!(seen["writer"]["commits_total"], commits);
    assert_eq!(seen["writer"]["commit_us"]["count"], commits, "every commit is timed");
    assert_eq!(seen["writer"]["batch_size"]["sum"], seen["writer"]["entries_total"]);
}

#[tokio::test]
async fn the_inspector_finds_sorts_and_cuts() {
    let server = Setup::new(["lamp", "lantern", "tea"].map(|id| Item::new(id, 10))).start();
    crowd(server.address(), Attempt::shuffled("lantern", 5, seed())).await;
    let mut observer = Observer::of(&server);
    assert_eq!(observer.names("?item=tea").await, ["stock/tea"]);
    assert_eq!(observer.names("?item=te").await, [""; 0], "an id is exact");
    assert_eq!(observer.names("?search=LA").await, ["stock/lamp", "stock/lantern"], "a search is not");
    assert_eq!(observer.names("?sort=processed&limit=2").await, ["order_writer", "stock/lantern"]);
    assert_eq!(observer.names("?sort=remaining&search=t").await[0], "stock/lantern");
    let total = observer.get("/actors?limit=1").await["total"].clone();
    assert_eq!(total, 3, "the whole is told with any part");
    let row = &observer.get("/actors?item=lantern&buckets=true").await["actors"][0];
    let buckets = row["wait_us"]["buckets"].as_array().expect("asked for");
    let counted: u64 = buckets.iter().map(|bucket| bucket[1].as_u64().expect("a count")).sum();
    assert_eq!(counted, 5, "{row}");
    for bad in ["limit=0", "limit=10001", "limit=x", "sort=size", "item=a%20b"] {
        assert_problem(&observer.ask(&format!("/actors?{bad}")).await, 422, "validation");
    }
    assert_problem(&observer.ask("/actors?buckets=7").await, 400, "malformed");
}

#[tokio::test]
async fn of_a_busy_actor_all_letters_are_counted_and_a_sample_is_timed() {
    let server = Setup::new([Item::new("busy", 4_000)]).start();
    crowd(server.address(), Attempt::shuffled("busy", 4_000, seed())).await;
    let seen = Observer::of(&server).get("/actors?item=busy").await;
    let count = |value: &serde_json::Value| value.as_u64().expect("a count");
    let (handled, timed) =
        (count(&seen["actors"][0]["processed_total"]), count(&seen["actors"][0]["wait_us"]["count"]));
    assert_eq!(handled, 4_000);
    assert!((1_024 + 200..2_500).contains(&timed), "the first 1,024, then one in eight: {timed}");
}

#[tokio::test]
async fn only_the_operator_may_look() {
    let server = Setup::new([Item::new("a", 1)]).start();
    let mut client = Client::new(server.ops_address());
    let buyer = authorization("ann");
    for path in ["/actors", "/funnel", "/events", "/metrics", "/invariants"] {
        for headers in [&[][..], &[("Authorization", buyer.as_str())]] {
            assert_problem(&client.get(path, headers).await.expect("an answer"), 401, "unauthenticated");
        }
        let posted = client.request("POST", path, &[("Authorization", &observer::token())], None).await;
        assert_problem(&posted.expect("an answer"), 405, "method-not-allowed");
        let mut shop = Client::new(server.address());
        assert_problem(&shop.get(path, &[]).await.expect("an answer"), 404, "not-found");
    }
}

#[tokio::test]
async fn a_snapshot_comes_at_once_and_the_next_a_second_later() {
    let server = Setup::new([Item::new("a", 10)]).start();
    let mut events = Observer::of(&server).watch().await;
    let first = events.next().await;
    assert_eq!((&first["state"], &first["durability"]), (&json!("open"), &json!("full")));
    assert_eq!(first["items"]["remaining"], 10);
    crowd(server.address(), Attempt::shuffled("a", 4, seed())).await;
    let later = events.until(|snapshot| snapshot["layers"][9]["out"] == 4).await;
    assert_eq!(later["items"]["remaining"], 6, "{later}");
    assert_eq!(later["items"]["busiest"][0]["item_id"], "a");
    assert!(later["uptime_s"].as_f64() > first["uptime_s"].as_f64());
    let busy = |snapshot: &serde_json::Value| -> f64 {
        let cores = snapshot["cores"].as_array().expect("a list").iter();
        cores.map(|core| core["busy_s"].as_f64().expect("a system that knows")).sum()
    };
    assert!(busy(&later) > busy(&first), "the work was done on the cores");
}

#[tokio::test]
async fn purchases_are_traced_only_if_asked_and_then_stage_by_stage() {
    let quiet = Setup::new([Item::new("a", 10)]).start();
    crowd(quiet.address(), Attempt::shuffled("a", 5, seed())).await;
    assert!(!quiet.stderr().contains("purchase"), "off by default: {}", quiet.stderr());
    let mut traced = Setup::new([Item::new("a", 200)]).log("info,doorbuster::purchase=debug").start();
    crowd(traced.address(), Attempt::shuffled("a", 200, seed())).await;
    traced.terminate();
    let log = traced.stderr();
    let ended = |span: &str| {
        let lines = log.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
        lines.filter(|line| line["span"]["name"] == span && line["fields"]["message"] == "close").count()
    };
    let purchases = ended("purchase");
    assert!(purchases > 0 && purchases < 200, "a sample: {purchases}");
    for stage in ["gate", "mailbox", "stock", "ledger"] {
        assert_eq!(ended(stage), purchases, "every traced purchase went through {stage}");
    }
}
