//! **Job:** places items on cores and threads in front of them.
//! **Owns:** which item lives on which core, and the address of every thread's desk.
//! **Never:** looks into a letter.

use std::hash::BuildHasher;
use std::sync::OnceLock;

use actix::Addr;
use foldhash::fast::FixedState;

use crate::desk::Desk;
use crate::ids::{Core, ItemId};
use crate::reply::Seat;

impl Core {
    /// The core's own seat: cores have the first seats.
    #[must_use]
    pub fn seat(self) -> Seat {
        Seat(self.0)
    }
}

/// The core of an item: the same in every run with as many cores.
#[must_use]
pub fn core_of(item: &ItemId, cores: u16) -> Core {
    let hash = FixedState::with_seed(0).hash_one(item.as_str());
    let core = hash % u64::from(cores.max(1));
    Core(u16::try_from(core).expect("a remainder is below its divisor, a u16"))
}

/// The desks of all threads that send letters or run actors.
#[derive(Debug)]
pub struct Cores {
    cores: u16,
    desks: Vec<OnceLock<Addr<Desk>>>,
}

impl Cores {
    /// `cores` threads with actors, and `guests` more that only send letters.
    #[must_use]
    pub fn new(cores: u16, guests: u16) -> Self {
        let seats = usize::from(cores) + usize::from(guests);
        Self { cores, desks: (0..seats).map(|_| OnceLock::new()).collect() }
    }

    /// Threads with actors.
    #[must_use]
    pub fn count(&self) -> u16 {
        self.cores
    }

    /// Every core.
    pub fn all(&self) -> impl Iterator<Item = Core> + use<> {
        (0..self.cores).map(Core)
    }

    /// The last seat.
    #[must_use]
    pub fn last_seat(&self) -> Seat {
        let last = self.desks.len().saturating_sub(1);
        Seat(u16::try_from(last).expect("seats are counted in u16"))
    }

    pub(crate) fn take_seat(&self, seat: Seat, desk: Addr<Desk>) {
        let taken = self.desks[usize::from(seat.0)].set(desk);
        assert!(taken.is_ok(), "seat {} was taken twice", seat.0);
    }

    /// The desk at `seat`, once its thread has started.
    #[must_use]
    pub fn desk(&self, seat: Seat) -> Option<&Addr<Desk>> {
        self.desks.get(usize::from(seat.0))?.get()
    }

    /// Whether every seat is taken.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.desks.iter().all(|desk| desk.get().is_some())
    }
}
