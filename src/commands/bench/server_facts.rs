//! **Job:** asks the shop and its operations listener what a run must know before and after.
//! **Owns:** what is read of their answers.
//! **Never:** makes a purchase, or takes part while the clock runs.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::BenchError;
use crate::commands::event_stream::EventStream;

/// Longest wait for an answer: a snapshot or a page takes milliseconds, on a server that has just been run down some
/// seconds.
const PATIENCE: Duration = Duration::from_secs(30);

/// Largest answer, in bytes: a page of the feed has 10,000 lines of about 250.
const MAX_ANSWER: u64 = 64 * 1024 * 1024;

/// Entries of a page of the feed: the most that there are.
const FEED_PAGE: usize = 10_000;

/// The shop, and its operations listener if it is known.
pub(in crate::commands) struct OpsClient {
    agent: ureq::Agent,
    shop: String,
    operations: Option<(String, String)>,
}

/// An item as the shop shows it.
#[derive(Debug, Clone, Deserialize)]
pub(in crate::commands) struct Item {
    #[serde(rename = "item_id")]
    pub(in crate::commands) id: String,
    pub(in crate::commands) remaining: u64,
    pub(in crate::commands) per_user_limit: i64,
    pub(in crate::commands) state: String,
}

#[derive(Deserialize)]
struct ItemsPage {
    items: Vec<Item>,
    next: Option<String>,
    /// Those of the shop, where there are several.
    #[serde(default)]
    nodes: Vec<String>,
}

/// What a snapshot of the server says of itself.
#[derive(Debug, Clone, Deserialize)]
pub(in crate::commands) struct Snapshot {
    pub(super) version: String,
    pub(super) durability: String,
    cores: Vec<Value>,
    writer: Writer,
    #[serde(flatten)]
    pub(in crate::commands) funnel: Funnel,
    /// CPU seconds of the server.
    #[serde(skip)]
    pub(super) cpu_s: Option<f64>,
    /// When its process was started: two that differ are of two processes, whose counts begin anew.
    #[serde(skip)]
    pub(super) started_s: Option<f64>,
}

/// What every layer did with the purchases so far.
#[derive(Debug, Clone, Deserialize)]
pub(in crate::commands) struct Funnel {
    pub(in crate::commands) layers: Vec<Layer>,
}

#[derive(Debug, Clone, Deserialize)]
struct Writer {
    last_seq: u64,
}

/// A layer of the funnel.
#[derive(Debug, Clone, Deserialize, Serialize)]
pub(in crate::commands) struct Layer {
    pub(in crate::commands) name: String,
    #[serde(rename = "in")]
    pub(in crate::commands) entered: u64,
    #[serde(rename = "out")]
    pub(in crate::commands) passed: u64,
    pub(in crate::commands) answered: BTreeMap<String, u64>,
}

impl Snapshot {
    pub(super) fn workers(&self) -> usize {
        self.cores.len()
    }

    pub(super) fn last_seq(&self) -> u64 {
        self.writer.last_seq
    }

    /// Orders that came out of the last layer.
    pub(super) fn confirmed(&self) -> u64 {
        self.funnel.layers.last().map_or(0, |ledger| ledger.passed)
    }
}

/// The balance of an item.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Balance {
    pub(super) item_id: String,
    pub(super) supply: u64,
    pub(super) live: u64,
    pub(super) holds: bool,
}

#[derive(Deserialize)]
struct Balances {
    items: Vec<Balance>,
}

/// An entry of the ledger.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Entry {
    pub(super) seq: u64,
    pub(super) kind: String,
    pub(super) order_id: Option<Box<str>>,
    pub(super) item_id: Box<str>,
    pub(super) user_id: Option<Box<str>>,
    pub(super) quantity: Option<i64>,
}

impl OpsClient {
    pub(in crate::commands) fn new(shop: &str, operations: Option<(String, String)>) -> Self {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0) // the admin token is for this listener only
            .proxy(None)
            .timeout_global(Some(PATIENCE));
        Self { agent: config.build().new_agent(), shop: shop.to_owned(), operations }
    }

    /// All items.
    pub(in crate::commands) fn items(&self) -> Result<Vec<Item>, BenchError> {
        let (mut items, nodes) = self.part("")?;
        if !nodes.is_empty() {
            // Whichever node has answered has only its own.
            items.clear();
        }
        for node in nodes {
            items.extend(self.part(&format!("&node={node}"))?.0);
        }
        Ok(items)
    }

    /// The items of one node, and the names of all.
    fn part(&self, node: &str) -> Result<(Vec<Item>, Vec<String>), BenchError> {
        let (mut items, mut after) = (Vec::new(), String::new());
        loop {
            let page: ItemsPage = self.read(&format!("{}/v1/items?limit=100{node}{after}", self.shop), None)?;
            items.extend(page.items);
            let Some(next) = page.next else { return Ok((items, page.nodes)) };
            after = format!("&after={next}");
        }
    }

    /// How the server is now; `None` without an operations listener.
    pub(in crate::commands) fn snapshot(&self) -> Result<Option<Snapshot>, BenchError> {
        let Some((url, token)) = &self.operations else { return Ok(None) };
        // The event may be a second old. What a run is measured with must not be.
        let funnel = self.read(&format!("{url}/funnel"), Some(token))?;
        let metrics = self.body(&format!("{url}/metrics"), Some(token))?;
        let metric = |name| metric(&metrics, name);
        let (cpu_s, started_s) = (metric("process_cpu_seconds_total "), metric("process_start_time_seconds "));
        Ok(Some(Snapshot { funnel, cpu_s, started_s, ..self.event(url, token)? }))
    }

    /// The first event of the stream.
    fn event(&self, url: &str, token: &str) -> Result<Snapshot, BenchError> {
        let url = format!("{url}/events");
        let answer = self.get(&url, Some(token))?;
        let data = EventStream::of(answer.into_body().into_reader()).next_data();
        let data = data.map_err(|error| BenchError::answer(&url, error))?;
        let data = data.ok_or_else(|| BenchError::answer(&url, "no snapshot"))?;
        serde_json::from_slice(&data).map_err(|error| BenchError::answer(&url, error))
    }

    /// The balances of some items, counted by their actors.
    pub(super) fn balances(&self, items: &[&str]) -> Result<Vec<Balance>, BenchError> {
        let (url, token) = self.known_operations();
        let mut balances = Vec::new();
        // The listener takes 100 names at a time.
        for names in items.chunks(100) {
            let query: Vec<_> = names.iter().map(|name| format!("item={name}")).collect();
            let page: Balances = self.read(&format!("{url}/invariants?{}", query.join("&")), Some(token))?;
            balances.extend(page.items);
        }
        Ok(balances)
    }

    /// The entries of the ledger after `seq`.
    pub(super) fn entries(&self, mut seq: u64, mut each: impl FnMut(Entry)) -> Result<(), BenchError> {
        let (url, token) = self.known_operations();
        loop {
            let url = format!("{url}/v1/feed?after={seq}&limit={FEED_PAGE}");
            let body = self.body(&url, Some(token))?;
            let mut lines = body.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).peekable();
            if lines.peek().is_none() {
                return Ok(());
            }
            for line in lines {
                let entry: Entry = serde_json::from_slice(line).map_err(|error| BenchError::answer(&url, error))?;
                seq = entry.seq;
                each(entry);
            }
        }
    }

    /// Puts an item on sale.
    pub(in crate::commands) fn put_item(&self, id: &str, fields: &Value) -> Result<(), BenchError> {
        let (url, token) = self.known_operations();
        let url = format!("{url}/v1/admin/items/{id}");
        let request = self.agent.put(&url).header("Authorization", format!("Bearer {token}"));
        let sent = request.header("Content-Type", "application/json").send(fields.to_string());
        let answer = sent.map_err(|error| BenchError::unreachable(&url, &error))?;
        if answer.status().is_success() { Ok(()) } else { Err(BenchError::answer(&url, answer.status())) }
    }

    /// Whether the holder of `authorization` can read the order.
    pub(super) fn can_read(&self, order: &str, authorization: &str) -> Result<bool, BenchError> {
        #[derive(Deserialize)]
        struct Order {
            order_id: String,
        }
        let url = format!("{}/v1/orders/{order}", self.shop);
        let request = self.agent.get(&url).header("Authorization", authorization);
        let mut answer = request.call().map_err(|error| BenchError::unreachable(&url, &error))?;
        let body = answer.body_mut().read_to_vec().map_err(|error| BenchError::unreachable(&url, &error))?;
        let read: Option<Order> = serde_json::from_slice(&body).ok();
        Ok(answer.status().as_u16() == 200 && read.is_some_and(|read| read.order_id == order))
    }

    fn known_operations(&self) -> (&str, &str) {
        let (url, token) = self.operations.as_ref().expect("asked only of a server whose operations listener is known");
        (url, token)
    }

    fn read<T: DeserializeOwned>(&self, url: &str, token: Option<&str>) -> Result<T, BenchError> {
        serde_json::from_slice(&self.body(url, token)?).map_err(|error| BenchError::answer(url, error))
    }

    fn body(&self, url: &str, token: Option<&str>) -> Result<Vec<u8>, BenchError> {
        let mut answer = self.get(url, token)?;
        let body = answer.body_mut().with_config().limit(MAX_ANSWER).read_to_vec();
        body.map_err(|error| BenchError::unreachable(url, &error))
    }

    fn get(&self, url: &str, token: Option<&str>) -> Result<ureq::http::Response<ureq::Body>, BenchError> {
        let mut request = self.agent.get(url);
        if let Some(token) = token {
            request = request.header("Authorization", format!("Bearer {token}"));
        }
        let answer = request.call().map_err(|error| BenchError::unreachable(url, &error))?;
        match answer.status().as_u16() {
            200 => Ok(answer),
            401 => Err(BenchError::Unauthorized { url: url.to_owned() }),
            status => Err(BenchError::answer(url, format_args!("status {status}"))),
        }
    }
}

/// A number that the metrics tell.
fn metric(metrics: &[u8], name: &str) -> Option<f64> {
    let text = std::str::from_utf8(metrics).ok()?;
    text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok())
}
