//! **Job:** a short sale on a real server under strace: everything that can happen to an order, a clean end, two kills.
//! **Owns:** the recording: the trace, how many facts the clients were told, and what each process left on the disk.
//! **Never:** judges: what must survive is read from the trace.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::trace::{self, Call};
use crate::recovery::{Folder, look};
use crate::support::{Attempt, Client, Item, Server, Setup, admin_authorization, authorization, crowd, report_paid};

/// The item of the catalogue.
pub(crate) const LAMP: &str = "lamp";
/// Buyers that come at the same time, so that commits hold several orders.
const CROWD: usize = 30;
/// How long an order waits for its payment: long enough to pay it under a tracer, short enough to wait for.
const PAY_WITHIN: &str = "\"1500ms\"";
/// How long the tracer may take to write its last line, and an order to expire.
const PATIENCE: Duration = Duration::from_secs(30);

/// A sale that was recorded.
pub(crate) struct Recording {
    pub(crate) calls: Vec<Call>,
    /// Where the files were.
    pub(crate) folder: String,
    /// Facts that the clients were told.
    pub(crate) told: usize,
    /// What each process left, in their order.
    pub(crate) left: Vec<(u32, Folder)>,
}

struct Sale {
    server: Server,
    public: Client,
    owner: Client,
    trace: TempDir,
    told: usize,
    left: Vec<(u32, Folder)>,
}

/// Holds the sale. `more` is how many orders, one after the other, come on top: enough of them reach a checkpoint.
pub(crate) async fn record(more: usize) -> Recording {
    let trace = tempfile::tempdir().expect("a temporary directory");
    let file = trace.path().join("trace");
    let calls = format!("trace={}", trace::CALLS.replace(' ', ""));
    let file = file.to_str().expect("temporary paths are text");
    // -D: the server stays our own child, and the tracer is the one beside it.
    let tracer = ["strace", "-D", "-f", "--seccomp-bpf", "-A", "-o", file, "-yy", "-xx", "-s", "1048576", "-e", &calls];
    let items = [Item::new(LAMP, 1_000_000).limit(3)];
    let server = Setup::new(items).set("payment.pay_within", PAY_WITHIN).under(&tracer).start();
    let folder = server.directory().canonicalize().expect("it is there");
    let (public, owner) = (Client::new(server.address()), Client::new(server.ops_address()));
    let mut sale = Sale { server, public, owner, trace, told: 0, left: Vec::new() };
    sale.first_day(more).await;
    sale.server.terminate();
    sale.end_of_process();
    sale.next_day().await;
    sale.server.kill9();
    sale.end_of_process();
    sale.last_day().await;
    sale.server.kill9();
    sale.end_of_process();
    let text = std::fs::read_to_string(sale.trace.path().join("trace")).expect("strace writes text");
    let folder = folder.to_str().expect("temporary paths are text").to_owned();
    Recording { calls: trace::parse(&text), folder, told: sale.told, left: sale.left }
}

impl Sale {
    async fn first_day(&mut self, more: usize) {
        self.buy_pay_and_cancel("first", 10).await;
        let tally = crowd(self.server.address(), Attempt::shuffled(LAMP, CROWD, 1)).await;
        let unpaid = tally.orders();
        assert_eq!(unpaid.len(), CROWD, "{:?}", tally.refusals());
        self.told += unpaid.len();
        self.instruct(LAMP, "pause", None).await;
        self.instruct(LAMP, "resume", None).await;
        self.instruct(LAMP, "restock", Some(json!({"quantity": 10}))).await;
        let fields = json!({"title": "Vase", "unit_price": 500, "currency": "CNY", "stock": 5});
        self.as_owner("PUT", "/v1/admin/items/vase", Some(fields)).await;
        self.buy(&Attempt::new("ann", "vase")).await;
        self.instruct("vase", "close", None).await;
        self.as_owner("GET", "/v1/feed?after=0&limit=1000", None).await;
        self.expire(&unpaid[0]).await;
        // Too late: the money has to go back.
        self.pay("evt-late", &unpaid[0]).await;
        for number in 0..more {
            self.buy(&Attempt::new(&format!("more-{number}"), LAMP)).await;
        }
        self.as_owner("GET", "/v1/feed?after=40&limit=1000", None).await;
        self.come_to_rest().await;
    }

    async fn next_day(&mut self) {
        self.server.restart();
        (self.public, self.owner) = (Client::new(self.server.address()), Client::new(self.server.ops_address()));
        self.buy_pay_and_cancel("next", 8).await;
        self.instruct(LAMP, "restock", Some(json!({"quantity": 1}))).await;
        self.come_to_rest().await;
    }

    /// On a log that the killed server left.
    async fn last_day(&mut self) {
        self.server.restart();
        (self.public, self.owner) = (Client::new(self.server.address()), Client::new(self.server.ops_address()));
        self.buy_pay_and_cancel("last", 4).await;
        self.come_to_rest().await;
    }

    /// Waits until no order is left that could still expire. Whatever is written after that is asked for, so that no
    /// process is killed within a write of which nobody could say whether it happened. Crashes within writes are what
    /// the models are for.
    async fn come_to_rest(&mut self) {
        let last = self.buy(&Attempt::new(&format!("rest-{}", self.left.len()), LAMP)).await;
        self.expire(&last).await;
    }

    async fn buy_pay_and_cancel(&mut self, day: &str, orders: usize) {
        for number in 0..orders {
            let attempt = Attempt::new(&format!("{day}-{number}"), LAMP).key(&format!("key-{day}-{number}"));
            let order = self.buy(&attempt).await;
            match number % 4 {
                0 => self.pay(&format!("evt-{day}-{number}"), &order).await,
                1 => self.cancel(&attempt.user, &order).await,
                _ => {}
            }
        }
    }

    async fn buy(&mut self, attempt: &Attempt) -> Value {
        let answer = attempt.send(&mut self.public).await.expect("an answer");
        assert_eq!(answer.status, 201, "{}", answer.text());
        self.told += 1;
        answer.json()
    }

    async fn pay(&mut self, event: &str, order: &Value) {
        let answer = report_paid(&mut self.public, event, order).await.expect("an answer");
        assert_eq!(answer.status, 200, "{}", answer.text());
        self.told += 1;
    }

    async fn cancel(&mut self, user: &str, order: &Value) {
        let path = format!("/v1/orders/{}/cancel", order["order_id"].as_str().expect("an id"));
        let headers = [("Authorization", authorization(user))];
        let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
        let answer = self.public.request("POST", &path, &headers, None).await.expect("an answer");
        assert_eq!(answer.status, 200, "{}", answer.text());
        self.told += 1;
    }

    /// Looks at the order until it has expired. Each look is a fact, too.
    async fn expire(&mut self, order: &Value) {
        let path = format!("/v1/orders/{}", order["order_id"].as_str().expect("an id"));
        let authorization = authorization(order["user_id"].as_str().expect("an id"));
        let began = Instant::now();
        loop {
            let answer = self.public.get(&path, &[("Authorization", &authorization)]).await.expect("an answer");
            assert_eq!(answer.status, 200, "{}", answer.text());
            self.told += 1;
            if answer.json()["status"] == "expired" {
                return;
            }
            assert!(began.elapsed() < PATIENCE, "{} does not expire", answer.text());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn instruct(&mut self, item: &str, verb: &str, body: Option<Value>) {
        self.as_owner("POST", &format!("/v1/admin/items/{item}/{verb}"), body).await;
    }

    async fn as_owner(&mut self, method: &str, path: &str, body: Option<Value>) {
        let (authorization, body) = (admin_authorization(), body.map(|body| body.to_string()));
        let headers = [("Authorization", authorization.as_str())];
        let answer = self.owner.request(method, path, &headers, body.as_deref()).await.expect("an answer");
        assert!(matches!(answer.status, 200 | 201), "{} {}", answer.status, answer.text());
        self.told += 1;
    }

    /// Waits until the tracer has written all, and keeps what the process left.
    fn end_of_process(&mut self) {
        let process = self.server.id();
        wait_for_end(&self.trace.path().join("trace"), process);
        self.left.push((process, look(self.server.directory())));
    }
}

/// Waits for the last line of a process.
#[expect(clippy::disallowed_methods, reason = "waits for a process that wakes nobody")]
fn wait_for_end(trace: &Path, process: u32) {
    let process = process.to_string();
    let is_end = |line: &str| line.strip_prefix(&process).is_some_and(|rest| rest.trim_start().starts_with("+++"));
    let started = Instant::now();
    while !std::fs::read_to_string(trace).is_ok_and(|text| text.lines().any(is_end)) {
        assert!(started.elapsed() < PATIENCE, "strace did not write the end of process {process}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
