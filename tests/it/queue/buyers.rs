//! **Job:** buyers who want a definite answer to everything, however often the house falls meanwhile.
//! **Owns:** what became of each order, as its buyer was told.
//! **Never:** gives a purchase, a payment or a cancellation up before it is answered.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::Value;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::{LARGE, SMALL};
use crate::support::{Attempt, Client, PATIENCE, Response, authorization, problem_code, report_paid};

/// Buyers in flight at the same time.
const BUYERS: usize = 12;
/// How long a buyer waits before he asks again.
const PAUSE: Duration = Duration::from_millis(5);

/// By order id: the order as first answered, and what it must be in the end.
pub(crate) type Told = BTreeMap<String, (Value, &'static str)>;

/// Buyers who buy, pay and cancel until they are asked to leave.
pub(crate) struct Buyers {
    leaving: Arc<AtomicBool>,
    confirmed: watch::Receiver<usize>,
    inside: JoinSet<Told>,
}

impl Buyers {
    /// Lets them in.
    pub(crate) fn enter(address: SocketAddr, seed: u64) -> Self {
        let leaving = Arc::new(AtomicBool::new(false));
        let (sender, confirmed) = watch::channel(0);
        let mut inside = JoinSet::new();
        for name in 0..BUYERS {
            let chance = StdRng::seed_from_u64(seed.wrapping_mul(1_000).wrapping_add(name as u64));
            let buyer = Buyer { name, chance, client: Client::new(address) };
            inside.spawn(buyer.stay(Arc::clone(&leaving), sender.clone()));
        }
        Self { leaving, confirmed, inside }
    }

    /// Waits until so many more orders have been confirmed.
    pub(crate) async fn confirm_more(&mut self, more: usize) {
        let wanted = *self.confirmed.borrow() + more;
        let sold = timeout(PATIENCE, self.confirmed.wait_for(|count| *count >= wanted)).await;
        assert!(sold.is_ok_and(|count| count.is_ok()), "no {more} more orders within {PATIENCE:?}");
    }

    /// Lets everybody finish what he has begun; all that they were told.
    pub(crate) async fn leave(mut self) -> Told {
        self.leaving.store(true, Ordering::Relaxed);
        let mut all = Told::new();
        while let Some(ended) = self.inside.join_next().await {
            let told = ended.unwrap_or_else(|ended| std::panic::resume_unwind(ended.into_panic()));
            for (id, order) in told {
                let before = all.insert(id, order);
                assert!(before.is_none(), "two buyers were answered with one order: {before:?}");
            }
        }
        all
    }
}

struct Buyer {
    name: usize,
    chance: StdRng,
    client: Client,
}

impl Buyer {
    async fn stay(mut self, leaving: Arc<AtomicBool>, confirmed: watch::Sender<usize>) -> Told {
        let mut told = Told::new();
        let mut number = 0;
        while !leaving.load(Ordering::Relaxed) {
            number += 1;
            let Some(order) = self.buy(number).await else { continue };
            confirmed.send_modify(|count| *count += 1);
            let status = match self.chance.random_range(0..10) {
                0..4 => self.pay(&order).await,
                4..6 => self.cancel(&order).await,
                _ => "pending",
            };
            let id = order["order_id"].as_str().expect("an id").to_owned();
            let before = told.insert(id, (order, status));
            assert!(before.is_none(), "two purchases were answered with one order: {before:?}");
        }
        told
    }

    /// Tries under one key until there is an order, or nothing left.
    async fn buy(&mut self, number: usize) -> Option<Value> {
        let item = if self.chance.random_bool(0.2) { SMALL } else { LARGE };
        let attempt = Attempt::new(&format!("buyer-{}-{number}", self.name), item)
            .quantity(self.chance.random_range(1..=2))
            .key(&format!("key-{}-{number}", self.name));
        let asked = Instant::now();
        loop {
            if let Some(answer) = definite(attempt.send(&mut self.client).await) {
                match answer.status {
                    201 => return Some(answer.json()),
                    409 if problem_code(&answer) == "sold-out" => return None,
                    other => panic!("{other} for {attempt:?}: {}", answer.text()),
                }
            }
            again(asked).await;
        }
    }

    /// Has the provider report the payment until the report is taken; sometimes it reports twice.
    async fn pay(&mut self, order: &Value) -> &'static str {
        let event = format!("event-{}", order["order_id"].as_str().expect("an id"));
        let times = if self.chance.random_bool(0.1) { 2 } else { 1 };
        for _ in 0..times {
            let asked = Instant::now();
            loop {
                if let Some(answer) = definite(report_paid(&mut self.client, &event, order).await) {
                    assert_eq!(answer.status, 200, "{}", answer.text());
                    break;
                }
                again(asked).await;
            }
        }
        "paid"
    }

    /// Cancels; after an attempt without an answer, "there is nothing to cancel any more" says that it was the one.
    async fn cancel(&mut self, order: &Value) -> &'static str {
        let text = |name: &str| order[name].as_str().expect("a text");
        let path = format!("/v1/orders/{}/cancel", text("order_id"));
        let authorization = authorization(text("user_id"));
        let headers = [("Authorization", authorization.as_str()), ("Content-Length", "0")];
        let (asked, mut unanswered) = (Instant::now(), false);
        loop {
            if let Some(answer) = definite(self.client.request("POST", &path, &headers, None).await) {
                let done_before = unanswered && answer.status == 409 && problem_code(&answer) == "invalid-transition";
                assert!(answer.status == 200 || done_before, "{}", answer.text());
                return "cancelled";
            }
            unanswered = true;
            again(asked).await;
        }
    }
}

/// The answer, if it says what happened.
fn definite(result: std::io::Result<Response>) -> Option<Response> {
    result.ok().filter(|answer| answer.status != 503)
}

async fn again(asked: Instant) {
    assert!(asked.elapsed() < PATIENCE, "no definite answer within {PATIENCE:?}");
    tokio::time::sleep(PAUSE).await;
}
