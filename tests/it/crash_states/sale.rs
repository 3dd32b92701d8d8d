//! **Job:** a short sale on a real server under strace: everything that can happen to an order and to money, in a few
//! days that end cleanly or by a kill.
//! **Owns:** the recording: the trace, how many answers the clients had, and what each process left on the disk.
//! **Never:** judges: what must survive is read from the trace.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rand::SeedableRng as _;
use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;
use serde_json::{Value, json};

use super::answers::{EVENT, REASON, facts};
use super::disk::Disk;
use super::history::History;
use super::scenes::Scene;
use super::trace::Call;
use super::tracer::Tracer;
use crate::recovery::{DATA_FILE, Folder, look};
use crate::support::{
    Attempt, Client, Item, Response, Server, Setup, WEBHOOK_SECRET, admin_authorization, authorization, now_s,
    payment_event, webhook_signature,
};

/// The item of the catalogue.
pub(crate) const LAMP: &str = "lamp";
/// How long an order waits for its payment: long enough to pay it under a tracer, short enough to wait for.
const PAY_WITHIN: &str = "\"1500ms\"";
/// How long an order may take to expire.
const PATIENCE: Duration = Duration::from_secs(30);
/// How each day ends. So there is a start on nothing, two on a file without a log, and one on the log of a killed
/// server. Short days keep the log short, and starts from it fast.
const DAYS: [(&str, End); 4] =
    [("first", End::Clean), ("second", End::Killed), ("third", End::Clean), ("fourth", End::Killed)];

#[derive(Debug, Clone, Copy, PartialEq)]
enum End {
    Clean,
    Killed,
}

/// How a sale is held.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    /// Of the order of its scenes.
    pub(crate) seed: u64,
    /// Orders, one after the other, that come on top: enough of them reach a checkpoint.
    pub(crate) more: usize,
    /// `storage.durability`.
    pub(crate) durability: &'static str,
}

impl Plan {
    pub(crate) fn of(seed: u64) -> Self {
        Self { seed, more: 0, durability: "full" }
    }
}

/// A sale that was recorded.
pub(crate) struct Recording {
    pub(crate) calls: Vec<Call>,
    /// Where the files were.
    folder: String,
    /// Answers that say that something is so.
    answers: usize,
    /// What each process left, in their order.
    left: Vec<(u32, Folder)>,
}

pub(crate) struct Sale {
    pub(crate) server: Server,
    public: Client,
    owner: Client,
    tracer: Tracer,
    pub(crate) answers: usize,
    left: Vec<(u32, Folder)>,
}

/// A server with the catalogue of the sale.
pub(crate) fn setup(durability: &str) -> Setup {
    let items = [Item::new(LAMP, 1_000_000).limit(3)];
    let setup = Setup::new(items).set("payment.pay_within", PAY_WITHIN);
    setup.set("storage.durability", &format!("{durability:?}"))
}

/// Starts a server under the tracer.
pub(crate) fn traced(setup: Setup, tracer: &Tracer) -> Setup {
    let command = tracer.command();
    setup.under(&command.iter().map(String::as_str).collect::<Vec<_>>())
}

/// Holds the sale and ends it.
pub(crate) fn record(plan: Plan) -> Recording {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    runtime.expect("threads").block_on(hold(plan))
}

async fn hold(plan: Plan) -> Recording {
    let tracer = Tracer::new();
    let server = traced(setup(plan.durability), &tracer).start();
    let folder = server.directory().canonicalize().expect("it is there");
    let (public, owner) = (Client::new(server.address()), Client::new(server.ops_address()));
    let mut sale = Sale { server, public, owner, tracer, answers: 0, left: Vec::new() };
    let mut scenes = Scene::ALL.to_vec();
    scenes.shuffle(&mut StdRng::seed_from_u64(plan.seed));
    for ((day, end), scenes) in DAYS.into_iter().zip(scenes.chunks(scenes.len().div_ceil(DAYS.len()))) {
        if sale.server.is_alive() {
            sale.many_more(plan.more).await;
        } else {
            sale.server.restart();
            (sale.public, sale.owner) = (Client::new(sale.server.address()), Client::new(sale.server.ops_address()));
        }
        sale.play(day, scenes).await;
        match end {
            End::Clean => assert!(sale.server.terminate().success()),
            End::Killed => sale.server.kill9(),
        }
        sale.end_of_process();
    }
    let folder = folder.to_str().expect("temporary paths are text").to_owned();
    Recording { calls: sale.tracer.calls(), folder, answers: sale.answers, left: sale.left }
}

impl Recording {
    /// The recording as something to crash, once its calls are known to explain it.
    pub(crate) fn history(self) -> History {
        self.assert_explained();
        let told = facts(&self.calls, &[LAMP]);
        assert_eq!(told.answers, self.answers, "answers in the trace, and answers that arrived");
        let disk = Disk::new(&self.folder, DATA_FILE);
        History::new(self.calls, disk, 0, told).unwrap_or_else(|what| panic!("the end of the recording: {what}"))
    }

    /// Checks that the calls explain what each process left: that no write was missed, and none invented.
    fn assert_explained(&self) {
        let mut disk = Disk::new(&self.folder, DATA_FILE);
        let mut left = self.left.iter();
        for call in &self.calls {
            disk.apply(call);
            let Call::Ended { process } = call else { continue };
            let Some((_, folder)) = self.left.iter().find(|(other, _)| other == process) else { continue };
            left.next();
            let image = disk.ordered();
            let path = |name: &str| format!("{}/{name}", self.folder);
            let counts = folder.iter().filter(|(name, _)| disk.name_of(&path(name)).is_some());
            let counts: BTreeMap<_, _> = counts.map(|(name, (_, bytes))| (name.clone(), bytes.clone())).collect();
            let names = (image.keys().collect::<Vec<_>>(), counts.keys().collect::<Vec<_>>());
            assert_eq!(names.0, names.1, "the trace and the folder after process {process}");
            for (name, bytes) in &counts {
                assert!(image[name] == *bytes, "the trace does not explain {name} after process {process}");
            }
        }
        assert!(left.next().is_none(), "a process of the recording did not end in the trace");
    }
}

impl Sale {
    async fn many_more(&mut self, orders: usize) {
        for number in 0..orders {
            self.buy(&Attempt::new(&format!("more-{number}"), LAMP)).await;
        }
    }

    async fn play(&mut self, day: &str, scenes: &[Scene]) {
        for (number, scene) in scenes.iter().enumerate() {
            self.scene(*scene, &format!("{day}-{number}")).await;
        }
        self.come_to_rest(day).await;
    }

    /// Waits until no order is left that could still expire, and has the money of the last one come late. Whatever is
    /// written after that is asked for, so that no process is killed within a write of which nobody could say whether
    /// it happened. Crashes within writes are what the models are for.
    async fn come_to_rest(&mut self, day: &str) {
        let last = self.buy(&Attempt::new(&format!("rest-{day}"), LAMP)).await;
        self.expire(&last).await;
        self.report(&payment_event(&format!("late-{day}"), "succeeded", &last), "late").await;
        self.read_feed().await;
    }

    pub(crate) async fn buy(&mut self, attempt: &Attempt) -> Value {
        let answer = attempt.send(&mut self.public).await.expect("an answer");
        self.told(answer).json()
    }

    /// Reports an event, which must be judged so.
    pub(crate) async fn report(&mut self, event: &Value, verdict: &str) {
        let (body, id) = (event.to_string(), event["event_id"].as_str().expect("a text"));
        let (signature, id) = (webhook_signature(WEBHOOK_SECRET, now_s(), &body), format!("{EVENT}{id}"));
        // What is told twice is on record under the first event.
        let id = if verdict == "duplicate" { "duplicate" } else { &id };
        let headers = [("Doorbuster-Signature", signature.as_str()), ("X-Request-Id", id)];
        let answer = self.public.request("POST", "/v1/payments/events", &headers, Some(&body)).await;
        let answer = self.told(answer.expect("an answer"));
        assert_eq!(answer.json()["verdict"], verdict, "{event}: {}", answer.text());
    }

    pub(crate) async fn cancel(&mut self, order: &Value) {
        let path = format!("/v1/orders/{}/cancel", order["order_id"].as_str().expect("an id"));
        let authorization = authorization(order["user_id"].as_str().expect("an id"));
        let headers = [("Authorization", authorization.as_str())];
        let answer = self.public.request("POST", &path, &headers, None).await.expect("an answer");
        self.told(answer);
    }

    /// Looks at the order until it has expired. Each look is a fact, too.
    async fn expire(&mut self, order: &Value) {
        let path = format!("/v1/orders/{}", order["order_id"].as_str().expect("an id"));
        let authorization = authorization(order["user_id"].as_str().expect("an id"));
        let began = Instant::now();
        loop {
            let answer = self.public.get(&path, &[("Authorization", &authorization)]).await.expect("an answer");
            let answer = self.told(answer);
            if answer.json()["status"] == "expired" {
                return;
            }
            assert!(began.elapsed() < PATIENCE, "{} does not expire", answer.text());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Has the owner do something, for a reason that no other deed has.
    pub(crate) async fn instruct(&mut self, method: &str, path: &str, mut fields: Value) {
        let reason = format!("reason-{}", self.answers);
        fields["reason"] = json!(reason);
        let (authorization, id) = (admin_authorization(), format!("{REASON}{reason}"));
        let headers = [("Authorization", authorization.as_str()), ("X-Operator", "eve"), ("X-Request-Id", &id)];
        let answer = self.owner.request(method, path, &headers, Some(&fields.to_string())).await.expect("an answer");
        self.told(answer);
    }

    pub(crate) async fn ask_owner(&mut self, path: &str) -> Response {
        let authorization = admin_authorization();
        let answer = self.owner.get(path, &[("Authorization", &authorization)]).await.expect("an answer");
        self.told(answer)
    }

    /// Consumes the feed, which confirms the last entry in it.
    pub(crate) async fn read_feed(&mut self) {
        self.ask_owner("/v1/feed?after=0&limit=1000").await;
    }

    fn told(&mut self, answer: Response) -> Response {
        assert!(matches!(answer.status, 200 | 201 | 204), "{} {}", answer.status, answer.text());
        self.answers += 1;
        answer
    }

    /// Waits until the tracer has written all, and keeps what the process left.
    fn end_of_process(&mut self) {
        let process = self.server.id();
        self.tracer.wait_for_end(process);
        self.left.push((process, look(self.server.directory())));
    }
}
