//! **Job:** what has to be looked after once a second, on a thread that serves no requests.
//! **Owns:** the tick.
//! **Never:** delays a purchase.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam::channel::{RecvTimeoutError, Sender, bounded};
use doorbuster_actors::data_file::Names;
use doorbuster_actors::sale::{LedgerStatus, SaleView, storage_failed};

use super::clock_watch::{ClockWatch, Following};
use crate::auth::Identity;
use crate::gate::throttle::LocalThrottle;

const TICK: Duration = Duration::from_secs(1);

/// Ticks in which a commit may make no progress. Counted in ticks and not in time, so that a process that was stopped
/// (a suspended machine, SIGSTOP) is not taken for one that hangs.
const PATIENCE: u32 = 5;

/// What is looked after.
pub(super) struct Chores {
    pub(super) throttle: Arc<LocalThrottle>,
    pub(super) sale: Arc<SaleView>,
    /// Of the data file and those beside it.
    pub(super) names: Names,
    /// Whose keys may change.
    pub(super) identity: Arc<Identity>,
    /// When server time follows the wall clock.
    pub(super) following: Following,
}

/// The housekeeping thread; ends when this is dropped.
pub(super) struct Housekeeping {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Housekeeping {
    pub(super) fn start(chores: Chores) -> std::io::Result<Self> {
        let (stop, stopped) = bounded::<()>(0);
        let work = move || {
            let mut watch = Watch::default();
            while stopped.recv_timeout(TICK) == Err(RecvTimeoutError::Timeout) {
                watch.tick(&chores);
            }
        };
        let thread = std::thread::Builder::new().name("housekeeping".to_owned()).spawn(work)?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Housekeeping {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ended = thread.join();
        }
    }
}

#[derive(Default)]
struct Watch {
    turns: u64,
    stuck_for: u32,
    clock: ClockWatch,
}

impl Watch {
    fn tick(&mut self, chores: &Chores) {
        chores.throttle.sweep(Instant::now());
        chores.identity.follow_key_file();
        if self.writer_hangs(&chores.sale.status) {
            storage_failed(&"a commit has made no progress for 5 seconds");
        }
        if let Err(moved) = chores.names.check() {
            chores.sale.status.lost_files(&moved);
        }
        self.clock.look(&chores.sale.clock, chores.following);
    }

    fn writer_hangs(&mut self, status: &LedgerStatus) -> bool {
        let turns = status.turns();
        let is_stuck = status.is_committing() && turns == self.turns;
        self.stuck_for = if is_stuck { self.stuck_for + 1 } else { 0 };
        self.turns = turns;
        self.stuck_for >= PATIENCE
    }
}
