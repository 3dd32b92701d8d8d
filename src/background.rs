//! **Job:** a thread beside the work of a process that does something again and again, and ends with it; and one for
//! what may never come back.
//! **Owns:** the pace, and how long its end is waited for.
//! **Never:** waits for ever: a thread may hang in a call to a disk that stands still.

use std::convert::Infallible;
use std::time::Duration;

use crossbeam::channel::{Receiver, RecvTimeoutError, Sender, bounded};

/// How long the end of a thread is waited for: what it does takes milliseconds where nothing hangs.
const PATIENCE: Duration = Duration::from_secs(1);

/// The thread; told to end when this is dropped.
pub struct Background {
    name: &'static str,
    stop: Option<Sender<Infallible>>,
    ended: Receiver<Infallible>,
}

impl Background {
    /// Does `work` every `tick`, the first time after one.
    ///
    /// # Errors
    /// There is no thread for it.
    pub fn start(name: &'static str, tick: Duration, mut work: impl FnMut() + Send + 'static) -> std::io::Result<Self> {
        let (stop, stopped) = bounded(0);
        let (ends, ended) = bounded(0);
        let run = move || {
            let _ends: Sender<Infallible> = ends;
            while let Err(RecvTimeoutError::Timeout) = stopped.recv_timeout(tick) {
                work();
            }
        };
        std::thread::Builder::new().name(name.to_owned()).spawn(run)?;
        Ok(Self { name, stop: Some(stop), ended })
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Err(RecvTimeoutError::Timeout) = self.ended.recv_timeout(PATIENCE) {
            tracing::warn!(thread = self.name, "a thread does not end: it is left to the end of the process");
        }
    }
}

/// The longest that an output is waited for. The logs' own wait for their last lines is a little more than a second.
const MOMENT: Duration = Duration::from_secs(2);

/// Does something that may wait for an output that nobody takes, and goes on without it after two seconds.
pub fn within_a_moment(work: impl FnOnce() + Send + 'static) {
    let (ends, ended) = bounded::<Infallible>(0);
    let run = move || {
        work();
        drop(ends);
    };
    if std::thread::Builder::new().name("output".to_owned()).spawn(run).is_ok() {
        let _done_or_left_alone = ended.recv_timeout(MOMENT);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn work_that_does_not_come_back_is_left_alone_after_a_moment() {
        let (release, held) = bounded::<()>(0);
        let begun = Instant::now();
        within_a_moment(move || {
            let _until_the_end_of_the_test = held.recv();
        });
        assert!(begun.elapsed() >= MOMENT && begun.elapsed() < 5 * MOMENT, "{:?}", begun.elapsed());
        drop(release);
        let (done, is_done) = bounded(1);
        within_a_moment(move || {
            let _told = done.send(());
        });
        assert!(is_done.try_recv().is_ok(), "what comes back is waited for");
    }

    #[test]
    fn a_thread_that_hangs_is_not_waited_for() {
        let (release, held) = bounded::<()>(0);
        let (begun, begins) = bounded(1);
        let work = move || {
            let _told = begun.try_send(());
            let _until_the_end_of_the_test = held.recv();
        };
        let hanging = Background::start("hangs", Duration::from_millis(1), work).expect("a thread");
        begins.recv().expect("it works");
        let started = Instant::now();
        drop(hanging);
        assert!(started.elapsed() < 10 * PATIENCE, "{:?}", started.elapsed());
        drop(release);
    }

    #[test]
    fn a_thread_that_works_has_ended_when_it_is_dropped() {
        let (done, seen) = bounded(1_000_000);
        let work = move || {
            let _full = done.try_send(());
        };
        let background = Background::start("works", Duration::from_millis(1), work).expect("a thread");
        seen.recv().expect("it works");
        drop(background);
        while seen.try_recv().is_ok() {}
        assert!(seen.recv().is_err(), "its end of the channel has gone with it");
    }
}
