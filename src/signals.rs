//! **Job:** what a process that serves does when it is sent a signal.
//! **Owns:** which signal means what.
//! **Never:** lets a signal end the process at once, but those that nobody can catch.
//!
//! | signal | means |
//! |---|---|
//! | SIGTERM, SIGINT, SIGQUIT | close in order |
//! | SIGHUP | read again what can be read again |
//! | SIGUSR1, SIGUSR2, SIGALRM | nothing: it is noted in the log |
//! | SIGPIPE | nothing: the write that caused it has failed; the standard library sees to it |
//! | SIGXFSZ | nothing: the write that caused it has failed, as on a full disk |

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use signal_hook::consts::{SIGALRM, SIGHUP, SIGUSR1, SIGUSR2, SIGXFSZ};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// What a process was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// To close in order.
    Close,
    /// To read again what can be read again.
    Reload,
}

/// A file that may not grow further (`RLIMIT_FSIZE`) is a full disk: the write says so, if SIGXFSZ does not kill first.
///
/// # Errors
/// If the operating system does not allow it.
pub fn survive_size_limit() -> io::Result<()> {
    survive(&[SIGXFSZ])
}

/// From now on the signals that mean something, or nothing, to who serves do not kill. Call it before anything that
/// takes time: a signal that comes before [`Signals::listen`] is answered by what the start reads anyway.
///
/// # Errors
/// If the operating system does not allow it.
pub fn survive_from_the_start() -> io::Result<()> {
    survive(&[SIGHUP, SIGUSR1, SIGUSR2, SIGALRM])
}

fn survive(signals: &[i32]) -> io::Result<()> {
    // A handler that only sets a flag nobody reads: unlike an ignored signal it is not handed on to other programs.
    signals.iter().try_for_each(|number| signal_hook::flag::register(*number, Arc::<AtomicBool>::default()).map(drop))
}

/// The signals of a process that serves.
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
    quit: Signal,
    hangup: Signal,
    user: [Signal; 2],
    alarm: Signal,
}

impl Signals {
    /// Listens. Call it on a thread with a runtime.
    ///
    /// # Errors
    /// If the operating system does not allow it.
    pub fn listen() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            quit: signal(SignalKind::quit())?,
            hangup: signal(SignalKind::hangup())?,
            user: [signal(SignalKind::user_defined1())?, signal(SignalKind::user_defined2())?],
            alarm: signal(SignalKind::alarm())?,
        })
    }

    /// Waits until the process is told something.
    pub async fn next(&mut self) -> Told {
        let [first, second] = &mut self.user;
        loop {
            let meaningless = tokio::select! {
                _ = self.terminate.recv() => return closing("SIGTERM"),
                _ = self.interrupt.recv() => return closing("SIGINT"),
                _ = self.quit.recv() => return closing("SIGQUIT"),
                _ = self.hangup.recv() => return Told::Reload,
                _ = first.recv() => "SIGUSR1",
                _ = second.recv() => "SIGUSR2",
                _ = self.alarm.recv() => "SIGALRM",
            };
            tracing::info!(signal = meaningless, "a signal that means nothing here");
        }
    }

    /// Waits until the process is told to close, whatever else it is told.
    pub async fn close(&mut self) {
        while self.next().await != Told::Close {
            tracing::info!("SIGHUP: nothing is read again, the process is closing");
        }
    }
}

fn closing(signal: &str) -> Told {
    tracing::info!(signal, "told to close");
    Told::Close
}
