//! **Job:** why a batch was closed.
//! **Owns:** the list of reasons and their names in metrics.
//! **Never:** closes one.

/// Why a batch was closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommitTrigger {
    /// Nothing more was waiting.
    Drained,
    /// It had as many entries as a batch may have.
    Full,
    /// Its first entry had waited as long as one may wait for company.
    Linger,
    /// The sale is closing.
    Draining,
}

impl CommitTrigger {
    /// All of them.
    pub const ALL: &[Self] = &[Self::Drained, Self::Full, Self::Linger, Self::Draining];

    /// The trigger's name in metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Drained => "drained",
            Self::Full => "full",
            Self::Linger => "linger",
            Self::Draining => "draining",
        }
    }
}
