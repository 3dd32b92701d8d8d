//! **Job:** no event is lost, whoever is killed, and whichever file is lost.
//! **Owns:** the kills, by chance with a printed seed.
//! **Never:** looks into the webhook's file.

use std::collections::HashMap;
use std::time::Duration;

use parking_lot::Mutex;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::sync::watch;

use super::{
    Does, Receiver, SKU, assert_in_order, buy, cancel, figure, order_entries, owner, shop, until, until_all_accepted,
};
use crate::support::{Attempt, beside, crowd_counting, seeds};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_killed_again_and_again_tells_every_event_in_order() {
    for seed in seeds(&[1, 2]) {
        let mut chance = StdRng::seed_from_u64(seed);
        // Every fourth event is refused at first, so that the server is killed with events that wait.
        let refused = Mutex::new(HashMap::<String, u32>::new());
        let receiver = Receiver::with(move |heard, before| {
            let mut refused = refused.lock();
            let times = refused.entry(heard.id.clone()).or_default();
            let is_bad = heard.seq() % 4 == seed % 4 && *times < 3;
            *times += u32::from(is_bad);
            match (is_bad, before % 2) {
                (true, 0) => Does::Answer(500),
                (true, _) => Does::Close,
                (false, _) => Does::Answer(200),
            }
        })
        .await;
        let mut server = shop(&receiver.url()).start();
        for round in 0..8 {
            let users: Vec<_> = (0..100).map(|number| format!("buyer-{round}-{number}")).collect();
            let (confirmed, mut seen) = watch::channel(0);
            let attempts = users.iter().map(|user| Attempt::new(user, SKU)).collect();
            let buying = tokio::spawn(crowd_counting(server.address(), attempts, confirmed));
            let enough = chance.random_range(0..90);
            seen.wait_for(|count| *count >= enough).await.expect("the crowd is still there");
            // At any moment of the sending.
            tokio::time::sleep(Duration::from_millis(chance.random_range(0..150))).await;
            server.kill9();
            drop(seen);
            let tally = buying.await.expect("the crowd does not panic");
            if chance.random_bool(0.3) {
                server.start_and_kill(Duration::from_millis(chance.random_range(0..300)));
            }
            server.restart();
            for order in tally.orders().iter().step_by(3) {
                let text = |member: &str| order[member].as_str().expect("a text").to_owned();
                cancel(&server, &text("user_id"), &text("order_id")).await;
            }
        }
        until_all_accepted(&server, &receiver).await;
        let heard = receiver.heard();
        assert_in_order(&heard);
        assert!(order_entries(&server).await.len() > 100, "seed {seed}: there was no sale");
        let verified = server.verify();
        assert_eq!(verified.0, 0, "{}", verified.1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_orderly_end_repeats_nothing() {
    let receiver = Receiver::start().await;
    let mut server = shop(&receiver.url()).start();
    for number in 0..30 {
        buy(&server, &format!("buyer-{number}")).await;
    }
    until_all_accepted(&server, &receiver).await;
    for _ in 0..3 {
        assert!(server.terminate().success());
        server.restart();
    }
    buy(&server, "late").await;
    until_all_accepted(&server, &receiver).await;
    assert_eq!(receiver.heard().len(), 31);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_its_file_everything_is_told_again_with_the_same_ids() {
    let receiver = Receiver::start().await;
    let mut server = shop(&receiver.url()).start();
    for user in ["ann", "bob"] {
        let order = buy(&server, user).await;
        cancel(&server, user, &order).await;
    }
    until_all_accepted(&server, &receiver).await;
    let mut first: Vec<_> = receiver.heard().into_iter().map(|one| one.id).collect();
    assert!(server.terminate().success());
    let file = beside(&server.data_file(), ".webhook");
    assert!(file.exists() && !beside(&file, "-wal").exists(), "an orderly end leaves one file");
    std::fs::remove_file(&file).expect("our own file");
    server.restart();
    until("all are told again", async || receiver.heard().len() == 8).await;
    let mut second: Vec<_> = receiver.heard().into_iter().skip(4).map(|one| one.id).collect();
    first.sort();
    second.sort();
    assert_eq!(first, second);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_of_another_ledger_sends_nothing_until_somebody_says_from_where() {
    let receiver = Receiver::start().await;
    let (mut server, mut other) = (shop(&receiver.url()).start(), shop(&receiver.url()).start());
    buy(&server, "ann").await;
    buy(&other, "zoe").await;
    until("both are told", async || receiver.heard().len() == 2).await;
    assert!(server.terminate().success() && other.terminate().success());
    let file = |server: &crate::support::Server| beside(&server.data_file(), ".webhook");
    std::fs::copy(file(&other), file(&server)).expect("our own files");
    server.restart();
    let foreign = "doorbuster_webhook_trouble{cause=\"other_ledger\"}";
    until("it is noticed", async || figure(&server, foreign).await == Some(1.0)).await;
    buy(&server, "bob").await;
    until("the lag is the whole ledger", async || {
        figure(&server, "doorbuster_feed_lag_entries{sink=\"webhook\"}").await == Some(3.0)
    })
    .await;
    assert_eq!(receiver.heard().len(), 2);
    assert_eq!(owner(&server, "POST", "/v1/admin/webhook/replay", Some("{\"after\":2}")).await.status, 200);
    until("only what comes after is told", async || receiver.heard().len() == 3).await;
    assert_eq!(receiver.heard()[2].seq(), 3);
    until("the trouble is over", async || figure(&server, foreign).await == Some(0.0)).await;
}
