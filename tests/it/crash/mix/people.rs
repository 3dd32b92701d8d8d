//! **Job:** everybody who wants something of the sale at once: buyers, payment providers, the owner, a follower of the
//! feed.
//! **Owns:** what each was told this round, and what each has no answer for yet.
//! **Never:** judges what they are told, but for answers that nobody may get.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};

use super::{LARGE, PRICE, SMALL};
use crate::payments::notification::{ALL, Event, Provider};
use crate::support::{
    Attempt, Client, Response, admin_authorization, authorization, now_s, payment_event, send_signed,
};

/// Orders that are paid and cancelled: the newest ones.
const RECENT: usize = 40;

/// What everybody inside shares.
#[derive(Clone)]
pub(super) struct Street {
    pub(super) public: SocketAddr,
    pub(super) owner: SocketAddr,
    pub(super) recent: Arc<Mutex<VecDeque<Value>>>,
    /// Answers so far.
    pub(super) answers: Arc<AtomicUsize>,
}

impl Street {
    pub(super) fn new(public: SocketAddr, owner: SocketAddr, recent: &Arc<Mutex<VecDeque<Value>>>) -> Self {
        Self { public, owner, recent: Arc::clone(recent), answers: Arc::default() }
    }

    fn placed(&self, order: Value) {
        let mut recent = self.recent.lock();
        recent.push_back(order);
        if recent.len() > RECENT {
            recent.pop_front();
        }
    }

    fn some_order(&self, chance: &mut StdRng) -> Option<Value> {
        let recent = self.recent.lock();
        let place = (!recent.is_empty()).then(|| chance.random_range(0..recent.len()))?;
        recent.get(place).cloned()
    }

    fn answered(&self) {
        self.answers.fetch_add(1, Ordering::Relaxed);
    }
}

fn id(order: &Value) -> &str {
    order["order_id"].as_str().expect("an order has an id")
}

/// A buyer, who tries again with the same key until there is an answer.
pub(super) struct Buyer {
    name: String,
    chance: StdRng,
    attempts: u64,
    pub(super) pending: Option<Attempt>,
    pub(super) told: Vec<(Attempt, Value)>,
    /// Keys whose last word was no.
    pub(super) refused: Vec<String>,
    /// Orders that were cancelled, as they were told.
    pub(super) cancelled: Vec<String>,
    /// Orders with a status that they were told to have.
    pub(super) seen: Vec<(String, String)>,
}

impl Buyer {
    pub(super) fn new(name: String, number: u64) -> Self {
        let chance = StdRng::seed_from_u64(number);
        let (told, refused, cancelled, seen) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Self { name, chance, attempts: 0, pending: None, told, refused, cancelled, seen }
    }

    fn next_attempt(&mut self) -> Attempt {
        self.attempts += 1;
        // As many users as attempts so far: the early ones reach their limits, new ones keep the sale going.
        let user = format!("{}-{}", self.name, self.chance.random_range(0..self.attempts));
        let item = if self.chance.random_bool(0.4) { SMALL } else { LARGE };
        let quantity = self.chance.random_range(1..=2);
        Attempt::new(&user, item).quantity(quantity).key(&format!("{}-key-{}", self.name, self.attempts))
    }

    /// Buys, and now and then looks at an order or gives it back, until the server falls.
    pub(super) async fn live(mut self, street: Street) -> Self {
        let mut client = Client::new(street.public);
        loop {
            let went_on = match self.chance.random_range(0..10) {
                0 | 1 => self.give_back(&street, &mut client).await,
                2 => self.look(&street, &mut client).await,
                _ => self.buy(&street, &mut client).await,
            };
            if went_on.is_none() {
                return self;
            }
            street.answered();
        }
    }

    async fn buy(&mut self, street: &Street, client: &mut Client) -> Option<()> {
        let attempt = self.pending.take().unwrap_or_else(|| self.next_attempt());
        let Ok(answer) = attempt.send(client).await else {
            self.pending = Some(attempt);
            return None;
        };
        match answer.status {
            201 => {
                street.placed(answer.json());
                self.told.push((attempt, answer.json()));
            }
            409 | 410 | 403 => self.refused.push(attempt.key.expect("buyers use keys")),
            // Not now, or nobody knows (an item that is hidden is none): asked again.
            404 | 503 => self.pending = Some(attempt),
            other => panic!("{other} for {attempt:?}: {}", answer.text()),
        }
        Some(())
    }

    async fn give_back(&mut self, street: &Street, client: &mut Client) -> Option<()> {
        let Some(order) = street.some_order(&mut self.chance) else { return Some(()) };
        let answer = as_buyer(client, "POST", &order, "/cancel").await?;
        match answer.status {
            200 => self.cancelled.push(id(&order).to_owned()),
            404 | 409 | 503 => {}
            other => panic!("{other} for a cancellation of {order}: {}", answer.text()),
        }
        Some(())
    }

    async fn look(&mut self, street: &Street, client: &mut Client) -> Option<()> {
        let Some(order) = street.some_order(&mut self.chance) else { return Some(()) };
        let answer = as_buyer(client, "GET", &order, "").await?;
        match answer.status {
            200 => {
                let status = answer.json()["status"].as_str().expect("a status").to_owned();
                self.seen.push((id(&order).to_owned(), status));
            }
            503 => {}
            other => panic!("{other} for {order}: {}", answer.text()),
        }
        Some(())
    }
}

async fn as_buyer(client: &mut Client, method: &str, order: &Value, verb: &str) -> Option<Response> {
    let authorization = authorization(order["user_id"].as_str().expect("an order has a buyer"));
    let path = format!("/v1/orders/{}{verb}", id(order));
    client.request(method, &path, &[("Authorization", &authorization)], None).await.ok()
}

/// All payment providers, who report everything until they are heard.
pub(super) struct Providers {
    name: String,
    chance: StdRng,
    events: u64,
    pub(super) pending: Option<(Provider, Event)>,
    pub(super) told: Vec<(Provider, Event)>,
}

impl Providers {
    pub(super) fn new(name: String, seed: u64) -> Self {
        Self { name, chance: StdRng::seed_from_u64(seed), events: 0, pending: None, told: Vec::new() }
    }

    fn next_event(&mut self, order: &Value) -> (Provider, Event) {
        self.events += 1;
        let price = PRICE * order["quantity"].as_i64().expect("a quantity");
        let mut event = Event::succeeded(&format!("{}-{}", self.name, self.events), id(order), price);
        match self.chance.random_range(0..12) {
            0 => event.amount -= 1,
            1 => event.amount += 1,
            2 => "EUR".clone_into(&mut event.currency),
            3 => event.has_failed = true,
            4 => "nobodys".clone_into(&mut event.order),
            _right => {}
        }
        (*ALL.choose(&mut self.chance).expect("five"), event)
    }

    /// Reports until the server falls; some events again, some refunds.
    pub(super) async fn live(mut self, street: Street) -> Self {
        let mut client = Client::new(street.public);
        loop {
            let Some(order) = street.some_order(&mut self.chance) else {
                tokio::task::yield_now().await;
                if client.get("/v1/items?limit=1", &[]).await.is_err() {
                    return self;
                }
                continue;
            };
            let went_on = if self.chance.random_bool(0.1) {
                self.refund(&mut client, &order).await
            } else {
                self.report(&mut client, &order).await
            };
            if went_on.is_none() {
                return self;
            }
            street.answered();
        }
    }

    async fn report(&mut self, client: &mut Client, order: &Value) -> Option<()> {
        let again = self.told.choose(&mut self.chance).filter(|_| self.chance.random_bool(0.2)).cloned();
        let (provider, event) = self.pending.take().or(again).unwrap_or_else(|| self.next_event(order));
        let Ok(answer) = provider.notify(&event, now_s()).try_send(client).await else {
            self.pending = Some((provider, event));
            return None;
        };
        match answer.status {
            200 | 204 => self.told.push((provider, event)),
            503 => self.pending = Some((provider, event)),
            other => panic!("{other} for {event:?}: {}", answer.text()),
        }
        Some(())
    }

    async fn refund(&mut self, client: &mut Client, order: &Value) -> Option<()> {
        self.events += 1;
        let event = payment_event(&format!("{}-{}", self.name, self.events), "refunded", order);
        let answer = send_signed(client, &event.to_string()).await.ok()?;
        assert!(matches!(answer.status, 200 | 503), "{} for {event}: {}", answer.status, answer.text());
        Some(())
    }
}

/// The owner of the sale, who changes their mind all the time.
pub(super) struct Owner {
    name: String,
    chance: StdRng,
    deeds: u64,
    /// Reasons of what was answered with 200 and cannot have been so already.
    pub(super) told: Vec<String>,
}

impl Owner {
    pub(super) fn new(name: String, seed: u64) -> Self {
        Self { name, chance: StdRng::seed_from_u64(seed), deeds: 0, told: Vec::new() }
    }

    pub(super) async fn live(mut self, street: Street) -> Self {
        const VERBS: [&str; 9] =
            ["pause", "resume", "close", "reopen", "hide", "show", "restock", "withdraw", "cancel"];
        let (mut client, authorization) = (Client::new(street.owner), admin_authorization());
        let headers = [("Authorization", authorization.as_str()), ("X-Operator", "eve")];
        loop {
            self.deeds += 1;
            let reason = format!("{} {}", self.name, self.deeds);
            let verb = *VERBS.choose(&mut self.chance).expect("there are some");
            let order = street.some_order(&mut self.chance).filter(|_| verb == "cancel");
            let (path, body) = match (order, verb) {
                (Some(order), _) => (format!("/v1/admin/orders/{}/cancel", id(&order)), json!({"reason": reason})),
                (None, "restock" | "withdraw" | "cancel") => {
                    let verb = if verb == "cancel" { "restock" } else { verb };
                    let quantity = self.chance.random_range(1..4);
                    let body = json!({"quantity": quantity, "reason": reason});
                    (format!("/v1/admin/items/{SMALL}/{verb}"), body)
                }
                (None, verb) => (format!("/v1/admin/items/{SMALL}/{verb}"), json!({"reason": reason})),
            };
            let Ok(answer) = client.request("POST", &path, &headers, Some(&body.to_string())).await else {
                return self;
            };
            match answer.status {
                200 if matches!(verb, "restock" | "withdraw" | "cancel") => self.told.push(reason),
                200 | 409 | 410 | 503 => {}
                other => panic!("{other} for {path}: {}", answer.text()),
            }
            street.answered();
        }
    }
}

/// Follows the feed from where it was, and notes what it is told.
pub(super) async fn follow(street: Street, mut after: i64) -> Vec<Value> {
    let (mut client, authorization) = (Client::new(street.owner), admin_authorization());
    let mut told = Vec::new();
    loop {
        let path = format!("/v1/feed?after={after}&limit=200&wait=1");
        let Ok(answer) = client.get(&path, &[("Authorization", &authorization)]).await else { return told };
        assert!(matches!(answer.status, 200 | 503), "{} for {path}: {}", answer.status, answer.text());
        if answer.status == 200 {
            let lines = answer.text();
            told.extend(lines.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON")));
        }
        after = told.last().map_or(after, |entry| entry["seq"].as_i64().expect("a number"));
    }
}
