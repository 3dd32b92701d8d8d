//! **Job:** an orderly end of a sale: at rest, and at its peak.
//! **Owns:** what readiness says on the way, and who may have been cut off.
//! **Never:** kills: `crash` does.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::Value;
use tokio::sync::watch;

use super::{SKU, buy, get_as};
use crate::support::{
    Attempt, Client, Item, Server, Setup, Tally, assert_conservation, assert_problem, crowd_counting, same_promise,
    seeds,
};

#[tokio::test]
async fn orders_survive_an_orderly_restart() {
    let mut server = Setup::new([Item::new(SKU, 9)]).start();
    let order = buy(&server, Attempt::new("ann", SKU)).await.json();
    assert_eq!(server.terminate().code(), Some(0));
    server.restart();
    let location = format!("/v1/orders/{}", order["order_id"].as_str().expect("a string"));
    assert_eq!(get_as(&server, "ann", &location).await.json(), order);
    assert_problem(&buy(&server, Attempt::new("ann", SKU)).await, 409, "limit-reached");
    assert_conservation(&server).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_sigterm_at_the_peak_loses_nothing_that_was_answered() {
    for seed in seeds(&[5, 6, 7]) {
        let mut server = Setup::new([Item::new(SKU, 100_000)]).start();
        assert_eq!(readiness(&server).await, Some(200));
        let (confirmed, mut confirmed_seen) = watch::channel(0);
        let sale = tokio::spawn(crowd_counting(server.address(), Attempt::shuffled(SKU, 20_000, seed), confirmed));
        confirmed_seen.wait_for(|count| *count >= 1_000).await.expect("the sale goes on");
        server.send_sigterm();
        assert_readiness_only_falls(&mut server).await;
        let status = server.wait();
        let tally = sale.await.expect("the crowd does not panic");
        let refusals = tally.refusals();
        println!("{} confirmed, {} cut off, {refusals:?}", tally.orders().len(), tally.unanswered());
        assert_eq!(status.code(), Some(0), "{}", server.stderr());
        assert!(refusals.keys().all(|code| code == "shutting-down"), "{refusals:?}");
        assert_eq!(server.verify().0, 0, "{}", server.verify().1);
        assert_rows_cover(&server.orders(), &tally);
    }
}

async fn readiness(server: &Server) -> Option<u16> {
    let answer = Client::new(server.ops_address()).get("/readyz", &[]).await;
    answer.ok().map(|response| response.status)
}

/// Once the house has said that it is not ready, or has said nothing, it never says ready again.
async fn assert_readiness_only_falls(server: &mut Server) {
    let mut fallen = false;
    while server.is_alive() {
        let ready = readiness(server).await == Some(200);
        assert!(!(ready && fallen), "ready again after the drain had begun");
        fallen |= !ready;
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// Every confirmed order is in the file once, and what else is there belongs to somebody who was cut off.
fn assert_rows_cover(rows: &[Value], tally: &Tally) {
    let confirmed: BTreeMap<_, _> =
        tally.orders().into_iter().map(|order| (order["order_id"].to_string(), order)).collect();
    let cut_off = tally.0.iter().filter(|answer| {
        answer.result.as_ref().is_err_and(|error| error.kind() != std::io::ErrorKind::ConnectionRefused)
    });
    let cut_off: BTreeSet<_> = cut_off.map(|answer| answer.attempt.user.as_str()).collect();
    let mut found = 0;
    for row in rows {
        match confirmed.get(&row["order_id"].to_string()) {
            Some(order) => {
                assert!(same_promise(order, row), "answered {order}, written {row}");
                found += 1;
            }
            None => assert!(cut_off.contains(row["user_id"].as_str().expect("a user")), "nobody waits for {row}"),
        }
    }
    assert_eq!(found, confirmed.len(), "answered orders that are in the file");
}
