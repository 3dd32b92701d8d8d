//! **Job:** counts what came of the crashes of one model.
//! **Owns:** what is called a violation.
//! **Never:** forgets the first of them.

use std::fmt;

/// What is to be said about one disk at one step.
pub(crate) enum Verdict {
    Kept,
    Refused { orders: usize, why: String },
    Lost { orders: usize, first: String },
    Wrong(String),
}

/// What came of the starts of one model.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tally {
    /// Disks that nobody had started from before.
    pub(crate) states: usize,
    /// All crashes; some leave a disk that another one has left.
    pub(crate) crashes: usize,
    /// Crashes after which the start was refused.
    pub(crate) refused: usize,
    /// Crashes after which something was missing that had been told.
    pub(crate) lossy: usize,
    /// Crashes after which something was there that was never so.
    pub(crate) wrong: usize,
    /// Orders that were shown and cannot be had, in the worst state.
    pub(crate) most_orders_lost: usize,
    /// What was wrong first.
    pub(crate) first: Option<String>,
}

impl Tally {
    pub(crate) fn is_clean(&self) -> bool {
        self.first.is_none()
    }

    pub(crate) fn violations(&self) -> usize {
        self.refused + self.lossy + self.wrong
    }

    pub(crate) fn take(&mut self, is_new: bool, verdict: Verdict, place: impl Fn() -> String) {
        self.states += usize::from(is_new);
        self.crashes += 1;
        let (orders, complaint) = match verdict {
            Verdict::Kept => return,
            Verdict::Refused { orders, why } => {
                self.refused += 1;
                (orders, format!("refused: {why}"))
            }
            Verdict::Lost { orders, first } => {
                self.lossy += 1;
                (orders, format!("lost: {first}"))
            }
            Verdict::Wrong(what) => {
                self.wrong += 1;
                (0, what)
            }
        };
        self.most_orders_lost = self.most_orders_lost.max(orders);
        self.first.get_or_insert_with(|| format!("{complaint}, {}", place()));
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.states += other.states;
        self.crashes += other.crashes;
        self.refused += other.refused;
        self.lossy += other.lossy;
        self.wrong += other.wrong;
        self.most_orders_lost = self.most_orders_lost.max(other.most_orders_lost);
        self.first = self.first.take().or(other.first);
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { states, crashes, refused, lossy, wrong, most_orders_lost, first } = self;
        write!(f, "{states} states of {crashes} crashes, {refused} refused, {lossy} without something that was told")?;
        write!(f, " (at worst {most_orders_lost} orders), {wrong} wrong")?;
        first.iter().try_for_each(|first| write!(f, "; first: {first}"))
    }
}
