//! **Job:** what has to be looked after once a second, on a thread that serves no requests.
//! **Owns:** the tick.
//! **Never:** delays a purchase, or touches a file: `file_watch` does.

use std::sync::Arc;
use std::time::{Duration, Instant};

use doorbuster_actors::sale::SaleView;

use super::clock_watch::{ClockWatch, Following};
use crate::background::Background;
use crate::gate::throttle::LocalThrottle;

const TICK: Duration = Duration::from_secs(1);

/// Starts to look after the throttle's table, and after the clock of `sale`.
pub(super) fn start(
    throttle: Arc<LocalThrottle>,
    sale: Arc<SaleView>,
    following: Following,
) -> std::io::Result<Background> {
    let mut watch = ClockWatch::default();
    Background::start("housekeeping", TICK, move || {
        throttle.sweep(Instant::now());
        watch.look(&sale.clock, following);
    })
}
