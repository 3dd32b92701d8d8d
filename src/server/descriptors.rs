//! **Job:** how many files and sockets the process may have open, and how they are shared out.
//! **Owns:** the reserve that clients cannot use up.
//! **Never:** closes anything.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::ServeError;
use crate::http::connection::SLACK;

/// Public connections at most, whatever the limit of open files: it is their number that bounds the memory of clients
/// who send heads that never end (about 1 GiB of them).
const MAX_CONNECTIONS: usize = 20_000;

/// Fewer public connections than this are no shop.
const MIN_CONNECTIONS: usize = 16;

/// Most and fewest connections of the operations listener: dashboards, scrapers, consumers of the feed that wait.
const MAX_OPS: usize = 512;
const MIN_OPS: usize = 16;

/// Files and sockets of the server, 40 of them on two cores: data file, log and index for the ledger and each reader;
/// an event loop with its wakers and a Redis connection per thread; what libraries open in passing.
const HOUSE: usize = 64;

/// How many connections the operations listener has for itself: an eighth of all.
pub(super) fn ops_connections(limit: usize) -> usize {
    (limit / 8).clamp(MIN_OPS, MAX_OPS)
}

/// What public connections leave alone.
fn reserve(limit: usize) -> usize {
    ops_connections(limit) + HOUSE + 2 * SLACK
}

/// How high the limit must be for a start, and for all the connections that are wanted.
pub(super) fn needed(asked: usize) -> (usize, usize) {
    let with_reserve = |connections: usize| {
        // Of the operations listener it is an eighth of the whole.
        let others = connections + HOUSE + 2 * SLACK;
        others + (others / 7).clamp(MIN_OPS, MAX_OPS)
    };
    let wanted = if asked == 0 { MAX_CONNECTIONS } else { asked };
    (with_reserve(MIN_CONNECTIONS.max(asked)), with_reserve(MIN_CONNECTIONS.max(wanted)))
}

/// Raises the limit of open files as far as we may. Returns it.
pub(super) fn raise_limit() -> usize {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current != maximum {
        match setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
            Ok(()) => tracing::info!(from = ?current, to = ?maximum, "the limit of open files was raised"),
            Err(error) => tracing::warn!(%error, limit = ?current, "the limit of open files could not be raised"),
        }
    }
    let limit = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    usize::try_from(limit).unwrap_or(usize::MAX)
}

/// How many public connections there may be; `asked` is what the configuration says, 0 = as many as there is room for.
pub(super) fn public_connections(asked: usize, limit: usize) -> Result<usize, ServeError> {
    let (reserve, wanted) = (reserve(limit), MIN_CONNECTIONS.max(asked));
    let room = limit.saturating_sub(reserve);
    if room < wanted {
        return Err(ServeError::Descriptors { limit, needed: reserve + wanted });
    }
    Ok(if asked == 0 { room.min(MAX_CONNECTIONS) } else { asked })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_to_be_needed_is_what_is_needed_to_a_few_files() {
        for asked in [0, 1, 16, 100, 2_000, 3_500, 4_000, 20_000, 50_000] {
            let (least, full) = needed(asked);
            assert!(public_connections(asked, least + 1).is_ok(), "{asked}");
            assert!(public_connections(asked, least - 2).is_err(), "{asked}");
            let wanted = if asked == 0 { MAX_CONNECTIONS } else { asked };
            assert_eq!(public_connections(asked, full + 1).expect("room"), wanted, "{asked}");
            assert!(public_connections(wanted, full - 2).is_err(), "{asked}");
        }
    }

    #[test]
    fn the_reserve_is_left_alone() {
        assert_eq!(public_connections(0, 1 << 20).expect("room"), MAX_CONNECTIONS);
        assert_eq!(public_connections(0, 1_024).expect("room"), 1_024 - reserve(1_024));
        assert_eq!(public_connections(0, 128).expect("a small shop"), MIN_CONNECTIONS);
        assert_eq!(public_connections(100, 1_024).expect("room"), 100);
        assert_eq!(public_connections(50_000, 1 << 20).expect("room"), 50_000, "who asks for it gets it");
        for (asked, limit) in [(0, 64), (0, 127), (1_000, 1_024)] {
            assert!(public_connections(asked, limit).is_err(), "{asked} of {limit}");
        }
    }
}
