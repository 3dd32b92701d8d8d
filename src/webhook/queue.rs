//! **Job:** which event is sent next: those of one order one after the other, different orders side by side.
//! **Owns:** the events that are open, and which of them are on their way.
//! **Never:** sends, stores, or knows a clock: times are arguments, in milliseconds since 1970.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// Failed attempts from which an event counts as stubborn: half a minute after the first.
pub(super) const STUBBORN: u32 = 5;

/// An event that has neither been accepted nor given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct OpenEvent {
    /// Its entry.
    pub(super) seq: u64,
    /// How often it was tried.
    pub(super) attempts: u32,
    /// When for the first time.
    pub(super) first: Option<i64>,
    /// Not before this time.
    pub(super) due: i64,
}

/// The events of one order.
#[derive(Debug, Default)]
struct OrderEvents {
    open: BTreeMap<u64, OpenEvent>,
    /// The one that is on its way. It may be of before a reset, and then it is not open any more.
    in_flight: Option<u64>,
}

/// The events that are open.
#[derive(Debug, Default)]
pub(super) struct Queue {
    orders: HashMap<Arc<str>, OrderEvents>,
    /// Of each order the event that comes next, if none is on its way: when, and which. Those that were never tried.
    fresh: BTreeMap<(i64, u64), Arc<str>>,
    /// The same of those that failed.
    again: BTreeMap<(i64, u64), Arc<str>>,
    in_flight: HashMap<u64, Arc<str>>,
    open: usize,
    stubborn: BTreeSet<u64>,
}

impl Queue {
    /// Takes an event of `order` in. It waits for all events of the order that came before it.
    pub(super) fn push(&mut self, order: &str, event: OpenEvent) {
        let order: Arc<str> = self.orders.get_key_value(order).map_or_else(|| order.into(), |(known, _)| known.clone());
        let events = self.orders.entry(Arc::clone(&order)).or_default();
        if events.in_flight.is_none()
            && let Some(head) = events.open.values().next()
        {
            let set = if head.attempts == 0 { &mut self.fresh } else { &mut self.again };
            set.remove(&(head.due, head.seq));
        }
        if events.open.insert(event.seq, event).is_none() {
            self.open += 1;
        }
        self.note(&event);
        self.make_due(&order);
    }

    /// The next event that may be sent now, only one that failed before unless `with_fresh`. It is on its way until it
    /// is told what became of it.
    pub(super) fn take(&mut self, now: i64, with_fresh: bool) -> Option<OpenEvent> {
        let (fresh, again) = (self.first_fresh().filter(|_| with_fresh), self.first_again());
        let key = fresh.into_iter().chain(again).min().filter(|(due, _)| *due <= now)?;
        let order = if fresh == Some(key) { self.fresh.remove(&key)? } else { self.again.remove(&key)? };
        let events = self.orders.get_mut(&order)?;
        events.in_flight = Some(key.1);
        self.in_flight.insert(key.1, order);
        events.open.get(&key.1).copied()
    }

    /// An event that was on its way is done with: the next of its order may go.
    pub(super) fn done(&mut self, seq: u64) {
        let Some(order) = self.landed(seq) else { return };
        let gone = self.orders.get_mut(&order).and_then(|events| events.open.remove(&seq));
        self.open -= usize::from(gone.is_some());
        self.stubborn.remove(&seq);
        self.make_due(&order);
    }

    /// An event that was on its way has to go again, as it says.
    pub(super) fn again(&mut self, event: OpenEvent) {
        let Some(order) = self.landed(event.seq) else { return };
        if let Some(open) = self.orders.get_mut(&order).and_then(|events| events.open.get_mut(&event.seq)) {
            *open = event;
            self.note(&event);
        }
        self.make_due(&order);
    }

    /// What was on its way when everything was forgotten has come to an end: its order may go on.
    pub(super) fn release(&mut self, seq: u64) {
        if let Some(order) = self.landed(seq) {
            self.make_due(&order);
        }
    }

    /// The receiver takes events again: none has to wait for its time any more.
    pub(super) fn hasten(&mut self, now: i64) {
        for ((due, seq), order) in std::mem::take(&mut self.again) {
            let due = due.min(now);
            if let Some(open) = self.orders.get_mut(&order).and_then(|events| events.open.get_mut(&seq)) {
                open.due = due;
            }
            self.again.insert((due, seq), order);
        }
    }

    /// Forgets all events. Orders that have one on its way stay held until it is released.
    pub(super) fn forget(&mut self) {
        self.fresh.clear();
        self.again.clear();
        self.stubborn.clear();
        self.open = 0;
        self.orders.retain(|_, events| {
            events.open.clear();
            events.in_flight.is_some()
        });
    }

    /// When the next event may be sent, only one that failed before unless `with_fresh`.
    pub(super) fn next_due(&self, with_fresh: bool) -> Option<i64> {
        let fresh = self.first_fresh().filter(|_| with_fresh);
        fresh.into_iter().chain(self.first_again()).min().map(|(due, _)| due)
    }

    fn first_fresh(&self) -> Option<(i64, u64)> {
        self.fresh.first_key_value().map(|(key, _)| *key)
    }

    fn first_again(&self) -> Option<(i64, u64)> {
        self.again.first_key_value().map(|(key, _)| *key)
    }

    /// How many are open.
    pub(super) fn len(&self) -> usize {
        self.open
    }

    /// How many are on their way.
    pub(super) fn in_flight(&self) -> usize {
        self.in_flight.len()
    }

    /// How many that were never tried may be sent.
    pub(super) fn fresh(&self) -> usize {
        self.fresh.len()
    }

    /// How many have failed again and again.
    pub(super) fn stubborn(&self) -> usize {
        self.stubborn.len()
    }

    /// Takes an event from those that are on their way; its order.
    fn landed(&mut self, seq: u64) -> Option<Arc<str>> {
        let order = self.in_flight.remove(&seq)?;
        if let Some(events) = self.orders.get_mut(&order) {
            events.in_flight = None;
        }
        Some(order)
    }

    /// The first event of an order that has none on its way comes next; an order without any is forgotten.
    fn make_due(&mut self, order: &Arc<str>) {
        let Some(events) = self.orders.get(order).filter(|events| events.in_flight.is_none()) else { return };
        match events.open.values().next() {
            Some(head) => {
                let set = if head.attempts == 0 { &mut self.fresh } else { &mut self.again };
                set.insert((head.due, head.seq), Arc::clone(order));
            }
            None => drop(self.orders.remove(order)),
        }
    }

    fn note(&mut self, event: &OpenEvent) {
        if event.attempts >= STUBBORN {
            self.stubborn.insert(event.seq);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fresh(seq: u64) -> OpenEvent {
        OpenEvent { seq, attempts: 0, first: None, due: 0 }
    }

    fn queue(events: &[(&str, u64)]) -> Queue {
        let mut queue = Queue::default();
        for (order, seq) in events {
            queue.push(order, fresh(*seq));
        }
        queue
    }

    fn taken(queue: &mut Queue, now: i64) -> Vec<u64> {
        std::iter::from_fn(|| queue.take(now, true)).map(|event| event.seq).collect()
    }

    #[test]
    fn events_of_one_order_go_one_after_the_other_and_orders_side_by_side() {
        let mut queue = queue(&[("a", 1), ("a", 2), ("b", 3), ("a", 4), ("c", 5)]);
        assert_eq!(taken(&mut queue, 0), [1, 3, 5]);
        queue.done(3);
        assert_eq!(taken(&mut queue, 0), [0; 0]);
        queue.done(1);
        assert_eq!(taken(&mut queue, 0), [2]);
        queue.done(2);
        queue.done(5);
        assert_eq!(taken(&mut queue, 0), [4]);
        queue.done(4);
        assert_eq!((queue.len(), queue.in_flight(), queue.next_due(true), queue.orders.len()), (0, 0, None, 0));
    }

    #[test]
    fn one_that_fails_holds_up_its_own_order_only_and_until_it_is_due() {
        let mut queue = queue(&[("a", 1), ("a", 2), ("b", 3)]);
        assert_eq!(taken(&mut queue, 0), [1, 3]);
        queue.again(OpenEvent { attempts: 1, first: Some(0), due: 50, ..fresh(1) });
        queue.done(3);
        assert_eq!((taken(&mut queue, 49), queue.next_due(true)), (vec![], Some(50)));
        assert_eq!(queue.take(50, false), Some(OpenEvent { seq: 1, attempts: 1, first: Some(0), due: 50 }));
        queue.done(1);
        assert_eq!(taken(&mut queue, 0), [2]);
    }

    #[test]
    fn what_was_given_up_goes_again_before_what_waits() {
        let mut queue = queue(&[("a", 7), ("a", 8)]);
        queue.push("a", fresh(2));
        assert_eq!(taken(&mut queue, 0), [2]);
        queue.push("a", fresh(1));
        assert_eq!(taken(&mut queue, 0), [0; 0], "one of the order is on its way");
        queue.done(2);
        assert_eq!((taken(&mut queue, 0), queue.len()), (vec![1], 3));
    }

    #[test]
    fn after_a_reset_an_order_waits_for_what_is_on_its_way() {
        let mut queue = queue(&[("a", 1), ("b", 2), ("a", 3)]);
        assert_eq!(queue.take(0, true).map(|event| event.seq), Some(1));
        queue.forget();
        assert_eq!((queue.len(), queue.in_flight()), (0, 1));
        for (order, seq) in [("a", 1), ("b", 2), ("a", 3)] {
            queue.push(order, fresh(seq));
        }
        assert_eq!(taken(&mut queue, 0), [2]);
        queue.release(1);
        assert_eq!(taken(&mut queue, 0), [1], "it goes again, and the next one waits for it");
        queue.done(1);
        assert_eq!(taken(&mut queue, 0), [3]);
    }

    #[test]
    fn events_that_were_never_tried_can_be_held_back() {
        let mut queue = queue(&[("a", 1), ("b", 2), ("c", 3)]);
        assert_eq!(queue.take(0, true).map(|event| event.seq), Some(1));
        queue.again(OpenEvent { attempts: 1, first: Some(0), due: 50, ..fresh(1) });
        assert_eq!((queue.fresh(), queue.next_due(true), queue.next_due(false)), (2, Some(0), Some(50)));
        assert_eq!(queue.take(49, false), None);
        assert_eq!(queue.take(50, false).map(|event| event.seq), Some(1));
        assert_eq!(taken(&mut queue, 50), [2, 3]);
    }

    #[test]
    fn once_the_receiver_is_back_nothing_waits_for_its_time() {
        let mut queue = queue(&[("a", 1), ("a", 2), ("b", 3), ("c", 4)]);
        assert_eq!(taken(&mut queue, 0), [1, 3, 4]);
        for seq in [1, 3] {
            queue.again(OpenEvent { attempts: 1, first: Some(0), due: 900, seq });
        }
        assert_eq!(taken(&mut queue, 5), [0; 0]);
        queue.hasten(5);
        assert_eq!(taken(&mut queue, 5), [1, 3]);
        queue.done(1);
        assert_eq!(taken(&mut queue, 5), [2]);
    }

    #[test]
    fn those_that_fail_again_and_again_are_counted() {
        let mut queue = queue(&[("a", 1)]);
        for attempts in 1..=STUBBORN {
            assert_eq!(queue.stubborn(), 0);
            queue.take(i64::MAX, true);
            queue.again(OpenEvent { attempts, first: Some(0), due: 0, seq: 1 });
        }
        assert_eq!(queue.stubborn(), 1);
        queue.take(i64::MAX, true);
        queue.done(1);
        assert_eq!(queue.stubborn(), 0);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]
        /// Any mixture of failures, answers out of order, resets and time: accepted events of an order are in order,
        /// and none is missing.
        #[test]
        fn whatever_happens_every_event_is_accepted_and_each_order_in_order(
            orders in proptest::collection::vec(0_u8..5, 1..60),
            steps in proptest::collection::vec((0_u8..10, any::<usize>()), 1..400),
        ) {
            let name = |seq: u64| format!("order-{}", orders[usize::try_from(seq - 1).expect("small")]);
            let count = orders.len() as u64;
            let (mut queue, mut now, mut on_way, mut accepted) = (Queue::default(), 0, Vec::new(), Vec::new());
            (1..=count).for_each(|seq| queue.push(&name(seq), fresh(seq)));
            let endless = std::iter::repeat_n((9, 0), 3 * orders.len() + 1_000);
            for (step, index) in steps.into_iter().chain(endless) {
                now += 1;
                on_way.extend(queue.take(now, true));
                let mut of_order = BTreeSet::new();
                let is_alone = on_way.iter().all(|event: &OpenEvent| of_order.insert(name(event.seq)));
                prop_assert!(is_alone, "two of an order: {on_way:?}");
                if on_way.is_empty() {
                    continue;
                }
                let event = on_way.remove(index % on_way.len());
                match step {
                    0..3 => {
                        let again = OpenEvent { attempts: event.attempts + 1, first: Some(now), due: now + 3, ..event };
                        queue.again(again);
                    }
                    3 => {
                        on_way.push(event);
                        queue.forget();
                        let is_open = |seq: &u64| !accepted.contains(seq);
                        (1..=count).filter(is_open).for_each(|seq| queue.push(&name(seq), fresh(seq)));
                        // Answers of before the reset count for nothing.
                        on_way.drain(..).for_each(|event| queue.release(event.seq));
                    }
                    _ => {
                        accepted.push(event.seq);
                        queue.done(event.seq);
                    }
                }
            }
            prop_assert_eq!((accepted.len() as u64, queue.len(), queue.in_flight()), (count, 0, 0));
            for order in 0..5 {
                let own: Vec<_> = accepted.iter().filter(|seq| name(**seq) == format!("order-{order}")).collect();
                prop_assert!(own.is_sorted(), "{own:?}");
            }
        }
    }
}
