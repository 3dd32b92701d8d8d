//! **Job:** where entries come from, and which of them may be applied next.
//! **Owns:** the order: what is applied follows the cursor without a gap, whatever was delivered.
//! **Never:** keeps a cursor of its own: the data file's is an argument.

use super::delivery::{Delivery, FetchFault, Fetched};
use super::pull::Pull;
use super::redis_source::RedisSource;

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
