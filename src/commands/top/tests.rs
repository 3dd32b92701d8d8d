//! **Job:** an operations listener of canned answers, for the tests of this room.
//! **Owns:** the shapes of the wire, once more, so that a changed reader fails.
//! **Never:** is built into the product.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;

use parking_lot::Mutex;
use serde_json::{Value, json};

use crate::commands::ops_client::OpsUrl;
use crate::config::OpsAddress;

pub(super) const TOKEN: &str = "Qw8eRt5yUi2oPa9sDf6gHj3kLz0xCv7b";

/// Answers until the process of the tests ends.
pub(super) struct Server {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// `answer` makes the bytes of the answer to `METHOD /path`.
    pub(super) fn start(answer: fn(&str) -> Vec<u8>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, asked) = (listener.local_addr().unwrap(), Arc::<Mutex<Vec<String>>>::default());
        let log = Arc::clone(&asked);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // A client that leaves early is no fault of the server's.
                drop(serve(stream, answer, &log));
            }
        });
        Self { address, asked }
    }

    pub(super) fn url(&self) -> OpsUrl {
        OpsUrl::of(&OpsAddress::Tcp(self.address)).unwrap()
    }

    pub(super) fn asked(&self) -> Vec<String> {
        self.asked.lock().clone()
    }
}

/// Where nobody listens any more.
pub(super) fn closed() -> OpsUrl {
    OpsUrl::of(&OpsAddress::Tcp(TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap())).unwrap()
}

fn serve(mut stream: TcpStream, answer: fn(&str) -> Vec<u8>, log: &Mutex<Vec<String>>) -> std::io::Result<()> {
    let (mut request, mut is_known) = (String::new(), false);
    for line in BufReader::new(stream.try_clone()?).lines() {
        let line = line?;
        is_known |= line.eq_ignore_ascii_case(&format!("authorization: Bearer {TOKEN}"));
        match request.is_empty() {
            true => request = line.trim_end_matches(" HTTP/1.1").to_owned(),
            false if line.is_empty() => break,
            false => {}
        }
    }
    log.lock().push(request.clone());
    let problem = r#"{"title":"No valid credentials","detail":"send the admin token"}"#;
    stream.write_all(&if is_known { answer(&request) } else { self::answer(401, problem) })
}

pub(super) fn answer(status: u16, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 {status} -\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}").into_bytes()
}

/// A server that sells two items.
pub(super) fn ordinary(request: &str) -> Vec<u8> {
    match request {
        "GET /events" => events(),
        "GET /readyz?verbose" => answer(200, &readiness("healthy")),
        "GET /funnel" => answer(200, &json!({"layers": layers(10)}).to_string()),
        path if path.starts_with("GET /actors?") => answer(200, &page(12.0, 1_000).to_string()),
        path if path.starts_with("POST /v1/admin/items/sku-1/") => answer(200, "{}"),
        _ => answer(404, r#"{"title":"Not found","detail":"there is nothing here","code":"not-found"}"#),
    }
}

/// Two events ten seconds of uptime apart, in chunks that begin and end anywhere.
fn events() -> Vec<u8> {
    let event = |snapshot: Value| format!("event: snapshot\ndata: {snapshot}\n\n");
    let stream = format!(": hello\n\n{}{}", event(snapshot(12.0, 1_000)), event(snapshot(22.0, 6_000)));
    let mut bytes =
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    for chunk in stream.as_bytes().chunks(777) {
        bytes.extend(format!("{:x}\r\n", chunk.len()).into_bytes());
        bytes.extend(chunk);
        bytes.extend(b"\r\n");
    }
    bytes.extend(b"0\r\n\r\n");
    bytes
}

/// So many times 100 µs or less, one time in a hundred up to 1.6 ms.
fn distribution(count: u64) -> Value {
    let rare = count / 100;
    json!({"p50": 90, "p99": 1_500, "max": 1_550, "count": count, "sum": 100 * count,
        "buckets": [[100, count - rare], [1_600, rare]]})
}

fn actor(id: &str, state: &str, depth: u64, processed: u64) -> Value {
    json!({"name": format!("stock/{id}"), "kind": "stock", "core": 1,
        "mailbox": {"depth": depth, "capacity": 20_480, "high_water": 812}, "processed_total": processed,
        "wait_us": distribution(processed), "handle_us": distribution(processed), "started": true, "item_id": id,
        "title": format!("空气 \u{1b}[31m{id}"), "state": state, "supply": 100, "remaining": 37})
}

fn writer(orders: u64) -> Value {
    json!({"commits_total": orders / 10, "orders_total": orders, "entries_total": orders + 10,
        "triggers": {"drained": (orders / 10).saturating_sub(5), "full": 5, "linger": 0, "draining": 0},
        "batch_size": distribution(orders / 10), "commit_us": distribution(orders / 10),
        "sync_us": distribution(orders / 10), "queue_depth": 12, "storage": "open", "last_seq": orders + 10})
}

fn layers(attempts: u64) -> Value {
    let names = "door capacity replay window sold_out throttle pool bucket stock ledger";
    let layer = |name: &str| match name {
        "sold_out" => json!({"name": name, "in": attempts, "out": attempts / 10,
            "answered": {"sold-out": attempts - attempts / 10, "replayed": 0}}),
        _ => json!({"name": name, "in": attempts, "out": attempts, "answered": {}}),
    };
    names.split(' ').map(layer).collect()
}

/// `GET /actors` of a server that has handled `processed` messages of each item.
pub(super) fn page(uptime_s: f64, processed: u64) -> Value {
    let writer_row = json!({"name": "order_writer", "kind": "writer", "core": null,
        "mailbox": {"depth": 4, "capacity": 20_480, "high_water": 900}, "processed_total": processed,
        "wait_us": distribution(processed), "handle_us": distribution(processed)});
    json!({"captured_at": "2026-11-22T16:40:00.000Z", "uptime_s": uptime_s, "total": 2,
        "actors": [writer_row, actor("sku-1", "open", 3, processed), actor("sku-2", "paused", 9, 2 * processed)],
        "writer": writer(processed)})
}

/// A verdict with one reason.
pub(super) fn verdict(level: &str) -> Value {
    let (headline, code, text) = match level {
        "healthy" => ("Healthy: selling", "selling", "1 item on sale; orders are durable."),
        "degraded" => ("Degraded: commits are slow", "commits-slow", "One commit in a hundred takes 900 ms or longer."),
        _ => ("Stopped: the disk is full", "storage-full", "Nothing can be written, so nothing is sold."),
    };
    json!({"level": level, "headline": headline,
        "reasons": [{"code": code, "severity": level, "text": text}]})
}

/// `GET /readyz?verbose`.
pub(super) fn readiness(level: &str) -> String {
    json!({"status": "ready", "checks": [], "verdict": verdict(level)}).to_string()
}

/// One event of the same server.
pub(super) fn snapshot(uptime_s: f64, orders: u64) -> Value {
    json!({"captured_at": "2026-11-22T16:40:00.000Z", "uptime_s": uptime_s, "version": "0.1.0", "state": "open",
        "verdict": verdict("healthy"),
        "durability": "full", "purchases": {"in_flight": 12, "max_in_flight": 16_384}, "layers": layers(10 * orders),
        "cores": [{"core": 0, "busy_s": uptime_s / 4.0, "messages_total": orders, "crossed_total": 9,
            "batch": distribution(orders)}, {"core": 1, "busy_s": uptime_s, "messages_total": 0}],
        "writer": writer(orders),
        "items": {"total": 2, "by_state": {"scheduled": 0, "open": 1, "paused": 1, "sold_out": 0, "closed": 0},
            "supply": 200, "remaining": 74, "busiest": [actor("sku-9", "open", 0, orders)]},
        "feed": [{"sink": "pull", "lag_entries": 0}], "redis": null, "storage": {"file_bytes": 1, "wal_bytes": 2},
        "process": {"cpu_s": 4.2, "resident_bytes": 1, "open_fds": 20, "threads": 9}})
}
