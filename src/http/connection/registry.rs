//! **Job:** who is connected, and who goes when there is no room: the one that has waited longest.
//! **Owns:** how many connections there are, in all and from one address, and how much they leave unread.
//! **Never:** closes a connection in the middle of a request that is being answered.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::task::Waker;
use std::time::{Duration, Instant};

use dashmap::DashMap;
use futures_util::task::AtomicWaker;
use ipnet::IpNet;
use parking_lot::Mutex;

/// Connections that may be on their way out while new ones come in.
pub const SLACK: usize = 16;

/// Candidates that one look over all connections finds: in a flood, not every new one is worth a look of its own.
const CANDIDATES: usize = 64;

/// States of an entry. A time since the start of the listener, in microseconds, is shifted over them.
const BUSY: u64 = 0;
const WAITING: u64 = 1;
const STUCK: u64 = 2;
const EVICTED: u64 = 3;
const KIND: u64 = 3;
const SHIFT: u32 = 2;

/// What a listener lets its clients have.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Connections at once.
    pub connections: usize,
    /// Of them from one address; 0 = any number.
    pub per_address: usize,
    /// Addresses that many clients share: proxies.
    pub shared_addresses: Vec<IpNet>,
    /// How long a client may take nothing of what is written for it.
    pub write_stall: Duration,
    /// Bytes that one client may leave unread on our side: two of the largest answers.
    pub unflushed: usize,
    /// Bytes that all of them may.
    pub unflushed_total: usize,
    /// Path below which the pages are that refusals name; none at the root.
    pub base_path: Option<Arc<str>>,
}

/// There is no room for another connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoRoom;

/// The connections of a listener.
#[derive(Debug)]
pub struct Connections {
    limits: Limits,
    started: Instant,
    open: AtomicUsize,
    unflushed: AtomicUsize,
    entries: Mutex<slab::Slab<Arc<Entry>>>,
    candidates: Mutex<Vec<(u64, Arc<Entry>)>>,
    by_address: DashMap<IpAddr, usize>,
    /// Who asks for nothing is let go.
    is_closing: AtomicBool,
}

/// What others may know of a connection.
#[derive(Debug, Default)]
struct Entry {
    state: AtomicU64,
    waker: AtomicWaker,
}

impl Entry {
    /// Tells a connection that was seen in `state` to end, if it still is.
    fn evict(&self, state: u64) -> bool {
        let is_same = self.state.compare_exchange(state, EVICTED, Ordering::AcqRel, Ordering::Relaxed).is_ok();
        if is_same {
            self.waker.wake();
        }
        is_same
    }

    /// Takes on a state, unless it was told to end.
    fn enter(&self, state: u64) -> bool {
        let unless_evicted = |known| (known != EVICTED).then_some(state);
        self.state.fetch_update(Ordering::AcqRel, Ordering::Relaxed, unless_evicted).is_ok()
    }
}

impl Connections {
    /// None yet.
    #[must_use]
    pub fn new(limits: Limits) -> Arc<Self> {
        Arc::new(Self {
            limits,
            started: Instant::now(),
            open: AtomicUsize::new(0),
            unflushed: AtomicUsize::new(0),
            entries: Mutex::default(),
            candidates: Mutex::default(),
            by_address: DashMap::new(),
            is_closing: AtomicBool::new(false),
        })
    }

    /// What it lets its clients have.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Connections now.
    #[must_use]
    pub fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    /// From now on connections on which nothing is asked end, and answers without an end do. Whoever has sent a part of
    /// a request may send the rest.
    pub fn end_idle(&self) {
        self.is_closing.store(true, Ordering::Release);
        let entries: Vec<_> = self.entries.lock().iter().map(|(_, entry)| Arc::clone(entry)).collect();
        for entry in entries {
            entry.waker.wake();
        }
    }

    /// Lets a connection in, if need be in the place of one that waits: for its first request, for the rest of one, or
    /// for the next.
    ///
    /// # Errors
    /// Everybody is being served, or there are too many from this address.
    pub fn admit(self: &Arc<Self>, peer: Option<IpAddr>) -> Result<Ticket, NoRoom> {
        let counted = self.count_address(peer)?;
        let others = self.open.fetch_add(1, Ordering::Relaxed);
        let has_room = others < self.limits.connections
            || (others < self.limits.connections + SLACK && self.evict_longest(WAITING));
        if !has_room {
            self.open.fetch_sub(1, Ordering::Relaxed);
            self.forget_address(counted);
            return Err(NoRoom);
        }
        let entry = Arc::new(Entry::default());
        let place = self.entries.lock().insert(Arc::clone(&entry));
        Ok(Ticket { connections: Arc::clone(self), entry, place, address: counted, unflushed: 0 })
    }

    fn count_address(&self, peer: Option<IpAddr>) -> Result<Option<IpAddr>, NoRoom> {
        let Some(address) = peer.map(|address| address.to_canonical()).filter(|_| self.limits.per_address > 0) else {
            return Ok(None);
        };
        if self.limits.shared_addresses.iter().any(|network| network.contains(&address)) {
            return Ok(None);
        }
        let mut count = self.by_address.entry(address).or_insert(0);
        if *count >= self.limits.per_address {
            return Err(NoRoom);
        }
        *count += 1;
        Ok(Some(address))
    }

    fn forget_address(&self, counted: Option<IpAddr>) {
        let Some(address) = counted else { return };
        self.by_address.remove_if_mut(&address, |_, count| {
            *count = count.saturating_sub(1);
            *count == 0
        });
    }

    /// Tells the connection to end that has been in a state of this kind for longest.
    fn evict_longest(&self, kind: u64) -> bool {
        if kind == WAITING {
            let mut candidates = self.candidates.lock();
            while let Some((state, entry)) = candidates.pop() {
                if entry.evict(state) {
                    return true;
                }
            }
            *candidates = self.longest(kind);
            return candidates.pop().is_some_and(|(state, entry)| entry.evict(state));
        }
        self.longest(kind).pop().is_some_and(|(state, entry)| entry.evict(state))
    }

    /// The connections that have been in a state of this kind for longest; the longest comes last.
    fn longest(&self, kind: u64) -> Vec<(u64, Arc<Entry>)> {
        let entries = self.entries.lock();
        let states = entries.iter().map(|(_, entry)| (entry.state.load(Ordering::Acquire), entry));
        let mut found: Vec<_> = states.filter(|(state, _)| state & KIND == kind).collect();
        if found.len() > CANDIDATES {
            found.select_nth_unstable_by_key(CANDIDATES, |(state, _)| *state);
            found.truncate(CANDIDATES);
        }
        found.sort_unstable_by_key(|(state, _)| std::cmp::Reverse(*state));
        found.into_iter().map(|(state, entry)| (state, Arc::clone(entry))).collect()
    }

    /// Since now, as a state of that kind.
    fn since_now(&self, kind: u64) -> u64 {
        u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX >> SHIFT) << SHIFT | kind
    }
}

/// The place of one connection; free again when it is dropped.
#[derive(Debug)]
pub struct Ticket {
    connections: Arc<Connections>,
    entry: Arc<Entry>,
    place: usize,
    address: Option<IpAddr>,
    unflushed: usize,
}

impl Ticket {
    /// What the listener lets its clients have.
    pub(super) fn limits(&self) -> &Limits {
        &self.connections.limits
    }

    /// Whether a connection is to end once nothing is asked on it. Look after the waker is in place.
    pub(super) fn is_closing(&self) -> bool {
        self.connections.is_closing.load(Ordering::Acquire)
    }

    /// The connection is sent an answer without an end; `waker` is called when it is to end.
    pub(super) fn streams(&self, waker: &Waker) {
        self.entry.waker.register(waker);
    }

    /// The connection waits for its client, and may be told to end: then `waker` is called. False if it was.
    pub(super) fn waits(&self, waker: &Waker) -> bool {
        self.entry.waker.register(waker);
        let known = self.entry.state.load(Ordering::Acquire);
        known & KIND == WAITING || self.entry.enter(self.connections.since_now(WAITING))
    }

    /// The client takes nothing of what is written; false if the connection was told to end for it.
    pub(super) fn is_stuck(&self, waker: &Waker) -> bool {
        self.entry.waker.register(waker);
        let known = self.entry.state.load(Ordering::Acquire);
        known & KIND == STUCK || self.entry.enter(self.connections.since_now(STUCK))
    }

    /// The connection works on a request; false if it was told to end.
    pub(super) fn is_busy(&self) -> bool {
        self.entry.enter(BUSY)
    }

    /// What was written and not taken so far. False if it is more than one client may leave.
    pub(super) fn leave_unflushed(&mut self, left: usize) -> bool {
        let before = std::mem::replace(&mut self.unflushed, left);
        let total = &self.connections.unflushed;
        if left > before {
            let now = total.fetch_add(left - before, Ordering::Relaxed) + (left - before);
            if now > self.limits().unflushed_total {
                self.connections.evict_longest(STUCK);
            }
        } else {
            total.fetch_sub(before - left, Ordering::Relaxed);
        }
        left <= self.limits().unflushed
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.connections.unflushed.fetch_sub(self.unflushed, Ordering::Relaxed);
        self.connections.entries.lock().remove(self.place);
        self.connections.forget_address(self.address);
        self.connections.open.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room_for(connections: usize) -> Limits {
        Limits {
            connections,
            per_address: 0,
            shared_addresses: Vec::new(),
            write_stall: Duration::from_secs(10),
            unflushed: 1_000,
            unflushed_total: 1_500,
            base_path: None,
        }
    }

    /// Until the clock of the listener has moved: what comes next is later.
    fn tick(connections: &Connections) {
        let now = connections.since_now(BUSY);
        while connections.since_now(BUSY) == now {
            std::hint::spin_loop();
        }
    }

    #[test]
    fn who_has_waited_longest_goes_and_who_is_served_stays() {
        let connections = Connections::new(room_for(3));
        let tickets: Vec<_> = (0..3).map(|_| connections.admit(None).expect("room")).collect();
        assert_eq!(connections.admit(None).expect_err("all are served"), NoRoom);
        for index in [2, 0] {
            assert!(tickets[index].waits(Waker::noop()));
            tick(&connections);
        }
        let _first = connections.admit(None).expect("in the place of the third");
        assert!(!tickets[2].is_busy(), "the third has waited longest");
        assert!(tickets[0].waits(Waker::noop()) && tickets[1].is_busy());
        let _second = connections.admit(None).expect("in the place of the first");
        assert!(!tickets[0].waits(Waker::noop()));
        assert_eq!(connections.admit(None).expect_err("the second is served"), NoRoom);
        drop(tickets);
        assert_eq!(connections.open(), 2);
    }

    #[test]
    fn an_address_has_its_bound_and_a_proxy_has_none() {
        let proxy = "10.0.0.0/8".parse().expect("a network");
        let connections = Connections::new(Limits { per_address: 2, shared_addresses: vec![proxy], ..room_for(100) });
        let from = |address: &str| connections.admit(Some(address.parse().expect("an address")));
        let kept = [from("192.0.2.1"), from("::ffff:192.0.2.1")];
        assert_eq!(from("192.0.2.1").expect_err("the third, mapped or not"), NoRoom);
        let _other = from("192.0.2.2").expect("another address");
        let many: Vec<_> = (0..10).map(|_| from("10.1.2.3").expect("a proxy")).collect();
        drop(kept);
        assert!(from("192.0.2.1").is_ok());
        drop(many);
        assert_eq!(connections.by_address.len(), 1);
    }

    #[test]
    fn what_nobody_takes_has_a_bound_for_one_and_for_all() {
        let connections = Connections::new(room_for(10));
        let mut tickets: Vec<_> = (0..3).map(|_| connections.admit(None).expect("room")).collect();
        assert!(!tickets[0].leave_unflushed(1_001), "more than one may leave");
        for ticket in &mut tickets {
            ticket.is_stuck(Waker::noop());
            tick(&connections);
            assert!(ticket.leave_unflushed(600));
        }
        assert!(!tickets[0].is_busy(), "1,800 bytes in all: the one that is stuck longest is told to end");
        assert!(tickets[1].is_busy() && tickets[2].is_busy());
        drop(tickets);
        assert_eq!(connections.unflushed.load(Ordering::Relaxed), 0);
    }
}
