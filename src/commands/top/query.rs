//! **Job:** what is asked of a server, and what it is told.
//! **Owns:** the orders in which actors can be sorted, and their names.
//! **Never:** asks.

use std::str::FromStr;

/// What the actors are sorted by: the largest first, names from the first one on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Sort {
    /// Messages that wait.
    #[default]
    Depth,
    /// How long one in a hundred messages waited.
    Wait,
    /// How long one in a hundred messages took.
    Handle,
    /// Messages per second.
    Rate,
    /// Messages since the start.
    Processed,
    /// The name.
    Name,
}

impl Sort {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Depth, Self::Wait, Self::Handle, Self::Rate, Self::Processed, Self::Name];

    /// The word of the command line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Depth => "depth",
            Self::Wait => "wait",
            Self::Handle => "handle",
            Self::Rate => "rate",
            Self::Processed => "processed",
            Self::Name => "name",
        }
    }

    /// The word of the server, which has counts but no rates.
    pub(super) fn asked_as(self) -> &'static str {
        match self {
            Self::Rate => Self::Processed.as_str(),
            Self::Depth | Self::Wait | Self::Handle | Self::Processed | Self::Name => self.as_str(),
        }
    }
}

impl FromStr for Sort {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|sort| sort.as_str() == text).ok_or("not a word to sort by")
    }
}

/// Which actors are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Query {
    pub(super) sort: Sort,
    pub(super) search: String,
    pub(super) limit: u32,
}

/// What may be done to an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Steering {
    Pause,
    Resume,
}

impl Steering {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Pause => "pause",
            Self::Resume => "resume",
        }
    }
}
