//! **Job:** shows what every layer did with the purchase attempts, from the door to the ledger.
//! **Owns:** the sum over workers and cores.
//! **Never:** counts: it reads what the layers counted.

use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, web};
use doorbuster_actors::observe::{Code, Passage, WriterCounters};
use serde_json::{Map, Value, json};

use super::Desk;
use crate::gate::funnel::{Funnel, Layer};

/// The counters of all threads.
pub struct Counters {
    /// The gate's, one a worker.
    pub workers: Arc<Vec<Arc<Funnel>>>,
    /// The stock's, one a core.
    pub cores: Arc<Vec<Arc<Passage>>>,
    /// The ledger's.
    pub writer: Arc<WriterCounters>,
}

/// `GET /funnel`: `{"layers": [{"name", "in", "out", "answered": {code: count}}]}`, outermost first.
pub(super) async fn read(desk: web::ThinData<Desk>, request: HttpRequest) -> HttpResponse {
    match desk.authorize(&request) {
        Ok(()) => HttpResponse::Ok().json(desk.funnel.layers()),
        Err(problem) => problem.respond(),
    }
}

impl Counters {
    fn layers(&self) -> Value {
        let gate = Layer::ALL.map(|layer| {
            let workers = self.workers.iter().map(|worker| worker.layer(layer));
            summed(layer.as_str(), workers)
        });
        let stock = summed("stock", self.cores.iter().map(AsRef::as_ref));
        let ledger = summed("ledger", std::iter::once(&self.writer.ledger));
        let layers: Vec<_> = gate.into_iter().chain([stock, ledger]).collect();
        json!({ "layers": layers })
    }
}

fn summed<'p>(name: &str, passages: impl Iterator<Item = &'p Passage>) -> Value {
    let (mut entered, mut passed, mut answered) = (0, 0, Map::new());
    for passage in passages {
        entered += passage.entered();
        passed += passage.passed();
        for (code, count) in passage.answered() {
            add(&mut answered, code, count);
        }
    }
    json!({ "name": name, "in": entered, "out": passed, "answered": answered })
}

fn add(answered: &mut Map<String, Value>, code: Code, count: u64) {
    let before = answered.get(code.as_str()).and_then(Value::as_u64).unwrap_or(0);
    answered.insert(code.as_str().to_owned(), json!(before + count));
}
