//! **Job:** a verdict in words.
//! **Owns:** the table of all reasons, with their names outside and how bad each is.
//! **Never:** finds one: the rules do.

use serde::Serialize;
use utoipa::ToSchema;

/// How the sale is; also, how bad a reason is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// It sells, or waits for buyers.
    Healthy,
    /// It sells, but somebody should look.
    Degraded,
    /// Nothing can be sold, or must not be.
    Stopped,
}

impl Level {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Healthy, Self::Degraded, Self::Stopped];

    /// Its name outside.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Degraded => "degraded",
            Self::Stopped => "stopped",
        }
    }

    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Healthy => "Healthy",
            Self::Degraded => "Degraded",
            Self::Stopped => "Stopped",
        }
    }
}

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal, $level:ident;)*) => {
        /// Every reason of a verdict, in the order in which bad news come: the first one found makes the headline.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, ToSchema)]
        #[serde(rename_all = "kebab-case")]
        #[schema(as = VerdictReasonCode)]
        pub enum ReasonCode { $($(#[$doc])* $name,)* }

        impl ReasonCode {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// Its name outside.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// How bad it is.
            #[must_use]
            pub fn level(self) -> Level {
                match self { $(Self::$name => Level::$level,)* }
            }
        }
    };
}

codes! {
    /// The disk is full.
    StorageFull = "storage-full", Stopped;
    /// Another process holds the data file.
    StorageLocked = "storage-locked", Stopped;
    /// The data file, its log or its mark was moved, deleted or replaced.
    StorageMoved = "storage-moved", Stopped;
    /// The disk does not answer: a commit stands still.
    StorageStalled = "storage-stalled", Stopped;
    /// The server is closing.
    Closing = "closing", Stopped;
    /// Not every thread of the sale has started.
    Starting = "starting", Stopped;
    /// An audit found that remaining and live units do not make up the supply.
    BalanceWrong = "balance-wrong", Stopped;
    /// Decisions wait for the writer, and it commits nothing.
    CommitsStalled = "commits-stalled", Stopped;
    /// A layer of the gate needs Redis, which cannot be used, and `redis.on_error` is `closed`.
    GateClosed = "gate-closed", Stopped;
    /// Nearly as many purchases are in flight as may be.
    NearCapacity = "near-capacity", Degraded;
    /// The disk of the data file is nearly full.
    DiskNearlyFull = "disk-nearly-full", Degraded;
    /// A reader keeps the write-ahead log from beginning anew: it grows.
    LogPinned = "log-pinned", Degraded;
    /// The gate does without Redis.
    RedisUnavailable = "redis-unavailable", Degraded;
    /// Redis refuses kinds of commands, and somebody has to change something.
    RedisRefuses = "redis-refuses", Degraded;
    /// The wall clock had not been set when the server started.
    ClockUnset = "clock-unset", Degraded;
    /// The wall clock was set while the server ran.
    ClockDrift = "clock-drift", Degraded;
    /// The ledger was written by a clock that was ahead.
    LedgerAhead = "ledger-ahead", Degraded;
    /// Buyers were told that the outcome is unknown.
    OutcomesUnknown = "outcomes-unknown", Degraded;
    /// Attempts were refused because the disk was full.
    RefusedStorageFull = "refused-storage-full", Degraded;
    /// Attempts were refused because the data file could not be written.
    RefusedStorageUnavailable = "refused-storage-unavailable", Degraded;
    /// Attempts were refused because Redis did not answer.
    RefusedGateUnavailable = "refused-gate-unavailable", Degraded;
    /// Attempts were refused because too many were in flight.
    RefusedOverloaded = "refused-overloaded", Degraded;
    /// Attempts were refused because the server was closing.
    RefusedShuttingDown = "refused-shutting-down", Degraded;
    /// One commit in a hundred takes very long.
    CommitsSlow = "commits-slow", Degraded;
    /// Wrong tokens come to the operations listener.
    TokensGuessed = "tokens-guessed", Degraded;
    /// A consumer of the feed falls behind.
    FeedBehind = "feed-behind", Degraded;
    /// Order events do not reach the shop's webhook.
    WebhookFailing = "webhook-failing", Degraded;
    /// The actor of an item is slow.
    ItemSlow = "item-slow", Degraded;
    /// Messages pile up in front of the actor of an item.
    MailboxFilling = "mailbox-filling", Degraded;
    /// There is no item.
    NoItems = "no-items", Healthy;
    /// No item is on sale, some are paused.
    Paused = "paused", Healthy;
    /// No item is on sale, some will be.
    Scheduled = "scheduled", Healthy;
    /// Every open item is sold out.
    SoldOut = "sold-out", Healthy;
    /// Every item is closed.
    Closed = "closed", Healthy;
    /// Items are on sale, and nothing is known yet of the last seconds.
    Open = "open", Healthy;
    /// Orders are being placed.
    Selling = "selling", Healthy;
    /// Buyers try, and none gets through.
    AllRefused = "all-refused", Healthy;
    /// Nobody tries.
    NoBuyers = "no-buyers", Healthy;
}

/// How the sale is, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Verdict {
    /// `healthy`, `degraded` or `stopped`.
    pub level: Level,
    /// The verdict in one line, without figures.
    pub headline: String,
    /// Everything that was found, the worst first; if healthy, what is going on.
    pub reasons: Vec<Reason>,
}

/// One reason of a verdict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = VerdictReason)]
pub struct Reason {
    /// Its name.
    pub code: ReasonCode,
    /// The level that it leads to by itself.
    pub severity: Level,
    /// What there is to know, with figures.
    pub text: String,
}

impl Verdict {
    /// Whether this is one of the reasons.
    #[must_use]
    pub fn has(&self, code: ReasonCode) -> bool {
        self.reasons.iter().any(|reason| reason.code == code)
    }
}

/// What a rule found.
pub(super) struct Finding {
    pub(super) code: ReasonCode,
    /// The headline, without the level.
    pub(super) short: String,
    pub(super) text: String,
}

impl Finding {
    pub(super) fn new(code: ReasonCode, short: impl Into<String>, text: impl Into<String>) -> Self {
        Self { code, short: short.into(), text: text.into() }
    }
}
