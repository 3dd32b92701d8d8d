//! **Job:** where the handlers of a thread drop their letters.
//! **Owns:** the address of the thread's desk; hands out the stub of each envelope.
//! **Never:** waits: who wants the answer awaits the receipt.

use std::cell::Cell;
use std::sync::Arc;
use std::time::Instant;

use actix::Addr;

use crate::desk::Desk;
use crate::directory::Listing;
use crate::entry::Entry;
use crate::ids::{Core, IdempotencyKey, OrderNumber, UserId};
use crate::letters::{
    Audit, Find, Install, Instruct, Instruction, Letter, Query, Recall, Reservation, Reserve, Settle, Step,
};
use crate::permit::{InFlight, Permit, Token};
use crate::reply::{Audited, Found, Instructed, Outcome, Receipt, Seat, envelope};
use crate::trace::Stage;

/// The postbox of one thread.
#[derive(Debug, Clone)]
pub struct Postbox {
    desk: Addr<Desk>,
    seat: Seat,
    stamps: Stamps,
    /// Letters posted.
    posted: Cell<u32>,
}

/// Whether letters are stamped with the time of their posting, so that actors can say how long letters waited and took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stamps {
    /// Every letter to an actor that has handled few, then one in [`ONE_IN`]: what a server does.
    Sampled,
    /// None: what a bench compares with.
    None,
}

/// Letters to an actor that are all stamped, so that a quiet one tells about each.
const ALL_UP_TO: u64 = 1024;

/// To a busy actor one in so many is stamped: of thousands a second an eighth tells as much, at an eighth of the price.
const ONE_IN: u32 = 8;

impl Postbox {
    /// The postbox in front of `desk`, which sits at `seat`. One per thread: its address is long-lived, because a fresh
    /// clone of an address has a free place in any mailbox and so bounds nothing.
    #[must_use]
    pub fn new(desk: Addr<Desk>, seat: Seat, stamps: Stamps) -> Self {
        Self { desk, seat, stamps, posted: Cell::new(0) }
    }

    /// Asks to buy.
    #[must_use]
    pub fn reserve(
        &self,
        listing: &Arc<Listing>,
        reservation: Reservation,
        token: Token,
        mut permit: Permit,
    ) -> Receipt<Outcome> {
        permit.at(Stage::Mailbox);
        let (reply_to, receipt) = envelope(self.seat);
        let to = self.address(listing);
        self.post(Letter::Reserve(Reserve { to, reservation, token, reply_to, permit }));
        receipt
    }

    /// Asks which order a key made.
    #[must_use]
    pub fn recall(
        &self,
        listing: &Arc<Listing>,
        (user, quantity, key): (UserId, u32, IdempotencyKey),
        permit: Permit,
    ) -> Receipt<Outcome> {
        let (reply_to, receipt) = envelope(self.seat);
        let to = self.address(listing);
        self.post(Letter::Recall(Recall { to, user, quantity, key, reply_to, permit }));
        receipt
    }

    /// Asks for orders.
    #[must_use]
    pub fn find(&self, listing: &Arc<Listing>, query: Query, permit: Permit) -> Receipt<Found> {
        let (reply_to, receipt) = envelope(self.seat);
        let to = self.address(listing);
        self.post(Letter::Find(Find { to, query, reply_to, permit }));
        receipt
    }

    /// Reports what happened to an order.
    #[must_use]
    pub fn settle(&self, listing: &Arc<Listing>, number: OrderNumber, step: Step, permit: Permit) -> Receipt<Outcome> {
        let (reply_to, receipt) = envelope(self.seat);
        let to = self.address(listing);
        self.post(Letter::Settle(Settle { to, number, step, reply_to, permit }));
        receipt
    }

    /// Changes a sale.
    #[must_use]
    pub fn instruct(&self, listing: &Arc<Listing>, instruction: Instruction, permit: Permit) -> Receipt<Instructed> {
        let (reply_to, receipt) = envelope(self.seat);
        let to = self.address(listing);
        self.post(Letter::Instruct(Instruct { to, instruction, reply_to, permit }));
        receipt
    }

    /// Looks into the books of an item.
    #[must_use]
    pub fn audit(&self, listing: &Arc<Listing>, permit: Permit) -> Receipt<Audited> {
        let (reply_to, receipt) = envelope(self.seat);
        let to = self.address(listing);
        self.post(Letter::Audit(Audit { to, reply_to, permit }));
        receipt
    }

    /// Puts a new item up on its core. Nobody can know of it before it is in the directory.
    #[must_use]
    pub fn install(&self, core: Core, entry: Entry, permit: Permit) -> Receipt<Instructed> {
        let (reply_to, receipt) = envelope(self.seat);
        if let Err(refused) = self.desk.try_send(Install { core, entry, reply_to, permit }) {
            tracing::error!(%refused, "the desk refused a new item");
        }
        receipt
    }

    fn address(&self, listing: &Arc<Listing>) -> InFlight {
        let number = self.posted.get().wrapping_add(1);
        self.posted.set(number);
        let is_stamped = match self.stamps {
            Stamps::Sampled => number.is_multiple_of(ONE_IN) || listing.actor.handled_total() < ALL_UP_TO,
            Stamps::None => false,
        };
        InFlight::to(listing, is_stamped.then(Instant::now))
    }

    /// A letter that is refused is dropped, and its receipt says `OutcomeUnknown`.
    fn post(&self, letter: Letter) {
        if let Err(refused) = self.desk.try_send(letter) {
            tracing::error!(%refused, "the desk refused a letter");
        }
    }
}
