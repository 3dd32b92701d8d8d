//! **Job:** the three ends of an order at the same moment: its payment, its cancellation, its deadline.
//! **Owns:** two hundred such moments, and the comparison of answers, API, memory and file afterwards.
//! **Never:** knows who wins: only that one does.

use std::time::Duration;

use jiff::Timestamp;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::Value;
use tokio::task::JoinSet;

use super::street::{SKU, count, item, path, time};
use crate::support::{
    Attempt, Client, Item, Response, Server, Setup, admin_authorization, assert_conservation, authorization, crowd,
    live_of, problem_code, report_paid, seed,
};

const ORDERS: u32 = 200;

/// How far around the deadline the racers start, in milliseconds.
const SPREAD_MS: i64 = 60;

/// Orders that did not leave `pending` exactly once, or were refunded more than once.
const NOT_ONE_END: &str = "SELECT count(*) FROM (
    SELECT sum(kind IN (3, 4, 5)) AS ends, sum(kind = 6) AS refunds FROM ledger WHERE kind BETWEEN 2 AND 6
    GROUP BY item, order_number HAVING ends != 1 OR refunds > 1)";

/// What one order's racers were told.
struct Race {
    order: Value,
    paid: Response,
    cancelled: Response,
}

/// Waits on an open connection until `offset_ms` after the order's deadline.
async fn at_the_line(server: &Server, order: &Value, offset_ms: i64) -> (Client, Duration) {
    let mut client = Client::new(server.address());
    client.get(&format!("/v1/items/{SKU}"), &[]).await.expect("an answer");
    let left_ms = time(&order["pay_by"]).as_millisecond() + offset_ms - Timestamp::now().as_millisecond();
    (client, Duration::from_millis(u64::try_from(left_ms).unwrap_or(0)))
}

/// Sends both racers off around the deadline, which is the third.
async fn race(server: &Server, orders: Vec<Value>, chance: &mut StdRng) -> Vec<Race> {
    let mut races = JoinSet::new();
    for (number, order) in orders.into_iter().enumerate() {
        let mut offset = || chance.random_range(-SPREAD_MS..=SPREAD_MS);
        let (mut provider, pay_in) = at_the_line(server, &order, offset()).await;
        let (mut buyer, cancel_in) = at_the_line(server, &order, offset()).await;
        races.spawn(async move {
            let pay = async {
                tokio::time::sleep(pay_in).await;
                report_paid(&mut provider, &format!("e{number}"), &order).await.expect("an answer")
            };
            let cancel = async {
                tokio::time::sleep(cancel_in).await;
                let authorization = authorization(order["user_id"].as_str().expect("a user"));
                let path = format!("{}/cancel", path(&order));
                buyer.request("POST", &path, &[("Authorization", &authorization)], None).await.expect("an answer")
            };
            let (paid, cancelled) = tokio::join!(pay, cancel);
            Race { order, paid, cancelled }
        });
    }
    races.join_all().await
}

/// Checks that the answers tell of one end, the one that the file shows.
fn assert_one_winner(race: &Race, row: &Value) {
    let shown = || format!("paid: {}, cancelled: {}, row: {row}", race.paid.text(), race.cancelled.text());
    let told = race.paid.json()["status"].clone();
    assert_eq!(race.paid.status, 200, "{}", shown());
    assert_eq!(told, row["status"], "the payment's answer is the last word: {}", shown());
    match race.cancelled.status {
        200 => assert_eq!(row["status"], "refund_due", "given up, then paid: {}", shown()),
        409 => assert_eq!(problem_code(&race.cancelled), "invalid-transition", "{}", shown()),
        _ => panic!("{}", shown()),
    }
    assert!(told == "paid" || told == "refund_due", "{}", shown());
}

async fn assert_books_agree(server: &Server, rows: &[Value]) {
    let mut owner = Client::new(server.ops_address());
    let answer = owner.get("/invariants", &[("Authorization", &admin_authorization())]).await.expect("an answer");
    let books = answer.json();
    assert_eq!(books["holds"], true, "{books}");
    let memory = &books["items"][0];
    let live = live_of(rows, SKU);
    assert_eq!(memory["live"].as_u64(), Some(live), "{books}");
    assert_eq!(memory["supply"].as_u64(), Some(u64::from(ORDERS)), "{books}");
    assert_eq!(memory["remaining"], item(server).await["remaining"], "{books}");
}

#[tokio::test]
async fn of_payment_cancellation_and_expiry_in_one_moment_one_wins() {
    let mut chance = StdRng::seed_from_u64(seed());
    let mut server = Setup::new([Item::new(SKU, ORDERS)]).set("payment.pay_within", "\"3s\"").start();
    let tally = crowd(server.address(), Attempt::shuffled(SKU, ORDERS as usize, seed())).await;
    tally.assert_answered_with(&[]);
    let races = race(&server, tally.orders(), &mut chance).await;
    assert_eq!(races.len(), ORDERS as usize);
    for _life in 0..2 {
        let rows = assert_conservation(&server).await;
        for race in &races {
            let row = rows.iter().find(|row| row["order_id"] == race.order["order_id"]).expect("an order in the file");
            assert_one_winner(race, row);
        }
        assert_eq!(count(&server, NOT_ONE_END), 0);
        assert_books_agree(&server, &rows).await;
        server.restart();
    }
    let won = |kind: u32| count(&server, &format!("SELECT count(*) FROM ledger WHERE kind = {kind}"));
    println!("paid {}, cancelled {}, expired {}", won(3), won(4), won(5));
}
