//! **Job:** a generator thread: its connections make purchases, in the closed loop or in the open one.
//! **Owns:** when a purchase is sent, and from when its latency counts: always from the intended start.
//! **Never:** starts a task per purchase, or leaves out what was late.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rand::rngs::Xoshiro256PlusPlus;
use tokio::sync::Semaphore;
use tokio::task::LocalSet;

use super::connection::{Connection, Response};
use super::follow_up::{self, FollowUp};
use super::notes::Notes;
use super::orders::Orders;
use super::run_state::RunState;
use super::tally::{Label, Phase, Sold, Tally};
use super::ticker;
use super::workload::{Purchase, Purchases, Schedule};
use crate::commands::history::Sheet;

/// Longest wait that a `Retry-After` can ask for: a buyer who is told more goes away.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(2);

/// How purchases follow each other.
pub(super) enum Pace {
    /// So many, each after the answer to the one before on its connection.
    Closed { requests: u64 },
    /// When they are due.
    Open(Schedule),
}

/// One thread's part of the run.
pub(super) struct Worker {
    pub(super) orders: Arc<Orders>,
    pub(super) run_state: Arc<RunState>,
    pub(super) pace: Pace,
    pub(super) thread: u64,
    pub(super) threads: u64,
    pub(super) connections: u64,
    /// Where everything is written down, if it is.
    pub(super) sheet: Option<Sheet>,
}

/// What the connections of a thread share.
struct Shared {
    orders: Arc<Orders>,
    run_state: Arc<RunState>,
    start: Instant,
    tally: RefCell<Tally>,
    notes: Notes,
    chance: RefCell<Xoshiro256PlusPlus>,
    purchases: RefCell<Purchases>,
}

impl Worker {
    /// Makes the purchases; ends when all are answered.
    pub(super) fn run(self) -> std::io::Result<Tally> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let tally = LocalSet::new().block_on(&runtime, self.drive())?;
        Ok(Tally { cpu_s: tally.cpu_s + ticker::thread_cpu_s(), ..tally })
    }

    async fn drive(self) -> std::io::Result<Tally> {
        let Self { orders, run_state, pace, thread, threads, connections, sheet } = self;
        let lines = open_lines(&orders, connections).await;
        let shared = Rc::new(Shared {
            purchases: RefCell::new(Purchases::share(&orders.workload, thread, threads)),
            chance: RefCell::new(follow_up::chance(orders.workload.seed, thread)),
            notes: Notes::on(sheet),
            orders,
            run_state,
            start: Instant::now(),
            tally: RefCell::new(Tally::new()),
        });
        match pace {
            Pace::Closed { requests } => shared.closed(lines, requests).await,
            Pace::Open(schedule) => shared.open(lines, schedule).await?,
        }
        Ok(shared.tally.replace(Tally::new()))
    }
}

/// Opens the connections before the clock starts. One that cannot be opened tries again with its first purchase.
async fn open_lines(orders: &Orders, connections: u64) -> Vec<Connection> {
    let mut lines = Vec::new();
    for _ in 0..connections {
        let mut line = Connection::to(orders.address, orders.patience);
        let _counted_with_the_first_purchase = line.open().await;
        lines.push(line);
    }
    lines
}

impl Shared {
    async fn closed(self: &Rc<Self>, lines: Vec<Connection>, requests: u64) {
        let left = Rc::new(Cell::new(requests));
        self.on_every(lines, move |shared, mut line| {
            let left = Rc::clone(&left);
            async move {
                while !shared.is_over() && left.get() > 0 {
                    left.set(left.get() - 1);
                    shared.purchase(&mut line, shared.start.elapsed()).await;
                }
                line
            }
        })
        .await;
    }

    async fn open(self: &Rc<Self>, lines: Vec<Connection>, schedule: Schedule) -> std::io::Result<()> {
        let due = Arc::new(Semaphore::new(0));
        let starts = Rc::new(RefCell::new(schedule.clone()));
        let ticker = ticker::start(schedule, self.start, &due, &self.run_state, lines.len())?;
        let common = Rc::clone(&starts);
        self.on_every(lines, move |shared, mut line| {
            let (due, starts) = (Arc::clone(&due), Rc::clone(&common));
            async move {
                loop {
                    due.acquire().await.expect("it is never closed").forget();
                    let intended = if shared.is_over() { None } else { starts.borrow_mut().next() };
                    let Some(intended) = intended else { return line };
                    shared.purchase(&mut line, intended).await;
                }
            }
        })
        .await;
        let (struck, cpu_s) = ticker.join().expect("the ticker does not panic");
        let mut tally = self.tally.borrow_mut();
        tally.unsent += struck.saturating_sub(tally.total());
        tally.cpu_s += cpu_s;
        Ok(())
    }

    /// Runs `work` on every connection, and waits until all have come to their ends.
    async fn on_every<F: Future<Output = Connection> + 'static>(
        self: &Rc<Self>,
        lines: Vec<Connection>,
        work: impl Fn(Rc<Self>, Connection) -> F,
    ) {
        let tasks: Vec<_> =
            lines.into_iter().map(|line| tokio::task::spawn_local(work(Rc::clone(self), line))).collect();
        for task in tasks {
            let line = task.await.expect("a connection's task does not panic");
            self.tally.borrow_mut().reconnects += line.reconnects;
        }
    }

    fn is_over(&self) -> bool {
        self.start.elapsed() >= self.orders.last_call || self.run_state.stop.load(Ordering::Relaxed)
    }

    /// One purchase, with its retries; its latency runs from `intended` to the last answer.
    async fn purchase(&self, line: &mut Connection, intended: Duration) {
        let purchase = self.purchases.borrow_mut().next();
        let late = self.start.elapsed().saturating_sub(intended);
        let (mut tries, mut is_doubtful) = (0, false);
        let answer = loop {
            let invoked = self.notes.now();
            let answer = line.ask(|| self.orders.request(&purchase)).await;
            self.notes.bought(&self.orders, &purchase, invoked, &answer);
            if !answer.is_indefinite() || tries == self.orders.retries || self.is_over() {
                break answer;
            }
            (tries, is_doubtful) = (tries + 1, true);
            tokio::time::sleep(answer.retry_after.min(LONGEST_RETRY_AFTER)).await;
        };
        let ended = self.start.elapsed();
        self.run_state.answered.fetch_add(1, Ordering::Relaxed);
        let made = answer.order.as_ref().filter(|_| self.orders.mix > 0.0).map(|order| order.id.clone());
        self.count(&purchase, answer, (intended, late, ended), (tries, is_doubtful));
        if let Some(order) = made {
            let next = follow_up::draw(&mut self.chance.borrow_mut(), self.orders.mix);
            if let Some(what) = next {
                let follow_up =
                    FollowUp { orders: &self.orders, notes: &self.notes, purchase: &purchase, order: &order };
                follow_up.send(line, what).await;
                self.tally.borrow_mut().follow_ups += 1;
            }
        }
    }

    /// Counts a purchase: when it was intended, how late it was sent, when it was answered; after how many tries.
    fn count(
        &self,
        purchase: &Purchase,
        answer: Response,
        (intended, late, ended): (Duration, Duration, Duration),
        (tries, is_doubtful): (u32, bool),
    ) {
        let phase = if intended < self.orders.warmup { Phase::WarmUp } else { Phase::Measured };
        let mut tally = self.tally.borrow_mut();
        tally.retries += u64::from(tries);
        tally.ended = tally.ended.max(ended);
        if phase == Phase::Measured {
            tally.late_us.saturating_record(super::tally::in_us(late));
        }
        // A try without an answer may still be decided after one that was refused.
        let is_doubtful = is_doubtful || answer.is_indefinite();
        tally.unknown += u64::from(is_doubtful && answer.order.is_none());
        let label = self.note(&mut tally, purchase, answer);
        tally.count(label, ended.saturating_sub(intended), phase);
    }

    /// Keeps what the audit will ask for.
    fn note(&self, tally: &mut Tally, purchase: &Purchase, answer: Response) -> Label {
        let Some(order) = answer.order else { return answer.label };
        let (user, item) = (&self.orders.users[purchase.user].0, &self.orders.items[purchase.item].0);
        if (&order.user_id, &order.item_id, order.quantity) != (user, item, self.orders.quantity) {
            tally.unknown += 1;
            return Label { name: "mixed-up".into(), status: answer.label.status };
        }
        if answer.label.name == "confirmed" {
            self.run_state.confirmed.fetch_add(1, Ordering::Relaxed);
        }
        tally.durability.get_or_insert(order.durability);
        tally.sold.push(Sold { order: order.id, user: purchase.user, item: purchase.item });
        answer.label
    }
}
