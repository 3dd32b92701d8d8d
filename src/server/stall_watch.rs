//! **Job:** notices a commit that stands still, says so, and ends the process where that lasts too long.
//! **Owns:** how long a commit may take before nothing is sold any more.
//! **Never:** touches a file: it has to go on where the disk does not.

use std::sync::Arc;
use std::time::Duration;

use doorbuster_actors::sale::{LedgerStatus, SaleView, storage_failed};

use crate::background::Background;

/// How often it looks.
const TICK: Duration = Duration::from_millis(250);

/// Ticks after which a commit counts as standing still: 3 s. A disk whose syncs take two seconds still sells, and
/// whoever comes while one stands still is told so before a buyer's patience of 5 s is over. Counted in ticks and not
/// in time, so that a process that was stopped (a suspended machine, SIGSTOP) is not taken for one whose disk hangs.
const STALLED_AFTER: u32 = 12;

/// Ticks between two words about the same stall: a minute.
const REMIND_EVERY: u32 = 240;

/// Starts to watch the writer of `sale`. `limit`: after so long the process ends; zero: never.
pub(super) fn start(sale: Arc<SaleView>, limit: Duration) -> std::io::Result<Background> {
    let mut stall = Stall::default();
    Background::start("stall-watch", TICK, move || tell(stall.tick(&sale.status), &sale.status, limit))
}

/// A commit that may stand still.
#[derive(Debug, Default)]
struct Stall {
    turn: u64,
    ticks: u32,
}

/// What one look found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Seen {
    /// Nothing stands still.
    Fine,
    /// The commit of this turn does, for so long by now.
    StandsStill { turn: u64, ticks: u32 },
    /// It did for so long, and does no more.
    GoesOn { ticks: u32 },
}

impl Stall {
    fn tick(&mut self, status: &LedgerStatus) -> Seen {
        // In this order: a commit that ends in between has another turn.
        let is_committing = status.is_committing();
        self.look(is_committing, status.turns())
    }

    fn look(&mut self, is_committing: bool, turn: u64) -> Seen {
        if is_committing && turn == self.turn {
            self.ticks = self.ticks.saturating_add(1);
            let ticks = self.ticks;
            return if ticks >= STALLED_AFTER { Seen::StandsStill { turn, ticks } } else { Seen::Fine };
        }
        self.turn = turn;
        let ticks = std::mem::take(&mut self.ticks);
        if ticks >= STALLED_AFTER { Seen::GoesOn { ticks } } else { Seen::Fine }
    }
}

fn tell(seen: Seen, status: &LedgerStatus, limit: Duration) {
    match seen {
        Seen::Fine => {}
        Seen::StandsStill { turn, ticks } => {
            let stood_still = TICK * ticks;
            if ticks == STALLED_AFTER {
                status.stand_still(turn);
            }
            if (ticks - STALLED_AFTER).is_multiple_of(REMIND_EVERY) {
                tracing::error!(
                    ?stood_still,
                    ?limit,
                    "the disk does not answer: nothing is sold until it does; who waits hears outcome-unknown"
                );
            }
            if !limit.is_zero() && stood_still >= limit {
                let limit = humantime::format_duration(limit);
                storage_failed(&format!("a commit has made no progress for {limit} (storage.stall_limit)"));
            }
        }
        Seen::GoesOn { ticks } => {
            tracing::warn!(stood_still = ?TICK * ticks, "the disk answers again: the sale goes on");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_stands_still_after_its_time_and_goes_on_with_the_next_turn() {
        let mut stall = Stall { turn: 7, ticks: 0 };
        for _soon in 1..STALLED_AFTER {
            assert_eq!(stall.look(true, 7), Seen::Fine);
        }
        assert_eq!(stall.look(true, 7), Seen::StandsStill { turn: 7, ticks: STALLED_AFTER });
        assert_eq!(stall.look(true, 7), Seen::StandsStill { turn: 7, ticks: STALLED_AFTER + 1 });
        assert_eq!(stall.look(true, 8), Seen::GoesOn { ticks: STALLED_AFTER + 1 });
        assert_eq!(stall.look(true, 8), Seen::Fine);
        assert_eq!(stall.look(false, 8), Seen::Fine, "the next one came back");
    }

    #[test]
    fn slow_commits_one_after_the_other_are_no_stall() {
        let mut stall = Stall::default();
        for turn in 1..=100 {
            for _tick in 0..STALLED_AFTER {
                assert_eq!(stall.look(true, turn), Seen::Fine, "two and three quarter seconds each");
            }
        }
        for _idle in 0..10 * STALLED_AFTER {
            assert_eq!(stall.look(false, 100), Seen::Fine);
        }
    }
}
