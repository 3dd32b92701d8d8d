//! **Job:** the process around the pure core: outboxes, batch, commit, roll-back, crash and start, in virtual time.
//! **Owns:** what is in memory, and is lost with it.
//! **Never:** decides about an order, or looks at a real clock: time is what the steps add up to.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use doorbuster_actors::entry::{Change, Entries, Entry, Order, OrderChange, Status};
use doorbuster_actors::ids::{IdempotencyKey, ItemNumber, OrderId, OrderNumber};
use doorbuster_actors::ledger::{Fold, Kind};
use doorbuster_actors::payment::Provider;
use doorbuster_actors::sale::{Batch, PublishedItem};
use doorbuster_actors::stock::{SalePolicy, Stock};
use doorbuster_actors::suspense::Suspense;
use doorbuster_actors::time::{Clock, Drift, Moment, Timestamp};

use super::consumer::{Books, Consumer};
use super::disk::Disk;
use super::history::{History, Wanted};
use super::judge::{Judge, MoneyKey};
use super::plan::{Failure, Shop, moment};
use super::violation::{Outcome, hold};
use super::{Control, Stats};

/// What a client is to be told.
#[derive(Debug, Clone)]
pub(crate) enum Answer {
    Placed(Wanted, Order),
    Replayed(Wanted, Order),
    Settled(Order),
    /// By the word of somebody who says that they are its buyer.
    Cancelled(String, Order),
    Found {
        item: usize,
        user: String,
        orders: Vec<Order>,
    },
    Moved {
        item: usize,
        more: u32,
        less: u32,
    },
    Received {
        order: Option<Order>,
        money: Option<MoneyKey>,
        is_elsewhere: Option<(Provider, IdempotencyKey, OrderId)>,
    },
    Nothing,
}

/// A decision on its way to the disk.
#[derive(Debug)]
pub(crate) struct Decision {
    pub(crate) entries: Entries,
    pub(crate) answer: Answer,
    /// The answer will reach the client.
    pub(crate) is_heard: bool,
    pub(crate) epoch: u32,
}

/// One core: its items are those of its number, modulo the cores.
#[derive(Debug, Default)]
pub(crate) struct Core {
    pub(crate) outbox: VecDeque<Decision>,
    pub(crate) epoch: u32,
    /// On its way after a failed commit.
    pub(crate) restore: Option<Recovery>,
}

#[derive(Debug)]
pub(crate) struct Recovery {
    pub(crate) epoch: u32,
    pub(crate) stocks: Vec<Stock>,
    pub(crate) suspense: Suspense,
}

/// The shop, the disk below it, and those who watch it.
pub(crate) struct Server<'p> {
    pub(crate) shop: &'p Shop,
    pub(crate) control: Option<Control>,
    pub(crate) disk: Disk,
    pub(crate) judge: Judge,
    pub(crate) history: History,
    pub(crate) consumer: Consumer,
    /// What the durable entries lead to.
    pub(crate) twin: Fold,
    pub(crate) stocks: Vec<Stock>,
    /// What the gate knows of each item.
    pub(crate) published: Vec<Arc<PublishedItem>>,
    pub(crate) suspense: Suspense,
    pub(crate) policy: SalePolicy,
    pub(crate) cores: Vec<Core>,
    pub(crate) batch: Batch<Decision>,
    pub(crate) opened_ms: Option<i64>,
    pub(crate) epoch: u32,
    pub(crate) failure: Option<Failure>,
    /// True time after noon.
    pub(crate) now_ms: i64,
    pub(crate) skew_ms: i64,
    pub(crate) clock: Clock,
    pub(crate) origin: Instant,
    pub(crate) started_ms: i64,
    pub(crate) last_now: Timestamp,
    /// Keys that the gate lets pass.
    pub(crate) used_keys: HashSet<(usize, String, String)>,
    /// When orders of this process were placed, in true time.
    pub(crate) placed_at: HashMap<(ItemNumber, OrderNumber), i64>,
    /// Attempts by buyer and second: what Redis knows.
    pub(crate) throttled: HashMap<(String, i64), u32>,
    pub(crate) hand_overs: Vec<(Provider, IdempotencyKey, OrderId)>,
    pub(crate) stats: Stats,
    pub(crate) trace: u64,
    pub(crate) story: Option<Vec<String>>,
}

/// A line of the story, made only if somebody reads it.
macro_rules! say {
    ($server:expr, $($text:tt)*) => {
        if $server.story.is_some() {
            let line = format!($($text)*);
            $server.say(&line);
        }
    };
}
pub(crate) use say;

pub(crate) fn clock_at(wall: Timestamp, ledger_end: Timestamp, origin: Instant) -> Option<Clock> {
    Clock::start_at(wall, ledger_end, origin).ok()
}

impl<'p> Server<'p> {
    /// A shop that has just been started for the first time.
    pub(crate) fn open(
        shop: &'p Shop,
        (control, is_told): (Option<Control>, bool),
        inventory: Box<dyn Books>,
    ) -> Outcome<Self> {
        // Only distances from it are ever looked at.
        let origin = Instant::now();
        let mut server = Self {
            shop,
            control,
            disk: Disk::default(),
            judge: Judge::default(),
            history: History::of(shop.items.len()),
            consumer: Consumer::new(inventory),
            twin: Fold::default(),
            stocks: Vec::new(),
            published: Vec::new(),
            suspense: Suspense::default(),
            policy: shop.policy,
            cores: Vec::new(),
            batch: Batch::new(shop.batch),
            opened_ms: None,
            epoch: 0,
            failure: None,
            now_ms: 0,
            skew_ms: 0,
            clock: clock_at(moment(0), moment(0), origin).expect("both are the same"),
            origin,
            started_ms: 0,
            last_now: moment(0),
            used_keys: HashSet::new(),
            placed_at: HashMap::new(),
            throttled: HashMap::new(),
            hand_overs: Vec::new(),
            stats: Stats::default(),
            trace: 0,
            story: is_told.then(Vec::new),
        };
        server.start(shop.at_first)?;
        Ok(server)
    }

    pub(crate) fn say(&mut self, line: &str) {
        let time = moment(self.now_ms).to_string();
        if let Some(story) = &mut self.story {
            story.push(format!("{} {line}", &time[11..23]));
        }
    }

    fn elapsed(&self) -> Duration {
        Duration::from_millis(u64::try_from(self.now_ms - self.started_ms).expect("time goes on"))
    }

    /// Server time.
    pub(crate) fn moment(&mut self) -> Outcome<Moment> {
        let moment = self.clock.at(self.origin + self.elapsed());
        let (now, before) = (moment.now, self.last_now);
        hold(now >= before, "I12", || format!("server time goes back from {before} to {now}"))?;
        self.last_now = now;
        Ok(moment)
    }

    /// The wall clock is taken for right.
    pub(crate) fn follow_wall(&mut self) {
        let wall = moment(self.now_ms + self.skew_ms);
        let elapsed = self.elapsed();
        let drift = self.clock.follow_at(wall, elapsed, self.policy.pay_within.unwrap_or_default());
        self.judge.has_grace |= matches!(drift, Drift::Ahead(_));
    }

    pub(crate) fn core_of(&self, item: usize) -> usize {
        item % self.cores.len()
    }

    /// A decision goes into the outbox of its core.
    pub(crate) fn decided(&mut self, core: usize, entries: Entries, answer: Answer, is_heard: bool) -> Outcome {
        let mut is_heard = is_heard;
        if self.control == Some(Control::AnswerBeforeCommit) && is_heard {
            self.tell(answer.clone())?;
            is_heard = false;
        }
        if self.control == Some(Control::DoubleRelease) {
            self.release_again(&entries);
        }
        if let Answer::Placed(wanted, _) = &answer {
            self.history.ask(wanted);
            if let (item, user, Some(key), _) = wanted {
                self.used_keys.insert((*item, user.clone(), key.clone()));
            }
        }
        self.note_time_to_pay(&entries)?;
        if let Some(Entry { item, .. }) = entries.first()
            && let Some(index) = item.ordinal().checked_sub(1)
        {
            self.published[index as usize].publish(&self.stocks[index as usize], &entries);
        }
        let epoch = self.cores[core].epoch;
        self.cores[core].outbox.push_back(Decision { entries, answer, is_heard, epoch });
        Ok(())
    }

    /// Whatever the clocks are set to while a process runs: everybody has their time to pay, by true time.
    fn note_time_to_pay(&mut self, entries: &[Entry]) -> Outcome {
        for Entry { item, change, .. } in entries {
            let Change::Order(OrderChange { number, status, .. }) = change else { continue };
            if *status == Status::Pending {
                self.placed_at.insert((*item, *number), self.now_ms);
            }
            if let (Status::Expired, Some(placed_at)) = (*status, self.placed_at.get(&(*item, *number))) {
                let had = Duration::from_millis((self.now_ms - placed_at).unsigned_abs());
                let is_early = self.policy.pay_within.is_some_and(|pay_within| had < pay_within);
                hold(!is_early, "I7", || format!("order {} of item {} had {had:?} to pay", number.0, item.0))?;
            }
        }
        Ok(())
    }

    /// A core hands its outbox to the writer.
    pub(crate) fn pass(&mut self, core: usize) -> Outcome {
        let core = core % self.cores.len();
        // A crash on the way empties it.
        while let Some(decision) = self.cores[core].outbox.pop_front() {
            if decision.epoch < self.epoch && self.control != Some(Control::IgnoreEpoch) {
                self.stats.see("decision of an older epoch");
                self.refuse(&decision);
                continue;
            }
            self.opened_ms.get_or_insert(self.now_ms);
            let entries = decision.entries.len();
            if self.batch.push(decision, entries).is_some() && !self.commit()? {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Nothing more waits for the writer.
    pub(crate) fn idle(&mut self) -> Outcome {
        let age = self.opened_ms.map_or(0, |opened_ms| self.now_ms - opened_ms);
        let age = Duration::from_millis(age.unsigned_abs());
        if !self.batch.is_empty() && self.batch.when_idle(age).is_some() {
            self.commit()?;
        }
        Ok(())
    }

    /// Definitely not placed.
    pub(crate) fn refuse(&mut self, decision: &Decision) {
        if let Answer::Placed(wanted, _) = &decision.answer {
            self.history.refuse(wanted);
        }
    }

    /// Answers whether the process goes on.
    fn commit(&mut self) -> Outcome<bool> {
        self.opened_ms = None;
        let decisions = self.batch.take();
        let entries: usize = decisions.iter().map(|decision| decision.entries.len()).sum();
        let failure = if entries == 0 { None } else { self.failure.take() };
        match failure {
            Some(Failure::Definite) => {
                say!(self, "the commit of {entries} rows fails for certain: all is folded again");
                self.stats.see("commit that fails for certain");
                self.roll_back(&decisions)?;
                return Ok(true);
            }
            Some(Failure::UnknownLost) => {
                say!(self, "the commit of {entries} rows fails, nobody knows whether (not): the process ends");
                self.stats.see("commit whose lost outcome is unknown");
                self.crash()?;
                return Ok(false);
            }
            Some(Failure::UnknownWritten) => {
                self.stats.see("commit whose written outcome is unknown");
                self.write(&decisions);
                say!(self, "the commit of {entries} rows fails, nobody knows whether (it did): the process ends");
                self.crash()?;
                return Ok(false);
            }
            None => {}
        }
        self.write(&decisions);
        self.publish()?;
        if entries > 0 {
            self.stats.see("commit");
            say!(self, "{entries} rows are durable, the last is {}", self.disk.last_seq());
        }
        for decision in decisions {
            if decision.is_heard {
                self.tell(decision.answer)?;
            }
        }
        self.compare()?;
        Ok(true)
    }

    fn write(&mut self, decisions: &[Decision]) {
        for entry in decisions.iter().flat_map(|decision| &decision.entries) {
            self.disk.write(entry);
        }
    }

    /// What is on the disk is taken in by those who watch it.
    pub(crate) fn publish(&mut self) -> Outcome {
        for seq in self.twin.seq + 1..=self.disk.last_seq() {
            let row = self.disk.row(seq);
            self.trace = (self.trace.rotate_left(7) ^ row.checksum.cast_unsigned()).wrapping_mul(0x9E37_79B9_7F4A_7C15);
            match self.twin.follow(&row) {
                Ok(entry) => {
                    self.stats.see(Kind::from_number(row.kind).map_or("?", Kind::as_str));
                    self.judge.follow(&entry)?;
                }
                Err(error) => {
                    // The judge says more of it.
                    if let Ok(entry) = row.to_entry() {
                        self.judge.follow(&entry)?;
                    }
                    hold(false, "I14", || error.to_string())?;
                }
            }
        }
        Ok(())
    }

    /// Where nothing is on its way, the state in memory is the one that the durable entries lead to.
    fn compare(&mut self) -> Outcome {
        let is_quiet = self.cores.iter().all(|core| core.outbox.is_empty() && core.restore.is_none());
        if !is_quiet || !self.batch.is_empty() || self.control.is_some() {
            return Ok(());
        }
        self.stats.see("comparison of live and replayed");
        let Self { stocks, suspense, twin, .. } = self;
        let differs = stocks.iter().zip(&twin.recovered.stocks).find(|(live, replayed)| live != replayed);
        hold(differs.is_none(), "I18", || format!("live and replayed state differ: {differs:?}"))?;
        hold(*suspense == twin.recovered.suspense, "I18", || "the suspense accounts differ".to_owned())
    }

    /// Hands everything over and commits it, as before a clean end.
    pub(crate) fn settle(&mut self) -> Outcome {
        self.failure = None;
        for core in 0..self.cores.len() {
            self.restore(core)?;
            self.pass(core)?;
        }
        if !self.batch.is_empty() {
            self.commit()?;
        }
        Ok(())
    }
}
