//! **Job:** the guards that travel with a message.
//! **Owns:** how many messages may be in flight, and what becomes of a pool token.
//! **Never:** queues or waits: a limit that is reached says so at once.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::trace::{Stage, Trace};

/// How many purchases are in flight, and how many may be.
#[derive(Debug)]
pub struct ConcurrencyLimit {
    capacity: usize,
    in_flight: AtomicUsize,
}

impl ConcurrencyLimit {
    /// A limit of `capacity` messages at a time.
    #[must_use]
    pub fn new(capacity: usize) -> Arc<Self> {
        Arc::new(Self { capacity, in_flight: AtomicUsize::new(0) })
    }

    /// A permit, unless the limit is reached.
    #[must_use]
    pub fn enter(self: &Arc<Self>) -> Option<Permit> {
        let in_flight = self.in_flight.fetch_add(1, Ordering::Relaxed);
        let permit = Permit { limit: Arc::clone(self), trace: None };
        (in_flight < self.capacity).then_some(permit)
    }

    /// Messages in flight now.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// Messages that may be in flight.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.capacity
    }
}

/// The right of one message to be in flight; given back when it is dropped, wherever that is.
#[derive(Debug)]
pub struct Permit {
    limit: Arc<ConcurrencyLimit>,
    trace: Option<Box<Trace>>,
}

impl Permit {
    /// This permit with the spans of the purchase it is for, which end with it.
    #[must_use]
    pub fn traced(mut self, trace: Option<Box<Trace>>) -> Self {
        self.trace = trace;
        self
    }

    /// The message is at this stage now.
    pub(crate) fn at(&mut self, stage: Stage) {
        if let Some(trace) = &mut self.trace {
            trace.enter(stage);
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.limit.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What became of a pool token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenOutcome {
    /// The order was placed: the token stays with it.
    Spent,
    /// It was not: the token goes back.
    Returned,
}

/// A pool token, if the gate gave one. Dropped, it goes back.
#[derive(Default)]
pub struct Token {
    settle: Option<Box<dyn FnOnce(TokenOutcome) + Send>>,
}

impl Token {
    /// No token: the pool is off.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// A token whose outcome the gate hears by `settle`.
    #[must_use]
    pub fn new(settle: impl FnOnce(TokenOutcome) + Send + 'static) -> Self {
        Self { settle: Some(Box::new(settle)) }
    }

    /// The order was placed.
    pub fn spend(mut self) {
        self.settle(TokenOutcome::Spent);
    }

    fn settle(&mut self, outcome: TokenOutcome) {
        if let Some(settle) = self.settle.take() {
            settle(outcome);
        }
    }
}

impl Drop for Token {
    fn drop(&mut self) {
        self.settle(TokenOutcome::Returned);
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token").field("held", &self.settle.is_some()).finish()
    }
}

#[cfg(test)]
mod tests {
    use parking_lot::Mutex;

    use super::*;

    #[test]
    fn a_limit_that_is_reached_says_so_and_has_room_again_when_a_permit_dies() {
        let limit = ConcurrencyLimit::new(2);
        let (first, second) = (limit.enter(), limit.enter());
        assert!(first.is_some() && second.is_some());
        assert!(limit.enter().is_none());
        assert_eq!(limit.in_flight(), 2, "a refused attempt leaves no trace");
        drop(first);
        assert!(limit.enter().is_some());
    }

    #[test]
    fn a_token_goes_back_unless_it_was_spent() {
        let outcomes = Arc::new(Mutex::new(Vec::new()));
        let token = || {
            let outcomes = Arc::clone(&outcomes);
            Token::new(move |outcome| outcomes.lock().push(outcome))
        };
        token().spend();
        drop(token());
        assert_eq!(*outcomes.lock(), [TokenOutcome::Spent, TokenOutcome::Returned]);
    }
}
