//! **Job:** which pending order is due first.
//! **Owns:** the order in which deadlines pass.
//! **Never:** expires an order.
//!
//! Everybody has the same time to pay, so orders are due in the order of their numbers, and the first pending one is
//! the first due: a position is all there is to remember. Only after the time to pay was shortened between two starts
//! are orders due before earlier ones, until all of those are past; meanwhile they lie in a heap.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::entry::Status;
use crate::time::Timestamp;

use super::chunked_vec::ChunkedVec;
use super::record::Record;

/// Deadlines of pending orders.
#[derive(Debug, Clone)]
pub(super) struct Deadlines {
    /// No order before this position is pending and in turn.
    first: u32,
    /// The latest deadline that was in turn when its order was placed.
    latest: Option<Timestamp>,
    /// Deadlines before that one, the earliest on top; those of settled orders go when they come to the top.
    out_of_turn: BinaryHeap<Reverse<(Timestamp, u32)>>,
}

impl Deadlines {
    pub(super) const fn new() -> Self {
        Self { first: 0, latest: None, out_of_turn: BinaryHeap::new() }
    }

    /// Those of all these orders.
    pub(super) fn of(orders: &ChunkedVec<Record>) -> Self {
        let mut deadlines = Self::new();
        for (order, position) in orders.iter().zip(0..) {
            if let Some(pay_by) = order.pay_by().filter(|_| order.status == Status::Pending) {
                deadlines.add(pay_by, position, orders);
            }
        }
        deadlines.drop_met(orders);
        deadlines
    }

    /// The earliest deadline, and the position of its order.
    pub(super) fn next(&self, orders: &ChunkedVec<Record>) -> Option<(Timestamp, u32)> {
        let in_turn = orders.get(self.first).and_then(Record::pay_by).map(|pay_by| (pay_by, self.first));
        let out_of_turn = self.out_of_turn.peek().map(|Reverse(due)| *due);
        in_turn.into_iter().chain(out_of_turn).min()
    }

    /// Notes the deadline of the order that was placed last.
    pub(super) fn add(&mut self, pay_by: Timestamp, position: u32, orders: &ChunkedVec<Record>) {
        if Some(pay_by) >= self.latest && orders[position].pay_by() == Some(pay_by) {
            self.latest = Some(pay_by);
        } else {
            self.out_of_turn.push(Reverse((pay_by, position)));
        }
    }

    /// Passes over settled orders, so that what is next is a pending one.
    pub(super) fn drop_met(&mut self, orders: &ChunkedVec<Record>) {
        let is_settled = |order: &Record| order.status != Status::Pending;
        while orders.get(self.first).is_some_and(|order| is_settled(order) || order.pay_by().is_none()) {
            self.first += 1;
        }
        while self.out_of_turn.peek().is_some_and(|Reverse((_, position))| is_settled(&orders[*position])) {
            self.out_of_turn.pop();
        }
    }
}
