//! **Job:** the kinds of commands that are sent to Redis.
//! **Owns:** their names outside, and what it means when one of them fails.
//! **Never:** knows how a command is written.

/// A kind of command. Each can fail by itself: an account may be allowed one and not another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// Opens a buyer's window: `SET … NX EX`.
    Throttle,
    /// Asks how long a buyer's window is still open: `PTTL`.
    ThrottleWait,
    /// Gives a buyer's window back: a script, or `SET … XX PX` where scripts are refused.
    ThrottleReturn,
    /// Takes tokens of an item's pool: a script.
    PoolTake,
    /// Brings tokens back to an item's pool: a script.
    PoolReturn,
    /// Leases tokens of the bucket: a script.
    BucketLease,
    /// Looks how far stream and inventory are: `XINFO STREAM`, `GET`.
    FeedLook,
    /// Publishes entries: `XADD` in a transaction.
    FeedPublish,
    /// Removes entries from the stream: `XTRIM`; or all of it: `DEL`.
    FeedTrim,
    /// Looks how far the consumer groups are: `XINFO GROUPS`, `XPENDING`.
    FeedGroups,
}

impl Command {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Throttle,
        Self::ThrottleWait,
        Self::ThrottleReturn,
        Self::PoolTake,
        Self::PoolReturn,
        Self::BucketLease,
        Self::FeedLook,
        Self::FeedPublish,
        Self::FeedTrim,
        Self::FeedGroups,
    ];

    /// Its name in metrics and in the log.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Throttle => "throttle",
            Self::ThrottleWait => "throttle_wait",
            Self::ThrottleReturn => "throttle_return",
            Self::PoolTake => "pool_take",
            Self::PoolReturn => "pool_return",
            Self::BucketLease => "bucket_lease",
            Self::FeedLook => "feed_look",
            Self::FeedPublish => "feed_publish",
            Self::FeedTrim => "feed_trim",
            Self::FeedGroups => "feed_groups",
        }
    }

    /// Whether it decides if a purchase may go on: without it `redis.on_error` decides.
    #[must_use]
    pub fn decides(self) -> bool {
        match self {
            Self::Throttle | Self::PoolTake | Self::BucketLease => true,
            Self::ThrottleWait
            | Self::ThrottleReturn
            | Self::PoolReturn
            | Self::FeedLook
            | Self::FeedPublish
            | Self::FeedTrim
            | Self::FeedGroups => false,
        }
    }

    /// Whether it is the feed's. The feed tries again by itself; nobody waits for it.
    #[must_use]
    pub fn is_of_feed(self) -> bool {
        match self {
            Self::FeedLook | Self::FeedPublish | Self::FeedTrim | Self::FeedGroups => true,
            Self::Throttle
            | Self::ThrottleWait
            | Self::ThrottleReturn
            | Self::PoolTake
            | Self::PoolReturn
            | Self::BucketLease => false,
        }
    }

    /// What it means that it fails, as a sentence.
    #[must_use]
    pub fn consequence(self) -> &'static str {
        match self {
            Self::Throttle => "The throttle is not shared: “redis.on_error” decides about each attempt.",
            Self::ThrottleWait => "Throttled buyers are told to wait for a whole window.",
            Self::ThrottleReturn => "Buyers who are refused behind the throttle wait for the end of their window.",
            Self::PoolTake => "The token pools are not shared: “redis.on_error” decides about each attempt.",
            Self::PoolReturn => "Tokens that come back are missing in Redis for up to a minute.",
            Self::BucketLease => "The token bucket is not shared: “redis.on_error” decides about each attempt.",
            Self::FeedLook | Self::FeedPublish => {
                "The feed cannot be relayed to Redis: its entries wait in the ledger."
            }
            Self::FeedTrim | Self::FeedGroups => "The stream grows.",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_a_place_and_a_name_of_its_own() {
        let names: std::collections::BTreeSet<_> = Command::ALL.iter().map(|command| command.as_str()).collect();
        assert_eq!(names.len(), Command::ALL.len());
        for (at, command) in Command::ALL.into_iter().enumerate() {
            assert_eq!(command as usize, at);
        }
    }
}
