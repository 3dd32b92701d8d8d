//! **Job:** what a feed brought, or why it brought nothing.
//! **Owns:** the words for both.
//! **Never:** knows which feed.

/// One entry as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Delivery {
    /// Its number in the feed.
    pub(super) seq: u64,
    /// The line.
    pub(super) text: Vec<u8>,
}

/// What one look at the feed brought.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Fetched {
    /// Entries, not necessarily the next ones.
    pub(super) deliveries: Vec<Delivery>,
    /// The last entry that there is, if the feed said so.
    pub(super) last_seq: Option<u64>,
}

/// Why nothing came. The texts show no secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum FetchFault {
    /// Nobody answers, or not with an answer: the other side is away or restarting.
    #[error("the feed cannot be reached: {0}")]
    Unavailable(String),
    /// The feed does not want us: somebody has to change a setting.
    #[error("the feed refuses: {0}")]
    Refused(String),
    /// The next entry is missing between others.
    #[error("entry {wanted} is missing, the feed goes on with {found}")]
    Gap {
        /// The one after the cursor.
        wanted: u64,
        /// The first one that came.
        found: u64,
    },
    /// The feed ends before what has been applied: it is of another ledger, or of an older copy of ours.
    #[error("the feed ends with entry {last}, but {cursor} entries are applied: it is another or an older ledger")]
    Behind {
        /// What has been applied.
        cursor: u64,
        /// Its last entry.
        last: u64,
    },
}
