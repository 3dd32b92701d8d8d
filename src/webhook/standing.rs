//! **Job:** how the webhook stands, for whoever observes it.
//! **Owns:** the counters, and what is wrong in words.
//! **Never:** acts on what it shows.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use parking_lot::Mutex;

use super::client::Answer;

/// What an attempt came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttemptOutcome {
    /// 2xx.
    Accepted,
    /// Another status.
    Refused,
    /// 410.
    Gone,
    /// No answer in time.
    TimedOut,
    /// No connection, or an answer that is none.
    Unreachable,
}

impl AttemptOutcome {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Accepted, Self::Refused, Self::Gone, Self::TimedOut, Self::Unreachable];

    /// Its name in metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Refused => "refused",
            Self::Gone => "gone",
            Self::TimedOut => "timed_out",
            Self::Unreachable => "unreachable",
        }
    }

    pub(super) fn of(answer: &Answer) -> Self {
        match answer {
            Answer::Accepted(_) => Self::Accepted,
            Answer::Gone => Self::Gone,
            Answer::Refused(..) => Self::Refused,
            Answer::TimedOut => Self::TimedOut,
            Answer::Unreachable(_) => Self::Unreachable,
        }
    }
}

/// Why events are not delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TroubleKind {
    /// The receiver said that it is gone: nothing is sent.
    Gone,
    /// The file is of another ledger: nothing is sent.
    OtherLedger,
    /// The file or the ledger cannot be used: nothing is sent.
    Storage,
    /// Events are not accepted, and tried again.
    Failing,
}

impl TroubleKind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Gone, Self::OtherLedger, Self::Storage, Self::Failing];

    /// Its name in metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Gone => "gone",
            Self::OtherLedger => "other_ledger",
            Self::Storage => "storage",
            Self::Failing => "failing",
        }
    }

    /// Whether nothing at all is sent.
    #[must_use]
    pub fn stops(self) -> bool {
        match self {
            Self::Gone | Self::OtherLedger | Self::Storage => true,
            Self::Failing => false,
        }
    }
}

/// What is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// Why.
    pub kind: TroubleKind,
    /// A sentence for people.
    pub text: String,
}

/// How the webhook stands. Counters begin with the process.
#[derive(Debug, Default)]
pub struct Standing {
    attempts: [AtomicU64; AttemptOutcome::ALL.len()],
    delivered: AtomicU64,
    given_up: AtomicU64,
    pending: AtomicU64,
    dead: AtomicU64,
    trouble: Mutex<Option<Trouble>>,
}

impl Standing {
    /// Attempts by outcome.
    #[must_use]
    pub fn attempts(&self, outcome: AttemptOutcome) -> u64 {
        self.attempts[outcome as usize].load(Relaxed)
    }

    /// Events that were accepted.
    #[must_use]
    pub fn delivered(&self) -> u64 {
        self.delivered.load(Relaxed)
    }

    /// Events that were given up.
    #[must_use]
    pub fn given_up(&self) -> u64 {
        self.given_up.load(Relaxed)
    }

    /// Events that were taken in and are still to be accepted, now.
    #[must_use]
    pub fn pending(&self) -> u64 {
        self.pending.load(Relaxed)
    }

    /// Events that were given up and are listed, now.
    #[must_use]
    pub fn dead(&self) -> u64 {
        self.dead.load(Relaxed)
    }

    /// What is wrong, if anything is.
    #[must_use]
    pub fn trouble(&self) -> Option<Trouble> {
        self.trouble.lock().clone()
    }

    pub(super) fn tried(&self, outcome: AttemptOutcome) {
        self.attempts[outcome as usize].fetch_add(1, Relaxed);
    }

    pub(super) fn settled(&self, delivered: u64, given_up: u64) {
        self.delivered.fetch_add(delivered, Relaxed);
        self.given_up.fetch_add(given_up, Relaxed);
    }

    pub(super) fn hold(&self, pending: usize, dead: u64) {
        self.pending.store(pending as u64, Relaxed);
        self.dead.store(dead, Relaxed);
    }

    /// Says what is wrong; whether its kind is news.
    pub(super) fn set_trouble(&self, trouble: Option<Trouble>) -> bool {
        let kind = |trouble: &Option<Trouble>| trouble.as_ref().map(|trouble| trouble.kind);
        let mut known = self.trouble.lock();
        let is_news = kind(&known) != kind(&trouble);
        *known = trouble;
        is_news
    }
}
