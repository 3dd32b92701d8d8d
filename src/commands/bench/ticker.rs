//! **Job:** says when purchases are due, more finely than an event loop's clock of milliseconds can.
//! **Owns:** the thread that waits for the next intended start.
//! **Never:** waits for an answer: what is due is due.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;

use super::run_state::RunState;
use super::workload::Schedule;

/// Shortest wait: what becomes due within it is announced together, so that announcing stays cheap at high rates.
const SHORTEST_WAIT: Duration = Duration::from_micros(100);

/// Longest wait: how soon the end of a run is noticed.
const LONGEST_WAIT: Duration = Duration::from_millis(100);

/// Starts it. It adds a permit to `due` for each intended start, and at last one for each of the `lines`, so that all
/// hear of the end. It answers how many starts it announced, and the CPU seconds it took.
pub(super) fn start(
    mut schedule: Schedule,
    begun: Instant,
    due: &Arc<Semaphore>,
    run_state: &Arc<RunState>,
    lines: usize,
) -> std::io::Result<JoinHandle<(u64, f64)>> {
    let (due, run_state) = (Arc::clone(due), Arc::clone(run_state));
    thread::Builder::new().name("ticker".to_owned()).spawn(move || {
        let (mut announced, mut next) = (0_u64, schedule.next());
        while let Some(start) = next {
            if run_state.stop.load(Ordering::Relaxed) {
                break;
            }
            let now = begun.elapsed();
            if let Some(wait) = start.checked_sub(now).filter(|wait| !wait.is_zero()) {
                thread::park_timeout(wait.clamp(SHORTEST_WAIT, LONGEST_WAIT));
                continue;
            }
            let mut count = 0;
            while next.is_some_and(|start| start <= now) {
                count += 1;
                next = schedule.next();
            }
            due.add_permits(count);
            announced += count as u64;
        }
        due.add_permits(lines);
        (announced, thread_cpu_s())
    })
}

/// CPU seconds of the calling thread; 0 where `/proc` does not say.
pub(super) fn thread_cpu_s() -> f64 {
    let read = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanos = read.and_then(|text| text.split(' ').next()?.parse::<u64>().ok());
    Duration::from_nanos(nanos.unwrap_or(0)).as_secs_f64()
}
