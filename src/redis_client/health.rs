//! **Job:** the state of each kind of command, so that what works never hides what fails.
//! **Owns:** the counts, the breaker of each kind, when a kind counts as failing, and what the log is told of it.
//! **Never:** reads a clock or sends a command; a success costs two loads.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::breaker::{Breaker, BreakerState, CallPermit, FAILURES_TO_OPEN};
use super::{Cause, Command, Failure};

/// Smallest distance between two warnings about a kind. A Redis that flaps every second must not fill the log.
const LOG_EVERY: Duration = Duration::from_secs(10);

/// How long a cause that holds for some keys only is believed after its last failure: other keys succeed meanwhile.
const HOLD_PARTIAL: Duration = Duration::from_secs(10);

/// The kinds of commands that are in use, each with its state. Shared by all who send them.
#[derive(Debug)]
pub struct Health {
    /// `redis.on_error`, for the log.
    policy: &'static str,
    in_use: Vec<Command>,
    /// How often connections stopped being trusted.
    distrusted_total: AtomicU64,
    states: [State; Command::ALL.len()],
}

/// One kind.
#[derive(Debug)]
struct State {
    breaker: Breaker,
    calls_total: AtomicU64,
    /// By the place of the cause.
    failures: [AtomicU64; Cause::ALL.len()],
    is_failing: AtomicBool,
    record: Mutex<Record>,
}

/// What happened last.
#[derive(Debug, Default)]
struct Record {
    failing: Option<Failure>,
    failed_at: Option<Instant>,
    /// What the log was told last, if that has not been taken back.
    told: Option<Cause>,
    told_at: Option<Instant>,
}

/// How one kind of command fares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandHealth {
    /// Which.
    pub command: Command,
    /// Calls for which somebody waited, since the start.
    pub calls_total: u64,
    /// Those of them that failed, by the place of the cause in [`Cause::ALL`].
    pub failures: [u64; Cause::ALL.len()],
    /// Where its breaker is.
    pub breaker: BreakerState,
    /// How often it opened.
    pub opened_total: u64,
    /// Why it fails now, if it does.
    pub failing: Option<Failure>,
}

/// A kind of command that fails now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// Which.
    pub command: Command,
    /// Why.
    pub failure: Failure,
}

impl Health {
    /// Of the kinds that are `in_use`; `policy` is what the log says about `redis.on_error`.
    #[must_use]
    pub fn new(in_use: Vec<Command>, policy: &'static str, now: Instant) -> Self {
        Self { policy, in_use, distrusted_total: AtomicU64::new(0), states: std::array::from_fn(|_| State::new(now)) }
    }

    /// The kinds that are in use.
    #[must_use]
    pub fn in_use(&self) -> &[Command] {
        &self.in_use
    }

    /// Leave for a call that somebody waits for; `None` while the breaker of its kind is open.
    #[must_use]
    pub fn permit(&self, command: Command, now: Instant) -> Option<CallPermit> {
        let state = self.state(command);
        let permit = state.breaker.permit(now)?;
        state.calls_total.fetch_add(1, Relaxed);
        Some(permit)
    }

    /// The call was answered.
    pub fn succeeded(&self, command: Command, permit: CallPermit, now: Instant) {
        let state = self.state(command);
        state.breaker.succeeded(permit);
        if state.is_failing.load(Relaxed) && state.breaker.is_closed() {
            self.recover(command, now);
        }
    }

    /// The call was not answered, or not sensibly.
    pub fn failed(&self, command: Command, permit: CallPermit, failure: Failure, now: Instant) {
        let state = self.state(command);
        let (cause, is_background) = (failure.cause, permit == CallPermit::Background);
        if !is_background {
            state.failures[cause as usize].fetch_add(1, Relaxed);
        }
        // Nobody has to find out five times what cannot be right.
        let is_certain = is_background && !cause.is_transient() && !cause.is_partial();
        // The feed has a pace of its own.
        let has_breaker = !command.is_of_feed();
        let opened = has_breaker && (state.breaker.failed(permit, now) || (is_certain && state.breaker.open(now)));
        if opened && cause.wants_new_connection() {
            self.distrusted_total.fetch_add(1, Relaxed);
        }
        let is_sure = !cause.is_transient()
            || command.is_of_feed()
            || state.breaker.failures_in_row() >= FAILURES_TO_OPEN
            || (is_background && cause != Cause::TimedOut);
        let mut record = state.record.lock();
        record.failed_at = Some(now);
        if is_sure || record.failing.is_some() {
            record.failing = Some(failure);
            state.is_failing.store(true, Relaxed);
            self.warn(command, &mut record, now);
        }
    }

    /// Whether something should be found out about the kind before a buyer does.
    #[must_use]
    pub fn is_doubtful(&self, command: Command) -> bool {
        let breaker = &self.state(command).breaker;
        self.state(command).is_failing.load(Relaxed) || !breaker.is_closed() || breaker.failures_in_row() > 0
    }

    /// Whether the last failure of the kind is one that a new connection may mend.
    #[must_use]
    pub fn wants_new_connection(&self, command: Command) -> bool {
        let failing = &self.state(command).record.lock().failing;
        failing.as_ref().is_none_or(|failure| failure.cause.wants_new_connection())
    }

    /// Grows when a breaker opens for a reason that lies in the connections: those made before are not to be used.
    #[must_use]
    pub fn distrusted_total(&self) -> u64 {
        self.distrusted_total.load(Relaxed)
    }

    /// Every kind that is in use.
    #[must_use]
    pub fn observe(&self, now: Instant) -> Vec<CommandHealth> {
        let view = |command: &Command| {
            let state = self.state(*command);
            CommandHealth {
                command: *command,
                calls_total: state.calls_total.load(Relaxed),
                failures: std::array::from_fn(|at| state.failures[at].load(Relaxed)),
                breaker: state.breaker.state(now),
                opened_total: state.breaker.opened_total(),
                failing: state.record.lock().failing.clone(),
            }
        };
        self.in_use.iter().map(view).collect()
    }

    /// The kinds that fail now.
    #[must_use]
    pub fn troubles(&self) -> Vec<Trouble> {
        let trouble = |command: &Command| {
            let failure = self.state(*command).record.lock().failing.clone()?;
            Some(Trouble { command: *command, failure })
        };
        self.in_use.iter().filter_map(trouble).collect()
    }

    fn state(&self, command: Command) -> &State {
        &self.states[command as usize]
    }

    fn recover(&self, command: Command, now: Instant) {
        let state = self.state(command);
        let mut record = state.record.lock();
        let is_partial = record.failing.as_ref().is_some_and(|failure| failure.cause.is_partial());
        let since = record.failed_at.map_or(Duration::MAX, |failed_at| now.saturating_duration_since(failed_at));
        if is_partial && since < HOLD_PARTIAL {
            return;
        }
        record.failing = None;
        state.is_failing.store(false, Relaxed);
        if record.told.take().is_some() {
            tracing::info!(command = command.as_str(), "redis answers these commands again");
        }
    }

    /// Once for a change, and not more often than the pace allows.
    fn warn(&self, command: Command, record: &mut Record, now: Instant) {
        let Some(failure) = &record.failing else { return };
        let since = record.told_at.map_or(Duration::MAX, |told_at| now.saturating_duration_since(told_at));
        if record.told == Some(failure.cause) || since < LOG_EVERY {
            return;
        }
        let (code, policy) = (failure.code.as_deref().unwrap_or_default(), self.policy);
        let (command, consequence) = (command.as_str(), command.consequence());
        let (cause, advice) = (failure.cause.as_str(), failure.cause.advice());
        tracing::warn!(command, cause, code, policy, consequence, advice, "redis does not answer these commands");
        (record.told, record.told_at) = (Some(failure.cause), Some(now));
    }
}

impl State {
    fn new(now: Instant) -> Self {
        Self {
            breaker: Breaker::new(now),
            calls_total: AtomicU64::new(0),
            failures: std::array::from_fn(|_| AtomicU64::new(0)),
            is_failing: AtomicBool::new(false),
            record: Mutex::default(),
        }
    }
}
