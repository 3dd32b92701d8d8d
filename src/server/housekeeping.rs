//! **Job:** what has to be looked after once a second, on a thread that serves no requests.
//! **Owns:** the tick.
//! **Never:** delays a purchase, or touches a file: `file_watch` does.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam::channel::{RecvTimeoutError, Sender, bounded};
use doorbuster_actors::sale::SaleView;

use super::clock_watch::{ClockWatch, Following};
use crate::gate::throttle::LocalThrottle;

const TICK: Duration = Duration::from_secs(1);

/// What is looked after.
pub(super) struct Chores {
    pub(super) throttle: Arc<LocalThrottle>,
    pub(super) sale: Arc<SaleView>,
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
    clock: ClockWatch,
}

impl Watch {
    fn tick(&mut self, chores: &Chores) {
        chores.throttle.sweep(Instant::now());
        self.clock.look(&chores.sale.clock, chores.following);
    }
}
