//! **Job:** the way back to what is durable: after a commit that failed, after a crash, at every start.
//! **Owns:** in which order a start folds, sets its clock, and compares.
//! **Never:** folds by itself: the ledger's own code does.

use doorbuster_actors::ids::{CoreId, ItemNumber};
use doorbuster_actors::sale::{Batch, PublishedItem};
use doorbuster_actors::stock::Stock;
use doorbuster_actors::time::{MAX_AHEAD, MAX_LEAD, Timestamp};

use super::Control;
use super::plan::{Restart, moment};
use super::server::{Core, Decision, Recovery, Server, clock_at, say};
use super::violation::{Outcome, hold};

impl Server<'_> {
    pub(crate) fn roll_back(&mut self, decisions: &[Decision]) -> Outcome {
        self.epoch += 1;
        for decision in decisions {
            self.refuse(decision);
        }
        self.twin = self.disk.fold()?;
        for core in &mut self.cores {
            let (stocks, suspense) = (self.twin.recovered.stocks.clone(), self.twin.recovered.suspense.clone());
            core.restore = Some(Recovery { epoch: self.epoch, stocks, suspense });
        }
        Ok(())
    }

    /// The state after a failed commit reaches a core; until then it has gone on deciding on the old one.
    pub(crate) fn restore(&mut self, core: usize) -> Outcome {
        let core = core % self.cores.len();
        let Some(Recovery { epoch, stocks, suspense }) = self.cores[core].restore.take() else { return Ok(()) };
        say!(self, "core {core} goes back to what is durable");
        self.cores[core].epoch = epoch;
        let now = self.moment()?.now;
        let cores = self.cores.len();
        for (item, stock) in stocks.into_iter().enumerate().filter(|(item, _)| item % cores == core) {
            let decided = std::mem::replace(&mut self.stocks[item], stock);
            self.bound(item, now);
            self.published[item].restore(&decided, &self.stocks[item]);
        }
        if core == 0 {
            self.suspense = suspense;
        }
        Ok(())
    }

    /// As a core and a start do with what was folded.
    fn bound(&mut self, item: usize, now: Timestamp) {
        self.stocks[item].bound_deadlines(now, self.policy.pay_within);
        self.twin.recovered.stocks[item].bound_deadlines(now, self.policy.pay_within);
        self.judge.unbind(item);
        self.judge.items[item].bound(now, self.policy.pay_within);
        if self.twin.recovered.latest > now {
            self.stats.see("ledger ahead of server time");
            self.history.is_bounded = true;
        }
    }

    /// Everything in memory is gone.
    pub(crate) fn crash(&mut self) -> Outcome {
        let restart = Restart { is_clean: false, down_ms: 100, skew_ms: None, policy: None, loses: 1 };
        self.restart(&restart)
    }

    pub(crate) fn restart(&mut self, restart: &Restart) -> Outcome {
        if restart.is_clean {
            self.settle()?;
        }
        let on_the_way = self.cores.iter().map(|core| core.outbox.len()).sum::<usize>() + self.batch.take().len();
        if self.control == Some(Control::LoseAcknowledged) && !restart.is_clean {
            self.disk.lose(restart.loses);
        }
        self.stats.see(if restart.is_clean { "clean end" } else { "crash" });
        self.now_ms += restart.down_ms;
        self.skew_ms = restart.skew_ms.unwrap_or(self.skew_ms);
        self.policy = restart.policy.unwrap_or(self.policy);
        let how = if restart.is_clean { "a clean end" } else { "crash" };
        let (rows, skew, policy) = (self.disk.last_seq(), self.skew_ms, self.policy);
        say!(
            self,
            "{how}: {on_the_way} decisions are lost, {rows} rows stay, the wall clock is {skew} ms off; {policy:?}"
        );
        self.start(self.shop.items.len())
    }

    pub(crate) fn start(&mut self, known: usize) -> Outcome {
        let fold = self.disk.fold()?;
        let (found, told) = (fold.seq, self.judge.seq);
        hold(found >= told, "I14", || format!("the ledger ends at {found}, {told} was acknowledged"))?;
        self.publish()?;
        self.start_clock(fold.recovered.latest);
        self.twin = fold;
        self.batch = Batch::new(self.shop.batch);
        self.cores = (0..self.shop.cores).map(|_| Core::default()).collect();
        (self.opened_ms, self.epoch, self.failure) = (None, 0, None);
        self.hand_overs.clear();
        self.placed_at.clear();
        let now = self.moment()?.now;
        let created = self.twin.recovered.stocks.len();
        for (definition, number) in self.shop.items.iter().zip(1..).take(known).skip(created) {
            self.disk.write(&Stock::creation(ItemNumber(number), definition.clone(), now));
        }
        self.publish()?;
        self.stocks = if self.control == Some(Control::ForgetKeys) {
            self.without_keys()
        } else {
            self.twin.recovered.stocks.clone()
        };
        self.suspense = self.twin.recovered.suspense.clone();
        for item in 0..self.stocks.len() {
            self.bound(item, now);
        }
        let publish = |stock: &Stock| PublishedItem::new(stock, CoreId(0), false);
        self.published = self.stocks.iter().map(publish).collect();
        self.remember_keys();
        self.judge.agrees(&self.stocks, &self.suspense)?;
        self.history.agrees(&self.stocks, &self.judge)
    }

    fn start_clock(&mut self, ledger_end: Timestamp) {
        let wall = moment(self.now_ms + self.skew_ms);
        let clock = clock_at(wall, ledger_end, self.origin).unwrap_or_else(|| {
            // Refused: somebody sets the clock, not well, and starts again.
            self.stats.see("start refused because of the clock");
            let late = i64::try_from(MAX_AHEAD.as_millis()).expect("a week") - 1_000;
            self.skew_ms = (ledger_end.millis() - late) - moment(self.now_ms).millis();
            say!(self, "the clock cannot be right, the start is refused; it is set to {} ms off", self.skew_ms);
            let wall = moment(self.now_ms + self.skew_ms);
            clock_at(wall, ledger_end, self.origin).expect("less than a week")
        });
        (self.clock, self.started_ms) = (clock, self.now_ms);
        self.last_now = self.clock.at(self.origin).now;
        self.judge.is_misdated |= ledger_end.since(self.last_now) > MAX_LEAD;
    }

    fn remember_keys(&mut self) {
        self.used_keys.clear();
        for (item, judged) in self.judge.items.iter().enumerate() {
            for order in &judged.orders {
                if let Some(key) = &order.key {
                    self.used_keys.insert((item, order.user.to_string(), key.as_str().to_owned()));
                }
            }
        }
    }
}
