//! **Job:** many buyers at once, over a bounded number of connections.
//! **Owns:** who attempted what, and what he was told.
//! **Never:** judges an answer: the tests do.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use parking_lot::Mutex;
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use serde_json::Value;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::checks::problem_code;
use super::client::{Client, Response};
use super::token::authorization;

/// Connections of a crowd.
const CONNECTIONS: usize = 64;

/// One purchase somebody wants to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Attempt {
    pub(crate) user: String,
    pub(crate) item: String,
    pub(crate) quantity: u32,
    pub(crate) key: Option<String>,
}

impl Attempt {
    /// One unit, no key.
    pub(crate) fn new(user: &str, item: &str) -> Self {
        Self { user: user.to_owned(), item: item.to_owned(), quantity: 1, key: None }
    }

    pub(crate) fn quantity(mut self, quantity: u32) -> Self {
        self.quantity = quantity;
        self
    }

    pub(crate) fn key(mut self, key: &str) -> Self {
        self.key = Some(key.to_owned());
        self
    }

    /// `count` buyers of one unit each, in an order given by the seed.
    pub(crate) fn shuffled(item: &str, count: usize, seed: u64) -> Vec<Self> {
        let mut attempts: Vec<Self> = (1..=count).map(|buyer| Self::new(&format!("buyer-{buyer}"), item)).collect();
        attempts.shuffle(&mut StdRng::seed_from_u64(seed));
        attempts
    }

    /// Makes the attempt.
    pub(crate) async fn send(&self, client: &mut Client) -> std::io::Result<Response> {
        let authorization = authorization(&self.user);
        let mut headers = vec![("Authorization", authorization.as_str())];
        headers.extend(self.key.as_deref().map(|key| ("Idempotency-Key", key)));
        let body = format!("{{\"quantity\":{}}}", self.quantity);
        client.request("POST", &format!("/v1/items/{}/orders", self.item), &headers, Some(&body)).await
    }
}

/// What came of an attempt; an error means that nobody knows.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) attempt: Attempt,
    pub(crate) result: std::io::Result<Response>,
}

/// Makes all attempts, in their order, over 64 connections. The answers are in the order of their arrival.
pub(crate) async fn crowd(address: SocketAddr, attempts: Vec<Attempt>) -> Tally {
    crowd_counting(address, attempts, watch::Sender::new(0)).await
}

/// As [`crowd`]; `confirmed` counts the `201`s as they arrive, for tests that do something in the middle.
pub(crate) async fn crowd_counting(
    address: SocketAddr,
    attempts: Vec<Attempt>,
    confirmed: watch::Sender<usize>,
) -> Tally {
    let queue = Arc::new(Mutex::new(attempts.into_iter()));
    let answers = Arc::new(Mutex::new(Vec::new()));
    let mut connections = JoinSet::new();
    for _ in 0..CONNECTIONS {
        let (queue, answers, confirmed) = (Arc::clone(&queue), Arc::clone(&answers), confirmed.clone());
        connections.spawn(async move {
            let mut client = Client::new(address);
            let next = || queue.lock().next();
            while let Some(attempt) = next() {
                let result = attempt.send(&mut client).await;
                if result.as_ref().is_ok_and(|response| response.status == 201) {
                    confirmed.send_modify(|count| *count += 1);
                }
                answers.lock().push(Answer { attempt, result });
            }
        });
    }
    while let Some(ended) = connections.join_next().await {
        ended.expect("a connection's task does not panic");
    }
    Tally(std::mem::take(&mut *answers.lock()))
}

/// All answers of a crowd.
#[derive(Debug)]
pub(crate) struct Tally(pub Vec<Answer>);

impl Tally {
    /// The confirmed orders.
    pub(crate) fn orders(&self) -> Vec<Value> {
        let confirmed = |answer: &Answer| {
            let response = answer.result.as_ref().ok()?;
            (response.status == 201).then(|| response.json())
        };
        self.0.iter().filter_map(confirmed).collect()
    }

    /// How many got no answer.
    pub(crate) fn unanswered(&self) -> usize {
        self.0.iter().filter(|answer| answer.result.is_err()).count()
    }

    /// Refusals by code; each is checked to be a complete problem.
    pub(crate) fn refusals(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for response in self.0.iter().filter_map(|answer| answer.result.as_ref().ok()) {
            if response.status != 201 {
                *counts.entry(problem_code(response)).or_default() += 1;
            }
        }
        counts
    }

    /// Checks that everybody got an answer and that each is a `201` or one of the `expected` codes.
    pub(crate) fn assert_answered_with(&self, expected: &[&str]) {
        let lost: Vec<_> = self.0.iter().filter(|answer| answer.result.is_err()).take(3).collect();
        assert!(lost.is_empty(), "{} attempts got no answer, for example {lost:?}", self.unanswered());
        let refusals = self.refusals();
        assert!(
            refusals.keys().all(|code| expected.contains(&code.as_str())),
            "{refusals:?} but not only {expected:?}"
        );
    }
}
