//! **Job:** counters: how many letters came to a layer, passed it, or got their answer there, and what the writer did.
//! **Owns:** the list of codes under which an answer is counted and known outside.
//! **Never:** computes a rate, keeps a history, or grows: readers subtract.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};

use tokio::sync::watch;

use crate::batch::CommitTrigger;
use crate::reply::{Rejection, Unavailable};

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// Every answer a purchase attempt can get besides its order, by the name the contract gives it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Code { $($(#[$doc])* $name,)* }

        impl Code {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The code as the contract writes it.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

codes! {
    /// The same order again, for a key that was used before.
    Replayed = "replayed",
    /// The client went away while the attempt waited at the layer.
    Disconnected = "disconnected",
    /// Not HTTP or not JSON.
    Malformed = "malformed",
    /// No valid credentials.
    Unauthenticated = "unauthenticated",
    /// Valid credentials, but not for this.
    Forbidden = "forbidden",
    /// Before the sale.
    SaleNotStarted = "sale-not-started",
    /// The sale is interrupted.
    SalePaused = "sale-paused",
    /// After the sale.
    SaleClosed = "sale-closed",
    /// No such thing.
    NotFound = "not-found",
    /// No such method here.
    MethodNotAllowed = "method-not-allowed",
    /// The client does not take JSON.
    NotAcceptable = "not-acceptable",
    /// The body did not come in time.
    RequestTimeout = "request-timeout",
    /// No length of the body.
    LengthRequired = "length-required",
    /// Too large a body.
    PayloadTooLarge = "payload-too-large",
    /// Too long a path.
    UriTooLong = "uri-too-long",
    /// Not JSON by its own word.
    UnsupportedMediaType = "unsupported-media-type",
    /// Too many or too large headers.
    HeadersTooLarge = "headers-too-large",
    /// A member is missing, unknown or out of range.
    Validation = "validation",
    /// The key belongs to an order with another payload.
    KeyReused = "idempotency-key-reused",
    /// Fewer units are left than were asked for.
    SoldOut = "sold-out",
    /// The buyer may not hold that many.
    LimitReached = "limit-reached",
    /// The order is not in a status from which this is possible.
    InvalidTransition = "invalid-transition",
    /// This user tries too often.
    Throttled = "throttled",
    /// The token pool is empty.
    NoToken = "no-token",
    /// The token bucket is empty.
    RateLimited = "rate-limited",
    /// The house is full.
    Overloaded = "overloaded",
    /// The disk is full.
    StorageFull = "storage-full",
    /// The data file cannot be written.
    StorageUnavailable = "storage-unavailable",
    /// Nobody knows yet.
    OutcomeUnknown = "outcome-unknown",
    /// Redis does not answer, and the policy is to stay closed.
    GateUnavailable = "gate-unavailable",
    /// The house is closing.
    ShuttingDown = "shutting-down",
}

impl Rejection {
    /// The code this is known under.
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            Self::KeyReused => Code::KeyReused,
            Self::SaleClosed => Code::SaleClosed,
            Self::SaleNotStarted { .. } => Code::SaleNotStarted,
            Self::SalePaused => Code::SalePaused,
            Self::SoldOut { .. } => Code::SoldOut,
            Self::LimitReached { .. } => Code::LimitReached,
            Self::CoolingDown { .. } => Code::Throttled,
            Self::AmountOutOfRange | Self::SupplyOutOfRange | Self::WrongPayment | Self::StockFixed => Code::Validation,
            Self::InvalidTransition { .. } | Self::NotScheduled => Code::InvalidTransition,
            Self::UnknownOrder => Code::NotFound,
        }
    }
}

impl Unavailable {
    /// The code this is known under.
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            Self::StorageFull => Code::StorageFull,
            Self::StorageLocked => Code::StorageUnavailable,
            Self::ShuttingDown => Code::ShuttingDown,
            Self::OutcomeUnknown => Code::OutcomeUnknown,
        }
    }
}

/// The counts of one layer: at rest, `entered = passed + Σ answered`.
#[derive(Debug)]
pub struct Passage {
    entered: AtomicU64,
    passed: AtomicU64,
    answered: [AtomicU64; Code::ALL.len()],
}

impl Default for Passage {
    fn default() -> Self {
        Self {
            entered: AtomicU64::new(0),
            passed: AtomicU64::new(0),
            answered: std::array::from_fn(|_| AtomicU64::new(0)),
        }
    }
}

impl Passage {
    /// An attempt came in.
    pub fn enter(&self) {
        self.entered.fetch_add(1, Ordering::Relaxed);
    }

    /// It went on to the next layer.
    pub fn pass(&self) {
        self.passed.fetch_add(1, Ordering::Relaxed);
    }

    /// It got its answer here.
    pub fn answer(&self, code: Code) {
        self.answered[code as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// Attempts that came in.
    #[must_use]
    pub fn entered(&self) -> u64 {
        self.entered.load(Ordering::Relaxed)
    }

    /// Attempts that went on.
    #[must_use]
    pub fn passed(&self) -> u64 {
        self.passed.load(Ordering::Relaxed)
    }

    /// Attempts that were answered here, by code.
    pub fn answered(&self) -> impl Iterator<Item = (Code, u64)> {
        let count = |code: &Code| (*code, self.answered[*code as usize].load(Ordering::Relaxed));
        Code::ALL.iter().map(count).filter(|(_, count)| *count > 0)
    }
}

/// Whether the ledger can be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StorageState {
    /// Yes.
    Open,
    /// The disk is full.
    Full,
    /// Somebody else holds the data file.
    Locked,
}

/// What the writer did, and whether it lives.
#[derive(Debug)]
pub struct WriterCounters {
    commits: [AtomicU64; CommitTrigger::ALL.len()],
    entries: AtomicU64,
    turns: AtomicU64,
    committing: AtomicBool,
    storage: AtomicU8,
    last_seq: watch::Sender<u64>,
    /// The layer of orders that wait for their commit.
    pub ledger: Passage,
}

impl Default for WriterCounters {
    fn default() -> Self {
        Self {
            commits: std::array::from_fn(|_| AtomicU64::new(0)),
            entries: AtomicU64::new(0),
            turns: AtomicU64::new(0),
            committing: AtomicBool::new(false),
            storage: AtomicU8::new(StorageState::Open as u8),
            last_seq: watch::Sender::new(0),
            ledger: Passage::default(),
        }
    }
}

impl WriterCounters {
    pub(crate) fn begin(&self) {
        self.committing.store(true, Ordering::Relaxed);
    }

    pub(crate) fn end(&self) {
        self.committing.store(false, Ordering::Relaxed);
        self.turns.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn committed(&self, trigger: CommitTrigger, entries: usize) {
        self.commits[trigger as usize].fetch_add(1, Ordering::Relaxed);
        self.entries.fetch_add(entries as u64, Ordering::Relaxed);
    }

    /// Says up to which entry the ledger is committed: once a commit, whether anybody listens or not.
    pub(crate) fn publish(&self, last_seq: u64) {
        self.last_seq.send_replace(last_seq);
    }

    pub(crate) fn set_storage(&self, state: StorageState) {
        self.storage.store(state as u8, Ordering::Release);
    }

    /// Whether the ledger can be written.
    #[must_use]
    pub fn storage(&self) -> StorageState {
        match self.storage.load(Ordering::Acquire) {
            state if state == StorageState::Full as u8 => StorageState::Full,
            state if state == StorageState::Locked as u8 => StorageState::Locked,
            _open => StorageState::Open,
        }
    }

    /// The number of the last committed entry, from the writer's start on; wakes who waits for the next one.
    #[must_use]
    pub fn last_seq(&self) -> watch::Receiver<u64> {
        self.last_seq.subscribe()
    }

    /// Commits closed for this reason.
    #[must_use]
    pub fn commits(&self, trigger: CommitTrigger) -> u64 {
        self.commits[trigger as usize].load(Ordering::Relaxed)
    }

    /// Entries written.
    #[must_use]
    pub fn entries(&self) -> u64 {
        self.entries.load(Ordering::Relaxed)
    }

    /// Batches finished, whatever came of them: a writer that is committing and finishes none hangs.
    #[must_use]
    pub fn turns(&self) -> u64 {
        self.turns.load(Ordering::Relaxed)
    }

    /// Whether a batch is being committed.
    #[must_use]
    pub fn is_committing(&self) -> bool {
        self.committing.load(Ordering::Relaxed)
    }
}
