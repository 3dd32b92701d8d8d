//! **Job:** where entries come from, and which of them may be applied next.
//! **Owns:** the order: what is applied follows the cursor without a gap, whatever was delivered.
//! **Never:** keeps a cursor of its own: the data file's is an argument.

use super::pull::Pull;
use super::redis_source::RedisSource;

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

/// A feed.
pub(super) enum Source {
    /// The pull feed of an ops listener.
    Pull(Pull),
    /// A Redis stream.
    Redis(Box<RedisSource>),
}

impl Source {
    /// Looks for entries after `cursor`, at most `limit`; waits a while if there are none. `cursor` is what has been
    /// applied durably: the feed may forget everything up to it.
    ///
    /// # Errors
    /// The feed is not there, or refuses.
    pub(super) fn fetch(&mut self, cursor: u64, limit: u32) -> Result<Fetched, FetchFault> {
        match self {
            Self::Pull(pull) => pull.fetch(cursor, limit),
            Self::Redis(redis) => redis.fetch(cursor, limit),
        }
    }

    /// Tells the feed that everything up to `cursor` has been applied durably.
    ///
    /// # Errors
    /// The feed is not there. It will be told again with the next look.
    pub(super) fn confirm(&mut self, cursor: u64) -> Result<(), FetchFault> {
        match self {
            // The next request says it.
            Self::Pull(_) => Ok(()),
            Self::Redis(redis) => redis.confirm(cursor),
        }
    }

    /// Whether a feed that is behind is the ledger's own word. A stream that is behind may only have been lost, and be
    /// on its way back.
    #[must_use]
    pub(super) fn is_final(&self) -> bool {
        match self {
            Self::Pull(_) => true,
            Self::Redis(_) => false,
        }
    }

    /// Makes the next look start from the cursor, not from where the feed believes us to be.
    pub(super) fn start_over(&mut self) {
        match self {
            Self::Pull(_) => {}
            Self::Redis(redis) => redis.start_over(),
        }
    }
}

/// Of what came, that which follows the cursor one by one. Duplicates of what has been applied are left out.
///
/// # Errors
/// [`FetchFault::Gap`] if something came, but not the next entry.
pub(super) fn following(cursor: u64, deliveries: Vec<Delivery>) -> Result<Vec<Delivery>, FetchFault> {
    let (mut next, mut found) = (cursor + 1, None);
    let mut follow = Vec::with_capacity(deliveries.len());
    for delivery in deliveries {
        if delivery.seq == next {
            next += 1;
            follow.push(delivery);
        } else if delivery.seq > next {
            found = found.or(Some(delivery.seq));
        }
    }
    match found {
        Some(found) if follow.is_empty() => Err(FetchFault::Gap { wanted: next, found }),
        _ => Ok(follow),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deliveries(seqs: &[u64]) -> Vec<Delivery> {
        seqs.iter().map(|seq| Delivery { seq: *seq, text: Vec::new() }).collect()
    }

    #[test]
    fn only_what_follows_the_cursor_is_applied() {
        for (came, applied) in [
            (&[][..], &[][..]),
            (&[5, 6, 7], &[5, 6, 7]),
            (&[1, 2, 3, 4], &[]),
            (&[3, 4, 5, 5, 6], &[5, 6]),
            (&[5, 7, 8], &[5]),
            (&[5, 4, 6], &[5, 6]),
        ] {
            assert_eq!(following(4, deliveries(came)), Ok(deliveries(applied)), "{came:?}");
        }
    }

    #[test]
    fn nothing_is_applied_beyond_a_gap() {
        for came in [&[6][..], &[3, 4, 6, 7]] {
            assert_eq!(following(4, deliveries(came)), Err(FetchFault::Gap { wanted: 5, found: 6 }), "{came:?}");
        }
    }
}
