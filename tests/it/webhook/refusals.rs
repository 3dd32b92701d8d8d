//! **Job:** what happens when the receiver does not accept: it fails, hangs, babbles, is away, wants a rest, is gone.
//! **Owns:** the manners of bad receivers.
//! **Never:** waits for a time where it can wait for a message.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::{
    Does, PATIENCE, Receiver, assert_in_order, buy, cancel, deliveries, figure, order_entries, owner, seqs, shop,
    until, until_all_accepted, verdict,
};
use crate::support::Client;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_that_is_refused_holds_up_its_own_order_and_no_other() {
    let receiver = Receiver::with(|heard, _| match heard.json()["data"]["user_id"].as_str() {
        Some("unlucky") => Does::Answer(500),
        _ => Does::Answer(200),
    })
    .await;
    let server = shop(&receiver.url()).start();
    let held_up = buy(&server, "unlucky").await;
    cancel(&server, "unlucky", &held_up).await;
    for number in 0..50 {
        buy(&server, &format!("buyer-{number}")).await;
    }
    until("all others are accepted", async || receiver.heard().iter().filter(|one| one.accepted).count() == 50).await;
    until("it was tried again", async || receiver.heard().iter().filter(|one| !one.accepted).count() >= 3).await;
    let pending = deliveries(&server, "status=pending").await;
    assert_eq!(pending.len(), 2, "{pending:?}");
    assert!(pending[0]["attempts"].as_u64().is_some_and(|attempts| attempts >= 2), "{pending:?}");
    assert_eq!((&pending[0]["last_status"], &pending[0]["last_error"]), (&500.into(), &"status 500".into()));
    assert_eq!((&pending[1]["attempts"], &pending[1]["type"]), (&0.into(), &"order.cancelled".into()));
    let refused: Vec<_> = receiver.heard().into_iter().filter(|one| !one.accepted).collect();
    assert!(refused.iter().all(|one| one.seq() == refused[0].seq()), "the later event came, too");
    assert!(refused.iter().all(|one| one.id == refused[0].id), "each attempt has the same id");
    let pauses: Vec<_> = refused.windows(2).map(|pair| pair[1].at - pair[0].at).collect();
    assert!(pauses.iter().all(|pause| *pause >= Duration::from_millis(790)), "{pauses:?}");
    receiver.change(|_, _| Does::Answer(200));
    until_all_accepted(&server, &receiver).await;
    assert_in_order(&receiver.heard());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receiver_that_fails_in_every_way_gets_every_event_in_the_end() {
    let receiver = Receiver::with(|_, before| match before {
        0 | 6 => Does::Answer(500),
        1 | 7 => Does::Hang,
        2 | 8 => Does::CloseMidAnswer,
        3 | 9 => Does::Close,
        4 | 10 => Does::Babble,
        5 | 11 => Does::Answer(404),
        _ => Does::Answer(202),
    })
    .await;
    let server = shop(&receiver.url()).start();
    for number in 0..3 {
        let user = format!("buyer-{number}");
        let order = buy(&server, &user).await;
        cancel(&server, &user, &order).await;
    }
    until_all_accepted(&server, &receiver).await;
    assert_in_order(&receiver.heard());
    for (outcome, least) in [("refused", 2.0), ("timed_out", 1.0), ("unreachable", 3.0), ("gone", 0.0)] {
        let series = format!("doorbuster_webhook_attempts_total{{outcome=\"{outcome}\"}}");
        assert!(figure(&server, &series).await.is_some_and(|count| count >= least), "{outcome}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receiver_that_dies_and_comes_back_misses_nothing() {
    let mut receiver = Receiver::start().await;
    let server = shop(&receiver.url()).start();
    buy(&server, "early").await;
    until_all_accepted(&server, &receiver).await;
    receiver.die().await;
    for number in 0..400 {
        let user = format!("buyer-{number}");
        let order = buy(&server, &user).await;
        if number % 3 == 0 {
            cancel(&server, &user, &order).await;
        }
    }
    until("the verdict says so", async || verdict(&server).await.contains("accepts no order events")).await;
    assert_eq!(figure(&server, "doorbuster_webhook_trouble{cause=\"failing\"}").await, Some(1.0));
    assert!(figure(&server, "doorbuster_feed_lag_entries{sink=\"webhook\"}").await.is_some_and(|lag| lag > 200.0));
    let pending = deliveries(&server, "status=pending").await;
    let tried = pending.iter().filter(|one| one["attempts"].as_u64() > Some(0)).count();
    assert!((1..150).contains(&tried), "what waits is not tried while nobody answers: {tried}");
    receiver.come_back().await;
    until_all_accepted(&server, &receiver).await;
    assert_in_order(&receiver.heard());
    until("the trouble is over", async || {
        figure(&server, "doorbuster_webhook_trouble{cause=\"failing\"}").await == Some(0.0)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receiver_that_wants_a_rest_gets_it() {
    for status in [429, 503] {
        let receiver = Receiver::with(move |_, before| match before {
            0 => Does::AnswerWith(status, "Retry-After", "3".to_owned()),
            _ => Does::Answer(200),
        })
        .await;
        let server = shop(&receiver.url()).start();
        buy(&server, "first").await;
        until("it asked for a rest", async || !receiver.heard().is_empty()).await;
        // What the receiver has not been answered for yet may still be on its way: this one must wait.
        until("the wish is known", async || deliveries(&server, "status=pending").await[0]["attempts"] == 1).await;
        buy(&server, "second").await;
        until_all_accepted(&server, &receiver).await;
        let heard = receiver.heard();
        assert_eq!(heard.len(), 3);
        for one in &heard[1..] {
            let rest = one.at - heard[0].at;
            assert!(rest >= Duration::from_millis(2_900), "{status}: again after {rest:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redirect_is_not_followed() {
    let elsewhere = Receiver::start().await;
    let to = elsewhere.url();
    let receiver = Receiver::with(move |_, before| match before {
        0 => Does::AnswerWith(307, "Location", to.clone()),
        1 => Does::AnswerWith(302, "Location", to.clone()),
        _ => Does::Answer(200),
    })
    .await;
    let server = shop(&receiver.url()).start();
    buy(&server, "ann").await;
    until("it was redirected", async || {
        deliveries(&server, "").await.first().is_some_and(|one| one["last_status"] == 307)
    })
    .await;
    until_all_accepted(&server, &receiver).await;
    assert!(elsewhere.heard().is_empty() && receiver.heard().len() == 3, "{:?}", seqs(&elsewhere.heard()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receiver_that_is_gone_is_sent_nothing_until_somebody_says_so() {
    let receiver = Receiver::with(|_, _| Does::Answer(410)).await;
    let mut server = shop(&receiver.url()).start();
    let order = buy(&server, "ann").await;
    let is_gone = "doorbuster_webhook_trouble{cause=\"gone\"}";
    for round in 0..2 {
        until("it is known to be gone", async || figure(&server, is_gone).await == Some(1.0)).await;
        cancel_or_buy(&server, &order, round).await;
        until("the verdict says so", async || verdict(&server).await.contains("410 Gone")).await;
        assert_eq!(receiver.heard().len(), 1, "it has said that it wants nothing");
        server.restart();
    }
    assert!(server.stderr().contains("410 Gone"), "{}", server.stderr());
    receiver.change(|_, _| Does::Answer(200));
    let last = order_entries(&server).await.into_keys().next_back().expect("there are some");
    let body = format!("{{\"after\":{last}}}");
    assert_eq!(owner(&server, "POST", "/v1/admin/webhook/replay", Some(&body)).await.status, 200);
    until_all_accepted(&server, &receiver).await;
    assert_in_order(&receiver.heard());
    until("the trouble is over", async || figure(&server, is_gone).await == Some(0.0)).await;
}

async fn cancel_or_buy(server: &crate::support::Server, order: &str, round: u32) {
    if round == 0 {
        cancel(server, "ann", order).await;
    } else {
        buy(server, "bob").await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_that_nobody_takes_is_given_up_told_and_can_be_tried_again() {
    let receiver = Receiver::with(|heard, _| match heard.json()["type"].as_str() {
        Some("order.placed") => Does::Answer(422),
        _ => Does::Answer(200),
    })
    .await;
    let server = shop(&receiver.url()).set("webhook.retry_for", "\"2s\"").start();
    let order = buy(&server, "ann").await;
    cancel(&server, "ann", &order).await;
    until("the later event goes its way", async || receiver.heard().iter().any(|one| one.accepted)).await;
    let dead = deliveries(&server, "status=dead").await;
    assert_eq!((dead.len(), &dead[0]["type"], &dead[0]["last_status"]), (1, &"order.placed".into(), &422.into()));
    assert!(dead[0]["next_attempt_at"].is_null() && dead[0]["attempts"].as_u64() >= Some(2), "{dead:?}");
    assert_eq!(figure(&server, "doorbuster_webhook_deliveries_total{outcome=\"dead\"}").await, Some(1.0));
    assert_eq!(figure(&server, "doorbuster_webhook_dead").await, Some(1.0));
    assert!(server.stderr().contains("an order event was given up"), "{}", server.stderr());
    receiver.change(|_, _| Does::Answer(200));
    let seq = dead[0]["seq"].as_u64().expect("a number");
    let path = format!("/v1/admin/webhook/deliveries/{seq}/retry");
    let again = owner(&server, "POST", &path, None).await;
    assert_eq!((again.status, &again.json()["status"]), (200, &"pending".into()), "{}", again.text());
    until_all_accepted(&server, &receiver).await;
    until("nothing is dead any more", async || figure(&server, "doorbuster_webhook_dead").await == Some(0.0)).await;
    until("it is known to be delivered", async || deliveries(&server, "status=pending").await.is_empty()).await;
    assert_eq!(owner(&server, "POST", &path, None).await.status, 409, "it was delivered");
    assert_eq!(owner(&server, "POST", "/v1/admin/webhook/deliveries/99/retry", None).await.status, 404);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receiver_that_hangs_holds_nobody_up() {
    let receiver = Receiver::with(|_, _| Does::Hang).await;
    let mut server = shop(&receiver.url()).set("webhook.timeout", "\"1m\"").start();
    for number in 0..20 {
        buy(&server, &format!("buyer-{number}")).await;
    }
    until("as many hang as may", async || receiver.heard().len() == 8).await;
    let begun = Instant::now();
    let list = deliveries(&server, "status=pending").await;
    assert!(list.len() >= 8 && list.iter().all(|one| one["attempts"] == 0), "{list:?}");
    let mut buyer = Client::new(server.address());
    assert_eq!(buyer.get("/v1/items", &[]).await.expect("an answer").status, 200);
    assert!(server.terminate().success() && begun.elapsed() < PATIENCE / 2, "{:?}", begun.elapsed());
    receiver.change(|_, _| Does::Answer(200));
    server.restart();
    until_all_accepted(&server, &receiver).await;
    let told: Vec<Value> = deliveries(&server, "").await;
    assert!(!told.is_empty());
}
