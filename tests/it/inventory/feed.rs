//! **Job:** a feed as the wire describes it: entries of a small sale, served to pulls.
//! **Owns:** the entries, and the books that follow from the first so many of them.
//! **Never:** is clever: one thread a connection, one answer a connection.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use serde_json::json;

use crate::support::{Books, PATIENCE};

/// One entry as its line.
pub(crate) fn line(seq: usize, kind: &str, order: Option<&str>, item: &str, quantity: u32) -> String {
    json!({"seq": seq, "kind": kind, "order_id": order, "item_id": item, "user_id": order.map(|_| "ada"),
        "quantity": quantity, "unit_price": 1990, "currency": "CNY", "at": "2026-11-22T12:00:00.000Z"})
    .to_string()
}

/// Entries of a sale of two items, about `length` of them: orders that stay, are paid, given up, expire, are paid late.
pub(crate) fn sale(length: usize) -> Vec<String> {
    let mut lines = vec![line(1, "item", None, "sku-1", 1_000_000), line(2, "item", None, "sku-2", 1_000_000)];
    let mut order = 0;
    while lines.len() < length {
        order += 1;
        let (id, item) = (format!("1-1-{order:x}"), if order % 3 == 0 { "sku-2" } else { "sku-1" });
        let steps: &[&str] = match order % 5 {
            0 => &["placed"],
            1 => &["placed", "paid"],
            2 => &["placed", "cancelled"],
            3 => &["placed", "expired", "paid"],
            _ => &["placed", "expired", "refund_due"],
        };
        for step in steps {
            lines.push(line(lines.len() + 1, step, Some(&id), item, order % 4 + 1));
        }
    }
    lines
}

/// The books after these entries, told apart by their words alone.
pub(crate) fn books(lines: &[String]) -> Books {
    let (mut books, mut orders) = (Books::new(), BTreeMap::new());
    for line in lines {
        let entry: serde_json::Value = serde_json::from_str(line).expect("our own entries");
        let (item, quantity) =
            (entry["item_id"].as_str().expect("an item"), entry["quantity"].as_i64().expect("units"));
        match entry["kind"].as_str().expect("a kind") {
            "item" => drop(books.insert(item.to_owned(), (quantity, 0, 0))),
            last => drop(orders.insert(entry["order_id"].to_string(), (item.to_owned(), quantity, last.to_owned()))),
        }
    }
    for (item, quantity, last) in orders.into_values() {
        let book = books.get_mut(&item).expect("items come first");
        match last.as_str() {
            "placed" => book.1 += quantity,
            "paid" => book.2 += quantity,
            _ => {}
        }
    }
    books
}

#[derive(Default)]
struct State {
    lines: Vec<String>,
    /// What to answer instead of entries.
    status: Option<u16>,
    /// `after` of every request so far.
    asked: Vec<usize>,
    /// Answers with entries so far.
    answers: usize,
    is_closed: bool,
}

/// A pull feed on a port of its own.
#[derive(Clone)]
pub(crate) struct Feed {
    address: SocketAddr,
    token: String,
    shared: Arc<(Mutex<State>, Condvar)>,
}

impl Feed {
    /// Serves these entries to whoever has the token.
    pub(crate) fn start(token: &str, lines: Vec<String>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound");
        let state = State { lines, ..State::default() };
        let feed = Self { address, token: token.to_owned(), shared: Arc::new((Mutex::new(state), Condvar::new())) };
        let serving = feed.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let feed = serving.clone();
                if feed.shared.0.lock().is_closed {
                    return;
                }
                // A client that was killed is gone: that is what the tests are about.
                std::thread::spawn(move || drop(feed.answer(stream)));
            }
        });
        feed
    }

    /// For `inventory.source`.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.shared.0.lock());
        self.shared.1.notify_all();
    }

    /// Gives its port back; a campaign has thousands of feeds.
    pub(crate) fn close(&self) {
        self.change(|state| state.is_closed = true);
        // Whoever accepts looks when somebody comes.
        drop(TcpStream::connect(self.address));
    }

    /// Commits more entries.
    pub(crate) fn append(&self, lines: &[String]) {
        self.change(|state| state.lines.extend_from_slice(lines));
    }

    /// How many entries there are.
    pub(crate) fn length(&self) -> usize {
        self.shared.0.lock().lines.len()
    }

    /// Becomes the feed of another ledger.
    pub(crate) fn replace(&self, lines: Vec<String>) {
        self.change(|state| state.lines = lines);
    }

    /// Answers with that status from now on, or properly again; 0 closes connections without an answer.
    pub(crate) fn fail_with(&self, status: Option<u16>) {
        self.change(|state| state.status = status);
    }

    /// `after` of every request so far.
    pub(crate) fn asked(&self) -> Vec<usize> {
        self.shared.0.lock().asked.clone()
    }

    /// Waits until somebody has asked.
    pub(crate) fn wait_for_first_request(&self) {
        self.wait_until(|state| !state.asked.is_empty());
    }

    /// Waits until `more` requests have come from now on.
    pub(crate) fn wait_for_requests(&self, more: usize) {
        let wanted = self.asked().len() + more;
        self.wait_until(|state| state.asked.len() >= wanted);
    }

    /// Waits until `more` answers with entries have gone out from now on.
    pub(crate) fn wait_for_answers(&self, more: usize) {
        let wanted = self.shared.0.lock().answers + more;
        self.wait_until(|state| state.answers >= wanted);
    }

    fn wait_until(&self, holds: impl Fn(&State) -> bool) {
        let mut state = self.shared.0.lock();
        let waited = self.shared.1.wait_while_for(&mut state, |state| !holds(state), PATIENCE);
        assert!(!waited.timed_out(), "the inventory does not ask");
    }

    fn answer(&self, stream: TcpStream) -> std::io::Result<()> {
        let mut reader = BufReader::new(stream.try_clone()?);
        let (mut request, mut authorized) = (String::new(), false);
        reader.read_line(&mut request)?;
        loop {
            let mut header = String::new();
            if reader.read_line(&mut header)? <= 2 {
                break;
            }
            authorized |= header.trim_end().eq_ignore_ascii_case(&format!("authorization: bearer {}", self.token));
        }
        let number = |name: &str| -> Option<usize> {
            let (_, rest) = request.split_once(&format!("{name}="))?;
            rest.split(['&', ' ']).next()?.parse().ok()
        };
        let is_feed = request.starts_with("GET /v1/feed?");
        let (Some(after), Some(limit), Some(wait)) = (number("after"), number("limit"), number("wait")) else {
            return write(stream, 422, 0, "");
        };
        self.change(|state| state.asked.push(after));
        let (status, last, body) = self.look(after, limit, Duration::from_secs(wait as u64));
        match status {
            _ if !is_feed => write(stream, 404, 0, ""),
            _ if !authorized => write(stream, 401, 0, ""),
            Some(0) => Ok(()),
            Some(status) => write(stream, status, 0, ""),
            None => {
                let written = write(stream, 200, last, &body);
                self.change(|state| state.answers += usize::from(!body.is_empty()));
                written
            }
        }
    }

    fn look(&self, after: usize, limit: usize, wait: Duration) -> (Option<u16>, usize, String) {
        let mut state = self.shared.0.lock();
        let nothing = |state: &mut State| state.status.is_none() && state.lines.len() <= after;
        let _waited = self.shared.1.wait_while_for(&mut state, nothing, wait);
        let body = state.lines.iter().skip(after).take(limit).map(|line| format!("{line}\n")).collect();
        (state.status, state.lines.len(), body)
    }
}

fn write(mut stream: TcpStream, status: u16, last: usize, body: &str) -> std::io::Result<()> {
    write!(
        stream,
        "HTTP/1.1 {status} X\r\nContent-Type: application/x-ndjson\r\nContent-Length: {}\r\nFeed-Last-Seq: {last}\r\n\
         Connection: close\r\n\r\n{body}",
        body.len()
    )
}
