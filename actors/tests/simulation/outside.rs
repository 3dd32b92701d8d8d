//! **Job:** what leaves the process: answers to clients, and entries for the inventory.
//! **Owns:** who hears which answer.
//! **Never:** lets out what is not durable, but for the control that does.

use super::Control;
use super::plan::{Death, VISITOR};
use super::server::{Answer, Server, say};
use super::violation::Outcome;

impl Server<'_> {
    /// The consumer of the feed reads on.
    pub(crate) fn feed(&mut self, amount: (usize, usize), death: Option<Death>) -> Outcome {
        let is_cursor_first = self.control == Some(Control::FeedCursorFirst);
        let before = self.consumer.cursor();
        self.consumer.take((&self.disk, self.judge.seq), amount, death, is_cursor_first)?;
        say!(self, "the inventory reads from {before} to {} ({death:?})", self.consumer.cursor());
        Ok(())
    }

    /// A client hears its answer.
    pub(crate) fn tell(&mut self, answer: Answer) -> Outcome {
        self.stats.see("answer");
        self.trace = self.trace.wrapping_add(1).rotate_left(3);
        match answer {
            Answer::Placed(wanted, order) | Answer::Replayed(wanted, order) => {
                if !wanted.1.starts_with(VISITOR) {
                    say!(self, "{} is told: order {} of {} is theirs", wanted.1, order.id.order.0, order.item);
                }
                self.history.hear_of_key(&wanted, &order)
            }
            Answer::Settled(order) => self.history.hear(&order),
            Answer::Cancelled(user, order) => self.history.hear_own(&user, &order),
            Answer::Found { item, user, orders } => self.history.hear_list(item, &user, &orders),
            Answer::Moved { item, more, less } => {
                self.history.hear_of_supply(item, more, less);
                Ok(())
            }
            Answer::Received { order, money, is_elsewhere } => {
                if let Some(money) = money {
                    self.history.hear_of_money(money);
                }
                self.hand_overs.extend(is_elsewhere);
                order.iter().try_for_each(|order| self.history.hear(order))
            }
            Answer::Nothing => Ok(()),
        }
    }
}
