//! **Job:** the guards that travel with a letter.
//! **Owns:** how many letters may be in the house, and how deep each mailbox is.
//! **Never:** queues or waits: a full house says so at once.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use crate::directory::Listing;
use crate::trace::{Stage, Trace};

/// The house: how many purchases are inside, and how many may be.
#[derive(Debug)]
pub struct House {
    capacity: usize,
    inside: AtomicUsize,
}

impl House {
    /// A house for `capacity` letters at a time.
    #[must_use]
    pub fn new(capacity: usize) -> Arc<Self> {
        Arc::new(Self { capacity, inside: AtomicUsize::new(0) })
    }

    /// A permit, unless the house is full.
    #[must_use]
    pub fn enter(self: &Arc<Self>) -> Option<Permit> {
        let inside = self.inside.fetch_add(1, Ordering::Relaxed);
        let permit = Permit { house: Arc::clone(self), trace: None };
        (inside < self.capacity).then_some(permit)
    }

    /// Letters inside now.
    #[must_use]
    pub fn inside(&self) -> usize {
        self.inside.load(Ordering::Relaxed)
    }

    /// Letters that may be inside.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.capacity
    }
}

/// The right of one letter to be in the house; given back when it is dropped, wherever that is.
#[derive(Debug)]
pub struct Permit {
    house: Arc<House>,
    trace: Option<Box<Trace>>,
}

impl Permit {
    /// This permit with the spans of the purchase it is for, which end with it.
    #[must_use]
    pub fn traced(mut self, trace: Option<Box<Trace>>) -> Self {
        self.trace = trace;
        self
    }

    /// The letter is at this stage now.
    pub(crate) fn at(&mut self, stage: Stage) {
        if let Some(trace) = &mut self.trace {
            trace.enter(stage);
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.house.inside.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A letter on its way to the mailbox of an item's actor. It is the address and the depth gauge in one: the
/// mailbox itself cannot be asked for its length.
#[derive(Debug)]
pub struct InFlight {
    listing: Arc<Listing>,
    posted: Option<Instant>,
}

impl InFlight {
    /// A letter for `listing`, stamped with the time of its posting if its way is to be timed.
    #[must_use]
    pub fn to(listing: &Arc<Listing>, posted: Option<Instant>) -> Self {
        listing.mailbox.enter(1);
        Self { listing: Arc::clone(listing), posted }
    }

    /// The item it is for.
    #[must_use]
    pub fn listing(&self) -> &Arc<Listing> {
        &self.listing
    }

    /// When it was posted, if it was stamped.
    #[must_use]
    pub fn posted(&self) -> Option<Instant> {
        self.posted
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.listing.mailbox.leave(1);
    }
}

/// What became of a pool token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// The order was placed: the token stays with it.
    Spent,
    /// It was not: the token goes back.
    Returned,
}

/// A pool token, if the gate gave one. Dropped, it goes back.
#[derive(Default)]
pub struct Token {
    settle: Option<Box<dyn FnOnce(Fate) + Send>>,
}

impl Token {
    /// No token: the pool is off.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// A token whose fate the gate hears by `settle`.
    #[must_use]
    pub fn new(settle: impl FnOnce(Fate) + Send + 'static) -> Self {
        Self { settle: Some(Box::new(settle)) }
    }

    /// The order was placed.
    pub fn spend(mut self) {
        self.settle(Fate::Spent);
    }

    fn settle(&mut self, fate: Fate) {
        if let Some(settle) = self.settle.take() {
            settle(fate);
        }
    }
}

impl Drop for Token {
    fn drop(&mut self) {
        self.settle(Fate::Returned);
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
    fn a_full_house_says_so_and_has_room_again_when_a_permit_dies() {
        let house = House::new(2);
        let (first, second) = (house.enter(), house.enter());
        assert!(first.is_some() && second.is_some());
        assert!(house.enter().is_none());
        assert_eq!(house.inside(), 2, "a refused attempt leaves no trace");
        drop(first);
        assert!(house.enter().is_some());
    }

    #[test]
    fn a_token_goes_back_unless_it_was_spent() {
        let fates = Arc::new(Mutex::new(Vec::new()));
        let token = || {
            let fates = Arc::clone(&fates);
            Token::new(move |fate| fates.lock().push(fate))
        };
        token().spend();
        drop(token());
        assert_eq!(*fates.lock(), [Fate::Spent, Fate::Returned]);
    }
}
