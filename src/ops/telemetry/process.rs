//! **Job:** what the operating system knows of the process: time on the CPU, memory, files, threads.
//! **Owns:** the way to `/proc`.
//! **Never:** fails: what cannot be read is left out.

use std::num::NonZeroU64;
use std::time::{SystemTime, UNIX_EPOCH};

use procfs::CurrentSI as _;
use procfs::process::Process as Myself;
use rustix::process::{Resource, getrlimit};

use super::views::ProcessView;

const NANOS_PER_SECOND: f64 = 1e9;

/// The process itself.
#[derive(Debug)]
pub struct Process {
    myself: Option<Myself>,
    page_bytes: u64,
    ticks_per_second: Option<NonZeroU64>,
    started_s: f64,
}

impl Process {
    /// The process that calls.
    #[must_use]
    pub fn this() -> Self {
        let myself = Myself::myself().ok();
        let ticks_per_second = NonZeroU64::new(procfs::ticks_per_second());
        let started_s = myself.as_ref().zip(ticks_per_second).and_then(|(myself, ticks)| started_s(myself, ticks));
        let started_s = started_s.unwrap_or_else(now_s);
        Self { myself, page_bytes: procfs::page_size(), ticks_per_second, started_s }
    }

    /// CPU seconds of one of its threads.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "exact up to 2^53 nanoseconds, which are a hundred days")]
    pub fn thread_cpu_s(&self, thread: i32) -> Option<f64> {
        let times = self.myself.as_ref()?.task_from_tid(thread).ok()?.schedstat().ok()?;
        Some(times.sum_exec_runtime as f64 / NANOS_PER_SECOND)
    }

    /// The whole process.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "exact up to 2^53 ticks")]
    pub fn view(&self) -> Option<ProcessView> {
        let myself = self.myself.as_ref()?;
        let stat = myself.stat().ok()?;
        Some(ProcessView {
            cpu_s: (stat.utime + stat.stime) as f64 / self.ticks_per_second?.get() as f64,
            resident_bytes: stat.rss * self.page_bytes,
            started_s: self.started_s,
            open_fds: myself.fd_count().ok()? as u64,
            max_fds: getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX),
            threads: u64::try_from(stat.num_threads).ok()?,
        })
    }
}

fn now_s() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

/// When the process was started, in seconds of Unix time: the system says it in ticks since its own start.
#[expect(clippy::cast_precision_loss, reason = "exact up to 2^53 ticks")]
fn started_s(myself: &Myself, ticks_per_second: NonZeroU64) -> Option<f64> {
    let booted_s = procfs::KernelStats::current().ok()?.btime as f64;
    let started = myself.stat().ok()?.starttime as f64;
    Some(booted_s + started / ticks_per_second.get() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_knows_itself() {
        let process = Process::this();
        let view = process.view().expect("a system with /proc");
        assert!(
            view.resident_bytes > 0
                && view.open_fds > 0
                && view.threads > 0
                && view.max_fds >= view.open_fds
                && view.started_s > 1e9,
            "{view:?}"
        );
        assert_eq!(process.thread_cpu_s(-1), None);
    }
}
